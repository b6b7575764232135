import math

import pytest

from brainbox_core.errors import ConvergenceError, InputError, UsageError
from brainbox_core.scalar.value import Value
from brainbox_core.tasks.autograd.formula import check, differentiate


def verdicts(text: str, **point: float) -> list[str]:
    return [found.verdict for found in check(differentiate(text, point))]


def test_the_example():
    result = differentiate("x*y + z", {"x": 2, "y": -3, "z": 10})
    assert result.value == 4.0
    assert result.gradients == {"x": -3.0, "y": 2.0, "z": 1.0}


@pytest.mark.parametrize(
    ("text", "x"),
    [
        ("sin(1000*x)", 1),
        ("log(x)", 1e-8),
        ("1/x", 1e-5),
        ("x + 1e10", 1),
        ("exp(x)", 700),
        ("exp(x)", -800),
        ("x*1e300", 3),
        ("x*1e-300", 3),
        ("abs(x)^0.5", 1e-9),
        ("x^x^x", 2),
        ("tan(x)", 1.5707),
        ("x^2", 1e150),
        ("sigmoid(x)", 1000),
        ("x", 1e300),
        ("tanh(sin(x)*exp(-x^2)) / (1 + x^2)", 0.7),
    ],
)
def test_right_gradients_agree(text, x):
    assert verdicts(text, x=x) == ["ok"]


@pytest.mark.parametrize(
    ("text", "point"), [("relu(x)", {"x": 0}), ("max(x, 2*x)", {"x": 0}), ("min(x, y)", {"x": 1, "y": 1})]
)
def test_kinks_are_told_from_mistakes(text, point):
    assert set(verdicts(text, **point)) == {"kink"}


@pytest.mark.parametrize(("text", "x"), [("sqrt(x)", 0), ("x^0.5", 0), ("sin(x)", 1e15)])
def test_what_cannot_be_checked_is_unclear(text, x):
    assert verdicts(text, x=x) == ["unclear"]


def test_an_exponent_of_a_negative_number():
    with pytest.raises(ConvergenceError, match=r"with respect to y at x=-2, y=2: the operation \*\* has no"):
        differentiate("x^y", {"x": -2, "y": 2})


@pytest.mark.parametrize(("text", "x"), [("x^x", -1), ("sqrt(x^2)", 0), ("1/sqrt(x-x)^0*sqrt(x*x)", 0)])
def test_a_derivative_that_does_not_exist_is_an_error(text, x):
    with pytest.raises(ConvergenceError, match=f"no derivative with respect to x at x={x}"):
        differentiate(text, {"x": x})


@pytest.mark.parametrize("x", [1.0, 30.0, -0.001])
@pytest.mark.parametrize("error", [1e-4, 1.0, -0.3])
def test_a_wrong_slope_is_found(monkeypatch, x, error):
    monkeypatch.setattr(
        Value, "tanh", lambda a: Value(math.tanh(a.data), "tanh", (a,), (1 - math.tanh(a.data) ** 2 + error,))
    )
    assert verdicts("tanh(x) + x", x=x) == ["wrong"]


def test_numbers_alone():
    result = differentiate("3 + 4", {})
    assert (result.value, result.gradients, check(result)) == (7.0, {}, [])


def test_mistakes():
    with pytest.raises(UsageError, match="y needs a value; add `at x=3,y=1`"):
        differentiate("x*y", {"x": 3})
    with pytest.raises(UsageError, match="there is no z in the formula"):
        differentiate("x*y", {"x": 3, "y": 1, "z": 2})
    with pytest.raises(InputError):
        differentiate("x*", {"x": 3})
    with pytest.raises(ConvergenceError):
        differentiate("log(x)", {"x": 0})
    with pytest.raises(ConvergenceError, match="inf"):
        differentiate("x*1e308", {"x": 10})
