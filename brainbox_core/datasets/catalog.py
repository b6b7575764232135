"""The image data sets: `digits` (built in), `mnist` and `fashion-mnist` (downloaded once), or a folder of IDX files."""

from __future__ import annotations

import difflib
import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from brainbox_core.datasets.download import Remote, cache_folder, download
from brainbox_core.datasets.idx import idx_header, read_idx
from brainbox_core.errors import InputError, UsageError

DIGITS = tuple("0123456789")
CLOTHES = ("T-shirt", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
TRAIN = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte")
TEST = ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


def _remotes(mirrors: tuple[str, ...], *files: tuple[int, str]) -> tuple[Remote, ...]:
    return tuple(Remote(f"{name}.gz", *file, mirrors) for name, file in zip(TRAIN + TEST, files, strict=True))


REMOTE = {
    "mnist": _remotes(
        ("https://ossci-datasets.s3.amazonaws.com/mnist/", "https://storage.googleapis.com/cvdf-datasets/mnist/"),
        (9912422, "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"),
        (28881, "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"),
        (1648877, "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"),
        (4542, "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"),
    ),
    # Sizes and SHA-256 as in TensorFlow Datasets' url_checksums/fashion_mnist.txt.
    "fashion-mnist": _remotes(
        (
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
            "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        ),
        (26421880, "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"),
        (29515, "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"),
        (4422102, "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"),
        (5148, "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"),
    ),
}
NAMES = ("digits", *REMOTE)
# The built-in data that is no set of pictures with a test part: what it is, and its file.
OTHERS = {
    "houses": ("a table", "houses.csv"),
    "transactions": ("a table", "transactions.csv.gz"),
    "messages": ("a list of texts", "messages.tsv"),
    "play": ("a text", "play.txt"),
    "bricks": ("one picture", "pictures/bricks.png"),
    "portrait": ("one picture", "pictures/portrait.png"),
}
_ONE_SET = "use the four files of one data set"

Progress = Callable[[int, int], object]


@dataclass(frozen=True)
class ImageData:
    """Gray pictures of ten classes, split into a training and a test part.

    Args:
        name: the name or the folder that was asked for.
        train_images, test_images: uint8, (N, height, width), 0 is the background.
        train_labels, test_labels: uint8, (N,), 0 to 9.
        classes: what each label means.
        sha256: one hash over the four files as they are unpacked, images before labels, training before test.
        notes: what a user should know about this data; usually empty.

    Example:
        >>> data = load_images("digits")
        >>> data.train_images.shape, len(data.classes)
        ((12000, 28, 28), 10)
    """

    name: str
    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    classes: tuple[str, ...]
    sha256: str
    notes: tuple[str, ...] = ()


class Part(NamedTuple):
    """Examples and what they are: arrays of as many rows each.

    Example:
        >>> X, y = load("digits").test
        >>> len(X), len(y)
        (2000, 2000)
    """

    X: np.ndarray
    y: np.ndarray


class Parts(NamedTuple):
    """What to train on, and what to test with afterwards.

    Example:
        >>> train, test = load("digits")
        >>> len(train.X), len(test.X)
        (12000, 2000)
    """

    train: Part
    test: Part


def load(name: str | Path = "digits", *, progress: Progress | None = None) -> Parts:
    """Pictures to train on and pictures to test with, each with their labels.

    Args:
        name: `digits` (built in), `mnist` or `fashion-mnist` (downloaded once, and kept), or a folder: see
            `load_images`.
        progress: called with (bytes done, bytes in all) while a set is downloaded.

    Returns:
        `(X_train, y_train), (X_test, y_test)`: pictures (n, height, width) and labels (n,) from 0 to 9, all uint8.
        `.train.X` and so on name the same.

    Raises:
        UsageError: a built-in set of another kind; the error names its file.
        InputError: see `load_images`.

    Example:
        >>> import braininabox as bb
        >>> (X_train, y_train), (X_test, y_test) = bb.datasets.load("digits")
        >>> X_train.shape, y_train.shape, X_test.shape, y_test.shape
        ((12000, 28, 28), (12000,), (2000, 28, 28), (2000,))
    """
    if name in OTHERS and not os.path.isdir(name):
        kind, file = OTHERS[str(name)]
        what, fix = f"'{name}' is {kind}, and no set of pictures", f'read its file: bb.datasets.builtin("{file}")'
        raise UsageError(what, expected=f"{', '.join(NAMES)} or a folder of IDX files", fix=fix)
    data = load_images(name, progress=progress)
    return Parts(Part(data.train_images, data.train_labels), Part(data.test_images, data.test_labels))


def load_images(source: str | Path = "digits", *, progress: Progress | None = None) -> ImageData:
    """A named data set, or a folder with the four IDX files of one under MNIST's file names, with all that is known.

    Args:
        source: `digits`, `mnist`, `fashion-mnist`, or a folder (a path object, or a text that is none of the names).
            File names may end in `.gz` and may have a dot in place of the last dash group: `train-images.idx3-ubyte`.
        progress: called with (bytes done, bytes in all) while a set is downloaded.

    Raises:
        InputError: no such set or folder, a file that is missing or bad, files that do not belong together, or a
            download that failed.

    Example:
        >>> load_images("digits").classes[7]
        '7'
    """
    paths = _locate(source, progress)
    images, labels, test_images, test_labels = arrays = [
        read_idx(path, dims) for path, dims in zip(paths, (3, 1, 3, 1), strict=True)
    ]
    _check_pair(images, labels, paths[0], paths[1])
    _check_pair(test_images, test_labels, paths[2], paths[3])
    if images.shape[1:] != test_images.shape[1:]:
        expected, got = ("{} x {}".format(*part.shape[1:]) for part in (images, test_images))
        what = "the test images have another size than the training images"
        raise InputError(what, where=str(paths[2]), expected=expected, got=got, fix=_ONE_SET)
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(idx_header(array.shape))
        digest.update(array.data)
    train, test = len(images), len(test_images)
    odd = f"the test part has {test:,} images and the training part {train:,}: the files may be exchanged"
    classes = CLOTHES if source == "fashion-mnist" else DIGITS
    notes, sha256 = (odd,) * (test > train), digest.hexdigest()
    return ImageData(str(source), images, labels, test_images, test_labels, classes, sha256, notes)


def at_hand(name: str) -> bool:
    """Whether `load_images` needs no download for a data set or a folder.

    Example:
        >>> at_hand("digits")
        True
    """
    if name in NAMES:
        return all((cache_folder() / name / remote.name).exists() for remote in REMOTE.get(name, ()))
    return os.path.isdir(name)


def builtin(name: str) -> Path:
    """The path of a built-in file or folder, in a checkout, an editable install or a wheel.

    Args:
        name: the file or folder inside `datasets`, such as `houses.csv`.

    Raises:
        InputError: this installation has no such data.

    Example:
        >>> builtin("houses.csv").read_text().partition("\\n")[0]
        'sqft,bedrooms,age,neighborhood,price'
    """
    room = Path(__file__).parent
    for folder in (room / "builtin", room.parents[1] / "datasets"):
        if (folder / name).exists():
            return folder / name
    raise InputError("this installation lacks its built-in data", where=name, fix="install braininabox again")


def _locate(source: str | Path, progress: Progress | None) -> list[Path]:
    if source == "digits":
        return _find(builtin("digits"))
    if source in REMOTE:
        return _download(str(source), progress)
    folder = Path(source)
    if os.path.isdir(folder):  # unlike Path's, these answer no to a name too long or a folder that may not be read
        return _find(folder)
    if os.path.exists(folder):
        fix = "name the folder that holds the four IDX files"
        raise InputError("is a file, not a folder", where=str(source), fix=fix)
    close = difflib.get_close_matches(str(source), NAMES, n=1)
    fix = f"did you mean {close[0]}?" if close else f"use {', '.join(NAMES)} or a folder of IDX files"
    raise InputError("no data set and no folder has this name", where=str(source), fix=fix)


def _find(folder: Path) -> list[Path]:
    found = []
    for name in TRAIN + TEST:
        variants = [stem + end for stem in (name, name.replace("-idx", ".idx")) for end in ("", ".gz")]
        path = next((folder / variant for variant in variants if os.path.isfile(folder / variant)), None)
        if path is None:
            fix = "the folder needs the four IDX files under MNIST's names"
            raise InputError(f"there is no {name}(.gz) in this folder", where=str(folder), fix=fix)
        found.append(path)
    return found


def _download(name: str, progress: Progress | None) -> list[Path]:
    remotes, folder = REMOTE[name], cache_folder() / name
    done, total, paths = 0, sum(remote.size for remote in remotes), []
    for remote in remotes:

        def report(received: int, before: int = done) -> None:
            if progress is not None:
                progress(before + received, total)

        paths.append(download(remote, folder, progress=report))
        done += remote.size
    return paths


def _check_pair(images: np.ndarray, labels: np.ndarray, image_path: Path, label_path: Path) -> None:
    if len(images) != len(labels):
        what = f"{len(labels):,} labels for the {len(images):,} images of {image_path.name}"
        raise InputError(what, where=str(label_path), fix=_ONE_SET)
    if (wrong := labels > 9).any():
        index = int(wrong.argmax())
        what, fix = f"label {labels[index]} at index {index}", "use a data set of ten classes"
        raise InputError(what, where=str(label_path), expected="0 to 9", fix=fix)
