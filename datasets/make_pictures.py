"""Draw the built-in pictures: a brick wall and a portrait.

    python datasets/make_pictures.py [--out datasets]

Both are made of formulas alone; nothing was photographed, traced or copied. The wall has sharp edges in two directions
only. The portrait has what the wall lacks: round shapes, soft shadows, hair-thin lines and a blurred background.
"""

from __future__ import annotations

import argparse
import io
import sys
from pathlib import Path

import numpy as np
from PIL import Image

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))  # so that the program runs from any folder

from brainbox_core.files.writing import atomic_write  # noqa: E402
from brainbox_core.rng import stream  # noqa: E402

SEED = 0


# ---- the wall

BRICK_HEIGHT, BRICK_WIDTH, GROUT = 28, 60, 4  # pixels, grout included
WALL_HEIGHT, WALL_WIDTH = 196, 300


def brick_wall() -> np.ndarray:
    """A running bond, uint8 (196, 300, 3): every second course is shifted by half a brick."""
    rng = stream(SEED, "bricks")
    wall = np.empty((WALL_HEIGHT, WALL_WIDTH, 3))
    wall[:] = 206, 200, 190  # the grout
    for course, top in enumerate(range(0, WALL_HEIGHT, BRICK_HEIGHT)):
        for left in range(-BRICK_WIDTH // 2 * (course % 2), WALL_WIDTH, BRICK_WIDTH):
            clay = np.array([156, 74, 54]) * rng.uniform(0.85, 1.12) + rng.normal(0, 5, 3)
            wall[top : top + BRICK_HEIGHT - GROUT, max(0, left) : left + BRICK_WIDTH - GROUT] = clay
    wall += rng.normal(0, 1.5, wall.shape[:2])[:, :, None]  # grains, far weaker than any edge
    return np.rint(wall.clip(0, 255)).astype(np.uint8)


# ---- the portrait

HEIGHT, WIDTH = 256, 208
FINE = 3  # drawn this much finer and averaged down


class Canvas:
    """A picture in linear floats with x from -1 to 1 and y to the same scale, 0 in the middle, down."""

    def __init__(self) -> None:
        height, width = HEIGHT * FINE, WIDTH * FINE
        scale = width / 2
        self.y, self.x = np.mgrid[:height, :width].astype(float)
        self.x = (self.x + 0.5) / scale - 1
        self.y = (self.y + 0.5 - height / 2) / scale
        self.pixels = np.zeros((height, width, 3))

    def oval(self, x: float, y: float, width: float, height: float, power: float = 2.0) -> np.ndarray:
        """How far every pixel is from a centre, 1 on the outline; a power above 2 makes the oval squarer."""
        return (np.abs((self.x - x) / width) ** power + np.abs((self.y - y) / height) ** power) ** (1 / power)

    def paint(self, colour: object, mask: np.ndarray) -> None:
        """Lay a colour over the picture where the mask is 1."""
        self.pixels += mask[:, :, None] * (np.asarray(colour, float) - self.pixels)

    def shade(self, factor: float, mask: np.ndarray) -> None:
        """Make the picture darker (or lighter, above 1) where the mask is 1."""
        self.pixels *= 1 + mask[:, :, None] * (factor - 1)


def inside(distance: np.ndarray, soft: float = 0.01) -> np.ndarray:
    """1 within the outline, 0 outside, with a smooth step of this width between."""
    t = np.clip((1 - distance) / soft + 0.5, 0, 1)
    return t * t * (3 - 2 * t)


def portrait() -> np.ndarray:
    """A face in three-quarter light, uint8 (256, 208, 3)."""
    canvas = Canvas()
    _background(canvas)
    _shoulders(canvas)
    _head(canvas)
    for side in (-1, 1):
        _eye(canvas, side)
    _nose_and_mouth(canvas)
    _hair(canvas)
    small = canvas.pixels.reshape(HEIGHT, FINE, WIDTH, FINE, 3).mean(axis=(1, 3))
    small += stream(SEED, "portrait").normal(0, 1.2, small.shape[:2])[:, :, None]
    return np.rint(small.clip(0, 255)).astype(np.uint8)


def _background(canvas: Canvas) -> None:
    canvas.paint((70, 96, 112), np.ones_like(canvas.x))
    canvas.paint((168, 190, 184), inside(canvas.oval(-0.7, -0.8, 1.3, 1.2), 1.2))
    canvas.paint((226, 190, 120), 0.5 * inside(canvas.oval(0.8, -0.5, 0.28, 0.28), 0.5))
    canvas.paint((230, 214, 160), 0.4 * inside(canvas.oval(-0.75, 0.1, 0.2, 0.2), 0.5))


def _shoulders(canvas: Canvas) -> None:
    body = inside(canvas.oval(0, 1.35, 0.95, 0.6, 2.6))
    canvas.paint((52, 64, 110), body)
    canvas.shade(0.72, body * (np.sin(46 * (canvas.y + 0.10 * canvas.x**2)) > 0.55))  # a striped pullover
    canvas.shade(0.6, body * inside(canvas.oval(0.75, 1.3, 0.6, 0.8), 0.9))
    canvas.paint((208, 152, 120), inside(canvas.oval(0, 0.68, 0.23, 0.36, 3)))
    canvas.shade(0.68, inside(canvas.oval(0.03, 0.55, 0.26, 0.2), 0.5) * inside(canvas.oval(0, 0.68, 0.23, 0.36, 3)))


def _head(canvas: Canvas) -> None:
    hair = inside(canvas.oval(0, -0.22, 0.66, 0.78, 2.2))
    canvas.paint((62, 40, 30), hair)
    for side in (-1, 1):
        canvas.paint((205, 146, 114), inside(canvas.oval(0.53 * side, 0.04, 0.09, 0.15)))
        canvas.shade(0.75, inside(canvas.oval(0.54 * side, 0.05, 0.045, 0.09), 0.3))
    face = inside(canvas.oval(0, 0.02, 0.52, 0.68, 2.25))
    canvas.paint((228, 174, 140), face)
    canvas.shade(0.70, face * inside(canvas.oval(0.62, 0.15, 0.46, 0.8), 0.9))  # the light comes from the left
    canvas.shade(1.09, face * inside(canvas.oval(-0.22, -0.2, 0.3, 0.34), 1.0))
    for side in (-1, 1):
        canvas.paint((222, 132, 112), 0.4 * face * inside(canvas.oval(0.29 * side, 0.26, 0.15, 0.12), 1.0))


def _eye(canvas: Canvas, side: int) -> None:
    x, y = 0.215 * side, -0.05
    canvas.shade(0.84, inside(canvas.oval(x, y - 0.01, 0.15, 0.1), 0.8))
    white = inside(canvas.oval(x, y, 0.105, 0.052), 0.06)
    canvas.paint((240, 236, 230), white)
    canvas.paint((74, 108, 96), white * inside(canvas.oval(x, y - 0.004, 0.05, 0.05), 0.08))
    canvas.paint((16, 14, 14), white * inside(canvas.oval(x, y - 0.004, 0.024, 0.024), 0.12))
    canvas.paint((255, 255, 255), inside(canvas.oval(x - 0.018, y - 0.02, 0.011, 0.011), 0.3))
    lid = np.abs(canvas.oval(x, y + 0.004, 0.112, 0.062) - 1) < 0.10
    canvas.paint((52, 34, 28), lid * (canvas.y < y))
    brow = canvas.oval(x, y + 0.10, 0.17, 0.235)
    canvas.paint((58, 38, 28), (np.abs(brow - 1) < 0.075) * (canvas.y < y - 0.075))


def _nose_and_mouth(canvas: Canvas) -> None:
    canvas.shade(0.86, inside(canvas.oval(0.075, 0.12, 0.06, 0.2), 0.9))
    canvas.shade(1.07, inside(canvas.oval(-0.015, 0.08, 0.03, 0.2), 0.9))
    canvas.shade(0.74, inside(canvas.oval(0.0, 0.275, 0.115, 0.03), 0.8))
    for side in (-1, 1):
        canvas.paint((112, 66, 54), 0.85 * inside(canvas.oval(0.05 * side, 0.262, 0.026, 0.013), 0.4))
    canvas.shade(0.88, inside(canvas.oval(0, 0.535, 0.12, 0.03), 0.9))
    canvas.paint((182, 84, 84), inside(canvas.oval(0, 0.435, 0.17, 0.062), 0.08) * (canvas.y > 0.418))
    canvas.paint((164, 72, 74), inside(canvas.oval(0, 0.432, 0.175, 0.044), 0.08) * (canvas.y <= 0.424))
    smile = np.abs(canvas.y - 0.424 + 0.45 * canvas.x**2) < 0.006
    canvas.paint((88, 34, 38), smile * (np.abs(canvas.x) < 0.185))


def _hair(canvas: Canvas) -> None:
    fringe = inside(canvas.oval(0, -0.30, 0.64, 0.66, 2.2)) * (
        1 - inside(canvas.oval(0.12, 0.30, 0.62, 0.80, 2.3) + 0.05 * np.sin(9 * canvas.x), 0.02)
    )
    canvas.paint((70, 45, 33), fringe)
    strands = 0.5 + 0.5 * np.sin(70 * (canvas.x - 0.12) / (1.35 + canvas.y) + 3 * np.sin(5 * canvas.y))
    canvas.paint((128, 86, 58), 0.45 * fringe * strands**6)
    canvas.paint((150, 106, 74), 0.5 * fringe * inside(canvas.oval(-0.25, -0.72, 0.22, 0.1), 1.0))


PICTURES = {"bricks": brick_wall, "portrait": portrait}


def encode(pixels: np.ndarray) -> bytes:
    """The pixels as a PNG file."""
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "PNG", optimize=True)
    return content.getvalue()


def main() -> None:
    parser = argparse.ArgumentParser(description="Draw the built-in pictures.")
    parser.add_argument("--out", type=Path, default=HERE, help="the folder in which pictures/ is made")
    folder = parser.parse_args().out / "pictures"
    folder.mkdir(parents=True, exist_ok=True)
    for name, draw in PICTURES.items():
        atomic_write(folder / f"{name}.png", encode(draw()))


if __name__ == "__main__":
    main()
