"""What every layer has: parameters, a name, shape arithmetic, a cost, and settings that can rebuild it."""

from __future__ import annotations

import contextlib
import inspect
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from brainbox_core.errors import UsageError
from brainbox_core.layers.calls import noted, observable, observed
from brainbox_core.parameters import Named, Parameter
from brainbox_core.rng import stream
from brainbox_core.tensor import Tensor, no_grad

Shape = tuple[int, ...]
Shapes = Shape | list[Shape]  # a list for a layer that takes several inputs

# Arguments that came later, as layers hold their default and as signatures have it. Left out of the settings then, they
# keep the files and the hashes of networks without them.
_UNSAID = {"activation": (None, None), "dilation": ((1, 1), 1), "l2": (0.0, 0.0), "padding": (None, None)}


@dataclass(frozen=True)
class Cost:
    """What one input costs a layer: multiplications with additions, parameters, and numbers in the output.

    Example:
        >>> import braininabox as bb
        >>> model = bb.Sequential([bb.layers.Linear(4)])
        >>> model.build((3,))
        (4,)
        >>> model.layers[0].cost((3,))
        Cost(multiply_adds=12, parameters=16, outputs=4)
    """

    multiply_adds: int
    parameters: int
    outputs: int


class Missing(UsageError, AttributeError):  # noqa: N818  # it is an error of both kinds
    """What a layer has only once it is built."""


class Layer:
    """A function from tensor to tensor. Subclass it for a layer of your own; `fit` needs no registration.

    Shapes are those of one input, without the batch axis. A subclass defines `__call__` and, if it learns something,
    `build`, where it makes its parameters. Layers that it holds, also in lists and dictionaries, belong to it: they are
    built where it first calls them, unless it builds them itself, and are trained, counted and kept with it. A layer of
    several inputs is called with a list of tensors, and gets a list of their shapes.

    Attributes:
        parameters: what training changes, by name, made in `build` with `self.parameter(...)`.
        trainable: False freezes the layer and those inside it, at any time, before it is built or in the middle of a
            training: no optimizer moves or shrinks their parameters, and their gradients do not count in the length
            that is clipped. As in Keras a frozen BatchNorm uses its running averages, also in training, and leaves
            them as they are; a frozen Dropout, which learns nothing, still drops. A model file keeps it.
        l2: the penalty on large weights while the layer is trained, 0 for none; see `penalty`.
        buffers: other arrays that belong to the trained layer, such as running means.
        name: `linear_0` once part of a model, the layer's kind before.
        position: its place in the model, from 0; None while it is part of none.
        step: the training step, kept up to date by the model; it keys the randomness of Dropout.
        stepwise: whether it makes a step of each step of a sequence, (time, ...), so that `lengths` go on behind it. If
            not, as if left out, it is given no sequences of different lengths, or is their end if it takes `lengths`.
        takes_lengths: whether its `__call__` takes `lengths`, (batch,), how many steps of each sequence count.
        calls: how often the layer drew something at random since the step was set.
        parts: the layer and, in a built model, all layers inside it.

    Example:
        >>> class Scale(Layer):
        ...     def build(self, input_shape, rng):
        ...         self.gain = self.parameter("gain", np.ones(input_shape, np.float32))
        ...         return input_shape
        ...
        ...     def __call__(self, x, training=False):
        ...         return x * self.gain
        >>> scale = Scale()
        >>> scale.build((3,), np.random.default_rng(0))
        (3,)
        >>> scale(Tensor([[1.0, 2.0, 3.0]])).data
        array([[1., 2., 3.]], dtype=float32)
    """

    l2: float = 0.0
    parameters: dict[str, Parameter]
    buffers: dict[str, np.ndarray]
    name: str
    position: int | None
    calls: int
    parts: tuple[Layer, ...]
    stepwise: bool = False
    takes_lengths: bool = False
    _ending: Layer | None = None  # its activation, if it has one

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "__call__" in vars(cls):
            cls.takes_lengths = "lengths" in inspect.signature(cls.__call__).parameters
            cls.__call__ = observable(cls.__call__)  # type: ignore[method-assign]  # of the same type

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:  # not in __init__, which a subclass may forget to call
        self = super().__new__(cls)
        self._joined, self._trainable = False, True
        self.parameters, self.buffers = Named(), {}
        self.name, self.position, self.parts = cls.__name__.lower(), None, (self,)
        self.step = 0
        return self

    def __setattr__(self, name: str, value: Any) -> None:
        before = self.__dict__.get(name)
        if isinstance(before, Parameter) and before.belongs and not self._knows(value):
            before.replace(value)  # the numbers stay where the optimizer and the file find them
            return
        new = isinstance(value, Layer) or (isinstance(value, Parameter) and not value.belongs)
        if (new or isinstance(before, Layer)) and value is not before and self.__dict__.get("_joined"):
            what = f"'{name}' of {self.label} is set in a model that is built, which would not train it"
            raise UsageError(what, fix="make layers and parameters in __init__() or build()")
        object.__setattr__(self, name, value)

    def _knows(self, value: Any) -> bool:
        return any(value is parameter for parameter in self.parameters.values())

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or self.__dict__.get("parameters"):
            raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")
        fix = "build() a layer in the build() of the one that holds it, or the whole model"
        raise Missing(f"{self.label} has no '{name}', and is not built", fix=fix)

    @property
    def step(self) -> int:
        return self._step

    @step.setter
    def step(self, step: int) -> None:
        at_step(self.parts, step)

    @property
    def trainable(self) -> bool:
        return self._trainable

    @trainable.setter
    def trainable(self, trainable: bool) -> None:
        for _, layer in found([self]):
            layer._trainable = bool(trainable)
            for parameter in layer.learned().values():
                parameter.requires_grad = layer._trainable

    requires_grad = trainable  # as PyTorch calls it

    @property
    def takes_ids(self) -> bool:
        """Whether the inputs are whole numbers to look up instead of quantities."""
        return False

    def build(self, input_shape: Shape, rng: np.random.Generator) -> Shape:
        """Make the parameters for inputs of a shape, and say the shape of the outputs."""
        with growing(self, rng):
            return self.output_shape(input_shape)

    def output_shape(self, input_shape: Shape) -> Shape:
        """The shape of one output, or a UsageError if such inputs do not fit. Found by trying, unless overridden."""
        with no_grad():
            return self(nothing(input_shape)).shape[1:]

    def __call__(self, x: Tensor, training: bool = False) -> Tensor:
        raise UsageError(f"{self.label} computes nothing", fix="define __call__(self, x, training=False)")

    def parameter_shapes(self, input_shape: Shape) -> dict[str, Shape]:
        """The shapes of the parameters that `build` would make, known before any memory is taken for them."""
        parts = [(path.partition("/")[2], layer) for path, layer in found([self])]
        own = [(f"{path}/{name}".lstrip("/"), p) for path, layer in parts for name, p in layer.learned().items()]
        return {name: parameter.shape for name, parameter in own}

    def multiply_adds(self, input_shape: Shape) -> int:
        """How many multiplications with additions one input takes; 0 where there are none worth counting.

        Unless overridden they are those of the layers inside, found by trying.
        """
        if len(self.parts) == 1:
            return 0
        with no_grad(), noted(lambda layer: type(layer).multiply_adds is not Layer.multiply_adds) as seen:
            self(nothing(input_shape))
        return sum(layer.multiply_adds(shape) for layer, shape in seen)

    def cost(self, input_shape: Shape) -> Cost:
        """What one input of a shape costs."""
        count = sum(math.prod(shape) for shape in self.parameter_shapes(input_shape).values())
        return Cost(self.multiply_adds(input_shape), count, math.prod(self.output_shape(input_shape)))

    def config(self) -> dict[str, Any]:
        """The arguments that would make this layer again, in JSON types."""
        if type(self).__init__ is object.__init__:
            return {}
        said = {}
        for name, argument in list(inspect.signature(type(self).__init__).parameters.items())[1:]:
            if not hasattr(self, name):
                fix = f"self.{name} = {name} in its __init__()"
                raise UsageError(f"{self.label} does not keep what it was made with: '{name}'", fix=fix)
            value = getattr(self, name)
            if not (name in _UNSAID and value == _UNSAID[name][0] and argument.default == _UNSAID[name][1]):
                said[name] = list(value) if isinstance(value, tuple) else value
        return said

    def parameter(self, name: str, data: np.ndarray) -> Parameter:
        """Add a parameter that starts as an array."""
        if self._joined:
            what = f"{self.label} makes the parameter '{name}' in a model that is built, which would not train it"
            raise UsageError(what, fix="make parameters in build()")
        parameter = Parameter(data)
        parameter.requires_grad = self._trainable
        self.parameters.pop(name, None)
        self.parameters[name] = parameter
        return parameter

    def learned(self) -> dict[str, Parameter]:
        """The parameters of this layer alone: those that were made, and those that an attribute holds beside them."""
        learned, known = dict(self.parameters), {id(parameter) for parameter in self.parameters.values()}
        for name, tensor in held(self, Tensor):
            if isinstance(tensor, Parameter) and id(tensor) not in known:
                learned[f"attribute.{name}" if name in learned else name] = tensor
                known.add(id(tensor))
            elif not isinstance(tensor, Parameter) and tensor.requires_grad and tensor.node is None:
                what = f"'{name}' of {self.label} wants a gradient and is no parameter: nothing would train it"
                raise UsageError(what, fix=f"self.{name.partition('.')[0]} = self.parameter(name, array) in build()")
        return learned

    def reseed(self, rng: np.random.Generator) -> None:
        """Take what keys the layer's own randomness, if it has any, from a generator."""

    def memory(self) -> dict[str, np.ndarray]:
        """What it keeps from one batch of a training to the next beside parameters and buffers."""
        return {}

    def remember(self, memory: Mapping[str, np.ndarray]) -> None:
        """Go on from what `memory()` gave."""

    @property
    def label(self) -> str:
        """How errors call the layer: `layer 3 'linear_0'`, or its kind if it is part of no model."""
        if self.position is not None:
            return f"layer {self.position} '{self.name}'"
        return f"layer '{self.name}'" if "/" in self.name else type(self).__name__

    def misfit(self, needs: str, input_shape: Shape, fix: str = "") -> UsageError:
        """The error for inputs that do not fit, to be raised."""
        got = ", ".join(map(str, ("batch", *input_shape)))
        return UsageError(f"{self.label} needs {needs}", got=f"({got})", fix=fix)

    def __repr__(self) -> str:
        try:
            config = self.config()
        except UsageError:  # of a layer of the user's own
            return f"{type(self).__name__}(...)"
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in config.items())})"


def found(chain: Sequence[Layer]) -> Iterator[tuple[str, Layer]]:
    """Every layer of a chain and those inside, once and by path: `residual_0`, `residual_0/inner`, `.../blocks.1`."""
    seen = {id(layer) for layer in chain}

    def inside(path: str, layer: Layer) -> Iterator[tuple[str, Layer]]:
        yield path, layer
        for name, inner in held(layer, Layer):
            if id(inner) not in seen:
                seen.add(id(inner))
                yield from inside(f"{path}/{name}", inner)

    for layer in chain:
        yield from inside(layer.name, layer)


def nothing(shapes: Shapes) -> Any:
    """A batch of one input, all zeros; a list of them for several inputs."""
    if isinstance(shapes, list):
        return [nothing(shape) for shape in shapes]
    return Tensor(np.zeros((1, *shapes), np.float32))


@contextlib.contextmanager
def growing(owner: Layer, rng: np.random.Generator) -> Iterator[None]:
    """Inside, a layer that the owner calls before anyone has built it is built for what it is given."""

    def grow(call: Any, layer: Layer, x: Any, *rest: Any, **named: Any) -> Any:
        if layer is not owner and not any(part.learned() for _, part in found([layer])):
            shape = [part.shape[1:] for part in x] if isinstance(x, list) else x.shape[1:]
            layer.build(shape, rng)  # type: ignore[arg-type]  # as the layer takes it
        return call(layer, x, *rest, **named)

    with observed(grow):
        yield


def at_step(layers: Sequence[Layer], step: int) -> None:
    """Tell layers the training step; past `__setattr__`, which is slow for what happens at every step."""
    for layer in layers:
        state = layer.__dict__
        state["_step"], state["calls"] = step, 0


def learned(chain: Sequence[Layer]) -> dict[str, Parameter]:
    """The parameters of a chain of built layers and of those inside, by path; one that two layers use comes once."""
    named: dict[int, tuple[str, Parameter]] = {}
    for path, layer in found(chain):
        for name, parameter in layer.learned().items():
            named.setdefault(id(parameter), (f"{path}/{name}", parameter))
    return dict(named.values())


def adopt(chain: Sequence[Layer], names: Sequence[str] | None = None) -> None:
    """Give the layers of a new model their positions, and names such as `linear_0` where they are given none.

    Raises:
        UsageError: one is no layer, or already part of a model.
    """
    seen: set[int] = set()
    for position, layer in enumerate(chain):
        if not isinstance(layer, Layer):
            got, hint = repr(layer), "subclass bb.layers.Layer"
            if isinstance(layer, type):
                hint = f"write {layer.__name__}(...)"
            elif hasattr(layer, "layers"):
                got = f"the model {type(layer).__name__}"
                hint = "put layers in its place: a model is no part of another"
            raise UsageError(f"layer {position} is not a layer", got=got, fix=hint)
        if layer.position is not None or id(layer) in seen:
            what = f"layer {position} ({type(layer).__name__}) is already part of a model"
            raise UsageError(what, fix="make a new layer for each place")
        seen.add(id(layer))
    counts: dict[str, int] = {}
    for position, layer in enumerate(chain):  # only now: layers of a list that was refused stay free
        kind = type(layer).__name__.lower()
        counts[kind] = counts.get(kind, -1) + 1
        layer.name, layer.position = names[position] if names else f"{kind}_{counts[kind]}", position


def join(chain: Sequence[Layer], seed: int) -> None:
    """Make the layers of a chain, and those inside, part of a built model: none of them can be exchanged any more."""
    everything = dict(found(chain))
    for path, layer in everything.items():
        layer.parts = tuple(part for name, part in everything.items() if f"{name}/".startswith(f"{path}/"))
        if layer.position is None:
            layer.name = path
            layer.reseed(stream(seed, "init", path))
        if not layer.trainable:
            layer.trainable = False  # also for layers inside that were made since
    for layer in everything.values():
        layer._joined = True


def frozen(chain: Sequence[Layer]) -> list[str]:
    """The layers of a chain and inside, and the parameters, that no optimizer moves, by path."""
    layers = [path for path, layer in found(chain) if not layer.trainable]
    return layers + [name for name, parameter in learned(chain).items() if not parameter.requires_grad]


def freeze(chain: Sequence[Layer], names: Sequence[str]) -> None:
    """Freeze what `frozen` named, and nothing else."""
    for path, layer in found(chain):  # the outer ones first: those inside follow them, and then have their own say
        layer.trainable = path not in names
    for name, parameter in learned(chain).items():
        parameter.requires_grad = name not in names


def held(
    owner: object, kind: type | tuple[type, ...], beside: Sequence[str] = ("parameters", "parts", "_ending")
) -> Iterator[tuple[str, Any]]:
    """Objects of a kind that the attributes of a layer hold, also in lists, tuples and dictionaries, by attribute.

    Args:
        beside: attributes that are left out.
    """
    waiting = [(name, value) for name, value in vars(owner).items() if name not in beside]
    seen: set[int] = set()
    while waiting:
        name, value = waiting.pop(0)
        if isinstance(value, kind):
            yield name, value
        elif isinstance(value, list | tuple | dict) and id(value) not in seen:
            seen.add(id(value))
            items = value.items() if isinstance(value, dict) else enumerate(value)
            waiting += [(f"{name}.{key}", item) for key, item in items]
