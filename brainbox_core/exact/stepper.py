"""Recurrent networks one step at a time, defined to the last bit: float32 operations in one fixed order.

What a training computes depends in its last bits on how the machine's libraries add up; what a network writes must not.
Here every sum is added up term by term, the bias first, then the inputs, then the recurrent part, and tanh and sigmoid
are our own. A program in C that does the same operations gets the same bits, and so writes the same text.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from brainbox_core import layers
from brainbox_core.errors import InputError
from brainbox_core.exact.float_math import sigmoid, softmax, tanh
from brainbox_core.layers.recurrent import Recurrent
from brainbox_core.model.sequential import Sequential

GATES = {"rnn": 1, "gru": 3, "lstm": 4}
ACTIVATIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "linear": lambda y: y,
    "relu": lambda y: np.where(y < 0, np.float32(0), y),
    "sigmoid": sigmoid,
    "tanh": tanh,
    "softmax": softmax,
}
_CELLS = (layers.RNN, layers.GRU, layers.LSTM)
_ACTIVATION_LAYERS = {layers.ReLU: "relu", layers.Sigmoid: "sigmoid", layers.Tanh: "tanh", layers.Softmax: "softmax"}


@dataclass(frozen=True)
class Cell:
    """One recurrent layer. Its gates lie side by side, as in `brainbox_core.kernels.recurrent`; there are G of them.

    Attributes:
        name: of the layer.
        kind: "rnn", "gru" or "lstm".
        start: (ids, G * units) where sums start, a row for each id; (1, G * units) for all inputs alike.
        weight: (inputs, G * units); None where ids are looked up in `start`.
        recurrent: (units, G * units).
        candidate_bias: (units,) of a GRU, else None.
    """

    name: str
    kind: str
    start: np.ndarray = field(repr=False)
    weight: np.ndarray | None = field(repr=False)
    recurrent: np.ndarray = field(repr=False)
    candidate_bias: np.ndarray | None = field(default=None, repr=False)

    @property
    def units(self) -> int:
        """The length of the output."""
        return len(self.recurrent)

    @property
    def inputs(self) -> int:
        """How many numbers are multiplied by weights; 0 where an id is looked up."""
        return 0 if self.weight is None else len(self.weight)


@dataclass(frozen=True)
class Dense:
    """A linear layer with its activation: weight (inputs, units), bias (units,)."""

    name: str
    weight: np.ndarray = field(repr=False)
    bias: np.ndarray = field(repr=False)
    activation: str = "linear"


@dataclass(frozen=True)
class Chain:
    """A recurrent network: recurrent layers, then linear ones.

    Attributes:
        ids: how many ids there are, if inputs are ids; None for vectors.
        embedding: (ids, dim) vectors that stand for the ids; None for one-hot vectors.
        cells: at least one.
        dense: may be none.
    """

    ids: int | None
    embedding: np.ndarray | None = field(repr=False)
    cells: tuple[Cell, ...]
    dense: tuple[Dense, ...]

    @property
    def inputs(self) -> int:
        """The length of an input vector; 1 for an id."""
        return self.cells[0].inputs if self.ids is None else 1

    @property
    def outputs(self) -> int:
        """The length of an output."""
        return len(self.dense[-1].bias) if self.dense else self.cells[-1].units

    @property
    def multiply_adds(self) -> int:
        """Of one step."""
        cells = sum((cell.inputs + cell.units) * cell.start.shape[1] for cell in self.cells)
        return cells + sum(layer.weight.size for layer in self.dense)


def is_recurrent(model: Sequential) -> bool:
    """Whether a model has a recurrent layer."""
    return any(isinstance(layer, Recurrent) for layer in model.layers)


def chain_of(model: Sequential) -> Chain:
    """What a recurrent model computes in each step.

    Args:
        model: built: an embedding or none; recurrent layers; linear layers, each with an activation or none.

    Raises:
        InputError: it is made of other layers, or in another order.

    Example:
        >>> model = Sequential([layers.GRU(3, ids=4), layers.Linear(4)])
        >>> model.build((5,))
        (5, 4)
        >>> chain = chain_of(model)
        >>> chain.ids, chain.outputs, chain.multiply_adds
        (4, 4, 39)
    """
    ids = embedding = None
    cells: list[Cell] = []
    dense: list[Dense] = []
    for layer in model.layers:
        kind = type(layer)
        if kind is layers.Dropout:
            continue
        if type(layer) is layers.Embedding and layer.position == 0:
            ids, embedding = layer.ids, layer.table.data
        elif isinstance(layer, _CELLS) and kind in _CELLS and not dense and not (cells and layer.takes_ids):
            ids = layer.ids if layer.takes_ids else ids
            cells.append(_cell(layer))
        elif type(layer) is layers.Linear and cells:
            dense.append(Dense(layer.name, layer.weight.data, _from_zero(layer.bias.data)))
        elif kind in _ACTIVATION_LAYERS and dense and dense[-1].activation == "linear":
            last = dense.pop()
            dense.append(Dense(f"{last.name}+{layer.name}", last.weight, last.bias, _ACTIVATION_LAYERS[kind]))
        else:
            raise InputError(
                f"{layer.label} ({kind.__name__}) cannot be computed step by step here",
                expected="Embedding or none, then RNN, GRU or LSTM layers, then Linear layers, each with ReLU, "
                "Sigmoid, Tanh, Softmax or nothing behind it",
                fix="leave it out",
            )
    return Chain(ids, embedding, tuple(cells), tuple(dense))


def _cell(layer: Recurrent) -> Cell:
    bias, weight = layer.bias.data, layer.weight.data
    extra = _from_zero(layer.candidate_bias.data) if isinstance(layer, layers.GRU) else None
    start = _from_zero(weight + bias if layer.takes_ids else bias[None])
    kind = type(layer).__name__.lower()
    return Cell(layer.name, kind, start, None if layer.takes_ids else weight, layer.recurrent.data, extra)


def _from_zero(start: np.ndarray) -> np.ndarray:
    """Where sums start, never at -0: then no sum becomes -0, and nobody has to look at its sign."""
    return start + np.float32(0)


class Sums:
    """Weighted sums of one vector after another, added up term by term: start + x[0] * weight[0] + x[1] * weight[1]...

    Args:
        weight: (inputs, sums).

    Example:
        >>> sums = Sums(np.float32([[1, 2], [3, 4]]))
        >>> sums(np.float32([10, 20]), np.float32([1, 100]))
        array([311., 422.], dtype=float32)
    """

    def __init__(self, weight: np.ndarray):
        self.weight = weight
        self._terms = np.empty((len(weight) + 1, weight.shape[1]), np.float32)

    def __call__(self, start: np.ndarray, x: np.ndarray) -> np.ndarray:
        terms = self._terms
        terms[0] = start
        np.multiply(x[:, None], self.weight, out=terms[1:])
        if terms.shape[1] == 1:  # a single column would be added up pairwise
            return np.add.accumulate(terms[:, 0])[-1:]
        return np.add.reduce(terms, axis=0)  # row after row


State = tuple[np.ndarray, ...]


def advance(kind: str, projected: np.ndarray, product: np.ndarray, state: State) -> State:
    """The state after a step: (h,), or for an LSTM (h, c).

    Args:
        kind: "rnn", "gru" or "lstm".
        projected: (G * units,) the part of the input. Looked at for the candidate of a GRU only.
        product: (G * units,) all that the gates add up; for the candidate of a GRU the part of the state.
        state: before it.
    """
    units = len(state[0])
    if kind == "rnn":
        return (tanh(product),)
    if kind == "gru":
        gates = sigmoid(product[: 2 * units])
        r, z = gates[:units], gates[units:]
        n = tanh(projected[2 * units :] + r * product[2 * units :])
        return (n + z * (state[0] - n),)
    gates = sigmoid(product[: 3 * units])
    o, i, f = gates[:units], gates[units : 2 * units], gates[2 * units :]
    c = f * state[1] + i * tanh(product[3 * units :])
    return o * tanh(c), c


class Stepper:
    """A recurrent network that goes through a sequence step by step, in float32.

    Args:
        chain: the network.

    Example:
        >>> model = Sequential([layers.LSTM(3, ids=4), layers.Linear(2)])
        >>> model.build((5,))
        (5, 2)
        >>> stepper = Stepper(chain_of(model))
        >>> steps = np.stack([stepper.step(number) for number in (0, 3, 1, 1, 2)])
        >>> np.allclose(steps, model.predict(np.array([[0, 3, 1, 1, 2]]))[0], atol=1e-6)
        True
    """

    def __init__(self, chain: Chain):
        self.chain = chain
        self._inputs = [Sums(cell.start[:0] if cell.weight is None else cell.weight) for cell in chain.cells]
        self._recurrent = [Sums(cell.recurrent) for cell in chain.cells]
        self._dense = [Sums(layer.weight) for layer in chain.dense]
        self._projected: dict[int, np.ndarray] = {}  # what the first cell makes of an id that it has seen
        self.reset()

    def reset(self) -> None:
        """Begin a sequence: from a state of zeros."""
        self.states: list[State] = [
            (np.zeros(cell.units, np.float32),) * (2 if cell.kind == "lstm" else 1) for cell in self.chain.cells
        ]

    def step(self, x: int | np.ndarray) -> np.ndarray:
        """The outputs after one more id, or one more vector (inputs,)."""
        with np.errstate(all="ignore"):  # what is not finite is computed with, as in C
            y = np.empty(0, np.float32)
            for place, cell in enumerate(self.chain.cells):
                state = self.states[place]
                projected = start = self._inputs[place](cell.start[0], y) if place else self._first(x)
                if cell.kind == "gru":
                    start = np.concatenate([projected[: 2 * cell.units], cell.candidate_bias])
                self.states[place] = advance(cell.kind, projected, self._recurrent[place](start, state[0]), state)
                y = self.states[place][0]
            for sums, layer in zip(self._dense, self.chain.dense, strict=True):
                y = ACTIVATIONS[layer.activation](sums(layer.bias, y))
        return y

    def _first(self, x: int | np.ndarray) -> np.ndarray:
        """The part of the input in the sums of the first cell."""
        cell, embedding = self.chain.cells[0], self.chain.embedding
        if cell.weight is None:
            return cell.start[x]
        if isinstance(x, np.ndarray) or embedding is None:
            return self._inputs[0](cell.start[0], np.asarray(x))
        if x not in self._projected:
            self._projected[x] = self._inputs[0](cell.start[0], embedding[x])
        return self._projected[x]
