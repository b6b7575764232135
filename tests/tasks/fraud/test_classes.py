"""Any two values as classes, and which of them is the fraud."""

import numpy as np
import pytest

from brainbox_core.errors import InputError
from brainbox_core.tables.table import table_of
from brainbox_core.tasks.fraud.classes import Classes, labels_of


@pytest.mark.parametrize(
    ("common", "rare", "found"),
    [
        ("0", "1", ("0", "1")),
        ("1", "0", ("1", "0")),
        ("0.0", "1.0", ("0", "1")),
        ("-1", "1", ("-1", "1")),
        ("'-1'", "'1'", ("-1", "1")),
        ("2", "1", ("2", "1")),
        ("no", "yes", ("no", "yes")),
        ("genuine", "fraud", ("genuine", "fraud")),
        ("False", "True", ("False", "True")),
        (" Y ", "N", ("Y", "N")),
        ("ordinary", "0", ("ordinary", "0")),
    ],
)
def test_the_rarer_of_two_values_is_the_fraud(common, rare, found):
    labels, classes = labels_of(table_of({"c": [common] * 5 + [rare] + [common] * 2}), "c")
    assert labels.tolist() == [0] * 5 + [1] + [0] * 2
    assert classes == found


def test_numbers_of_a_column_of_numbers():
    labels, classes = labels_of(table_of({"c": [0.5, 0.5, -3]}), "c")
    assert (labels.tolist(), classes) == ([0, 0, 1], ("0.5", "-3"))


@pytest.mark.parametrize(("values", "fraud"), [("0110", "1"), (["10", "9"], "10"), (["yes", "no"], "yes")])
def test_of_equally_common_values_the_greater_is_the_fraud(values, fraud):
    assert labels_of(table_of({"c": list(values)}), "c")[1].fraud == fraud


def test_capitals_make_no_other_class():
    labels, classes = labels_of(table_of({"c": ["No", "no", "YES", "NO"]}), "c")
    assert (labels.tolist(), classes) == ([0, 0, 1, 0], ("No", "YES"))


def test_another_table_is_read_with_the_classes_of_the_first():
    known = Classes("-1", "1")
    labels, classes = labels_of(table_of({"c": ["'1'", "1.0", "-1"]}), "c", known)
    assert (labels.tolist(), classes) == ([1, 1, 0], known)
    assert labels_of(table_of({"c": ["1", "1"]}), "c", known)[0].tolist() == [1, 1]
    with pytest.raises(InputError, match="expected -1 or 1, got 0; write the classes as the training data did"):
        labels_of(table_of({"c": ["0", "1"]}), "c", known)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ([0, 0, 0], "holds only 0 in its 3 rows: expected two values"),
        ([None, None], "holds nothing in its 2 rows"),
        (["no", "yes", "", "no"], "row 3.*is no class: expected no or yes, got nothing"),
        (["no", "yes", "NA", "no"], "row 3.*is no class: expected no or yes, got nothing"),
        (["a", "b", "c", "a", "b"], "row 3.*is no class: expected a or b, got c"),
        ([10, 9, 9, 10, 7], "row 5.*is no class: expected 9 or 10, got 7"),
    ],
)
def test_what_is_no_class_is_refused(values, told):
    with pytest.raises(InputError, match=told):
        labels_of(table_of({"c": values}), "c")


def test_names_of_any_kind_are_fit_to_be_shown():
    assert Classes("a\n\x1b[1m", "b" * 99).names == ("a\\n\\x1b[1m", "b" * 40 + "...")
    assert np.array_equal(Classes("0", "1").names, ["honest", "fraud"])
