import re
import subprocess

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import braininabox as bb
from brainbox_core.export import verify
from brainbox_core.export.network.kernels import FloatKernels
from brainbox_core.export.network.lower import lower
from brainbox_core.export.network.reference import run, taking_bytes
from brainbox_core.export.programs import NETWORK
from tests.export.chains import built, models, reader
from tests.export.compiling import STRICT, computed, float_header, inputs, tool

L = bb.layers


def mixed() -> bb.Sequential:
    """All kinds of steps."""
    chain = [L.Conv2D(5, (3, 2), (2, 1), "same"), L.BatchNorm(), L.Tanh(), L.AvgPool(2, 1), L.BatchNorm(), L.Sigmoid()]
    chain += [L.MaxPool((3, 2), (1, 2)), L.Flatten(), L.Linear(6), L.ReLU(), L.Linear(3), L.Softmax()]
    return built(chain, (11, 9, 2))


def same_bits(a: np.ndarray, b: np.ndarray) -> bool:
    return not verify.differs(a, b).any()


@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(models(), st.booleans(), st.sampled_from(["ram", "speed", "size"]))
def test_random_networks_agree_in_every_bit(tmp_path_factory, model, pixels, optimize):
    tool("gcc")
    if pixels:
        model.meta["input"] = "uint8"
    X = inputs(model, 8)
    text, outputs = float_header(model, X)
    found = computed(tmp_path_factory.mktemp("c"), text, X, outputs.shape[1], *STRICT)
    assert same_bits(found, outputs)
    trained = model.predict(X.reshape(len(X), *model.input_shape)).reshape(outputs.shape)
    assert (np.abs(outputs - trained) <= 1e-5 * np.maximum(1, np.abs(trained)) + 1e-6).all()


@pytest.mark.parametrize("make", [reader, mixed])
@pytest.mark.parametrize(
    "cc, flags",
    [
        ("gcc", ("-O0", *STRICT)),
        ("gcc", ("-O3", *STRICT)),
        ("gcc", ("-Os", "-std=gnu11", "-march=haswell")),
        ("gcc", ("-O2", "-std=c11", "-pedantic", "-Wall", "-Wextra", "-Werror")),
        ("g++", ("-O2", "-std=c++11", *(flag for flag in STRICT[1:]))),
        ("g++", ("-O2", "-std=c++17", "-march=haswell")),
        ("gcc", ("-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", *STRICT)),
    ],
    ids=["O0", "O3", "fused", "c11", "c++11", "c++17 fused", "sanitized"],
)
def test_any_compiler_gives_the_same_bits(tmp_path, make, cc, flags):
    if "-march=haswell" in flags and not _has_fma():
        pytest.skip("needs a processor with FMA")
    model = make()
    X = inputs(model, 8)
    text, outputs = float_header(model, X)
    assert same_bits(computed(tmp_path, text, X, outputs.shape[1], *flags, cc=cc), outputs)


def _has_fma() -> bool:
    try:
        with open("/proc/cpuinfo") as file:
            return " fma " in file.read()
    except OSError:
        return False


def test_without_the_guard_fused_multiplications_change_bits(tmp_path):
    if not _has_fma():
        pytest.skip("needs a processor with FMA")
    text, _ = float_header(reader(), inputs(reader(), 1))
    guard = '#pragma GCC optimize("fp-contract=off")'
    assert guard in text
    for header, code in ((text, 0), (text.replace(guard, ""), 2)):  # 2: its own test fails
        (tmp_path / "net.h").write_text(header)
        (tmp_path / "driver.c").write_text(NETWORK.filled("driver", "net", "net.h"))
        flags = ("-O2", "-std=gnu11", "-march=haswell")
        subprocess.run([tool("gcc"), *flags, "driver.c", "-o", "driver"], cwd=tmp_path, check=True)
        assert subprocess.run([tmp_path / "driver"], stdin=subprocess.DEVNULL, check=False).returncode == code


def test_fast_math_is_refused(tmp_path):
    text, _ = float_header(mixed(), inputs(mixed(), 1))
    (tmp_path / "net.h").write_text(text)
    command = [tool("gcc"), "-ffast-math", "-fsyntax-only", "net.h"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode != 0 and b"-ffast-math and its parts change what is computed" in done.stderr


@pytest.mark.parametrize("make", [reader, mixed])
def test_wild_inputs_are_computed_with_and_nothing_else_happens(tmp_path, make):
    model = make()
    model.meta.pop("input", None)
    X = inputs(model, 16)
    random = np.random.default_rng(0)
    for row, value in enumerate([np.nan, np.inf, -np.inf, 3e38, -3e38, 1e-45, 0.0]):
        X[row, random.random(X.shape[1]) < (1 if row % 2 else 0.1)] = value
    text, _ = float_header(model, X[7:])
    flags = ("-O1", "-g", "-fsanitize=address,undefined,float-cast-overflow", "-fno-sanitize-recover=all", *STRICT)
    (tmp_path / "net.h").write_text(text)
    driver = re.sub(
        r"#if .*?#endif\n", "", NETWORK.filled("driver", "net", "net.h"), flags=re.S
    )  # no number is the largest among NaNs
    (tmp_path / "driver.c").write_text(driver)
    subprocess.run([tool("gcc"), *flags, "driver.c", "-o", "driver"], cwd=tmp_path, check=True)
    done = subprocess.run([tmp_path / "driver"], input=X.tobytes(), capture_output=True, check=False)
    assert done.returncode == 0 and done.stderr == b""
    kernels = FloatKernels("net", lower(model))
    wanted = run(kernels.program, X).reshape(len(X), -1)
    assert same_bits(np.frombuffer(done.stdout, np.float32).reshape(wanted.shape), wanted)


def test_two_files_can_include_it_and_each_other(tmp_path):
    X = inputs(mixed(), 1)
    one, _ = float_header(mixed(), X, "one")
    two, _ = float_header(mixed(), X, "two")
    (tmp_path / "one.h").write_text(one)
    (tmp_path / "two.h").write_text(two)
    body = '#include "one.h"\n#include "two.h"\n#include "one.h"\n'
    body += "int NAME(one_arena_t *a, two_arena_t *b);\n"
    body += "int NAME(one_arena_t *a, two_arena_t *b) { return one_selftest(a) + two_selftest(b); }\n"
    main = "int second(one_arena_t *a, two_arena_t *b);\nstatic one_arena_t a;\nstatic two_arena_t b;\n"
    main += "int main(void) { return first(&a, &b) + second(&a, &b); }\n"
    (tmp_path / "a.c").write_text(body.replace("NAME", "first") + main)
    (tmp_path / "b.c").write_text(body.replace("NAME", "second"))
    subprocess.run([tool("gcc"), *STRICT, "a.c", "b.c", "-o", "t"], cwd=tmp_path, check=True)
    assert subprocess.run([tmp_path / "t"], check=False).returncode == 0


def test_it_needs_nothing_but_memcpy_and_memset(tmp_path):
    for make in (reader, mixed):
        text, _ = float_header(make(), inputs(make(), 1))
        assert set(re.findall(r"#include (\S+)", text)) == {"<float.h>", "<stddef.h>", "<stdint.h>"}
        (tmp_path / "net.h").write_text(text)
        (tmp_path / "unit.c").write_text(NETWORK.filled("unit", "net", "net.h"))
        subprocess.run([tool("gcc"), *STRICT, "-O2", "-c", "unit.c"], cwd=tmp_path, check=True)
        listing = subprocess.run([tool("nm"), "-u", "unit.o"], cwd=tmp_path, capture_output=True, check=True).stdout
        assert {word.decode() for word in listing.split() if word != b"U"} <= {"memcpy", "memset"}
        for word in ("malloc", "goto", "double", " long "):
            assert not re.search(rf"\b{word.strip()}\b", text.split("*/", 1)[1]), word


def test_every_name_begins_with_the_prefix(tmp_path):
    text, _ = float_header(mixed(), inputs(mixed(), 1), "zz")
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    defined = re.findall(r"^(?:static .*?|typedef .*?|\}) \*?(\w+)(?:\(|\[|;)", text, flags=re.M)
    defined += re.findall(r"#define (\w+)", text)
    assert len(defined) > 20 and all(name.lower().startswith("zz_") for name in defined), defined


def test_the_text_is_plain_and_the_same_every_time():
    X = inputs(mixed(), 2)
    text, _ = float_header(mixed(), X)
    assert text == float_header(mixed(), X)[0]
    assert text.isascii() and "\r" not in text and "\t" not in text and text.endswith("\n")
    assert max(map(len, text.splitlines())) <= 130


def test_weights_in_memory_are_no_constants(tmp_path):
    model = reader()
    text = FloatKernels("net", lower(model), weights="ram").tables()
    assert "const" not in text and "static net_TABLE float net_conv2d_0_table" in text


def test_the_sizes_to_reach():
    kernels = FloatKernels("net", lower(reader()))
    assert kernels.plan.arena <= 6.6 * 1024
    fraud = built([L.Linear(16), L.ReLU(), L.Linear(16), L.ReLU(), L.Linear(1)], (30,))
    assert FloatKernels("net", lower(fraud)).plan.arena <= 160


def test_bytes_are_taken_as_they_are_whatever_comes_first():
    X = np.random.default_rng(0).integers(0, 256, (5, 36)).astype(np.uint8)
    for chain in (
        [L.Linear(3)],
        [L.Conv2D(2, 3), L.Tanh()],
        [L.MaxPool(2)],
        [L.BatchNorm()],
        [L.Softmax()],
        [L.Tanh()],
    ):
        model = built(chain, (6, 6, 1) if not isinstance(chain[0], L.Linear) else (36,), pixels=True)
        outputs = run(taking_bytes(lower(model)), X).reshape(len(X), -1)
        trained = model.predict(X.reshape(5, *model.input_shape)).reshape(5, -1)
        assert np.allclose(outputs, trained, rtol=1e-5, atol=1e-6)
