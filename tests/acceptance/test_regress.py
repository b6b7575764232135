"""What is promised of `brainbox regress`, by the commands as they are typed, on real houses."""

import pytest

from tests.cli.shell import brainbox, run
from tests.realdata import real_data

SKEWED = "total_rooms,total_bedrooms,population,households,median_income"
THETA = {"intercept": 89597.9095428, "column_1": 139.210674018, "column_2": -8738.0191123}
PRICE = 293081.4643349  # of 1650 square feet and 3 bedrooms


@pytest.mark.parametrize("way", [(), ("--plain",), ("--closed-form",)])
def test_portland(way, tmp_path):
    found = run("regress", "--data", real_data("houses/ex1data2.txt"), *way, cwd=tmp_path)
    weights, converged = found["result"]["weights"], found["result"]["converged"]
    assert converged
    for name, value in THETA.items():
        assert weights[name] == pytest.approx(value, rel=1e-7)  # nine digits from least squares
        assert found["result"]["closed_form"]["weights"][name] == pytest.approx(value, rel=1e-9)
    (prediction,) = run("regress", "predict", 1650, 3, cwd=tmp_path)["result"]["predictions"]
    assert prediction["predicted"] == pytest.approx(PRICE, rel=1e-8)


@pytest.mark.parametrize("size", [1, 8])
def test_portland_by_batches(size, tmp_path):
    words = ("--batch-size", size, "--epochs", 300)
    run("regress", "--data", real_data("houses/ex1data2.txt"), *words, cwd=tmp_path)
    (prediction,) = run("regress", "predict", 1650, 3, cwd=tmp_path)["result"]["predictions"]
    assert prediction["predicted"] == pytest.approx(PRICE, rel=1e-3)


def test_ames_whose_folds_contradict_the_held_out_rows(tmp_path):
    """Two huge houses that were sold unfinished; the logarithm makes millions of the first."""
    document = run("regress", "--data", real_data("houses/ames_kaggle_train.csv"), "--log", "SalePrice", cwd=tmp_path)
    assert document["metrics"]["test_r2"] > 0.9 > 0.1 > document["metrics"]["cv_r2"]
    assert "column Id numbers the rows: left out" in document["warnings"]
    (told,) = [warning for warning in document["warnings"] if "over the folds" in warning]
    assert "line 1300 alone makes 84% of the squared error of the folds" in told and told.endswith("for 160,000")


def test_california_with_the_columns_as_they_are(tmp_path):
    data = real_data("houses/california_housing.csv")
    found = run("regress", "--data", data, "--target", "median_house_value", "--fail-under", 0.6, cwd=tmp_path)
    assert len(found["result"]["folds"]) == 5
    assert found["metrics"]["cv_r2"] >= 0.60
    assert found["result"]["converged"] and found["result"]["closed_form"]["distance"] < 1e-6
    assert any("total_bedrooms" in warning and "filled with the median" in warning for warning in found["warnings"])


@pytest.mark.parametrize("way", [(), ("--closed-form",)])
def test_california_with_logarithms_and_products(way, tmp_path):
    words = ("--target", "median_house_value", "--log", SKEWED, "--degree", 2, "--fail-under", 0.72)
    found = run("regress", "--data", real_data("houses/california_housing.csv"), *words, *way, cwd=tmp_path)
    assert found["metrics"]["cv_r2"] >= 0.72


def test_california_the_last_column_is_text(tmp_path):
    done = brainbox("regress", "--data", real_data("houses/california_housing.csv"), cwd=tmp_path)
    assert done.returncode == 3 and '"median_house_value" with --target' in done.stderr
