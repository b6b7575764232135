"""Standard output and standard error that are full, closed or never read: the promised code, however one writes."""

import os
import subprocess

import pytest

from tests.cli.shell import COMMAND, environment

FULL, CLOSED, UNREAD = "full", "closed", "unread"
WORDS = ["neuron", "neuron --json", "convolve -o -"]
CODES = {  # by the stream and what is wrong with it; standard error costs neither answer nor code
    ("stdout", FULL): 3,
    ("stdout", CLOSED): 141,
    ("stdout", UNREAD): 141,
    ("stderr", FULL): 0,
    ("stderr", CLOSED): 0,
    ("stderr", UNREAD): 0,
}


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize("blocking", [True, False], ids=["blocking", "not-blocking"])
@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
@pytest.mark.parametrize(("stream", "fault"), CODES, ids=lambda value: value)
def test_the_promised_code(stream, fault, unbuffered, blocking, tmp_path):
    if fault == CLOSED and not blocking:
        pytest.skip("what is closed cannot block")
    place = {"stdout": 1, "stderr": 2}[stream]
    for words in WORDS:
        read, write = os.pipe()
        os.close(read)
        if fault == FULL:
            os.close(write)
            write = os.open("/dev/full", os.O_WRONLY)
        os.set_blocking(write, blocking)
        broken = {stream: None if fault == CLOSED else write}
        done = subprocess.run(
            [*COMMAND, *words.split()],
            cwd=tmp_path,
            env=environment(PYTHONUNBUFFERED=unbuffered),
            preexec_fn=(lambda: os.close(place)) if fault == CLOSED else None,
            timeout=60,
            check=False,
            **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **broken},
        )
        os.close(write)
        assert done.returncode == CODES[stream, fault], (words, done.stderr)
        if stream == "stderr":
            assert done.stdout
        elif fault == FULL:
            assert b"error: standard output: no space left on device" in done.stderr
        else:
            assert b"error: " not in done.stderr
