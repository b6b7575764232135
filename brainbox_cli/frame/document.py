"""The JSON document of a run: what `--json` prints and `run.json` keeps. Its shape is `run.schema.json`."""

from __future__ import annotations

import json
import math
import platform
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from brainbox_core import __version__

if TYPE_CHECKING:
    from brainbox_core.model.sequential import Sequential
    from brainbox_core.tasks.contract import Data

SCHEMA = "brainbox.run/1"


class Document:
    """One run as one JSON object; every field is there from the start, so that a failed run is a valid document too.

    Args:
        argv: the command line after `brainbox`.

    Example:
        >>> document = Document(["mnist"])
        >>> document.set(command="mnist", metrics={"test_loss": float("nan")})
        >>> json.loads(document.text())["metrics"]
        {'test_loss': None}
    """

    def __init__(self, argv: list[str]):
        self.warnings: list[str] = []
        self.fields: dict[str, Any] = {
            "schema": SCHEMA,
            "command": None,
            "verb": None,
            "status": "ok",
            "exit_code": 0,
            "argv": list(argv),
            "seed": None,
            "versions": {},
            "data": None,
            "model": None,
            "config": {},
            "metrics": {},
            "history": [],
            "threshold": None,
            "artifacts": {},
            "result": None,
            "timing": {},
            "warnings": self.warnings,
            "error": None,
        }

    def set(self, **fields: Any) -> None:
        """Fill in fields; a mapping is added to what is there, anything else replaces it."""
        for name, value in fields.items():
            old = self.fields[name]
            self.fields[name] = {**old, **value} if isinstance(old, dict) and isinstance(value, Mapping) else value

    def text(self) -> str:
        """The document as JSON in ASCII; numbers that are not finite become null, as JSON has none of them."""
        self.set(versions=_versions())
        return json.dumps(plain(self.fields), indent=2, allow_nan=False)


def _versions() -> dict[str, str]:
    versions = {"brainbox": __version__, "python": platform.python_version()}
    if numpy := sys.modules.get("numpy"):  # a run that did without is not made to load it
        versions["numpy"] = numpy.__version__
    return versions


def plain(value: Any) -> Any:
    """The value in JSON types; a number that is not finite becomes None."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):  # NumPy's arrays and numbers
        return plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (bool, int, str)):
        return value
    return str(value)


def data_record(data: Data) -> dict:
    """The document's part on the data."""
    return {"source": data.name, "sha256": data.sha256, **data.counts}


def model_record(model: Sequential) -> dict:
    """The document's part on a model."""
    summary = model.summary()
    layers = [
        {"name": row.name, "kind": row.kind, "output_shape": row.output_shape, "params": row.parameters}
        for row in summary.rows
    ]
    return {"kind": "sequential", "layers": layers, "params": summary.parameters}
