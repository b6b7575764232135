import json

import numpy as np
import pytest

from brainbox_cli.exit_codes import ExitCode
from brainbox_cli.frame.document import Document
from brainbox_cli.frame.gate import Gate
from brainbox_core.errors import UsageError
from tests.cli.shell import SCHEMA, document


def test_a_document_is_valid_from_the_start():
    empty = Document(["mnist"])
    empty.set(timing={"total_s": 0.0})
    assert document(empty.text())["argv"] == ["mnist"]


def test_values_become_finite_json():
    filled = Document([])
    filled.set(
        metrics={"a": float("nan"), "b": np.float32(0.5), "c": float("inf")}, result={"table": np.eye(2, dtype=int)}
    )
    filled.set(metrics={"d": 1}, timing={"total_s": 0.0})
    fields = document(filled.text())
    assert fields["metrics"] == {"a": None, "b": 0.5, "c": None, "d": 1}
    assert fields["result"]["table"] == [[1, 0], [0, 1]]


def test_a_command_line_that_is_no_unicode_is_still_json():
    filled = Document(["\udcff"])
    filled.set(timing={"total_s": 0.0})
    assert filled.text().isascii()
    assert json.loads(filled.text())["argv"] == ["\udcff"]


def test_the_schema_knows_every_code():
    # A closed pipe has no reader left for a document.
    assert set(SCHEMA["properties"]["exit_code"]["enum"]) == set(ExitCode) - {ExitCode.CLOSED_PIPE}


@pytest.mark.parametrize(("value", "passes"), [(0.95, True), (0.9499, False), (float("nan"), False)])
def test_a_gate_from_below(value, passes):
    gate = Gate("test_accuracy", fail_under=0.95)
    assert bool(gate.failure(value)) is not passes
    assert gate.record(value) == {"metric": "test_accuracy", "fail_under": 0.95, "passed": passes}


@pytest.mark.parametrize(("value", "passes"), [(2.0, True), (2.1, False), (float("nan"), False)])
def test_a_gate_from_above(value, passes):
    assert bool(Gate("rmse", fail_over=2.0).failure(value)) is not passes


def test_no_gate():
    assert Gate("rmse").record(1.0) is None
    assert Gate("rmse").failure(float("nan")) == ""


def test_an_accuracy_over_one_would_never_pass():
    with pytest.raises(UsageError) as caught:
        Gate("test_accuracy", fail_under=95)
    assert caught.value.fix == "write 95%"
