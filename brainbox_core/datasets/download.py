"""Downloads that are kept: fetched once, checked against a known SHA-256, and never left half-written."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from brainbox_core.errors import InputError
from brainbox_core.files.reading import kind_of

OFFLINE = "check the connection, or use `data digits` or a folder of IDX files"
ANOTHER_FOLDER = "set BRAINBOX_DATA_DIR to a folder that can be written and has room"
_LOG = logging.getLogger("braininabox.datasets")
SLOWEST = 1000  # bytes per second, averaged over one timeout; a server that drips is given up


@dataclass(frozen=True)
class Remote:
    """A file on the network: its name, its size in bytes, its SHA-256, and the servers that have it."""

    name: str
    size: int
    sha256: str
    mirrors: tuple[str, ...]


class _MirrorError(Exception):
    """One mirror did not give the file; the text says why."""


def cache_folder() -> Path:
    """Where downloads are kept: `$BRAINBOX_DATA_DIR`, else the platform's cache folder, such as `~/.cache/brainbox`.

    Raises:
        InputError: this user has no home folder, as in some containers.
    """
    import pooch

    if chosen := os.environ.get("BRAINBOX_DATA_DIR"):
        return Path(chosen)
    try:
        return pooch.os_cache("brainbox").expanduser()
    except RuntimeError as error:
        raise InputError("there is no home folder to keep downloads in", fix=ANOTHER_FOLDER) from error


def download(
    remote: Remote, folder: Path, *, timeout: float = 20.0, progress: Callable[[int], object] | None = None
) -> Path:
    """The path of a file in the folder, fetched from its first mirror that answers unless a good copy is there.

    Nothing reaches its final name before its SHA-256 is right, so an interrupted or concurrent run does no harm.

    Args:
        remote: what to fetch.
        folder: where to keep it; made if missing.
        timeout: seconds that a server may stay silent.
        progress: called with the number of bytes received so far.

    Raises:
        InputError: no mirror gave the right file, or the folder cannot be written.
    """
    import pooch
    import requests
    import urllib3

    pooch.get_logger().setLevel("WARNING")  # the library is silent; progress is the caller's business
    reasons = []

    def fetch(url: str, target: str, _: object) -> None:
        _LOG.info("downloading %s: %d bytes", url, remote.size)
        _fetch(url, Path(target), remote.size, timeout, progress)

    for mirror in remote.mirrors:
        url = mirror + remote.name
        try:
            return Path(pooch.retrieve(url, f"sha256:{remote.sha256}", remote.name, folder, downloader=fetch))
        except _MirrorError as error:
            reason = str(error)
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            reason = _reason(error)
        except ValueError:  # pooch's word for a checksum that differs
            reason = "sent another file (its SHA-256 differs)"
        except OSError as error:
            what = f"cannot store the download ({(error.strerror or str(error)).lower()})"
            raise InputError(what, where=str(folder), fix=ANOTHER_FOLDER) from error
        reasons.append(f"{urlsplit(url).netloc} {reason}")
    raise InputError(f"cannot be downloaded: {'; '.join(reasons)}", where=remote.name, fix=OFFLINE)


def _fetch(url: str, target: Path, size: int, timeout: float, progress: Callable[[int], object] | None) -> None:
    import requests

    # identity: a .gz file is what we want, not something for the transport to unpack.
    headers = {"Accept-Encoding": "identity"}
    with requests.get(url, stream=True, timeout=timeout, headers=headers) as response, target.open("wb") as file:
        response.raise_for_status()
        received, mark, mark_time = 0, 0, time.monotonic()
        # read1 hands over what has arrived; iter_content would wait for a full block, for hours on a dripping server.
        while block := response.raw.read1(2**16, decode_content=False):
            if not received and kind_of(block) == "a web page":
                raise _MirrorError("sent a web page instead (does the network ask for a login?)")
            received += len(block)
            if received > size:
                raise _MirrorError(f"sent more than the {size:,} bytes expected")
            file.write(block)
            if progress:
                progress(received)
            if (elapsed := time.monotonic() - mark_time) > timeout:
                if received - mark < SLOWEST * elapsed:
                    raise _MirrorError("is too slow")
                mark, mark_time = received, time.monotonic()
        file.flush()
        os.fsync(file.fileno())  # before pooch gives it its name
        if received < size:
            raise _MirrorError(f"broke off after {received:,} of {size:,} bytes")


def _reason(error: Exception) -> str:
    import requests
    import urllib3

    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"answered {error.response.status_code} {error.response.reason}".rstrip()
    for kinds, reason in (
        ((requests.Timeout, urllib3.exceptions.TimeoutError), "did not answer in time"),
        (requests.exceptions.SSLError, "has a certificate that cannot be verified"),
        (requests.exceptions.ProxyError, "is behind a proxy that refuses"),
        (requests.TooManyRedirects, "redirects in circles"),
        (urllib3.exceptions.HTTPError, "broke off"),
    ):
        if isinstance(error, kinds):
            return reason
    return "cannot be reached"
