"""Draw the built-in handwritten digits, from scratch.

    python datasets/make_digits.py [--out datasets]

Nobody's handwriting is in these pictures. Each begins as a few pen positions (`glyphs.txt`) and then suffers what
happens to real digits, in the same order:

1. a hand: a blend of the ways to write this digit, the pen a little off everywhere, strokes begun early or ended late;
2. a page: the digit slanted, turned, squeezed, one half larger than the other, its lines bent by a smooth warp;
3. a pen: from hair-thin to fat marker, pressed more here than there, its ink smooth, ragged or blurred;
4. a scanner: MNIST's normalisation (LeCun et al. 1998): the ink cropped, scaled to fit 20x20 with its aspect ratio
   kept, averaged down to grey, and laid into 28x28 with its centre of mass in the centre.

Every image has a random stream of its own, named by split and number, so that any one of them can be drawn again alone.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))  # so that the program runs from any folder

from brainbox_core.datasets.idx import write_idx  # noqa: E402
from brainbox_core.rng import stream  # noqa: E402

SEED = 0
SIZES = {"train": 12_000, "t10k": 2_000}
SIDE, BOX = 28, 20  # pixels of the picture and of the square that holds the ink
FINE = 2  # the pen draws on a grid this much finer than the picture, which is then averaged down

Strokes = list[np.ndarray]  # each (n, 2): x to the right and y down, the digit about one unit tall


# ---- the hand


def parse(drawing: str) -> tuple[Strokes, list[np.ndarray]]:
    """The pen positions of a line of glyphs.txt, stroke by stroke, and which of them are corners."""
    strokes, corners = [], []
    for stroke in drawing.split("/"):
        points = stroke.split()
        strokes.append(np.array([[float(v) for v in point.rstrip("!").split(",")] for point in points]) / 100)
        corners.append(np.array([point.endswith("!") for point in points]))
    return strokes, corners


def read_glyphs(text: str) -> dict[int, list[tuple[float, list]]]:
    """For every digit its movements, each a weight and the parsed drawings."""
    glyphs: dict[int, list[tuple[float, list]]] = {}
    for line in text.splitlines():
        if line.startswith("digit"):
            movements = glyphs[int(line.split()[1])] = []
        elif line.startswith("    "):
            movements[-1][1].append(parse(line))
        elif line.startswith("  "):
            movements.append((float(line.split()[0]), []))
    return glyphs


GLYPHS = read_glyphs((HERE / "glyphs.txt").read_text(encoding="utf-8"))


def blend(digit: int, rng: np.random.Generator) -> tuple[Strokes, list[np.ndarray]]:
    """One hand: a movement chosen by its weight, and a random weighted mean of its drawings."""
    weights = np.array([weight for weight, _ in GLYPHS[digit]])
    drawings = GLYPHS[digit][rng.choice(len(weights), p=weights / weights.sum())][1]
    share = rng.dirichlet(np.full(len(drawings), 0.6))
    share = share + 0.25 * (share - share.mean())  # a little beyond the drawn extremes
    versions = zip(*(strokes for strokes, _ in drawings), strict=True)  # of each stroke, one a drawing
    return [np.tensordot(share, stroke, axes=1) for stroke in versions], drawings[0][1]


def jitter(strokes: Strokes, rng: np.random.Generator) -> Strokes:
    """Every pen position a little off, every stroke a little elsewhere; some writers are far less careful."""
    mess = 0.038 * np.exp(0.25 * rng.normal())
    return [s + rng.normal(0, mess, s.shape) + rng.normal(0, 0.025, 2) for s in strokes]


def spline(points: np.ndarray, corners: np.ndarray, steps: int = 14) -> np.ndarray:
    """A Catmull-Rom curve through the points, (n, 2) -> (m, 2), that comes to a halt at every corner."""
    p = np.repeat(points, 1 + corners, axis=0)  # a repeated point has no speed: a corner
    p = np.concatenate([2 * p[:1] - p[1:2], p, 2 * p[-1:] - p[-2:-1]])
    t = np.arange(steps)[:, None] / steps
    p0, p1, p2, p3 = (p[i : len(p) - 3 + i, None] for i in range(4))  # (segments, 1, 2)
    curve = p1 + 0.5 * t * (p2 - p0 + t * (2 * p0 - 5 * p1 + 4 * p2 - p3 + t * (3 * (p1 - p2) + p3 - p0)))
    return np.concatenate([curve.reshape(-1, 2), p[-2:-1]])


def resample(path: np.ndarray, start: float, stop: float, spacing: float = 0.018) -> np.ndarray:
    """A path in equal steps, shortened at either end or running on straight beyond it.

    Args:
        path: (n, 2).
        start: where to begin; below 0 is before the path.
        stop: where to end, counted from the path's end; above 0 is after it.
        spacing: the length of a step, default 0.018 heights of the digit.
    """
    length = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(path, axis=0).T))])
    keep = np.concatenate([[True], np.diff(length) > 1e-9])
    path, length = path[keep], length[keep]
    stop = max(length[-1] + stop, start + 0.1)
    at = np.linspace(start, stop, max(2, int((stop - start) / spacing)))
    inside = np.stack([np.interp(at, length, path[:, i]) for i in range(2)], axis=1)
    k = min(4, len(path) - 1)
    head = (path[0] - path[k]) / length[k]
    tail = (path[-1] - path[-1 - k]) / (length[-1] - length[-1 - k])
    return inside + np.maximum(0 - at, 0)[:, None] * head + np.maximum(at - length[-1], 0)[:, None] * tail


def write(digit: int, rng: np.random.Generator) -> Strokes:
    """The path of the pen: blended, jittered, and each stroke ending a little early or late."""
    strokes, corners = blend(digit, rng)
    paths = [spline(s, c) for s, c in zip(jitter(strokes, rng), corners, strict=True)]
    return [resample(path, *rng.normal(0, 0.07, 2)) for path in paths]


# ---- the page


def reshape(paths: Strokes, rng: np.random.Generator) -> Strokes:
    """Upper and lower half, left and right, of different size; then a smooth warp, slant, rotation and squeeze."""
    balance = np.exp(rng.normal(0, 0.22, 2))
    # Four plane waves, two heights of the digit long or so, push every point along.
    frequency, phase, push = rng.normal(0, 3.2, (4, 2)), rng.uniform(0, 2 * np.pi, 4), rng.normal(0, 0.036, (4, 2))
    slant, angle = rng.normal(0.16, 0.24), rng.normal(0, 0.08)
    squeeze = np.exp(rng.normal(-0.02, 0.2))
    cos, sin = np.cos(angle), np.sin(angle)
    matrix = np.array([[cos, sin], [-sin, cos]]) @ np.array([[squeeze, -slant], [0, 1]])
    bent = []
    for path in paths:
        path = np.sign(path) * np.abs(path) ** balance
        path = path + np.sin(path @ frequency.T + phase) @ push
        bent.append(path @ matrix.T)
    return bent


# ---- the pen


def pressure(paths: Strokes, rng: np.random.Generator) -> list[np.ndarray]:
    """The pen's radius, in pixels of the picture, at every point of every path."""
    width = np.clip(2.25 * np.exp(rng.normal(0, 0.28)), 1.2, 4.4)
    depth, nib, direction = abs(rng.normal(0, 0.26)), abs(rng.normal(0, 0.26)), rng.uniform(0, np.pi)
    radii = []
    for path in paths:
        along = np.arange(len(path)) / 50
        wave = sum(np.sin(f * along + rng.uniform(0, 2 * np.pi)) for f in (2.0, 4.5)) / 2
        step = np.gradient(path, axis=0)
        across = np.cos(2 * (np.arctan2(step[:, 1], step[:, 0]) - direction))  # a broad nib is thin one way
        radii.append(np.maximum(width / 2 * (1 + depth * wave) * (1 + nib * across), 0.5))  # never too faint to read
    return radii


def fit(paths: Strokes, radii: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray, tuple[int, int]]:
    """Crop and scale: all points and radii in fine pixels, and the height and width of the ink in whole picture pixels.

    The pen's width is given in final pixels, so the larger side of the path plus the pen has to come out as BOX.
    """
    points, radius = np.concatenate(paths), np.concatenate(radii)[:, None]
    scale = 1.0
    for _ in range(6):  # the pen keeps its width while the path grows, so the scale is approached in a few steps
        low, high = (points * scale - radius).min(axis=0), (points * scale + radius).max(axis=0)
        scale *= 1 + (BOX - (high - low).max()) / max(BOX - 2 * radius.mean(), 1)
    low, high = (points * scale - radius).min(axis=0), (points * scale + radius).max(axis=0)
    rest = BOX / (high - low).max()
    width, height = np.clip(np.ceil((high - low) * rest - 0.3), 1, BOX).astype(int)
    return (points * scale - low) * rest * FINE, radius[:, 0] * rest * FINE, (height, width)


def smooth_noise(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Random values that vary over about three fine pixels, of standard deviation near one."""
    noise = rng.normal(size=(shape[0] + 2, shape[1] + 2))
    noise = noise[:-2] + noise[1:-1] + noise[2:]
    return (noise[:, :-2] + noise[:, 1:-1] + noise[:, 2:]) / 3


def ink(points: np.ndarray, radius: np.ndarray, size: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """The ink on the fine grid, 0 to 1: each pixel's depth in the pen's trace, through a more or less soft edge."""
    rows, columns = (np.arange(n * FINE) + 0.5 for n in size)
    dx2 = (columns[:, None] - points[:, 0]) ** 2
    dy2 = (rows[:, None] - points[:, 1]) ** 2
    depth = (radius - np.sqrt(dy2[:, None] + dx2)).max(axis=2)  # (rows, columns, points) -> (rows, columns)
    depth += abs(rng.normal(0, 0.2)) * smooth_noise(depth.shape, rng)
    softness = rng.uniform(0.6, 1.8)
    return np.clip(0.5 + depth / softness, 0, 1)


# ---- the scanner


def placed(grey: np.ndarray) -> np.ndarray | None:
    """The ink in a SIDE x SIDE picture, moved by whole pixels so that its centre of mass is nearest to the centre.

    None where the ink is so lopsided that it would stick out of the picture.
    """
    offset = []
    for profile in (grey.sum(axis=1), grey.sum(axis=0)):
        middle = profile @ np.arange(len(profile)) / profile.sum()
        offset.append(int(np.floor(SIDE / 2 - middle + 0.5)))
        if not 0 <= offset[-1] <= SIDE - len(profile):
            return None
    (top, left), (height, width) = offset, grey.shape
    picture = np.zeros((SIDE, SIDE))
    picture[top : top + height, left : left + width] = grey
    return picture


def draw(digit: int, rng: np.random.Generator) -> np.ndarray:
    """One picture of a digit, (28, 28) uint8, white ink on black."""
    picture = None
    while picture is None:  # one in a thousand cannot be centred
        paths = reshape(write(digit, rng), rng)
        points, radius, size = fit(paths, pressure(paths, rng))
        fine = ink(points, radius, size, rng)
        grey = fine.reshape(size[0], FINE, size[1], FINE).mean(axis=(1, 3))
        picture = placed(np.clip(grey * rng.uniform(1.0, 1.25), 0, 1))
    return np.rint(255 * picture).astype(np.uint8)


# ---- the files


def labels(split: str) -> np.ndarray:
    """The digits of a split in their shuffled order, equally many of each."""
    return stream(SEED, "digits", split, "order").permutation(np.arange(SIZES[split]) % 10).astype(np.uint8)


def image(split: str, number: int, digit: int) -> np.ndarray:
    """Picture `number` of a split, the same whenever and in whatever order it is drawn."""
    return draw(int(digit), stream(SEED, "digits", split, number))


def main() -> None:
    parser = argparse.ArgumentParser(description="Draw the built-in handwritten digits.")
    parser.add_argument("--out", type=Path, default=HERE, help="folder that gets digits/ (default: %(default)s)")
    folder = parser.parse_args().out / "digits"
    folder.mkdir(parents=True, exist_ok=True)
    for split in SIZES:
        digits = labels(split)
        pictures = np.stack([image(split, number, digit) for number, digit in enumerate(digits)])
        write_idx(folder / f"{split}-images-idx3-ubyte.gz", pictures)
        write_idx(folder / f"{split}-labels-idx1-ubyte.gz", digits)


if __name__ == "__main__":
    main()
