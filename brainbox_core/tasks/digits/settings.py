"""What a digit reader is made of: plain numbers, without NumPy, so that they can be shown before anything is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

from brainbox_core.errors import UsageError, whole
from brainbox_core.scalar.update_rules import learning_rates
from brainbox_core.tasks import contract

PIXELS, CLASSES, KERNEL = 28, 10, 5
# The peak learning rate of each optimizer, the best of a coarse grid for both networks on `digits` and MNIST.
RATES = learning_rates(sgd=0.1, rmsprop=0.003, adagrad=0.03, adam=0.006, adamw=0.006)
NAMED = {"digits": (12_000, 2_000), "mnist": (60_000, 10_000), "fashion-mnist": (60_000, 10_000)}  # training, test rows


@dataclass(frozen=True, kw_only=True)
class Settings(contract.EpochSettings):
    """Everything that decides what a digit reader learns; what is not here, `contract.EpochSettings` explains.

    Args:
        network: `mlp` (dense layers only) or `conv` (a 5x5 convolution, ReLU and 2x2 max pooling for each of `filters`,
            then dense layers).
        data: `digits`, `mnist`, `fashion-mnist` or a folder of IDX files.
        hidden: the widths of the dense layers before the last.
        filters: the filters of each convolution.
        augment: show each image moved, turned, scaled and warped a little, differently in every epoch.

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

    rates: ClassVar[Mapping[str, float]] = RATES
    first_look: ClassVar[Mapping[str, int]] = {"epochs": 2, "limit": 3000}

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.network not in ("mlp", "conv"):
            raise UsageError("network is unknown", expected="mlp or conv", got=self.network)
        for name in ("hidden", "filters"):
            for width in getattr(self, name):
                whole(name, width)

    @classmethod
    def mnist(cls, **changes: Any) -> Settings:
        """The defaults of `brainbox mnist`, with changes; 25 epochs with augment=True: there is more to learn."""
        return cls.suited(**{"network": "mlp", "epochs": 25 if changes.get("augment") else 5, **changes})

    @classmethod
    def cnn(cls, **changes: Any) -> Settings:
        """The defaults of `brainbox cnn`, with changes; 8 epochs with augment=True: there is more to learn."""
        network = {"network": "conv", "hidden": (64,), "filters": (8, 16)}
        return cls.suited(**{**network, "epochs": 8 if changes.get("augment") else 5, **changes})

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
