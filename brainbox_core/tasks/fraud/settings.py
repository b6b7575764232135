"""What a fraud detector is made of: plain values, without NumPy, so that they can be shown before anything loads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

from brainbox_core.errors import UsageError, between, whole
from brainbox_core.scalar.update_rules import learning_rates
from brainbox_core.tasks import contract
from brainbox_core.tasks.contract import FULL

BUILT_IN, BUILT_IN_ROWS, BUILT_IN_INPUTS = "transactions", 50_000, 30
TARGET = "Class"  # 1 is a fraud; as the ULB data set has it
AUTO, BALANCED, NONE = "auto", "balanced", "none"
TIME, STRATIFIED = "time", "stratified"
RECALL = "recall="  # a threshold by the share of the frauds that it has to find
# The peak learning rate of each optimizer, the best of a coarse grid on the built-in transactions.
RATES = learning_rates(sgd=0.1, rmsprop=0.01, adagrad=0.1, adam=0.02, adamw=0.01)


@dataclass(frozen=True, kw_only=True)
class Settings(contract.EpochSettings):
    """Everything that decides what a fraud detector learns; what is not here, `contract.EpochSettings` explains.

    Args:
        data: `transactions` (built in) or a CSV file.
        target: the column with 1 for a fraud and 0 for an honest transaction, or any two values: the rarer is a fraud.
            Without a header, the last column takes the place of `Class`.
        no_header: the first line of the file is data; False finds out.
        decimal, thousands: the marks before decimals and between thousands; None finds out.
        drop: columns that are no features.
        split: `time` learns from the earlier rows and is judged by the last fifth, `stratified` takes any rows with the
            same share of frauds in every part, `auto` is `time` where there is a Time column.
        hidden: the widths of the hidden layers.
        class_weight: how much a fraud counts in the loss where an honest transaction counts 1. `balanced` takes the
            number of honest transactions for each fraud, `none` takes 1.
        threshold: from which probability on a transaction is called a fraud; `auto` for the best F1 on the held-out
            rows, `recall=0.92` to find that share of the frauds among them.
        folds: how many parts cross-validation makes of all rows, for a stratified split; 0 leaves it out.
        val_split: share of the training rows that is held out to choose the best epoch and the threshold.

    Example:
        >>> settings = Settings()
        >>> settings.title, settings.parameters
        ('30-16-16-1 MLP', 785)
    """

    data: str = BUILT_IN
    target: str = TARGET
    no_header: bool = False
    decimal: str | None = None
    thousands: str | None = None
    drop: tuple[str, ...] = ()
    split: str = AUTO
    hidden: tuple[int, ...] = (16, 16)
    class_weight: float | str = BALANCED
    threshold: float | str = AUTO
    epochs: int = 20
    batch_size: int | str = 64
    lr: float = RATES["adamw"]
    optimizer: str = "adamw"
    folds: int = 0
    val_split: float = 0.2

    rates: ClassVar[Mapping[str, float]] = RATES
    also: ClassVar[Mapping[str, object]] = {"batch_size": FULL}
    first_look: ClassVar[Mapping[str, int]] = {"epochs": 8, "limit": 20_000}

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.split not in (AUTO, TIME, STRATIFIED):
            raise UsageError("split is unknown", expected="auto, time or stratified", got=self.split)
        contract.check_drop(self.target, self.drop)
        for width in self.hidden:
            whole("hidden", width)
        if self.class_weight not in (BALANCED, NONE):
            between("class_weight", self.class_weight, 0, above=True)
        if self.wanted_recall is None and self.threshold != AUTO:
            between("threshold", self.threshold, 0, 1, above=True, below=True)
        contract.check_folds(self.folds)
        if self.folds and self.split == TIME:
            raise folds_in_time()

    @property
    def wanted_recall(self) -> float | None:
        """The share of the frauds that the threshold has to find; None if it is chosen in another way.

        Example:
            >>> Settings(threshold="recall=0.92").wanted_recall
            0.92
        """
        if not isinstance(self.threshold, str) or not self.threshold.startswith(RECALL):
            return None
        try:
            share = float(self.threshold.removeprefix(RECALL))
        except ValueError:
            share = None
        return between("the recall of threshold", share, 0, 1, above=True)

    @property
    def title(self) -> str:
        """The network in a few characters; how many inputs it has is known of the built-in data only."""
        return "-".join(map(str, [*self._inputs, *self.hidden, 1])) + " MLP"

    @property
    def parameters(self) -> int | None:
        """How many numbers the network learns, where that is known before the data is read."""
        widths = pairwise([*self._inputs, *self.hidden, 1])
        return sum((before + 1) * after for before, after in widths) if self._inputs else None

    @property
    def _inputs(self) -> tuple[int, ...]:
        """How many inputs the network has; empty before that is known."""
        return (BUILT_IN_INPUTS,) if self.data == BUILT_IN and not self.drop else ()


def folds_in_time() -> UsageError:
    """Why rows in order of time are not cross-validated."""
    what = "cross-validation learns from later rows and is judged by earlier ones"
    return UsageError(what, where="folds", fix=f"use `split {STRATIFIED}` with it")
