"""The kernels of vectors beside plain loops and beside PyTorch."""

import numpy as np
import pytest

from brainbox_core.kernels import dense as kernels
from brainbox_core.kernels import plain

RNG = np.random.default_rng(5)


@pytest.mark.parametrize("shape", [(5, 3), (1, 1), (4, 2, 2, 3)], ids=str)
def test_layer_norm_beside_plain_loops_and_pytorch(shape):
    x, g = RNG.normal(3, 2, shape), RNG.normal(size=shape)
    gain, shift = RNG.normal(size=(2, shape[-1]))
    y, cache = kernels.layer_norm(x, gain, shift, 1e-5)
    assert np.allclose(y.reshape(-1, shape[-1]), plain.layer_norm(x.reshape(-1, shape[-1]), gain, shift, 1e-5))
    torch = pytest.importorskip("torch", reason="the oracle is PyTorch: pip install torch==2.13.0")
    tensors = [torch.tensor(array, requires_grad=True) for array in (x, gain, shift)]
    theirs = torch.nn.functional.layer_norm(tensors[0], shape[-1:], *tensors[1:], eps=1e-5)
    theirs.backward(torch.tensor(g))
    assert np.allclose(y, theirs.detach().numpy())
    for ours, tensor in zip(kernels.layer_norm_backward(g, cache, gain), tensors, strict=True):
        assert np.allclose(ours, tensor.grad.numpy(), atol=1e-12)


@pytest.mark.parametrize("shape", [(5, 3), (1, 3), (4, 2, 2, 3)], ids=str)
def test_batch_norm_beside_pytorch(shape):
    torch = pytest.importorskip("torch", reason="the oracle is PyTorch: pip install torch==2.13.0")
    x, gain, shift = RNG.normal(3, 2, shape), RNG.normal(size=3), RNG.normal(size=3)
    g = RNG.normal(size=shape)
    y, mean, variance, cache = kernels.batch_norm(x, gain, shift, 1e-5)
    assert np.allclose(mean, x.reshape(-1, 3).mean(axis=0)) and np.allclose(variance, x.reshape(-1, 3).var(axis=0))
    dx, dgain, dshift = kernels.batch_norm_backward(g, cache, gain)
    if len(x.reshape(-1, 3)) == 1:  # PyTorch refuses a single row; here it becomes the shift
        assert np.allclose(y, shift) and np.allclose(dx, 0)
        return
    tensors = [torch.tensor(a, requires_grad=True) for a in (x.reshape(-1, 3), gain, shift)]
    theirs = torch.nn.functional.batch_norm(tensors[0], None, None, tensors[1], tensors[2], training=True, eps=1e-5)
    theirs.backward(torch.tensor(g.reshape(-1, 3)))
    assert np.allclose(y.reshape(-1, 3), theirs.detach().numpy())
    for ours, tensor in zip((dx.reshape(-1, 3), dgain, dshift), tensors, strict=True):
        assert np.allclose(ours, tensor.grad.numpy(), atol=1e-12)


def test_batch_norm_of_a_large_mean_keeps_its_digits_in_float32():
    x = (1000 + RNG.normal(size=(4096, 2))).astype(np.float32)
    y, *_ = kernels.batch_norm(x, np.ones(2, np.float32), np.zeros(2, np.float32), 1e-5)
    exact = (x.astype(float) - x.astype(float).mean(axis=0)) / x.astype(float).std(axis=0)
    assert y.dtype == np.float32 and abs(y - exact).max() < 5e-3


@pytest.mark.parametrize("shape", [(6,), (2, 3), (0,), (1,)], ids=str)
def test_embedding_backward_beside_add_at(shape):
    indices, g = RNG.integers(0, 4, shape), RNG.normal(size=(*shape, 3))
    wanted = np.zeros((4, 3))
    np.add.at(wanted, indices, g)
    assert np.allclose(kernels.embedding_backward(g, indices, 4), wanted)


@pytest.mark.parametrize("scale", [1, 1e4, 1e30])
def test_softmax_and_cross_entropy_are_finite_for_every_logit(scale):
    logits = (np.array([[1, -1, 0], [0, 0, 0], [-1, -1, 1]]) * scale).astype(np.float32)
    p = kernels.softmax(logits)
    assert p.dtype == np.float32 and np.allclose(p.sum(axis=1), 1)
    loss, gradient = kernels.softmax_cross_entropy(logits, np.eye(3, dtype=np.float32))
    assert loss.dtype == gradient.dtype == np.float32
    assert np.isfinite(loss) and np.isfinite(gradient).all() and np.allclose(gradient.sum(axis=1), 0, atol=1e-7)
    flat, zeros = logits.reshape(-1, 1), np.zeros((9, 1), np.float32)
    loss, gradient = kernels.binary_cross_entropy(flat, zeros, zeros + 1)
    assert loss.dtype == gradient.dtype == np.float32 and np.isfinite(loss) and np.isfinite(gradient).all()
    assert loss == pytest.approx(np.logaddexp(0, flat.astype(float)).mean(), rel=1e-6)


@pytest.mark.parametrize("smoothing", [0, 0.2])
def test_cross_entropy_of_labels_is_that_of_their_probabilities(smoothing):
    logits, labels = RNG.normal(size=(6, 4)), RNG.integers(0, 4, 6)
    targets = np.eye(4)[labels] * (1 - smoothing) + smoothing / 4
    pair = (
        kernels.cross_entropy_of_labels(logits, labels, smoothing, None),
        kernels.softmax_cross_entropy(logits, targets),
    )
    for one, two in zip(*pair, strict=True):
        assert np.allclose(one, two, atol=1e-15)


def test_linear_over_sequences_is_linear_over_their_steps():
    x, w, b, g = RNG.normal(size=(2, 4, 3)), RNG.normal(size=(3, 5)), RNG.normal(size=5), RNG.normal(size=(2, 4, 5))
    y, (dx, dw, db) = kernels.linear(x, w, b), kernels.linear_backward(g, x, w, need_dx=True)
    rows = kernels.linear_backward(g.reshape(8, 5), x.reshape(8, 3), w, need_dx=True)
    assert np.allclose(y, kernels.linear(x.reshape(8, 3), w, b).reshape(2, 4, 5))
    assert np.allclose(dx, rows[0].reshape(2, 4, 3)) and np.allclose(dw, rows[1]) and np.allclose(db, rows[2])


def test_linear_writes_its_gradient_where_it_is_told_to():
    x, w, b, g = RNG.normal(size=(4, 3)), RNG.normal(size=(3, 2)), RNG.normal(size=2), RNG.normal(size=(4, 2))
    place = np.full((3, 2), 9.0)
    dx, dw, db = kernels.linear_backward(g, x, w, need_dx=True, out=place)
    assert dw is place and np.allclose(dw, x.T @ g) and np.allclose(dx, g @ w.T) and np.allclose(db, g.sum(axis=0))
    assert kernels.linear_backward(g, x, w, need_dx=False)[0] is None
    assert np.allclose(kernels.linear(x, w, b), x @ w + b)


def test_linear_beside_plain_loops():
    x, w, b, g = RNG.normal(size=(4, 3)), RNG.normal(size=(3, 2)), RNG.normal(size=2), RNG.normal(size=(4, 2))
    assert np.allclose(kernels.linear(x, w, b), plain.linear(x, w, b))
    for ours, slow in zip(kernels.linear_backward(g, x, w, need_dx=True), plain.linear_backward(g, x, w), strict=True):
        assert np.allclose(ours, slow)


@pytest.mark.parametrize("scale", [1, 500])
def test_cross_entropy_beside_plain_loops(scale):
    logits, labels = RNG.normal(size=(6, 4)) * scale, np.array([0, 1, 2, 3, 3, 0])
    logits[np.arange(6), labels] = logits.max(axis=1)  # the loops take a logarithm of what may underflow
    loss, gradient = kernels.cross_entropy_of_labels(logits, labels, 0.0, None)
    slow, wanted = plain.softmax_cross_entropy(logits, labels)
    assert loss == pytest.approx(slow) and np.allclose(gradient, wanted)
