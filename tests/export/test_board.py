import numpy as np
import pytest

import braininabox as bb
from brainbox_core.errors import InputError, VerificationError
from brainbox_core.export import board, build
from brainbox_core.export.network.lower import lower
from brainbox_core.export.network.source import stack
from brainbox_core.network.ranges import activation_ranges
from tests.export.chains import built, reader

L = bb.layers
PINNED = "arm-none-eabi-gcc 12.2.1"


def emulated(figures: board.Measurement, instructions: int, stack: int, code: int) -> None:
    """Compare with figures of the pinned compiler: exactly, or within a fifth for another version."""
    found = figures.instructions, figures.stack, figures.code
    if figures.compiler == PINNED:
        assert found == (instructions, stack, code)
    else:
        assert found == pytest.approx((instructions, stack, code), rel=0.2)


@pytest.fixture(autouse=True)
def tools():
    if packages := board.missing():
        pytest.skip(f"needs {packages}")


def fraud() -> bb.Sequential:
    return built([L.Linear(16), L.ReLU(), L.Linear(16), L.ReLU(), L.Linear(1)], (30,), False)


def header(model: bb.Sequential) -> str:
    return build(model, "net", dtype="float32", verify=0).text


def test_the_float_network_on_a_cortex_m4f():
    figures = board.measure(header(reader()), "net", board.BOARDS["netduinoplus2"])
    assert figures.instructions <= 2_000_000
    emulated(figures, instructions=1_663_170, stack=152, code=1634)


def test_the_fraud_detector_on_a_cortex_m3():
    figures = board.measure(header(fraud()), "net")
    assert figures.code + figures.tables <= 3.5 * 1024
    emulated(figures, instructions=42_358, stack=76, code=256)


def test_figures_repeat_to_the_last_tick():
    text = header(fraud())
    assert board.measure(text, "net") == board.measure(text, "net")


def test_a_wrong_header_fails_on_the_board():
    text = header(fraud()).replace("a += net_PRODUCT", "a -= net_PRODUCT")
    with pytest.raises(VerificationError, match="own test fails on the board"):
        board.measure(text, "net")


def test_what_does_not_fit_the_board_is_refused_by_the_linker():
    text = header(fraud())
    large = text.replace("float values[", "float values[40000 + ")
    with pytest.raises(InputError, match="overflow"):
        board.measure(large, "net")


def test_the_stack_that_a_run_takes_is_seen():
    deep = "net_API int net_run"
    assert deep in header(fraud())
    grab = "volatile char grab[1000];\n    grab[0] = 1;\n    grab[999] = 1;\n    (void)arena;"
    text = header(fraud())
    usual = board.measure(text, "net").stack
    assert 1000 <= board.measure(text.replace("    (void)arena;", "    " + grab, 1), "net").stack - usual <= 1100


def test_counted_instructions_are_instructions():
    text = header(fraud())
    usual = board.measure(text, "net").instructions
    loop = '__asm__ volatile("mov r3, #1000\\n 1: subs r3, r3, #1\\n bne 1b" : : : "r3", "cc");\n    (void)arena;'
    slow = board.measure(text.replace("    (void)arena;", "    " + loop, 1), "net").instructions
    assert slow - usual == pytest.approx(2000, abs=40)


def test_memory_for_weights(tmp_path):
    model = fraud()
    text = build(model, "net", dtype="float32", weights="ram", verify=0).text
    found = board.measure(text, "net")
    assert found.tables == sum(np.size(array) * 4 for array in model.state().values())


TALL = [L.Conv2D(8, 5, 1, "same"), L.ReLU(), L.MaxPool(2), L.Conv2D(8, 3, 1, "same"), L.Tanh(), L.MaxPool(4)]
WIDE = [L.Conv2D(8, 7, 1, "same"), L.ReLU(), L.AvgPool(7), L.Flatten(), L.Linear(4), L.Softmax()]
DEEP = [L.Conv2D(8, 3), L.ReLU(), L.Conv2D(8, 3), L.ReLU(), L.MaxPool(2), L.Conv2D(8, 3), L.Flatten(), L.Linear(4)]
PLAIN = [L.Conv2D(16, 3), L.ReLU(), L.MaxPool(2), L.Conv2D(32, 3), L.ReLU(), L.MaxPool(2), L.Flatten(), L.Linear(10)]


@pytest.mark.parametrize("dtype", ["float32", "int8"])
@pytest.mark.parametrize("name", board.BOARDS)
def test_the_stack_is_no_larger_than_the_report_says(dtype, name):
    for chain in (TALL, WIDE, DEEP, PLAIN):
        model = built([type(layer)(**layer.config()) for layer in chain], (28, 28), True)
        X = np.random.default_rng(0).integers(0, 256, (32, 28, 28)).astype(np.uint8)
        model.meta["ranges"] = activation_ranges(model, X)
        header = build(model, "net", dtype=dtype, verify=0)
        assert header.report.stack == stack(lower(model))
        assert board.measure(header.text, "net", board.BOARDS[name]).stack <= header.report.stack


def test_the_temporary_files_of_the_tools_lie_in_our_folder(tmp_path):
    assert board._run(["sh", "-c", "echo $TMPDIR"], tmp_path).strip() == str(tmp_path)
