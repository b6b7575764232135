import json
import re
import subprocess

import numpy as np
import pytest

from brainbox_core.errors import AccuracyError, BudgetError, InputError, UsageError, VerificationError
from brainbox_core.export import board, build, verify
from brainbox_core.export.text.draft import RECORD, TEXT
from brainbox_core.export.text.features import front_coded
from brainbox_core.export.text.folding import HANGUL, PAGES
from brainbox_core.export.text.reference import LARGEST, text_model
from brainbox_core.tasks.spam import train as spam
from brainbox_core.text import tokens
from tests.export.compiling import STRICT, tool
from tests.export.filters import HASHED, MESSAGES, Compiled, draft, five_thousand, header, named, random_filter
from tests.export.test_board import emulated

SANITIZED = ("-std=c99", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
CORNERS = """
a.com A.COM a.cOm. a.com's a.co.uk a..com .com a.comx a.com5 5.com 5.co.5 a5.5com a.ınfo a.bız http://www.a.ly/b
1.5 1,000,000 1.5. 1,a 1.a 1'5 don't don'' 'n' rock'n'roll '' a' a'.com a.com'b it's5 x_y _ __ ___ !!! !? ?!? $$ .. ...
FREE Free fREE FR FRee FREEé ΣΑΣ ẞAB ßAB ǅAB A1B A1BC IJKﬁ ²³ ½ 1² ٣٣ ٣ ٣a5 １２ 〇 ⅷ https HTTPS ht'tp www.www.www
é e\u0301 \u0301 a\u0301\u0301b a\u200bb a\u00adb \u00a0 \u3000 \u2028 \x85 \x1c\x1f \x00 \x7f \ufeff ￡ ¢ ´ ¨ … ‥ ’’
d’t 免费领取iPhone手机！ 1.免 1.5免 don'免 a.com免費 免.com .免費 免'com 免a免. 免. .免 が が ﾊﾟ パ 々〇 一二三
ไทยฟรี๑๒ ท๑ท มี ກຂ မြန် ខ 𠀀𠀁 丽x
ﬀ ofﬁce ﬄ ﬆ ﬓ 免@费 免_费 hTTps免 FREE免 """.replace("\n", " ")


def same(a: np.ndarray, b: np.ndarray) -> bool:
    return not verify.differs(a, b).any()


# --- C and reference


@pytest.mark.parametrize(
    "options",
    [
        {"chars": 0},
        {"chars": 4},
        {"chars": 8, "ngrams": 5},
        {"chars": 0, "ngrams": 2},
        {"chars": 3, "ngrams": 3, "counts": True},
        {"chars": 0, "most": 500},
        HASHED,
    ],
    ids=str,
)
def test_the_header_computes_what_the_reference_does(tmp_path, options):
    drafted = draft(random_filter(**options), dtype="int8" if options == {"chars": 4} else None)
    vectors = drafted.vectors(200)
    compiled = Compiled(tmp_path, header(drafted), "-std=c99", "-O1")
    assert same(compiled.records(vectors), drafted.run(vectors))


@pytest.fixture(scope="module")
def hashed(tmp_path_factory):
    """A filter in which nearly every difference between two readings changes the score, under sanitizers."""
    drafted = draft(random_filter(**HASHED))
    return drafted, Compiled(tmp_path_factory.mktemp("hashed"), header(drafted), *SANITIZED)


def test_the_corners_of_the_tokenizer(hashed):
    drafted, compiled = hashed
    texts = [*CORNERS.split(" "), CORNERS[:500], CORNERS[300:]]
    texts += [a + b for a in CORNERS.split(" ")[:40] for b in ("'", ".", ",x", "5", " ", "\u0301.com")]
    texts = [content.encode() for content in texts]
    assert same(compiled.score(texts), drafted.computed.score(texts))


def test_every_character(hashed):
    drafted, compiled = hashed
    codes = [code for first, last in PAGES for code in range(first << 8, (last + 1) << 8)]
    codes += [*HANGUL, *range(0x80, 0xD800, 61), *range(0xE000, 0x110000, 997)]
    texts = []
    for start in range(0, len(codes), 24):
        part = [chr(code) for code in codes[start : start + 24]]
        texts.append(" ".join(f"{c}a{c}{c} B{c}" for c in part).encode())
    assert len(texts) > 1500 and max(map(len, texts)) <= RECORD - 4
    assert same(compiled.score(texts), drafted.computed.score(texts))


def test_random_bytes(hashed):
    drafted, compiled = hashed
    random = np.random.default_rng(1)
    texts = [random.integers(0, 256, n).astype(np.uint8).tobytes() for n in random.integers(0, 300, 300).tolist()]
    likely = np.frombuffer("é한😀.com'1A £\xed\xa0\x80".encode("utf-8", "surrogatepass"), np.uint8)
    texts += [random.choice(likely, n).tobytes() for n in random.integers(0, 300, 300).tolist()]
    assert same(compiled.score(texts), drafted.computed.score(texts))


def test_names_of_any_length_are_found(tmp_path):
    long = "x" * 29
    words = [long + "a", long + "b", long, "x" * 14, "x" * 15, "x" * 16, "one", "ones", "on", "o", "é", "ж", "中文"]
    sequences = [" ".join([word] * size) for word in (long, long + "a", "ཀ" * 30, "one") for size in (2, 3, 4, 5)]
    fillers = [f"w{number}" for number in range(40)]
    drafted = draft(named([*words, *sequences, *fillers, "!", "!!", "<link>", "<length 3>"], ngrams=5, chars=0))
    compiled = Compiled(tmp_path, header(drafted), *SANITIZED)
    texts = [*words, *sequences, *fillers, "!", "!!!", long + "c", "w", "w400", "x" * 40, " ".join(fillers), ""]
    texts += ["ཀ" * 30 + " one one one one one"]
    encoded = [content.encode() for content in texts]
    found = compiled.score(encoded)
    assert same(found, drafted.computed.score(encoded)) and len(set(found[:, 1].tolist())) > len(words + sequences)


def test_front_coding_can_be_undone():
    names = sorted(f"{'ab' * (n % 300)}{n}".encode() for n in range(700))
    data, starts = front_coded(names)
    found, place, before = [], 0, b""

    def length(short):
        nonlocal place
        while short >= 15:
            more, place = data[place], place + 1
            short += more
            if more < 255:
                break
        return short

    while place < len(data):
        assert (place in starts) == (len(found) % 16 == 0)
        first, place = data[place], place + 1
        shared = length(first >> 4)
        rest = length(first & 15)
        before = before[:shared] + data[place : place + rest]
        place += rest
        found.append(before)
    assert found == names and len(data) < sum(map(len, names)) / 10


def test_a_text_of_any_length_takes_the_same_memory(tmp_path):
    drafted = draft(random_filter(chars=4, ngrams=2))
    (tmp_path / "net.h").write_text(header(drafted))
    (tmp_path / "long.c").write_text("""\
#include <stdio.h>
#include "net.h"
static net_state_t state;
int main(void)
{
    char part[7];
    size_t n;
    float p;
    net_begin(&state);
    while ((n = fread(part, 1, sizeof part, stdin)) > 0) {
        net_feed(&state, part, n);
    }
    p = net_end(&state);
    return fwrite(&p, sizeof p, 1, stdout) == 1 ? 0 : 1;
}
""")
    subprocess.run([tool("gcc"), *SANITIZED, "long.c", "-o", "long"], cwd=tmp_path, check=True)
    for content in (
        " ".join(MESSAGES),
        "a" * 300_000,
        "!" * 300_000,
        "1." * 100_000,
        "a'" * 100_001,
        "\u0301" * 99_999,
    ):
        found = subprocess.run([tmp_path / "long"], input=content.encode(), capture_output=True, check=True).stdout
        assert np.frombuffer(found, np.float32)[0] == drafted.computed.score([content.encode()])[0, 0]


@pytest.mark.parametrize("cc, standard", [("gcc", "c99"), ("g++", "c++11")])
def test_no_warnings_and_several_units(tmp_path, cc, standard):
    flags = [f"-std={standard}", *STRICT[1:]]
    for options in ({"chars": 4, "ngrams": 3}, HASHED):
        drafted = draft(random_filter(**options))
        Compiled(tmp_path, header(drafted), *flags, "-O2", cc=cc)
        (tmp_path / "empty.c").write_text('#include "net.h"\n#include "net.h"\n')
        language = ["-x", "c++"] if cc == "g++" else []
        subprocess.run([tool(cc), *flags, *language, "-c", "empty.c", "-o", "empty.o"], cwd=tmp_path, check=True)


def test_a_wrong_header_is_found():
    tool("gcc")
    drafted = draft(random_filter(chars=0))
    right, vectors = header(drafted), drafted.vectors(60)
    outputs, compiler = drafted.run(vectors), verify.find_compiler()
    assert verify.verify(right, "net", vectors, outputs, compiler, TEXT).vectors == 60
    for old, new in (("t->digits > 1u", "t->digits > 2u"), ("t->letters > 2u", "t->letters > 3u")):
        assert old in right
        with pytest.raises(VerificationError, match=r"vectors differ|own embedded vectors"):
            verify.verify(right.replace(old, new), "net", vectors, outputs, compiler, TEXT)


# --- the reference and the model


def test_the_reference_is_the_model_but_for_rounding():
    model = random_filter(chars=3, ngrams=2)
    found = text_model(model, 16).score([message.encode() for message in MESSAGES])
    wanted = spam.SpamFilter(model).predict(MESSAGES)
    p = np.array([prediction.probability for prediction in wanted])
    assert np.abs(found[:, 0] - p).max() < 1e-3
    assert np.mean((found[:, 2] == 1) == [prediction.label == "spam" for prediction in wanted]) >= 0.999


@pytest.mark.parametrize("width", [8, 16])
def test_errors_are_what_is_said(width):
    model = random_filter(chars=2)
    computed = text_model(model, width)
    exact = model.layers[0].weight.data[:, 0].astype(np.float64)
    assert np.abs(computed.weights / 2.0**computed.bits - exact).max() == computed.weight_error
    assert computed.weight_error <= 2.0**-computed.bits
    logits = computed.score([message.encode() for message in MESSAGES])[:, 1]
    rows = computed.bag.transform(MESSAGES)
    true = rows.matmul(exact[:, None])[:, 0] + float(model.layers[0].bias.data[0])
    assert 0 < np.abs(logits - true).max() <= computed.error
    assert (np.abs(computed.weights) < 2 ** (width - 1)).all()


def test_a_weight_is_0_only_where_it_was():
    model = named(["tiny", "none", "much"], chars=0)
    model.layers[0].weight.data[:, 0] = [-1e-9, 0, 5]
    assert text_model(model, 16).weights[:2].tolist() == [-1, 0]


def test_no_sum_overflows():
    model = named([f"w{number}" for number in range(70_000)], chars=0)
    model.layers[0].weight.data[:] = 3.99
    computed = text_model(model, 16)
    total = np.abs(computed.weights).sum() + abs(computed.bias)
    assert LARGEST / 4 < total < LARGEST


def test_the_threshold_is_the_models():
    for threshold in (1e-6, 0.5, 0.6, 0.999):
        model = named(["a", "b", "c"], chars=0)
        model.meta["threshold"] = threshold
        computed = text_model(model, 16)
        for total in (computed.limit - 1, computed.limit):
            p = 1 / (1 + np.exp(-np.float64(np.float32(total) * np.float32(0.5**computed.bits))))
            assert (p >= threshold) == (total == computed.limit)


def test_a_text_without_a_known_word_gets_the_prior(hashed):
    model = named(["free", "~_fr", "!"], chars=3)
    for threshold, called in ((0.2, 1), (0.3, 0)):
        model.meta["threshold"] = threshold
        found = text_model(model, 16).score([b"", b"frx !", b"free"])
        assert found[:2, 0].tolist() == [0.25, 0.25] and found[:2, 2].tolist() == [called] * 2
        assert found[2, 0] != 0.25


# --- what is refused


def test_what_is_refused():
    model = random_filter(chars=0)
    with pytest.raises(UsageError, match="whole numbers"):
        build(model, "net", dtype="float32", verify=0)
    with pytest.raises(UsageError, match="no ranges"):
        build(model, "net", calibration=np.zeros((1, 1)), verify=0)
    for change, message in (
        ({"threshold": 2.0}, "threshold is no probability"),
        ({"prior": None}, "prior is no probability"),
        ({"features": None}, "how it reads words"),
        ({"features": random_filter(chars=2).meta["features"]}, "does not fit its weights"),
    ):
        broken = random_filter(chars=0)
        broken.meta |= change
        with pytest.raises(InputError, match=message):
            build(broken, "net", verify=0)
    with pytest.raises(InputError, match="not Unicode"):
        build(named(["\ud800"], chars=0), "net", verify=0)
    model.layers[0].weight.data[3] = np.nan
    with pytest.raises(InputError, match="not a finite number"):
        build(model, "net", verify=0)


def test_over_the_budget_the_remedies_fit():
    model = random_filter(chars=4)
    with pytest.raises(BudgetError, match=r"`dtype int8` \(.*train with `vocabulary (\d+)`") as error:
        build(model, "net", flash_budget=draft(model).memory.tables - 1, verify=0)
    assert f"`vocabulary {model.input_shape[0] - 1}` " in error.value.fix
    assert draft(model, dtype="int8").memory.tables <= draft(model).memory.tables - 1
    with pytest.raises(BudgetError, match=r"train with `vocabulary (\d+)`") as error:
        build(model, "net", flash_budget=12_000, verify=0)
    smaller = random_filter(chars=4, most=int(re.search(r"`vocabulary (\d+)`", error.value.fix)[1]))
    assert draft(smaller).memory.tables <= 12_000 < draft(smaller).memory.tables + 8
    with pytest.raises(BudgetError, match="`weights flash`"):
        build(model, "net", weights="ram", ram_budget=5000, verify=0)
    with pytest.raises(BudgetError, match="`vocabulary") as error:
        build(model, "net", ram_budget=500, verify=0)
    smaller = random_filter(chars=4, most=int(re.search(r"`vocabulary (\d+)`", error.value.fix)[1]))
    assert build(smaller, "net", ram_budget=500, verify=0)


def test_a_loss_of_accuracy_is_refused():
    model = random_filter(chars=0)
    model.layers[0].weight.data[0] = 2000.0  # for 8 bits, all others are next to nothing
    labels = np.array([prediction.label == "spam" for prediction in spam.SpamFilter(model).predict(MESSAGES[:400])])
    with pytest.raises(AccuracyError, match="points of accuracy"):
        build(model, "net", dtype="int8", data=(MESSAGES[:400], labels), verify=0)


# --- what comes out


def test_the_same_model_gives_the_same_bytes():
    tool("gcc")
    first, second = (build(random_filter(chars=3), "net", verify=40).text for _ in range(2))
    assert first == second and first.isascii() and "\r" not in first


def test_the_numbers_as_json():
    model = random_filter(chars=0)
    found = json.loads(build(model, "net", verify=0).numbers)
    assert len(found["weights"]) == len(found["features"]["vocabulary"]) and found["threshold"] == 0.6


def test_tables_in_memory():
    model = random_filter(chars=0)
    flash, ram = (build(model, "net", weights=where, verify=0) for where in ("flash", "ram"))
    assert ram.report.ram == flash.report.ram + flash.report.weights
    assert "const net_SPACE net_TABLE int16_t net_weights" in flash.text
    assert "static net_TABLE int16_t net_weights" in ram.text


# --- on the board


def test_real_messages_and_the_figures_of_5000_words():
    if packages := board.missing():
        pytest.skip(f"needs {packages}")
    model, messages = five_thousand()
    every = len(messages.texts)
    made = build(model, "net", data=(messages.texts, messages.labels), verify=2 * every + 5, emulate=True)
    report = made.report
    assert every == 5574 and report.checked == 2 * every + 5  # half of the vectors are messages
    assert report.accuracy.rows == every and report.accuracy.agreement == 1 and report.accuracy.exported > 0.985
    assert report.flash <= 40 * 1024 and report.ram <= 1024
    figures = board.measure(made.text, "net", programs=TEXT)
    emulated(figures, instructions=13_091, stack=144, code=4176)


@pytest.mark.parametrize("name", board.BOARDS)
def test_the_stack_is_no_larger_than_the_report_says(name):
    if packages := board.missing():
        pytest.skip(f"needs {packages}")
    for options in ({"chars": 8, "ngrams": 5}, {"chars": 0}, HASHED):
        made = build(random_filter(**options), "net", verify=0)
        found = board.measure(made.text, "net", board.BOARDS[name], TEXT)
        assert found.stack <= made.report.stack and found.tables <= made.report.weights


def test_what_the_c_counts_on():
    assert tokens.LONGEST < 32  # a bit of a word of 32 for each character
    assert not tokens.ADDRESS_STARTS & tokens.ADDRESS_ENDS  # a word gives <link> once
