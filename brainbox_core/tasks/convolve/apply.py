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
from brainbox_core.images.filter import correlate_by_bands, window_at
from brainbox_core.images.load import load_image
from brainbox_core.tasks.convolve.kernels import Kernel

PICTURES = ("bricks", "portrait")
BAND = 64  # rows that are laid on white at once
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
        pixels: the picture made of the sums, uint8, (H,W) or (H,W,3).
        smallest, largest: of the sums.
        negative: how many sums are below 0.
        clipped_low, clipped_high: how many were set to 0 and to 255.
        absolute: whether negative values were shown without their sign instead of being set to 0.
    """

    pixels: np.ndarray
    smallest: float
    largest: float
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
        if image.getchannel("A").getextrema() != (255, 255):
            notes.append("transparent parts are laid on white")
        image = _on_white(image)
    mode = image.mode if colour is None else "RGB" if colour else "L"
    pixels = np.asarray(image if image.mode == mode else image.convert(mode))  # convert() copies in any case
    return Photo(pixels, hashlib.sha256(np.ascontiguousarray(pixels).data).hexdigest(), tuple(notes))


def _on_white(image: Image.Image) -> Image.Image:
    """A picture without its transparency; some rows at a time, as red, green, blue and alpha take much memory."""
    flat = Image.new(image.mode[:-1], image.size)
    for top in range(0, image.height, BAND):
        rows = image.crop((0, top, image.width, min(top + BAND, image.height))).convert("RGBA")
        white = Image.new("RGBA", rows.size, "white")
        white.alpha_composite(rows)
        flat.paste(white.convert(flat.mode), (0, top))
    return flat


def apply(image: np.ndarray, kernel: Kernel, settings: Settings) -> Filtered:
    """Slide a kernel over a picture; in colour, over red, green and blue apart.

    Args:
        image: uint8, (H,W) or (H,W,3).
        kernel: the weights.
        settings: how to slide them.

    Raises:
        UsageError: the settings do not fit, as for `correlate`.
    """
    weights = np.array(kernel.weights)
    bands, smallest, largest = [], np.inf, -np.inf
    negative = high = 0
    # The sums of a whole picture would take four times its memory.
    for values in correlate_by_bands(image, weights, settings.padding, settings.border, settings.stride):
        smallest, largest = min(smallest, float(values.min())), max(largest, float(values.max()))
        rounded = np.rint(values, out=values)
        negative += int(np.count_nonzero(rounded < 0))
        if kernel.is_difference:
            np.abs(rounded, out=rounded)
        high += int(np.count_nonzero(rounded > 255))
        bands.append(np.clip(rounded, 0, 255, out=rounded).astype(np.uint8))
    low = 0 if kernel.is_difference else negative
    return Filtered(np.concatenate(bands), smallest, largest, negative, low, high, kernel.is_difference)


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
