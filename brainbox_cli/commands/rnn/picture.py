"""The pictures of `brainbox rnn --plot`: the loss, the gradient, the characters as a map, and units over a text."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np

from brainbox_core.files.reading import printable
from brainbox_core.model.sequential import Sequential
from brainbox_core.screen.plotting import BLUE, INK, MUTED, ORANGE, RED, SIGNED, Figure, label, mark, new_figure, save
from brainbox_core.tasks.rnn.data import Data
from brainbox_core.tasks.rnn.train import Result
from brainbox_core.tensor import Tensor, no_grad

ROWS, COLUMNS = 6, 72  # of the text over which units are shown
READ = 3000  # characters by which those units are chosen
MAPPED = 100  # of the most frequent characters
KINDS = (("vowels", BLUE), ("other letters", INK), ("capitals", ORANGE), ("the rest", RED))
VOWELS = set("aeiouy")
LETTER: dict[str, Any] = {
    "ha": "center",
    "va": "center",
    "family": "DejaVu Sans Mono",
    "fontsize": 7.5,
    "parse_math": False,
}


def draw(folder: Path, model: Sequential, data: Data, result: Result) -> dict[str, Path]:
    """Loss, gradient, characters and units."""
    figures: dict[str, Callable[[], Figure]] = {
        "loss": lambda: loss_curve(result),
        "gradient": lambda: gradient(result),
        "characters": lambda: character_map(model, data),
        "units": lambda: units_over_text(model, data),
    }
    return save(folder, figures)


def loss_curve(result: Result) -> Figure:
    """Bits per character by step, on the training and the held-out part, beside the baselines that only count."""
    steps = [row["step"] for row in result.history]
    figure = new_figure(7, 4)
    axes = figure.subplots()
    for name, height in (("unigram", "unigram_bits"), ("bigram", "bigram_bits")):
        axes.axhline(result.figures[height], color=MUTED, linewidth=1, linestyle="--")
        axes.annotate(
            f"{name}, by counting",
            (1, result.figures[height]),
            xycoords=("axes fraction", "data"),
            xytext=(0, 3),
            textcoords="offset points",
            ha="right",
            color=MUTED,
            fontsize=8,
        )
    training = [row["train_loss"] / math.log(2) for row in result.history]
    held = [row["bits_per_char"] for row in result.history]
    for bits, name, colour in ((training, "training", MUTED), (held, "held out", BLUE)):
        axes.plot(steps, bits, color=colour, linewidth=2, marker="o", markersize=4, label=name)
    best = held[steps.index(result.best_step)]
    mark(axes, result.best_step, best, f"best: {best:.3f}")
    label(axes, "Bits per character", "step")
    axes.set_ylim(bottom=0)
    axes.legend(loc="lower left")
    return figure


def gradient(result: Result) -> Figure:
    """The length of the gradient at every step, and what is left of it on its way back through time."""
    figure = new_figure(10, 3.8)
    left, right = figure.subplots(1, 2)
    lengths = np.zeros(0) if result.norms is None else result.norms
    left.plot(range(1, len(lengths) + 1), lengths, color=BLUE, linewidth=0.7)
    label(left, "Length of the gradient", "step")
    colours = [BLUE, ORANGE, RED, INK]
    for number, (name, norms) in enumerate(result.flows["after"].items()):
        colour = colours[number % len(colours)]
        right.plot(range(len(norms)), norms[::-1], color=colour, linewidth=2, label=printable(name))
        if "before" in result.flows:
            before = result.flows["before"][name][::-1]
            right.plot(range(len(norms)), before, color=colour, linewidth=1, linestyle=":", label="before training")
    label(right, "What is left of it, so many characters back", "characters back")
    right.legend()
    for axes, values in ((left, lengths), (right, np.concatenate(list(result.flows["after"].values())))):
        if np.any(values > 0):
            axes.set_yscale("log")
    return figure


def character_map(model: Sequential, data: Data) -> Figure:
    """Each character at the first two principal components of its weights: those that are treated alike are near."""
    first, second = cast(Any, model.layers[:2])  # one of two kinds
    vectors = first.table.data @ second.weight.data if hasattr(first, "table") else first.weight.data
    counts = np.bincount(data.train, minlength=len(vectors))
    chosen = np.argsort(-counts, kind="stable")[:MAPPED]
    shares = counts[chosen] / counts[chosen].sum()  # rare characters have learned little, so they weigh little
    centred = vectors[chosen] - shares @ vectors[chosen]
    components = np.linalg.svd(np.sqrt(shares)[:, None] * centred, full_matrices=False)[2]
    places = centred @ components[:2].T  # (characters, up to 2)
    if places.shape[1] < 2:
        places = np.column_stack([places, np.zeros((len(places), 2 - places.shape[1]))])
    figure = new_figure(7, 6)
    axes = figure.subplots()
    for number, (x, y) in zip(chosen, places, strict=True):
        character = model.meta["characters"][number]
        shown = {" ": "space", "\n": "line end"}.get(character, printable(character))
        colour = dict(KINDS)[_kind(character)]
        size = 15 if len(shown) == 1 else 8
        axes.text(x, y, shown, color=colour, ha="center", va="center", fontsize=size, parse_math=False)
    margin = 1.12 * np.abs(places).max() or 1
    axes.set(xlim=(-margin, margin), ylim=(-margin, margin), xticks=[], yticks=[])
    for name, colour in KINDS:
        axes.plot([], [], "o", color=colour, label=name)
    axes.legend(loc="upper left", bbox_to_anchor=(0, -0.02), ncols=4, fontsize=9)
    axes.set_title("Characters that it treats alike are near each other", loc="left", fontweight="bold")
    return figure


def _kind(character: str) -> str:
    if not character.isalpha():
        return "the rest"
    if character != character.lower():
        return "capitals"
    return "vowels" if character in VOWELS else "other letters"


def units_over_text(model: Sequential, data: Data) -> Figure:
    """A held-out text coloured by units of the last recurrent layer: those that follow something one can name."""
    text, values = _outputs(model, data)
    chosen = _telling_units(text, values)
    count = min(len(text), ROWS * COLUMNS)
    rows = -(-count // COLUMNS)
    figure = new_figure(9.5, 0.35 + len(chosen) * (0.27 * rows + 0.4))
    for axes, (unit, meaning, r) in zip(np.atleast_1d(figure.subplots(len(chosen), 1)), chosen, strict=True):
        colours = np.zeros(rows * COLUMNS)
        colours[:count] = values[:count, unit]
        most = float(np.abs(colours).max()) or 1
        axes.imshow(colours.reshape(rows, COLUMNS), cmap=SIGNED, vmin=-most, vmax=most, aspect="auto")
        for place, character in enumerate(text[:count]):
            row, column = divmod(place, COLUMNS)
            shown = "¶" if character == "\n" else printable(character)
            colour = "white" if abs(colours[place]) > 0.7 * most else INK
            axes.text(column, row, shown, color=colour, **LETTER)
        axes.set_title(f"unit {unit}: {meaning} (correlation {r:+.2f})", loc="left", fontsize=9)
        axes.set(xticks=[], yticks=[])
    return figure


def _outputs(model: Sequential, data: Data) -> tuple[str, np.ndarray]:
    """Held-out characters, (n,), and the outputs of the last recurrent layer after each of them, (n, units)."""
    ids = data.val[:READ].astype(np.int64)
    parts = np.split(ids, np.flatnonzero(ids == ids[0])[1:]) if data.lines else [ids]  # each line from a fresh state
    values = []
    with no_grad():
        for part in parts:
            x = Tensor(part[None])
            for layer in model.layers[:-1]:
                x = layer(x)
            values.append(x.data[0])
    return data.alphabet.text(ids), np.concatenate(values)


def _telling_units(text: str, values: np.ndarray) -> list[tuple[int, str, float]]:
    """For each of a few properties of the text, the unit that follows it most closely, and how closely."""
    line, word, lines, words = 0, 0, [], []
    for character in text:
        line = 0 if character == "\n" else line + 1
        word = word + 1 if character.isalnum() else 0
        lines.append(line)
        words.append(word)
    properties = {
        "how far into the line": lines,
        "how far into the word": words,
        "capital letters": [character.isupper() for character in text],
        "vowels": [character.lower() in VOWELS for character in text],
    }
    deviations = values - values.mean(axis=0)
    lengths = np.maximum(np.linalg.norm(deviations, axis=0), 1e-12)
    chosen: list[tuple[int, str, float]] = []
    for meaning, followed in properties.items():
        wanted = np.array(followed, float)
        wanted -= wanted.mean()
        if not wanted.any():
            continue
        correlations = wanted @ deviations / (np.linalg.norm(wanted) * lengths)
        for unit, *_ in chosen:
            correlations[unit] = 0
        unit = int(np.abs(correlations).argmax())
        chosen.append((unit, meaning, float(correlations[unit])))
    return chosen or [(0, "the first", 0.0)]
