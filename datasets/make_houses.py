"""Make up the built-in houses: 500 sales in a town that does not exist.

    python datasets/make_houses.py [--out datasets]

A price is a place to start from, so much for every square foot, less for every year of age, and an honest amount of
chance: what a straight line finds, and what it cannot. Two things are as in real tables. Large houses have more
bedrooms, so the weight of the bedrooms alone is not what the prices seem to say: of two houses of one size, the one
cut into more rooms is the cheaper. And the better places have the larger houses.
"""

from __future__ import annotations

import argparse
import csv
import io
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))  # so that the program runs from any folder

from brainbox_core.files.writing import atomic_write  # noqa: E402
from brainbox_core.rng import stream  # noqa: E402

SEED = 0
HOUSES = 500
COLUMNS = ("sqft", "bedrooms", "age", "neighborhood", "price")
# The share of the houses, what a house of no size and age would start from in $, and the typical size in square feet.
NEIGHBORHOODS = {
    "harbor": (0.18, 95_000, 1_450),
    "hillside": (0.16, 160_000, 2_350),
    "old town": (0.22, 120_000, 1_550),
    "station": (0.20, 40_000, 1_500),
    "westfield": (0.24, 70_000, 1_950),
}
PER_SQFT, PER_BEDROOM, PER_YEAR = 182, -9_000, -1_150  # $
NOISE = 0.1  # deviation of the chance, as a share of the price


def house(number: int) -> tuple[int, int, int, str, int]:
    """One row, in the order of `COLUMNS`; it depends on its number alone."""
    rng = stream(SEED, "houses", number)
    names = list(NEIGHBORHOODS)
    name = names[rng.choice(len(names), p=[share for share, *_ in NEIGHBORHOODS.values()])]
    _, start, typical = NEIGHBORHOODS[name]
    sqft = int(min(max(typical * 2 ** rng.normal(0, 0.42), 520), 4_800)) // 10 * 10
    bedrooms = int(min(max(round(sqft / 620 + rng.normal(0, 0.75)), 1), 6))
    age = int(min(rng.gamma(2.0, 16.0 if name != "old town" else 30.0), 110))
    price = start + PER_SQFT * sqft + PER_BEDROOM * bedrooms + PER_YEAR * age
    price *= 1 + rng.normal(0, NOISE)
    return sqft, bedrooms, age, name, round(price / 500) * 500


def table() -> bytes:
    """All houses as a CSV file."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(map(house, range(HOUSES)))
    return text.getvalue().encode()


def main() -> None:
    parser = argparse.ArgumentParser(description="Make up the built-in houses.")
    parser.add_argument("--out", type=Path, default=HERE, help="the folder for houses.csv")
    folder = parser.parse_args().out
    folder.mkdir(parents=True, exist_ok=True)
    atomic_write(folder / "houses.csv", table())


if __name__ == "__main__":
    main()
