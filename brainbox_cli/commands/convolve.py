"""`brainbox convolve`: slide a small kernel of weights over a picture."""

from __future__ import annotations

import io
import math
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from brainbox_cli import options
from brainbox_cli.lesson import STDOUT, Lesson, Outcome, command
from brainbox_cli.reporter import Reporter
from brainbox_cli.trainer import Choice
from brainbox_core.errors import InputError, UsageError
from brainbox_core.tasks.filter_kernels import EXAMPLE, NAMED, Kernel, parse_kernel

DEFAULT_PICTURE = "bricks"
BUILT_IN = ("bricks", "portrait")
FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".bmp": "BMP", ".webp": "WEBP"}
PREVIEW_COLUMNS, PREVIEW_ROWS = 60, 24  # of each of the two pictures, at most
LIST_COLUMNS, LIST_ROWS = 24, 12
PIPE_WIDTH = 80  # columns of --list where there is no terminal
MOST_SHOWN = 9  # rows and columns of a kernel that is printed in full
MOST_STRIDE = 10_000

FILTER = "Filter"


def _place(text: object) -> tuple[int, int]:
    """A parser for the place of a pixel: `10,20`."""
    parts = str(text).split(",")
    if len(parts) != 2 or not all(part.isascii() and part.isdecimal() and len(part) < 10 for part in parts):
        raise typer.BadParameter(f"expected column and row of a pixel, such as 10,20, got {text}")
    return int(parts[0]), int(parts[1])


ImageFile = Annotated[
    str | None,
    typer.Argument(
        metavar="[IMAGE|-]",
        show_default=DEFAULT_PICTURE,
        help="A picture file, - for standard input, or bricks or portrait (built in).",
    ),
]
MoreImage = Annotated[
    str | None,
    typer.Option(
        "--image", "--data", metavar="IMAGE", rich_help_panel=options.DATA, help="Another way to name the picture."
    ),
]
Colour = Annotated[
    bool | None,
    typer.Option(
        "--rgb/--gray",
        show_default="as the picture is",
        rich_help_panel=options.DATA,
        help="Filter red, green and blue apart, or the picture in gray.",
    ),
]
KernelText = Annotated[
    str,
    typer.Option(
        "--kernel",
        "-k",
        metavar="NAME|MATRIX",
        rich_help_panel=FILTER,
        help=f"One of {', '.join(NAMED)}; or numbers (also 1/9), rows between semicolons: {EXAMPLE}.",
    ),
]
Padding = Annotated[
    str,
    typer.Option(
        "--padding",
        metavar="same|valid",
        parser=options.one_of("same", "valid"),
        rich_help_panel=FILTER,
        help="same keeps the size and makes up what lies beyond the border; valid keeps the kernel inside.",
    ),
]
Border = Annotated[
    str,
    typer.Option(
        "--border",
        metavar="constant|reflect|edge",
        parser=options.one_of("constant", "reflect", "edge"),
        rich_help_panel=FILTER,
        help="What lies beyond the border: black, the picture mirrored, or its outermost pixels repeated.",
    ),
]
Stride = Annotated[
    int,
    typer.Option(
        "--stride",
        metavar="N",
        parser=options.whole_number(1, MOST_STRIDE),
        rich_help_panel=FILTER,
        help="Keep every N-th pixel of the result.",
    ),
]
Flip = Annotated[
    bool,
    typer.Option(
        "--flip", rich_help_panel=FILTER, help="Turn the kernel by 180 degrees first: convolution as in mathematics."
    ),
]
Out = Annotated[
    Path,
    typer.Option(
        "--out",
        "-o",
        metavar="FILE|-",
        parser=options.file(*FORMATS),
        rich_help_panel=options.OUTPUT,
        help="Where the picture goes; - writes it to standard output as PNG.",
    ),
]
Explain = Annotated[
    tuple | None,
    typer.Option(
        "--explain",
        metavar="X,Y",
        parser=_place,
        rich_help_panel=options.DISPLAY,
        help="Show how the pixel in column X and row Y (from 0) of the result came about.",
    ),
]
List = Annotated[
    bool, typer.Option("--list", rich_help_panel=options.DISPLAY, help="Show all named kernels, and what each does.")
]


def _source(image: str | None, more_image: str | None) -> str:
    if image is not None and more_image is not None:
        raise UsageError("one picture at a time", where="--image", fix="name the picture once")
    return image if image is not None else more_image if more_image is not None else DEFAULT_PICTURE


def _headline(
    image: str | None,
    more_image: str | None,
    kernel: str,
    padding: str,
    border: str,
    stride: int,
    flip: bool,
    **rest: object,
) -> list[str]:
    source = _source(image, more_image)
    named = f"{source} (built in)" if source in BUILT_IN else "standard input" if source == "-" else source
    turned = ", turned by 180 degrees" if flip else ""
    return [
        named,
        parse_kernel(kernel).title + turned,
        f"{padding} padding" + (f", {border} border" if padding == "same" else "") + f", stride {stride}",
    ]


def _run(
    reporter: Reporter,
    image: str | None,
    more_image: str | None,
    colour: bool | None,
    kernel: str,
    padding: str,
    border: str,
    stride: int,
    flip: bool,
    out: Path,
    plot: Path | None,
    explain: tuple[int, int] | None,
    **rest: object,
) -> Outcome:
    source, chosen = _source(image, more_image), parse_kernel(kernel)
    if flip:
        chosen = chosen.turned
    _check_paths(source, {"--out": out, "--plot": plot})
    with reporter.working("reading the picture"):
        from brainbox_core.tasks import convolve as task

        photo = _read(task, source, colour)
    for note in photo.notes:
        reporter.note(note)
    reporter.document.set(data={"source": source, "sha256": photo.sha256})
    _show_kernel(reporter, chosen)
    settings = task.Settings(padding, border, stride)
    with reporter.working("filtering"):
        result = task.apply(photo.pixels, chosen, settings)
        steps = task.explain(photo.pixels, chosen, settings, result, *explain) if explain else []
    for step in steps:
        _show_step(reporter, chosen, step, explain, result.absolute)
    _show_preview(reporter, photo.pixels, result.pixels)
    _show_result(reporter, result)
    return Outcome(
        result=_record(chosen, result, out, steps, explain),
        metrics={
            "primary": "clipped",
            "clipped": (result.clipped_low + result.clipped_high) / result.values.size,
            "minimum": float(result.values.min()),
            "maximum": float(result.values.max()),
        },
        files={"out": _encoded(reporter, result.pixels, out)}
        | ({"plot": _picture(reporter, photo.pixels, chosen, result.pixels)} if plot else {}),
        try_next=("convolve", "--list")
        if source != DEFAULT_PICTURE
        else ("convolve", "portrait", "--kernel", "outline"),
    )


def _check_paths(source: str, places: dict[str, Path | None]) -> None:
    """Nothing is written over the picture that is read, and no bytes onto a terminal."""
    for flag, path in places.items():
        if path == STDOUT and sys.stdout.isatty():
            raise UsageError("a picture is nothing for a terminal", where=f"{flag} -", fix="name a file, or add > FILE")
        if path in (None, STDOUT) or source == "-" or source in BUILT_IN:
            continue
        if os.path.realpath(path) == os.path.realpath(source) or (
            os.path.exists(path) and os.path.exists(source) and os.path.samefile(path, source)
        ):
            raise UsageError("is the picture that is read", where=f"{flag} {path}", fix="choose another name")


def _read(task: object, source: str, colour: bool | None) -> object:
    """The picture of a file, of a name or of standard input."""
    from brainbox_core.images import MAX_FILE_SIZE

    if source != "-":
        return task.read_picture(source, colour)
    if sys.stdin is None:
        raise InputError("standard input is closed", fix="pipe a picture into the command")
    content = sys.stdin.buffer.read(MAX_FILE_SIZE + 1)
    try:
        return task.read_picture(content, colour)
    except InputError as error:
        where = "standard input"
        raise InputError(error.what, where=where, expected=error.expected, got=error.got, fix=error.fix) from error


# What is shown


def _show_kernel(reporter: Reporter, kernel: Kernel) -> None:
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
    reporter.say((f"{'kernel':<10} ", "cyan"), about + balance, wrap=True)


def _show_step(reporter: Reporter, kernel: Kernel, step: object, place: tuple[int, int], absolute: bool) -> None:
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


def _show_preview(reporter: Reporter, before: object, after: object) -> None:
    """Both pictures in characters, on a terminal."""
    if reporter.quiet or not reporter.side.animated:
        return
    from brainbox_cli.preview import preview, side_by_side

    width = reporter.side.width
    columns = min(PREVIEW_COLUMNS, (width - 4) // 2)
    rows = PREVIEW_ROWS
    pictures = [
        (name, preview(pixels, columns, rows, reporter.side)) for name, pixels in (("before", before), ("after", after))
    ]
    for line in side_by_side(pictures):
        reporter.say(*line)


def _show_result(reporter: Reporter, result: object) -> None:
    values, total = result.values, result.values.size
    size = "{}x{}".format(*reversed(result.pixels.shape[:2])) + (" in colour" if values.ndim == 3 else " gray")
    reporter.answer((f"result {size}", "bold green"), f", values from {_short(values.min())} to {_short(values.max())}")
    rows = []
    if result.negative and result.absolute:
        rows.append(("negative", f"{_share(result.negative, total)} below 0 shown by their size, without the sign"))
    parts = ((result.clipped_low, "below 0 set to 0"), (result.clipped_high, "above 255 set to 255"))
    clipped = [f"{_share(count, total)} {what}" for count, what in parts if count]
    rows.append(("clipped", "; ".join(clipped) or "nothing: all values fit into 0 to 255"))
    for name, text in rows:
        reporter.say((f"{name:<10} ", "cyan"), text, wrap=True)


def _list(reporter: Reporter, **rest: object) -> Outcome:
    """All named kernels: what each makes of an eye, its weights, and what it does."""
    with reporter.working("filtering"):
        from brainbox_cli.preview import preview, side_by_side
        from brainbox_core.tasks import convolve as task

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
    kernels = [{"name": name, "weights": parse_kernel(name).weights, "about": NAMED[name][1]} for name in NAMED]
    return Outcome(result={"kernels": kernels}, try_next=("convolve", "portrait", "--kernel", "emboss"))


def _columns(rows: list) -> list[str]:
    """Cells as lines with aligned columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [" ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]


def _short(number: float) -> str:
    return f"{float(number) or 0:.6g}"


def _share(count: int, total: int) -> str:
    return f"{count:,} of {total:,} values ({count / total:.1%})"


# What is kept


def _record(kernel: Kernel, result: object, out: Path, steps: list, place: tuple[int, int] | None) -> dict:
    explained = [
        {
            "channel": step.channel or "gray",
            "window": step.window,
            "sum": step.total,
            "pixel": step.pixel,
        }
        for step in steps
    ]
    return {
        "kernel": {"name": kernel.name or None, "weights": kernel.weights},
        "shape": result.pixels.shape,
        "output": str(out),
        "negative": result.negative,
        "clipped_low": result.clipped_low,
        "clipped_high": result.clipped_high,
        "negative_shown_as": "absolute" if result.absolute else "zero",
        "explain": {"x": place[0], "y": place[1], "steps": explained} if place else None,
    }


def _encoded(reporter: Reporter, pixels: object, out: Path) -> bytes:
    from PIL import Image

    content = io.BytesIO()
    with reporter.working("encoding the picture"):
        Image.fromarray(pixels).save(content, FORMATS.get(out.suffix.lower(), "PNG"), quality=95)
    return content.getvalue()


def _picture(reporter: Reporter, before: object, kernel: Kernel, after: object) -> bytes:
    with reporter.working("drawing"):
        from brainbox_cli.convolve_picture import draw

        return draw(before, kernel, after)


app = command(
    Lesson(
        noun="convolve",
        choices={
            "image": Choice(ImageFile),
            "more_image": Choice(MoreImage),
            "colour": Choice(Colour),
            "kernel": Choice(KernelText, "vertical-edge"),
            "padding": Choice(Padding, "same"),
            "border": Choice(Border, "reflect"),
            "stride": Choice(Stride, 1),
            "flip": Choice(Flip, False),
            "out": Choice(Out, "output.png"),
            "plot": Choice(options.picture("--plot", "Draw before, kernel and after, as a PNG picture.")),
            "explain": Choice(Explain),
            "list": Choice(List, False),
        },
        headline=_headline,
        run=_run,
        instead={"list": _list},
    ),
    "Slide a small kernel of weights over a picture: blur it, sharpen it, find its edges.",
)
