"""Sequences of different lengths in `fit`, `evaluate` and `predict`: as if each were alone, without its padding."""

import numpy as np
import pytest

import braininabox as bb
from brainbox_core import layers
from brainbox_core.data import Padded, pad
from brainbox_core.errors import UsageError
from brainbox_core.loss import MSE, BinaryCrossEntropy, CrossEntropy, Loss
from brainbox_core.model.model import Model
from brainbox_core.model.sequential import Sequential
from brainbox_core.optimizers import SGD, Adam
from brainbox_core.tensor import Tensor

L = layers
Input = bb.Input
RNG = np.random.default_rng(6)
LENGTHS = [3, 7, 1, 5, 5, 2, 4, 6]
IDS = [RNG.integers(0, 6, length) for length in LENGTHS]
VECTORS = [RNG.normal(size=(length, 2)).astype(np.float32) for length in LENGTHS]
CELLS = {
    "rnn": lambda **last: L.RNN(4, **last),
    "gru": lambda **last: L.GRU(4, **last),
    "lstm": lambda **last: L.LSTM(4, **last),
    "bidirectional": lambda **last: L.Bidirectional(L.LSTM(4, **last)),
}
every_cell = pytest.mark.parametrize("cell", CELLS)


class Squared(Loss):
    """One of the user's own, that knows nothing of sequences."""

    def __call__(self, outputs, y):
        return ((outputs - y.astype(outputs.dtype)) ** 2).mean()


def compiled(chain, loss, optimizer=None, **shape):
    model = chain if isinstance(chain, Model) else Sequential(chain)
    model.compile(optimizer or SGD(lr=0.1), loss)
    if shape:
        model.build(**shape)
    return model


def stack(cell, outputs, **last):
    return [L.Embedding(6, 3), CELLS[cell](), L.Tanh(), L.LayerNorm(), CELLS[cell](**last), L.Linear(outputs)]


# What is measured at each step or once a sequence, on how many outputs, and the targets of every sequence.
MEASURED = {
    "labels of steps": (CrossEntropy(), 6, {}, [ids % 3 for ids in IDS]),
    "some ignored": (CrossEntropy(ignore=-1), 6, {}, [np.where(ids == 2, -1, ids) for ids in IDS]),
    "smoothed": (CrossEntropy(label_smoothing=0.1), 6, {}, [ids % 3 for ids in IDS]),
    "quantities": (MSE(), 2, {}, [np.stack([ids, ids > 3], axis=1) / 5 for ids in IDS]),
    "yes or no": (BinaryCrossEntropy((1, 3)), 1, {}, [(ids > 2)[:, None] for ids in IDS]),
    "a loss of one's own": (Squared(), 1, {}, [ids[:, None] / 5 for ids in IDS]),
    "one label": (CrossEntropy(), 3, {"last": True}, np.array([ids[0] % 3 for ids in IDS])),
}


@pytest.mark.parametrize("measured", MEASURED)
@every_cell
def test_loss_and_gradient_are_those_of_every_sequence_alone(cell, measured):
    """One step of plain gradient descent moves the weights by the gradient; alone, each counts by its targets."""
    loss, outputs, last, y = MEASURED[measured]
    together = compiled(stack(cell, outputs, **last), loss, input_shape=(7,))
    before = together.params.values.copy()
    total, gradient, count = 0.0, np.zeros_like(before), 0
    for ids, target in zip(IDS, y, strict=True):
        target = np.asarray(target)[None]
        counts = loss.counted(target.reshape(-1, *target.shape[2:]) if not last else target, (outputs,))
        if not counts:
            continue
        value = loss(together.forward(Tensor(ids[None])), target)
        together.params.zero_grad()
        value.backward()
        total, gradient, count = (
            total + value.item() * counts,
            gradient + together.params.gradients * counts,
            count + counts,
        )
    history = together.fit(IDS, y if not last else np.array(y), batch_size=8)
    assert history[0]["train_loss"] == pytest.approx(total / count, rel=1e-5)
    assert np.allclose(before - together.params.values, 0.1 * gradient / count, atol=1e-6)


@every_cell
def test_answers_are_those_of_every_sequence_alone_and_zero_behind_their_ends(cell):
    model = compiled(stack(cell, 3), CrossEntropy(), input_shape=(7,))
    X, lengths = pad(IDS)
    found = model.predict(X, lengths=lengths, batch_size=3)
    assert found.shape == (8, 7, 3) and np.array_equal(found, model.predict(IDS, batch_size=3))
    for row, ids in zip(found, IDS, strict=True):
        assert np.allclose(row[: len(ids)], model.predict(ids[None])[0], atol=1e-6) and not row[len(ids) :].any()
    y = [ids % 3 for ids in IDS]
    right = np.concatenate([row[: len(ids)].argmax(axis=1) == ids % 3 for row, ids in zip(found, IDS, strict=True)])
    measured = model.evaluate(X, pad(y, value=-7)[0], lengths=lengths)
    assert measured["accuracy"] == right.mean() and measured == model.evaluate(IDS, y)


def test_nothing_looks_at_what_comes_after_an_end():
    """NaN as inputs, and labels that are no classes, behind the ends; a longer padding is the same training."""
    trained = []
    for value, label, more in ((0, 0, 0), (np.nan, 99, 0), (np.inf, -3, 4)):
        X, lengths = pad(VECTORS, value)
        y, _ = pad([ids % 3 for ids in IDS], label)
        X = np.pad(X, [(0, 0), (0, more), (0, 0)], constant_values=value)
        y = np.pad(y, [(0, 0), (0, more)], constant_values=label)
        model = compiled([L.Linear(3), L.GRU(4), L.Dropout(0.2), L.Linear(3)], CrossEntropy(), Adam(lr=0.01))
        history = model.fit(X, y, epochs=3, batch_size=3, lengths=lengths, validation_split=0.25)
        trained.append((model.params.values.copy(), history[-1]["val_loss"], model.predict(X, lengths=lengths)[:, :7]))
    for one in trained[1:]:
        assert all(np.array_equal(*pair) for pair in zip(trained[0], one, strict=True))


def test_lengths_go_with_their_rows_into_splits_and_shuffles():
    """Each sequence ends in the class that it is to be told by; a row with the length of another would miss it."""
    lengths = RNG.integers(1, 12, 200)
    y = RNG.integers(0, 2, 200)
    X = RNG.integers(0, 2, (200, 12))
    X[np.arange(200), lengths - 1] = y
    model = compiled([L.LSTM(8, ids=2, last=True), L.Linear(2)], CrossEntropy(), Adam(lr=0.03))
    history = model.fit(X, y, epochs=15, lengths=lengths, validation_split=0.2)
    assert history[-1]["val_accuracy"] == 1 and model.evaluate(X, y, lengths=lengths)["accuracy"] == 1
    assert model.evaluate(X, y)["accuracy"] < 0.9  # where all steps count, others come last


def test_validation_data_may_be_padded_or_ragged_and_longer():
    model = compiled([L.LSTM(4, ids=6, last=True), L.Linear(3)], CrossEntropy())
    X, lengths = pad(IDS[:2])
    y = [0, 1]
    longer = [np.arange(9) % 6, np.arange(2)]
    found = [
        model.fit(X, y, lengths=lengths, validation_data=(held_out, y))[-1]["val_loss"]
        for held_out in (longer, Padded(*pad(longer)))
    ]
    assert model.evaluate(longer, y)["loss"] == found[1] and found[0] != found[1]


def test_a_network_of_sequences_takes_any_number_of_steps():
    model = compiled([L.LSTM(4, ids=6), L.Linear(3)], CrossEntropy())
    model.fit(IDS, [ids % 3 for ids in IDS])
    some = [ids[:2] for ids in IDS if len(ids) > 1]
    assert model.predict(some).shape == (7, 2, 3) and model.predict(np.zeros((1, 20), int)).shape == (1, 20, 3)
    assert set(model.evaluate(some, [ids % 3 for ids in some])) == {"loss", "accuracy"}
    fixed = compiled([L.LSTM(4, ids=6), L.Flatten(), L.Linear(3)], CrossEntropy(), input_shape=(4,))
    with pytest.raises(UsageError, match=r"inputs do not fit the model: expected \('n', 4\), got \(1, 20\)"):
        fixed.predict(np.zeros((1, 20), int))


def test_a_table_of_lists_is_read_as_sequences_too():
    column = np.empty(2, object)
    column[:] = [[1, 2, 3], [4]]
    model = compiled([L.LSTM(4, ids=6, last=True), L.Linear(3)], CrossEntropy(), input_shape=(3,))
    assert np.array_equal(model.predict(column), model.predict([[1, 2, 3], [4]]))


def test_weights_of_rows_are_those_of_their_steps():
    """A sequence of weight 2 counts as if it were there twice."""
    y, weights = [ids % 3 for ids in IDS], np.array([1, 2, 1, 1, 0, 1, 2, 1])
    rows = np.repeat(np.arange(8), weights)
    trained = []
    for X, targets, weighed in ((IDS, y, weights), ([IDS[row] for row in rows], [y[row] for row in rows], None)):
        model = compiled(stack("gru", 3), CrossEntropy())
        history = model.fit(X, targets, batch_size=16, sample_weight=weighed)
        trained.append((history[0]["train_loss"], model.params.values.copy()))
    assert trained[0][0] == pytest.approx(trained[1][0], rel=1e-6)
    assert np.allclose(trained[0][1], trained[1][1], atol=1e-6)
    for labels in (y, pad(y)[0]):
        with pytest.raises(UsageError, match="class_weight needs one label a row"):
            model.fit(IDS, labels, class_weight="balanced")


def test_batches_of_ones_own_may_each_have_their_lengths():
    batches = [(IDS[:4], [ids % 3 for ids in IDS[:4]]), (IDS[4:], [ids % 3 for ids in IDS[4:]])]
    given = compiled(stack("gru", 3), CrossEntropy(), input_shape=(7,))
    whole = compiled(stack("gru", 3), CrossEntropy(), input_shape=(7,))
    X, lengths = pad(IDS)
    loader = bb.data.DataLoader(Padded(X, lengths), Padded(pad([ids % 3 for ids in IDS])[0], lengths), 4, shuffle=False)
    losses = [given.fit(batches)[0]["train_loss"], whole.fit(loader)[0]["train_loss"]]
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)
    with pytest.raises(UsageError, match="says itself how long its sequences are"):
        given.fit(batches, lengths=lengths)


# --- what mixes steps ------------------------------------------------------------------------------------------------


class Doubled(L.Layer):
    def __call__(self, x, training=False):
        return x * 2


class DoubledSteps(Doubled):
    stepwise = True


class LastTold(L.Layer):
    """Ends the sequences, at the ends that it is told."""

    def __call__(self, x, training=False, lengths=None):
        ends = np.full(len(x), x.shape[1]) if lengths is None else lengths
        return x[np.arange(len(x)), ends - 1]


@pytest.mark.parametrize(
    ("chain", "name"),
    [
        ([L.Flatten()], "layer 0 'flatten_0'"),
        ([L.LSTM(4), L.Flatten()], "layer 1 'flatten_0'"),
        ([L.BatchNorm(), L.LSTM(4, last=True)], "layer 0 'batchnorm_0'"),
        ([L.Conv1D(2, 2), L.LSTM(4, last=True)], "layer 0 'conv1d_0'"),
        ([L.MaxPool1D(2), L.LSTM(4, last=True)], "layer 0 'maxpool1d_0'"),
        ([L.LSTM(4), L.GlobalAvgPool()], "layer 1 'globalavgpool_0'"),
        ([Doubled(), L.LSTM(4, last=True)], "layer 0 'doubled_0'"),
    ],
)
def test_layers_that_mix_steps_are_refused_by_name(chain, name):
    model = compiled([*chain, L.Linear(2)], CrossEntropy())
    with pytest.raises(UsageError, match=rf"^{name} needs sequences of one length.*`lengths`$"):
        model.fit(VECTORS, np.zeros(8, int))


@pytest.mark.parametrize("first", [L.Linear(3), L.Softmax(), L.ReLU(), L.Dropout()])
def test_steps_are_not_taken_for_features(first):
    model = compiled([first, L.Linear(2)], CrossEntropy())
    with pytest.raises(UsageError, match=r"^layer 0 .* needs sequences of one length"):
        model.fit(pad(IDS)[0], np.zeros(8, int), lengths=LENGTHS)


def test_layers_of_ones_own_say_what_becomes_of_the_steps():
    model = compiled([DoubledSteps(), L.RNN(4), LastTold(), L.Linear(2)], CrossEntropy())
    model.fit(VECTORS, np.zeros(8, int))
    found = model.predict(VECTORS)
    assert np.allclose(found, np.concatenate([model.predict(row[None]) for row in VECTORS]), atol=1e-6)


def test_targets_have_a_step_for_each_step():
    model = compiled([L.LSTM(4, ids=6), L.Linear(3)], CrossEntropy(), input_shape=(7,))
    y = [ids % 3 for ids in IDS]
    for wrong, message in (
        (y[:-1], "X and y need one row for each other, got 8 and 7"),
        ([*y[:-1], y[-1][:-1]], "row 7 of y: every step needs a target: expected 6, as X has, got 5"),
        (np.zeros(8, int), "every step needs a label"),
        (np.zeros((8, 6), int), "every step needs a label"),
        ([*y[:-1], y[-1] + 3], "label out of range"),
        ([["a"] * len(ids) for ids in IDS], "expected numbers"),
    ):
        with pytest.raises(UsageError, match=message):
            model.fit(IDS, wrong)
        with pytest.raises(UsageError, match=message):
            model.evaluate(IDS, wrong)


@pytest.mark.parametrize("lengths", [[3], [0] * 8, [8] * 8, [1.5] * 8, 3])
def test_lengths_that_do_not_fit_are_refused_everywhere(lengths):
    X, y = pad(IDS)[0], np.zeros(8, int)
    model = compiled([L.LSTM(4, ids=6, last=True), L.Linear(3)], CrossEntropy(), input_shape=(7,))
    for call in (
        lambda: model.fit(X, y, lengths=lengths),
        lambda: model.evaluate(X, y, lengths=lengths),
        lambda: model.predict(X, lengths=lengths),
    ):
        with pytest.raises(UsageError, match="lengths: expected"):
            call()
    with pytest.raises(UsageError, match="leave out `lengths`"):
        model.predict(IDS, lengths=LENGTHS)


# --- several inputs and outputs --------------------------------------------------------------------------------------


def branched():
    """Words, and numbers beside them; the words' classes at each step, and a quantity."""
    words, numbers = Input((7,)), Input((2,))
    h = L.LSTM(4)(L.Embedding(6, 3)(words))
    h = L.Add()([h, L.Linear(4)(h)])
    end = L.GRU(3, last=True)(L.Concatenate()([h, L.Tanh()(h)]))
    return Model([words, numbers], [L.Linear(3)(h), L.Linear(1)(L.Concatenate()([end, numbers]))], seed=3)


def test_several_inputs_and_outputs_have_lengths_of_their_own():
    numbers = RNG.normal(size=(8, 2)).astype(np.float32)
    labels, values = [ids % 3 for ids in IDS], RNG.normal(size=(8, 1))
    X, lengths = pad(IDS)
    losses = []
    for given, told in (([X, numbers], [lengths, None]), ([IDS, numbers], None)):
        model = branched()
        model.compile(SGD(lr=0.1), [CrossEntropy(), MSE()])
        history = model.fit(given, [labels, values], lengths=told, batch_size=8, validation_split=0.25)
        losses.append(
            [history[-1]["train_loss"], history[-1]["val_loss"], model.evaluate(given, [labels, values], lengths=told)]
        )
        steps, ends = model.predict(given, lengths=told)
        for row, end, ids, more in zip(steps, ends, IDS, numbers, strict=True):
            alone = model.predict([ids[None], more[None]])
            assert np.allclose(row[: len(ids)], alone[0], atol=1e-6) and np.allclose(end, alone[1], atol=1e-6)
            assert not row[len(ids) :].any()
    assert losses[0] == losses[1] and "accuracy_0" in losses[0][2]
    with pytest.raises(UsageError, match="lengths of several inputs: expected a list of 2, None for none, got ndarray"):
        model.predict([X, numbers], lengths=lengths)
    with pytest.raises(UsageError, match="y holds an array for each output"):
        model.fit([IDS, numbers], [labels])


def test_sequences_of_other_lengths_are_not_joined():
    a, b = Input((7, 2)), Input((7, 2))
    model = compiled(Model([a, b], L.RNN(3, last=True)(L.Add()([a, b]))), MSE())
    X, lengths = pad(VECTORS)
    for told in ([lengths, None], [lengths, lengths[::-1]]):
        with pytest.raises(UsageError, match=r"'add_0' joins sequences with what has other lengths, or none"):
            model.predict([X, X], lengths=told)
    assert np.array_equal(model.predict([X, X], lengths=[lengths, lengths]), model.predict([VECTORS, VECTORS]))


class Written(Model):
    """The way is written out; layers take sequences, and give them on."""

    def __init__(self):
        super().__init__()
        self.reading, self.answering = L.GRU(4), L.Linear(3)

    def forward(self, x, training=False):
        return self.answering(self.reading(x, training), training)


def test_a_forward_of_ones_own_takes_sequences():
    model = compiled(Written(), CrossEntropy())
    X, lengths = pad(VECTORS)
    y = [ids % 3 for ids in IDS]
    history = model.fit(X, y, epochs=2, lengths=lengths)
    assert history[1]["train_loss"] < history[0]["train_loss"]
    found = model.predict(X, lengths=lengths)
    for row, given in zip(found, VECTORS, strict=True):
        assert np.allclose(row[: len(given)], model(Padded(given[None], [len(given)])).array.data[0], atol=1e-6)


# --- beside PyTorch --------------------------------------------------------------------------------------------------


def test_a_packed_sequence_of_pytorch_gives_the_same_losses():
    torch = pytest.importorskip("torch", reason="the oracle is PyTorch: pip install torch==2.13.0")
    model = compiled([L.GRU(4, last=True), L.Linear(3)], CrossEntropy(), input_shape=(7, 2))
    gru, linear = torch.nn.GRU(2, 4, batch_first=True), torch.nn.Linear(4, 3)
    ours, hidden = model.layers[0], np.zeros(12, np.float32)
    hidden[8:] = ours.candidate_bias.data
    weights = [ours.weight.data, ours.recurrent.data, ours.bias.data, hidden]
    weights += [model.layers[1].weight.data, model.layers[1].bias.data]
    with torch.no_grad():
        for theirs, array in zip([*gru.parameters(), *linear.parameters()], weights, strict=True):
            theirs.copy_(torch.tensor(array.T.copy()))
    X, lengths = pad(VECTORS)
    y = np.array([ids[0] % 3 for ids in IDS])
    packed = torch.nn.utils.rnn.pack_padded_sequence(torch.tensor(X), lengths, True, enforce_sorted=False)
    wanted = torch.nn.functional.cross_entropy(linear(gru(packed)[1][0]), torch.tensor(y))
    wanted.backward()
    before = {name: weight.data.copy() for name, weight in model.params.named.items()}
    (logs,) = model.fit(X, y, batch_size=8, lengths=lengths)
    assert logs["train_loss"] == pytest.approx(wanted.item(), rel=1e-6)
    for name, theirs in (
        ("gru_0/weight", gru.weight_ih_l0),
        ("gru_0/recurrent", gru.weight_hh_l0),
        ("linear_0/weight", linear.weight),
    ):
        moved = (before[name] - model.params.named[name].data) / 0.1
        assert np.allclose(moved, theirs.grad.numpy().T, atol=1e-6)


def test_the_library_offers_padding():
    assert {"pad", "Padded"} <= set(dir(bb.data))
