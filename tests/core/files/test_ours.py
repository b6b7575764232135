"""A file that somebody else made is not replaced."""

import pytest

from brainbox_core.errors import InputError
from brainbox_core.files.writing import MARKS, require_ours


@pytest.mark.parametrize(
    "content", [b"", MARKS[0], b"x" * 4000 + MARKS[0], b"x" * 10_000 + MARKS[0], b"x" * 5000 + MARKS[1]]
)
def test_what_says_that_it_is_ours_may_be_replaced(content, tmp_path):
    (tmp_path / "a").write_bytes(content)
    require_ours(tmp_path / "a")
    require_ours(tmp_path / "missing")


def test_anything_else_only_by_the_same(tmp_path):
    (tmp_path / "main.c").write_bytes(b"int main(void) { return 0; }")
    require_ours(tmp_path / "main.c", b"int main(void) { return 0; }")
    for data in (None, b"int main(void) { return 1; }", b""):
        with pytest.raises(InputError, match="did not make"):
            require_ours(tmp_path / "main.c", data)
