"""Text that may be in any of the encodings people save tables in, checked from end to end before a line is used."""

from __future__ import annotations

import codecs
import contextlib
import hashlib
import io
import os
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, cast

from brainbox_core.errors import InputError
from brainbox_core.files.reading import explained, kind_of, open_unchanging, printable

MAX_SIZE = 2**31  # bytes; 10 million rows of 10 numbers fit
MAX_LINE = 2**22  # characters
BLOCK = 2**20  # bytes

MARKS = (  # byte order marks; that of UTF-32 starts with that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (codecs.BOM_UTF8, "utf-8-sig"),
)
REMEDIES = {
    "a gzip file": "unpack it first: gunzip FILE",
    "a zip archive (or an Excel, npz or PyTorch file)": "unpack it first: unzip FILE",
    "an Excel file": "open it and save it as CSV",
    "a Parquet file": "export it as CSV",
    "an SQLite database": "export the table as CSV: sqlite3 -header -csv FILE 'select * from TABLE'",
    "a web page": "download the file itself, not the page that shows it",
    "a JSON file": "export it as CSV",
}
_JSON = re.compile(rb'\s*(\{\s*["}]|\[\s*[\[{"])')
_EXCEL = re.compile(rb"PK\x03\x04.{26}\[Content_Types]|\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", re.DOTALL)  # xlsx or xls


@dataclass
class TextFile:
    """A whole text that is known to be readable.

    Attributes:
        name: what to call it in messages, printable.
        sha256: of its bytes.
        encoding: the codec that reads it: `utf-8`, `utf-8-sig`, `utf-16`, `utf-32` or `cp1252`.
        size: in bytes.
        notes: what the user should know about how it is read.
        bytes: the stream that `text` decodes, at its start.
        text: the characters from the start; only \\n, \\r\\n and \\r end a line, and they are left as they are.
    """

    name: str
    sha256: str
    encoding: str
    size: int
    notes: list[str]
    bytes: BinaryIO
    text: io.TextIOWrapper

    @property
    def position(self) -> int:
        """How many bytes have been read, for showing progress."""
        return self.bytes.tell()


@contextlib.contextmanager
def open_text(source: str | os.PathLike | BinaryIO, name: str | None = None) -> Iterator[TextFile]:
    r"""Open a text file of at most 2 GiB that nobody may change while the block reads it.

    The bytes are UTF-8, or what their byte order mark says (UTF-8, UTF-16, UTF-32); failing that Windows-1252, with a
    note. All of it is decoded here once, so that no line fails later.

    Args:
        source: a path, or a binary stream such as standard input, which is read to its end.
        name: what to call it in messages; the path, or "standard input".

    Raises:
        InputError: it cannot be opened, is no text, is too large, or has a line of over 4 million characters.

    Example:
        >>> with open_text(io.BytesIO(b"\xef\xbb\xbfa,b\n1,2\n")) as text:
        ...     text.encoding, list(text.text)
        ('utf-8-sig', ['a,b\n', '1,2\n'])
    """
    if isinstance(source, str | os.PathLike):
        with open_unchanging(source) as (file, size):
            text = _check(file, size, printable(name or source))
            yield text  # the name keeps it alive: a text that is no longer used closes its file
    else:
        name = printable(name or "standard input")
        with tempfile.SpooledTemporaryFile(max_size=2**24) as spool:
            file, size = cast(BinaryIO, spool), 0  # which it is, but for its type
            with explained(name):
                while block := source.read(BLOCK):
                    size += file.write(block)
                    _require_size(size, name)
            yield _check(file, size, name)


def _check(file: BinaryIO, size: int, name: str) -> TextFile:
    _require_size(size, name)
    file.seek(0)
    head = file.read(64)
    kind = "a JSON file" if _JSON.match(head) else "an Excel file" if _EXCEL.match(head) else kind_of(head)
    if kind:
        raise InputError(f"is {kind}, not a text table", where=name, fix=REMEDIES.get(kind, "export it as CSV"))
    announced = [encoding for mark, encoding in MARKS if head.startswith(mark)][:1]
    notes = []
    for encoding in announced or ("utf-8", "cp1252"):
        try:
            sha256 = _survey(file, encoding, name)
            break
        except _UndecodableError as error:
            place, byte = f"{name} line {error.line}", f"byte 0x{error.byte:02x}"
            if encoding == "utf-8":
                notes.append(f"{place}: {byte} is not UTF-8; the file is read as Windows-1252")
                continue
            known = f"not the {encoding.removesuffix('-sig').upper()} that the start of the file announces"
            what = f"{byte} is {'neither UTF-8 nor Windows-1252' if encoding == 'cp1252' else known}"
            raise InputError(what, where=place, fix="save the file again as UTF-8") from error
    file.seek(0)
    return TextFile(name, sha256, encoding, size, notes, file, io.TextIOWrapper(file, encoding=encoding, newline=""))


class _UndecodableError(Exception):
    def __init__(self, byte: int, line: int):
        self.byte, self.line = byte, line


def _survey(file: BinaryIO, encoding: str, name: str) -> str:
    """Decode all of it, block by block; returns the SHA-256 of the bytes.

    Raises:
        _UndecodableError: a byte does not belong to the encoding.
        InputError: there is a NUL, or a line that is too long.
    """
    digest = hashlib.sha256()
    decoder = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder(encoding)(), translate=True)
    line, length = 1, 0
    file.seek(0)
    while True:
        block = file.read(BLOCK)
        digest.update(block)
        try:
            text = decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            valid = error.object[: error.start].decode(encoding, errors="ignore")
            line += valid.replace("\r\n", "\n").replace("\r", "\n").count("\n")
            raise _UndecodableError(error.object[error.start], line) from error
        if (nul := text.find("\0")) >= 0:
            line += text.count("\n", 0, nul)
            seems = "; it seems to be UTF-16" if text.count("\0", nul, nul + 9) > 3 else ""
            fix = f"save it again as UTF-8 text{seems}"
            raise InputError("contains a NUL character", where=f"{name} line {line}", fix=fix)
        first, last = text.find("\n"), text.rfind("\n")
        length += len(text) if first < 0 else first
        if length > MAX_LINE:
            what = f"the line is too long (over {MAX_LINE:,} characters)"
            raise InputError(what, where=f"{name} line {line}", fix="is this a table?")
        if last >= 0:
            length = len(text) - 1 - last
            line += text.count("\n")
        if not block:
            return digest.hexdigest()


def _require_size(size: int, name: str) -> None:
    if size > MAX_SIZE:
        raise InputError(f"is too large: at most {MAX_SIZE:,} bytes are read", where=name, fix="take a part of it")
