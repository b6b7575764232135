import numpy as np
import pytest

import braininabox as bb
from brainbox_core.errors import ConvergenceError, InputError, UsageError
from brainbox_core.exact.sampling import Sampler
from brainbox_core.tasks.rnn.writing import LONGEST_LINE, write
from brainbox_core.tensor import Tensor

CHARACTERS = "\n abcde"


def model(cell=bb.layers.LSTM, lines=False, seed=0):
    network = bb.Sequential([bb.layers.Embedding(7, 4), cell(8), bb.layers.Linear(7)], seed)
    network.build((5,))
    network.meta = {"characters": list(CHARACTERS), "start": 0, "lines": lines}
    return network


@pytest.mark.parametrize("cell", [bb.layers.RNN, bb.layers.GRU, bb.layers.LSTM])
def test_each_character_is_chosen_by_all_that_came_before(cell):
    network = model(cell)
    text = "".join(write(network, 30, prime="abc", temperature=0.9, top_k=5, seed=4))
    assert text.startswith("abc") and len(text) == 33
    sampler = Sampler(0.9, 5, 4)
    ids = [CHARACTERS.index(character) for character in "\n" + text]
    for place in range(4, len(ids)):  # one pass over all of it instead of step by step
        assert sampler.choose(network.forward(Tensor([ids[:place]])).data[0, -1]) == ids[place]


def test_one_seed_one_text():
    texts = ["".join(write(model(), 50, seed=seed)) for seed in (7, 7, 8)]
    assert texts[0] == texts[1] != texts[2]


def test_greedy_text_does_not_depend_on_the_seed():
    assert len({"".join(write(model(), 50, temperature=0, seed=seed)) for seed in range(3)}) == 1


def test_writing_leaves_no_state_behind():
    network = model()
    first, second = ("".join(write(network, 20)) for _ in range(2))
    assert first == second
    assert network.layers[1].state is None and not network.layers[1].carry


def test_every_line_begins_anew_with_the_prime():
    network = model(lines=True, seed=3)
    lines = "".join(write(network, 4, prime="ab", temperature=0)).split("\n")
    assert lines[-1] == "" and len(lines) == 5
    assert len(set(lines[:4])) == 1 and lines[0].startswith("ab")
    assert "".join(write(network, 1, prime="ab", temperature=0)) == lines[0] + "\n"
    assert len(set("".join(write(network, 9, temperature=2)).split("\n"))) > 2


def test_a_line_that_never_ends_is_ended():
    network = model(lines=True)
    network.layers[-1].bias.data[0] = -1e9
    text = "".join(write(network, 2))
    assert [len(line) for line in text.split("\n")] == [LONGEST_LINE, LONGEST_LINE, 0]


def test_an_unknown_character_of_the_prime_is_named_before_anything_is_written():
    with pytest.raises(InputError, match=r"does not know the character 'z' \(U\+007A\)") as raised:
        write(model(), 5, prime="abzx")
    assert raised.value.fix == "it knows  abcde"
    with pytest.raises(UsageError, match="line end"):
        write(model(lines=True), 5, prime="a\nb")


@pytest.mark.parametrize(
    "wrong", [{"length": 0}, {"length": 10**9}, {"top_k": 0}, {"top_k": 8}, {"temperature": -1}, {"seed": -1}]
)
def test_arguments_out_of_range_are_refused(wrong):
    with pytest.raises(UsageError, match=next(iter(wrong))):
        write(model(), **{"length": 5, **wrong})


def test_all_characters_may_be_the_likeliest():
    assert "".join(write(model(), 20, top_k=7)) == "".join(write(model(), 20))


def test_numbers_that_are_not_finite_are_never_written():
    network = model()
    network.layers[-1].weight.data[:] = np.finfo(np.float32).max
    network.layers[-1].bias.data[:] = np.finfo(np.float32).max
    network.layers[1].bias.data[:] = 50
    with pytest.raises(ConvergenceError, match="not a finite number"), np.errstate(all="ignore"):
        "".join(write(network, 5))


def test_a_closed_generator_leaves_the_layers_alone():
    network = model()
    pieces = write(network, 100)
    next(pieces)
    pieces.close()
    assert network.layers[1].carry is False and network.layers[1].state is None


def test_in_8_bits_it_writes_what_such_an_export_writes():
    network = model()
    assert "".join(write(network, 30, dtype="int8")) != ""
    with pytest.raises(UsageError, match="dtype: expected float32 or int8"):
        write(network, 30, dtype="int4")
