"""A fraud detector as a header: the scaler inside, the threshold in the last bias."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from brainbox_core import metrics
from brainbox_core.errors import InputError
from brainbox_core.exact import bfloat16
from brainbox_core.export.c_names import Foreign
from brainbox_core.export.draft import Choices, Material
from brainbox_core.export.network.lower import lower
from brainbox_core.export.tabular.draft import TabularDraft
from brainbox_core.export.tabular.formula import Formula, Layer
from brainbox_core.export.tabular.rows import TableRows
from brainbox_core.export.tabular.subject import Subject
from brainbox_core.model.sequential import Sequential
from brainbox_core.tables.features import FeatureEncoder
from brainbox_core.tasks.fraud import data as fraud_data
from brainbox_core.tasks.fraud import train as fraud

_TRANSFORMS = {fraud_data.AMOUNT: "log1p", fraud_data.CLOCK: "day"}


def draft(model: Sequential, name: str, choices: Choices, material: Material) -> TabularDraft:
    """The header of a model of `fraud`.

    Raises:
        InputError: a layer cannot be exported, or float32 is not precise enough.
    """
    encoder, threshold = FeatureEncoder.from_config(model.meta["features"]), model.meta["threshold"]
    columns = [column.name for column in encoder.columns]
    rows = TableRows(encoder, fraud_data.sources(encoder), [_TRANSFORMS.get(column, "") for column in columns])

    def trained(X: np.ndarray) -> np.ndarray:
        table = fraud_data.derived(rows.table(X), list(rows.sources))
        return fraud.score(model, encoder.transform(table, np.float32)) - threshold

    def judge(X: np.ndarray, results: np.ndarray, truth: np.ndarray) -> str:
        same = int(((results >= 0) == (trained(X) >= 0)).sum())
        exported = metrics.average_precision(truth, results) if truth.any() else float("nan")
        agree = "all classes" if same == len(X) else f"{same:,} classes"
        return f"average precision {exported:.4f} on {len(X):,} held-out rows, {agree} as the model"

    formulas, words = _formulas(model, encoder, rows.steps.transforms, threshold)
    subject = Subject(
        formulas=[rows.steps.of(formula) for formula in formulas],
        values=rows.values,
        meaning=Foreign("the logarithm of the odds of a fraud, less the threshold: 0 or more is a fraud"),
        classes=[Foreign(name) for name in fraud.names(model)],
        threshold=float(np.float32(threshold)),
        probability=True,
        trained=trained,
        sample=rows.sample,
        rows=rows.rows,
        judge=judge,
        learned=[model.meta["features"], threshold],
        words=words,
    )
    return TabularDraft(model, name, choices, material, subject)


def _formulas(
    model: Sequential, encoder: FeatureEncoder, transforms: tuple[str, ...], threshold: float
) -> tuple[list[Formula], str]:
    """Formulas with the scaler folded into the first layer, where possible, and kept; the network in words."""
    squash, steps = "linear", list(lower(model).steps)
    words = [f"fc{step.output_shape[2]}" for step in steps]
    if steps[0].kind == "identity" and steps[0].activation != "leakyrelu":
        squash, words[0] = steps[0].activation, steps[0].activation
        steps = steps[1:]
    layers = []
    for step in steps:
        if step.kind != "linear" or step.activation == "leakyrelu" or step.weight is None or step.bias is None:
            raise InputError(f"{step.title} cannot be exported in a fraud detector", expected="linear layers")
        layers.append(Layer(step.title, step.weight, step.bias, step.activation))
    if not layers:
        raise InputError("the model has no linear layer", fix="train it again")
    layers[-1] = replace(layers[-1], bias=(layers[-1].bias - threshold).astype(np.float32))
    with np.errstate(over="ignore"):
        scaler = encoder.offset.astype(np.float32), (1 / encoder.scale).astype(np.float32)
        lost = (scaler[0] - encoder.offset) / encoder.scale  # by the offsets as float32
        if squash != "linear":
            halved = all((bfloat16.rounded(layer.weight) == layer.weight).all() for layer in layers)
            said = "-".join(words) + (", weights of 16 bits" if halved else "")
            formula = Formula(transforms, tuple(layers), *scaler, squash=squash, halved=halved)
            return [formula, replace(formula, shift=lost.astype(np.float32))], said
        first, weight, bias = layers[0], layers[0].weight, layers[0].bias.astype(np.float64)
        own, constant = encoder.own_units(weight, bias)
        folded = replace(first, weight=own.astype(np.float32), bias=constant.astype(np.float32))
        kept = replace(first, bias=(bias + lost @ weight).astype(np.float32))
        others = layers[1:]
        formulas = [Formula(transforms, (folded, *others)), Formula(transforms, (kept, *others), *scaler)]
        return formulas, "-".join(words)
