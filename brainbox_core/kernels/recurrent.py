"""The three recurrent cells on plain ndarrays, forward beside backward through all steps. No tensors, no tape.

Everything is time first: inputs (T, N, I), outputs (T, N, H). An input may also be whole numbers (T, N) that stand for
one-hot vectors: their product with the input weight is then a row of it, looked up.

A step of a small network is a few products and many operations on arrays that fit into the cache, so what counts is to
keep them there. The gates of a cell lie side by side in its weights, (I, G*H), but one after the other in what is
computed of them, (T, G, N, H): each is then one run of memory, which NumPy goes through three times as fast as through
columns of a matrix. Everything happens in place. Inside the loop is only what depends on the step before, or what would
leave the cache before the loop ends; after it the gradients of the weights are one product each. One tanh serves all
gates, because sigmoid(x) = 0.5 * tanh(0.5 * x) + 0.5.

Sources: the tanh network from Elman, "Finding structure in time" (1990); LSTM from Hochreiter and Schmidhuber (1997)
with the forget gate of Gers, Schmidhuber and Cummins (2000); GRU from Cho et al. (2014), in the variant of cuDNN and
PyTorch, which resets after the recurrent product; the backward passes are the chain rule through time (Werbos 1990).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from brainbox_core.kernels.dense import embedding_backward

Arrays = tuple[np.ndarray, ...]
Gradients = tuple[np.ndarray | None, ...]

# --- what the cells share --------------------------------------------------------------------------------------------


def keep_freed_memory() -> None:
    """Keep the memory of one training step for the next, which takes a fifth off the time of an LSTM's step.

    The C library of Linux hands freed memory back to the system, and fetching it again costs more than filling it. It
    keeps twice the largest block that it has ever seen freed, up to 32 MB (mallopt(3), M_MMAP_THRESHOLD); a block that
    is never touched costs nothing.
    """
    np.empty(31 << 20, np.uint8)


def _by_gate(weight: np.ndarray, gates: int, steps: int) -> np.ndarray:
    """The gates' columns one block after the other: (I, G*H) -> (G, I, H)."""
    blocks = weight.reshape(len(weight), gates, -1).transpose(1, 0, 2)
    return np.ascontiguousarray(blocks) if steps > 8 else blocks  # products of a copy are 8 % faster


def _projection(x: np.ndarray, weight: np.ndarray, bias: np.ndarray, gates: int) -> Callable[[int, np.ndarray], None]:
    """A function that writes x @ weight + bias of step t into z, (G, N, H).

    Step by step, because z is then still in the cache when the rest of the step is added to it: that is worth more than
    one large product for all steps.
    """
    blocks, biases = _by_gate(weight, gates, len(x)), bias.reshape(gates, 1, -1)
    if x.dtype.kind not in "iu":

        def project(t, z):
            np.matmul(x[t], blocks, out=z)
            np.add(z, biases, out=z)

    elif x.size > len(weight):
        rows = np.ascontiguousarray(blocks + biases)  # the bias goes to the few rows there are, not to all looked up

        def project(t, z):
            np.take(rows, x[t], axis=1, out=z, mode="clip")  # the only mode that writes straight to `out`

    else:

        def project(t, z):
            np.add(blocks[:, x[t]], biases, out=z)

    return project


def _projection_backward(g: np.ndarray, x: np.ndarray, weight: np.ndarray, need_dx: bool) -> Gradients:
    """Gradients of x (None unless needed), weight and bias, from that of the results, side by side (T, N, G*H)."""
    rows = g.reshape(-1, g.shape[-1])
    if x.dtype.kind in "iu":
        dweight = embedding_backward(rows, x, len(weight))
        return None, dweight, dweight.sum(axis=0)  # every row went to one id or another
    dx = (rows @ weight.T).reshape(x.shape) if need_dx else None
    return dx, x.reshape(len(rows), x.shape[-1]).T @ rows, np.ones(len(rows), g.dtype) @ rows


def _recurrent_gradient(hs: np.ndarray, dz: np.ndarray) -> np.ndarray:
    """The gradient of the recurrent weight, all steps at once: (T + 1, N, H), (T, N, G*H) -> (H, G*H)."""
    return hs[:-1].reshape(-1, hs.shape[-1]).T @ dz.reshape(-1, dz.shape[-1])


def _states(start: np.ndarray, steps: int) -> np.ndarray:
    """Room for a state before the first step, which is filled in, and after each: (N, H) -> (T + 1, N, H)."""
    states = np.empty((steps + 1, *start.shape), start.dtype)
    states[0] = start
    return states


def _length(x: np.ndarray) -> float:
    return math.sqrt(np.vdot(x, x).real)


# --- tanh ------------------------------------------------------------------------------------------------------------


def rnn(
    x: np.ndarray, weight: np.ndarray, recurrent: np.ndarray, bias: np.ndarray, h: np.ndarray
) -> tuple[Arrays, Arrays]:
    """h' = tanh(x @ weight + h @ recurrent + bias).

    (T, N, I) or whole numbers (T, N), (I, H), (H, H), (H,), and the state before the first step (N, H).

    Returns:
        The states ((T + 1, N, H),) from before the first step to after the last, and what the backward pass needs.
    """
    project, hs, product = _projection(x, weight, bias, 1), _states(h, len(x)), np.empty((1, *h.shape), h.dtype)
    for t in range(len(x)):
        project(t, product)
        z = hs[t + 1]
        np.matmul(hs[t], recurrent, out=z)
        z += product[0]
        np.tanh(z, out=z)
    return (hs,), (hs, x, weight, recurrent)


def rnn_backward(g: np.ndarray, cache: Arrays, need_dx: bool, norms: np.ndarray | None = None) -> Gradients:
    """Gradients of x (None unless needed), weight, recurrent, bias and h, from that of the outputs (T, N, H).

    Args:
        norms: (T,), filled in with the length of the gradient with respect to each output, if given.
    """
    hs, x, weight, recurrent = cache
    dz, dh = np.empty_like(hs[1:]), np.zeros_like(hs[0])
    back = np.ascontiguousarray(recurrent.T)
    for t in reversed(range(len(dz))):
        dh += g[t]
        if norms is not None:
            norms[t] = _length(dh)
        slope = dz[t]
        np.multiply(hs[t + 1], hs[t + 1], out=slope)
        np.subtract(1, slope, out=slope)  # 1 - h²
        slope *= dh
        np.matmul(slope, back, out=dh)
    dx, dweight, dbias = _projection_backward(dz, x, weight, need_dx)
    return dx, dweight, _recurrent_gradient(hs, dz), dbias, dh


# --- GRU -------------------------------------------------------------------------------------------------------------


def gru(
    x: np.ndarray,
    weight: np.ndarray,
    recurrent: np.ndarray,
    bias: np.ndarray,
    candidate_bias: np.ndarray,
    h: np.ndarray,
) -> tuple[Arrays, Arrays]:
    """r, z = sigmoid(...), n = tanh(... + r * u) with u = h @ recurrent_n + candidate_bias, h' = (1 - z) * n + z * h.

    As `rnn`, with weights (I, 3 H), (H, 3 H), (3 H,) for reset r, update z and candidate n, and candidate_bias (H,).
    """
    project, blocks = _projection(x, weight, bias, 3), _by_gate(recurrent, 3, len(x))
    hs, product = _states(h, len(x)), np.empty((3, *h.shape), h.dtype)
    gates, us = np.empty((len(x), 3, *h.shape), h.dtype), np.empty((len(x), *h.shape), h.dtype)
    for t in range(len(x)):
        sigmoids, (r, z, n), u, after = gates[t, :2], gates[t], us[t], hs[t + 1]
        project(t, gates[t])
        np.matmul(hs[t], blocks, out=product)
        sigmoids += product[:2]
        sigmoids *= 0.5
        np.tanh(sigmoids, out=sigmoids)
        sigmoids *= 0.5
        sigmoids += 0.5
        np.add(product[2], candidate_bias, out=u)
        np.multiply(r, u, out=after)
        n += after
        np.tanh(n, out=n)
        np.subtract(hs[t], n, out=after)
        after *= z
        after += n  # n + z (h - n)
    return (hs,), (hs, us, gates, x, weight, recurrent)


def gru_backward(g: np.ndarray, cache: Arrays, need_dx: bool, norms: np.ndarray | None = None) -> Gradients:
    """Gradients of x, weight, recurrent, bias, candidate_bias and h; see `rnn_backward`. The cache is used up."""
    hs, us, gates, x, weight, recurrent = cache
    steps, _, n, size = gates.shape
    dgates = gates.reshape(steps, n, 3 * size)  # in the place of what each step has read and nobody needs any more
    dproducts = np.empty_like(dgates)
    dh, kept, open_, dn, du, work = np.zeros((6, n, size), hs.dtype)
    dr, dz = np.empty((2, n, size), hs.dtype)
    back = np.ascontiguousarray(recurrent.T)
    for t in reversed(range(steps)):
        r, z, new = gates[t]
        dh += g[t]
        if norms is not None:
            norms[t] = _length(dh)
        np.multiply(dh, z, out=kept)
        np.subtract(dh, kept, out=open_)  # dh (1 - z)
        np.subtract(hs[t + 1], new, out=dz)
        dz *= open_  # dh z (1 - z) (h - n) = dh (1 - z) (h' - n)
        np.multiply(open_, new, out=dn)
        dn *= new
        np.subtract(open_, dn, out=dn)  # dh (1 - z) (1 - n²)
        np.multiply(dn, r, out=du)
        np.multiply(du, us[t], out=dr)
        np.multiply(dr, r, out=work)
        dr -= work  # dn u r (1 - r)
        for beside, last in ((dgates, dn), (dproducts, du)):
            parts = beside[t].reshape(n, 3, size)
            parts[:, 0], parts[:, 1], parts[:, 2] = dr, dz, last
        np.matmul(dproducts[t], back, out=dh)
        dh += kept
    dx, dweight, dbias = _projection_backward(dgates, x, weight, need_dx)
    dcandidate = np.ones(steps * n, dh.dtype) @ dproducts.reshape(-1, 3 * size)[:, 2 * size :]
    return dx, dweight, _recurrent_gradient(hs, dproducts), dbias, dcandidate, dh


# --- LSTM ------------------------------------------------------------------------------------------------------------


def lstm(
    x: np.ndarray, weight: np.ndarray, recurrent: np.ndarray, bias: np.ndarray, h: np.ndarray, c: np.ndarray
) -> tuple[Arrays, Arrays]:
    """o, i, f = sigmoid(...), n = tanh(...), c' = f * c + i * n, h' = o * tanh(c').

    As `rnn`, with weights (I, 4 H), (H, 4 H), (4 H,) for output o, input i, forget f and candidate n. The state is the
    outputs h and the cells c, before the first step (N, H) and returned as (T + 1, N, H) each.
    """
    project, blocks = _projection(x, weight, bias, 4), _by_gate(recurrent, 4, len(x))
    hs, cs, gates = _states(h, len(x)), _states(c, len(x)), np.empty((len(x), 4, *h.shape), h.dtype)
    product, work = np.empty((4, *h.shape), h.dtype), np.empty_like(h)
    for t in range(len(x)):
        z, sigmoids, (o, i, f, new), after = gates[t], gates[t, :3], gates[t], cs[t + 1]
        project(t, z)
        np.matmul(hs[t], blocks, out=product)
        z += product
        sigmoids *= 0.5
        np.tanh(z, out=z)
        sigmoids *= 0.5
        sigmoids += 0.5
        np.multiply(f, cs[t], out=after)
        np.multiply(i, new, out=work)
        after += work
        np.tanh(after, out=work)
        np.multiply(o, work, out=hs[t + 1])
    return (hs, cs), (hs, cs, gates, x, weight, recurrent)


def lstm_backward(g: np.ndarray, cache: Arrays, need_dx: bool, norms: np.ndarray | None = None) -> Gradients:
    """Gradients of x, weight, recurrent, bias, h and c; see `rnn_backward`. The cache is used up."""
    hs, cs, gates, x, weight, recurrent = cache
    steps, _, n, size = gates.shape
    dz = gates.reshape(steps, n, 4 * size)  # in the place of what each step has read and nobody needs any more
    dh, dc, through = np.zeros((3, n, size), hs.dtype)
    slope, work = np.empty((4, n, size), hs.dtype), np.empty((3, n, size), hs.dtype)
    back = np.ascontiguousarray(recurrent.T)
    for t in reversed(range(steps)):
        o, i, f, new = gates[t]
        dh += g[t]
        if norms is not None:
            norms[t] = _length(dh)
        np.tanh(cs[t + 1], out=through)
        through *= hs[t + 1]
        np.subtract(o, through, out=through)  # o (1 - tanh²(c')), the derivative of h' by c'
        through *= dh
        dc += through
        # What each sigmoid s is multiplied with, times its slope: a s (1 - s) = (a s) - (a s) s, where a s is at hand.
        slope[0] = hs[t + 1]
        np.multiply(i, new, out=slope[1])
        np.multiply(f, cs[t], out=slope[2])
        np.multiply(slope[1], new, out=slope[3])
        np.multiply(slope[:3], gates[t, :3], out=work)
        slope[:3] -= work
        np.subtract(i, slope[3], out=slope[3])  # i (1 - n²)
        slope[0] *= dh
        slope[1:] *= dc
        dc *= f
        dz[t].reshape(n, 4, size)[...] = slope.transpose(1, 0, 2)
        np.matmul(dz[t], back, out=dh)
    dx, dweight, dbias = _projection_backward(dz, x, weight, need_dx)
    return dx, dweight, _recurrent_gradient(hs, dz), dbias, dh, dc


Forward = Callable[..., tuple[Arrays, Arrays]]
Backward = Callable[..., Gradients]
CELLS: dict[str, tuple[Forward, Backward]] = {
    "rnn": (rnn, rnn_backward),
    "gru": (gru, gru_backward),
    "lstm": (lstm, lstm_backward),
}
