"""Model files that anybody may have made: refused at once, without memory, code or other files, in two short lines.

The corpus is what the tests beside this one make of containers and of networks, and what is made here of what each noun
says of itself. All of it is loaded in one process, which watches what Python does.
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import braininabox as bb
from brainbox_core.errors import InputError
from brainbox_core.network import saving
from tests.core.model.test_sequential import FORGERIES, forged
from tests.core.network.test_saving import BAD, signed
from tests.fuzz import seeds

HOSTILE = "\x1b[31m\n*/ int evil; /*"
NONSENSE = [None, True, -1, 700, 0.5, 1e300, "", HOSTILE, "x" * 5000, [], ["!"], [False], [[1]], {}]
TEXTS = ["", HOSTILE, "x" * 5000]  # as good as any other where a text is expected: shown escaped, and cut
PLACES = {  # by noun: what it says of itself, by the way to it, and what will do there
    "mnist": {"classes": [], "classes.0": TEXTS, "data": [{}], "kind": []},
    "cnn": {"input_shape": [], "layers.0.kind": [], "layers.0.config.filters": [], "layers.0.config.kernel": []},
    "regress": {
        "features": [],
        "features.columns.0.scales.0": [0.5, 1e300, 700],
        "log": [[]],
        "log.0": [],
        "polynomial": [],
        "polynomial.terms": [],
        "weights": [],
        "intercept": [0.5, 1e300],
        "target": [],
        "settings": [],
    },
    "fraud": {
        "features.columns": [],
        "features.columns.1.kind": [],
        "threshold": [0.5, 1e300],
        "settings.target": TEXTS,
        "settings.split": [],
        "data.sha256": TEXTS,
    },
    "spam": {"features": [], "features.vocabulary": [None], "features.columns": [], "threshold": [0.5], "prior": [0.5]},
    "rnn": {"characters": [], "characters.3": [], "start": [], "lines": [True], "val_split": [0.5], "data": [{}]},
    "neuron": {"weights": [], "weights.1": [], "table": []},
}


def put(meta, way, value):
    """A description with something else in one place."""
    meta = json.loads(json.dumps(meta))
    *steps, last = (int(step) if step.isdecimal() else step for step in way.split("."))
    holder = meta
    for step in steps:
        holder = holder[step]
    holder[last] = value
    return meta


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """A good model of every kind: the files by kind."""
    folder = tmp_path_factory.mktemp("good")
    (folder / "models").mkdir()
    seeds.write_inputs(folder)
    return seeds.write_models(folder / "models", folder)


WATCH = """
import json, os, sys, time
from pathlib import Path
from brainbox_core.errors import InputError
from tests.fuzz.seeds import load
from tests.memory import MEASURABLE, forget, peak

folder = Path(sys.argv[1])
events = None

def watch(event, arguments):
    if events is not None and event.split(".")[0] in (
        "import", "exec", "compile", "open", "socket", "subprocess", "os", "ctypes", "pickle", "marshal", "shutil"
    ):
        events.append((event, str(arguments[0])[:200]))

sys.addaudithook(watch)
for path in (folder / "good").iterdir():
    load(path.stem, path)  # what Python imports on first use
for path in sorted((folder / "bad").iterdir()):
    if MEASURABLE:
        forget()
    baseline, begin, events = peak() if MEASURABLE else 0, time.process_time(), []
    line = fix = ""
    try:
        load(path.name.split("-")[0], path)
    except InputError as error:
        line, fix = error.line, error.fix
    took, seen, events = time.process_time() - begin, events, None
    grown = peak() - baseline if MEASURABLE else 0
    opened = [("open", str(path)), ("open", "3")]  # by its name, and then by its descriptor
    seen = [event for event in seen if event not in opened]
    print(json.dumps([path.name, line, fix, took, grown, seen]))
"""


@pytest.fixture(scope="module")
def told(good, tmp_path_factory):
    """What happened to every file of the corpus: name, error, remedy, seconds, bytes, and what Python did."""
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "bad").mkdir()
    (folder / "good").symlink_to(good["mnist"].parent)
    corpus = {f"any-{name}": data for name, (data, _) in BAD.items()}
    for name, (change, _) in FORGERIES.items():
        corpus[f"any-{name}"] = forged(folder, change).read_bytes()
    for kind, places in PLACES.items():
        tensors, meta = saving.load_model(good[kind])
        for way, fine in places.items():
            for number, value in enumerate(NONSENSE):
                if value not in fine or any(type(value) is not type(one) for one in fine if one == value):
                    corpus[f"{kind}-{way}-{number}"] = signed(tensors, put(meta, way, value))
    for number, (name, data) in enumerate(corpus.items()):
        (folder / "bad" / f"{name.replace('/', '-')[:80]}-{number}").write_bytes(data)
    command = [sys.executable, "-c", WATCH, folder]
    root = Path(__file__).parents[3]
    lines = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout.splitlines()
    assert len(lines) == len(corpus) > 500
    return [json.loads(line) for line in lines]


def test_every_hostile_file_is_refused_in_two_short_lines(told):
    assert [name for name, line, fix, *_ in told if not (line and fix)] == []
    for name, line, fix, *_ in told:
        assert line.isprintable() and fix.isprintable(), name
        assert len(f"error: {line}") <= 300 and len(f"hint: {fix}") <= 300, (name, line, fix)


def test_no_hostile_file_takes_time_or_memory(told):
    for name, _, _, seconds, grown, _ in told:
        assert seconds < 0.5, name
        assert grown <= 32 * 2**20, name


def test_no_hostile_file_makes_python_import_run_open_or_connect_anything(told):
    assert {name: events for name, *_, events in told if events} == {}


@pytest.mark.parametrize("kind", PLACES)
def test_what_will_do_loads(good, tmp_path, kind):
    """The corpus is refused for what was changed: other values in the same places are taken."""
    tensors, meta = saving.load_model(good[kind])
    for way, fine in PLACES[kind].items():
        for value in fine:
            (tmp_path / "m").write_bytes(signed(tensors, put(meta, way, value)))
            seeds.load(kind, tmp_path / "m")


@pytest.mark.parametrize("step", [23, pytest.param(1, marks=pytest.mark.slow)])
def test_a_model_with_a_flipped_bit_or_cut_off_is_refused_or_predicts_the_same(good, tmp_path, step):
    content, X = good["network"].read_bytes(), np.linspace(-1, 1, 72, dtype=np.float32).reshape(2, 6, 6)
    right = bb.Sequential.load(good["network"]).predict(X)
    path = tmp_path / "model"
    damaged = [content[:length] for length in range(0, len(content), step)]
    for bit in range(0, 8 * len(content), step):
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        damaged.append(bytes(flipped))
    loaded = 0
    for data in damaged:
        path.write_bytes(data)
        try:
            model = bb.Sequential.load(path)
        except InputError:
            continue
        loaded += 1
        assert np.array_equal(model.predict(X), right)
    assert loaded < len(damaged) / 50  # where the header is the same JSON in other characters
