"""Downloads against a server that misbehaves in every way; the folder never holds a bad file."""

import errno
import hashlib
import http.server
import os
import socket
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context

import pooch
import pytest

from brainbox_core.datasets.download import Remote, cache_folder, download
from brainbox_core.errors import InputError

CONTENT = bytes(range(256)) * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@contextmanager
def serving(answer):
    """A server on this machine that hands every request to `answer`; yields its address and the paths asked for."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            answer(self)

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda *args: None  # a client that hangs up is what some tests are about
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def send(handler, content, status=200, length=None):
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(content) if length is None else length))
    handler.end_headers()
    handler.wfile.write(content)


def good(handler):
    send(handler, CONTENT)


def drip(handler):
    handler.send_response(200)
    handler.end_headers()
    for _ in range(100):
        handler.wfile.write(b"x")
        time.sleep(0.02)


def chunked(handler):
    handler.protocol_version = "HTTP/1.1"
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.send_header("Connection", "close")
    handler.end_headers()
    for start in range(0, len(CONTENT), 100_000):
        block = CONTENT[start : start + 100_000]
        handler.wfile.write(b"%x\r\n%s\r\n" % (len(block), block))
    handler.wfile.write(b"0\r\n\r\n")
    handler.close_connection = True


def redirect(handler):
    if handler.path == "/moved":
        return good(handler)
    handler.send_response(302)
    handler.send_header("Location", "/moved")
    handler.end_headers()


def circle(handler):
    handler.send_response(302)
    handler.send_header("Location", handler.path)
    handler.end_headers()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def remote(*mirrors):
    return Remote("file.gz", len(CONTENT), SHA256, mirrors)


def refused_address():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{unused.getsockname()[1]}/"


@pytest.mark.parametrize("answer", [good, chunked, redirect])
def test_a_file_is_fetched_once_and_progress_is_told(tmp_path, answer):
    seen = []
    with serving(answer) as (address, asked):
        path = download(remote(address), tmp_path / "new", progress=seen.append)
        requests = len(asked)
        assert download(remote(address), tmp_path / "new") == path
        assert len(asked) == requests
    assert path == tmp_path / "new" / "file.gz"
    assert path.read_bytes() == CONTENT
    assert seen == sorted(seen)
    assert seen[-1] == len(CONTENT)


BAD_ANSWERS = {
    "403": (lambda handler: send(handler, b"no", 403), "answered 403"),
    "404": (lambda handler: send(handler, b"no", 404), "answered 404"),
    "503": (lambda handler: send(handler, b"no", 503), "answered 503"),
    "proxy password": (lambda handler: send(handler, b"no", 407), "answered 407"),
    "login page": (lambda handler: send(handler, b"<html>Please log in</html>"), "web page"),
    "too short": (lambda handler: send(handler, CONTENT[:-1]), "broke off after 255,999 of 256,000"),
    "connection lost": (lambda handler: send(handler, CONTENT[:-1], length=len(CONTENT)), "broke off"),
    "empty": (lambda handler: send(handler, b""), "broke off after 0"),
    "too long": (lambda handler: send(handler, CONTENT + b"x"), "more than the 256,000 bytes"),
    "another file": (lambda handler: send(handler, CONTENT[::-1]), "SHA-256 differs"),
    "not HTTP": (lambda handler: handler.wfile.write(b"not HTTP at all\r\n\r\n"), "cannot be reached"),
    "circle": (circle, "redirects in circles"),
    "drip": (drip, "too slow"),
    "silence": (lambda handler: time.sleep(0.3), "did not answer in time"),
}


@pytest.mark.parametrize(("answer", "says"), BAD_ANSWERS.values(), ids=BAD_ANSWERS)
def test_a_bad_answer_is_an_input_error_and_leaves_nothing_behind(tmp_path, answer, says):
    with serving(answer) as (address, _), pytest.raises(InputError, match=says) as caught:
        download(remote(address), tmp_path, timeout=0.15)
    assert "127.0.0.1" in caught.value.line
    assert "`data digits`" in caught.value.fix
    assert os.listdir(tmp_path) == []


def test_an_unreachable_server_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match="cannot be reached") as caught:
        download(remote(refused_address()), tmp_path)
    assert "`data digits`" in caught.value.fix


def test_a_refusing_proxy_is_named(tmp_path, monkeypatch):
    monkeypatch.delenv("NO_PROXY")
    monkeypatch.setenv("HTTPS_PROXY", refused_address())
    with pytest.raises(InputError, match="proxy that refuses"):
        download(remote("https://data.invalid/"), tmp_path)


def test_a_server_that_does_not_speak_tls_is_named(tmp_path):
    with serving(good) as (address, _), pytest.raises(InputError, match="certificate"):
        download(remote(address.replace("http:", "https:")), tmp_path)


def test_a_download_says_nothing(tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(pooch.get_logger(), "handle", said.append)
    with serving(good) as (address, _):
        download(remote(address), tmp_path)
    assert said == []


def test_a_download_is_logged(tmp_path, caplog):
    with serving(good) as (address, _), caplog.at_level("INFO", logger="braininabox"):
        download(remote(address), tmp_path)
    assert caplog.messages == [f"downloading {address}file.gz: {len(CONTENT)} bytes"]


def test_the_second_mirror_is_tried_and_both_are_named_when_both_fail(tmp_path):
    down = refused_address()
    with serving(good) as (address, _):
        assert download(remote(down, address), tmp_path).read_bytes() == CONTENT
    says = r"cannot be reached; 127.0.0.1:\d+ answered 404"
    with serving(lambda handler: send(handler, b"", 404)) as (address, _), pytest.raises(InputError, match=says):
        download(remote(down, address), tmp_path / "other")


def test_a_damaged_copy_is_fetched_again(tmp_path):
    (tmp_path / "file.gz").write_bytes(CONTENT[:-1])
    with serving(good) as (address, _):
        assert download(remote(address), tmp_path).read_bytes() == CONTENT


def test_an_interrupted_download_leaves_nothing_and_the_next_run_recovers(tmp_path):
    def interrupt(received):
        raise KeyboardInterrupt

    with serving(good) as (address, _):
        with pytest.raises(KeyboardInterrupt):
            download(remote(address), tmp_path, progress=interrupt)
        assert os.listdir(tmp_path) == []
        assert download(remote(address), tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize(
    "pool",
    [ThreadPoolExecutor, partial(ProcessPoolExecutor, mp_context=get_context("spawn"))],
    ids=["threads", "processes"],
)
def test_two_downloads_at_once_both_get_the_file(tmp_path, pool):
    both = threading.Barrier(2)

    def together(handler):
        both.wait(60)
        good(handler)

    with serving(together) as (address, _), pool(2) as workers:
        paths = list(workers.map(download, [remote(address)] * 2, [tmp_path / "new"] * 2))
    assert paths == [tmp_path / "new" / "file.gz"] * 2
    assert paths[0].read_bytes() == CONTENT
    assert os.listdir(tmp_path / "new") == ["file.gz"]


def test_a_folder_that_cannot_be_made_names_the_variable(tmp_path):
    (tmp_path / "in-the-way").write_bytes(b"")
    with serving(good) as (address, _), pytest.raises(InputError, match="cannot store the download") as caught:
        download(remote(address), tmp_path / "in-the-way" / "cache")
    assert "BRAINBOX_DATA_DIR" in caught.value.fix


def test_a_full_disk_names_the_variable_and_leaves_nothing(tmp_path):
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))  # writing fails as on a full disk: an OSError
    try:
        with serving(good) as (address, _), pytest.raises(InputError, match="cannot store the download") as caught:
            download(remote(address), tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "BRAINBOX_DATA_DIR" in caught.value.fix
    assert os.listdir(tmp_path) == []


def test_a_disk_that_fails_leaves_nothing(tmp_path, monkeypatch):
    def fail(*_):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", fail)
    with serving(good) as (address, _), pytest.raises(InputError, match="cannot store the download"):
        download(remote(address), tmp_path)
    assert os.listdir(tmp_path) == []


def test_the_folder_is_the_variable_or_the_platforms_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("BRAINBOX_DATA_DIR", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("BRAINBOX_DATA_DIR")
    assert cache_folder().name == "brainbox"


def test_no_home_names_the_variable(monkeypatch):
    pytest.importorskip("pwd")
    for name in ("BRAINBOX_DATA_DIR", "HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("os.getuid", lambda: 4_000_000)  # a container's user without an entry in /etc/passwd
    with pytest.raises(InputError, match="no home folder") as caught:
        cache_folder()
    assert "BRAINBOX_DATA_DIR" in caught.value.fix
