"""A linear regression as a header: the scaler, the logarithms and the polynomial inside."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from brainbox_core import metrics
from brainbox_core.errors import InputError
from brainbox_core.export.c_names import Foreign
from brainbox_core.export.draft import Choices, Material
from brainbox_core.export.tabular.draft import TabularDraft
from brainbox_core.export.tabular.formula import Formula, Layer
from brainbox_core.export.tabular.rows import TableRows
from brainbox_core.export.tabular.subject import Subject
from brainbox_core.files.reading import printable
from brainbox_core.model.sequential import Sequential
from brainbox_core.tasks.regress import train as regress
from brainbox_core.tasks.regress.design import Design, logged_name

_MOST_POWERS = 255  # that the table of terms can name in a byte each


def draft(model: Sequential, name: str, choices: Choices, material: Material) -> TabularDraft:
    """The header of a model of `regress`.

    Raises:
        InputError: the polynomial has too many powers, or float32 is not precise enough.
    """
    meta = model.meta
    design = Design.from_config(meta)
    logged = {logged_name(name): name for name in design.log}
    columns = [column.name for column in design.encoder.columns]
    rows = TableRows(
        design.encoder,
        [logged.get(column, column) for column in columns],
        ["log" if column in logged else "" for column in columns],
    )
    target, log = meta["target"]["name"], meta["target"]["log"]

    def judge(X: np.ndarray, results: np.ndarray, truth: np.ndarray) -> str:
        r2, rmse = metrics.r2(truth, results), metrics.rmse(truth, results)
        doubt = regress.contradiction(r2, meta.get("metrics", {}))
        return f"R2 {r2:.4f}, RMSE {rmse:,.4g} on {len(X):,} held-out rows" + (f", but R2 {doubt}" if doubt else "")

    result = "exp" if log else "linear"
    formulas = _formulas(design, np.array(meta["weights"]), meta["intercept"], rows.steps.transforms, result)
    terms = "" if design.polynomial is None else f"{len(design.polynomial.terms)} terms of "
    subject = Subject(
        formulas=[rows.steps.of(formula) for formula in formulas],
        values=rows.values,
        meaning=Foreign(f"{printable(target, 80)} as predicted"),
        threshold=None,
        probability=False,
        trained=lambda X: regress.predict(model, rows.table(X)),
        sample=rows.sample,
        rows=rows.rows,
        judge=judge,
        learned={key: meta[key] for key in ("features", "log", "polynomial", "target", "weights", "intercept")},
        words=f"{terms}{len(design.encoder.names)} features{', exponential' * log}",
    )
    return TabularDraft(model, name, choices, material, subject)


def _formulas(
    design: Design, weights: np.ndarray, intercept: float, transforms: tuple[str, ...], result: str
) -> list[Formula]:
    """Two formulas: one with the scaler folded into the weights, one that keeps it."""
    offset, scale = design.encoder.offset, design.encoder.scale
    with np.errstate(over="ignore"):
        if design.polynomial is None:
            own, constant = design.encoder.own_units(weights, intercept)
            kept = offset.astype(np.float32), (1 / scale).astype(np.float32)
            rounded = (kept[0] - offset) / scale  # what the offsets lost as float32
            return [
                Formula(transforms, (_layer(own, constant),), result=result),
                Formula(transforms, (_layer(weights, intercept + rounded @ weights),), *kept, result=result),
            ]
        polynomial = design.polynomial
        if (powers := len(offset) * max(map(len, polynomial.terms))) > _MOST_POWERS:
            what = f"a polynomial with {powers:,} powers of its features cannot be exported"
            raise InputError(what, expected=f"at most {_MOST_POWERS}", fix="use a lower degree or fewer columns")
        middle, reach = offset + scale * polynomial.zero, scale * (polynomial.one - polynomial.zero)
        terms = tuple(
            tuple((feature, term.count(feature)) for feature in dict.fromkeys(term)) for term in polynomial.terms
        )
        own = weights / polynomial.scale
        layer = _layer(own, intercept - polynomial.offset @ own)
        scaler = middle.astype(np.float32), (1 / reach).astype(np.float32)
        formula = Formula(transforms, (layer,), *scaler, terms=terms, result=result)
        return [formula, replace(formula, shift=((scaler[0] - middle) / reach).astype(np.float32))]


def _layer(weights: np.ndarray, intercept: float | np.ndarray) -> Layer:
    return Layer("linear", weights[:, None].astype(np.float32), np.array([intercept], np.float32))
