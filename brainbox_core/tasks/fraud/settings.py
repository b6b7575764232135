"""What a fraud detector is made of: plain values, without NumPy, so that they can be shown before anything loads."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

from brainbox_core import checks
from brainbox_core.errors import UsageError
from brainbox_core.scalar.update_rules import learning_rates

BUILT_IN, BUILT_IN_ROWS, BUILT_IN_INPUTS = "transactions", 50_000, 30
TARGET = "Class"  # 1 is a fraud; as the ULB data set has it
AUTO, FULL, BALANCED, NONE = "auto", "full", "balanced", "none"
TIME, STRATIFIED = "time", "stratified"
RECALL = "recall="  # a threshold by the share of the frauds that it has to find
# The peak learning rate of each optimizer, the best of a coarse grid on the built-in transactions.
RATES = learning_rates(sgd=0.1, rmsprop=0.01, adagrad=0.1, adam=0.02, adamw=0.01)


@dataclass(frozen=True)
class Settings:
    """Everything that decides what a fraud detector learns.

    Args:
        data: `transactions` (built in) or a CSV file.
        target: the column with 1 for a fraud and 0 for an honest transaction.
        drop: columns that are no features.
        split: `time` learns from the earlier rows and is judged by the last fifth, `stratified` takes any rows with the
            same share of frauds in every part, `auto` is `time` where there is a Time column.
        hidden: the widths of the hidden layers.
        class_weight: how many times as much as an honest transaction a fraud counts in the loss; `balanced` for as
            often as it is rarer, `none` for 1.
        threshold: from which probability on a transaction is called a fraud; `auto` for the best F1 on the held-out
            rows, `recall=0.92` to find that share of the frauds among them.
        epochs: how often every training row is seen.
        batch_size: rows of an update, or `full` for all of them.
        lr: the highest learning rate of the one-cycle schedule.
        optimizer: `sgd` (with momentum 0.9), `rmsprop`, `adagrad`, `adam` or `adamw`.
        folds: how many parts cross-validation makes of all rows, for a stratified split; 0 leaves it out.
        val_split: share of the training rows that is held out to choose the best epoch and the threshold.
        patience: stop after so many epochs without a new best; None trains them all.
        limit: only so many training rows, the first after the seeded shuffle; None takes all.
        seed: the start of all randomness.

    Raises:
        UsageError: a value is out of its range.

    Example:
        >>> settings = Settings()
        >>> settings.title, settings.parameters
        ('30-16-16-1 MLP', 785)
    """

    data: str = BUILT_IN
    target: str = TARGET
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
    patience: int | None = None
    limit: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.split not in (AUTO, TIME, STRATIFIED):
            raise UsageError("split is unknown", expected="auto, time or stratified", got=self.split)
        if self.optimizer not in RATES:
            raise UsageError("optimizer is unknown", expected=", ".join(RATES), got=self.optimizer)
        if self.target in self.drop:
            raise UsageError(f"{self.target} is what is predicted", where="drop", fix="drop other columns")
        for width in self.hidden:
            checks.whole("hidden", width)
        if self.class_weight not in (BALANCED, NONE):
            checks.between("class_weight", self.class_weight, 0, above=True)
        if self.wanted_recall is None and self.threshold != AUTO:
            checks.between("threshold", self.threshold, 0, 1, above=True, below=True)
        checks.whole("epochs", self.epochs)
        if self.batch_size != FULL:
            checks.whole("batch_size", self.batch_size)
        checks.between("lr", self.lr, 0, above=True)
        if checks.whole("folds", self.folds, 0) == 1:
            raise UsageError("folds", expected="2 or more, or 0 for no cross-validation", got=1)
        if self.folds and self.split == TIME:
            raise folds_in_time()
        checks.between("val_split", self.val_split, 0, 1, above=True, below=True)
        checks.whole("seed", self.seed, 0)
        for name in ("patience", "limit"):
            if getattr(self, name) is not None:
                checks.whole(name, getattr(self, name))

    @classmethod
    def suited(cls, **changes: object) -> Settings:
        """The defaults of `brainbox fraud`, with changes; the learning rate suits the optimizer."""
        rate = {"lr": RATES[changes["optimizer"]]} if changes.get("optimizer") in RATES else {}
        return cls(**{**rate, **changes})

    def quick(self) -> Settings:
        """The same for a first look: done within 5 seconds."""
        return replace(self, epochs=min(self.epochs, 8), limit=min(self.limit or 20_000, 20_000))

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
        return checks.between("the recall of threshold", share, 0, 1, above=True)

    @property
    def title(self) -> str:
        """The network in a few characters; how many inputs it has is known of the built-in data only."""
        inputs = [] if self._inputs is None else [self._inputs]
        return "-".join(map(str, [*inputs, *self.hidden, 1])) + " MLP"

    @property
    def parameters(self) -> int | None:
        """How many numbers the network learns, where that is known before the data is read."""
        if self._inputs is None:
            return None
        return sum((before + 1) * after for before, after in pairwise([self._inputs, *self.hidden, 1]))

    @property
    def _inputs(self) -> int | None:
        return BUILT_IN_INPUTS if self.data == BUILT_IN and not self.drop else None


def folds_in_time() -> UsageError:
    """Why rows in order of time are not cross-validated."""
    what = "cross-validation learns from later rows and is judged by earlier ones"
    return UsageError(what, where="folds", fix=f"use --split {STRATIFIED} with it")
