"""Make up the built-in messages: wanted and unwanted ones, as people and machines write them.

    python datasets/make_messages.py [--out datasets]

`ham_templates.txt` and `spam_templates.txt` hold our own sentences with choices in them; a random writer picks, joins
and types: in short forms, without apostrophes, with slips of the finger, in capitals. Nothing was taken from anybody's
messages.

The sentences are dealt out into blocks, and no message joins those of two. The file has block after block, so that who
learns from some blocks and is judged by others is judged by sentences that it has never seen.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))  # so that the program runs from any folder

from brainbox_core.files.writing import atomic_write  # noqa: E402
from brainbox_core.rng import stream  # noqa: E402
from brainbox_core.text.tokens import tokenize  # noqa: E402

SEED = 0
HAM, SPAM = 3400, 1200  # messages
BLOCKS = 20
MOST = 300  # characters of one

# How people shorten words when they write with their thumbs; each writer knows some of these.
SHORT_FORMS = """
you=u are=r your=ur to=2 for=4 see=c be=b why=y okay=k ok=k please=pls,plz thanks=thx,tks,thanx because=cos,coz
what=wat,wot that=dat this=dis the=da with=wif,wit tomorrow=2moro,tmr,2mrw tonight=2nite today=2day later=l8r
great=gr8 late=l8 love=luv have=hav,hv going=goin doing=doin coming=comin good=gd night=nite message=msg text=txt
about=abt before=b4 people=ppl back=bk know=noe,kno something=smth right=rite don't=dun,dnt i'm=im i'll=ill can't=cant
it's=its really=rly just=jus,jst much=mch so=sooo come=cum but=bt and=n,& not=nt now=nw want=wan them=dem then=den
there=dere think=tink where=wer,whr when=wen would=wud should=shud could=cud like=lyk morning=mrng friend=fren
friends=frens yes=yep,yar very=v,vry from=frm work=wrk home=hme happy=hapy day=dai sorry=sori,sry school=sch hour=hr
minutes=mins anything=anythin nothing=nothin having=havin little=lil baby=bb darling=darlin myself=myslf
"""
SHORT = {word: forms.split(",") for word, forms in (pair.split("=") for pair in SHORT_FORMS.split())}
ENDINGS = ("", "", "", "", ".", "..", "...", "!", " :)", " x", " xx", " lol", " haha", " lah", " lor", " k", " ;)")


def read_templates(path: Path) -> tuple[list[str], dict[str, list[str]]]:
    """The sentences of a file and its lists."""
    sentences, lists = [], {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("= "):
            name, _, words = line[2:].partition(": ")
            lists[name] = [f"[{word.strip()}]" if "|" in word else word.strip() for word in _parts(words)]
        elif line and not line.startswith("# "):
            sentences.append(line)
    return sentences, lists


def _parts(text: str) -> list[str]:
    """A text cut at those | that stand in no brackets."""
    parts, depth = [""], 0
    for char in text:
        depth += (char == "[") - (char == "]")
        if char == "|" and not depth:
            parts.append("")
        else:
            parts[-1] += char
    return parts


def expand(sentence: str, lists: dict[str, list[str]], rng: np.random.Generator) -> str:
    """One of the texts that a sentence stands for."""
    while "<" in sentence or "[" in sentence:
        sentence = re.sub(r"<(\w+)>", lambda match: _pick(lists[match[1]], rng), sentence)
        sentence = re.sub(r"\[([^\[\]]*)\]", lambda match: _pick(match[1].split("|"), rng), sentence)
    sentence = re.sub("#", lambda match: str(rng.integers(10)), sentence)
    return tidy(sentence)


def tidy(text: str) -> str:
    """The text without the traces of choices that were left empty."""
    text = re.sub(r"\s+", " ", text)
    text = re.sub(r" ([.,!?])(?![.)\w])", r"\1", text)
    return re.sub(r"([!?])\.", r"\1", text).strip(" ,")


def _pick(choices: list[str], rng: np.random.Generator) -> str:
    return choices[rng.integers(len(choices))]


def ham(sentences: list[str], lists: dict[str, list[str]], rng: np.random.Generator) -> str:
    """A message between people: one to three thoughts, and maybe a greeting and a farewell, typed in somebody's way."""
    count = rng.choice([1, 1, 1, 1, 2, 2, 3])
    thoughts = [expand(_pick(sentences, rng), lists, rng) for _ in range(count)]
    if rng.random() < 0.18:
        thoughts.insert(
            0, _pick(lists["hi"], rng) + _pick([",", "", "!", " " + _pick(lists["name"], rng) + ",", "..."], rng)
        )
    if rng.random() < 0.2:
        thoughts.append(_pick(lists["bye"], rng))
    text = tidy(_pick([" ", ". ", " ", ", ", "... ", ".. ", " - "], rng).join(thoughts))
    return type_like_people(text, rng)


def type_like_people(text: str, rng: np.random.Generator) -> str:
    """The text in one person's way of writing."""
    brief, careless = rng.choice([0, 0, 0.25, 0.6, 0.9]), rng.choice([0, 0, 0, 0.01, 0.03])
    words = []
    for word in text.split():
        bare = word.strip(".,!?").lower()
        if bare in SHORT and rng.random() < brief:
            word = word.lower().replace(bare, _pick(SHORT[bare], rng))
        words.append(_slip(word, rng) if rng.random() < careless * len(word) else word)
    text = " ".join(words) + _pick(ENDINGS, rng)
    if rng.random() < 0.3:
        text = text.replace("'", "")
    style = rng.random()
    if style < 0.03:
        return text.upper()
    if style < 0.6:
        return re.sub(r"(^|[.!?] )([a-z])", lambda match: match[1] + match[2].upper(), text).replace(" i ", " I ")
    return text.lower() if style < 0.75 else text


def _slip(word: str, rng: np.random.Generator) -> str:
    """A word with one letter left out, doubled, or in the place of the next."""
    if len(word) < 4 or not word.isalpha():
        return word
    at = rng.integers(1, len(word) - 1)
    return _pick(
        [word[:at] + word[at + 1 :], word[: at + 1] + word[at:], word[:at] + word[at + 1] + word[at] + word[at + 2 :]],
        rng,
    )


def spam(sentences: list[str], lists: dict[str, list[str]], rng: np.random.Generator) -> str:
    """A message from a machine to everybody, sometimes shouted, sometimes shortened, sometimes two in one."""
    text = expand(_pick(sentences, rng), lists, rng)
    if rng.random() < 0.12:
        text = tidy(f"{text} {expand(_pick(sentences, rng), lists, rng)}")
    brief = rng.choice([0, 0, 0, 0.4, 0.8])
    for long, short in (("you", "u"), ("your", "ur"), ("to", "2"), ("for", "4"), ("text", "txt"), ("please", "pls")):
        if rng.random() < brief:
            text = re.sub(rf"\b{long}\b", short, text)
    style = rng.random()
    if style < 0.05:
        return text.upper()
    if style < 0.2:  # some words of it
        return " ".join(word.upper() if word.isalpha() and rng.random() < 0.25 else word for word in text.split())
    return text.lower() if style < 0.24 else text


def messages(seed: int = SEED) -> list[tuple[str, str]]:
    """All messages with their labels, each text once, block after block; shuffled within a block."""
    made: dict[str, str] = {}
    known: set[tuple[str, ...]] = set()  # words and marks: who splits messages drops those that repeat an earlier one's
    blocks: list[list[str]] = [[] for _ in range(BLOCKS)]
    for label, count, write in (("ham", HAM, ham), ("spam", SPAM, spam)):
        sentences, lists = read_templates(HERE / f"{label}_templates.txt")
        rng = stream(seed, "messages", label)
        dealt = stream(seed, "messages", label, "blocks").permutation(len(sentences)).tolist()
        for number, block in enumerate(blocks):
            own = [sentences[place] for place in sorted(dealt[number::BLOCKS])]
            wanted = len(block) + count // BLOCKS
            while len(block) < wanted:
                text = write(own, lists, rng)[:MOST].strip()
                if (words := tuple(tokenize(text))) not in known:
                    known.add(words)
                    made[text] = label
                    block.append(text)
    rows = []
    for number, block in enumerate(blocks):
        order = stream(seed, "messages", "order", number).permutation(len(block))
        rows += [(made[block[place]], block[place]) for place in order.tolist()]
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=HERE, help="the folder that gets messages.tsv")
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    text = "".join(f"{label}\t{message}\n" for label, message in messages())
    atomic_write(out / "messages.tsv", text.encode())


if __name__ == "__main__":
    main()
