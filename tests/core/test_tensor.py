"""Tensors: every operation beside the complex step, and everything that could go wrong around the graph."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainbox_core import functional
from brainbox_core.errors import UsageError
from brainbox_core.gradcheck import check_gradients
from brainbox_core.tensor import Tensor, unbroadcast


def leaf(*values, dtype=np.float32):
    return Tensor(np.array(values, dtype), requires_grad=True)


def numbers(*shape, seed=0):
    """Away from 0, so that kinks and poles are far."""
    rng = np.random.default_rng(seed)
    return rng.uniform(0.3, 2.0, shape) * rng.choice([-1.0, 1.0], shape)


# --- gradients -------------------------------------------------------------------------------------------------------

POSITIVE = np.abs(numbers(3, 4))
UNARY = {
    "neg": (lambda x: -x, numbers(3, 4)),
    "exp": (Tensor.exp, numbers(3, 4)),
    "log": (Tensor.log, POSITIVE),
    "sqrt": (Tensor.sqrt, POSITIVE),
    "tanh": (Tensor.tanh, numbers(3, 4)),
    "sigmoid": (Tensor.sigmoid, numbers(3, 4)),
    "relu": (Tensor.relu, numbers(3, 4)),
    "abs": (Tensor.abs, numbers(3, 4)),
    "clip": (lambda x: x.clip(-1, 0.9), numbers(3, 4)),
    "square": (lambda x: x**2, numbers(3, 4)),
    "inverse": (lambda x: x**-1, numbers(3, 4)),
    "root": (lambda x: x**0.5, POSITIVE),
    "exponent": (lambda x: 2**x, numbers(3, 4)),
    "number first": (lambda x: (3 - x) * 2 + 1 / x - (1 + x) / 4, numbers(3, 4)),
    "array first": (lambda x: np.arange(1.0, 5) / x - np.ones((3, 1)) * x + np.eye(4)[:3] + x, numbers(3, 4)),
    "sum": (Tensor.sum, numbers(3, 4)),
    "sum 0": (lambda x: x.sum(axis=0), numbers(3, 4)),
    "sum -1 kept": (lambda x: x.sum(axis=-1, keepdims=True), numbers(3, 4)),
    "sum (0, 2)": (lambda x: x.sum(axis=(0, 2)), numbers(2, 3, 2)),
    "sum (-1, 0) kept": (lambda x: x.sum(axis=(-1, 0), keepdims=True), numbers(2, 3, 2)),
    "mean": (Tensor.mean, numbers(3, 4)),
    "mean 1": (lambda x: x.mean(axis=1), numbers(3, 4)),
    "mean (1, 2) kept": (lambda x: x.mean(axis=(1, 2), keepdims=True), numbers(2, 3, 2)),
    "var": (Tensor.var, numbers(3, 4)),
    "var 0": (lambda x: x.var(axis=0), numbers(3, 4)),
    "var (0, -1) kept": (lambda x: x.var(axis=(0, -1), keepdims=True), numbers(2, 3, 2)),
    "max": (Tensor.max, numbers(3, 4)),
    "max 0": (lambda x: x.max(axis=0), numbers(3, 4)),
    "max -1 kept": (lambda x: x.max(axis=-1, keepdims=True), numbers(3, 4)),
    "max all kept": (lambda x: x.max(keepdims=True), numbers(3, 4)),
    "min": (Tensor.min, numbers(3, 4)),
    "min 0 kept": (lambda x: x.min(axis=0, keepdims=True), numbers(3, 4)),
    "T": (lambda x: x.T, numbers(3, 4)),
    "reshape": (lambda x: x.reshape(2, -1) * np.arange(6), numbers(3, 4)),
    "reshape tuple": (lambda x: x.reshape((4, 3)), numbers(3, 4)),
    "transpose": (lambda x: x.transpose(), numbers(2, 3, 4)),
    "transpose cycle": (lambda x: x.transpose(1, 2, 0) * np.arange(2), numbers(2, 3, 4)),
    "transpose negative": (lambda x: x.transpose(-1, 0, 1), numbers(2, 3, 4)),
    "slice": (lambda x: x[1:, ::2], numbers(3, 4)),
    "row": (lambda x: x[1], numbers(3, 4)),
    "element": (lambda x: x[1, -1], numbers(3, 4)),
    "ellipsis": (lambda x: x[..., None, 1], numbers(3, 4)),
    "rows twice": (lambda x: x[[0, 2, 0, 0]] ** 2, numbers(3, 4)),
    "mask": (lambda x: x[np.tri(3, 4) > 0], numbers(3, 4)),
    "pairs": (lambda x: x[np.array([0, 1, 0]), np.array([1, 1, 1])], numbers(3, 4)),
    "twice": (lambda x: x * x + x, numbers(3, 4)),
    "diamond": (lambda x: (x.exp() * x.tanh()) / (x.exp() + x.tanh() ** 2), numbers(3, 4)),
    "no axes": (lambda x: (x * x + 1 / x).exp().log() ** 2, np.float64(1.3)),
    "empty": (lambda x: x.exp().sum(axis=0) * 2, np.zeros((0, 3))),
}


@pytest.mark.parametrize("name", UNARY)
def test_operations_of_one_tensor(name):
    function, point = UNARY[name]
    check = check_gradients(function, point)
    assert check.max_error < 1e-10 and check.skipped == 0 and check.compared == np.size(point)


BINARY = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
    "pow": lambda a, b: a.abs() ** b,
    "maximum": functional.maximum,
    "minimum": functional.minimum,
    "where": lambda a, b: functional.where(np.array([True, False, True]), a, b),
}
SHAPES = [(), (1,), (3,), (1, 3), (2, 1), (2, 3), (0,), (0, 1), (0, 3), (1, 0), (2, 0)]


@pytest.mark.parametrize("name", BINARY)
@pytest.mark.parametrize("right", SHAPES, ids=str)
@pytest.mark.parametrize("left", SHAPES, ids=str)
def test_broadcasting_of_every_pair_of_shapes(name, left, right):
    """Also with size 0: every gradient has its value's shape, and is right; what NumPy refuses is refused."""
    a, b = numbers(*left, seed=1), numbers(*right, seed=2)
    try:
        wanted = np.broadcast_shapes(left, right, (3,) if name == "where" else ())
    except ValueError:
        with pytest.raises(ValueError, match="broadcast"):
            BINARY[name](Tensor(a), Tensor(b))
        return
    assert BINARY[name](Tensor(a), Tensor(b)).shape == wanted
    check = check_gradients(BINARY[name], a, b)
    assert check.max_error < 1e-10 and check.compared == a.size + b.size


axes = st.integers(0, 3)


@settings(deadline=None, max_examples=60)
@given(st.lists(axes, max_size=4).map(tuple), st.data())
def test_unbroadcast_undoes_every_broadcast(shape, data):
    smaller = tuple(data.draw(st.sampled_from([1, size])) for size in shape)[data.draw(st.integers(0, len(shape))) :]
    ones = np.ones(shape)
    back = unbroadcast(ones, smaller)
    assert back.shape == smaller
    assert back.sum() == ones.sum()
    if smaller == shape:
        assert back is ones


@pytest.mark.parametrize(
    ("left", "right"), [((2, 3), (3, 4)), ((5, 2, 3), (3, 4)), ((2, 3), (5, 3, 4)), ((5, 1, 2, 3), (4, 3, 1))], ids=str
)
def test_matrix_products(left, right):
    assert check_gradients(lambda a, b: a @ b, numbers(*left), numbers(*right, seed=1)).max_error < 1e-10


def test_matrix_products_with_arrays_and_without_rows():
    x = Tensor(numbers(2, 3), requires_grad=True)
    (numbers(4, 2) @ x).sum().backward()
    assert x.grad.shape == (2, 3)
    assert check_gradients(lambda a, b: a @ b, np.zeros((0, 3)), numbers(3, 2)).max_error == 0


@pytest.mark.parametrize(("left", "right"), [((3,), (3, 2)), ((2, 3), (3,)), ((2, 3), (2, 3)), ((), (1, 1))], ids=str)
def test_matrix_products_that_do_not_fit_name_the_shapes(left, right):
    with pytest.raises(UsageError, match=r"@ needs .* got \("):
        Tensor(np.ones(left)) @ Tensor(np.ones(right))


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6))
def test_a_random_expression_over_a_shared_graph(seed):
    rng = np.random.default_rng(seed)
    steps = rng.integers(0, 6, 8)
    places = rng.integers(0, 100, (8, 2))

    def function(x, y):
        made = [x, y]
        for step, (i, j) in zip(steps, places, strict=True):
            a, b = made[i % len(made)], made[j % len(made)]
            operations = [a + b, a * b, a - b, a / (b * b + 1), a.tanh(), (a * a + 0.1).sqrt()]
            made.append(operations[step].sigmoid())
        return made[-1] + made[-2] * made[-3]

    assert check_gradients(function, rng.normal(size=(2, 1)), rng.normal(size=3)).max_error < 1e-10


# --- kinks, poles and not-a-number -----------------------------------------------------------------------------------


def slope(function, *at):
    """The gradient in float32, where warnings would be errors."""
    x = leaf(*at)
    function(x).sum().backward()
    return x.grad.tolist()


def test_documented_slopes_at_kinks():
    assert slope(Tensor.relu, 0.0, -0.0) == [0, 0]
    assert slope(Tensor.abs, 0.0, -2.0) == [0, -1]
    assert slope(lambda x: x.clip(0, 1), 0.0, 1.0, -0.1, 1.1) == [1, 1, 0, 0]
    assert slope(Tensor.max, 1.0, 3.0, 3.0) == [0, 1, 0]
    assert slope(lambda x: x.max(axis=0), 3.0, 3.0) == [1, 0]
    assert slope(lambda x: functional.maximum(x, 1.0) * 3, 1.0) == [3]
    assert slope(lambda x: functional.minimum(1.0, x) * 3, 1.0) == [0]


def test_powers_and_roots_at_zero():
    assert slope(lambda x: x**0, 0.0, 2.0) == [0, 0]
    assert slope(lambda x: x**1, 0.0) == [1]
    assert slope(lambda x: x**2, 0.0) == [0]
    assert slope(lambda x: x**0.5, 0.0) == [np.inf]
    assert slope(lambda x: x**-1, 0.0) == [-np.inf]
    assert slope(Tensor.sqrt, 0.0) == [np.inf]
    assert slope(Tensor.log, 0.0) == [np.inf]
    assert slope(lambda x: 1 / x, 0.0) == [-np.inf]
    assert slope(lambda x: 0.0**x, 0.0, 1.0, -1.0) == [0, 0, 0]
    assert (leaf(0.0) ** leaf(0.0)).item() == 1
    assert slope(lambda x: Tensor(np.float32(-2)) ** x, 2.0) == [0]  # documented: by the exponent only where x > 0


@pytest.mark.parametrize(
    "poison",
    [
        lambda x: x.log(), lambda x: x.sqrt(), lambda x: x**0.5, lambda x: 1 / x, lambda x: 1 / x / x,
        lambda x: (x * 1e6 + 1000).exp(), lambda x: x * x.log(), lambda x: x.log() * x, lambda x: x.abs() ** x.log(),
        lambda x: (x * 1e30) * 1e30,
    ],
)  # fmt: skip
@pytest.mark.parametrize("at", [0.0, -1.0])
def test_a_branch_that_where_left_out_poisons_nothing(poison, at):
    x = leaf(at, 1.0)
    with np.errstate(all="ignore"):
        other = poison(x)
    functional.where(np.array([False, True]), other, x * 3).sum().backward()
    assert x.grad[0] == 3 and not np.isnan(x.grad).any()


def test_nan_comes_out_where_it_went_in_and_nowhere_else():
    nan = np.nan
    operations = [
        lambda x: x + 1, Tensor.relu, Tensor.abs, Tensor.exp, Tensor.tanh, Tensor.sigmoid, Tensor.log, Tensor.sqrt,
        lambda x: x.clip(0, 1), lambda x: functional.maximum(x, 0), lambda x: functional.maximum(0, x),
        lambda x: functional.minimum(x, 9), lambda x: functional.minimum(9, x), functional.leaky_relu, lambda x: x**2,
    ]  # fmt: skip
    for operation in operations:
        assert np.isnan(operation(Tensor([1.0, nan, 2.0])).data).tolist() == [False, True, False]
    for reduction in (Tensor.sum, Tensor.mean, Tensor.max, Tensor.var):
        assert np.isnan(reduction(Tensor([1.0, nan, 2.0])).item())


def test_nan_is_not_lost_by_maximum_and_minimum_of_two_tensors():
    a, b = Tensor([np.nan, 1.0, np.nan]), Tensor([1.0, np.nan, np.nan])
    assert np.isnan(functional.maximum(a, b).data).all() and np.isnan(functional.minimum(a, b).data).all()


def test_sigmoid_and_tanh_are_finite_everywhere():
    x = leaf(-1e38, -100.0, 0.0, 100.0, 1e38)
    y = x.sigmoid()
    assert y.data.tolist() == [0, np.exp(np.float32(-100)), 0.5, 1, 1]
    (y + x.tanh()).sum().backward()
    assert np.isfinite(x.grad).all()


# --- numbers and their types -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        (1, np.float32), (True, np.float32), (1.5, np.float32), ([1, 2], np.float32), ([[True]], np.float32),
        ([1.5], np.float32), ([], np.float32), (1j, np.complex128), (np.arange(2), np.float32),
        (np.zeros(2, np.uint8), np.float32), (np.zeros(2, bool), np.float32), (np.zeros(2), np.float64),
        (np.zeros(2, np.float32), np.float32), (np.zeros(2, np.float16), np.float16), (np.float64(1), np.float64),
        (np.zeros(2, np.complex64), np.complex64), (np.zeros((0, 3)), np.float64), ([np.float64(1)], np.float32),
    ],
)  # fmt: skip
def test_arrays_of_floats_keep_their_precision_and_all_else_is_float32(data, dtype):
    assert Tensor(data).dtype == dtype


@pytest.mark.parametrize("data", ["a", ["a"], None, [None], object(), np.array(["2020"], "M8[D]"), {}, Tensor([1.0])])
def test_what_is_no_number_is_refused(data):
    with pytest.raises(UsageError, match="a tensor holds numbers"):
        Tensor(data)


@pytest.mark.parametrize("number", [2, 2.5, True, -(2**40)])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.complex64, np.complex128])
def test_a_python_number_takes_the_tensors_dtype(number, dtype):
    x = Tensor(np.ones(2, dtype), requires_grad=True)
    if dtype == np.float16:
        number = min(max(number, -9), 9)
    for made in (x + number, number - x, x * number, number / x, abs(number) ** x, functional.maximum(x, number)):
        assert made.dtype == dtype
    (x * number).sum().backward()
    assert x.grad.dtype == dtype


def test_two_arrays_promote_as_in_numpy_and_gradients_have_the_dtype_of_their_value():
    x, y = Tensor(np.ones(2, np.float32), requires_grad=True), Tensor(np.ones(2), requires_grad=True)
    made = x * y
    assert made.dtype == np.float64
    (made.sum() + x.mean() + y.var()).backward()
    assert x.grad.dtype == np.float32 and y.grad.dtype == np.float64
    assert (x + np.ones(2)).dtype == np.float64 and (x + np.ones(2, int)).dtype == np.float32
    assert (x + 1j).dtype == np.complex64


def test_every_operation_stays_in_float32():
    x = Tensor(POSITIVE.astype(np.float32), requires_grad=True)
    for name, (function, _) in UNARY.items():
        if name in ("array first", "empty", "no axes", "reshape") or "," in name or "transpose " in name:
            continue  # they hold arrays of float64, or need another shape
        y = function(x)
        assert y.dtype == np.float32, name
        x.grad = None
        y.backward(np.ones(y.shape))
        assert x.grad.dtype == np.float32 and x.grad.shape == x.shape, name


def test_data_is_always_an_array_also_without_axes():
    x = Tensor(3.0, requires_grad=True)
    for y in (
        x * x,
        x.exp(),
        -x,
        x + 1,
        x.sum(),
        x.relu(),
        x.sigmoid(),
        functional.where(True, x, x),
        x.max(),
        x.reshape(()),
    ):
        assert type(y.data) is np.ndarray and y.shape == ()
    (x * x).backward()
    assert type(x.grad) is np.ndarray and x.grad.shape == () and x.grad == 6


def test_an_array_is_kept_and_not_copied():
    array = np.zeros(3, np.float32)
    assert Tensor(array).data is array
    assert len(Tensor(array)) == 3 and Tensor(array).size == 3 and Tensor(array).ndim == 1


def test_what_it_looks_like():
    assert repr(Tensor([1.0, 2.0])) == "Tensor([1., 2.])"
    assert repr(leaf(1.0)) == "Tensor([1.], requires_grad=True)"
    assert repr(leaf(1.0) * 2) == "Tensor([2.], made by mul)"


def test_mistakes_have_names():
    x = Tensor(np.zeros((2, 3)))
    with pytest.raises(UsageError, match=r"cannot reshape 6 elements: expected \(4, 2\), got shape \(2, 3\)"):
        x.reshape(4, 2)
    with pytest.raises(UsageError, match="max\\(\\) over axis 1, which is empty"):
        Tensor(np.zeros((2, 0))).max(axis=1)
    with pytest.raises(UsageError, match="which is empty"):
        Tensor(np.zeros((2, 0))).max()
    with pytest.raises(UsageError, match="a tensor cannot be an index"):
        x[Tensor([0])]
    assert Tensor(np.zeros((0, 3))).max(axis=1).shape == (0,)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sigmoid_keeps_its_digits_on_both_sides(dtype):
    values = np.array([-80, -40, -20, -17, -5, -1e-3, 0, 1e-3, 5, 12, 17, 40, 80], dtype)
    x = Tensor(values, requires_grad=True)
    y = x.sigmoid()
    y.sum().backward()
    exact = [Fraction(math.exp(-abs(float(v)))) for v in values]
    wanted = [float((1 if v > 0 else e) / (1 + e)) for v, e in zip(values, exact, strict=True)]
    slopes = [float(e / (1 + e) ** 2) for e in exact]
    tolerance = 8 * np.finfo(dtype).eps
    np.testing.assert_allclose(y.data, wanted, rtol=tolerance)
    np.testing.assert_allclose(x.grad, slopes, rtol=tolerance)
    assert y.dtype == dtype


def test_idioms_of_numpy_and_pytorch():
    x = Tensor(numbers(2, 3, 4))
    assert np.array_equal(x.transpose((2, 0, 1)).data, x.data.transpose(2, 0, 1))
    assert np.array_equal(x.transpose([1, 0, 2]).data, x.data.transpose(1, 0, 2))
    for axis in ((0, 1), (2, 0), (-1, 1), (0, 1, 2), ()):
        for keepdims in (False, True):
            assert np.array_equal(x.max(axis, keepdims).data, x.data.max(axis=axis, keepdims=keepdims))
    assert np.array_equal(x.clip(0, None).data, x.data.clip(0)) and np.array_equal(x.clip(None, 0.5).data.max(), 0.5)
    assert check_gradients(lambda x: x.max(axis=(0, 2)), numbers(2, 3, 4)).max_error < 1e-10
    for wrong in ((0, 1), (0, 1, 1), (0, 1, 5)):
        with pytest.raises(UsageError, match="each of 3 axes once"):
            x.transpose(wrong)
    with pytest.raises(UsageError, match="rows of different lengths"):
        Tensor([[1.0], [2.0, 3.0]])
