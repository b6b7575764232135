"""The int8 headers: the same numbers as the reference for any network, compiler and input, and the figures to reach."""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import braininabox as bb
from brainbox_core.errors import InputError
from brainbox_core.export import board, verify
from brainbox_core.export.draft import OPTIMIZE
from brainbox_core.export.header import Vectors, write
from brainbox_core.export.network.kernels import IntKernels
from brainbox_core.export.network.lower import lower
from brainbox_core.export.network.memory import Place, Plan
from brainbox_core.export.network.quantize import quantize
from brainbox_core.export.network.reference import run
from brainbox_core.export.network.source import page, stack
from brainbox_core.export.programs import NETWORK
from brainbox_core.network.ranges import activation_ranges
from tests.export.chains import built, models, reader
from tests.export.compiling import STRICT, inputs, tool

L = bb.layers


def mixed() -> bb.Sequential:
    """All kinds of steps."""
    chain = [L.Conv2D(5, (3, 2), (2, 1), "same"), L.BatchNorm(), L.Tanh(), L.AvgPool(2, 1), L.BatchNorm(), L.Sigmoid()]
    chain += [L.MaxPool((3, 2), (1, 2)), L.Flatten(), L.Linear(6), L.ReLU(), L.Linear(3), L.Softmax()]
    return built(chain, (11, 9, 2))


def ragged() -> bb.Sequential:
    """Windows that leave rows over, reach far over the border, jump, and pools too large to be computed at once."""
    chain = [
        L.Conv2D(3, 5, padding="same"),
        L.MaxPool((2, 3)),
        L.Conv2D(9, (2, 4), 1, "same"),
        L.ReLU(),
        L.AvgPool(3, 1),
    ]
    chain += [L.Conv2D(6, 2, 3), L.ReLU(), L.MaxPool((1, 1), 2), L.Flatten(), L.Linear(7)]
    return built(chain, (23, 26), pixels=True)


def small() -> bb.Sequential:
    """The last layer of which comes after a linear map that takes rows."""
    chain = [L.Conv2D(2, 3, 2, "same"), L.ReLU(), L.AvgPool(2), L.Flatten(), L.Linear(11), L.Tanh(), L.Linear(1)]
    return built(chain, (12, 10, 3), pixels=True)


def shares() -> bb.Sequential:
    """Bytes that go into a softmax, and more behind one."""
    return built([L.Softmax(), L.MaxPool(2), L.Softmax(), L.Tanh()], (4, 6, 3), pixels=True)


NETWORKS = {"reader": reader, "mixed": mixed, "ragged": ragged, "small": small, "shares": shares}


def kernels_of(model: bb.Sequential, **changes: str) -> IntKernels:
    X = inputs(model, 64).reshape(-1, *model.input_shape)
    return IntKernels("net", quantize(lower(model), activation_ranges(model, X)), **changes)


def text_of(model: bb.Sequential, kernels: IntKernels, X: np.ndarray) -> tuple[str, np.ndarray]:
    """The header, carrying the first input, and what the reference makes of all inputs."""
    outputs = run(kernels.integers, X).reshape(len(X), -1)
    return write(page(model, kernels, Vectors(X[:1], outputs[:1])), "no"), outputs


def hard(model: bb.Sequential, n: int = 24) -> np.ndarray:
    """Inputs that saturate beside random ones."""
    X = inputs(model, n)
    extremes = [0, 255] if X.dtype == np.uint8 else [0, np.nan, np.inf, -np.inf, 3e38, -3e38, 1e-45]
    for row, value in enumerate(extremes):
        X[row] = value
        X[len(extremes) + row, ::2] = value
    return X


def computed(folder: Path, text: str, X: np.ndarray, columns: int, *flags: str, cc: str = "gcc") -> np.ndarray:
    source = "driver.cpp" if cc.endswith("++") else "driver.c"
    (folder / "net.h").write_text(text)
    (folder / source).write_text(NETWORK.filled("driver", "net", "net.h"))
    subprocess.run([tool(cc), *flags, source, "-o", "driver"], cwd=folder, check=True)
    done = subprocess.run([folder / "driver"], input=X.tobytes(), capture_output=True, check=False)
    assert done.returncode == 0 and done.stderr == b"", done.stderr.decode()
    return np.frombuffer(done.stdout, np.int8).reshape(len(X), columns)


@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(models(), st.booleans(), st.sampled_from(OPTIMIZE), st.sampled_from(["flash", "ram"]))
def test_random_networks_agree_in_every_number(tmp_path_factory, model, pixels, optimize, weights):
    if pixels:
        model.meta["input"] = "uint8"
    X = hard(model)
    text, outputs = text_of(model, kernels_of(model, optimize=optimize, weights=weights), X)
    found = computed(tmp_path_factory.mktemp("c"), text, X, outputs.shape[1], *STRICT, "-O1")
    np.testing.assert_array_equal(found, outputs)


TABLES = {
    "a linear map": [L.Linear(9), L.Tanh(), L.Linear(2)],
    "a normalisation": [L.BatchNorm(), L.Linear(6), L.ReLU(), L.Linear(3), L.Softmax()],
    "a normalisation with a table": [L.BatchNorm(), L.Sigmoid(), L.Linear(3)],
    "one scale for all": [L.Tanh(), L.Linear(3)],
}


@pytest.mark.parametrize("optimize", OPTIMIZE)
@pytest.mark.parametrize("name", TABLES)
def test_rows_of_a_table_agree_in_every_number(tmp_path, name, optimize):
    model = built([type(layer)(**layer.config()) for layer in TABLES[name]], (6,))
    X = inputs(model, 64) * np.float32([1, 1000, 1e-6, 50, 0, 1]) + np.float32([0, 5e4, 0, -1.7e9, 3, 1e-45])
    kernels = IntKernels("net", quantize(lower(model), activation_ranges(model, X)), optimize)
    rows = np.concatenate([hard(model), X])
    text, outputs = text_of(model, kernels, rows)
    assert ("net_input_low[6]" in text) == (name != "one scale for all")
    flags = [*STRICT, "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    np.testing.assert_array_equal(computed(tmp_path, text, rows, outputs.shape[1], *flags), outputs)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize(
    "cc, flags",
    [
        ("gcc", ("-O3", *STRICT)),
        ("gcc", ("-Os", "-std=c11", "-pedantic", "-Wall", "-Wextra", "-Werror")),
        ("g++", ("-O2", "-std=c++11", *(flag for flag in STRICT[1:]))),
        (
            "gcc",
            ("-O1", "-g", "-fsanitize=address,undefined,float-cast-overflow", "-fno-sanitize-recover=all", *STRICT),
        ),
    ],
    ids=["O3", "c11", "c++11", "sanitized"],
)
def test_any_compiler_gives_the_same_numbers(tmp_path, name, cc, flags):
    model = NETWORKS[name]()
    X = hard(model)
    text, outputs = text_of(model, kernels_of(model), X)
    np.testing.assert_array_equal(computed(tmp_path, text, X, outputs.shape[1], *flags, cc=cc), outputs)


@pytest.mark.parametrize("optimize", OPTIMIZE)
@pytest.mark.parametrize("name", NETWORKS)
def test_every_choice_gives_the_same_numbers(tmp_path, name, optimize):
    model = NETWORKS[name]()
    X = hard(model)
    kernels = kernels_of(model, optimize=optimize, weights="ram")
    text, outputs = text_of(model, kernels, X)
    np.testing.assert_array_equal(computed(tmp_path, text, X, outputs.shape[1], *STRICT, "-O2"), outputs)
    np.testing.assert_array_equal(outputs, run(kernels_of(model).integers, X).reshape(outputs.shape))


def test_a_ring_that_is_too_short_is_found_by_comparing():
    class Wrong(IntKernels):
        @property
        def plan(self) -> Plan:
            right = IntKernels(self.name, self.integers).plan
            ring: Place = right.outputs[0]
            return replace(right, outputs=(replace(ring, rows=ring.rows - 1), *right.outputs[1:]))

    tool("gcc")
    model, X = reader(), hard(reader())
    for kind, found in ((IntKernels, len(X)), (Wrong, 0)):
        kernels = kind("net", kernels_of(model).integers)
        text, outputs = text_of(model, kernels, X)
        if found:
            assert verify.verify(text, "net", X, outputs, verify.find_compiler()).vectors == found
            continue
        with pytest.raises(verify.VerificationError):
            verify.verify(text, "net", X, outputs, verify.find_compiler())


def test_wide_multipliers_are_rounded_as_narrow_ones(tmp_path):
    """Shifts below 33, which a sum of few products may have, need both words of a product."""
    model = built([L.BatchNorm(), L.ReLU()], (4, 4, 2))
    kernels = kernels_of(model)
    program = kernels.integers
    step = program.steps[1]
    one = replace(step.rescale, shift=np.full_like(step.rescale.shift, 31))
    wide = IntKernels("net", replace(program, steps=(program.steps[0], replace(step, rescale=one))))
    X = hard(model)
    text, outputs = text_of(model, wide, X)
    assert "net_rescale_wide" in text
    np.testing.assert_array_equal(computed(tmp_path, text, X, outputs.shape[1], *STRICT), outputs)


def test_a_header_is_what_a_header_should_be(tmp_path):
    for make in NETWORKS.values():
        model = make()
        text, _ = text_of(model, kernels_of(model), inputs(model, 1))
        assert text == text_of(model, kernels_of(model), inputs(model, 1))[0]
        assert text.isascii() and "\t" not in text and not text.count("\r") and text.endswith("\n")
        included = {"<stddef.h>", "<stdint.h>"} | ({"<float.h>"} if kernels_of(model).floats else set())
        assert set(re.findall(r"#include (\S+)", text)) == included
        code = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
        for word in ("malloc", "goto", "double", "//", "restrict", "float" if model.meta.get("input") else "malloc"):
            assert word not in code, word
        for line in re.findall(r"^ *(?:\} )?(?:if|for|while|else|do)\b.*$", code, flags=re.M):
            assert line.endswith("{") or re.fullmatch(r" *\} while \(.*\);", line), "a body without braces"
        defined = re.findall(r"^(?:\w+ )?(?:static .*?|typedef .*?|\}) \*?(\w+)(?:\(|\[|;)", code, flags=re.M)
        defined += re.findall(r"#define (\w+)", code)
        assert len(defined) > 10 and all(name.lower().startswith("net_") for name in defined), defined
        (tmp_path / "net.h").write_text(text)
        (tmp_path / "unit.c").write_text(NETWORK.filled("unit", "net", "net.h"))
        subprocess.run([tool("gcc"), *STRICT, "-O2", "-c", "unit.c"], cwd=tmp_path, check=True)
        listing = subprocess.run([tool("nm"), "-u", "unit.o"], cwd=tmp_path, capture_output=True, check=True).stdout
        assert {word.decode() for word in listing.split() if word != b"U"} <= {"memcpy", "memset"}


def test_a_pool_of_single_places_calls_nothing():
    """A loop that only copies becomes a call of memmove, which a small device may not have."""
    tool("nm")
    model = built([L.MaxPool(1), L.MaxPool(1)], (8, 8, 40))
    X = hard(model)
    text, outputs = text_of(model, kernels_of(model), X)
    assert verify.verify(text, "net", X, outputs, verify.find_compiler()).vectors == len(X)


def test_a_file_that_includes_it_and_uses_nothing_compiles_without_a_warning(tmp_path):
    model = mixed()
    text, _ = text_of(model, kernels_of(model), inputs(model, 1))
    (tmp_path / "net.h").write_text(text)
    (tmp_path / "a.c").write_text('#include "net.h"\n#include "net.h"\nint main(void) { return 0; }\n')
    subprocess.run([tool("gcc"), *STRICT, "a.c", "-c"], cwd=tmp_path, check=True)


def test_the_tables_are_as_large_as_is_said(tmp_path):
    for make in NETWORKS.values():
        model = make()
        for optimize in OPTIMIZE:
            kernels = kernels_of(model, optimize=optimize)
            sizes = {"int8": 1, "uint8": 1, "int32": 4, "uint32": 4}
            found = re.findall(r"const \w+ \w+ (\w+)_t \w+\[(\d+)\]", kernels.tables())
            assert sum(sizes[kind] * int(count) for kind, count in found) == kernels.table_bytes
            assert kernels.table_bytes == sum(kernels.step_bytes(i) for i in range(len(kernels.program.steps)))
    assert "const" not in kernels_of(reader(), weights="ram").tables()


PINNED = "arm-none-eabi-gcc 12.2.1"
# What is to be reached (arena, flash, instructions), and what the pinned compiler makes (code, instructions).
FIGURES = {
    "reader": (2048, 15 * 1024, 2_000_000, (1812, 1_373_136)),
    "dense": (256, 102.5 * 1024, 600_000, (956, 307_460)),
}


@pytest.mark.parametrize("name", FIGURES)
def test_the_figures_on_a_cortex_m3(name):
    if packages := board.missing():
        pytest.skip(f"needs {packages}")
    dense = [L.Flatten(), L.Linear(128), L.ReLU(), L.Linear(10)]
    model = reader() if name == "reader" else built(dense, (28, 28), pixels=True)
    arena, flash, instructions, exact = FIGURES[name]
    kernels = kernels_of(model)
    text, _ = text_of(model, kernels, inputs(model, 1))
    figures = board.measure(text, "net")
    assert kernels.plan.arena <= arena and figures.stack <= stack(kernels.program)
    assert figures.code + kernels.table_bytes <= flash and figures.instructions <= instructions
    found = figures.code, figures.instructions
    assert found == exact if figures.compiler == PINNED else found == pytest.approx(exact, rel=0.2)


def test_a_network_without_ranges_is_refused():
    model = reader()
    with pytest.raises(InputError, match="no range"):
        quantize(lower(model), {})
