"""What the README promises of the digit readers, by the commands as they are typed, on real handwriting."""

import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from brainbox_core.datasets.idx import read_idx, write_idx
from tests.cli.shell import run
from tests.realdata import real_data

pytestmark = pytest.mark.slow


@pytest.fixture
def mnist() -> Path:
    for part in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
        path = real_data(f"mnist/{part}-ubyte.gz")
    return path.parent


def test_the_dense_network_reads_mnist(mnist, tmp_path):
    document = run("mnist", "--data", mnist, "--fail-under", "97.5%", cwd=tmp_path)
    assert document["model"]["params"] == 101_770


def test_the_dense_network_reads_mnist_better_with_moved_images(mnist, tmp_path):
    run("mnist", "--data", mnist, "--augment", "--fail-under", "98.7%", cwd=tmp_path)


def test_the_convolutional_network_reads_mnist_within_a_minute(mnist, tmp_path):
    started = time.monotonic()
    document = run("cnn", "--data", mnist, "--fail-under", "99.1%", cwd=tmp_path)
    assert document["model"]["params"] <= 25_000
    print(f"cnn on MNIST: {document['metrics']['test_accuracy']:.2%} in {time.monotonic() - started:.0f} s")


def test_trained_on_moved_images_the_convolutional_network_reads_shifted_digits(mnist, tmp_path):
    run("cnn", "--data", mnist, "--augment", "--fail-under", "99%", cwd=tmp_path)
    run("cnn", "evaluate", "--shift", "4", "--fail-under", "97%", cwd=tmp_path)


def test_what_is_learned_on_the_built_in_digits_reads_real_handwriting(mnist, tmp_path):
    run("cnn", cwd=tmp_path)
    run("cnn", "evaluate", "--data", mnist, "--fail-under", "94%", cwd=tmp_path)


def test_a_drawing_made_of_a_real_digit_is_read(mnist, tmp_path):
    run("cnn", cwd=tmp_path)
    images, labels = read_idx(mnist / "t10k-images-idx3-ubyte.gz"), read_idx(mnist / "t10k-labels-idx1-ubyte.gz")
    drawings = []
    for number in range(50):  # dark ink on a large white page, far from the middle
        page = np.full((400, 300), 255, np.uint8)
        ink = np.asarray(Image.fromarray(images[number]).resize((112, 112), Image.Resampling.BICUBIC))
        page[230:342, 20:132] = 255 - ink
        drawings.append(tmp_path / f"{number}.png")
        Image.fromarray(page).save(drawings[-1])
    predictions = run("cnn", "predict", *drawings, cwd=tmp_path)["result"]["predictions"]
    right = sum(int(found["label"]) == label for found, label in zip(predictions, labels, strict=False))
    assert right >= 45


def test_any_set_of_fashion_mnists_size_needs_nothing_but_data(tmp_path):
    """Stripes in ten directions stand in for clothes: 60,000 + 10,000 pictures in MNIST's file names."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:28, :28]
    for part, count in (("train", 60_000), ("t10k", 10_000)):
        labels = rng.integers(0, 10, count).astype(np.uint8)
        angle = labels * (np.pi / 10)
        phase = rng.uniform(0, 2 * np.pi, count)
        waves = np.cos(angle)[:, None, None] * x + np.sin(angle)[:, None, None] * y
        images = 127 + 100 * np.sin(0.9 * waves + phase[:, None, None]) + rng.normal(0, 20, (count, 28, 28))
        write_idx(tmp_path / f"{part}-images-idx3-ubyte.gz", np.clip(images, 0, 255).astype(np.uint8))
        write_idx(tmp_path / f"{part}-labels-idx1-ubyte.gz", labels)
    run("mnist", "--data", tmp_path, "--out", "out", "--epochs", "2", "--fail-under", "90%", cwd=tmp_path)
