"""A program in 8-bit integers: every number of every image an int8, every sum an int32, no float in between.

A real number r is stood for by an integer q: r = scale * (q - zero). Images have one scale and zero each, from the
range that was recorded in training; each number of a table's row has a range of its own. Weights have a scale per
output channel and zero 0, so that with s = scale of the input times scale of the weights

    sum of (q - zero) * w + bias / s  =  sum of q * w + (bias / s - zero * sum of w)        in units of s

and the inner loop is a plain sum of products: what stands in brackets is a constant. The result is brought to the scale
of the output by one multiplication with a number m / 2**shift and one rounding (Jacob et al., "Quantization and
training of neural networks for efficient integer-arithmetic-only inference", 2018, but rounded once instead of twice).
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from brainbox_core.errors import InputError
from brainbox_core.export.network.activations import ACTIVATIONS
from brainbox_core.export.network.lower import Program, Step

Ranges = Mapping[str, Sequence]  # (least, largest) by the name of a layer; under "columns" for each number of a row
LOW, HIGH = -128, 127
MOST_WEIGHT = 127
_LEAST_SCALE = 1e-30
_SUM_LIMIT = 2**31 - 1
_DEAD_UP = 10  # enough for a shift from which on the high word of a product is enough


@dataclass(frozen=True)
class Scale:
    """How integers stand for real numbers: real = scale * (integer - zero)."""

    scale: float
    zero: int

    @staticmethod
    def of_range(least: float, largest: float, finest: float = 0.0) -> Scale:
        """The scale of int8 whose 256 numbers cover a range and 0, no finer than `finest`.

        Example:
            >>> Scale.of_range(0.0, 255.0), Scale.of_range(-1.0, 0.275)
            (Scale(scale=1.0, zero=-128), Scale(scale=0.005, zero=72))
        """
        least, largest = min(least, 0.0), max(largest, 0.0)
        scale = max(largest / 255 - least / 255, finest, _LEAST_SCALE)
        return Scale(scale, int(np.clip(round(LOW - least / scale), LOW, HIGH)))

    def real(self, numbers: np.ndarray) -> np.ndarray:
        """What integers stand for."""
        return (numbers.astype(np.float64) - self.zero) * self.scale


PIXELS = Scale(1 / 255, 0)  # of bytes 0 to 255; as an int8 a pixel is x - 128 with zero -128, which is the same number


@dataclass(frozen=True)
class Rescale:
    """From sums to int8: floor((sum * multiplier + 2**(shift - 1)) / 2**shift) + zero, clamped to [low, high].

    Attributes:
        multiplier: per channel, from 2**30 to 2**31 - 1.
        shift: per channel, from 30 to 62.
        zero: of the result.
        low: least result; the zero where negative numbers become 0.
        high: largest result.
        below: multiplier and shift of negative sums where they have a slope of their own (LeakyReLU), else None.
    """

    multiplier: np.ndarray = field(repr=False)
    shift: np.ndarray = field(repr=False)
    zero: int
    low: int = LOW
    high: int = HIGH
    below: tuple[np.ndarray, np.ndarray] | None = field(default=None, repr=False)


@dataclass(frozen=True)
class IntStep:
    """A step in integers: sums, pooled, rescaled, looked up. What a step does not need is None.

    Attributes:
        step: shapes, strides, padding, pool.
        source: of the numbers that come in; int8, or bytes where the first step takes pixels.
        result: of the numbers that go out, int8.
        weight: int8 from -127 to 127, in the layout of `step.weight`.
        bias: int32 per output channel, where the sums start; the zero of the source is in it.
        rescale: from sums to int8; None where numbers are only chosen (max pool), moved by `result.zero - source.zero`.
        table: 256 int8, what becomes of -128 to 127 (of bytes: 0 to 255); 256 uint32 weights for a softmax.
        columns: of what makes floats int8, the least number of each input and its steps per unit, float32; None where
            all inputs share `result`.
    """

    step: Step
    source: Scale
    result: Scale
    weight: np.ndarray | None = field(default=None, repr=False)
    bias: np.ndarray | None = field(default=None, repr=False)
    rescale: Rescale | None = None
    table: np.ndarray | None = field(default=None, repr=False)
    columns: tuple[np.ndarray, np.ndarray] | None = field(default=None, repr=False)

    @property
    def bytes_in(self) -> bool:
        """Whether the step takes pixels, 0 to 255, instead of int8."""
        return self.source is PIXELS


@dataclass(frozen=True)
class IntProgram:
    """What an integer device computes: `program` with a step that makes int8 out of floats before it, if need be.

    Attributes:
        program: the same steps with float weights; shapes and the plan of memory come from it.
        steps: the integers of every step.
    """

    program: Program
    steps: tuple[IntStep, ...]


def quantize(program: Program, ranges: Ranges) -> IntProgram:
    """Turn a program's numbers into integers.

    Args:
        program: what `lower` gave.
        ranges: (least, largest) of the inputs ("input") and of each layer's outputs, by its name, as
            `model.meta["ranges"]` has them; with those of each input ("columns") inputs have scales of their own where
            the first step is a linear map.

    Raises:
        InputError: a range is missing or not finite.
    """
    if program.pixels:
        source, steps = PIXELS, []
    else:
        quantizer = Step("quantize", ("input",), program.input_shape, program.input_shape)
        source = Scale.of_range(*recorded_range(ranges, "input"))
        columns = column_ranges(ranges, program.input_shape[2])
        own = None
        if columns is not None and program.steps[0].kind in ("linear", "scale"):
            source, own = Scale(1.0, 0), _per_column(columns)
        steps = [IntStep(quantizer, source, source, columns=own)]
        program = replace(program, steps=(quantizer, *program.steps))
    for step in program.steps[len(steps) :]:
        taken = _of_columns(step, *steps[0].columns) if len(steps) == 1 and steps[0].columns else step
        steps.append(replace(_step(taken, source, ranges), step=step))
        source = steps[-1].result
    return IntProgram(program, tuple(steps))


def recorded_range(ranges: Ranges, name: str) -> tuple[float, float]:
    """(least, largest) of what a layer gives, as `model.meta["ranges"]` has it; InputError if it does not."""
    try:
        least, largest = map(float, ranges[name])
    except (KeyError, TypeError, ValueError, OverflowError):
        what = f"the model holds no range of the numbers that {name} gives, which int8 needs"
        raise InputError(what, fix="train it again, or measure the ranges with `calibration`") from None
    if not math.isfinite(largest - least) or least > largest:
        raise InputError(f"the range of {name} is not one of finite numbers", got=f"{least} to {largest}")
    return least, largest


def column_ranges(ranges: Ranges, size: int) -> np.ndarray | None:
    """(least, largest) of each of so many inputs, (size, 2); None where only those of all together are known."""
    if "columns" not in ranges:
        return None
    with contextlib.suppress(TypeError, ValueError, OverflowError), np.errstate(all="ignore"):
        columns = np.array(ranges["columns"], np.float64)
        if columns.shape == (size, 2) and np.isfinite(np.ptp(columns.astype(np.float32), axis=1)).all():
            return columns
    what = "the ranges of the inputs are not two numbers that float32 holds for each"
    raise InputError(what, fix="train it again, or measure the ranges with `calibration`")


def _per_column(columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The least number of each input, and how many of 255 steps a unit has; 0 for an input that is always the same."""
    low, span = columns[:, 0].astype(np.float32), columns[:, 1] - columns[:, 0]
    with np.errstate(divide="ignore", over="ignore"):
        factor = (255 / span).astype(np.float32)
    return low, np.where(np.isfinite(factor) & (factor > 0), factor, np.float32(0))


def _of_columns(step: Step, low: np.ndarray, factor: np.ndarray) -> Step:
    """A linear map or a scale that takes int8 of every column as they are: their units go into weights and bias."""
    weight, bias = (array.astype(np.float64) for array in step.learned)
    unit = np.divide(1, factor, out=np.zeros(len(factor)), where=factor > 0)
    middle = low - LOW * unit  # what 0 stands for
    if step.kind == "linear":
        return replace(step, weight=unit[:, None] * weight, bias=bias + middle @ weight)
    middle = middle if step.offset is None else middle - step.offset
    return replace(step, weight=unit * weight, bias=bias + middle * weight, offset=None)


def _step(step: Step, source: Scale, ranges: Ranges) -> IntStep:
    if step.kind == "softmax":
        return IntStep(step, source, Scale(1 / 256, LOW), table=_softmax_table(source.scale, step.input_shape[2]))
    if step.kind == "identity" and not _is_sum(step):
        return _chosen(step, source, ranges)
    windows = math.prod(step.pool_size) if step.averages else 1
    weight, bias, units = _sums(step, source, windows)
    coarsest = float(units.max()) / windows  # an output with a finer scale would only show noise
    row = ACTIVATIONS[step.activation]
    if row.straight:
        result = _result(step, ranges, coarsest)
        return IntStep(step, source, result, weight, *_rescaled(step, bias, units, windows, result))
    least, largest = (min(max(end, -row.edge), row.edge) for end in recorded_range(ranges, step.map_output))
    before = Scale.of_range(least, largest, coarsest)
    result = _result(step, ranges, 0.0)
    table = _table(step, before.real(np.arange(LOW, HIGH + 1)), result)
    return IntStep(step, source, result, weight, *_rescaled(step, bias, units, windows, before), table)


def _is_sum(step: Step) -> bool:
    """Whether a step without a linear map computes new numbers, instead of choosing or looking up.

    A window of one place counts as a sum: of a loop that only copies, compilers make a call of memmove.
    """
    return step.averages or (step.pool is not None and (step.pool.size, step.activation) == ((1, 1), "linear"))


def _chosen(step: Step, source: Scale, ranges: Ranges) -> IntStep:
    """A step without sums: an activation of single numbers, a max pool, or both."""
    if step.activation == "linear":
        zero = source.zero if source is not PIXELS else LOW
        return IntStep(step, source, Scale(source.scale, zero))
    result = _result(step, ranges, source.scale)
    numbers = np.arange(256) if source is PIXELS else np.arange(LOW, HIGH + 1)
    return IntStep(step, source, result, table=_table(step, source.real(numbers), result))


def _result(step: Step, ranges: Ranges, finest: float) -> Scale:
    """The scale of a step's output, no finer than `finest` where it comes from a recorded range."""
    known = ACTIVATIONS[step.activation].result
    return Scale(*known) if known else Scale.of_range(*recorded_range(ranges, step.layers[-1]), finest)


def _table(step: Step, real: np.ndarray, result: Scale) -> np.ndarray:
    """What an activation makes of 256 numbers."""
    y = ACTIVATIONS[step.activation].real(real, step.slope)
    return np.clip(np.rint(y / result.scale) + result.zero, LOW, HIGH).astype(np.int8)


def _softmax_table(scale: float, channels: int) -> np.ndarray:
    """exp(-d * scale) for d from 0 to 255, as large as the sum of all channels allows in 32 bits."""
    bits = min(23, 31 - math.ceil(math.log2(channels)))
    return np.rint(np.exp(-scale * np.arange(256)) * 2.0**bits).astype(np.uint32)


def _sums(step: Step, source: Scale, windows: int) -> tuple[np.ndarray | None, np.ndarray, np.ndarray]:
    """Integer weights (None without), integer bias and the unit of the sums, per channel, proved to fit 32 bits.

    The unit is 0 for a dead channel, whose sum is its bias in real numbers times a power of two that `_rescaled` knows.
    """
    channels = step.output_shape[2]
    if step.kind == "identity":
        return None, np.full(channels, -source.zero, np.int64), np.full(channels, source.scale)
    shape = step.learned[0].shape
    weight, bias = (array.astype(np.float64).reshape(-1, channels) for array in step.learned)
    bias = bias if step.offset is None else bias - step.offset * weight
    most = 255 if source is PIXELS else 128
    scale = np.abs(weight).max(axis=0) / MOST_WEIGHT
    while True:
        # A channel whose weights are nothing beside its bias gets coarser weights until its sums fit, or none are left.
        live = scale > 0
        unit = np.where(live, scale, 1.0) * source.scale
        integers = np.where(live, np.rint(weight / np.where(live, scale, 1.0)), 0)
        start = np.rint(np.where(live, bias[0] / unit, 0)) - source.zero * integers.sum(axis=0)
        fits = (np.abs(start) + np.abs(integers).sum(axis=0) * most) * windows <= _SUM_LIMIT
        if fits[live].all():
            break
        scale = np.where(fits, scale, scale * 2)
    integers = np.where(live, integers, 0).reshape(shape)
    return integers.astype(np.int8), np.where(live, start, 0).astype(np.int64), np.where(live, unit, 0.0)


def _rescaled(
    step: Step, bias: np.ndarray, units: np.ndarray, windows: int, result: Scale
) -> tuple[np.ndarray, Rescale]:
    """Where sums start, and how they become int8."""
    factor = units / (windows * result.scale)
    row = ACTIVATIONS[step.activation]
    leaky = row.straight and 0 < step.slope < 1
    dead = units == 0
    if dead.any():  # such a channel is the constant that its bias is
        real = step.learned[1].astype(np.float64)
        if leaky:
            real = np.where(real < 0, real * step.slope, real)
        constant = np.clip(np.rint(real / result.scale), -256, 256).astype(np.int64)
        # Summed over a window and brought down again by 2**up and the window's size, it is itself.
        up = max(0, min(_DEAD_UP, 22 - math.ceil(math.log2(windows))))  # the sum stays below 2**31
        bias = np.where(dead, constant << up, bias)
        factor = np.where(dead, 2.0**-up / windows, factor)
    below = fixed_point(np.where(dead, factor, factor * step.slope)) if leaky else None
    low = result.zero if row.straight and step.slope == 0 else LOW
    return bias.astype(np.int32), Rescale(*fixed_point(factor), result.zero, low, below=below)


def fixed_point(factor: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Factors from 0 to 1 as multiplier / 2**shift with a multiplier from 2**30 to 2**31 - 1; both int32.

    A factor so small that no sum of 32 bits comes up to 1 with it gets the largest shift, 62.

    Example:
        >>> fixed_point(np.array([0.75, 1.0]))
        (array([1610612736, 1073741824], dtype=int32), array([31, 30], dtype=int32))
    """
    fraction, exponent = np.frexp(factor)  # factor = fraction * 2**exponent, fraction in [0.5, 1)
    multiplier, shift = np.rint(fraction * 2.0**31).astype(np.int64), 31 - exponent.astype(np.int64)
    over = multiplier == 2**31
    multiplier, shift = np.where(over, 2**30, multiplier), shift - over
    multiplier, shift = np.where(shift > 62, 2**30, multiplier), np.minimum(shift, 62)
    return multiplier.astype(np.int32), shift.astype(np.int32)
