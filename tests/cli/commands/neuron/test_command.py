import re

import pytest

from brainbox_core.tasks.neuron.learn import GATES
from tests.cli.shell import brainbox, python, run_here

LOADED = """
import atexit, sys
sys.argv = ["brainbox", *sys.argv[1:]]
atexit.register(lambda: print("LOADED", *sorted(sys.modules), file=sys.stderr))
from brainbox_cli.app import main
main()
"""


@pytest.mark.parametrize("words", [["--gate", "xor"], ["--table", "00010111", "--json", "--explain"], ["--help"]])
def test_it_never_imports_numpy(words, tmp_path):
    done = python("-c", LOADED, "neuron", *words, cwd=tmp_path)
    loaded = set(done.stderr.rsplit("LOADED", 1)[1].split())
    assert "brainbox_core.tasks.neuron.learn" in loaded
    assert not {name for name in loaded if name.split(".")[0] in ("numpy", "matplotlib", "PIL")}


def test_the_shape_of_a_run(tmp_path):
    lines = brainbox("neuron", cwd=tmp_path).stdout.splitlines()
    number = r"-?[0-9.]+"
    shapes = [
        r"neuron: perceptron, 2 inputs and a bias \| or \(0111\) \| lr 0.1, seed 0",
        rf"Initial weights: w1={number}, w2={number}, b={number}",
        *[r"Epoch 1: input=\[[01], [01]\] target=1 predicted=0 error=1 -> updating weights"] * 3,
        r"Epoch 2: input=\[0, 1\] target=1 predicted=0 error=1 -> updating weights",
        r"Epoch 3: solved!",
        r"Final weights: w1=0.3, w2=0.4, b=-0.3",
        r"\[0, 0\] -> 0 \(correct\)",
        r"\[0, 1\] -> 1 \(correct\)",
        r"\[1, 0\] -> 1 \(correct\)",
        r"\[1, 1\] -> 1 \(correct\)",
        r"updates    4 of at most 21 from this start; .* = 27",
        r"next       brainbox neuron --gate xor",
        r"reproduce  brainbox neuron --seed 0",
    ]
    assert len(lines) == len(shapes)
    for line, shape in zip(lines, shapes, strict=True):
        assert re.fullmatch(shape, line)


@pytest.mark.parametrize("gate", GATES)
def test_every_gate(gate):
    code, fields = run_here("neuron", "--gate", gate)
    result = fields["result"]
    possible = gate not in ("xor", "xnor")
    assert result["separable"] is result["solved"] is possible
    assert code == (0 if possible else 4)
    assert [row["target"] for row in result["table"]] == [int(digit) for digit in GATES[gate]]
    assert all(row["correct"] for row in result["table"]) == possible
    assert len(fields["history"]) == result["epochs"]
    assert sum(row["mistakes"] for row in fields["history"]) == result["updates"]
    for row in result["table"]:
        total = sum(w * x for w, x in zip(result["weights"], row["input"], strict=True)) + result["bias"]
        assert row["predicted"] == (total >= -1e-12)


def test_xor_is_explained(tmp_path):
    done = brainbox("neuron", "--gate", "xor", cwd=tmp_path)
    assert done.returncode == 4
    assert "the weights come round again; from here they repeat every 4 updates" in done.stdout
    assert "no line has [0, 1] and [1, 0] on one side and [0, 0] and [1, 1] on the other" in done.stdout
    assert "[0, 1] + [1, 0] = [0, 0] + [1, 1] = [1, 1]" in done.stdout
    assert "error: xor is not linearly separable: no single neuron can learn it" in done.stderr
    states = re.findall(r"^ *(?:->)? *(\(.*?\))", done.stdout, re.MULTILINE)
    assert len(states) == 5
    assert states[0] == states[-1]


def test_counts_in_a_reason(tmp_path):
    text = brainbox("neuron", "--table", "00010110", cwd=tmp_path).stdout
    reason = re.search(r"^ +(.*\[.*) = (.*\[.*) = \[(.*)\]$", text, re.MULTILINE)

    def total(side: str) -> list[int]:
        rows = re.findall(r"(?:(\d+)\*)?\[([01, ]+)\]", side)
        return [sum(int(count or 1) * int(row.split(", ")[axis]) for count, row in rows) for axis in range(3)]

    assert total(reason[1]) == total(reason[2]) == [int(x) for x in reason[3].split(", ")]


def test_explain_shows_the_arithmetic(tmp_path):
    lines = brainbox("neuron", "--gate", "and", "--explain", cwd=tmp_path).stdout.splitlines()
    first = next(index for index, line in enumerate(lines) if line.startswith("Epoch 1"))
    for line in lines[first + 1 : first + 5]:
        formula, result = re.match(r" +\w+: +(.*) = (-?[0-9.]+)(?:,.*)?$", line).groups()
        assert re.fullmatch(r"[0-9.+* ()-]+", formula)
        assert eval(formula) == pytest.approx(float(result))  # our own text, of digits and signs only
    assert "[1, 1] -> 1 (correct)   0.3*1 + 0.3*1 + -0.5 = 0.1, 0 or more" in lines


def test_many_updates_are_cut_short(tmp_path):
    words = ["neuron", "--lr", "0.001", "--epochs", "5000"]
    short, long = (brainbox(*words, *more, cwd=tmp_path).stdout for more in ([], ["--verbose"]))
    assert short.count("updating weights") == 60
    assert "--verbose shows every update" in short
    assert long.count("updating weights") == int(re.search(r"^updates +(\d+) of", long, re.MULTILINE)[1]) > 60


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--table", "011"], 3, '"011" is not a truth table'),
        (["--table", ""], 3, '"" is not a truth table'),
        (["--table", "0110", "--gate", "or"], 2, "a gate is a truth table, too"),
        (["--gate", "xro"], 2, "did you mean xor?"),
        *((["--lr", x], 2, "--lr: expected a number from 0.0001 to 10000") for x in ("0", "-1", "nan", "inf")),
        *((["--epochs", x], 2, "--epochs: expected a whole number") for x in ("0", "-1", "1e18", str(10**18))),
        *((["--seed", x], 2, "--seed: expected a whole number") for x in ("-1", str(2**64), "abc")),
        (["--epochs", "1"], 4, "or is not learned by epoch 1; it takes at most 21 updates"),
        (["--gate", "xor", "--epochs", "1"], 4, "not linearly separable"),
    ],
)
def test_mistakes_and_failures(words, code, message, capsys):
    found, fields = run_here("neuron", *words)
    assert found == code == fields["exit_code"]
    assert message in capsys.readouterr().err


def test_constants_are_learned():
    assert run_here("neuron", "--table", "0" * 16)[0] == 0
