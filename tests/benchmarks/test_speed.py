"""Time per training step beside eager PyTorch: same network, batch and optimizer, one thread, in turns in one run.

python -m pytest -m bench tests/benchmarks/test_speed.py -s
"""

import subprocess
import sys
import textwrap

import pytest

pytestmark = pytest.mark.bench

# A process of its own, because the number of BLAS threads is read when NumPy and PyTorch are loaded.
HARNESS = """
import os
for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"
import sys, time
import numpy as np
import torch
import braininabox as bb
from brainbox_core.training.loop import step

torch.set_num_threads(1)
torch.manual_seed(0)
rng = np.random.default_rng(0)
BATCH, ROUNDS, STEPS = 64, 12, 20
X = rng.random((BATCH, 28, 28, 1), dtype=np.float32)
y = rng.integers(0, 10, BATCH)

def ours(layers):
    model = bb.Sequential(layers)
    model.compile(optimizer=bb.optimizers.Adam(), loss=bb.loss.CrossEntropy())
    model.build(X.shape[1:])
    return lambda: step(model, X, y)

def theirs(network):
    inputs, targets = torch.tensor(X.transpose(0, 3, 1, 2).copy()), torch.tensor(y)
    optimizer, loss = torch.optim.Adam(network.parameters()), torch.nn.CrossEntropyLoss()
    def step():
        optimizer.zero_grad()
        loss(network(inputs), targets).backward()
        optimizer.step()
    return step

def ratio(a, b):
    spent = {a: [], b: []}
    for _ in range(ROUNDS):
        for step in (a, b):  # in turns, so that a busy neighbour slows both
            start = time.process_time()
            for _ in range(STEPS):
                step()
            spent[step].append((time.process_time() - start) / STEPS)
    fast = {step: sorted(times)[len(times) // 4] for step, times in spent.items()}
    print(f"ours {fast[a] * 1e3:.3f} ms, PyTorch {torch.__version__} {fast[b] * 1e3:.3f} ms a step", file=sys.stderr)
    print(fast[a] / fast[b])

L, nn = bb.layers, torch.nn
"""

NETWORKS = {
    "mlp 784-128-64-10": (
        "[L.Flatten(), L.Linear(128), L.ReLU(), L.Linear(64), L.ReLU(), L.Linear(10)]",
        "nn.Sequential(nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10))",
        0.6,
    ),
    "cnn conv3x3x32-pool-fc10": (
        "[L.Conv2D(32, kernel=3), L.ReLU(), L.MaxPool(2), L.Flatten(), L.Linear(10)]",
        "nn.Sequential(nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(5408, 10))",
        0.7,
    ),
    "cnn conv5x5x8-pool-conv5x5x16-pool-fc64": (
        "[L.Conv2D(8, kernel=5), L.ReLU(), L.MaxPool(2), L.Conv2D(16, kernel=5), L.ReLU(), L.MaxPool(2),"
        " L.Flatten(), L.Linear(64), L.ReLU(), L.Linear(10)]",
        "nn.Sequential(nn.Conv2d(1, 8, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 16, 5), nn.ReLU(), nn.MaxPool2d(2),"
        " nn.Flatten(), nn.Linear(256, 64), nn.ReLU(), nn.Linear(64, 10))",
        0.8,
    ),
    "cnn conv3x3x16-pool-separable3x3x32-pool-fc10": (
        "[L.Conv2D(16, kernel=3), L.ReLU(), L.MaxPool(2), L.SeparableConv2D(32, kernel=3), L.ReLU(), L.MaxPool(2),"
        " L.Flatten(), L.Linear(10)]",
        "nn.Sequential(nn.Conv2d(1, 16, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 16, 3, groups=16, bias=False),"
        " nn.Conv2d(16, 32, 1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(800, 10))",
        0.7,
    ),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_training_step_takes_less_than_pytorchs(name):
    pytest.importorskip("torch", reason="the yardstick is PyTorch: pip install torch==2.13.0")
    layers, network, limit = NETWORKS[name]
    code = textwrap.dedent(HARNESS) + f"ratio(ours({layers}), theirs({network}))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    measured = float(run.stdout)
    print(f"\n{name}: {measured:.2f} of PyTorch's time ({run.stderr.strip()})")
    assert measured <= limit
