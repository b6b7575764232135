"""Every command gives the same for one seed, whatever surrounds it: text, document, files and pictures, times apart."""

import hashlib
import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.cli.shell import COMMAND, document, environment

COMMANDS = {
    "neuron": ["neuron --gate nand --explain --plot n.png --save n.safetensors", "export n.safetensors -o n.h"],
    "descent": ["descent --optimizer all --steps 2000 --plot d.png --gif d.gif"],
    "autograd": ["autograd x*y+sin(z) --at x=2,y=-3,z=10 --dot a.dot --plot a.png"],
    "points": ["autograd --dataset moons --plot a.png"],
    "convolve": ["convolve portrait --kernel outline -o c.png"],
    "regress": ["regress --no-input --epochs 50 --plot", "regress predict 1650 3 20 harbor", "export regress -o r.h"],
    "spam": ["spam --epochs 2 --limit 400", "spam predict free_money_for_mum --why", "spam evaluate"],
    "fraud": ["fraud --epochs 5 --plot", "fraud evaluate", "fraud predict Amount=5000"],
    "mnist": ["mnist --limit 900 --epochs 3 --plot", "mnist evaluate", "export mnist -o m.h --max-drop 100"],
    "cnn": [
        "cnn --limit 900 --epochs 3 --augment --plot",
        "cnn evaluate --shift 2",
        "export cnn -o c.h --max-drop 100",
    ],
    "rnn": ["rnn --steps 30 --hidden 8 --dropout 0.2", "rnn sample --length 80", "rnn evaluate", "export rnn -o r.h"],
}
QUICK = {"neuron": 2, "spam": 2, "mnist": 2}  # in how many surroundings the default run looks at some

SURROUNDINGS = [
    ({}, "a", 0o022),
    ({"PYTHONHASHSEED": "1", "TZ": "Asia/Kolkata", "LC_ALL": "C", "LANG": "C", "COLUMNS": "40"}, "b c", 0o077),
    ({"PYTHONHASHSEED": "2", "LC_ALL": "de_DE.UTF-8", "LANG": "de_DE.UTF-8", "COLUMNS": "300"}, "größe", 0o002),
    ({"PYTHONHASHSEED": "3", "TZ": "America/St_Johns", "LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR"}, "a/b/c/d", 0o022),
    ({"PYTHONHASHSEED": "4", "HOME": "/nonexistent", "MPLBACKEND": "svg", "TERM": "dumb"}, "e", 0o022),
    ({"PYTHONHASHSEED": "5", "PYTHONOPTIMIZE": "1", "PYTHONUNBUFFERED": "1", "LINES": "5"}, "f", 0o027),
    ({"PYTHONHASHSEED": "random", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONDEVMODE": "0"}, "g", 0o022),
    ({"PYTHONHASHSEED": "4294967295", "NO_COLOR": "1", "TZ": ":bogus"}, "h'h", 0o022),
    ({"PYTHONHASHSEED": "8", "MALLOC_PERTURB_": "165", "PYTHONMALLOC": "malloc"}, "i", 0o022),
    ({"PYTHONHASHSEED": "9", "TZ": "Pacific/Kiritimati", "BRAINBOX_SEED": "0"}, "j", 0o022),
]
OF_TIME = {"timing", "time_s", "epochs_s", "time", "started", "finished", "pid", "argv", "versions"}
TIMES = re.compile(r"\d+(\.\d+)? ?m?s\b|\d+m\d\ds\b|\d+h\d\dm\b")
LONG_WORK = re.compile(r"^[a-z]+ing\b.*: (\d+%|[\d,]+|T)\n", re.MULTILINE)  # lines that come when it takes long


def timeless(value: object) -> object:
    """A document without what says when it was and how long it took."""
    if isinstance(value, dict):
        return {name: timeless(part) for name, part in value.items() if name not in OF_TIME}
    return [timeless(part) for part in value] if isinstance(value, list) else value


def said(command: str, folder: Path, changes: dict[str, str], umask: int) -> tuple[object, str]:
    """The document of a command and its text for people."""
    done = subprocess.run(
        [*COMMAND, *command.split(), "--json"],
        cwd=folder,
        env=environment(PYTHONIOENCODING="utf-8", **changes),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        umask=umask,
        check=False,
    )
    text = LONG_WORK.sub("", TIMES.sub("T", done.stderr.decode()))
    assert done.returncode in (0, 4), text  # 4: too little to learn from
    return timeless(document(done.stdout.decode())), re.sub(r" +", " ", text)


def files_of(folder: Path) -> dict[str, object]:
    """Every file below a folder: records without times, of all others a hash of what is in it."""
    found: dict[str, object] = {}
    for path in folder.rglob("*"):
        name = str(path.relative_to(folder))
        if path.suffix in (".json", ".jsonl"):
            lines = path.read_text().splitlines() if path.suffix == ".jsonl" else [path.read_text()]
            found[name] = [timeless(json.loads(line)) for line in lines]
        elif path.is_file():
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def require_the_same(noun: str, surroundings: list, tmp_path: Path) -> None:
    first = None
    for changes, place, umask in surroundings:
        folder = tmp_path / place
        folder.mkdir(parents=True, exist_ok=True)
        told = [said(command, folder, changes, umask) for command in COMMANDS[noun]], files_of(folder)
        first = first or told
        assert told == first, changes


@pytest.mark.parametrize("noun", QUICK)
def test_some_commands_depend_on_nothing_but_the_seed(noun, tmp_path):
    require_the_same(noun, SURROUNDINGS[: QUICK[noun]], tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("noun", COMMANDS)
def test_every_command_depends_on_nothing_but_the_seed(noun, tmp_path):
    """Each in two or three surroundings, all together in all."""
    number = list(COMMANDS).index(noun)
    require_the_same(noun, [SURROUNDINGS[0], *SURROUNDINGS[1 + number % 5 :: 5]], tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("noun", COMMANDS)
def test_ten_runs_depend_on_nothing_but_the_seed(noun, tmp_path):
    require_the_same(noun, SURROUNDINGS, tmp_path)


def test_another_seed_gives_something_else(tmp_path):
    """What is compared holds what a seed changes."""
    told = []
    for seed in "01":
        (tmp_path / seed).mkdir()
        told.append(
            (said(f"mnist --limit 300 --epochs 2 --seed {seed}", tmp_path / seed, {}, 0o022), files_of(tmp_path / seed))
        )
    assert told[0] != told[1] and told[0][1].keys() == told[1][1].keys()
