"""Memory that is used again: never while somebody needs it, and never more than the limit."""

import copy
import pickle
import subprocess
import sys
import threading

import numpy as np
import pytest

from brainbox_core.kernels import memory

SHAPE = (128, 256)  # 128 KB of float32


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch):
    monkeypatch.setattr(memory, "_kept", memory._Kept())


def place(x: np.ndarray) -> int:
    return x.__array_interface__["data"][0]


def kept() -> int:
    return sum(map(len, memory._kept.blocks.values()))


def test_the_memory_of_an_array_is_used_again_once_nobody_refers_to_it():
    first = memory.empty(SHAPE, np.float32)
    view, where = first[3:, ::2].T, place(first)
    del first
    other = memory.empty(SHAPE, np.float32)
    assert place(other) != where and kept() == 2
    del view
    again = memory.empty(SHAPE, np.float32)
    assert place(again) == where and kept() == 2
    assert again.flags.c_contiguous and again.flags.writeable and again.flags.aligned


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128, bool])
def test_arrays_are_as_those_of_numpy(dtype):
    x = memory.zeros(SHAPE, dtype)
    assert (x.shape, x.dtype) == (SHAPE, np.dtype(dtype)) and not x.any()
    y = memory.copy(np.ones((256, 128), dtype).T)
    assert y.flags.c_contiguous and y.all() and not np.shares_memory(x, y)
    assert np.array_equal(pickle.loads(pickle.dumps(y)), y) and np.array_equal(copy.deepcopy(y), y)
    for shape in ((), (0, 3), (5,)):
        assert memory.empty(shape, dtype).shape == shape


def test_sizes_that_are_close_share_memory():
    where = place(memory.empty((100_000,), np.uint8))
    assert place(memory.empty((99_000,), np.uint8)) == where
    assert place(memory.empty((60_000,), np.float32)) != where


def test_never_more_than_the_limit_is_kept(monkeypatch):
    monkeypatch.setattr(memory, "MOST", 1_000_000)
    for size in range(66_000, 900_000, 7_000):
        memory.empty((size,), np.uint8)
        held = [block.nbytes for blocks in memory._kept.blocks.values() for block in blocks]
        assert sum(held) == memory._kept.total <= 1_000_000
    memory.empty((2_000_000,), np.uint8)
    assert memory._kept.total <= 1_000_000


def test_threads_keep_their_own_and_may_hand_arrays_on():
    handed: list[np.ndarray] = []

    def work(number: int) -> None:
        for _ in range(200):
            x = memory.empty(SHAPE, np.float32)
            x.fill(number)
            y = memory.copy(x)
            assert (y == number).all()
        handed.append(y)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(int(x[0, 0]) for x in handed) == list(range(8)) and all((x == x[0, 0]).all() for x in handed)
    assert kept() == 0  # in this thread


def test_a_program_may_end_with_arrays_in_its_hands():
    program = (
        "from brainbox_core.kernels import memory; import numpy as np\n"
        "kept = [memory.empty((300, 300), np.float32) for _ in range(3)]; kept.append(kept); del kept[0]"
    )
    done = subprocess.run([sys.executable, "-X", "dev", "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


STEPS = """
import resource, sys
import numpy as np, braininabox as bb
L = bb.layers
nets = {
    "convolutions": [L.Conv2D(16, kernel=3), L.ReLU(), L.MaxPool(2), L.Conv2D(32, kernel=3), L.ReLU(), L.MaxPool(2)],
    "normalised": [L.Conv2D(8, kernel=3, padding="same"), L.BatchNorm(), L.ReLU(), L.AvgPool(2), L.LayerNorm()],
    "depthwise": [L.Conv2D(8, kernel=3), L.ReLU(), L.SeparableConv2D(16, kernel=3), L.ReLU(), L.MaxPool(3, stride=2)],
}
rng = np.random.default_rng(0)
X, y = rng.random((640, 28, 28, 1), np.float32), rng.integers(0, 10, 640)
model = bb.Sequential([*nets[sys.argv[1]], L.Flatten(), L.Linear(10)])
model.compile(bb.optimizers.Adam(), bb.loss.CrossEntropy())
faults = []

class Count(bb.callbacks.Callback):
    def on_batch_end(self, model, logs):
        faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)

model.fit(X, y, epochs=4, batch_size=64, callbacks=[Count()])
print((faults[-1] - faults[9]) / 30)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts page faults as Linux does")
@pytest.mark.parametrize("net", ["convolutions", "normalised", "depthwise"])
def test_a_training_fetches_no_memory_once_it_is_under_way(net):
    """Without it a step of the first network has 2,500 page faults, which take a third of its time."""
    done = subprocess.run([sys.executable, "-c", STEPS, net], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 20
