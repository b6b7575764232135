"""Messages as rows of features."""

import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainbox_core.errors import InputError, UsageError
from brainbox_core.tasks.spam import settings as spam_settings
from brainbox_core.text import bag_of_words, tokens
from brainbox_core.text.bag_of_words import BagOfWords

MESSAGES = ["win a prize now", "see you at home", "win win!!", "at home now", "ok"]


def names_in(bag: BagOfWords, message: str) -> dict[str, float]:
    row = bag.transform([message])
    names = list(bag.vocabulary)
    return {names[column]: value for column, value in zip(row.indices.tolist(), row.data.tolist(), strict=True)}


def test_the_features_of_a_message():
    bag = BagOfWords(ngrams=3, chars=3).fit(["go to it!"])
    assert set(bag.vocabulary) == {
        *("go", "to", "it", "!", "go to", "to it", "go to it", "<length 3>"),
        *("~_g", "~go", "~o_", "~_go", "~go_", "~_t", "~to", "~_to", "~to_", "~_i", "~it", "~t_", "~_it", "~it_"),
    }


def test_words_follow_each_other_over_marks():
    assert "you now" in BagOfWords(ngrams=2).fit(["you, now"]).vocabulary


def test_no_text_passes_for_the_length_or_for_the_characters_of_a_word():
    bag = BagOfWords(ngrams=2, chars=2).fit(["a " * 16, "xy z"])
    assert "<length 5>" in names_in(bag, "a " * 16) and "~xy" in names_in(bag, "xy")
    for message in ("length 5", "<length 5>", "< length 5 >", "~x y", "~ x"):
        assert not {"<length 5>", "~xy"} & set(names_in(bag, message))


@pytest.mark.parametrize("counts", [False, True])
def test_presence_or_counts(counts):
    bag = BagOfWords(chars=0, counts=counts).fit(MESSAGES)
    assert names_in(bag, "win win win now") == {"win": 3.0 if counts else 1.0, "now": 1.0, "<length 3>": 1.0}


def test_unknown_words_and_empty_messages_have_rows_too():
    bag = BagOfWords().fit(MESSAGES)
    rows = bag.transform(["", "qqq", "home"])
    assert rows.shape == (3, bag.columns) and np.diff(rows.indptr)[0] == 0


def test_among_many_messages_what_only_one_has_is_no_feature():
    bag = BagOfWords(chars=0).fit([*["see you"] * 999, "rare words"])
    assert set(bag.vocabulary) == {"see", "you", "<length 2>"}


def test_columns_go_by_frequency_then_name_whatever_the_order_of_the_messages():
    one, other = (BagOfWords(chars=0).fit(messages).vocabulary for messages in (MESSAGES, MESSAGES[::-1]))
    assert list(one) == list(other)
    assert list(one)[:5] == ["<length 2>", "<length 3>", "at", "home", "now"]


def test_too_many_features_are_hashed_by_crc_32():
    bag = BagOfWords(chars=0, most=7).fit(MESSAGES)
    assert (bag.vocabulary, bag.columns) == (None, 7)
    found = bag.transform(["prize ☎"]).indices.tolist()
    assert set(found) == {zlib.crc32(name.encode()) % 7 for name in ("prize", "☎", "<length 2>")}


def test_hashing_sets_in_when_counting_would_take_too_much_memory(monkeypatch):
    monkeypatch.setattr(bag_of_words, "MOST_COUNTED", 20)
    assert BagOfWords().fit(MESSAGES).vocabulary is None


@given(
    st.lists(st.sampled_from([*"abc!", "win", "now", "home"]), max_size=8).map(" ".join), st.booleans(), st.booleans()
)
def test_what_the_parts_of_a_message_add_is_the_whole(message, counts, hashed):
    bag = BagOfWords(ngrams=2, most=9 if hashed else 2**16, counts=counts).fit(MESSAGES)
    weight = np.linspace(-1, 1, bag.columns)
    total = sum(value for _, value in bag.contributions(message, weight))
    assert total == pytest.approx(float(bag.transform([message]).matmul(weight[:, None])[0, 0]), abs=1e-5)


@pytest.mark.parametrize("most", [5, 2**16])
def test_a_bag_comes_back_from_its_description(most):
    bag = BagOfWords(2, 3, most, counts=True).fit(MESSAGES)
    again = BagOfWords.from_config(bag.config(), "x")
    np.testing.assert_array_equal(again.transform(MESSAGES).dense(), bag.transform(MESSAGES).dense())
    assert again.config() == bag.config()


WRONG = {
    "nothing": None,
    "another tokenizer": {"tokenizer": tokens.VERSION + 1},
    "no number of words": {"ngrams": "2"},
    "too many words": {"ngrams": 10**9},
    "too many characters": {"chars": 10**9},
    "too many columns": {"columns": 2**40, "vocabulary": None},
    "a column too few": {"columns": 1},
    "not a list": {"vocabulary": {"a": 1}},
    "not text": {"vocabulary": [1, 2]},
    "a word twice": {"vocabulary": ["a", "a"]},
}


@pytest.mark.parametrize("changes", WRONG.values(), ids=WRONG)
def test_a_description_that_is_wrong_is_refused(changes):
    config = {
        "tokenizer": tokens.VERSION,
        "ngrams": 1,
        "chars": 2,
        "counts": False,
        "columns": 2,
        "vocabulary": ["a", "b"],
    }
    BagOfWords.from_config(config, "model.safetensors")
    with pytest.raises(InputError) as caught:
        BagOfWords.from_config(None if changes is None else {**config, **changes}, "model.safetensors")
    assert caught.value.where == "model.safetensors" and caught.value.fix == "train it again"


def test_it_has_to_be_fitted():
    with pytest.raises(UsageError, match="fit"):
        BagOfWords().transform(["a"])


def test_the_limits_are_those_of_the_settings():
    assert (bag_of_words.MOST_NGRAMS, bag_of_words.MOST_CHARS, bag_of_words.LARGEST) == (
        spam_settings.MOST_NGRAMS,
        spam_settings.MOST_CHARS,
        spam_settings.LARGEST_VOCABULARY,
    )


def test_the_memory_of_tokens_is_bounded_by_what_they_hold(monkeypatch):
    monkeypatch.setattr(bag_of_words, "MOST_REMEMBERED", 100)
    message = " ".join(f"{number:x}" + "longest" * 3 for number in range(97))  # 60 to 70 features each
    bag = BagOfWords(most=2**10).fit([message])
    bag.transform([message])
    for memory in (bag._columns_of_token, bag_of_words._NAMES):
        assert sum(map(len, memory.values())) <= 100


def test_of_one_message_with_too_many_features_no_more_are_held_than_show_this(monkeypatch):
    monkeypatch.setattr(bag_of_words, "MOST_COUNTED", 2**10)
    taken = []
    found = bag_of_words._distinct(taken.append(number) or f"w{number}" for number in range(10**6))
    assert 2**10 < len(found) == len(taken) <= 2**16
