"""The transactions as they are read: F01 to F07, F10 and F11 of the faults, and what becomes of Time and Amount."""

import io
import subprocess
import sys

import numpy as np
import pytest

from brainbox_core.errors import InputError, UsageError
from brainbox_core.files.reading import standard_input
from brainbox_core.tables.features import FeatureEncoder
from brainbox_core.tables.notation import Notation
from brainbox_core.tables.table import table_of
from brainbox_core.tasks.contract import no_pipe
from brainbox_core.tasks.fraud import train as fraud
from brainbox_core.tasks.fraud.data import DAY, UNIT, derived, redivided
from tests import memory
from tests.cli.shell import environment
from tests.core.tables.creditcard import write_creditcard
from tests.tasks.fraud.transactions import write_transactions


def load(path, pipe=no_pipe, **changes):
    return fraud.load_data(fraud.Settings(data=str(path), **changes), pipe=pipe)


def test_quoted_classes_and_headers_are_read(tmp_path):
    classes = [f'"{int(row % 10 == 9)}"' for row in range(600)]
    data = load(write_transactions(tmp_path / "x.csv", Class=classes))
    assert data.labels.sum() == 60


def test_the_features_of_the_published_columns(tmp_path):
    data = load(write_transactions(tmp_path / "x.csv"))
    assert data.encoder.names == ["time of day", "V1", "V2", "log1p(Amount)"]
    assert data.table.numbers("time of day").max() < DAY < data.source.numbers("Time").max()
    assert data.table.numbers("log1p(Amount)") == pytest.approx(np.log1p(data.source.numbers("Amount")))
    assert data.notes == ()


def test_the_features_are_measured_on_the_training_rows_alone(tmp_path):
    rows = np.arange(600)
    values = np.where(rows < 384, rows % 7, 1e6)  # what comes later is far away
    data = load(write_transactions(tmp_path / "x.csv", V2=values))
    assert data.parts.train.max() == 383
    column = next(column for column in data.encoder.columns if column.name == "V2")
    known = values[:384]
    assert (column.offsets, column.scales) == ([pytest.approx(known.mean())], [pytest.approx(UNIT * known.std())])
    X, _ = data.part(data.parts.train)
    assert X.mean(axis=0) == pytest.approx(np.zeros(4), abs=1e-5)
    assert X.std(axis=0) == pytest.approx(np.full(4, 1 / UNIT), abs=1e-5)


def test_text_columns_are_measured_in_the_same_unit(tmp_path):
    data = load(write_transactions(tmp_path / "x.csv", shop=["north", "south", "east"] * 200))
    X, _ = data.part(data.parts.train)
    assert X.std(axis=0) == pytest.approx(np.full(len(data.encoder.names), 1 / UNIT), abs=1e-5)


def test_amounts_and_times_are_read_as_they_are_written(tmp_path):
    plain = load(write_transactions(tmp_path / "x.csv"))
    table = plain.source
    moments = np.datetime64("2014-05-01T00:00:00") + table.numbers("Time").astype(int)
    amounts = [f'"{value:,.2f} €"'.translate(str.maketrans(",.", ".,")) for value in table.numbers("Amount") * 100]
    scores = [f'"{value}"'.replace(".", ",") for value in table.numbers("V1")]
    path = write_transactions(tmp_path / "y.csv", Time=moments, Amount=amounts, V1=scores)
    data = load(path)
    assert data.split == "time"
    np.testing.assert_allclose(data.table.numbers("time of day"), plain.table.numbers("time of day"), atol=1e-4)
    np.testing.assert_array_equal(data.table.numbers("V1"), table.numbers("V1"))
    np.testing.assert_allclose(data.source.numbers("Amount"), table.numbers("Amount") * 100)
    model = fraud.build_model(fraud.Settings(data=str(path)), data)
    assert fraud.written(model)["Amount"] == Notation(",", ".", "€")
    rows = {"Time": ["2014-05-01 06:00"] * 2, "V1": ["0,5"] * 2, "V2": ["1"] * 2, "Amount": ["1.050", "1050,00 €"]}
    first, second = fraud.predict(model, table_of(rows)).probabilities
    assert first == second != fraud.predict(model, table_of({**rows, "Amount": ["1,05"] * 2})).probabilities[0]
    with pytest.raises(InputError, match=r'column "Amount": "1050\.5" is not a number'):
        fraud.outside(model, table_of({**rows, "Amount": ["1050.5"] * 2}))
    again = fraud.load_test_data(model, str(path))
    np.testing.assert_array_equal(again.source.numbers("Amount"), data.source.numbers("Amount"))
    fraud.read_as(model, decimal=".", thousands=",")
    assert fraud.predict(model, table_of({**rows, "V1": [0.5] * 2, "Amount": ["1,050"] * 2})).probabilities[0] == first


def test_a_missing_date_is_refused_as_a_missing_number_is(tmp_path):
    days = ["2014-05-01", "2014-05-02", "NA"] * 200
    with pytest.raises(InputError, match='line 4, column "seen": is empty'):
        load(write_transactions(tmp_path / "x.csv", seen=days))


def test_rows_out_of_order_are_sorted_by_time_and_it_is_said(tmp_path):
    time = np.arange(600)[::-1] * 300
    data = load(write_transactions(tmp_path / "x.csv", Time=time))
    assert data.notes == ("the rows were not in order of Time: sorted",)
    assert time[data.parts.train].max() < time[data.parts.test].min()


def test_a_negative_time_is_earlier_and_has_its_hour(tmp_path):
    data = load(write_transactions(tmp_path / "x.csv", Time=np.arange(600) * 300 - DAY))
    assert data.parts.train[0] == 0
    assert data.table.numbers("time of day").min() >= 0


def test_a_missing_time_is_refused_with_its_line(tmp_path):
    time = [*range(300), "", *range(301, 600)]
    path = write_transactions(tmp_path / "x.csv", Time=time)
    with pytest.raises(InputError, match=r'line 302, column "Time": is empty, so the rows cannot be put in order'):
        load(path)
    with pytest.raises(InputError, match=r'line 302, column "Time": is empty'):  # a feature all the same
        load(path, split="stratified")
    assert load(path, split="stratified", drop=("Time",)).split == "stratified"


def test_rows_in_order_of_time_are_not_cross_validated(tmp_path):
    path = write_transactions(tmp_path / "x.csv")
    with pytest.raises(UsageError, match=r"learns from later rows .* use `split stratified`"):
        load(path, folds=5)
    assert load(path, folds=5, split="stratified").split == "stratified"


def test_without_a_time_the_rows_are_divided_at_random(tmp_path):
    path = write_transactions(tmp_path / "x.csv", Time=None)
    assert load(path).split == "stratified"
    with pytest.raises(InputError, match='no column "Time"'):
        load(path, split="time")


def test_amounts_of_any_size_and_sign_become_small_numbers():
    notes = []
    table = derived(table_of({"Amount": [0, 1e12, -50, 1e300]}), ["Amount"], notes)
    assert table.numbers("log1p(Amount)") == pytest.approx([0, 27.631, -3.932, 690.776], abs=1e-3)
    assert notes == ["1 negative amounts: taken as refunds, -log1p of their size"]


def test_a_column_that_numbers_the_rows_is_left_out(tmp_path):
    for name, first in (("", 0), ("id", 1)):
        data = load(write_transactions(tmp_path / "x.csv", **{name: np.arange(600) + first}))
        assert any("numbers the rows: left out" in note for note in data.notes)
        assert data.encoder.names == ["time of day", "V1", "V2", "log1p(Amount)"]


def test_dropped_columns_are_no_features_and_have_to_exist(tmp_path):
    path = write_transactions(tmp_path / "x.csv")
    data = load(path, drop=("Time", "V2"))
    assert data.encoder.names == ["V1", "log1p(Amount)"]
    assert data.split == "time"  # it still tells the order
    with pytest.raises(InputError, match='no column "V9"'):
        load(path, drop=("V9",))


@pytest.mark.parametrize(
    ("value", "expected"),
    [("", "nothing"), ("2", "2"), ("0.5", "0.5"), ("-1", "-1")],
)
def test_a_class_that_is_neither_0_nor_1_is_refused_with_its_line(value, expected, tmp_path):
    classes = [str(int(row % 10 == 9)) for row in range(600)]
    classes[4] = value
    with pytest.raises(InputError, match=rf'line 6, column "Class": is no class: .* got {expected}'):
        load(write_transactions(tmp_path / "x.csv", Class=classes))


def test_another_column_can_tell_the_frauds(tmp_path):
    path = write_transactions(tmp_path / "x.csv", Class=None, stolen=np.arange(600) % 10 == 9 * np.ones(600))
    path.write_text(path.read_text().replace("True", "1").replace("False", "0"))
    assert load(path, target="stolen").labels.sum() == 60
    with pytest.raises(InputError, match=r'no column "Class"; .* with `target`: is it "stolen"\?'):
        load(path)


def test_without_a_header_the_last_column_tells_the_frauds(tmp_path):
    path = write_transactions(tmp_path / "x.csv", Time=None)
    path.write_text(path.read_text().partition("\n")[2])
    data = load(path)
    assert (data.target, data.labels.sum(), data.classes.names) == ("column_4", 60, ("honest", "fraud"))
    assert "no header: the last column, column_4, tells the frauds" in data.notes
    with pytest.raises(InputError, match=r'column "column_1": is no class'):
        load(path, target="column_1")
    rows = [line.rpartition(",")[0] for line in path.read_text().splitlines()]
    path.write_text("\n".join(rows))
    with pytest.raises(InputError, match=r'column "column_3": is no class'):
        load(path)


def test_a_first_line_of_texts_is_data_if_one_says_so(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("\n".join(f"{'abc'[row % 3]},{'yes' if row % 10 == 9 else 'no'}" for row in range(600)))
    with pytest.raises(InputError, match='no column "Class"'):
        load(path)
    assert len(load(path, no_header=True).labels) == 600


def test_other_values_than_0_and_1_are_said(tmp_path):
    classes = np.where(np.arange(600) % 10 == 9, "fraud", "genuine")
    data = load(write_transactions(tmp_path / "x.csv", Class=classes))
    assert (data.labels.sum(), data.classes.names) == (60, ("genuine", "fraud"))
    assert data.notes == ("Class holds genuine and fraud: fraud, the rarer with 60 of 600 rows, counts as fraud",)
    flipped = load(write_transactions(tmp_path / "x.csv", Class=(np.arange(600) % 10 != 9).astype(int)))
    assert "Class holds 1 and 0: 0, the rarer with 60 of 600 rows, counts as fraud" in flipped.notes


def test_a_time_that_gives_the_frauds_away_is_told(tmp_path):
    fraud_last = (np.arange(600) >= 540).astype(int)
    path = write_transactions(tmp_path / "x.csv", Class=fraud_last)
    with pytest.raises(InputError, match=r"0 frauds in .*`split stratified`"):
        load(path)
    notes = load(path, split="stratified").notes
    assert any("column Time alone tells the frauds apart" in note for note in notes)
    early = (np.arange(600) < 30) | (np.arange(600) % 100 == 98)
    (note,) = load(write_transactions(tmp_path / "x.csv", Class=early.astype(int))).notes
    assert note.startswith("2 of the 120 last rows, which judge, are frauds")


def test_a_missing_value_is_refused_with_its_line(tmp_path):
    values = [*range(50), "NaN", *range(51, 600)]
    with pytest.raises(InputError, match=r'line 52, column "V1": is empty'):
        load(write_transactions(tmp_path / "x.csv", V1=values))
    shops = [*["north", "south"] * 250, "", *["north"] * 99]
    with pytest.raises(InputError, match=r'line 502, column "shop": is empty'):
        load(write_transactions(tmp_path / "x.csv", shop=shops))


def test_frauds_that_all_came_early_leave_nothing_to_judge_by(tmp_path):
    classes = (np.arange(600) < 30).astype(int)
    path = write_transactions(tmp_path / "x.csv", Class=classes)
    with pytest.raises(InputError, match=r"0 frauds in the last 20% of the rows.*`split stratified`"):
        load(path)
    assert load(path, split="stratified").labels.sum() == 30


def test_duplicates_across_the_parts_are_counted_and_told(tmp_path):
    path = write_transactions(tmp_path / "x.csv", Time=None)
    assert load(path).duplicates == 0
    head, *rows = path.read_text().splitlines()
    path.write_text("\n".join([head, *rows, *rows[:100]]) + "\n")
    data = load(path)
    in_test = {row.tobytes() for row in data.part(data.parts.test)[0]}
    seen = {row.tobytes() for rows in data.parts[:2] for row in data.part(rows)[0]}
    assert data.duplicates == len(in_test & seen) > 10
    assert f"{data.duplicates} of the 140 test rows are duplicates" in data.notes[-1]


def test_standard_input_is_a_table_too(tmp_path, monkeypatch):
    content = write_transactions(tmp_path / "x.csv").read_bytes()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    assert load("-", standard_input).name == "-"
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(InputError, match="standard input is closed"):
        load("-", standard_input)
    with pytest.raises(UsageError, match="no stream was given that a table could come from"):
        load("-")


def test_another_division_measures_its_own_training_rows(tmp_path):
    data = load(write_transactions(tmp_path / "x.csv"))
    other = redivided(data, data.parts._replace(train=data.parts.test, test=data.parts.train))
    assert other.encoder.config() != data.encoder.config()
    assert other.part(other.parts.train)[0].mean(axis=0) == pytest.approx(np.zeros(4), abs=1e-5)
    assert FeatureEncoder.from_config(other.encoder.config()).names == data.encoder.names


@pytest.mark.slow
@pytest.mark.skipif(not memory.MEASURABLE, reason=memory.REASON)
def test_the_published_size_is_learned_from_in_less_than_a_gigabyte(tmp_path):
    write_creditcard(tmp_path / "creditcard.csv")
    code = (
        "import atexit, sys\n"
        "from tests.memory import peak\n"
        "sys.argv = ['brainbox', *sys.argv[1:]]\n"
        "atexit.register(lambda: print('PEAK', peak(), file=sys.stderr))\n"
        "from brainbox_cli.app import main; main()"
    )
    command = [sys.executable, "-c", code, "fraud", "--data", "creditcard.csv", "--epochs", "2"]
    done = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 4, done.stderr  # its columns are noise, so that there is nothing to learn
    assert "182,277 rows to train on, 45,569 held out, 56,961 to test on" in done.stdout
    peak = int(done.stderr.split("PEAK")[1].split()[0]) / 2**20
    print(f"{peak:.0f} MiB")
    assert peak < 512
