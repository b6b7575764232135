"""A real disk that gets full while something is written: the old file stays, and what was stopped can go on.

As `test_storage`, which lets one call fail; here the kernel itself refuses, at every amount of free space from none on.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance.test_storage import OUTPUTS
from tests.disk import on_a_disk

ROOT = Path(__file__).parents[2]
LEARN = "regress --data houses.csv --target price --epochs 45"
# By layout: the training, and the step from one amount of free space to the next.
TRAININGS = {
    "runs of the noun": (LEARN, 1),
    "one folder": (f"{LEARN} --out OUT/mine", 1),
    "pictures": (f"{LEARN} --plot", 9),  # drawing takes a second
}

SETTING = r"""
import json, os, shlex, shutil, sys
from itertools import count
from pathlib import Path
from tests.fuzz import command, seeds

folder, kind = Path(sys.argv[1]), sys.argv[2]
asked, = map(json.loads, sys.argv[3:])
disk = folder / "disk"
out, old, filler = disk / "out", folder / "old", disk / "filler"
os.chdir(folder)

def fill(free):
    '''Take all blocks or files of the disk but some.'''
    left = os.statvfs(disk)
    filler.mkdir()
    if kind == "files":
        for number in range(left.f_favail - 1 - free):
            (filler / str(number)).touch()
        return
    with open(filler / "0", "wb") as file:
        if left.f_bavail > free:
            os.posix_fallocate(file.fileno(), 0, (left.f_bavail - free) * left.f_frsize)

def files(place):
    return {str(path.relative_to(place)): path.read_bytes() for path in place.rglob("*") if path.is_file()}

def renew():
    for path in (out, filler):
        shutil.rmtree(path, ignore_errors=True)
    if old.exists():
        shutil.copytree(old, out)
    else:
        out.mkdir()

def judge(ended):
    error = [line for line in ended.err.splitlines() if line.startswith("error: ")]
    assert ended.code in (0, 3) and len(error) == ended.err.count("hint: ") == (ended.code == 3), ended.err
    assert not error or "disk full" in error[0] or "no space left on device" in error[0], error

def require_clean():
    assert not [name for name in files(out) if ".tmp-" in name or ".lock" in name], files(out).keys()

def keep():
    shutil.rmtree(old, ignore_errors=True)
    shutil.copytree(out, old)

def report(name, told):
    print(json.dumps([name, told]), flush=True)
"""

WRITE = r"""
seeds.write_inputs(folder)
(folder / "models/neuron").mkdir(parents=True)
seeds.write_models(folder / "models", folder)["neuron"].rename("models/neuron/model.safetensors")

def run(words, number):
    words = words.replace("OUT", str(out)).replace("NUMBER", str(number + 1))
    return command.run(words.replace("NAME", "ab"[number]).replace("KERNEL", ("blur", "sharpen")[number]).split())

for name, (words, written) in asked.items():
    shutil.rmtree(old, ignore_errors=True)
    renew()
    assert run(words, 0).code == 0
    keep()
    assert run(words, 1).code == 0
    before, after = ({each: (place / each).read_bytes() for each in written} for place in (old, out))
    tried, ended = 0, None
    for free in count():
        renew()
        fill(free)
        ended = run(words, 1)
        judge(ended)
        require_clean()
        there = files(out)
        assert all(there[each] in (before[each], after[each]) for each in written), (name, free)
        if ended.code == 0:
            break
        if len(written) == 1:
            assert there == before, (name, free)
        shutil.rmtree(filler)
        assert run(words, 1).code == 0
        require_clean()
        tried += 1
    assert files(out) == after, name
    report(name, tried)
"""

LEARNING = r"""
import braininabox as bb
from tests.cli.test_resume import content

os.environ["BRAINBOX_OUT"] = str(out)
seeds.write_inputs(folder)

def learn(words, seed):
    return command.run([*words.replace("OUT", str(out)).split(), "--seed", str(seed)])

def place_of(number):
    return out / "mine" if (out / "mine").exists() else out / f"regress/runs/{number}"

for name, (words, step) in asked.items():
    shutil.rmtree(old, ignore_errors=True)
    renew()
    assert learn(words.replace("--plot", ""), 1).code == 0
    keep()
    before = files(old)
    assert learn(words, 2).code == 0
    whole = content(place_of(2))
    tried, gone_on = 0, 0
    for free in count(0, step):
        renew()
        fill(free)
        ended = learn(words, 2)
        judge(ended)
        require_clean()
        there, place = files(out), place_of(2)
        if place.name == "mine":
            if (place / "model.safetensors").exists():
                seed = bb.load(place / "model.safetensors").seed
                record = place / "run.json"
                assert not record.exists() or json.loads(record.read_bytes())["seed"] == seed, (name, free)
            assert ended.code == 0 or "to go on" in ended.err or there == before, (name, free)
        else:
            assert before.items() <= there.items() or ended.code == 0, (name, free, ended.err)
        if ended.code == 0:
            assert content(place) == whole
            break
        tried += 1
        shutil.rmtree(filler)
        told = [line for line in ended.err.splitlines() if "to go on once there is a place to write: " in line]
        if told:
            again = command.run(shlex.split(told[0].partition("write: brainbox ")[2]))
            gone_on += 1
        else:
            again = learn(words, 2)
        assert again.code == 0, (name, free, ended.err, again.err)
        assert content(place_of(2)) == whole, (name, free)
        require_clean()
    report(name, [tried, gone_on])
"""

DOWNLOAD = r"""
from brainbox_core.datasets.download import Remote, download
from brainbox_core.errors import InputError
from tests.core.datasets.test_download import CONTENT, SHA256, good, serving

with serving(good) as (url, _):
    for before in ({}, {"file": b"another file"}):
        for free in range(0, 90, 3):
            renew()
            for each, data in before.items():
                (out / each).write_bytes(data)
            fill(free)
            try:
                download(Remote("file", len(CONTENT), SHA256, (url,)), out)
            except InputError as error:
                assert "disk full" in str(error) or "no space left on device" in str(error), error
                assert files(out) == before, (free, files(out).keys())
            else:
                assert files(out) == {"file": CONTENT}
                break
            shutil.rmtree(filler)
            download(Remote("file", len(CONTENT), SHA256, (url,)), out)
        report(str(before), free)
"""


def on_a_full_disk(folder: Path, program: str, kind: str, asked: object = None) -> dict:
    (folder / "disk").mkdir()
    command = [sys.executable, "-c", SETTING + program, folder, kind, json.dumps(asked)]
    env = os.environ | {"PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
    words = on_a_disk(folder / "disk", command, "size=2m,nr_inodes=200")
    done = subprocess.run(words, env=env, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return dict(map(json.loads, done.stdout.splitlines()))


@pytest.mark.parametrize("kind", ["bytes", "files"])
def test_what_does_not_fit_leaves_the_old_file(kind, tmp_path):
    tried = on_a_full_disk(tmp_path, WRITE, kind, OUTPUTS)
    assert tried.keys() == OUTPUTS.keys() and min(tried.values()) > 0


@pytest.mark.parametrize("kind", ["bytes", "files"])
@pytest.mark.parametrize("layout", [*list(TRAININGS)[:2], pytest.param("pictures", marks=pytest.mark.slow)])
def test_a_training_that_does_not_fit_goes_on_when_there_is_space(layout, kind, tmp_path):
    tried, gone_on = on_a_full_disk(tmp_path, LEARNING, kind, {layout: TRAININGS[layout]})[layout]
    assert tried > gone_on > 0


def test_a_download_that_does_not_fit_leaves_the_old_file(tmp_path):
    tried = on_a_full_disk(tmp_path, DOWNLOAD, "bytes")
    assert len(tried) == 2 and min(tried.values()) > 60
