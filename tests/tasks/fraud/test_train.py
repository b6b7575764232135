"""Learning, the threshold, and the judgement: F02 to F05, F08, F12 of the faults."""

import io
import math
import sys
from dataclasses import replace

import numpy as np
import pytest

from brainbox_core import metrics
from brainbox_core.data import DataLoader
from brainbox_core.errors import ConvergenceError, InputError, UsageError
from brainbox_core.exact.bfloat16 import rounded
from brainbox_core.files.reading import standard_input
from brainbox_core.layers import Linear
from brainbox_core.model.sequential import Sequential
from brainbox_core.rng import stream
from brainbox_core.tables.table import read_table, table_of
from brainbox_core.tasks.fraud import train as fraud
from brainbox_core.training import loop
from brainbox_core.training.callbacks import Callback
from tests.tasks.fraud.transactions import write_transactions


def learn(path, **changes):
    settings = fraud.Settings.suited(data=str(path), **{"epochs": 15, **changes})
    data = fraud.load_data(settings, pipe=standard_input)
    model = fraud.build_model(settings, data)
    return settings, data, model, fraud.train(model, settings, data)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return write_transactions(tmp_path_factory.mktemp("fraud") / "x.csv")


@pytest.fixture(scope="module")
def trained(path):
    return learn(path)


def test_what_is_easily_told_is_found(trained):
    _, data, model, result = trained
    assert result.metrics["test_average_precision"] > 0.95
    assert result.confusion.sum() == len(data.parts.test) == 120
    assert result.metrics["baseline_accuracy"] == 0.9
    found, missed = result.confusion[1, 1], result.confusion[1, 0]
    assert result.metrics["test_recall"] == found / (found + missed)
    low, high = result.interval
    assert low <= result.metrics["test_average_precision"] <= high
    assert model.input_shape == (4,) and type(model.layers[0]).__name__ == "Tanh"


@pytest.fixture
def noise(tmp_path):
    """Transactions of which nothing tells the frauds."""
    values = stream(1, "noise").normal(size=(2, 600)).round(3)
    return write_transactions(tmp_path / "noise.csv", V1=values[0], V2=values[1])


def test_the_kept_epoch_ranks_the_held_out_rows_best(noise):
    _, data, model, result = learn(noise, epochs=20)
    assert result.best_epoch < 20
    best = max(result.history, key=lambda logs: (logs["val_average_precision"], logs["epoch"]))
    assert result.best_epoch == best["epoch"]
    X, y = data.part(data.parts.val)
    assert metrics.average_precision(y[:, 0], fraud.score(model, X)) == pytest.approx(best["val_average_precision"])


def test_the_kept_weights_have_16_bits_and_the_training_goes_on_with_all(path, trained):
    settings, data, model, result = trained

    class Weights(Callback):
        def on_epoch_end(self, model, logs):
            seen.append([layer.weight.data.copy() for layer in model.layers if isinstance(layer, Linear)])

    seen = []
    again = fraud.build_model(settings, data)
    fraud.train(again, settings, data, [Weights()])
    kept = [layer.weight.data for layer in model.layers if isinstance(layer, Linear)]
    for weight, learned in zip(kept, seen[result.best_epoch - 1], strict=True):
        assert (weight == rounded(learned)).all() and (weight != learned).any()


def test_the_test_part_decides_neither_weights_nor_threshold(trained):
    """Other labels and values of the test rows, same model: nothing before the judgement looks at them."""
    settings, data, model, result = trained
    labels = data.labels.copy()
    labels[data.parts.test] = 1 - labels[data.parts.test]
    values = data.table.numbers("V1").copy()
    values[data.parts.test] = -100
    columns = {**data.table.columns, "V1": replace(data.table.columns["V1"], values=values)}
    other = replace(data, labels=labels, table=replace(data.table, columns=columns))
    again = fraud.build_model(settings, other)
    judged = fraud.train(again, settings, other)
    assert (again.params.values == model.params.values).all()
    assert again.meta["threshold"] == model.meta["threshold"]
    assert judged.metrics["test_average_precision"] != result.metrics["test_average_precision"]


def test_the_threshold_follows_the_held_out_rows(path, trained):
    _, data, model, _ = trained
    X, y = data.part(data.parts.val)
    scores, labels = fraud.score(model, X), y[:, 0]
    limit = model.meta["threshold"]
    best = metrics.f1(labels, scores >= limit)
    assert best == max(metrics.f1(labels, scores >= other) for other in scores)
    for wanted in (0.5, 1.0):
        _, _, other, _ = learn(path, threshold=f"recall={wanted}")
        assert (other.params.values == model.params.values).all()
        assert metrics.recall(labels, scores >= other.meta["threshold"]) >= wanted
    _, _, fixed, result = learn(path, threshold=0.8)
    assert fixed.meta["threshold"] == pytest.approx(math.log(4))
    assert (result.confusion.sum(axis=0)[1] == (fraud.probability(result.logits) >= 0.8).sum()).all()


def test_class_weights_weigh_the_loss_and_leave_probabilities_honest(noise):
    for weight in ("balanced", "none", 9):
        _, data, model, _ = learn(noise, class_weight=weight)
        X, _ = data.part(data.parts.train)
        assert fraud.probability(fraud.score(model, X)).mean() < 0.25  # a tenth are frauds; balanced, it would be half
    assert fraud.build_model(fraud.Settings(), data).loss.class_weights == pytest.approx((1 / 1.8, 1 / 0.2), rel=0.05)
    assert fraud.build_model(fraud.Settings(class_weight=7), data).loss.class_weights == (1, 7)


def test_an_epoch_that_finds_nothing_has_failed_however_accurate_it_is(tmp_path):
    path = write_transactions(tmp_path / "x.csv", rows=3000, every=100)
    _, _, _, result = learn(path, lr=1e-9, epochs=3)
    assert [logs["failed"] for logs in result.history] == [True] * 3
    assert all(logs["val_recall"] == 0 and logs["val_accuracy"] > 0.98 for logs in result.history)
    assert any("the best, finds no fraud" in note for note in result.notes)
    _, _, _, result = learn(path)
    assert not result.history[-1]["failed"] and result.notes == ()


def test_a_full_batch_is_one_update_an_epoch(path):
    _, _, model, _ = learn(path, batch_size="full", epochs=4)
    assert model.optimizer.steps == 4


@pytest.mark.parametrize("optimizer", ["sgd", "rmsprop", "adagrad", "adam"])
def test_every_optimizer_learns(optimizer, path):
    _, _, _, result = learn(path, optimizer=optimizer)
    assert result.metrics["test_average_precision"] > 0.9


def test_a_dead_network_is_told(trained):
    _, data, model, _ = trained
    dead = Sequential.load(_saved(model, data))
    dead.params.values[:] = 0
    dead.params.touched()
    result = fraud.evaluate(dead, data)
    assert result.metrics["test_average_precision"] == pytest.approx(0.1)  # the share of frauds
    assert "ranks nothing" in result.notes[0]
    assert fraud.evaluate(model, data).notes == ()


def _saved(model, data):
    path = data.name + ".safetensors"
    model.save(path)
    return path


def test_a_saved_detector_predicts_and_is_judged_the_same(path, trained, tmp_path):
    _, data, model, result = trained
    model.save(tmp_path / "m.safetensors")
    again = fraud.load_model(tmp_path / "m.safetensors")
    table = read_table(path)
    one, other = fraud.predict(model, table), fraud.predict(again, table)
    assert (one.probabilities == other.probabilities).all() and (one.frauds == other.frauds).all()
    assert (one.frauds == (fraud.score(model, data.part(np.arange(600))[0]) >= model.meta["threshold"])).all()
    judged = fraud.evaluate(again, fraud.load_test_data(again, str(path)))
    assert judged.metrics == {name: result.metrics[name] for name in judged.metrics}
    assert judged.interval == result.interval


@pytest.mark.parametrize("split", ["time", "stratified"])
def test_it_is_judged_by_the_rows_that_it_never_saw(split, path):
    _, data, model, result = learn(path, split=split, seed=3, limit=300)
    again = fraud.load_test_data(model, str(path))
    assert (again.parts.test == data.parts.test).all()
    assert again.counts == {"train": 0, "val": 0, "test": 120}
    assert fraud.evaluate(model, again).metrics["test_f1"] == result.metrics["test_f1"]


def test_it_is_judged_wherever_it_could_be_trained(tmp_path):
    """Frauds in neither the last fifth of the training rows nor the first half: only a large held-out part has some."""
    rows = np.arange(600)
    frauds = (rows % 10 == 9) & ((rows < 200) | (rows > 300)) & ((rows < 380) | (rows > 480))
    path = write_transactions(tmp_path / "x.csv", Class=frauds.astype(int))
    _, data, model, result = learn(path, epochs=2, val_split=0.5)
    again = fraud.load_test_data(model, str(path))
    assert (again.parts.test == data.parts.test).all()
    assert fraud.evaluate(model, again).metrics["test_f1"] == result.metrics["test_f1"]


def test_another_standard_input_is_another_table(path, tmp_path, monkeypatch):
    def pipe(content):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))

    pipe(path.read_bytes())
    _, data, model, _ = learn("-", epochs=1)
    pipe(path.read_bytes())
    assert (fraud.load_test_data(model, "-", pipe=standard_input).parts.test == data.parts.test).all()
    pipe(write_transactions(tmp_path / "other.csv", rows=300).read_bytes())
    assert fraud.load_test_data(model, "-", pipe=standard_input).counts["test"] == 300


def test_a_copy_of_its_table_is_the_same_table_and_another_is_used_whole(path, trained, tmp_path):
    _, data, model, _ = trained
    copy = tmp_path / "copy.csv"
    copy.write_bytes(path.read_bytes())
    assert (fraud.load_test_data(model, str(copy)).parts.test == data.parts.test).all()
    other = write_transactions(tmp_path / "other.csv", rows=300)
    assert fraud.load_test_data(model, str(other)).counts["test"] == 300
    honest = write_transactions(tmp_path / "honest.csv", Class=np.zeros(600, int))
    with pytest.raises(InputError, match="has no frauds to find"):
        fraud.load_test_data(model, str(honest))


def test_another_table_is_judged_by_the_same_class_also_where_it_is_the_commoner(tmp_path):
    classes = np.where(np.arange(600) % 10 == 9, "'1'", "'-1'")
    _, data, model, result = learn(write_transactions(tmp_path / "x.csv", Class=classes))
    assert (data.classes.names, result.names, fraud.names(model)) == (("-1", "1"),) * 3
    kept = fraud.load_model(_kept(model, tmp_path))
    often = np.where(np.arange(600) % 10 == 9, -1.0, 1.0)
    other = fraud.load_test_data(kept, str(write_transactions(tmp_path / "y.csv", Class=often)))
    assert other.labels.sum() == 540


def test_a_missing_value_is_refused_or_taken_as_usual(trained):
    _, data, model, _ = trained
    row = {"Time": ["60"], "V1": ["5"], "V2": [""], "Amount": ["20"]}
    with pytest.raises(InputError, match='column "V2": is empty'):
        fraud.predict(model, table_of(row))
    usual = next(column.fill for column in data.encoder.columns if column.name == "V2")
    filled = fraud.predict(model, table_of(row), lacking=["V2"]).probabilities
    assert filled == fraud.predict(model, table_of({**row, "V2": [repr(usual)]})).probabilities
    assert fraud.inputs(model) == ["Time", "V1", "V2", "Amount"]
    for name in ("V1", "Amount"):  # what was given and says nothing is not what was left out
        with pytest.raises(InputError, match=f'column "{name}": is empty'):
            fraud.predict(model, table_of({**row, name: ["NaN"]}), lacking=["V2"])


def test_values_far_outside_give_a_finite_answer_and_are_told(trained):
    _, _, model, _ = trained
    table = table_of({"Time": ["60"], "V1": ["1e30"], "V2": ["0"], "Amount": ["1e12"]})
    assert 0 <= fraud.predict(model, table).probabilities[0] <= 1
    told = fraud.outside(model, table)
    assert [line.split()[0] for line in told] == ["V1", "Amount"]
    assert "Amount 1e+12 is outside the training range" in told[1]


def test_a_text_that_the_training_never_saw_is_told(tmp_path):
    path = write_transactions(tmp_path / "x.csv", shop=["north", "south", "east"] * 200)
    _, _, model, _ = learn(path, epochs=1)
    row = {"Time": ["60"], "V1": ["0"], "V2": ["0"], "Amount": ["20"]}
    assert fraud.outside(model, table_of({**row, "shop": ["nroth"]})) == ['shop "nroth" was not in the training data']
    assert fraud.outside(model, table_of({**row, "shop": ["north"]})) == []
    assert fraud.outside(model, table_of({**row, "shop": [""]})) == []  # the command names what was left out


@pytest.mark.parametrize(("threshold", "limit"), [("auto", 0), ("recall=0.9", 0), (0.25, -math.log(3))])
def test_a_learning_rate_that_is_far_too_large_stops_with_weights_that_can_be_kept(threshold, limit, path, tmp_path):
    settings = fraud.Settings(data=str(path), optimizer="sgd", lr=1e12, threshold=threshold)
    data = fraud.load_data(settings)
    model = fraud.build_model(settings, data)
    with pytest.raises(ConvergenceError):
        fraud.train(model, settings, data)
    assert model.optimizer.steps and np.isfinite(model.params.values).all()
    model.save(tmp_path / "x")
    kept = fraud.load_model(tmp_path / "x")
    assert kept.meta["threshold"] == pytest.approx(limit)
    assert 0 <= fraud.evaluate(kept, data).metrics["test_recall"] <= 1


class Fails(Callback):
    """Ends the training after its first epoch as if it had diverged."""

    def on_epoch_end(self, model, logs):
        raise ConvergenceError("enough")


def test_the_probabilities_of_weights_that_a_failed_training_leaves_are_as_those_of_a_good_one(path):
    settings = fraud.Settings.suited(data=str(path), class_weight=7)
    data = fraud.load_data(settings)
    failed, twin = fraud.build_model(settings, data), fraud.build_model(settings, data)
    with pytest.raises(ConvergenceError, match="enough"):
        fraud.train(failed, settings, data, [Fails()])
    X, y = data.part(data.parts.train)
    for x, labels in DataLoader(X, y, settings.batch_size, settings.seed).epoch(1):
        loop.step(twin, x, labels)
    assert np.allclose(failed.layers[-1].bias.data, twin.layers[-1].bias.data - math.log(7))
    assert np.array_equal(failed.layers[1].weight.data, twin.layers[1].weight.data)


def test_a_look_at_the_held_out_rows_that_fails_leaves_all_digits_of_the_weights(path):
    settings = fraud.Settings.suited(data=str(path))
    data = fraud.load_data(settings)
    model = fraud.build_model(settings, data)
    X, y = data.part(data.parts.val)
    X[0] = np.nan
    before = model.params.values.copy()
    with pytest.raises(ConvergenceError, match="the prediction is not a finite number"):
        fraud.Detection(X, y, 0.0).on_epoch_end(model, {})
    assert np.array_equal(model.params.values, before)


def test_patience_ends_a_training_that_gets_no_better(path):
    _, _, _, result = learn(path, patience=2, epochs=60)
    assert len(result.history) < 60


@pytest.mark.parametrize(
    "changes",
    [
        {"threshold": None},
        {"threshold": "0.5"},
        {"settings": {"target": "Class"}},
        {"settings": {"target": 3, "split": "time"}},
        {"settings": {"target": "Class", "split": "time", "no_header": 1}},
        {"classes": ["0"]},
        {"classes": ["nan", "1"]},
        {"classes": [0, 1]},
        {"classes": "01"},
        {"settings": {"target": "Class", "split": "auto"}},
        {"settings": None},
        {"data": {"name": "x"}},
        {"data": None},
        {"features": {}},
        {"features": {"columns": []}},
    ],
    ids=str,
)
def test_a_file_whose_description_does_not_fit_is_refused(changes, trained, tmp_path):
    _, _, model, _ = trained
    odd = Sequential.load(_kept(model, tmp_path))
    odd.meta = {**odd.meta, **changes}
    odd.save(tmp_path / "odd.safetensors")
    with pytest.raises(InputError, match=r"odd\.safetensors"):
        fraud.load_model(tmp_path / "odd.safetensors")


def test_features_that_are_fewer_than_the_inputs_are_refused(trained, tmp_path):
    _, _, model, _ = trained
    odd = Sequential.load(_kept(model, tmp_path))
    odd.meta["features"]["columns"].pop()
    odd.save(tmp_path / "odd.safetensors")
    with pytest.raises(InputError, match="do not fit a fraud detector"):
        fraud.load_model(tmp_path / "odd.safetensors")


def _kept(model, folder):
    model.save(folder / "m.safetensors")
    return folder / "m.safetensors"


# cross-validation


def test_every_row_is_judged_once_by_a_model_that_never_saw_it(path, monkeypatch):
    settings = fraud.Settings(data=str(path), split="stratified", folds=5)
    data = fraud.load_data(settings)
    judged = []

    def perfect(settings, part):
        test = part.parts.test
        assert sorted(np.concatenate(part.parts)) == list(range(600))
        assert part.labels[test].mean() == pytest.approx(0.1)
        judged.extend(test)
        return part.labels[test].astype(float)

    monkeypatch.setattr(fraud, "_fold", perfect)
    folds = fraud.cross_validate(settings, data)
    assert sorted(judged) == list(range(600))
    assert folds.average_precision == (1.0,) * 5 and folds.precision == 1.0


@pytest.mark.parametrize(
    ("each", "doubt"),
    [
        ((0.5, 0.6), "0.5500 with a deviation of 0.0500 over the folds"),
        ((0.5, 0.9), ""),  # they differ as much among themselves
        ((0.79, 0.81), ""),  # another choice of test rows explains it
    ],
)
def test_folds_that_contradict_the_main_figure_are_said(each, doubt, path, monkeypatch):
    monkeypatch.setattr(fraud, "cross_validate", lambda settings, data: fraud.Folds(each, 0.5))
    monkeypatch.setattr(fraud.metrics, "average_precision", lambda labels, logits: 0.85)
    monkeypatch.setattr(fraud.threshold, "average_precision_interval", lambda labels, logits, seed: (0.75, 0.95))
    result = learn(path, split="stratified", folds=2)[-1]
    assert result.doubt == doubt
    assert [note for note in result.notes if "over the folds" in note] == (
        [f"test average precision 0.8500, but {doubt}"] if doubt else []
    )


def test_cross_validation_beside_a_training_changes_nothing_of_it(path):
    _, _, model, result = learn(path, split="stratified", epochs=5)
    _, _, again, validated = learn(path, split="stratified", epochs=5, folds=3)
    assert (again.params.values == model.params.values).all()
    assert result.folds is None and len(validated.folds.average_precision) == 3
    assert validated.metrics["cv_average_precision"] == np.mean(validated.folds.average_precision)


def test_more_folds_than_the_frauds_allow_are_refused(path):
    settings = fraud.Settings(data=str(path), split="stratified", folds=21)
    with pytest.raises(UsageError, match="60 frauds are too few: expected at most 20"):
        fraud.cross_validate(settings, fraud.load_data(settings))
