"""Scalar automatic differentiation: exact slopes, any depth, every choice at a kink, no cycles."""

import cmath
import gc
import math
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainbox_core.errors import ConvergenceError, UsageError
from brainbox_core.scalar.value import Value, dot, graph, hessian, maximum, minimum

NAN, INF = math.nan, math.inf


def slope(function, *point):
    """The gradient of a function of Values at a point."""
    values = [Value(x) for x in point]
    function(*values).backward()
    return [value.grad for value in values]


def complex_step(function, point):
    """The gradient of an analytic function to the last bits: the imaginary part of f(x + ih), divided by h."""
    h = 1e-30
    return [function(*(complex(x, h * (i == j)) for j, x in enumerate(point))).imag / h for i in range(len(point))]


# name -> (on Values, on complex numbers, number of arguments)
OPERATIONS = {
    "add": (lambda a, b: a + b, lambda a, b: a + b, 2),
    "sub": (lambda a, b: a - b, lambda a, b: a - b, 2),
    "mul": (lambda a, b: a * b, lambda a, b: a * b, 2),
    "div": (lambda a, b: a / b, lambda a, b: a / b, 2),
    "pow": (lambda a, b: a**b, lambda a, b: cmath.exp(b * cmath.log(a)), 2),
    "cube": (lambda a: a**3, lambda a: a * a * a, 1),
    "root": (lambda a: a**0.5, cmath.sqrt, 1),
    "reciprocal": (lambda a: a**-1, lambda a: 1 / a, 1),
    "number +": (lambda a: 2 + a, lambda a: 2 + a, 1),
    "number -": (lambda a: 2 - a, lambda a: 2 - a, 1),
    "number *": (lambda a: 2 * a, lambda a: 2 * a, 1),
    "number /": (lambda a: 2 / a, lambda a: 2 / a, 1),
    "number **": (lambda a: 2**a, lambda a: cmath.exp(a * math.log(2)), 1),
    "+ number": (lambda a: a + 2, lambda a: a + 2, 1),
    "- number": (lambda a: a - 2, lambda a: a - 2, 1),
    "* number": (lambda a: a * 2, lambda a: a * 2, 1),
    "/ number": (lambda a: a / 2, lambda a: a / 2, 1),
    "neg": (lambda a: -a, lambda a: -a, 1),
    "exp": (Value.exp, cmath.exp, 1),
    "log": (Value.log, cmath.log, 1),
    "sqrt": (Value.sqrt, cmath.sqrt, 1),
    "tanh": (Value.tanh, cmath.tanh, 1),
    "sigmoid": (Value.sigmoid, lambda a: 1 / (1 + cmath.exp(-a)), 1),
    "sin": (Value.sin, cmath.sin, 1),
    "cos": (Value.cos, cmath.cos, 1),
    "tan": (Value.tan, cmath.tan, 1),
    "relu": (Value.relu, lambda a: a, 1),
    "abs": (Value.abs, lambda a: a, 1),
    "maximum": (maximum, lambda a, b: a if a.real > b.real else b, 2),
    "minimum": (minimum, lambda a, b: a if a.real < b.real else b, 2),
    "dot": (lambda a, b: dot([a, b, a], [b, b, 3]), lambda a, b: a * b + b * b + 3 * a, 2),
}
POSITIVE_ONLY = {"pow", "root", "log", "sqrt", "relu", "abs"}


@pytest.mark.parametrize("name", OPERATIONS)
def test_value_and_slopes_equal_the_complex_step(name):
    ours, oracle, arity = OPERATIONS[name]
    points = [(0.3, 1.7), (2.5, 0.4), (1.1, 1.2)]
    if name not in POSITIVE_ONLY:
        points += [(-0.3, 1.7), (0.8, -2.1), (-1.3, -0.6)]
    for point in points:
        point = point[:arity]
        assert ours(*map(Value, point)).data == pytest.approx(oracle(*map(complex, point)).real, rel=1e-13)
        assert slope(ours, *point) == pytest.approx(complex_step(oracle, point), rel=1e-10, abs=1e-10)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_random_graphs_with_shared_nodes_equal_the_complex_step(data):
    # Each step takes any earlier results, so diamonds, repeated operands and dead ends all occur.
    names = ["add", "sub", "mul", "tanh", "sigmoid", "sin", "cos", "neg", "number -", "dot"]
    steps = data.draw(
        st.lists(st.tuples(st.sampled_from(names), st.integers(0, 99), st.integers(0, 99)), min_size=1, max_size=12)
    )
    point = data.draw(st.tuples(*[st.floats(-1.5, 1.5)] * 3))

    def run(table, values):
        for name, i, j in steps:
            operands = [values[i % len(values)], values[j % len(values)]]
            values = [*values, OPERATIONS[name][table](*operands[: OPERATIONS[name][2]]) * 0.5]
        return values[-1]

    ours = slope(lambda *values: run(0, values), *point)
    exact = complex_step(lambda *values: run(1, values), point)
    scale = max(1.0, *map(abs, exact))
    assert ours == pytest.approx(exact, rel=1e-10, abs=1e-10 * scale)


def test_the_published_check_values_of_micrograd_hold():
    a, b = Value(-4.0), Value(2.0)
    c = a + b
    d = a * b + b**3
    c += c + 1
    c += 1 + c + (-a)
    d += d * 2 + (b + a).relu()
    d += 3 * d + (b - a).relu()
    e = c - d
    f = e**2
    g = f / 2.0
    g += 10.0 / f
    g.backward()
    assert (round(g.data, 4), round(a.grad, 4), round(b.grad, 4)) == (24.7041, 138.8338, 645.5773)


def test_a_node_used_twice_gets_both_slopes():
    assert slope(lambda x: x * x, 3.0) == [6.0]
    assert slope(lambda x: x + x, 3.0) == [2.0]
    assert slope(lambda x: x / x, 3.0) == pytest.approx([0.0], abs=1e-15)
    assert slope(lambda x: dot([x, x], [x, x]), 3.0) == [12.0]

    def diamond(x):
        left, right = x * 2, x * 5
        return left * right + left

    assert slope(diamond, 3.0) == [20 * 3.0 + 2]


def test_augmented_assignment_makes_a_new_node():
    x = start = Value(3.0)
    x += 1
    x *= x
    x -= start
    x /= 2
    x.backward()
    assert (x.data, start.data, start.grad) == (6.5, 3.0, 3.5)


def test_builtin_sum_max_min_and_sorted_work():
    x, y = Value(2.0), Value(5.0)
    (sum([x, y, y]) * max(x, y) + min(x, y)).backward()
    assert (x.grad, y.grad) == (5.0 + 1.0, 10.0 + 12.0)
    assert sorted([y, x]) == [2.0, 5.0]


def test_a_second_backward_adds_the_same_slopes_to_the_inputs_again():
    x = Value(3.0)
    square = x * x
    result = square * square
    result.backward()
    assert (x.grad, square.grad) == (108.0, 18.0)
    result.backward()
    assert (x.grad, square.grad) == (216.0, 18.0)
    square.backward()  # from the middle of the graph
    assert (x.grad, square.grad, result.grad) == (222.0, 1.0, 1.0)


def test_backward_of_an_input_is_one():
    x = Value(3.0)
    x.backward()
    assert x.grad == 1.0


def test_changing_an_input_afterwards_does_not_touch_what_was_computed():
    x, y = Value(3.0), Value(4.0)
    product = x * y
    x.data = 100.0
    product.backward()
    assert (product.data, x.grad, y.grad) == (12.0, 4.0, 3.0)


# --- chosen slopes, domains, NaN -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "point", "value", "slopes"),
    [
        (Value.relu, [0.0], 0.0, [0.0]),
        (Value.relu, [-0.0], 0.0, [0.0]),
        (Value.relu, [-2.0], 0.0, [0.0]),
        (abs, [0.0], 0.0, [0.0]),
        (abs, [-2.0], 2.0, [-1.0]),
        (maximum, [2.0, 2.0], 2.0, [1.0, 0.0]),
        (minimum, [2.0, 2.0], 2.0, [1.0, 0.0]),
        (lambda x: maximum(x, 3), [2.0], 3.0, [0.0]),
        (lambda x: minimum(3, x), [2.0], 2.0, [1.0]),
        (lambda x: x**0, [0.0], 1.0, [0.0]),
        (lambda x: x**0, [-3.0], 1.0, [0.0]),
        (lambda x: x**1, [0.0], 0.0, [1.0]),
        (lambda x: x**2, [0.0], 0.0, [0.0]),
        (lambda x: x**0.5, [0.0], 0.0, [INF]),
        (lambda x: x**3, [-2.0], -8.0, [12.0]),
        (lambda x: x**-1, [-2.0], -0.5, [-0.25]),
        (lambda x, n: x**n, [0.0, 0.0], 1.0, [0.0, 0.0]),
        (lambda x, n: x**n, [0.0, 2.0], 0.0, [0.0, 0.0]),
        (lambda x, n: x**n, [-2.0, 2.0], 4.0, [-4.0, NAN]),
        (lambda n: 0**n, [0.0], 1.0, [0.0]),
        (Value.sqrt, [0.0], 0.0, [INF]),
        (Value.sigmoid, [0.0], 0.5, [0.25]),
        (Value.sigmoid, [-1e4], 0.0, [0.0]),
        (Value.sigmoid, [1e4], 1.0, [0.0]),
        (Value.tanh, [1e4], 1.0, [0.0]),
        (lambda x: x.sigmoid().log(), [-700.0], -700.0, [1.0]),
    ],
)
def test_the_documented_choices(function, point, value, slopes):
    values = [Value(x) for x in point]
    result = function(*values)
    result.backward()
    assert result.data == value
    assert [x.grad for x in values] == pytest.approx(slopes, nan_ok=True)


def test_a_zero_gradient_stops_before_an_infinite_slope():
    assert slope(lambda x: x.sqrt() * 0 + x, 0.0) == [1.0]


@pytest.mark.parametrize(
    ("function", "operation"),
    [
        (lambda: Value(0.0).log(), "log(0.0)"),
        (lambda: Value(-1.0).log(), "log(-1.0)"),
        (lambda: Value(-1.0).sqrt(), "sqrt(-1.0)"),
        (lambda: Value(1000.0).exp(), "exp(1000.0)"),
        (lambda: Value(INF).sin(), "sin(inf)"),
        (lambda: Value(1.0) / 0, "1.0 / 0.0"),
        (lambda: 1 / Value(0.0), "1.0 / 0.0"),
        (lambda: Value(0.0) / Value(0.0), "0.0 / 0.0"),
        (lambda: Value(0.0) ** -1, "0.0 ** -1.0"),
        (lambda: Value(-8.0) ** (1 / 3), "-8.0 ** 0.3333333333333333"),
        (lambda: (-1) ** Value(0.5), "-1.0 ** 0.5"),
        (lambda: Value(10.0) ** 400, "10.0 ** 400.0"),
        (lambda: Value(Value(-1.0)).log(), "log(-1.0)"),
    ],
)
def test_an_operation_without_a_result_is_an_error_with_its_name(function, operation):
    with pytest.raises(ConvergenceError) as caught:
        function()
    assert caught.value.what.startswith(operation + " ")


def test_nan_and_infinity_travel_on():
    unary = ["exp", "log", "sqrt", "tanh", "sigmoid", "sin", "cos", "tan", "relu", "abs"]
    for name in unary:
        assert math.isnan(getattr(Value(NAN), name)().data), name
    for result in (Value(NAN) + 1, 1 - Value(NAN), Value(NAN) * 0, Value(NAN) / 2, Value(NAN) ** 2, -Value(NAN)):
        assert math.isnan(result.data)
    for choose in (maximum, minimum):
        assert math.isnan(choose(NAN, 1).data)
        assert math.isnan(choose(1, NAN).data)
    assert (Value(1e308) * 10).data == INF
    assert Value(-INF).exp().data == 0.0
    clean = Value(2.0)
    (clean * 3 + Value(NAN)).backward()
    assert clean.grad == 3.0  # the slope does not depend on the other term


# --- what a Value holds ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [3, True, 2.5, np.float32(0.5), np.float64(0.5), np.int64(3)])
def test_any_real_number_becomes_a_float(number):
    assert type(Value(number).data) is float
    for result in (Value(2.0) * number, number * Value(2.0), number + Value(0.0), number - Value(0.0)):
        assert type(result) is Value
        assert type(result.data) is float
    assert (number * Value(2.0)).data == 2 * float(number)


@pytest.mark.parametrize("wrong", ["3", None, 1j, [1.0], np.zeros(2), np.zeros(())])
def test_anything_else_is_refused(wrong):
    with pytest.raises(UsageError, match="one real number"):
        Value(wrong)
    for operation in (lambda: Value(1.0) * wrong, lambda: wrong * Value(1.0), lambda: Value(1.0) ** wrong):
        with pytest.raises(UsageError, match="one real number"):
            operation()


def test_an_integer_beyond_the_floats_is_refused():
    with pytest.raises(UsageError, match=r"1\.8e308"):
        Value(10**400)


def test_comparisons_are_by_value_and_hashes_by_identity():
    x, y = Value(2.0), Value(2.0)
    assert x == y == 2
    assert x != 3
    assert x <= y and x >= 2 and not x < y and not x > 2 and 1 < x < 3
    assert x != "2"
    assert len({x, y}) == 2
    assert x in {x} and y not in {x}


def test_the_name_is_in_the_representation():
    x = Value(2.0, "x")
    assert repr(x) == "Value(2.0, name='x', grad=0.0)"
    assert repr(Value(1)) == "Value(1.0, grad=0.0)"
    assert [(x**2).name, (x**0.5).name, (x**x).name, (-x).name] == ["**2", "**0.5", "**", "neg"]


# --- the graph -------------------------------------------------------------------------------------------------------


def test_graph_lists_every_node_once_after_its_parents_in_reading_order():
    x, y, z = Value(2.0, "x"), Value(-3.0, "y"), Value(10.0, "z")
    unused = x * 7
    root = (x * y + z) * x
    nodes = graph(root)
    assert [node.name for node in nodes] == ["x", "y", "*", "z", "+", "*"]
    assert nodes[-1] is root
    assert not any(node is unused for node in nodes)
    root.backward()
    assert [node.grad for node in nodes] == [-2.0, 4.0, 2.0, 2.0, 2.0, 1.0]
    assert nodes[2].parents[0] is x and nodes[2].slopes == (-3.0, 2.0)


def test_a_dense_diamond_is_walked_once_per_node():
    x = Value(1.0)
    node = x
    for _ in range(200):  # 2**200 paths
        node = node + node
    node.backward()
    assert len(graph(node)) == 201
    assert x.grad == 2.0**200


@pytest.mark.parametrize(("weights", "inputs"), [([1.0, 2.0], [3.0]), ([], [1.0])])
def test_dot_refuses_different_lengths(weights, inputs):
    with pytest.raises(UsageError, match="as many inputs as weights"):
        dot(weights, inputs)


def test_dot_of_nothing_is_zero():
    assert dot([], []) == 0.0


# --- depth and memory ------------------------------------------------------------------------------------------------


@pytest.fixture
def no_collector():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def test_a_chain_of_a_million_operations(no_collector):
    x, factor = Value(1.0), Value(1.0000001)
    node = x
    for _ in range(1_000_000):
        node = node * factor
    node.backward()
    assert x.grad == pytest.approx(math.exp(0.1), rel=1e-6)
    assert factor.grad == pytest.approx(1e6 * math.exp(0.1), rel=1e-6)
    del node  # nested a million deep: overflows the C stack unless the interpreter unwinds it


FACTOR = Value(1.0000001)
CHAINS = {
    "+": lambda x: x + FACTOR,
    "*": lambda x: x * FACTOR,
    "tanh": Value.tanh,
    "sin": Value.sin,
    "**": lambda x: x**1.5,
    "mixed": lambda x: (x / FACTOR - FACTOR).tanh(),
}


@pytest.mark.parametrize("name", CHAINS)
def test_a_node_takes_at_most_250_bytes_and_is_returned_without_the_collector(no_collector, name):
    step, length = CHAINS[name], 20_000
    node = Value(0.5)
    tracemalloc.start()
    try:
        for _ in range(length):
            node = step(node)
        node.backward()
        nodes = len(graph(node))
        held, _ = tracemalloc.get_traced_memory()
        del node
        left, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held / nodes <= 250
    assert left < 400_000  # tuples and floats that the interpreter keeps for reuse, whatever the length


def test_no_node_survives_its_last_reference(no_collector):
    def alive():
        return sum(type(thing) is Value for thing in gc.get_objects())

    before = alive()
    x = Value(0.5)
    for _ in range(50):
        loss = ((dot([x, x], [1.0, x]) - 1) ** 2).tanh().exp()
        loss.backward()
        x.data -= 0.01 * x.grad
        hessian(lambda a, b: (a * b).sin() / b, [1.0, 2.0])
    del loss, x
    assert alive() == before


# --- second derivatives ----------------------------------------------------------------------------------------------


def test_hessian_of_rosenbrock():
    def rosenbrock(x, y):
        return (1 - x) ** 2 + 100 * (y - x**2) ** 2

    x, y = -1.2, 1.5
    assert hessian(rosenbrock, [x, y]) == [
        pytest.approx([2 - 400 * (y - 3 * x * x), -400 * x]),
        pytest.approx([-400 * x, 200.0]),
    ]


@pytest.mark.parametrize(
    ("name", "second", "at"),
    [
        ("exp", math.exp, 0.7),
        ("log", lambda x: -1 / x**2, 0.7),
        ("sqrt", lambda x: -0.25 * x**-1.5, 0.7),
        ("tanh", lambda x: -2 * math.tanh(x) / math.cosh(x) ** 2, 0.7),
        ("sigmoid", lambda x: -math.tanh(x / 2) / math.cosh(x / 2) ** 2 / 4, 0.7),
        ("sigmoid", lambda x: 0.0, 0.0),
        ("sigmoid", lambda x: -math.tanh(x / 2) / math.cosh(x / 2) ** 2 / 4, -0.7),
        ("sin", lambda x: -math.sin(x), 0.7),
        ("cos", lambda x: -math.cos(x), 0.7),
        ("tan", lambda x: 2 * math.tan(x) / math.cos(x) ** 2, 0.7),
        ("relu", lambda x: 0.0, 0.7),
        ("abs", lambda x: 0.0, -0.7),
    ],
)
def test_second_derivative_of_every_function(name, second, at):
    assert hessian(lambda x: getattr(x, name)(), [at])[0] == pytest.approx([second(at)], rel=1e-12, abs=1e-15)


@pytest.mark.parametrize(
    ("function", "point", "rows"),
    [
        (lambda x: x**2, [0.0], [[2.0]]),
        (lambda x: x**3, [0.0], [[0.0]]),
        (lambda x: x * x, [-5.0], [[2.0]]),
        (lambda x: 3.0, [1.0], [[0.0]]),
        (lambda x, y: 3 * x, [1.0, 1.0], [[0.0, 0.0], [0.0, 0.0]]),
        (lambda x, y: x / y, [3.0, 2.0], [[0.0, -0.25], [-0.25, 0.75]]),
        (lambda x, y: x**y, [2.0, 0.0], [[0.0, 0.5], [0.5, math.log(2) ** 2]]),
        (lambda x: 2**x, [3.0], [[8 * math.log(2) ** 2]]),
        (lambda x, y: dot([x, y], [x, x]), [3.0, 2.0], [[2.0, 1.0], [1.0, 0.0]]),
        (lambda x, y: maximum(x * y, x + y), [3.0, 2.0], [[0.0, 1.0], [1.0, 0.0]]),
        (lambda x, y: minimum(x * y, x + y), [3.0, 2.0], [[0.0, 0.0], [0.0, 0.0]]),
        (lambda x, y, z: x * y * z, [1.0, 2.0, 3.0], [[0.0, 3.0, 2.0], [3.0, 0.0, 1.0], [2.0, 1.0, 0.0]]),
        (lambda: 1.0, [], []),
    ],
)
def test_hessian_in_closed_form(function, point, rows):
    ours = hessian(function, point)
    assert len(ours) == len(rows)
    for row, expected in zip(ours, rows, strict=True):
        assert row == pytest.approx(expected, abs=1e-12)


def test_third_derivatives_come_from_one_more_level():
    x = Value(2.0)
    middle = Value(x)
    outer = Value(middle)
    (outer**4).backward()
    middle.grad = 0.0
    outer.grad.backward()
    x.grad = 0.0
    middle.grad.backward()
    assert x.grad == pytest.approx(24 * 2.0)


def test_the_module_loads_without_numpy():
    code = "import sys, brainbox_core.scalar.value; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
