import re

import pytest

from brainbox_core.errors import UsageError
from brainbox_core.tasks.convolve.kernels import NAMED, parse_kernel


@pytest.mark.parametrize(
    ("text", "weights"),
    [
        ("0 -1 0; -1 5 -1; 0 -1 0", ((0, -1, 0), (-1, 5, -1), (0, -1, 0))),
        ("  1,2 ;\t3 , 4;  ", ((1, 2), (3, 4))),
        ("1", ((1,),)),
        ("-1/2 +3/4 .5 2. 1e-2 1/0.5", ((-0.5, 0.75, 0.5, 2, 0.01, 2),)),
        ("1;2;3;4", ((1,), (2,), (3,), (4,))),
        (";".join([" ".join(["1"] * 101)] * 101), ((1,) * 101,) * 101),
    ],
)
def test_what_can_be_typed(text, weights):
    kernel = parse_kernel(text)
    assert (kernel.name, kernel.weights, kernel.size) == ("", weights, (len(weights), len(weights[0])))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "kernel row 1: there is no number in it"),
        (";", "kernel row 1: there is no number in it"),
        ("1 2;;3 4", "kernel row 2: there is no number in it"),
        ("1 2; 3", "kernel row 2: rows differ in length: expected 2 numbers, as in row 1, got 1"),
        ("1 2; 3 4 5", "kernel row 2: rows differ in length"),
        ("1 nan", 'kernel row 1, number 2: "nan" is not a number'),
        ("1; inf", 'kernel row 2, number 1: "inf" is not a number'),
        ("1 2; 3 1e400", "kernel row 2, number 2: 1e400 is too large"),
        ("-1e7", "kernel row 1, number 1: -1e7 is too large"),
        ("1/0", "kernel row 1, number 1: 1/0 divides by zero"),
        ("1/1e-300", '"1/1e-300" is not a number'),
        ("1_0", '"1_0" is not a number'),
        ("٣", '"٣" is not a number'),
        ("1 a", '"a" is not a number'),
        ("1,,2", '"" is not a number'),
        ("[1 2]", r'"\[1" is not a number'),
        ("\x1b[31m", r'"\\x1b\[31m" is not a number'),
        ("__import__('os')", "is not a number"),
        ("sharpn", 'there is no kernel "sharpn"; did you mean sharpen?'),
        ("Blurr", 'there is no kernel "Blurr"; did you mean blur'),
        ("zzz", "there are: identity, blur"),
        (";".join("1" * 102), "a kernel with 102 rows: expected at most 101"),
        (" ".join("1" * 102), "kernel row 1: too many numbers: expected at most 101"),
    ],
)
def test_what_cannot(text, message):
    with pytest.raises(UsageError, match=message):
        parse_kernel(text)


def test_the_named_ones():
    names = "identity blur gaussian sharpen edge-detect vertical-edge horizontal-edge sobel-x sobel-y emboss outline"
    assert list(NAMED) == names.split()
    for name, (matrix, about) in NAMED.items():
        kernel = parse_kernel(name)
        assert kernel.name == name and about
        assert kernel.weights == parse_kernel(matrix).weights
        assert kernel.size in ((3, 3), (5, 5))
        total = sum(map(sum, kernel.weights))
        difference = re.search("edge|sobel|outline", name) is not None
        assert kernel.is_difference == difference
        assert total == pytest.approx(0 if difference else 1, abs=1e-12)
    for across, down in (("vertical-edge", "horizontal-edge"), ("sobel-x", "sobel-y")):
        assert tuple(zip(*parse_kernel(across).weights, strict=True)) == parse_kernel(down).weights


def test_weights_that_cancel_out():
    assert parse_kernel("0.1 0.2 -0.3").is_difference  # 5.6e-17 in floating point
    assert not parse_kernel("0.1 0.2 -0.29").is_difference
    assert not parse_kernel("0 0").is_difference


def test_turned():
    kernel = parse_kernel("1 2 3; 4 5 1/2")
    assert kernel.turned.weights == ((0.5, 5, 4), (3, 2, 1))
    assert kernel.turned.cells == (("1/2", "5", "4"), ("3", "2", "1"))
