"""Every file that is written is the old one or the new one, whichever call to the system fails while it is written.

A library that is loaded before C's own lets the n-th call that touches a folder fail, for every n. A new kind of output
is a new row of `OUTPUTS`.
"""

import errno
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# By kind of output: a command that writes it below OUT, and the files that it must leave old or new.
OUTPUTS = {
    "header": ("export models/neuron --verify off -o OUT/net.h --name NAME --force", ["net.h"]),
    "numbers": ("export models/neuron --verify off --format json -o OUT/net.json --name NAME --force", ["net.json"]),
    "board files": (
        "export models/neuron --verify off -o OUT/net.h --name NAME --example OUT/main.c --board netduino2 --force",
        ["net.h", "main.c", "start.c", "netduino2.ld"],
    ),
    "picture": ("convolve seven.png --kernel KERNEL -o OUT/seven.png --force", ["seven.png"]),
    "graph": ("autograd x*y --at x=NUMBER,y=2 --dot OUT/graph.dot --force", ["graph.dot"]),
    "neuron": ("neuron --seed NUMBER --save OUT/neuron.safetensors --force", ["neuron.safetensors"]),
}
NUMBERS = (errno.ENOSPC, errno.EIO, errno.EACCES, errno.EROFS, errno.EFBIG)

PROGRAM = """
import ctypes, errno, json, os, shutil, sys
from pathlib import Path
from tests.fuzz import command, seeds

folder, library = map(Path, sys.argv[1:3])
outputs, numbers, all_of_them = map(json.loads, sys.argv[3:])
shim, out, old = ctypes.CDLL(library), folder / "out", folder / "old"
shim.called.restype = ctypes.c_char_p
os.chdir(folder)
seeds.write_inputs(folder)
(folder / "models/neuron").mkdir(parents=True)
seeds.write_models(folder / "models", folder)["neuron"].rename("models/neuron/model.safetensors")

def run(words, number, which=0, error=0):
    words = words.replace("OUT", str(out)).replace("NUMBER", str(number + 1))
    words = words.replace("NAME", "ab"[number]).replace("KERNEL", ("blur", "sharpen")[number])
    shim.watch(str(out).encode(), ctypes.c_long(which), error)
    ended = command.run(words.split())
    return ended, shim.called().decode().split()

def attempt(words, files, which, error, before, after):
    shutil.rmtree(out)
    if before:
        shutil.copytree(old, out)
    else:
        out.mkdir()
    ended, seen = run(words, 1, which, error)
    about = ("old" if before else "new", seen[max(0, which - 4) : which], errno.errorcode[error], ended.err)
    for name in files:
        there = (out / name).read_bytes() if (out / name).exists() else None
        assert there == after[name] or there == before.get(name), (name, *about)
        assert ended.code or there == after[name], (name, *about)
    if seen[which - 1 : which] != ["unlink"]:  # nothing else can take a temporary file away
        assert not [path for path in out.rglob("*") if ".tmp-" in path.name], about
    assert ended.code in (0, 3), about
    assert ended.code == 0 or ended.err.count("error: ") == ended.err.count("hint: ") == 1, about
    return len(seen) >= which

def every(words, files):
    for path in (out, old):
        shutil.rmtree(path, ignore_errors=True)
    out.mkdir()
    assert run(words, 0)[0].code == 0
    shutil.copytree(out, old)
    ended, calls = run(words, 1)
    assert ended.code == 0, ended.err
    before, after = ({name: (place / name).read_bytes() for name in files} for place in (old, out))
    for there in (before, {}):
        for turn in range(len(numbers) if all_of_them else 1):
            which = 1
            while attempt(words, files, which, numbers[(which + turn) % len(numbers)], there, after):
                which += 1
    return calls

for kind, (words, files) in outputs.items():
    try:
        print(json.dumps([kind, [every(words, files), ""]]))
    except AssertionError as error:
        print(json.dumps([kind, [[], repr(error)]]))
"""

DOWNLOAD = """
import ctypes, errno, json, sys
from pathlib import Path
from brainbox_core.datasets.download import Remote, download
from brainbox_core.errors import InputError
from tests.core.datasets.test_download import CONTENT, SHA256, good, serving

folder, library = map(Path, sys.argv[1:3])
numbers, = map(json.loads, sys.argv[3:])
shim, target = ctypes.CDLL(library), folder / "data" / "file"
shim.called.restype = ctypes.c_char_p

for before in (None, b"another file"):
    which, wrong, reached = 0, [], True
    with serving(good) as (url, _):
        while reached:
            for turn, number in enumerate(numbers):
                target.parent.mkdir(exist_ok=True)
                for path in target.parent.iterdir():
                    path.unlink()
                if before:
                    target.write_bytes(before)
                shim.watch(str(target.parent).encode(), ctypes.c_long(which + 1), number)
                try:
                    done, told = download(Remote("file", len(CONTENT), SHA256, (url,)), target.parent), ""
                except InputError as error:
                    done, told = None, str(error)
                except BaseException as error:
                    done, told = None, repr(error)
                    wrong.append([which, errno.errorcode[number], told])
                seen = shim.called().decode().split()
                reached = len(seen) > which
                there = {path.name: path.read_bytes() for path in target.parent.iterdir()}
                # An empty one stays where pooch cannot close what it has just made.
                others = [name for name, content in there.items() if name != "file" and content]
                left = others and seen[which : which + 1] != ["unlink"]
                good_ends = [CONTENT] if done else [before, CONTENT]
                if left or there.get("file") not in good_ends:
                    about = seen[max(0, which - 3) : which + 1], errno.errorcode[number], told
                    wrong.append([which, *about, sorted(there)])
            which += 1
    print(json.dumps([str(before), [which, wrong]]))
"""


def run_faulty(folder, program, *told):
    """What a program found out with the library loaded, by kind of output; it is told a folder and the library, too."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if sys.platform != "linux" or compiler is None:
        pytest.skip("needs Linux and a C compiler")
    library = folder / "faulty.so"
    source = Path(__file__).with_name("faulty.c")
    subprocess.run([compiler, "-O1", "-Wall", "-Werror", "-shared", "-fPIC", source, "-o", library, "-ldl"], check=True)
    words = [sys.executable, "-c", program, folder, library, *map(json.dumps, told)]
    env = os.environ | {"LD_PRELOAD": str(library), "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(words, env=env, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return dict(map(json.loads, done.stdout.splitlines()))


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    return run_faulty(tmp_path_factory.mktemp("storage"), PROGRAM, OUTPUTS, NUMBERS, False)


@pytest.mark.parametrize("kind", OUTPUTS)
def test_whichever_call_fails_a_file_is_old_or_new(told, kind):
    """Each call fails with another error than the one before."""
    assert told[kind][1] == ""


@pytest.mark.slow
def test_whichever_call_fails_with_whichever_error(tmp_path):
    told = run_faulty(tmp_path, PROGRAM, OUTPUTS, NUMBERS, True)
    assert {kind: wrong for kind, (_, wrong) in told.items() if wrong} == {}


@pytest.mark.parametrize("kind", OUTPUTS)
def test_bytes_are_safe_before_they_get_their_name_and_the_name_before_the_end(told, kind):
    calls = " ".join(told[kind][0])
    safe = r"create (fchown fchmod )?(write )+fsync close rename open fsync close"
    assert len(re.findall(safe, calls)) == calls.count("rename") >= len(OUTPUTS[kind][1]), calls


def test_whichever_call_fails_a_download_is_old_or_new(tmp_path):
    for tried, wrong in run_faulty(tmp_path, DOWNLOAD, NUMBERS).values():
        assert tried > 10
        assert not wrong, json.dumps(wrong, indent=1)
