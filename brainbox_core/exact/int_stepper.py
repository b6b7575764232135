"""A recurrent network with its weights in 8 bits: the products are sums of integers, the gates float32.

What is between -1 and 1 (the output of a cell) becomes an int16 by the factor 32,767; so do embeddings, by a factor of
their own. The weights of every sum share one scale, 127 being the largest of them. A sum of int8 times int16 fits 32
bits, which is proved here for each, and is exact in whatever order; then it is brought to float32 and multiplied by its
scale once. tanh, sigmoid and the cell of an LSTM are float32, as in `stepper`. So 8 bits cost little accuracy, and
integers do nearly all of the work.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from brainbox_core.errors import InputError
from brainbox_core.exact.stepper import Cell, Chain, State, advance

MOST = 32767  # of a number between -1 and 1
_MOST_WEIGHT = 127
_SUM_LIMIT = 2**31 - 1
_LARGEST_SCALE = 1e28  # the largest sum times it is far from the end of float32


@dataclass(frozen=True)
class IntSums:
    """Weighted sums of integers: (x @ weight) * scale, in float32.

    Attributes:
        weight: (inputs, sums) of int8, from -127 to 127.
        scale: (sums,) of float32, that of the inputs included.
    """

    weight: np.ndarray = field(repr=False)
    scale: np.ndarray = field(repr=False)


@dataclass(frozen=True)
class IntCell:
    """One recurrent layer; what a `stepper.Cell` has, in integers.

    Attributes:
        name, kind: of the layer.
        units: the length of the output.
        bias: (G * units,) of float32; None where an id is looked up.
        table: a row of integers for every id; None for vectors.
        projection: of the input; None where an id is looked up.
        recurrent: of the state.
        candidate_bias: (units,) of float32, of a GRU.
    """

    name: str
    kind: str
    units: int
    bias: np.ndarray | None = field(repr=False)
    table: IntSums | None
    projection: IntSums | None
    recurrent: IntSums
    candidate_bias: np.ndarray | None = field(repr=False)

    @property
    def inputs(self) -> int:
        """How many numbers are multiplied by weights; 0 where an id is looked up."""
        return 0 if self.projection is None else len(self.projection.weight)


@dataclass(frozen=True)
class IntDense:
    """The last layer: sums of integers, and a float32 bias for each."""

    name: str
    sums: IntSums
    bias: np.ndarray = field(repr=False)
    activation: str = "linear"


@dataclass(frozen=True)
class IntChain:
    """A recurrent network in integers; what a `stepper.Chain` has.

    Attributes:
        embedding: (ids, dim) of int16; None for one-hot vectors.
    """

    ids: int
    embedding: np.ndarray | None = field(repr=False)
    cells: tuple[IntCell, ...]
    dense: tuple[IntDense, ...]
    outputs: int


def quantized(chain: Chain) -> IntChain:
    """A recurrent network with weights of 8 bits.

    Raises:
        InputError: it takes vectors, whose range is unknown; it has more behind its recurrent layers than one linear
            layer; or its weights are too large.

    Example:
        >>> cell = Cell("rnn_0", "rnn", np.float32([[0.5], [-1]]), None, np.float32([[0.25]]))
        >>> integers = quantized(Chain(2, None, (cell,), ()))
        >>> integers.cells[0].table.weight.tolist(), integers.cells[0].recurrent.weight.tolist()
        ([[64], [-127]], [[127]])
    """
    if chain.ids is None:
        raise InputError("a recurrent network in int8 reads ids, not vectors", fix="`dtype float32`")
    if len(chain.dense) > 1 or any(layer.activation != "linear" for layer in chain.dense):
        what = "a recurrent network in int8 has one linear layer behind its recurrent ones, without an activation"
        raise InputError(what, fix="`dtype float32`")
    embedding, scale = None, 1 / MOST
    if chain.embedding is not None:
        scale = max(float(np.abs(chain.embedding).max()), 1e-30) / MOST
        embedding = np.rint(chain.embedding.astype(np.float64) / scale).astype(np.int16)
    cells = []
    for cell in chain.cells:
        cells.append(_cell(cell, scale))
        scale = 1 / MOST
    dense = tuple(IntDense(layer.name, _sums(layer.name, layer.weight, 1 / MOST), layer.bias) for layer in chain.dense)
    return IntChain(chain.ids, embedding, tuple(cells), dense, chain.outputs)


def _cell(cell: Cell, scale: float) -> IntCell:
    table = projection = bias = None
    if cell.weight is None:
        table = _sums(cell.name, cell.start, 1.0, most=1)
    else:
        projection, bias = _sums(cell.name, cell.weight, scale), cell.start[0]
    recurrent = _sums(cell.name, cell.recurrent, 1 / MOST)
    return IntCell(cell.name, cell.kind, cell.units, bias, table, projection, recurrent, cell.candidate_bias)


def _sums(name: str, weight: np.ndarray, unit: float, most: int = MOST) -> IntSums:
    """Integer weights (inputs, sums). An input is a whole number from -most to most, and worth `unit` each."""
    weight = weight.astype(np.float64)
    scale = np.abs(weight).max(axis=0) / _MOST_WEIGHT
    scale[scale == 0] = 1.0
    while True:
        integers = np.rint(weight / scale)
        fits = (np.abs(integers).sum(axis=0) if most > 1 else np.abs(integers).max(axis=0)) * most <= _SUM_LIMIT
        if fits.all():
            break
        scale = np.where(fits, scale, 2 * scale)  # coarser weights, until their sums fit
    if (scale * unit).max() > _LARGEST_SCALE:
        raise InputError(f"the weights of {name} are too large for int8", fix="`dtype float32`")
    return IntSums(integers.astype(np.int8), (scale * unit).astype(np.float32))


def rounded(x: np.ndarray) -> np.ndarray:
    """Numbers between -1 and 1 as integers between -32,767 and 32,767, halves away from 0; float32 to int16."""
    return (x * np.float32(MOST) + np.copysign(np.float32(0.5), x)).astype(np.int16)


class IntStepper:
    """A recurrent network in integers that goes through a sequence step by step; see `stepper.Stepper`.

    Args:
        chain: the network.
    """

    def __init__(self, chain: IntChain):
        self.chain = chain
        # A float64 holds every integer below 2**53: such a product is exact, and fast.
        projections = {place: cell.projection for place, cell in enumerate(chain.cells)}
        self._projections = {place: sums.weight.astype(np.float64) for place, sums in projections.items() if sums}
        self._recurrent = [cell.recurrent.weight.astype(np.float64) for cell in chain.cells]
        self._dense = [layer.sums.weight.astype(np.float64) for layer in chain.dense]
        self.reset()

    def reset(self) -> None:
        """Begin a sequence: from a state of zeros."""
        self.outputs = [np.zeros(cell.units, np.int16) for cell in self.chain.cells]
        self.memories = [np.zeros(cell.units, np.float32) for cell in self.chain.cells]

    def step(self, x: int) -> np.ndarray:
        """The outputs after one more id, float32."""
        y = np.asarray(x) if self.chain.embedding is None else self.chain.embedding[x]
        for place, cell in enumerate(self.chain.cells):
            if cell.table is not None:
                projected = cell.table.weight[y].astype(np.float32) * cell.table.scale
            elif cell.projection is not None and cell.bias is not None:
                projected = cell.bias + _product(y, self._projections[place], cell.projection.scale)
            start = projected
            if cell.kind == "gru":
                start = np.concatenate([projected[: 2 * cell.units], cell.candidate_bias])
            sums = start + _product(self.outputs[place], self._recurrent[place], cell.recurrent.scale)
            state: State = (self.outputs[place].astype(np.float32) * np.float32(1 / MOST), self.memories[place])
            state = advance(cell.kind, projected, sums, state)
            self.memories[place] = state[-1]
            y = self.outputs[place] = rounded(state[0])
        for weight, layer in zip(self._dense, self.chain.dense, strict=True):
            return layer.bias + _product(y, weight, layer.sums.scale)
        return y.astype(np.float32) * np.float32(1 / MOST)


def _product(x: np.ndarray, weight: np.ndarray, scale: np.ndarray) -> np.ndarray:
    return (x.astype(np.float64) @ weight).astype(np.float32) * scale
