"""Pictures from files: only known decoders run, sizes are checked before decoding, every mode ends in one of four."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, UnidentifiedImageError

from brainbox_core.errors import InputError
from brainbox_core.files.reading import kind_of, open_unchanging

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "PPM")
MAX_PIXELS = 32_000_000
MAX_FILE_SIZE = 2**28  # bytes; the worst case of 32 million pixels in a lossless format
AGAIN = "save the picture again as PNG or JPEG"
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}  # by the Orientation tag (0x0112) of the EXIF standard


def load_image(source: str | Path | bytes) -> Image.Image:
    """Read a PNG, JPEG, GIF, BMP, WebP or PPM picture, upright, in mode L, LA, RGB or RGBA.

    Of an animation the first frame is taken. Black-and-white and gray become L; palette, CMYK, YCbCr and colour become
    RGB; transparency of any kind (a channel, a transparent palette entry or colour) adds the A. 16-bit gray is divided
    by 257; floating-point gray is stretched from its lowest to its highest value.

    Args:
        source: a path, or the file's content.

    Returns:
        A Pillow image with 8 bits per channel and at least one pixel.

    Raises:
        InputError: no such file, another format, damaged, or more than 32 million pixels.

    Example:
        >>> load_image(b"P1 2 2  1 0 0 1").getpixel((0, 0))
        0
    """
    if isinstance(source, bytes):
        return _load(io.BytesIO(source), "the picture", len(source))
    with open_unchanging(source) as (file, size):
        return _load(file, str(source), size)


def _load(file: BinaryIO, where: str, size: int) -> Image.Image:
    if not size:
        raise InputError("the file is empty", where=where, fix="name a picture")
    if size > MAX_FILE_SIZE:
        raise InputError(f"the file has {size:,} bytes", where=where, expected=f"at most {MAX_FILE_SIZE:,}", fix=AGAIN)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns where an error or a tolerable flaw follows
            return _decode(file, where)
    except UnidentifiedImageError as error:
        file.seek(0)
        kind = kind_of(file.read(64))
        what = f"is {kind} that cannot be read" if kind else "is not a picture that can be read"
        fix = f"use one of {', '.join(FORMATS)}"
        raise InputError(what, where=where, fix=fix) from error
    except InputError:
        raise
    except Exception as error:  # decoders meet hostile bytes with almost any exception
        reason = f" ({str(error).rstrip('.').lower()})" if str(error) else ""
        raise InputError(f"the picture is damaged{reason}", where=where, fix=AGAIN) from error


def _decode(file: BinaryIO, where: str) -> Image.Image:
    image = _open(file, where)
    if image.format == "PNG":
        image.verify()  # its checksums, which decoding does not look at; needs a fresh start afterwards
        image = _open(file, where)
    image.load()
    try:
        turn = UPRIGHT.get(image.getexif().get(0x0112, 1))
    except Exception:  # a broken tag must not cost the picture, and parsing one can raise anything
        turn = None
    image = _standard_mode(image, where)
    return image if turn is None else image.transpose(turn)


def _open(file: BinaryIO, where: str) -> Image.Image:
    file.seek(0)
    try:
        image = Image.open(file, formats=FORMATS)
        width, height = image.size
        pixels = f"{width:,} x {height:,} pixels"
    except Image.DecompressionBombError:
        pixels, width, height = "far too many pixels", MAX_PIXELS, 2
    if width * height > MAX_PIXELS:
        limit = f"at most {MAX_PIXELS // 10**6} million"
        raise InputError(f"the picture has {pixels}", where=where, expected=limit, fix="make it smaller")
    if not width * height:
        raise InputError("the picture has no pixels", where=where, fix=AGAIN)
    return image


def _standard_mode(image: Image.Image, where: str) -> Image.Image:
    if image.mode.startswith("I"):
        deep = np.clip(np.asarray(image), 0, 65_407).astype(np.uint16)  # from there on it is white
        return Image.fromarray(((deep + 128) // 257).astype(np.uint8))
    if image.mode == "F":
        values = np.asarray(image)
        low, high = float(values.min()), float(values.max())
        if not np.isfinite(high - low):
            raise InputError("the picture has values that are not finite numbers", where=where, fix=AGAIN)
        return Image.fromarray(np.rint((values - low) * (255 / ((high - low) or 1))).astype(np.uint8))
    mode = "L" if image.mode in ("1", "L", "LA", "La") else "RGB"
    return image.convert(mode + "A" if image.has_transparency_data else mode)
