"""The spam filter by the commands as they are typed: texts in the place of a verb, standard input, files."""

import io
import json
import subprocess
from pathlib import Path

import pytest

from brainbox_cli.commands.spam import input as spam_input
from brainbox_cli.commands.spam.input import messages_from
from brainbox_cli.commands.spam.view import MOST, reasons
from brainbox_core.errors import InputError
from tests.cli.shell import COMMAND, brainbox, document, environment, in_terminal, run_here, screen

SPAM, HAM = "Buy cheap meds now!! Click here", "Hey mom, are we still on for dinner?"


@pytest.fixture(scope="module")
def filtered(tmp_path_factory) -> Path:
    """A folder in which the filter was trained on the built-in messages, with pictures; tests only read it."""
    folder = tmp_path_factory.mktemp("filtered")
    done = brainbox("spam", "--plot", cwd=folder)
    assert done.returncode == 0, done.stderr
    (folder / "shown.txt").write_text(done.stdout)
    return folder


# texts


@pytest.mark.parametrize(("text", "label", "low", "high"), [(SPAM, "SPAM", 0.99, 1), (HAM, "HAM", 0, 0.01)])
def test_the_examples_from_nothing_in_a_terminal(text, label, low, high, tmp_path):
    code, written = in_terminal("spam", text, cwd=tmp_path)
    lines = screen(written)
    assert code == 0
    assert lines[0] == "note: there is no model yet: training one on messages (built in) first"
    words = "buy, cheap, meds, now, click, here" if label == "SPAM" else "hey, mom, are, we, still, on, for, dinner"
    assert f"Preprocessing... [{words}]" in written.replace("\x1b[1m", "").replace("\x1b[0m", "")
    told = next(line for line in lines if line.startswith("Probability: "))
    assert told.endswith(f" ({label})") and low <= float(told.split()[1]) <= high


def test_the_filter_trained_first_is_kept_and_the_same_as_that_of_a_training(filtered, tmp_path):
    first, second = (brainbox("spam", SPAM, cwd=tmp_path) for _ in range(2))
    assert "training one on messages (built in) first" in first.stderr
    assert "training" not in second.stderr
    assert first.stdout == second.stdout
    name = "brainbox-out/spam/runs/1/model.safetensors"
    assert (tmp_path / name).read_bytes() == (filtered / name).read_bytes()
    lines = (tmp_path / "brainbox-out/spam/runs/1/metrics.jsonl").read_text().splitlines()
    events = [json.loads(line)["event"] for line in lines]
    assert (events[0], events[-1]) == ("start", "end")


def test_where_nothing_can_be_written_the_answer_comes_all_the_same(tmp_path):
    (tmp_path / "brainbox-out").write_text("a file")
    done = brainbox("spam", SPAM, cwd=tmp_path)
    assert (done.returncode, done.stdout.split("\t")[0]) == (0, "spam")
    assert "it is not kept: " in done.stderr


@pytest.mark.parametrize("model", ["nowhere", "nowhere/model.safetensors", "mnist"])
def test_a_model_that_was_named_is_not_trained_first(model, tmp_path):
    done = brainbox("spam", SPAM, "--model", model, cwd=tmp_path)
    assert done.returncode == 3
    assert "training" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_in_a_pipe_the_answer_is_a_line_with_tabs_and_the_rest_is_beside(filtered):
    done = brainbox("spam", SPAM, HAM, cwd=filtered)
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert [(row[0], row[2]) for row in rows] == [("spam", SPAM), ("ham", HAM)]
    assert float(rows[0][1]) >= 0.99 and float(rows[1][1]) <= 0.01
    assert "Preprocessing... [buy, cheap, meds, now, click, here]\nProbability: 0.99" in done.stderr
    quiet = brainbox("spam", SPAM, "-q", cwd=filtered)
    assert (quiet.stdout, quiet.stderr) == (done.stdout.splitlines()[0] + "\n", "")


@pytest.mark.parametrize(
    ("words", "texts"),
    [
        (["-50% off today"], ["-50% off today"]),
        (["-50% off today", "-q"], ["-50% off today"]),
        (["--why me --data"], ["--why me --data"]),
        (["--", "--why"], ["--why"]),
        (["a b", "--threshold", "0.5", "-c d", "e"], ["a b", "-c d", "e"]),
        (["predict", "-c d", "--model", "spam"], ["-c d"]),
        (["predict", "train"], ["train"]),
        (["predict", "--", "-q"], ["-q"]),
        (["hello"], ["hello"]),
        (["x=y z"], ["x=y z"]),
        ([""], [""]),
        (["[bold]x[/bold] \x1b[31m"], [r"[bold]x[/bold] \x1b[31m"]),
    ],
)
def test_what_is_taken_for_a_text(words, texts, filtered, monkeypatch, capsys):
    monkeypatch.chdir(filtered)
    code, fields = run_here("spam", *words)
    assert code == 0, fields["error"]
    quoted = [f"'{text}" if text.startswith("-") else text for text in texts]  # no formula for a spreadsheet
    assert [line.split("\t")[2] for line in capsys.readouterr().out.splitlines()] == quoted


@pytest.mark.parametrize(
    ("words", "told", "ways_out"),
    [
        (["trian"], "trian", ["brainbox spam train", "brainbox spam predict trian"]),
        (["Predict"], "Predict", ["brainbox spam predict;", "brainbox spam predict Predict"]),
        (["eval"], "eval", ["brainbox spam evaluate", "brainbox spam predict eval"]),
        (["prdict", "some text"], "prdict", ["brainbox spam predict prdict"]),
        (["mail.tsv"], "mail.tsv", ["brainbox spam train --data mail.tsv", "brainbox spam predict mail.tsv"]),
        (["--why", "some text"], "--why", ["brainbox spam predict --why 'some text'"]),
        (["--epochs", "3", "some text"], "some text", ["brainbox spam predict 'some text'"]),
        (["--epochs", "3", "predict", "a b"], "options follow the verb", ["brainbox spam predict 'a b' (predict"]),
        (["predict"], "TEXT", ["brainbox spam predict --help"]),
        (["some text", "--threshold", "1"], "--threshold", []),
        (["some text", "--epochs", "3"], "--epochs", []),
        (["--fail-under", "95"], "--fail-under", ["95%"]),
        (["--folds", "1"], "--folds", []),
        (["--ngrams", "9"], "--ngrams", []),
        (["--loss", "mes"], "did you mean mse?", []),
    ],
)
def test_what_might_be_meant_otherwise_is_refused_with_the_ways_out(words, told, ways_out, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mail.tsv").write_text("ham\thi\n")
    code, done = run_here("spam", *words)
    assert code == 2
    assert told in done["error"]["message"]
    for way_out in ways_out:
        assert way_out in done["error"]["hint"]
    assert [path.name for path in tmp_path.iterdir()] == ["mail.tsv"]


def test_a_file_is_not_guessed_where_there_is_more_than_its_name(filtered, tmp_path):
    (tmp_path / "win").write_text("")
    done = brainbox("spam", "win a prize", "win", "--model", filtered / "brainbox-out/spam", cwd=tmp_path)
    assert len(done.stdout.splitlines()) == 2


def test_why(filtered):
    done = brainbox("spam", SPAM, "--why", cwd=filtered)
    lines = [line.split() for line in done.stderr.splitlines()]
    adds = {line[0]: float(line[1]) for line in lines if line[0] in ("start", "cheap", "click", "!!", "sum")}
    assert adds["click"] > 1 and adds["cheap"] > 0.5
    total = float(next(line[1] for line in lines if line[0] == "sum"))
    assert total == pytest.approx(5.9, abs=1)
    assert "click=+" in done.stdout.split("\t")[3]


def test_the_document_of_a_prediction(filtered):
    done = brainbox("spam", SPAM, "qzxv", "--json", cwd=filtered)
    first, second = document(done.stdout)["result"]["predictions"]
    assert (first["label"], first["known_words"], first["top"][0]["part"]) == ("spam", True, "click")
    assert len(first["top"]) == 5
    assert (second["label"], second["known_words"]) == ("ham", False)
    assert "no known words" in done.stderr
    assert "Probability: " in done.stderr


def test_a_long_message_shows_what_adds_most():
    parts = [(f"w{number}", number / 1000) for number in range(1000)]
    lines = reasons(parts, 0.0, unicode=False)
    assert len(lines) <= MOST + 3
    assert lines[1].startswith("w940 ") and any(line.startswith("940 others") for line in lines)
    assert lines[-1].split()[1] == f"{sum(weight for _, weight in parts):+.2f}"


# standard input


def test_standard_input_one_message_a_line(filtered):
    sent = f"{SPAM}\n\n{HAM}\r\nqzxv".encode()
    for words in (["-"], ["predict", "-"]):
        done = brainbox("spam", *words, cwd=filtered, stdin=sent)
        rows = [line.split("\t") for line in done.stdout.splitlines()]
        assert [(row[0], row[2]) for row in rows] == [("spam", SPAM), ("ham", ""), ("ham", HAM), ("ham", "qzxv")]
        assert done.stderr == "model      spam@1\n"


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        (b"", "no messages"),
        (b"hi\n\x00\x01\n", "line 2: holds a NUL"),
        (b"hi\n" + b"x" * (spam_input.LONGEST + 1), "line 2: the message is too long"),
        (b"x" * (spam_input.LONGEST + 1) + b"\nhi", "line 1: the message is too long"),
    ],
    ids=["nothing", "NUL", "long last", "long first"],
)
def test_bad_standard_input(sent, told, filtered):
    done = brainbox("spam", "-", cwd=filtered, stdin=sent)
    assert done.returncode == 3
    assert told in done.stderr and len(done.stderr.splitlines()) == 2


def test_what_is_no_text_does_not_stop_the_rest(filtered):
    done = brainbox("spam", "-", "--json", cwd=filtered, stdin=b"hi\n\x00\x01\nfree prize\n")
    first, second, third = document(done.stdout)["result"]["predictions"]
    assert done.returncode == 3 and (first["input"], third["input"]) == ("hi", "free prize")
    assert "line 2: holds a NUL" in second["error"]["message"]


def test_a_message_of_a_megabyte_is_read(filtered):
    done = brainbox("spam", "-", cwd=filtered, stdin=b"win " * (spam_input.LONGEST // 4))
    assert (done.returncode, len(done.stdout.splitlines())) == (0, 1)


def test_other_encodings_are_told_of_once():
    told = []
    blocks = list(messages_from(io.BytesIO(b"\xef\xbb\xbfone\nit\x92s\n\x80\n"), told.append))
    assert blocks == [["one", "it’s", "€"]]
    assert len(told) == 1 and "line 2: byte 0x92" in told[0]


def test_messages_are_answered_as_they_come(filtered):
    process = subprocess.Popen(
        [*COMMAND, "spam", "-"], cwd=filtered, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    for text in (SPAM, HAM):
        process.stdin.write(text.encode() + b"\n")
        process.stdin.flush()
        assert process.stdout.readline().decode().rstrip("\n").endswith(text)
    process.stdin.close()
    assert process.wait(timeout=60) == 0
    process.stdout.close()


def test_no_more_than_a_block_is_held():
    class Endless(io.RawIOBase):
        given = 0

        def read1(self, size: int) -> bytes:
            self.given += size
            return b"x" * size

    stream = Endless()
    with pytest.raises(InputError, match="too long"):
        for _ in messages_from(stream, print):
            pass
    assert stream.given <= spam_input.LONGEST + 2 * spam_input.BLOCK


def test_predictions_are_only_collected_for_the_document(filtered, monkeypatch):
    monkeypatch.chdir(filtered)
    code, fields = run_here("spam", HAM, "-q")
    assert (code, fields["result"]) == (0, {"predictions": []})
    code, fields = run_here("spam", HAM, "-q", "--json")
    assert (code, len(fields["result"]["predictions"])) == (0, 1)


# training and measuring


def test_what_a_training_shows(filtered):
    shown = (filtered / "shown.txt").read_text()
    lines = shown.splitlines()
    assert lines[0].startswith(
        "spam: logistic regression on words and up to 4 characters in a row | messages (built in) 4,600 | sgd lr 0.2"
    )
    assert any(line.startswith("test f1 0.9") for line in lines)
    for name in ("accuracy", "spam", "ham", "says spam", "says ham", "saved", "pictures", "next", "reproduce"):
        assert any(line.startswith(f"{name} ") for line in lines), name
    assert "calling everything ham gives 73.91%" in shown


def test_what_a_training_writes(filtered):
    folder = filtered / "brainbox-out/spam/runs/1"
    pictures = {"loss.png", "scores.png", "words.png"}
    assert {path.name for path in folder.iterdir()} == {"model.safetensors", "run.json", "metrics.jsonl", *pictures}
    assert all((folder / name).read_bytes().startswith(b"\x89PNG") for name in pictures)
    fields = document((folder / "run.json").read_text())
    assert fields["metrics"]["primary"] == "test_f1"
    assert len(fields["result"]["telling"]["spam"]) == 12


def test_the_next_command_works_as_printed(filtered):
    line = next(line for line in (filtered / "shown.txt").read_text().splitlines() if line.startswith("next "))
    assert line.split(maxsplit=1)[1] == f"brainbox spam predict '{SPAM}'"


def test_evaluate_measures_the_test_part_of_its_own_data(filtered):
    fields = document(brainbox("spam", "evaluate", "--json", cwd=filtered).stdout)
    kept = document((filtered / "brainbox-out/spam/runs/1/run.json").read_text())
    assert fields["metrics"]["test_f1"] == kept["metrics"]["test_f1"]
    assert fields["data"]["test"] == 920


def test_evaluate_measures_all_of_other_data_at_any_threshold(filtered, tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text(f'label,text\nspam,{SPAM}\nham,"{HAM}"\nham,"{HAM}"\n')
    done = brainbox("spam", "evaluate", "--data", path, "--fail-under", "100%", "--json", cwd=filtered)
    fields = document(done.stdout)
    assert (done.returncode, fields["data"]["test"], fields["result"]["confusion"]) == (0, 2, [[1, 0], [0, 1]])
    assert "1 of 3 messages repeat" in fields["warnings"][0]
    done = brainbox("spam", "evaluate", "--data", path, "--threshold", "0.9999", "--fail-under", "0.5", cwd=filtered)
    assert done.returncode == 5
    assert "threshold 0.9999" in done.stdout


def test_the_squared_error_shows_why_it_is_wrong(tmp_path):
    done = brainbox("spam", "--loss", "mse", "--quick", cwd=tmp_path)
    assert (
        "note: this run is a lesson in what goes wrong: spam@1 is current only because there is no other" in done.stderr
    )
    assert done.returncode == 0, done.stderr
    assert "the gradient vanishes" in done.stdout
    row = next(line.split() for line in done.stdout.splitlines() if line.strip().startswith("0.001 "))
    assert row == ["0.001", "-0.999000", "-0.001996"]
    mistake = document((tmp_path / "brainbox-out/spam/runs/1/run.json").read_text())["result"]["mistake"]
    assert abs(mistake["gradient_mse"]) < abs(mistake["gradient_log"])


def test_messages_to_learn_from_may_come_from_standard_input(tmp_path):
    rows = [
        (label, f"{start} {a}{b}")
        for label, start in (("spam", "win"), ("ham", "mum"))
        for a in "abcde"
        for b in "fghij"
    ]
    sent = "".join(f"{label}\t{text}\n" for label, text in rows).encode()
    done = brainbox("spam", "--data", "-", "--json", cwd=tmp_path, stdin=sent)
    fields = document(done.stdout)
    assert (done.returncode, fields["data"]["source"]) == (0, "standard input")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("A collection of messages\n", 'line 1: label "A" is not "spam" or "ham"'),
        ("ham\thi\n" * 20, "0 spam and 1 ham"),
        ("spam\tx\nspam\ty\nham\tz\n", "2 spam and 1 ham"),
        ("", "no messages"),
        (None, "no such file"),
    ],
)
def test_bad_data(content, told, tmp_path):
    if content is not None:
        (tmp_path / "mail.tsv").write_text(content)
    done = brainbox("spam", "--data", "mail.tsv", cwd=tmp_path)
    assert done.returncode == 3
    assert told in done.stderr and len(done.stderr.splitlines()) == 2


def test_no_numpy_for_the_help(tmp_path):
    done = brainbox("spam", "--help", cwd=tmp_path)
    for word in ("--ngrams", "--threshold", "--loss", "--folds", "default: messages", "predict", "evaluate"):
        assert word in done.stdout
