"""Time per training step of a character model beside PyTorch: same network, batch and optimizer, one thread, in turns.

python -m pytest -m bench tests/benchmarks/test_recurrent_speed.py -s
"""

import subprocess
import sys

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
BATCH, TIME, UNITS, WORDS, CLIP, ROUNDS, STEPS = 64, 64, 128, 65, 1.0, 12, 4
x, y = np.random.default_rng(0).integers(0, WORDS, (2, BATCH, TIME))
L, nn = bb.layers, torch.nn

def ours(*layers):
    model = bb.Sequential([*layers, L.Linear(WORDS)])
    model.compile(optimizer=bb.optimizers.Adam(clip_norm=CLIP), loss=bb.loss.CrossEntropy())
    model.build((TIME,))
    return lambda: step(model, x, y)

def theirs(first, *cells):
    # Time first, which is what PyTorch is fastest with; one-hot vectors are made once, outside the step.
    ids, targets = torch.tensor(x.T.copy()), torch.tensor(y.T.copy()).reshape(-1)
    inputs = nn.functional.one_hot(ids, WORDS).float() if first is None else ids
    head = nn.Linear(UNITS, WORDS)
    network = nn.ModuleList([*cells, head, *([] if first is None else [first])])
    optimizer, loss = torch.optim.Adam(network.parameters()), nn.CrossEntropyLoss()
    def step():
        optimizer.zero_grad()
        outputs = inputs if first is None else first(inputs)
        for cell in cells:
            outputs, _ = cell(outputs)
        loss(head(outputs).reshape(-1, WORDS), targets).backward()
        nn.utils.clip_grad_norm_(network.parameters(), CLIP)
        optimizer.step()
    return step

def ratio(a, b):
    spent = {a: [], b: []}
    for step in (a, b):
        step()
    for _ in range(ROUNDS):
        for step in (a, b):  # in turns, so that a busy neighbour slows both
            start = time.process_time()
            for _ in range(STEPS):
                step()
            spent[step].append((time.process_time() - start) / STEPS)
    fast = {step: sorted(times)[len(times) // 4] for step, times in spent.items()}
    print(f"ours {fast[a] * 1e3:.1f} ms, PyTorch {torch.__version__} {fast[b] * 1e3:.1f} ms a step", file=sys.stderr)
    print(fast[a] / fast[b])
"""

LIMITS = {"RNN": 1.0, "GRU": 0.9, "LSTM": 1.0}
NETWORKS = {
    "one-hot": ("L.{}(UNITS, ids=WORDS)", "None, nn.{}(WORDS, UNITS)"),
    "embedding": ("L.Embedding(WORDS, UNITS), L.{}(UNITS)", "nn.Embedding(WORDS, UNITS), nn.{}(UNITS, UNITS)"),
}


@pytest.mark.parametrize("inputs", NETWORKS)
@pytest.mark.parametrize("cell", LIMITS)
def test_a_training_step_takes_less_than_pytorchs(cell, inputs):
    pytest.importorskip("torch", reason="the yardstick is PyTorch: pip install torch==2.13.0")
    layers, network = (text.format(cell) for text in NETWORKS[inputs])
    code = HARNESS + f"ratio(ours({layers}), theirs({network}))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    measured = float(run.stdout)
    print(f"\n{cell}, {inputs}: {measured:.2f} of PyTorch's time ({run.stderr.strip()})")
    assert measured <= LIMITS[cell]
