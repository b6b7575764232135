"""What `brainbox regress` shows: the weights, the errors beside those of always guessing the mean, the quality."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from brainbox_cli.frame.reporter import Reporter
from brainbox_core.files.reading import printable

if TYPE_CHECKING:
    from brainbox_core.tasks.regress.data import Data
    from brainbox_core.tasks.regress.train import Result

MOST = 20  # weights
_MONEY = re.compile(r"price|cost|salary|usd|dollar|house_?value", re.IGNORECASE)
_OTHER_MONEY = re.compile(r"eur|gbp|jpy|chf|cny|inr|log\(", re.IGNORECASE)


def significant(value: float, digits: int = 7) -> str:
    """A number with so many digits, commas between thousands.

    Example:
        >>> significant(89597.9095428), significant(139.210674018), significant(-0.000012345), significant(0)
        ('89,597.91', '139.2107', '-1.2345e-05', '0')
    """
    if not value or not 1e-4 <= abs(value) < 1e15:
        return f"{value:.{digits}g}"
    places = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    return f"{value:,.{places}f}"


def amount(target: str, value: float) -> str:
    """A value of the target as people write it: `$` where its name says money, and no digits that do not matter.

    Example:
        >>> amount("price", 452300.4), amount("unit_price", -9.5), amount("weight", 452300.4), amount("price_eur", 5)
        ('$452,300', '-$9.50', '452,300.4', '5')
    """
    if not _MONEY.search(target) or _OTHER_MONEY.search(target):
        text = significant(value)
        return text.rstrip("0").rstrip(".") if "." in text and "e" not in text else text
    sign = "-" if value < 0 else ""
    return f"{sign}${abs(value):,.0f}" if abs(value) >= 1000 else f"{sign}${abs(value):,.2f}"


def show(reporter: Reporter, verb: str, result: Result, data: Data) -> None:
    """The weights (after a training) and the errors."""
    if result.weights:
        _show_weights(reporter, result, data)
    _show_errors(reporter, result, data)
    if verb == "train":
        _show_method(reporter, result, data)


def _show_weights(reporter: Reporter, result: Result, data: Data) -> None:
    weights = result.weights
    target = printable(f"log({data.target})" if data.log_target else data.target, 24)
    if data.design.polynomial is None:
        table = [["feature", f"{target} per unit", "per deviation", "least squares"]]
        columns: list[tuple] = [(w.feature, w.weight, w.deviation, w.exact) for w in weights]
    else:
        table = [["feature", f"{target} per deviation", "least squares"]]
        strongest = sorted(weights, key=lambda w: -abs(w.deviation or 0))
        columns = [(w.feature, w.deviation, w.exact) for w in strongest]
    for name, *values in columns[:MOST]:
        cells = ["" if value is None else significant(value) for value in values]
        table.append([printable(name, 40), *cells])
    reporter.say()
    reporter.table(table)
    if len(columns) > MOST:
        reporter.say((f"and {len(columns) - MOST:,} more", "bright_black"))
    reporter.say()


def _show_errors(reporter: Reporter, result: Result, data: Data) -> None:
    found = result.figures
    way = "held out" if data.counts["test"] else "cross-validated"
    place = f"{way} ({len(result.truth):,} rows)"
    table = [
        ["errors", "R²" if reporter.text.unicode else "R2", "RMSE", "MAE"],
        [place, f"{found['test_r2']:.4f}", *(amount(data.target, found[name]) for name in ("test_rmse", "test_mae"))],
        ["always the mean", "", *(amount(data.target, found[name]) for name in ("baseline_rmse", "baseline_mae"))],
    ]
    reporter.table(table)
    reporter.say()


def _show_method(reporter: Reporter, result: Result, data: Data) -> None:
    exact = result.exact
    if result.gradient is not None:
        state = "converged" if result.converged else "ended"
        size = f"largest gradient {result.gradient:.1e}"
        reporter.row("descent", f"{state} after {result.epochs:,} epochs, {size}", wrap=True)
    if result.folds:
        squared, sign = ("R²", "±") if reporter.text.unicode else ("R2", "+-")
        found = result.metrics
        score = f"{squared} {found['cv_r2']:.4f} {sign} {found['cv_r2_sd']:.4f}"
        folds = f"{len(result.folds)} folds of the training rows"
        reporter.row("folds", f"{score} over {folds}", wrap=True)
    texts = any(column.dependent for column in data.design.encoder.columns)
    follows = " (of a text column's values one follows from the others)" if texts else ""
    features = len(data.design.names)
    if exact is None:
        return
    rank = f"rank {exact.rank} of {features}{follows if exact.rank < features else ''}"
    agree = "" if result.gradient is None else f"; {result.distance:.1e} deviations from the descent"
    reporter.row("exact", f"least squares: {rank}, condition {exact.condition:.3g}{agree}", wrap=True)
