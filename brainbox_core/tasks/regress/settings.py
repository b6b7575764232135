"""What a linear regression is made of: plain values, without NumPy, so that they can be shown before anything loads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from brainbox_core.errors import UsageError, between, whole
from brainbox_core.tasks import contract
from brainbox_core.tasks.contract import FULL

BUILT_IN = "houses"
AUTO, NONE = "auto", "none"
FEW = 100  # with fewer rows than these a held-out part would say little, and the model needs them all
MAX_DEGREE = 30


@dataclass(frozen=True, kw_only=True)
class Settings(contract.Settings):
    """Everything that decides what a linear regression learns; what is not here, `contract.Settings` explains.

    Args:
        data: `houses` (built in) or a CSV file.
        target: the column to predict; None takes the last one.
        no_header: the first line of the file is data; None finds out.
        decimal, thousands: the marks before decimals and between thousands; None finds out.
        drop: columns that are no features.
        log: columns whose logarithm is taken first; the target may be one of them.
        degree: 2 adds the squares of the features and their products by twos, 3 those by threes, and so on.
        ridge: the weight of the penalty on the sum of the squared weights, with features and target standardised.
        closed_form: solve by least squares instead of gradient descent.
        epochs: the most passes of the descent over the training rows; it ends earlier when it has converged.
        lr: learning rate on standardised features and target; None takes the largest that is safe.
        plain: gradient descent without Nesterov's momentum.
        folds: how many parts cross-validation makes of the training rows; 0 leaves it out.
        test_split: share of the rows that is held out to judge by; `none` to train on all of them, judged by
            cross-validation; `auto` for 0.2, and none where there are fewer than 100 rows.
        val_split: share of the training rows that is held out to choose the best epoch; 0 takes the last one.
        patience: stop after so many epochs without a new lowest loss; None goes on.

    Example:
        >>> Settings(batch_size=32).method
        'gradient descent in batches of 32 rows'
    """

    data: str = BUILT_IN
    target: str | None = None
    no_header: bool = False
    decimal: str | None = None
    thousands: str | None = None
    drop: tuple[str, ...] = ()
    log: tuple[str, ...] = ()
    degree: int = 1
    ridge: float = 0.0
    closed_form: bool = False
    epochs: int = 1000
    batch_size: int | str = FULL
    lr: float | None = None
    plain: bool = False
    folds: int = 5
    test_split: float | str = AUTO
    val_split: float = 0.0

    also: ClassVar[Mapping[str, object]] = {"batch_size": FULL, "lr": None, "val_split": 0}
    first_look: ClassVar[Mapping[str, int]] = {"epochs": 200, "limit": 20_000}

    def __post_init__(self) -> None:
        super().__post_init__()
        whole("degree", self.degree, 1, MAX_DEGREE)
        between("ridge", self.ridge, 0)
        whole("epochs", self.epochs)
        contract.check_folds(self.folds)
        if both := set(self.drop) & set(self.log):
            raise UsageError(f"{min(both)} is in `log`, too", where="`drop`", fix="name it in one of them")
        if self.test_split not in (AUTO, NONE):
            between("test_split", self.test_split, 0, 1, above=True, below=True)
        if self.test_split == NONE and not self.folds:
            raise UsageError("nothing is left to judge the model by", fix="leave `folds` or `test_split` as it was")

    @property
    def method(self) -> str:
        """How it is learned, in a few words."""
        if self.closed_form:
            return "least squares"
        if self.batch_size == FULL:
            return f"gradient descent on all rows, {'plain' if self.plain else 'with momentum'}"
        rows = "single rows" if self.batch_size == 1 else f"batches of {self.batch_size} rows"
        return f"gradient descent in {rows}"
