"""Estimators as scikit-learn has them: against closed forms, `Sequential`, and scikit-learn where it is there.

What needs scikit-learn or pandas skips by name where they are missing.
"""

import copy
import gc
import inspect
import pickle
import subprocess
import sys
import warnings
import weakref

import numpy as np
import pytest

import braininabox as bb
from brainbox_core.errors import ConvergenceError, UsageError
from brainbox_core.metrics import r2
from brainbox_core.rng import stream

L = bb.layers
RNG = stream(0, "estimators")
X = RNG.normal(size=(60, 3)) * [1, 100, 0.01] + [0, 1000, 5]
Y = X @ [3.0, 0.05, 200.0] + RNG.normal(size=60)
NUMBERS = (np.median(Y) < Y).astype(int)
NAMES = np.array(["no", "yes"])[NUMBERS]
WEIGHTS = RNG.integers(0, 4, 60).astype(float)
STEADY = {"hidden": (), "optimizer": bb.optimizers.SGD(lr=0.3, momentum=0.9), "batch_size": 1000, "epochs": 300}
QUICK = {"hidden": (8,), "epochs": 3, "random_state": 0}
BOTH = pytest.mark.parametrize(("kind", "y"), [(bb.Classifier, NAMES), (bb.Regressor, Y)], ids=["names", "quantities"])


class Frame:
    """What an estimator looks at in a frame of pandas or another library."""

    def __init__(self, values, columns):
        self.values, self.columns = values, columns

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.values, dtype)


def separate_process(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


# --- closed forms ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["alike", "weighted"])
@pytest.mark.parametrize("several", [False, True])
def test_a_regressor_without_hidden_layers_is_least_squares(weights, several):
    y = np.stack([Y, X[:, 0] - 1e6], axis=1) if several else Y
    regressor = bb.Regressor(**STEADY, random_state=0).fit(X, y, weights)
    table = np.column_stack([X, np.ones(60)])
    root = np.ones(60) if weights is None else np.sqrt(weights)
    best = table @ np.linalg.lstsq(table * root[:, None], (y.T * root).T)[0]
    assert regressor.predict(X).shape == y.shape
    np.testing.assert_allclose(regressor.predict(X), best, atol=1e-4 * Y.std())


def test_a_classifier_of_groups_gives_their_shares():
    group = np.repeat([0, 1], [40, 80])
    y = np.r_[["b"] * 10, ["a"] * 30, ["b"] * 60, ["a"] * 20]
    shares = {0: 10 / 40, 1: 60 / 80}
    classifier = bb.Classifier(**STEADY, random_state=0).fit(group[:, None], y)
    assert classifier.classes_.tolist() == ["a", "b"]
    for value, share in shares.items():
        np.testing.assert_allclose(classifier.predict_proba([[value]]), [[1 - share, share]], atol=1e-4)
        np.testing.assert_allclose(classifier.predict_log_proba([[value]]), np.log([[1 - share, share]]), atol=1e-3)
    weighted = bb.Classifier(**STEADY, random_state=0, class_weight={"b": 3}).fit(group[:, None], y)
    np.testing.assert_allclose(weighted.predict_proba([[0]])[0, 1], 30 / 60, atol=1e-4)
    balanced = bb.Classifier(**STEADY, random_state=0, class_weight="balanced").fit(group[:, None], y)
    np.testing.assert_allclose(balanced.predict_proba([[0]])[0, 1], 10 / 70 / (10 / 70 + 30 / 50), atol=1e-4)


def test_the_logarithms_of_tiny_probabilities_stay_finite():
    classifier = bb.Classifier(**STEADY, random_state=0).fit([[0.0], [1.0]], [0, 1])
    assert classifier.predict_proba([[-1e4]])[0, 1] == 0
    assert -np.inf < classifier.predict_log_proba([[-1e4]])[0, 1] < -1e4


def test_the_engine_is_that_of_sequential():
    classifier = bb.Classifier(hidden=(8, 4), activation="tanh", dropout=0.2, random_state=3, epochs=5).fit(X, NAMES)
    dense = [L.Linear(8), L.Tanh(), L.Dropout(0.2), L.Linear(4), L.Tanh(), L.Dropout(0.2), L.Linear(2)]
    model = bb.Sequential(dense, seed=3)
    model.compile("adam", "cross_entropy")
    scaler = bb.data.StandardScaler().fit(X)
    history = model.fit(scaler.transform(X), NAMES, epochs=5)
    assert [logs["train_loss"] for logs in classifier.history_] == [logs["train_loss"] for logs in history]
    np.testing.assert_allclose(classifier.predict_proba(X), model.predict_proba(scaler.transform(X)), atol=1e-6)
    assert classifier.model_.predict_classes(scaler.transform(X)).tolist() == classifier.predict(X).tolist()


@BOTH
def test_a_weight_of_0_takes_a_row_away(kind, y):
    counted = WEIGHTS > 0
    first = kind(**QUICK).fit(X, y, WEIGHTS > 0)
    second = kind(**QUICK).fit(X[counted], y[counted])
    assert (first.predict(X) == second.predict(X)).all()
    assert (first.scaler_.mean == second.scaler_.mean).all()


@BOTH
def test_an_answer_does_not_depend_on_the_rows_beside_it(kind, y):
    estimator = kind(**QUICK).fit(X, y)
    ask = estimator.predict_proba if kind is bb.Classifier else estimator.predict
    many = np.tile(X, (10, 1))  # more than one batch
    np.testing.assert_allclose(ask(many)[300:360], np.concatenate([ask(row[None]) for row in X]), rtol=1e-12)


def test_scores_are_those_of_the_metrics():
    regressor = bb.Regressor(**QUICK).fit(X, Y)
    assert regressor.score(X, Y) == pytest.approx(r2(Y, regressor.predict(X)), abs=1e-12)
    doubled = np.repeat(np.arange(60), WEIGHTS.astype(int))
    assert regressor.score(X, Y, WEIGHTS) == pytest.approx(regressor.score(X[doubled], Y[doubled]), abs=1e-12)
    assert regressor.score(X, np.ones(60)) == 0
    assert bb.Regressor(**QUICK).fit(X, np.ones(60)).score(X, np.ones(60)) in (0, 1)
    both = bb.Regressor(**QUICK).fit(X, np.stack([Y, -Y], axis=1))
    each = [r2(sign * Y, both.predict(X)[:, place]) for place, sign in enumerate((1, -1))]
    assert both.score(X, np.stack([Y, -Y], axis=1)) == pytest.approx(np.mean(each), abs=1e-12)
    classifier = bb.Classifier(**QUICK).fit(X, NAMES)
    right = classifier.predict(X) == NAMES
    assert classifier.score(X, NAMES) == right.mean()
    assert classifier.score(X, NAMES, WEIGHTS) == pytest.approx(right @ WEIGHTS / WEIGHTS.sum())


# --- parameters ------------------------------------------------------------------------------------------------------


@BOTH
def test_parameters_are_kept_as_given_and_come_back(kind, y):
    given = {name: object() for name in inspect.signature(kind).parameters}
    estimator = kind(**given)
    assert estimator.get_params() == given
    assert vars(estimator) == given
    assert estimator.set_params(epochs=5, hidden=[3]) is estimator
    assert (estimator.epochs, estimator.get_params()["hidden"]) == (5, [3])
    with pytest.raises(UsageError, match=r"has no such parameter: expected hidden, activation.*got lr"):
        estimator.set_params(lr=1)


def test_an_estimator_shows_what_is_not_usual():
    assert repr(bb.Regressor()) == "Regressor()"
    assert (
        repr(bb.Classifier(hidden=(4,), class_weight="balanced")) == "Classifier(hidden=(4,), class_weight='balanced')"
    )


def test_what_is_given_as_an_object_is_not_changed():
    layer, optimizer = L.Linear(4, activation="relu"), bb.optimizers.AdamW(lr=0.5)
    leaky = L.LeakyReLU(0.1)
    settings = {**QUICK, "hidden": [layer, 3, 5], "activation": leaky}
    estimator = bb.Regressor(**settings, optimizer=optimizer, learning_rate=0.01)
    first = estimator.fit(X, Y).predict(X)
    assert estimator.model_.optimizer.lr == 0.01
    assert (optimizer.lr, optimizer.steps) == (0.5, 0)
    assert "weight" not in vars(layer) and estimator.hidden[0] is layer and estimator.activation is leaky
    assert (estimator.fit(X, Y).predict(X) == first).all()
    kinds = [type(part).__name__ for part in estimator.model_.layers]
    assert kinds == ["Linear", "ReLU", "Linear", "LeakyReLU", "Linear", "LeakyReLU", "Linear"]


def test_the_random_state_is_a_number_a_generator_or_none():
    def seeds(random_state):
        estimator = bb.Regressor(hidden=2, epochs=1, random_state=random_state)
        return [estimator.fit(X, Y).model_.seed for _ in range(2)]

    assert seeds(7) == [7, 7]
    drawn = np.random.RandomState(7).randint(2**31, size=2).tolist()
    assert seeds(np.random.RandomState(7)) == drawn
    before = np.random.get_state()  # noqa: NPY002
    try:
        np.random.seed(7)  # noqa: NPY002
        assert seeds(None) == drawn
    finally:
        np.random.set_state(before)  # noqa: NPY002


def test_validation_ends_the_training_early():
    settings = {"epochs": 200, "validation_split": 0.25, "learning_rate": 0.1, "random_state": 0}
    estimator = bb.Classifier(patience=2, **settings).fit(X, NAMES)
    losses = [logs["val_loss"] for logs in estimator.history_]
    assert estimator.n_iter_ == len(losses) < 200
    assert np.argmin(losses) == len(losses) - 3
    assert bb.Classifier(patience=4, **settings).fit(X, NAMES).n_iter_ > estimator.n_iter_


def test_verbose_shows_the_epochs(capsys):
    bb.Regressor(**QUICK).fit(X, Y)
    assert capsys.readouterr().out == ""
    bb.Regressor(**QUICK, verbose=1).fit(X, Y)
    assert "train_loss" in capsys.readouterr().out.replace(" ", "_")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"hidden": (0,)}, "hidden: expected a whole number from 1, got 0"),
        ({"hidden": 2.5}, "hidden: expected a whole number from 1, got 2.5"),
        ({"activation": "rely"}, "unknown activation: .*got 'rely'"),
        ({"dropout": 1.5}, "rate: expected a number from 0 to 0.999"),
        ({"optimizer": []}, r"unknown optimizer: .*got \[\]"),
        ({"learning_rate": -1}, "-1"),
        ({"epochs": 0}, "epochs: expected a whole number from 1, got 0"),
        ({"batch_size": 0}, "batch_size: expected"),
        ({"validation_split": 0.001}, "leaves a part empty"),
        ({"validation_split": 0.5, "patience": 0}, "patience: expected a whole number from 1"),
        ({"random_state": -1}, "random_state: expected a whole number from 0, got -1"),
        ({"class_weight": {"maybe": 2}}, "class_weight weighs what is no label: expected no, yes, got 'maybe'"),
    ],
)
def test_parameters_that_cannot_be_used_are_refused_by_fit(settings, message):
    estimator = bb.Classifier(**settings)
    with pytest.raises(UsageError, match=message):
        estimator.fit(X, NAMES)
    assert not [name for name in vars(estimator) if name.endswith("_")]


# --- what is given and learned ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "names",
    [
        np.array(["no", "yes"]),
        np.array(["no", "yes"], object),
        np.array([False, True]),
        np.array([-1, 1]),
        np.array([3.0, 700.0]),
        np.array([0, 1], object),
    ],
    ids=["names", "objects", "booleans", "numbers", "floats", "numbers as objects"],
)
def test_labels_come_back_as_they_were_given(names):
    classifier = bb.Classifier(learning_rate=0.05, random_state=0).fit(X, names[NUMBERS])
    assert classifier.classes_.tolist() == names.tolist()
    answers = classifier.predict(X)
    assert (answers == names[NUMBERS]).mean() > 0.9
    assert set(map(type, answers.tolist())) == set(map(type, names.tolist()))
    assert classifier.model_.meta.get("classes") == (names.tolist() if isinstance(names[0], str) else None)


@pytest.mark.parametrize("y", [NAMES, Y], ids=["names", "quantities"])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda X, y: (X, None), "requires y to be passed, but the target y is None"),
        (lambda X, y: (X[:50], y), "X and y need one row for each other, got 50 and 60"),
        (lambda X, y: (X, np.stack([y, y], 1)[None]), "y"),
        (lambda X, y: (X[:, 0], y), "Expected 2D array, got 1D array instead; Reshape your data"),
        (lambda X, y: (X[:, :0], y), r"0 feature\(s\) \(shape=\(60, 0\)\) while a minimum of 1 is required"),
        (lambda X, y: (X[:0], y), r"0 sample\(s\)"),
        (lambda X, y: (X + 1j, y), "X: Complex data not supported"),
        (lambda X, y: (X.astype(str), y), "X must be numbers, got an array of <U"),
        (lambda X, y: ([["red", 1.0]] * 60, y), "X must be numbers"),
        (lambda X, y: (np.array([["red", 1.0]] * 60, object), y), "could not convert string to float: 'red'"),
        (lambda X, y: ([[1, 2], [3]], y), "X must be numbers, got setting an array element"),
        (lambda X, y: (np.where(X[3, 1] == X, np.nan, X), y), "Input X contains NaN"),
        (lambda X, y: (np.where(X[3, 1] == X, np.inf, X), y), "Input X contains infinity"),
        (lambda X, y: (X, np.where(np.arange(60) == 3, np.nan, NUMBERS)), "Input y contains NaN"),
        (lambda X, y: (X, np.array([None, 1.0] * 30, object)), "Input y contains NaN"),
    ],
)
def test_arrays_that_cannot_be_learned_from_are_refused(y, change, message):
    estimator = (bb.Regressor if y is Y else bb.Classifier)(**QUICK)
    with pytest.raises(UsageError, match=message):
        estimator.fit(*change(X, y))
    assert not hasattr(estimator, "model_")


@pytest.mark.parametrize(
    ("kind", "y", "message"),
    [
        (bb.Classifier, Y, r"Unknown label type: continuous; .*bb.Regressor\(\)"),
        (bb.Classifier, ["no"] * 60, "at least two classes, got 1 class: 'no'"),
        (bb.Classifier, [], "at least two classes, got 0 class"),
        (bb.Classifier, np.stack([NUMBERS] * 2, 1), r"y should be a 1d array of labels, got shape \(60, 2\)"),
        (bb.Classifier, np.array(["no", 1] * 30, object), "names or numbers, and not both"),
        (bb.Regressor, NAMES, "y must be numbers, got an array of <U3"),
        (bb.Regressor, np.ones((60, 2, 2)), r"y: expected one quantity .*shape \(60, 2, 2\)"),
        (bb.Regressor, [], "y: expected one quantity"),
    ],
)
def test_targets_of_the_other_kind_are_refused(kind, y, message):
    with pytest.raises(UsageError, match=message):
        kind(**QUICK).fit(X, y)


def test_sparse_inputs_are_refused_with_what_to_do():
    class Sparse:
        def toarray(self):
            return X

    with pytest.raises(
        UsageError, match=r"Sparse data was passed for X, but dense data is required; use X.toarray\(\)"
    ):
        bb.Regressor().fit(Sparse(), Y)


@BOTH
def test_weights_of_rows_are_looked_at(kind, y):
    for weights, message in (
        (np.ones(59), "sample_weight: expected 60 finite numbers"),
        (np.ones((60, 2)), "sample_weight: expected 60 finite numbers"),
        (-np.ones(60), "sample_weight: expected from 0"),
        (np.zeros(60), "all weights of rows are zero"),
    ):
        with pytest.raises(UsageError, match=message):
            kind(**QUICK).fit(X, y, sample_weight=weights)
    with pytest.raises(UsageError, match="X and y need one row for each other, got 50 and 60"):
        kind(**QUICK).fit(X[:50], y, sample_weight=WEIGHTS)


@BOTH
def test_before_fit_nothing_is_answered(kind, y, monkeypatch):
    monkeypatch.delitem(sys.modules, "sklearn.exceptions", raising=False)
    asked = [kind().predict, *([kind().predict_proba, kind().predict_log_proba] if kind is bb.Classifier else [])]
    for ask in asked:
        with pytest.raises(
            UsageError, match=rf"This {kind.__name__} instance is not fitted yet; call fit\(X, y\) first"
        ):
            ask(X)


@BOTH
def test_other_inputs_than_those_of_the_training_are_refused(kind, y):
    estimator = kind(**QUICK).fit(X, y)
    with pytest.raises(UsageError, match=f"X has 2 features, but {kind.__name__} is expecting 3 features as input"):
        estimator.predict(X[:, :2])
    with pytest.raises(UsageError, match="Reshape your data"):
        estimator.predict(X[0])
    with pytest.raises(UsageError, match=r"y: expected shape \(60,\), got \(1,\)"):
        estimator.score(X, y[:1])
    with pytest.raises(ConvergenceError, match="not a finite number; give inputs like"):
        estimator.predict(X * 1e300)


def test_a_column_of_labels_is_taken_with_a_warning(monkeypatch):
    monkeypatch.delitem(sys.modules, "sklearn.exceptions", raising=False)
    with pytest.warns(UserWarning, match="A column-vector y was passed") as seen:
        classifier = bb.Classifier(**QUICK).fit(X, NAMES[:, None])
    assert seen[0].filename == __file__
    assert (classifier.predict(X) == bb.Classifier(**QUICK).fit(X, NAMES).predict(X)).all()


@BOTH
def test_names_of_columns_are_remembered(kind, y):
    estimator = kind(**QUICK).fit(Frame(X, ["a", "b", "c"]), y)
    assert estimator.feature_names_in_.tolist() == ["a", "b", "c"]
    assert estimator.n_features_in_ == 3
    assert (estimator.predict(Frame(X, ["a", "b", "c"])) == estimator.predict(X)).all()
    for columns in (["b", "a", "c"], ["a", "b", "z"]):
        message = f"feature names should match .*: expected a, b, c, got {', '.join(columns)}"
        with pytest.raises(UsageError, match=message):
            estimator.predict(Frame(X, columns))
    assert not hasattr(estimator.fit(X, y), "feature_names_in_")
    assert not hasattr(estimator.fit(Frame(X, [0, 1, "c"]), y), "feature_names_in_")


def test_pictures_and_sequences_are_learned_from_by_layers_of_ones_own():
    pictures = RNG.integers(0, 256, (40, 6, 6)).astype(np.uint8)
    y = pictures.mean(axis=(1, 2)) > 127
    convolved = [L.Conv2D(2, kernel=3), L.Flatten(), 4]
    for scale in (True, False):
        classifier = bb.Classifier(hidden=convolved, epochs=2, scale=scale, random_state=0)
        classifier.fit(pictures[..., None], y)
        assert classifier.predict_proba(pictures[..., None]).shape == (40, 2)
    assert classifier.scaler_ is None
    flat = bb.Classifier(hidden=[L.Flatten()], epochs=2, scale=False, random_state=0).fit(pictures, y)
    np.testing.assert_allclose(flat.predict_proba(pictures), flat.model_.predict_proba(pictures), atol=1e-6)
    with pytest.raises(UsageError, match=r"expected \('n', 6, 6\), got \(40, 6, 3\)"):
        flat.predict(pictures[:, :, :3])
    steps = RNG.normal(size=(40, 5, 2)) * [1, 50]
    regressor = bb.Regressor(hidden=[L.LSTM(3, last=True)], epochs=2, random_state=0).fit(steps, steps.sum(axis=(1, 2)))
    assert regressor.predict(steps).shape == (40,)
    np.testing.assert_allclose(regressor.scaler_.scale, steps.std(axis=(0, 1)))


def test_without_scale_inputs_and_targets_are_taken_as_they_are():
    estimator = bb.Regressor(**QUICK, scale=False).fit(X, Y)
    assert (estimator.scaler_, estimator.target_scaler_) == (None, None)
    np.testing.assert_allclose(estimator.predict(X), estimator.model_.predict(X)[:, 0], rtol=1e-4)


@BOTH
def test_a_fitted_estimator_can_be_pickled_and_holds_no_rows(kind, y):
    rows = np.tile(X, (200, 1))
    gone, size = weakref.ref(rows), rows.nbytes
    estimator = kind(**QUICK, scale=False).fit(rows, np.tile(y, 200))
    del rows
    gc.collect()
    assert gone() is None
    written = pickle.dumps(estimator)
    assert len(written) < 20_000 < size
    for other in (pickle.loads(written), copy.deepcopy(estimator)):
        assert (other.predict(X) == estimator.predict(X)).all()


def test_scikit_learn_is_not_needed():
    learn = "bb.Classifier(epochs=1).fit([[0], [1]], ['a', 'b']).predict([[0]])"
    code = f"import sys, braininabox as bb; {learn}; print('sklearn' in sys.modules, 'pandas' in sys.modules)"
    assert separate_process(code) == "False False\n"


# --- scikit-learn ----------------------------------------------------------------------------------------------------

# Rows in another order make other batches, so that a row of weight 2 is not to the last bit the same as two rows; for
# the same reason scikit-learn's own estimators that learn in batches are excused from it.
EXCUSED = {
    "check_sample_weight_equivalence_on_dense_data": "the order of rows changes the batches",
    "check_sample_weight_equivalence_on_sparse_data": "no sparse inputs; 1.6 asks nevertheless",
}


@pytest.fixture
def sklearn():
    return pytest.importorskip("sklearn", minversion="1.6", reason="scikit-learn is the judge of these tests")


@pytest.mark.parametrize("kind", [bb.Classifier, bb.Regressor])
def test_every_check_of_scikit_learn_is_passed(sklearn, kind):
    from sklearn.utils.estimator_checks import check_estimator

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it is no subclass of BaseEstimator
        checked = check_estimator(kind(random_state=0), expected_failed_checks=EXCUSED, on_skip=None)
    assert {row["check_name"] for row in checked if row["status"] == "xfail"} <= set(EXCUSED)
    assert sum(row["status"] == "passed" for row in checked) >= 50


def test_clones_grids_and_pipelines_take_it(sklearn):
    from sklearn.base import clone
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.model_selection import GridSearchCV, cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    quick = bb.Classifier(epochs=20, learning_rate=0.05, random_state=0)
    assert clone(quick).get_params() == quick.get_params()
    own = clone(bb.Classifier(hidden=[L.Linear(3)], optimizer=bb.optimizers.SGD(lr=0.1)))
    assert own.fit(X, NAMES).score(X, NAMES) > 0.8
    grid = {"classifier__hidden": [(), [L.Linear(4, activation="relu"), 4]]}
    search = GridSearchCV(make_pipeline(StandardScaler(), quick), grid, n_jobs=2, cv=2).fit(X, NAMES)
    assert search.score(X, NAMES) > 0.9
    assert cross_val_score(bb.Regressor(learning_rate=0.05, random_state=0), X, Y, cv=2).min() > 0.5
    calibrated = CalibratedClassifierCV(quick, cv=2).fit(X, NAMES)
    assert calibrated.score(X, NAMES) > 0.8
    assert "Classifier" in make_pipeline(quick)._repr_html_()


@BOTH
def test_its_own_errors_are_those_of_scikit_learn_once_it_is_loaded(sklearn, kind, y):
    from sklearn.exceptions import NotFittedError

    with pytest.raises(NotFittedError, match="not fitted yet"):
        kind().predict(X)


def test_frames_of_pandas_are_taken(sklearn):
    pandas = pytest.importorskip("pandas", reason="pandas has the frames of this test")

    frame = pandas.DataFrame(X, columns=["a", "b", "c"])
    frame["b"] = frame["b"].astype(int)
    kinds = pandas.Series(NAMES), pandas.Series(NAMES, dtype="category"), pandas.Series(NUMBERS == 1)
    for y in kinds:
        classifier = bb.Classifier(**QUICK).fit(frame, y, sample_weight=pandas.Series(WEIGHTS))
        assert classifier.feature_names_in_.tolist() == ["a", "b", "c"]
        assert classifier.classes_.tolist() == sorted(set(y))
        assert classifier.score(frame, y) > 0
    with pytest.raises(UsageError, match="expected a, b, c, got c, b, a"):
        classifier.predict(frame[["c", "b", "a"]])
    regressor = bb.Regressor(**QUICK).fit(frame, frame[["a", "b"]])
    assert regressor.predict(frame).shape == (60, 2)


@pytest.mark.parametrize(
    "name",
    [
        "iris",
        "wine",
        "diabetes",
        pytest.param("breast_cancer", marks=pytest.mark.slow),
        pytest.param("digits", marks=pytest.mark.slow),
    ],
)
def test_small_sets_are_learned_no_worse_than_by_the_networks_of_scikit_learn(sklearn, name):
    from sklearn import datasets
    from sklearn.model_selection import cross_val_score
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rows, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    order = np.random.RandomState(0).permutation(len(rows))
    ours, theirs = (bb.Regressor, MLPRegressor) if name == "diabetes" else (bb.Classifier, MLPClassifier)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that 200 epochs were not enough for theirs
        pair = ours(random_state=0), make_pipeline(StandardScaler(), theirs(random_state=0))
        scores = [cross_val_score(each, rows[order], y[order]) for each in pair]
    gain = scores[0] - scores[1]
    print(f"{name}: {scores[0].mean():.3f}, scikit-learn {scores[1].mean():.3f}")
    assert gain.mean() > -2 * gain.std(ddof=1) / np.sqrt(len(gain)) - 0.01
