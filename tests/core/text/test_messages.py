"""Files of labelled messages, in all the forms in which they are found."""

import io

import pytest

from brainbox_core.errors import InputError
from brainbox_core.text.messages import read_messages
from tests.realdata import real_data


def read(content: bytes):
    found = read_messages(io.BytesIO(content))
    return list(zip(found.labels.tolist(), found.texts, strict=True))


GOOD = {
    "lines": (b"ham\thi\nspam\tWIN\n", [(0, "hi"), (1, "WIN")]),
    "quotation marks are characters": (b'ham\t"hi\nspam\tsay "x"\n', [(0, '"hi'), (1, 'say "x"')]),
    "further tabs belong to the text": (b"ham\ta\tb\n", [(0, "a\tb")]),
    "a header": (b"label\ttext\nham\thi\n", [(0, "hi")]),
    "any capitals, spaces around": (b"Ham\thi\n SPAM \tx\n", [(0, "hi"), (1, "x")]),
    "numbers": (b"0\thi\n1\tx\n", [(0, "hi"), (1, "x")]),
    "an empty text": (b"ham\t\n", [(0, "")]),
    "blank lines and no last line end": (b"\n\nham\thi\r\n\r\nspam\tx", [(0, "hi"), (1, "x")]),
    "a byte order mark": (b"\xef\xbb\xbfham\thi\n", [(0, "hi")]),
    "UTF-16": ("ham\thé\n".encode("utf-16"), [(0, "hé")]),
    "CSV after blank lines": (b"\n \nlabel,text\nham,hi\n", [(0, "hi")]),
    "CSV": (b'label,text\nham,"a, b"\nspam,x\n', [(0, "a, b"), (1, "x")]),
    "CSV, the columns exchanged": (b"message;id;class\nhi;7;ham\n", [(0, "hi")]),
    "CSV without a header": (b"ham,hi\nspam,x\n", [(0, "hi"), (1, "x")]),
    "CSV with a line end in a text": (b'label,text\nham,"a\nb"\nspam,x\n', [(0, "a\nb"), (1, "x")]),
    "CSV as Kaggle has it": (b"v1,v2,,,\nham,hi,,,\nspam,\x93x\x94,,,\n", [(0, "hi"), (1, "“x”")]),
}


@pytest.mark.parametrize(("content", "wanted"), GOOD.values(), ids=GOOD)
def test_good_files(content, wanted):
    assert read(content) == wanted


BAD = {
    "a text about the data": (b"A collection of messages\n", 'line 1: label "A" is not "spam" or "ham"'),
    "a text with commas": (b"A collection of messages, in English\n", 'label "A"'),
    "another label, later": (b"ham\thi\n\nspan\tx\n", 'line 3: label "span"'),
    "another label in CSV": (b"label,text\nham,hi\nmaybe,x\n", 'line 3: label "maybe"'),
    "no tab": (b"ham\thi\nspam x\nhello there\n", 'line 3: label "hello"'),
    "empty": (b"", "no messages"),
    "a second header": (b"label\ttext\nham\thi\nlabel\ttext\n", 'line 3: label "label" is not'),
    "a header alone": (b"label\ttext\n", "no messages"),
    "a CSV header alone": (b"label,text\n", "no messages"),
    "rows of different lengths": (b"label,text\nham,a,b\n", "line 2"),
    "NUL": (b"ham\ta\0b\n", "NUL"),
    "zip": (b"PK\x03\x04xxxxxxxxxxxxxxxxxxxx", "zip"),
    "escape sequences in a label": (b"\x1b[31mx\thi\n", r"\x1b[31mx"),
}


@pytest.mark.parametrize(("content", "told"), BAD.values(), ids=BAD)
def test_bad_files(content, told):
    with pytest.raises(InputError) as caught:
        read(content)
    assert told in caught.value.line and caught.value.fix
    assert "\x1b" not in caught.value.line


def test_a_line_without_a_tab_whose_first_word_is_a_label_is_an_empty_message():
    assert read(b"ham\thi\nspam\n") == [(0, "hi"), (1, "")]


def test_a_wrong_encoding_is_told_of():
    found = read_messages(io.BytesIO(b"ham\tit\x92s\n"))
    assert found.texts == ["it’s"]
    assert "0x92" in found.notes[0]


def test_progress_is_told(tmp_path):
    path = tmp_path / "messages.tsv"
    path.write_bytes(b"ham\thello\n" * 3000)
    seen = []
    read_messages(path, progress=lambda done, total: seen.append((done, total)))
    assert seen and all(0 < done <= total == path.stat().st_size for done, total in seen)


def test_the_sms_collection_as_it_is_published():
    path = real_data("sms-spam/SMSSpamCollection")
    found = read_messages(path)
    lines = path.read_text(encoding="utf-8").split("\n")
    assert found.texts == [line.split("\t", 1)[1] for line in lines if line]
    assert (len(found.texts), int(found.labels.sum()), found.notes) == (5574, 747, ())
    assert sum('"' in text for text in found.texts) == 145
    assert found.sha256 == "7d039a24a6083ed9ef0f806ebad56bbb976e3aeb8de05669173bfdc4996c239d"
