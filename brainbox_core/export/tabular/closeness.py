"""How close a formula in float32 is to the model, which computes in float64 from the numbers as the table has them."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np

from brainbox_core.errors import InputError
from brainbox_core.export.tabular import formula as formulas
from brainbox_core.export.tabular.formula import DAY, Formula
from brainbox_core.export.tabular.subject import Subject
from brainbox_core.rng import stream

SAMPLE = 256  # rows within the training range that are compared, beside those held out
CLOSE = 1e-5  # of a logit, or of the deviation of the predictions: the first formula that is so close is taken
MOST = 1e-4  # the same; what no formula comes so close to is refused
_FEW = 10  # rows, whose deviation says little
_FAR = 10  # times its range that a column lies from 0, from where on moving it there brings a digit


def closest(subject: Subject, held_out: np.ndarray) -> tuple[Formula, float]:
    """The first formula that is as close to the model as float32 should be, else the closest, and how far off it is.

    Args:
        subject: what is computed.
        held_out: rows (n, values) float64 that the model was not trained on, if there are any.

    Raises:
        InputError: none is close enough.
    """
    tiny, largest = float(np.finfo(np.float32).tiny), float(np.finfo(np.float32).max)
    for value in subject.values:
        if not tiny < max(abs(value.low), abs(value.high), value.high - value.low) < largest:
            name, range_ = value.name.shown(80), f"{value.low:.3g} to {value.high:.3g}"
            what = f'column "{name}" reaches from {range_}, which float32 does not hold'
            raise InputError(what, fix="use another unit for the column, and train again")
    rows = np.concatenate([subject.sample(stream(0, "agreement"), SAMPLE, 1.0), held_out])
    wanted = subject.trained(rows)
    usable = np.isfinite(wanted) & (np.abs(wanted) < largest / 2)
    if not usable.any():
        raise InputError(
            "float32 does not hold what is predicted", fix="use another unit for the target, and train again"
        )
    known = int(usable[SAMPLE:].sum())
    typical = slice(-known if known >= _FEW else None, None)
    rows, wanted = rows[usable], wanted[usable]
    off = partial(_off, wanted=wanted, size=_sizes(subject, wanted, wanted[typical]))
    best, gap = subject.formulas[0], math.inf
    for candidate in subject.formulas:
        layers = [part for layer in candidate.layers for part in (layer.weight, layer.bias)]
        if gap > CLOSE and all(np.isfinite(part).all() for part in (*candidate.scaler, *layers)):
            found = off(formulas.run(candidate, rows))
            best, gap = (candidate, found) if found < gap else (best, gap)
    if gap > MOST:
        raise _refused(subject, best, rows, rows[typical], off, gap)
    return best, gap


def _sizes(subject: Subject, wanted: np.ndarray, typical: np.ndarray) -> np.ndarray:
    """What errors are relative to: a logit, at least 1; else how far a prediction lies from the mean of typical ones.

    At least their deviation: a prediction of 1,000,003 among some from 1,000,000 to 1,000,005 is not one of a million.
    """
    if subject.threshold is not None:
        return np.maximum(np.abs(wanted), 1.0)
    spread = float(typical.std() or np.abs(typical).max() or 1.0)
    return np.maximum(np.abs(wanted - typical.mean()), spread)


def _off(found: np.ndarray, wanted: np.ndarray, size: np.ndarray) -> float:
    with np.errstate(all="ignore"):
        return float(np.max(np.abs(found.astype(np.float64) - wanted) / size, initial=0.0))


def _refused(
    subject: Subject,
    formula: Formula,
    rows: np.ndarray,
    typical: np.ndarray,
    off: Callable[[np.ndarray], float],
    gap: float,
) -> InputError:
    """The error that names what float32 has too few digits for: the target, a column, or all of it together."""
    wanted, moved = subject.trained(rows), []
    for place, transform in enumerate(formula.transforms):
        coarse = rows.copy()
        coarse[:, place] = _coarse(rows[:, place], transform == "log")
        moved.append(off(subject.trained(coarse)))
    if subject.threshold is None and off(_coarse(wanted, formula.result == "exp")) > max(*moved, gap / 10):
        return _too_coarse("what is predicted", wanted.min(), wanted.max(), "the target")
    low, high = typical.min(axis=0), typical.max(axis=0)
    far = np.maximum(np.abs(low), np.abs(high)) / np.where(high > low, high - low, np.inf)
    place = int(np.argmax(moved if max(moved) > gap / 10 else far))  # a value may also cost digits after it was rounded
    if far[place] < _FAR:
        what = f"the header would be {gap:.1e} off the model: float32 has too few digits for it"
        return InputError(what, fix="lower `degree`" if formula.terms else "leave out columns that say the same")
    transform = formula.transforms[place]
    column = "the column, take no logarithm of it" if transform == "log" else "the column"
    what = f'column "{subject.values[place].name.shown(80)}"'
    return _too_coarse(what, low[place], high[place], column, float(DAY) if transform == "day" else 0.0)


def _coarse(values: np.ndarray, log: bool) -> np.ndarray:
    """Values as float32 has them, or has their logarithms."""
    kept = (np.log(values) if log else values).astype(np.float32).astype(np.float64)
    return np.exp(kept) if log else kept


def _too_coarse(what: str, low: float, high: float, column: str, unit: float = 0.0) -> InputError:
    """The error for a range far from 0, with a round number that would bring it there."""
    unit = unit or 10.0 ** math.floor(math.log10((high - low) or 1.0))
    shift = math.floor(low / unit) * unit
    way = f"subtract {shift:,.10g} from" if shift > 0 else f"add {-shift:,.10g} to"
    error = f"{what} reaches from {low:,.10g} to {high:,.10g}: float32 has too few digits for it"
    return InputError(error, fix=f"{way} {column}, and train again")
