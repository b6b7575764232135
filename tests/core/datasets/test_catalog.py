"""Named image data sets and folders of IDX files."""

import hashlib
import shutil

import numpy as np
import pytest

from brainbox_core.datasets import catalog
from brainbox_core.datasets.catalog import TEST, TRAIN, builtin, load, load_images
from brainbox_core.datasets.download import Remote
from brainbox_core.datasets.idx import idx_header, write_idx
from brainbox_core.errors import InputError, UsageError
from tests.core.datasets.test_download import send, serving
from tests.realdata import real_data


def arrays(train=20, test=5, size=(28, 28)):
    random = np.random.Generator(np.random.Philox(key=1))
    for count in (train, test):
        yield random.integers(0, 256, (count, *size), dtype=np.uint8)
        yield (np.arange(count) % 10).astype(np.uint8)


def fill(folder, names=None, **sizes):
    for name, array in zip(names or [f"{name}.gz" for name in TRAIN + TEST], arrays(**sizes), strict=True):
        write_idx(folder / name, array)
    return folder


@pytest.mark.parametrize(
    "names",
    [
        TRAIN + TEST,
        [name.replace("-idx", ".idx") for name in TRAIN + TEST],
        [f"{name}.gz" for name in TRAIN + TEST],
        [f"{name.replace('-idx', '.idx')}.gz" for name in TRAIN + TEST],
    ],
    ids=["plain", "dotted", "gzipped", "dotted and gzipped"],
)
def test_a_folder_is_read_under_any_of_mnists_file_names(tmp_path, names):
    data = load_images(str(fill(tmp_path, names)))
    for got, want in zip(
        (data.train_images, data.train_labels, data.test_images, data.test_labels), arrays(), strict=True
    ):
        np.testing.assert_array_equal(got, want)
    content = b"".join(idx_header(array.shape) + array.tobytes() for array in arrays())
    assert data.sha256 == hashlib.sha256(content).hexdigest()
    assert data.name == str(tmp_path)
    assert data.classes == tuple("0123456789")
    assert data.notes == ()


def test_load_gives_what_to_train_on_and_what_to_test_with(tmp_path):
    (X_train, y_train), (X_test, y_test) = parts = load(fill(tmp_path))
    for got, want in zip((X_train, y_train, X_test, y_test), arrays(), strict=True):
        np.testing.assert_array_equal(got, want)
    assert parts.train.X is X_train and parts.test.y is y_test


def test_built_in_data_of_another_kind_is_refused_with_its_file():
    for name in catalog.OTHERS:
        with pytest.raises(UsageError, match=rf"'{name}' is .*: expected digits, mnist, .*builtin\(") as refused:
            load(name)
        assert builtin(refused.value.fix.split('"')[1]).is_file()
    with pytest.raises(InputError, match="no data set and no folder"):
        load("cifar10")


def test_a_folder_may_have_the_name_of_built_in_data(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "play").mkdir()
    assert len(load(fill(tmp_path / "play").name).test.X) == 5


def test_pictures_of_another_size_are_read(tmp_path):
    assert load_images(fill(tmp_path, size=(12, 16))).train_images.shape == (20, 12, 16)


def test_a_test_part_larger_than_the_training_part_is_noted(tmp_path):
    (note,) = load_images(fill(tmp_path, train=5, test=20)).notes
    assert "exchanged" in note


@pytest.mark.parametrize("missing", TRAIN + TEST)
def test_a_missing_file_is_named(tmp_path, missing):
    (fill(tmp_path) / f"{missing}.gz").unlink()
    with pytest.raises(InputError, match=missing) as caught:
        load_images(tmp_path)
    assert str(tmp_path) in caught.value.line


def test_counts_that_differ_are_refused(tmp_path):
    write_idx(fill(tmp_path) / "t10k-labels-idx1-ubyte.gz", np.zeros(4, np.uint8))
    with pytest.raises(InputError, match=r"t10k-labels.*4 labels for the 5 images of t10k-images"):
        load_images(tmp_path)


def test_sizes_that_differ_are_refused(tmp_path):
    write_idx(fill(tmp_path) / "t10k-images-idx3-ubyte.gz", np.zeros((5, 27, 28), np.uint8))
    with pytest.raises(InputError, match=r"another size.*expected 28 x 28, got 27 x 28"):
        load_images(tmp_path)


@pytest.mark.parametrize("label", [10, 255])
def test_a_label_above_nine_is_refused_with_its_place(tmp_path, label):
    labels = np.zeros(20, np.uint8)
    labels[13] = label
    write_idx(fill(tmp_path) / "train-labels-idx1-ubyte.gz", labels)
    with pytest.raises(InputError, match=rf"train-labels-idx1-ubyte.gz: label {label} at index 13: expected 0 to 9"):
        load_images(tmp_path)


def test_exchanged_images_and_labels_are_refused(tmp_path):
    fill(tmp_path)
    shutil.copy(tmp_path / "train-labels-idx1-ubyte.gz", tmp_path / "train-images-idx3-ubyte.gz")
    with pytest.raises(InputError, match="got labels"):
        load_images(tmp_path)


@pytest.mark.parametrize(
    ("source", "says"),
    [("mnits", "did you mean mnist"), ("nowhere/at/all", "use digits, mnist, fashion-mnist or a folder")],
)
def test_an_unknown_name_is_refused_with_a_way_on(source, says):
    with pytest.raises(InputError) as caught:
        load_images(source)
    assert says in caught.value.fix


def test_a_file_in_place_of_a_folder_is_refused(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(InputError, match="is a file"):
        load_images(str(tmp_path / "file"))


def test_a_path_is_a_folder_even_under_a_sets_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mnist").mkdir()
    fill(tmp_path / "mnist")
    assert len(load_images("./mnist").train_images) == 20


def test_a_named_set_is_downloaded_once_with_progress_over_all_files(tmp_path, monkeypatch):
    origin, cache = tmp_path / "origin", tmp_path / "cache"
    origin.mkdir()
    contents = {path.name: path.read_bytes() for path in fill(origin).iterdir()}
    monkeypatch.setenv("BRAINBOX_DATA_DIR", str(cache))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    seen = []
    with serving(lambda handler: send(handler, contents[handler.path[1:]])) as (address, asked):
        remotes = tuple(
            Remote(name, len(content), hashlib.sha256(content).hexdigest(), (address,))
            for name, content in ((f"{name}.gz", contents[f"{name}.gz"]) for name in TRAIN + TEST)
        )
        monkeypatch.setitem(catalog.REMOTE, "fashion-mnist", remotes)
        data = load_images("fashion-mnist", progress=lambda done, total: seen.append((done, total)))
        assert load_images("fashion-mnist").sha256 == data.sha256
        assert len(asked) == 4
    total = sum(map(len, contents.values()))
    assert seen[-1] == (total, total)
    assert seen == sorted(seen)
    assert data.classes[9] == "Ankle boot"
    assert data.sha256 == load_images(origin).sha256
    assert sorted(path.name for path in (cache / "fashion-mnist").iterdir()) == sorted(contents)


def test_the_known_sizes_and_hashes_of_mnist_are_those_of_the_real_files():
    for remote in catalog.REMOTE["mnist"]:
        content = real_data(f"mnist/{remote.name}").read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (remote.size, remote.sha256)


def test_built_in_data_is_found_in_a_checkout_and_in_a_wheel(tmp_path, monkeypatch):
    room = tmp_path / "brainbox_core" / "datasets"
    monkeypatch.setattr(catalog, "__file__", str(room / "catalog.py"))
    with pytest.raises(InputError, match="digits: this installation lacks its built-in data"):
        builtin("digits")
    (tmp_path / "datasets" / "digits").mkdir(parents=True)
    assert builtin("digits") == tmp_path / "datasets" / "digits"
    (room / "builtin" / "digits").mkdir(parents=True)
    assert builtin("digits") == room / "builtin" / "digits"
    fill(room / "builtin" / "digits")
    assert load_images().name == "digits"
