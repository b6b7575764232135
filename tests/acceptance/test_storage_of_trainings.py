"""Whichever call to the system fails while a training writes, earlier runs stay, and what is new is whole or absent.

As in `test_storage`, for the files of a training. They belong together, so that it is not enough if each is whole.
"""

import json

import pytest

from tests.acceptance.test_storage import NUMBERS, run_faulty

LEARN = "regress --data houses.csv --target price --epochs 2 --seed SEED"
# By layout: the training, and of how many calls one is made to fail, by default and with each error in turn.
LAYOUTS = {
    "runs of the noun": (f"{LEARN} --keep 2", 1, 1),
    "a lesser run": (f"{LEARN} --quick", 5, 3),
    "one folder": (f"{LEARN} --out OUT/mine", 2, 1),
    "pictures": (f"{LEARN} --out OUT/mine --plot", 23, 13),  # drawing takes a second
}

PROGRAM = r"""
import ctypes, errno, json, os, shutil, sys, traceback
from pathlib import Path
import braininabox as bb
from brainbox_core.training import checkpoint
from tests.fuzz import command, seeds

folder, library = map(Path, sys.argv[1:3])
layouts, numbers, all_of_them = map(json.loads, sys.argv[3:])
shim, out, old = ctypes.CDLL(library), folder / "out", folder / "old"
shim.called.restype = ctypes.c_char_p
os.chdir(folder)
os.environ["BRAINBOX_OUT"] = str(out)
seeds.write_inputs(folder)

def learn(words, seed, which=0, error=0):
    shim.watch(str(out).encode(), ctypes.c_long(which), error)
    return command.run(words.replace("OUT", str(out)).replace("SEED", str(seed)).split())

def calls():
    return shim.called().decode().split()

def files(place):
    return {str(path.relative_to(place)): path.read_bytes() for path in place.rglob("*") if path.is_file()}

def seed_of(place):
    '''That of the model in a run's folder, None if there is none; all that lies there can be read.'''
    metrics, model, record = (place / name for name in ("metrics.jsonl", "model.safetensors", "run.json"))
    lines = metrics.read_bytes().split(b"\n") if metrics.exists() else [b""]
    assert lines.pop() == b"", lines
    assert all("event" in json.loads(line) for line in lines)
    for path in place.glob("checkpoint*"):
        checkpoint.read(path, "regress")
    for path in place.glob("*.png"):
        assert path.read_bytes().endswith(b"IEND\xaeB`\x82"), path
    if not model.exists():
        return None
    seed = bb.load(model).seed
    assert not record.exists() or json.loads(record.read_bytes())["seed"] == seed, "another run's record"
    return seed

def check(ended, words, seed, failed):
    '''After a training with a seed, the one with seed 2 before it having ended well.'''
    assert ended.code in (0, 3)
    assert ended.err.count("error: ") == ended.err.count("hint: ") == (ended.code != 0)
    good, there, mine = ended.code == 0, files(out), out / "mine"
    if mine.exists():
        assert seed_of(mine) in ([seed] if good else [2, seed])
        assert not good or (mine / "run.json").exists()
    else:
        earlier = {name: content for name, content in before.items() if "/2/" in name}
        assert earlier.items() <= there.items()
        current = json.loads(there["regress/current.json"])["run"]
        found = {int(place.name): seed_of(place) for place in out.glob("regress/runs/[1-9]*")}
        assert found[current] in ([2] if "--quick" in words else [seed] if good else [2, seed])
    if failed != "unlink":  # nothing else can take a file away
        assert not [name for name in there if ".tmp-" in name or ".lock" in name]
        assert not good or not [name for name in there if "checkpoint" in name]

for layout, (words, *steps) in layouts.items():
    for path in (out, old):
        shutil.rmtree(path, ignore_errors=True)
    assert [learn(words.replace("--quick", ""), seed).code for seed in (1, 2)] == [0, 0]
    shutil.copytree(out, old)
    before, wrong, tried, step = files(old), [], [], steps[all_of_them]
    for turn in range(len(numbers) if all_of_them else 1):
        which = 1 + turn
        while True:
            shutil.rmtree(out)
            shutil.copytree(old, out)
            number = numbers[(which // step + turn) % len(numbers)]
            ended = None
            try:
                ended = learn(words, 3, which, number)
                seen = calls()
                if len(seen) < which:
                    break
                tried.append(seen[which - 1])
                check(ended, words, 3, seen[which - 1])
                if all_of_them or len(tried) % 4 == 0:  # which takes half of the time
                    ended = learn(words.replace("--plot", ""), 4)
                    assert ended.code == 0, "nothing works afterwards"
            except Exception:
                about = calls()[max(0, which - 4) : which], errno.errorcode[number], ended and ended.err[-500:]
                wrong.append([which, *about, traceback.format_exc()[-500:]])
            which += step
    print(json.dumps([layout, [tried, wrong]]))
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    return run_faulty(tmp_path_factory.mktemp("trainings"), PROGRAM, LAYOUTS, NUMBERS, False)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_whichever_call_fails_no_run_is_lost_or_half(told, layout):
    """Each call fails with another error than the one before."""
    tried, wrong = told[layout]
    assert len(tried) > 3
    assert not wrong, json.dumps(wrong, indent=1)


@pytest.mark.slow
def test_whichever_call_fails_with_whichever_error(tmp_path):
    for layout, (_, wrong) in run_faulty(tmp_path, PROGRAM, LAYOUTS, NUMBERS, True).items():
        assert not wrong, f"{layout}: {json.dumps(wrong, indent=1)}"
