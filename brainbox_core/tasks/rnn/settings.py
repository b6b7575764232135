"""What a character generator is made of: plain numbers, without NumPy, so that they can be shown at once."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, replace
from typing import Any

from brainbox_core.errors import UsageError, between, whole
from brainbox_core.tasks import contract

BUILT_IN = "play"
TITLE, SIZE = "The Light at Sorrel Head (built in)", 64_381  # of the built-in text; its characters are bytes, too
# The peak learning rate of each cell, for a text and for lines, whose batches are larger and overfit sooner.
RATES = {"rnn": 0.01, "gru": 0.015, "lstm": 0.02}
LINE_RATES = {"rnn": 0.003, "gru": 0.005, "lstm": 0.005}
LINE_BATCH = 64
ROWS = 10  # of a training without `sample_every`


@dataclass(frozen=True, kw_only=True)
class Settings(contract.Settings):
    """Everything that decides what a character generator learns; what is not here, `contract.Settings` explains.

    Args:
        data: `play`, a text file, or - for standard input.
        lines: take every line as a sequence of its own instead of the text as one.
        cell: `rnn` (tanh), `gru` or `lstm`.
        hidden: the width of each recurrent layer.
        layers: how many of them.
        embedding: numbers to learn for each character, which stand for it at the input; 0 for a one-hot input.
        dropout: share of each layer's outputs that is left out at random, anew in every step, against overfitting.
        seq_len: steps through which the gradient goes back: characters of a window.
        steps: updates of the weights.
        batch_size: windows, or lines, of one update.
        clip: the greatest length of the gradient; 0 for no limit.
        sample_every: steps between two looks at the held-out part, each with a sample.
        explain: also measure how the gradient flows back through time, before and after the training.
        val_split: share of the text that is held out: its end, or random lines.
        patience: stop after so many looks without a new best; None trains them all.
        limit: only so many characters (or lines) to train on, the first; None takes all.

    Example:
        >>> Settings(cell="gru", layers=2).title
        '2 x GRU 128, embedding 64'
    """

    data: str = BUILT_IN
    lines: bool = False
    cell: str = "lstm"
    hidden: int = 128
    layers: int = 1
    embedding: int = 64
    dropout: float = 0.0
    seq_len: int = 64
    steps: int = 1000
    batch_size: int = 16
    lr: float = RATES["lstm"]
    clip: float = 1.0
    sample_every: int = 100
    explain: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.cell not in RATES:
            raise UsageError("cell is unknown", expected=", ".join(RATES), got=self.cell)
        for name in ("hidden", "layers", "seq_len", "steps", "sample_every"):
            whole(name, getattr(self, name))
        whole("embedding", self.embedding, 0)
        between("clip", self.clip, 0)
        between("dropout", self.dropout, 0, 1, below=True)

    @classmethod
    def suited(cls, **changes: Any) -> Settings:
        """The defaults of `brainbox rnn`, with changes; what is not given suits the cell and the size of the text."""
        steps = changes.get("steps") or suited_steps(changes.get("data", BUILT_IN))
        lines = changes.get("lines", False)
        rates, batch = (LINE_RATES, {"batch_size": LINE_BATCH}) if lines else (RATES, {})
        rate = {"lr": rates[cell]} if (cell := changes.get("cell", cls.cell)) in rates else {}
        return cls(**{**rate, **batch, "steps": steps, "sample_every": -(-steps // ROWS), **changes})

    def quick(self) -> Settings:
        """Fewer steps, with four samples on the way."""
        steps = min(self.steps, 60)
        return replace(self, steps=steps, sample_every=-(-steps // 4))

    @property
    def title(self) -> str:
        """The network in a few words."""
        several = f"{self.layers} x " if self.layers > 1 else ""
        read = f"embedding {self.embedding}" if self.embedding else "one-hot input"
        return f"{several}{self.cell.upper()} {self.hidden}, {read}"


def suited_steps(data: str) -> int:
    """How many steps suit the size of a text: more for a longer one, up to a few minutes' worth.

    Example:
        >>> suited_steps("play")
        1000
    """
    size = SIZE
    if data != BUILT_IN:
        with contextlib.suppress(OSError):  # of standard input; what is missing is told when it is opened
            size = os.path.getsize(data)
    return max(100, min(10_000, 100 * round(10 * (size / SIZE) ** 0.7)))
