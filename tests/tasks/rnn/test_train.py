import math
from itertools import islice, pairwise

import numpy as np
import pytest

from brainbox_core import layers
from brainbox_core.errors import ConvergenceError, InputError, UsageError
from brainbox_core.layers.recurrent import carried
from brainbox_core.model.sequential import Sequential
from brainbox_core.network import saving
from brainbox_core.tasks.rnn import train as rnn
from brainbox_core.tasks.rnn.settings import Settings
from brainbox_core.tensor import Tensor
from brainbox_core.text.sequences import NOTHING
from brainbox_core.training.callbacks import Callback

CELLS = ("rnn", "gru", "lstm")
VERSE = "the quick brown fox jumps over the lazy dog, and the dog says nothing.\n"


@pytest.fixture(scope="module")
def text(tmp_path_factory) -> str:
    """A text with something to learn and something to guess."""
    rng = np.random.Generator(np.random.Philox(key=9))
    words = VERSE.split()
    path = tmp_path_factory.mktemp("rnn") / "text.txt"
    path.write_text("\n".join(" ".join(rng.choice(words, 8)) for _ in range(200)))
    return str(path)


def logits_of(model, ids) -> np.ndarray:
    """What the model gives to all characters after each of a text: (n, characters) of float64."""
    return model.forward(Tensor(np.asarray(ids, int)[None])).data[0].astype(float)


def small(text: str, **changes: object) -> Settings:
    defaults = {"hidden": 16, "embedding": 8, "seq_len": 16, "steps": 40, "sample_every": 20}
    return Settings(**{"data": text, **defaults, **changes})


def built(settings: Settings):
    data = rnn.load_data(settings)
    return rnn.build_model(settings, data), data


def trained(settings: Settings, callbacks=()):
    model, data = built(settings)
    return model, data, rnn.train(model, settings, data, callbacks)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize(
    "changes",
    [{"dropout": 0.1}, {"embedding": 0, "layers": 2}],
    ids=["embedding, dropout", "one-hot, two layers"],
)
def test_every_cell_learns_more_than_how_often_each_character_comes(cell, changes, text):
    settings = small(text, cell=cell, steps=150, sample_every=75, hidden=32, lr=0.02, **changes)
    model, _, result = trained(settings)
    assert result.metrics["bits_per_char"] < result.metrics["unigram_bits"] - 0.3
    assert result.metrics["primary"] == "bits_per_char"
    assert [row["step"] for row in result.history] == [75, 150]
    assert result.best_step in (75, 150)
    assert len(result.norms) == 150 and (result.norms > 0).all()
    assert len(result.sample) == 400
    recurrent = [layer.name for layer in model.layers if layer.name.startswith(cell)]
    assert list(result.flows) == ["after"] and list(result.flows["after"]) == recurrent


def test_lines_of_any_length_are_learned(tmp_path):
    rng = np.random.Generator(np.random.Philox(key=2))
    lines = ["ab" * int(length) + "!" for length in rng.integers(1, 30, 300)]  # up to 59 characters, windows of 16
    (tmp_path / "lines").write_text("\n".join(lines))
    settings = small(str(tmp_path / "lines"), lines=True, steps=150, sample_every=50, lr=0.02)
    *_, result = trained(settings)
    assert result.metrics["bits_per_char"] < 0.7 < 1 < result.metrics["unigram_bits"]
    written = result.sample.split("\n")
    assert len(written) == 11 and written[-1] == ""
    assert sum(line.startswith("ab") and line.endswith("!") for line in written) >= 7


def test_one_seed_one_training(text):
    states = []
    for seed in (3, 3, 4):
        model, _, result = trained(small(text, seed=seed, sample_every=7))  # 40 steps do not divide by 7
        states.append((model.params.values.tobytes(), result.metrics, result.sample))
    assert states[0] == states[1]
    assert states[0][0] != states[2][0]
    assert len(result.history) == 6 and result.history[-1]["step"] == 40


def test_looking_more_often_changes_nothing_of_what_is_learned(text):
    weights = []
    for every in (1, 13, 40):
        last = []

        class Keep(Callback):
            def on_epoch_end(self, model, logs, last=last):
                last[:] = [model.params.values.copy()]

        trained(small(text, sample_every=every), [Keep()])
        weights.append(last[0])
    assert np.array_equal(weights[0], weights[1]) and np.array_equal(weights[0], weights[2])


def test_the_best_weights_are_kept(text):
    *_, result = trained(small(text, steps=60, sample_every=5, lr=0.1, limit=60))  # learned by heart
    losses = [row["val_loss"] for row in result.history]
    assert result.best_step == result.history[int(np.argmin(losses))]["step"] < 60
    assert result.metrics["val_loss"] == min(losses)  # measured alike, however long the windows of the training are


def test_patience_ends_a_training_that_no_longer_helps(text):
    *_, result = trained(small(text, steps=200, sample_every=5, lr=0.1, limit=60, patience=2))
    assert len(result.history) < 40


def test_the_state_is_carried_from_window_to_window_and_begins_anew_with_every_pass(text):
    settings = small(text, batch_size=4, steps=10_000)
    model, data = built(settings)
    states = []
    recurrent = model.layers[1]
    with carried(model.layers):
        steps = rnn._Steps(model, settings, data)
        steps.every = 400
        for x, _ in steps.epoch(1):
            states.append(recurrent.state)
            model.forward(Tensor(x))
    fresh = [number for number, state in enumerate(states) if state is None]
    windows = steps.source._windows
    assert fresh == list(range(0, 400, windows)) and len(fresh) > 2
    for before, after in pairwise(states):
        assert after is None or before is None or not np.array_equal(before[0], after[0])


@pytest.mark.parametrize("position", [0, 3])
def test_measuring_begins_anew_wherever_the_training_is(position, text):
    settings = small(text)
    model, data = built(settings)
    alone = rnn.evaluate(model, data).metrics
    with carried(model.layers):
        for x, _ in islice(rnn._Steps(model, settings, data).epoch(1), position):
            model.forward(Tensor(x))
        before = model.layers[1].state
        assert rnn.evaluate(model, data).metrics == alone
        assert model.layers[1].state is before  # and the training goes on as if nobody had looked


def test_bits_per_character_beside_a_plain_loop(text):
    model, data, result = trained(small(text))
    reset = []
    for start in range(0, len(data.val) - 1, rnn.WINDOW):
        part = data.val[start : start + rnn.WINDOW + 1].astype(int)
        logits = logits_of(model, part[:-1])
        reset += list(np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(part) - 1), part[1:]])
    logits = logits_of(model, data.val[:-1])
    nats = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(data.val) - 1), data.val[1:]]
    assert len(data.val) < 2 * 2048  # so it is one stream
    assert result.metrics["val_loss"] == pytest.approx(np.mean(nats), abs=1e-5)
    assert result.metrics["bits_per_char"] == pytest.approx(np.mean(nats) / math.log(2), abs=1e-5)
    assert result.metrics["reset_val_loss"] == pytest.approx(np.mean(reset), abs=1e-5)


def test_weights_that_overflow_give_an_error_and_no_figure(text):
    model, data = built(small(text))
    model.params.named["linear_0/weight"].data[...] = 3e38
    with pytest.raises(ConvergenceError, match="the loss is"):
        rnn.evaluate(model, data)


def test_what_is_filled_up_does_not_count(tmp_path):
    (tmp_path / "lines").write_text("\n".join(["a", "bcdefgh", "ab", "hgfedcba", "c"] * 10))
    settings = small(str(tmp_path / "lines"), lines=True, val_split=0.5)
    model, data = built(settings)
    nats = []
    for line in data.alphabet.text(data.val)[1:-1].split("\n"):
        ids = data.alphabet.ids(f"\n{line}\n").astype(int)
        logits = logits_of(model, ids[:-1])
        nats += list(np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(ids) - 1), ids[1:]])
    assert rnn.evaluate(model, data).metrics["val_loss"] == pytest.approx(np.mean(nats), abs=1e-5)


@pytest.mark.parametrize("cell", CELLS)
def test_a_training_that_blows_up_stops_with_weights_that_can_be_kept(cell, text, tmp_path):
    settings = small(text, cell=cell, clip=0.0, lr=100.0, steps=200, sample_every=200)
    model, data = built(settings)
    told = r"step \d+: the loss is .* blind guessing has .* the gradient's length is"
    with pytest.raises(ConvergenceError, match=told) as raised:
        rnn.train(model, settings, data)
    assert "smaller learning rate than 100, or clip the gradient: `clip 1`" in raised.value.fix
    assert model.optimizer.steps and np.isfinite(model.params.values).all()
    model.save(tmp_path / "x")
    assert len("".join(rnn.write(rnn.load_model(tmp_path / "x"), 9))) == 9


def test_a_gradient_that_explodes_is_told_with_its_length():
    norms = np.full(100, 0.5)
    norms[41] = 80.0
    (note,) = rnn._gradient_notes(norms, {}, 1.0)
    assert note == ("the gradient exploded at step 42: its length was 80, where 0.5 is usual; it was cut to 1")
    (note,) = rnn._gradient_notes(norms, {}, 0.0)
    assert "nothing cut it (`clip 0`)" in note
    assert not list(rnn._gradient_notes(np.full(100, 0.5), {}, 1.0))


def test_a_gradient_that_vanishes_is_told_with_its_length():
    flow = {"rnn_0": 0.2 ** np.arange(64)[::-1], "lstm_0": 0.9 ** np.arange(64)[::-1]}
    (note,) = rnn._gradient_notes(np.ones(3), flow, 1.0)
    assert note.startswith("the gradient vanishes in rnn_0: of 1 at the last character, 6.6e-12 is left 16")


@pytest.mark.parametrize("cell", CELLS)
def test_how_the_gradient_flows_back_beside_finite_differences(cell, text):
    model, data = built(small(text, cell=cell, seq_len=5, hidden=6))
    norms = rnn.gradient_norms(model, data.val, rows=1)[f"{cell}_0"]
    embedded = model.layers[0](Tensor(data.val[None, :5])).data.astype(np.float64)
    assert norms.shape == (5,) and (norms > 0).all()
    # The last output goes straight into the loss: its gradient is weight @ (softmax - one-hot).
    layer, last = model.layers[1], model.layers[2]
    logits = last(layer(Tensor(embedded.astype(np.float32)))).data[0, -1].astype(float)
    wanted = np.exp(logits) / np.exp(logits).sum()
    wanted[data.val[5]] -= 1
    assert norms[-1] == pytest.approx(np.linalg.norm(last.weight.data @ wanted), rel=1e-4)
    assert not any(parameter.grad is not None for parameter in model.params.named.values())


def test_explaining_measures_the_flow_before_and_after_and_changes_nothing(text):
    plain = trained(small(text))[0].params.values
    model, _, result = trained(small(text, explain=True))
    assert np.array_equal(model.params.values, plain)
    before, after = (result.flows[when]["lstm_0"] for when in ("before", "after"))
    assert before.shape == after.shape == (16,) and (before != after).any()


def test_a_window_that_memory_cannot_hold_is_refused_before_it_is_made(monkeypatch, text):
    monkeypatch.setattr("os.sysconf", lambda name: 100)
    with pytest.raises(UsageError, match=r"16 windows of 16 characters side by side: training needs 0.0 GB") as raised:
        built(small(text))
    assert "`seq_len`" in raised.value.fix


def test_measuring_takes_no_more_memory_than_the_training(text, monkeypatch):
    monkeypatch.setattr(rnn, "FLOW_CHARACTERS", 1000)
    settings = small(text, seq_len=400, batch_size=2, steps=2, sample_every=1, val_split=0.3)
    model, data = built(settings)
    sizes, forward = [], model.forward

    def watched(x, training=False):
        if not training:
            sizes.append(x.shape)
        return forward(x, training)

    monkeypatch.setattr(model, "forward", watched)
    rnn.train(model, settings, data)
    assert len(data.val) > 5 * 400
    assert [size for size in sizes if size[1] > rnn.WINDOW] == [(2, 400)]  # the flow of the gradient


@pytest.mark.parametrize("seq_len", [1, 5000])
def test_windows_of_any_length(seq_len, text):
    *_, result = trained(small(text, seq_len=seq_len, steps=4, sample_every=2))
    assert math.isfinite(result.metrics["bits_per_char"])


def test_a_text_with_room_for_fewer_windows_is_said_to_be_one(text, tmp_path):
    *_, result = trained(small(text, limit=100, batch_size=16, seq_len=16, steps=2))
    assert result.notes == ("the text has only 6 windows of 16 characters to learn from side by side, not 16",)
    (tmp_path / "lines").write_text("ab\nbcd\nc\nab\n")
    *_, result = trained(small(str(tmp_path / "lines"), lines=True, val_split=0.25, steps=2))
    assert result.notes[0] == "the text has only 3 lines to learn from side by side, not 16"
    assert trained(small(text, steps=2))[2].notes == ()


# files


@pytest.fixture(scope="module")
def saved(text, tmp_path_factory):
    model, data, _ = trained(small(text))
    path = tmp_path_factory.mktemp("saved") / "model.safetensors"
    model.save(path)
    return path, model, data


def test_a_model_comes_back(saved):
    path, model, data = saved
    again = rnn.load_model(path)
    assert rnn.evaluate(again, data).metrics == rnn.evaluate(model, data).metrics
    for name in ("cell", "characters", "start", "lines", "val_split", "data", "metrics"):
        assert again.meta[name] == model.meta[name]
    assert again.meta["kind"] == "rnn" and again.meta["characters"][again.meta["start"]] == "\n"


@pytest.mark.parametrize(
    "changes",
    [
        {"characters": None},
        {"characters": "abc"},
        {"characters": list("abcdefghijklmnopqrstuvwxyz")[:5]},
        {"characters": lambda before: [before[1], *before[1:]]},
        {"characters": lambda before: ["ab", *before[1:]]},
        {"characters": lambda before: [7, *before[1:]]},
        {"start": -1},
        {"start": 1000},
        {"start": 1.0},
        {"start": True},
        {"start": None},
        {"lines": None},
        {"lines": 1},
        {"lines": True, "start": 5},
        {"val_split": 0.0},
        {"val_split": "0.1"},
        {"val_split": None},
    ],
)
def test_a_file_whose_description_does_not_fit_is_refused(changes, saved, tmp_path):
    path, _, _ = saved
    arrays, meta = saving.load_model(path)
    for name, value in changes.items():
        meta[name] = value(meta[name]) if callable(value) else value
        if value is None:
            del meta[name]
    saving.save_model(tmp_path / "odd", arrays, meta)
    with pytest.raises(InputError, match="train it again"):
        rnn.load_model(tmp_path / "odd")


@pytest.mark.parametrize(
    ("chain", "shape"),
    [([layers.LSTM(4), layers.Linear(3)], (5, 3)), ([layers.Linear(3)], (5, 3)), ([layers.GRU(3, ids=4)], (5,))],
    ids=["vectors", "no sequence", "more characters"],
)
def test_a_model_that_reads_other_things_is_refused(chain, shape, tmp_path):
    model = Sequential(chain)
    model.build(shape)
    model.meta = {"kind": "rnn", "characters": list("abc"), "start": 0, "lines": False, "val_split": 0.1}
    model.save(tmp_path / "model")
    with pytest.raises(InputError, match="do not fit its layers"):
        rnn.load_model(tmp_path / "model")


def test_the_targets_that_do_not_count_are_those_that_the_loss_ignores(saved):
    assert saved[1].loss.ignore == NOTHING
