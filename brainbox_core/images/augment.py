"""New training images out of old ones: shifted, turned, scaled, slanted and warped, differently every time.

A network that has seen a digit a little to the left learns what does not matter (Simard, Steinkraus, Platt, "Best
practices for convolutional neural networks applied to visual document analysis", 2003).
"""

from __future__ import annotations

import numpy as np

from brainbox_core.errors import UsageError, between

_GRID = 5  # knots of the warp along each side


class Warp:
    """Moves every image of a batch by a random affine map and a random smooth warp; what comes in from outside is 0.

    Each strength is the largest change, in the units given; the changes are uniform up to it, the warp is normal.

    Args:
        shift: pixels to any side.
        rotation: degrees to either side.
        scale: a share: 0.1 makes images 10 % smaller to 10 % larger, in height and width apart.
        shear: how far the top leans over the bottom, as a share of the height.
        elastic: deviation of the warp in pixels.

    Example:
        >>> images = np.zeros((2, 28, 28), np.uint8)
        >>> images[:, 10:18, 12:16] = 255
        >>> moved = Warp(shift=2, rotation=10)(images, np.random.default_rng(0))
        >>> moved.shape, moved.dtype, bool((moved[0] != moved[1]).any())
        ((2, 28, 28), dtype('uint8'), True)
    """

    def __init__(self, shift: float = 0, rotation: float = 0, scale: float = 0, shear: float = 0, elastic: float = 0):
        self.shift, self.rotation = between("shift", shift, 0), between("rotation", rotation, 0, 180)
        self.scale, self.shear = between("scale", scale, 0, 0.9), between("shear", shear, 0, 1)
        self.elastic = between("elastic", elastic, 0)

    def __call__(self, images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """A batch (n, height, width) or (n, height, width, 1) moved, in the same shape and dtype."""
        pixels = images[..., 0] if images.ndim == 4 and images.shape[-1] == 1 else images
        if pixels.ndim != 3:
            raise UsageError("images must be (n, height, width) with one channel", got=images.shape)
        rows, columns = self._sources(*pixels.shape, rng)
        return sample(pixels, rows, columns).reshape(images.shape)

    def _sources(self, n: int, h: int, w: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Where in the old image every pixel of the new one lies: two arrays (n, height, width)."""

        def draw(strength: float) -> np.ndarray:
            return rng.uniform(-strength, strength, n).astype(np.float32)

        angle, shear = draw(np.deg2rad(self.rotation)), draw(self.shear)
        tall, wide = 1 + draw(self.scale), 1 + draw(self.scale)
        down, right = draw(self.shift), draw(self.shift)
        cos, sin = np.cos(angle), np.sin(angle)
        # Rows and columns counted from the middle; every map is a 2x2 matrix [[a, b], [c, d]] and a shift.
        a, b, c, d = cos / tall, -sin / tall, (sin + shear * cos) / wide, (cos - shear * sin) / wide
        y = np.arange(h, dtype=np.float32)[:, None] - (h - 1) / 2
        x = np.arange(w, dtype=np.float32)[None, :] - (w - 1) / 2
        each = (slice(None), None, None)
        rows = a[each] * y + b[each] * x + (down + (h - 1) / 2)[each]
        columns = c[each] * y + d[each] * x + (right + (w - 1) / 2)[each]
        if self.elastic:
            knots = rng.standard_normal((2, n, _GRID, _GRID), np.float32) * np.float32(self.elastic)
            move_rows, move_columns = _hats(h) @ knots @ _hats(w).T
            rows += move_rows
            columns += move_columns
        return rows.astype(np.float32, copy=False), columns.astype(np.float32, copy=False)


def sample(images: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """The values of images at places between their pixels (bilinear), 0 outside.

    Args:
        images: (n, height, width).
        rows: (n, height, width) float32, where to look.
        columns: the same across.

    Example:
        >>> image = np.array([[[0.0, 10.0]]])
        >>> sample(image, np.zeros((1, 1, 2), np.float32), np.array([[[0.5, 9.0]]], np.float32))
        array([[[5., 0.]]])
    """
    n, h, w = images.shape
    framed = np.zeros((n, h + 3, w + 3), images.dtype)  # a frame of 0 stands for everything outside
    framed[:, 1:-2, 1:-2] = images
    y, x = np.clip(rows + 1, 0, h + 1), np.clip(columns + 1, 0, w + 1)  # with a neighbour below and to the right
    top, left = y.astype(np.int32), x.astype(np.int32)
    y -= top
    x -= left
    corner = top * (w + 3) + left + (np.arange(n, dtype=np.int32) * ((h + 3) * (w + 3)))[:, None, None]
    flat = framed.reshape(-1)
    upper = flat.take(corner) * (1 - x) + flat.take(corner + 1) * x
    lower = flat.take(corner + (w + 3)) * (1 - x) + flat.take(corner + (w + 4)) * x
    out = upper * (1 - y) + lower * y
    return np.rint(out).astype(images.dtype) if images.dtype.kind in "iu" else out.astype(images.dtype, copy=False)


def _hats(size: int) -> np.ndarray:
    """How much each knot of the warp counts at each pixel: smooth bumps that sum to 1, (size, knots)."""
    place = np.linspace(0, _GRID - 1, size)[:, None] - np.arange(_GRID)
    bumps = np.exp(-(place**2))
    return (bumps / bumps.sum(axis=1, keepdims=True)).astype(np.float32)
