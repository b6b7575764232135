"""Make up the built-in card payments: 50,000 of two days, 500 of them fraud, in the columns of the ULB data set.

    python datasets/make_transactions.py [--out datasets]

Behind every payment stand 28 habits of its customer that nobody sees: what the table shows as V1 to V28 is a rotation
of them, scaled from wide to narrow, much as the principal components of real payments are. Three kinds of fraud hide:

- a takeover: two habits that honest customers have both or neither of contradict each other;
- a bust-out: one habit is far from everybody's, upwards or downwards;
- a raid: another one is far above everybody's.

Only the raid lies on one side of everything honest. The other two are the same on average as honest payments, so that
no weighted sum of the columns can tell them: it takes a hidden layer. Frauds also happen at any hour, and their amounts
are tiny (is the card alive?) or large.
"""

from __future__ import annotations

import argparse
import gzip
import io
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))  # so that the program runs from any folder

from brainbox_core.files.writing import atomic_write  # noqa: E402
from brainbox_core.rng import stream  # noqa: E402

SEED = 0
PAYMENTS, FRAUDS = 50_000, 500
DAY = 86_400  # seconds
HABITS = 28
KINDS = {"takeover": 0.45, "bust-out": 0.35, "raid": 0.2}  # shares of the frauds
SPREAD = 0.18  # of the two habits that go together, around having both or neither
BUST_OUT, RAID = 5.5, 7.0  # how far from everybody's, in deviations

COLUMNS = ["Time", *(f"V{number}" for number in range(1, HABITS + 1)), "Amount", "Class"]


def kinds() -> np.ndarray:
    """The kind of fraud that each payment is, as a place in `KINDS`; -1 for honest ones."""
    rng = stream(SEED, "transactions", "kinds")
    kind = np.full(PAYMENTS, -1)
    kind[rng.permutation(PAYMENTS)[:FRAUDS]] = rng.choice(len(KINDS), FRAUDS, p=list(KINDS.values()))
    return kind


def habits(kind: np.ndarray) -> np.ndarray:
    """The hidden habits, (payments, 28)."""
    rng = stream(SEED, "transactions", "habits")
    takeover, bust_out, raid = (kind == place for place in range(len(KINDS)))
    habits = rng.standard_t(12, (PAYMENTS, HABITS))
    both = rng.choice([-1, 1], PAYMENTS)
    habits[:, 0] = both + SPREAD * rng.normal(size=PAYMENTS)
    habits[:, 1] = np.where(takeover, -both, both) + SPREAD * rng.normal(size=PAYMENTS)
    side = rng.choice([-1, 1], PAYMENTS)
    habits[:, 2] = np.where(bust_out, BUST_OUT * side + 0.5 * habits[:, 2], 0.7 * habits[:, 2])
    habits[:, 3] += np.where(raid, RAID, 0)
    return habits


def components(habits: np.ndarray) -> np.ndarray:
    """V1 to V28: a random rotation of the standardised habits, scaled from wide to narrow."""
    rng = stream(SEED, "transactions", "rotation")
    rotation, triangle = np.linalg.qr(rng.normal(size=(HABITS, HABITS)))
    rotation *= np.sign(np.diag(triangle))  # or the sign would depend on the machine's LAPACK
    return (habits / habits.std(axis=0)) @ rotation * np.geomspace(2, 0.3, HABITS)


def times(fraud: np.ndarray) -> np.ndarray:
    """Seconds since the first midnight: honest customers sleep, frauds come at any hour."""
    rng = stream(SEED, "transactions", "times")
    one, other = rng.uniform(0, 2 * DAY, (2, PAYMENTS))
    # Of two moments an honest customer takes the one nearer to four in the afternoon.
    awake = np.where(_from_afternoon(one) < _from_afternoon(other), one, other)
    return np.floor(np.where(fraud, one, awake))


def _from_afternoon(time: np.ndarray) -> np.ndarray:
    """How far four in the afternoon is, the nearest one, in days."""
    apart = (time / DAY - 16 / 24) % 1
    return np.minimum(apart, 1 - apart)


def amounts(fraud: np.ndarray) -> np.ndarray:
    """In euros, with cents."""
    rng = stream(SEED, "transactions", "amounts")
    honest = np.exp(rng.normal(3, 1.3, PAYMENTS))
    tiny_or_large = np.exp(rng.choice([0.0, 5.5], PAYMENTS) + rng.normal(0, 0.7, PAYMENTS))
    return np.round(np.where(fraud, tiny_or_large, honest), 2)


def table() -> bytes:
    """All payments as a CSV file."""
    kind = kinds()
    fraud = kind >= 0
    columns = [times(fraud), *components(habits(kind)).T.round(2) + 0.0, amounts(fraud), fraud]  # + 0.0: no -0.00
    rows = np.column_stack(columns)
    rows = rows[np.argsort(rows[:, 0], kind="stable")]
    text = io.StringIO()
    text.write(",".join(COLUMNS) + "\n")
    np.savetxt(text, rows, fmt=["%d", *["%.2f"] * (HABITS + 1), "%d"], delimiter=",")
    return text.getvalue().encode()


def main() -> None:
    parser = argparse.ArgumentParser(description="Make up the built-in card payments.")
    parser.add_argument("--out", type=Path, default=HERE, help="the folder for transactions.csv.gz")
    folder = parser.parse_args().out
    folder.mkdir(parents=True, exist_ok=True)
    atomic_write(folder / "transactions.csv.gz", gzip.compress(table(), compresslevel=9, mtime=0))


if __name__ == "__main__":
    main()
