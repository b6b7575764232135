"""The comparison with other libraries runs, and is fair where it can be seen in a moment.

The default run asserts no speed; `pytest -m bench` measures every case: python -m pytest -m bench -s tests/benchmarks
"""

import json
import os
import subprocess
import sys

import pytest

from brainbox_core.tasks.digits.settings import Settings
from tests.benchmarks.compare import table
from tests.benchmarks.compare.__main__ import ROOT, compare
from tests.benchmarks.compare.cases import CASES, CNN, picture_products

COMMAND = [sys.executable, "-m", "tests.benchmarks.compare"]


def test_the_command_measures_a_case_and_names_a_library_that_is_missing(tmp_path):
    (tmp_path / "torch.py").write_text("raise ImportError('PyTorch is not here')")
    run = [*COMMAND, "mlp", "--pairs", "2", "--json", str(tmp_path / "figures.json")]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(run, capture_output=True, text=True, check=True, cwd=ROOT, env=environment)
    report = json.loads((tmp_path / "figures.json").read_text())
    (row,) = report["cases"].values()
    assert len(row["ours"]["ms"]) == 2 and min(row["ours"]["ms"]) > 0 and row["gflops"] > 0
    assert {side["missing"] for side in row["theirs"].values()} == {"PyTorch is not here"}
    assert done.stdout == table.render(report) and "skipped: PyTorch is not here" in done.stdout


def test_a_case_without_its_data_is_skipped_by_name(tmp_path):
    environment = {**os.environ, "BRAINBOX_REAL_DATA": str(tmp_path)}
    done = subprocess.run(
        [*COMMAND, "read-spam"], capture_output=True, text=True, check=True, cwd=ROOT, env=environment
    )
    assert f"skipped: needs the real data file {tmp_path / 'sms-spam'}" in done.stdout


def test_a_name_that_is_no_case_is_refused():
    done = subprocess.run([*COMMAND, "nothing"], check=False, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 2 and "no case is called nothing" in done.stderr


def test_ours_is_measured_against_the_fastest_way_and_pair_by_pair():
    row = {"ours": {"ms": [1, 2, 30]}, "theirs": {"slow": {"ms": [9, 9, 9]}, "fast": {"ms": [2, 4, 6]}, "none": {}}}
    assert table.best_of(row) == "fast"
    assert table.ratios(row) == [0.5, 0.5, 5.0]


def test_a_way_that_finds_less_is_no_yardstick():
    theirs = {"quick": {"ms": [1], "f1": 0.9}, "as good": {"ms": [5], "f1": 0.945}}
    assert table.best_of({"ours": {"ms": [10], "f1": 0.95}, "theirs": theirs}) == "as good"


def test_without_a_yardstick_there_is_no_ratio():
    assert table.ratios({"ours": {"ms": [1]}, "theirs": {"compiled": {"missing": "not ready in 240 s"}}}) == []


def test_the_network_of_the_command_cnn_is_that_of_its_settings():
    products = picture_products(**CNN, rows=1)
    assert products == [(1, 576, 25, 8), (1, 64, 200, 16), (1, 1, 256, 64), (1, 1, 64, 10)]
    assert sum((k + 1) * n for _, _, k, n in products) == Settings.cnn().parameters


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.task == "train_pictures"])
def test_both_sides_have_the_same_network(name):
    pytest.importorskip("torch")
    from tests.benchmarks.compare import ours, pytorch

    model, module = ours.network(**CASES[name].given), pytorch.network(**CASES[name].given)
    model.build((28, 28))
    assert len(model.params) == sum(weight.numel() for weight in module.parameters())


@pytest.mark.bench
@pytest.mark.parametrize("name", CASES)
def test_no_case_takes_a_larger_share_than_it_did(name):
    case = CASES[name]
    row = compare(case, pairs=7)
    if missing := [side["missing"] for side in (row["ours"], *row["theirs"].values()) if "missing" in side]:
        print(f"\n{name}: {', '.join(missing)}")
    if not (found := table.ratios(row)):
        pytest.skip(missing[0])
    share = sorted(found)[len(found) // 2]
    print(f"\n{name}: {share:.2f} of the time of {case.yardstick}, {table.best_of(row)}")
    assert share <= case.limit
