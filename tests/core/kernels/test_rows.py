"""What a network takes and gives, and which of it counts."""

import numpy as np

from brainbox_core.kernels.padded import Padded
from brainbox_core.kernels.rows import Weighted, counting
from brainbox_core.tensor import Tensor


def test_only_steps_that_count_reach_a_loss():
    outputs = Tensor(np.arange(12.0).reshape(2, 3, 2), requires_grad=True)
    y = Padded(np.array([[1, 2, 9, 9], [3, 9, 9, 9]]), [2, 1])  # its padding may be longer than that of the outputs
    rows, targets = counting(outputs, y)
    assert rows.data.tolist() == [[0, 1], [2, 3], [6, 7]] and targets.tolist() == [1, 2, 3]
    rows.sum().backward()
    assert outputs.grad[..., 0].tolist() == [[1, 1, 0], [1, 0, 0]]
    assert counting(outputs, targets) == (outputs, targets)


def test_every_step_weighs_what_its_row_does():
    y = Weighted([Padded(np.array([[1, 2], [3, 9]]), [2, 1]), np.array([0.5, 4.0])])
    rows, weighted = counting(np.arange(4.0).reshape(2, 2, 1), y)
    assert rows[:, 0].tolist() == [0, 1, 2] and weighted.targets.tolist() == [1, 2, 3]
    assert weighted.weights.tolist() == [0.5, 0.5, 4]
