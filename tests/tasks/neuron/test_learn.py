import itertools
import math
import random
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import pytest

from brainbox_core.errors import ConvergenceError, InputError, UsageError
from brainbox_core.tasks.neuron.learn import (
    GATES,
    activation,
    learn,
    learn_table,
    predict,
    short,
    start_weights,
    truth_table,
)
from tests.core.scalar.test_margin import balances

SQUARE = [(0, 0), (0, 1), (1, 0), (1, 1)]


def right(result) -> bool:
    return [predict(result.weights, row) for row in result.rows] == list(result.targets)


def check(result) -> bool:
    """Solved within the bound, or proved to be impossible, in both ways; gives whether it is solved."""
    if result.solved:
        assert right(result)
        assert result.separation.possible
        assert result.updates <= result.bound
        assert result.problem is None
    else:
        assert balances(result.rows, result.targets, result.separation.balance)
        assert result.cycle[-1] == result.weights
        assert "not linearly separable" in result.problem.what
    return result.solved


def test_it_imports_no_numpy():
    code = (
        "import sys; from brainbox_core.tasks.neuron.learn import *; "
        "learn_table('0110'); sys.exit('numpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[3], check=False).returncode == 0


def test_all_14_functions_of_two_inputs_from_every_start():
    tenths = [Fraction(number, 10) for number in (-10, -3, 0, 7)]
    for table in map("".join, itertools.product("01", repeat=4)):
        for start in itertools.product(tenths, repeat=3):
            assert check(learn_table(table, start=start)) == (table not in (GATES["xor"], GATES["xnor"]))


def test_104_of_the_256_functions_of_three_inputs():
    tables = map("".join, itertools.product("01", repeat=8))
    assert sum(check(learn_table(table, seed=index)) for index, table in enumerate(tables)) == 104


def test_some_functions_of_four_inputs():
    numbers = random.Random(4)
    for index in range(60):
        check(learn_table(format(numbers.getrandbits(16), "016b"), seed=index))
    for index in range(60):  # a function at random is hardly ever separable; these are
        weights = [numbers.randint(-5, 5) for _ in range(5)]
        rows = truth_table("0" * 16)[1]
        table = "".join(str(int(activation(weights, row) >= 0)) for row in rows)
        assert check(learn_table(table, seed=index))


def alike(table: str) -> set[str]:
    """All tables that come of one by exchanging and inverting inputs and inverting the output; it is one of them."""
    rows = truth_table(table)[1]
    value = dict(zip(rows, table, strict=True))
    found = set()
    for order in itertools.permutations(range(len(rows[0]))):
        for flips in rows:
            other = "".join(value[tuple(row[i] ^ flip for i, flip in zip(order, flips, strict=True))] for row in rows)
            found |= {other, other.translate({48: "1", 49: "0"})}
    return found


def test_1882_of_the_65536_functions_of_four_inputs():
    """One of each of the 222 kinds: exchanging and inverting changes nothing about what a line can separate."""
    kinds, solved, seen = 0, 0, set()
    for table in map("".join, itertools.product("01", repeat=16)):
        if table not in seen:
            kind = alike(table)
            seen |= kind
            solved += len(kind) * check(learn_table(table, seed=kinds))
            kinds += 1
    assert (kinds, solved) == (222, 1882)


@pytest.mark.long
def test_each_of_the_65536_functions_of_four_inputs():
    solved = 0
    for number in range(2**16):
        solved += check(learn_table(format(number, "016b"), seed=number % 50))
    assert solved == 1882


def test_updates_never_exceed_the_bound():
    numbers = random.Random(5)
    for case in range(10_000):
        inputs = numbers.randint(1, 3)
        rows = [[numbers.randint(-4, 4) for _ in range(inputs)] for _ in range(numbers.randint(2, 5))]
        plane = [numbers.choice((-3, -2, -1, 1, 2, 3)) for _ in range(inputs + 1)]
        labels = [predict(plane, row) for row in rows]
        if len(set(labels)) < 2:
            labels[0], rows[0] = 1 - labels[0], [99] * inputs  # far away from the others
        start = [numbers.randint(-20, 20) / 10 for _ in range(inputs + 1)] if case % 2 else [0] * (inputs + 1)
        result = learn(rows, labels, lr=numbers.choice((0.1, 0.5, 1, 3)), start=start, epochs=100_000)
        if not result.separation.possible:  # the row that was moved lies opposite
            continue
        assert result.solved
        assert result.updates <= result.bound
        if not case % 2:
            assert result.bound == math.floor(result.separation.radius_squared / result.separation.margin_squared)


def test_the_path_is_the_delta_rule():
    updates = []
    result = learn_table("0111", lr=0.1, start=[0.2, -0.5, 0.1], watch=updates.append)
    weights = tuple(Fraction(x) for x in ("0.2", "-0.5", "0.1"))
    for update in updates:
        assert update.before == weights
        assert update.predicted == predict(weights, update.row) != update.target
        weights = tuple(w + Fraction("0.1") * update.error * x for w, x in zip(weights, (*update.row, 1), strict=True))
        assert update.after == weights
    assert result.weights == weights
    assert result.updates == len(updates)
    assert result.epochs == updates[-1].epoch + 1  # one more, without a mistake


def test_weights_print_short():
    result = learn_table("0111")
    assert all(len(short(weight)) <= 4 for weight in result.weights)
    assert short(Fraction(10) ** 400) == "1.00000000000e+400"


def test_the_cycle_is_one():
    result = learn_table(GATES["xor"])
    again = learn_table(GATES["xor"], start=result.weights)
    assert set(again.cycle) == set(result.cycle)
    assert len(set(result.cycle)) == len(result.cycle)


def test_starts():
    assert start_weights(0, 2) == start_weights(0, 2) != start_weights(1, 2)
    assert all(abs(weight) <= 1 and weight * 10 % 1 == 0 for weight in start_weights(7, 4))
    with pytest.raises(UsageError):
        start_weights(-1, 2)


def test_a_margin_of_1e_minus_12_is_not_waited_for():
    result = learn([[1.0], [1.000000000001]], [0, 1], epochs=50)
    assert not result.solved
    assert result.separation.possible
    assert isinstance(result.problem, ConvergenceError)
    assert "astronomical" in result.problem.what
    assert "bound of 1.6e+25 updates" in result.problem.what
    assert result.bound > 10**24


def test_too_few_epochs_are_told_from_impossible():
    problem = learn_table("0111", epochs=1).problem
    assert "is not learned by epoch 1" in problem.what
    assert "21 updates" in problem.what
    assert "not linearly separable" in learn_table("0110", epochs=1).problem.what  # proved without waiting for a cycle


def test_huge_numbers_do_not_overflow():
    result = learn([[1e308, 1e308], [-1e308, 1e308]], ["up", "down"])
    assert result.solved
    assert right(result)
    assert all(weight == weight for weight in result.weights)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), "3", None])
def test_a_number_that_is_none_is_named(bad):
    with pytest.raises(InputError, match="row 2, column 1"):
        learn([[1, 2], [bad, 4]], [0, 1])


def test_rows_that_contradict_each_other_are_named():
    with pytest.raises(InputError, match="rows 1 and 3 are the same but have the labels 0 and 1"):
        learn([[1, 2], [3, 4], [1.0, 2.0]], [0, 1, 1])
    assert learn([[1, 2], [3, 4], [1.0, 2.0]], [0, 1, 0]).solved  # twice the same is no contradiction


@pytest.mark.parametrize("labels", [[1, 1], ["a", "a"], [0, 1, 2], ["a", "b", 3]])
def test_labels_that_are_not_two_are_listed(labels):
    rows = [[index] for index in range(len(labels))]
    with pytest.raises(InputError, match="two different labels") as caught:
        learn(rows, labels)
    assert all(repr(label) in caught.value.line for label in labels)


def test_no_rows():
    with pytest.raises(InputError, match="no rows"):
        learn([], [])


def test_rows_of_different_length():
    with pytest.raises(InputError, match="row 2"):
        learn([[1, 2], [3]], [0, 1])


@pytest.mark.parametrize(
    "options",
    [{"lr": x} for x in (0, -1, math.nan, math.inf)]
    + [{"epochs": x} for x in (0, -1, 1e18)]
    + [{"seed": x} for x in (-1, "abc")]
    + [{"start": [1.0]}],
)
def test_options_out_of_range(options):
    with pytest.raises(UsageError):
        learn_table("0111", **options)


def test_labels_that_miss():
    with pytest.raises(UsageError, match="2 labels"):
        learn([[1], [2]], [0])


@pytest.mark.parametrize("text", ["", "0", "011", "01101", "0112", "01 1", "٠١١٠", "0" * 32])
def test_texts_that_are_no_truth_table(text):
    with pytest.raises(InputError, match="is not a truth table"):
        truth_table(text)


def test_classes_may_be_words():
    result = learn([[0], [1]], ["spam", "ham"])
    assert result.classes == ("ham", "spam")
    assert result.targets == (1, 0)


def test_gates_are_their_functions():
    for name, function in {
        "and": lambda a, b: a and b,
        "or": lambda a, b: a or b,
        "xor": lambda a, b: a != b,
        "nand": lambda a, b: not (a and b),
        "nor": lambda a, b: not (a or b),
        "xnor": lambda a, b: a == b,
    }.items():
        assert truth_table(GATES[name]) == (name, tuple(SQUARE), tuple(int(function(a, b)) for a, b in SQUARE))
