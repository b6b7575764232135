import hashlib
import io
import math
import os
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainbox_core.errors import InputError
from brainbox_core.text import characters
from brainbox_core.text.characters import OTHER, Alphabet, bigram_bits, read_text, unigram_bits


def read(content: bytes, tmp_path, name="text.txt") -> str:
    (tmp_path / name).write_bytes(content)
    return read_text(tmp_path / name).characters


@pytest.mark.parametrize(
    "content",
    [b"one\ntwo\nthree", b"one\r\ntwo\r\nthree", b"one\rtwo\rthree", b"\xef\xbb\xbfone\r\ntwo\nthree"],
    ids=["unix", "windows", "old mac", "marked and mixed"],
)
def test_line_ends_and_marks_make_no_difference(content, tmp_path):
    assert read(content, tmp_path) == "one\ntwo\nthree"


def test_the_hash_is_that_of_the_file(tmp_path):
    content = "naïve\r\n".encode()
    (tmp_path / "text").write_bytes(content)
    text = read_text(tmp_path / "text")
    assert (text.characters, text.sha256) == ("naïve\n", hashlib.sha256(content).hexdigest())


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is empty"),
        (b"abc\ncaf\xe9 au lait", r"line 2: is not UTF-8: byte 0xe9"),
        (b"abc\n\nd\0e", r"line 3: holds a NUL"),
        ("abc".encode("utf-16"), "UTF-16"),
        ("abc".encode("utf-32"), "UTF-32"),
        (b"\0\0\xfe\xff" + "abc".encode("utf-32-be"), "UTF-32"),
        (b"\x89PNG\r\n\x1a\n" + bytes(20), "is a PNG picture"),
        (b"\x1f\x8b\x08", "is a gzip file"),
        (b"\x7fELF" + bytes(range(256)), "is a program"),
        (b"\x93NUMPY\x01\x00", "is a NumPy array"),
    ],
    ids=["empty", "latin-1", "NUL", "UTF-16", "UTF-32", "big-endian", "PNG", "gzip", "program", "npy"],
)
def test_what_is_no_utf8_text_is_told(content, told, tmp_path):
    with pytest.raises(InputError, match=told) as raised:
        read(content, tmp_path)
    assert "text.txt" in raised.value.where
    assert raised.value.fix


def test_web_pages_are_texts(tmp_path):
    assert read(b"<!DOCTYPE html>", tmp_path) == "<!DOCTYPE html>"


def test_a_folder_and_a_pipe_are_no_texts(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for name in ("", "pipe", "missing"):
        with pytest.raises(InputError):
            read_text(tmp_path / name)


def test_a_text_that_is_too_large_is_never_read(tmp_path, monkeypatch):
    with (tmp_path / "large").open("wb") as file:
        file.truncate(10 * 2**30)  # a hole: it takes no room on the disk
    with pytest.raises(InputError, match=r"is too large: 10,737,418,240 bytes, at most 100,000,000") as raised:
        read_text(tmp_path / "large")
    assert raised.value.fix
    monkeypatch.setattr(characters, "MOST_BYTES", 5)
    with pytest.raises(InputError, match="standard input: is too large") as raised:
        read_text(io.BytesIO(b"123456"))
    assert raised.value.fix


def test_a_stream():
    text = read_text(io.BytesIO(b"to be\r\n"))
    assert (text.characters, text.name) == ("to be\n", "standard input")


@given(st.text(st.characters(codec="utf-8"), min_size=1))
def test_any_text_comes_back(text):
    alphabet = Alphabet.of(text)
    ids = alphabet.ids(text)
    assert ids.dtype == np.uint16
    assert alphabet.text(ids) == text
    assert list(alphabet.characters) == sorted(set(text))


def test_too_many_characters_share_one_number():
    text = "".join(chr(0x10000 + number) for number in range(200_000)) + "aab"
    alphabet = Alphabet.of(text, most=3)
    assert alphabet.characters == ("a", "b", OTHER)
    assert alphabet.text(alphabet.ids("ba" + text[5])) == "ba" + OTHER
    assert len(Alphabet.of(text)) == characters.MOST_CHARACTERS


def test_a_character_that_stands_for_others_takes_no_second_place():
    assert Alphabet.of(OTHER * 9 + "abc", most=3).characters == ("a", "b", OTHER)


def test_a_rare_character_may_have_a_number_in_any_case():
    assert Alphabet.of("aaabbbccc\n", most=3, always="\n").characters == ("\n", "a", OTHER)
    assert Alphabet.of("ab", most=3, always="\n").characters == ("\n", "a", "b")


def test_an_unknown_character_is_named():
    with pytest.raises(InputError, match=r"'é' \(U\+00E9\)"):
        Alphabet("abc").ids("abécé")
    with pytest.raises(InputError, match=r"'\\x1b' \(U\+001B\)"):
        Alphabet("abc").ids("\x1b")


def test_an_alphabet_has_every_character_once():
    with pytest.raises(ValueError, match="different"):
        Alphabet("aba")


def test_the_order_of_an_alphabet_is_kept():
    assert Alphabet("cab").ids("abc").tolist() == [1, 2, 0]


RNG = np.random.Generator(np.random.Philox(key=5))
TRAIN, TEXT, SIZE = RNG.integers(0, 5, 300).astype(np.uint16), RNG.integers(0, 5, 100).astype(np.uint16), 5


def test_unigrams_beside_a_plain_count():
    counts = Counter(TRAIN.tolist())
    bits = [-math.log2((counts[c] + 1) / (len(TRAIN) + SIZE)) for c in TEXT[1:].tolist()]
    assert unigram_bits(TRAIN, TEXT, SIZE) == pytest.approx(sum(bits) / len(bits), rel=1e-12)


def test_bigrams_beside_a_plain_count():
    train, text = TRAIN.tolist(), TEXT.tolist()
    pairs, before = Counter(pairwise(train)), Counter(train[:-1])
    bits = [-math.log2((pairs[pair] + 1) / (before[pair[0]] + SIZE)) for pair in pairwise(text)]
    assert bigram_bits(TRAIN, TEXT, SIZE) == pytest.approx(sum(bits) / len(bits), rel=1e-12)


def test_what_never_came_before_is_not_impossible():
    assert math.isfinite(bigram_bits(np.zeros(10, np.uint16), np.array([2, 1, 2], np.uint16), 3))


def test_many_characters_do_not_overflow_their_numbers():
    ids = np.full(10, 900, np.uint16)  # 900 * 1000 is more than 16 bits hold
    assert bigram_bits(ids, ids, 1000) == pytest.approx(-math.log2(10 / 1009))
