"""A text as the character generator takes it: in numbers, with a part set aside."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from brainbox_core.datasets import catalog
from brainbox_core.errors import InputError
from brainbox_core.model.sequential import Sequential
from brainbox_core.rng import stream
from brainbox_core.tasks import contract
from brainbox_core.tasks.contract import HeldOut, Pipe, Progress, no_pipe
from brainbox_core.tasks.rnn.settings import BUILT_IN, Settings
from brainbox_core.text.characters import OTHER, Alphabet, bigram_bits, named, read_text, unigram_bits

LINE_END = "\n"
WINDOW = 64  # characters of context in the measurement that begins anew for every window


@dataclass(frozen=True)
class Data(contract.Data):
    """A text in numbers: to learn from, and to measure by.

    Attributes:
        alphabet: its characters.
        train: (n,) what is learned from; of lines, each between two line ends.
        val: (m,) what is held out, in the same form.
        lines: how many lines there are of both, if they are sequences of their own.
    """

    alphabet: Alphabet
    train: np.ndarray
    val: np.ndarray
    lines: tuple[int, int] | None = None

    @property
    def counts(self) -> dict[str, int]:
        train, val = self.lines or (len(self.train), len(self.val))
        return {"train": train, "val": val, "test": 0}

    @property
    def unit(self) -> str:
        return "lines" if self.lines else "characters"

    @property
    def held_out(self) -> HeldOut:
        return HeldOut(self.val[:-1], self.val[1:])  # for each character the next

    @property
    def baselines(self) -> dict[str, float]:
        """Bits per character of the held-out part for one who only counts."""
        texts = self.train, self.val, len(self.alphabet)
        return {"unigram_bits": unigram_bits(*texts), "bigram_bits": bigram_bits(*texts)}


def load_data(settings: Settings, progress: Progress | None = None, pipe: Pipe = no_pipe) -> Data:
    """The text that the settings name, with a part of it set aside: its end, or random lines."""
    return _split(settings, None, pipe)


def load_test_data(model: Sequential, name: str, progress: Progress | None = None, pipe: Pipe = no_pipe) -> Data:
    """What a model is measured by: a text split as the one that it was trained on, in its characters."""
    settings = Settings(data=name, seed=model.seed, lines=model.meta["lines"], val_split=model.meta["val_split"])
    data = _split(settings, Alphabet(model.meta["characters"]), pipe)
    if name == model.meta.get("data", {}).get("name", name):
        return data
    part = f"a part of its lines ({settings.val_split:.0%})" if settings.lines else f"its last {settings.val_split:.0%}"
    note = f"of {data.name} only {part} is judged, as in the training: {len(data.val):,} characters"
    return replace(data, notes=(*data.notes, note))


def _split(settings: Settings, alphabet: Alphabet | None, pipe: Pipe) -> Data:
    name, notes = settings.data, []
    text = read_text(pipe("a text") if name == "-" else catalog.builtin("play.txt") if name == BUILT_IN else name)
    name = name if name == BUILT_IN else text.name
    characters = text.characters
    if alphabet is None:
        alphabet = Alphabet.of(characters, always=LINE_END if settings.lines else "")
        if (kinds := len(set(characters))) > len(alphabet):
            notes.append(
                f"{name} has {kinds:,} different characters: the {len(alphabet) - 1:,} most frequent are learned, "
                f"the others all stand as {OTHER}"
            )
    elif OTHER not in alphabet.numbers and (unknown := set(characters) - set(alphabet.characters)):
        characters = "".join(character for character in characters if character not in unknown)
        first = ", ".join(named(character) for character in sorted(unknown)[:3])
        left = len(text.characters) - len(characters)
        notes.append(f"the model does not know {first}: {left:,} characters of {name} are left out")
    divide = _divide_lines if settings.lines else _divide_text
    train, val, lines = divide(characters, name, settings)
    return Data(name, text.sha256, tuple(notes), alphabet, alphabet.ids(train), alphabet.ids(val), lines)


def _divide_text(characters: str, name: str, settings: Settings) -> tuple[str, str, None]:
    """All but the end, and the end."""
    held = round(len(characters) * settings.val_split)
    least = math.ceil(max((WINDOW + 1) / settings.val_split, (settings.seq_len + 1) / (1 - settings.val_split))) + 1
    train = characters[: len(characters) - held][: settings.limit]
    if held <= WINDOW or len(train) <= settings.seq_len:
        what, expected = f"the text is too short: {len(characters):,} characters", f"at least {least:,}"
        fix = f"use a longer text, or {'a smaller `seq_len`' if held > WINDOW else 'hold out a larger share of it'}"
        if held > WINDOW and len(train) == settings.limit:
            what += f", of which {settings.limit:,} are to be learned from"
            expected = f"more than {settings.seq_len:,} to learn from"
            fix = "use a larger `limit`, or a smaller `seq_len`"
        raise InputError(what, where=name, expected=expected, fix=fix)
    _require_variety(train, name)
    return train, characters[len(characters) - held :], None


def _divide_lines(characters: str, name: str, settings: Settings) -> tuple[str, str, tuple[int, int]]:
    """Lines without those held out, and those held out, both between line ends."""
    lines = [line for line in characters.split(LINE_END) if line]
    held = round(len(lines) * settings.val_split)
    if not 0 < held < len(lines):
        least = math.ceil(1 / min(settings.val_split, 1 - settings.val_split))
        what, expected = f"there are too few lines: {len(lines)}", f"at least {least}"
        raise InputError(what, where=name, expected=expected, fix="use a longer text")
    order = stream(settings.seed, "split").permutation(len(lines))
    parts = [order[held:][: settings.limit], order[:held]]
    train, val = (LINE_END + "".join(lines[row] + LINE_END for row in sorted(part)) for part in parts)
    _require_variety(train.replace(LINE_END, ""), name)
    return train, val, (len(parts[0]), held)


def _require_variety(characters: str, name: str) -> None:
    if len(set(characters)) < 2:
        what = f"there is nothing to learn: every character is {named(characters[0])}"
        raise InputError(what, where=name, fix="use a text of at least two different characters")
