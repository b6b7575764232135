"""What would fit: the other choices of an export, each tried out."""

from __future__ import annotations

from collections.abc import Callable

from brainbox_core.errors import BrainboxError
from brainbox_core.export.draft import narrowed
from brainbox_core.export.network.kernels import FloatKernels, NetworkKernels, kernels_of
from brainbox_core.export.network.lower import lower
from brainbox_core.export.network.quantize import Ranges
from brainbox_core.export.network.source import memory
from brainbox_core.export.report import kilobytes
from brainbox_core.layers import Conv2D, Linear
from brainbox_core.model.sequential import Sequential

_WIDTHS = {"mnist": ("hidden",), "cnn": ("hidden", "filters"), "fraud": ("hidden",)}  # what a command can narrow


def remedies(
    model: Sequential, kernels: NetworkKernels, ranges: Ranges | None, what: str, budget: int, code: int
) -> list[str]:
    """Arguments that bring a model into a budget, with what they come to.

    Args:
        model: what does not fit.
        kernels: how it was to be exported.
        ranges: of the model's numbers, for int8.
        what: "RAM" or "flash".
        budget: bytes of it.
        code: bytes of machine code, as far as they are known.
    """
    dtype = "float32" if isinstance(kernels, FloatKernels) else "int8"
    optimize, weights = kernels.optimize, kernels.weights

    def cost(
        candidate: Sequential = model, dtype: str = dtype, weights: str = weights, optimize: str = optimize
    ) -> tuple[int, int] | None:
        """RAM and flash; None where the choice is not possible or does not fit."""
        try:
            other = kernels_of("x", lower(candidate), dtype, ranges, optimize, weights)
            found = memory(other).ram, other.table_bytes + code
        except BrainboxError:
            return None
        return found if found[what == "flash"] <= budget else None

    ways = []
    if dtype == "float32" and (found := cost(dtype="int8")):
        ways.append(f"`dtype int8` ({kilobytes(found[what == 'flash'])})")
    if weights == "ram" and (found := cost(weights="flash")):
        ways.append(f"`weights flash` (RAM {kilobytes(found[0])}, flash {kilobytes(found[1])})")
    if optimize != "ram" and (found := cost(optimize="ram")):
        ways.append(f"`optimize ram` ({kilobytes(found[what == 'flash'])})")
    for word in _WIDTHS.get(str(model.meta.get("kind")), ()):
        if widths := _narrowest(model, word, lambda narrow: cost(narrow) is not None):
            ways.append(f"`{word} {','.join(map(str, widths))}`")
    return ways


def _narrowest(model: Sequential, word: str, fits: Callable[[Sequential], bool]) -> list[int] | None:
    """The greatest widths of the layers that an argument sets, in their proportions, with which the model fits."""
    kind, setting = (Conv2D, "filters") if word == "filters" else (Linear, "units")
    places = [place for place, layer in enumerate(model.layers) if type(layer) is kind]
    places = places if kind is Conv2D else places[:-1]
    widths = [getattr(model.layers[place], setting) for place in places]
    low, high, best = 1, max(widths, default=0) - 1, None
    while low <= high:
        middle = (low + high) // 2
        tried = [max(1, width * middle // max(widths)) for width in widths]
        if fits(narrowed(model, setting, dict(zip(places, tried, strict=True)))):
            low, best = middle + 1, tried
        else:
            high = middle - 1
    return best
