"""What an export of a network finds out about it: closeness, noise, accuracy, and what it says or refuses then."""

import copy
import re
from dataclasses import replace

import numpy as np
import pytest

import braininabox as bb
from brainbox_core.errors import AccuracyError, InputError, UsageError
from brainbox_core.export import build
from brainbox_core.export.network.draft import NetworkDraft
from brainbox_core.export.report import Report

L = bb.layers
UNCHECKED = "accuracy not checked: int8 has no labels to be judged by"
random = np.random.default_rng(0)
X = random.normal(size=(1000, 4)).astype(np.float32) * np.float32([1, 1000, 1e-3, 50]) + np.float32([0, 5e4, 0, 0])
Y = X[:, :1] * 2 + (X[:, 1:2] - 50_000) / 500 + X[:, 2:3] * 2000
NEAR = (X - X.mean(axis=0)) / X.std(axis=0)


def trained(Y, loss=None, X=X, outputs=1, epochs=20) -> bb.Sequential:
    model = bb.Sequential([L.BatchNorm(), L.Linear(12), L.ReLU(), L.Linear(outputs)])
    model.compile(optimizer=bb.optimizers.Adam(0.02), loss=loss or bb.loss.MSE())
    model.fit(X[:800], Y[:800], epochs=epochs)
    return model


def exported(model, **options) -> Report:
    """The report, without the note that nothing was compiled."""
    report = build(model, "net", **{"dtype": "int8", "verify": 0} | options).report
    return replace(report, notes=report.notes[1:])


@pytest.fixture(scope="module")
def line() -> bb.Sequential:
    return trained(Y)


def sharing_a_scale(model: bb.Sequential) -> bb.Sequential:
    """As earlier versions left it: one range for all inputs."""
    model = copy.deepcopy(model)
    del model.meta["ranges"]["columns"]
    return model


def test_a_regression_is_judged_by_what_it_explains(line):
    report = exported(line, data=(X[800:], Y[800:]))
    assert re.fullmatch(r"R2 int8 0\.9\d+ float32 0\.9\d+ on 200 rows", report.judged) and not report.notes
    assert report.accuracy is None and min(row.snr for row in report.rows[1:]) > 30
    report = exported(line, data=(X[800:], Y[800:, 0]), dtype="float32")
    assert re.fullmatch(
        r"R2 0\.9\d+ on 200 rows; at most \S+ deviations off the trained model on 200 rows", report.judged
    )


def test_a_lost_regression_is_refused(line):
    with pytest.raises(AccuracyError, match=r"^`max_drop`: int8 loses \d+\.\d\d points of R2, 0.5 are allowed"):
        exported(sharing_a_scale(line), data=(X[800:], Y[800:]))
    report = exported(sharing_a_scale(line), data=(X[800:], Y[800:]), max_drop=100)
    assert "a signal-to-noise ratio of" in report.notes[0]


def test_calibration_serves_for_the_noise(line):
    report = exported(line, calibration=X[800:])
    assert report.notes == (UNCHECKED,) and min(row.snr for row in report.rows[1:]) > 30
    with pytest.raises(AccuracyError, match=r"int8 leaves linear_1 a signal-to-noise ratio of .* dB, which loses"):
        far = copy.deepcopy(line)
        far.layers[-1].bias.data[...] += 5000  # beside which nothing of the result is left
        exported(far, calibration=X[800:])


def test_without_any_rows_it_is_said_that_nothing_was_checked(line):
    report = exported(line)
    assert report.notes == (UNCHECKED,) and all(row.snr is None for row in report.rows)
    assert exported(line, dtype="float32").notes == ()


def test_every_output_counts():
    both = np.concatenate([Y, Y / 1000], axis=1)
    model = trained(both * [1, 1000], X=NEAR, outputs=2)
    model.layers[-1].weight.data[:, 1] /= 1000
    model.layers[-1].bias.data[1] /= 1000
    with pytest.raises(AccuracyError, match=r"int8 loses \d+\.\d\d points of R2"):
        exported(model, calibration=NEAR[:800], data=(NEAR[800:], both[800:]))
    with pytest.raises(AccuracyError, match="int8 leaves output 1 a signal-to-noise ratio of"):
        exported(model, calibration=NEAR[800:])


def test_classes_are_judged_by_answers():
    classes = np.digitize(Y[:, 0], [-2, 2])
    model = trained(classes, bb.loss.CrossEntropy(), outputs=3)
    for labels in (classes, classes[:, None], np.eye(3)[classes]):
        found = exported(model, data=(X[800:], labels[800:])).accuracy
        assert found.trained > 0.9 and found.agreement > 0.98
    bad = sharing_a_scale(model)
    wrong = np.full(200, 7)  # labels that neither is ever right about
    with pytest.raises(AccuracyError, match=r"int8 agrees with float32 on \d\d\.\d\d% of 200 rows only"):
        exported(bad, data=(X[800:], wrong))
    notes = exported(bad, data=(X[800:], wrong), max_drop=100).notes
    assert len(notes) == 2 and "signal-to-noise" in notes[0] and "of the answers are those of the model" in notes[1]


def test_a_yes_or_no_is_judged_by_its_logit():
    yes = (Y > 4).astype(int)
    model = trained(yes, bb.loss.BinaryCrossEntropy())
    found = exported(model, data=(X[800:], yes[800:])).accuracy
    assert found.trained > 0.95 and found.agreement > 0.98 and found.rows == 200


def test_a_rare_share_may_round_to_0():
    rare = np.stack([NEAR[:, 0] > 0, NEAR[:, 1] > 9], axis=1).astype(int)
    model = trained(rare, X=NEAR, outputs=2)
    shares = bb.Sequential([*(type(layer)(**layer.config()) for layer in model.layers), L.Sigmoid()])
    shares.build((4,))
    shares.load_state(model.state())
    shares.layers[-2].weight.data[:, 1] /= 1000
    shares.layers[-2].bias.data[1] = -7
    assert exported(shares, calibration=NEAR).notes == (UNCHECKED,)


def test_labels_have_to_fit(line):
    for labels in (np.zeros((1000, 2)), np.zeros(999), np.full(1000, "yes")):
        with pytest.raises(UsageError, match="labels do not fit the inputs"):
            exported(line, data=(X, labels))


def test_targets_that_are_all_the_same_leave_the_noise(line):
    assert exported(line, data=(X[800:], np.ones(200))).notes == (UNCHECKED,)


def test_a_normalisation_keeps_the_digits_of_numbers_far_from_0():
    clock = np.stack([1.7e9 + random.uniform(0, 30_000, 1000), random.normal(size=1000)], axis=1)
    model = trained(clock[:, :1] / 1e4 - 1.7e5 + clock[:, 1:], X=clock, epochs=3)
    report = exported(model, dtype="float32", data=(clock[800:], clock[800:, 1]))
    off = float(re.search(r"at most (\S+) deviations off the trained model on 200 rows", report.judged)[1])
    assert off < 1e-5


def test_a_header_that_is_not_the_model_is_refused(line, monkeypatch):
    run = NetworkDraft.run
    monkeypatch.setattr(NetworkDraft, "run", lambda self, rows: run(self, rows) * np.float32(1.01))
    for data in (None, (X[800:], Y[800:])):
        with pytest.raises(
            InputError, match=r"the header would be .* deviations off the model: float32 has too few digits"
        ):
            exported(line, dtype="float32", data=data)
