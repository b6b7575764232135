import io

import numpy as np
import pytest

from brainbox_core.errors import InputError, UsageError
from brainbox_core.tables.table import read_table, table_of
from brainbox_core.tasks.learning import folds, inputs


@pytest.mark.parametrize("count", [2, 3, 7])
def test_every_row_is_in_one_part_and_each_part_has_its_share_of_the_classes(count):
    labels = (np.arange(100) % 10 == 3).astype(int)
    parts = list(folds(labels, count, seed=4))
    assert sorted(np.concatenate([test for _, test in parts])) == list(range(100))
    for rest, test in parts:
        assert sorted([*rest, *test]) == list(range(100))
        assert (np.diff(rest) > 0).all() and (np.diff(test) > 0).all()
        assert abs(labels[test].sum() - 10 / count) < 1 and abs(len(test) - 100 / count) < 1


def test_the_seed_decides():
    first, again, other = ([test.tolist() for _, test in folds(np.zeros(20), 4, seed)] for seed in (1, 1, 2))
    assert first == again != other


SHUFFLED = [12, 7, 101, 3, 55, 8, 9, 2, 40, 31, 77]


@pytest.mark.parametrize("name", ["id", "Id", "ID", "house_id", "PassengerId", "carID", "Serial No.", "S.No", "#"])
@pytest.mark.parametrize(
    "values",
    [
        range(11),
        range(1, 12),
        SHUFFLED,
        [*SHUFFLED[:-1], 12],
        [7_129_300_520 + number for number in SHUFFLED],
        list("abcdefghijk"),
    ],
    ids=["0", "1", "shuffled", "one-twice", "large", "text"],
)
def test_a_column_that_is_called_so_numbers_the_rows_in_whatever_order(name, values):
    notes = []
    table = table_of({name: values, "size": SHUFFLED, "price": SHUFFLED})
    assert inputs(table, "price", (), notes) == ["size"]
    assert notes == [f"column {name} numbers the rows: left out"]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("id", [*range(6), *range(5)]),  # of customers that come again
        ("id", [0.5, *range(10)]),
        ("id", [None, *range(10)]),
        ("paid", range(11)),
        ("humid", SHUFFLED),
        ("level", range(1, 12)),
    ],
)
def test_what_only_looks_like_a_number_of_the_row_is_learned_from(name, values):
    notes = []
    assert inputs(table_of({name: values, "price": SHUFFLED}), "price", (), notes) == [name]
    assert not notes


def test_a_column_without_a_name_numbers_the_rows():
    def names(first):
        lines = [f"{first},size,price", *(f"{number},5,{number}" for number in SHUFFLED)]
        return inputs(read_table(io.BytesIO("\n".join(lines).encode())), "price", (), [])

    assert names("") == names("Unnamed: 0") == ["size"]
    headless = read_table(io.BytesIO("\n".join(f"{number},5,{number}" for number in SHUFFLED).encode()))
    assert inputs(headless, "column_3", (), []) == ["column_1", "column_2"]  # where none has one, that says nothing


def test_counting_columns_of_any_name_are_left_out_where_a_class_is_predicted():
    table = table_of({"level": range(1, 12), "late": [*range(1, 11), 12], "size": SHUFFLED, "price": SHUFFLED})
    assert inputs(table, "price", (), [], counting=True) == ["late", "size"]
    assert inputs(table, "price", ["size", "late"], []) == ["level"]
    with pytest.raises(InputError, match='no column "sice"; did you mean "size"'):
        inputs(table, "price", ["sice"], [])
    with pytest.raises(UsageError, match="`drop`: price is what is predicted"):
        inputs(table, "price", ["price"], [])
