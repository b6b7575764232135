import numpy as np
import pytest
from PIL import Image

from brainbox_core.errors import InputError, UsageError
from brainbox_core.images.filter import correlate
from brainbox_core.rng import stream
from brainbox_core.tasks.convolve.apply import Settings, apply, explain, read_picture
from brainbox_core.tasks.convolve.kernels import NAMED, parse_kernel
from tests.realdata import real_data

GROUT = 28  # rows from one course of bricks to the next; the last 4 of them are grout


def save(path, image, **options):
    image.save(path, **options)
    return str(path)


def test_vertical_edges_of_the_wall_leave_only_the_vertical_grout():
    wall = read_picture("bricks", colour=False).pixels
    grout = (np.asarray(read_picture("bricks").pixels.min(axis=2)) > 150)[:190]
    vertical = apply(wall, parse_kernel("vertical-edge"), Settings()).pixels[:190]
    courses = [slice(top + 2, top + 22) for top in range(0, 168, GROUT)]  # the bricks, without their ends
    joints = [slice(top + 25, top + 27) for top in range(0, 168, GROUT)]  # inside the horizontal grout
    for rows in courses:
        beside = np.zeros(wall.shape[1], bool)  # within a pixel of where vertical grout begins or ends
        change = np.flatnonzero(np.diff(grout[rows][0].astype(int)))
        beside[change] = beside[change + 1] = True
        assert beside.any()
        assert vertical[rows][:, beside].min() > 80
        assert vertical[rows][:, ~beside].max() < 40
    for rows in joints:
        assert vertical[rows].max() < 40  # horizontal grout is gone
    horizontal = apply(wall, parse_kernel("horizontal-edge"), Settings()).pixels
    middle = [slice(top + 6, top + 18) for top in range(0, 168, GROUT)]
    assert all(horizontal[rows].max() < 40 for rows in middle)
    assert all(np.median(horizontal[top + 23 : top + 25]) > 80 for top in range(0, 168, GROUT))


@pytest.mark.parametrize("name", NAMED)
def test_every_named_kernel_on_gray_and_colour(name):
    for picture in (read_picture("portrait"), read_picture("bricks", colour=False)):
        kernel = parse_kernel(name)
        result = apply(picture.pixels, kernel, Settings())
        assert result.pixels.shape == picture.pixels.shape and result.pixels.dtype == np.uint8
        values = np.rint(correlate(picture.pixels, np.array(kernel.weights), border="reflect"))
        shown = np.abs(values) if kernel.is_difference else values
        assert (result.pixels == shown.clip(0, 255)).all()
        assert result.negative == (values < 0).sum()
        assert result.clipped_high == (shown > 255).sum()
        assert result.clipped_low == (0 if kernel.is_difference else result.negative)
    if name == "identity":
        assert (result.pixels == picture.pixels).all() and not result.clipped_high + result.clipped_low


def test_nothing_wraps_around():
    pixels = np.array([[0, 100, 200]], np.uint8)
    result = apply(pixels, parse_kernel("2"), Settings())
    assert result.pixels.tolist() == [[0, 200, 255]]
    assert (result.clipped_low, result.clipped_high) == (0, 1)
    result = apply(pixels, parse_kernel("-1"), Settings())
    assert result.pixels.tolist() == [[0, 0, 0]]
    assert (result.negative, result.clipped_low, result.absolute) == (2, 2, False)
    result = apply(pixels, parse_kernel("1 -1"), Settings(border="edge"))  # left minus this
    assert result.pixels.tolist() == [[0, 100, 100]]
    assert (result.negative, result.clipped_low, result.absolute) == (2, 0, True)


def test_rounding_errors_are_no_negative_values():
    """The Fourier route leaves 1e-14 where zeros should be."""
    pixels = np.zeros((400, 300), np.uint8)
    pixels[200, 150] = 255
    noise = stream(0, "kernel").random((21, 21)) + 0.1
    text = ";".join(" ".join(f"{weight:.4f}" for weight in row) for row in noise)
    result = apply(pixels, parse_kernel(text), Settings())
    assert result.smallest < 0
    assert result.negative == result.clipped_low == 0


def test_turning_the_kernel_makes_it_a_convolution():
    point = np.zeros((5, 5), np.uint8)
    point[2, 2] = 1
    kernel = parse_kernel("1 2 3; 4 5 6; 7 8 9")
    assert apply(point, kernel, Settings()).pixels[1:4, 1:4].tolist() == [[9, 8, 7], [6, 5, 4], [3, 2, 1]]
    assert apply(point, kernel.turned, Settings()).pixels[1:4, 1:4].tolist() == [[1, 2, 3], [4, 5, 6], [7, 8, 9]]


@pytest.mark.parametrize(
    "settings", [Settings(), Settings("valid"), Settings("same", "edge", 2), Settings("same", "constant")]
)
@pytest.mark.parametrize("colour", [True, False])
def test_every_explained_pixel_is_the_one_of_the_result(settings, colour):
    pixels = read_picture("portrait", colour).pixels[100:112, 80:95]
    kernel = parse_kernel("1 2 0; 0 -5 1/2; 3 0 -1; 1 1 0")
    result = apply(pixels, kernel, settings)
    sums = correlate(pixels, np.array(kernel.weights), settings.padding, settings.border, settings.stride)
    assert (result.smallest, result.largest) == (sums.min(), sums.max())
    for y, x in np.ndindex(result.pixels.shape[:2]):
        steps = explain(pixels, kernel, settings, result, x, y)
        assert [step.channel for step in steps] == (["red", "green", "blue"] if colour else [""])
        assert [step.pixel for step in steps] == np.atleast_1d(result.pixels[y, x]).tolist()
        np.testing.assert_allclose([step.total for step in steps], np.atleast_1d(sums[y, x]), rtol=1e-6)
        assert all(step.window.shape == (4, 3) for step in steps)


@pytest.mark.parametrize("place", [(15, 0), (0, 12), (-1, 0), (0, -1)])
def test_there_is_no_such_pixel(place):
    pixels = np.zeros((12, 15), np.uint8)
    kernel = parse_kernel("blur")
    with pytest.raises(UsageError, match="is outside of the result: expected x from 0 to 14 and y from 0 to 11"):
        explain(pixels, kernel, Settings(), apply(pixels, kernel, Settings()), *place)


def test_modes_of_files(tmp_path):
    """Documented: gray stays gray, anything with colour becomes RGB, transparency is laid on white."""
    gray, colour = np.full((4, 6), 90, np.uint8), np.full((4, 6, 3), (200, 100, 50), np.uint8)
    for mode, shape in (("1", (4, 6)), ("L", (4, 6)), ("P", (4, 6, 3)), ("RGB", (4, 6, 3)), ("RGBA", (4, 6, 3))):
        path = save(tmp_path / "a.png", Image.fromarray(colour).convert(mode))
        assert read_picture(path).pixels.shape == shape
    for mode in ("CMYK", "YCbCr"):
        path = save(tmp_path / "a.jpg", Image.fromarray(colour).convert(mode))
        assert np.abs(read_picture(path).pixels.astype(int) - colour).max() < 8
    path = save(tmp_path / "a.png", Image.fromarray(gray.astype(np.uint16) * 257))
    assert (read_picture(path).pixels == gray).all()
    alpha = np.dstack([colour, np.full((4, 6), 255, np.uint8)])
    alpha[:2, :, 3] = 0
    alpha[2, 0, 3] = 128
    photo = read_picture(save(tmp_path / "a.png", Image.fromarray(alpha)))
    assert photo.notes == ("transparent parts are laid on white",)
    assert (photo.pixels[:2] == 255).all() and (photo.pixels[3] == colour[3]).all()
    assert photo.pixels[2, 0].tolist() == [227, 177, 152]
    layers = np.dstack([gray, alpha[:, :, 3]])
    photo = read_picture(save(tmp_path / "a.png", Image.fromarray(layers)))
    assert photo.pixels[:, 1].tolist() == [255, 255, 90, 90]


def test_gray_and_colour_can_be_asked_for(tmp_path):
    colours = Image.fromarray(np.full((2, 3, 3), (200, 100, 50), np.uint8))
    path = save(tmp_path / "a.png", colours)
    assert (read_picture(path, colour=False).pixels == 124).all()  # 0.299 * 200 + 0.587 * 100 + 0.114 * 50 = 124.2
    path = save(tmp_path / "b.png", Image.new("L", (3, 2), 70))
    assert (read_picture(path, colour=True).pixels == 70).all()
    assert read_picture(path, colour=True).pixels.shape == (2, 3, 3)


def test_a_turned_phone_photo_is_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter clockwise
    pixels = np.zeros((20, 40), np.uint8)
    pixels[:, :20] = 255
    photo = read_picture(save(tmp_path / "a.png", Image.fromarray(pixels), exif=exif))
    assert photo.pixels.shape == (40, 20)
    assert (photo.pixels[:20] == 255).all() and not photo.pixels[20:].any()


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (50, 1), (2, 2)], ids=str)
def test_tiny_pictures(size):
    pixels = stream(0, "tiny").integers(0, 256, size, np.uint8)
    for name in NAMED:
        assert apply(pixels, parse_kernel(name), Settings()).pixels.shape == size
    with pytest.raises(UsageError, match="is larger than the picture"):
        apply(pixels, parse_kernel("blur"), Settings("valid"))


def test_what_is_no_picture(tmp_path):
    for name, content in (
        ("empty.png", b""),
        ("text.png", b"hello"),
        ("page.jpg", b"%!PS-Adobe-3.0"),
        ("t.tif", b"II*\0"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError):
            read_picture(str(tmp_path / name))
    with pytest.raises(InputError, match="no such file"):
        read_picture(str(tmp_path / "bricks"))
    assert read_picture("bricks").sha256 == read_picture("bricks").sha256 != read_picture("portrait").sha256


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coins", "page"])
def test_photos(name):
    photo = read_picture(str(real_data(f"photos/{name}.png")))
    assert photo.pixels.ndim == (3 if name in ("astronaut", "chelsea") else 2)
    blurred = apply(photo.pixels, parse_kernel("gaussian"), Settings())
    edges = apply(photo.pixels, parse_kernel("edge-detect"), Settings())
    sharp = apply(photo.pixels, parse_kernel("sharpen"), Settings())
    wiggle = [np.abs(np.diff(p.pixels.astype(int), axis=0)).mean() for p in (blurred, sharp)]
    assert wiggle[0] < np.abs(np.diff(photo.pixels.astype(int), axis=0)).mean() < wiggle[1]
    assert abs(blurred.pixels.mean() - photo.pixels.mean()) < 1
    assert edges.pixels.mean() < photo.pixels.mean() / 2
