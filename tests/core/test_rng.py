"""Random streams depend on the seed and the names, and on nothing else."""

import os
import subprocess
import sys

import numpy as np
import pytest

from brainbox_core.rng import key, stream


def test_the_same_names_give_the_same_numbers_whatever_was_drawn_before():
    first = stream(3, "shuffle", 1).random(5)
    stream(3, "dropout", 0, 7).random(1000)
    np.random.default_rng(0).random(9)
    assert np.array_equal(stream(3, "shuffle", 1).random(5), first)


def test_each_part_of_the_key_counts():
    keys = [
        key(0, "a"), key(1, "a"), key(-1, "a"), key(0, "b"), key(0, "a", 0), key(0, "a", 1), key(0, "a", "1"),
        key(0, "a", "b"), key(0, "ab"), key(0, "a', 'b"), key(0), key(0, ""), key(2**70, "a"),
    ]  # fmt: skip
    assert len(set(keys)) == len(keys)
    assert all(0 <= number < 2**128 for number in keys)


def test_numpys_numbers_and_texts_count_as_pythons():
    assert key(np.int64(5), np.str_("init"), np.int32(2)) == key(5, "init", 2)


def test_streams_of_different_names_are_unrelated():
    a, b = stream(0, "init", "linear_0").standard_normal(20_000), stream(0, "init", "linear_1").standard_normal(20_000)
    assert abs(np.corrcoef(a, b)[0, 1]) < 0.03


def test_the_numbers_are_pinned():  # a change would silently change every seeded run
    assert key(7, "init", 0) == 10317812548684716607945742278946663100
    assert stream(7, "init", 0).integers(1000, size=4).tolist() == [861, 392, 870, 477]


@pytest.mark.parametrize("hash_seed", ["0", "1", "random"])
def test_hash_randomisation_changes_nothing(hash_seed):
    code = "from brainbox_core.rng import key; import sys; assert 'numpy' not in sys.modules; print(key(7, 'init', 0))"
    environment = os.environ | {"PYTHONHASHSEED": hash_seed}
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert int(run.stdout) == key(7, "init", 0)
