"""What Python and NumPy make of a tensor: right, or refused where a gradient would be lost."""

import contextlib

import numpy as np
import pytest

from brainbox_core.errors import UsageError
from brainbox_core.tensor import Tensor, no_grad


def leaf(*values):
    return Tensor(np.array(values, np.float32), requires_grad=True)


@pytest.mark.parametrize("other", [Tensor([1.0, 3.0, 0.0]), np.array([1.0, 3.0, 0.0]), 2, 2.0, np.float64(2)])
@pytest.mark.parametrize("sign", ["==", "!=", "<", "<=", ">", ">="])
def test_comparisons_are_those_of_the_arrays(sign, other):
    a = leaf(1.0, 2.0, np.nan)
    with np.errstate(all="ignore"):
        wanted = eval(f"x {sign} y", {"x": a.data, "y": other.data if isinstance(other, Tensor) else other})
    found = eval(f"x {sign} y", {"x": a, "y": other})
    assert type(found) is np.ndarray and found.dtype == bool and found.tolist() == wanted.tolist()


def test_comparisons_refuse_shapes_that_do_not_fit_and_tensors_stay_hashable():
    with pytest.raises(UsageError, match="broadcast"):
        assert leaf(1.0, 2.0) < leaf(1.0, 2.0, 3.0)
    x = leaf(1.0)
    assert x in {x} and {x: 1}[x] == 1
    assert not (x == None).any()  # noqa: E711


def test_a_tensor_of_one_element_is_a_number_and_others_are_refused():
    assert float(Tensor([2.5])) == 2.5 and int(Tensor([[2.5]])) == 2 and bool(Tensor(1.0)) and not Tensor([0.0])
    for kind in (float, int, bool, Tensor.item):
        for wrong in (Tensor([1.0, 2.0]), Tensor(np.zeros(0))):
            with pytest.raises(UsageError, match="needs a tensor of one element"):
                kind(wrong)


def test_numpy_gets_the_numbers_but_never_loses_a_gradient_on_the_way():
    x = Tensor([1.0, 2.0])
    assert np.asarray(x).dtype == np.float32 and np.asarray(x, np.float64).tolist() == [1, 2]
    assert np.shares_memory(np.asarray(x), x.data) and not np.shares_memory(np.array(x), x.data)
    y = leaf(1.0, 2.0)
    for lost in (lambda: np.asarray(y), lambda: np.concatenate([y, x]), lambda: np.stack([x, y * 2])):
        with pytest.raises(UsageError, match="cannot take a tensor that wants a gradient"):
            lost()
    with no_grad():
        assert np.asarray(y).tolist() == [1, 2]


def test_numpy_gives_an_array_for_reading_over_the_same_memory():
    """A write to it would be a change that backward() does not notice."""
    x = Tensor([1.0, 2.0])
    for array in (x.numpy(), np.asarray(x), x.detach().numpy()):
        assert np.shares_memory(array, x.data)
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 5
    with pytest.raises(ValueError, match="read-only"):
        np.add(x, 1, out=x.numpy())
    with pytest.raises(ValueError, match="read-only"):
        np.copyto(x, 5)
    np.array(x)[0] = x.numpy().copy()[0] = 5
    assert x.tolist() == [1, 2]
    x.data[0] = 5
    assert x.numpy()[0] == 5
    with pytest.raises(ValueError, match="copy"):
        np.array(x, np.float64, copy=False)


def test_numpy_of_what_wants_a_gradient_is_refused_as_in_pytorch():
    p = leaf(1.0, 2.0)
    for wanted in (p, p * 2):
        with pytest.raises(UsageError, match=r"gradient: it would get none; use .data or detach\(\)"):
            wanted.numpy()
        assert wanted.detach().numpy().tolist() == wanted.data.tolist() == wanted.tolist()
    with no_grad():
        assert p.numpy().tolist() == [1, 2]


def test_numbers_lists_and_texts_of_a_tensor():
    x = leaf(1.0, 2.5)
    assert x.tolist() == [1, 2.5] and Tensor(3.0).tolist() == 3 and x.sum().item() == 3.5
    assert f"{x.sum():.2f} {x}" == "3.50 Tensor([1. , 2.5], requires_grad=True)"
    with pytest.raises(UsageError, match="needs a tensor of one element"):
        f"{x:.2f}"
    assert (x.argmax(), x.argmax(0).dtype.kind, abs(-x).tolist()) == (1, "i", [1, 2.5])
    assert Tensor(np.zeros((2, 3))).T.shape == (3, 2)


def test_going_through_a_tensor_gives_its_rows_with_their_gradients():
    x = leaf(1.0, 2.0, 3.0)
    first, _, last = x
    (first * last).backward()
    assert x.grad.tolist() == [3, 0, 1]
    with pytest.raises(TypeError, match=r"without axes has no rows to go through; item\(\)"):
        list(Tensor(1.0))


OWN = {
    "np.add(a, x)": "a + x",
    "np.add(x, a)": "x + a",
    "a - x": "-(x - a)",
    "np.subtract(x, a)": "x - a",
    "a * x": "x * a",
    "np.divide(a, x)": "1 / (x / a)",
    "np.power(x, a)": "x**a",
    "np.power(a, x)": "(x * np.log(a)).exp()",
    "np.matmul(a[None], x.reshape(2, 1))": "(x * a).sum()",
    "np.float64(2) * x": "x * 2",
    "[2.0, 3.0] + x": "x + a",
    "np.negative(x)": "-x",
    "np.exp(x)": "x.exp()",
    "np.log(x)": "x.log()",
    "np.sqrt(x)": "x.sqrt()",
    "np.tanh(x)": "x.tanh()",
    "np.abs(x)": "x.abs()",
    "np.sum(x)": "x.sum()",
    "np.mean(x, axis=0)": "x.mean()",
    "np.mean(x, 0, keepdims=True)": "x.mean(0, True)",
    "np.var(x)": "x.var()",
    "np.max(x)": "x.max()",
    "np.min(x)": "x.min()",
    "np.reshape(x, (2, 1)) * a": "x.reshape(2, 1) * a",
    "np.transpose(x)": "x.transpose()",
}


@pytest.mark.parametrize("line", OWN)
def test_numpys_functions_that_tensors_have_keep_the_gradient(line):
    found = []
    for text in (line, OWN[line]):
        x = leaf(1.5, 2.0)
        y = eval(text, {"np": np, "x": x, "a": np.array([2.0, 3.0])})
        assert isinstance(y, Tensor), text
        y.sum().backward()
        found.append([*y.data.ravel(), *x.grad])
    assert found[0] == pytest.approx(found[1], rel=1e-6)


LOST = [
    "np.maximum(x, 0)",
    "np.stack([x, x])",
    "np.concatenate((a, x))",
    "np.where(x > 0, x, 0)",
    "np.dot(x, a)",
    "np.std(x)",
    "np.sum(x, dtype=float)",
    "np.sum(x, 0, float)",
    "np.transpose(x, axes=(0,))",
    "np.split(x, 2)",
    "np.add(x, 1, out=a)",
    "np.copyto(a, x)",
    "np.multiply.reduce(x)",
    "np.linalg.norm(x)",
    "exec('a += x')",
]


@pytest.mark.parametrize("line", LOST)
def test_numpys_functions_that_would_lose_a_gradient_are_refused_by_name(line):
    names = {"np": np, "x": leaf(1.0, 2.0), "a": np.ones(2)}
    with pytest.raises(UsageError, match=r"np\.\w+\(\) cannot take a tensor that wants a gradient"):
        eval(line, names)
    for allowed, wants in ((no_grad, True), (contextlib.nullcontext, False)):
        with allowed():
            eval(line, {"np": np, "x": Tensor([1.0, 2.0], wants), "a": np.ones(2)})


def test_a_refused_function_names_what_to_use():
    with pytest.raises(UsageError, match=r"np\.clip\(\) .* use x\.clip\(\)"):
        np.clip(leaf(1.0), 0, 1)
    with pytest.raises(UsageError, match=r"np\.where\(\) .* use \.data or detach\(\), or .* where\(\)"):
        np.where(True, leaf(1.0), 0)


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("np.isfinite(x)", [True, True]),
        ("np.ones(2) < x", [False, True]),
        ("np.argmax(x)", 1),
        ("np.argsort(x)", [0, 1]),
        ("np.shape(x)", (2,)),
        ("np.allclose(x, [1, 2])", True),
        ("np.array_equal(x, x)", True),
        ("np.zeros_like(x)", [0, 0]),
    ],
)
def test_what_has_no_gradient_anyway_is_answered(line, wanted):
    found = eval(line, {"np": np, "x": leaf(1.0, 2.0)})
    assert not isinstance(found, Tensor) and np.array_equal(found, wanted)


def test_other_functions_of_numpy_give_arrays():
    x = Tensor([1.0, 2.0])
    assert type(np.stack([x, x])) is np.ndarray and np.dot(x, x) == 5 and np.std(x) == 0.5
    assert np.block([[x, x], [x, x]]).shape == (2, 4)


def test_words_of_other_libraries_are_answered_with_ours():
    x = Tensor([1.0])
    with pytest.raises(AttributeError, match=r"a tensor has no 'view'; use reshape\(\)"):
        x.view(-1)
    with pytest.raises(AttributeError, match=r"a tensor has no 'nothing'$"):
        _ = x.nothing
    assert not hasattr(x, "clone")
