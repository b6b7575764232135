"""What the README promises of the character generator, by the commands as they are typed, on real texts."""

import math
import re
import time

import pytest

from brainbox_core.datasets.catalog import builtin
from brainbox_core.tasks.rnn import train as rnn
from tests.cli.shell import run
from tests.realdata import real_data

THOUSAND_NAMES = ("--lines", "--val-split", 0.03122, "--seed", 0)  # of the 32,033, held out at random


def bits(nats: float) -> float:
    return nats / math.log(2)


@pytest.mark.slow
def test_without_options_it_writes_words_most_of_them_real(tmp_path):
    run("rnn", cwd=tmp_path)
    model = rnn.load_model(tmp_path / "brainbox-out/rnn/runs/1/model.safetensors")
    started = time.process_time()
    text = "".join(rnn.write(model, 10_000, temperature=0.7))
    print(f"{10_000 / (time.process_time() - started):,.0f} characters a second of CPU time")
    assert "".join(rnn.write(model, 10_000, temperature=0.5)).count(" ") < 2500  # it does not get stuck in blanks
    known = set(re.findall(r"[a-z']+", builtin("play.txt").read_text().lower()))
    words = re.findall(r"[a-z']+", text.lower())
    assert len(words) > 1500  # of a length as words have it
    assert sum(word in known for word in words) / len(words) > 0.85


@pytest.mark.slow
def test_tiny_shakespeare_with_the_default_network(tmp_path):
    run("rnn", "--text", real_data("text/tinyshakespeare.txt"), "--fail-over", bits(1.62), cwd=tmp_path)
    result = run("rnn", "evaluate", "--fail-over", bits(1.62), cwd=tmp_path)["result"]
    assert result["bits_per_char"] < result["reset_bits_per_char"] < bits(1.80)  # windows of 64, as nanoGPT counts


@pytest.mark.long
def test_tiny_shakespeare_with_a_larger_network_and_more_time(tmp_path):
    recipe = ("--hidden", 256, "--dropout", 0.2, "--batch-size", 32, "--steps", 5000, "--lr", 0.01)
    run("rnn", "--text", real_data("text/tinyshakespeare.txt"), *recipe, "--fail-over", bits(1.55), cwd=tmp_path)


@pytest.mark.long
@pytest.mark.parametrize(("cell", "nats", "more"), [("lstm", 1.92, ()), ("gru", 1.92, ()), ("rnn", 1.98, ())])
def test_a_thousand_names_that_it_never_saw(cell, nats, more, tmp_path):
    recipe = ("--hidden", 256, "--embedding", 32, "--dropout", 0.2, "--steps", 8000)
    text = real_data("text/names.txt")
    document = run("rnn", "--text", text, *THOUSAND_NAMES, "--cell", cell, *recipe, *more, cwd=tmp_path)
    assert document["data"]["val"] == 1000
    assert document["metrics"]["val_loss"] <= nats
