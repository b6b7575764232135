import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import braininabox as bb
from tests.cli.shell import run_here
from tests.export.compiling import STRICT, tool

SPAM = "WIN £1,000 cash now! Call 09061701461 to claim your prize at www.example.com"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a model in it."""
    place = tmp_path_factory.mktemp("spam")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        assert run_here("spam", "--quick", "--chars", "0")[0] == 0
    return place


@pytest.fixture
def here(folder, tmp_path, monkeypatch):
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tool("gcc")


def test_text_in_and_probability_out(here, capfd):
    code, fields = run_here("export", "spam", "-o", "filter.h", "--example", "main.c")
    assert code == 0 and fields["artifacts"] == {"header": "filter.h", "example": "main.c"}
    result = fields["result"]
    assert (result["dtype"], result["checked"], result["arena"]) == ("int16", 256, 0)
    assert result["ram"] == result["state"] + result["stack"] + 4 and result["accuracy"]["agreement"] == 1
    said = capfd.readouterr().out
    assert re.search(r"CHECK  256/256 vectors bit-exact .* accuracy int16 9\d\.\d+% float32 9\d\.\d+%, agree 100", said)
    assert re.search(r"\+ stack ~192 \+ state \d+ = \d+ B of 131,072", said)
    subprocess.run([here, *STRICT, "main.c", "-o", "t"], check=True)
    found = subprocess.run(["./t", SPAM, "see you at home"], capture_output=True, check=True, text=True).stdout
    capfd.readouterr()
    assert run_here("spam", "predict", SPAM, "see you at home")[0] == 0
    answers = [line.split("\t") for line in capfd.readouterr().out.splitlines()]
    wanted = [f"{float(probability):.3f} {label}" for label, probability, _ in answers]
    assert found.splitlines() == wanted and wanted[0].endswith("spam")


def test_eight_bits_and_other_choices(here):
    code, fields = run_here("export", "spam", "--dtype", "int8", "--verify", "60")
    assert code == 0 and fields["result"]["dtype"] == "int8"
    code, fields = run_here("export", "spam", "--dtype", "float32")
    assert code == 2 and "whole numbers" in fields["error"]["message"]
    code, fields = run_here("export", "spam", "--flash-budget", "20KB")
    assert code == 6 and "--vocabulary" in fields["error"]["hint"]
    assert run_here("export", "spam", "-o", "spam.json", "--format", "json")[0] == 0
    assert json.loads(Path("spam.json").read_text())["characters"]["stranger"] == "ᄓ"


def test_without_its_data_it_says_how_close_it_is_to_the_model(here, capfd):
    model = bb.Sequential.load("brainbox-out/spam/runs/1/model.safetensors")
    model.meta["data"]["name"] = "gone.tsv"
    model.save("m.safetensors")
    code, fields = run_here("export", "m.safetensors", "-o", "net.h", "--verify", "60")
    assert code == 0 and fields["result"]["accuracy"] is None
    written = capfd.readouterr()
    assert "agrees with the model on 100.00% of 1,150 messages" in written.out
    assert "note: the accuracy is not measured: gone.tsv is not here" in written.err
