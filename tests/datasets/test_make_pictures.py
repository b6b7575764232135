"""The built-in pictures: what is shipped is what the program draws."""

import hashlib
import re
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / "datasets" / "make_pictures.py"
PICTURES = ROOT / "datasets" / "pictures"


@pytest.mark.parametrize(("name", "size"), [("bricks", (300, 196)), ("portrait", (208, 256))])
def test_the_program_draws_what_is_shipped(name, size, tmp_path):
    if not list(tmp_path.parent.glob("drawn/pictures/*.png")):
        subprocess.run([sys.executable, PROGRAM, "--out", tmp_path.parent / "drawn"], check=True, cwd=tmp_path)
    with Image.open(PICTURES / f"{name}.png") as shipped:
        assert (shipped.mode, shipped.size) == ("RGB", size)
        shipped = np.asarray(shipped, int)
    with Image.open(tmp_path.parent / "drawn" / "pictures" / f"{name}.png") as drawn:
        drawn = np.asarray(drawn, int)
    # Sines differ in the last bit between builds of NumPy: a pixel may round the other way.
    assert np.abs(shipped - drawn).max() <= 1 and (shipped != drawn).mean() < 1e-3


def test_the_readme_names_their_hashes():
    readme = (ROOT / "datasets" / "README.md").read_text()
    hashes = dict(re.findall(r"`pictures/(\w+)\.png` \| `([0-9a-f]{64})`", readme))
    assert hashes == {path.stem: hashlib.sha256(path.read_bytes()).hexdigest() for path in PICTURES.glob("*.png")}
    assert sum(path.stat().st_size for path in PICTURES.iterdir()) < 200_000


def test_the_wall_has_grout_between_all_bricks():
    wall = runpy.run_path(str(PROGRAM))["brick_wall"]().astype(int)
    grout = wall.min(axis=2) > 150
    assert grout[24:28].all()  # below the first course
    assert grout[:24, 56:60].all() and not grout[:24, :56].any()
    assert grout[28:52, 26:30].all() and not grout[28:52, 30:86].any()
