"""What `brainbox fraud` shows: the confusion matrix, and figures that a detector of nothing cannot reach."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brainbox_cli.frame.reporter import Reporter

if TYPE_CHECKING:
    from brainbox_core.tasks.fraud.data import Data
    from brainbox_core.tasks.fraud.train import Result


def show(reporter: Reporter, verb: str, result: Result, data: Data) -> None:
    """Accuracy beside that of always answering honest, recall, precision, threshold and the confusion matrix."""
    from brainbox_core.tasks.fraud.train import probability

    found, names, (honest, frauds) = result.metrics, result.names, result.confusion.tolist()
    low, high = result.interval
    rows = {
        "interval": f"{low:.3f} to {high:.3f}: 95% of the bootstrap's samples of the test rows",
        "accuracy": f"{found['test_accuracy']:.2%}; always answering {names[0]} has {found['baseline_accuracy']:.2%}",
        "recall": f"{found['test_recall']:.2%}: {frauds[1]:,} of {sum(frauds):,} frauds found",
        "precision": f"{found['test_precision']:.2%}: {honest[1]:,} of {honest[1] + frauds[1]:,} alarms are false;"
        f" F1 {found['test_f1']:.4f}",
        "threshold": f"probability {float(probability(result.threshold)):.4g}, chosen without the test rows",
    }
    if result.folds is not None:
        each = result.folds.average_precision
        mean, spread = sum(each) / len(each), "±" if reporter.text.unicode else "+-"
        deviation = (sum((one - mean) ** 2 for one in each) / len(each)) ** 0.5
        rows["folds"] = (
            f"{len(each)} folds: average precision {mean:.4f} {spread} {deviation:.4f},"
            f" precision {result.folds.precision:.4f} at recall 0.90"
        )
    for name, text in rows.items():
        reporter.row(name, text, wrap=True)
    table = [["", *(f"called {name}" for name in names)]]
    table += [[name, *(f"{count:,}" for count in row)] for name, row in zip(names, (honest, frauds), strict=True)]
    reporter.say()
    reporter.table(table)
    reporter.say()
