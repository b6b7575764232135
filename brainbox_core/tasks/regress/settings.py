"""What a linear regression is made of: plain values, without NumPy, so that they can be shown before anything loads."""

from __future__ import annotations

from dataclasses import dataclass, replace

from brainbox_core.errors import UsageError, between, whole

BUILT_IN = "houses"
FULL = "full"  # a batch of all rows
AUTO, NONE = "auto", "none"
FEW = 100  # with fewer rows than these a held-out part would say little, and the model needs them all
MAX_DEGREE = 30


@dataclass(frozen=True)
class Settings:
    """Everything that decides what a linear regression learns.

    Args:
        data: `houses` (built in) or a CSV file.
        target: the column to predict; None takes the last one.
        no_header: the first line of the file is data; None finds out.
        log: columns whose logarithm is taken first; the target may be one of them.
        degree: 2 adds the squares of the features and their products by twos, 3 those by threes, and so on.
        ridge: the weight of the penalty on the sum of the squared weights, with features and target standardised.
        closed_form: solve by least squares instead of gradient descent.
        epochs: the most passes of the descent over the training rows; it ends earlier when it has converged.
        batch_size: rows of a step, or `full` for all of them.
        lr: learning rate on standardised features and target; None takes the largest that is safe.
        plain: gradient descent without Nesterov's momentum.
        folds: how many parts cross-validation makes of the training rows; 0 leaves it out.
        test_split: share of the rows that is held out to judge by; `none` to train on all of them, judged by
            cross-validation; `auto` for 0.2, and none where there are fewer than 100 rows.
        val_split: share of the training rows that is held out to choose the best epoch; 0 takes the last one.
        patience: stop after so many epochs without a new lowest loss; None goes on.
        limit: only so many training rows, the first after the seeded shuffle; None takes all.
        seed: the start of all randomness.

    Raises:
        UsageError: a value is out of its range.

    Example:
        >>> Settings(batch_size=32).method
        'gradient descent in batches of 32 rows'
    """

    data: str = BUILT_IN
    target: str | None = None
    no_header: bool = False
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
    patience: int | None = None
    limit: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if whole("degree", self.degree) > MAX_DEGREE:
            raise UsageError("degree", expected=f"a whole number from 1 to {MAX_DEGREE}", got=self.degree)
        between("ridge", self.ridge, 0)
        whole("epochs", self.epochs)
        if self.batch_size != FULL:
            whole("batch_size", self.batch_size)
        if self.lr is not None:
            between("lr", self.lr, 0, above=True)
        if whole("folds", self.folds, 0) == 1:
            raise UsageError("folds", expected="2 or more, or 0 for no cross-validation", got=1)
        if self.test_split not in (AUTO, NONE):
            between("test_split", self.test_split, 0, 1, above=True, below=True)
        if self.test_split == NONE and not self.folds:
            raise UsageError("nothing is left to judge the model by", fix="leave --folds or --test-split as it was")
        between("val_split", self.val_split, 0, 1, below=True)
        whole("seed", self.seed, 0)
        for name in ("patience", "limit"):
            if getattr(self, name) is not None:
                whole(name, getattr(self, name))

    def quick(self) -> Settings:
        """The same for a first look: done within 5 seconds."""
        return replace(self, epochs=min(self.epochs, 200), limit=min(self.limit or 20_000, 20_000))

    @property
    def method(self) -> str:
        """How it is learned, in a few words."""
        if self.closed_form:
            return "least squares"
        if self.batch_size == FULL:
            return f"gradient descent on all rows, {'plain' if self.plain else 'with momentum'}"
        rows = "single rows" if self.batch_size == 1 else f"batches of {self.batch_size} rows"
        return f"gradient descent in {rows}"
