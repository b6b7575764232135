"""IDX files: the good ones round-trip, every bad one is refused by what is wrong with it."""

import gzip
import io
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from brainbox_core.datasets.idx import idx_header, read_idx, write_idx
from brainbox_core.errors import InputError, UsageError
from tests.realdata import real_data

IMAGES = np.random.Generator(np.random.Philox(key=1)).integers(0, 256, (7, 28, 28), dtype=np.uint8)
LABELS = np.array([7, 2, 1, 0, 4, 1, 4], np.uint8)
GOOD = idx_header(IMAGES.shape) + IMAGES.tobytes()


@pytest.mark.parametrize("name", ["images", "images.gz"])
@pytest.mark.parametrize("array", [IMAGES, LABELS, IMAGES[:, 0]], ids=["images", "labels", "two axes"])
def test_what_was_written_is_read_back(tmp_path, name, array):
    write_idx(tmp_path / name, array)
    read = read_idx(tmp_path / name)
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, array)


def test_gzip_is_told_by_content_not_by_name(tmp_path):
    (tmp_path / "plain.gz").write_bytes(GOOD)
    (tmp_path / "packed").write_bytes(gzip.compress(GOOD))
    for name in ("plain.gz", "packed"):
        np.testing.assert_array_equal(read_idx(tmp_path / name, dims=3), IMAGES)


def test_the_same_array_gives_the_same_bytes(tmp_path, monkeypatch):
    write_idx(tmp_path / "a.gz", IMAGES)
    monkeypatch.setattr("time.time", lambda: 2e9)
    write_idx(tmp_path / "b.gz", IMAGES)
    assert (tmp_path / "a.gz").read_bytes() == (tmp_path / "b.gz").read_bytes()


def test_writes_to_an_open_file_and_from_a_strided_array():
    buffer = io.BytesIO()
    write_idx(buffer, IMAGES[::2])
    assert buffer.getvalue() == idx_header((4, 28, 28)) + IMAGES[::2].tobytes()


@pytest.mark.parametrize(
    "array",
    [IMAGES.astype(np.float32), np.zeros((0, 28, 28), np.uint8), np.uint8(3), np.zeros((1, 1, 1, 1), np.uint8)],
    ids=["float", "empty", "no axes", "four axes"],
)
def test_arrays_that_the_format_cannot_hold_are_refused(array):
    with pytest.raises(UsageError, match="does not fit an IDX file"):
        write_idx(io.BytesIO(), array)


def header(magic, *sizes):
    return struct.pack(f">I{len(sizes)}I", magic, *sizes)


PACKED = gzip.compress(GOOD)
BAD = {
    "empty": (b"", "the file is empty", "again"),
    "two bytes": (b"\0\0", "not an IDX file.*2 bytes", ""),
    "wrong magic": (b"\0\0\x0d\x03" + bytes(40), "not an IDX file.*magic 3331", "again"),
    "text": (b"5,0,4,1,9,2,1", "not an IDX file", ""),
    "five axes": (header(0x805, 1, 1, 1, 1, 1) + b"x", "not an IDX file.*magic 2053", ""),
    "no axes": (header(0x800) + b"x", "not an IDX file", ""),
    "web page": (b"\n<!DOCTYPE html><html>", "is a web page", "download it again"),
    "zip": (b"PK\x03\x04" + bytes(40), "is a zip archive", "unpack"),
    "png": (b"\x89PNG\r\n\x1a\n" + bytes(40), "is a PNG picture", "convert"),
    "header cut": (header(0x803, 7, 28), "breaks off inside its header", "again"),
    "no images": (header(0x803, 0, 28, 28), "nothing in it", "again"),
    "59,999 of 60,000": (GOOD[:-784], "truncated: the header promises 7 x 28 x 28 values, 4,704 are there", "again"),
    "one byte short": (GOOD[:-1], "truncated", "again"),
    "29 rows": (header(0x803, 7, 29, 28) + IMAGES.tobytes(), "truncated", "again"),
    "one byte more": (GOOD + b"\0", "more bytes follow", "again"),
    "huge sizes": (header(0x803, *[2**32 - 1] * 3) + b"x", "truncated", "again"),
    "gzipped twice": (gzip.compress(PACKED), "gzipped twice", "gunzip"),
    "gzipped web page": (gzip.compress(b"<html><body>"), "is a web page", "again"),
    "gzip: cut": (PACKED[:-900], "breaks off", "again"),
    "gzip: checksum cut": (PACKED[:-5], "breaks off", "again"),
    "gzip: only the magic": (b"\x1f\x8b", "breaks off", "again"),
    "gzip: wrong checksum": (PACKED[:-8] + bytes(4) + PACKED[-4:], "damaged.*crc", "again"),
    "gzip: garbage behind": (PACKED + b"garbage", "damaged", "again"),
    "gzip: broken block": (PACKED[:10] + b"\xff" * 40, "damaged", "again"),
    "gzip: two members": (PACKED + PACKED, "more bytes follow", "again"),
    "gzip: short inside": (gzip.compress(GOOD[:-784]), "truncated.*4,704 are there", "again"),
    "gzip: one byte more": (gzip.compress(GOOD + b"\0"), "more bytes follow", "again"),
    "gzip: empty": (gzip.compress(b""), "the file is empty", "again"),
    "gzip: huge sizes": (gzip.compress(header(0x803, *[2**32 - 1] * 3) + b"x"), "times the size of the file", "again"),
}


@pytest.mark.parametrize(("content", "says", "hint"), BAD.values(), ids=BAD)
def test_bad_files_are_refused_by_what_is_wrong_with_them(tmp_path, content, says, hint):
    (tmp_path / "file.gz").write_bytes(content)
    with pytest.raises(InputError, match=says) as caught:
        read_idx(tmp_path / "file.gz")
    assert str(tmp_path / "file.gz") in caught.value.line
    assert hint in caught.value.fix


def test_every_cut_of_a_file_is_refused(tmp_path):
    file = tmp_path / "file"
    small = gzip.compress(idx_header((2, 3)) + b"abcdef")
    for content in (idx_header((2, 3)) + b"abcdef", small):
        for length in range(len(content)):
            file.write_bytes(content[:length])
            with pytest.raises(InputError):
                read_idx(file)


@pytest.mark.parametrize(("array", "dims", "says"), [(LABELS, 3, "got labels"), (IMAGES, 1, "got images")])
def test_exchanged_images_and_labels_are_named(tmp_path, array, dims, says):
    write_idx(tmp_path / "file", array)
    with pytest.raises(InputError, match=says) as caught:
        read_idx(tmp_path / "file", dims=dims)
    assert "exchanged" in caught.value.fix


@pytest.mark.parametrize("promised", [2**28, 784], ids=["bomb that says so", "bomb behind a small header"])
def test_a_gzip_bomb_takes_no_memory(tmp_path, promised):
    bomb = tmp_path / "bomb.gz"
    with gzip.open(bomb, "wb", compresslevel=1) as file:
        file.write(header(0x801, promised))
        for _ in range(64):
            file.write(bytes(2**20))
    tracemalloc.start()
    with pytest.raises(InputError, match=r"gzip bomb|more bytes follow"):
        read_idx(bomb)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**21


def test_real_mnist_is_read_in_its_documented_shape():
    images = read_idx(real_data("mnist/t10k-images-idx3-ubyte.gz"), dims=3)
    labels = read_idx(real_data("mnist/t10k-labels-idx1-ubyte.gz"), dims=1)
    assert images.shape == (10000, 28, 28)
    assert np.bincount(labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs a regular file whose reading fails")
def test_a_failing_read_is_told():
    with pytest.raises(InputError, match="cannot be read"):
        read_idx("/proc/self/mem")
