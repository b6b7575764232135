"""2-D filtering: slide a small kernel of weights over a picture; every pixel becomes a weighted sum of its neighbours.

This is the cross-correlation of convolutional networks: the kernel is not turned around. All sums are in float64. Three
routes give the same result; the kernel decides which is taken:

- a small kernel: matrix products of bands of rows with a banded Toeplitz matrix;
- a larger one that is a column times a row (blur, gaussian, every 1xN): two short filters, one after the other;
- any other: the Fourier transform, whose cost hardly depends on the kernel's size (overlap-save: A. V. Oppenheim and
  R. W. Schafer, "Discrete-Time Signal Processing", section 8.7).

Pictures are worked off in tiles that stay in the processor's cache, so the extra memory does not grow with the picture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.lib.stride_tricks import as_strided

from brainbox_core.errors import UsageError, whole

PADDINGS = ("same", "valid")
BORDERS = ("constant", "reflect", "edge")

# Nanoseconds per pixel of a 1080 x 1920 float64 picture, one thread of an AMD EPYC, dense random kernels:
#
#     kernel                                 3x3    5x5    9x9   15x15   31x31
#     scipy.ndimage.correlate              7.1   12.9   48.5   164     784
#     adding shifted slices, in the cache  8     16     53
#     banded matrix products               2.8    5.0   11.6    40     260
#     Fourier transform                   13.1   13.2   13.4    13      16
#     two short filters (if it has rank 1) 3.8    4.1    4.4     4.9     6.5
#
# The first route costs about 0.11 ns for each row of its matrix, w * (h + BAND - 1); hence the two limits.
BAND = 4  # rows per matrix product: less makes the product inefficient, more adds zeros that are multiplied, too
SHORT_BAND = 16  # the same for one-dimensional filters
SMALL, LARGE = 40, 110
TILE_PIXELS, TILE_COLUMNS = 96 * 1024, 2048  # 0.8 MB in float64, so that a window and its copies share the cache
SCRATCH = 60_000  # numbers in the matrix of shifted rows
SPECTRAL_TILE = 256  # rows and columns


def correlate(
    image: np.ndarray, kernel: np.ndarray, padding: str = "same", border: str = "constant", stride: int = 1
) -> np.ndarray:
    """Slide a kernel over a picture: `out[y, x] = sum(kernel[i, j] * image[y + i - h // 2, x + j - w // 2])`.

    Args:
        image: (H,W) gray or (H,W,C) colour, real numbers of any type. NaN and infinity spread to the surroundings.
        kernel: (h,w) finite weights, of any size from 1x1, also even, also larger than the picture. Of an even side
            the weight at index `side // 2` lies on the pixel, as in SciPy.
        padding: `same` gives every pixel its result and makes up neighbours beyond the border; `valid` keeps to the
            places where the whole kernel lies inside.
        border: what lies beyond the border with `same`: `constant` is zeros, `reflect` mirrors the picture
            (`c b a | a b c`), `edge` repeats the outermost pixel (`a a a | a b c`).
        stride: keep every stride-th row and column of the result, from the first on.

    Returns:
        The filtered picture: with `same` (ceil(H/stride), ceil(W/stride)), with `valid` (ceil((H-h+1)/stride),
        ceil((W-w+1)/stride)), then C for colour. float32 for float32 and for integers of up to 16 bits, otherwise
        float64. Nothing is clipped.

    Raises:
        UsageError: an array of another form, a kernel without weights or with infinite ones, an unknown padding or
            border, a stride below 1, or `valid` with a kernel that is larger than the picture.

    Example:
        >>> step = np.array([[0, 0, 9, 9]])
        >>> correlate(step, np.array([[-1, 0, 1]]), border="edge")
        array([[0., 9., 9., 0.]])
    """
    *_, (result, _) = _bands(image, kernel, padding, border, stride, keep=True)
    return result


def correlate_by_bands(
    image: np.ndarray, kernel: np.ndarray, padding: str = "same", border: str = "constant", stride: int = 1
) -> Iterator[np.ndarray]:
    """As `correlate`, for those who need no part of the result twice.

    Yields:
        The rows of the result from the top, some at a time; the next come in the same memory.
    """
    for _, band in _bands(image, kernel, padding, border, stride, keep=False):
        yield band


def _bands(
    image: np.ndarray, kernel: np.ndarray, padding: str, border: str, stride: int, keep: bool
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Filter tile by tile, and after each row of tiles yield the memory of the result and where in it that row is."""
    image, kernel = _numbers("image", image), _numbers("kernel", kernel)
    _check(image, kernel, padding, border)
    stride = whole("stride", stride)
    (height, width), (h, w) = image.shape[:2], kernel.shape
    up, left = (h // 2, w // 2) if padding == "same" else (0, 0)
    if padding == "valid":
        height, width = height - h + 1, width - w + 1

    shape = -(-height // stride), -(-width // stride)
    dtype = np.float32 if np.can_cast(image.dtype, np.float32) else np.float64
    seen_planes = image.reshape(*image.shape[:2], -1)  # (H,W) -> (H,W,1)
    in_place = stride == 1 and seen_planes.shape[2] == 1
    route, tile = _route(kernel.astype(np.float64), width)
    rows, columns = (_parts(n, max(1, side // stride)) for n, side in zip(shape, tile, strict=True))
    # The result of the largest tile with a stride of 1, and what the kernel sees there; all tiles use the same memory.
    most = [(parts[0][1] - 1) * stride + 1 for parts in (rows, columns)]
    filtered, window = np.empty(most), np.empty((most[0] + h - 1, most[1] + w - 1))
    result = np.empty((shape[0] if keep else rows[0][1], shape[1], *image.shape[2:]), dtype)
    for y, bottom in rows:
        band = result[y:bottom] if keep else result[: bottom - y]
        planes = band.reshape(*band.shape[:2], -1)
        for x, right in columns:
            dense = filtered[: (bottom - y - 1) * stride + 1, : (right - x - 1) * stride + 1]
            seen = window[: dense.shape[0] + h - 1, : dense.shape[1] + w - 1]
            for channel in range(planes.shape[2]):
                _look(seen_planes[:, :, channel], y * stride - up, x * stride - left, border, seen)
                out = planes[:, x:right, channel]
                if in_place:
                    route(seen, out)
                else:
                    route(seen, dense)
                    out[...] = dense[::stride, ::stride]
        yield result, band


def window_at(
    image: np.ndarray,
    size: tuple[int, int],
    row: int,
    column: int,
    padding: str = "same",
    border: str = "constant",
    stride: int = 1,
) -> np.ndarray:
    """What `correlate` multiplies with the kernel for one pixel of its result.

    Args:
        image: (H,W) or (H,W,C).
        size: rows and columns of the kernel.
        row, column: the pixel of the result, from 0.
        padding, border, stride: as for `correlate`.

    Returns:
        (h,w) or (h,w,C) in float64, with what lies beyond the border made up.

    Example:
        >>> window_at(np.arange(12).reshape(3, 4), (3, 3), 0, 0)
        array([[0., 0., 0.],
               [0., 0., 1.],
               [0., 4., 5.]])
    """
    image = np.asarray(image)
    window = np.empty((*size, *image.shape[2:]))
    up, left = (size[0] // 2, size[1] // 2) if padding == "same" else (0, 0)
    for place in np.ndindex(image.shape[2:]):
        _look(image[:, :, *place], row * stride - up, column * stride - left, border, window[:, :, *place])
    return window


def _numbers(name: str, value: object) -> np.ndarray:
    try:
        array = np.asarray(value)
    except ValueError as error:  # nested lists of unequal lengths
        raise UsageError(name, expected="rows of equal length", fix="give every row the same length") from error
    if array.dtype.kind not in "biuf":
        raise UsageError(name, expected="an array of real numbers", got=f"the type {array.dtype}")
    return array


def _check(image: np.ndarray, kernel: np.ndarray, padding: str, border: str) -> None:
    if image.ndim not in (2, 3) or not image.size:
        raise UsageError("image", expected="(height, width) or (height, width, channels)", got=image.shape)
    if kernel.ndim != 2 or not kernel.size:
        raise UsageError("kernel", expected="(height, width)", got=kernel.shape)
    if len(bad := np.argwhere(~np.isfinite(kernel))):
        row, column = bad[0]
        where = f"kernel, row {row + 1}, column {column + 1}"
        raise UsageError("the weight is not a finite number", where=where, got=kernel[row, column])
    for name, value, known in (("padding", padding, PADDINGS), ("border", border, BORDERS)):
        if value not in known:
            raise UsageError(name, expected=" or ".join(known), got=repr(value))
    if padding == "valid" and (kernel.shape[0] > image.shape[0] or kernel.shape[1] > image.shape[1]):
        sizes = "{} x {}, is larger than the picture, {} x {}".format(*kernel.shape, *image.shape)
        raise UsageError(f"the kernel, {sizes}", fix="use a smaller kernel or the padding same")


def _parts(length: int, most: int) -> list[tuple[int, int]]:
    """Cut a length into parts of nearly the same size, about `most`: (start, stop) of each, the largest first."""
    step = -(-length // -(-length // most))
    if step > BAND:
        step += -step % BAND
    return [(start, min(start + step, length)) for start in range(0, length, step)]


# What the kernel sees


def _look(plane: np.ndarray, top: int, left: int, border: str, window: np.ndarray) -> None:
    """Copy what lies in a window whose corner is at (top, left) of the plane, and make up what lies beyond it."""
    rows, first_row, last_row = _sources(top, window.shape[0], plane.shape[0], border)
    columns, first, last = _sources(left, window.shape[1], plane.shape[1], border)
    inside = plane[top + first_row : top + last_row]
    window[first_row:last_row, first:last] = inside[:, left + first : left + last]
    for strip in (slice(0, first), slice(last, None)):
        window[first_row:last_row, strip] = 0 if border == "constant" else inside[:, columns[strip]]
    for strip in (slice(0, first_row), slice(last_row, None)):
        window[strip] = 0 if border == "constant" else plane[rows[strip, None], columns]


def _sources(start: int, count: int, length: int, border: str) -> tuple[np.ndarray, int, int]:
    """For `count` places from `start` on: where each takes its pixel from, and which (from, to) lie inside."""
    places = np.arange(start, start + count)
    if border == "reflect":
        places %= 2 * length
        sources = np.minimum(places, 2 * length - 1 - places)
    else:
        sources = places.clip(0, length - 1)
    return sources, max(0, -start), min(count, length - start)


# The routes: each is made for one kernel and called with (window, out), (rows+h-1, columns+w-1) -> (rows, columns)


def _route(kernel: np.ndarray, width: int) -> tuple[Callable, tuple[int, int]]:
    """The fastest route for a kernel, and the rows and columns of the tiles that suit it."""
    h, w = kernel.shape
    cost = w * (h + BAND - 1)
    tile = max(1, TILE_PIXELS // min(width, TILE_COLUMNS)), TILE_COLUMNS
    if cost > SMALL:
        # Through the largest weight, so that round weights stay round; those of a singular value decomposition do not.
        row, column = np.unravel_index(np.abs(kernel).argmax(), kernel.shape)
        factors = kernel[:, column] / (kernel[row, column] or 1), kernel[row]
        if (np.abs(np.outer(*factors) - kernel) <= 1e-15 * np.abs(kernel[row, column])).all():
            return _Separable(*factors), tile
    if cost <= LARGE:
        return _Banded(kernel), tile
    return _Spectral(kernel), tuple(max(SPECTRAL_TILE, 3 * side) for side in kernel.shape)


class _Banded:
    """Filter a band of rows with one matrix product.

    B rows of the result need B+h-1 rows of the picture. Next to each other, shifted by 0 to w-1 columns, they are a
    matrix of w*(B+h-1) rows; B rows of weights, each a zero further to the right, times this matrix are the B rows.
    """

    def __init__(self, kernel: np.ndarray):
        self._height, self._width = kernel.shape
        self._weights = np.zeros((BAND, self._width, BAND + self._height - 1))
        for row in range(BAND):
            self._weights[row, :, row : row + self._height] = kernel.T
        self._scratch = np.empty(0)

    def __call__(self, window: np.ndarray, out: np.ndarray) -> None:
        bands = len(out) - len(out) % BAND
        if bands:
            self._filter(window, out[:bands], BAND)
        if bands < len(out):
            self._filter(window[bands:], out[bands:], len(out) - bands)

    def _filter(self, window: np.ndarray, out: np.ndarray, band: int) -> None:
        seen, columns = band + self._height - 1, out.shape[1]
        weights = self._weights[:band, :, :seen].reshape(band, -1)  # (B, w*(B+h-1))
        out = out.reshape(-1, band, columns)  # (N*B,W) -> (N,B,W)
        down, right = window.strides
        shifted = as_strided(window, (len(out), self._width, seen, columns), (band * down, right, down, right))
        step = max(1, SCRATCH // shifted[0].size)  # bands at a time
        if self._scratch.size < step * shifted[0].size:
            self._scratch = np.empty(step * shifted[0].size)
        for start in range(0, len(out), step):
            some = shifted[start : start + step]  # (n,w,B+h-1,W)
            matrix = self._scratch[: some.size].reshape(some.shape)
            np.copyto(matrix, some)
            np.matmul(weights, matrix.reshape(len(some), -1, columns), out=out[start : start + step])


class _Separable:
    """Filter all columns with one factor of the kernel, then all rows with the other."""

    def __init__(self, column: np.ndarray, row: np.ndarray):
        self._column, self._row = _toeplitz(column), _toeplitz(row)
        self._scratch = np.empty(0)

    def __call__(self, window: np.ndarray, out: np.ndarray) -> None:
        shape = len(out), window.shape[1]
        if self._scratch.size < shape[0] * shape[1]:
            self._scratch = np.empty(shape)
        between = self._scratch.reshape(-1)[: shape[0] * shape[1]].reshape(shape)
        _slide(window, self._column, between)
        _slide(between.T, self._row, out.T)


def _toeplitz(weights: np.ndarray) -> np.ndarray:
    """The same weights in SHORT_BAND rows, each a zero further to the right, (k) -> (B, B+k-1)."""
    matrix = np.zeros((SHORT_BAND, SHORT_BAND + len(weights) - 1))
    for row in range(SHORT_BAND):
        matrix[row, row : row + len(weights)] = weights
    return matrix


def _slide(image: np.ndarray, matrix: np.ndarray, out: np.ndarray) -> None:
    """Filter along the first axis, (n+k-1,m) -> (n,m), with the matrix of a short filter."""
    (down, right), columns = image.strides, image.shape[1]
    bands, rest = divmod(len(out), SHORT_BAND)
    seen = as_strided(image, (bands, matrix.shape[1], columns), (SHORT_BAND * down, down, right))
    np.matmul(matrix, seen, out=out[: len(out) - rest].reshape(bands, SHORT_BAND, columns))
    if rest:
        last = matrix[:rest, : matrix.shape[1] - SHORT_BAND + rest]
        np.matmul(last, image[len(out) - rest :], out=out[len(out) - rest :])


class _Spectral:
    """Filter in the Fourier domain, where it is one product for each frequency."""

    def __init__(self, kernel: np.ndarray):
        self._kernel = kernel
        self._spectra: dict[tuple[int, int], np.ndarray] = {}  # by the size of the transform

    def __call__(self, window: np.ndarray, out: np.ndarray) -> None:
        size = _smooth(window.shape[0]), _smooth(window.shape[1])
        if size not in self._spectra:
            self._spectra[size] = np.fft.rfft2(self._kernel, size).conj()
        product = np.fft.rfft2(window, size)
        product *= self._spectra[size]
        out[...] = np.fft.irfft2(product, size)[: out.shape[0], : out.shape[1]]


def _smooth(length: int) -> int:
    """A length from `length` on, by an eighth at most, whose prime factors are 2, 3 and 5: fast to transform."""
    return min(odd << max(0, -(-length // odd) - 1).bit_length() for odd in (1, 3, 5, 9, 15, 25, 27, 45))
