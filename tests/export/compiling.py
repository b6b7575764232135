"""Headers compiled with any flags, for tests; skipped by name where there is no compiler."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from brainbox_core.export import verify
from brainbox_core.export.header import Vectors, write
from brainbox_core.export.network.kernels import FloatKernels
from brainbox_core.export.network.lower import lower
from brainbox_core.export.network.reference import run
from brainbox_core.export.network.source import page
from brainbox_core.export.programs import NETWORK
from brainbox_core.model.sequential import Sequential

STRICT = verify.STRICT


def tool(name: str, package: str = "") -> str:
    """A program's path; the calling test is skipped, with the Debian package's name, where it is missing."""
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"needs {name}: apt-get install {package or name}")
    return path


def float_header(model: Sequential, X: np.ndarray, name: str = "net") -> tuple[str, np.ndarray]:
    """The float32 header of a model, carrying the first inputs, and what the reference makes of all of them."""
    kernels = FloatKernels(name, lower(model))
    with np.errstate(all="ignore"):
        outputs = run(kernels.program, X).reshape(len(X), -1)
    return write(page(model, kernels, Vectors(X[:1], outputs[:1])), "no"), outputs


def compiled(folder: Path, text: str, X: np.ndarray, like: np.ndarray, *flags: str, name: str = "net", cc: str = "gcc"):
    """What a header makes of inputs when its driver is compiled with some flags; of the shape and dtype of `like`."""
    source = "driver.cpp" if cc.endswith("++") else "driver.c"
    (folder / "net.h").write_text(text)
    (folder / source).write_text(NETWORK.filled("driver", name, "net.h"))
    subprocess.run([tool(cc), *flags, source, "-o", "driver"], cwd=folder, check=True)
    done = subprocess.run([folder / "driver"], input=X.tobytes(), capture_output=True, check=False)
    assert done.returncode == 0 and done.stderr == b"", done.stderr.decode()
    return np.frombuffer(done.stdout, like.dtype).reshape(like.shape)


def computed(folder: Path, text: str, X: np.ndarray, columns: int, *flags: str, name: str = "net", cc: str = "gcc"):
    """What a float32 header makes of inputs when its driver is compiled with some flags."""
    like = np.zeros((len(X), columns), np.float32)
    return compiled(folder, text, X, like, *flags, name=name, cc=cc)


def inputs(model: Sequential, n: int, seed: int = 0) -> np.ndarray:
    """Random inputs as the header takes them, (n, values)."""
    random, size = np.random.default_rng(seed), int(np.prod(model.input_shape))
    if model.meta.get("input") == "uint8":
        return random.integers(0, 256, (n, size)).astype(np.uint8)
    return random.standard_normal((n, size)).astype(np.float32)
