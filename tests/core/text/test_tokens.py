"""Words and marks: what becomes of every kind of text, and that no text takes long."""

import re
import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainbox_core.text import tokens as text
from brainbox_core.text.bag_of_words import BagOfWords
from brainbox_core.text.tokens import TOGETHER, fold, is_word, tokenize

CASES = {
    "Buy cheap meds now!! Click here": "buy cheap meds now !! click here",
    "FREE entry": "free <shout> entry",
    "OK go": "ok go",  # two capitals are no shouting
    "A1B2C3": "a0b0c0 <shout>",
    "don't rock'n'roll 'quoted'": "dont rocknroll ' quoted '",
    "win £1,000.50 or €5": "win $ 000000 or $ 5",
    "call 08712 345678": "call 00000 000000",
    "u 2 b4 gr8 2nite": "u 2 b4 gr8 2nite",
    "at 10.30 or 10:30": "at 0000 or 00 : 00",
    "wait.. what... ok.": "wait .. what .. ok .",
    "one,two 1,2 3,x": "one , two 00 3 , x",
    "http://www.win.com/x": "http <link> : // www <link> . win <link> com / x",
    "mail me@example.co.uk": "mail me @ example <link> co <link> uk",
    "EXAMPLE.COM": "example <shout> <link> com <shout>",
    "see u.common sense": "see u . common sense",
    "no .com here": "no . com here",
    "well.com's": "well . coms",
    "end.com'": "end <link> com '",
    "_under_ @me #tag": "_ under _ @ me # tag",
    "a" * 31: "a" * 30 + " <long>",
    "": "",
    " \t\n\u00a0\u2028": "",
    "🎉🎉🎉 😀": "🎉🎉 😀",
}


@pytest.mark.parametrize("message", CASES, ids=range(len(CASES)))
def test_cases(message):
    assert tokenize(message) == CASES[message].split()


FORGED = {
    "fr\u0435\u0435": "free",  # Cyrillic
    "\u0412\u0410NK": "bank <shout>",
    "fr\u200bee": "free",  # an invisible space
    "f\u00adree": "free",  # a soft hyphen
    "\uff46\uff52\uff45\uff45": "free",  # wide letters
    "\U0001d41f\U0001d42b\U0001d41e\U0001d41e": "free",  # mathematical letters
    "fre\u0301e": "free",
    "fr\u00e9e": "free",
    "don\u2019t": "dont",
    "\ufb01ne": "fine",
}


@pytest.mark.parametrize("word", FORGED, ids=map(ascii, FORGED))
def test_a_forged_word_is_read_as_the_word(word):
    assert tokenize(word) == FORGED[word].split()


@given(st.text())
def test_any_text_becomes_words_and_marks(message):
    tokens = tokenize(message)
    for token in tokens:
        if is_word(token):
            assert len(token) <= text.LONGEST + 10 and token == token.casefold()  # casefolding may lengthen
        else:
            assert token in (text.LINK, text.LONG, text.SHOUT) or (len(token) <= 2 and len(set(token)) == 1)
    assert tokens == [token for chunk in message.split() for token in tokenize(chunk)]


@given(st.text())
def test_all_ways_to_write_an_accent_are_one(message):
    for form in ("NFC", "NFD"):
        assert fold(unicodedata.normalize(form, message)) == fold(message)


@given(st.text(alphabet="aA1.,'! £ée\u0301com", max_size=30))
def test_what_was_met_before_changes_nothing(message):
    met = tokenize(message)
    for memory in (text._CHUNKS, text._PIECES, text._FOLDING):
        memory.clear()
    assert tokenize(message) == met


LONG = {
    "letters": "a",
    "links": "http://www.",
    "ends": ".com",
    "dots": "a.",
    "quotes": "a'",
    "numbers": "1,",
    "marks": "!?",
    "accents in any order": "\u0323\u0301",
    "invisible": "\u200b",
    "emoji": "😀",
    "words": "WIN £500 now! ",
    "characters of several words": "ﷺ",
    "addresses": "http://",
}


@pytest.mark.parametrize("piece", LONG.values(), ids=LONG)
def test_twice_the_text_takes_twice_the_time(piece):
    """A quadratic scanner would need a hundred times as long for ten times the text."""

    def seconds(size: int) -> float:
        best = float("inf")
        for attempt in range(3):
            message = "a" * (attempt + 1) + piece * (size // len(piece))  # never the one before, which is remembered
            begin = time.process_time()
            tokenize(message)
            best = min(best, time.process_time() - begin)
        return best

    assert seconds(200_000) < 40 * seconds(20_000) + 0.01


def test_the_memory_of_words_is_bounded():
    tokenize(" ".join(map(str, range(2 * text._MOST_REMEMBERED))))
    tokenize("x" * 10**5)
    assert max(len(text._CHUNKS), len(text._PIECES)) <= text._MOST_REMEMBERED
    assert max(map(len, text._CHUNKS)) <= text.LONGEST


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("免费手机", ["免", "免费", "费", "费手", "手", "手机", "机"]),
        ("买iPhone15吧!", ["买", "iphone00", "吧", "!"]),
        ("ฟรี ไทย๑๒", ["ฟ", "ฟร", "ร", "ไ", "ไท", "ท", "ทย", "ย", "00"]),
        (
            "無料・プレゼント",
            ["無", "無料", "料", "・", "フ", "フレ", "レ", "レセ", "セ", "セン", "ン", "ント", "ト"],
        ),
        ("免 费", ["免", "费"]),
        ("a.com免", ["a", "<link>", "com", "免"]),
        ("1.免'费", ["1", ".", "免", "'", "费"]),
        ("한국어 무료", tokenize("한국어") + tokenize("무료")),
        ("oﬃce ﬁne", ["office", "fine"]),
    ],
)
def test_scripts_without_spaces_become_letters_and_pairs(text, expected):
    assert tokenize(text) == expected


def test_no_letter_of_scripts_without_spaces_is_a_digit():
    assert not any(re.search(r"\d", chr(code)) for first, last in TOGETHER for code in range(first, last + 1))


def test_what_was_learned_of_one_chinese_message_carries_over_to_the_next():
    bag = BagOfWords().fit(["免费领取手机", "明天一起吃饭吗"])
    known = [sum(1 for _ in bag.word_columns(text)) for text in ("手机免费送", "明天吃什么", "hello")]
    assert known == [6, 4, 0]
