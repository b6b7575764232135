import pytest
import typer

from brainbox_cli import parsers
from brainbox_core.tasks.convolve.kernels import parse_kernel


@pytest.mark.parametrize("text", ["inf", "-inf", "nan", "1e400", "1_0", "0x10", "", " 1", "1,5", "٣", "0", "-1"])
def test_numbers_are_finite_and_plain(text):
    with pytest.raises(typer.BadParameter):
        parsers.real_number(0, above=True)(text)


@pytest.mark.parametrize(("text", "value"), [("1e-3", 0.001), (".5", 0.5), ("5.", 5.0), ("+2", 2.0)])
def test_numbers(text, value):
    assert parsers.real_number(0, above=True)(text) == value


@pytest.mark.parametrize("text", ["-1", str(2**64), "abc", "1.0", "1e3", "1_0", "9" * 5000, ""])
def test_seeds_are_whole_numbers_of_64_bits(text):
    with pytest.raises(typer.BadParameter):
        parsers.whole_number(0, 2**64 - 1)(text)


def test_the_largest_seed():
    assert parsers.whole_number(0, 2**64 - 1)(str(2**64 - 1)) == 2**64 - 1


@pytest.mark.parametrize("text", ["0", "16,", ",", "16,-1", "16 16", "a", ""])
def test_sizes_are_whole_numbers_with_commas(text):
    with pytest.raises(typer.BadParameter):
        parsers.sizes(text)


@pytest.mark.parametrize(("text", "value"), [("0.95", 0.95), ("95%", 0.95), ("1", 1.0)])
def test_a_bar_may_be_given_in_percent(text, value):
    assert parsers.share()(text) == pytest.approx(value)


def test_a_share_lies_between_its_ends():
    for text in ("0", "1", "1.5"):
        with pytest.raises(typer.BadParameter):
            parsers.real_number(0, 1, above=True, below=True)(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ful", "expected auto, full or a number above 0 and below 1, got ful; did you mean full?"),
        ("2", "expected auto, full or a number above 0 and below 1, got 2"),
        ("a, got b", "expected auto, full or a number above 0 and below 1, got a, got b"),
    ],
)
def test_words_that_stand_for_a_number_are_named_with_it(text, message):
    parser = parsers.word_or(parsers.real_number(0, 1, above=True, below=True), "auto", "full")
    assert (parser("full"), parser("0.5"), parser(0.5)) == ("full", 0.5, 0.5)
    with pytest.raises(typer.BadParameter) as error:
        parser(text)
    assert error.value.message == message


def test_endings_of_file_names_are_listed_as_words_are():
    with pytest.raises(typer.BadParameter, match=r"ends in \.h, \.hpp or \.json, got x$"):
        parsers.file(".h", ".hpp", ".json")("x")
    with pytest.raises(typer.BadParameter, match=r"ends in \.png, got x$"):
        parsers.file(".png")("x")


@pytest.mark.parametrize("value", [(128,), (128, 64), 0.001, 5])
def test_defaults_are_written_as_they_are_typed(value):
    parser = parsers.sizes if isinstance(value, tuple) else parsers.real_number()
    assert parser(parsers.as_typed(value)) == value


@pytest.mark.parametrize("text", ["edge-detect", "EDGE_DETECT", "Edge-Detect", "edge_detect"])
def test_choices_ignore_case_and_take_an_underscore(text):
    assert parsers.one_of("or", "edge-detect")(text) == "edge-detect"
    assert parsers.word_or(parsers.whole_number(), "edge-detect")(text) == "edge-detect"
    assert parsers.name_or_path("edge-detect")(text) == "edge-detect"
    assert parse_kernel(text).name == "edge-detect"


def test_a_share_may_be_typed_in_percent():
    parse = parsers.share(0, 1, above=True, below=True)
    assert (parse("60%"), parse("0.6"), parse("99.9%")) == (0.6, 0.6, 0.999)
    for text in ("100%", "0%", "60", "%", "6 %", "nan%"):
        with pytest.raises(typer.BadParameter):
            parse(text)


@pytest.mark.parametrize(
    ("text", "mark"), [(".", "."), ("point", "."), ("Comma", ","), (" ", " "), ("apostrophe", "'")]
)
def test_marks_are_typed_as_they_are_or_as_words(text, mark):
    assert parsers.mark(".,' ")(text) == mark


@pytest.mark.parametrize("text", ["", ";", "..", "space", "dot"])
def test_what_is_no_mark_names_those_that_are(text):
    with pytest.raises(typer.BadParameter, match="expected point or comma, got"):
        parsers.mark(".,")(text)
