"""Recurrent networks as drafts of headers: a state that goes on step by step, and for text the choice of characters."""

from __future__ import annotations

import math
from dataclasses import asdict, replace

import numpy as np

from brainbox_core.errors import InputError
from brainbox_core.exact.int_stepper import IntChain, IntStepper, quantized
from brainbox_core.exact.sampling import Pcg32, Sampler
from brainbox_core.exact.stepper import Chain, Stepper, chain_of
from brainbox_core.export.c_names import Foreign
from brainbox_core.export.draft import Choices, Material, narrowed
from brainbox_core.export.header import Memory, Page, Vectors, differs, fails_if, macro, selftest, table, taken
from brainbox_core.export.origin import kind_of
from brainbox_core.export.programs import Programs
from brainbox_core.export.recurrent.source import RecurrentText, character_bytes, sampling
from brainbox_core.export.report import Accuracy, Judgement, Row, kilobytes
from brainbox_core.export.templates import filled
from brainbox_core.layers.recurrent import Recurrent
from brainbox_core.model.sequential import Sequential
from brainbox_core.rng import stream

_STACK = 256  # bytes that a step or a choice takes at most; measured on the boards
_TEMPERATURES = (0.7, 0.7, 0.7, 1.0, 2.0, 0.25, 0.0)  # of the choices that are compared, one after another
_JUDGED = 4000  # characters of held-out text
_CHOSEN = -1.0  # in place of a token: choose one


class RecurrentDraft:
    """A recurrent network in float32, or with weights in int8; see `draft.Draft`.

    Where a network reads ids and gives as many logits, its header also chooses the next id; where the model says what
    characters the ids stand for, it writes text. There is one way to lay it all out: `optimize` makes no difference.
    """

    fixed = 0

    def __init__(self, model: Sequential, name: str, choices: Choices, material: Material):
        self.model, self.name, self.choices, self.material = model, name, choices, material
        material.refuse_calibration("a recurrent network needs no ranges")
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
        letters = character_bytes(self.characters)
        self.memory = Memory(
            arena=self.source.arena,
            input=4 * self.real.inputs + (8 if self.characters else 0),  # with the state of the random numbers
            output=4 * self.real.outputs,
            stack=_STACK,
            state=self.source.state,
            tables=self.source.table_bytes + letters,
            constant=letters,
            weights=choices.weights,
        )
        if self.characters:  # the example writes 20 lines, or 500 characters: what `brainbox rnn sample` writes
            self.programs = Programs("recurrent/writer", {"lines": self.lines})
        else:
            source, parameter = ("x", "const float *x") if self.real.ids is None else ("(int)x[0]", "int x")
            self.programs = Programs("recurrent/steps", {"source": source, "parameter": parameter})

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
            X[half + 1 :, 1] = np.resize(np.array(_TEMPERATURES, np.float32), count - half - 1)
        return X

    def run(self, X: np.ndarray) -> np.ndarray:
        """For each row the outputs of the reference; where it writes text, with the token before them."""
        stepper = self._stepper()
        rows: list[np.ndarray] = []
        random = Pcg32(0)
        for row in X:
            if row[-1]:
                stepper.reset()
                random = Pcg32(0)
            if self.real.ids is None:
                rows.append(stepper.step(row[:-1]))
                continue
            token = int(row[0])
            if token < 0:
                sampler = Sampler(float(row[1]))
                sampler.random = random
                token = sampler.choose(rows[-1][1:])
            y = stepper.step(token)
            if self.characters and not np.isfinite(y).all():
                raise InputError("the network's outputs are not finite", fix="train the model again")
            rows.append(np.append(np.float32(token), y) if self.characters else y)
        return np.stack(rows)

    def _stepper(self) -> Stepper | IntStepper:
        return Stepper(self.chain) if isinstance(self.chain, Chain) else IntStepper(self.chain)

    # --- the header --------------------------------------------------------------------------------------------------

    def page(self, carried: Vectors) -> Page:
        """The header."""
        name, chain, memory = self.name, self.real, self.memory
        meaning = "logits of the next one" if self.characters else "after that step"
        given = f"const float *x: {chain.inputs} numbers"
        if chain.ids is not None:
            given = f"int token: 0 to {chain.ids - 1}"
        code = [
            "/* What was learned */\n\n" + self.source.tables(),
            "/* The steps */\n\n" + self.source.functions(samples=bool(self.characters)),
        ]
        if self.characters:
            code.append(sampling(name, self.characters))
        macros = [] if chain.ids is None else [macro(name, "TOKENS", chain.ids)]
        macros += [macro(name, "START", self.model.meta["start"])] if self.characters else []
        return Page(
            name=name,
            model=self.model,
            what="a recurrent network",
            size=f"{self.parameters:,} parameters",
            facts={
                "input": f"{given}, one step of a sequence",
                "output": f"float y[{chain.outputs}]: {meaning}",
                "numbers": "weights int8, the gates in float32" if self.dtype == "int8" else "float32",
            },
            memory=memory,
            ram=f"arena {memory.arena:,}, state {memory.state:,}, input, output, about {memory.stack} of stack",
            flash="weights, and the code",
            usage=self._usage(),
            notes=[
                "Every sequence may have a state of its own, and every run an arena; nothing else is written.",
                f"Self-test vectors take flash only where {name}_selftest is called.",
                "",
                *(f"    {row.title}  {row.output}" for row in self.rows()),
            ],
            inputs=chain.inputs,
            outputs=chain.outputs,
            macros=macros,
            types=[self.source.types(), filled("recurrent/rng.h.in", name) if self.characters else ""],
            code=[*code, self._selftest(carried)],
        )

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

    def _selftest(self, carried: Vectors) -> str:
        """A function that goes through the first steps of the sequence that was compared."""
        name, X = self.name, carried.inputs.copy()
        X[:, -1] = np.arange(len(X)) == 0
        y = self.run(X) if len(X) else carried.outputs
        y = y[:, 1:] if self.characters else y
        given, array = "inputs", X[:, :-1]
        if self.real.ids is not None:
            given, array = "tokens", X[:, 0].astype(np.int16 if self.real.ids < 2**15 else np.int32)
        tables = [table(name, f"selftest_{given}", array), table(name, "selftest_outputs", y)]
        start, source = [f"float y[{self.real.outputs}];", "int i, j;"], "x"
        declared, check = taken(name, "float", self.real.inputs)
        if self.real.ids is not None:
            declared, check, source = [], [], f"{name}_selftest_tokens[i]"
        start += declared
        check += fails_if(f"{name}_step(state, {source}, y, arena) != 0")
        check += differs(name, self.real.outputs)
        if self.characters:
            sampler = Sampler(1.0)
            choices = np.array([sampler.choose(row) for row in y], np.int64)
            tables.append(table(name, "selftest_choices", choices, kind="int16_t"))
            start += [f"{name}_rng_t rng;", f"{name}_seed(&rng, 0u);"]
            check += fails_if(f"{name}_sample(y, 1.0f, &rng) != {name}_selftest_choices[i]")
        return selftest(
            name,
            parameters=[f"{name}_state_t *state", f"{name}_arena_t *arena"],
            tables=tables,
            count=len(X),
            start=[*start, f"{name}_reset(state);"],
            check=check,
        )

    # --- the report --------------------------------------------------------------------------------------------------

    def judge(self) -> Judgement:
        """How often the likeliest character is the one that comes, and bits per character, on held-out text."""
        if self.material.data is None or not self.characters:
            return Judgement()
        x, y = (np.asarray(part).reshape(-1)[:_JUDGED] for part in self.material.data)
        begins = x == (self.model.meta["start"] if self.lines else -1)
        trained = _logits(Stepper(self.real), x, begins)
        found = trained if self.dtype == "float32" else _logits(self._stepper(), x, begins)
        accuracy = Accuracy.of(found.argmax(axis=1), trained.argmax(axis=1), y)
        accuracy.check(self.material.max_drop, self.dtype, "characters")
        bits, before = _bits(found, y), _bits(trained, y)
        words = f"bits per character {bits:.4f}" + (f" float32 {before:.4f}" if self.dtype == "int8" else "")
        return Judgement(accuracy, words)

    def rows(self) -> tuple[Row, ...]:
        """The layers."""
        size, chain = self.source, self.real
        rows, before = [], "embedding_0" if chain.embedding is not None else ""
        for cell in chain.cells:
            live, weights = (2 if self.dtype == "int8" else 4) * cell.units, size.layer_bytes(cell.name)
            title = f"{before}+{cell.name}" if before else cell.name
            weights += size.layer_bytes("embedding") if before else 0
            rows.append(Row(title, str(cell.units), weights, live))
            before = ""
        for layer in chain.dense:
            live = 0 if layer is chain.dense[-1] else 4 * len(layer.bias)
            rows.append(Row(layer.name, str(len(layer.bias)), size.layer_bytes(layer.name), live))
        return tuple(rows)

    def remedies(self, what: str, budget: int, code: int) -> list[str]:
        """Other choices that fit."""
        choices, ways = self.choices, list[str]()

        def tried(model: Sequential, dtype: str = self.dtype, weights: str = choices.weights) -> int | None:
            """What another choice needs; None where it does not fit, or is not possible."""
            try:
                other = replace(choices, dtype=dtype, weights=weights)
                draft = RecurrentDraft(model, self.name, other, self.material)
            except InputError:
                return None
            needed = draft.memory.tables + code if what == "flash" else draft.memory.ram
            return needed if needed <= budget else None

        if self.dtype == "float32" and (needed := tried(self.model, dtype="int8")):
            ways.append(f"`dtype int8` ({kilobytes(needed)})")
        if choices.weights == "ram" and (needed := tried(self.model, weights="flash")):
            ways.append(f"`weights flash` (RAM {kilobytes(needed)}, flash {kilobytes(self.memory.tables)})")
        wide = {place: layer.units for place, layer in enumerate(self.model.layers) if isinstance(layer, Recurrent)}
        low, high = 0, max(wide.values()) - 1
        while low < high:  # the widest that fits
            middle = (low + high + 1) // 2
            widths = {place: min(middle, units) for place, units in wide.items()}
            fits = tried(narrowed(self.model, "units", widths))
            low, high = (middle, high) if fits else (low, middle - 1)
        return [*ways, f"`hidden {low}`"] if low else ways

    def document(self) -> dict[str, object]:
        """The network with all weights, and the characters."""
        return {
            "dtype": self.dtype,
            "network": asdict(self.chain),
            "characters": [character.plain() for character in self.characters],
            "start": self.model.meta.get("start"),
        }


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


def _words(chain: Chain) -> str:
    """The network in a few words."""
    before = "" if chain.ids is None else "one-hot-" if chain.embedding is None else f"emb{chain.embedding.shape[1]}-"
    cells = [f"{cell.kind}{cell.units}" for cell in chain.cells]
    return before + "-".join([*cells, *(f"fc{len(layer.bias)}" for layer in chain.dense)])


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
