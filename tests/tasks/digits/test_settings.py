import pytest

from brainbox_core.errors import UsageError
from brainbox_core.tasks.digits.settings import NAMED, Settings


@pytest.mark.parametrize(
    "settings",
    [
        Settings.mnist(),
        Settings.mnist(hidden=(16, 8)),
        Settings.mnist(hidden=()),
        Settings.cnn(),
        Settings.cnn(filters=(3,), hidden=(7, 5)),
    ],
    ids=lambda settings: settings.title,
)
def test_the_header_counts_the_parameters_that_the_network_has(settings):
    from brainbox_core.tasks.digits import train as digits

    data = digits.load_data(settings)
    assert digits.build_model(settings, data).summary().parameters == settings.parameters


def test_the_header_counts_the_rows_that_the_built_in_data_has():
    from brainbox_core.datasets.catalog import NAMES, load_images

    digits = load_images("digits")
    assert NAMED["digits"] == (len(digits.train_images), len(digits.test_images))
    assert set(NAMED) == set(NAMES)


@pytest.mark.parametrize(
    "change",
    [
        {"network": "tree"},
        {"hidden": (0,)},
        {"filters": (8, -1)},
        {"epochs": 0},
        {"batch_size": 0},
        {"lr": 0.0},
        {"lr": float("inf")},
        {"val_split": 0.0},
        {"val_split": 1.0},
        {"patience": 0},
        {"limit": 0},
        {"seed": -1},
        {"optimizer": "magic"},
    ],
    ids=str,
)
def test_bad_settings_are_refused(change):
    with pytest.raises(UsageError):
        Settings(**{"network": "conv", **change})


def test_quick_is_never_more_than_what_was_there():
    small = Settings.mnist(epochs=1, limit=10)
    assert small.quick() == small
    assert Settings.mnist().quick().epochs < Settings.mnist().epochs
