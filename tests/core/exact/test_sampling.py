import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from brainbox_core.errors import UsageError
from brainbox_core.exact.sampling import Pcg32, Sampler


def test_the_numbers_are_those_of_the_reference_implementation():
    random = Pcg32(42, 54)  # pcg32-demo of the PCG library, round 1
    numbers = [random.next() for _ in range(6)]
    assert numbers == [0xA15C02B7, 0x7B47F409, 0xBA1D3330, 0x83D2F293, 0xBFA4784B, 0xCBED606E]


def test_seeds_of_64_bits_differ():
    firsts = {Pcg32(seed).next() for seed in (0, 1, 2**32, 2**63, 2**64 - 1)}
    assert len(firsts) == 5


def test_numbers_are_spread_evenly():
    random = Pcg32(0)
    counts = np.bincount([random.next() >> 28 for _ in range(16_000)], minlength=16)
    assert ((counts - 1000) ** 2 / 1000).sum() < 45  # chi squared of 15 degrees of freedom: 1 in 10,000


def defined(logits, temperature, top_k, random) -> int:
    """The definition in the module's docstring, one float32 after the other, as a C program has it."""
    f = np.float32
    order = sorted(range(len(logits)), key=lambda i: (-logits[i], i))[: top_k or len(logits)]
    sums, total = [], f(0)
    for i, logit in enumerate(logits):
        total = f(total + (np.exp(f(f(logit - max(logits)) / f(temperature))) if i in order else f(0)))
        sums.append(total)
    threshold = f(f(f(random >> 8) * f(2**-24)) * total)
    return next((i for i, s in enumerate(sums) if s > threshold), max(order))


@given(
    arrays(np.float32, st.integers(1, 70), elements=st.floats(-20, 20, width=32)),
    st.sampled_from([0.01, 0.5, 0.7, 1.0, 3.0, 100.0]),
    st.sampled_from([None, 1, 2, 5, 1000]),
    st.integers(0, 2**64 - 1),
)
def test_the_choice_is_as_defined(logits, temperature, top_k, seed):
    sampler, random = Sampler(temperature, top_k, seed), Pcg32(seed)
    for _ in range(3):
        assert sampler.choose(logits) == defined(list(logits), temperature, top_k, random.next())


def test_how_often_is_as_likely():
    logits = np.log(np.array([0.5, 0.3, 0.2], np.float32))
    sampler = Sampler(seed=3)
    counts = np.bincount([sampler.choose(logits) for _ in range(10_000)])
    assert np.abs(counts / 10_000 - [0.5, 0.3, 0.2]).max() < 0.02


def test_a_temperature_of_0_is_greedy_and_takes_the_first_of_equal_ones():
    sampler = Sampler(temperature=0, seed=1)
    state = sampler.random._state
    assert sampler.choose(np.array([1, 7, 3, 7], np.float32)) == 1
    assert sampler.random._state == state


def test_only_the_likeliest_are_taken_and_of_equal_ones_the_first():
    sampler = Sampler(temperature=100, top_k=2)
    assert {sampler.choose(np.array([5, 9, 5, 5], np.float32)) for _ in range(200)} == {0, 1}
    assert {Sampler(top_k=1, seed=seed).choose(np.array([0, 3, 2], np.float32)) for seed in range(20)} == {1}


def test_the_last_that_is_possible_is_taken_where_rounding_leaves_none():
    sampler = Sampler(temperature=0.01)
    sampler.random.next = lambda: 2**32 - 1
    assert sampler.choose(np.array([0, 5, -50], np.float32)) == 1


@pytest.mark.parametrize("temperature", [-1, float("nan"), float("inf"), 1e-9, 1e9, "hot", None])
def test_other_temperatures_are_refused(temperature):
    with pytest.raises(UsageError, match="temperature"):
        Sampler(temperature)


@pytest.mark.parametrize("top_k", [0, -1, 1.5])
def test_other_numbers_of_the_likeliest_are_refused(top_k):
    with pytest.raises(UsageError, match="top_k"):
        Sampler(top_k=top_k)
