"""The file a model lives in: one `.safetensors` container with the weights and the JSON that describes them.

    8 bytes      length of the header, little endian
    header       JSON: for each tensor its dtype, shape and place, and under `__metadata__` one string of our own,
                 `brainbox`: {"format": 1, "meta": {...}, "sha256": "..."}
    the tensors  one after another, without gaps, up to the end of the file

Every safetensors reader opens it (https://github.com/huggingface/safetensors#format). We read it ourselves, because a
model file may come from anybody: each claim of the header is checked before anything is allocated for it, and nothing
in the file is ever run or imported.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import os
import re
from collections.abc import Mapping
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from brainbox_core.errors import InputError, UsageError
from brainbox_core.files.reading import kind_of, open_unchanging, printable
from brainbox_core.files.writing import atomic_write

MAX_DEPTH = 32
MAX_VALUES = 200_000
FORMAT = 1
MAX_TENSORS = 10_000
MAX_HEADER = 8 << 20  # bytes

DTYPES = {
    name: np.dtype(code)
    for name, code in {"F32": "<f4", "F64": "<f8", "I8": "i1", "U8": "u1", "I32": "<i4", "I64": "<i8"}.items()
}

# ZIP (PyTorch, Keras, NumPy), HDF5 (Keras), NumPy's own, zlib (joblib), and pickle's protocols 2-5 and 0
_PICKLED = re.compile(
    rb"PK\x03\x04|\x89HDF|\x93NUMPY|x[\x01\x5e\x9c\xda]|\x80[\x02-\x05]"
    rb"|\([dlt]p0\n|c[\w.]+\n[\w.]+\n(p\d+\n)?\("
)
_TEXT = re.compile(rb"[^\x00-\x08\x0e-\x1f]*\Z")

# A whole string, a bracket or a comma; a quote alone is a string without an end. Possessive: it never backtracks.
_TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+"|["\[\]{},]')

_RESTORE = "train the model again or restore the file from a copy"
_CHOOSE = "name a model.safetensors that brainbox wrote"


class _Place(NamedTuple):
    """Where the header says that a tensor lies; the bounds count from the end of the header."""

    begin: int
    end: int
    name: str
    dtype: np.dtype
    shape: tuple[int, ...]


def save_model(path: str | os.PathLike, tensors: Mapping[str, np.ndarray], meta: dict[str, Any]) -> None:
    """Write a model atomically; the same input gives the same bytes in every process.

    Args:
        path: the file; its folder exists.
        tensors: finite arrays of float32, float64, int8, uint8, int32 or int64, by name.
        meta: what describes the model, in JSON types; `kind` names the command that it belongs to.

    Raises:
        UsageError: an array has another dtype, or the description is not JSON.
        InputError: the file cannot be written, or `load_model` would refuse it; what was there before is untouched.

    Example:
        >>> import tempfile
        >>> path = tempfile.mkdtemp() + "/model.safetensors"
        >>> save_model(path, {"linear_0/bias": np.zeros(2, "float32")}, {"kind": "mnist", "seed": 0})
        >>> load_model(path)
        ({'linear_0/bias': array([0., 0.], dtype=float32)}, {'kind': 'mnist', 'seed': 0})
    """
    from safetensors.numpy import save  # here, because predicting only reads

    tensors = {name: _plain_array(name, tensor) for name, tensor in tensors.items()}
    try:
        meta = json.loads(json.dumps(meta))  # as it will be read: lists for tuples, text for keys
    except (TypeError, ValueError) as error:
        raise UsageError(f"the model's description is not JSON: {error}") from error
    document = {"format": FORMAT, "meta": meta, "sha256": _digest(tensors, meta)}
    # One metadata key only: the library writes several in an order that differs from process to process.
    data = save(tensors, metadata={"brainbox": json.dumps(document, sort_keys=True)})
    _read(io.BytesIO(data), len(data), printable(path))  # nothing is written that could not be read back
    atomic_write(path, data)


def load_model(path: str | os.PathLike, kind: str | None = None) -> tuple[dict[str, np.ndarray], dict]:
    """Read a model that `save_model` wrote, or say why it is none.

    Args:
        path: the file.
        kind: refuse the model of another command than this.

    Returns:
        The tensors by name, and the description.

    Raises:
        InputError: the file cannot be read, is not a model, is damaged, newer than this program or of another kind.
    """
    where = printable(path)
    with open_unchanging(path) as (file, size):
        tensors, meta = _read(file, size, where)
    if kind is not None and meta.get("kind") != kind:
        found = printable(str(meta.get("kind")), limit=40)
        article = "an" if found in ("rnn", "mnist") else "a"
        raise InputError(
            f"this is {article} {found} model", where=where, expected=kind, fix=f"train one with: brainbox {kind}"
        )
    return tensors, meta


def _read(file: BinaryIO, size: int, where: str) -> tuple[dict[str, np.ndarray], dict]:
    """The tensors and the description in an open file of `size` bytes."""
    header = read_header(file, size, where)
    room = size - file.tell()
    document = _document(header.pop("__metadata__", None), where)
    places = find_places(header, room, where)
    data = bytearray(room)
    file.readinto(data)  # type: ignore[attr-defined]  # every open binary file has it; its type does not say so
    tensors = {p.name: np.ndarray(p.shape, p.dtype, buffer=data, offset=p.begin) for p in places}
    if document["sha256"] != _digest(tensors, document["meta"]):
        raise InputError("damaged: checksum differs", where=where, fix=_RESTORE)
    for name, tensor in tensors.items():
        if tensor.size and not np.isfinite([tensor.min(), tensor.max()]).all():  # both are NaN if any element is
            raise InputError(f"contains non-finite weights in {_quote(name)}", where=where, fix="train the model again")
    return tensors, document["meta"]


def read_header(file: BinaryIO, size: int, where: str) -> dict:
    """The parsed header; the file is left at the first byte after it."""
    if size == 0:
        raise InputError("is empty", where=where, fix=_RESTORE)
    if size < 8:
        raise InputError(f"too short to be a brainbox model: {size} bytes", where=where, fix=_RESTORE)
    start = file.read(512)
    if start[8:9] != b"{":
        kind = kind_of(start) or ("text" if _TEXT.match(start) else "")
        if _PICKLED.match(start):
            what = f"not a brainbox model (looks like {kind or 'a pickle'}); pickle-based files are never opened"
            raise InputError(what, where=where, fix=_CHOOSE)
        if kind:
            raise InputError(f"not a brainbox model (looks like {kind})", where=where, fix=_CHOOSE)
    length = int.from_bytes(start[:8], "little")
    if not 2 <= length <= size - 8:
        what = f"header length lies: {length:,} bytes declared, {size - 8:,} there; truncated or damaged"
        raise InputError(what, where=where, fix=_RESTORE)
    if length > MAX_HEADER:
        raise InputError(f"header too long: {length:,} bytes, over {MAX_HEADER:,}", where=where, fix=_CHOOSE)
    file.seek(8)
    try:
        text = file.read(length).decode()
    except UnicodeDecodeError as error:
        raise InputError("header is not valid JSON: not UTF-8", where=where, fix=_RESTORE) from error
    if text.count('"data_offsets"') > MAX_TENSORS:  # before parsing, which takes ten times the memory
        raise InputError(f"too many tensors (> {MAX_TENSORS:,})", where=where, fix=_CHOOSE)
    header = read_json(text, where=f"{where}, header", fix=_RESTORE)
    if not isinstance(header, dict):
        raise InputError("header is not valid JSON: not an object", where=where, fix=_RESTORE)
    return header


def _document(metadata: object, where: str) -> dict:
    """Our own part of the header, checked."""
    text = metadata.get("brainbox") if isinstance(metadata, dict) else None
    if not isinstance(text, str):
        raise InputError("not a brainbox model (safetensors of another program)", where=where, fix=_CHOOSE)
    document = read_json(text, where=f"{where}, description", fix=_RESTORE)
    document = document if isinstance(document, dict) else {}
    version = document.get("format")
    if type(version) is int and version > FORMAT:
        what = f"made by a newer brainbox (format {version}); this one reads up to {FORMAT}"
        raise InputError(what, where=where, fix="update with: pip install --upgrade braininabox")
    if version != FORMAT or not isinstance(document.get("meta"), dict) or "sha256" not in document:
        raise InputError("damaged: the description is incomplete", where=where, fix=_RESTORE)
    return document


def find_places(header: dict, room: int, where: str, dtypes: Mapping[str, np.dtype] = DTYPES) -> list[_Place]:
    """The tensors in the order in which they lie, shown to fill the `room` bytes after the header exactly."""
    places = [_place(name, entry, where, dtypes) for name, entry in header.items()]
    places.sort(key=lambda place: (place.begin, place.end))
    position = 0
    for place in places:
        if place.begin < position:
            raise InputError(f"tensors overlap at {_quote(place.name)}", where=where, fix=_RESTORE)
        if place.begin > position:
            raise InputError(f"unexpected bytes before {_quote(place.name)}", where=where, fix=_RESTORE)
        position = place.end
    if position > room:
        what = f"truncated: expected {position:,} bytes of weights, found {room:,}"
        raise InputError(what, where=where, fix=_RESTORE)
    if position < room:
        what = f"unexpected bytes after the last tensor: {room - position:,}"
        raise InputError(what, where=where, fix=_RESTORE)
    return places


def _place(name: str, entry: object, where: str, dtypes: Mapping[str, np.dtype]) -> _Place:
    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
        raise InputError(f"malformed entry of tensor {_quote(name)}", where=where, fix=_RESTORE)
    dtype, shape, extent = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in dtypes:
        what = f"dtype {_quote(dtype)} of tensor {_quote(name)} is not allowed"
        raise InputError(what, where=where, expected=f"one of {', '.join(dtypes)}", fix=_CHOOSE)
    dtype = dtypes[dtype]
    for numbers in (shape, extent):
        # `type` and not `isinstance`: True is an int as well
        if not isinstance(numbers, list) or not all(type(n) is int and n >= 0 for n in numbers):
            what = f"shape or place of tensor {_quote(name)} is not a list of whole numbers from 0"
            raise InputError(what, where=where, fix=_RESTORE)
    # NumPy multiplies the sizes other than 0 even where the array is empty, and knows at most 64 axes.
    fits = len(shape) <= 64 and math.prod(n or 1 for n in shape) * dtype.itemsize < 2**63
    if not fits or len(extent) != 2 or math.prod(shape) * dtype.itemsize != extent[1] - extent[0]:
        what = f"shape does not match data: tensor {_quote(name)} of shape {_quote(shape)} at {_quote(extent)}"
        raise InputError(what, where=where, fix=_RESTORE)
    return _Place(extent[0], extent[1], name, dtype, tuple(shape))


def _digest(tensors: Mapping[str, np.ndarray], meta: dict) -> str:
    """SHA-256 of all that a model is: the description, and each tensor's name, dtype, shape and bytes, by name.

    It covers the content and not the header's text, so a file that another program rewrote without a change is valid.
    """
    names = sorted(tensors)
    outline = [[name, tensors[name].dtype.name, tensors[name].shape] for name in names]
    digest = hashlib.sha256(json.dumps([FORMAT, meta, outline], sort_keys=True).encode())
    for name in names:
        digest.update(tensors[name].data.cast("B") if tensors[name].size else b"")
    return digest.hexdigest()


def _plain_array(name: str, tensor: np.ndarray) -> np.ndarray:
    """The array in C order and little endian, as it will lie in the file."""
    tensor = np.asarray(tensor)
    dtype = tensor.dtype.newbyteorder("<")
    if dtype not in DTYPES.values():
        allowed = ", ".join(allowed.name for allowed in DTYPES.values())
        raise UsageError(f"tensor {_quote(name)} cannot be saved", expected=f"one of {allowed}", got=tensor.dtype)
    return np.asarray(tensor, dtype=dtype, order="C")


def _quote(text: object) -> str:
    return f"'{printable(str(text), limit=40)}'"


# --- JSON that anybody may have written ------------------------------------------------------------------------------


def read_json(text: str, where: str = "", fix: str = "") -> object:
    """Parse JSON strictly: no key twice in an object, no NaN or Infinity, no number beyond float64 and 64 bits.

    Depth and number of values are bounded before the parser starts, so that a hostile text costs neither memory nor
    the stack: at most 32 levels and 200,000 values.

    Args:
        text: the whole document.
        where: the file that it comes from, for the error.
        fix: what to do about a bad file, for the error.

    Raises:
        InputError: the text is not such JSON.

    Example:
        >>> read_json('{"layers": [784, 10], "loss": 0.5}')
        {'layers': [784, 10], 'loss': 0.5}
        >>> read_json('{"loss": NaN}')
        Traceback (most recent call last):
        brainbox_core.errors.InputError: not valid JSON: NaN is not a finite number
    """
    depth = values = 0
    for match in _TOKEN.finditer(text):
        token = match[0]
        if token in "[{":
            depth += 1
            values += 1
        elif token in "]}":
            depth -= 1
        elif token == ",":
            values += 1
        elif token == '"':
            raise InputError("not valid JSON: a string without an end", where=where, fix=fix)
        if depth > MAX_DEPTH or values > MAX_VALUES:
            what = f"not accepted as JSON: over {MAX_DEPTH} levels or {MAX_VALUES:,} values"
            raise InputError(what, where=where, fix=fix)
    try:
        return json.loads(
            text, object_pairs_hook=_object, parse_int=_integer, parse_float=_finite, parse_constant=_finite
        )
    except ValueError as error:
        raise InputError(f"not valid JSON: {error}", where=where, fix=fix) from error


def _object(pairs: list[tuple[str, object]]) -> dict:
    result = dict(pairs)
    if len(result) < len(pairs):
        raise ValueError("a key appears twice in one object")
    return result


def _integer(digits: str) -> int:
    # The length first: turning 5,000 digits into a number takes long, and Python refuses it with a hint of its own.
    if len(digits) > 20 or not -(2**63) <= int(digits) < 2**64:
        raise ValueError("a whole number beyond 64 bits")
    return int(digits)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:20]} is not a finite number")
    return number
