import ast
import re

import pytest

from brainbox_cli.arguments import as_options
from tests.cli.shell import ROOT, brainbox

OPTION = re.compile(r"(?<![\w\[-])--[a-z][a-z-]+")
OF_OTHERS = {"--upgrade", "--version"}  # of pip and of compilers


@pytest.mark.parametrize(
    ("told", "typed"),
    [
        ("use a larger `limit`", "use a larger --limit"),
        ("`max_drop 0.5` is too little", "--max-drop 0.5 is too little"),
        ("name the `expression`", "name the EXPR"),
        ('"`limit`" is not a number; leave `lr` out', '"`limit`" is not a number; leave --learning-rate out'),
        ("add `bb.layers.Flatten()` before it", "add `bb.layers.Flatten()` before it"),
    ],
)
def test_an_argument_is_spelled_as_one_types_it_and_data_is_left_alone(told, typed):
    assert as_options(told, {"lr": "--learning-rate", "expression": "EXPR"}) == typed


def test_errors_and_hints_name_options(tmp_path):
    done = brainbox("autograd", "x*y", cwd=tmp_path)
    assert done.returncode != 0
    assert "--at x=" in done.stderr
    assert "`" not in done.stderr


def test_the_core_names_no_option():
    """Its messages name arguments, as a user of the library writes them."""
    found = []
    core = ROOT / "brainbox_core"
    for path in sorted(core.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found += [(path.name, word) for word in OPTION.findall(node.value) if word not in OF_OTHERS]
    assert found == []
