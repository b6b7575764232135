"""What a header answers is what the model answers from the table's own numbers, or there is no header."""

import re
import subprocess

import numpy as np
import pytest

import braininabox as bb
from brainbox_core.errors import InputError
from brainbox_core.export import build
from brainbox_core.export.tabular.closeness import MOST
from brainbox_core.tables.features import FeatureEncoder
from brainbox_core.tables.table import table_of
from brainbox_core.tasks.regress import train as regress
from tests.export.compiling import STRICT, tool
from tests.export.tabular.test_draft import detector, drafted

L = bb.layers
N = 300


def learned(folder, t, y, **settings):
    """A regression that learned y from t and another column, and its data."""
    x, path = np.random.default_rng(3).uniform(0, 1, len(t)).round(4), folder / "t.csv"
    path.write_text(
        "t,x,y\n" + "".join(f"{a!r},{b!r},{c!r}\n" for a, b, c in zip(t, x.tolist(), y(x).tolist(), strict=True))
    )
    chosen = regress.Settings(data=str(path), closed_form=True, folds=0, test_split=0.2, **settings)
    data = regress.load_data(chosen)
    model = regress.build_model(chosen, data)
    regress.train(model, chosen, data)
    return model, data


def held_out(data):
    return data.table.take(data.test), data.y[data.test]


STEPS = np.arange(N)
FAR = {
    "a clock": (1_700_000_000 + STEPS, {}, 'column "t" .*subtract 1,700,000,000 from the column, and'),
    "a clock, curved": (1_700_000_000 + STEPS, {"degree": 2}, 'column "t" .*subtract 1,700,000,000 from the column'),
    "a clock of a day": (1_700_000_000 + 288 * STEPS, {}, 'column "t" .*subtract 1,700,000,000 from the column'),
    "ids": (1_000_000_000 + STEPS * 7 % 311, {}, 'column "t" .*subtract 1,000,000,000 from the column'),
    "millimetres": (-5_000_000.5 + STEPS / 64, {}, 'column "t" .*add 5,000,001 to the column'),
    "a logarithm": (10_000_000 + STEPS, {"log": ("t",)}, 'column "t" .*from the column, take no logarithm of it, and'),
}


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("name", FAR)
def test_a_column_that_float32_has_too_few_digits_for_is_refused(tmp_path, name, known):
    t, settings, said = FAR[name]
    model, data = learned(tmp_path, t.tolist(), lambda x: 3 * (t - t.min()) + 50 * x, **settings)
    with pytest.raises(InputError, match=f"{said}.* train again"):
        build(model, "net", verify=0, data=held_out(data) if known else None)


def test_a_target_that_float32_has_too_few_digits_for_is_refused(tmp_path):
    for settings in ({}, {"log": ("y",)}):
        model, data = learned(tmp_path, STEPS.tolist(), lambda x: 1_700_000_000 + 3.0 * STEPS + 5 * x, **settings)
        with pytest.raises(InputError, match=r"what is predicted .* subtract 1,700,000,000 from the target, and train"):
            build(model, "net", verify=0, data=held_out(data))


def test_the_remedy_is_true_and_c_answers_as_python(tmp_path):
    model, data = learned(tmp_path, STEPS.tolist(), lambda x: 3.0 * STEPS + 50 * x)
    header = build(model, "net", data=held_out(data), verify=0)
    rows = "".join(f"{{{t}.0f, 0.5f}}, " for t in (100, 101, 150))
    (tmp_path / "net.h").write_text(header.text)
    (tmp_path / "main.c").write_text(f"""
#include <stdio.h>
#include "net.h"
int main(void)
{{
    static const float rows[3][2] = {{ {rows} }};
    int i;
    for (i = 0; i < 3; i++) {{
        printf("%.9g ", (double)net_predict(rows[i]));
    }}
    return net_selftest();
}}
""")
    subprocess.run([tool("gcc"), *STRICT, "main.c", "-o", "t"], cwd=tmp_path, check=True)
    found = subprocess.run([tmp_path / "t"], capture_output=True, check=True).stdout.split()
    assert [float(word) for word in found] == pytest.approx([325, 328, 475], rel=1e-6)


@pytest.mark.parametrize("settings", [{}, {"degree": 2}])
def test_whole_numbers_that_float32_holds_are_exact_however_far_from_0(tmp_path, settings):
    t = 10_000_001 + STEPS**2 % 998
    model, data = learned(tmp_path, t.tolist(), lambda x: (t - 1e7) ** 2 / 100 + 5 * x, **settings)
    for rows in (held_out(data), None):
        assert drafted(model, data=rows).gap < 1e-5
    assert (drafted(model).formula.shift is not None) == bool(settings)


@pytest.mark.parametrize("far", [10_000_000, 1_700_000_000])
def test_a_detector_whose_first_step_is_a_tanh(far):
    random = np.random.default_rng(0)
    model = detector({"V1": far + random.integers(0, 1000, 200), "V2": random.normal(0, 1, 200)})
    if far > 2**24:
        with pytest.raises(InputError, match=r'column "V1" .* subtract 1,700,000,000 from the column, and train again'):
            build(model, "net", verify=0)
    else:
        tool("gcc")
        assert drafted(model).formula.shift is not None and drafted(model).gap < 1e-5
        assert build(model, "net").report.checked == 256


def test_a_clock_is_moved_by_whole_days():
    random = np.random.default_rng(0)
    columns = {"Time": 1.7e9 + random.uniform(0, 9000, 200).round(), "V2": random.normal(0, 1, 200)}
    model, data = detector(columns, [L.Linear(4), L.ReLU(), L.Linear(1)]), (table_of(columns), np.arange(200) % 2)
    with pytest.raises(InputError, match=r'column "Time" .* subtract .* from the column') as error:
        build(model, "net", verify=0, data=data)
    assert int(re.sub(r"\D", "", error.value.fix)) % 86_400 == 0


def test_columns_that_cancel_each_other_are_told_of(tmp_path):
    model, _ = learned(tmp_path, STEPS.tolist(), lambda x: 3.0 * STEPS + 50 * x)
    model.meta["weights"] = [1e6, -1e6]
    encoder = FeatureEncoder.from_config(model.meta["features"])
    rows = encoder.offset + encoder.scale * (np.linspace(-1, 1, 20)[:, None] + [0, 1e-6] * (np.arange(20)[:, None] % 3))
    table = table_of({"t": rows[:, 0].tolist(), "x": rows[:, 1].tolist()})
    with pytest.raises(
        InputError, match=r"the header would be .* off the model.*; leave out columns that say the same"
    ):
        build(model, "net", verify=0, data=(table, np.arange(20)))


def test_what_the_report_promises_holds_on_other_rows(tmp_path):
    t = 100_000 + STEPS
    model, data = learned(tmp_path, t.tolist(), lambda x: 3.0 * STEPS + 50 * x)
    report = build(model, "net", verify=0, data=held_out(data)).report
    promised = float(
        re.search(r"at most (\S+) deviations of the result off the trained model on 316 rows", report.judged)[1]
    )
    draft, random = drafted(model), np.random.default_rng(9)
    rows = draft.subject.sample(random, 2000, 1.0)
    wanted = regress.predict(model, table_of({"t": rows[:, 0], "x": rows[:, 1]}))
    gap = np.abs(draft.run(rows.astype(np.float32))[:, 0] - wanted).max() / wanted.std()
    assert 0 < gap < 2 * promised and promised < MOST


def test_a_detector_is_judged_by_the_tables_own_numbers():
    random = np.random.default_rng(0)
    columns = {"V1": 48.1371 + random.normal(0, 60, 200).round(3), "V2": random.normal(0, 1, 200)}
    draft = drafted(detector(columns, [L.Linear(4), L.ReLU(), L.Linear(1)]))
    assert (draft.subject.rows(table_of(columns))[0] == np.stack([*columns.values()], axis=1)).all()
