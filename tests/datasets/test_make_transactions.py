"""The built-in transactions: what is shipped is what the program makes up, and a line cannot tell the frauds."""

import gzip
import hashlib
import runpy
from pathlib import Path

import numpy as np
import pytest

import braininabox as bb
from brainbox_core.tables.table import read_table
from brainbox_core.tasks.fraud import train as fraud

ROOT = Path(__file__).parents[2]
TRANSACTIONS = ROOT / "datasets" / "transactions.csv.gz"


@pytest.fixture(scope="module")
def table():
    with gzip.open(TRANSACTIONS) as file:
        return read_table(file, name="transactions")


def test_the_program_makes_what_is_shipped():
    made = runpy.run_path(str(ROOT / "datasets" / "make_transactions.py"))["table"]()
    assert made == gzip.decompress(TRANSACTIONS.read_bytes())


def test_the_readme_names_its_hash():
    assert hashlib.sha256(TRANSACTIONS.read_bytes()).hexdigest() in (ROOT / "datasets" / "README.md").read_text()


def test_it_carries_no_time_and_is_small():
    content = TRANSACTIONS.read_bytes()
    assert content[3] == 0 and content[4:8] == bytes(4)  # gzip: flags (no file name), time of change
    assert len(content) < 3_000_000


def test_the_columns_of_the_published_data_and_one_fraud_in_a_hundred(table):
    assert table.names == ["Time", *(f"V{number}" for number in range(1, 29)), "Amount", "Class"]
    assert (table.rows, table.numbers("Class").sum()) == (50_000, 500)
    assert (np.diff(table.numbers("Time")) >= 0).all()
    assert (table.numbers("Amount") >= 0).all()
    widths = [table.numbers(f"V{number}").std() for number in range(1, 29)]
    assert widths[0] == pytest.approx(2, abs=0.1) and widths[-1] == pytest.approx(0.3, abs=0.1)


def test_a_network_finds_what_no_line_can():
    """Logistic regression, which is the same network without hidden layers, on the same rows."""
    settings = fraud.Settings(epochs=10)
    data = fraud.load_data(settings)
    (X, y), (X_test, y_test) = data.part(data.parts.train), data.part(data.parts.test)
    line = bb.Sequential([bb.layers.Linear(1)])
    line.compile(bb.optimizers.Adam(lr=bb.schedules.OneCycle(0.05, 2500)), bb.loss.BinaryCrossEntropy())
    line.fit(3 * X, y, epochs=5, batch_size=64)  # 3: standardised
    by_line = bb.metrics.average_precision(y_test[:, 0], line.predict(3 * X_test)[:, 0])
    network = fraud.build_model(settings, data)
    by_network = fraud.train(network, settings, data).metrics["test_average_precision"]
    assert 0.1 < by_line < by_network - 0.25
