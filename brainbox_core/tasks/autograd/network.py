"""A small network whose every number is a `Value`, so that one can follow each of them: it learns points of the plane.

    inputs -> tanh(w·x + b) -> tanh(w·x + b) -> w·x + b -> sigmoid -> probability of class 1

It learns with the cross-entropy in small batches, by Adam (D. Kingma and J. Ba, 2015). The start weights are Glorot's
(X. Glorot and Y. Bengio, AISTATS 2010).
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import mul

from brainbox_core.rng import key
from brainbox_core.scalar.points import Point, points
from brainbox_core.scalar.value import Value, dot

BETA1, BETA2 = 0.9, 0.999  # how much of the running means of gradients and of their squares Adam keeps
EXTENT = 1.7  # all points lie between -EXTENT and EXTENT


@dataclass(frozen=True)
class Settings:
    """How a network learns one of the sets of points.

    Attributes:
        dataset: the name of the points.
        hidden: neurons of each hidden layer.
        train: points to learn from.
        test: points to try it on.
        epochs: how often every point is seen.
        batch_size: points per update.
        lr: learning rate at the beginning; it falls to a tenth along a line.
        seed: of the points, the start and the order.
    """

    dataset: str
    hidden: tuple[int, ...] = (12, 12)
    train: int = 200
    test: int = 400
    epochs: int = 50
    batch_size: int = 10
    lr: float = 0.05
    seed: int = 0


class Network:
    """Layers of neurons; a neuron is a list of Values, a weight for every input and a bias.

    Args:
        widths: how many inputs, neurons of each hidden layer, and outputs: one.
        numbers: where the start weights come from.

    Example:
        >>> network = Network((2, 4, 1), random.Random(0))
        >>> len(network.parameters), [network([0.5, -1.0]).data] == network.predict([(0.5, -1.0)])
        (17, True)
    """

    def __init__(self, widths: Sequence[int], numbers: random.Random):
        self.layers = []
        for inputs, outputs in itertools.pairwise(widths):
            limit = math.sqrt(6 / (inputs + outputs))
            self.layers.append(
                [[*(Value(numbers.uniform(-limit, limit)) for _ in range(inputs)), Value(0.0)] for _ in range(outputs)]
            )

    @property
    def parameters(self) -> list[Value]:
        return [weight for layer in self.layers for neuron in layer for weight in neuron]

    def __call__(self, inputs: Sequence[Value | float]) -> Value:
        """The logit, with the graph that made it."""
        *hidden, output = self.layers
        for layer in hidden:
            inputs = [dot(neuron, [*inputs, 1.0]).tanh() for neuron in layer]
        return dot(output[0], [*inputs, 1.0])

    def predict(self, rows: Sequence[Sequence[float]]) -> list[float]:
        """The logit of every row, as plain numbers and much faster than with a graph; above 0 it is class 1."""
        *hidden, output = [[[weight.data for weight in neuron] for neuron in layer] for layer in self.layers]
        logits = []
        for inputs in rows:
            for layer in hidden:
                inputs = (*inputs, 1.0)
                inputs = [math.tanh(sum(map(mul, neuron, inputs))) for neuron in layer]
            logits.append(sum(map(mul, output[0], (*inputs, 1.0))))
        return logits


def cross_entropy(logit: Value, label: int) -> Value:
    """-log of the probability that the logit gives to the label: softplus of the logit, its sign turned for class 1.

    Example:
        >>> round(cross_entropy(Value(0.0), 1).data, 4), cross_entropy(Value(-1e9), 1).data
        (0.6931, 1000000000.0)
    """
    wrong = -logit if label else logit
    if wrong.data > 0:  # exp of a large number would overflow
        return wrong + ((-wrong).exp() + 1.0).log()
    return (wrong.exp() + 1.0).log()


def accuracy(network: Network, rows: Sequence[Point], labels: Sequence[int]) -> float:
    """The share of the rows whose class the network gets right."""
    logits = network.predict(rows)
    return sum((logit > 0) == label for logit, label in zip(logits, labels, strict=True)) / len(labels)


def boundary(network: Network, columns: int, rows: int, size: float = EXTENT) -> list[list[float]]:
    """The probability of class 1 on a grid of places, the top row first; `size` is half the side of its square."""
    xs = [size * ((2 * column + 1) / columns - 1) for column in range(columns)]
    ys = [size * (1 - (2 * row + 1) / rows) for row in range(rows)]
    return [[0.5 + 0.5 * math.tanh(logit / 2) for logit in network.predict([(x, y) for x in xs])] for y in ys]


class Training:
    """One training: the points, the network, and `epochs()`, which does the work.

    Args:
        settings: what is learned, and how.

    Attributes:
        rows, labels: the points to learn from.
        test_rows, test_labels: others of the same kind.
        network: as far as it has learned.

    Example:
        >>> training = Training(Settings("xor", train=40, epochs=2))
        >>> [logs["epoch"] for logs in training.epochs()]
        [1, 2]
    """

    def __init__(self, settings: Settings):
        self.settings = settings
        self.rows, self.labels = points(settings.dataset, settings.train, settings.seed)
        self.test_rows, self.test_labels = points(settings.dataset, settings.test, settings.seed, "test")
        self.network = Network((2, *settings.hidden, 1), random.Random(key(settings.seed, "network", "start")))

    def epochs(self) -> Iterator[dict]:
        """Learn, epoch by epoch.

        Yields:
            After each epoch its number `epoch`, `train_loss`, `train_accuracy`, `val_accuracy` (of the test points) and
            `lr`.
        """
        settings = self.settings
        parameters = self.network.parameters
        optimizer = _Adam(parameters)
        order = list(range(len(self.rows)))
        steps = settings.epochs * -(-len(order) // settings.batch_size)
        step = 0
        for epoch in range(1, settings.epochs + 1):
            random.Random(key(settings.seed, "shuffle", epoch)).shuffle(order)
            total = 0.0
            for start in range(0, len(order), settings.batch_size):
                batch = order[start : start + settings.batch_size]
                lr = settings.lr * (1 - 0.9 * step / steps)
                step += 1
                for parameter in parameters:
                    parameter.grad = 0.0
                for index in batch:
                    loss = cross_entropy(self.network(self.rows[index]), self.labels[index])
                    loss.backward()  # gradients of the batch add up
                    total += loss.data
                optimizer.update(lr, len(batch))
            yield {
                "epoch": epoch,
                "train_loss": total / len(order),
                "train_accuracy": accuracy(self.network, self.rows, self.labels),
                "val_accuracy": accuracy(self.network, self.test_rows, self.test_labels),
                "lr": lr,
            }


class _Adam:
    """The rule `adam` of `scalar.update_rules`, on a list of Values."""

    def __init__(self, parameters: list[Value]):
        self.parameters, self.steps = parameters, 0
        self.mean, self.square = [0.0] * len(parameters), [0.0] * len(parameters)

    def update(self, lr: float, count: int) -> None:
        """Move every parameter; its gradient is a sum over `count` examples."""
        self.steps += 1
        rate = lr / (1 - BETA1**self.steps)
        correction = 1 / (1 - BETA2**self.steps)
        for index, parameter in enumerate(self.parameters):
            grad = parameter.grad / count
            self.mean[index] = mean = BETA1 * self.mean[index] + (1 - BETA1) * grad
            self.square[index] = square = BETA2 * self.square[index] + (1 - BETA2) * grad * grad
            parameter.data -= rate * mean / (math.sqrt(square * correction) + 1e-8)
