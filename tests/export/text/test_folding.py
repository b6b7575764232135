import pytest

from brainbox_core.export.text.folding import HANGUL, PAGES, Folding, truth


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
    for letter in "ẞཀက𠀀\uf8ff":
        assert not folding.covers(letter) and folding.items(letter) == folding.items("一")
    assert folding.read("ཀ1 ẞ") == "一1 一" and folding.stranger == "一"


def test_the_letter_is_in_no_word_of_the_vocabulary():
    assert Folding(["一", "丁x"]).stranger == "丂"


def test_the_vocabulary_adds_the_pages_of_its_characters(folding):
    own = Folding(["ཀ་ཁ"])
    assert not folding.covers("ཀ") and own.covers("ཀ")
    page = [chr(code) for code in range(0xF00, 0x1000) if own.covers(chr(code))]
    assert len(page) > 200 and all(tuple(own.items(letter)) == truth(letter) for letter in page)
    assert "U+0F00-0FFF" in own.covered() and "U+0F00" not in folding.covered()
    assert folding.covered().endswith(", except for U+1E9E")


def test_it_takes_a_few_kilobytes(folding):
    assert len(folding.runs) + 4 * len(folding.directory) < 6.5 * 1024
