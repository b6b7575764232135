"""Thousands of inputs that nobody would write, from good ones by a seeded generator, through the commands themselves.

None may end in a traceback or with code 1, take over 5 seconds, show NaN as an answer, or change a file that was there.
What was found once is kept in `test_findings.py`. The default run tries a few hundred; `-m fuzz` fifty thousand in four
minutes, `-m long` a million.
"""

import gzip
import json
import random
import re
import struct

import numpy as np
import pytest
from safetensors.numpy import save

from brainbox_core.network import saving
from tests.fuzz import command, mutation, seeds

SAYS_NAN = re.compile(r"nan|inf", re.IGNORECASE)
ROW = "Time,V1,Amount\n1,2,3\n4,5,6\n"
ASK = {  # how a model of each kind is used
    "mnist": ["mnist", "predict", "seven.png"],
    "cnn": ["cnn", "predict", "seven.png", "--top", "3"],
    "regress": ["regress", "predict", "1000", "3", "north"],
    "fraud": ["fraud", "predict", "row.csv"],
    "spam": ["spam", "predict", "--why", "buy meds"],
    "rnn": ["rnn", "sample", "--length", "5"],
}
TRAIN = {"houses.csv": "regress", "transactions.csv": "fraud", "messages.tsv": "spam", "text.txt": "rnn"}
FORMULA = [
    *("x", "y", "z", "x1", "pi", "e", "sin(", "exp(", "log(", "sqrt(", "tan(", "tanh(", "max(", "abs(", "(", ")", ","),
    *("+", "-", "*", "/", "^", "**", " ", "x^2", "y^2", "2", "0.5", "3", "x*y", "foo", "10", "1e3"),
]
WORDS = {  # by noun: words that belong to it, and what ends its line so that it is quick
    "neuron": ("--gate xor --table 0110 --lr --epochs --explain --save -", ""),
    "descent": ("--func x^2 --start 3,4 --lr --optimizer adam --tol --explain", "--steps 9"),
    "autograd": ("x*y --at x=1,y=2 --check --no-check --dot g.dot", ""),
    "convolve": ("seven.png --kernel blur --padding --border --stride --flip --explain 3,3", "-o k.png"),
    "regress": ("train predict --data houses.csv --target --log --degree --ridge --set", "-n"),
    "spam": ("train predict hello --data messages.tsv --ngrams --chars --threshold", "-n"),
    "fraud": ("train predict row.csv --data transactions.csv --hidden --split --class-weight", "-n"),
    "mnist": ("train predict seven.png --data idx --hidden --top --val-split", "-n"),
    "cnn": ("train predict seven.png --data idx --filters --hidden --top", "-n"),
    "rnn": ("train sample --data text.txt --cell --prime --temperature --top-k", "-n"),
    "export": ("neuron --dtype --name --format -o x.h --example", "--verify off -n models/neuron"),
}
SHARED = [
    *("--epochs", "--batch-size", "--seed", "--limit", "--patience", "--json", "-q", "-v", "--help", "--model", "--out")
]


class Workshop:
    """A folder of good files, in which one of them after the other is replaced by a bad one."""

    def __init__(self, folder):
        self.folder = folder
        seeds.write_inputs(folder)
        (folder / "models").mkdir()
        (folder / "row.csv").write_text(ROW)
        paths = seeds.write_models(folder / "models", folder)
        self.models = {kind: (path.read_bytes(), *saving.load_model(path)) for kind, path in paths.items()}
        for kind, path in paths.items():
            (folder / "models" / kind).mkdir()
            path.rename(folder / "models" / kind / "model.safetensors")
        self.pictures = [path.read_bytes() for path in folder.glob("seven.*")]
        self.idx = seeds.idx_files()

    def bad(self, content):
        (self.folder / "bad").write_bytes(content)
        return content

    # each makes one bad input, and gives the words of the command, standard input, and what the input says


def of_models(random, shop):
    kind = random.choice(list(ASK) if random.random() < 0.97 else list(shop.models))
    content, tensors, meta = shop.models[kind]
    if random.random() < 0.25:
        data = mutation.of_header(random, content) if random.random() < 0.8 else mutation.of_bytes(random, content)
    else:
        if random.random() < 0.2:
            tensors = dict(tensors)
            name = random.choice(list(tensors))
            factor = np.float32(random.choice((0, 1e30, 1e38, -1)))
            with np.errstate(all="ignore"):
                tensors[name] = random.choice((tensors[name] * factor, tensors[name][:1], np.zeros(0, "f4")))
        else:
            meta = mutation.of_json(random, meta)
        said = saving._digest(tensors, meta) if isinstance(meta, dict) else ""
        try:
            data = save(tensors, {"brainbox": json.dumps({"format": 1, "meta": meta, "sha256": said})})
        except (ValueError, OverflowError, UnicodeEncodeError):
            data = content
    shop.bad(data)
    # The table of characters in the header of a spam filter takes seconds.
    if kind not in ASK or (kind != "spam" and random.random() < 0.01):
        return ["export", "bad", "--verify", "off", "-n"], b"", data
    return [*ASK[kind], "-m", "bad"], b"", data


def of_tables(random, shop):
    name = random.choice(["houses.csv", "houses.csv", "transactions.csv", "row.csv"])
    text = (shop.folder / name).read_text()
    text = mutation.of_table(random, text) if random.random() < 0.8 else mutation.of_text(random, text)
    data = text.encode("utf-8", "surrogatepass")
    if random.random() < 0.2:
        data = mutation.of_bytes(random, data)
    shop.bad(data)
    piped = random.random() < 0.2
    source = "-" if piped else "bad"
    if name == "row.csv":
        return ["fraud", "predict", source, "-m", "models/fraud"], data if piped else b"", data
    if random.random() < 0.3:
        noun = TRAIN[name]
        verb = "predict" if noun == "regress" else "evaluate"
        return [noun, verb, "--data", source, "-m", f"models/{noun}"], data if piped else b"", data
    return [TRAIN[name], "--data", source, "-n"], data if piped else b"", data


def of_texts(random, shop):
    name = random.choice(["messages.tsv", "text.txt"])
    text = (shop.folder / name).read_text()
    text = mutation.of_table(random, text) if random.random() < 0.5 else mutation.of_text(random, text)
    data = text.encode("utf-8", "surrogatepass")
    if random.random() < 0.3:
        data = mutation.of_bytes(random, data)
    shop.bad(data)
    piped = random.random() < 0.3
    if name == "messages.tsv" and random.random() < 0.5:
        return ["spam", "predict", "-", "-m", "models/spam"], data[:3000], data
    return [TRAIN[name], "--data", "-" if piped else "bad", "-n"], data if piped else b"", data


def of_idx(random, shop):
    name = random.choice(list(shop.idx))
    content = shop.idx[name]
    if name.endswith(".gz") and random.random() < 0.6:
        content = gzip.decompress(content)
        head = bytearray(content[:16])
        head[random.randrange(16)] = random.choice((0, 1, 2, 3, 8, 28, 255))
        content = bytes(head) + content[16:] if random.random() < 0.5 else mutation.of_bytes(random, content)
        content = gzip.compress(content, 1, mtime=0) if random.random() < 0.7 else content
    else:
        content = mutation.of_bytes(random, content, struct.pack(">I", random.randrange(2**32)))
    for each, good in shop.idx.items():
        (shop.folder / "idx" / each).write_bytes(content if each == name else good)
    return ["mnist", "--data", "idx", "-n"], b"", b""


def of_pictures(random, shop):
    content = mutation.of_bytes(random, random.choice(shop.pictures), random.choice(shop.pictures))
    shop.bad(content)
    piped = random.random() < 0.2
    source = "-" if piped else "bad"
    words = random.choice((["mnist", "predict", source, "-m", "models/mnist"], ["convolve", source, "-o", "k.png"]))
    return words, content if piped else b"", b""


def of_formulas(random, shop):
    text = mutation.by_pieces(random, FORMULA)
    if random.random() < 0.3:
        text = mutation.of_text(random, text, FORMULA)
    start = ",".join(random.choices(["0", "1", "-1", "0.5", "1e9", "1e-9", "1e308", "nan", ""], k=random.randint(1, 3)))
    at = ",".join(f"{name}={value}" for name, value in zip("xyz", start.split(","), strict=False))
    words = random.choice(
        (["descent", f"--func={text}", f"--start={start}", "--steps", "9"], ["autograd", f"--at={at}", "--", text])
    )
    if random.random() < 0.1:
        words.insert(1, "--json")
    return words, b"", (text + start).encode("utf-8", "surrogatepass")


def of_arguments(random, shop):
    noun = random.choice(list(WORDS))
    own, end = map(str.split, WORDS[noun])
    words = [noun]
    for _ in range(random.choice((1, 2, 3, 5))):
        kind = random.random()
        if kind < 0.6:
            words.append(random.choice(own + SHARED))
        elif kind < 0.75:
            words.append(mutation.some(random, mutation.NUMBERS))
        elif kind < 0.85:
            words.append(mutation.some(random, mutation.TEXTS))
        elif kind < 0.95:
            words.append(f"{random.choice(own + SHARED)}={mutation.some(random, mutation.NUMBERS + mutation.TEXTS)}")
        else:
            words.append(mutation.of_text(random, random.choice(own + SHARED)))
    words = [word.replace("\0", "?") for word in words]  # which no command line can hold
    end = [] if {"predict", "sample"} & set(words) else end
    return words + end, b"", " ".join(words).encode("utf-8", "surrogatepass")


TARGETS = {  # what is changed, and its share of the inputs in hundredths
    of_models: 25,
    of_tables: 20,
    of_texts: 10,
    of_idx: 10,
    of_pictures: 10,
    of_formulas: 15,
    of_arguments: 10,
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    return Workshop(tmp_path_factory.mktemp("fuzz"))


def attempt(shop, target, seed):
    """Try one input; a finding says all that is needed to try it again."""
    words, stdin, said = target(random.Random(seed), shop)
    before = command.state(shop.folder)
    try:
        command.judged(words, stdin, says_nan=bool(SAYS_NAN.search(said.decode("utf-8", "replace"))))
        after = command.state(shop.folder)
        if lost := [path for path in before if after.get(path) != before[path] and not path.endswith("k.png")]:
            raise command.Finding(f"changed {lost}")
        if left := [path for path in after if ".tmp-" in path]:
            raise command.Finding(f"left {left}")
    except command.Finding as finding:
        return f"{target.__name__} {seed!r}\n{words}\n{finding}"
    return ""


def hunt(shop, monkeypatch, target, count, first):
    monkeypatch.chdir(shop.folder)
    monkeypatch.setenv("BRAINBOX_OUT", "brainbox-out")  # where nothing is; the same in every test of this process
    found = {}
    for number in range(first, first + count):
        if told := attempt(shop, target, f"{target.__name__} {number}"):
            found.setdefault(told.strip().splitlines()[-1][:80], told)
    assert not found, "\n\n".join(list(found.values())[:20])


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.__name__)
def test_a_few(shop, monkeypatch, target):
    hunt(shop, monkeypatch, target, 2 * TARGETS[target], 0)


@pytest.mark.fuzz
@pytest.mark.parametrize("shard", range(5))
@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.__name__)
def test_fifty_thousand(shop, monkeypatch, target, shard):
    count = 100 * TARGETS[target]
    hunt(shop, monkeypatch, target, count, shard * count)


@pytest.mark.long
@pytest.mark.parametrize("shard", range(5, 105))
@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.__name__)
def test_a_million(shop, monkeypatch, target, shard):
    count = 100 * TARGETS[target]
    hunt(shop, monkeypatch, target, count, shard * count)
