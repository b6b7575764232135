"""What was measured as a table in Markdown."""

from __future__ import annotations

from typing import Any

import numpy as np

HEAD = """\
| case | what | ours, ms | theirs, ms | ours / best of theirs | its matrix products alone |
|---|---|---|---|---|---|
"""
EQUAL = 0.01  # of F1: two or three of the messages that are held out


def best_of(row: dict[str, Any]) -> str | None:
    """The fastest way of the other library; only what finds as much as ours counts."""
    least = row["ours"].get("f1", 0) - EQUAL
    medians = {
        way: np.median(side["ms"]) for way, side in row["theirs"].items() if "ms" in side and side.get("f1", 1) >= least
    }
    return min(medians, key=medians.__getitem__, default=None)


def ratios(row: dict[str, Any]) -> list[float]:
    """Ours by theirs, of each pair of turns."""
    best = best_of(row)
    if best is None or "ms" not in row["ours"]:
        return []
    return [a / b for a, b in zip(row["ours"]["ms"], row["theirs"][best]["ms"], strict=True)]


def render(report: dict[str, Any]) -> str:
    """The table, and below it the machine."""
    lines = [_line(name, row) for name, row in report["cases"].items()]
    machine = report["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    limits = f"Copying memory: {machine['copy_gb_s']:.1f} GB/s. A page fault: {machine['page_fault_us']:.2f} µs."
    return HEAD + "".join(lines) + f"\n{machine['processor']}, one thread; {versions}. {limits}\n"


def _line(name: str, row: dict[str, Any]) -> str:
    best = best_of(row)
    theirs = "; ".join(
        f"{f'**{way}**' if way == best else way} {_figures(side)}" for way, side in row["theirs"].items()
    )
    alone = f"{row['products_ms']:.3g} ms, {row['gflops']:.0f} GFLOPS" if "gflops" in row else ""
    ours = _figures(row["ours"])
    if row["ours"].get("end_ms", 0) > 1:
        ours += f"; {row['ours']['end_ms']:.3g} at the end"
    cells = [name, row["title"], ours, theirs, _spread(ratios(row), ".2f"), alone]
    return f"| {' | '.join(cells)} |\n"


def _figures(side: dict[str, Any]) -> str:
    if "missing" in side:
        return f"skipped: {side['missing']}"
    return _spread(side["ms"], ".3g") + (f", F1 {side['f1']:.3f}" if "f1" in side else "")


def _spread(values: list[float], form: str) -> str:
    """The median, with the quartiles in brackets."""
    if not values:
        return ""
    low, middle, high = (f"{value:{form}}" for value in np.quantile(values, [0.25, 0.5, 0.75]))
    return f"{middle} ({low}-{high})"
