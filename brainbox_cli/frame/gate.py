"""`--fail-under` and `--fail-over`: a bar that the main figure of a run has to clear."""

from __future__ import annotations

from dataclasses import dataclass

from brainbox_core.errors import UsageError
from brainbox_core.screen.display import number

_SHARES = ("accuracy", "average_precision", "f1")  # main figures between 0 and 1


@dataclass(frozen=True)
class Gate:
    """The bars of one run.

    Args:
        metric: the name of the main figure, such as `test_accuracy`.
        fail_under: the least value that passes, if any.
        fail_over: the greatest value that passes, if any.

    Example:
        >>> Gate("test_accuracy", fail_under=0.95).failure(0.9)
        'test accuracy 90.00% is below 95.00% (--fail-under)'
    """

    metric: str
    fail_under: float | None = None
    fail_over: float | None = None

    def __post_init__(self):
        # Found before the training and not after it: 95 stands for 95 % and would fail every time.
        for flag, bar in (("--fail-under", self.fail_under), ("--fail-over", self.fail_over)):
            if bar is not None and (share := share_in(self.metric)) and not 0 <= bar <= 1:
                fix = f"write {bar:g}%" if 1 < bar <= 100 else "write 0.95 or 95%"
                what = f"an {share.replace('_', ' ').replace('f1', 'F1')} lies between 0 and 1"
                raise UsageError(what, where=flag, expected="0 to 1", got=f"{bar:g}", fix=fix)

    def failure(self, value: float) -> str:
        """Why the value does not pass; empty if it does. A value that is not a number never passes."""
        name = shown(self.metric)
        if self.fail_under is not None and not value >= self.fail_under:
            return f"{name} {self._shown(value)} is below {self._shown(self.fail_under)} (--fail-under)"
        if self.fail_over is not None and not value <= self.fail_over:
            return f"{name} {self._shown(value)} is above {self._shown(self.fail_over)} (--fail-over)"
        return ""

    def record(self, value: float) -> dict | None:
        """The `threshold` of the JSON document."""
        bars = {"fail_under": self.fail_under, "fail_over": self.fail_over}
        given = {name: bar for name, bar in bars.items() if bar is not None}
        return {"metric": self.metric, **given, "passed": not self.failure(value)} if given else None

    def _shown(self, value: float) -> str:
        return number(self.metric, float(value))


def shown(metric: str) -> str:
    """The name of a figure as people read it.

    Example:
        >>> shown("test_f1"), shown("bits_per_char")
        ('test f1', 'bits per char')
    """
    return metric.replace("_", " ")


def share_in(metric: str) -> str | None:
    """The kind of a figure that always lies between 0 and 1; None for any other."""
    return next((name for name in _SHARES if name in metric), None)
