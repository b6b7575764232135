"""Numbers, tables and curves as text of fixed width."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence


def fitted(table: Sequence[Sequence[str]], width: int, left: int = 1) -> list[str]:
    """A table as lines: columns are left out from the right until it fits, but never a digit of one.

    Args:
        table: the rows, of equal length; the first may hold the titles.
        width: of the terminal, in columns.
        left: how many columns are aligned to the left; the others to the right.

    Example:
        >>> fitted([["layer", "parameters"], ["linear_0", "100,480"]], 80)
        ['layer     parameters', 'linear_0     100,480']
        >>> fitted([["layer", "parameters"], ["linear_0", "100,480"]], 15)
        ['layer', 'linear_0']
    """
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    while len(widths) > 1 and sum(widths) + 2 * (len(widths) - 1) > width:
        widths.pop()
    lines = []
    for row in table:
        cells = [text.ljust(size) for text, size in zip(row[:left], widths, strict=False)]
        cells += [text.rjust(size) for text, size in zip(row[left:], widths[left:], strict=False)]
        lines.append("  ".join(cells).rstrip())
    return lines


def columns(text: str) -> int:
    """How many columns of a terminal a text takes: Chinese characters and emoji take two, accents of their own none.

    Example:
        >>> columns("abc"), columns("\u65e5\u672c"), columns("e\u0301")
        (3, 4, 1)
    """
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return len(text) + wide - sum(unicodedata.category(character) in ("Mn", "Me") for character in text)


def cut(text: str, width: int) -> str:
    """As much of the start of a text as so many columns of a terminal take.

    Example:
        >>> cut("to be or not", 5), cut("a\u65e5\u672c", 4)
        ('to be', 'a\u65e5')
    """
    text = text[: 2 * width]  # with an accent for every letter
    while columns(text) > width:
        text = text[:-1]
    return text


def sparkline(values: Sequence[float], unicode: bool = True, width: int = 40) -> str:
    """A curve of one text line, at most `width` characters.

    Example:
        >>> sparkline([0.5, 0.3, 0.2, 0.1])
        '█▄▃▁'
        >>> sparkline([0.5, 0.3, 0.2, 0.1], unicode=False)
        '#=-.'
    """
    levels = "▁▂▃▄▅▆▇█" if unicode else ".:-=+*%#"
    if len(values) > width:
        values = [values[index * (len(values) - 1) // (width - 1)] for index in range(width)]
    low, high = min(values), max(values)
    if high == low:
        return levels[0] * len(values)
    return "".join(levels[int((value - low) / (high - low) * (len(levels) - 1) + 0.5)] for value in values)


def number(name: str, value: float) -> str:
    """A number as tables show it: accuracies in percent, gradients by their order of magnitude, times with their unit,
    everything else in 4 decimals.

    Example:
        >>> number("val_accuracy", 0.912), number("lr", 3.2e-5), number("train_loss", 123456.0), number("time_s", 125)
        ('91.20%', '3.2e-05', '1.23e+05', '2m05s')
    """
    if isinstance(value, int) and name != "time_s":
        return f"{value:,}"
    if "accuracy" in name:
        return f"{value:.2%}"
    if "gradient" in name:
        return f"{value:.1e}"
    if name == "time_s":
        return _duration(value)
    if name == "lr" and 0 < value < 0.001:
        return f"{value:.1e}"
    return f"{value:.4f}" if abs(value) < 1000 else f"{value:.3g}"


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f}s"
    minutes, seconds = divmod(int(seconds), 60)
    return f"{minutes}m{seconds:02}s" if minutes < 60 else f"{minutes // 60}h{minutes % 60:02}m"
