"""What the README promises of the spam filter, by the commands as they are typed, on real messages."""

import resource
from pathlib import Path

import pytest

from tests.cli.shell import run
from tests.realdata import real_data

pytestmark = pytest.mark.slow


@pytest.fixture
def collection() -> Path:
    return real_data("sms-spam/SMSSpamCollection")


@pytest.mark.parametrize("seed", range(6))
def test_five_folds_of_the_sms_collection_without_repetitions(seed, collection, tmp_path):
    found = run("spam", "--data", collection, "--folds", 5, "--seed", seed, cwd=tmp_path)["metrics"]
    print({name: round(value, 4) for name, value in found.items() if name.startswith("cv_")})
    assert found["cv_accuracy"] >= 0.987
    assert found["cv_f1"] >= 0.95
    assert found["cv_ham_blocked"] <= 0.0015


def test_learning_the_sms_collection_takes_seconds(collection, tmp_path):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run("spam", "--data", collection, "--fail-under", "0.93", cwd=tmp_path)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"{after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime:.1f} s of CPU time in all")


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_what_is_learned_from_the_built_in_messages_filters_real_ones(seed, collection, tmp_path):
    run("spam", "--seed", seed, cwd=tmp_path)
    found = run("spam", "evaluate", "--data", collection, "--fail-under", "0.90", cwd=tmp_path)["metrics"]
    print({name: round(value, 4) for name, value in found.items() if name != "primary"})
    assert found["test_accuracy"] >= 0.97
    # Nothing is made for the examples. Each seed keeps other sentences apart to test on, so that another filter has
    # learned from fewer like the first one; the default seed gives what the documents show.
    least = 0.99 if seed == 0 else 0.9
    bought, dinner = run(
        "spam", "Buy cheap meds now!! Click here", "Hey mom, are we still on for dinner?", cwd=tmp_path
    )["result"]["predictions"]
    assert bought["probability"] >= least and dinner["probability"] <= 0.01


def test_a_filter_for_a_small_chip_is_nearly_as_good(collection, tmp_path):
    words = ["spam", "--data", collection, "--chars", 0, "--vocabulary", 4096, "--folds", 5]
    found = run(*words, cwd=tmp_path)["metrics"]
    print({name: round(value, 4) for name, value in found.items() if name.startswith("cv_")})
    assert found["cv_f1"] >= 0.92 and found["cv_ham_blocked"] <= 0.0025
