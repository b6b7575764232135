"""What a finished command tells the shell."""

from __future__ import annotations

import enum

from brainbox_core.errors import (
    AccuracyError,
    BrainboxError,
    BudgetError,
    ConvergenceError,
    UsageError,
    VerificationError,
)


class ExitCode(enum.IntEnum):
    """Every code that `brainbox` ends with."""

    OK = 0
    BUG = 1
    USAGE = 2
    INPUT = 3
    NOT_CONVERGED = 4
    GATE = 5
    DOES_NOT_FIT = 6
    VERIFICATION = 7
    HANGUP = 129
    INTERRUPTED = 130
    CLOSED_PIPE = 141
    TERMINATED = 143


_CODES = {
    UsageError: ExitCode.USAGE,
    ConvergenceError: ExitCode.NOT_CONVERGED,
    AccuracyError: ExitCode.GATE,
    BudgetError: ExitCode.DOES_NOT_FIT,
    VerificationError: ExitCode.VERIFICATION,
}


def code_of(error: BrainboxError) -> ExitCode:
    """The code of a mistake that the user can mend."""
    return next((code for kind, code in _CODES.items() if isinstance(error, kind)), ExitCode.INPUT)
