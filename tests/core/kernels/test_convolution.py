"""The kernels beside plain loops that anybody can check by eye, and beside PyTorch."""

import itertools

import numpy as np
import pytest

from brainbox_core.kernels import convolution as kernels
from brainbox_core.kernels import memory, plain

RNG = np.random.default_rng(5)


def images(n, h, w, c, dtype=np.float64):
    return RNG.normal(size=(n, h, w, c)).astype(dtype)


def plain_conv2d(x, kernel, bias, stride, padding, pool, dilation=(1, 1)):
    """Zeros around the images, window by window, then the maximum of every pool; and the backward pass of all that."""
    (top, bottom), (left, right) = padding
    padded = np.pad(x, ((0, 0), *padding, (0, 0)))
    whole = plain.conv2d(padded, kernel, bias, stride, dilation)

    def backward(g):
        dx, dkernel, dbias = plain.conv2d_backward(
            plain.max_pool2d_backward(g, whole, pool, pool), padded, kernel, stride, dilation
        )
        return dx[:, top : padded.shape[1] - bottom, left : padded.shape[2] - right], dkernel, dbias

    return plain.max_pool2d(whole, pool, pool), backward


def torch_conv2d(g, x, kernel, bias, stride, padding, pool, dilation=(1, 1)):
    """Result and gradients from PyTorch, which has the channels first."""
    torch = pytest.importorskip("torch", reason="the oracle is PyTorch: pip install torch==2.13.0")
    (top, bottom), (left, right) = padding
    tx, tk, tb = (torch.tensor(a, requires_grad=True) for a in (x, kernel, bias))
    nn = torch.nn.functional
    padded = nn.pad(tx.permute(0, 3, 1, 2), (left, right, top, bottom))
    y = nn.conv2d(padded, tk.permute(3, 2, 0, 1), tb, stride, dilation=dilation)
    y = nn.max_pool2d(y, pool).permute(0, 2, 3, 1)
    y.backward(torch.tensor(g))
    return y.detach().numpy(), tx.grad.numpy(), tk.grad.numpy(), tb.grad.numpy()


KERNELS, STRIDES, POOLS = [(1, 1), (3, 3), (2, 4)], [(1, 1), (2, 2), (3, 1)], [(1, 1), (2, 2), (2, 1), (3, 2)]
CASES = list(itertools.product(KERNELS, STRIDES, ["valid", "same"], POOLS, [1, 3]))


def conv_case(kernel, stride, padding, channels, n=3):
    sides = zip((9, 10), kernel, stride, strict=True)
    zeros = ((0, 0), (0, 0))
    if padding == "same":
        zeros = tuple(kernels.same_padding(size, k, s) for size, k, s in sides)
    return images(n, 9, 10, channels), RNG.normal(size=(*kernel, channels, 3)), RNG.normal(size=3), stride, zeros


@pytest.mark.parametrize(("kernel", "stride", "padding", "pool", "channels"), CASES, ids=str)
def test_conv2d_beside_plain_loops(kernel, stride, padding, pool, channels, monkeypatch):
    """Whole, image by image, and in parts of two images as huge batches are."""
    x, k, b, stride, zeros = conv_case(kernel, stride, padding, channels)
    before = x.copy(), k.copy(), b.copy()
    slow, backward = plain_conv2d(x, k, b, stride, zeros, pool)
    g = RNG.normal(size=slow.shape)
    oracle = slow, *backward(g)
    one_image = cache_bytes(slow, k, pool) // len(x)
    for limit in (kernels._MOST_COLUMNS, 1, 2 * one_image):
        monkeypatch.setattr(kernels, "_MOST_COLUMNS", limit)
        y, cache = kernels.conv2d(x, k, b, stride, zeros, pool)
        assert (cache[1] is None) == (limit < 3 * one_image)
        assert y.shape == slow.shape and np.allclose(y, slow, atol=1e-12)
        dx, dk, db = kernels.conv2d_backward(g, cache, k, stride, zeros, pool)
        assert dx.shape == x.shape and dk.shape == k.shape and db.shape == b.shape
        for ours, theirs in zip((y, dx, dk, db), oracle, strict=True):
            assert np.allclose(ours, theirs, atol=1e-11)
        for array, old in zip((x, k, b), before, strict=True):
            assert np.array_equal(array, old)
        _, cache = kernels.conv2d(x, k, b, stride, zeros, pool)
        without, dk_again, _ = kernels.conv2d_backward(g, cache, k, stride, zeros, pool, need_dx=False)
        assert without is None and np.array_equal(dk_again, dk)


@pytest.mark.parametrize(("kernel", "stride", "padding", "pool", "channels"), CASES, ids=str)
def test_conv2d_beside_pytorch(kernel, stride, padding, pool, channels):
    x, k, b, stride, zeros = conv_case(kernel, stride, padding, channels)
    y, cache = kernels.conv2d(x, k, b, stride, zeros, pool)
    g = RNG.normal(size=y.shape)
    ours = y, *kernels.conv2d_backward(g, cache, k, stride, zeros, pool)
    for one, theirs in zip(ours, torch_conv2d(g, x, k, b, stride, zeros, pool), strict=True):
        assert np.allclose(one, theirs, atol=1e-11)


DILATED = list(itertools.product([(3, 3), (2, 1)], [(1, 1), (2, 3)], [(2, 2), (1, 3)], [(1, 1), (2, 2)], [1, 3]))


@pytest.mark.parametrize(("kernel", "stride", "dilation", "pool", "channels"), DILATED, ids=str)
@pytest.mark.parametrize("oracle", [plain_conv2d, torch_conv2d])
def test_conv2d_with_gaps_in_its_kernels(kernel, stride, dilation, pool, channels, oracle, monkeypatch):
    x, k, b, stride, zeros = conv_case(kernel, stride, "same", channels)
    for limit in (kernels._MOST_COLUMNS, 1):
        monkeypatch.setattr(kernels, "_MOST_COLUMNS", limit)
        y, cache = kernels.conv2d(x, k, b, stride, zeros, pool, dilation)
        g = RNG.normal(size=y.shape)
        ours = y, *kernels.conv2d_backward(g, cache, k, stride, zeros, pool, dilation=dilation)
        if oracle is torch_conv2d:
            theirs = torch_conv2d(g, x, k, b, stride, zeros, pool, dilation)
        else:
            slow, backward = plain_conv2d(x, k, b, stride, zeros, pool, dilation)
            theirs = slow, *backward(g)
        for one, other in zip(ours, theirs, strict=True):
            assert one.shape == other.shape and np.allclose(one, other, atol=1e-11)


def cache_bytes(y, k, pool):
    n, oh, ow, _ = y.shape
    return n * oh * ow * pool[0] * pool[1] * k[..., 0].size * 8


@pytest.mark.parametrize("channels", [1, 3])
def test_conv2d_takes_images_in_any_memory_order(channels):
    x, k, b, stride, zeros = conv_case((3, 3), (1, 1), "valid", channels)
    wanted, _ = kernels.conv2d(x, k, b, stride, zeros, (2, 2))
    odd = np.asfortranarray(x), np.repeat(x, 2, axis=2)[:, :, ::2], x[::-1].copy()[::-1]
    for strange in odd:
        y, cache = kernels.conv2d(strange, k, b, stride, zeros, (2, 2))
        assert np.array_equal(y, wanted)
        g = np.asfortranarray(np.ones_like(y))
        dx, _, _ = kernels.conv2d_backward(g, cache, k, stride, zeros, (2, 2))
        assert dx.sum() == pytest.approx((k.sum(axis=(0, 1, 2)) * y.shape[0] * y.shape[1] * y.shape[2]).sum())


@pytest.mark.parametrize("channels", [1, 2])
def test_a_fused_pool_is_the_pool_behind_bit_for_bit_and_ties_go_to_the_first(channels):
    x = RNG.integers(-1, 2, (4, 8, 8, channels)).astype(np.float32)  # many ties
    k, b = RNG.integers(-1, 2, (3, 3, channels, 5)).astype(np.float32), np.zeros(5, np.float32)
    zeros = ((0, 0), (0, 0))
    fused, fused_cache = kernels.conv2d(x, k, b, (1, 1), zeros, (2, 2))
    plain, cache = kernels.conv2d(x, k, b, (1, 1), zeros)
    pooled = kernels.max_pool2d(plain, (2, 2), (2, 2))
    assert np.array_equal(fused, pooled)
    g = RNG.integers(-8, 9, fused.shape).astype(np.float32)
    one = kernels.conv2d_backward(g, fused_cache, k, (1, 1), zeros, (2, 2))
    between = kernels.max_pool2d_backward(g, plain, pooled, (2, 2), (2, 2))
    two = kernels.conv2d_backward(between, cache, k, (1, 1), zeros)
    for a, c in zip(one, two, strict=True):
        assert np.array_equal(a, c)


def test_memory_is_used_again_and_never_while_somebody_needs_it(monkeypatch):
    """Two forward passes before either backward, and a cache that was dropped."""
    monkeypatch.setattr(memory, "SMALLEST", 1)
    x1, k, b, stride, zeros = conv_case((3, 3), (1, 1), "valid", 2)
    x2 = images(*x1.shape)

    def alone(x):
        y, cache = kernels.conv2d(x, k, b, stride, zeros, (2, 2))
        return y, kernels.conv2d_backward(np.ones_like(y), cache, k, stride, zeros, (2, 2))

    wanted = [alone(x1), alone(x2)]
    y1, cache1 = kernels.conv2d(x1, k, b, stride, zeros, (2, 2))
    y2, cache2 = kernels.conv2d(x2, k, b, stride, zeros, (2, 2))
    assert not np.shares_memory(cache1[1], cache2[1])
    _, dropped = kernels.conv2d(x2, k, b, stride, zeros, (2, 2))
    del dropped
    y3, cache3 = kernels.conv2d(x2, k, b, stride, zeros, (2, 2))
    for y, cache, (y_wanted, gradients) in ((y1, cache1, wanted[0]), (y3, cache3, wanted[1]), (y2, cache2, wanted[1])):
        found = kernels.conv2d_backward(np.ones_like(y), cache, k, stride, zeros, (2, 2))
        assert np.array_equal(y, y_wanted)
        for a, c in zip(found, gradients, strict=True):
            assert np.array_equal(a, c)


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "valid", "same"),
    [(28, 3, 1, 26, 28), (28, 3, 2, 13, 14), (5, 5, 1, 1, 5), (7, 2, 3, 2, 3), (1, 1, 1, 1, 1), (4, 1, 3, 2, 2)],
)
def test_window_counts_and_same_padding(size, kernel, stride, valid, same):
    assert kernels.window_count(size, kernel, stride, "valid") == valid
    assert kernels.window_count(size, kernel, stride, "same") == same
    before, after = kernels.same_padding(size, kernel, stride)
    assert (size + before + after - kernel) // stride + 1 == same and 0 <= after - before <= 1


# --- pools -----------------------------------------------------------------------------------------------------------

POOL_CASES = [
    ((2, 2), (2, 2)),
    ((3, 3), (2, 2)),
    ((2, 3), (1, 1)),
    ((2, 2), (3, 3)),
    ((1, 1), (1, 1)),
    ((7, 6), (1, 1)),
]


@pytest.mark.parametrize(("size", "stride"), POOL_CASES, ids=str)
@pytest.mark.parametrize("ties", [False, True])
def test_max_pool_beside_loops_with_the_first_maximum_winning(size, stride, ties):
    x = RNG.integers(0, 3, (2, 7, 6, 3)).astype(float) if ties else images(2, 7, 6, 3)
    y = kernels.max_pool2d(x, size, stride)
    g = RNG.integers(-9, 10, y.shape).astype(float)
    assert np.array_equal(y, plain.max_pool2d(x, size, stride))
    found = kernels.max_pool2d_backward(g, x, y, size, stride)
    assert (
        np.array_equal(found, plain.max_pool2d_backward(g, x, size, stride)) and found.sum() == g.sum()
    )  # nothing is lost, nothing comes twice


@pytest.mark.parametrize(("size", "stride"), POOL_CASES, ids=str)
def test_pools_beside_pytorch(size, stride):
    torch = pytest.importorskip("torch", reason="the oracle is PyTorch: pip install torch==2.13.0")
    x = images(2, 7, 6, 3)
    for kind in ("max_pool2d", "avg_pool2d"):
        tx = torch.tensor(x, requires_grad=True)
        theirs = getattr(torch.nn.functional, kind)(tx.permute(0, 3, 1, 2), size, stride).permute(0, 2, 3, 1)
        y = getattr(kernels, kind)(x, size, stride)
        assert np.allclose(y, theirs.detach().numpy(), atol=1e-14)
        g = RNG.normal(size=y.shape)
        theirs.backward(torch.tensor(g))
        back = (
            kernels.max_pool2d_backward(g, x, y, size, stride)
            if kind == "max_pool2d"
            else kernels.avg_pool2d_backward(g, x.shape, size, stride)
        )
        assert np.allclose(back, tx.grad.numpy(), atol=1e-14)


def test_complex_ties_go_to_the_first_too():
    x = np.array([1, 1 + 2j, 1 + 3j, 0.5 + 9j]).reshape(1, 2, 2, 1)
    y = kernels.max_pool2d(x, (2, 2), (2, 2))
    assert y.item() == 1
    back = kernels.max_pool2d_backward(np.ones_like(y), x, y, (2, 2), (2, 2))
    assert back.reshape(-1).tolist() == [1, 0, 0, 0]


def test_max_pool_lets_nan_through():
    x = np.zeros((1, 4, 4, 1))
    x[0, 1, 1] = np.nan
    assert np.isnan(kernels.max_pool2d(x, (2, 2), (2, 2))).sum() == 1
    k, b = np.ones((1, 1, 1, 1)), np.zeros(1)
    assert np.isnan(kernels.conv2d(x, k, b, (1, 1), ((0, 0), (0, 0)), (2, 2))[0]).sum() == 1
