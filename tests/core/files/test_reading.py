"""Opening files: what is not a regular file is refused, at once and in words."""

import io
import os
import socket
from pathlib import Path
from types import SimpleNamespace

import pytest

from brainbox_core.errors import InputError
from brainbox_core.files.reading import kind_of, open_regular, standard_input


def test_reads_a_file_through_a_symbolic_link(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    (tmp_path / "b").symlink_to("a")
    with open_regular(tmp_path / "b") as file:
        assert file.read() == b"abc"


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda path: None, "no such file"),
        (lambda path: path.mkdir(), "folder"),
        (os.mkfifo, "not a regular file"),
        (lambda path: path.symlink_to(path), "cannot be opened"),
        (lambda path: path.symlink_to("/dev/zero"), "not a regular file"),
    ],
    ids=["missing", "folder", "named pipe", "link to itself", "device"],
)
def test_what_is_not_a_regular_file_is_refused(tmp_path, make, says):
    make(tmp_path / "it")
    with pytest.raises(InputError, match=says) as caught:
        open_regular(tmp_path / "it")
    assert caught.value.fix


def test_a_socket_is_refused(tmp_path):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s"))
        with pytest.raises(InputError):
            open_regular(tmp_path / "s")


@pytest.mark.parametrize("path", ["a\0b", "x" * 300, "\udcff/nothing"], ids=["NUL", "too long", "not UTF-8"])
def test_an_odd_path_is_an_input_error(path):
    with pytest.raises(InputError):
        open_regular(path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_refused(tmp_path):
    (tmp_path / "secret").write_bytes(b"x")
    (tmp_path / "secret").chmod(0)
    with pytest.raises(InputError, match="may not be read"):
        open_regular(tmp_path / "secret")


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\xef\xbb\xbf \n<!doctype HTML>", "a web page"),
        (b"<svg xmlns=", "an XML or SVG file"),
        (b"RIFF\x10\0\0\0WEBPVP8 ", "a WebP picture"),
        (b"\0\0\0\x1cftypavif", "an AVIF, HEIC or video file"),
        (b"\x1f\x8b\x08\0", "a gzip file"),
        (b"", ""),
    ],
)
def test_kinds_are_told_by_the_first_bytes(head, kind):
    assert kind_of(head) == kind


def test_standard_input_or_that_it_is_closed(monkeypatch):
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(b"to be")))
    assert standard_input("a text").read() == b"to be"
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(InputError, match="standard input is closed") as raised:
        standard_input("a text")
    assert raised.value.fix == "pipe a text into the command"


def test_standard_input_is_guarded_in_one_place():
    for package in ("brainbox_core", "brainbox_cli"):
        for path in (Path(__file__).parents[3] / package).rglob("*.py"):
            assert "stdin.buffer" not in path.read_text() or path.match("files/reading.py"), path
