"""Walking downhill: gradients, rules, verdicts on where a walk ended, and advice that works when it is followed."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

from brainbox_core.errors import ConvergenceError, InputError, UsageError
from brainbox_core.scalar.expression import parse
from brainbox_core.scalar.update_rules import DESCENT_OPTIMIZERS
from brainbox_core.tasks.descent.advice import advise
from brainbox_core.tasks.descent.arithmetic import explain
from brainbox_core.tasks.descent.landscape import Landscape
from brainbox_core.tasks.descent.settings import CLASSICS, choose
from brainbox_core.tasks.descent.verdict import classify, judge
from brainbox_core.tasks.descent.walk import descend


def walk(formula, *start, **settings):
    descent = descend(Landscape(formula), start, **settings)
    return descent, judge(descent)


# Landscapes

WAVY = "sin(x)*exp(y/3) + x^2*y - log(y + 5) + tanh(x*y) + 3*abs(x)"


@pytest.mark.parametrize("formula", [WAVY, *CLASSICS])
def test_gradient_and_hessian_agree_with_finite_differences(formula):
    landscape = Landscape(formula)
    rng = np.random.Generator(np.random.Philox(key=3))
    for point in rng.uniform(-2, 2, (20, 2)):
        value, gradient = landscape.slope(point)
        assert value == pytest.approx(landscape.value(point), rel=1e-14)
        steps = 1e-6 * np.eye(2)
        slopes = [(landscape.value(point + h) - landscape.value(point - h)) / 2e-6 for h in steps]
        scale = max(1.0, np.abs(gradient).max())
        assert gradient == pytest.approx(slopes, abs=1e-6 * scale)
        rows = [(landscape.slope(point + h)[1] - landscape.slope(point - h)[1]) / 2e-6 for h in steps]
        hessian = landscape.curvature(point)
        assert hessian == pytest.approx(np.array(rows), abs=1e-6 * max(1.0, np.abs(hessian).max()))
        assert (hessian == hessian.T).all()


def test_coordinates_follow_the_alphabet():
    landscape = Landscape("y^2 + 10*x")
    assert landscape.variables == ("x", "y")
    assert landscape.value([1, 2]) == 14


def test_grid_has_a_row_for_each_value_of_the_last_variable():
    x, y = np.array([0.0, 1.0, 2.0]), np.array([10.0, 20.0])
    assert (Landscape("x + y").grid(x, y) == y[:, None] + x[None, :]).all()
    assert Landscape("x^2").grid(x).tolist() == [0, 1, 4]
    assert Landscape("0*x + 0*y").grid(x, y).shape == (2, 3)
    assert np.isnan(Landscape("log(x - 1)").grid(x)[0])


@pytest.mark.parametrize("start", [(1,), (1, 2, 3), (math.nan, 1), (math.inf, 1), ()])
def test_a_start_that_does_not_fit(start):
    with pytest.raises(UsageError, match="expected 2 finite numbers, for x, y"):
        walk("x^2 + y^2", *start)


def test_other_arguments_that_do_not_fit():
    for settings in ({"lr": 0}, {"lr": -1}, {"lr": math.nan}, {"steps": 0}, {"tol": -1}, {"optimizer": "newton"}):
        with pytest.raises(UsageError):
            walk("x^2", 1, **settings)
    with pytest.raises(InputError, match="write 2"):
        walk("2x", 1)
    with pytest.raises(ConvergenceError, match="identically zero"):
        walk("5", 1)


def test_settings_know_the_classics():
    assert choose("rosenbrock").start == (-1.2, 1.0)
    assert choose("rosenbrock", (0.0, 0.0), 0.5, 7).steps == 7
    assert choose("a*b*c").start == (3.0, 4.0, 5.0)


# Walks


def test_the_first_lesson():
    descent, verdict = walk("x^2 + y^2", 3, 4, lr=0.1)
    assert descent.points[1].tolist() == [pytest.approx(2.4), pytest.approx(3.2)]
    assert descent.gradients[0].tolist() == [6, 8]
    assert descent.length == pytest.approx(5, abs=1e-6)
    assert verdict.status == "minimum" and descent.steps == 73


def by_hand(rule, gradient, point, lr, steps):
    """The rules as the papers write them, with averages and bias corrections, one number at a time."""
    x, v, s, m = point, 0.0, 0.0, 0.0
    for k in range(1, steps + 1):
        g = gradient(x)
        if rule == "gd":
            x -= lr * g
        elif rule == "momentum":
            v = 0.9 * v + g
            x -= lr * v
        elif rule == "nesterov":
            v = 0.9 * v + g
            x -= lr * (g + 0.9 * v)
        elif rule == "adagrad":
            s += g * g
            x -= lr * g / (math.sqrt(s) + 1e-8)
        elif rule == "rmsprop":
            s = 0.9 * s + 0.1 * g * g
            x -= lr * g / (math.sqrt(s) + 1e-8)
        else:
            m, s = 0.9 * m + 0.1 * g, 0.999 * s + 0.001 * g * g
            x -= lr * m / (1 - 0.9**k) / (math.sqrt(s / (1 - 0.999**k)) + 1e-8)
    return x


@pytest.mark.parametrize("rule", DESCENT_OPTIMIZERS)
def test_every_rule_moves_as_written(rule):
    descent, _ = walk("x^4/4 - x", 2.0, optimizer=rule, lr=0.05, steps=25, tol=0)
    expected = by_hand(rule, lambda x: x**3 - 1, 2.0, 0.05, 25)
    assert descent.points[25][0] == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("rule", DESCENT_OPTIMIZERS)
@pytest.mark.parametrize("step", [1, 2, 7])
def test_explained_arithmetic_is_right(rule, step):
    """The printed right-hand sides are formulas themselves: computed again, they give the next point."""
    descent, _ = walk("x^4/4 + 5*y^2 - x*y", 2, -1, optimizer=rule, lr=0.05, steps=10, tol=0)
    lines = explain(descent, step)
    moves = [re.fullmatch(r"([xy]) <- (.+) = (\S+)", line) for line in lines]
    moves = [match for match in moves if match]
    assert [match[1] for match in moves] == ["x", "y"]
    for match, after in zip(moves, descent.points[step], strict=True):
        assert float(match[3]) == pytest.approx(after, rel=1e-5)
        assert parse(match[2]).evaluate({}) == pytest.approx(after, rel=2e-4)
    kept = [re.fullmatch(r"[vsm] = (.+) = (\S+)   \(for [xy]\)", line) for line in lines]
    for match in filter(None, kept):
        assert parse(match[1]).evaluate({}) == pytest.approx(float(match[2]), rel=1e-4)
    checks = [re.match(r"g along [xy] = (\S+) .* right: (\S+)\)", line) for line in lines]
    assert sum(bool(match) for match in checks) == 2
    for match in filter(None, checks):
        assert float(match[1]) == pytest.approx(float(match[2]), rel=1e-4, abs=1e-6)


def test_a_step_that_was_not_taken_cannot_be_explained():
    descent, _ = walk("x^2", 1, lr=0.5)
    assert descent.steps == 1 and explain(descent, 1)
    with pytest.raises(UsageError, match="expected 1 to 1, got 2"):
        explain(descent, 2)
    with pytest.raises(UsageError, match="no step"):
        explain(walk("x^2", 0)[0], 1)
    lost, _ = walk("x - log(x)", 3, lr=5)
    assert lost.steps == 0 and explain(lost, 1)[-1].startswith("x <- 3 - 5 * 0.666667 = -0.33")


def test_rosenbrock_to_a_millionth_of_a_millionth():
    """The settings of the help page."""
    descent, verdict = walk("rosenbrock", -1.2, 1, optimizer="momentum", lr=0.003, steps=1600, tol=1e-7)
    assert verdict.status == "minimum"
    assert descent.steps <= 1600 and descent.values[-1] <= 1e-12
    assert descent.points[-1] == pytest.approx([1, 1], abs=1e-6)


@pytest.mark.parametrize("name", CLASSICS)
def test_plain_descent_solves_the_classics_with_their_own_settings(name):
    settings = choose(name)
    _, verdict = walk(name, *settings.start, lr=settings.lr, steps=settings.steps)
    assert verdict.status == "minimum"


def test_all_minima_of_himmelblau_from_a_grid_of_starts():
    minima = [(3, 2), (-2.805118, 3.131312), (-3.779310, -3.283186), (3.584428, -1.848126)]
    found = set()
    for x in range(-4, 5, 2):
        for y in range(-4, 5, 2):
            descent, verdict = walk("himmelblau", x, y, lr=0.01)
            assert verdict.status in ("minimum", "saddle")
            if verdict.found:
                distances = [np.abs(descent.points[-1] - minimum).max() for minimum in minima]
                assert min(distances) < 1e-5
                found.add(int(np.argmin(distances)))
    assert found == {0, 1, 2, 3}


# Verdicts


def quadratic(rng, eigenvalues):
    """A formula with these eigenvalues in random directions, and its level point."""
    angle, centre = rng.uniform(0, math.pi), rng.uniform(-5, 5, 2)
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    a = turn @ np.diag(eigenvalues) @ turn.T
    x, y = (f"(u - ({c:.17g}))".replace("u", name) for name, c in zip("xy", centre, strict=True))
    formula = (
        f"{a[0, 0] / 2:.17g}*{x}^2 + {a[0, 1]:.17g}*{x}*{y} + {a[1, 1] / 2:.17g}*{y}^2 + {rng.uniform(-5, 5):.17g}"
    )
    return Landscape(formula), centre


def test_a_thousand_random_quadratics_are_classified_without_a_mistake():
    rng = np.random.Generator(np.random.Philox(key=1))
    seen = dict.fromkeys(("minimum", "maximum", "saddle", "flat"), 0)
    for number in range(1000):
        eigenvalues = 10 ** rng.uniform(-3, 3, 2) * rng.choice([-1, 1], 2)
        if number % 5 == 0:
            eigenvalues[number % 2] = 0
        signs = set(np.sign(eigenvalues))
        kind = {(1,): "minimum", (-1,): "maximum", (-1, 1): "saddle"}.get(tuple(sorted(signs)), "flat")
        landscape, centre = quadratic(rng, eigenvalues)
        assert classify(landscape, centre)[0] == kind, (landscape.expression.text, eigenvalues)
        verdict = judge(descend(landscape, centre))
        expected = kind if kind != "flat" else "valley" if max(signs) > 0 else "maximum"
        assert verdict.status == expected, (landscape.expression.text, eigenvalues)
        seen[kind] += 1
    assert min(seen.values()) > 100


def test_walks_on_random_quadratics_end_as_they_must():
    rng = np.random.Generator(np.random.Philox(key=2))
    for _ in range(100):
        eigenvalues = rng.uniform(0.5, 5, 2) * rng.choice([-1, 1], 2)
        landscape, centre = quadratic(rng, eigenvalues)
        descent = descend(landscape, centre + rng.uniform(0.5, 2, 2), lr=0.2)
        verdict = judge(descent)
        assert verdict.status == ("minimum" if eigenvalues.min() > 0 else "unbounded")
        if verdict.found:
            assert descent.points[-1] == pytest.approx(centre, abs=1e-5)


@pytest.mark.parametrize(
    "formula, start, lr, status, reason",
    [
        ("x^2", (3,), 1.1, "diverged", r"the first step is already uphill \(f 9 -> 12.96\) and at step 146 x="),
        ("rosenbrock", (-1.2, 1), 0.01, "diverged", "overshoots: .* at step 5"),
        ("x^2", (3,), 1.0, "oscillating", "from side to side"),
        ("rastrigin", (3, 4), 0.1, "oscillating", "from side to side"),
        ("exp(x^2)", (3,), 0.1, "diverged", "at step 1 x="),
        ("x^2", (3,), 1e-6, "slow", "did not converge in 1,000 steps: the gradient is still 5.99 long"),
        ("exp(-x)", (3,), 0.1, "slow", "did not converge"),
        ("1/x", (1,), 0.1, "slow", "did not converge"),
        ("x^2 - y^2", (0, 0), 0.1, "saddle", "zero at the start, x=0, y=0, but that is a saddle"),
        ("x^2 - y^2", (3, 0), 0.1, "saddle", "zero at x=4.9.*, y=0, but that is a saddle"),
        ("x^2 - y^4", (0, 0), 0.1, "saddle", "beside it f is lower"),
        ("x^3", (0,), 0.1, "saddle", "an inflection point"),
        ("-x^2", (0,), 0.1, "maximum", "but that is a maximum"),
        ("cos(x)", (0,), 0.1, "maximum", "but that is a maximum"),
        ("-x^4", (0,), 0.1, "maximum", "but that is a maximum"),
        ("-abs(x)", (0,), 0.1, "maximum", "but that is a maximum"),
        ("-(x + y)^2", (0, 0), 0.1, "maximum", "top of a ridge"),
        ("abs(x)", (3,), 0.1, "kink", "not smooth: the slope jumps from -1 to 1 at x="),
        ("max(x^2, (x - 2)^2)", (3,), 0.1, "kink", "from -2 to 2 at x=1,"),
        ("abs(x) + abs(y)", (3, 4), 0.1, "kink", "not smooth"),
        ("sqrt(x^2 + y^2)", (3, 4), 0.1, "kink", "not smooth"),
        ("x", (3,), 0.1, "unbounded", "falls without end, and was -97 at step 1000"),
        ("-x^2", (3,), 0.1, "unbounded", "falls without end"),
        ("x^3", (3,), 0.1, "unbounded", "falls without end"),
        ("x^3", (-3,), 0.1, "unbounded", "falls without end"),
        ("-exp(x)", (3,), 0.1, "unbounded", "falls without end"),
        ("-log(x)", (3,), 0.1, "unbounded", "falls without end"),
        ("x*y", (3, 4), 0.1, "unbounded", "falls without end"),
        ("max(x, y)", (3, 4), 0.1, "unbounded", "falls without end"),
        ("log(x)", (3,), 0.1, "out_of_domain", "step 47 leaves the domain of f: f is not finite at x=-0.31"),
        ("sqrt(x)", (3,), 0.1, "out_of_domain", "leaves the domain"),
        ("x - log(x)", (3,), 5, "out_of_domain", "step 1 leaves the domain"),
        ("sqrt(abs(x))", (1,), 2, "kink", "its slope has no value at x=0, reached at step 1"),
        ("x - x", (3,), 0.1, "constant", "identically zero"),
        ("0*x", (3,), 0.1, "constant", "identically zero"),
        ("tanh(x)", (20,), 0.1, "plateau", "flat there"),
        ("tanh(x)", (12,), 0.1, "plateau", "f goes on falling"),
        ("relu(x)", (-3,), 0.1, "plateau", "no direction leads down"),
        ("1e-7*x^2", (3,), 0.1, "plateau", "the bottom is still 3 away"),
        ("x^2 + y^2", (0, 0), 0.1, "minimum", "minimum at x=0, y=0"),
        ("x^4", (0,), 0.1, "minimum", "minimum"),
        ("x^2 + y^4", (0, 0), 0.1, "minimum", "minimum"),
        ("sin(1000*x)", (0.1,), 1e-7, "minimum", "minimum"),
        ("x - log(x)", (3,), 0.1, "minimum", "minimum at x=1"),
        ("abs(x)", (3,), 0.5, "minimum", "minimum at x=0"),
        ("abs(x)^1.5", (0,), 0.5, "minimum", "minimum at x=0"),
        ("(x + y)^2", (3, 4), 0.1, "valley", "the floor of a valley"),
        ("x^2*y^2", (3, 4), 0.01, "valley", "the floor of a valley"),
    ],
)
def test_every_ending_is_recognised(formula, start, lr, status, reason):
    _, verdict = walk(formula, *start, lr=lr)
    assert (verdict.status, bool(re.search(reason, verdict.reason))) == (status, True), verdict
    assert verdict.found == (status in ("minimum", "valley"))


def test_a_kink_that_is_a_minimum_is_told_from_a_smooth_one():
    assert not walk("abs(x)", 0)[1].smooth
    assert not walk("abs(x) + y^2", 0, 0)[1].smooth
    assert walk("x^4", 0)[1].smooth
    assert walk("x^2", 0)[1].smooth


@pytest.mark.parametrize("rule", DESCENT_OPTIMIZERS)
def test_every_rule_finds_the_bottom_of_a_bowl_and_leaves_a_slope(rule):
    lr = {"adagrad": 3.0, "rmsprop": 0.1, "adam": 0.3}.get(rule, 0.05)
    descent, verdict = walk("(x - 1)^2 + 3*(y + 2)^2", 3, 4, optimizer=rule, lr=lr)
    assert verdict.status == "minimum" and descent.points[-1] == pytest.approx([1, -2], abs=1e-6)
    assert walk("x + 2*y", 3, 4, optimizer=rule)[1].status == "unbounded"


def test_a_start_outside_the_domain():
    for formula, start in (("log(x)", -1), ("1/x", 0), ("sqrt(x)", -1), ("x**0.5", -1), ("sqrt(x)", 0)):
        with pytest.raises(ConvergenceError, match=f"not finite at x={start}"):
            walk(formula, start)


def test_random_walks_never_fail_otherwise():
    """Every function, rule and rate ends in a verdict; nothing is raised and nothing is nan."""
    rng = np.random.Generator(np.random.Philox(key=5))
    formulas = ["x^2*y - y^3", "exp(x*y)/9", "log(x^2 + 1) + abs(y)", "tan(x) + y^2", "max(x*y, -x) + relu(y)^2", "x/y"]
    for formula in formulas:
        for rule in DESCENT_OPTIMIZERS:
            start, lr = rng.uniform(0.5, 3, 2).round(2), 10 ** rng.uniform(-3, 1)
            descent, verdict = walk(formula, *start, optimizer=rule, lr=lr, steps=200)
            assert np.isfinite(descent.points).all() and np.isfinite(descent.values).all()
            assert verdict.reason and "nan" not in verdict.reason


# Advice: it is followed, and it works


@pytest.mark.parametrize(
    "formula, start, settings",
    [
        ("x^2", (3,), {"lr": 1.1}),
        ("1e6*x^2", (3,), {"lr": 0.1}),
        ("x^2", (3,), {"lr": 1.0}),
        ("x^2 + 50*y^2", (3, 4), {"lr": 0.1, "optimizer": "momentum"}),
        ("himmelblau", (3, 4), {"lr": 0.1}),
        ("rosenbrock", (-1.2, 1), {"lr": 0.01}),
        ("rosenbrock", (-1.2, 1), {"lr": 0.001}),
        ("rastrigin", (3, 4), {"lr": 0.1}),
        ("x - log(x)", (3,), {"lr": 5}),
        ("x^2", (3,), {"lr": 1e-6}),
        ("x^2 + y^2", (3, 4), {"lr": 0.001, "optimizer": "adam"}),
        ("1e-7*x^2", (3,), {"lr": 0.1}),
        ("cos(x)", (0,), {"lr": 0.1}),
        ("(x^2 - 1)^2 + y^2", (0, 1), {"lr": 0.1}),
    ],
)
def test_following_the_advice_finds_the_minimum(formula, start, settings):
    descent, verdict = walk(formula, *start, **settings)
    assert not verdict.found
    advice = advise(descent, verdict)
    changed = {**settings, **advice.changes}
    followed, result = walk(formula, *changed.pop("start", start), **changed)
    assert result.status == "minimum"
    assert followed.steps == advice.descent.steps


def test_the_rate_proposed_after_overshooting_is_computed_from_the_curvature():
    descent, verdict = walk("x^2 + 20*y^2", 3, 4, lr=0.2)  # the largest eigenvalue is 40
    assert advise(descent, verdict).changes == {"lr": 0.025}


def test_advice_at_a_kink_comes_nearer():
    descent, verdict = walk("max(x^2, (x - 2)^2)", 3, lr=0.1)
    advice = advise(descent, verdict)
    followed, _ = walk("max(x^2, (x - 2)^2)", 3, **advice.changes)
    assert 1 < followed.values.min() < descent.values.min()


def test_advice_for_want_of_better_no_longer_overshoots():
    descent, verdict = walk("x^4", 3, lr=0.1)
    advice = advise(descent, verdict)
    assert verdict.status == "diverged" and advice.verdict.status == "slow"
    assert (np.diff(advice.descent.values) <= 0).all()


@pytest.mark.parametrize(
    "formula, start", [("x", 3), ("x - x", 3), ("x^2 - y^2", (0, 0)), ("log(x)", 3), ("tanh(x)", 20)]
)
def test_no_advice_where_there_is_no_minimum(formula, start):
    descent, verdict = walk(formula, *np.atleast_1d(start))
    assert not verdict.found and advise(descent, verdict) is None


@pytest.mark.parametrize(("gradient", "lr", "point"), [(1e200, 0.1, -1e199), (1e10, 1e300, -np.inf)])
def test_a_walk_goes_where_its_rule_leads_even_out_of_all_numbers(gradient, lr, point):
    """A training would refuse such a step; here it is what is shown."""
    descent = descend(Landscape(f"{gradient}*x"), [3], lr=lr)
    assert (descent.ending, descent.next_point[0]) == ("far", point)
