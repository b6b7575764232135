"""The functions between the layers that make a network more than one big matrix. All keep their input's shape."""

from __future__ import annotations

from typing import Any

from brainbox_core import functional
from brainbox_core.errors import UsageError, between
from brainbox_core.layers.base import Layer, Shape
from brainbox_core.tensor import Tensor


class Activation(Layer):
    """A function applied to every number; the shape stays."""

    stepwise = True

    def output_shape(self, input_shape: Shape) -> Shape:
        return input_shape


class ReLU(Activation):
    """max(x, 0): cheap, and its gradient does not fade (Nair and Hinton 2010).

    Example:
        >>> ReLU()(Tensor([-1.0, 2.0])).data
        array([0., 2.], dtype=float32)
    """

    def __call__(self, x: Tensor, training: bool = False) -> Tensor:
        return x.relu()


class LeakyReLU(Activation):
    """x where it is positive, slope * x elsewhere, so that no unit ever stops learning (Maas et al. 2013).

    Args:
        slope: from 0 to 1.

    Example:
        >>> LeakyReLU(0.1)(Tensor([-1.0, 2.0])).data
        array([-0.1,  2. ], dtype=float32)
    """

    def __init__(self, slope: float = 0.01):
        self.slope = between("slope", slope, 0, 1)

    def __call__(self, x: Tensor, training: bool = False) -> Tensor:
        return functional.leaky_relu(x, self.slope)


class Sigmoid(Activation):
    """1 / (1 + exp(-x)), from 0 to 1.

    Example:
        >>> Sigmoid()(Tensor([0.0])).data
        array([0.5], dtype=float32)
    """

    def __call__(self, x: Tensor, training: bool = False) -> Tensor:
        return x.sigmoid()


class Tanh(Activation):
    """The hyperbolic tangent, from -1 to 1.

    Example:
        >>> Tanh()(Tensor([0.0])).data
        array([0.], dtype=float32)
    """

    def __call__(self, x: Tensor, training: bool = False) -> Tensor:
        return x.tanh()


class Softmax(Activation):
    """Probabilities over the last axis. For looking at results: the loss CrossEntropy takes logits, without it.

    Example:
        >>> Softmax()(Tensor([[0.0, 0.0]])).data
        array([[0.5, 0.5]], dtype=float32)
    """

    def output_shape(self, input_shape: Shape) -> Shape:
        if not input_shape:
            raise self.misfit("(batch, ..., classes)", input_shape)
        return input_shape

    def __call__(self, x: Tensor, training: bool = False) -> Tensor:
        return functional.softmax(x)


class Activated(Layer):
    """A layer that may end in an activation: `Linear(8, activation="relu")` stands for `Linear(8), ReLU()`.

    In a model, which sets them apart, these are two layers; by itself, or inside another layer, it is one.

    Args:
        activation: a name such as "relu", or a layer, such as `bb.layers.LeakyReLU(0.1)`; None for none.

    Raises:
        UsageError: it is neither.
    """

    def __init__(self, activation: Any = None):
        if not isinstance(activation, Layer):
            self.activation, self._ending = activation, None if activation is None else _named(activation)
            return
        config, kind = activation.config(), type(activation)
        name = next((name for name, known in NAMES.items() if known is kind), kind.__name__)
        self.activation, self._ending = {"name": name, "config": config} if config else name, activation

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "activation" and value is not None and "_ending" in vars(self):
            fix = "give it to the layer when it is made, or put a layer such as bb.layers.ReLU() behind"
            raise UsageError(f"the activation of {self.label} cannot be set any more", fix=fix)
        super().__setattr__(name, value)


NAMES: dict[str, type[Activation]] = {
    "relu": ReLU,
    "leaky_relu": LeakyReLU,
    "sigmoid": Sigmoid,
    "tanh": Tanh,
    "softmax": Softmax,
}


def _named(entry: Any) -> Layer:
    """The activation of a name, or of what a model file says of one."""
    name, config = (entry.get("name"), entry["config"]) if isinstance(entry, dict) else (entry, {})
    if not isinstance(name, str) or name not in NAMES:
        raise UsageError("unknown activation", expected=", ".join(NAMES), got=repr(name))
    return NAMES[name](**config)
