import json
import os
import re
import subprocess

import pytest

from brainbox_core.model.sequential import Sequential
from tests.cli.shell import brainbox, run_here
from tests.export.compiling import STRICT, tool


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """A folder with a model of each noun that learns from tables; tests only read the models."""
    tool("gcc")
    folder = tmp_path_factory.mktemp("tables")
    for words in (["regress", "--closed-form"], ["fraud", "--quick"]):
        assert brainbox(*words, "--quiet", cwd=folder).returncode == 0
    return folder


@pytest.mark.parametrize(
    "noun, judged, rows",
    [
        ("regress", r"R2 0\.9\d+, RMSE [\d.e+]+ on 100 held-out rows; at most \S+ deviations of the result off", 356),
        (
            "fraud",
            r"average precision 0\.\d+ on 10,000 held-out rows, all classes as the model; at most \S+ off",
            "10,256",
        ),
    ],
)
def test_a_noun_of_tables(tables, tmp_path, noun, judged, rows):
    done = brainbox("export", noun, "-o", tmp_path / "net.h", "--example", tmp_path / "main.c", cwd=tables)
    assert done.returncode == 0 and done.stderr == ""
    said = rf"CHECK  256/256 vectors bit-exact \(.*, C99\)   {judged} the trained model on {rows} rows\n"
    assert re.search(said, done.stdout)
    subprocess.run([tool("gcc"), *STRICT, "main.c", "-o", "t"], cwd=tmp_path, check=True)
    assert subprocess.run([tmp_path / "t"], capture_output=True, check=True).stdout


def test_by_file_with_a_document_and_the_same_bytes(tables, tmp_path, monkeypatch):
    monkeypatch.chdir(tables)
    path = tables / "brainbox-out/fraud/runs/1/model.safetensors"
    for name in ("a", "b"):
        code, fields = run_here("export", str(path), "--name", "pay", "-o", str(tmp_path / f"{name}.h"), "--json")
        assert code == 0
    assert fields["result"]["judged"].startswith("average precision")
    assert fields["result"]["title"] == "fraud: tanh-fc16-fc16-fc1, weights of 16 bits"
    assert (tmp_path / "a.h").read_bytes() == (tmp_path / "b.h").read_bytes()
    code, fields = run_here("export", str(path), "-o", str(tmp_path / "a.json"), "--format", "json", "--json")
    document = json.loads((tmp_path / "a.json").read_text())
    assert code == 0 and len(document["values"]) == 30 and document["formula"]["squash"] == "tanh"
    assert document["formula"]["halved"]


def test_data_that_is_gone_is_told_of(tmp_path, monkeypatch, capfd):
    tool("gcc")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.csv").write_text("a,b\n" + "".join(f"{i},{3 * i + i % 7}\n" for i in range(30)))
    assert run_here("regress", "--data", "t.csv", "--closed-form", "--quiet")[0] == 0
    assert run_here("export", "regress")[0] == 0
    assert (
        "note: the error on held-out rows is not measured: it was trained on all rows of t.csv"
        in capfd.readouterr().err
    )
    os.remove("t.csv")
    assert run_here("export", "regress")[0] == 0
    assert "note: the error on held-out rows is not measured: t.csv is not here" in capfd.readouterr().err


def test_a_damaged_description_is_an_input_error(tables, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    for noun in ("regress", "fraud"):
        model = Sequential.load(tables / "brainbox-out" / noun / "runs/1/model.safetensors")
        model.meta["settings"] = None
        model.save("bad.safetensors")
        assert run_here("export", "bad.safetensors")[0] == 3
        assert "train it again" in capfd.readouterr().err and os.listdir() == ["bad.safetensors"]


def test_a_neuron_is_learned_on_the_way(tmp_path, monkeypatch):
    tool("gcc")
    done = brainbox("export", "neuron", cwd=tmp_path)
    assert done.returncode == 0 and "neuron (neuron: 2 inputs, right on 4 of 4 rows)" in done.stdout
    assert "there is no model yet: training one first, as brainbox neuron --save" in (done.stderr.replace("\n", " "))
    assert sorted(os.listdir(tmp_path)) == ["brainbox-out", "neuron.h"]
    assert sorted(os.listdir(tmp_path / "brainbox-out")) == [".gitignore", "neuron"]
    again = brainbox("export", "neuron", cwd=tmp_path)
    assert again.returncode == 0 and again.stderr == ""


def test_a_noun_that_has_no_model_is_trained_on_the_way(tmp_path):
    tool("gcc")
    done = brainbox("export", "regress", cwd=tmp_path)
    assert done.returncode == 0 and "export: regress@1 | 9 parameters | regress.h" in done.stdout
    assert "note: there is no model yet: training one first, as brainbox regress --quick --no-input does" in done.stderr
    again = brainbox("export", "regress", "-q", cwd=tmp_path)
    assert again.returncode == 0 and again.stderr == "" and len(again.stdout.splitlines()) == 1


def test_a_neuron_that_was_saved(tmp_path, monkeypatch):
    tool("gcc")
    monkeypatch.chdir(tmp_path)
    code, fields = run_here("neuron", "--gate", "nand", "--save", "nand.safetensors", "--json")
    assert code == 0 and fields["artifacts"] == {"save": "nand.safetensors"}
    assert Sequential.load("nand.safetensors", "neuron").meta["table"] == "1110"
    assert run_here("export", "nand.safetensors")[0] == 0
    main = '#include <stdio.h>\n#include "nand.h"\nint main(void)\n{\n    int i;\n'
    main += "    for (i = 0; i < 4; i++) {\n        float x[2];\n"
    main += "        x[0] = (float)(i / 2);\n        x[1] = (float)(i % 2);\n"
    main += '        printf("%d", nand_predict(x));\n    }\n    return 0;\n}\n'
    (tmp_path / "main.c").write_text(main)
    subprocess.run([tool("gcc"), *STRICT, "main.c", "-o", "t"], check=True)
    assert subprocess.run(["./t"], capture_output=True, check=True).stdout == b"1110"
