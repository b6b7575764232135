import math
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import braininabox as bb
from brainbox_core.errors import AccuracyError, BudgetError, InputError, UsageError, VerificationError
from brainbox_core.exact.int_stepper import MOST, IntStepper, quantized, rounded
from brainbox_core.exact.stepper import Stepper, chain_of
from brainbox_core.export import board, build
from brainbox_core.export.draft import Choices, Material
from brainbox_core.export.recurrent.draft import RecurrentDraft
from tests.export.chains import unsettle
from tests.export.compiling import STRICT, tool
from tests.export.test_board import PINNED

L = bb.layers
CELLS = {"rnn": L.RNN, "gru": L.GRU, "lstm": L.LSTM}


def writer(cell: str = "lstm", hidden: int = 12, layers: int = 1, embedding: int = 5, ids: int = 9) -> bb.Sequential:
    """A network that writes, of random weights."""
    chain = [L.Embedding(ids, embedding)] if embedding else []
    chain += [CELLS[cell](hidden, **({} if place or embedding else {"ids": ids})) for place in range(layers)]
    model = bb.Sequential([*chain, L.Linear(ids)], seed=hidden)
    model.build((8,))
    unsettle(model)
    model.meta = {
        "kind": "rnn",
        "characters": ["\n", "é", *map(chr, range(97, 95 + ids))],
        "start": 0,
        "lines": False,
        "val_split": 0.1,
    }
    return model


def sequence() -> bb.Sequential:
    model = bb.Sequential([L.LSTM(5), L.GRU(3, last=True), L.Linear(4), L.Tanh(), L.Linear(6), L.ReLU(), L.Linear(2)])
    model.build((8, 3))
    unsettle(model)
    return model


@st.composite
def networks(draw: st.DrawFn) -> bb.Sequential:
    ids = draw(st.sampled_from([None, 1, 2, 7, 40]))
    chain = []
    if ids is not None and draw(st.booleans()):
        chain.append(L.Embedding(ids, draw(st.integers(1, 9))))
    for _ in range(draw(st.integers(1, 3))):
        first = {"ids": ids} if ids is not None and not chain else {}
        chain.append(CELLS[draw(st.sampled_from([*CELLS]))](draw(st.integers(1, 20)), **first))
    if ids is not None and draw(st.booleans()):
        chain.append(L.Linear(ids))
    else:
        for units in draw(st.lists(st.integers(1, 9), max_size=3)):
            chain += [L.Linear(units), draw(st.sampled_from([L.ReLU, L.Tanh, L.Sigmoid, L.Softmax, L.Dropout]))()]
    model = bb.Sequential(chain, seed=draw(st.integers(0, 1000)))
    model.build((4,) if ids is not None else (4, draw(st.integers(1, 5))))
    unsettle(model)
    if ids == model.output_shape[-1] and isinstance(chain[-1], L.Linear):
        model.meta = {"kind": "rnn", "characters": [chr(0x100 + i) for i in range(ids)], "start": 0, "lines": False}
    return model


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(networks(), st.sampled_from(["float32", "int8"]))
def test_random_networks_have_no_different_bit(model, dtype):
    tool("gcc")
    try:
        report = build(model, "net", dtype=dtype, verify=60).report
    except InputError as error:
        assert dtype == "int8" and error.fix == "`dtype float32`"
        report = build(model, "net", verify=60).report
    assert report.checked == 60


def compiled(folder: Path, model: bb.Sequential, dtype: str, *flags: str, cc: str = "gcc") -> None:
    """Compare a header's driver, compiled with some flags, with the reference."""
    draft = RecurrentDraft(model, "net", Choices(dtype=dtype), Material())
    X = draft.vectors(80)
    text = build(model, "net", dtype=dtype, verify=0).text
    (folder / "net.h").write_text(text)
    source = "driver.cpp" if cc.endswith("++") else "driver.c"
    (folder / source).write_text(draft.programs.filled("driver", "net", "net.h"))
    subprocess.run([tool(cc), *flags, source, "-o", "driver"], cwd=folder, check=True)
    done = subprocess.run([folder / "driver"], input=X.tobytes(), capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == draft.run(X).tobytes()


SANITIZED = ("-O0", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("dtype", ["float32", "int8"])
def test_sanitizers_find_nothing(tmp_path, cell, dtype):
    compiled(tmp_path, writer(cell, layers=2), dtype, *STRICT, *SANITIZED)


@pytest.mark.parametrize("flags", [("-O3",), ("-O2", "-march=native"), ("-Os", "-std=c11")], ids=" ".join)
def test_every_optimisation_gives_the_same_bits(tmp_path, flags):
    compiled(tmp_path, writer("gru"), "float32", *flags)
    compiled(tmp_path, writer("lstm"), "int8", *flags)


@pytest.mark.parametrize("dtype", ["float32", "int8"])
def test_it_is_cpp_too(tmp_path, dtype):
    flags = ["-std=c++11", *(flag for flag in STRICT if not flag.startswith("-std") and flag != "-Wvla")]
    for cell in CELLS:
        compiled(tmp_path, writer(cell), dtype, *flags, cc="g++")
    if dtype == "float32":
        compiled(tmp_path, sequence(), dtype, *flags, cc="g++")


def test_two_units_and_twice_included(tmp_path):
    (tmp_path / "net.h").write_text(build(writer(), "net", verify=0).text)
    main = '#include "net.h"\n#include "net.h"\n'
    (tmp_path / "a.c").write_text(main + "int main(void)\n{\n    return 0;\n}\n")
    (tmp_path / "b.c").write_text(main + "int b(void);\nint b(void)\n{\n    return net_character(0)[0];\n}\n")
    subprocess.run([tool("gcc"), *STRICT, "a.c", "b.c", "-o", "t"], cwd=tmp_path, check=True)


# What it writes


@pytest.mark.parametrize("lines", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "int8"])
def test_the_example_writes_what_python_writes(tmp_path, dtype, lines):
    from brainbox_core.tasks.rnn.train import write

    model = writer("gru", hidden=9)
    model.meta["lines"] = lines
    header = build(model, "net", dtype=dtype, verify=0)
    (tmp_path / "net.h").write_text(header.text)
    (tmp_path / "main.c").write_text(header.programs.filled("main", "net", "net.h"))
    subprocess.run([tool("gcc"), *STRICT, "main.c", "-o", "t"], cwd=tmp_path, check=True)
    out = subprocess.run([tmp_path / "t"], capture_output=True, check=True).stdout.decode()
    assert out == "".join(write(model, 20 if lines else 500, temperature=0.7, seed=0, dtype=dtype))


def test_a_choice_at_every_temperature_is_pythons():
    draft = RecurrentDraft(writer(), "net", Choices(), Material())
    X = draft.vectors(400)
    assert set(X[X[:, 0] < 0, 1].round(2).tolist()) == set(np.float32([0, 0.25, 0.7, 1, 2]).round(2).tolist())
    tokens = draft.run(X)[X[:, 0] < 0, 0]
    assert len(set(tokens.tolist())) > 4


def test_hostile_characters_are_harmless(tmp_path):
    model = writer(ids=9)
    model.meta["characters"] = ['"', "\\", "?", "\n", "*", "/", "\U0001f600", "\ud800", "%"]
    text = build(model, "net", dtype="float32").text
    assert text.isascii()
    (tmp_path / "net.h").write_text(text)
    main = '#include <stdio.h>\n#include "net.h"\nint main(void)\n{\n    int i;\n    for (i = 0; i < 9; i++) {\n'
    main += "        fputs(net_character(i), stdout);\n    }\n    return 0;\n}\n"
    (tmp_path / "main.c").write_text(main)
    subprocess.run([tool("gcc"), "-trigraphs", *STRICT, "main.c", "-o", "t"], cwd=tmp_path, check=True)
    out = subprocess.run([tmp_path / "t"], capture_output=True, check=True).stdout
    assert out == '"\\?\n*/\U0001f600'.encode() + b"\\ud800%"


# 8 bits


def test_integers_are_near_the_floats():
    chain = chain_of(writer("lstm", hidden=64, embedding=16, ids=30))
    real, integers = Stepper(chain), IntStepper(quantized(chain))
    wanted, found = [], []
    for first in range(30):  # two steps each: a network of random weights lets every error grow
        for stepper, outputs in ((real, wanted), (integers, found)):
            stepper.reset()
            outputs += [stepper.step(first), stepper.step(first // 2)]
    noise = np.array(found) - np.array(wanted)
    assert np.array(wanted).std() > 100 * noise.std() > 0


def test_sums_of_integers_fit_32_bits():
    model = writer("rnn", hidden=600, embedding=0)
    model.params.named["rnn_0/recurrent"].data[...] = 1.0  # 600 * 127 * 32,767 do not fit
    weight = quantized(chain_of(model)).cells[0].recurrent.weight.astype(np.int64)
    assert (np.abs(weight).sum(axis=0) * MOST <= 2**31 - 1).all() and weight.max() == 64


def test_rounding_is_to_the_nearest():
    x = np.float32([-1, 1, 0, -0.0, 1.5 / MOST, -1.5 / MOST, 1.4999 / MOST])
    assert rounded(x).tolist() == [-MOST, MOST, 0, 0, 2, -2, 1]


def test_dead_weights_are_no_trouble():
    model = writer("gru", embedding=3)
    model.params.named["gru_0/recurrent"].data[...] = 0
    model.params.named["embedding_0/table"].data[...] = 0
    assert build(model, "net", dtype="int8", verify=50, selftest=1).report.dtype == "int8"


@pytest.mark.parametrize("size", [1e-45, 1e-30, 1e20])
def test_weights_of_any_size(size):
    tool("gcc")
    model = writer("lstm")
    model.params.named["lstm_0/recurrent"].data[...] *= np.float32(size)
    for dtype in ("float32", "int8"):
        assert build(model, "net", dtype=dtype, verify=64).report.checked == 64


def test_what_int8_refuses():
    with pytest.raises(InputError, match="reads ids"):
        build(sequence(), "net", dtype="int8", verify=0)
    huge = writer()
    huge.params.named["lstm_0/recurrent"].data[...] = 1e38
    with pytest.raises(InputError, match="lstm_0 are too large for int8"):
        build(huge, "net", dtype="int8", verify=0)
    deep = bb.Sequential([L.RNN(3, ids=4), L.Linear(3), L.ReLU(), L.Linear(4)])
    deep.build((4,))
    with pytest.raises(InputError, match="one linear layer"):
        build(deep, "net", dtype="int8", verify=0)


# The header, the report and what is refused


def test_the_sizes():
    tool("gcc")
    header = build(writer("lstm", hidden=12, layers=2), "net", dtype="int8")
    report = header.report
    sizes = dict(re.findall(r"#define NET_(\w+) (\d+)", header.text))
    assert sizes == {
        "INPUT_SIZE": "1",
        "OUTPUT_SIZE": "9",
        "ARENA_SIZE": "24",
        "STATE_SIZE": str(2 * (48 + 24)),
        "RAM_TOTAL": str(report.ram),
        "FLASH_CONST": str(report.weights),
        "TOKENS": "9",
        "START": "0",
    }
    assert report.ram == 24 + 144 + 12 + 36 + report.stack and report.state == 144
    assert sum(row.weights for row in report.rows) + 9 * 3 == report.weights
    assert report.multiply_adds == (5 + 12) * 48 + 24 * 48 + 12 * 9


def test_the_default_is_float32_whose_text_is_that_of_the_command():
    assert build(writer(), "net", verify=0).report.dtype == "float32"


def test_the_same_bytes():
    assert build(writer(), "net", verify=0).text == build(writer(), "net", verify=0).text


def test_a_step_that_is_wrong_is_found(monkeypatch):
    tool("gcc")
    monkeypatch.setattr("brainbox_core.export.recurrent.draft.Stepper.step", lambda self, x: np.zeros(9, np.float32))
    with pytest.raises(VerificationError):
        build(writer(), "net")


def test_the_selftest_sees_a_different_choice(tmp_path):
    header = build(writer(), "net", verify=0, selftest=8)
    wrong = header.text.replace(">> 27), turn", ">> 26), turn")
    assert wrong != header.text
    (tmp_path / "net.h").write_text(wrong)
    (tmp_path / "main.c").write_text(header.programs.filled("main", "net", "net.h"))
    subprocess.run([tool("gcc"), *STRICT, "main.c", "-o", "t"], cwd=tmp_path, check=True)
    assert subprocess.run([tmp_path / "t"], capture_output=True, check=False).stdout == b"the self-test failed\n"


@pytest.mark.parametrize("count", [0, 1, 5])
def test_the_steps_that_it_carries(count):
    text = build(writer(), "net", selftest=count, verify=0).text
    assert (f"net_selftest_outputs[{count}][9]" in text) == (count > 0)


def test_too_little_memory_is_refused_with_what_would_do():
    model = writer(hidden=100)
    with pytest.raises(BudgetError) as error:
        build(model, "net", weights="ram", ram_budget=60_000, verify=0)
    int8, flash, hidden = re.fullmatch(
        r"`dtype int8` \((.*) KB\) \| `weights flash` \(RAM (.*) KB, flash .* KB\) \| `hidden (\d+)`", error.value.fix
    ).groups()
    assert f"{build(model, 'net', dtype='int8', weights='ram', verify=0).report.ram / 1024:.1f}" == int8
    assert f"{build(model, 'net', verify=0).report.ram / 1024:.1f}" == flash
    build(writer(hidden=int(hidden)), "net", weights="ram", ram_budget=60_000, verify=0)
    with pytest.raises(BudgetError):
        build(writer(hidden=int(hidden) + 1), "net", weights="ram", ram_budget=60_000, verify=0)


def test_bits_and_accuracy_are_those_of_the_model():
    model = writer("lstm", hidden=16)
    ids = np.random.default_rng(0).integers(0, 9, 501)
    found = build(model, "net", dtype="int8", data=(ids[:-1], ids[1:]), max_drop=100, verify=0).report
    logits = model.forward(bb.Tensor(ids[None, :-1])).data[0].astype(np.float64)
    nats = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(500), ids[1:]]
    int8, real = map(float, re.fullmatch(r"bits per character (.*) float32 (.*)", found.judged).groups())
    assert real == pytest.approx(nats.mean() / math.log(2), abs=1e-4) and int8 == pytest.approx(real, abs=0.01)
    assert found.accuracy.trained == pytest.approx((logits.argmax(axis=1) == ids[1:]).mean(), abs=0.003)
    assert found.accuracy.agreement > 0.9
    with pytest.raises(AccuracyError, match=r"^`max_drop`: int8 loses"):
        build(model, "net", dtype="int8", data=(ids[:-1], ids[1:]), max_drop=-100, verify=0)


def test_held_out_lines_begin_anew():
    model = writer("gru")
    model.meta["lines"] = True
    ids = np.array([0, 3, 4, 0, 5, 6, 7, 0])
    found = build(model, "net", data=(ids[:-1], ids[1:]), verify=0).report.judged
    lost = []
    for line in ([0, 3, 4], [0, 5, 6, 7]):
        logits = model.forward(bb.Tensor([line])).data[0].astype(np.float64)
        lost += (np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(line)), [*line[1:], 0]]).tolist()
    assert float(found.removeprefix("bits per character ")) == pytest.approx(np.mean(lost) / math.log(2), abs=1e-3)


@pytest.mark.parametrize(
    "changes",
    [{"characters": ["a"]}, {"characters": "abc"}, {"characters": [1] * 9}, {"start": 9}, {"start": True}],
)
def test_characters_that_do_not_fit_are_refused(changes):
    model = writer()
    model.meta |= changes
    with pytest.raises(InputError, match="do not fit its layers"):
        build(model, "net", verify=0)


def test_other_things_that_are_refused():
    with pytest.raises(UsageError, match="`calibration`"):
        build(writer(), "net", calibration=np.zeros((1, 8)))
    broken = writer()
    broken.params.named["lstm_0/bias"].data[0] = np.nan
    with pytest.raises(InputError, match=r"lstm_0.* not finite"):
        build(broken, "net")
    overflowing = writer()
    overflowing.params.named["linear_0/weight"].data[...] = 3e38
    with pytest.raises(InputError, match="outputs are not finite"):
        build(overflowing, "net")


# The board


@pytest.mark.parametrize(
    "dtype, instructions, stack, code", [("float32", 5_982_641, 100, 3212), ("int8", 1_202_018, 92, 3356)]
)
def test_a_character_on_the_board(dtype, instructions, stack, code):
    if packages := board.missing():
        pytest.skip(f"needs {packages}")
    model = writer("lstm", hidden=128, embedding=32, ids=65)
    header = build(model, "net", dtype=dtype, verify=0)
    figures = board.measure(header.text, "net", programs=header.programs)
    found = figures.instructions, figures.stack, figures.code
    expected = instructions, stack, code
    assert found == (expected if figures.compiler == PINNED else pytest.approx(expected, rel=0.2))
    assert figures.stack <= header.report.stack
    if dtype == "int8":
        assert header.report.ram <= 3.5 * 1024 and figures.code + figures.tables <= 112 * 1024


@pytest.mark.parametrize("name", board.BOARDS)
def test_the_stack_is_no_larger_than_the_report_says(name):
    if packages := board.missing():
        pytest.skip(f"needs {packages}")
    for model in (writer("gru", layers=3, embedding=0), writer("rnn"), sequence()):
        header = build(model, "net", verify=0)
        assert board.measure(header.text, "net", board.BOARDS[name], header.programs).stack <= header.report.stack
