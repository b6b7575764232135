"""What holds for the headers of all nouns: one vocabulary, written down in `header`, and no other macro."""

import re
import subprocess

import numpy as np
import pytest

import braininabox as bb
from brainbox_core.export import build, header
from brainbox_core.network.ranges import activation_ranges
from tests.export.chains import built
from tests.export.compiling import STRICT, tool
from tests.export.filters import HASHED, random_filter
from tests.export.recurrent.test_draft import sequence, writer
from tests.export.tabular.test_draft import detector, houses, neuron

L = bb.layers


def digits(kind: str) -> bb.Sequential:
    first = [L.Conv2D(2), L.ReLU(), L.MaxPool(2)] if kind == "cnn" else []
    model = built([*first, L.Flatten(), L.Linear(10)], (8, 8), pixels=True)
    X = np.random.default_rng(0).integers(0, 256, (32, 8, 8)).astype(np.uint8)
    model.meta |= {"kind": kind, "ranges": activation_ranges(model, X), "classes": list("0123456789")}
    return model


def floats() -> bb.Sequential:
    model = built([L.Linear(4), L.Tanh(), L.Linear(5), L.LeakyReLU(0.1), L.Linear(3), L.Softmax()], (2,))
    model.meta["ranges"] = activation_ranges(model, np.random.default_rng(0).normal(size=(32, 2)).astype(np.float32))
    return model


# Of each noun: the model, the options, and the declarations that a caller writes code against.
NOUNS = {
    "neuron": (
        lambda folder: neuron(),
        {},
        "int predict(const float*); float margin(const float*)",
    ),
    "regress": (lambda folder: houses(folder)[0], {}, "float predict(const float*)"),
    "fraud": (
        lambda folder: detector(),
        {},
        "int predict(const float*); float probability(const float*); float margin(const float*)",
    ),
    "spam": (
        lambda folder: random_filter(),
        {},
        "int predict(const char*, size_t); float probability(const char*, size_t); void begin(net_state_t*);"
        "void feed(net_state_t*, const char*, size_t); float end(net_state_t*); float logit(const net_state_t*);"
        "int verdict(const net_state_t*)",
    ),
    "mnist": (
        lambda folder: digits("mnist"),
        {"dtype": "float32"},
        "int predict(const uint8_t*, net_arena_t*); int run(const uint8_t*, float*, net_arena_t*)",
    ),
    "cnn": (
        lambda folder: digits("cnn"),
        {"dtype": "int8"},
        "int predict(const uint8_t*, net_arena_t*); int run(const uint8_t*, int8_t*, net_arena_t*)",
    ),
    "rnn": (
        lambda folder: writer(),
        {},
        "int predict(const float*); int step(net_state_t*, int, float*, net_arena_t*); void reset(net_state_t*);"
        "int sample(const float*, float, net_rng_t*); void seed(net_rng_t*, uint64_t); const char *character(int)",
    ),
}
OTHERS = {
    "hashed spam": (lambda folder: random_filter(**HASHED), {"weights": "ram", "dtype": "int8"}, ""),
    "floats in int8": (lambda folder: floats(), {"dtype": "int8"}, ""),
    "floats in float32": (
        lambda folder: floats(),
        {"dtype": "float32"},
        "int predict(const float*, net_arena_t*);int run(const float*, float*, net_arena_t*)",
    ),
    "one output": (lambda folder: built([L.Linear(1)], (2,)), {}, "int run(const float*, float*, net_arena_t*)"),
    "a sequence": (lambda folder: sequence(), {}, "int step(net_state_t*, const float*, float*, net_arena_t*)"),
    "rnn in int8": (lambda folder: writer("gru"), {"dtype": "int8"}, "int predict(const float*)"),
}


def documented(kind: str) -> set[str]:
    """The names that the module's table says, macros or functions."""
    found = re.findall(r"NAME_(\w+)", header.__doc__)
    return {word for word in found if word.isupper() == (kind == "macro")}


@pytest.mark.parametrize("noun", [*NOUNS, *OTHERS])
def test_the_vocabulary(tmp_path, noun):
    make, options, declarations = (NOUNS | OTHERS)[noun]
    text = build(make(tmp_path), "net", verify=0, **options).text
    (tmp_path / "net.h").write_text(text)
    pointers = []
    for number, declared in enumerate(filter(None, declarations.split(";"))):
        result, name, parameters = re.fullmatch(r"\s*(.+?)\s*\b(\w+)\((.*)\)", declared).groups()
        assert name in documented("function")
        pointers.append(f"{result} (*p{number})({parameters}) = net_{name};\n")
    (tmp_path / "unit.c").write_text(
        '#include "net.h"\n'
        + "extern int unit;\n"
        + "".join(f"extern {line.split(' = ')[0]};\n{line}" for line in pointers)
    )
    subprocess.run([tool("gcc"), *STRICT, "-c", "unit.c", "-o", "unit.o"], cwd=tmp_path, check=True)
    if noun in NOUNS:
        assert "net_predict(" in text
        # a name of the table means the same everywhere: what a header has of it is declared above
        public = set(re.findall(r"\bnet_(\w+)\(", text)) & documented("function") - {"selftest"}
        assert public <= set(re.findall(r"(\w+)\(", declarations))


@pytest.mark.parametrize("noun", [*NOUNS, *OTHERS])
def test_only_documented_macros_remain(tmp_path, noun):
    make, options, _ = (NOUNS | OTHERS)[noun]
    (tmp_path / "net.h").write_text(build(make(tmp_path), "net", verify=0, **options).text)
    known = {f"NET_{word}" for word in documented("macro")} | {"NET_H_INCLUDED"}
    for flags in ([], ["-std=gnu11", "-mfma"]):
        before, after = (
            set(
                subprocess.run(
                    [tool("gcc"), *flags, "-dM", "-E", "-x", "c", "-"],
                    cwd=tmp_path,
                    input=f"#include <float.h>\n#include <stddef.h>\n#include <stdint.h>\n{line}",
                    capture_output=True,
                    text=True,
                    check=True,
                ).stdout.splitlines()
            )
            for line in ("", '#include "net.h"\n')
        )
        left = {line.split()[1] for line in after - before}
        assert {word for word in left if not word.startswith("NET_FEATURE_")} <= known


def test_what_int8_numbers_mean_stands_in_macros():
    def macros(model, dtype):
        text = build(model, "net", verify=0, dtype=dtype).text
        return text, dict(re.findall(r"#define NET_(\w+_(?:SCALE|ZERO)) (.*)", text))

    text, found = macros(digits("cnn"), "int8")
    assert (found["INPUT_SCALE"], found["INPUT_ZERO"]) == ("0.003921569f", "0")
    meant = re.search(r"output   int8_t y\[10\]: (\S+) \* \(y ([+-]) (\d+)\) is the number meant", text)
    zero = int(found["OUTPUT_ZERO"].strip("()"))
    assert np.float32(found["OUTPUT_SCALE"][:-1]) == np.float32(meant[1])
    assert zero == int(meant[3]) * (1 if meant[2] == "-" else -1) and (zero >= 0 or "(" in found["OUTPUT_ZERO"])
    assert set(macros(floats(), "int8")[1]) == {"OUTPUT_SCALE", "OUTPUT_ZERO"}
    assert macros(digits("cnn"), "float32")[1] == {}


def test_predict_is_the_likeliest_character(tmp_path):
    (tmp_path / "net.h").write_text(build(writer(), "net", verify=0).text)
    (tmp_path / "main.c").write_text("""
#include "net.h"
int main(void)
{
    const float y[NET_OUTPUT_SIZE] = { -1.0f, 2.0f, 0.0f, 2.0f, -3.0f };
    return net_predict(y) == 1 ? 0 : 1;
}
""")
    subprocess.run([tool("gcc"), *STRICT, "-O2", "main.c", "-o", "t"], cwd=tmp_path, check=True)
    subprocess.run([tmp_path / "t"], check=True)


def test_the_numbers_are_made_only_when_asked_for(monkeypatch):
    made = build(digits("mnist"), "net", verify=0)
    assert '"program"' in made.numbers
    monkeypatch.setattr(type(made.draft), "document", lambda self: pytest.fail("nobody asked"))
    build(digits("mnist"), "net", verify=0)


@pytest.mark.parametrize("l2", [0, 0.1])
def test_a_penalty_of_the_training_changes_no_fingerprint(l2):
    """The number is that of the layers before they knew penalties: what was exported stays as it was."""
    chain = [L.Conv2D(2, kernel=2, initializer="zeros", l2=l2), L.Flatten(), L.Linear(3, initializer="zeros", l2=l2)]
    model = bb.Sequential(chain)
    model.build((3, 3))
    known = "1cdac627e56f44ea8b97a4d4309755cce2ac82f718c6647c257921b7699e323d"
    assert header.fingerprint(model) == f"SHA-256 of layers and weights {known}"
