"""What `brainbox convolve` shows: the kernel, one pixel's arithmetic, both pictures in characters, what was clipped."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from brainbox_cli.frame.reporter import Reporter
from brainbox_core.tasks.convolve.kernels import NAMED, Kernel, parse_kernel

if TYPE_CHECKING:
    import numpy as np

    from brainbox_core.tasks.convolve.apply import Filtered, Step

PREVIEW_COLUMNS, PREVIEW_ROWS = 60, 24  # of each of the two pictures, at most
LIST_COLUMNS, LIST_ROWS = 24, 12
PIPE_WIDTH = 80  # columns of --list where there is no terminal
MOST_SHOWN = 9  # rows and columns of a kernel that is printed in full


def show_kernel(reporter: Reporter, kernel: Kernel) -> None:
    """The weights, what they do, and what they add up to."""
    for line in _columns([row[:MOST_SHOWN] for row in kernel.cells[:MOST_SHOWN]]):
        reporter.say(f"  {line}", " ..." if kernel.size[1] > MOST_SHOWN else "")
    if kernel.size[0] > MOST_SHOWN:
        reporter.say("  ...")
    about = NAMED[kernel.name][1] if kernel.name else "weights of your own"
    total = math.fsum(weight for row in kernel.weights for weight in row)
    balance = f"; the weights add up to {_short(0 if kernel.is_difference else total)}"
    if kernel.is_difference:
        balance += ", so even surfaces become black"
    elif abs(total - 1) < 1e-9:
        balance += ", so even surfaces stay as they are"
    reporter.row("kernel", about + balance, wrap=True)


def show_step(reporter: Reporter, kernel: Kernel, step: Step, place: tuple[int, int], absolute: bool) -> None:
    """One window times the kernel, written out."""
    title = f"pixel {place[0]},{place[1]}" + (f", {step.channel}" if step.channel else "")
    if max(kernel.size) <= MOST_SHOWN:
        numbers = {"window": step.window, "is": step.window * kernel.weights}
        blocks = {
            name: _columns([[_short(number) for number in row] for row in rows]) for name, rows in numbers.items()
        }
        _show_blocks(reporter, {"window": blocks["window"], "times": _columns(kernel.cells), "is": blocks["is"]})
    shown = round(step.total)
    ending = f"is shown as {step.pixel}"
    if absolute and shown < 0:
        shown, ending = -shown, ending + ", without its sign"
    if shown != step.pixel:
        ending += ", the nearest that a pixel can be"
    count = step.window.size
    text = f"the {count} products add up to {_short(step.total)}, which {ending}"
    reporter.answer((f"{title}: ", "bold cyan"), text, wrap=True)


def _show_blocks(reporter: Reporter, blocks: dict[str, list[str]]) -> None:
    """Named blocks of lines beside each other, or below each other where the terminal is too narrow."""
    widths = [max(len(name), len(lines[0])) for name, lines in blocks.items()]
    if sum(widths) + 3 * len(widths) > reporter.side.width:
        for name, lines in blocks.items():
            for line in (name, *lines):
                reporter.say(f"   {line}")
        return
    for row in zip(*([name, *lines] for name, lines in blocks.items()), strict=True):
        reporter.say(*(f"   {cell.rjust(width)}" for cell, width in zip(row, widths, strict=True)))


def show_preview(reporter: Reporter, before: np.ndarray, after: np.ndarray) -> None:
    """Both pictures in characters, on a terminal."""
    if reporter.quiet or not reporter.side.animated:
        return
    from brainbox_cli.pictures.preview import preview, side_by_side

    columns = min(PREVIEW_COLUMNS, (reporter.side.width - 4) // 2)
    drawn = [preview(pixels, columns, PREVIEW_ROWS, reporter.side) for pixels in (before, after)]
    for line in side_by_side(list(zip(("before", "after"), drawn, strict=True))):
        reporter.say(*line)


def show_result(reporter: Reporter, result: Filtered) -> None:
    """The size of the result, the range of its values, and what was done to those that are no brightness."""
    pixels, total = result.pixels, result.pixels.size
    size = "{}x{}".format(*reversed(pixels.shape[:2])) + (" in colour" if pixels.ndim == 3 else " gray")
    span = f", values from {_short(result.smallest)} to {_short(result.largest)}"
    reporter.answer((f"result {size}", "bold green"), span)
    rows = []
    if result.negative and result.absolute:
        rows.append(("negative", f"{_share(result.negative, total)} below 0 shown by their size, without the sign"))
    parts = ((result.clipped_low, "below 0 set to 0"), (result.clipped_high, "above 255 set to 255"))
    clipped = [f"{_share(count, total)} {what}" for count, what in parts if count]
    rows.append(("clipped", "; ".join(clipped) or "nothing: all values fit into 0 to 255"))
    for name, text in rows:
        reporter.row(name, text, wrap=True)


def show_list(reporter: Reporter) -> None:
    """All named kernels: what each makes of an eye, its weights, and what it does."""
    with reporter.working("filtering"):
        from brainbox_cli.pictures.preview import preview, side_by_side
        from brainbox_core.tasks.convolve import apply as task

        eye = task.read_picture("portrait").pixels[92:148, 96:152]  # few enough pixels to tell a blur
        pictures = []
        for name in NAMED:
            shown = task.apply(eye, parse_kernel(name), task.Settings()).pixels
            pictures.append((name, preview(shown, LIST_COLUMNS, LIST_ROWS, reporter.text)))
    width = reporter.text.width if reporter.text.animated else PIPE_WIDTH
    columns = max(1, width // (LIST_COLUMNS + 2))
    for start in range(0, len(pictures), columns):
        for line in side_by_side(pictures[start : start + columns]):
            reporter.answer(*line)
        reporter.answer()
    for name, (matrix, about) in NAMED.items():
        reporter.answer((f"{name:<16}", "bold cyan"), about, wrap=True)
        reporter.answer(f'{"":<16}"{matrix}"', wrap=True)


def _columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Cells as lines with aligned columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [" ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]


def _short(number: float) -> str:
    return f"{float(number) or 0:.6g}"


def _share(count: int, total: int) -> str:
    return f"{count:,} of {total:,} values ({count / total:.1%})"
