"""The three recurrent cells on plain ndarrays, forward beside backward through all steps. No tensors, no tape.

Everything is time first: inputs (T, N, I), outputs (T, N, H). An input may also be whole numbers (T, N) that stand for
one-hot vectors: their product with the input weight is then a row of it, looked up.

What makes it fast in NumPy: the inputs of all steps go through the weight in one product before the loop, and the
gradients of the weights are a few products after it; inside the loop only what depends on the step before is left. The
gates of a cell lie side by side in one matrix, and because sigmoid(x) = 0.5 * tanh(0.5 * x) + 0.5, one tanh serves all
of them.

Sources: the tanh network from Elman, "Finding structure in time" (1990); LSTM from Hochreiter and Schmidhuber (1997)
with the forget gate of Gers, Schmidhuber and Cummins (2000); GRU from Cho et al. (2014), in the variant of cuDNN and
PyTorch, which resets after the recurrent product; the backward passes are the chain rule through time (Werbos 1990).
"""

from __future__ import annotations

import numpy as np

Gradients = tuple[np.ndarray | None, ...]

# --- the inputs of all steps at once ---------------------------------------------------------------------------------


def project(x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """x @ weight + bias for all steps: (T, N, I) or whole numbers (T, N) -> (T, N, G)."""
    if x.dtype.kind in "iu":
        return (weight + bias)[x]  # the bias is added to the few rows there are, not to the many that are looked up
    t, n, inputs = x.shape
    y = x.reshape(t * n, inputs) @ weight
    y += bias
    return y.reshape(t, n, -1)


def project_backward(g: np.ndarray, x: np.ndarray, weight: np.ndarray, need_dx: bool) -> Gradients:
    """Gradients of x (None unless needed), weight and bias."""
    rows = g.reshape(-1, g.shape[-1])
    dbias = np.ones(len(rows), g.dtype) @ rows
    if x.dtype.kind in "iu":
        hot = np.zeros((len(weight), len(rows)), g.dtype)
        hot[x.reshape(-1), np.arange(len(rows))] = 1
        return None, hot @ rows, dbias
    dx = (rows @ weight.T).reshape(x.shape) if need_dx else None
    return dx, x.reshape(len(rows), -1).T @ rows, dbias


# --- tanh ------------------------------------------------------------------------------------------------------------


def rnn(x, weight, recurrent, bias, h):
    """h' = tanh(x @ weight + h @ recurrent + bias).

    Args:
        x: (T, N, I), or whole numbers (T, N).
        weight: (I, H).
        recurrent: (H, H).
        bias: (H,).
        h: (N, H), the state before the first step.

    Returns:
        The states ((T + 1, N, H),) from before the first step to after the last, and what the backward pass wants.
    """
    z = project(x, weight, bias)
    hs = np.empty((len(z) + 1, *h.shape), z.dtype)
    hs[0] = h
    for t in range(len(z)):
        z[t] += hs[t] @ recurrent
        np.tanh(z[t], out=hs[t + 1])
    return (hs,), (hs,)


def rnn_backward(g, cache, x, weight, recurrent, need_dx, norms=None):
    """Gradients of x, weight, recurrent, bias and h, from that of the outputs (T, N, H)."""
    (hs,) = cache
    dz = np.empty_like(hs[1:])
    dh = np.zeros_like(hs[0])
    for t in reversed(range(len(dz))):
        dh += g[t]
        if norms is not None:
            norms[t] = np.linalg.norm(dh)
        dz[t] = (1 - hs[t + 1] ** 2) * dh
        dh = dz[t] @ recurrent.T
    size = hs.shape[-1]
    drecurrent = hs[:-1].reshape(-1, size).T @ dz.reshape(-1, size)
    dx, dweight, dbias = project_backward(dz, x, weight, need_dx)
    return dx, dweight, drecurrent, dbias, dh


# --- GRU -------------------------------------------------------------------------------------------------------------


def gru(x, weight, recurrent, bias, candidate_bias, h):
    """r, z = sigmoid(...), n = tanh(x_n + r * (h @ recurrent_n + candidate_bias)), h' = (1 - z) * n + z * h.

    The gates are side by side: reset r, update z, candidate n.

    Args:
        x: (T, N, I), or whole numbers (T, N).
        weight: (I, 3 H).
        recurrent: (H, 3 H).
        bias: (3 H,), beside the inputs.
        candidate_bias: (H,), beside the recurrent product of the candidate, which the reset gate scales.
        h: (N, H), the state before the first step.

    Returns:
        The states ((T + 1, N, H),) from before the first step to after the last, and what the backward pass wants.
    """
    gates = project(x, weight, bias)
    size = h.shape[-1]
    hs = np.empty((len(gates) + 1, *h.shape), gates.dtype)
    ms = np.empty_like(hs[1:])
    hs[0] = h
    for t in range(len(gates)):
        u = hs[t] @ recurrent
        rz, n = gates[t, :, : 2 * size], gates[t, :, 2 * size :]
        rz += u[:, : 2 * size]
        rz *= 0.5
        np.tanh(rz, out=rz)
        rz *= 0.5
        rz += 0.5
        r, z = rz[:, :size], rz[:, size:]
        np.add(u[:, 2 * size :], candidate_bias, out=ms[t])
        n += r * ms[t]
        np.tanh(n, out=n)
        hs[t + 1] = n + z * (hs[t] - n)
    return (hs,), (hs, gates, ms)


def gru_backward(g, cache, x, weight, recurrent, need_dx, norms=None):
    """Gradients of x, weight, recurrent, bias, candidate_bias and h, from that of the outputs (T, N, H)."""
    hs, gates, ms = cache
    size = hs.shape[-1]
    dh = np.zeros_like(hs[0])
    du = np.empty_like(gates)
    for t in reversed(range(len(gates))):
        dh += g[t]
        if norms is not None:
            norms[t] = np.linalg.norm(dh)
        r, z, n = (gates[t, :, i * size : (i + 1) * size] for i in range(3))
        dn = dh * (1 - z) * (1 - n**2)
        dr = dn * ms[t] * r * (1 - r)
        du[t, :, :size] = dr
        du[t, :, size : 2 * size] = dh * (hs[t] - n) * z * (1 - z)
        du[t, :, 2 * size :] = dn * r
        dh = dh * z + du[t] @ recurrent.T
        gates[t, :, : 2 * size] = du[t, :, : 2 * size]
        gates[t, :, 2 * size :] = dn
    flat = du.reshape(-1, 3 * size)
    drecurrent = hs[:-1].reshape(-1, size).T @ flat
    dcandidate = flat[:, 2 * size :].sum(axis=0)
    dx, dweight, dbias = project_backward(gates, x, weight, need_dx)
    return dx, dweight, drecurrent, dbias, dcandidate, dh


# --- LSTM ------------------------------------------------------------------------------------------------------------


def lstm(x, weight, recurrent, bias, h, c):
    """i, f, o = sigmoid(...), g = tanh(...), c' = f * c + i * g, h' = o * tanh(c').

    The gates are side by side: input i, forget f, output o, candidate g.

    Args:
        x: (T, N, I), or whole numbers (T, N).
        weight: (I, 4 H).
        recurrent: (H, 4 H).
        bias: (4 H,).
        h: (N, H), the output before the first step.
        c: (N, H), the cell before the first step.

    Returns:
        Outputs and cells, each (T + 1, N, H) from before the first step to after the last, and what the backward pass
        wants.
    """
    size = h.shape[-1]
    gates = project(x, weight, bias)
    hs = np.empty((len(gates) + 1, *h.shape), gates.dtype)
    cs = np.empty_like(hs)
    hs[0], cs[0] = h, c
    for t in range(len(gates)):
        z = gates[t]
        z += hs[t] @ recurrent
        z[:, : 3 * size] *= 0.5
        np.tanh(z, out=z)
        z[:, : 3 * size] *= 0.5
        z[:, : 3 * size] += 0.5
        i, f, o, new = (z[:, k * size : (k + 1) * size] for k in range(4))
        cs[t + 1] = f * cs[t] + i * new
        hs[t + 1] = o * np.tanh(cs[t + 1])
    return (hs, cs), (hs, cs, gates)


def lstm_backward(g, cache, x, weight, recurrent, need_dx, norms=None):
    """Gradients of x, weight, recurrent, bias, h and c, from that of the outputs (T, N, H)."""
    hs, cs, gates = cache
    size = hs.shape[-1]
    dh, dc = np.zeros_like(hs[0]), np.zeros_like(hs[0])
    for t in reversed(range(len(gates))):
        dh += g[t]
        if norms is not None:
            norms[t] = np.linalg.norm(dh)
        z = gates[t]
        i, f, o, new = (z[:, k * size : (k + 1) * size] for k in range(4))
        squashed = np.tanh(cs[t + 1])
        do = dh * squashed * o * (1 - o)
        dc += dh * o * (1 - squashed**2)
        di, df, dnew = dc * new * i * (1 - i), dc * cs[t] * f * (1 - f), dc * i * (1 - new**2)
        dc *= f
        z[...] = np.concatenate([di, df, do, dnew], axis=1)
        dh = z @ recurrent.T
    drecurrent = hs[:-1].reshape(-1, size).T @ gates.reshape(-1, 4 * size)
    dx, dweight, dbias = project_backward(gates, x, weight, need_dx)
    return dx, dweight, drecurrent, dbias, dh, dc


CELLS = {"rnn": (rnn, rnn_backward), "gru": (gru, gru_backward), "lstm": (lstm, lstm_backward)}
