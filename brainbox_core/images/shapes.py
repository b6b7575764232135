"""The shapes in a picture of ink: connected parts, the lines and frames of forms, and whether there is one or two."""

from __future__ import annotations

import numpy as np

from brainbox_core.errors import InputError

SMALLEST = 56  # pixels on the longer side; smaller pictures were cropped to their digit and hold no forms
Box = tuple[slice, slice]


def require_one_shape(boxes: list[Box]) -> None:
    """Refuse ink in two shapes that are each as tall as a digit: side by side, or one above the other.

    The strokes of one digit overlap in one direction at least, or are near each other, or one of them is flat.

    Raises:
        InputError: names how they stand.
    """
    for axis, how in ((1, "side by side"), (0, "one above the other")):
        order = sorted(boxes, key=lambda box: box[axis].start)
        reach: list[Box] = []  # of the ink that overlaps or is near in this direction
        for box in order:
            if reach and box[axis].start - reach[-1][axis].stop < 0.12 * max(_size(box, 0), _size(reach[-1], 0)):
                reach[-1] = _around([reach[-1], box])
            else:
                reach.append(box)
        tallest = max((_size(box, 0) for box in reach), default=0)
        many = [box for box in reach if _size(box, 0) >= 0.5 * tallest]
        if len(many) > 1:
            what = f"{'two' if len(many) == 2 else len(many)} shapes {how}"
            raise InputError(what, expected="a picture of one digit", fix="cut the picture apart, one digit in each")


def without_rules(ink: np.ndarray, faintest: float, notes: list[str]) -> np.ndarray:
    """The ink without what is printed on forms: a frame around the digit, a comb below it, a line that it stands on.

    A rule is taken away only where it reaches beyond the rest of the ink on both sides: strokes of a digit do not.

    Args:
        ink: 0 to 1, (H,W).
        faintest: what still counts as ink.
        notes: is told what was taken away.
    """
    if max(ink.shape) <= SMALLEST:
        return ink
    for _ in range(8):  # a sheet may have several
        mask = ink > faintest
        if not mask.any():
            return ink
        rule = _frame(mask)
        if rule is None:
            rule = _line(mask)
        if rule is None:
            return ink
        if "printed lines left out" not in notes:
            notes.append("printed lines left out")
        ink = np.where(rule, 0, ink)
    return ink


def _frame(mask: np.ndarray) -> np.ndarray | None:
    """The sides of a rectangle, three at least, around or below the rest of the ink."""
    labels, count = components(mask)
    for label in range(1, count + 1):
        box = extent(part := labels == label)
        inner = part[box]
        height, width = inner.shape
        if min(height, width) < 0.12 * min(mask.shape) or width < 0.25 * mask.shape[1]:
            continue
        deep = max(2, round(0.04 * max(inner.shape)))
        full = {
            "top": inner[:deep].any(axis=0).mean() > 0.85,
            "bottom": inner[-deep:].any(axis=0).mean() > 0.85,
            "left": inner[:, :deep].any(axis=1).mean() > 0.85,
            "right": inner[:, -deep:].any(axis=1).mean() > 0.85,
        }
        if sum(full.values()) < 3:
            continue
        band = np.zeros_like(mask)
        view = band[box]
        deep = max(deep, 1 + _thickness(inner))
        view[:deep] |= full["top"]
        view[-deep:] |= full["bottom"]
        view[:, :deep] |= full["left"]
        view[:, -deep:] |= full["right"]
        rest = mask & ~band
        if not rest.any():
            continue
        around = extent(rest)
        if _size(around, 0) < 0.35 * height or _size(around, 1) > 0.97 * width:
            continue
        return band & part
    return None


def _thickness(inner: np.ndarray) -> int:
    """How thick the sides of a frame are: the usual length of the ink from its edges inwards."""
    sides = []
    for side in (inner, inner[::-1], inner.T, inner.T[::-1]):
        starts = side.argmax(axis=0)
        runs = [int(np.argmin(np.append(side[at:, column], False))) for column, at in enumerate(starts.tolist())]
        sides.append(int(np.median(runs)))
    return min(max(sides), max(2, round(0.08 * max(inner.shape))))


def _line(mask: np.ndarray) -> np.ndarray | None:
    """A thin straight line from side to side that reaches beyond the rest of the ink at both ends."""
    least = max(1, round(0.3 * mask.shape[1]))
    # Where a run of ink of that length passes: the sum over a window equals its length.
    padded = np.pad(mask, ((0, 0), (1, 0))).cumsum(axis=1, dtype=np.int32)
    whole = padded[:, least:] - padded[:, :-least] == least  # (H, W-least+1)
    rows = np.flatnonzero(whole.any(axis=1))
    if not rows.size:
        return None
    for block in np.split(rows, np.flatnonzero(np.diff(rows) > 1) + 1):
        if len(block) > 0.06 * max(mask.shape):
            continue
        top, bottom = int(block[0]), int(block[-1]) + 1
        columns = np.flatnonzero(whole[top:bottom].any(axis=0))
        start, stop = int(columns[0]), int(columns[-1]) + least
        margin = 1 + (bottom - top) // 2
        band = np.zeros_like(mask)
        first, last = max(0, top - margin), min(len(mask), bottom + margin)
        band[first:last, start:stop] = True
        rest = mask & ~band
        # Where a stroke goes through the line, the line keeps what connects its two ends.
        if top > margin and bottom + margin < len(mask):
            through = mask[first - 1] & mask[last]
            band[:, through] = False
        if not rest.any():
            continue
        around = extent(_largest(rest))
        out = 0.1 * (stop - start)
        if around[1].start - start > out and stop - around[1].stop > out and _size(around, 0) > 2 * (bottom - top):
            return band & mask
    return None


def _largest(mask: np.ndarray) -> np.ndarray:
    labels, count = components(mask)
    areas = np.bincount(labels.ravel(), minlength=count + 1)
    areas[0] = 0
    return labels == areas.argmax()


def _size(box: Box, axis: int) -> int:
    return box[axis].stop - box[axis].start


def _around(boxes: list[Box]) -> Box:
    rows, columns = (
        slice(min(box[axis].start for box in boxes), max(box[axis].stop for box in boxes)) for axis in (0, 1)
    )
    return rows, columns


def extent(mask: np.ndarray) -> tuple[slice, slice]:
    """The rows and columns of the smallest box around the true pixels."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def components(mask: np.ndarray) -> tuple[np.ndarray, int]:
    """Number the connected parts (eight neighbours) from 1: labels (H,W) and their count."""
    parent: list[int] = []

    def root(run: int) -> int:
        while parent[run] != run:
            parent[run] = run = parent[parent[run]]
        return run

    runs: list[tuple[int, int, int]] = []
    above: list[tuple[int, int, int]] = []
    for y, row in enumerate(np.pad(mask, ((0, 0), (1, 1))).astype(np.int8)):
        change = np.flatnonzero(np.diff(row))
        here = []
        for start, stop in zip(change[::2].tolist(), change[1::2].tolist(), strict=True):
            run = len(parent)
            parent.append(run)
            here.append((start, stop, run))
            runs.append((y, start, stop))
            for other_start, other_stop, other in above:
                if other_start <= stop and start <= other_stop:
                    parent[root(other)] = root(run)
        above = here
    roots = [root(run) for run in range(len(parent))]
    numbers = {first: number for number, first in enumerate(dict.fromkeys(roots), 1)}
    labels = np.zeros(mask.shape, np.intp)
    for (y, start, stop), first in zip(runs, roots, strict=True):
        labels[y, start:stop] = numbers[first]
    return labels, len(numbers)
