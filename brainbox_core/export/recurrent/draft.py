"""Recurrent networks as drafts of headers: a state that goes on step by step, and for text the choice of characters."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import numpy as np

from brainbox_core import __version__
from brainbox_core.errors import AccuracyError, InputError, UsageError
from brainbox_core.exact.int_stepper import IntChain, IntStepper, quantized
from brainbox_core.exact.sampling import Sampler
from brainbox_core.exact.stepper import Chain, Stepper, chain_of
from brainbox_core.export import c_names
from brainbox_core.export.c_names import Foreign
from brainbox_core.export.network import source as c_source
from brainbox_core.export.network.source import Vectors
from brainbox_core.export.origin import kind_of, origin
from brainbox_core.export.recurrent import programs as recurrent_programs
from brainbox_core.export.recurrent import sampling
from brainbox_core.export.recurrent.source import RecurrentText
from brainbox_core.export.report import Accuracy, Row, kilobytes
from brainbox_core.layers.recurrent import Recurrent
from brainbox_core.model.sequential import Sequential
from brainbox_core.rng import stream

if TYPE_CHECKING:
    from brainbox_core.export.exporter import Choices, Material

_STACK = 256  # bytes that a step or a choice takes at most; measured on the boards
_TEMPERATURES = (0.7, 0.7, 0.7, 1.0, 2.0, 0.25, 0.0)  # of the choices that are compared, one after another
_JUDGED = 4000  # characters of held-out text
_CHOSEN = -1.0  # in place of a token: choose one


class RecurrentDraft:
    """A recurrent network in float32, or with weights in int8; see `exporter.Draft`.

    Where a network reads ids and gives as many logits, its header also chooses the next id; where the model says what
    characters the ids stand for, it writes text. There is one way to lay it all out: `optimize` makes no difference.
    """

    fixed = 0

    def __init__(self, model: Sequential, name: str, choices: Choices, material: Material):
        self.model, self.name, self.choices, self.material = model, name, choices, material
        if material.calibration is not None:
            raise UsageError("a recurrent network needs no ranges", where="--calib", fix="leave it out")
        self.real = chain_of(model)
        for layer in model.layers:
            if not all(np.isfinite(array.data).all() for array in layer.parameters.values()):
                raise InputError(f"{layer.label} has weights that are not finite", fix="train the model again")
        self.dtype = choices.dtype or "float32"
        self.chain: Chain | IntChain = self.real if self.dtype == "float32" else quantized(self.real)
        self.characters, self.lines = _characters(model, self.real), bool(model.meta.get("lines"))
        self.source = RecurrentText(name, self.chain, choices.weights)
        self.title = f"{kind_of(model).shown(40)}: {_words(self.real)}"
        self.parameters, self.multiply_adds = len(model.params), self.real.multiply_adds
        self.arena, self.state, self.stack = self.source.arena, self.source.state, _STACK
        self.input = 4 * self.real.inputs + (8 if self.characters else 0)  # with the state of the random numbers
        self.output = 4 * self.real.outputs
        self.letters = sampling.table_bytes(self.characters) if self.characters else 0
        self.tables = self.source.table_bytes + self.letters
        if self.characters:
            self.programs = recurrent_programs.writer(self.lines)
        else:
            self.programs = recurrent_programs.sequence(ids=self.real.ids is not None)

    @property
    def ram(self) -> int:
        """Bytes in all."""
        weights = self.tables if self.choices.weights == "ram" else 0
        return self.arena + self.state + self.input + self.output + self.stack + weights

    # --- what is compared --------------------------------------------------------------------------------------------

    def vectors(self, count: int) -> np.ndarray:
        """One sequence: random inputs, held-out text, and then what the network itself chooses."""
        random, count = stream(0, "vectors"), max(count, 1)
        if self.real.ids is None:
            X = random.standard_normal((count, self.real.inputs + 1)).astype(np.float32)
        else:
            X = np.zeros((count, 3 if self.characters else 2), np.float32)
            X[:, 0] = random.integers(0, self.real.ids, count)
        X[:, -1] = np.arange(count) == 0
        if self.characters and count >= 4:
            quarter = count // 4
            if self.material.data is not None:
                known = np.asarray(self.material.data[0])[:quarter]
                X[quarter : quarter + len(known), 0] = known
            half = 2 * quarter
            X[half, 0], X[half, -1] = self.model.meta["start"], 1
            X[half + 1 :, 0] = _CHOSEN
            X[half + 1 :, 1] = np.resize(np.float32(_TEMPERATURES), count - half - 1)
        return X

    def run(self, X: np.ndarray) -> np.ndarray:
        """For each row the outputs of the reference; where it writes text, with the token before them."""
        stepper = self._stepper()
        rows: list[np.ndarray] = []
        samplers: dict[float, Sampler] = {}
        for row in X:
            if row[-1]:
                stepper.reset()
                samplers = {}
            if self.real.ids is None:
                rows.append(stepper.step(row[:-1]))
                continue
            token = int(row[0])
            if token < 0:
                token = _sampler(samplers, float(row[1])).choose(rows[-1][1:])
            y = stepper.step(token)
            if self.characters and not np.isfinite(y).all():
                raise InputError("the network's outputs are not finite", fix="train the model again")
            rows.append(np.concatenate([np.float32([token]), y]) if self.characters else y)
        return np.stack(rows)

    def _stepper(self) -> Stepper | IntStepper:
        return Stepper(self.chain) if isinstance(self.chain, Chain) else IntStepper(self.chain)

    # --- the header --------------------------------------------------------------------------------------------------

    def text(self, carried: Vectors, checked: str) -> str:
        """The header."""
        name = self.name
        parts = [
            self._comment(checked),
            c_source.opening(name, floats=True),
            self._sizes(),
            self.source.types(),
            "/* What was learned */\n\n" + self.source.tables(),
            "/* The steps */\n\n" + self.source.functions(samples=bool(self.characters)),
        ]
        if self.characters:
            parts += [sampling.functions(name, self.real.outputs), sampling.table(name, self.characters)]
        parts += [self._selftest(carried), c_source.closing(name)]
        return "\n".join(part.rstrip("\n") + "\n" for part in parts)

    def _comment(self, checked: str) -> str:
        name, model, chain = self.name, self.model, self.real
        given = f"const float *x: {chain.inputs} numbers"
        if chain.ids is not None:
            given = f"int token: 0 to {chain.ids - 1}"
        in_ram = self.choices.weights == "ram"
        lines = [
            f"{name}: a recurrent network in one header, made by brainbox {__version__}",
            "",
            f"model    {origin(model)}, {self.parameters:,} parameters",
            f"         SHA-256 of layers and weights {c_source.fingerprint(model)}",
            f"input    {given}, one step of a sequence",
            f"output   float y[{chain.outputs}]: {'logits of the next one' if self.characters else 'after that step'}",
            f"numbers  {'weights int8, the gates in float32' if self.dtype == 'int8' else 'float32'}",
            f"RAM      {self.ram:,} bytes: arena {self.arena:,}, state {self.state:,}, input, output, "
            f"about {self.stack} of stack{', and the weights' if in_ram else ''}",
            f"flash    {self.tables:,} bytes of weights, and the code",
            f"checked  {checked}",
            "",
            *(f"    {line}".rstrip() for line in self._usage()),
            "",
            "Every sequence may have a state of its own, and every run an arena; nothing else is written. Self-test",
            f"vectors take flash only where {name}_selftest is called.",
            "",
            *(f"    {row.title}  {row.output}" for row in self.rows()),
        ]
        return "/*\n" + "".join(f" * {line}".rstrip() + "\n" for line in lines) + " */\n"

    def _usage(self) -> list[str]:
        name, upper = self.name, self.name.upper()
        lines = [f"static {name}_arena_t arena;", f"static {name}_state_t state;"]
        if not self.characters:
            return [*lines, f"{name}_reset(&state);", f"{name}_step(&state, x, y, &arena);    for every step"]
        ends = f", until it is {upper}_START: the line ends" if self.lines else ""
        return [
            *lines,
            f"{name}_reset(&state), {name}_seed(&rng, 0), token = {upper}_START; then for every character",
            f"{name}_step(&state, token, y, &arena), token = {name}_sample(y, 0.7f, &rng),",
            f"put({name}_character(token)){ends}. The same seed gives the same text as in Python.",
        ]

    def _sizes(self) -> str:
        chain, in_ram = self.real, self.choices.weights == "ram"
        values = {
            "INPUT_SIZE": chain.inputs,
            "OUTPUT_SIZE": chain.outputs,
            "ARENA_SIZE": self.arena,
            "STATE_SIZE": self.state,
            "RAM_TOTAL": self.ram,
            "FLASH_CONST": self.letters if in_ram else self.tables,
        }
        if chain.ids is not None:
            values["TOKENS"] = chain.ids
        if self.characters:
            values["START"] = self.model.meta["start"]
        return "".join(f"#define {self.name.upper()}_{word} {value}\n" for word, value in values.items())

    def _selftest(self, carried: Vectors) -> str:
        """A function that goes through the first steps of the sequence that was compared."""
        name, X = self.name, carried.inputs.copy()
        X[:, -1] = np.arange(len(X)) == 0
        outputs = self.run(X) if len(X) else carried.outputs
        count = len(X)
        head = (
            "/* 0 if each embedded step gives its embedded output, else the number of the first that does not. */\n"
            f"static inline int {name}_selftest({name}_state_t *state, {name}_arena_t *arena)\n"
        )
        if not count:
            return f"{head}{{\n    (void)state;\n    (void)arena;\n    return 0;\n}}\n"
        y = outputs[:, 1:] if self.characters else outputs
        tables = []
        if self.real.ids is None:
            tables += [("float", "inputs", X[:, :-1])]
        else:
            tables += [("int16_t" if self.real.ids < 2**15 else "int32_t", "tokens", X[:, 0].astype(np.int32))]
        tables.append(("float", "outputs", y))
        check = choose = ""
        if self.characters:
            sampler = Sampler(1.0)
            tables.append(("int16_t", "choices", np.array([sampler.choose(row) for row in y])))
            choose = f"    {name}_rng_t rng;\n    {name}_seed(&rng, 0u);\n"
            check = f"""\
        if ({name}_sample(y, 1.0f, &rng) != {name}_selftest_choices[i]) {{
            return i + 1;
        }}
"""
        texts = []
        for kind, what, array in tables:
            sizes = "".join(f"[{size}]" for size in array.shape)
            inside = c_source.rows_of(array) if array.ndim > 1 else c_names.table(c_source.literals(array))
            texts.append(f"static const {kind} {name}_selftest_{what}{sizes} = {{\n{inside}\n}};\n")
        source = f"{name}_selftest_{'inputs' if self.real.ids is None else 'tokens'}[i]"
        return f"""\
{"".join(texts)}
{head}{{
    float y[{self.real.outputs}];
    int i, j;
{choose}    {name}_reset(state);
    for (i = 0; i < {count}; i++) {{
        if ({name}_step(state, {source}, y, arena) != 0) {{
            return i + 1;
        }}
        for (j = 0; j < {self.real.outputs}; j++) {{
            if (!(y[j] == {name}_selftest_outputs[i][j])) {{
                return i + 1;
            }}
        }}
{check}    }}
    return 0;
}}
"""

    # --- the report --------------------------------------------------------------------------------------------------

    def judge(self) -> dict[str, object]:
        """How often the likeliest character is the one that comes, and bits per character, on held-out text."""
        if self.material.data is None or not self.characters:
            return {}
        x, y = (np.asarray(part).reshape(-1)[:_JUDGED] for part in self.material.data)
        begins = x == (self.model.meta["start"] if self.lines else -1)
        trained = _logits(Stepper(self.real), x, begins)
        found = trained if self.dtype == "float32" else _logits(IntStepper(self.chain), x, begins)
        best = found.argmax(axis=1), trained.argmax(axis=1)
        accuracy = Accuracy(
            rows=len(x),
            exported=float((best[0] == y).mean()),
            trained=float((best[1] == y).mean()),
            agreement=float((best[0] == best[1]).mean()),
        )
        if accuracy.drop > self.material.max_drop:
            raise AccuracyError(
                f"int8 loses {accuracy.drop:.2f} points of accuracy, {self.material.max_drop:g} are allowed "
                f"(--max-drop): it guesses {accuracy.exported:.2%} of {len(x):,} characters and float32 "
                f"{accuracy.trained:.2%}",
                fix="--dtype float32, or --max-drop with more points",
            )
        bits, before = _bits(found, y), _bits(trained, y)
        words = f"bits per character {bits:.4f}" + (f" float32 {before:.4f}" if self.dtype == "int8" else "")
        return {"accuracy": accuracy, "judged": words}

    def rows(self) -> tuple[Row, ...]:
        """The layers."""
        size, chain = self.source, self.real
        rows, before = [], "embedding_0" if chain.embedding is not None else ""
        for cell in chain.cells:
            live, weights = (2 if self.dtype == "int8" else 4) * cell.units, size.layer_bytes(cell.name)
            title = f"{before}+{cell.name}" if before else cell.name
            weights += size.layer_bytes("embedding") if before else 0
            rows.append(Row(title, str(cell.units), weights, live, None, None))
            before = ""
        for layer in chain.dense:
            live = 0 if layer is chain.dense[-1] else 4 * len(layer.bias)
            rows.append(Row(layer.name, str(len(layer.bias)), size.layer_bytes(layer.name), live, None, None))
        return tuple(rows)

    def remedies(self, what: str, budget: int, code: int) -> list[str]:
        """Other choices that fit."""
        choices, ways = self.choices, []

        def tried(model: Sequential, **changes: str) -> int | None:
            """What another choice needs; None where it does not fit, or is not possible."""
            try:
                other = replace(choices, **{"dtype": self.dtype, **changes})
                draft = RecurrentDraft(model, self.name, other, self.material)
            except InputError:
                return None
            needed = draft.tables + code if what == "flash" else draft.ram
            return needed if needed <= budget else None

        if self.dtype == "float32" and (needed := tried(self.model, dtype="int8")):
            ways.append(f"--dtype int8 ({kilobytes(needed)})")
        if choices.weights == "ram" and (needed := tried(self.model, weights="flash")):
            ways.append(f"--weights flash (RAM {kilobytes(needed)}, flash {kilobytes(self.tables)})")
        low, high = 0, max(cell.units for cell in self.real.cells) - 1
        while low < high:  # the widest that fits
            middle = (low + high + 1) // 2
            low, high = (middle, high) if tried(_narrowed(self.model, middle)) else (low, middle - 1)
        return [*ways, f"--hidden {low}"] if low else ways

    def as_json(self) -> str:
        """Everything that the header says, for a program that writes other code."""
        document = {
            "name": self.name,
            "dtype": self.dtype,
            "network": asdict(self.chain),
            "characters": [character.plain() for character in self.characters],
            "start": self.model.meta.get("start"),
        }
        return json.dumps(document, sort_keys=True, default=lambda array: array.tolist()) + "\n"


def _characters(model: Sequential, chain: Chain) -> list[Foreign]:
    """What the ids stand for; empty where the model does not say."""
    found = model.meta.get("characters")
    if found is None or chain.ids is None:
        return []
    start = model.meta.get("start", 0)
    fits = isinstance(found, list) and len(found) == chain.ids == chain.outputs
    fits = fits and all(isinstance(character, str) and len(character) == 1 for character in found)
    if not fits or type(start) is not int or not 0 <= start < chain.ids:
        raise InputError("the model's characters do not fit its layers", fix="train it again")
    return [Foreign(character) for character in found]


def _narrowed(model: Sequential, units: int) -> Sequential:
    """A model, not trained, whose recurrent layers have at most so many units."""
    chain = []
    for layer in model.layers:
        settings = layer.config()
        if isinstance(layer, Recurrent):
            settings["units"] = min(units, layer.units)
        chain.append(type(layer)(**settings))
    narrow = Sequential(chain)
    narrow.build(model.input_shape)
    narrow.meta = model.meta
    return narrow


def _words(chain: Chain) -> str:
    """The network in a few words."""
    before = "" if chain.ids is None else "one-hot-" if chain.embedding is None else f"emb{chain.embedding.shape[1]}-"
    cells = [f"{cell.kind}{cell.units}" for cell in chain.cells]
    return before + "-".join([*cells, *(f"fc{len(layer.bias)}" for layer in chain.dense)])


def _sampler(samplers: dict[float, Sampler], temperature: float) -> Sampler:
    """Samplers of several temperatures that share their random numbers."""
    if temperature not in samplers:
        made = Sampler(temperature)
        if samplers:
            made.random = next(iter(samplers.values())).random
        samplers[temperature] = made
    return samplers[temperature]


def _logits(stepper: Stepper | IntStepper, ids: np.ndarray, begins: np.ndarray) -> np.ndarray:
    """What comes after each of some ids; a sequence begins where `begins` says so."""
    rows = []
    for number, begin in zip(ids.tolist(), begins, strict=True):
        if begin:
            stepper.reset()
        rows.append(stepper.step(number))
    return np.stack(rows)


def _bits(logits: np.ndarray, targets: np.ndarray) -> float:
    """The mean of -log2 of the probability of what came."""
    real = logits.astype(np.float64)
    real -= real.max(axis=1, keepdims=True)
    lost = np.log(np.exp(real).sum(axis=1)) - real[np.arange(len(targets)), targets]
    return float(lost.mean()) / math.log(2)
