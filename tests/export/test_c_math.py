import subprocess

import numpy as np
import pytest

from brainbox_core.exact import float_math
from brainbox_core.export import c_math
from brainbox_core.export.templates import filled
from tests.export.compiling import STRICT, tool

F = np.float32
SPECIAL = F([0.0, -0.0, 1e-45, -1e-45, 1e-38, -1e-38, 0.625, -0.625, 87, -87, 88.8, -104, 1e30, -1e30, np.inf, -np.inf])


def everywhere() -> np.ndarray:
    random = np.random.default_rng(0)
    wide = random.choice([-1, 1], 20_000) * 2.0 ** random.uniform(-30, 8, 20_000)
    return np.concatenate([SPECIAL, np.linspace(-20, 20, 20_001), wide]).astype(F)


def ulps(found: np.ndarray, exact: np.ndarray) -> float:
    return float(np.max(np.abs(found.astype(np.float64) - exact) / np.spacing(np.abs(exact).astype(F))))


def test_within_two_units_in_the_last_place():
    x = everywhere()
    x = x[np.isfinite(x)]
    exact = x.astype(np.float64)
    with np.errstate(all="ignore"):
        low = x[(x <= 0) & (x > -87)]
        assert ulps(float_math.exp_negative(low), np.exp(low.astype(np.float64))) <= 2
        assert ulps(float_math.tanh(x), np.tanh(exact)) <= 2
        high = x > -80  # below it a sigmoid is smaller than 2e-35
        assert ulps(float_math.sigmoid(x[high]), 1 / (1 + np.exp(-exact[high]))) <= 2


def test_logarithms_and_exp_of_any_number():
    x = np.concatenate([2.0 ** np.random.default_rng(0).uniform(-149, 128, 20_000), np.linspace(0.4, 3, 10_001)])
    x = x.astype(F)
    x = x[np.isfinite(x)]
    assert ulps(float_math.log(x), np.log(x.astype(np.float64))) <= 2
    x = np.linspace(-87, 87, 30_001).astype(F)
    assert ulps(float_math.exp(x), np.exp(x.astype(np.float64))) <= 4
    with np.errstate(all="ignore"):
        assert float_math.log(F([1, np.inf])).tolist() == [0, np.inf] and float_math.exp(F([89, -89])).tolist() == [
            np.inf,
            0,
        ]
        assert (
            np.isnan(float_math.log(F([0, -1, -np.inf, np.nan]))).all() and np.isnan(float_math.exp(F([np.nan]))).all()
        )


def test_the_ends():
    with np.errstate(all="ignore"):
        assert float_math.exp_negative(F([-np.inf, 0])).tolist() == [0, 1]
        assert float_math.sigmoid(F([-np.inf, np.inf])).tolist() == [0, 1]
        assert float_math.tanh(F([-np.inf, np.inf])).tolist() == [-1, 1]
        for function in (float_math.exp_negative, float_math.sigmoid, float_math.tanh):
            assert np.isnan(function(F([np.nan]))).all()


def test_softmax_is_one_in_all():
    x = np.random.default_rng(0).normal(0, 30, (100, 7)).astype(F)
    y = float_math.softmax(x)
    assert np.allclose(y.sum(axis=1), 1, atol=1e-6) and (y >= 0).all()
    assert (y.argmax(axis=1) == x.argmax(axis=1)).all()


@pytest.mark.parametrize(
    "flags", [STRICT, ("-O3", *STRICT), ("-O2", "-march=native", *STRICT)], ids=["O0", "O3", "native"]
)
def test_c_and_numpy_agree_in_every_bit(tmp_path, flags):
    program = f"""
#include <float.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
{filled("floats.h.in", "m")}
{c_math.c_functions("m", {"sigmoid", "tanh", "softmax", "exp", "log"})}
int main(void)
{{
    float x, y[8];
    while (fread(&x, sizeof x, 1, stdin) == 1) {{
        y[0] = m_exp_negative(x > 0.0f ? -x : x);
        y[1] = m_sigmoid(x);
        y[2] = m_tanh(x);
        y[3] = x;
        y[4] = 1.0f;
        y[5] = -x;
        m_softmax(y + 3, 3);
        y[6] = m_exp(x);
        y[7] = m_log(x);
        if (fwrite(y, sizeof y, 1, stdout) != 1) {{
            return 1;
        }}
    }}
    return 0;
}}
"""
    (tmp_path / "m.c").write_text(program)
    subprocess.run([tool("gcc"), *flags, "m.c", "-o", "m"], cwd=tmp_path, check=True)
    x = everywhere()
    out = subprocess.run([tmp_path / "m"], input=x.tobytes(), capture_output=True, check=True).stdout
    with np.errstate(all="ignore"):
        rows = float_math.softmax(np.stack([x, np.ones_like(x), -x], axis=1))
        parts = [float_math.exp_negative(np.where(x > 0, -x, x)), float_math.sigmoid(x), float_math.tanh(x)]
        more = np.stack([float_math.exp(x), float_math.log(x)], axis=1)
    wanted = np.concatenate([np.stack(parts, axis=1), rows, more], axis=1)
    found = np.frombuffer(out, F).reshape(wanted.shape)
    same = (found.view(np.uint32) == wanted.view(np.uint32)) | (np.isnan(found) & np.isnan(wanted))
    assert same.all(), x[~same.all(axis=1)][:5]


def test_functions_that_nobody_needs_are_left_out():
    assert c_math.c_functions("m", {"relu", "conv"}) == ""
    assert "m_tanh" not in c_math.c_functions("m", {"sigmoid"})
