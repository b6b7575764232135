import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from brainbox_core.exact.bfloat16 import rounded, upper_half

LARGEST = (2 - 2**-7) * 2.0**127  # of 16 bits


@given(st.floats(-LARGEST, LARGEST, width=32))
def test_no_number_of_16_bits_is_nearer(value):
    value = np.float32(value)
    found = rounded(value)
    bits = int(upper_half(found))
    assert upper_half(found).dtype == np.uint16 and rounded(found) == found
    for other in (bits - 1, bits + 1):
        near = np.uint32((other & 0xFFFF) << 16).view(np.float32)
        if np.isfinite(near) and np.sign(near) == np.sign(found) != 0:
            gap, own = abs(float(near) - float(value)), abs(float(found) - float(value))
            assert own < gap or (own == gap and bits % 2 == 0)


def test_every_number_of_16_bits_is_itself():
    halves = np.arange(2**16, dtype=np.uint32)
    values = (halves << 16).view(np.float32)
    finite = np.isfinite(values)
    assert (rounded(values[finite]) == values[finite]).all()
    assert (upper_half(values) == halves).all()
    assert rounded(np.float32(3.4e38)) == np.inf
    assert np.signbit(rounded(np.float32(-0.0)))
