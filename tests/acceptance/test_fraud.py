"""What is promised of `brainbox fraud`, by the commands as they are typed, on the built-in and on real transactions."""

import numpy as np
import pytest

from tests.cli.shell import run
from tests.realdata import real_data

pytestmark = pytest.mark.slow


def test_the_built_in_transactions_with_any_seed(tmp_path):
    results = [run("fraud", "--seed", seed, cwd=tmp_path)["result"] for seed in range(5)]
    assert min(found["accuracy"] for found in results) >= 0.998
    assert min(found["recall"] for found in results) >= 0.92
    assert min(found["average_precision"] for found in results) >= 0.97
    assert results[0]["average_precision"] >= 0.98


def test_recall_is_bought_with_precision(tmp_path):
    def result(share):
        return run("fraud", "--epochs", 5, "--threshold", f"recall={share}", cwd=tmp_path)["result"]

    high, low = result(0.97), result(0.5)
    assert high["average_precision"] == low["average_precision"]
    assert high["recall"] >= 0.92 > low["recall"]
    assert high["precision"] < low["precision"]


def test_full_batches_leave_failed_models(tmp_path):
    found = run("fraud", "--batch-size", "full", "--class-weight", "none", cwd=tmp_path, code=4)
    assert "not converged" in found["error"]["message"]
    history = found["history"]
    failed = [row for row in history if row["failed"]]
    assert len(failed) >= 10
    assert all(row["val_accuracy"] > 0.98 for row in failed)


def test_real_transactions_in_five_folds(tmp_path):
    sample = real_data("creditcard/creditcard_sample.csv")
    words = ("--data", sample, "--split", "stratified", "--drop", "Time", "--folds", 5)
    folds = [run("fraud", *words, "--seed", seed, cwd=tmp_path)["result"]["folds"] for seed in range(3)]
    for found in folds:
        assert np.mean(found["average_precision"]) >= 0.965
    assert np.mean([found["precision_at_recall_0.9"] for found in folds]) >= 0.95


def test_a_table_without_header_and_with_quoted_classes(tmp_path):
    document = run("fraud", "--data", real_data("tables/mammography.csv"), cwd=tmp_path)
    assert "column_7 holds -1 and 1: 1, the rarer with 260 of 11,183 rows, counts as fraud" in document["warnings"]
    assert document["result"]["average_precision"] >= 0.55
    again = run("fraud", "evaluate", cwd=tmp_path)["result"]
    assert again["confusion"] == document["result"]["confusion"]


def test_real_transactions_in_order_of_time(tmp_path):
    document = run("fraud", "--data", real_data("creditcard/creditcard_sample.csv"), cwd=tmp_path)
    assert any("numbers the rows: left out" in warning for warning in document["warnings"])
    assert any("not in order of Time: sorted" in warning for warning in document["warnings"])
    assert document["result"]["average_precision"] >= 0.9
