"""The pictures of --plot: that they are drawn, and with which care; how they look was judged by eye."""

from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from brainbox_cli.pictures import classifier, panels
from tests.cli.shell import brainbox

HOSTILE = ["$x^2$", r"\frac{", "a_b^c", "日本", "😀", "\u202eabc", "x" * 10_000, "$", "<b>", "9\x1b[31m"]


def texts(figure) -> list[str]:
    return [text.get_text() for axes in figure.axes for text in (*axes.texts, axes.title, *axes.get_xticklabels())]


@pytest.mark.parametrize("noun", ["mnist", "cnn"])
def test_every_picture_holds_something(noun, trained):
    names = {"loss", "confusion", "filters", "mistakes"} | ({"feature_maps"} if noun == "cnn" else set())
    for name in names:
        with Image.open(trained / "brainbox-out" / noun / f"runs/1/{name}.png") as picture:
            assert picture.width > 400 and picture.height > 100
            assert len(picture.convert("L").getcolors(256)) > 20
            assert (
                picture.info["Software"] == "made by brainbox"
            )  # the same bytes with every version of the program that draws


def test_names_of_classes_are_drawn_as_they_are(tmp_path):
    rng = np.random.default_rng(0)
    kernel = SimpleNamespace(data=rng.normal(size=(16, 10)).astype(np.float32))
    model = SimpleNamespace(
        params=SimpleNamespace(named={"linear_0/weight": kernel}),
        input_shape=(4, 4),
        activations=lambda X: {"linear_0": X.reshape(len(X), -1) @ kernel.data},
    )
    data = SimpleNamespace(
        classes=HOSTILE, test_images=rng.integers(0, 255, (20, 4, 4), np.uint8), test_labels=np.arange(20) % 10
    )
    result = SimpleNamespace(
        history=[{"epoch": 1, "train_loss": 1.0, "val_loss": 1.0, "val_accuracy": 0.1}],
        best_epoch=1,
        confusion=np.ones((10, 10), int),
        probabilities=np.eye(10)[np.zeros(20, int)],
    )
    written = classifier.draw(tmp_path, model, data, result)
    assert set(written) == {"loss", "confusion", "filters", "mistakes"}
    shown = texts(classifier.mistakes(result.probabilities, data.test_images, data.test_labels, [*HOSTILE[:9], "9"]))
    assert any(r"\frac{ read as $x^2$" in text for text in shown)
    assert not any(
        text.get_parse_math()
        for axes in panels.confusion_matrix(np.eye(2), ["$a$", "$b$"]).axes
        for text in axes.get_xticklabels()
    )


def test_no_mistakes_no_picture():
    assert classifier.mistakes(np.eye(10), np.zeros((10, 28, 28), np.uint8), np.arange(10), list("0123456789")) is None


@pytest.mark.parametrize(
    ("words", "picture"),
    [
        (("mnist", "-e", 1, "--limit", 500, "--plot"), "brainbox-out/mnist/runs/1/loss.png"),
        (("autograd", "--plot"), "brainbox-out/autograd/autograd.png"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_no_display_no_home_and_another_backend_make_no_difference(words, picture, tmp_path):
    nowhere = {"MPLCONFIGDIR": "/proc/nowhere", "HOME": "/proc/nowhere"}
    done = brainbox(*words, cwd=tmp_path, MPLBACKEND="TkAgg", DISPLAY="", **nowhere)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / picture).exists()
