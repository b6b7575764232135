import pytest

from brainbox_core.export.text.folding import HANGUL, PAGES, Folding, truth
from brainbox_core.text.tokens import is_together


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
            assert tuple(folding.items(letter)) == truth(letter), hex(ord(letter))


def test_hangul_is_computed(folding):
    assert all(tuple(folding.items(chr(code))) == truth(chr(code)) for code in HANGUL)


def test_other_characters_are_one_letter(folding):
    for letter in "ẞཀअ𪜀\uf8ff":
        assert not folding.covers(letter) and folding.items(letter) == folding.items("ᄓ")
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
    assert len(page) > 200 and all(tuple(own.items(letter)) == truth(letter) for letter in page)
    assert "U+0E00-11FF" in own.covered() and "U+0E00-0EFF, U+1000-11FF" in folding.covered()
    assert folding.covered().endswith(", except for U+1E9E")


def test_it_takes_a_few_kilobytes(folding):
    assert len(folding.runs) + 4 * len(folding.directory) < 7 * 1024
