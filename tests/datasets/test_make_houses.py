"""The built-in houses: what is shipped is what the program makes up."""

import hashlib
import runpy
import subprocess
import sys
from pathlib import Path

from brainbox_core.tables.table import read_table

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / "datasets" / "make_houses.py"
HOUSES = ROOT / "datasets" / "houses.csv"


def test_the_program_makes_what_is_shipped(tmp_path):
    subprocess.run([sys.executable, PROGRAM, "--out", tmp_path], check=True, cwd=tmp_path)
    assert (tmp_path / "houses.csv").read_bytes() == HOUSES.read_bytes()


def test_the_readme_names_its_hash():
    assert hashlib.sha256(HOUSES.read_bytes()).hexdigest() in (ROOT / "datasets" / "README.md").read_text()


def test_five_hundred_houses_of_which_one_column_is_text():
    table = read_table(HOUSES)
    assert (table.rows, table.names) == (500, ["sqft", "bedrooms", "age", "neighborhood", "price"])
    assert [name for name in table.names if table.is_text(name)] == ["neighborhood"]
    assert not table.notes
    assert (table.numbers("price") > 50_000).all() and (table.numbers("bedrooms") >= 1).all()


def test_a_house_depends_on_its_number_alone():
    house = runpy.run_path(str(PROGRAM))["house"]
    assert house(7) == house(7) != house(8)
