import copy
import io
import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainbox_core.errors import InputError, UsageError
from brainbox_core.tables.features import FeatureEncoder
from brainbox_core.tables.table import read_table, table_of
from tests.realdata import real_data

DATES = ["2014-10-13", "2014-10-18", "2014-05-19", "2014-10-20", "2014-10-27"]
TRAIN = {
    "sqft": [1000, None, 3000, 2000, 1500],
    "age": [3.0, 5.0, 4.0, 8.0, 1.0],
    "district": ["north", "south", "", "north", "west"],
}


def fitted(columns=None, **data):
    table = table_of(data or TRAIN)
    return FeatureEncoder.fit(table, columns or table.names)


def test_numbers_are_filled_and_standardised_and_texts_one_hot():
    encoder = fitted()
    assert encoder.names == ["sqft", "age", "district=north", "district=south", "district=west"]
    X = encoder.transform(TRAIN)
    raw = np.array([[1000, 3, 1, 0, 0], [1750, 5, 0, 1, 0], [3000, 4, 1, 0, 0], [2000, 8, 1, 0, 0], [1500, 1, 0, 0, 1]])
    np.testing.assert_allclose(X, (raw - raw.mean(axis=0)) / raw.std(axis=0), rtol=1e-14)
    np.testing.assert_allclose(X.mean(axis=0), 0, atol=1e-15)
    np.testing.assert_allclose(X.std(axis=0), 1, rtol=1e-14)
    np.testing.assert_allclose(encoder.offset, raw.mean(axis=0))
    np.testing.assert_allclose(encoder.scale, raw.std(axis=0))
    assert encoder.notes == [
        "sqft: 1 missing value filled with the median 1,750",
        'district: text, one feature for each of its 3 values; 1 missing value filled with the commonest, "north"',
    ]


def test_only_the_rows_given_are_measured():
    table = table_of({"a": [1.0, 3.0, 1e9], "b": ["x", "y", "z"]})
    encoder = FeatureEncoder.fit(table.take(np.array([0, 1])), ["a", "b"])
    assert encoder.names == ["a", "b=x", "b=y"]
    assert encoder.transform(table)[:2, 0].tolist() == [-1, 1]
    assert encoder.transform(table)[2, 0] == 1e9 - 2


def test_the_type_of_the_result_is_chosen():
    encoder = fitted()
    assert encoder.transform(TRAIN).dtype == np.float64
    single = encoder.transform(TRAIN, np.float32)
    assert single.dtype == np.float32
    np.testing.assert_array_equal(single, encoder.transform(TRAIN).astype(np.float32))
    assert np.isinf(encoder.transform({**TRAIN, "sqft": [1e300] * 5}, np.float32)[:, 0]).all()  # and no warning


def test_the_order_of_the_columns_in_the_table_does_not_matter():
    encoder = fitted()
    turned = {name: TRAIN[name] for name in reversed(TRAIN)} | {"more": [1] * 5}
    np.testing.assert_array_equal(encoder.transform(turned), encoder.transform(TRAIN))


def test_no_rows_give_no_features():
    assert fitted().transform({"sqft": [], "age": [], "district": np.array([], str).tolist()}).shape == (0, 5)


def test_an_unseen_text_is_zero_in_all_its_features():
    encoder = fitted()
    row = {"sqft": [1000], "age": [3], "district": ["mars\x1b[0m"]}
    raw = encoder.transform(row) * encoder.scale + encoder.offset
    np.testing.assert_allclose(raw, [[1000, 3, 0, 0, 0]], atol=1e-12)
    assert encoder.remarks(row) == [r'district "mars\x1b[0m" was not in the training data']
    many = {"sqft": [1000] * 7, "age": [3] * 7, "district": list("abcdefg")}
    assert encoder.remarks(many) == ['district "a", "b", "c", "d", "e", ... were not in the training data']


def test_spaces_around_texts_do_not_matter():
    assert fitted(a=[" x", "x ", "y"]).names == ["a=x", "a=y"]


def test_missing_values_are_filled_as_in_training():
    encoder = fitted()
    np.testing.assert_array_equal(
        encoder.transform({"sqft": [""], "age": ["NA"], "district": [" "]}),
        encoder.transform({"sqft": [1750], "age": [4], "district": ["north"]}),
    )
    assert encoder.remarks({"sqft": ["", "5"], "age": [3, 3], "district": ["", ""]}) == [
        "sqft 5 is outside the training range 1,000 to 3,000",
        "sqft: 1 missing value filled with the median 1,750",
        'district: 2 missing values filled with the commonest, "north"',
    ]


def test_values_outside_the_training_range_are_found():
    encoder = fitted()
    rows = {"sqft": ["1650000", "1000", "999"], "age": [8, 8.5, 1], "district": ["north"] * 3}
    sqft, age = encoder.outside(rows)
    assert (sqft.column, sqft.rows.tolist(), sqft.values.tolist()) == ("sqft", [0, 2], [1650000, 999])
    assert (sqft.low, sqft.high) == (1000, 3000)
    assert str(sqft) == "2 values of sqft are outside the training range 1,000 to 3,000"
    assert str(age) == "age 8.5 is outside the training range 1 to 8"
    assert encoder.outside(TRAIN) == encoder.remarks({**TRAIN, "sqft": [1000] * 5, "district": ["west"] * 5}) == []


def test_constant_and_empty_columns_are_left_out_and_said():
    day = "2014-10-13"
    encoder = fitted(
        a=[1, 2, 3],
        b=[5] * 3,
        c=["x"] * 3,
        d=[None] * 3,
        e=[7, None, 7],
        f=["", " ", ""],
        g=["x", "", "x"],
        h=[day] * 3,
    )
    assert encoder.names == ["a"]
    assert encoder.notes == [
        "b: always 5, left out",
        'c: always "x", left out',
        "d: empty in all 3 rows, left out",
        "e: always 7, missing in 1 row, left out",
        "f: empty in all 3 rows, left out",
        'g: always "x", missing in 1 row, left out',
        "h: always 2014-10-13, left out",
    ]
    assert encoder.transform({"a": [2]}).tolist() == [[0]]  # the others need not be there


# missing values that are many


def raw(encoder, rows):
    """The features before they are standardised."""
    return (encoder.transform(rows) * encoder.scale + encoder.offset).round(9).tolist()


def test_where_a_third_is_missing_they_are_filled_and_where_more_is_they_are_a_value():
    third = fitted(a=[1, None, 3], b=["x", "", "y"], c=["2014-05-01", "", "2014-06-02"])
    assert not any("missing" in name for name in third.names)
    data = {"a": [1, None, None, 5], "b": ["x", "", " ", "y"], "c": ["2014-05-01", "NA", "", "2014-05-03"]}
    encoder = fitted(**data)
    assert encoder.names == [
        *("a", "a=(missing)", "b=(missing)", "b=x", "b=y"),
        *("c", "c=Thursday", "c=Saturday", "c=(missing)"),
    ]
    assert encoder.notes == [
        "a: 2 missing values told apart by a feature of their own",
        "b: text, one feature for each of its 2 values; 2 missing values told apart by a feature of their own",
        "c: a date, as its days, months and days of the week; 2 missing values told apart by a feature of their own",
    ]
    first = 16191  # 1 May 2014
    assert raw(encoder, data) == [
        [1, 0, 0, 1, 0, first, 1, 0, 0],
        [3, 1, 1, 0, 0, first, 1, 0, 1],
        [3, 1, 1, 0, 0, first, 1, 0, 1],
        [5, 0, 0, 0, 1, first + 2, 0, 1, 0],
    ]
    np.testing.assert_allclose(encoder.transform(data).std(axis=0), 1)
    assert encoder.remarks(data) == []  # nothing was guessed
    assert reloaded(encoder).transform(data).tobytes() == encoder.transform(data).tobytes()


def test_a_mark_that_is_there_or_missing_is_a_feature():
    encoder = fitted(flag=[1, None, None], none=[0, None, None], x=["yes", "", ""])
    assert raw(encoder, {"flag": [1, ""], "none": ["0", ""], "x": ["yes", ""]}) == [[1, 0, 0, 1], [0, 1, 1, 0]]
    assert encoder.remarks({"flag": [""], "none": [""], "x": [""]}) == []
    assert encoder.notes[:2] == [
        "flag: always 1, missing in 2 rows, where it counts as 0",
        "none: always 0, missing in 2 rows, where it counts as 1",
    ]


# dates


def test_a_date_is_days_with_month_and_day_of_the_week():
    encoder = fitted(when=DATES)
    assert encoder.names == ["when", "when=May", "when=October", "when=Monday", "when=Saturday"]
    assert encoder.notes == ["when: a date, as its days, months and days of the week"]
    assert raw(encoder, {"when": ["2014-10-13 12:00", "2014-05-24"]}) == [
        [16356.5, 0, 1, 1, 0],
        [16214, 1, 0, 0, 1],
    ]
    rows = {"when": ["2015-06-19", ""]}
    assert encoder.remarks(rows) == [
        "when 2015-06-19 is outside the training range 2014-05-19 to 2014-10-27",
        "when June, Friday were not in the training data",
        "when: 1 missing value filled with 2014-10-18, the one in the middle",
    ]
    assert raw(encoder, rows) == [[16605, 0, 0, 0, 0], [16361, 0, 1, 0, 1]]
    assert reloaded(encoder).remarks(rows) == encoder.remarks(rows)


def test_day_and_month_are_told_apart_by_the_whole_column():
    table = read_table(io.BytesIO(b"when,x\n01/02/2014,1\n02/02/2014,2\n13/02/2014,3\n"), "t.csv")
    encoder = FeatureEncoder.fit(table.take(np.array([0, 1])), ["when"])
    assert raw(encoder, {"when": ["03/02/2014"]})[0][0] == 16104
    with pytest.raises(InputError, match='column "when": "02/13/2014" is not a date with the day first'):
        encoder.transform({"when": ["02/13/2014"]})
    open_ = read_table(io.BytesIO(b"when,x\n01/02/2014,1\n02/03/2014,2\n"), "t.csv")
    with pytest.raises(InputError, match=r'^t.csv column "when": day and month cannot be told apart'):
        FeatureEncoder.fit(open_, ["when", "x"])
    assert FeatureEncoder.fit(open_, ["x"]).names == ["x"]


def test_days_at_hand_are_days_and_numbers_of_a_file_are_not():
    encoder = fitted(when=DATES)
    assert raw(encoder, {"when": [16356.0]}) == raw(encoder, {"when": ["2014-10-13"]})
    table = read_table(io.BytesIO(b"when,x\n20141013,1\n16356,1\n"), "t.csv")
    assert not table.is_text("when")
    assert raw(encoder, table.take(np.array([0]))) == raw(encoder, {"when": ["2014-10-13"]})
    with pytest.raises(InputError, match=r't.csv line 3, column "when": "16356" is not a date'):
        encoder.transform(table)


# numbers in another notation


def test_the_notation_of_the_training_reads_all_other_numbers():
    table = read_table(io.BytesIO(b"sqft;rooms\n1.050;5\n537;2\n812,5;3\n"), "t.csv")
    encoder = FeatureEncoder.fit(table, ["sqft", "rooms"])
    for again in (encoder, reloaded(encoder)):
        assert raw(again, {"sqft": ["1.050", "812,5"], "rooms": ["1.050", "3"]}) == [[1050, 1050], [812.5, 3]]
        with pytest.raises(InputError, match=r'"1.05" is not a number; write it as 1.234,5 is written'):
            again.transform({"sqft": ["1.05"], "rooms": ["3"]})
        with pytest.raises(InputError, match='column "sqft": its marks are'):
            again.transform(read_table(io.BytesIO(b"sqft,rooms\n1.5,2\n"), "t.csv"))
    whole = FeatureEncoder.fit(read_table(io.BytesIO(b"a;b\n537;x\n12;y\n"), "t.csv"), ["a"])
    for again in (whole, reloaded(whole)):
        assert raw(again, {"a": ["1.5", "0.125", "1050"]}) == [[1.5], [0.125], [1050]]
        with pytest.raises(InputError, match=r'"1.050" is not a number; it may be 1.05 or 1050: say which'):
            again.transform({"a": ["1.050"]})
    assert raw(whole, read_table(io.BytesIO(b"a;b\n1.050;x\n1.5;y\n"), "t.csv")) == [[1.05], [1.5]]
    english = FeatureEncoder.fit(table_of({"a": [1.0, 2.0]}), ["a"])
    assert raw(english, {"a": ["1.050"]}) == [[1.05]]
    with pytest.raises(InputError, match='"1,050" is not a number'):
        english.transform({"a": ["1,050"]})


def test_large_numbers_that_vary_are_no_constants():
    X = fitted(a=[1e15, 1e15 + 2]).transform({"a": [1e15, 1e15 + 2]})
    assert X.tolist() == [[-1], [1]]
    assert fitted(a=[1e-100, 3e-100]).names == ["a"]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({"a": [5, 5], "b": [None, None]}, "no column is left to learn from .a: always 5, left out; b: empty"),
        ({"a": []}, "there are no rows"),
        ({"a": [1e308, -1e308]}, '^column "a": values from -1e.308 to 1e.308 cannot be standardised'),
        ({"a": [5e-324, 0]}, "cannot be standardised"),
        ({"a": [f"text {i}" for i in range(51)]}, 'column "a" is text with 51 different values: expected at most 50'),
    ],
)
def test_columns_that_cannot_be_encoded(data, says):
    with pytest.raises(InputError, match=says):
        fitted(**data)


def test_fifty_texts_are_encoded():
    assert len(fitted(a=[f"text {i}" for i in range(50)]).names) == 50


def test_mistakes():
    encoder = fitted()
    with pytest.raises(UsageError, match="twice"):
        fitted(["age", "age"])
    with pytest.raises(InputError, match='no column "ages"; did you mean "age"'):
        fitted(["ages"])
    with pytest.raises(InputError, match='no column "district"'):
        encoder.transform({"sqft": [1], "age": [2]})
    with pytest.raises(InputError, match=r'^column "sqft": "big" is not a number'):
        encoder.transform({"sqft": ["big"], "age": [2], "district": ["north"]})
    table = read_table(io.BytesIO(b"a,b\n1,2\nx,3\n4,5\n"), "t.csv")
    with pytest.raises(InputError, match=r't\.csv line 3, column "a": "x" is not a number'):
        FeatureEncoder.fit(table, ["a", "b"])


@pytest.mark.parametrize("outputs", [(), (3,)])
def test_a_linear_model_in_the_units_of_the_data(outputs):
    encoder = fitted()
    random = np.random.Generator(np.random.PCG64(0))
    weights, bias = random.normal(size=(5, *outputs)), random.normal(size=outputs)
    X = encoder.transform(TRAIN)
    own, intercept = encoder.own_units(weights, bias)
    assert (own.shape, np.shape(intercept)) == (weights.shape, np.shape(bias))
    np.testing.assert_allclose((X * encoder.scale + encoder.offset) @ own + intercept, X @ weights + bias, rtol=1e-12)


# in a model's file


def reloaded(encoder):
    return FeatureEncoder.from_config(json.loads(json.dumps(encoder.config())))


def test_a_config_brings_back_the_same_bits():
    encoder = fitted()
    again = reloaded(encoder)
    assert again.config() == encoder.config()
    assert again.names == encoder.names
    assert again.columns == encoder.columns
    rows = {"sqft": [1, None], "age": [1 / 3, 2], "district": ["", "mars"]}
    assert again.transform(rows).tobytes() == encoder.transform(rows).tobytes()
    assert again.remarks(rows) == encoder.remarks(rows)


FINITE = st.floats(-1e100, 1e100)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(FINITE | st.none(), st.text(max_size=3)), min_size=2, max_size=40))
def test_a_config_of_any_data_brings_back_the_same_bits(rows):
    data = {"a": [a for a, _ in rows], "b": [b for _, b in rows], "c": list(range(len(rows)))}
    try:
        encoder = fitted(**data)
    except InputError as error:
        assert "cannot be standardised" in str(error)
        return
    X = encoder.transform(data)
    assert np.isfinite(X).all()
    assert reloaded(encoder).transform(data).tobytes() == X.tobytes()


def change(path, value):
    def apply(config):
        place = config["columns"]
        for step in path[:-1]:
            place = place[step]
        if value is KeyError:
            del place[path[-1]]
        else:
            place[path[-1]] = value

    return apply


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ((0, "kind"), "other"),
        ((0, "kind"), KeyError),
        ((0, "kind"), ["number"]),
        ((0, "name"), 5),
        ((0, "name"), "age"),
        ((0, "name"), KeyError),
        ((0, "extra"), 1),
        ((0,), "sqft"),
        ((0, "fill"), "1"),
        ((0, "fill"), True),
        ((0, "fill"), None),
        ((0, "offsets"), 1.0),
        ((0, "offsets", 0), math.nan),
        ((0, "offsets", 0), 10**400),
        ((0, "offsets"), [0.5, 0.5]),
        ((0, "scales"), []),
        ((0, "scales"), [1.0, 1.0, 1.0]),
        ((0, "scales", 0), 0.0),
        ((0, "scales", 0), -1.0),
        ((0, "scales", 0), math.inf),
        ((0, "low"), math.nan),
        ((0, "notation"), ".,"),
        ((0, "notation", "decimal"), ";"),
        ((0, "notation", "decimal"), ".,"),
        ((0, "notation", "thousands"), "."),
        ((0, "notation", "thousands"), "x"),
        ((0, "notation", "thousands"), None),
        ((0, "notation", "unit"), 5),
        ((0, "notation", "more"), 5),
        ((3, "order"), "day or month first"),
        ((3, "order"), ["year first"]),
        ((3, "parts"), ["October", "May", "Monday", "Saturday"]),
        ((3, "parts"), ["May", "October", "Monday", "Sabbath"]),
        ((3, "parts"), "May"),
        ((3, "parts"), []),
        ((3, "fill"), None),
        ((0, "low"), 1e9),
        ((2, "values"), ["north", "south"]),
        ((2, "values"), ["north", "north", "west"]),
        ((2, "values"), ["north", 5, "west"]),
        ((2, "values"), "abc"),
        ((2, "values"), {"north": 1}),
        ((2, "values"), []),
        ((2, "fill"), "mars"),
        ((2, "fill"), ["north"]),
        ((2, "values", 0), ""),
        ((2, "offsets"), [0.5, 0.5]),
        ((2, "offsets", 0), math.nan),
        ((2, "offsets", 0), None),
        ((2, "scales", 1), 0),
        ((2, "scales", 1), "1"),
        ((2, "scales"), 1.0),
        ((2, "scales"), KeyError),
    ],
    ids=repr,
)
def test_a_malformed_config_is_refused(path, value):
    config = copy.deepcopy(fitted(**TRAIN, when=DATES).config())
    FeatureEncoder.from_config(config)
    change(path, value)(config)
    with pytest.raises(InputError, match="the model's features are malformed"):
        FeatureEncoder.from_config(config)


@pytest.mark.parametrize("config", [None, [], {}, {"columns": []}, {"columns": {}}, {"columns": [1], "more": 2}, "x"])
def test_what_is_no_config_is_refused(config):
    with pytest.raises(InputError, match="malformed"):
        FeatureEncoder.from_config(config)


@pytest.mark.parametrize("count", [1, 51])
def test_too_few_and_too_many_texts_are_refused(count):
    texts = [str(number) for number in range(count)]
    entry = {"kind": "text", "name": "a", "fill": "0", "values": texts, "offsets": [0.5] * count, "scales": [1] * count}
    with pytest.raises(InputError, match="lists that do not fit"):
        FeatureEncoder.from_config({"columns": [entry]})


def test_too_many_columns_are_refused():
    entry = fitted().config()["columns"][0]
    with pytest.raises(InputError, match="malformed: expected 1 to 10,000 columns"):
        FeatureEncoder.from_config({"columns": [{**entry, "name": str(i)} for i in range(10_001)]})


def test_california_houses():
    table = read_table(real_data("houses/california_housing.csv"))
    encoder = FeatureEncoder.fit(table, [name for name in table.names if name != "median_house_value"])
    assert len(encoder.names) == 8 + 5
    assert encoder.notes == [
        "total_bedrooms: 207 missing values filled with the median 435",
        "ocean_proximity: text, one feature for each of its 5 values",
    ]
    X = encoder.transform(table)
    np.testing.assert_allclose(X.std(axis=0), 1, rtol=1e-12)
