"""The kernels that have a name, and the notation in which one types others: rows with semicolons between.

Without NumPy, so that a help page can list them.
"""

from __future__ import annotations

import difflib
import math
import re
from dataclasses import dataclass, replace
from fractions import Fraction

from brainbox_core.errors import UsageError
from brainbox_core.files.reading import printable

MAX_SIDE = 101
NUMBER = re.compile(
    r"[+-]?([0-9]{1,30}(\.[0-9]{0,30})?|\.[0-9]{1,30})([eE][+-]?[0-9]{1,3}|/[0-9]{1,30}(\.[0-9]{0,30})?)?"
)
EXAMPLE = '"0 -1 0; -1 5 -1; 0 -1 0"'

# Each in the notation of `parse_kernel`, with what it does. R. C. Gonzalez and R. E. Woods, "Digital Image Processing",
# chapter 3, derives blur, gaussian, sharpen, edge-detect and the Sobel pair; vertical-edge and horizontal-edge are
# Prewitt's; outline is the Laplacian with its diagonals; emboss is light from the upper left.
NAMED = {
    "identity": ("0 0 0; 0 1 0; 0 0 0", "leaves the picture as it is"),
    "blur": ("1/9 1/9 1/9; 1/9 1/9 1/9; 1/9 1/9 1/9", "the mean of a pixel and its neighbours"),
    "gaussian": (
        "1/256 4/256 6/256 4/256 1/256; 4/256 16/256 24/256 16/256 4/256; 6/256 24/256 36/256 24/256 6/256; "
        "4/256 16/256 24/256 16/256 4/256; 1/256 4/256 6/256 4/256 1/256",
        "a softer blur: near pixels count more than far ones",
    ),
    "sharpen": ("0 -1 0; -1 5 -1; 0 -1 0", "makes a pixel differ more from its neighbours"),
    "edge-detect": ("0 -1 0; -1 4 -1; 0 -1 0", "how a pixel differs from its neighbours: edges of any direction"),
    "vertical-edge": ("-1 0 1; -1 0 1; -1 0 1", "right minus left: edges that run up and down"),
    "horizontal-edge": ("-1 -1 -1; 0 0 0; 1 1 1", "below minus above: edges that run from side to side"),
    "sobel-x": ("-1 0 1; -2 0 2; -1 0 1", "right minus left, the middle row counted twice"),
    "sobel-y": ("-1 -2 -1; 0 0 0; 1 2 1", "below minus above, the middle column counted twice"),
    "emboss": ("-2 -1 0; -1 1 1; 0 1 2", "a relief, lit from the upper left"),
    "outline": ("-1 -1 -1; -1 8 -1; -1 -1 -1", "edges of any direction, diagonals too: stronger than edge-detect"),
}


@dataclass(frozen=True)
class Kernel:
    """Weights to slide over a picture.

    Attributes:
        name: its name in `NAMED`; empty for one that was typed.
        cells: the weights as they are written, such as `1/9`, row by row.
        weights: the same as numbers.

    Example:
        >>> kernel = parse_kernel("-1 0 1; -1/2 0 1/2")
        >>> kernel.size, kernel.weights[1]
        ((2, 3), (-0.5, 0.0, 0.5))
    """

    name: str
    cells: tuple[tuple[str, ...], ...]
    weights: tuple[tuple[float, ...], ...]

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns."""
        return len(self.cells), len(self.cells[0])

    @property
    def title(self) -> str:
        """What to call it in a line of text."""
        return f"{self.name or 'a kernel of your own'} {self.size[0]}x{self.size[1]}"

    @property
    def turned(self) -> Kernel:
        """The same turned by 180 degrees: to correlate with it is to convolve with this one."""
        return replace(
            self,
            cells=tuple(row[::-1] for row in self.cells[::-1]),
            weights=tuple(row[::-1] for row in self.weights[::-1]),
        )

    @property
    def is_difference(self) -> bool:
        """Whether the weights cancel out, so that an even surface gives 0 and the result has both signs."""
        flat = [weight for row in self.weights for weight in row]
        return any(flat) and abs(math.fsum(flat)) <= 1e-9 * math.fsum(map(abs, flat))


def parse_kernel(text: str) -> Kernel:
    """A kernel from its name, or from its numbers: rows between semicolons, in them spaces or commas.

    Args:
        text: such as `sharpen` (or `Edge_Detect`), `0 -1 0; -1 5 -1; 0 -1 0` or `1/9 1/9 1/9`; up to 101x101 numbers.

    Raises:
        UsageError: no such name, something that is not a number, rows of unequal length, or too many of them.
    """
    text = text.strip()
    if (name := text.casefold().replace("_", "-")) in NAMED:
        return _typed(NAMED[name][0], name=name)
    if re.fullmatch(r"[A-Za-z][\w -]*", text):
        close = difflib.get_close_matches(name, NAMED, n=2)
        fix = f"did you mean {' or '.join(close)}?" if close else f"there are: {', '.join(NAMED)}"
        raise UsageError(f'there is no kernel "{printable(text, 40)}"', fix=fix)
    return _typed(text, name="")


def _typed(text: str, name: str) -> Kernel:
    fix = f"write rows with ; between, such as {EXAMPLE}"
    rows = [re.split(r"\s*,\s*|\s+", row.strip()) for row in text.strip().removesuffix(";").split(";")]
    if len(rows) > MAX_SIDE:
        raise UsageError(f"a kernel with {len(rows)} rows", expected=f"at most {MAX_SIDE}", fix=fix)
    weights = []
    for number, row in enumerate(rows, 1):
        if row == [""]:
            raise UsageError("there is no number in it", where=f"kernel row {number}", fix=fix)
        if len(row) > MAX_SIDE:
            raise UsageError("too many numbers", where=f"kernel row {number}", expected=f"at most {MAX_SIDE}", fix=fix)
        if len(row) != len(rows[0]):
            expected = f"{len(rows[0])} numbers, as in row 1"
            raise UsageError(
                "rows differ in length", where=f"kernel row {number}", expected=expected, got=len(row), fix=fix
            )
        weights.append(tuple(_weight(cell, f"kernel row {number}, number {i}", fix) for i, cell in enumerate(row, 1)))
    return Kernel(name, tuple(map(tuple, rows)), tuple(weights))


def _weight(cell: str, where: str, fix: str) -> float:
    if not NUMBER.fullmatch(cell):
        raise UsageError(f'"{printable(cell, 40)}" is not a number', where=where, fix=fix)
    above, _, below = cell.partition("/")
    if below and not float(below):
        raise UsageError(f"{cell} divides by zero", where=where, fix=fix)
    weight = float(Fraction(above) / Fraction(below)) if below else float(above)
    if not abs(weight) <= 1e6:
        raise UsageError(f"{cell} is too large", where=where, expected="a number from -1000000 to 1000000", fix=fix)
    return weight
