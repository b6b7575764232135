"""What a digit reader is made of: plain numbers, without NumPy, so that they can be shown before anything is loaded."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

from brainbox_core import checks
from brainbox_core.errors import UsageError
from brainbox_core.scalar.update_rules import learning_rates

PIXELS, CLASSES, KERNEL = 28, 10, 5
# The peak learning rate of each optimizer, the best of a coarse grid for both networks on `digits` and MNIST.
RATES = learning_rates(sgd=0.1, rmsprop=0.003, adagrad=0.03, adam=0.006, adamw=0.006)
NAMED = {"digits": (12_000, 2_000), "mnist": (60_000, 10_000), "fashion-mnist": (60_000, 10_000)}  # training, test rows


@dataclass(frozen=True)
class Settings:
    """Everything that decides what a digit reader learns.

    Args:
        network: `mlp` (dense layers only) or `conv` (a 5x5 convolution, ReLU and 2x2 max pooling for each of `filters`,
            then dense layers).
        data: `digits`, `mnist`, `fashion-mnist` or a folder of IDX files.
        hidden: the widths of the dense layers before the last.
        filters: the filters of each convolution.
        epochs: how often every training image is seen.
        batch_size: images per update.
        lr: the highest learning rate of the one-cycle schedule.
        optimizer: `sgd` (with momentum 0.9), `rmsprop`, `adagrad`, `adam` or `adamw`.
        augment: show each image moved, turned, scaled and warped a little, differently in every epoch.
        val_split: share of the training images that is held out to choose the best epoch.
        patience: stop after so many epochs without a new best; None trains them all.
        limit: only so many training images, the first after the seeded shuffle; None takes all.
        seed: the start of all randomness.

    Raises:
        UsageError: a number is out of its range.

    Example:
        >>> settings = Settings.mnist(hidden=(128, 64))
        >>> settings.title, settings.parameters
        ('784-128-64-10 MLP', 109386)
    """

    network: str
    data: str = "digits"
    hidden: tuple[int, ...] = (128,)
    filters: tuple[int, ...] = ()
    epochs: int = 5
    batch_size: int = 64
    lr: float = RATES["adam"]
    optimizer: str = "adam"
    augment: bool = False
    val_split: float = 0.1
    patience: int | None = None
    limit: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.network not in ("mlp", "conv"):
            raise UsageError("network is unknown", expected="mlp or conv", got=self.network)
        if self.optimizer not in RATES:
            raise UsageError("optimizer is unknown", expected=", ".join(RATES), got=self.optimizer)
        for width in self.hidden:
            checks.whole("hidden", width)
        for width in self.filters:
            checks.whole("filters", width)
        checks.whole("epochs", self.epochs)
        checks.whole("batch_size", self.batch_size)
        checks.whole("seed", self.seed, 0)
        checks.between("lr", self.lr, 0, above=True)
        checks.between("val_split", self.val_split, 0, 1, above=True, below=True)
        for name in ("patience", "limit"):
            if getattr(self, name) is not None:
                checks.whole(name, getattr(self, name))

    @classmethod
    def mnist(cls, **changes: object) -> Settings:
        """The defaults of `brainbox mnist`, with changes; 25 epochs with augment=True: there is more to learn."""
        return cls("mlp", **{"epochs": 25 if changes.get("augment") else 5, **_rate(changes), **changes})

    @classmethod
    def cnn(cls, **changes: object) -> Settings:
        """The defaults of `brainbox cnn`, with changes; 8 epochs with augment=True: there is more to learn."""
        network = {"hidden": (64,), "filters": (8, 16), "epochs": 8 if changes.get("augment") else 5}
        return cls("conv", **{**network, **_rate(changes), **changes})

    def quick(self) -> Settings:
        """The same for a first look: done within 5 seconds."""
        return replace(self, epochs=min(self.epochs, 2), limit=min(self.limit or 3000, 3000))

    @property
    def title(self) -> str:
        """The network in a few characters.

        Example:
            >>> Settings.cnn().title
            'conv5x5x8-pool-conv5x5x16-pool-64-10 CNN'
        """
        if self.network == "mlp":
            return "-".join(map(str, [PIXELS * PIXELS, *self.hidden, CLASSES])) + " MLP"
        convolutions = [f"conv{KERNEL}x{KERNEL}x{count}-pool" for count in self.filters]
        return "-".join(map(str, [*convolutions, *self.hidden, CLASSES])) + " CNN"

    @property
    def parameters(self) -> int:
        """How many numbers the network learns.

        Example:
            >>> Settings.cnn().parameters
            20522
        """
        size, channels, total = PIXELS, 1, 0
        for count in self.filters:
            total += (KERNEL * KERNEL * channels + 1) * count
            size, channels = max(0, size - KERNEL + 1) // 2, count
        widths = [size * size * channels, *self.hidden, CLASSES]
        return total + sum((before + 1) * after for before, after in pairwise(widths))


def _rate(changes: dict[str, object]) -> dict[str, float]:
    """The learning rate that suits the optimizer asked for."""
    return {"lr": RATES[changes["optimizer"]]} if changes.get("optimizer") in RATES else {}
