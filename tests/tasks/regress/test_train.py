"""The task behind `brainbox regress`, on tables made for the purpose."""

import json
from dataclasses import replace

import numpy as np
import pytest

from brainbox_core.errors import ConvergenceError, InputError, UsageError
from brainbox_core.network.saving import load_model as load_file
from brainbox_core.network.saving import save_model
from brainbox_core.tables.features import FeatureEncoder
from brainbox_core.tables.table import table_of
from brainbox_core.tasks.regress import train as regress
from brainbox_core.tasks.regress.settings import Settings
from brainbox_core.training.callbacks import Callback

RNG = np.random.default_rng(0)
ROWS = 200
COLUMNS = {
    "sqft": RNG.uniform(500, 4000, ROWS).round(),
    "rooms": RNG.integers(1, 7, ROWS),
    "district": RNG.choice(["north", "south", "west"], ROWS),
}
PRICE = 50_000 + 150 * COLUMNS["sqft"] + 9_000 * COLUMNS["rooms"] + 20_000 * (COLUMNS["district"] == "west")
PRICE = (PRICE + RNG.normal(0, 15_000, ROWS)).round()


@pytest.fixture
def write(tmp_path):
    """Writes a CSV file of columns; returns its name."""

    def write(name="houses.csv", header=True, **columns):
        path = tmp_path / name
        lines = [",".join(columns)] if header else []
        lines += [",".join(map(str, row)) for row in zip(*columns.values(), strict=True)]
        path.write_text("\n".join(lines) + "\n")
        return str(path)

    return write


@pytest.fixture
def houses(write):
    return write(**COLUMNS, price=PRICE)


def run(data, callbacks=(), **changes):
    settings = Settings(data=data, **changes)
    loaded = regress.load_data(settings)
    model = regress.build_model(settings, loaded)
    return model, loaded, regress.train(model, settings, loaded, callbacks)


def own_units(result):
    return {weight.feature: weight.weight for weight in result.weights}


def test_descent_and_least_squares_agree(houses):
    _, _, walked = run(houses)
    _, _, solved = run(houses, closed_form=True)
    assert walked.converged and walked.distance < 1e-8
    assert (solved.history, solved.best_epoch, solved.distance) == ([], 0, pytest.approx(0, abs=1e-12))
    for name, weight in own_units(solved).items():
        assert own_units(walked)[name] == pytest.approx(weight, rel=1e-6)
    assert own_units(solved)["sqft"] == pytest.approx(150, rel=0.03)
    assert solved.metrics["test_r2"] > 0.98


def test_the_figures_are_those_of_rows_that_had_no_part(houses):
    model, data, result = run(houses)
    assert data.counts == {"train": 160, "val": 0, "test": 40}
    parts = [set(part.tolist()) for part in (data.train, data.test)]
    assert not parts[0] & parts[1] and len(parts[0] | parts[1]) == 200
    predicted = regress.predict(model, data.table.take(data.test))
    assert result.metrics["test_rmse"] == pytest.approx(np.sqrt(np.mean((predicted - data.y[data.test]) ** 2)))
    mean = data.y[data.train].mean()
    assert result.metrics["baseline_mae"] == pytest.approx(np.abs(data.y[data.test] - mean).mean())
    assert len(result.folds) == 5
    assert result.metrics["cv_r2_sd"] == pytest.approx(np.std(result.folds))


def test_the_mean_predictor_is_what_a_hopeless_table_gets(write):
    data = write(noise=RNG.normal(size=300), price=RNG.normal(size=300))
    result = run(data)[2]
    assert abs(result.metrics["test_r2"]) < 0.1
    assert result.metrics["test_rmse"] == pytest.approx(result.metrics["baseline_rmse"], rel=0.05)


def outlier(write, row):
    """A large house that is cheap, for a reason that no other has: who has not seen it predicts far too much."""
    size, district = COLUMNS["sqft"].copy(), COLUMNS["district"].astype("U9")
    price = np.exp(size / 2000 + np.random.default_rng(1).normal(0, 0.1, ROWS)).round(3)
    size[row], district[row], price[row] = 20_000, "unsold", 2
    return run(write(sqft=size, district=district, price=price), log=("price",))


def test_a_main_figure_that_the_folds_contradict_is_said_with_the_row_that_decides(write, houses):
    _, data, result = run(houses)
    assert not result.doubt
    row = int(data.train[5])
    model, loaded, result = outlier(write, row)
    figures = [f"{result.metrics[name]:.4f}" for name in ("test_r2", "cv_r2", "cv_r2_sd")]
    assert float(figures[0]) > 0.9 > 0 > float(figures[1])
    assert result.doubt == f"{figures[1]} with a deviation of {figures[2]} over the folds"
    told = (
        f"test R2 {figures[0]}, but {result.doubt}; line {row + 2} alone makes 100% of the squared error of the folds: "
    )
    assert result.notes[-1].startswith(told) and result.notes[-1].endswith(" is predicted for 2")
    again = regress.evaluate(model, loaded)
    assert (again.doubt, again.notes) == (result.doubt, (f"test R2 {figures[0]}, but {result.doubt} of the training",))
    _, _, result = outlier(write, int(data.test[5]))
    assert result.metrics["test_r2"] < 0 < 0.9 < result.metrics["cv_r2"]
    assert f"line {data.test[5] + 2} alone makes 100% of the squared error of the held-out rows" in result.notes[-1]


@pytest.mark.parametrize(
    ("r2", "mean", "deviation", "doubted"),
    [
        (0.91, -0.02, 1.6, True),
        (0.9, 0.79, 0.08, True),
        (0.87, 0.79, 0.08, False),
        (0.999, 0.9985, 0.0001, False),
        (0.6, 0.5, 0.55, True),  # the folds reach from nothing to everything
        (0.6, 0.5, 0.45, False),
        (0.05, 0.04, 0.03, False),
        (-0.01, -0.02, 0.03, False),  # hopeless, and both say so
        (-0.4, 0.8, 0.1, True),
    ],
)
def test_what_contradicts_a_main_figure(r2, mean, deviation, doubted):
    assert bool(regress.contradiction(r2, {"cv_r2": mean, "cv_r2_sd": deviation})) is doubted
    assert not regress.contradiction(r2, {})


def test_few_rows_are_all_trained_on_and_judged_by_cross_validation(write):
    data = write(**{name: values[:60] for name, values in COLUMNS.items()}, price=PRICE[:60])
    model, loaded, result = run(data)
    assert loaded.counts == {"train": 60, "val": 0, "test": 0}
    assert len(result.truth) == 60
    inside = regress.predict(model, loaded.table.take(loaded.train))
    assert np.mean((result.predicted - result.truth) ** 2) > np.mean((inside - result.truth) ** 2)
    with pytest.raises(UsageError, match="trained on all rows"):
        regress.load_test_data(model, data)
    held = run(data, test_split=0.25)[1]
    assert held.counts == {"train": 45, "val": 0, "test": 15}
    assert run(data, folds=0)[1].counts["test"] == 12


def test_one_epoch_is_judged_as_what_it_is_also_in_cross_validation(houses):
    whole = run(houses, test_split="none")[2].metrics
    barely = run(houses, test_split="none", epochs=1, lr=0.001)[2]
    assert barely.metrics["test_r2"] < 0.5 < whole["test_r2"]
    assert barely.metrics["cv_r2"] < 0.5
    assert "not converged after 1 epochs" in barely.notes[0]


@pytest.mark.parametrize("size", [1, 32])
def test_batches(houses, size):
    result = run(houses, batch_size=size, epochs=30)[2]
    assert result.metrics["test_r2"] > 0.97
    assert result.notes == ()  # that a noisy descent is not at rest is no news
    assert not result.converged


def test_the_best_epoch_is_kept_and_patience_ends_the_rest(houses):
    result = run(houses, val_split=0.2, batch_size=1, lr=0.05, epochs=40)[2]
    best = min(result.history, key=lambda logs: logs["val_loss"])
    assert result.metrics["val_loss"] <= best["val_loss"]
    short = run(houses, val_split=0.2, patience=2)[2]
    assert short.epochs < 50 and not short.converged


class Recorder(Callback):
    def __init__(self):
        self.seen = []

    def on_train_begin(self, model, logs):
        self.seen.append(("begin", logs["epochs"]))

    def on_epoch_end(self, model, logs):
        self.seen.append((logs["epoch"], float(model.layers[0].weight.data[0, 0])))

    def on_train_end(self, model, logs):
        self.seen.append(("end", logs["best_epoch"]))


def test_callbacks_see_thinned_epochs_and_the_weights_of_each(houses):
    recorder = Recorder()
    result = run(houses, [recorder])[2]
    begin, *epochs, end = recorder.seen
    assert begin == ("begin", 1000) and end == ("end", result.epochs)
    assert [number for number, _ in epochs][:6] == [1, 2, 3, 5, 10, 20]
    assert epochs[-1][0] == result.epochs == result.history[-1]["epoch"]
    assert epochs[0][1] != epochs[1][1]


def test_callbacks_are_told_of_the_end_when_it_diverges(houses):
    recorder = Recorder()
    with pytest.raises(ConvergenceError, match="too large"):
        run(houses, [recorder], lr=50.0)
    assert recorder.seen[-1][0] == "end"


# what a model's file carries


def test_a_model_comes_back_with_all_it_needs(houses, tmp_path):
    model = run(houses, log=("sqft", "price"), degree=2)[0]
    model.save(tmp_path / "m.safetensors")
    again = regress.load_model(tmp_path / "m.safetensors")
    rows = table_of({"sqft": ["1650", "700"], "rooms": ["3", ""], "district": ["west", "north"]})
    assert (regress.predict(again, rows) == regress.predict(model, rows)).all()
    assert (regress.inputs(again), regress.target(again)) == (["sqft", "rooms", "district"], "price")
    assert regress.choices(again, "district") == ["north", "south", "west"] and not regress.choices(again, "sqft")
    judged = regress.evaluate(again, regress.load_test_data(again, houses))
    assert judged.metrics["test_r2"] == model.meta["metrics"]["test_r2"]


def test_scaling_cannot_be_forgotten_because_the_model_carries_it(houses):
    """The layer's float32 weights and the features of the file alone give the prediction, in the target's unit."""
    model, data, _ = run(houses)
    encoder = FeatureEncoder.from_config(json.loads(json.dumps(model.meta["features"])))
    rows = data.table.take(data.test)
    np.testing.assert_allclose(model.predict(encoder.transform(rows))[:, 0], regress.predict(model, rows), rtol=1e-6)
    assert abs(encoder.transform(rows).mean()) < 0.5 and regress.predict(model, rows).mean() > 100_000


@pytest.mark.parametrize(
    "change",
    [
        {"weights": [1.0]},
        {"weights": None},
        {"weights": [None] * 5},
        {"intercept": "x"},
        {"mean": None},
        {"target": "price"},
        {"target": {"name": 3, "log": False}},
        {"target": {"name": "price", "log": False}},
        {"target": {"name": "price", "log": False, "notation": {"decimal": ";", "thousands": "", "unit": ""}}},
        {"settings": None},
        {"settings": {"log": [], "evil": 1}},
        {"settings": {"log": [], "folds": -1}},
        {"features": {}},
        {"log": ["rooms"]},
        {"log": 7},
        {"polynomial": {}},
        {"data": {}},
        {"data": None},
        {"data": {"name": 3, "sha256": ""}},
        {"metrics": None},
        {"metrics": {"cv_r2": 0.5}},
        {"metrics": {"cv_r2": 0.5, "cv_r2_sd": "0"}},
    ],
)
def test_a_file_whose_parts_do_not_fit_is_refused(houses, tmp_path, change):
    model, _, _ = run(houses)
    model.save(tmp_path / "m.safetensors")
    tensors, meta = load_file(tmp_path / "m.safetensors")
    save_model(tmp_path / "m.safetensors", tensors, {**meta, **change})
    with pytest.raises(InputError, match=r"m\.safetensors"):
        regress.load_model(tmp_path / "m.safetensors")


def test_other_data_is_judged_whole(houses, write):
    model, _, _ = run(houses)
    other = write("other.csv", **{name: values[:7] for name, values in COLUMNS.items()}, price=PRICE[:7])
    data = regress.load_test_data(model, other)
    assert data.counts == {"train": 0, "val": 0, "test": 7}
    assert regress.evaluate(model, data).metrics["test_r2"] > 0.9


def test_the_rows_that_were_held_out_are_known_wherever_the_table_lies(houses, tmp_path):
    model, _, result = run(houses)
    (tmp_path / "moved").mkdir()
    moved = tmp_path / "moved" / "there.csv"
    moved.write_bytes((tmp_path / "houses.csv").read_bytes())
    data = regress.load_test_data(model, str(moved))
    assert data.counts["test"] == 40
    assert regress.evaluate(model, data).metrics["test_r2"] == result.metrics["test_r2"]


def test_another_table_under_the_same_name_is_judged_whole(houses, write):
    model, _, _ = run(houses)
    write(**{name: values[:150] for name, values in COLUMNS.items()}, price=PRICE[:150])
    assert regress.load_test_data(model, houses).counts["test"] == 150


def test_an_evaluation_says_what_was_filled_in_and_what_was_never_seen(houses, write):
    model, _, _ = run(houses)
    other = write("other.csv", sqft=[900, "", 70_000], rooms=[2, 3, 3], district=["east", "north", ""], price=[1, 2, 3])
    notes = "\n".join(regress.load_test_data(model, other).notes)
    assert "sqft 70,000 is outside the training range" in notes and "sqft: 1 missing value filled" in notes
    assert 'district "east" was not in the training data' in notes and "district: 1 missing value" in notes


def test_texts_that_look_like_numbers_stay_texts_in_an_evaluation(write):
    row = np.arange(60)
    model, _, _ = run(write(zip=np.where(row % 3 == 0, "7A", np.where(row % 3 == 1, "B2", "007")), price=row))
    other = write("other.csv", zip=["007"] * 4, price=[1, 2, 3, 4])
    assert regress.load_test_data(model, other).notes == ()


# rows of the fault list


def test_scales_that_differ_a_thousandfold(write):
    """Condition 1e8 when squared; nine digits all the same."""
    X = np.column_stack([RNG.normal(2000, 800, 47).round(), RNG.integers(1, 6, 47)])
    y = (X @ [139.2, -8738] + 89597 + RNG.normal(0, 60_000, 47)).round()
    result = run(write(size=X[:, 0], beds=X[:, 1], price=y))[2]
    exact = np.linalg.lstsq(np.column_stack([np.ones(47), X]), y, rcond=None)[0]
    np.testing.assert_allclose(list(own_units(result).values()), exact, rtol=1e-8)


def test_whole_numbers_that_overflow_int32(write):
    values = np.arange(1, 121) * 100_000_000
    result = run(write(size=values, price=values * 3 + RNG.integers(0, 1000, 120)), closed_form=True)[2]
    assert own_units(result)["size"] == pytest.approx(3, rel=1e-6)


def test_a_row_far_from_all_others_is_flagged(write):
    occupants = RNG.normal(3, 0.5, 300)
    price = 100 * occupants + RNG.normal(0, 20, 300)
    occupants[17] = 1243
    clean, wild = (
        run(write(occupants=o, price=price), test_split="none")[2] for o in (np.minimum(occupants, 5), occupants)
    )
    assert clean.notes == ()
    (note,) = wild.notes
    assert "line 19" in note and "far from all others in occupants" in note
    assert wild.metrics["cv_r2"] < clean.metrics["cv_r2"]


def test_a_polynomial_of_degree_twenty_is_solved_and_warned_of(write):
    x = RNG.uniform(0, 10, 400).round(4)
    y = np.sin(1.5 * x) + RNG.normal(0, 0.1, 400)
    _, _, line = run(write(x=x, y=y))
    _, _, wild = run(write(x=x, y=y), degree=20, closed_form=True)
    assert line.metrics["test_r2"] < 0.3 < 0.95 < wild.metrics["test_r2"]
    assert wild.exact.rank == 20 and wild.exact.condition < 1000
    assert any("degree 20 swings between the rows" in note for note in wild.notes)


@pytest.mark.parametrize("share", [0, 1, -0.1, 2, float("nan"), "half"])
def test_shares_of_the_rows(share):
    with pytest.raises(UsageError, match="test_split"):
        Settings(test_split=share)


def test_more_folds_than_rows(write):
    data = write(size=range(6), price=[3, 1, 4, 1, 5, 9])
    with pytest.raises(UsageError, match="folds: expected at most 6, the training rows, got 7; use `folds 6`"):
        run(data, folds=7)
    assert run(data, folds=6)[2].folds == ()  # R² of a single row does not exist


@pytest.mark.parametrize("odd", [(1, 0), ("yes", "no")])
def test_a_column_that_one_row_alone_makes_vary_leaves_the_mean_to_its_fold(write, odd):
    x = np.where(np.arange(30) == 7, *odd)
    _, data, result = run(write(x=x, price=np.where(np.arange(30) == 7, 30, 10) + np.arange(30) % 2))
    row = np.concatenate([data.train, data.val]).tolist().index(7)
    assert result.predicted[row] == pytest.approx(10.5, abs=0.1)


def test_one_fold_is_none():
    with pytest.raises(UsageError, match="folds"):
        Settings(folds=1)
    with pytest.raises(UsageError, match="nothing is left to judge"):
        Settings(folds=0, test_split="none")


def test_a_share_that_leaves_a_part_empty(write):
    data = write(size=range(6), price=[3, 1, 4, 1, 5, 9])
    with pytest.raises(UsageError, match="leaves a part empty"):
        run(data, test_split=0.01)


def test_columns_that_give_the_target_away(write, houses):
    assert not regress.load_data(Settings(data=houses)).notes
    data = write(**COLUMNS, tax=2 * PRICE - 5, copy=PRICE, price=PRICE)
    notes = regress.load_data(Settings(data=data)).notes
    assert any("column copy equals the target price" in note for note in notes)
    assert any("column tax is a straight line of the target price" in note for note in notes)


@pytest.mark.parametrize("ridge", [-1, float("nan"), float("inf")])
def test_a_ridge_is_not_negative(ridge):
    with pytest.raises(UsageError, match="ridge"):
        Settings(ridge=ridge)


def test_a_target_that_is_missing(write):
    size = np.arange(120)
    with pytest.raises(InputError, match='column "price" is empty in all 120 rows'):
        run(write(size=size, price=[""] * 120))
    price = [str(3 * value + value % 7) if value % 4 else "" for value in size]
    data = regress.load_data(Settings(data=write(size=size, price=price)))
    assert "30 of 120 rows left out: their price is missing" in data.notes
    assert sum(data.counts.values()) == 90


def test_missing_values_are_filled_and_said(write):
    sizes = ["" if number % 10 == 0 else size for number, size in enumerate(COLUMNS["sqft"])]
    notes = regress.load_data(Settings(data=write(size=sizes, price=PRICE))).notes
    assert any("missing values filled with the median" in note for note in notes)


def test_a_logarithm_needs_positive_values(write):
    price = np.where(np.arange(200) == 41, 0, PRICE)
    with pytest.raises(InputError, match=r'houses.csv line 43, column "price": 0 has no logarithm'):
        run(write(**COLUMNS, price=price), log=("price",))
    with pytest.raises(InputError, match=r'column "gain": -1 has no logarithm \(and 1 more like it\)'):
        run(write(gain=np.where(np.arange(200) < 2, -1, PRICE), price=PRICE), log=("gain",))
    with pytest.raises(InputError, match="there is no column"):
        run(write(**COLUMNS, price=PRICE), log=("prize",))
    with pytest.raises(InputError, match='column "district" is text and has no logarithm; leave it out of `log`'):
        run(write(**COLUMNS, price=PRICE), log=("district",))


def test_the_logarithm_of_the_target_comes_back_in_its_own_unit(write):
    x = RNG.uniform(0, 5, 300)
    y = np.exp(1 + 0.8 * x + RNG.normal(0, 0.05, 300))
    model, _, result = run(write(x=x, y=y), log=("y",))
    assert result.metrics["test_r2"] > 0.95 > run(write(x=x, y=y))[2].metrics["test_r2"]
    assert own_units(result)["x"] == pytest.approx(0.8, rel=0.02)
    assert regress.predict(model, table_of({"x": [2.0]}))[0] == pytest.approx(np.exp(2.6), rel=0.05)


def test_what_is_dropped_or_numbers_the_rows_is_not_learned_from(houses, write):
    path = write(**COLUMNS, Id=RNG.permutation(ROWS), price=PRICE)
    model, data, _ = run(path, drop=("rooms",))
    assert regress.inputs(model) == ["sqft", "district"]
    assert data.notes == ("column Id numbers the rows: left out",)
    with pytest.raises(UsageError, match="`drop`: price is what is predicted"):
        run(houses, drop=("price",))
    with pytest.raises(UsageError, match="`drop`: sqft is in `log`, too"):
        run(houses, drop=("sqft",), log=("sqft",))
    with pytest.raises(InputError, match="no column beside the target that is not left out"):
        run(houses, drop=tuple(COLUMNS))


def test_a_misspelt_target_is_guessed(houses):
    with pytest.raises(InputError, match='there is no column "Prise"') as caught:
        run(houses, target="Prise")
    assert caught.value.fix == 'did you mean "price"?'


def test_a_target_of_text(write):
    data = write(size=range(120), price=PRICE[:120], district=COLUMNS["district"][:120])
    with pytest.raises(InputError, match='column "district" is text') as caught:
        run(data)
    assert '"size", "price" with `target`' in caught.value.fix
    assert run(data, target="price")[1].target == "price"


def test_rows_to_judge_by_that_are_all_equal(houses, write):
    """R² does not exist for them."""
    data = write("few.csv", a=[1, 2, 3, 4], price=[1, 2, 3, 5])
    with pytest.raises(InputError, match=r'few\.csv: column "price" is always . in the 1 row to.*`test_split`'):
        run(data, test_split=0.2, folds=0)
    other = write("other.csv", **{name: values[:3] for name, values in COLUMNS.items()}, price=[7, 7, 7])
    with pytest.raises(InputError, match=r'other\.csv: column "price" is always 7 in the 3 rows to judge by.*`data`'):
        regress.load_test_data(run(houses)[0], other)


@pytest.mark.parametrize("size", ["1e100", "1e152"])
def test_no_error_is_infinite(houses, write, size):
    rooms = COLUMNS["rooms"].astype(object)
    rooms[3] = size
    data = write("wild.csv", **{**COLUMNS, "rooms": rooms}, price=PRICE)
    with pytest.raises(InputError, match=r"wild\.csv: no error can be measured"):
        run(data)
    model, _, _ = run(houses)
    if size == "1e152":  # the other error is finite, though of 200 digits
        with pytest.raises(InputError, match=r"wild\.csv: no error can be measured"):
            regress.evaluate(model, regress.load_test_data(model, data))


@pytest.mark.parametrize("changes", [{"test_split": 0.2}, {"test_split": "none"}, {"val_split": 0.5, "folds": 0}])
def test_a_row_beyond_all_numbers_that_has_no_part_in_the_training(write, changes):
    """It is named, or what it is for is; nothing that overflowed is shown."""
    rooms = COLUMNS["rooms"].astype(object)
    kept = Settings(data=write(**COLUMNS, price=PRICE), **changes)
    data = regress.load_data(kept)
    row = (data.val if "val_split" in changes else data.test if len(data.test) else data.train)[0]
    rooms[row] = "1e308" if len(data.test) or len(data.val) else "1e153"
    with pytest.raises(InputError, match=r"so far outside the training range|no error can be measured"):
        run(write("wild.csv", **{**COLUMNS, "rooms": rooms}, price=PRICE), **changes)


def test_a_logarithm_that_makes_all_targets_alike(write):
    price = 1e15 + np.arange(40) % 2
    with pytest.raises(InputError, match=r'column "price" has values up to 1e\+15 with a deviation of'):
        run(write(a=np.arange(40), price=price), log=("price",))


def test_targets_that_one_row_alone_makes_vary(write):
    """Without it nothing is left to standardise."""
    price = np.where(np.arange(30) == 7, 5.0, 1e-200 * (1 + np.arange(30) % 3))
    _, _, result = run(write(a=np.arange(30) ** 2 % 7, price=price))
    assert np.abs(result.predicted).max() < 6


def test_what_never_varies(write):
    with pytest.raises(InputError, match='column "price" is always 5: there is nothing to predict'):
        run(write(size=range(120), price=[5] * 120))
    data = write(size=COLUMNS["sqft"], planet=["Earth"] * 200, wheels=[4] * 200, price=PRICE)
    notes = regress.load_data(Settings(data=data)).notes
    assert any("planet" in note and "left out" in note for note in notes)
    assert any("wheels: always 4, left out" in note for note in notes)


@pytest.mark.parametrize("unit", [1e35, 1e200, 1e-200])
def test_targets_of_impossible_size(write, unit):
    with pytest.raises(InputError, match='column "price" has values up to'):
        run(write(size=range(120), price=RNG.normal(size=120) * unit))


def test_inputs_of_astronomic_size(write):
    data = write(mass=COLUMNS["sqft"] * 1e140, price=PRICE)
    assert run(data)[2].metrics["test_r2"] > 0.9


def test_too_few_rows(write):
    with pytest.raises(InputError, match="1 row to train on: expected at least 3"):
        run(write(size=[1], price=[1]))
    with pytest.raises(InputError, match="2 rows to train on: expected at least 3"):
        run(write(size=[1, 2], price=[1, 2]))
    wide = {f"x{number}": RNG.normal(size=20) for number in range(20)}
    with pytest.raises(InputError, match="20 rows to train on are too few for 20 features: expected at least 21"):
        run(write(**wide, y=RNG.normal(size=20)))
    assert run(write(**wide, y=RNG.normal(size=20)), ridge=0.1)[2].converged


def test_only_the_target(write):
    with pytest.raises(InputError, match="no column beside the target"):
        run(write(price=range(120)))


def test_columns_that_follow_from_each_other(write):
    area = (COLUMNS["sqft"] / 10.764).tolist()
    data = write(**COLUMNS, area=area, both=COLUMNS["sqft"] + COLUMNS["rooms"], price=PRICE)
    _, _, result = run(data)
    (note,) = result.notes
    assert note.startswith("rank 4 of 7: sqft, rooms, area, both follow from each other")
    assert result.metrics["test_r2"] == pytest.approx(
        run(write(**COLUMNS, price=PRICE))[2].metrics["test_r2"], abs=1e-6
    )
    weights = result.weights
    assert all(abs(weight.deviation) < 200_000 for weight in weights if weight.deviation is not None)


def test_far_outside_the_training_range(houses):
    model, _, _ = run(houses)
    row = table_of({"sqft": ["1650000"], "rooms": ["3"], "district": ["west"]})
    (remark,) = regress.remarks(model, row)
    assert remark.startswith("sqft 1,650,000 is outside the training range 5")
    assert regress.predict(model, row)[0] > 1e8
    wild, _, _ = run(houses, log=("price",))
    beyond = table_of({"sqft": ["1e9"], "rooms": ["3"], "district": ["west"]})
    with pytest.raises(InputError, match=r"^the row is so far outside the training range"):
        regress.predict(wild, beyond)
    beyond = table_of({"sqft": ["1000", "1e9"], "rooms": ["3", "3"], "district": ["west", "west"]})
    with pytest.raises(InputError, match=r"^row 2: the row is so far outside the training range"):
        regress.predict(wild, beyond)


def test_a_split_that_a_seed_decides(houses):
    first, again, other = (run(houses, seed=seed)[1].test.tolist() for seed in (1, 1, 2))
    assert first == again != other


def test_a_limit_is_of_the_training_rows(houses):
    assert run(houses, limit=50)[1].counts == {"train": 50, "val": 0, "test": 40}


def test_quick_keeps_what_is_small():
    assert Settings().quick() == replace(Settings(), epochs=200, limit=20_000)


@pytest.mark.parametrize(
    "bad", [{"degree": 0}, {"degree": 31}, {"epochs": 0}, {"batch_size": 0}, {"batch_size": "most"}, {"lr": 0},
            {"val_split": 1}, {"val_split": -0.5}, {"patience": 0}, {"limit": 0}, {"seed": -1}],
)  # fmt: skip
def test_settings_out_of_range(bad):
    with pytest.raises(UsageError, match=next(iter(bad))):
        Settings(**bad)


def german(value, places=0):
    return f"{value:,.{places}f}".translate(str.maketrans(",.", ".,"))


@pytest.fixture
def houses_in_german(tmp_path):
    path = tmp_path / "haeuser.csv"
    columns = {"sqft": [*map(german, COLUMNS["sqft"])], "rooms": COLUMNS["rooms"], "price": [*map(german, PRICE)]}
    lines = [";".join(columns), *(";".join(map(str, row)) for row in zip(*columns.values(), strict=True))]
    path.write_text("\n".join(lines) + "\n")
    return str(path)


@pytest.mark.parametrize("log", [(), ("sqft", "price")])
def test_what_the_training_found_of_how_numbers_are_written_is_kept(houses_in_german, write, tmp_path, log):
    english = run(write(**{name: COLUMNS[name] for name in ("sqft", "rooms")}, price=PRICE), log=log)
    model, data, result = run(houses_in_german, log=log)
    assert any('sqft, price: "' in note for note in data.notes)
    assert result.metrics == english[2].metrics
    model.save(tmp_path / "m.safetensors")
    again = regress.load_model(tmp_path / "m.safetensors")
    assert regress.evaluate(again, regress.load_test_data(again, houses_in_german)).metrics == {
        name: result.metrics[name] for name in regress.evaluate(again, data).metrics
    }
    expected = regress.predict(english[0], table_of({"sqft": [1050], "rooms": [3]}))
    for sqft in ("1.050", "1050", "1.050,0"):
        rows = table_of({"sqft": [sqft], "rooms": ["3"]})
        assert regress.predict(again, rows) == expected
        assert regress.objection(again, "sqft", sqft) == ""
    with pytest.raises(InputError, match=r'"1050\.5" is not a number; write it as 1\.234,5 is written'):
        regress.predict(again, table_of({"sqft": ["1050.5"], "rooms": ["3"]}))
    assert regress.objection(again, "sqft", "1050.5") == '"1050.5" is not a number'
    with pytest.raises(InputError, match="is not a number"):
        regress.load_test_data(again, write("other.csv", sqft=["1050.5", 700], rooms=[3, 2], price=[1, 2]))


def test_a_model_is_told_how_other_numbers_are_written(houses_in_german, write):
    model = run(houses_in_german)[0]
    other = write("other.csv", sqft=["1050.5", "700"], rooms=[3, 2], price=["200000.5", "150000.5"])
    regress.read_as(model)
    with pytest.raises(InputError, match="is not a number"):
        regress.load_test_data(model, other)
    regress.read_as(model, decimal=".")
    data = regress.load_test_data(model, other)
    assert data.y.tolist() == [200_000.5, 150_000.5]
    assert data.table.numbers("sqft").tolist() == [1050.5, 700]
    for options in ({"decimal": "x"}, {"thousands": "x"}, {"decimal": ".", "thousands": "."}):
        with pytest.raises(UsageError):
            regress.read_as(model, **options)


def test_a_user_says_how_a_table_is_written(write):
    sizes = [f"{1 + size / 1000:.3f}" for size in COLUMNS["sqft"]]
    path = write(size=sizes, price=PRICE.astype(int))
    found, told = run(path)[1], run(path, thousands=".")[1]
    np.testing.assert_allclose(found.table.numbers("size") * 1000, told.table.numbers("size"))
    with pytest.raises(UsageError, match="the same mark"):
        run(path, decimal=".", thousands=".")


def test_dates_are_days_months_and_days_of_the_week(write):
    days = np.datetime64("2014-01-01") + RNG.integers(0, 500, ROWS)
    months, weekday = days.astype("datetime64[M]").astype(int) % 12, (days.astype(int) + 3) % 7
    price = 1000.0 + 10 * days.astype(int) + 500 * (months == 5) + 300 * (weekday == 6)
    cells = [f"{day.day}.{day.month}.{day.year}" for day in days.tolist()]
    path = write(sold=cells, rooms=COLUMNS["rooms"], price=price)
    model, data, result = run(path, closed_form=True, folds=3)
    assert "sold: a date, as its days, months and days of the week" in data.notes
    assert result.metrics["test_r2"] > 1 - 1e-9
    assert not any("rank" in note for note in result.notes)  # of the months one follows from the others
    rows = table_of({"sold": ["15.6.2014", "2014-06-15 00:00"], "rooms": ["3", "3"]})
    assert regress.predict(model, rows) == pytest.approx([1000 + 10 * 16_236 + 800] * 2)
    assert regress.objection(model, "sold", "15.6.2014") == ""
    assert "is not a date" in regress.objection(model, "sold", "6/15/2014")
    assert not regress.choices(model, "sold")
    assert regress.evaluate(model, regress.load_test_data(model, path)).metrics["test_r2"] > 1 - 1e-9
    for settings, says in (({"target": "sold"}, "is a date, and what is predicted"), ({"log": ("sold",)}, "is a date")):
        with pytest.raises(InputError, match=says):
            run(path, **settings)


def test_what_is_mostly_missing_is_a_value_in_every_prediction(write):
    deck = [("A", "", "", "B", "")[number % 5] for number in range(ROWS)]
    year = [(1990, "", 2000, "", "")[number % 5] for number in range(ROWS)]
    price = [(10, 50, 20, 60, 50)[number % 5] + size for number, size in enumerate(COLUMNS["sqft"])]
    path = write(sqft=COLUMNS["sqft"], deck=deck, year=year, price=price)
    model, data, _ = run(path, closed_form=True)
    assert sum("told apart by a feature of their own" in note for note in data.notes) == 2
    rows = table_of({"sqft": [1000] * 5, "deck": ["A", "", "", "B", ""], "year": ["1990", "", "2000", "", "NA"]})
    assert regress.predict(model, rows) == pytest.approx([1010, 1050, 1020, 1060, 1050])
    assert regress.remarks(model, rows) == []
    assert regress.choices(model, "deck") == ["A", "B"]
    assert regress.load_test_data(model, path).held_out.inputs.rows == len(data.test)
