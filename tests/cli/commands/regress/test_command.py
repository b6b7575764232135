"""`brainbox regress` as it is typed: training, prediction in all its ways, the prompts, the pictures."""

import io
import json
import os
import pty
import re
import select
import subprocess
import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from brainbox_cli.commands.regress import command as regress
from brainbox_cli.frame.run import _reproduce
from brainbox_core.tables.table import table_of
from brainbox_core.tasks.regress.settings import Settings
from tests.cli.shell import COMMAND, brainbox, document, environment, in_terminal, run_here, screen

PORTLAND = "2104,3,399900\n1600,3,329900\n2400,3,369000\n1416,2,232000\n3000,4,539900\n1985,4,299900\n1534,3,314900\n"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder in which the bare command was run; tests only read it."""
    folder = tmp_path_factory.mktemp("regress")
    done = brainbox("regress", "--plot", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    (folder / "said.txt").write_text(done.stdout)
    return folder


def test_what_a_bare_run_shows(trained):
    lines = (trained / "said.txt").read_text().splitlines()
    assert lines[0].startswith("regress: a line | houses (built in) | gradient descent on all rows")
    head = next(index for index, line in enumerate(lines) if line.startswith("epoch"))
    assert lines[head].split() == ["epoch", "train_loss", "train_gradient", "lr", "time"]
    assert [line.split()[0] for line in lines[head + 1 : head + 6]] == ["1", "2", "3", "5", "10"]
    text = "\n".join(lines)
    assert "\ntest r2 0.9" in text
    for row in (
        "intercept ",
        "sqft ",
        "neighborhood=hillside",
        "held out (100 rows)",
        "always the mean",
        "converged after",
    ):
        assert row in text
    sqft = next(line.split() for line in lines if line.startswith("sqft"))
    assert sqft[1] == sqft[3] == "184.2991"  # the weight and that of least squares
    assert "R² 0.9239 ± 0.0097 over 5 folds" in text
    names = {line.split()[0] for line in lines if line}
    assert {"loss", "saved", "pictures", "next", "reproduce", "descent", "exact"} <= names
    assert "\x1b" not in text and "Enter" not in text


def test_the_next_command_and_the_reproduction_work_as_printed(trained, tmp_path):
    told = {
        line.split()[0]: line.split(maxsplit=1)[1] for line in (trained / "said.txt").read_text().splitlines() if line
    }
    done = subprocess.run(
        told["next"].replace("brainbox", " ".join(COMMAND), 1),
        shell=True, cwd=trained, env=environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0 and 50_000 < float(done.stdout) < 1_000_000, done.stderr
    brainbox(*told["reproduce"].split()[1:], "-q", cwd=tmp_path)
    name = "brainbox-out/regress/runs/1/model.safetensors"
    assert (tmp_path / name).read_bytes() == (trained / name).read_bytes()


@pytest.mark.parametrize(
    ("sqft", "neighborhood", "told"),
    [
        ("-5", "harbor", []),  # a negative number needs no name
        ("900", "-harbor", ['neighborhood "-harbor" was not in the training data']),
        ("900", "", ['neighborhood: 1 missing value filled with the commonest, "old town"']),
        ("", "harbor", ["sqft: 1 missing value filled with the median 1,690"]),
    ],
)
def test_the_next_command_works_whatever_the_row_holds(sqft, neighborhood, told, trained):
    row = {"sqft": [sqft], "bedrooms": ["3"], "age": ["20"], "neighborhood": [neighborhood]}
    table = table_of(row)
    nothing = SimpleNamespace(inputs=table.take(np.arange(0)))
    data = SimpleNamespace(table=table, held_out=nothing, train=np.arange(1), design=SimpleNamespace(inputs=row))
    words, _ = regress.TRAINER.try_next(trained, data)
    code, fields = run_here("regress", *words, "-m", str(trained / "brainbox-out/regress"), "--json")
    assert code == 0
    assert fields["result"]["predictions"][0]["input"] == {name: cell for name, (cell,) in row.items()}
    assert [warning for warning in fields["warnings"] if "outside" not in warning] == told


def test_the_record_of_a_run(trained):
    fields = document((trained / "brainbox-out/regress/runs/1/run.json").read_text())
    result = fields["result"]
    assert result["converged"] and result["closed_form"]["rank"] == 7
    assert result["weights"]["sqft"] == pytest.approx(result["closed_form"]["weights"]["sqft"], rel=1e-8)
    assert result["rmse"] < result["baseline_rmse"] / 2
    assert fields["metrics"]["primary"] == "test_r2" and len(result["folds"]) == 5
    assert set(fields["artifacts"]) == {"model", "run", "metrics", "predictions", "residuals", "features", "loss"}


def test_a_main_figure_that_the_folds_contradict_is_said_in_its_line(tmp_path):
    sqft = np.random.default_rng(0).uniform(500, 4000, 200).round()
    price, district = np.exp(sqft / 2000).round(3), np.where(sqft > 2000, "a", "b").astype("U6")
    sqft[0], price[0], district[0] = 20_000, 2, "unsold"
    rows = [",".join(map(str, row)) for row in zip(sqft, district, price, strict=True)]
    (tmp_path / "x.csv").write_text("\n".join(["sqft,district,price", *rows]))
    for verb in ("train", "evaluate"):
        options = ("--log", "price", "--closed-form", "--no-input") if verb == "train" else ()
        done = brainbox("regress", verb, "--data", "x.csv", *options, cwd=tmp_path)
        said = next(line for line in done.stdout.splitlines() if line.startswith("test r2 "))
        assert re.match(r"test r2 1\.0000, but -\d.* over the folds", said)
        assert "warning: test R2 1.0000, but -" in done.stderr


def test_every_picture_holds_something(trained):
    for name in ("predictions", "residuals", "features", "loss"):
        with Image.open(trained / f"brainbox-out/regress/runs/1/{name}.png") as picture:
            assert picture.width > 400 and len(picture.convert("L").getcolors(256)) > 20


def test_hostile_names_are_drawn_as_they_are(tmp_path):
    rows = "\n".join(f"{i},{i % 7},{'xy'[i % 2]},{3 * i + i % 5}" for i in range(120))
    (tmp_path / "t.csv").write_text(f"$x^2$,\\frac{{,a_b^c,<b>$price\n{rows}\n")
    done = brainbox("regress", "--data", "t.csv", "--plot", "--degree", "2", "--closed-form", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert {path.name for path in (tmp_path / "brainbox-out/regress/runs/1").glob("*.png")} == {
        "predictions.png", "residuals.png", "features.png",
    }  # fmt: skip


def test_train_is_another_name_of_data_and_a_table_without_header_is_told(tmp_path):
    (tmp_path / "p.txt").write_text(PORTLAND)
    for words in (["--train", "p.txt"], ["train", "--data", "p.txt", "--no-header"]):
        code = brainbox("regress", *words, "--json", cwd=tmp_path)
        fields = document(code.stdout)
        assert set(fields["result"]["weights"]) == {"intercept", "column_1", "column_2"}
        assert fields["data"]["test"] == 0
        assert any("no header" in warning and "column_1" in warning for warning in fields["warnings"])
    done = brainbox("regress", "evaluate", cwd=tmp_path)
    assert done.returncode == 2 and "trained on all rows of p.txt" in done.stderr
    (tmp_path / "q.txt").write_text(PORTLAND.replace("0\n", "7\n"))
    assert brainbox("regress", "evaluate", "--data", "q.txt", cwd=tmp_path).returncode == 0


def test_a_table_from_standard_input(tmp_path):
    done = brainbox("regress", "--data", "-", "--json", cwd=tmp_path, stdin=PORTLAND.encode())
    assert document(done.stdout)["data"]["source"] == "-"


# predicting


def test_values_in_order(trained):
    done = brainbox("regress", "predict", 1650, 3, 20, "harbor", cwd=trained)
    assert (done.returncode, done.stderr) == (0, "model      regress@1\n")
    assert float(done.stdout) == pytest.approx(344_228.3, abs=1)


def test_values_by_name_and_what_is_missing(trained):
    done = brainbox("regress", "predict", "--set", "sqft=1650", "--set", "neighborhood = harbor", "--json", cwd=trained)
    fields = document(done.stdout)
    (prediction,) = fields["result"]["predictions"]
    assert prediction["input"] == {"sqft": "1650", "bedrooms": "", "age": "", "neighborhood": "harbor"}
    assert any("bedrooms: 1 missing value filled" in warning for warning in fields["warnings"])
    assert "Predicted price: $3" in done.stderr


def test_negative_numbers_need_no_dashes_before_them(trained):
    done = brainbox("regress", "predict", -5, 3, "-1e1", "harbor", "--json", cwd=trained)
    (prediction,) = document(done.stdout)["result"]["predictions"]
    assert list(prediction["input"].values()) == ["-5", "3", "-1e1", "harbor"]
    model = ("-m", "brainbox-out/regress")
    assert brainbox("regress", "predict", -5, *model, 3, "-.5", "harbor", cwd=trained).returncode == 0
    assert "no option --sett" in brainbox("regress", "predict", -5, "--sett", "a=-1", cwd=trained).stderr


def test_far_outside_the_training_range_is_told_and_answered(trained):
    done = brainbox("regress", "predict", 1_650_000, 3, 20, "Atlantis", cwd=trained)
    assert float(done.stdout) > 1e8
    assert "sqft 1,650,000 is outside the training range 650 to 4,310" in done.stderr
    assert 'neighborhood "Atlantis" was not in the training data' in done.stderr


ROWS = "sqft,age,bedrooms,neighborhood,note\n1650,20,3,harbor,a\n2000,5,4,hillside,b\n"


@pytest.mark.parametrize(
    "rows", [ROWS, "1650,3,20,harbor\n2000,4,5,hillside\n", "1650;3;20;harbor\n2000;4;5;hillside\n"]
)
def test_rows_from_standard_input(rows, trained):
    done = brainbox("regress", "predict", "-", cwd=trained, stdin=rows.encode())
    assert done.returncode == 0, done.stderr
    cells = [line.split("\t") for line in done.stdout.splitlines()]
    assert [(source, round(float(value))) for source, _, value in cells] == [("-", 344_228), ("-", 485_990)]
    first = 1 + (rows == ROWS)
    assert [int(line) for _, line, _ in cells] == [first, first + 1]


def test_rows_from_a_file_in_words(trained, tmp_path):
    (tmp_path / "rows.csv").write_text(ROWS)
    done = brainbox("regress", "predict", "--data", tmp_path / "rows.csv", "--json", cwd=trained)
    assert f"{tmp_path / 'rows.csv'} line 2: Predicted price: $344,228" in done.stderr
    first, second = document(done.stdout)["result"]["predictions"]
    assert (first["source"], first["line"], second["line"]) == (str(tmp_path / "rows.csv"), 2, 3)
    assert first["input"] == {"sqft": "1650", "bedrooms": "3", "age": "20", "neighborhood": "harbor"}


def test_tables_are_named_as_words_and_several_of_them(trained, tmp_path):
    rows, other = tmp_path / "rows.csv", tmp_path / "other"
    rows.write_text(ROWS)
    other.write_text("1650,3,20,harbor\n")
    model = ("-m", trained / "brainbox-out/regress")
    done = brainbox("regress", "predict", "other", "-", "gone.csv", rows, *model, cwd=tmp_path, stdin=ROWS.encode())
    assert done.returncode == 3 and "gone.csv: no such file" in done.stderr
    places = [line.split("\t")[:2] for line in done.stdout.splitlines()]
    assert places == [["other", "1"], ["-", "2"], ["-", "3"], [str(rows), "2"], [str(rows), "3"]]
    done = brainbox("regress", "predict", rows, "3", *model, cwd=tmp_path)
    assert done.returncode == 2 and "needs 4 values" in done.stderr


@pytest.mark.parametrize(
    ("words", "stdin", "code", "told"),
    [
        (["1650"], "", 2, "needs 4 values: sqft, bedrooms, age, neighborhood; 1 was given"),
        (["1", "2", "3", "a", "5"], "", 2, "needs 4 values"),
        ([], "", 2, "no value was given"),
        (["1", "2", "3", "a", "--set", "age=3"], "", 2, "not both"),
        (["1", "2", "3", "a", "--data", "-"], "", 2, "not both"),
        (["--set", "sqft"], "", 2, "expected COL=VALUE"),
        (["--set", "price=3"], "", 2, 'there is no input "price"; the inputs are sqft, bedrooms, age, neighborhood'),
        (["--set", "Bedroom=3"], "", 2, 'there is no input "Bedroom"; did you mean "bedrooms"?'),
        (["--set", "age=3", "--set", "age=4"], "", 2, "age is given twice"),
        (["abc", "2", "3", "harbor"], "", 3, 'column "sqft": "abc" is not a number'),
        (["$400", "2", "3", "harbor"], "", 3, "remove the currency sign"),
        (["1e999", "2", "3", "harbor"], "", 3, "is not a number"),
        (["-"], "", 3, "standard input"),
        (["-"], "sqft,age\n3,4\n", 3, 'there is no column "bedrooms"'),
        (["-"], "sqft,bedrooms,age,neighbourhood\n1,2,3,harbor\n", 3, 'rename "neighbourhood" if that is it; the'),
        (["-"], "Sqft,Bedrooms,Age,Neighborhood\n1,2,3,harbor\n", 3, 'rename "Sqft" if that is it; the inputs'),
        (["-"], "sqft,sqft,bedrooms,age,neighborhood\n1,2,3,4,harbor\n", 3, 'there are 2 columns "sqft"'),
        (["-"], "sqft,bedrooms,age,neighborhood\n", 3, "no rows below its header"),
        (["-"], "1,2,3\n", 3, "needs 4 columns, or a header with their names, got 3 columns"),
        (["-"], "sqft,bedrooms,age,neighborhood\n1,2,3,harbor\n1,2,x,harbor\n", 3, 'line 3, column "age": "x" is not'),
        (["--data", "missing.csv"], "", 3, "missing.csv"),
        (["1", "2", "3", "harbor", "-m", "nowhere"], "", 3, "nowhere"),
    ],
)
def test_bad_input(words, stdin, code, told, trained, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
    model = () if "-m" in words else ("-m", str(trained / "brainbox-out/regress"))
    found, fields = run_here("regress", "predict", *words, *model, "--json")
    entries = (fields["result"] or {"predictions": []})["predictions"]
    assert found == code and len([entry for entry in entries if "error" in entry]) <= 1
    assert len(entries) in (0, 1, len(stdin.splitlines()) - 1)  # every other row is answered
    assert told in fields["error"]["message"] + "; " + fields["error"]["hint"]


def test_a_bad_row_does_not_stop_the_others(trained):
    done = brainbox("regress", "predict", "-", cwd=trained, stdin=ROWS.replace("2000", "x").encode())
    assert (done.returncode, len(done.stderr.splitlines())) == (3, 2)
    whole = brainbox("regress", "predict", "-", cwd=trained, stdin=ROWS.encode()).stdout.splitlines()
    assert len(done.stdout.splitlines()) == len(whole) - 1 and set(done.stdout.splitlines()) < set(whole)


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["--test-split", "0"], 2, "--test-split"),
        (["--test-split", "1"], 2, "--test-split"),
        (["--test-split", "-.1"], 2, "--test-split"),
        (["--test-split", "2"], 2, "--test-split"),
        (["--folds", "401"], 2, "folds: expected at most 400"),
        (["--folds", "1"], 2, "--folds"),
        (["--ridge", "-1"], 2, "--ridge"),
        (["--ridge", "nan"], 2, "--ridge"),
        (["--degree", "0"], 2, "--degree"),
        (["--batch-size", "0"], 2, "--batch-size"),
        (["--batch-size", "all"], 2, "--batch-size"),
        (["--lr", "0"], 2, "--lr"),
        (["--target", "Prise"], 3, 'there is no column "Prise"'),
        (["--target", "neighborhood"], 3, "is text"),
        (["--log", "prize"], 3, 'there is no column "prize"'),
        (["--data", "nothing-here.csv"], 3, "nothing-here.csv"),
        (["--lr", "40"], 4, "learning rate 40 is too large"),
        (["--fail-under", "99%"], 5, "test r2 0.9043 is below 0.9900"),
    ],
)
def test_bad_trainings(words, code, told, tmp_path):
    found, fields = run_here("regress", *words, "--out", str(tmp_path / "out"), "-q", "--json")
    assert found == code
    assert told in fields["error"]["message"]


def test_the_hint_of_a_misspelt_target(tmp_path):
    _, fields = run_here("regress", "--target", "Prise", "--out", str(tmp_path / "out"), "--json")
    assert fields["error"]["hint"] == 'did you mean "price"?'


def test_evaluate_is_of_the_rows_that_were_held_out(trained):
    done = brainbox("regress", "evaluate", "--json", "--fail-under", "0.9", cwd=trained)
    fields = document(done.stdout)
    before = json.loads((trained / "brainbox-out/regress/runs/1/run.json").read_text())
    assert fields["metrics"]["test_r2"] == before["metrics"]["test_r2"]
    assert fields["data"]["test"] == 100 and fields["threshold"]["passed"]


def test_the_settings_of_the_model_hold_for_evaluate_too(tmp_path):
    rows = "\n".join(f"{3 * i + i % 5},{i},{i % 3}" for i in range(1, 121))
    (tmp_path / "t.csv").write_text(f"price,size,rooms\n{rows}\n")
    words = ("--target", "price", "--test-split", "0.3", "--log", "price", "--seed", "3")
    done = brainbox("regress", "--data", "t.csv", *words, "--json", cwd=tmp_path)
    again = brainbox("regress", "evaluate", "--json", cwd=tmp_path)
    first, second = (document(run.stdout)["metrics"]["test_rmse"] for run in (done, again))
    assert first == second


def test_the_reproduction_names_what_differs():
    settings = Settings(data="t.csv", log=("a", "b"), batch_size=16, closed_form=True, test_split="none", val_split=0.2)
    assert _reproduce(regress.TRAINER, settings, {"quick": False}, set()) == (
        "brainbox regress --data t.csv --test-split none --val-split 0.2 --log a,b --closed-form --epochs 1000"
        " --batch-size 16 --seed 0"
    )


def test_dry_run_writes_nothing(tmp_path):
    done = brainbox("regress", "-n", cwd=tmp_path)
    assert done.returncode == 0 and list(tmp_path.iterdir()) == []


def test_closed_form_and_quick(tmp_path):
    done = brainbox("regress", "--closed-form", "--quick", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "epoch " not in done.stdout and "\nexact " in done.stdout and "\ndescent " not in done.stdout
    assert "quick: --epochs 200 --limit 20000" in done.stdout


# the prompts


def type_in(*lines: str, words: tuple = ("regress",), cwd) -> tuple[int, str]:
    """Run on a terminal, and type each line when the next prompt has appeared."""
    master, slave = pty.openpty()
    process = subprocess.Popen([*COMMAND, *words], cwd=cwd, env=environment(), stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    written, waiting, deadline = b"", list(lines), time.monotonic() + 60
    seen = 0
    while time.monotonic() < deadline:
        if select.select([master], [], [], 0.2)[0]:
            try:
                block = os.read(master, 65536)
            except OSError:
                break
            if not block:
                break
            written += block
        if waiting and written[seen:].rstrip(b" ").endswith(b":") and b"Enter " in written[seen:]:
            seen = len(written)
            os.write(master, waiting.pop(0).encode())
    os.close(master)
    return process.wait(timeout=30), written.decode(errors="replace").replace("\r\n", "\n")


def test_the_prompts_after_a_training(tmp_path):
    code, written = type_in(
        "abc\n", "1650\n", "3\n", "20\n", "harbor\n", "99999\n", "3\n", "20\n", "nowhere\n", "\n", cwd=tmp_path
    )
    text = "\n".join(screen(written))
    assert code == 0
    assert 'Enter sqft: abc\nerror: "abc" is not a number\nEnter sqft: 1650\nEnter bedrooms: 3' in text
    assert "Enter neighborhood (harbor, hillside, old town, station, westfield): harbor" in text
    assert "Predicted price: $344,228" in text
    assert "note: sqft 99,999 is outside the training range" in text
    assert 'note: neighborhood "nowhere" was not in the training data' in text


def test_predict_without_values_asks_too_and_control_d_ends_it(trained):
    code, written = type_in("1650\n", "\x04", words=("regress", "predict"), cwd=trained)
    assert code == 0 and "Enter bedrooms:" in written


@pytest.mark.parametrize("option", ["--no-input", "--json", "--quiet"])
def test_nothing_is_asked_where_it_is_not_wanted(option, tmp_path):
    code, written = in_terminal("regress", option, cwd=tmp_path)
    assert code == 0 and "Enter" not in written


def test_numbers_and_dates_as_they_are_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    sizes, days = random.integers(500, 4000, 120).tolist(), random.integers(0, 365, 120)
    rows = [
        (f"{size:,}", (np.datetime64("2014-01-01") + day).item().strftime("%d.%m.%Y"), f"{100 * size + day:,}")
        for size, day in zip(sizes, days.tolist(), strict=True)
    ]
    lines = ["size;sold;price", *(";".join(row).replace(",", ".") for row in rows)]
    (tmp_path / "e.csv").write_text("\n".join(lines) + "\n")
    code, found = run_here("regress", "--data", "e.csv", "--closed-form", "--no-input", "--json")
    assert code == 0 and any(note.startswith('size, price: "') for note in found["warnings"])
    expected = pytest.approx(105_089)  # 31 March is day 89
    for size, sold in (("1.050", "31.3.2014"), ("1050", "2014-03-31"), ("1.050,00", "31.03.2014")):
        code, found = run_here("regress", "predict", size, sold, "--json")
        assert code == 0 and found["result"]["predictions"][0]["predicted"] == expected
    code, found = run_here("regress", "predict", "1050.0", "31.3.2014", "--json")
    assert code == 3 and "write it as 1.234,5 is written, or say which with --decimal" in found["error"]["hint"]
    code, found = run_here("regress", "predict", "1,050.0", "31.3.2014", "--decimal", "point", "--json")
    assert code == 0 and found["result"]["predictions"][0]["predicted"] == expected
    (tmp_path / "us.csv").write_text('size,sold,price\n"1,050.0",2014-03-31,105089.0\n2000.0,2014-01-01,200000.5\n')
    assert run_here("regress", "evaluate", "--data", "us.csv", "--json")[0] == 3
    code, found = run_here("regress", "evaluate", "--data", "us.csv", "--thousands", "comma", "--json")
    assert code == 0 and found["metrics"]["test_r2"] > 0.999
    code, found = run_here("regress", "predict", "--data", "us.csv", "--decimal", ".", "--json")
    assert code == 0 and found["result"]["predictions"][0]["predicted"] == expected


def test_the_command_to_reproduce_names_the_marks():
    settings = Settings(data="e.csv", decimal=",", thousands=" ")
    assert "--decimal , --thousands ' '" in _reproduce(regress.TRAINER, settings, {"quick": False}, set())
