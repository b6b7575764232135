"""Text of every encoding, and what is no text."""

import hashlib
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from brainbox_core.errors import InputError
from brainbox_core.files import text as text_file
from brainbox_core.files.text import open_text
from tests import memory

TEXT = "name;price\ncafé “x” 漢字;1\r\nb;2\rc;3"
CLASSIC = "name;price\ncafé “x” 5€;1\n"


def read(data, **options):
    with open_text(io.BytesIO(data), **options) as file:
        return file, file.text.read()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("block", [1, 3, 64, 2**20])
def test_unicode_is_told_by_its_byte_order_mark(encoding, block, monkeypatch):
    monkeypatch.setattr(text_file, "BLOCK", block)
    data = TEXT.encode(encoding)
    file, text = read(data)
    assert text == TEXT
    assert (file.encoding, file.notes) == (encoding, [])
    assert file.sha256 == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("encoding", ["utf-16-be", "utf-32-be"])
def test_big_endian(encoding):
    assert read(("\ufeff" + TEXT).encode(encoding))[1] == TEXT


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("block", [1, 5, 2**20])
def test_what_is_not_utf_8_is_read_as_windows_1252_with_one_notice(end, block, monkeypatch):
    monkeypatch.setattr(text_file, "BLOCK", block)
    data = ("plain" + end + "also plain" + end + CLASSIC).encode("cp1252")
    file, text = read(data, name="old.csv")
    assert text == "plain" + end + "also plain" + end + CLASSIC
    assert file.encoding == "cp1252"
    assert file.notes == ["old.csv line 4: byte 0xe9 is not UTF-8; the file is read as Windows-1252"]
    assert file.sha256 == hashlib.sha256(data).hexdigest()


def test_bytes_of_no_encoding():
    with pytest.raises(InputError, match="x line 2: byte 0x81 is neither UTF-8 nor Windows-1252"):
        read(b"a\nb\x81\n", name="x")


@pytest.mark.parametrize("data", [b"\xff\xfea\0b", b"\xef\xbb\xbfa\n\xff", b"\xff\xfe\0\0a\0\0"])
def test_a_byte_order_mark_that_does_not_fit_the_rest(data):
    with pytest.raises(InputError, match="announces"):
        read(data)


@pytest.mark.parametrize(("data", "line"), [(b"\0", 1), (b"a\nb\r\nc\rd\0\n", 4), ("a\nb\0".encode("utf-16"), 2)])
def test_nul_is_refused_with_its_line(data, line):
    with pytest.raises(InputError, match=f"^standard input line {line}: contains a NUL"):
        read(data)


def test_utf_16_without_its_mark_is_recognised():
    with pytest.raises(InputError, match="seems to be UTF-16"):
        read("price,sqft\n1,2\n".encode("utf-16-le"))


@pytest.mark.parametrize("where", ["first", "later", "last"])
def test_a_line_too_long_is_refused(where, monkeypatch):
    monkeypatch.setattr(text_file, "BLOCK", 64)
    monkeypatch.setattr(text_file, "MAX_LINE", 1000)
    long, line = b"7" * 1200, {"first": 1, "later": 3, "last": 3}[where]
    data = {"first": long + b"\n1\n", "later": b"1\n2\n" + long + b"\n1\n", "last": b"1\n2\n" + long}[where]
    with pytest.raises(InputError, match=rf"line {line}: the line is too long \(over 1,000 characters\)"):
        read(data)
    assert read(b"1\n" * 3000)[1] == "1\n" * 3000  # many short ones are not one long line


@pytest.mark.parametrize("before", range(0, 130, 10))
def test_the_longest_line_that_is_read(before, monkeypatch):
    monkeypatch.setattr(text_file, "BLOCK", 64)
    monkeypatch.setattr(text_file, "MAX_LINE", 1000)
    read(b"1\n" * before + b"7" * 1000 + b"\n2\n")
    with pytest.raises(InputError, match=f"line {before + 1}: the line is too long"):
        read(b"1\n" * before + b"7" * 1001 + b"\n2\n")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"\x1f\x8b\x08\0", "a gzip file.*gunzip"),
        (b"PK\x03\x04\x14\0\0\0", "a zip archive.*unzip"),
        (b"PK\x03\x04\x14\0\6\0" + b"\0" * 22 + b"[Content_Types].xml", "an Excel file.*save it as CSV"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0\0", "an Excel file.*save it as CSV"),
        (b"PAR1\x15", "a Parquet file.*export it as CSV"),
        (b"SQLite format 3\0", "an SQLite database.*sqlite3"),
        (b"<!DOCTYPE html><html>", "a web page.*download"),
        (b'{"sqft": [1, 2]}', "a JSON file.*export"),
        (b' [\n {"sqft": 1}]', "a JSON file.*export"),
        (b"[[1, 2], [3, 4]]", "a JSON file"),
        (b"%PDF-1.4", "a PDF document"),
    ],
)
def test_other_kinds_of_files_are_named(data, says):
    with pytest.raises(InputError, match=f"(?s)is {says}"):
        read(data)


@pytest.mark.parametrize("header", ["[/],[bold]", "{a},b", "[0;1)"])
def test_brackets_alone_are_no_json(header):
    assert read(header.encode())[1] == header


def test_a_path_is_named_and_not_closed_too_early(tmp_path):
    path = tmp_path / "houses \x1b[31m é.csv"
    path.write_text("a\n1\n")
    with open_text(path) as file:
        assert file.name.endswith(r"houses \x1b[31m é.csv")
        assert (file.size, file.position) == (4, 0)
        file.text.read()
        assert file.position == 4


def test_a_file_that_changes_meanwhile_is_refused(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("a\n1\n")
    with pytest.raises(InputError, match="changed"), open_text(path):
        path.write_text("a\n1\n2\n")


def test_missing_and_folders(tmp_path):
    for path, says in [(tmp_path / "no.csv", "no such file"), (tmp_path, "folder"), ("\0", "not a valid path")]:
        with pytest.raises(InputError, match=says), open_text(path):
            pass


def test_a_stream_that_fails():
    class Broken(io.RawIOBase):
        def read(self, size=-1):
            raise OSError(5, "Input/output error")

    with pytest.raises(InputError, match="standard input: the disk reports"), open_text(Broken()):
        pass


def test_a_file_of_10_gigabytes_is_refused_at_once(tmp_path):
    path = tmp_path / "huge.csv"
    path.touch()
    os.truncate(path, 10 * 2**30)
    with pytest.raises(InputError, match=r"is too large: at most 2,147,483,648 bytes"), open_text(path):
        pass


def test_a_stream_without_end_is_refused_within_the_limit(monkeypatch):
    class Endless(io.RawIOBase):
        given = 0

        def read(self, size=-1):
            self.given += size
            assert self.given < 2**27, "it reads for ever"
            return b"1,2,3,4\n" * (size // 8)

    monkeypatch.setattr(text_file, "MAX_SIZE", 2**25)
    stream = Endless()
    with pytest.raises(InputError, match="is too large"), open_text(stream):
        pass
    assert stream.given <= 2**25 + text_file.BLOCK


@pytest.mark.skipif(not memory.MEASURABLE, reason=memory.REASON)
def test_a_large_stream_does_not_fill_the_memory():
    code = (
        "import io\n"
        "from brainbox_core.files.text import open_text\n"
        "from tests.memory import forget, peak\n"
        "class Many(io.RawIOBase):\n"
        "    left = 150\n"
        "    def read(self, size=-1):\n"
        "        self.left -= 1\n"
        "        return b'1,2,3,4\\n' * (2**20 // 8) if self.left >= 0 else b''\n"
        "forget()\n"
        "before = peak()\n"
        "with open_text(Many()) as file:\n"
        "    assert file.size == 150 * 2**20\n"
        "print(peak() - before)\n"
    )
    root = Path(__file__).parents[3]
    grown = subprocess.run([sys.executable, "-c", code], cwd=root, check=True, capture_output=True, text=True).stdout
    assert int(grown) < 60 * 2**20  # the stream has 150 MiB
