"""`brainbox rnn` as its users run it: in pipes, in terminals, and with what it cannot learn from."""

import io
import json
import re

import pytest
from PIL import Image

from brainbox_cli.commands.rnn import command
from brainbox_cli.commands.rnn import picture as rnn_picture
from brainbox_cli.commands.rnn import view as rnn_view
from brainbox_cli.frame import run as trainer_run
from brainbox_core.screen.display import columns
from brainbox_core.screen.screen import Screen
from brainbox_core.tasks.rnn import train as rnn
from brainbox_core.tasks.rnn.settings import Settings
from tests.cli.shell import brainbox, document, in_terminal, python, run_here, screen

SMALL = ("--hidden", "16", "--steps", "40", "--sample-every", "10")
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
ROW = re.compile(r'Iter [ \d]\d: "(.*)\.\.\." +(\d\.\d{4})  +(\d\.\d{4})  +(\d\.\de[+-]\d\d)  +([\d.e-]+)  +(\d+\.\ds)')


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder in which a small generator has been trained; tests only read it."""
    folder = tmp_path_factory.mktemp("rnn")
    done = brainbox("rnn", *SMALL, "--explain", "--plot", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    (folder / "shown.txt").write_text(done.stdout)
    return folder


@pytest.fixture(scope="module")
def shown(folder):
    return (folder / "shown.txt").read_text().splitlines()


@pytest.fixture(scope="module")
def names(tmp_path_factory):
    """A folder with a model of lines."""
    folder = tmp_path_factory.mktemp("names")
    (folder / "names.txt").write_text("\n".join(f"{a}{b}nna" for a in "abcdefgh" for b in "aeiou"))
    done = brainbox("rnn", "--text", "names.txt", "--lines", *SMALL, cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


# what a training shows


def test_what_a_run_shows(shown):
    assert shown[0] == (
        "rnn: LSTM 16, embedding 64 | The Light at Sorrel Head (built in), 64,381 characters"
        f" | adamw lr {Settings().lr:g}, batch 16 x 64, 40 steps, seed 0"
    )
    assert "57,943 characters to train on, 6,438 held out" in shown
    names = {line.split()[0] for line in shown if line}
    assert {"carried", "reset", "baselines", "loss", "saved", "pictures", "next", "reproduce"} <= names
    assert any(re.match(r"bits per char \d\.\d{4}  \(best at step \d+\) .* s, seed 0", line) for line in shown)


def test_rows_with_a_sample_that_grows_below_the_baselines(shown):
    rows = [match for line in shown if (match := ROW.fullmatch(line))]
    assert len(rows) == 4
    lengths = [len(row[1]) for row in rows]
    assert lengths == sorted(set(lengths))
    head = next(
        index for index, line in enumerate(shown) if line.split() == ["bits/char", "train", "gradient", "lr", "time"]
    )
    assert [line.split()[0] for line in shown[head + 1 : head + 3]] == ["unigram", "bigram"]
    column = shown[head].index("bits/char") + len("bits/char")
    assert all(
        line[column - 1].isdigit() and line[column : column + 1].strip() == "" for line in shown[head : head + 7][1:]
    )


def test_the_gradient_on_its_way_back_is_shown(shown):
    start = shown.index("gradient of the last character's loss on its way back through lstm_0")
    steps = [int(line.split()[0]) for line in shown[start + 2 : start + 9]]
    assert steps == [0, 1, 2, 4, 8, 16, 32]
    assert shown[start + 2].endswith("█" * 32) and not shown[start + 8].endswith("█" * 32)


def test_no_escape_and_no_carriage_return_in_a_pipe(shown):
    text = "\n".join(shown)
    assert "\x1b" not in text and "\r" not in text


def test_what_is_written(folder):
    out = folder / "brainbox-out/rnn/runs/1"
    pictures = {"loss.png", "gradient.png", "characters.png", "units.png"}
    assert {path.name for path in out.iterdir()} == {"model.safetensors", "run.json", "metrics.jsonl", *pictures}
    events = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert [event["event"] for event in events] == ["start", *["epoch"] * 4, "end"]
    assert events[1]["step"] == 10 and len(events[1]["sample"]) == 100
    fields = document((out / "run.json").read_text())
    assert fields["metrics"]["primary"] == "bits_per_char"
    assert fields["result"]["bits_per_char"] == fields["metrics"]["bits_per_char"] < fields["result"]["unigram_bits"]
    assert fields["result"]["best_step"] in (10, 20, 30, 40) and len(fields["result"]["sample"]) == 400
    assert {name: fields["data"][name] for name in ("source", "train", "val", "test")} == {
        "source": "play",
        "train": 57_943,
        "val": 6_438,
        "test": 0,
    }
    assert [row["step"] for row in fields["history"]] == [10, 20, 30, 40]


def test_a_live_line_and_rows_that_stay_on_a_terminal(tmp_path):
    code, written = in_terminal("rnn", *SMALL, cwd=tmp_path, columns=130)
    assert code == 0
    assert re.search(r"training  ━+  \d+/40  loss \d\.\d{4}  .*steps/s", ESCAPE.sub("", written))
    lines = screen(written)
    assert sum(bool(ROW.fullmatch(line)) for line in lines) == 4
    assert not any(line.startswith("training") for line in lines)


@pytest.mark.parametrize(("columns", "titles"), [(20, 1), (40, 1), (60, 3), (90, 5)])
def test_no_number_is_cut_whatever_the_width(columns, titles, tmp_path):
    code, written = in_terminal("rnn", *SMALL, cwd=tmp_path, columns=columns)
    assert code == 0
    lines = screen(written)
    head = next(index for index, line in enumerate(lines) if line.strip().startswith("bits/char"))
    assert len(lines[head].split()) == titles
    for line in lines[head : head + 7]:
        assert len(line) < columns
    for line in lines[head + 3 : head + 7]:
        assert re.match(r"Iter \d+", line)
        assert re.search(r"  \d\.\d{4}( |$)", line)


@pytest.mark.parametrize(
    "sample", ["\u65e5\u672c\u8a9e" * 40, "\x1b[31m\x07\n" * 40, "e\u0301" * 40], ids=["wide", "control", "accents"]
)
def test_whatever_a_sample_holds_the_figures_stand_below_each_other(sample, monkeypatch):
    drawn = Screen(io.StringIO())
    monkeypatch.setattr(Screen, "width", 100)
    rows = rnn_view.Rows(drawn, 40, {"unigram_bits": 4.0})
    figures = {"bits_per_char": 3.0, "train_loss": 2.0, "gradient_norm": 0.5, "lr": 0.01, "time_s": 0.0}
    for epoch in range(1, 16):
        rows.on_epoch_end(None, {"epoch": epoch, "step": epoch, "sample": sample, **figures})
    head, _, *lines = drawn.stream.getvalue().splitlines()
    assert len(lines) == 15
    for line in lines:
        assert columns(line) == columns(head) < 100
        assert line.endswith("3.0000   2.0000   5.0e-01   0.0100    0.0s")


def test_json_and_quiet(tmp_path):
    done = brainbox("rnn", *SMALL, "--json", cwd=tmp_path)
    fields = document(done.stdout)
    assert (fields["status"], fields["verb"]) == ("ok", "train")
    assert "Iter 10" in done.stderr
    quiet = brainbox("rnn", *SMALL, "-q", cwd=tmp_path)
    assert quiet.stdout == f"bits per char {fields['metrics']['bits_per_char']:.4f}\n"
    assert quiet.stderr == ""


def test_the_next_command_and_the_reproduction_work_as_printed(shown, folder, tmp_path):
    told = {line.split()[0]: line.split()[1:] for line in shown if line.split()[:1] in (["next"], ["reproduce"])}
    assert told["next"] == ["brainbox", "rnn", "sample", "--prime", "LORIN:"]
    done = brainbox(*told["next"][1:], cwd=folder)
    assert done.stdout.startswith("LORIN:")
    again = brainbox(*told["reproduce"][1:], "-q", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    name = "brainbox-out/rnn/runs/1/model.safetensors"
    assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()


def test_the_reproduction_names_what_differs_and_no_more():
    def reproduction(**changes: object) -> str:
        return trainer_run._reproduce(command.TRAINER, Settings.suited(**changes), {"quick": False}, set())

    assert reproduction() == "brainbox rnn --seed 0"
    assert reproduction(cell="gru", lines=True, steps=500, seed=3) == (
        "brainbox rnn --lines --cell gru --steps 500 --seed 3"
    )


def test_quick_says_what_it_changes(tmp_path):
    done = brainbox("rnn", "--quick", "--hidden", "16", "-n", cwd=tmp_path)
    assert re.match(r"quick: --steps \d\d --sample-every \d+\nrnn: LSTM 16", done.stdout)
    assert "nothing was trained or written" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_gates_count_bits(folder):
    assert brainbox("rnn", "evaluate", "--fail-over", "6", cwd=folder).returncode == 0
    done = brainbox("rnn", "evaluate", "--fail-over", "1.5", cwd=folder)
    assert done.returncode == 5
    assert "is above 1.5000 (--fail-over)" in done.stderr


# sampling


def test_nothing_but_the_text_is_printed(folder):
    done = brainbox("rnn", "sample", "--length", 300, "--prime", "WENNA:\n", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "model      rnn@1\n")  # beside the text
    assert done.stdout.startswith("WENNA:\n") and len(done.stdout) == 307
    assert len(brainbox("rnn", "sample", cwd=folder).stdout) == 500


def test_one_seed_one_text(folder):
    def text(*words):
        return brainbox("rnn", "sample", "--length", 60, *words, cwd=folder).stdout

    assert text() == text("--seed", 0) != text("--seed", 1)
    assert text("--temperature", 0) == text("--temperature", 0, "--seed", 9) == text("--top-k", 1)


def test_the_document_of_a_sample(folder):
    done = brainbox("rnn", "sample", "--length", 50, "--prime", "My", "--seed", 5, "--json", cwd=folder)
    fields = document(done.stdout)
    assert (fields["verb"], fields["seed"], fields["config"]["temperature"]) == ("sample", 5, 0.7)
    plain = brainbox("rnn", "sample", "--length", 50, "--prime", "My", "--seed", 5, cwd=folder)
    assert fields["result"] == {"text": plain.stdout}
    assert done.stderr == plain.stdout + plain.stderr


def test_a_model_of_lines_writes_lines(names):
    done = brainbox("rnn", "sample", "--length", 7, "--prime", "f", cwd=names)
    lines = done.stdout.split("\n")
    assert len(lines) == 8 and lines[-1] == "" and all(line.startswith("f") for line in lines[:-1])
    assert len(brainbox("rnn", "sample", cwd=names).stdout.splitlines()) == 20


def test_control_characters_are_shown_on_a_terminal_and_go_to_a_file_as_they_are(tmp_path):
    (tmp_path / "text").write_text("\x1b[31mred\x1b[0m\tand \x07 plain\n" * 100)
    assert brainbox("rnn", "--text", "text", *SMALL, cwd=tmp_path).returncode == 0
    words = ("rnn", "sample", "--prime", "\x1b[31mr\t\x07\n", "--length", "5")
    raw = brainbox(*words, cwd=tmp_path).stdout
    assert raw.startswith("\x1b[31mr\t\x07\n")
    code, written = in_terminal(*words, cwd=tmp_path)
    assert code == 0
    text = ESCAPE.sub("", written)  # the live line of loading has escapes of its own
    assert "\\x1b[31mr\t\\x07\n" in text and "\x1b[31m" not in written and "\x07" not in written
    assert written.endswith("\n")


@pytest.mark.parametrize(
    "words",
    [
        ("--temperature", "-1"),
        ("--temperature", "nan"),
        ("--temperature", "inf"),
        ("--temperature", "1e-9"),
        ("--temperature", "1e9"),
        ("--top-k", "0"),
        ("--top-k", "64"),
        ("--length", "0"),
        ("--length", "1000000000"),
        ("--seed", "-1"),
    ],
    ids=" ".join,
)
def test_options_of_a_sample_that_make_no_sense(words, folder, capfd):
    code, fields = run_here("rnn", "sample", *words, "--model", str(folder / "brainbox-out" / "rnn"))
    assert (code, fields["error"]["kind"]) == (2, "usage")
    assert capfd.readouterr().out == ""


def test_a_prime_with_an_unknown_character(folder):
    done = brainbox("rnn", "sample", "--prime", "Wenn\u00e4", cwd=folder)
    assert (done.returncode, done.stdout) == (3, "")
    assert "does not know the character 'ä' (U+00E4)" in done.stderr


def test_a_closed_pipe_ends_a_long_text_quietly(folder):
    script = (
        "import subprocess, sys\n"
        "run = subprocess.Popen([sys.executable, '-m', 'brainbox_cli', 'rnn', 'sample', '--length', '1000000'],\n"
        "                       stdout=subprocess.PIPE, stderr=subprocess.PIPE)\n"
        "run.stdout.read(10); run.stdout.close()\n"
        "print(run.wait(timeout=60), run.stderr.read())\n"
    )
    assert python("-c", script, cwd=folder).stdout == "141 b''\n"


# measuring


def test_evaluate_finds_what_the_training_found(folder):
    done = brainbox("rnn", "evaluate", "--json", cwd=folder)
    fields = document(done.stdout)
    trained = document((folder / "brainbox-out/rnn/runs/1/run.json").read_text())
    assert fields["result"] == {name: trained["result"][name] for name in fields["result"]}
    assert "(6,438 characters of play)" in done.stderr
    assert fields["warnings"] == []


def test_evaluate_on_another_text(folder, tmp_path):
    (tmp_path / "other.txt").write_text("To be or not to be: that is \u2026 \n" * 100)
    done = brainbox("rnn", "evaluate", "--text", tmp_path / "other.txt", "--json", cwd=folder)
    fields = document(done.stdout)
    assert fields["warnings"] == [
        f"the model does not know '…' (U+2026): 100 characters of {tmp_path / 'other.txt'} are left out",
        f"of {tmp_path / 'other.txt'} only its last 10% is judged, as in the training: 300 characters",
    ]
    assert fields["data"]["val"] == 300


def test_a_model_of_lines_is_measured_by_lines(names):
    done = brainbox("rnn", "evaluate", cwd=names)
    assert "(4 lines of names.txt)" in done.stdout


# what it cannot learn from


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is empty"),
        (b"x", "too short: 1 characters: expected at least 651"),
        (b"to be or not\n" * 30, "too short: 390 characters"),
        (b"a" * 5000, "nothing to learn: every character is 'a'"),
        (bytes(range(256)) * 10, "holds a NUL|is not UTF-8"),
        (b"caf\xe9\n" * 1000, "line 1: is not UTF-8"),
        (b"\x89PNG\r\n\x1a\n" + bytes(5000), "is a PNG picture, not a text"),
    ],
    ids=["empty", "one character", "shorter than a window", "one kind", "binary", "latin-1", "PNG"],
)
def test_texts_that_nothing_can_be_learned_from(content, told, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text").write_bytes(content)
    code, fields = run_here("rnn", "--text", "text", "-o", "out", *SMALL)
    assert (code, fields["error"]["kind"]) == (3, "input")
    assert re.search(told, fields["error"]["message"]) and fields["error"]["hint"]
    assert not (tmp_path / "out" / "model.safetensors").exists()


def test_line_ends_and_marks_make_no_difference_to_what_is_learned(tmp_path):
    models = []
    for name, start, end in (("a", b"", b"\n"), ("b", b"\xef\xbb\xbf", b"\r\n")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "text").write_bytes(start + (b"to be or not to be" + end) * 60)
        assert brainbox("rnn", "--text", "text", *SMALL, cwd=tmp_path / name).returncode == 0
        models.append(rnn.load_model(tmp_path / name / "brainbox-out/rnn/runs/1/model.safetensors").params.values)
    assert (models[0] == models[1]).all()


def test_a_text_from_standard_input(tmp_path):
    done = brainbox("rnn", "--text", "-", *SMALL, cwd=tmp_path, stdin=b"to be or not to be\n" * 60)
    assert done.returncode == 0, done.stderr
    gone = brainbox("rnn", "evaluate", cwd=tmp_path)
    assert gone.returncode == 3
    assert "it was trained on standard input" in gone.stderr and "--data" in gone.stderr
    assert brainbox("rnn", "evaluate", "--text", "-", cwd=tmp_path, stdin=b"to be or not\n" * 60).returncode == 0


def test_an_alphabet_that_is_too_large_is_cut_and_said(tmp_path):
    (tmp_path / "text").write_text("".join(chr(0x4E00 + number % 5000) for number in range(6000)))
    done = brainbox("rnn", "--text", "text", "--steps", 2, "--hidden", 8, cwd=tmp_path)
    assert done.returncode == 4  # two steps teach nothing
    assert "5,000 different characters: the 999 most frequent are learned" in done.stderr


def test_a_training_that_blows_up_keeps_the_model_that_was_there(folder, tmp_path):
    out = tmp_path / "brainbox-out" / "rnn"
    out.mkdir(parents=True)
    before = (folder / "brainbox-out/rnn/runs/1/model.safetensors").read_bytes()
    (out / "model.safetensors").write_bytes(before)
    done = brainbox("rnn", "--cell", "rnn", "--lr", 10, "--clip", 0, "--steps", 200, "--json", cwd=tmp_path)
    fields = document(done.stdout)
    assert (done.returncode, fields["error"]["kind"]) == (4, "not_converged")
    assert "step" in fields["error"]["message"] and "--clip 1" in fields["error"]["hint"]
    assert (out / "model.safetensors").read_bytes() == before
    assert json.loads((out / "runs/1/metrics.jsonl").read_text().splitlines()[-1])["status"] == "error"


def test_windows_that_do_not_fit_into_memory(tmp_path):
    (tmp_path / "text").write_text("to be or not to be\n" * 200_000)
    done = brainbox("rnn", "--text", "text", "--seq-len", 100_000, "--hidden", 10_000, cwd=tmp_path)
    assert done.returncode == 2
    assert re.search(r"16 windows of 100,000 characters side by side: training needs [\d,.]+ GB", done.stderr)


@pytest.mark.parametrize(
    "words",
    [("--cell", "gpt"), ("--clip", "-1"), ("--seq-len", "0"), ("--steps", "1.5"), ("--lr", "nan"), ("--layers", "0")],
    ids=" ".join,
)
def test_options_of_a_training_that_make_no_sense(words):
    code, fields = run_here("rnn", *words)
    assert (code, fields["error"]["kind"]) == (2, "usage")


def test_a_generator_reads_no_digits(folder):
    done = brainbox("mnist", "evaluate", "--model", "rnn", cwd=folder)
    assert done.returncode == 3
    assert "rnn model" in done.stderr


def test_options_follow_the_verb(folder):
    done = brainbox("rnn", "--prime", "A", "sample", cwd=folder)
    assert done.returncode == 2
    assert "brainbox rnn sample --prime A" in done.stderr


def test_nothing_heavy_is_loaded_for_a_sample(folder):
    script = (
        "import atexit, sys\n"
        "sys.argv = ['brainbox', 'rnn', 'sample', '--length', '9']\n"
        "atexit.register(lambda: print(*sys.modules, file=sys.stderr))\n"
        "from brainbox_cli.app import main\n"
        "main()\n"
    )
    loaded = set(python("-c", script, cwd=folder).stderr.split())
    assert "numpy" in loaded and not loaded & {"matplotlib", "rich"}


# pictures


def test_every_picture_holds_something(folder):
    for name in ("loss", "gradient", "characters", "units"):
        with Image.open(folder / "brainbox-out/rnn/runs/1" / f"{name}.png") as picture:
            assert picture.width > 400 and picture.height > 100
            assert len(picture.convert("L").getcolors(256)) > 20
            assert picture.info["Software"] == "made by brainbox"


def test_characters_are_drawn_as_they_are(tmp_path):
    (tmp_path / "text").write_text("$x^2$ \\frac{a_b} \u65e5\u672c \U0001f600 \x1b[31m \u202eabc\n" * 60)
    settings = Settings(data=str(tmp_path / "text"), hidden=4, embedding=0, steps=2, sample_every=1)
    data = rnn.load_data(settings)
    model = rnn.build_model(settings, data)
    result = rnn.train(model, settings, data)
    paths = rnn_picture.draw(tmp_path, model, data, result)
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in paths.values())
    shown = [text.get_text() for text in rnn_picture.character_map(model, data).axes[0].texts]
    assert {"$", "\\", "space", "line end", r"\x1b", r"\u202e"} <= set(shown)
    assert all(not text.get_parse_math() for text in rnn_picture.character_map(model, data).axes[0].texts)


def test_characters_of_which_nothing_was_learned_are_drawn_in_one_place(tmp_path):
    (tmp_path / "text").write_text("ab" * 400)
    settings = Settings(data=str(tmp_path / "text"), cell="rnn", hidden=1)  # there is one principal component
    data = rnn.load_data(settings)
    model = rnn.build_model(settings, data)
    model.layers[0].table.data[...] = 0
    (axes,) = rnn_picture.character_map(model, data).axes
    assert [text.get_position() for text in axes.texts] == [(0, 0)] * 2
    assert axes.get_xlim() == (-1, 1)


def test_units_are_shown_over_lines(names):
    model = rnn.load_model(names / "brainbox-out/rnn/runs/1/model.safetensors")
    settings = Settings(data=str(names / "names.txt"), lines=True)
    figure = rnn_picture.units_over_text(model, rnn.load_data(settings))
    assert [axes.get_title(loc="left").partition(": ")[2].partition(" (")[0] for axes in figure.axes] == [
        "how far into the line",
        "how far into the word",
        "vowels",  # there are no capitals
    ]
