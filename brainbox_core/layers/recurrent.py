"""Layers of sequences: RNN, GRU and LSTM read a sequence step by step and carry a state from one step to the next.

By default every call starts from a state of zeros and forgets it afterwards. Text that is cut into windows wants more:
inside `carried(model.layers)` each call goes on from where the one before ended. The state is cut out of the graph
there, so that the gradient ends at the border of the window (truncated backpropagation through time; Williams and Peng
1990). `gradient_flow(model.layers)` shows how the gradient fades or grows on its way back through the steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np

from brainbox_core import functional
from brainbox_core.errors import UsageError, between, whole
from brainbox_core.kernels.recurrent import keep_freed_memory
from brainbox_core.layers import initializers
from brainbox_core.layers.base import Layer, Shape, found
from brainbox_core.layers.dense import Embedding, whole_ids
from brainbox_core.tensor import Tensor

State = tuple[np.ndarray, ...]


class Recurrent(Layer):
    """What the three have in common; each says its operation, and how many gates it has and arrays in its state.

    Args:
        units: the length of the output of each step.
        ids: if given, the inputs are whole numbers from 0 to ids - 1 instead of vectors. Each stands for a one-hot
            vector, which is never made: its product with the input weight is a row of it.
        last: whether to return only the last output instead of all.
        l2: the penalty l2 * (sum(weight²) + sum(recurrent²)) in the loss of a training, from 0; none by default.

    Attributes:
        carry: whether a call goes on from `state`, and leaves its last state there; see `carried`.
        state: arrays (batch, units) to go on from, (h,) or for an LSTM (h, c), outside the graph; None for zeros.
    """

    operation: Callable[..., functional.Unrolled]
    gates: int
    states = 1

    def __init__(self, units: int, ids: int | None = None, last: bool = False, l2: float = 0.0):
        self.units = whole("units", units)
        self.ids = None if ids is None else whole("ids", ids)
        self.last, self.l2 = bool(last), between("l2", l2, 0)
        self.carry = False
        self.state: State | None = None
        self._norms: list[np.ndarray] | None = None

    @property
    def takes_ids(self) -> bool:
        return self.ids is not None

    @property
    def stepwise(self) -> bool:  # type: ignore[override]  # of some of them
        return not self.last

    def output_shape(self, input_shape: Shape) -> Shape:
        if self.takes_ids and len(input_shape) != 1:
            raise self.misfit("whole numbers (batch, time)", input_shape)
        if not self.takes_ids and len(input_shape) != 2:
            fix = f"add bb.layers.Embedding(...) before it, or {type(self).__name__}({self.units}, ids=...) for one-hot"
            raise self.misfit("(batch, time, features)", input_shape, fix if len(input_shape) == 1 else "")
        return (self.units,) if self.last else (input_shape[0], self.units)

    def build(self, input_shape: Shape, rng: np.random.Generator) -> Shape:
        keep_freed_memory()
        shape, shapes = self.output_shape(input_shape), self.parameter_shapes(input_shape)
        inputs, gates = shapes["weight"][0], range(self.gates)
        # Gate by gate: each is a layer of its own that looks at the same numbers.
        weight = [initializers.glorot((inputs, self.units), rng) for _ in gates]
        recurrent = [initializers.orthogonal((self.units, self.units), rng) for _ in gates]
        self.weight = self.parameter("weight", np.concatenate(weight, axis=1))
        self.recurrent = self.parameter("recurrent", np.concatenate(recurrent, axis=1))
        self.bias = self.parameter("bias", np.zeros(shapes["bias"], np.float32))
        return shape

    def parameter_shapes(self, input_shape: Shape) -> dict[str, Shape]:
        self.output_shape(input_shape)
        width = self.gates * self.units
        return {
            "weight": (self.ids or input_shape[1], width),
            "recurrent": (self.units, width),
            "bias": (width,),
        }

    def multiply_adds(self, input_shape: Shape) -> int:
        inputs = 0 if self.takes_ids else input_shape[1]  # looked up, not multiplied
        return input_shape[0] * (inputs + self.units) * self.gates * self.units

    def __call__(
        self,
        x: Tensor,
        training: bool = False,
        lengths: np.ndarray | None = None,
        embedding: Embedding | None = None,
    ) -> Tensor:
        """The outputs.

        Args:
            x: (batch, time, features), or whole numbers (batch, time).
            training: makes no difference.
            lengths: (batch,) how many steps of each sequence count; what comes after is not looked at, its outputs
                are 0. All of them if left out.
            embedding: a layer to look x up in first, whole numbers (batch, time). A batch with more numbers than ids
                costs less this way: the few rows of the table go through the input weight instead of all that are
                looked up.
        """
        weight, *weights = self._weights()
        if embedding is None:
            self.output_shape(x.shape[1:])
            inputs = x if self.ids is None else whole_ids(self, self.ids, x)
        elif x.size > embedding.ids:
            inputs, weight = whole_ids(embedding, embedding.ids, x), embedding.table @ weight
        else:
            inputs = embedding(x)
        if lengths is not None:
            lengths = self._counted(lengths, x.shape)
        norms = None
        if self._norms is not None:
            norms = np.zeros(x.shape[1])
            self._norms.append(norms)
        state = map(Tensor, self._start(len(x), weight.dtype))
        y, final = self.operation(inputs, weight, *weights, *state, lengths, self.last, norms)
        if self.carry:
            self.state = final
        return y

    def memory(self) -> dict[str, np.ndarray]:
        return {f"state.{number}": array for number, array in enumerate(self.state or ())} if self.carry else {}

    def remember(self, memory: Mapping[str, np.ndarray]) -> None:
        self.state = tuple(memory[f"state.{number}"] for number in range(self.states)) if memory else None

    def _start(self, batch: int, dtype: np.dtype) -> State:
        """The state before the first step."""
        if not self.carry or self.state is None:
            return (np.zeros((batch, self.units), dtype),) * self.states
        shapes = [array.shape for array in self.state]
        if shapes != [(batch, self.units)] * self.states:
            expected = [(batch, self.units)] * self.states
            fix = "keep the size of the batch, or set its `state` to None"
            raise UsageError(f"{self.label} carries a state of another shape", expected=expected, got=shapes, fix=fix)
        return self.state

    def _weights(self) -> tuple[Tensor, ...]:
        return self.weight, self.recurrent, self.bias

    def _counted(self, lengths: np.ndarray, shape: Shape) -> np.ndarray:
        lengths = np.asarray(lengths)
        if lengths.shape != shape[:1] or lengths.dtype.kind not in "iu":
            got = f"{lengths.dtype} {lengths.shape}"
            raise UsageError(f"{self.label} needs a whole number for each of {shape[0]} lengths", got=got)
        if lengths.size and not (lengths.min() >= 0 and lengths.max() <= shape[1]):
            got = f"{lengths.min()} to {lengths.max()}"
            raise UsageError(f"{self.label} needs lengths", expected=f"from 0 to {shape[1]}", got=got)
        return lengths


class RNN(Recurrent):
    """h' = tanh(x @ weight + h @ recurrent + bias): the output is the state (Elman 1990).

    Args:
        units: the length of the output of each step.
        ids: if given, the inputs are whole numbers from 0 to ids - 1 instead of vectors, each for a one-hot vector.
        last: whether to return only the last output instead of all.
        l2: the penalty l2 * (sum(weight²) + sum(recurrent²)) in the loss of a training, from 0; none by default.

    Shape:
        (batch, time, features), or with `ids` (batch, time) -> (batch, time, units), or with `last` (batch, units);
        weight (features or ids, units), recurrent (units, units), bias (units,).

    Example:
        >>> layer = RNN(4)
        >>> layer.build((10, 3), np.random.default_rng(0))
        (10, 4)
        >>> layer(Tensor(np.zeros((2, 10, 3)))).shape
        (2, 10, 4)
    """

    operation, gates = staticmethod(functional.rnn), 1


class GRU(Recurrent):
    """Gated recurrent unit: an update gate decides what to keep, a reset gate what to look at (Cho et al. 2014).

    The variant of cuDNN and PyTorch, which resets after the recurrent product. The recurrent part of the candidate has
    a bias of its own, because the reset gate scales it; those of the other gates would only be added to `bias`.

    Args:
        units: the length of the output of each step.
        ids: if given, the inputs are whole numbers from 0 to ids - 1 instead of vectors, each for a one-hot vector.
        last: whether to return only the last output instead of all.
        l2: the penalty l2 * (sum(weight²) + sum(recurrent²)) in the loss of a training, from 0; none by default.

    Shape:
        (batch, time, features), or with `ids` (batch, time) -> (batch, time, units), or with `last` (batch, units);
        weight (features or ids, 3 units), recurrent (units, 3 units) and bias (3 units,) hold the gates side by side:
        reset, update, candidate; candidate_bias (units,).

    Example:
        >>> layer = GRU(4, last=True)
        >>> layer.build((10, 3), np.random.default_rng(0))
        (4,)
        >>> layer(Tensor(np.zeros((2, 10, 3)))).shape
        (2, 4)
    """

    operation, gates = staticmethod(functional.gru), 3

    def build(self, input_shape: Shape, rng: np.random.Generator) -> Shape:
        shape = super().build(input_shape, rng)
        self.candidate_bias = self.parameter("candidate_bias", np.zeros(self.units, np.float32))
        return shape

    def parameter_shapes(self, input_shape: Shape) -> dict[str, Shape]:
        return super().parameter_shapes(input_shape) | {"candidate_bias": (self.units,)}

    def _weights(self) -> tuple[Tensor, ...]:
        return *super()._weights(), self.candidate_bias


class LSTM(Recurrent):
    """Long short-term memory: a cell that three gates write, keep and read (Hochreiter and Schmidhuber 1997).

    With the forget gate of Gers et al. (2000), whose bias starts at 1, so that it remembers before it has learned to
    (Jozefowicz et al. 2015).

    Args:
        units: the length of the output of each step.
        ids: if given, the inputs are whole numbers from 0 to ids - 1 instead of vectors, each for a one-hot vector.
        last: whether to return only the last output instead of all.
        l2: the penalty l2 * (sum(weight²) + sum(recurrent²)) in the loss of a training, from 0; none by default.

    Shape:
        (batch, time, features), or with `ids` (batch, time) -> (batch, time, units), or with `last` (batch, units);
        weight (features or ids, 4 units), recurrent (units, 4 units) and bias (4 units,) hold the gates side by side:
        output, input, forget, candidate.

    Example:
        >>> layer = LSTM(4, ids=65)
        >>> layer.build((10,), np.random.default_rng(0))
        (10, 4)
        >>> layer(Tensor(np.zeros((2, 10)))).shape
        (2, 10, 4)
    """

    operation, gates, states = staticmethod(functional.lstm), 4, 2

    def build(self, input_shape: Shape, rng: np.random.Generator) -> Shape:
        shape = super().build(input_shape, rng)
        self.bias[2 * self.units : 3 * self.units] = 1
        return shape


@contextmanager
def carried(layers: Sequence[Layer]) -> Iterator[None]:
    """Inside, every call of a recurrent layer goes on from the state that the one before it left; the first from zeros.

    Afterwards the layers are as they were, so a validation inside a training starts from zeros of its own and leaves
    the state of the training alone. To reset at a border, enter it anew, or set `layer.state` to None.

    Args:
        layers: those of a model; the ones that are not recurrent are passed over.

    Example:
        >>> layer = RNN(2)
        >>> shape = layer.build((4, 1), np.random.default_rng(0))
        >>> x = np.arange(4.0).reshape(1, 4, 1)
        >>> with carried([layer]):
        ...     halves = [layer(Tensor(half)).data for half in (x[:, :2], x[:, 2:])]
        >>> np.allclose(np.concatenate(halves, axis=1), layer(Tensor(x)).data)
        True
    """
    chain = [layer for _, layer in found(layers) if isinstance(layer, Recurrent)]
    before = [(layer.carry, layer.state) for layer in chain]
    for layer in chain:
        layer.carry, layer.state = True, None
    try:
        yield
    finally:
        for layer, (carry, state) in zip(chain, before, strict=True):
            layer.carry, layer.state = carry, state


@contextmanager
def gradient_flow(layers: Sequence[Layer]) -> Iterator[dict[str, list[np.ndarray]]]:
    """Inside, backward passes leave the length of the gradient at every step of the recurrent layers.

    A loss of the last step alone (targets of -1 before it, with `CrossEntropy(ignore=-1)`) shows how much of it reaches
    the steps before: lengths that shrink on the way back are a gradient that vanishes, lengths that grow one that
    explodes (Bengio, Simard and Frasconi 1994).

    Args:
        layers: those of a model; the ones that are not recurrent are passed over.

    Returns:
        By the layer's name, an array (time,) for each call inside: the norm over the batch of the derivative with
        respect to the output of each step, complete after `backward()`, 0 before.

    Example:
        >>> layer = RNN(2, last=True)
        >>> shape = layer.build((3, 1), np.random.default_rng(0))
        >>> with gradient_flow([layer]) as flow:
        ...     layer(Tensor(np.zeros((1, 3, 1)))).backward(np.array([[3.0, 4.0]]))
        >>> flow["rnn"][0].round(3)  # the recurrent weight starts orthogonal, and tanh has slope 1 at 0
        array([5., 5., 5.])
    """
    chain = [layer for _, layer in found(layers) if isinstance(layer, Recurrent)]
    flow: dict[str, list[np.ndarray]] = {layer.name: [] for layer in chain}
    for layer in chain:
        layer._norms = flow[layer.name]
    try:
        yield flow
    finally:
        for layer in chain:
            layer._norms = None
