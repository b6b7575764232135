"""The model file of one neuron: a linear layer for those who read weights, and the exact fractions beside it."""

from __future__ import annotations

import tempfile
from fractions import Fraction
from pathlib import Path

import numpy as np

from brainbox_core.errors import InputError
from brainbox_core.layers import Linear
from brainbox_core.model.sequential import Sequential
from brainbox_core.tasks.neuron.learn import Result, Vector, truth_table


def to_model(result: Result) -> Sequential:
    """A neuron that learned a truth table, as a model that can be saved and exported.

    Example:
        >>> from brainbox_core.tasks.neuron.learn import learn_table
        >>> model = to_model(learn_table("0111"))
        >>> model.meta["table"], len(weights_of(model)), model.input_shape
        ('0111', 3, (2,))
    """
    model = Sequential([Linear(1)])
    model.build((len(result.rows[0]),))
    *weights, bias = map(float, result.weights)
    weight = np.array(weights, np.float32)[:, None]
    model.load_state({"linear_0/weight": weight, "linear_0/bias": np.array([bias], np.float32)})
    model.meta = {
        "kind": "neuron",
        "table": "".join(map(str, result.targets)),
        "weights": [str(weight) for weight in result.weights],
        "solved": result.solved,
    }
    return model


def to_bytes(result: Result) -> bytes:
    """The content of its file."""
    with tempfile.TemporaryDirectory(prefix="brainbox-") as folder:
        path = Path(folder) / "model.safetensors"
        to_model(result).save(path)
        return path.read_bytes()


def weights_of(model: Sequential) -> Vector:
    """The exact weights, the bias last.

    Raises:
        InputError: the description is not that of a neuron; anybody may have written it.
    """
    try:
        texts, table = model.meta["weights"], model.meta["table"]
        if not all(type(text) is str and len(text) <= 100 for text in [*texts, table]):
            raise ValueError
        weights = tuple(map(Fraction, texts))
        _, rows, _ = truth_table(table)
        if len(weights) != len(rows[0]) + 1:
            raise ValueError
    except (KeyError, TypeError, ValueError, ZeroDivisionError, InputError) as error:
        raise InputError(
            "the model is no neuron: its weights or its table are malformed", fix="learn it again"
        ) from error
    return weights
