import json
import re
import subprocess

import pytest

from tests.cli.shell import brainbox, run_here
from tests.export.compiling import STRICT, tool

SMALL = ["--quick", "--hidden", "24", "--embedding", "8", "--quiet"]


@pytest.fixture(scope="module")
def writers(tmp_path_factory):
    """A folder with models that write a text and lines; tests only read them."""
    tool("gcc")
    folder = tmp_path_factory.mktemp("writers")
    (folder / "names.txt").write_text("".join(f"{a}{b}\n" for a in ("an", "bo", "cé", "di") for b in "lmnrst" * 9))
    assert brainbox("rnn", *SMALL, cwd=folder).returncode == 0
    words = ["--data", "names.txt", "--lines", "--cell", "gru", "--out", "names"]
    assert brainbox("rnn", *SMALL, *words, cwd=folder).returncode == 0
    return folder


@pytest.mark.parametrize("model", ["rnn", "names"])
@pytest.mark.parametrize("dtype", ["float32", "int8"])
def test_the_example_writes_what_the_command_writes(writers, tmp_path, model, dtype):
    files = ["-o", tmp_path / "writer.h", "--example", tmp_path / "main.c"]
    done = brainbox("export", model, "--dtype", dtype, "--max-drop", "5", *files, cwd=writers)
    assert done.returncode == 0 and done.stderr == ""
    assert re.search(r"CHECK  256/256 vectors bit-exact \(.*, C99\)   accuracy .* bits per character \d", done.stdout)
    subprocess.run([tool("gcc"), *STRICT, "main.c", "-o", "t"], cwd=tmp_path, check=True)
    written = subprocess.run([tmp_path / "t"], capture_output=True, check=True).stdout
    sample = brainbox("rnn", "sample", "--model", model, "--dtype", dtype, cwd=writers)
    assert sample.returncode == 0 and written.decode() == sample.stdout and len(written) > 40


def test_the_document(writers, tmp_path, monkeypatch):
    monkeypatch.chdir(writers)
    code, fields = run_here("export", "rnn", "-o", str(tmp_path / "net.h"), "--json")
    result = fields["result"]
    assert code == 0 and result["dtype"] == "float32" and result["accuracy"]["rows"] > 3000
    assert result["ram"] == result["arena"] + result["state"] + result["input"] + result["output"] + result["stack"]
    code, fields = run_here("export", "rnn", "-o", str(tmp_path / "net.json"), "--format", "json", "--json")
    document = json.loads((tmp_path / "net.json").read_text())
    assert code == 0 and document["network"]["cells"][0]["kind"] == "lstm" and len(document["characters"]) > 50


def test_a_text_that_changed_is_told_of(tmp_path, monkeypatch, capfd):
    tool("gcc")
    monkeypatch.chdir(tmp_path)
    text = tmp_path / "t.txt"
    text.write_text("to be or not to be, that is the question. " * 60)
    assert run_here("rnn", *SMALL, "--data", "t.txt")[0] == 0
    text.write_text("to be or not to be, that is no question. " * 60)
    assert run_here("export", "rnn")[0] == 0
    assert "note: the accuracy is not measured: t.txt is not what the model was trained on" in capfd.readouterr().err
    text.unlink()
    assert run_here("export", "rnn")[0] == 0
    assert "note: the accuracy is not measured: t.txt is not here" in capfd.readouterr().err


@pytest.mark.parametrize(
    "words, code, message, hint",
    [
        (["--flash-budget", "20KB"], 6, r"rnn float32 needs .* KB of flash", r"--dtype int8 \(.* KB\) \| --hidden \d+"),
        (["--ram-budget", "500"], 6, r"rnn float32 with weights in flash needs", ""),
        (["--calib", "digits"], 2, "needs no ranges", "leave it out"),
        (["--dtype", "int8", "--max-drop", "0", "--verify", "off"], (0, 5), "", ""),
    ],
)
def test_what_is_refused(writers, tmp_path, monkeypatch, words, code, message, hint):
    monkeypatch.chdir(writers)
    found, fields = run_here("export", "rnn", "-o", str(tmp_path / "net.h"), *words)
    assert found in (code if isinstance(code, tuple) else (code,))
    if found not in (0, 5):
        assert re.search(message, fields["error"]["message"]) and re.search(hint, fields["error"]["hint"])
        assert not (tmp_path / "net.h").exists()
