"""Predicting a quantity from the other columns of a table: the task behind the command regress."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from brainbox_core import metrics
from brainbox_core.errors import InputError, UsageError
from brainbox_core.files.reading import printable
from brainbox_core.loss import MSE
from brainbox_core.model.sequential import Sequential
from brainbox_core.tables import measures
from brainbox_core.tables.measures import TextColumn
from brainbox_core.tables.table import Table
from brainbox_core.tasks import contract, learning
from brainbox_core.tasks.contract import HeldOut, Progress, built_in_or_file
from brainbox_core.tasks.learning import read_as as read_as
from brainbox_core.tasks.learning import unlearned
from brainbox_core.tasks.regress.data import LEAST, Data, load_test_data
from brainbox_core.tasks.regress.data import load_data as load_data  # a task answers all calls of the contract
from brainbox_core.tasks.regress.data import objection as objection
from brainbox_core.tasks.regress.design import Design
from brainbox_core.tasks.regress.fit import Fit, Line, learn, line_model, rescaled, set_weights, standard
from brainbox_core.tasks.regress.settings import BUILT_IN, FULL, Settings
from brainbox_core.tasks.regress.solver import Solution, least_squares, leverages
from brainbox_core.training.callbacks import Callback

FOLDS = ("cv_r2", "cv_r2_sd")  # mean and deviation of the folds' R²
MATERIAL = 0.01  # of R²: what makes no difference below
WILD_DEGREE = 5  # a polynomial above this swings between the rows
KEPT = ("target", "no_header", "log", "folds", "test_split", "limit", "val_split", "seed")  # in the model's file
HEAVY = 0.5  # the leverage, or share of an error, above which a row decides more than all others together


@dataclass(frozen=True)
class Weight:
    """What one feature counts for.

    Attributes:
        feature: its name; "intercept" is what is predicted where all others are 0.
        weight: the change of the prediction for one more in the data's own units; None with a polynomial, whose terms
            do not change alone.
        deviation: the change for one more standard deviation of the feature; None for the intercept.
        exact: what least squares has in the place of `weight` (of `deviation`, with a polynomial).
    """

    feature: str
    weight: float | None
    deviation: float | None
    exact: float | None = None


@dataclass(frozen=True, kw_only=True)
class Result(contract.Result):
    """What a training or an evaluation found, beside what every task finds; errors are in the target's unit.

    The history of a long training is thinned out; that of least squares is empty.

    Attributes:
        truth, predicted: of the rows that the model is judged by.
        weights: the intercept and the features.
        epochs: how many it took.
        gradient: the largest derivative that was left; see `solver.Epoch`.
        converged: whether it counts as none.
        exact: the answer of least squares.
        distance: how far the model's predictions are from those of least squares, in deviations of the target.
        folds: R² of each part in cross-validation.
    """

    truth: np.ndarray
    predicted: np.ndarray
    weights: tuple[Weight, ...] = ()
    epochs: int = 0
    gradient: float | None = None
    converged: bool = True
    exact: Solution | None = None
    distance: float | None = None
    folds: tuple[float, ...] = ()


def build_model(settings: Settings, data: Data) -> Sequential:
    """One linear layer from the features to the target (or its logarithm), in the target's unit, all weights 0."""
    model = line_model(len(data.design.names), settings.seed)
    model.meta = {"kind": "regress"}
    return model


def train(model: Sequential, settings: Settings, data: Data, callbacks: Sequence[Callback] = ()) -> Result:
    """Learn the weights, judge them by rows that had no part in it, and set them beside the answer of least squares.

    Raises:
        ConvergenceError: the learning rate is too large.
        UsageError: cross-validation needs more rows than there are.
        InputError: a row lies so far from the others that its error is no number.
    """
    rows = np.concatenate([data.train, data.val])
    if settings.folds > len(rows):
        expected, fix = f"at most {len(rows):,}, the training rows", f"use `folds {len(rows)}`, or add rows"
        raise UsageError("folds", expected=expected, got=settings.folds, fix=fix)
    X, t = data.part(data.train)
    val = data.part(data.val) if len(data.val) else None
    exact = least_squares(X, standard(t)[0], settings.ridge)
    fit = learn(settings, X, t, val, model, callbacks)
    best = rescaled(exact.weights, exact.intercept, t)
    set_weights(model, fit.line)
    found: dict[str, float] = {}
    folds: list[float] = []
    guesses = np.empty(0)
    if settings.folds:
        folds, guesses = _cross_validate(settings, data, rows)
        with np.errstate(all="ignore"):
            found |= dict(zip(FOLDS, (float(np.mean(folds)), float(np.std(folds))), strict=True)) if folds else {}
    if len(data.test):
        truth, predicted = data.y[data.test], _predicted(fit.line, data, data.test)
    else:
        truth, predicted = data.y[rows], guesses
    distance = float(np.sqrt(np.mean((fit.line(X) - best(X)) ** 2)) / t.std())
    found |= _judge(truth, predicted, float(data.y[data.train].mean())) | fit.losses
    _require_finite(found, data)
    notes = _notes(settings, data, X, exact, fit, distance)
    if doubt := contradiction(found["test_r2"], found):
        if len(data.test) and found["test_r2"] < found["cv_r2"]:
            decisive = _decisive(data, data.test, predicted, "held-out rows")
        else:
            decisive = _decisive(data, rows, guesses, "folds")
        notes.append(f"test R2 {found['test_r2']:.4f}, but {doubt}{decisive}")
    measured: dict[str, str | float] = {"primary": "test_r2", **found}
    model.meta = {
        "kind": "regress",
        **data.design.config(),
        "target": {
            **{"name": data.target, "log": data.log_target},
            "notation": asdict(data.table.notation_of(data.target)),
        },
        "weights": fit.line.weights.tolist(),  # as they were learned; the layer has them in float32
        "intercept": fit.line.intercept,
        "mean": float(data.y[data.train].mean()),
        "settings": {name: getattr(settings, name) for name in KEPT} | {"target": data.target, "log": [*settings.log]},
        "data": {"name": data.name, "sha256": data.sha256},
        "metrics": measured,
    }
    return Result(
        metrics=measured,
        history=fit.history,
        best_epoch=fit.best_epoch,
        notes=tuple(notes),
        doubt=doubt,
        truth=truth,
        predicted=predicted,
        weights=_weights(data.design, fit.line, best),
        epochs=fit.epochs,
        gradient=fit.gradient,
        converged=fit.converged,
        exact=exact,
        distance=distance,
        folds=tuple(folds),
        unlearned=_unlearned(fit, t, val),
    )


def _unlearned(fit: Fit, t: np.ndarray, val: tuple[np.ndarray, np.ndarray] | None) -> str:
    """As `learning.unlearned`; all losses are those of targets with deviation 1."""
    y, _, scale = standard(t)
    parts = [(y[:, None], (1,), fit.losses["train_loss"])]
    if val is not None:
        parts.insert(0, (val[1][:, None] / scale, (1,), fit.losses["val_loss"]))
    return unlearned(MSE(), "always answering the mean", *parts)


def evaluate(model: Sequential, data: Data, progress: Progress | None = None) -> Result:
    """Judge a model by the rows of `data.test`, beside always predicting the mean of its training rows.

    Raises:
        InputError: as `predict`, or a target or a prediction is too large to be squared.
    """
    truth, predicted = data.y[data.test], predict(model, data.table.take(data.test))
    found = _judge(truth, predicted, model.meta["mean"])
    _require_finite(found, data)
    doubt = contradiction(found["test_r2"], model.meta["metrics"])
    notes = (f"test R2 {found['test_r2']:.4f}, but {doubt} of the training",) if doubt else ()
    measured: dict[str, str | float] = {"primary": "test_r2", **found}
    return Result(metrics=measured, notes=notes, doubt=doubt, truth=truth, predicted=predicted)


def predict(model: Sequential, table: Table) -> np.ndarray:
    """The predicted targets of rows, (n,), in float64.

    Raises:
        InputError: a column is missing, a cell is bad, or so far outside the training range that no number comes out.
    """
    line = Line(np.array(model.meta["weights"]), model.meta["intercept"])
    return _targets(line, Design.from_config(model.meta), model.meta["target"]["log"], table)


def inputs(model: Sequential) -> list[str]:
    """The columns that it predicts from, in order."""
    return Design.from_config(model.meta).inputs


def target(model: Sequential) -> str:
    """The column that it predicts."""
    return model.meta["target"]["name"]


def choices(model: Sequential, name: str) -> list[str]:
    """The texts that an input had in training; empty for one of numbers."""
    texts = (column for column in Design.from_config(model.meta).encoder.columns if isinstance(column, TextColumn))
    return next(([text for text in column.values if text] for column in texts if column.name == name), [])


def remarks(model: Sequential, table: Table) -> list[str]:
    """What to know about predictions for these rows: values outside the training range, unseen or missing."""
    return Design.from_config(model.meta).remarks(table)


def held_out(model: Sequential) -> HeldOut | str:
    """The test rows of the table that a model was trained on, with their targets."""
    return contract.held_out(model, built_in_or_file(BUILT_IN), partial(load_test_data, model))


def load_model(path: str | Path, kind: str = "regress") -> Sequential:
    """A linear regression from its file, its parts checked against each other."""
    return learning.load_model(path, kind, _check)


def _check(model: Sequential) -> None:
    design = Design.from_config(model.meta)
    weights, target, kept = (model.meta[name] for name in ("weights", "target", "settings"))
    numbers = [*(weights if isinstance(weights, list) else [None]), model.meta.get("intercept")]
    if not all(type(number) is float for number in (*numbers, model.meta.get("mean"))):
        raise InputError("the model's weights are no numbers")
    if not len(weights) == len(design.names) == model.input_shape[0] or model.output_shape != (1,):
        raise InputError("the model's weights do not fit its features")
    if not isinstance(target, dict) or type(target.get("name")) is not str or type(target.get("log")) is not bool:
        raise InputError("the model does not say what it predicts")
    measures.notation(target.get("notation"))
    if not all(type(model.meta["data"][name]) is str for name in ("name", "sha256")):
        raise InputError("the model does not say what it was trained on")
    found = model.meta["metrics"]
    if not isinstance(found, dict) or ("cv_r2" in found and {type(found[name]) for name in FOLDS} != {float}):
        raise InputError("the model's folds are no numbers")
    Settings(**{**kept, "log": tuple(kept["log"])})


def _cross_validate(settings: Settings, data: Data, rows: np.ndarray) -> tuple[list[float], np.ndarray]:
    """The R² of each fold, and the predictions of all rows. Encoding and weights are fitted without the fold."""
    guesses = np.empty(len(rows))
    scores = []
    places = np.array_split(np.arange(len(rows)), settings.folds)
    for place in places:
        kept, truth = np.delete(rows, place), data.y[rows[place]]
        part = _refitted(data, kept, settings.degree)
        if part is None:
            guesses[place] = data.y[kept].mean()
        else:
            guesses[place] = _predicted(learn(settings, *part.part(kept)).line, part, rows[place])
        if (truth != truth[0]).any() and truth.std() > LEAST:  # R² of one row, or of equal ones, does not exist
            with np.errstate(all="ignore"):
                scores.append(metrics.r2(truth, guesses[place]))
    return scores, guesses


def contradiction(r2: float, found: Mapping[str, Any]) -> str:
    """What the folds of a training say where that is something else than the main figure, in words.

    It is if one leaves more than twice as much of the variance unexplained as the other, or if the folds differ so much
    that by their mean the model may be no better than always guessing the mean.

    Args:
        r2: of the rows that the model is judged by.
        found: the figures of the training.

    Example:
        >>> contradiction(0.9, {"cv_r2": 0.85, "cv_r2_sd": 0.1}), contradiction(0.9, {"cv_r2": 0.5, "cv_r2_sd": 0.9})
        ('', '0.5000 with a deviation of 0.9000 over the folds')
    """
    if "cv_r2" not in found:
        return ""
    mean, deviation = (found[name] for name in FOLDS)
    apart = abs(r2 - mean) > MATERIAL and max(1 - r2, 1 - mean) > 2 * min(1 - r2, 1 - mean)
    if not apart and not mean - deviation < 0 < r2 - MATERIAL:
        return ""
    return f"{mean:.4f} with a deviation of {deviation:.4f} over the folds"


def _decisive(data: Data, rows: np.ndarray, guesses: np.ndarray, of: str) -> str:
    """The row that makes up most of the squared error of some rows, in words, if there is one."""
    truth = data.y[rows]
    errors = (guesses - truth) ** 2
    worst = int(errors.argmax())
    if not errors[worst] > HEAVY * errors.sum():
        return ""
    return (
        f"; line {data.table.lines[rows[worst]]} alone makes {errors[worst] / errors.sum():.0%} of the squared error of"
        f" the {of}: {guesses[worst]:,.10g} is predicted for {truth[worst]:,.10g}"
    )


def _refitted(data: Data, rows: np.ndarray, degree: int) -> Data | None:
    """The data with the features fitted to some rows; None if their targets or all their features are constant."""
    if not data.learned(rows).std() > LEAST:
        return None
    inputs, log = data.design.inputs, data.design.log
    try:
        return replace(data, design=Design.fit(data.table.take(rows), inputs, log, degree))
    except InputError:
        return None


def _judge(truth: np.ndarray, predicted: np.ndarray, mean: float) -> dict[str, float]:
    always = np.full(len(truth), mean)
    with np.errstate(all="ignore"):
        return {
            "test_r2": metrics.r2(truth, predicted),
            "test_rmse": metrics.rmse(truth, predicted),
            "test_mae": metrics.mae(truth, predicted),
            "baseline_rmse": metrics.rmse(truth, always),
            "baseline_mae": metrics.mae(truth, always),
        }


def _require_finite(found: dict[str, float], data: Data) -> None:
    if not all(map(math.isfinite, found.values())):
        what = "no error can be measured: a target or a prediction is too large to be squared"
        raise InputError(what, where=data.name, fix="look for rows far outside the training range")


def _predicted(line: Line, data: Data, rows: np.ndarray) -> np.ndarray:
    return _targets(line, data.design, data.log_target, data.table.take(rows))


def _targets(line: Line, design: Design, log: bool, table: Table) -> np.ndarray:
    """What a line predicts for rows, in the target's own unit."""
    with np.errstate(over="ignore", invalid="ignore"):
        values = line(design.transform(table))
        values = np.exp(values) if log else values
    if len(bad := np.flatnonzero(~np.isfinite(values))):
        what = "the row is so far outside the training range that no number can be predicted"
        raise InputError(what, where=table.where(bad[0]), fix="look at its values again")
    return values


def _weights(design: Design, line: Line, exact: Line) -> tuple[Weight, ...]:
    if design.polynomial is not None:
        rows = zip(design.names, line.weights.tolist(), exact.weights.tolist(), strict=True)
        return tuple(Weight(name, None, deviation, best) for name, deviation, best in rows)
    own, intercept = design.encoder.own_units(line.weights, line.intercept)
    best, best_intercept = design.encoder.own_units(exact.weights, exact.intercept)
    columns = zip(design.names, own.tolist(), line.weights.tolist(), best.tolist(), strict=True)
    return Weight("intercept", float(intercept), None, float(best_intercept)), *(Weight(*column) for column in columns)


def _notes(settings: Settings, data: Data, X: np.ndarray, exact: Solution, fit: Fit, distance: float) -> list[str]:
    """What a user should know of a training."""
    notes, names = [], data.design.names
    if not fit.converged and settings.batch_size == FULL and distance > 1e-6:
        notes.append(
            f"not converged after {fit.epochs:,} epochs: the predictions are still {distance:.2g} deviations away from"
            " those of least squares; give it more `epochs`, or take `closed_form`"
        )
    if settings.degree > WILD_DEGREE:
        notes.append(
            f"a polynomial of degree {settings.degree} swings between the rows and runs away outside their range;"
            " trust the cross-validation, not the training loss"
        )
    columns = data.design.encoder.columns
    texts = {name for column in columns if column.dependent for name in column.features}
    if data.design.polynomial is None and exact.rank < len(names) - sum(column.dependent for column in columns):
        # One value of every text column follows from the others; that is no news.
        mixed = [name for name, share in zip(names, exact.dependent, strict=True) if share > 1e-6]
        mixed = [printable(name, 40) for name in mixed if name not in texts] or [printable(name, 40) for name in mixed]
        listed = ", ".join(mixed[:6]) + (", ..." if len(mixed) > 6 else "")
        notes.append(
            f"rank {exact.rank} of {len(names)}: {listed} follow from each other;"
            " of all equally good weights the smallest are taken"
        )
    heights = leverages(X, exact)
    heavy = np.argsort(-heights, kind="stable")[: np.count_nonzero(heights > HEAVY)]
    for row in heavy[:3]:
        feature = int(np.abs(X[row]).argmax())
        notes.append(
            f"{data.table.name} line {data.table.lines[data.train[row]]} is far from all others in"
            f" {printable(names[feature], 80)} ({X[row, feature]:+.3g} deviations): it decides {heights[row]:.0%} of"
            " its own prediction; check it"
        )
    if len(heavy) > 3:
        notes.append(f"{len(heavy) - 3:,} more rows decide over half of their own predictions")
    return notes
