import os
import re
import subprocess

import numpy as np
import pytest

import braininabox as bb
from brainbox_core.errors import BudgetError, InputError, UsageError, VerificationError
from brainbox_core.exact.bfloat16 import rounded
from brainbox_core.export import board, build, exporter, verify
from brainbox_core.export.draft import Choices, Material
from brainbox_core.export.header import Vectors, write
from brainbox_core.export.tabular import formula
from brainbox_core.export.tabular.closeness import CLOSE
from brainbox_core.export.tabular.draft import TabularDraft
from brainbox_core.export.tabular.formula import Formula, Layer
from brainbox_core.tables.features import FeatureEncoder
from brainbox_core.tables.table import table_of
from brainbox_core.tasks.fraud import train as fraud
from brainbox_core.tasks.neuron.file import to_model
from brainbox_core.tasks.neuron.learn import GATES, learn_table
from brainbox_core.tasks.regress import train as regress
from tests.export.chains import unsettle
from tests.export.compiling import STRICT, tool
from tests.export.test_board import emulated

L = bb.layers
F = np.float32
SQUASHED = [L.Tanh, L.Linear, L.ReLU]


def houses(folder, rows: int = 60, price=lambda sqft, age, north: 200 * sqft - 900 * age + 30_000 * north, **settings):
    """A regression that learned a table of houses, and the table's path."""
    random = np.random.default_rng(0)
    sqft, age = random.uniform(500, 4000, rows).round(), random.uniform(1, 90, rows).round()
    north = random.integers(0, 3, rows)
    names = ["south", "north", "old town"]
    lines = ["sqft,age,place,price"]
    for s, a, n in zip(sqft, age, north, strict=True):
        lines.append(f"{s:.0f},{a:.0f},{names[n]},{float(price(s, a, n == 1)) + random.normal(0, 0.01)!r}")
    path = folder / "houses.csv"
    path.write_text("\n".join(lines) + "\n")
    chosen = regress.Settings(data=str(path), closed_form=True, folds=0, test_split=0.2, **settings)
    data = regress.load_data(chosen)
    model = regress.build_model(chosen, data)
    regress.train(model, chosen, data)
    return model, data


def sales(folder, rows: int = 300, **settings):
    """A regression on dates, and on columns of which about half is missing."""
    random = np.random.default_rng(3)
    lines = ["sold,renovated,deck,area,price"]
    for day in random.integers(-3000, 18_000, rows).tolist():
        renovated = random.integers(1950, 2010) if random.random() < 0.5 else ""
        deck = random.choice(["A", "B", "", "", ""])
        area = round(float(random.uniform(10, 99)), 1)
        season = 50 * np.sin(day / 58)
        price = area + 0.01 * day + season + 30 * (deck == "") + 40 * (renovated == "") + random.normal(0, 1)
        lines.append(f"{np.datetime64(day, 'D')} 12:00,{renovated},{deck},{area},{price}")
    path = folder / "sales.csv"
    path.write_text("\n".join(lines) + "\n")
    chosen = regress.Settings(data=str(path), closed_form=True, folds=0, test_split=0.2, **settings)
    data = regress.load_data(chosen)
    model = regress.build_model(chosen, data)
    regress.train(model, chosen, data)
    return model, data


def dated() -> bb.Sequential:
    """A detector on dates that are often missing."""
    random = np.random.default_rng(4)
    days = [
        str(np.datetime64(day, "D")) if day % 5 < 3 else "" for day in random.integers(16_000, 16_700, 200).tolist()
    ]
    return detector({"when": days, "V1": random.normal(0, 1, 200)})


def detector(columns: dict[str, list] | None = None, chain=None, threshold: float = 0.25) -> bb.Sequential:
    """A fraud detector with weights of chance, on columns like those of the built-in transactions."""
    random = np.random.default_rng(1)
    n = 200
    columns = columns or {
        "Time": random.uniform(0, 170_000, n).round(),
        **{f"V{i}": random.normal(0.1 * i, 1 + i, n) for i in range(1, 5)},
        "Amount": random.lognormal(3, 2, n).round(2) - 5,
    }
    table = fraud.derived(table_of(columns), list(columns))
    encoder = FeatureEncoder.fit(table, table.names)
    model = bb.Sequential(chain or [L.Tanh(), L.Linear(6), L.ReLU(), L.Linear(1)])
    model.build((len(encoder.names),))
    unsettle(model)
    model.meta = {
        "kind": "fraud",
        "features": encoder.config(),
        "threshold": threshold,
        "settings": {"target": "Class", "split": "time"},
        "data": {"name": "made", "sha256": ""},
    }
    return model


def halved(**changes) -> bb.Sequential:
    """A detector whose weights are kept in 16 bits, as those of `brainbox fraud` are."""
    model = detector(**changes)
    for layer in model.layers:
        if isinstance(layer, L.Linear):
            layer.weight.data[...] = rounded(layer.weight.data)
    model.params.touched()
    return model


def plain(chain: list, features: int = 30) -> bb.Sequential:
    """A detector on so many columns without a logarithm or a time."""
    random = np.random.default_rng(2)
    columns = {f"V{i}": random.normal(i, 1 + i, 200) for i in range(features)}
    return detector(columns, chain)


def neuron(digits: str = GATES["or"], **settings) -> bb.Sequential:
    return to_model(learn_table(digits, **settings))


MODELS = {
    "a line": lambda folder: houses(folder)[0],
    "logarithms": lambda folder: houses(folder, price=lambda s, a, n: s * (1 + n) / a, log=("sqft", "age", "price"))[0],
    "a polynomial": lambda folder: houses(folder, degree=3)[0],
    "dates and missing values": lambda folder: sales(folder)[0],
    "their logarithms": lambda folder: sales(folder, log=("renovated", "area"))[0],
    "a polynomial of dates": lambda folder: sales(folder, degree=2, ridge=0.1)[0],
    "dates of frauds": lambda folder: dated(),
    "fraud": lambda folder: halved(),
    "fraud without tanh": lambda folder: plain([L.Linear(16), L.ReLU(), L.Linear(16), L.ReLU(), L.Linear(1)]),
    "other activations": lambda folder: plain([L.Sigmoid(), L.Linear(3), L.Tanh(), L.Linear(1)], 3),
    "a neuron": lambda folder: neuron(),
}


@pytest.fixture(params=MODELS, ids=lambda name: name.replace(" ", "-"))
def model(request, tmp_path):
    return MODELS[request.param](tmp_path)


def drafted(model: bb.Sequential, **material):
    kind = exporter.maker(model)
    return kind(model, "net", Choices(), Material(**material))


def test_every_kind_is_bit_exact_under_the_strict_flags(model):
    tool("gcc")
    report = build(model, "net").report
    assert report.checked == 256 and report.state == 0
    assert report.ram == report.arena + report.input + report.output + report.stack
    assert report.weights == sum(row.weights for row in report.rows)


def test_dates_and_missing_values_mean_the_same_in_c(tmp_path):
    model, data = sales(tmp_path, log=("renovated",))
    draft = drafted(model, data=data.held_out)
    assert draft._lacking == 0 and np.isnan(draft._rows).any()
    typed = table_of(
        {
            "sold": ["2001-12-24", "1962-02-28 23:59"],
            "renovated": ["", "1990"],
            "deck": ["A", ""],
            "area": ["50", "20.5"],
        }
    )
    X = np.array([[11_680, np.nan, 0, 1, 0, 50], [-2864 + 1439 / 1440, 1990, 1, 0, 0, 20.5]], F)
    assert [value.name.plain() for value in draft.subject.values] == [
        *("sold", "renovated", "deck=(missing)", "deck=A", "deck=B", "area")
    ]
    np.testing.assert_allclose(formula.run(draft.formula, X), regress.predict(model, typed), rtol=1e-4)
    text = write(draft.page(Vectors(X, draft.run(X))), "no")
    assert "sold: a number of days since 1 January 1970, -29" in text
    assert "renovated: a number, above 0 (its logarithm is taken inside), a NaN if it is missing" in text
    assert "deck=(missing): 1 if it is missing, else 0" in text


def test_the_last_minute_of_a_day_stays_in_its_day():
    draft = drafted(dated())
    rows, kept = draft.subject.rows(table_of({"when": ["2014-06-30 23:59:59", ""], "V1": [1, 2]}))
    assert kept.tolist() == [0, 1]
    assert rows.astype(F)[0, 0] < 16_252 and np.isnan(rows[1, 0])


def test_days_beyond_all_dates_have_no_month(tmp_path):
    draft = drafted(dated())
    X = np.zeros((4, 2), F)
    X[:, 0] = [1e6, 1e30, -1e6, np.inf]
    compare(tmp_path, draft, X, "gcc", "driver.c", *STRICT, "-O2", "-fsanitize=undefined", "-fno-sanitize-recover=all")


@pytest.mark.parametrize("flags", [("-O0", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"), ("-O3",)])
def test_sanitizers_find_nothing(model, tmp_path, flags):
    draft = drafted(model)
    X = draft.vectors(200)
    assert np.isnan(X).any() and np.isinf(X).any()
    compare(tmp_path, draft, X, "gcc", "driver.c", *STRICT, *flags)


def test_it_is_cpp_too(model, tmp_path):
    draft = drafted(model)
    flags = ["-std=c++11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-O2"]
    compare(tmp_path, draft, draft.vectors(50), "g++", "driver.cpp", *flags)


def compare(folder, draft, X: np.ndarray, compiler: str, file: str, *flags: str) -> None:
    """Compile a draft's driver and compare every bit."""
    wanted = draft.run(X)
    (folder / "net.h").write_text(write(draft.page(Vectors(X[7:9], wanted[7:9])), "no"))
    (folder / file).write_text(draft.programs.filled("driver", "net", "net.h"))
    subprocess.run([tool(compiler), *flags, file, "-o", "t"], cwd=folder, check=True)
    done = subprocess.run([folder / "t"], input=X.tobytes(), capture_output=True, check=False)
    assert done.returncode == 0 and done.stderr == b"", done.stderr.decode()
    assert not verify.differs(np.frombuffer(done.stdout, F).reshape(wanted.shape), wanted).any()


def test_the_reference_is_as_the_trained_model_says(model):
    draft = drafted(model)
    X = draft.subject.sample(np.random.default_rng(5), 500, 1.0)
    wanted = draft.subject.trained(X)
    found = formula.run(draft.formula, X)
    unit = wanted.std() if draft.subject.threshold is None else 1.0
    assert (np.abs(found - wanted) <= CLOSE * np.maximum(unit, np.abs(wanted)) + 1e-6 * unit).all()


def test_regress_predicts_what_the_command_predicts(tmp_path):
    model, data = houses(tmp_path)
    draft = drafted(model, data=(data.table.take(data.test), data.y[data.test]))
    table = data.table.take(data.test)
    X, kept = draft.subject.rows(table)
    assert len(kept) == len(data.test)
    assert np.allclose(formula.run(draft.formula, X), regress.predict(model, table), rtol=1e-5)
    assert re.fullmatch(r"R2 1\.0000, RMSE 0\.\d+ on 12 held-out rows; at most .* off the trained model on 268 rows",
                        draft.judge().judged)  # fmt: skip


def test_rows_that_lack_a_value_are_told_of_and_left_out(tmp_path):
    model, _ = houses(tmp_path)
    table = table_of({"sqft": [1000, None, 3000], "age": [5, 6, 7], "place": ["north", "south", ""]})
    judged = drafted(model, data=(table, regress.predict(model, table))).judge().judged
    assert judged.startswith("R2 1.0000, RMSE 0") and "on 2 held-out rows (1 more lack a value); " in judged


def test_a_row_is_filled_in_by_name(tmp_path):
    model, _ = houses(tmp_path)
    header = build(model, "net", verify=0)
    (tmp_path / "net.h").write_text(header.text)
    (tmp_path / "main.c").write_text("""
#include <stdio.h>
#include "net.h"
int main(void)
{
    float features[NET_INPUT_SIZE] = { 0 };
    features[NET_FEATURE_SQFT] = 1500.0f;
    features[NET_FEATURE_AGE] = 20.0f;
    features[NET_FEATURE_PLACE_OLD_TOWN] = 1.0f;
    printf("%.9g", (double)net_predict(features));
    return net_selftest();
}
""")
    subprocess.run([tool("gcc"), *STRICT, "main.c", "-o", "t"], cwd=tmp_path, check=True)
    out = subprocess.run([tmp_path / "t"], capture_output=True, check=True).stdout
    wanted = regress.predict(model, table_of({"sqft": [1500], "age": [20], "place": ["old town"]}))[0]
    assert float(out) == pytest.approx(wanted, rel=1e-5)
    assert "0  SQFT            sqft: a number, " in header.text
    assert 'PLACE_OLD_TOWN  place=old town: 1 if it is "old town", else 0' in header.text


def test_fraud_scores_classifies_and_says_the_probability():
    model = detector()
    draft = drafted(model)
    X = draft.subject.sample(np.random.default_rng(3), 300, 1.0)
    table = table_of({value.name.plain(): X[:, i] for i, value in enumerate(draft.subject.values)})
    wanted = fraud.predict(model, table)
    score, probability = draft.run(X).T
    assert ((score >= 0) == wanted.frauds).all() and 0 < wanted.frauds.sum() < 300
    assert np.allclose(probability, wanted.probabilities, atol=1e-5)


def test_the_time_of_day_wherever_the_clock_stands():
    t = F([0, 86_399, 86_400, 86_401, 172_799, -1, 8_640_000, 1e6 + 1, 16_777_215, -86_400])
    assert formula._day(t).tolist() == (t.astype(np.float64) % 86_400).tolist()
    with np.errstate(invalid="ignore"):
        far = formula._day(F([2**31, -(2.0**31), 1e30, np.inf, np.nan]))
    assert far[:3].tolist() == [0, 0, 0] and np.isnan(far[3:]).all()


def test_the_scaler_goes_into_the_weights_where_nothing_is_between(tmp_path):
    chain = [L.Linear(16), L.ReLU(), L.Linear(16), L.ReLU(), L.Linear(1)]
    report = build(plain(chain), "net", verify=0).report
    assert (report.weights, report.arena, len(report.rows)) == (785 * 4, 128, 3)
    assert drafted(houses(tmp_path)[0]).formula.factor is None
    kept = drafted(detector())
    assert kept.formula.factor is not None and kept.rows()[0].weights == 8 * 6


def test_the_scaler_stays_where_folding_would_lose_digits():
    random = np.random.default_rng(0)
    far = {"V1": 1e5 + random.integers(0, 5, 200), "V2": random.normal(0, 1, 200)}
    draft = drafted(detector(far, [L.Linear(4), L.ReLU(), L.Linear(1)]))
    assert draft.formula.factor is not None and draft.gap <= CLOSE


@pytest.mark.parametrize("unit", [1e40, 1e-50])
def test_a_column_that_float32_does_not_hold_is_refused(unit):
    random = np.random.default_rng(2)
    model = detector({"V1": random.normal(0, 1, 200), "V2": random.normal(0, unit, 200)})
    with pytest.raises(InputError, match=r'column "V2" reaches from .* which float32 does not hold; use another unit'):
        build(model, "net", verify=0)


def test_weights_that_float32_does_not_hold_are_refused(tmp_path):
    model, _ = houses(tmp_path)
    model.meta["weights"][0] = 1e300
    with pytest.raises(InputError, match="float32"):
        build(model, "net", verify=0)


def test_a_neuron_keeps_its_ties():
    model = neuron()
    weights = drafted(model).formula.layers[0]
    assert weights.weight[:, 0].tolist() + weights.bias.tolist() == [3, 4, -3]  # of 0.3, 0.4 and -0.3
    rows = F([[0, 0], [0, 1], [1, 0], [1, 1]])
    assert (formula.run(drafted(model).formula, rows) >= 0).tolist() == [False, True, True, True]


@pytest.mark.parametrize("digits", [GATES["nand"], "01101001", "0001001100110111", GATES["xor"]])
def test_a_neuron_says_in_c_what_it_says_in_fractions(digits):
    tool("gcc")
    report = build(neuron(digits), "net").report
    assert report.checked == 256 and report.judged == "exactly as the trained model"
    right = re.fullmatch(r"neuron: \d inputs, right on (\d+) of (\d+) rows", report.title).groups()
    assert (right[0] == right[1]) == neuron(digits).meta["solved"]


def test_a_neuron_of_too_many_digits_is_refused():
    with pytest.raises(InputError, match="too many digits for float32"):
        build(neuron(lr=0.123456789), "net", verify=0)


@pytest.mark.parametrize("weights", [["1", "2"], ["1/0", "1", "1"], [1, 1, 1], "abc", ["1" * 200, "1", "1"], None])
def test_a_malformed_neuron_is_refused(weights):
    model = neuron()
    model.meta["weights"] = weights
    with pytest.raises(InputError, match="is no neuron"):
        build(model, "net", verify=0)


def test_layers_that_a_detector_cannot_have_are_named():
    with pytest.raises(InputError, match="softmax_0 cannot be exported in a fraud detector"):
        build(plain([L.Linear(4), L.Softmax(), L.Linear(1)], 3), "net")
    with pytest.raises(InputError, match="no linear layer"):
        build(plain([L.Tanh()], 1), "net")


def test_what_tables_have_not(tmp_path):
    model, _ = houses(tmp_path)
    with pytest.raises(UsageError, match="int8"):
        build(model, "net", dtype="int8")
    with pytest.raises(UsageError, match="`calibration`"):
        build(model, "net", calibration=np.zeros((3, 4)))


def test_a_polynomial_of_too_many_powers_is_refused(tmp_path):
    model, _ = houses(tmp_path, degree=2)
    model.meta["polynomial"]["terms"][0] = [0] * 100
    with pytest.raises(InputError, match="a polynomial with 500 powers"):
        build(model, "net", verify=0)


def test_the_budgets_and_what_would_fit():
    chain = [L.Linear(16), L.ReLU(), L.Linear(16), L.ReLU(), L.Linear(1)]
    model = plain(chain)
    with pytest.raises(BudgetError) as error:
        build(model, "net", verify=0, flash_budget=2048, ram_budget=None)
    width = int(re.fullmatch(r"`hidden (\d+),\1`", error.value.fix)[1])
    narrow = [L.Linear(width), L.ReLU(), L.Linear(width), L.ReLU(), L.Linear(1)]
    build(plain(narrow), "net", verify=0, flash_budget=2048)
    with pytest.raises(BudgetError) as error:
        build(model, "net", verify=0, weights="ram", ram_budget=2048)
    assert error.value.fix.startswith("`weights flash` (RAM 0.4 KB")


def test_weights_in_ram(tmp_path):
    tool("gcc")
    report = build(detector(), "net", weights="ram").report
    assert report.ram == report.arena + report.input + report.output + report.stack + report.weights


def test_hostile_columns_are_harmless(tmp_path):
    tool("gcc")
    random = np.random.default_rng(0)
    names = ['a*/ int main(){system("id");} /*', "??/", "\\", "é\n#error", "x" * 400, "X" * 400, "%n", ""]
    columns = {name: random.normal(0, 1, 50) for name in names}
    columns["t*/\n"] = ["*/ x", "#error\n"] * 25
    model = detector(columns, [L.Linear(2), L.ReLU(), L.Linear(1)])
    model.meta["data"]["name"] = "d*/\n#error"
    header = build(model, "net")
    assert header.text.isascii() and header.report.checked == 256
    macros = re.findall(r"#define (NET_FEATURE_\w+) (\d+)", header.text)
    assert len({macro for macro, _ in macros}) == 10 and max(len(macro) for macro, _ in macros) <= 63


def test_the_header_says_the_same_every_time(tmp_path):
    assert build(detector(), "net", verify=0).text == build(detector(), "net", verify=0).text
    other = detector(threshold=0.5)
    digests = [re.search(r"SHA-256 .* (\w{64})", build(m, "net", verify=0).text)[1] for m in (detector(), other)]
    assert digests[0] != digests[1]


def test_a_wrong_reference_is_found(monkeypatch, tmp_path):
    tool("gcc")
    model, _ = houses(tmp_path)
    right = formula.run
    monkeypatch.setattr(TabularDraft, "run", lambda self, X: np.nextafter(right(self.formula, X), F(0))[:, None])
    with pytest.raises(VerificationError):
        build(model, "net")


def test_functions_that_contradict_each_other_are_found(tmp_path):
    compiler = verify.find_compiler() or pytest.skip("needs gcc")
    draft = drafted(detector())
    X = draft.vectors(60)
    outputs = draft.run(X)
    text = write(draft.page(Vectors(X[7:9], outputs[7:9])), "no").replace(">= 0.0f ? 1 : 0", ">= 0.0f ? 0 : 1")
    with pytest.raises(VerificationError, match="contradict each other"):
        verify.verify(text, "net", X, outputs, compiler, draft.programs)


def test_terms_are_products_of_legendre_polynomials():
    one = Layer("", F([[1]]), F([0]))
    found = formula.run(Formula(("", ""), (one,), terms=(((0, 2), (1, 3)),)), F([[0.5, -0.25]]))
    assert found[0] == pytest.approx((3 * 0.5**2 - 1) / 2 * (5 * -(0.25**3) + 3 * 0.25) / 2)


def test_every_kind_on_the_board(model):
    if packages := board.missing():
        pytest.skip(f"needs {packages}")
    for name in board.BOARDS:
        header = build(model, "net", verify=0)
        found = board.measure(header.text, "net", board.BOARDS[name], header.programs)
        assert found.stack <= header.report.stack + header.report.arena
        assert 0 <= header.report.weights - found.tables <= 64  # a compiler may put a few into the code


def test_the_figures_of_a_detector_on_the_board():
    if packages := board.missing():
        pytest.skip(f"needs {packages}")
    chain = [L.Linear(16), L.ReLU(), L.Linear(16), L.ReLU(), L.Linear(1)]
    header = build(plain(chain), "net", verify=0)
    figures = board.measure(header.text, "net", programs=header.programs)
    assert figures.code + figures.tables <= 3.5 * 1024 and header.report.arena <= 160
    emulated(figures, instructions=41_325, stack=200, code=238)


def test_the_figures_of_a_detector_like_that_of_the_command():
    """With logarithm, clock, scaler and tanh: its weights of 16 bits leave room for their code."""
    if packages := board.missing():
        pytest.skip(f"needs {packages}")
    random = np.random.default_rng(3)
    columns = {
        "Time": random.uniform(0, 170_000, 200).round(),
        **{f"V{i}": random.normal(0, 1 + i, 200) for i in range(1, 29)},
        "Amount": random.lognormal(3, 2, 200).round(2),
    }
    chain = [L.Tanh(), L.Linear(16), L.ReLU(), L.Linear(16), L.ReLU(), L.Linear(1)]
    header = build(halved(columns=columns, chain=chain), "net", verify=0)
    assert header.report.title.endswith("tanh-fc16-fc16-fc1, weights of 16 bits")
    assert header.report.weights == 8 * 30 + 2 * 752 + 4 * 33
    figures = board.measure(header.text, "net", programs=header.programs)
    assert figures.code + figures.tables <= 3.5 * 1024 and header.report.arena <= 160
    assert figures.instructions <= 90_000


def test_one_weight_of_more_digits_keeps_all_in_32_bits():
    model = halved()
    assert drafted(model).formula.halved
    model.layers[1].weight.data[0, 0] = 0.1
    model.params.touched()
    assert not drafted(model).formula.halved and not drafted(detector()).formula.halved


def test_nothing_is_left_behind(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BudgetError):
        bb.export.c_header(detector(), "net.h", ram_budget=10)
    assert os.listdir() == []
