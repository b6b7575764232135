import re
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import brainbox_core.images.filter as filtering
from brainbox_core.errors import UsageError
from brainbox_core.images.filter import BORDERS, PADDINGS, correlate, window_at
from brainbox_core.rng import stream
from tests import memory
from tests.realdata import real_data

# What NumPy and SciPy call the same borders.
NUMPY = {"constant": "constant", "reflect": "symmetric", "edge": "edge"}
SCIPY = {"constant": "constant", "reflect": "reflect", "edge": "nearest"}


def slow(image, kernel, padding="same", border="constant", stride=1):
    """The definition: one window, one sum."""
    image, kernel = np.asarray(image, float), np.asarray(kernel, float)
    h, w = kernel.shape
    if padding == "same":
        around = ((h // 2, h - 1 - h // 2), (w // 2, w - 1 - w // 2)) + ((0, 0),) * (image.ndim - 2)
        image = np.pad(image, around, mode=NUMPY[border])
    rows, columns = range(0, image.shape[0] - h + 1, stride), range(0, image.shape[1] - w + 1, stride)
    weights = kernel[..., None] if image.ndim == 3 else kernel
    return np.array([[(image[y : y + h, x : x + w] * weights).sum(axis=(0, 1)) for x in columns] for y in rows])


def picture(*shape, dtype=np.float64):
    return (stream(0, "picture", *shape).random(shape) * 255).astype(dtype)


def weights(*shape, rank_one=False):
    rng = stream(0, "weights", *shape)
    return np.outer(rng.normal(size=shape[0]), rng.normal(size=shape[1])) if rank_one else rng.normal(size=shape)


def assert_equal(ours, theirs, image, kernel, tolerance=1e-6):
    assert ours.shape == theirs.shape
    scale = np.abs(kernel).sum() * (np.abs(np.asarray(image, float)).max() or 1)
    np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=1e-12 * scale)


KERNELS = [(1, 1), (1, 2), (2, 1), (2, 2), (3, 3), (3, 4), (4, 3), (5, 5), (1, 7), (7, 1), (6, 9), (9, 9), (15, 15)]


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize("size", KERNELS, ids=str)
def test_every_size_and_border_is_the_sum_over_the_window(size, border, padding):
    for rank_one in (False, True):
        image, kernel = picture(19, 23), weights(*size, rank_one=rank_one)
        ours = correlate(image, kernel, padding, border)
        assert_equal(ours, slow(image, kernel, padding, border), image, kernel)


@pytest.mark.parametrize("stride", [1, 2, 3, 7, 18, 19, 1000])
@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("shape", [(19, 23), (19, 23, 3)], ids=["gray", "colour"])
@pytest.mark.parametrize("size", [(1, 1), (3, 3), (4, 2), (7, 7), (13, 13)], ids=str)
def test_strides_and_colours(size, shape, padding, stride):
    image, kernel = picture(*shape), weights(*size)
    ours = correlate(image, kernel, padding, "edge", stride)
    assert_equal(ours, slow(image, kernel, padding, "edge", stride), image, kernel)


@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (2, 3), (4, 4), (1, 1, 3), (3, 2, 4)], ids=str)
@pytest.mark.parametrize("size", [(3, 3), (5, 4), (11, 1), (1, 20), (31, 31)], ids=str)
def test_kernels_larger_than_the_picture(size, shape, border):
    image, kernel = picture(*shape), weights(*size)
    assert_equal(correlate(image, kernel, border=border), slow(image, kernel, border=border), image, kernel)


@settings(deadline=None, max_examples=200)
@given(
    st.tuples(st.integers(1, 40), st.integers(1, 40)),
    st.tuples(st.integers(1, 12), st.integers(1, 12)),
    st.sampled_from(PADDINGS),
    st.sampled_from(BORDERS),
    st.integers(1, 5),
    st.booleans(),
    st.integers(1, 30),
)
def test_any_combination_with_any_tiles(shape, size, padding, border, stride, rank_one, tile):
    """Small tiles, so that pictures that a test can afford have many of them."""
    if padding == "valid" and (size[0] > shape[0] or size[1] > shape[1]):
        size = (1, 1)
    image, kernel = picture(*shape), weights(*size, rank_one=rank_one)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(filtering, "TILE_PIXELS", 4 * tile)
        patch.setattr(filtering, "TILE_COLUMNS", tile)
        patch.setattr(filtering, "SPECTRAL_TILE", tile)
        patch.setattr(filtering, "SCRATCH", 200)
        ours = correlate(image, kernel, padding, border, stride)
    assert_equal(ours, slow(image, kernel, padding, border, stride), image, kernel)


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize("shape", [(9, 8), (9, 8, 3)], ids=["gray", "colour"])
def test_the_window_of_a_pixel_gives_the_pixel(shape, border, padding):
    image, kernel = picture(*shape), weights(4, 3)
    result = correlate(image, kernel, padding, border, 2)
    for row, column in np.ndindex(result.shape[:2]):
        window = window_at(image, kernel.shape, row, column, padding, border, 2)
        np.testing.assert_allclose(np.tensordot(kernel, window, 2), result[row, column], rtol=1e-9)


@pytest.mark.parametrize(
    ("size", "rank_one", "route"),
    [
        ((3, 3), False, "_Banded"),
        ((9, 9), False, "_Banded"),
        ((1, 3), True, "_Banded"),
        ((9, 9), True, "_Banded"),
        ((1, 31), True, "_Spectral"),
        ((15, 15), False, "_Spectral"),
    ],
    ids=str,
)
def test_the_kernel_decides_the_route(size, rank_one, route):
    kernel = weights(*size, rank_one=rank_one)
    assert type(filtering._route(kernel, 100)[0]).__name__ == route
    image = picture(300, 700)  # more than one tile of each
    expected = correlate(image[:, :40], kernel, "valid")
    np.testing.assert_allclose(correlate(image, kernel, "valid")[:, : expected.shape[1]], expected, rtol=1e-6)


def test_a_kernel_of_zeros_gives_zeros():
    for side in (3, 9, 31):
        assert not correlate(picture(20, 20), np.zeros((side, side))).any()


def test_whole_numbers_stay_exact():
    image = picture(40, 50, dtype=np.uint8)
    for kernel in (
        [[1, 2, 1], [2, 4, 2], [1, 2, 1]],
        [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]],
        np.outer(range(9), range(9)),
    ):
        result = correlate(image, np.array(kernel))
        assert (result == slow(image, kernel)).all()


def test_it_is_a_correlation_and_an_even_kernel_looks_up_and_left():
    image = np.zeros((5, 5))
    image[2, 2] = 1
    kernel = np.arange(1.0, 10).reshape(3, 3)
    assert (correlate(image, kernel)[1:4, 1:4] == kernel[::-1, ::-1]).all()  # the picture of a point: turned around
    assert (correlate(np.array([[1.0, 2, 4]]), np.array([[10.0, 1]])) == [[1, 12, 24]]).all()


@pytest.mark.parametrize(
    ("dtype", "result"),
    [
        (bool, np.float32),
        (np.uint8, np.float32),
        (np.int16, np.float32),
        (np.float16, np.float32),
        (np.float32, np.float32),
        (np.int32, np.float64),
        (np.uint64, np.float64),
        (np.float64, np.float64),
        (np.longdouble, np.float64),
    ],
)
@pytest.mark.parametrize("size", [(3, 3), (15, 15)], ids=str)
def test_types(dtype, result, size):
    image, kernel = (picture(17, 30) / 3).astype(dtype), weights(*size)
    ours = correlate(image, kernel)
    assert ours.dtype == result
    expected = slow(image, kernel)
    np.testing.assert_allclose(ours, expected, rtol=1e-6, atol=1e-12 * 255 * np.abs(kernel).sum())


def test_the_arguments_are_left_as_they_were_and_may_be_views():
    image, kernel = picture(60, 80, 3), weights(5, 5)
    image.setflags(write=False)
    kernel.setflags(write=False)
    ours = correlate(image[::-2, 10:70:3, ::-1], kernel.T)
    np.testing.assert_allclose(ours, slow(image[::-2, 10:70:3, ::-1], kernel.T), rtol=1e-6)
    turned = np.asfortranarray(image)
    assert (correlate(turned, kernel) == correlate(image, kernel)).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image": np.zeros(5)}, r"image: expected \(height, width\) or .*, got \(5,\)"),
        ({"image": np.zeros((0, 5))}, r"image: .*got \(0, 5\)"),
        ({"image": np.zeros((5, 5, 0))}, r"image: .*got \(5, 5, 0\)"),
        ({"image": np.zeros((1, 5, 5, 3))}, "image"),
        ({"image": np.zeros((5, 5), complex)}, "real numbers, got the type complex128"),
        ({"image": [["a"]]}, "image: expected an array of real numbers"),
        ({"kernel": np.zeros((0, 0))}, r"kernel: expected \(height, width\), got \(0, 0\)"),
        ({"kernel": np.zeros(3)}, r"kernel: .*got \(3,\)"),
        ({"kernel": [[1, 2], [3]]}, "kernel: expected rows of equal length"),
        ({"kernel": [["1", "2"]]}, "kernel: expected an array of real numbers"),
        ({"kernel": [[1, 2], [3, np.nan]]}, "kernel, row 2, column 2: the weight is not a finite number, got nan"),
        ({"kernel": [[np.inf]]}, "kernel, row 1, column 1: .*got inf"),
        ({"padding": "full"}, "padding: expected same or valid, got 'full'"),
        ({"border": "wrap"}, "border: expected constant or reflect or edge, got 'wrap'"),
        ({"stride": 0}, "stride: expected a whole number from 1, got 0"),
        ({"stride": -1}, "stride"),
        ({"stride": 1.5}, "stride"),
        ({"kernel": np.ones((6, 1)), "padding": "valid"}, "the kernel, 6 x 1, is larger than the picture, 5 x 5"),
        ({"kernel": np.ones((1, 6)), "padding": "valid"}, "the kernel, 1 x 6, is larger than the picture, 5 x 5"),
    ],
)
def test_bad_arguments_are_refused(change, message):
    with pytest.raises(UsageError, match=message):
        correlate(**{"image": np.zeros((5, 5)), "kernel": np.ones((3, 3)), **change})


def test_smooth_lengths():
    for length in range(1, 3000):
        smooth = filtering._smooth(length)
        rest = smooth
        for prime in (2, 3, 5):
            while rest % prime == 0:
                rest //= prime
        assert rest == 1 and length <= smooth <= 1.125 * length + 1


@pytest.mark.parametrize("dtype", [np.float64, np.uint8])
@pytest.mark.parametrize("border", BORDERS)
def test_scipy_agrees(border, dtype):
    ndimage = pytest.importorskip("scipy.ndimage")
    image = picture(50, 60, dtype=dtype)
    for size in [*KERNELS, (31, 31), (2, 31), (31, 2), (55, 64)]:
        for rank_one in (False, True):
            kernel = weights(*size, rank_one=rank_one)
            theirs = ndimage.correlate(image, kernel, output=np.float64, mode=SCIPY[border])
            assert_equal(correlate(image, kernel, border=border), theirs, image, kernel)


def test_scipy_agrees_without_padding():
    signal = pytest.importorskip("scipy.signal")
    image = picture(50, 60)
    for size in [*KERNELS, (50, 60), (31, 2)]:
        kernel = weights(*size)
        theirs = signal.correlate2d(image, kernel, mode="valid")
        assert_equal(correlate(image, kernel, "valid"), theirs, image, kernel)


def test_scipy_agrees_on_a_photo():
    ndimage = pytest.importorskip("scipy.ndimage")
    from PIL import Image

    with Image.open(real_data("photos/chelsea.png")) as file:
        photo = np.asarray(file)
    assert photo.ndim == 3
    for size in ((3, 3), (9, 9), (20, 20)):
        kernel = weights(*size)
        theirs = ndimage.correlate(photo, kernel[..., None], output=np.float64, mode="nearest")
        assert_equal(correlate(photo, kernel, border="edge"), theirs, photo, kernel)


@pytest.mark.skipif(not memory.MEASURABLE, reason=memory.REASON)
def test_memory_stays_near_that_of_picture_and_result():
    """8K x 8K bytes with 31x31: the picture, four times as much for the float32 result, and some tiles."""
    program = """
        import numpy as np
        from brainbox_core.images.filter import correlate
        from tests.memory import forget, peak
        image, kernel = np.zeros((8192, 8192), np.uint8), np.random.default_rng(0).random((31, 31))
        image += 1
        correlate(image[:600, :600], kernel)
        forget()
        before = peak() - image.nbytes
        result = correlate(image, kernel)
        assert abs(result[4000, 4000] / kernel.sum() - 1) < 1e-6
        print((peak() - before) / image.nbytes)
    """
    run = [sys.executable, "-c", textwrap.dedent(program)]
    done = subprocess.run(run, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[3])
    assert float(re.fullmatch(r"[\d.]+\n", done.stdout)[0]) < 5.5
