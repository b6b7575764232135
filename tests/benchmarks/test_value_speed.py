"""The scalar engine against micrograd: one step of its two-moons demo, the same mathematics, in one process."""

import gc
import math
import random
from time import process_time

import pytest

from brainbox_core.scalar.value import Value, dot

pytestmark = pytest.mark.bench
micrograd_nn = pytest.importorskip("micrograd.nn", reason="the yardstick is the package micrograd")
micrograd_engine = pytest.importorskip("micrograd.engine")


def two_moons(count):
    """Points on two interleaved half circles, with labels 1 and -1."""
    noise = random.Random(0)
    points = []
    for i in range(count // 2):
        angle = math.pi * i / (count // 2 - 1)
        for x, y, label in ((math.cos(angle), math.sin(angle), 1), (1 - math.cos(angle), 0.5 - math.sin(angle), -1)):
            points.append((x + noise.gauss(0, 0.1), y + noise.gauss(0, 0.1), label))
    return points


class Net:
    """micrograd's MLP with its start weights, a neuron written as a dot product."""

    def __init__(self, model):
        self.layers = [
            [([Value(w.data) for w in neuron.w], Value(neuron.b.data), neuron.nonlin) for neuron in layer.neurons]
            for layer in model.layers
        ]

    def __call__(self, x):
        for layer in self.layers:
            sums = [(dot(weights, x) + bias, nonlinear) for weights, bias, nonlinear in layer]
            x = [total.relu() if nonlinear else total for total, nonlinear in sums]
        return x[0]

    def parameters(self):
        return [p for layer in self.layers for weights, bias, _ in layer for p in (*weights, bias)]


def demo_step(model, value, points):
    """The step of micrograd's demo: max-margin loss of all points, L2 penalty, backward, one descent step."""
    scores = [model([value(x), value(y)]) for x, y, _ in points]
    losses = [(1 + -label * score).relu() for (_, _, label), score in zip(points, scores, strict=True)]
    loss = sum(losses) * (1.0 / len(losses)) + 1e-4 * sum(p * p for p in model.parameters())
    for p in model.parameters():
        p.grad = 0.0
    loss.backward()
    for p in model.parameters():
        p.data -= 0.5 * p.grad
    return loss.data


@pytest.mark.parametrize(("collector", "limit"), [("off", 1 / 2.5), ("on", 1 / 10)])
def test_two_moons_step(collector, limit, capsys):
    random.seed(1337)  # micrograd draws its weights from the global generator
    points, theirs = two_moons(100), micrograd_nn.MLP(2, [16, 16, 1])
    ours = Net(theirs)
    assert len(ours.parameters()) == 337

    seconds = {"ours": [], "theirs": []}
    gc.collect()
    if collector == "off":
        gc.disable()
    try:
        for _ in range(7):  # by turns, so that a busy machine slows both
            start = process_time()
            our_loss = demo_step(ours, Value, points)
            middle = process_time()
            their_loss = demo_step(theirs, micrograd_engine.Value, points)
            seconds["theirs"].append(process_time() - middle)
            seconds["ours"].append(middle - start)
            assert our_loss == pytest.approx(their_loss, rel=1e-9)
            if collector == "off":
                gc.collect()  # micrograd's cycles, outside the clock
    finally:
        gc.enable()
    ratio = sorted(seconds["ours"])[3] / sorted(seconds["theirs"])[3]
    with capsys.disabled():
        print(f"\ntwo-moons step, collector {collector}: {ratio:.3f} of micrograd's time (at most {limit:.3f})")
    assert ratio <= limit
