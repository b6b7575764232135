"""PyTorch's modules by the names of their weights, from a state dict or a safetensors file of any program."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from brainbox_core.errors import InputError, UsageError
from brainbox_core.files.reading import kind_of, open_unchanging, printable
from brainbox_core.layers.base import Shape
from brainbox_core.network import saving

Arrays = dict[str, np.ndarray]
Shapes = dict[str, Shape]

_DTYPES = {"F16": np.dtype("<f2"), "BF16": np.dtype("<u2"), **saving.DTYPES}  # NumPy knows no bfloat16: its bits
_STEP = re.compile(r"(.+)_l(\d+)")  # weight_ih_l0: of the first of several recurrent layers in one module
_CONVERT = "where PyTorch is: safetensors.torch.save_file(module.state_dict(), 'weights.safetensors')"


class Module(NamedTuple):
    """A module with weights, or one of the layers of a recurrent one, by its number there."""

    name: str
    number: str
    arrays: Arrays

    def key(self, name: str) -> str:
        """What the state dict calls a weight."""
        return f"{self.name}.{name}".lstrip(".") + f"_l{self.number}" * bool(self.number)


def modules_for(
    wanted: Sequence[Shapes], weights: Mapping[str, Any] | str | os.PathLike[str], names: Sequence[str] | None
) -> list[Module]:
    """The modules with weights, in the order of the layers that want weights of these shapes.

    Args:
        wanted: the shapes by name, layer by layer.
        weights: as for `load_torch`.
        names: likewise.
    """
    if isinstance(weights, str | os.PathLike):
        weights = _read(weights)
    if not isinstance(weights, Mapping):
        got, fix = type(weights).__name__, "give module.state_dict()"
        raise UsageError("weights", expected="tensors by name, or the path of a safetensors file", got=got, fix=fix)
    found: dict[tuple[str, str], Module] = {}
    for key, value in weights.items():
        name, _, part = str(key).rpartition(".")
        if part == "num_batches_tracked":  # our running averages do not count
            continue
        step = _STEP.fullmatch(part)
        part, number = step.groups() if step else (part, "")
        found.setdefault((name, number), Module(name, number, {})).arrays[part] = _array(str(key), value)
    modules = list(found.values())
    if names is not None:
        return _chosen(modules, names)
    if any(list(module.arrays) != sorted(module.arrays) for module in modules):
        return modules
    return _arranged(modules, wanted)  # the weight is before the bias in PyTorch, but behind it in a file


def _array(key: str, value: Any) -> np.ndarray:
    """A tensor of any library as float32."""
    try:
        if hasattr(value, "detach"):
            value = value.detach().cpu()
            value = value.float() if value.is_floating_point() else value  # NumPy knows no bfloat16
        array = np.asarray(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise UsageError(f"is no array: {error}", where=key) from None
    if not array.dtype.name.startswith(("float", "bfloat")):
        fix = "give a state dict of floats: module.float().state_dict()"
        raise UsageError("is no array of floats", where=key, got=array.dtype, fix=fix)
    with np.errstate(over="ignore"):
        array = array.astype(np.float32)
    if not np.isfinite(array).all():
        raise UsageError("holds numbers that are not finite in float32", where=key)
    return array


def _chosen(modules: Sequence[Module], names: Sequence[str]) -> list[Module]:
    """The modules in an order that was given; those that it does not name come last."""
    waiting = {(module.name, module.number): module for module in modules}
    chosen = []
    for name, number in numbered(names):
        module = waiting.pop((name, str(number)), None) or waiting.pop((name, ""), None)
        if module is None:
            known = ", ".join(dict.fromkeys(module.name for module in modules))
            raise UsageError("names", expected=f"of {known}", got=repr(name))
        chosen.append(module)
    return [*chosen, *waiting.values()]


def _arranged(modules: Sequence[Module], wanted: Sequence[Shapes]) -> list[Module]:
    """Modules whose order is lost in that of the layers, by their shapes and by the numbers in their names.

    Raises:
        UsageError: several have the same shapes, and no numbers that would tell which comes first.
    """

    alike: dict[frozenset, list[Module]] = {}
    modules = sorted(modules, key=lambda module: re.sub(r"\d+", lambda digits: digits[0].zfill(20), module.key("")))
    for module in modules:
        shapes = frozenset((name, array.shape) for name, array in module.arrays.items())
        alike.setdefault(shapes, []).append(module)
    for group in alike.values():
        if len({re.sub(r"\d+", "0", module.key("")) for module in group}) > 1:
            got = " and ".join(repr(module.name) for module in group[:2])
            what = "several modules have the same shapes, and a file does not keep their order"
            raise UsageError(what, got=got, fix="give the order of the layers: names=[...]")
    order = [frozenset(shapes.items()) for shapes in wanted]
    if Counter(order) != {shapes: len(group) for shapes, group in alike.items()}:
        return modules  # what does not fit will be told by name
    return [alike[shapes].pop(0) for shapes in order]


def numbered(names: Sequence[str]) -> list[tuple[str, int]]:
    """Each name with how often it came before."""
    return [(name, list(names[:place]).count(name)) for place, name in enumerate(names)]


def _read(path: str | os.PathLike[str]) -> Arrays:
    """The tensors of a safetensors file of any program; bfloat16 becomes float32."""
    where = printable(path)
    with open_unchanging(path) as (file, size):
        start = file.read(512)
        if start[8:9] != b"{":
            kind = kind_of(start)
            looks = f" (looks like {kind})" if kind else ""
            raise InputError(f"is no safetensors file{looks}; pickles are never opened", where=where, fix=_CONVERT)
        file.seek(0)
        try:
            header = saving.read_header(file, size, where)
            ours = "brainbox" in (header.pop("__metadata__", None) or {})
            tensors = saving.find_places(header, size - file.tell(), where, _DTYPES)
        except InputError as error:
            raise InputError(error.what, where=error.where, expected=error.expected, fix=_CONVERT) from error
        if ours:
            raise InputError("is a model of ours and not of PyTorch", where=where, fix="read it with bb.load()")
        data = file.read()
    arrays = {}
    for tensor in tensors:
        array = np.ndarray(tensor.shape, tensor.dtype, buffer=data, offset=tensor.begin)
        is_bfloat16 = header[tensor.name]["dtype"] == "BF16"
        arrays[tensor.name] = (array.astype(np.uint32) << 16).view(np.float32) if is_bfloat16 else array
    return arrays
