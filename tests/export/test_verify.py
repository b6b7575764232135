import os
import re

import numpy as np
import pytest

import braininabox as bb
from brainbox_core.errors import VerificationError
from brainbox_core.export import verify
from tests.export.chains import unsettle
from tests.export.compiling import float_header, inputs, tool


@pytest.fixture(scope="module")
def sample():
    """A header, inputs, outputs."""
    tool("gcc")
    model = bb.Sequential([bb.layers.Linear(4), bb.layers.Tanh(), bb.layers.Linear(3)])
    model.build((5,))
    unsettle(model)
    X = inputs(model, 20)
    return *float_header(model, X), X


def check(sample, header=None, outputs=None):
    text, right, X = sample
    return verify.verify(header or text, "net", X, right if outputs is None else outputs, verify.find_compiler())


def test_a_right_header_passes(sample):
    found = check(sample)
    assert found.vectors == 20 and re.fullmatch(r"(gcc|clang) \d+\.\d+(\.\d+)?", found.compiler)
    assert found.tables == 4 * (5 * 4 + 4 + 4 * 3 + 3) and 100 < found.code < 4000


def test_one_different_bit_is_found(sample):
    outputs = sample[1].copy()
    outputs.view(np.uint32)[7, 1] ^= 1
    with pytest.raises(VerificationError, match="1 of 20 vectors differ between C and the reference, the first is 7"):
        check(sample, outputs=outputs)


@pytest.mark.parametrize(
    "old, new, message",
    [
        (
            "a += net_PRODUCT((float)x[i], k[i]);",
            "a += (float)x[i] * k[i] * 1.0000001f;",
            "its own embedded vectors fail",
        ),
        ("int32_t i;", "int32_t i, unused;", "refuses the header: .*unused"),
        ("int best = 0, i;", "int best = 1, i;", "contradict each other"),
        ("s = net_PRODUCT(s, r) + ", "s = (double)s * r + ", "refuses the header"),
    ],
)
def test_a_wrong_header_is_found(sample, old, new, message):
    assert old in sample[0]
    with pytest.raises(VerificationError, match=message):
        check(sample, header=sample[0].replace(old, new))


def test_a_symbol_that_it_must_not_need(sample):
    text = sample[0].replace("net_API int net_run", "int elsewhere(void);\nnet_API int net_run", 1)
    text = text.replace("    (void)arena;\n", "    (void)arena;\n    if (elsewhere()) {\n        return 9;\n    }\n", 1)
    with pytest.raises(VerificationError, match="needs elsewhere"):
        check(sample, header=text)


def test_any_nan_is_a_nan():
    a, b = np.float32([[np.nan, 0.0, 1.0]]), np.float32([[-np.nan, -0.0, 1.0]])
    assert verify.differs(a, b).tolist() == [[False, True, False]]


def test_the_compiler_in_cc_is_taken(monkeypatch, tmp_path):
    gcc = tool("gcc")
    monkeypatch.setenv("CC", f"{gcc} -O0")
    assert verify.find_compiler().command == (gcc, "-O0")
    for command, message in ((str(tmp_path / "none"), "does not start"), ("gcc '-O0", "No closing quotation")):
        monkeypatch.setenv("CC", command)
        with pytest.raises(VerificationError, match=message):
            verify.find_compiler()


def test_a_compiler_that_was_chosen_may_be_at_fault(sample, monkeypatch):
    monkeypatch.setenv("CC", f"{tool('gcc')} -ffast-math")
    with pytest.raises(VerificationError, match="refuses the header") as error:
        check(sample)
    assert error.value.fix == "set CC=gcc, or unset it, and try again"


def test_without_a_compiler_there_is_none(monkeypatch, tmp_path):
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert verify.find_compiler() is None


def test_nothing_is_left_behind(sample, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    check(sample)
    with pytest.raises(VerificationError):
        check(sample, outputs=sample[1] + 1)
    assert os.listdir(tmp_path) == []


def test_what_a_compiler_that_is_killed_leaves_goes_too(sample, tmp_path, monkeypatch):
    (tmp_path / "temporary").mkdir()
    (tmp_path / "cc").write_text(f'#!/bin/sh\necho > "${{TMPDIR:-/tmp}}/left.s"\nexec {tool("gcc")} "$@"\n')
    (tmp_path / "cc").chmod(0o755)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    monkeypatch.setenv("CC", str(tmp_path / "cc"))
    compiler = verify.find_compiler()
    (tmp_path / "temporary/left.s").unlink()  # of `--version`, which a real one does without
    verify.verify(sample[0], "net", sample[2], sample[1], compiler)
    assert os.listdir(tmp_path / "temporary") == []
