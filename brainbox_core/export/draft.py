"""What the four families of headers have in common: what is chosen, what may be looked at, and what a draft can do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np

from brainbox_core.errors import UsageError, whole
from brainbox_core.export.header import Memory, Page, Vectors
from brainbox_core.export.programs import Programs
from brainbox_core.export.report import Judgement, Row
from brainbox_core.model.sequential import Sequential

OPTIMIZE = ("ram", "speed", "size")


@dataclass(frozen=True)
class Choices:
    """What decides the text of a header.

    Args:
        dtype: "float32", "int8", or None for int8 where the model reads pictures or holds convolutions, and knows the
            ranges of its numbers.
        weights: "flash" or "ram": where the tables lie while the model runs.
        optimize: "ram" for the smallest arena, "speed" and "size" for simpler code.
        selftest: how many vectors the header carries.
        verify: how many vectors are compared; 0 compares nothing.

    Example:
        >>> Choices(dtype="int8", optimize="speed").weights
        'flash'
    """

    dtype: str | None = None
    weights: str = "flash"
    optimize: str = "ram"
    selftest: int = 2
    verify: int = 256

    def __post_init__(self) -> None:
        for name, value, allowed in (
            ("dtype", self.dtype, ("float32", "int8", None)),
            ("weights", self.weights, ("flash", "ram")),
            ("optimize", self.optimize, OPTIMIZE),
        ):
            if value not in allowed:
                raise UsageError(name, expected=" or ".join(filter(None, allowed)), got=repr(value))
        whole("selftest", self.selftest, 0)
        whole("verify", self.verify, 0)


class Material(NamedTuple):
    """What an export may look at beside the model.

    Attributes:
        data: inputs and labels that the model was not trained on: arrays, or a table or texts where it reads those.
        calibration: inputs to measure the ranges for int8 with.
        max_drop: how many points of accuracy int8 may lose on the data.
    """

    data: tuple[Any, Any] | None = None
    calibration: np.ndarray | None = None
    max_drop: float = 0.5

    def refuse_calibration(self, why: str) -> None:
        """For a family whose numbers have no ranges."""
        if self.calibration is not None:
            raise UsageError(why, where="`calibration`", fix="leave it out")


class Draft(Protocol):
    """A header before it is checked: what differs from one kind of model to another.

    Attributes:
        name: what every identifier begins with.
        title: the model in a few words.
        dtype: "float32" or "int8".
        parameters, multiply_adds: of the model, for one input.
        memory: its bytes.
        programs: the C programs around such a header.
        fixed: how many of the first vectors are too extreme for the header to carry.
    """

    name: str
    title: str
    dtype: str
    parameters: int
    multiply_adds: int
    memory: Memory
    programs: Programs
    fixed: int

    def vectors(self, count: int) -> np.ndarray:
        """About `count` inputs to compare, one a row."""

    def run(self, X: np.ndarray) -> np.ndarray:
        """What the reference makes of them: one row for each, as the driver of `programs` writes it."""

    def page(self, carried: Vectors) -> Page:
        """The header, with the vectors that it carries."""

    def judge(self) -> Judgement:
        """How well it does; nothing without data."""

    def rows(self) -> tuple[Row, ...]:
        """The steps, for the report."""

    def remedies(self, what: str, budget: int, code: int) -> list[str]:
        """Options that bring it into a budget of "RAM" or "flash"."""

    def document(self) -> dict[str, object]:
        """Everything that the header says, in JSON types and arrays."""


Maker = Callable[[Sequential, str, Choices, Material], Draft]


def narrowed(model: Sequential, setting: str, widths: Mapping[int, int]) -> Sequential:
    """The same model with fewer units, not trained, to see what it would take.

    Args:
        setting: the argument of the layers that says how wide they are.
        widths: the new widths, by the places of the layers.
    """
    chain = []
    for place, layer in enumerate(model.layers):
        changed = {setting: widths[place]} if place in widths else {}
        chain.append(type(layer)(**layer.config() | changed))
    narrow = Sequential(chain)
    narrow.build(model.input_shape)
    narrow.meta = model.meta
    return narrow
