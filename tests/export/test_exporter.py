import os
import re
import subprocess
import sys

import numpy as np
import pytest

import braininabox as bb
from brainbox_core.errors import AccuracyError, BudgetError, InputError, UsageError, VerificationError
from brainbox_core.export import build, c_header, exporter
from brainbox_core.export.network import reference
from brainbox_core.network.ranges import activation_ranges
from tests.export.chains import unsettle
from tests.export.compiling import STRICT, tool

L = bb.layers


class Swish(L.LeakyReLU):
    """A layer that no header knows."""


def dense(kind: str = "mnist", hidden: int = 128, inputs: int = 784) -> bb.Sequential:
    model = bb.Sequential([L.Flatten(), L.Linear(hidden), L.ReLU(), L.Linear(10)])
    model.build((inputs,))
    unsettle(model)
    X = np.random.default_rng(0).integers(0, 256, (64, inputs)).astype(np.uint8)
    model.meta = {"kind": kind, "input": "uint8", "ranges": activation_ranges(model, X), "classes": list("0123456789")}
    return model


def small() -> bb.Sequential:
    return dense("digits", 4, 9)


def test_what_the_header_says_of_itself():
    tool("gcc")
    header = build(small(), "tiny", dtype="float32")
    comment = header.text.split("*/")[0]
    assert comment.startswith("/*\n * tiny: a neural network in one header, made by brainbox")
    for part in (
        "model    digits, 90 parameters",
        "input    const uint8_t x[9]: 9, bytes 0 to 255",
        "output   float y[10]",
        "checked  256 vectors, equal to the reference in every bit",
    ):
        assert part in comment
    assert re.search(r"SHA-256 of layers and weights [0-9a-f]{64}\n", comment)
    sizes = dict(re.findall(r"#define TINY_(\w+) (\d+)", header.text))
    report = header.report
    assert sizes == {
        "INPUT_SIZE": "9",
        "OUTPUT_SIZE": "10",
        "ARENA_SIZE": str(report.arena),
        "STATE_SIZE": "0",
        "RAM_TOTAL": str(report.ram),
        "FLASH_CONST": "360",
    }
    assert report.ram == report.arena + 9 + 40 + report.stack and report.weights == 360
    assert '#define TINY_CLASS_NAMES { \\\n    "0", \\\n' in header.text


def test_bytes_are_the_same_in_every_process_and_locale(tmp_path):
    model = small()
    model.save(tmp_path / "m.safetensors")
    script = """
import sys, locale
sys.path.insert(0, sys.argv[1])
for name in ("de_DE.UTF-8", "de_DE.utf8", "C.UTF-8"):
    try:
        locale.setlocale(locale.LC_ALL, name)
        break
    except locale.Error:
        pass
from brainbox_core.export import build
from brainbox_core.model.sequential import Sequential
for dtype in ("float32", "int8"):
    text = build(Sequential.load(sys.argv[2]), "tiny", verify=0, dtype=dtype).text
    sys.stdout.buffer.write(text.encode("ascii"))
"""
    words = [sys.executable, "-c", script, os.getcwd(), str(tmp_path / "m.safetensors")]
    run = subprocess.run(words, env={**os.environ, "PYTHONHASHSEED": "1"}, capture_output=True, check=True).stdout
    here = [build(model, "tiny", verify=0, dtype=dtype).text.encode() for dtype in ("float32", "int8")]
    assert run == b"".join(here)
    assert b"\r" not in run and str(tmp_path).encode() not in run


def test_too_little_memory_is_refused_with_what_would_do():
    model = dense()
    with pytest.raises(BudgetError) as error:
        build(model, "net", dtype="float32", weights="ram", verify=0)
    assert re.fullmatch(
        r"mnist float32 with weights in RAM needs 399\.1 KB of RAM, the budget is 128 KB \(short by 271\.1 KB\)",
        error.value.line,
    )
    found = re.fullmatch(
        r"`dtype int8` \((.*) KB\) \| `weights flash` \(RAM (.*) KB, flash (.*) KB\) \| `hidden (\d+)`", error.value.fix
    )
    int8, flash_ram, flash, hidden = found.groups()
    # every remedy is true
    report = build(model, "net", dtype="int8", weights="ram", verify=0).report
    assert f"{report.ram / 1024:.1f}" == int8 and report.ram <= 128 * 1024
    report = build(model, "net", dtype="float32", verify=0).report
    assert (f"{report.ram / 1024:.1f}", f"{report.weights / 1024:.1f}") == (flash_ram, flash)
    build(dense(hidden=int(hidden)), "net", dtype="float32", weights="ram", verify=0)
    with pytest.raises(BudgetError):
        build(dense(hidden=int(hidden) + 1), "net", dtype="float32", weights="ram", verify=0)


def test_the_budgets_are_limits_to_the_byte():
    report = build(small(), "net", dtype="float32", verify=0).report
    build(small(), "net", dtype="float32", verify=0, ram_budget=report.ram, flash_budget=report.flash)
    with pytest.raises(BudgetError, match="of RAM"):
        build(small(), "net", dtype="float32", verify=0, ram_budget=report.ram - 1)
    with pytest.raises(BudgetError, match="of flash"):
        build(small(), "net", dtype="float32", verify=0, flash_budget=report.flash - 1)


def test_filters_are_a_remedy_for_a_convolutional_network():

    def conv(first: int, second: int) -> bb.Sequential:
        chain = [L.Conv2D(first, 3), L.ReLU(), L.MaxPool(2), L.Conv2D(second, 3), L.Flatten(), L.Linear(10)]
        model = bb.Sequential(chain)
        model.build((28, 28))
        model.meta = {"kind": "cnn"}
        return model

    limits = {"dtype": "float32", "verify": 0, "ram_budget": 5000}
    with pytest.raises(BudgetError) as error:
        build(conv(16, 32), "net", **limits)
    first, second = map(int, re.search(r"`filters (\d+),(\d+)`", error.value.fix).groups())
    build(conv(first, second), "net", **limits)
    with pytest.raises(BudgetError):
        build(conv(16 * (second + 1) // 32, second + 1), "net", **limits)


def test_a_loss_of_accuracy_is_refused():
    model = small()
    X = np.random.default_rng(1).integers(0, 256, (200, 9)).astype(np.uint8)
    y = model.predict(X).argmax(axis=1)
    model.meta["ranges"]["linear_1"] = [0, 1e-6]  # everything saturates
    with pytest.raises(AccuracyError, match=r"^`max_drop`: int8 loses \d+\.\d\d points of accuracy, 0.5 are allowed"):
        build(model, "net", dtype="int8", data=(X, y), verify=0)
    report = build(model, "net", dtype="int8", data=(X, y), verify=0, max_drop=100).report
    assert report.accuracy.trained == 1 and report.accuracy.drop > 0.5
    assert build(model, "net", dtype="float32", data=(X, y), verify=0).report.accuracy.drop == 0


def test_measured_ranges_take_the_place_of_the_recorded():
    model = small()
    X = np.random.default_rng(1).integers(0, 256, (200, 9)).astype(np.uint8)
    model.meta["ranges"]["linear_1"] = [0, 1e-6]
    report = build(
        model, "net", dtype="int8", data=(X, model.predict(X).argmax(axis=1)), calibration=X, verify=0
    ).report
    assert report.accuracy.drop < 10


def test_int8_without_ranges_says_what_to_do():
    model = small()
    del model.meta["ranges"]
    assert build(model, "net", verify=0).report.dtype == "float32"
    with pytest.raises(InputError, match="`calibration`"):
        build(model, "net", dtype="int8", verify=0)


def test_the_numbers_that_are_chosen():
    assert build(small(), "net", verify=0).report.dtype == "int8"
    model = bb.Sequential([L.Linear(2)])
    model.build((3,))
    assert build(model, "net", verify=0).report.dtype == "float32"


@pytest.mark.parametrize(
    "options, message",
    [
        ({"dtype": "int4"}, "dtype"),
        ({"weights": "rom"}, "weights"),
        ({"optimize": "all"}, "optimize"),
        ({"selftest": -1}, "selftest"),
        ({"verify": 1.5}, "verify"),
        ({"data": (np.zeros((3, 8), np.uint8), np.zeros(3))}, "inputs do not fit the model"),
        ({"data": (np.zeros((3, 9)), np.zeros(3))}, "takes pixels"),
        ({"data": (np.zeros((0, 9), np.uint8), np.zeros(0))}, "inputs do not fit the model"),
        ({"data": (np.full((3, 9), np.nan), np.zeros(3))}, "finite numbers"),
        ({"data": (np.full((3, 9), "7"), np.zeros(3))}, "finite numbers"),
        ({"data": (np.zeros((3, 9), np.uint8), np.zeros(4))}, "labels do not fit the inputs.*each of 3 inputs"),
        ({"data": (np.zeros((3, 9), np.uint8), None)}, "labels do not fit the inputs"),
        ({"ram_budget": "128KB"}, "ram_budget"),
        ({"flash_budget": -1}, "flash_budget"),
        ({"max_drop": np.nan}, "max_drop"),
    ],
)
def test_options_that_are_wrong(options, message):
    with pytest.raises(UsageError, match=message):
        build(small(), "net", **options)


def test_what_is_no_model_is_refused():
    with pytest.raises(UsageError, match="expected a chain of layers, such as a Sequential"):
        build(None, "net")


def test_what_is_no_chain_is_refused_by_name():
    x = bb.Input((4,))
    graph = bb.Model(x, bb.layers.Add()([x, bb.layers.Linear(4)(x)]))
    with pytest.raises(UsageError, match="only a chain of layers can be exported yet, got a graph of Linear, Add"):
        build(graph, "net")

    class Net(bb.Model):
        def forward(self, x, training=False):
            return x

    with pytest.raises(UsageError, match=r"got what forward\(\) of Net computes"):
        build(Net(), "net")


@pytest.mark.parametrize("ranges", ["abc", [1, 2], 3, {"input": "x"}, {"input": None}, {"input": [0, 10**400]}])
def test_damaged_ranges_hinder_int8_only(ranges):
    model = bb.Sequential([L.Linear(2)])
    model.build((3,))
    model.meta["ranges"] = ranges
    assert build(model, "net", verify=0).report.dtype == "float32"
    with pytest.raises(InputError, match="no range"):
        build(model, "net", dtype="int8", verify=0)


def test_inputs_that_are_not_finite_are_compared_and_not_carried():
    tool("gcc")
    model = bb.Sequential([L.Linear(2)])
    model.build((3,))
    model.meta["ranges"] = {"input": [-1e39, 1e39], "linear_0": [-1.0, 1.0]}  # beyond float32
    header = build(model, "net", dtype="int8", verify=40)
    assert header.report.checked == 40 and "inff" not in header.text


@pytest.mark.parametrize("dtype", ["float32", "int8"])
def test_pixels_may_go_into_a_softmax(dtype):
    model = bb.Sequential([L.Softmax(), L.MaxPool((2, 1)), L.Sigmoid()])
    model.build((2, 3, 5))
    X = np.random.default_rng(0).integers(0, 256, (64, 2, 3, 5)).astype(np.uint8)
    model.meta = {"input": "uint8", "ranges": activation_ranges(model, X)}
    report = build(model, "net", dtype=dtype, verify=0).report
    assert [row.title for row in report.rows][-2:] == ["softmax_0", "maxpool_0+sigmoid"]


def test_nothing_is_written_when_anything_is_wrong(tmp_path, monkeypatch):
    path = tmp_path / "net.h"
    path.write_text("old")
    unsupported = bb.Sequential([Swish()])
    unsupported.build((3,))
    broken = small()
    broken.params.named["linear_0/weight"].data[0, 0] = np.nan
    for model, options, kind in (
        (unsupported, {}, InputError),
        (broken, {}, InputError),
        (small(), {"name": "int"}, UsageError),
        (small(), {"ram_budget": 10}, BudgetError),
    ):
        with pytest.raises(kind):
            c_header(model, path, **options)
        assert path.read_text() == "old" and os.listdir(tmp_path) == ["net.h"]
    tool("gcc")
    monkeypatch.setattr(reference, "run", lambda program, X: np.zeros((len(X), 10), np.float32))
    with pytest.raises(VerificationError):
        c_header(small(), path, dtype="float32")
    assert path.read_text() == "old" and os.listdir(tmp_path) == ["net.h"]


def test_an_unsupported_layer_is_named_with_what_is_supported():
    model = bb.Sequential([L.Linear(2), Swish()])
    model.build((3,))
    with pytest.raises(InputError, match=r"layer 1 'swish_0' .*cannot be exported.*Conv2D"):
        build(model, "net")


def test_without_a_compiler_it_says_so_everywhere(tmp_path, monkeypatch):
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    header = build(small(), "net", dtype="float32")
    assert " * checked  NO: no C compiler was found; install gcc, or set CC\n" in header.text
    assert header.report.checked == 0 and header.report.code is None
    assert header.report.notes == ("not checked: no C compiler was found; install gcc, or set CC",)
    assert any(line.startswith("CHECK  checked: NO") for line in header.report.lines())


def test_hostile_names_from_data_are_harmless(tmp_path):
    tool("gcc")
    model = small()
    hostile = ['a*/ int main(){system("id");} /*', '"', "\\", "??/", "\n#error", "\0", "é", "%n", "x" * 5000, "*/"]
    model.meta |= {"kind": 'k*/ int x; /*"\n#error', "classes": hostile, "data": {"name": "d*/\n#error", "sha256": ""}}
    text = build(model, "net").text
    assert text.isascii()
    (tmp_path / "net.h").write_text(text)
    main = '#include <stdio.h>\n#include "net.h"\nint main(void)\n{\n'
    main += "    static const char *const names[] = NET_CLASS_NAMES;\n"
    main += (
        "    int i;\n    for (i = 0; i < NET_OUTPUT_SIZE; i++) {\n        puts(names[i]);\n    }\n    return 0;\n}\n"
    )
    (tmp_path / "main.c").write_text(main)
    subprocess.run([tool("gcc"), "-trigraphs", *STRICT, "main.c", "-o", "t"], cwd=tmp_path, check=True)
    out = subprocess.run([tmp_path / "t"], capture_output=True, check=True).stdout
    assert out.startswith(hostile[0].encode() + b'\n"\n\\\n??/\n\n#error\n\n\xc3\xa9\n%n\n' + b"x" * 252 + b"...\n")


@pytest.mark.parametrize("count", [0, 1, 5])
def test_the_vectors_that_it_carries(count):
    text = build(small(), "net", selftest=count, verify=0).text
    assert text.count("net_selftest_inputs[") == (0 if count == 0 else 3)  # where it is copied, too
    assert (f"net_selftest_outputs[{count}][10]" in text) == (count > 0)


def test_real_rows_are_carried_and_compared():
    X = np.full((50, 9), 77, np.uint8)
    text = build(small(), "net", data=(X, np.zeros(50)), dtype="float32", verify=0).text
    assert "77, 77, 77, 77, 77, 77, 77, 77, 77" in text


def test_extreme_weights_survive(tmp_path):
    tool("gcc")
    model = bb.Sequential([L.Linear(8)])
    model.build((1,))
    model.params.named["linear_0/weight"].data[...] = [[1e-45, -1e-45, -0.0, 1e38, -1e38, 1.17e-38, 3.4e38, 1 / 3]]
    header = build(model, "net")
    assert header.report.checked == 256
    for literal in ("1e-45f", "-1e-45f", "-0.0f", "1e+38f", "3.4e+38f", "0.33333334f"):
        assert literal in header.text


def test_a_very_large_header_is_told_of(monkeypatch):
    monkeypatch.setattr(exporter, "_LARGE_TEXT", 1000)
    assert any("compilers take long" in note for note in build(small(), "net", verify=0).report.notes)
    tool("gcc")
    said = []
    build(small(), "net", verify=3, progress=said.append)
    assert said == ["planning the memory", "compiling 0 MB of text and comparing", "measuring the accuracy"]
