import json
import os
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

import braininabox as bb
from brainbox_cli.commands.export.options import BOARDS, size
from brainbox_core.export import board
from tests.cli.shell import brainbox, in_terminal, python, run_here
from tests.export.compiling import STRICT, tool

L = bb.layers


@pytest.fixture(scope="module")
def compiler():
    return tool("gcc")


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """A model's file in the current folder."""
    monkeypatch.chdir(tmp_path)
    model = bb.Sequential([L.Linear(6), L.ReLU(), L.Linear(3)])
    model.compile(optimizer=bb.optimizers.Adam(), loss=bb.loss.CrossEntropy())
    X = np.random.default_rng(0).standard_normal((40, 4)).astype(np.float32)
    model.fit(X, np.arange(40) % 3)
    model.save("tiny.safetensors")
    return model


def names() -> list[str]:
    return sorted(os.listdir())


def test_the_shape_of_a_run(trained, tmp_path, compiler):
    done = brainbox("export", "cnn", "-o", tmp_path / "digits.h", cwd=trained)
    assert done.returncode == 0 and done.stderr == ""
    lines = done.stdout.splitlines()
    assert lines[0].startswith("export: cnn@1 | 20,522 parameters | ")
    assert lines[1] == (
        "digits (cnn: conv8-pool-conv16-pool-fc64-fc10)  int8  20,522 parameters  337,024 multiply-adds"
    )
    assert lines[2].split() == ["layer", "output", "weights", "live", "RAM", "SNR"]
    assert re.match(r"conv2d_0\+relu\+maxpool +12x12x8 +\d+ B +\d+ B \(ring, \d+ rows\) +\d+\.\d dB", lines[3])
    ram = r"RAM    arena ([\d,]+) \+ input 784 \+ output 10 \+ stack ~256 = ([\d,]+) B of 131,072 \(1\.\d%\)   fits"
    arena, total = (int(number.replace(",", "")) for number in re.match(ram, lines[7]).groups())
    assert total == arena + 784 + 10 + 256
    assert lines[8].startswith("FLASH  weights 21,")
    assert re.match(r"CHECK  256/256 vectors bit-exact \((gcc|clang) [\d.]+, C99\)   accuracy int8 \d", lines[9])
    assert lines[10].startswith("saved ") and lines[11].startswith("next ")
    assert "#define DIGITS_ARENA_SIZE" in (tmp_path / "digits.h").read_text()


def test_the_same_command_gives_the_same_bytes(trained, tmp_path, compiler):
    for name in ("a", "b"):
        done = brainbox(
            "export", "cnn", "--dtype", "float32", "--name", "net", "-o", tmp_path / f"{name}.h", cwd=trained
        )
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "a.h").read_bytes() == (tmp_path / "b.h").read_bytes()


def test_the_header_on_standard_output_and_all_else_beside_it(tiny, tmp_path, compiler):
    done = brainbox("export", "tiny.safetensors", "-o", "-", cwd=tmp_path)
    assert done.returncode == 0 and done.stdout.startswith("/*\n * tiny: a neural network")
    assert done.stdout.endswith("#endif /* TINY_H_INCLUDED */\n") and "CHECK  256/256" in done.stderr
    assert names() == ["tiny.safetensors"]


def test_the_document(tiny, compiler):
    code, fields = run_here("export", "tiny.safetensors", "-o", "net.h", "--json")
    assert code == 0 and fields["artifacts"] == {"header": "net.h"}
    result = fields["result"]
    assert (result["name"], result["dtype"], result["checked"]) == ("net", "float32", 256)
    assert result["ram"] == result["arena"] + result["input"] + result["output"] + result["stack"]
    assert fields["metrics"] == {
        "primary": "ram",
        "ram": result["ram"],
        "flash": result["flash"],
        "arena": result["arena"],
    }


def test_the_report_as_json(tiny, tmp_path, compiler):
    done = brainbox("export", "tiny.safetensors", "-o", "net.h", "--report", "json", "-q", cwd=tmp_path)
    assert json.loads(done.stdout)["name"] == "net" and done.stderr == ""


def test_quiet_is_one_line(tiny, tmp_path, compiler):
    done = brainbox("export", "tiny.safetensors", "-q", cwd=tmp_path)
    assert re.fullmatch(r"tiny: RAM \d+ B, flash [\d,]+ B, 256 vectors bit-exact\n", done.stdout) and done.stderr == ""
    assert names() == ["tiny.h", "tiny.safetensors"]


def test_what_comes_next_is_the_same_header_with_an_example(tiny, tmp_path, compiler):
    words = ["export", "tiny.safetensors", "--dtype", "float32", "--name", "net", "-o", "a b.h"]
    done = brainbox(*words, cwd=tmp_path)
    header = Path("a b.h").read_bytes()
    last = done.stdout.splitlines()[-1].removeprefix("next").strip()
    assert last == "brainbox export tiny.safetensors --dtype float32 --name net -o 'a b.h' --example main.c"
    assert brainbox(*words, "--example", "main.c", cwd=tmp_path).returncode == 0
    assert Path("a b.h").read_bytes() == header


def test_nothing_is_written_when_trying(tiny, tmp_path, compiler, capfd):
    code, fields = run_here("export", "tiny.safetensors", "-o", "net.h", "--dry-run", "--example", "main.c")
    assert code == 0 and fields["artifacts"] == {} and names() == ["tiny.safetensors"]
    assert "would write net.h, main.c; nothing was written" in capfd.readouterr().out


def test_the_newest_model_is_taken(tiny, tmp_path, compiler):
    for age, (noun, number, kind) in enumerate((("mnist", 2, "late"), ("cnn", 1, "early"), ("mnist", 3, "no_current"))):
        folder = tmp_path / "brainbox-out" / noun / "runs" / str(number)
        folder.mkdir(parents=True)
        tiny.meta = {"kind": kind}
        tiny.save(folder / "model.safetensors")
        os.utime(folder / "model.safetensors", (1e9 - age % 2, 1e9 - age % 2))
    for noun, number in (("mnist", 2), ("cnn", 1)):
        (tmp_path / "brainbox-out" / noun / "current.json").write_text(json.dumps({"run": number}))
    assert run_here("export", "--verify", "off")[0] == 0
    assert "late.h" in names()
    assert run_here("export", "mnist@3", "--verify", "off")[0] == 0
    assert "no_current.h" in names()


def test_without_any_model_one_is_trained_first(tmp_path, compiler):
    done = brainbox("export", cwd=tmp_path)
    assert done.returncode == 0 and "CHECK  256/256 vectors" in done.stdout
    assert (
        done.stderr.splitlines()[0] == "note: there is no model yet: training one first, as brainbox cnn --quick does"
    )
    assert sorted(os.listdir(tmp_path)) == ["brainbox-out", "cnn.h"]


def test_the_example_runs(tiny, tmp_path, compiler):
    (tmp_path / "src").mkdir()
    code, fields = run_here("export", "tiny.safetensors", "-o", "net.h", "--example", "src/main.c")
    assert code == 0 and fields["artifacts"] == {"header": "net.h", "example": "src/main.c"}
    subprocess.run([compiler, *STRICT, "src/main.c", "-o", "t"], check=True)
    out = subprocess.run(["./t"], capture_output=True, check=True).stdout
    found = np.array(out.split(), float)
    assert np.allclose(found, tiny.predict(np.zeros((1, 4), np.float32))[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", BOARDS)
def test_the_board_files_make_a_program_for_the_board(tiny, name, compiler):
    if packages := board.missing():
        pytest.skip(f"needs {packages}")
    code, fields = run_here("export", "tiny.safetensors", "-o", "net.h", "--example", "main.c", "--board", name)
    assert code == 0
    assert fields["artifacts"] == {"header": "net.h", "example": "main.c", "start": "start.c", "linker": f"{name}.ld"}
    subprocess.run(board.compile_command(board.BOARDS[name]), check=True)
    command = board.emulate_command(board.BOARDS[name])
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=True, timeout=60)
    assert re.fullmatch(r"selftest = 0\nstack = \d+\ninstructions = \d+\nprediction = [012]\n", done.stderr.decode())


def test_the_figures_of_the_board(tiny, capfd, compiler):
    if packages := board.missing():
        pytest.skip(f"needs {packages}")
    code, fields = run_here("export", "tiny.safetensors", "--qemu")
    assert code == 0 and fields["result"]["board"] == "netduino2" and fields["result"]["instructions"] > 100
    assert re.search(r"BOARD  netduino2: [\d,]+ instructions per inference, \d+ B of stack", capfd.readouterr().out)


def test_the_boards_are_those_of_the_library():
    assert tuple(board.BOARDS) == BOARDS


def test_without_the_board_the_packages_are_named(tiny, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    code, fields = run_here("export", "tiny.safetensors", "--qemu")
    assert code == 3 and fields["error"]["hint"] == "apt-get install gcc-arm-none-eabi qemu-system-arm"


def test_the_numbers_as_json(tiny, compiler):
    assert run_here("export", "tiny.safetensors", "-o", "net.json", "--format", "json")[0] == 0
    content = json.loads(Path("net.json").read_text())
    step = content["program"]["steps"][0]
    assert step["kind"] == "linear" and np.array_equal(
        np.float32(step["weight"]), tiny.params.named["linear_0/weight"].data
    )


def test_over_the_budget(tiny, compiler):
    code, fields = run_here("export", "tiny.safetensors", "-o", "net.h", "--ram-budget", "300")
    assert code == 6 and fields["error"]["kind"] == "does_not_fit" and names() == ["tiny.safetensors"]
    assert re.match(r"sequential float32 with weights in flash needs 0\.3 KB of RAM", fields["error"]["message"])
    code, fields = run_here("export", "tiny.safetensors", "-o", "net.h", "--flash-budget", "0.1KB")
    assert code == 6 and "of flash, the budget is 0.1 KB" in fields["error"]["message"]


def test_over_the_drop(trained, tmp_path, monkeypatch, compiler):
    monkeypatch.chdir(trained)
    spoiled = bb.Sequential.load("brainbox-out/cnn/runs/1/model.safetensors")
    spoiled.meta["ranges"]["linear_1"] = [0, 1e-6]
    spoiled.save(tmp_path / "spoiled.safetensors")
    monkeypatch.chdir(tmp_path)
    code, fields = run_here("export", "spoiled.safetensors", "-o", "net.h")
    assert code == 5 and fields["status"] == "failed" and "points of accuracy" in fields["error"]["message"]
    code, fields = run_here("export", "spoiled.safetensors", "-o", "net.h", "--max-drop", "100")
    assert code == 0 and fields["result"]["accuracy"]["rows"] == 2000
    code, fields = run_here("export", "spoiled.safetensors", "-o", "net.h", "--calib", "digits")
    accuracy = fields["result"]["accuracy"]
    assert code == 0 and abs(accuracy["trained"] - accuracy["exported"]) < 0.005


@pytest.mark.parametrize("name, why", [("gone", "gone is not here"), (".", ".: there is no train-images-idx3-ubyte")])
def test_data_that_cannot_be_read_is_told_of(tmp_path, monkeypatch, capfd, name, why):
    monkeypatch.chdir(tmp_path)
    model = bb.Sequential([L.Linear(2)])
    model.build((4,))
    model.meta = {"kind": "mnist", "input": "uint8", "data": {"name": name, "sha256": ""}}
    model.save("m.safetensors")
    assert run_here("export", "m.safetensors", "--verify", "off")[0] == 0
    assert f"note: the accuracy is not measured: {why}" in capfd.readouterr().err


def test_a_difference_ends_with_7(tiny, tmp_path, monkeypatch, compiler):
    fake = tmp_path / "cc"
    fake.write_text(
        f'#!/bin/sh\n[ "$1" = --version ] && echo "fake 1.0" && exit 0\nexec {compiler} "$@" -DNET_H_INCLUDED\n'
    )
    fake.chmod(0o755)
    monkeypatch.setenv("CC", str(fake))
    code, fields = run_here("export", "tiny.safetensors", "-o", "net.h")
    assert code == 7 and fields["error"]["kind"] == "verification" and names() == ["cc", "tiny.safetensors"]


def test_without_a_compiler_it_is_said_loudly(tiny, tmp_path, monkeypatch, capfd):
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    code, fields = run_here("export", "tiny.safetensors", "-o", "net.h")
    assert code == 0 and fields["warnings"] == ["not checked: no C compiler was found; install gcc, or set CC"]
    assert "CHECK  checked: NO" in capfd.readouterr().out
    assert " * checked  NO: no C compiler was found" in (tmp_path / "net.h").read_text()


@pytest.mark.parametrize(
    "words, code, message",
    [
        (["none.safetensors"], 3, "no such file"),
        (["descent"], 3, "there is no model yet"),  # nor does it learn one
        (["mnist@7"], 3, "mnist@7: there is no such run"),
        (["tiny.safetensors", "-m", "cnn"], 2, "one model at a time"),
        (["tiny.safetensors", "--name", "int"], 2, "already means something"),
        (["tiny.safetensors", "--name", "my-net"], 2, "no C identifier"),
        (["tiny.safetensors", "-o", "net.xyz"], 2, "ends in .h"),
        (["tiny.safetensors", "-o", "net.png.exe"], 2, "ends in .h"),
        (["tiny.safetensors", "-o", "."], 2, "ends in .h"),
        (["tiny.safetensors", "-o", "folder.h"], 3, "is a folder"),
        (["tiny.safetensors", "-o", "missing/net.h"], 3, "does not exist"),
        (["tiny.safetensors", "-o", "link.h"], 2, "is the model that is read"),
        (["tiny.safetensors", "-o", "net.json"], 2, "does not fit the format"),
        (["tiny.safetensors", "-o", "net.h", "--format", "json"], 2, "does not fit the format"),
        (["tiny.safetensors", "-o", "-", "--json"], 2, "already belongs to --json"),
        (["tiny.safetensors", "-o", "-", "--example", "main.c"], 2, "needs a header to include"),
        (["tiny.safetensors", "--example", "-"], 2, "is not a file"),
        (["tiny.safetensors", "--board", "netduino2"], 2, "adds to an example"),
        (["tiny.safetensors", "-o", 'a"b.h', "--example", "main.c"], 2, "can include"),
        (["tiny.safetensors", "-o", "é.h", "--example", "main.c"], 2, "can include"),
        (["tiny.safetensors", "--example", "start.c", "--board", "netduino2"], 2, "is the example as well"),
        (["tiny.safetensors", "--ram-budget", "0"], 2, "expected a size"),
        (["tiny.safetensors", "--ram-budget", "128 apples"], 2, "expected a size"),
        (["tiny.safetensors", "--verify", "0"], 2, "expected off or a whole number from 1"),
        (["tiny.safetensors", "--max-drop", "-1"], 2, "expected a number from 0"),
        (["tiny.safetensors", "--dtype", "int4"], 2, "expected float32 or int8"),
        (["tiny.safetensors", "--dtype", "int8", "--calib", "digits"], 2, "do not fit the model"),
    ],
)
def test_what_is_refused(tiny, tmp_path, words, code, message):
    (tmp_path / "folder.h").mkdir()
    (tmp_path / "link.h").symlink_to("tiny.safetensors")
    before = (tmp_path / "tiny.safetensors").read_bytes()
    found, fields = run_here("export", *words)
    assert (found, message in fields["error"]["message"]) == (code, True), fields["error"]
    assert names() == ["folder.h", "link.h", "tiny.safetensors"]
    assert (tmp_path / "tiny.safetensors").read_bytes() == before


@pytest.mark.parametrize("text, count", [("128KB", 131072), ("1.5m", 1572864), ("4096", 4096), ("2 KiB", 2048)])
def test_sizes(text, count):
    assert size(text) == count


def test_an_unsupported_layer_is_named_before_any_file_is_touched(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = bb.Sequential([L.Embedding(9, 2), L.Flatten(), L.Linear(2)])
    model.build((3,))
    model.save("m.safetensors")
    code, fields = run_here("export", "m.safetensors", "-o", "net.h")
    assert code == 3 and "layer 0 'embedding_0'" in fields["error"]["message"] and names() == ["m.safetensors"]


def test_in_a_terminal(tiny, tmp_path, compiler):
    code, written = in_terminal("export", "tiny.safetensors", cwd=tmp_path)
    assert code == 0 and "CHECK" in written


def test_the_help_needs_no_numpy(tmp_path):
    program = "import sys; sys.argv = ['brainbox', 'export', '--help']\n"
    program += "from brainbox_cli.app import main\ntry:\n    main()\nexcept SystemExit:\n    pass\n"
    program += "sys.exit(17 if 'numpy' in sys.modules else 0)"
    assert python("-c", program, cwd=tmp_path).returncode == 0


def test_a_network_of_tables_in_int8_says_that_nobody_judged_it(tmp_path, monkeypatch, compiler, capfd):
    monkeypatch.chdir(tmp_path)
    model = bb.Sequential([bb.layers.BatchNorm(), bb.layers.Linear(2)])
    model.compile(optimizer=bb.optimizers.SGD(0.01), loss=bb.loss.MSE())
    X = np.random.default_rng(0).normal(size=(64, 3)) * [1, 1000, 1e-3] + [0, 5e4, 0]
    model.fit(X, X[:, :2] / [1, 1000])
    model.save("net.safetensors")
    code, fields = run_here("export", "net.safetensors", "--dtype", "int8", "--json")
    assert code == 0 and "net_input_low[3]" in (tmp_path / "net.h").read_text()
    assert "warning: accuracy not checked: int8 has no labels to be judged by" in capfd.readouterr().err
    assert fields["result"]["notes"] == ["accuracy not checked: int8 has no labels to be judged by"]
