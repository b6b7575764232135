"""What would fit: the other choices of an export, each tried out."""

from __future__ import annotations

import copy

from brainbox_core.errors import BrainboxError
from brainbox_core.export.network.c_float import FloatKernels
from brainbox_core.export.network.c_int8 import IntKernels
from brainbox_core.export.network.lower import lower
from brainbox_core.export.network.quantize import quantize
from brainbox_core.export.network.source import ram_total
from brainbox_core.export.report import kilobytes
from brainbox_core.layers import Conv2D, Linear
from brainbox_core.model.sequential import Sequential

_WIDTHS = {
    "mnist": ("--hidden",),
    "cnn": ("--hidden", "--filters"),
    "fraud": ("--hidden",),
}  # what a command can narrow


def remedies(
    model: Sequential,
    dtype: str,
    weights: str,
    optimize: str,
    what: str,
    budget: int,
    ranges: object,
    code: int,
) -> list[str]:
    """Options that bring a model into a budget, with what they come to.

    Args:
        model: what does not fit.
        dtype, weights, optimize: how it was to be exported.
        what: "RAM" or "flash".
        budget: bytes of it.
        ranges: of the model's numbers, for int8.
        code: bytes of machine code, as far as they are known.
    """

    def cost(candidate: Sequential, dtype: str, weights: str, optimize: str) -> tuple[int, int] | None:
        """RAM and flash; None where the choice is not possible."""
        try:
            program = lower(candidate)
            if dtype == "float32":
                kernels = FloatKernels("x", program, optimize, weights)
            else:
                kernels = IntKernels("x", quantize(program, ranges or {}), optimize, weights)
            return ram_total(kernels, weights), kernels.table_bytes + code
        except BrainboxError:
            return None

    def fits(found: tuple[int, int] | None) -> bool:
        return found is not None and found[what == "flash"] <= budget

    ways = []
    if dtype == "float32" and fits(found := cost(model, "int8", weights, optimize)):
        ways.append(f"--dtype int8 ({kilobytes(found[what == 'flash'])})")
    if weights == "ram" and fits(found := cost(model, dtype, "flash", optimize)):
        ways.append(f"--weights flash (RAM {kilobytes(found[0])}, flash {kilobytes(found[1])})")
    if optimize != "ram" and fits(found := cost(model, dtype, weights, "ram")):
        ways.append(f"--optimize ram ({kilobytes(found[what == 'flash'])})")
    for option in _WIDTHS.get(model.meta.get("kind"), ()):
        if widths := _narrowest(model, option, lambda narrow: fits(cost(narrow, dtype, weights, optimize))):
            ways.append(f"{option} {','.join(map(str, widths))}")
    return ways


def _narrowest(model: Sequential, option: str, fits) -> list[int] | None:
    """The greatest widths of the layers that an option sets, in their proportions, with which the model fits."""
    places = _places(model, option)
    widths = [_width(model.layers[place]) for place in places]
    if not widths:
        return None
    low, high, best = 1, max(widths) - 1, None
    while low <= high:
        middle = (low + high) // 2
        tried = [max(1, width * middle // max(widths)) for width in widths]
        if fits(_narrowed(model, dict(zip(places, tried, strict=True)))):
            low, best = middle + 1, tried
        else:
            high = middle - 1
    return best


def _places(model: Sequential, option: str) -> list[int]:
    kind = Conv2D if option == "--filters" else Linear
    places = [place for place, layer in enumerate(model.layers) if type(layer) is kind]
    return places if kind is Conv2D else places[:-1]


def _width(layer: Conv2D | Linear) -> int:
    return layer.filters if isinstance(layer, Conv2D) else layer.units


def _narrowed(model: Sequential, widths: dict[int, int]) -> Sequential:
    """A model, not trained, with other widths."""
    chain = []
    for place, layer in enumerate(model.layers):
        settings = layer.config()
        if place in widths:
            settings["filters" if isinstance(layer, Conv2D) else "units"] = widths[place]
        chain.append(type(layer)(**settings))
    narrow = Sequential(chain)
    narrow.build(model.input_shape)
    narrow.meta = copy.deepcopy(model.meta)
    return narrow
