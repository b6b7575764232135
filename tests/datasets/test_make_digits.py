"""The built-in digits: what is shipped is what the program draws."""

import gzip
import hashlib
import os
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / "datasets" / "make_digits.py"
DIGITS = ROOT / "datasets" / "digits"
SPLITS = {"train": 12_000, "t10k": 2_000}

make_digits = runpy.run_path(str(PROGRAM))


def read_idx(path):
    content = gzip.decompress(path.read_bytes())
    shape = tuple(int.from_bytes(content[4 + 4 * i : 8 + 4 * i], "big") for i in range(content[3]))
    assert content[:3] == bytes([0, 0, 8])
    return np.frombuffer(content, np.uint8, offset=4 + 4 * len(shape)).reshape(shape)


@pytest.fixture(scope="module")
def shipped():
    return {
        split: (read_idx(DIGITS / f"{split}-images-idx3-ubyte.gz"), read_idx(DIGITS / f"{split}-labels-idx1-ubyte.gz"))
        for split in SPLITS
    }


def test_the_drawings_of_a_movement_can_be_blended():
    assert sorted(make_digits["GLYPHS"]) == list(range(10))
    for digit, movements in make_digits["GLYPHS"].items():
        assert len(movements) > 1
        for weight, drawings in movements:
            assert weight > 0
            corners = [[stroke.tolist() for stroke in corners] for _, corners in drawings]
            assert all(other == corners[0] for other in corners), f"digit {digit}: positions or corners differ"


@pytest.mark.parametrize("split", SPLITS)
def test_shapes_and_class_balance(shipped, split):
    images, digits = shipped[split]
    assert images.shape == (SPLITS[split], 28, 28)
    assert np.bincount(digits).tolist() == [SPLITS[split] // 10] * 10
    assert (digits[:-1] == digits[1:]).mean() < 0.15  # shuffled


@pytest.mark.parametrize("split", SPLITS)
def test_the_program_draws_the_shipped_pictures_again(shipped, split):
    images, digits = shipped[split]
    np.testing.assert_array_equal(make_digits["labels"](split), digits)
    for number in range(0, len(digits), len(digits) // 40):
        again = make_digits["image"](split, number, digits[number])
        off = np.abs(again.astype(int) - images[number])
        # Another machine's exp and sqrt may differ in the last bit, which can tip a rounding.
        assert off.max() <= 1 and (off > 0).sum() <= 4, f"{split} picture {number} differs"


@pytest.mark.parametrize("split", SPLITS)
def test_normalised_as_mnist_is(shipped, split):
    images = shipped[split][0].astype(float)
    mass, axis = images.sum(axis=(1, 2)), np.arange(28)
    for profile in (images.sum(axis=2), images.sum(axis=1)):  # ink by row, ink by column
        assert np.abs(profile @ axis / mass - 14).max() <= 0.51  # whole-pixel moves, then grey rounded to 8 bits
        inked = profile > 0
        side = 28 - inked[:, ::-1].argmax(axis=1) - inked.argmax(axis=1)
        assert side.max() <= 20
    assert images.max(axis=(1, 2)).min() > 100  # no blank or nearly blank picture


def test_no_picture_occurs_twice(shipped):
    prints = {hashlib.sha256(image.tobytes()).digest() for images, _ in shipped.values() for image in images}
    assert len(prints) == sum(SPLITS.values())


def test_the_same_under_another_hash_seed():
    code = (
        "import runpy, hashlib; m = runpy.run_path('datasets/make_digits.py');"
        "print(hashlib.sha256(b''.join(m['image']('train', n, n % 10).tobytes() for n in range(20))).hexdigest())"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1


def test_idx_files_carry_no_time_and_no_name(tmp_path):
    make_digits["write_idx"](tmp_path / "three.gz", np.arange(6, dtype=np.uint8).reshape(3, 2))
    content = (tmp_path / "three.gz").read_bytes()
    assert content[3] == 0 and content[4:8] == bytes(4)  # gzip: flags (no file name), time of change
    np.testing.assert_array_equal(read_idx(tmp_path / "three.gz"), [[0, 1], [2, 3], [4, 5]])


def test_the_readme_names_the_shipped_files_by_their_hash():
    readme = (ROOT / "datasets" / "README.md").read_text()
    for path in sorted(DIGITS.glob("*.gz")):
        assert f"| `digits/{path.name}` | `{hashlib.sha256(path.read_bytes()).hexdigest()}` |" in readme
