"""Linear regression: the weights and the intercept whose predictions have the smallest mean squared error.

Two ways to the same answer. `descend` walks there by gradient descent, with all rows a step, some, or one;
`least_squares` computes it at once by orthogonal triangles:

    >>> X, y = np.array([[1.0], [2.0], [3.0]]), np.array([3.0, 5.0, 7.0])
    >>> least_squares(X, y).weights, round(least_squares(X, y).intercept, 9)
    (array([2.]), 1.0)
    >>> *_, last = descend(X, y)
    >>> last.converged, np.round(last.weights, 6)
    (True, array([2.]))

Everything is float64 whatever the inputs are: whole numbers would overflow when squared. The inputs are looked at in
blocks of rows and never copied whole, so ten million rows need no more memory than they have already. Descent is quick
where all features have a similar scale: standardise them first.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from brainbox_core.errors import ConvergenceError, UsageError, between, whole
from brainbox_core.parameters import fill
from brainbox_core.rng import stream
from brainbox_core.tasks.contract import Progress

BLOCK = 8192  # rows; with ten features such a block stays in the processor's cache
TOLERANCE = 1e-10  # a gradient this small has converged; rounding alone leaves about 1e-15
DIVERGED = 1e6  # times the loss of always predicting 0


class Epoch(NamedTuple):
    """Where a descent stands after an epoch.

    Attributes:
        number: of the epoch, from 1.
        weights: (features,).
        intercept: what is predicted where all features are 0.
        loss: the mean squared error over all rows.
        gradient: the largest derivative of the loss, with each feature measured in its root mean square and the targets
            in their deviation. At 1 a single feature explains the targets; at 0 no feature explains
            what is left of them.
        lr: the learning rate of its last step.
        converged: whether the gradient is at most 1e-10; the descent ends with such an epoch.
    """

    number: int
    weights: np.ndarray
    intercept: float
    loss: float
    gradient: float
    lr: float
    converged: bool


@dataclass(frozen=True)
class Solution:
    """The answer of least squares.

    Attributes:
        weights: (features,); of several equally good answers the one with the smallest sum of squares.
        intercept: what is predicted where all features are 0.
        rank: how many features are independent of the others.
        condition: of the centred features: the largest singular value by the smallest that is not 0.
        dependent: (features,), for each how far it is a mixture of others: 0 for none, up to 1.
        mean: (features,) of every feature.
        spread: (features, rank), turns a centred row into one whose squared length is its leverage.
    """

    weights: np.ndarray
    intercept: float
    rank: int
    condition: float
    dependent: np.ndarray
    mean: np.ndarray
    spread: np.ndarray


def descend(
    X: np.ndarray,
    y: np.ndarray,
    *,
    epochs: int = 1000,
    lr: float | None = None,
    batch_size: int | None = None,
    plain: bool = False,
    ridge: float = 0.0,
    seed: int = 0,
    progress: Progress | None = None,
) -> Iterator[Epoch]:
    """Gradient descent on the mean squared error, from weights of 0; one result an epoch, the last one the best.

    With all rows a step, the steps have Nesterov's momentum, which starts anew whenever it leads uphill (O'Donoghue and
    Candès, Adaptive Restart for Accelerated Gradient Schemes, Found. Comput. Math. 15, 2015). With fewer, rows come in
    a fresh order every epoch, shuffled within blocks and the blocks among themselves (rows that are sorted should be
    shuffled once before), and the learning rate falls to 0 along half a cosine.

    Args:
        X: features (rows, features) of any real type, of similar scale.
        y: targets (rows,).
        epochs: the most passes over the rows.
        lr: learning rate; None takes 1 / curvature for full batches, and the largest that is safe for any batch of
            `batch_size` rows otherwise (Ma, Bassily and Belkin, The Power of Interpolation, ICML 2018).
        batch_size: rows of a step; None takes all.
        plain: leave Nesterov's momentum out.
        ridge: the weight of a penalty added to the loss, the sum of the squared weights (not of the intercept).
        seed: of the order of the rows.
        progress: called with (rows done, rows in all) of an epoch.

    Raises:
        UsageError: arrays or numbers that do not fit, or targets that are all equal.
        ConvergenceError: the loss grows without end, because the learning rate is too large.
    """
    return iter(Descent(X, y, epochs, lr, batch_size, plain, ridge, seed, progress))


def least_squares(X: np.ndarray, y: np.ndarray, ridge: float = 0.0) -> Solution:
    """The exact answer, without the square of the condition number that the normal equations would bring.

    The rows are folded block by block into one small triangle by Householder's QR (Demmel et al., Communication-optimal
    parallel and sequential QR, SIAM J. Sci. Comput. 34, 2012), and that is solved by its singular values, which also
    handles features that depend on each other.

    Args:
        X: features (rows, features) of any real type, of similar scale.
        y: targets (rows,).
        ridge: as for `descend`.

    Raises:
        UsageError: arrays or numbers that do not fit, or targets that are all equal.
    """
    X, y = _checked(X, y)
    between("ridge", ridge, 0)
    n, d = X.shape
    triangle = np.zeros((0, d + 2))
    step = max(BLOCK, 4 * d)
    for start in range(0, n, step):
        block = X[start : start + step]
        rows = np.ones((len(block), d + 2))
        rows[:, 1:-1], rows[:, -1] = block, y[start : start + step]
        triangle = np.asarray(np.linalg.qr(np.concatenate([triangle, rows]), mode="r"))
    # The column of ones comes first, so what is below its row is the triangle of the centred features.
    sides = np.zeros((d, d + 1))
    below = triangle[1 : d + 1, 1:]
    sides[: len(below)] = below
    inner, right = sides[:, :d], sides[:, d]
    if ridge:
        inner = np.concatenate([inner, math.sqrt(n * ridge) * np.eye(d)])
        right = np.concatenate([right, np.zeros(d)])
    left, sizes, axes = np.linalg.svd(inner, full_matrices=False)
    rank = int(np.count_nonzero(sizes > sizes[0] * max(n, d) * np.finfo(float).eps)) if d else 0
    spread = axes[:rank].T / sizes[:rank]
    weights = spread @ (left.T[:rank] @ right)
    means = triangle[0, 1:] / triangle[0, 0]
    intercept, condition = float(means[-1] - means[:-1] @ weights), float(sizes[0] / sizes[rank - 1]) if rank else 1.0
    return Solution(weights, intercept, rank, condition, np.linalg.norm(axes[rank:], axis=0), means[:-1], spread)


def leverages(X: np.ndarray, solution: Solution) -> np.ndarray:
    """How much each row (n,) decides its own prediction: from 1 / rows to 1, in sum the number of weights.

    The diagonal of the hat matrix. A row above 0.2 is worth a look; one above 0.5 mostly predicts itself (Huber, Robust
    Statistics, Wiley 1981).
    """
    values = np.empty(len(X))
    for start in range(0, len(X), BLOCK):
        rows = (_block(X, start, start + BLOCK) - solution.mean) @ solution.spread
        values[start : start + BLOCK] = (rows * rows).sum(axis=1)
    return values + 1 / len(X)


def predictions(X: np.ndarray, weights: np.ndarray, intercept: float) -> np.ndarray:
    """Weighted sums (n,) of the features (n, features), in float64.

    Example:
        >>> predictions(np.array([[1, 2]], np.int8), np.array([100.0, 10.0]), 5.0)
        array([125.])
    """
    out = np.empty(len(X))
    for start in range(0, len(X), BLOCK):
        out[start : start + BLOCK] = _block(X, start, start + BLOCK) @ weights
    return out + intercept


class _Problem:
    """The loss of one set of rows, its slope and its curvature. A point is the weights followed by the intercept."""

    def __init__(self, X: np.ndarray, y: np.ndarray, ridge: float, progress: Progress | None):
        self.X, self.y, self.ridge, self.progress = X, y, ridge, progress
        n, d = X.shape
        squares, self.longest = np.zeros(d + 1), 0.0
        mean, variance = float(y.mean()), 0.0
        for start in range(0, n, BLOCK):
            deviation = y[start : start + BLOCK] - mean
            variance += float(deviation @ deviation) / n
            block = _block(X, start, start + BLOCK)
            block = block * block
            squares[:d] += block.sum(axis=0)
            self.longest = max(self.longest, 1 + float(block.sum(axis=1).max()))
        squares[d] = n
        self.bound = DIVERGED * (variance + mean**2)
        self.unit = 2 * math.sqrt(variance) * np.sqrt(squares / n)  # what the derivatives are measured in
        self.unit[self.unit == 0] = 1.0  # a column of zeros

    def slope(self, point: np.ndarray) -> tuple[float, np.ndarray]:
        """The mean squared error, and the gradient of the loss."""
        X, y, n = self.X, self.y, len(self.X)
        total, gradient = 0.0, np.zeros(len(point))
        for start in range(0, n, BLOCK):
            block = _block(X, start, start + BLOCK)
            error = block @ point[:-1]
            error += point[-1]
            error -= y[start : start + BLOCK]
            total += float(error @ error)
            gradient[:-1] += error @ block
            gradient[-1] += error.sum()
            if self.progress is not None:
                self.progress(min(start + BLOCK, n), n)
        return total / n, self._regularised(gradient * (2 / n), point)

    def step(self, point: np.ndarray, rows: np.ndarray, targets: np.ndarray, lr: float) -> None:
        """One step downhill as these rows see it, in place."""
        error = rows @ point[:-1]
        error += point[-1]
        error -= targets
        gradient = np.empty(len(point))
        np.matmul(error, rows, out=gradient[:-1])
        gradient[-1] = error.sum()
        point -= lr * self._regularised(gradient * (2 / len(rows)), point)

    def _regularised(self, gradient: np.ndarray, point: np.ndarray) -> np.ndarray:
        gradient[:-1] += 2 * self.ridge * point[:-1]
        return gradient

    def relative(self, gradient: np.ndarray) -> float:
        return float(np.max(np.abs(gradient) / self.unit))

    def curvature(self) -> float:
        """The largest second derivative of the loss in any direction, by power iteration, a little on the safe side."""
        X, n, d = self.X, len(self.X), self.X.shape[1]
        direction = stream(0, "curvature").standard_normal(d + 1)
        value = 0.0
        for _ in range(60):
            direction /= np.linalg.norm(direction)
            product = np.zeros(d + 1)
            for start in range(0, n, BLOCK):
                block = _block(X, start, start + BLOCK)
                along = block @ direction[:-1] + direction[-1]
                product[:-1] += along @ block
                product[-1] += along.sum()
            before, value = value, float(direction @ product) / n
            direction = product
            if value - before <= 1e-3 * value:
                break
        return 2.05 * value + 2 * self.ridge

    def safe_rate(self, batch_size: int) -> float:
        """The learning rate that suits batches of this size."""
        if batch_size == len(self.X):
            return 1 / self.curvature()
        return batch_size / (2 * (self.longest + self.ridge) + (batch_size - 1) * self.curvature())


class _Place(NamedTuple):
    """Where a descent stands: after some epochs, and so many blocks of rows of the next one."""

    epochs: int
    blocks: int
    rate: float  # of the last step
    point: np.ndarray
    landed: np.ndarray  # before momentum took the point further, in full steps
    t: float  # of the momentum


class Descent:
    """A descent, with the arguments of `descend`, that can be left at any time and gone on with."""

    def __init__(
        self,
        X: np.ndarray,
        y: np.ndarray,
        epochs: int,
        lr: float | None,
        batch_size: int | None,
        plain: bool,
        ridge: float,
        seed: int,
        progress: Progress | None,
    ):
        X, y = _checked(X, y)
        self._epochs, self._plain, self._seed = whole("epochs", epochs), plain, seed
        between("ridge", ridge, 0)
        self._size = len(X) if batch_size is None else min(whole("batch_size", batch_size), len(X))
        if lr is not None:
            between("lr", lr, 0, above=True)
        self._problem = _Problem(X, y, ridge, progress)
        self._rate = self._problem.safe_rate(self._size) if lr is None else lr
        origin = np.zeros(X.shape[1] + 1)
        self._place, self.ended = _Place(0, 0, self._rate, origin, origin, 1.0), False
        self._gradient: np.ndarray | None = None

    def __iter__(self) -> Iterator[Epoch]:
        while not self.ended:
            epoch = self.look()
            self.advance(epoch)
            yield epoch

    def state(self) -> Mapping[str, Any]:
        return {**self._place._asdict(), "ended": self.ended}

    def load_state(self, state: Mapping[str, Any]) -> None:
        arrays = {"point": self._place.point.copy(), "landed": self._place.landed.copy()}
        fill(arrays, {name: state[name] for name in arrays})
        epochs, blocks = whole("epochs", state["epochs"], 0, self._epochs), whole("blocks", state["blocks"], 0)
        self._place = _Place(epochs, blocks, between("rate", state["rate"]), **arrays, t=between("t", state["t"], 1))
        self.ended = state["ended"] is True

    def look(self) -> Epoch:
        """What the next epoch leads to; `advance` goes there."""
        problem, number = self._problem, self._place.epochs + 1
        with np.errstate(all="ignore"):  # what overflows is told below
            if self._size < len(problem.X):
                self._pass(number)
                self._next = self._place._replace(epochs=number, blocks=0)
            else:
                self._next = self._step()
            loss, gradient = problem.slope(self._next.point)
        if not loss <= problem.bound:
            what = f"the learning rate {self._rate:g} is too large: every step leads further uphill"
            fix = f"try {_rounded(problem.safe_rate(self._size))}, or leave it out"
            raise ConvergenceError(what, where=f"epoch {number}", fix=fix)
        self._gradient, size, point = gradient, problem.relative(gradient), self._next.point
        return Epoch(number, point[:-1].copy(), float(point[-1]), loss, size, self._next.rate, size <= TOLERANCE)

    def advance(self, epoch: Epoch) -> None:
        """Stand where `look` has looked."""
        self._place, self.ended = self._next, epoch.converged or epoch.number == self._epochs

    def _step(self) -> _Place:
        """A full step with Nesterov's momentum, to the next point to look at: where the momentum leads."""
        epochs, _, rate, point, before, t = self._place
        gradient = self._problem.slope(point)[1] if self._gradient is None else self._gradient
        landed = point - rate * gradient
        if self._plain or gradient @ (landed - before) > 0:
            return _Place(epochs + 1, 0, rate, landed, landed, 1.0)
        t, factor = (1 + math.sqrt(1 + 4 * t * t)) / 2, t - 1
        return _Place(epochs + 1, 0, rate, landed + factor / t * (landed - before), landed, t)

    def _pass(self, number: int) -> None:
        """The steps of an epoch that are left, block by block."""
        problem, size, n = self._problem, self._size, len(self._problem.X)
        step = max(1, BLOCK // size) * size
        starts = stream(self._seed, "blocks", number).permutation(np.arange(0, n, step)).tolist()
        done = sum(min(step, n - start) for start in starts[: self._place.blocks])
        for start in starts[self._place.blocks :]:
            block, targets = _block(problem.X, start, start + step), problem.y[start : start + step]
            order = stream(self._seed, "rows", number, start).permutation(len(block))
            point = self._place.point.copy()
            for i in range(0, len(order), size):
                rows = order[i : i + size]
                rate = self._rate * 0.5 * (1 + math.cos(math.pi * (number - 1 + done / n) / self._epochs))
                problem.step(point, block.take(rows, axis=0), targets.take(rows), rate)
                done += len(rows)
            self._place = self._place._replace(blocks=self._place.blocks + 1, rate=rate, point=point)
            if problem.progress is not None:
                problem.progress(done, n)


def _block(X: np.ndarray, start: int, stop: int) -> np.ndarray:
    return np.asarray(X[start:stop], np.float64)


def _checked(X: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    X, y = np.asarray(X), np.asarray(y)
    if X.ndim != 2 or y.shape != X.shape[:1] or not len(X):
        raise UsageError("X (rows, features) and y (rows,) do not fit", got=f"{X.shape} and {y.shape}")
    for name, array in (("X", X), ("y", y)):
        if array.dtype.kind not in "biuf":
            raise UsageError(f"{name} must be real numbers", got=f"an array of {array.dtype}")
        for start in range(0, len(array), BLOCK):
            if not np.isfinite(array[start : start + BLOCK]).all():
                raise UsageError(f"{name} must be finite", fix="fill in or remove the missing values first")
    y = y.astype(np.float64, copy=False)
    if (y == y[0]).all():
        raise UsageError("the targets are all equal", got=f"{len(y)} times {y[0]:g}", fix="there is nothing to learn")
    return X, y


def _rounded(rate: float) -> str:
    """Two digits, rounded down, as one would type it."""
    digits = 1 - math.floor(math.log10(rate))
    return f"{math.floor(rate * 10**digits) / 10**digits:g}"
