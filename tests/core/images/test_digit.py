"""Digits found in what people really draw: each variant of one drawing must end in the same 28x28 pixels."""

import io
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageOps

from brainbox_core.datasets.idx import read_idx
from brainbox_core.errors import InputError
from brainbox_core.images.digit import as_text, digit_from_image
from brainbox_core.images.load import load_image
from tests.realdata import real_data

# A five, as someone would draw it, in a square of side 1.
FIVE = [(0.72, 0.12), (0.38, 0.12), (0.34, 0.45), (0.55, 0.4), (0.7, 0.55), (0.68, 0.78), (0.5, 0.88), (0.3, 0.8)]


def drawn(size=280, width=0.1, points=FIVE):
    """Dark ink on white paper, antialiased, mode L."""
    paper = Image.new("L", (size * 2, size * 2), 255)
    line = [(round(2 * size * x), round(2 * size * y)) for x, y in points]
    ImageDraw.Draw(paper).line(line, width=max(1, round(2 * size * width)), joint="curve")
    return paper.reduce(2)


def through(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return load_image(buffer.getvalue())


def coloured(ink, paper):
    return ImageOps.colorize(drawn(), ink, paper)


def ink_in_alpha(colour):
    image = Image.new("RGBA", (280, 280), colour)
    image.putalpha(ImageOps.invert(drawn()))
    return image


def card():
    """Black on a white card, the corners of the picture transparent, as screenshots have them."""
    image = drawn().convert("RGBA")
    mask = Image.new("L", image.size, 0)
    ImageDraw.Draw(mask).rounded_rectangle((6, 6, 273, 273), 30, fill=255)
    image.putalpha(mask)
    return image


def off_centre():
    page = Image.new("L", (1500, 900), 255)
    page.paste(drawn(), (1190, 30))
    return page


def with_lines(*lines, shade=40):
    page = ImageOps.expand(drawn(), 40, 255)
    for line in lines:
        ImageDraw.Draw(page).line(line, fill=shade, width=5)
    return page


def squared_paper():
    lines = [line for k in range(17, 360, 40) for line in ([(k, 0), (k, 360)], [(0, k), (360, k)])]
    return through(ImageChops.darker(with_lines(), with_lines(*lines, shade=190)), "JPEG", quality=85)


def speckled():
    page = ImageOps.expand(drawn(), 60, 255)
    for x, y in ((12, 20), (380, 370), (20, 382)):
        ImageDraw.Draw(page).ellipse((x, y, x + 3, y + 3), fill=0)
    return page


def photo(shadow=0.0, noise=4.0, size=(800, 600), ink=0.2, at=(330, 200), paper=1.0):
    """A page by lamplight: light that falls off, grain, a colour cast, JPEG; the shadow's edge runs across the page."""
    random = np.random.Generator(np.random.Philox(key=3))
    page = Image.new("L", size, 255)
    page.paste(drawn(), at)
    cover = 1 - np.asarray(page.filter(ImageFilter.GaussianBlur(1.5)), np.float32) / 255
    y, x = np.mgrid[-1 : 1 : size[1] * 1j, -1 : 1 : size[0] * 1j]
    light = (0.75 + 0.15 * x - 0.1 * y - 0.15 * (x * x + y * y)) * (1 - shadow / (1 + np.exp(-40 * (x - y - 0.1))))
    gray = light * (paper + (ink - paper) * cover)
    pixels = gray[..., None] * (250, 240, 215) + random.normal(0, noise, (*gray.shape, 3))
    return through(Image.fromarray(pixels.clip(0, 255).astype(np.uint8)), "JPEG", quality=80)


def lamp_in_one_corner():
    """Three corners have one shade, as those of a drawing would, but it is a shadow's."""
    y, x = np.mgrid[0:1:280j, 0:1:280j]
    light = 0.5 + 0.33 / (1 + np.exp(-60 * (x - 0.1))) / (1 + np.exp(-60 * (y - 0.2)))
    return Image.fromarray((light * np.asarray(drawn())).astype(np.uint8))


def sheet_on_a_table():
    table = Image.new("RGB", (1000, 900), (70, 45, 30))
    sheet = photo().rotate(4, expand=True, fillcolor=(70, 45, 30))
    table.paste(sheet, (80, 110))
    return table


VARIANTS = {
    "white on black": lambda: ImageOps.invert(drawn()),
    "gray on gray": lambda: drawn().point(lambda value: 120 + value // 5),
    "pencil": lambda: drawn().point(lambda value: 190 + value // 4),
    "red on blue": lambda: coloured("#d02020", "#2060d0"),
    "yellow on white": lambda: coloured("#ffee40", "white"),
    "blue on black": lambda: coloured("#3030ff", "black"),
    "one bit": lambda: through(drawn().convert("1", dither=0), "PNG"),
    "palette": lambda: through(coloured("red", "yellow").quantize(16), "PNG"),
    "CMYK": lambda: through(coloured("navy", "white").convert("CMYK"), "JPEG"),
    "16 bit": lambda: through(Image.fromarray(np.asarray(drawn(), np.uint16) * 256), "PNG"),
    "black ink in the alpha channel": lambda: ink_in_alpha("black"),
    "white ink in the alpha channel": lambda: ink_in_alpha("white"),
    "opaque alpha channel": lambda: drawn().convert("RGBA"),
    "card with transparent corners": card,
    "JPEG of low quality": lambda: through(drawn(), "JPEG", quality=8),
    "large": lambda: drawn(1500),
    "small": lambda: drawn(40),
    "wide page, off centre": off_centre,
    "cropped to the ink": lambda: drawn().crop(ImageOps.invert(drawn()).getbbox()),
    "specks": speckled,
    "frame": lambda: with_lines([(3, 3), (356, 3), (356, 356), (3, 356), (3, 3)]),
    "lines above and below": lambda: with_lines([(0, 12), (360, 15)], [(0, 350), (360, 345)]),
    "squared paper": squared_paper,
    "photo": photo,
    "photo with a shadow": lambda: photo(shadow=0.35),
    "noisy photo": lambda: photo(noise=12),
    "photo of pale ink": lambda: photo(ink=0.6),
    "lamp in one corner": lamp_in_one_corner,
    "chalk on a blackboard": lambda: photo(paper=0.25, ink=1),
    "sheet on a table": sheet_on_a_table,
}


def likeness(one, other):
    """The correlation of two pictures."""
    return np.corrcoef(one.ravel(), other.ravel())[0, 1]


@pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS)
def test_every_way_of_drawing_a_digit_ends_in_the_same_pixels(variant):
    digit, _ = digit_from_image(variant())
    reference, _ = digit_from_image(drawn())
    assert digit.dtype == np.uint8
    assert digit.shape == (28, 28)
    assert likeness(digit, reference) > 0.93
    assert digit.max() > 240


def test_the_digit_is_twenty_pixels_tall_with_its_mass_at_the_centre():
    digit, _ = digit_from_image(off_centre())
    rows = np.flatnonzero(digit.any(axis=1))
    assert rows[-1] - rows[0] + 1 == 20
    for axis in (0, 1):
        centre = digit.sum(axis=1 - axis) @ np.arange(28) / digit.sum()
        assert abs(centre - 14) <= 0.5
    assert digit[0].max() == 0


def test_ink_to_one_side_does_not_push_the_digit_out_of_the_picture():
    image = Image.new("L", (28, 28))
    ImageDraw.Draw(image).rectangle((2, 2, 5, 21), fill=255)
    ImageDraw.Draw(image).point((21, 10), fill=200)
    ImageDraw.Draw(image).line((6, 10, 21, 10), fill=60)
    assert digit_from_image(image)[0].sum() == np.asarray(image).sum()


@pytest.mark.parametrize("width", [0.004, 0.02, 0.05, 0.2])
def test_thin_and_thick_strokes_are_both_solid(width):
    digit, notes = digit_from_image(drawn(600, width))
    reference, _ = digit_from_image(drawn())
    assert likeness(digit, reference) > 0.7  # the centre of mass may round to the next pixel
    assert 60 < (digit > 127).sum() < 220
    assert ("thin strokes thickened" in notes) == (width < 0.06)


def test_a_phone_photo_is_turned_upright_before_it_is_read():
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = through(drawn().transpose(Image.Transpose.ROTATE_90), "JPEG", exif=exif)
    assert likeness(digit_from_image(stored)[0], digit_from_image(drawn())[0]) > 0.95


@pytest.mark.parametrize(
    ("image", "note"),
    [
        (drawn(), "dark on light: inverted"),
        (ink_in_alpha("black"), "ink taken from the transparency"),
        (with_lines([(0, 12), (360, 15)]), "lines along the border left out"),
        (sheet_on_a_table(), "cropped to the sheet of paper"),
    ],
)
def test_what_was_done_is_noted(image, note):
    assert note in digit_from_image(image)[1]


def test_light_on_dark_needs_no_note():
    assert digit_from_image(ImageOps.invert(drawn()))[1] == []


BLANK = {
    "white": Image.new("L", (280, 280), 255),
    "black": Image.new("RGB", (28, 28)),
    "one pixel": Image.new("L", (1, 1), 9),
    "transparent": Image.new("RGBA", (50, 50), (0, 0, 0, 0)),
    "opaque": Image.new("RGBA", (50, 50), "red"),
    "faint": drawn().point(lambda value: 240 + value // 17),
    "noise": Image.fromarray(
        np.random.Generator(np.random.Philox(key=1)).normal(128, 40, (300, 400)).clip(0, 255).astype(np.uint8)
    ),
    "empty page by lamplight": photo(at=(5000, 5000)),
}


@pytest.mark.parametrize("image", BLANK.values(), ids=BLANK)
def test_a_blank_picture_is_refused(image):
    with pytest.raises(InputError, match="no digit found") as caught:
        digit_from_image(image)
    assert "draw one digit" in caught.value.fix


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_picture_gives_a_digit_or_an_input_error(data):
    mode, channels = data.draw(st.sampled_from([("L", ()), ("LA", (2,)), ("RGB", (3,)), ("RGBA", (4,))]))
    height, width = data.draw(st.integers(1, 40)), data.draw(st.integers(1, 40))
    pixels = data.draw(arrays(np.uint8, (height, width, *channels)))
    image = Image.frombytes(mode, (width, height), pixels.tobytes())
    try:
        digit, _ = digit_from_image(image)
    except InputError:
        return
    assert digit.shape == (28, 28)
    assert digit.max() > 0


def test_real_digits_stay_as_they_are():
    images = read_idx(real_data("mnist/train-images-idx3-ubyte.gz"))[50_000:50_500]
    for given_picture in (images, 255 - images):
        digits = np.stack([digit_from_image(Image.fromarray(image))[0] for image in given_picture])
        changed = np.abs(digits.astype(int) - images).mean(axis=(1, 2))
        assert (changed < 3).mean() > 0.99  # a shift by one pixel changes 20 and more
        assert changed.mean() < 1


def test_a_large_photo_is_read_in_a_blink():
    buffer = io.BytesIO()
    photo().resize((4000, 3000)).save(buffer, "JPEG")
    start = time.process_time()
    digit_from_image(load_image(buffer.getvalue()))
    assert time.process_time() - start < 2  # 0.2 s, with room for slow processors


def test_shades_as_text():
    picture = np.array([[0, 60, 120, 180, 255]], np.uint8)
    assert as_text(picture) == "  ░░▒▒▓▓██"
    assert as_text(picture, unicode=False).isascii()
    assert len(as_text(np.zeros((28, 28), np.uint8)).split("\n")) == 28


def _with(draw, size=300):
    image = Image.new("L", (size, size), "white")
    image.paste(drawn(180), (60, 60))
    draw(ImageDraw.Draw(image))
    return image


@pytest.mark.parametrize(
    "draw",
    [
        lambda pen: pen.rectangle((25, 25, 275, 275), outline="black", width=3),
        lambda pen: pen.rectangle((40, 35, 262, 255), outline="gray", width=4),
        lambda pen: pen.line((30, 258, 270, 258), "black", 4),
        lambda pen: pen.line([(30, 200), (30, 270), (270, 270), (270, 200)], "black", 3),
    ],
    ids=["frame", "tight frame", "line below", "comb"],
)
def test_what_is_printed_on_forms_is_left_out(draw):
    plain, _ = digit_from_image(_with(lambda pen: None))
    digit, notes = digit_from_image(_with(draw))
    assert likeness(digit, plain) > 0.9 and any("lines" in note for note in notes)


@pytest.mark.parametrize(("place", "told"), [((320, 0), "two shapes side by side"), ((0, 320), "one above the other")])
def test_two_digits_are_not_one(place, told):
    image = Image.new("L", (300 + place[0], 300 + place[1]), "white")
    image.paste(drawn(280), (10, 10))
    image.paste(drawn(280), (10 + place[0], 10 + place[1]))
    with pytest.raises(InputError, match=told):
        digit_from_image(image)


def test_a_faint_line_on_even_paper_is_read():
    paper = drawn().point(lambda value: 215 + value // 8)
    assert likeness(digit_from_image(paper)[0], digit_from_image(drawn())[0]) > 0.9


def test_a_tight_crop_with_ink_in_its_corners_is_read():
    digit, _ = digit_from_image(drawn(300, 0.1))
    rows, columns = np.flatnonzero(digit.any(axis=1)), np.flatnonzero(digit.any(axis=0))
    tight = Image.fromarray(digit[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]).resize((16, 16))
    assert (np.asarray(tight) > 127).mean() > 0.25
    assert digit_from_image(tight)[0].sum() > 10_000
