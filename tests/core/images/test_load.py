"""Pictures from files: every mode ends in one of four, and no bad file gets past the guards."""

import contextlib
import io
import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageDraw, PngImagePlugin

from brainbox_core.errors import InputError
from brainbox_core.images import load as images
from brainbox_core.images.load import UPRIGHT, load_image
from tests.realdata import real_data


def encoded(image, kind="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(width, height, *chunks, pixels=b"\0\0"):
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    rest = chunk(b"IDAT", zlib.compress(pixels)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + rest


def shaded(width=32, height=16):
    row = np.linspace(0, 255, width).astype(np.uint8)
    return Image.fromarray(np.tile(row, (height, 1)))


def palette_with_transparency():
    image = Image.new("P", (2, 1), 0)
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.putpixel((1, 0), 1)
    return encoded(image, transparency=1)


@pytest.mark.parametrize(
    ("kind", "options", "tolerance"),
    [("PNG", {}, 0), ("GIF", {}, 0), ("BMP", {}, 0), ("PPM", {}, 0), ("JPEG", {}, 8), ("WEBP", {"lossless": True}, 0)],
)
def test_every_format_is_read_from_a_path_and_from_bytes(tmp_path, kind, options, tolerance):
    content = encoded(shaded(), kind, **options)
    (tmp_path / "picture.dat").write_bytes(content)
    for source in (content, tmp_path / "picture.dat", str(tmp_path / "picture.dat")):
        loaded = np.asarray(load_image(source).convert("L"), int)
        assert np.abs(loaded - np.asarray(shaded())).max() <= tolerance


SIXTEEN = np.array([[0, 257, 32896, 65535]], np.uint16)
MODES = {
    "1": (encoded(Image.new("1", (1, 1), 1)), "L", 255),
    "L": (encoded(Image.new("L", (1, 1), 7)), "L", 7),
    "L with a transparent gray": (encoded(Image.new("L", (1, 1), 7), transparency=7), "LA", (7, 0)),
    "LA": (encoded(Image.new("LA", (1, 1), (7, 9))), "LA", (7, 9)),
    "P": (encoded(Image.new("RGB", (1, 1), (1, 2, 3)).quantize(2)), "RGB", (1, 2, 3)),
    "P with transparency": (palette_with_transparency(), "RGBA", (255, 0, 0, 255)),
    "RGB": (encoded(Image.new("RGB", (1, 1), (1, 2, 3))), "RGB", (1, 2, 3)),
    "RGB with a transparent colour": (
        encoded(Image.new("RGB", (1, 1), (1, 2, 3)), transparency=(1, 2, 3)),
        "RGBA",
        (1, 2, 3, 0),
    ),
    "RGBA": (encoded(Image.new("RGBA", (1, 1), (1, 2, 3, 4))), "RGBA", (1, 2, 3, 4)),
    "CMYK": (encoded(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG", quality=100), "RGB", (255, 0, 0)),
    "YCbCr": (encoded(Image.new("YCbCr", (8, 8), (76, 85, 255)), "JPEG", quality=100), "RGB", (254, 0, 0)),
}


@pytest.mark.parametrize(("content", "mode", "pixel"), MODES.values(), ids=MODES)
def test_every_mode_ends_in_one_of_four(content, mode, pixel):
    image = load_image(content)
    assert image.mode == mode
    np.testing.assert_allclose(image.getpixel((0, 0)), pixel, atol=2 if b"JFIF" in content or mode == "RGB" else 0)


@pytest.mark.parametrize(
    "content", [encoded(Image.fromarray(SIXTEEN)), b"P5 4 1 65535\n" + SIXTEEN.byteswap().tobytes()]
)
def test_sixteen_bit_gray_is_divided_by_257(content):
    assert np.asarray(load_image(content)).tolist() == [[0, 1, 128, 255]]


def test_floating_point_gray_is_stretched():
    values = np.array([[-2.0, -1.0, 0.0, 2.0]], "<f4")
    assert np.asarray(load_image(b"Pf\n4 1\n-1.0\n" + values.tobytes())).tolist() == [[0, 64, 128, 255]]
    assert load_image(b"Pf\n4 1\n-1.0\n" + np.full(4, 3, "<f4").tobytes()).getextrema() == (0, 0)
    for bad in (np.nan, np.inf):
        values[0, 0] = bad
        with pytest.raises(InputError, match="not finite"):
            load_image(b"Pf\n4 1\n-1.0\n" + values.tobytes())


@pytest.mark.parametrize("orientation", range(9))
def test_a_picture_turned_by_exif_comes_out_upright(orientation):
    upright = shaded()
    back = {6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}
    stored = upright.transpose(back.get(orientation, UPRIGHT[orientation])) if orientation in UPRIGHT else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    for kind in ("PNG", "WEBP"):
        loaded = load_image(encoded(stored, kind, exif=exif, lossless=True)).convert("L")
        np.testing.assert_array_equal(np.asarray(loaded), np.asarray(upright))


@pytest.mark.parametrize("tag", [b"", b"Ex", b"MM\0*\0\0", b"II*\0\xff\xff\xff\xff\x01"])
def test_a_broken_exif_tag_does_not_cost_the_picture(tag):
    assert load_image(png(1, 1, chunk(b"eXIf", tag))).size == (1, 1)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_of_an_animation_the_first_frame_is_taken(kind):
    frames = [Image.new("RGB", (4, 4), (gray,) * 3) for gray in (10, *range(11, 200))]
    options = {"lossless": True} if kind == "WEBP" else {}
    content = encoded(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    assert load_image(content).convert("L").getpixel((0, 0)) == 10


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (500, 1)])
def test_the_smallest_pictures_are_read(size):
    assert load_image(encoded(Image.new("L", size))).size == size


GOOD = encoded(shaded())
MEGABYTE = zlib.compress(bytes(10**6), 9)
BAD = {
    "empty": (b"", "empty"),
    "text": (b"not a picture", "not a picture"),
    "only the signature": (GOOD[:8], "damaged|cannot be read"),
    "truncated PNG": (GOOD[:-30], "damaged"),
    "truncated JPEG": (encoded(Image.effect_noise((64, 64), 50), "JPEG")[:900], "damaged"),
    "truncated GIF": (encoded(Image.effect_noise((64, 64), 50), "GIF")[:1500], "damaged"),
    "truncated WebP": (encoded(Image.effect_noise((64, 64), 50), "WEBP")[:300], "damaged|cannot be read"),
    "truncated BMP": (encoded(shaded(), "BMP")[:-9], "damaged"),
    "truncated PPM": (encoded(shaded(), "PPM")[:-9], "damaged"),
    "wrong checksum of the header": (GOOD[:29] + bytes(4) + GOOD[33:], "damaged|cannot be read"),
    "wrong checksum of the pixels": (
        GOOD[: (at := GOOD.index(b"IEND") - 5)] + bytes([GOOD[at] ^ 1]) + GOOD[at + 1 :],
        "damaged",
    ),
    "no pixels": (png(0, 0), "damaged|no pixels|cannot be read"),
    "no width": (b"P5 0 5 255\n", "not a picture that can be read"),
    "30,000 x 30,000": (png(30_000, 30_000), "too many pixels|30,000 x 30,000 pixels: expected at most 32 million"),
    "9,000 x 9,000": (png(9_000, 9_000), "9,000 x 9,000 pixels: expected at most 32 million"),
    "5,657 x 5,657": (png(5_657, 5_657), "5,657 x 5,657 pixels"),
    "huge BMP": (
        (bmp := encoded(shaded(), "BMP"))[:18] + struct.pack("<ii", 2**30, 2**30) + bmp[26:],
        "too many pixels",
    ),
    "huge WebP": (b"RIFF\x1e\0\0\0WEBPVP8L\x11\0\0\0\x2f" + b"\xff\xff\xff\x0f" + bytes(12), "."),
    "zTXt bomb": (png(1, 1, chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(10**8), 9))), "too large"),
    "iCCP bomb": (png(1, 1, chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(10**8), 9))), "too large"),
    "many texts": (
        png(1, 1, *[chunk(b"zTXt", b"%d\0\0" % i + MEGABYTE) for i in range(70)]),
        "too much memory|too large",
    ),
}


@pytest.mark.parametrize(("content", "says"), BAD.values(), ids=BAD)
def test_bad_pictures_are_refused_by_what_is_wrong_with_them(tmp_path, content, says):
    (tmp_path / "picture.png").write_bytes(content)
    with pytest.raises(InputError, match=says) as caught:
        load_image(tmp_path / "picture.png")
    assert str(tmp_path / "picture.png") in caught.value.line
    assert caught.value.fix
    with pytest.raises(InputError, match=says):
        load_image(content)


def test_a_picture_of_exactly_the_limit_is_read(monkeypatch):
    monkeypatch.setattr(images, "MAX_PIXELS", 512)
    assert load_image(GOOD).size == (32, 16)
    monkeypatch.setattr(images, "MAX_PIXELS", 511)
    with pytest.raises(InputError, match="32 x 16 pixels"):
        load_image(GOOD)


def test_a_huge_file_is_refused_unread(tmp_path):
    with open(tmp_path / "huge.png", "wb") as file:
        file.write(GOOD)
        file.truncate(images.MAX_FILE_SIZE + 1)
    with pytest.raises(InputError, match="268,435,457 bytes"):
        load_image(tmp_path / "huge.png")


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("TIFF", "TIFF"),
        ("EPS", "PostScript"),
        ("PDF", "PDF"),
        ("ICO", "not a picture"),
        ("AVIF", "AVIF"),
        ("TGA", "not a picture"),
        ("JPEG2000", "not a picture"),
    ],
)
def test_other_formats_are_refused_and_their_decoders_never_run(monkeypatch, kind, says):
    Image.init()
    if kind not in Image.SAVE:
        pytest.skip(f"this Pillow cannot write {kind}")
    content = encoded(Image.new("RGB", (32, 32), "red"), kind)
    opened = []
    for name, (factory, _) in list(Image.OPEN.items()):
        spy = lambda *args, name=name, factory=factory: opened.append(name) or factory(*args)  # noqa: E731
        monkeypatch.setitem(Image.OPEN, name, (spy, None))  # no check of the signature: every factory is asked
    with pytest.raises(InputError, match=says) as caught:
        load_image(content)
    assert "PNG, JPEG, GIF, BMP, WEBP, PPM" in caught.value.fix
    assert set(opened) <= set(images.FORMATS)
    assert opened


@pytest.mark.parametrize("head", [b"8BPS\0\1" + bytes(60), b"SIMPLE  =" + bytes(60), b"<svg xmlns='x'/>", b"<html>"])
def test_other_files_are_named(head):
    with pytest.raises(InputError, match=r"Photoshop|FITS|SVG|web page"):
        load_image(head)


def test_what_is_not_a_file_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", tmp_path / "missing.png"):
        with pytest.raises(InputError):
            load_image(path)


def test_damage_anywhere_gives_a_picture_or_an_input_error():
    random = np.random.Generator(np.random.Philox(key=2))
    image = Image.new("RGB", (24, 24), "white")
    ImageDraw.Draw(image).ellipse((4, 4, 20, 20), outline="red", width=3)
    text = PngImagePlugin.PngInfo()
    text.add_text("a", "b", zip=True)
    for kind in images.FORMATS:
        good = encoded(image, kind, **({"pnginfo": text} if kind == "PNG" else {}))
        for _ in range(60):
            bad = bytearray(good)
            for place in random.integers(0, len(bad), 4):
                bad[place] = random.integers(256)
            with contextlib.suppress(InputError):
                assert load_image(bytes(bad)).mode in ("L", "LA", "RGB", "RGBA")


@pytest.mark.parametrize("name", ["astronaut.png", "chelsea.png", "coins.png", "page.png"])
def test_real_pictures_are_read(name):
    image = load_image(real_data(f"photos/{name}"))
    assert min(image.size) > 100
    assert image.mode == ("L" if name in ("coins.png", "page.png") else "RGB")


@pytest.mark.skipif(not os.path.exists("/proc/self/mem"), reason="needs a regular file whose reading fails")
def test_a_failing_read_is_told():
    with pytest.raises(InputError, match="/proc/self/mem: "):
        load_image("/proc/self/mem")
