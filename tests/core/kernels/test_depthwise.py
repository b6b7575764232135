"""Depthwise convolution beside plain loops and beside PyTorch."""

import itertools

import numpy as np
import pytest

from brainbox_core.kernels import depthwise, plain

RNG = np.random.default_rng(7)
ZEROS, AROUND = ((0, 0), (0, 0)), ((1, 2), (0, 1))
CASES = list(
    itertools.product(
        [(1, 1), (3, 3), (2, 4)], [(1, 1), (2, 2), (3, 1), (1, 3)], [ZEROS, AROUND], [(1, 1), (2, 3)], [(3, 1), (2, 2)]
    )
)
every_case = pytest.mark.parametrize(("kernel", "stride", "padding", "dilation", "channels"), CASES, ids=str)


def ours(g, x, kernel, stride, padding, dilation):
    y, cache = depthwise.conv2d(x, kernel, stride, padding, dilation)
    times = kernel.shape[-1] // x.shape[-1]
    return y, *depthwise.conv2d_backward(g(y.shape), cache, kernel, stride, padding, dilation, times)


def case(kernel, channels):
    channels, times = channels
    return RNG.normal(size=(2, 9, 11, channels)), RNG.normal(size=(*kernel, 1, channels * times))


@every_case
def test_depthwise_convolution_beside_plain_loops(kernel, stride, padding, dilation, channels):
    x, k = case(kernel, channels)
    before, (top, bottom), (left, right) = (x.copy(), k.copy()), *padding
    padded = np.pad(x, ((0, 0), *padding, (0, 0)))
    slow = plain.depthwise_conv2d(padded, k, stride, dilation)
    g = RNG.normal(size=slow.shape)
    dx, dk = plain.depthwise_conv2d_backward(g, padded, k, stride, dilation)
    dx = dx[:, top : padded.shape[1] - bottom, left : padded.shape[2] - right]
    for one, other in zip(ours(lambda _: g, x, k, stride, padding, dilation), (slow, dx, dk), strict=True):
        assert one.shape == other.shape and np.allclose(one, other, atol=1e-12)
    assert np.array_equal(x, before[0]) and np.array_equal(k, before[1])
    _, cache = depthwise.conv2d(x, k, stride, padding, dilation)
    none, again = depthwise.conv2d_backward(g, cache, k, stride, padding, dilation, channels[1], need_dx=False)
    assert none is None and np.allclose(again, dk, atol=1e-12)


@every_case
def test_depthwise_convolution_beside_pytorch(kernel, stride, padding, dilation, channels):
    torch = pytest.importorskip("torch", reason="the oracle is PyTorch: pip install torch==2.13.0")
    x, k = case(kernel, channels)
    (top, bottom), (left, right) = padding
    tx, tk = (torch.tensor(array, requires_grad=True) for array in (x, k))
    padded = torch.nn.functional.pad(tx.permute(0, 3, 1, 2), (left, right, top, bottom))
    theirs = torch.nn.functional.conv2d(
        padded, tk.permute(3, 2, 0, 1), None, stride, dilation=dilation, groups=channels[0]
    ).permute(0, 2, 3, 1)
    g = RNG.normal(size=tuple(theirs.shape))
    theirs.backward(torch.tensor(g))
    y, dx, dk = ours(lambda _: g, x, k, stride, padding, dilation)
    assert np.allclose(y, theirs.detach().numpy(), atol=1e-12)
    assert np.allclose(dx, tx.grad.numpy(), atol=1e-12) and np.allclose(dk, tk.grad.numpy(), atol=1e-11)


def test_depthwise_convolution_takes_images_in_any_memory_order():
    x, k = case((3, 3), (3, 1))
    wanted = ours(np.ones, x, k, (1, 2), ZEROS, (1, 1))
    for strange in (np.asfortranarray(x), np.repeat(x, 2, axis=2)[:, :, ::2], x[::-1].copy()[::-1]):
        for one, other in zip(ours(np.ones, strange, k, (1, 2), ZEROS, (1, 1)), wanted, strict=True):
            assert np.allclose(one, other, atol=1e-12)


@pytest.mark.parametrize("times", [1, 2])
def test_no_images_give_no_results_and_no_gradient(times):
    x, k = np.zeros((0, 5, 5, 2)), np.ones((3, 3, 1, 2 * times))
    y, dx, dk = ours(np.ones, x, k, (2, 2), AROUND, (1, 1))
    assert y.shape == (0, 3, 2, 2 * times) and dx.shape == x.shape and not dk.any() and dk.shape == k.shape
