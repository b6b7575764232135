import math
import re

import pytest

from brainbox_core.scalar.value import Value
from tests.cli.shell import brainbox, document, in_terminal, run_here, screen

EXAMPLE = ["x*y + z", "--at", "x=2,y=-3,z=10"]


def test_the_shape_of_a_run(tmp_path):
    done = brainbox("autograd", *EXAMPLE, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == brainbox("autograd", cwd=tmp_path).stdout.replace(
        "autograd --seed", "autograd 'x*y + z' --at x=2,y=-3,z=10 --seed"
    )
    assert done.stdout.splitlines()[:11] == [
        "autograd: x*y + z | x=2, y=-3, z=10",
        "value: 4.0",
        "x.grad: -3.0",
        "y.grad: 2.0",
        "z.grad: 1.0",
        "",
        "         data  grad",
        "   ┌─ x   2.0  -3.0",
        "   ├─ y  -3.0   2.0",
        "┌─ *     -6.0   1.0",
        "├─ z     10.0   1.0",
    ]
    assert done.stdout.count("agree") == 3
    assert list(tmp_path.iterdir()) == []


def test_the_document():
    code, fields = run_here("autograd", *EXAMPLE)
    assert code == 0
    assert fields["result"]["value"] == 4.0
    assert fields["result"]["gradients"] == {"x": -3.0, "y": 2.0, "z": 1.0}
    assert fields["result"]["max_check_error"] < 1e-9
    assert fields["config"]["at"] == {"x": 2.0, "y": -3.0, "z": 10.0}


def test_micrograds_own_values():
    # The expression of micrograd's README, its assignments put into one formula, with the published results.
    c = "(2*(a+b) + 1)"
    c = f"({c} + 1 + {c} - a)"
    d = "(3*(a*b + b^3) + relu(b + a))"
    d = f"(4*{d} + relu(b - a))"
    f = f"({c} - {d})^2"
    text = f"{f}/2 + 10/{f}"
    code, fields = run_here("autograd", text, "--at", "a=-4,b=2")
    assert code == 0
    assert round(fields["result"]["value"], 4) == 24.7041
    assert round(fields["result"]["gradients"]["a"], 4) == 138.8338
    assert round(fields["result"]["gradients"]["b"], 4) == 645.5773


def test_a_wrong_gradient_is_exit_4(monkeypatch, capsys):
    monkeypatch.setattr(Value, "sin", lambda x: Value(math.sin(x.data), "sin", (x,), (1.0,)))
    code, fields = run_here("autograd", "sin(x)", "--at", "x=1")
    assert code == 4
    assert fields["result"]["checks"] == {"x": "wrong"}
    assert "gradient check failed: x.grad is 1 by backpropagation, but 0.540302" in fields["error"]["message"]
    assert run_here("autograd", "sin(x)", "--at", "x=1", "--no-check")[0] == 0


def test_infinite_slopes_are_null_and_no_failure():
    code, fields = run_here("autograd", "sqrt(x)", "--at", "x=0")
    assert code == 0
    assert fields["result"]["gradients"] == {"x": None}
    assert fields["result"]["max_check_error"] is None


def test_files(tmp_path):
    done = brainbox("autograd", *EXAMPLE, "--dot", "a.dot", "--plot", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "a.dot").read_text().startswith("digraph {")
    assert (tmp_path / "brainbox-out/autograd/autograd.png").read_bytes().startswith(b"\x89PNG")
    piped = brainbox("autograd", *EXAMPLE, "--dot", "-", cwd=tmp_path)
    assert piped.stdout == (tmp_path / "a.dot").read_text()
    assert "x.grad: -3.0" in piped.stderr


def test_the_largest_formula_is_drawn(tmp_path):
    text = "+".join(["sin(x)*y"] * 51)  # 255 nodes
    code, _ = run_here(
        "autograd", text, "--at", "x=1,y=2", "--plot", str(tmp_path / "a.png"), "--dot", str(tmp_path / "a.dot")
    )
    assert code == 0
    assert (tmp_path / "a.png").stat().st_size < 3_000_000


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["x*y"], 2, "add --at x=1,y=1"),
        (["x*y", "--at", "x=1"], 2, "y needs a value"),
        (["x", "--at", "x=1,y=2"], 2, "there is no y in the formula"),
        (["x", "--at", "x=1,x=2"], 2, "x is given twice"),
        (["x", "--at", "x"], 2, "expected names and numbers such as x=2,y=-3"),
        (["x", "--at", "x=nan"], 2, "--at"),
        (["x", "--at", "x=1e999"], 2, "--at"),
        (["x", "--at", ""], 2, "--at"),
        (["x +", "--at", "x=1"], 3, 'column 4 of "x +"'),
        (["__import__('os')"], 3, "column 1"),
        (["log(x)", "--at", "x=0"], 4, "log(0.0)"),
        (["--dataset", "moon"], 2, "did you mean moons?"),
        (["x", "--dataset", "moons"], 2, "EXPR belongs to a formula"),
        (["--dataset", "moons", "--dot", "a.dot"], 2, "--dot belongs to a formula"),
        (["--dot", "a.png"], 2, "expected a file name that ends in .dot or .gv"),
        (["--plot", "a.png", "--dot", "a.png"], 2, "ends in .dot or .gv"),
    ],
)
def test_mistakes(words, code, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run_here("autograd", *words)[0] == code
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_formula_that_begins_with_a_sign(tmp_path):
    done = brainbox("autograd", "-x^2", cwd=tmp_path)
    assert done.returncode == 2
    assert "write -- before it" in done.stderr
    done = brainbox("autograd", "--at", "x=3", "--", "-x^2", cwd=tmp_path)
    assert "x.grad: -6.0" in done.stdout
    assert done.stdout.rstrip().endswith("brainbox autograd --at x=3 --seed 0 -- '-x^2'")


def test_a_training_off_a_terminal(tmp_path):
    done = brainbox("autograd", "--dataset", "xor", "--json", "--plot", "xor.png", cwd=tmp_path)
    fields = document(done.stdout)
    assert fields["result"]["test_accuracy"] >= 0.95
    assert fields["model"]["params"] == fields["result"]["params"] == 205
    assert len(fields["history"]) == 50
    assert len(re.findall(r"^boundary after epoch", done.stderr, re.MULTILINE)) == 3
    assert len(re.findall(r"^ +\d+ +\d\.\d{4} ", done.stderr, re.MULTILINE)) == 50
    assert "\x1b" not in done.stderr
    assert (tmp_path / "xor.png").read_bytes().startswith(b"\x89PNG")


def test_a_training_on_a_terminal_leaves_one_picture(tmp_path):
    code, text = in_terminal("autograd", "--dataset", "circles", cwd=tmp_path, columns=70)
    assert code == 0
    assert text.count("boundary") > 10  # redrawn in place
    lines = screen(text)
    assert sum(line.startswith("boundary") for line in lines) == 1
    assert max(map(len, lines)) <= 70


@pytest.mark.parametrize("columns", [1, 20])
def test_narrow_terminals(columns, tmp_path):
    code, text = in_terminal("autograd", cwd=tmp_path, columns=columns)
    assert code == 0
    assert "Traceback" not in text
