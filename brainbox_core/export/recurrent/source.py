"""A recurrent network as C text: a state, and functions that reset it and take it one step further.

The functions do what `stepper.Stepper` and `int_stepper.IntStepper` do, operation by operation. A table holds
the weights in the order in which they are used: for each unit, for each input, the gates side by side, whose sums stay
in registers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from brainbox_core.exact.int_stepper import IntCell, IntChain, IntDense
from brainbox_core.exact.sampling import MULTIPLIER, STREAM
from brainbox_core.exact.stepper import GATES, Cell, Chain, Dense
from brainbox_core.export import c_math, c_names
from brainbox_core.export.c_names import Foreign
from brainbox_core.export.header import table
from brainbox_core.export.templates import filled

_LETTERS = {"rnn": "n", "gru": "rzn", "lstm": "oifn"}  # the gates
_SUMS = {"rnn": "n", "gru": "rzu", "lstm": "oifn"}  # what the part of the state is added to


class RecurrentText:
    """The parts of a header for one network.

    Args:
        name: what every identifier begins with.
        chain: in float32 or in integers.
        weights: "flash" or "ram", where the tables lie.

    Attributes:
        number: the C type of what goes from layer to layer.
        arena: bytes of scratch memory.
        state: bytes that are kept from one step to the next.
    """

    def __init__(self, name: str, chain: Chain | IntChain, weights: str = "flash"):
        self.name, self.chain, self.weights = name, chain, weights
        self.cells: list[Cell | IntCell] = [*chain.cells]
        self.dense: list[Dense | IntDense] = [*chain.dense]
        self.integers = isinstance(chain, IntChain)
        self.number = "int16_t" if self.integers else "float"
        size = 2 if self.integers else 4
        self.scratch = self._scratch()
        self.arena = size * self.scratch
        cells = self.cells
        memories = sum(4 * cell.units for cell in cells if cell.kind == "lstm")
        state = memories + sum(size * cell.units for cell in cells)
        unit = 4 if memories else size
        self.state = -(-state // unit) * unit
        self._tables = dict(self._all_tables())

    def _scratch(self) -> int:
        """Numbers: a cell's next output beside its last; then what lies between linear layers, in turn at both ends."""
        widths = [len(layer.bias) for layer in self.dense[:-1]]
        pairs = [sum(pair) for pair in pairwise(widths)]
        return max([cell.units for cell in self.cells] + widths + pairs)

    # --- tables ------------------------------------------------------------------------------------------------------

    @property
    def table_bytes(self) -> int:
        """Of all tables."""
        return sum(array.nbytes for array in self._tables.values())

    def layer_bytes(self, layer: str) -> int:
        """Of the tables of a layer; of `embedding` those of the embedding."""
        plain = layer.replace("+", "_")
        return sum(array.nbytes for word, array in self._tables.items() if word.rpartition("_")[0] == plain)

    def tables(self) -> str:
        """Their definitions."""
        return "\n".join(table(self.name, word, array.ravel(), self.weights) for word, array in self._tables.items())

    def _all_tables(self) -> Iterator[tuple[str, np.ndarray]]:
        if self.chain.embedding is not None:
            yield "embedding_vectors", self.chain.embedding
        for cell in self.cells:
            yield from self._int_tables(cell) if isinstance(cell, IntCell) else self._float_tables(cell)
        for layer in self.dense:
            plain = layer.name.replace("+", "_")
            if isinstance(layer, IntDense):
                yield f"{plain}_weights", np.ascontiguousarray(layer.sums.weight.T)
                yield f"{plain}_scales", np.stack([layer.bias, layer.sums.scale], axis=1)
            else:
                yield f"{plain}_weights", np.concatenate([layer.bias[:, None], layer.weight.T], axis=1)

    def _float_tables(self, cell: Cell) -> Iterator[tuple[str, np.ndarray]]:
        yield f"{cell.name}_start", _by_unit(cell.start, cell.kind)
        if cell.candidate_bias is not None:
            yield f"{cell.name}_candidate", cell.candidate_bias
        rows = [cell.recurrent] if cell.weight is None else [cell.weight, cell.recurrent]
        yield f"{cell.name}_weights", _by_unit(np.concatenate(rows), cell.kind).transpose(1, 0, 2)

    def _int_tables(self, cell: IntCell) -> Iterator[tuple[str, np.ndarray]]:
        if cell.table is not None:
            yield f"{cell.name}_start", _by_unit(cell.table.weight, cell.kind)
        first = [] if cell.projection is None else [cell.projection]
        rows = [*(sums.weight for sums in first), cell.recurrent.weight]
        yield f"{cell.name}_weights", _by_unit(np.concatenate(rows), cell.kind).transpose(1, 0, 2)
        scales = [cell.table.scale] if cell.table is not None else [cell.bias, *(sums.scale for sums in first)]
        columns = list(_by_unit(np.stack([*scales, cell.recurrent.scale]), cell.kind))
        if cell.candidate_bias is not None:
            columns.append(cell.candidate_bias[:, None])
        yield f"{cell.name}_scales", np.concatenate(columns, axis=1)

    # --- types and functions -----------------------------------------------------------------------------------------

    def types(self) -> str:
        """The types of the state and of the arena."""
        cells = self.cells
        members = [f"float memory_{i}[{cell.units}];" for i, cell in enumerate(cells) if cell.kind == "lstm"]
        members += [f"{self.number} output_{i}[{cell.units}];" for i, cell in enumerate(cells)]
        return (
            "typedef struct {\n" + "".join(f"    {member}\n" for member in members) + f"}} {self.name}_state_t;\n\n"
            f"typedef struct {{\n    {self.number} values[{self.scratch}];\n}} {self.name}_arena_t;\n"
        )

    def functions(self, samples: bool) -> str:
        """The functions of the layers, NAME_reset and NAME_step.

        Args:
            samples: whether exp is needed beside tanh and sigmoid.
        """
        kinds = {cell.kind for cell in self.cells}
        needed = {"tanh"} | ({"sigmoid"} if kinds & {"gru", "lstm"} else set()) | ({"exp"} if samples else set())
        needed |= {layer.activation for layer in self.dense}
        parts = [c_math.c_functions(self.name, needed)]
        parts += [self._cell(cell) for cell in self.cells]
        parts += [self._dense(layer) for layer in self.dense]
        return "\n".join([*parts, self._reset(), self._step()])

    def _cell(self, cell: Cell | IntCell) -> str:
        """One step of a cell."""
        looked_up = cell.inputs == 0
        embedded = cell is self.cells[0] and self.chain.embedding is not None
        space = f"{self.name}_SPACE " * embedded
        sums = self._int_sums(cell) if isinstance(cell, IntCell) else self._float_sums(cell)
        return filled(
            "recurrent/cell.h.in",
            self.name,
            cell=cell.name,
            given=f"one of {len(self._tables[f'{cell.name}_start'])} ids" if looked_up else f"{cell.inputs} numbers",
            units=cell.units,
            source="int32_t token" if looked_up else f"const {space}{self.number} *x",
            memory=", float *memory" * (cell.kind == "lstm"),
            starts=looked_up or not self.integers,
            place=f" + token * {GATES[cell.kind] * cell.units}" * looked_up,
            sums="".join(f"        {line}\n" for line in sums),
            number=self.number,
            weight="int8_t" if self.integers else "float",
            integers=self.integers,
            y="y" if self.integers else "next[unit]",
            last=self._real("h[unit]"),
            **{kind: cell.kind == kind for kind in GATES},
        )

    def _float_sums(self, cell: Cell) -> list[str]:
        letters, gates = _LETTERS[cell.kind], GATES[cell.kind]
        lines = [f"float {', '.join(f'{letter} = start[{g}]' for g, letter in enumerate(letters))};"]
        if cell.kind == "gru":
            lines.append(f"float u = {self.name}_{cell.name}_candidate[unit];")
        if cell.inputs:
            lines += _loop(cell.inputs, "float", "x", letters, f"{self.name}_PRODUCT(v, {{}})")
        lines += _loop(cell.units, "float", "h", _SUMS[cell.kind], f"{self.name}_PRODUCT(v, {{}})")
        return [*lines, f"start += {gates};"]

    def _int_sums(self, cell: IntCell) -> list[str]:
        letters, gates, sums = _LETTERS[cell.kind], GATES[cell.kind], "abcd"[: GATES[cell.kind]]
        lines = [f"int32_t {', '.join(f'{a} = 0' for a in sums)};"]
        if cell.inputs:
            declared = [f"float {letter};" for letter in letters]
            lines = [lines[0], *declared]
            lines += _loop(cell.inputs, "int32_t", "x", sums)
            for g, (letter, a) in enumerate(zip(letters, sums, strict=True)):
                lines += [f"{letter} = s[{g}] + {self.name}_PRODUCT((float){a}, s[{gates + g}]);", f"{a} = 0;"]
            at = 2 * gates
        else:
            lines += [
                f"float {letter} = {self.name}_PRODUCT((float)start[{g}], s[{g}]);" for g, letter in enumerate(letters)
            ]
            lines.append(f"start += {gates};")
            at = gates
        if cell.kind == "gru":
            lines.insert(1, f"float u = s[{at + gates}];")
        lines += _loop(cell.units, "int32_t", "h", sums)
        for g, (letter, a) in enumerate(zip(_SUMS[cell.kind], sums, strict=True)):
            lines.append(f"{letter} = {letter} + {self.name}_PRODUCT((float){a}, s[{at + g}]);")
        return [*lines, f"s += {at + gates + (cell.kind == 'gru')};"]

    def _real(self, value: str) -> str:
        """What a number of the state stands for."""
        literal = c_names.float_literal(1 / 32767)
        return f"{self.name}_PRODUCT((float){value}, {literal})" if self.integers else value

    def _dense(self, layer: Dense | IntDense) -> str:
        value = {"relu": "a < 0.0f ? 0.0f : a", "linear": "a", "softmax": "a"}
        return filled(
            "recurrent/dense.h.in",
            self.name,
            layer=layer.name,
            function=f"{self.name}_{layer.name.replace('+', '_')}",
            inputs=len(layer.sums.weight if isinstance(layer, IntDense) else layer.weight),
            units=len(layer.bias),
            number=self.number,
            integers=self.integers,
            value=value.get(layer.activation, f"{self.name}_{layer.activation}(a)"),
            softmax=layer.activation == "softmax",
        )

    def _reset(self) -> str:
        lines = []
        for i, cell in enumerate(self.cells):
            zero = "0" if self.integers else "0.0f"
            inner = [f"state->output_{i}[i] = {zero};"]
            inner += [f"state->memory_{i}[i] = 0.0f;"] if cell.kind == "lstm" else []
            lines += [f"    for (i = 0; i < {cell.units}; i++) {{", *(f"        {line}" for line in inner), "    }"]
        return (
            "/* Begins a sequence. */\n"
            f"{self.name}_API void {self.name}_reset({self.name}_state_t *state)\n{{\n    int32_t i;\n"
            + "".join(f"{line}\n" for line in lines)
            + "}\n"
        )

    def _step(self) -> str:
        name, chain = self.name, self.chain
        source = "const float *x" if chain.ids is None else "int token"
        lines = []
        if chain.ids is not None:
            lines += [f"if (token < 0 || token >= {chain.ids}) {{", "    return 1;", "}"]
        before = "x" if chain.ids is None else "token"
        if chain.embedding is not None:
            before = f"{name}_embedding_vectors + token * {chain.embedding.shape[1]}"
        for i, cell in enumerate(self.cells):
            memory = f", state->memory_{i}" if cell.kind == "lstm" else ""
            lines.append(f"{name}_{cell.name}({before}, state->output_{i}{memory}, arena->values);")
            before = f"state->output_{i}"
        low = True
        for layer in self.dense[:-1]:
            target = "arena->values" if low else f"arena->values + {self.scratch - len(layer.bias)}"
            lines.append(f"{name}_{layer.name.replace('+', '_')}({before}, {target});")
            before, low = target, not low
        if self.dense:
            lines.append(f"{name}_{self.dense[-1].name.replace('+', '_')}({before}, y);")
        else:
            last = len(self.cells) - 1
            copied = self._real(f"state->output_{last}[i]")
            lines = ["int32_t i;", *lines, f"for (i = 0; i < {chain.outputs}; i++) {{", f"    y[i] = {copied};", "}"]
        text = "".join(f"    {line}\n" for line in [*lines, "return 0;"])
        refused = (
            "" if chain.ids is None else f", or 1, and nothing is done, if the token is not one of 0 to {chain.ids - 1}"
        )
        return (
            f"/* Goes one step on, to y[{chain.outputs}]; returns 0{refused}. */\n"
            f"{name}_API int {name}_step({name}_state_t *state, {source}, float *y, {name}_arena_t *arena)\n"
            f"{{\n{text}}}\n"
        )


def _by_unit(array: np.ndarray, kind: str) -> np.ndarray:
    """The gates of each unit side by side: (rows, G * units) -> (rows, units, G)."""
    return np.ascontiguousarray(array.reshape(len(array), GATES[kind], -1).transpose(0, 2, 1))


def _loop(count: int, number: str, source: str, sums: str, product: str = "v * {}") -> list[str]:
    """Adds `count` inputs, each times its weights, to some sums."""
    gates = len(sums)
    body = [f"const {number} v = {source}[j];"]
    body += [f"{name} += {product.format(f'k[{g}]')};" for g, name in enumerate(sums)]
    return [f"for (j = 0; j < {count}; j++) {{", *(f"    {line}" for line in body), f"    k += {gates};", "}"]


# --- choosing a character --------------------------------------------------------------------------------------------


def sampling(name: str, characters: Sequence[Foreign]) -> str:
    """The functions that choose a character as `exact.sampling` does, bit for bit, and the table of the characters."""
    return filled(
        "recurrent/sampling.h.in",
        name,
        size=len(characters),
        width=character_bytes(characters) // len(characters),
        strings=",\n".join("    " + character.string() for character in characters) + "\n",
        multiplier=f"{MULTIPLIER}ULL",
        increment=f"{(STREAM << 1 | 1) % 2**64}ULL",
    )


def character_bytes(characters: Sequence[Foreign]) -> int:
    """Of the table of the characters, each with a zero behind it."""
    return len(characters) * (1 + max((character.size for character in characters), default=0))
