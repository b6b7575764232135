"""The errors a user can cause: what went wrong, where, and what to do about it."""


class BrainboxError(Exception):
    """A mistake in what was given, told in one plain line and one hint.

    Args:
        what: the fact, in lower case and without a full stop: `"n/a" is not a number`.
        where: the file, line, column, layer or option at fault: `houses.csv line 14, column "sqft"`.
        expected: what would have been right.
        got: what was there instead.
        fix: what to do, as an imperative; the command line prints it as the hint.

    Example:
        >>> where = 'houses.csv line 14, column "sqft"'
        >>> print(BrainboxError('"n/a" is not a number', where=where, fix="remove the row"))
        houses.csv line 14, column "sqft": "n/a" is not a number; remove the row
        >>> print(BrainboxError("batch_size is out of range", expected="a whole number from 1", got=0))
        batch_size is out of range: expected a whole number from 1, got 0
    """

    def __init__(self, what: str, *, where: str = "", expected: object = "", got: object = "", fix: str = ""):
        self.what, self.where, self.fix = what, where, fix
        self.expected, self.got = str(expected), str(got)
        super().__init__(f"{self.line}; {fix}" if fix else self.line)

    @property
    def line(self) -> str:
        """The error without its remedy: what the command line prints after `error:`."""
        text = f"{self.where}: {self.what}" if self.where else self.what
        if self.expected:
            text += f": expected {self.expected}"
        if self.got:
            text += f", got {self.got}"
        return text


class UsageError(BrainboxError, ValueError):
    """An argument, an option or an array that does not fit the call."""


class InputError(BrainboxError):
    """A file or a text that is missing, unreadable, malformed or cannot be written."""


class ConvergenceError(BrainboxError, ArithmeticError):
    """Training that diverged: a loss, a gradient or a prediction that is not finite."""


class BudgetError(BrainboxError):
    """An exported model that needs more memory than the device has."""


class VerificationError(BrainboxError):
    """An exported header that does not compile cleanly, or does not compute what its reference computes."""


class AccuracyError(BrainboxError):
    """A result that is less accurate than was asked for."""
