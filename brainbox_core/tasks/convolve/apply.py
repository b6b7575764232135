"""Filter one picture: read it, slide a kernel over it, and make a picture of the numbers that come out.

The sums need not be brightnesses: they can be negative or above 255. Where the weights of a kernel cancel out, as those
for edges do, the picture shows the sums without their sign. Then all is clipped to 0 to 255; nothing wraps around.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from PIL import Image

from brainbox_core.datasets.catalog import builtin
from brainbox_core.errors import UsageError
from brainbox_core.images.filter import correlate, window_at
from brainbox_core.images.load import load_image
from brainbox_core.tasks.convolve.kernels import Kernel

PICTURES = ("bricks", "portrait")
BAND = 64  # rows that are rounded at once
COLOURS = ("red", "green", "blue")


@dataclass(frozen=True)
class Settings:
    """How a kernel is slid over a picture; as for `brainbox_core.images.filter.correlate`."""

    padding: str = "same"
    border: str = "reflect"
    stride: int = 1


@dataclass(frozen=True)
class Photo:
    """A picture that was read.

    Attributes:
        pixels: uint8, (H,W) gray or (H,W,3) colour.
        sha256: the hash of its pixels.
        notes: what was done to it, for the user.
    """

    pixels: np.ndarray
    sha256: str
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Filtered:
    """What came out.

    Attributes:
        values: the sums, (H,W) or (H,W,3).
        pixels: the picture made of them, uint8.
        negative: how many values are below 0.
        clipped_low, clipped_high: how many were set to 0 and to 255.
        absolute: whether negative values were shown without their sign instead of being set to 0.
    """

    values: np.ndarray
    pixels: np.ndarray
    negative: int
    clipped_low: int
    clipped_high: int
    absolute: bool


@dataclass(frozen=True)
class Step:
    """One pixel of the result, as arithmetic: `total` is the sum of window times kernel.

    Attributes:
        channel: red, green or blue; empty for a gray picture.
        window: (h,w), what the kernel lies on.
        total: the sum of their products.
        pixel: what is shown for it, 0 to 255.
    """

    channel: str
    window: np.ndarray
    total: float
    pixel: int


def read_picture(source: str | bytes, colour: bool | None = None) -> Photo:
    """Read a picture upright, and lay transparent parts on white.

    Args:
        source: a path, `bricks` or `portrait` (built in), or the content of a file.
        colour: True for red, green and blue, False for gray (ITU-R 601: 0.299 red, 0.587 green, 0.114 blue); as the
            picture is if not given.

    Raises:
        InputError: as `brainbox_core.images.load.load_image`.

    Example:
        >>> read_picture("bricks").pixels.shape
        (196, 300, 3)
    """
    image = load_image(builtin("pictures") / f"{source}.png" if source in PICTURES else source)
    notes = []
    if image.mode in ("LA", "RGBA"):
        if np.asarray(image.getchannel("A")).min() < 255:
            notes.append("transparent parts are laid on white")
        white = Image.new("RGBA", image.size, "white")
        white.alpha_composite(image.convert("RGBA"))
        image = white.convert(image.mode[:-1])
    mode = image.mode if colour is None else "RGB" if colour else "L"
    pixels = np.asarray(image.convert(mode))
    return Photo(pixels, hashlib.sha256(np.ascontiguousarray(pixels).data).hexdigest(), tuple(notes))


def apply(image: np.ndarray, kernel: Kernel, settings: Settings) -> Filtered:
    """Slide a kernel over a picture; in colour, over red, green and blue apart.

    Args:
        image: uint8, (H,W) or (H,W,3).
        kernel: the weights.
        settings: how to slide them.

    Raises:
        UsageError: the settings do not fit, as for `correlate`.
    """
    values = correlate(image, np.array(kernel.weights), settings.padding, settings.border, settings.stride)
    pixels = np.empty(values.shape, np.uint8)
    negative = high = 0
    for start in range(0, len(values), BAND):  # of a whole picture the rounded sums would take four times its memory
        rounded = np.rint(values[start : start + BAND])
        negative += int(np.count_nonzero(rounded < 0))
        if kernel.is_difference:
            np.abs(rounded, out=rounded)
        high += int(np.count_nonzero(rounded > 255))
        pixels[start : start + BAND] = np.clip(rounded, 0, 255, out=rounded)
    low = 0 if kernel.is_difference else negative
    return Filtered(values, pixels, negative, low, high, kernel.is_difference)


def explain(pixels: np.ndarray, kernel: Kernel, settings: Settings, result: Filtered, x: int, y: int) -> list[Step]:
    """How one pixel of the result came about, for each channel.

    Args:
        pixels: the picture that was filtered.
        kernel, settings, result: of `apply`.
        x, y: column and row of the result, from 0.

    Raises:
        UsageError: there is no such pixel.
    """
    height, width = result.pixels.shape[:2]
    if not (0 <= x < width and 0 <= y < height):
        expected = f"x from 0 to {width - 1} and y from 0 to {height - 1}"
        raise UsageError("is outside of the result", where=f"`explain {x},{y}`", expected=expected)
    weights = np.array(kernel.weights)
    window = window_at(pixels, kernel.size, y, x, settings.padding, settings.border, settings.stride)
    channels = COLOURS if pixels.ndim == 3 else ("",)
    windows = np.moveaxis(window.reshape(*kernel.size, -1), 2, 0)
    shown = np.atleast_1d(result.pixels[y, x])
    return [
        Step(channel, seen, float((seen * weights).sum()), int(pixel))
        for channel, seen, pixel in zip(channels, windows, shown, strict=True)
    ]
