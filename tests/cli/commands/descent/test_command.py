"""`brainbox descent` in a process of its own: what it prints, writes and returns."""

from __future__ import annotations

import io
import json
import re
import shlex
import types

import numpy as np
import pytest
from PIL import Image

from brainbox_cli.commands.descent.gif import draw_gif
from brainbox_cli.commands.descent.ground import box, moments
from brainbox_cli.commands.descent.picture import draw, open_window
from brainbox_cli.commands.descent.view import HEIGHT, WIDTH, play
from brainbox_cli.parsers import as_typed
from brainbox_core.errors import UsageError
from brainbox_core.screen.screen import Screen
from brainbox_core.tasks.descent.landscape import Landscape
from brainbox_core.tasks.descent.walk import descend
from tests.cli.shell import SCHEMA, brainbox, in_terminal, jsonschema, python


def document(done):
    result = json.loads(done.stdout)
    jsonschema.validate(result, SCHEMA)
    assert result["exit_code"] == done.returncode
    return result


def advised(stderr):
    """The words of the hint `try --lr 0.5: ...`."""
    return re.search(r"^hint: try (.+?): ", stderr, re.MULTILINE)[1].split()


def test_the_first_lesson(tmp_path):
    done = brainbox("descent", "--func", "x^2 + y^2", "--lr", "0.1", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "descent: x^2 + y^2 | from x=3, y=4 | gd, lr 0.1, tol 1e-06"
    assert lines[1] == "Step 1: grad=[6, 8] -> x=2.4, y=3.2"
    assert lines[2] == "Step 2: grad=[4.8, 6.4] -> x=1.92, y=2.56"
    assert "Step 73: grad=[6.31874e-07, 8.42498e-07] -> x=2.5275e-07, y=3.36999e-07" in lines
    assert "Step 11:" not in done.stdout
    assert "minimum    f = 1.77451e-13 at x=2.5275e-07, y=3.36999e-07  (73 steps, gd)" in lines
    assert any(line.startswith("f          25 █▅▃▂▁") for line in lines)
    assert "path       5 long" in lines
    assert "next       brainbox descent --optimizer all" in lines
    assert "\x1b" not in done.stdout and "\r" not in done.stdout
    assert not list(tmp_path.iterdir())
    assert brainbox("descent", cwd=tmp_path).stdout.splitlines()[1:-1] == lines[1:-1]  # it is the default


def test_every_step_with_verbose_and_only_the_answer_with_quiet(tmp_path):
    assert brainbox("descent", "-v", cwd=tmp_path).stdout.count("\nStep ") == 73
    quiet = brainbox("descent", "-q", cwd=tmp_path).stdout.splitlines()
    assert quiet == ["minimum    f = 1.77451e-13 at x=2.5275e-07, y=3.36999e-07  (73 steps, gd)"]


def test_one_variable_is_a_curve_and_more_than_two_have_no_picture(tmp_path):
    curve = brainbox("descent", "-f", "(a - 1)^2", "--lr", "0.2", cwd=tmp_path)
    assert curve.returncode == 0 and "●" in curve.stdout and "a 0.6" in curve.stdout
    many = brainbox("descent", "-f", "a^2 + b^2 + c^2 + d^2", "--start", "1,-2,3,-4", cwd=tmp_path)
    assert many.returncode == 0 and "Step 1: grad=[2, -4, 6, -8] -> a=0.8, b=-1.6, c=2.4, d=-3.2" in many.stdout
    assert "●" not in many.stdout and "--start 1,-2,3,-4" in many.stdout.splitlines()[-1]
    for flag in ("--plot", "--gif", "--show"):
        done = brainbox("descent", "-f", "x + y + z", flag, cwd=tmp_path)
        assert done.returncode == 2 and "3 variables (x, y, z) has no picture" in done.stderr
    assert not list(tmp_path.iterdir())


def test_json_document(tmp_path):
    done = brainbox("descent", "--json", cwd=tmp_path)
    result = document(done)
    assert result["result"] == {
        "path_length": pytest.approx(5, abs=1e-6),
        "minimum": {"x": pytest.approx(0, abs=1e-6), "y": pytest.approx(0, abs=1e-6)},
        "value": pytest.approx(0, abs=1e-12),
        "steps": 73,
        "status": "minimum",
    }
    assert [row["value"] for row in result["history"][:2]] == pytest.approx([16, 10.24])
    assert len(result["history"]) == 73
    assert (result["config"]["lr"], result["config"]["start"]) == (0.1, [3, 4])
    assert "Step 1: grad=[6, 8]" in done.stderr
    again = document(brainbox("descent", "--json", cwd=tmp_path))
    assert {**result, "timing": 0} == {**again, "timing": 0}


def test_json_of_a_failure_keeps_the_lowest_point(tmp_path):
    result = document(brainbox("descent", "--lr", "1.1", "--json", cwd=tmp_path))
    assert (result["exit_code"], result["error"]["kind"]) == (4, "not_converged")
    assert (result["result"]["status"], result["result"]["minimum"]) == ("diverged", {"x": 3, "y": 4})
    long = document(brainbox("descent", "-f", "x^2", "--lr", "1e-5", "--steps", "5001", "--json", cwd=tmp_path))
    assert len(long["history"]) == 833 and long["result"]["status"] == "slow"


def test_all_optimizers_in_one_table(tmp_path):
    done = brainbox("descent", "-f", "himmelblau", "--optimizer", "all", "--json", cwd=tmp_path)
    result = document(done)["result"]
    assert list(result["optimizers"]) == ["gd", "momentum", "nesterov", "adagrad", "rmsprop", "adam"]
    assert result["optimizer"] == "gd" and result["steps"] == result["optimizers"]["gd"]["steps"] == 62
    rows = [line.split() for line in done.stderr.splitlines() if re.match(r"[1-6]  [a-z]", line)]
    assert [row[1] for row in rows] == list(result["optimizers"])
    assert rows[0][2:4] == ["minimum", "62"]


@pytest.mark.parametrize(
    "options",
    [
        ["--lr", "1.1"],
        ["--lr", "1"],
        ["--lr", "1e-5"],
        ["-f", "rosenbrock", "--lr", "0.01"],
        ["-f", "rosenbrock", "--steps", "100"],
        ["-f", "x - log(x)", "--lr", "5"],
        ["-f", "(x^2 - 1)^2 + y^2", "--start", "0,1"],
    ],
)
def test_the_hint_of_a_failure_works(tmp_path, options):
    failed = brainbox("descent", *options, cwd=tmp_path)
    assert failed.returncode == 4 and failed.stderr.startswith("error: ")
    assert "next " not in failed.stdout and failed.stdout.count("lowest ") == 1
    words = advised(failed.stderr)
    kept = options
    for flag in words[::2]:
        if flag in kept:
            index = kept.index(flag)
            kept = kept[:index] + kept[index + 2 :]
    followed = brainbox("descent", *kept, *words, cwd=tmp_path)
    assert followed.returncode == 0, followed.stderr
    count = re.search(r"finds the minimum in ([\d,]+) step", failed.stderr)[1]
    assert f"({count} step" in followed.stdout


@pytest.mark.parametrize(
    "options, said",
    [
        (["-f", "x"], "there is no lowest point"),
        (["-f", "x - x"], "identically zero"),
        (["-f", "7"], "identically zero: 7 has no variable"),
        (["-f", "9**9**9"], "has no variable"),
        (["-f", "9**9**9*x"], "the start: f is not finite at x=3"),
        (["-f", "log(x)", "--start", "-1"], "the start: f is not finite at x=-1: "),
        (["-f", "abs(x)"], "the lowest point seen is x="),
        (["-f", "tanh(x)", "--start", "20"], "choose another --start"),
    ],
)
def test_failures_without_better_settings(tmp_path, options, said):
    done = brainbox("descent", *options, cwd=tmp_path)
    assert done.returncode == 4
    assert said in done.stderr and len(done.stderr.splitlines()) == 2 and "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "options, code, said",
    [
        (["--start", "3"], 2, "expected 2 numbers, for x, y, got 1"),
        (["--start", "3,4,5"], 2, "--start 3,4,5: does not fit the function"),
        (["--start", "nan,1"], 2, "--start: expected a number, got nan"),
        (["--start", "inf,1"], 2, "got inf"),
        (["--start", "1e400,1"], 2, "got 1e400"),
        (["--start", ""], 2, "--start: expected a number"),
        (["--start", "1_0,2"], 2, "got 1_0"),
        (["--start", "٣,2"], 2, "expected a number"),
        (["--lr", "inf"], 2, "above 0, got inf"),
        (["--lr", "0"], 2, "above 0, got 0"),
        (["--tol", "-1"], 2, "above 0, got -1"),
        (["--steps", "10000000"], 2, "from 1 to 1000000"),
        (["--optimizer", "adm"], 2, "did you mean adam?"),
        (["--explain", "99"], 2, "expected 1 to 73, got 99"),
        (["--explain", "1", "--optimizer", "all"], 2, "one optimizer at a time"),
        (["--plot", "picture.jpg"], 2, "ends in .png"),
        (["--plot", "nowhere/picture.png"], 3, "nowhere"),
        (["-f", "2x"], 3, 'column 2 of "2x"'),
        (["-f", "__import__('os').system('id')"], 3, '"_" is not allowed'),
        (["-f", ""], 3, "the formula is empty"),
        (["-f", "(" * 10_000], 3, "at most 1,000 characters"),
        (["-f", "\x1b[31m"], 3, r'"\x1b" is not allowed'),
    ],
)
def test_rubbish_is_told_in_two_lines(tmp_path, options, code, said):
    done = brainbox("descent", *options, cwd=tmp_path)
    assert (done.returncode, said in done.stderr) == (code, True), done.stderr
    error, hint = done.stderr.splitlines()
    assert error.startswith("error: ") and hint.startswith("hint: ") and "--verbose" not in hint
    assert not list(tmp_path.iterdir())


def test_explain_shows_the_arithmetic_below_its_step(tmp_path):
    done = brainbox("descent", "--explain", "13", "--optimizer", "adam", cwd=tmp_path)
    lines = done.stdout.splitlines()
    index = next(index for index, line in enumerate(lines) if line.startswith("Step 13: "))
    assert lines[index + 1].startswith("    adam: m <- 0.9 * m + 0.1 * g;")
    assert lines[index + 2].startswith("    f(x=1.8247, ")
    assert brainbox("descent", "-f", "log(x)", "--explain", "47", cwd=tmp_path).stdout.count("    x <- ") == 1


def test_pictures(tmp_path):
    done = brainbox("descent", "--plot", "--gif", cwd=tmp_path)
    assert done.returncode == 0 and {path.name for path in (tmp_path / "brainbox-out/descent").iterdir()} == {
        "descent.png",
        "descent.gif",
    }
    with Image.open(tmp_path / "brainbox-out/descent/descent.png") as picture:
        assert picture.format == "PNG" and picture.width > 1000
        colours = np.asarray(picture.convert("RGB")).reshape(-1, 3)
    assert (colours == (0xF0, 0x8C, 0x2E)).all(axis=1).sum() > 500  # the path
    with Image.open(tmp_path / "brainbox-out/descent/descent.gif") as animation:
        assert animation.format == "GIF" and 20 <= animation.n_frames <= 45
        frames = []
        for number in (0, animation.n_frames - 1):
            animation.seek(number)
            frames.append((np.asarray(animation.convert("RGB")) == (0xF0, 0x8C, 0x2E)).all(axis=2).sum())
        assert frames[1] > 3 * frames[0] > 0


@pytest.mark.parametrize(
    "formula, start",
    [
        ("x*log(x)", [2]),  # undefined on the left
        ("log(x) + y^2", [2, 1]),
        ("x^2 - y^2", [0, 0]),  # no step is taken
        ("rosenbrock", [-1.2, 1]),  # flies away
        ("0*x + 0*y", [3, 4]),
        ("exp(800*x) + a_1^2", [1, -1]),  # infinite on the right
    ],
)
def test_pictures_of_difficult_landscapes(formula, start):
    descents = [descend(Landscape(formula), start, rule, steps=100) for rule in ("gd", "adam")]
    for content in (draw(descents), draw_gif(descents)):
        with Image.open(io.BytesIO(content)) as picture:
            picture.load()


def test_picture_to_standard_output(tmp_path):
    code = "import sys, subprocess as s; sys.stdout.write(str(s.run([sys.executable, '-m', 'brainbox_cli', 'descent', "
    code += "'--plot', '-'], capture_output=True).stdout[:4]))"
    assert python("-c", code, cwd=tmp_path).stdout == str(b"\x89PNG")


def test_a_window_without_a_display_is_refused_before_the_walk(tmp_path):
    done = brainbox("descent", "--show", cwd=tmp_path, DISPLAY="", WAYLAND_DISPLAY="", MPLBACKEND="")
    assert done.returncode == 2 and "Step 1" not in done.stdout
    assert "a window cannot be opened here" in done.stderr and "hint: write the picture to a file" in done.stderr
    done = brainbox("descent", "--show", cwd=tmp_path, DISPLAY="", WAYLAND_DISPLAY="", MPLBACKEND="TkAgg")
    assert done.returncode == 2 and "a window cannot be opened here" in done.stderr


def test_a_window_shows_the_picture(monkeypatch):
    import matplotlib.pyplot as plt

    figure = plt.figure()
    shown = []
    monkeypatch.setattr(plt, "figure", lambda **size: figure)
    monkeypatch.setattr(plt, "show", lambda block: shown.append(len(figure.axes)))
    with pytest.raises(UsageError, match="no display"):
        open_window()
    figure.canvas.required_interactive_framework = "test"
    open_window()([descend(Landscape("x^2 + y^2"), [3, 4])])
    assert shown == [2]
    plt.close("all")


# The landscape in characters


class Terminal(types.SimpleNamespace):
    """What a `Screen` writes to; never asked for its size, as it is no real terminal."""

    encoding = "utf-8"

    def isatty(self):
        return False

    def write(self, text):
        self.text += text

    def flush(self):
        pass


def drawn(*formulas_and_starts, **settings):
    terminal = Terminal(text="")
    play(Screen(terminal), [descend(Landscape(f), start, **settings) for f, start in formulas_and_starts])
    return terminal.text.splitlines()


def test_the_map_is_a_map():
    lines = drawn(("x^2 + y^2", [3, 4]))
    assert len(lines) == HEIGHT + 1 and max(map(len, lines)) <= WIDTH
    assert lines[-1] == "x -1.3 to 4.3  y -0.8 to 4.8"
    low = next(index for index, line in enumerate(lines) if "●" in line)
    column = lines[low].index("●")
    # The ball has stopped at the origin, and the ramp is lowest around it.
    assert (column / (WIDTH - 1) * 5.6 - 1.3, 4.8 - low / (HEIGHT - 1) * 5.6) == (
        pytest.approx(0, abs=0.1),
        pytest.approx(0, abs=0.2),
    )
    assert lines[low][column + 1] == " " and lines[0][-1] == "%"
    assert "/" in "".join(drawn(("log(x) + y^2", [2, 1])))  # outside the domain


def test_several_paths_are_numbered():
    text = "".join(drawn(("x^2 + y^2", [3, 4]), ("x^2 + y^2", [-3, 4])))
    assert "1" in text and "2" in text and "●" not in text


def test_the_box_leaves_out_what_flew_away():
    (left, right), (low, high) = box([descend(Landscape("rosenbrock"), [-1.2, 1], lr=0.01)])
    assert -10 < left < -1.2 < right < 10 and -10 < low < 1 < high < 10
    assert box([descend(Landscape("x^2 - y^2"), [0, 0])]) == [(-0.7, 0.7), (-0.7, 0.7)]


def test_moments():
    assert moments(0, 45) == [0]
    assert moments(44, 45) == list(range(45))
    many = moments(30_000, 45)
    assert many[0] == 0 and many[-1] == 30_000 and len(many) <= 45 and many == sorted(set(many))


def test_the_ball_rolls_on_a_terminal_and_the_picture_stays(tmp_path):
    code, text = in_terminal("descent", "--lr", "0.4", cwd=tmp_path)
    assert code == 0
    assert text.count("●") > 5 and "\x1b[" in text
    assert "Step 1: " in re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
    code, text = in_terminal("descent", "--lr", "0.4", cwd=tmp_path, NO_COLOR="1")
    assert code == 0 and "\x1b[4" not in text and ":::" in text
    code, text = in_terminal("descent", "--lr", "0.4", cwd=tmp_path, TERM="dumb")
    assert code == 0 and "\x1b" not in text and text.count("●") == 1
    code, text = in_terminal("descent", "--lr", "0.4", cwd=tmp_path, columns=19)
    assert code == 0 and "●" not in text


def test_ascii(tmp_path):
    done = brainbox("descent", cwd=tmp_path, PYTHONIOENCODING="ascii", PYTHONUTF8="0", LC_ALL="C")
    assert done.returncode == 0 and done.stdout.isascii() and "@" in done.stdout and "\\u" not in done.stdout


def test_help_loads_no_numpy(tmp_path):
    code = "import sys; from brainbox_cli.commands import descent; print('numpy' in sys.modules)"
    assert python("-c", code, cwd=tmp_path).stdout == "False\n"
    text = brainbox("descent", "--help", cwd=tmp_path).stdout
    assert "brainbox descent --func rosenbrock --optimizer momentum --lr 0.003 --tol 1e-7" in text


def test_the_command_of_the_help_page_reaches_a_millionth_of_a_millionth(tmp_path):
    words = shlex.split("descent --func rosenbrock --optimizer momentum --lr 0.003 --tol 1e-7 --json")
    result = document(brainbox(*words, cwd=tmp_path))["result"]
    assert result["steps"] == 1110 and result["value"] <= 1e-12


def test_whole_floats_are_typed_without_a_point():
    assert as_typed((3.0, -0.5)) == "3,-0.5"


@pytest.mark.parametrize(
    ("words", "length"),
    [
        (["--func", "x^2*1e200 + y", "--lr", "1e-201"], "3.072e+200"),
        (["--func", "x^2*1e200", "--start", "3", "--optimizer", "momentum", "--lr", "1e-300"], "6e+200"),
    ],
)
def test_a_gradient_whose_square_overflows_has_a_length(words, length, tmp_path):
    done = python("-W", "error", "-m", "brainbox_cli", "descent", *words, "--steps", 3, "--json", cwd=tmp_path)
    fields = document(done)
    assert (done.returncode, fields["warnings"]) == (4, [])
    assert fields["history"][-1]["gradient"] == pytest.approx(float(length), rel=1e-3)
    assert fields["metrics"]["gradient"] == fields["history"][-1]["gradient"]
    assert "inf" not in done.stderr
