import pytest

from brainbox_core.export.text.folding import (
    ASCII,
    HANGUL,
    LETTER,
    LOWER,
    PAGES,
    PAIRS,
    REST,
    SAME,
    SELF,
    SHIFT,
    TEXTS,
    UPPER,
    Folding,
    Item,
    item_of,
    truth,
)
from brainbox_core.text.tokens import is_together


def items(folding: Folding, character: str) -> list[Item]:
    """What a character becomes, read from the table as the C code reads it, and not from Unicode."""
    code = ord(character)
    if code < 128:
        return [item_of(character)]
    if code in HANGUL:
        lead, rest = divmod(code - HANGUL.start, 588)
        parts = [0x1100 + lead, 0x1161 + rest // 28, *([0x11A7 + rest % 28] if rest % 28 else [])]
        return [Item(chr(part), LETTER) for part in parts]
    kind, place, start = _find(folding, code)
    data = folding.runs
    if kind in (SELF, SHIFT, PAIRS):
        return [_single(folding, code)]
    if kind == ASCII:
        content = data[place + code - start :][:1]
    else:
        for _ in range(code - start if kind == TEXTS else 0):
            place += data[place] + 1
        content = data[place + 1 : place + 1 + data[place]]
    return [item_of(part) if part.isascii() else _single(folding, ord(part)) for part in content.decode()]


def _single(folding: Folding, code: int) -> Item:
    kind, place, start = _find(folding, code)
    if kind == SELF:
        return Item(chr(code), folding.runs[place])
    if kind == PAIRS:
        capital = not (code - start) % 2
        return Item(chr(code + capital), UPPER if capital else LOWER)
    first = int.from_bytes(folding.runs[place : place + 3], "big")
    return item_of(chr(first + code - start), folding.runs[place + 3])


def _find(folding: Folding, code: int) -> tuple[int, int, int]:
    """The kind of a code point's run, the place of the run's content, and the run's first code point."""
    place = max(entry for entry in folding.directory if entry[0] <= code >> 8)[1]
    start = code & ~0xFF
    while True:
        kind, count = folding.runs[place] >> 5, (folding.runs[place] & 31) + 1
        place += 1
        if count == REST or code < start + count:
            return kind, place, start
        start += count
        place += _length(folding, kind, count, place)


def _length(folding: Folding, kind: int, count: int, place: int) -> int:
    if kind != TEXTS:
        return {ASCII: count, SAME: folding.runs[place] + 1, SELF: 1, SHIFT: 4, PAIRS: 0}[kind]
    end = place
    for _ in range(count):
        end += folding.runs[end] + 1
    return end - place


@pytest.fixture(scope="module")
def folding():
    return Folding(["free", "prize"])


def characters():
    return [chr(code) for first, last in PAGES for code in range(first << 8, (last + 1) << 8)]


def test_the_table_says_what_every_character_becomes(folding):
    strange = [letter for letter in characters() if not folding.covers(letter)]
    assert strange == ["ẞ"]
    for letter in characters():
        if letter != "ẞ":
            assert tuple(items(folding, letter)) == truth(letter), hex(ord(letter))


def test_hangul_is_computed(folding):
    assert all(tuple(items(folding, chr(code))) == truth(chr(code)) for code in HANGUL)


def test_other_characters_are_one_letter(folding):
    for letter in "ẞཀअ𪜀\uf8ff":
        assert not folding.covers(letter) and items(folding, letter) == items(folding, "ᄓ")
    assert folding.read("ཀ1 ẞ") == "ᄓ1 ᄓ" and folding.stranger == "ᄓ"
    assert not is_together(folding.stranger)


def test_ligatures_and_scripts_without_spaces_are_known(folding):
    text = "ﬀ ﬁ ﬂ ﬃ ﬄ ﬅ ﬆ ไทย ພາສາ မြန် ខ្មែរ 免费 がパ 𠀀"
    assert folding.read(text) == text


def test_the_letter_is_in_no_word_of_the_vocabulary():
    assert Folding(["ᄓ", "ᄔx"]).stranger == "ᄕ"


def test_the_vocabulary_adds_the_pages_of_its_characters(folding):
    own = Folding(["ཀ་ཁ"])
    assert not folding.covers("ཀ") and own.covers("ཀ")
    page = [chr(code) for code in range(0xF00, 0x1000) if own.covers(chr(code))]
    assert len(page) > 200 and all(tuple(items(own, letter)) == truth(letter) for letter in page)
    assert "U+0E00-11FF" in own.covered() and "U+0E00-0EFF, U+1000-11FF" in folding.covered()
    assert folding.covered().endswith(", except for U+1E9E")


def test_it_takes_a_few_kilobytes(folding):
    assert len(folding.runs) + 4 * len(folding.directory) < 7 * 1024
