"""Strict JSON: what Python's parser lets through is refused, and nothing hostile costs memory or the stack."""

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainbox_core.errors import InputError
from brainbox_core.model.strict_json import MAX_DEPTH, MAX_VALUES, read_json

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@settings(deadline=None)
@given(JSON)
def test_reads_what_json_writes(value):
    assert read_json(json.dumps(value)) == value
    assert read_json(json.dumps(value, ensure_ascii=False, indent=1)) == value


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "not valid JSON"),
        ("", "not valid JSON"),
        ("{} {}", "not valid JSON"),
        ('\ufeff{"a": 1}', "not valid JSON"),
        ('{"a": "\0"}', "not valid JSON"),
        ('"abc', "string without an end"),
        ('{"a": 1, "b": 2, "a": 1}', "a key appears twice"),
        ('[{"x": {"a": 1, "a": 2}}]', "a key appears twice"),
        ("NaN", "NaN is not a finite number"),
        ("[Infinity]", "not a finite number"),
        ("[-Infinity]", "not a finite number"),
        ("1e999", "not a finite number"),
        ("-1e999", "not a finite number"),
        ("9" * 5000, "beyond 64 bits"),
        ("9" * 4000, "beyond 64 bits"),
        (str(2**64), "beyond 64 bits"),
        (str(-(2**63) - 1), "beyond 64 bits"),
        ("[" * 2**20, "levels"),
        ('{"a":' * 2**18, "levels"),
        ("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), "levels"),
        ("[" + "0," * MAX_VALUES + "0]", "values"),
        ("[" + "[]," * (MAX_VALUES // 2 + 1) + "0]", "values"),
    ],
    ids=lambda text: repr(text[:20]),
)
def test_refuses(text, says):
    with pytest.raises(InputError, match=says) as caught:
        read_json(text, where="model.json", fix="restore it")
    assert (caught.value.where, caught.value.fix) == ("model.json", "restore it")
    assert len(caught.value.line) < 200


def test_accepts_the_limits():
    assert read_json("[" * MAX_DEPTH + "]" * MAX_DEPTH)
    assert read_json(f"[{'[],' * 100}{{}}]") == [[]] * 100 + [{}]  # side by side is not deep
    assert len(read_json("[" + "0," * (MAX_VALUES - 1) + "0]")) == MAX_VALUES
    assert read_json(f"[{2**64 - 1}, {-(2**63)}]") == [2**64 - 1, -(2**63)]


def test_brackets_and_commas_within_strings_do_not_count():
    text = json.dumps(["[" * 100, "{,\\" * MAX_VALUES, '"]}"'])
    assert read_json(text) == json.loads(text)


@pytest.mark.parametrize(
    "text", ['"' + r"\"" * 2**21, r"\"" * 2**21, '"' * (2**21 + 1)], ids=["open", "bare", "quotes"]
)
def test_time_grows_with_the_length_and_not_with_its_square(text):
    start = time.process_time()
    with pytest.raises(InputError):
        read_json(text)
    assert time.process_time() - start < 5  # a quadratic scan would take hours
