"""`brainbox convolve`: slide a small kernel of weights over a picture."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import typer

from brainbox_cli import options, parsers
from brainbox_cli.commands.convolve.view import show_kernel, show_list, show_preview, show_result, show_step
from brainbox_cli.frame.lesson import Lesson, Outcome, command
from brainbox_cli.frame.reporter import STDOUT, Reporter
from brainbox_cli.frame.runs import default_folder
from brainbox_cli.options import DATA, DISPLAY, OUTPUT, option
from brainbox_core.errors import InputError, UsageError
from brainbox_core.files.reading import standard_input
from brainbox_core.files.writing import MARKS
from brainbox_core.tasks.convolve.kernels import EXAMPLE, NAMED, Kernel, parse_kernel

if TYPE_CHECKING:
    import numpy as np

    from brainbox_core.tasks.convolve.apply import Filtered, Photo, Step

DEFAULT_PICTURE = "bricks"
BUILT_IN = ("bricks", "portrait")  # the PICTURES of the task, which needs NumPy
FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".bmp": "BMP", ".webp": "WEBP"}
SOFTWARE = 305  # the tag of Exif for the program that made a picture
MOST_STRIDE = 10_000

FILTER = "Filter"


def _place(text: object) -> tuple[int, int]:
    """A parser for the place of a pixel: `10,20`."""
    parts = str(text).split(",")
    if len(parts) != 2 or not all(part.isascii() and part.isdecimal() and len(part) < 10 for part in parts):
        raise typer.BadParameter(f"expected column and row of a pixel, such as 10,20, got {text}")
    return int(parts[0]), int(parts[1])


CHOICES = {
    "image": options.argument(
        "IMAGE|-", "A picture file, - for standard input, or bricks or portrait (built in).", shown=DEFAULT_PICTURE
    ),
    "more_image": option("--image --data IMAGE", DATA, "Another way to name the picture."),
    "colour": option(
        "--rgb/--gray", DATA, "Filter red, green and blue apart, or the picture in gray.", shown="as the picture is"
    ),
    "kernel": option(
        "--kernel -k NAME|MATRIX",
        FILTER,
        f"One of {', '.join(NAMED)}; or numbers (also 1/9), rows between semicolons: {EXAMPLE}.",
        default="vertical-edge",
    ),
    "padding": option(
        "--padding same|valid",
        FILTER,
        "same keeps the size and makes up what lies beyond the border; valid keeps the kernel inside.",
        parsers.one_of("same", "valid"),
        default="same",
    ),
    "border": option(
        "--border constant|reflect|edge",
        FILTER,
        "What lies beyond the border: black, the picture mirrored, or its outermost pixels repeated.",
        parsers.one_of("constant", "reflect", "edge"),
        default="reflect",
    ),
    "stride": option(
        "--stride N", FILTER, "Keep every N-th pixel of the result.", parsers.whole_number(1, MOST_STRIDE), default=1
    ),
    "flip": option("--flip", FILTER, "Turn the kernel by 180 degrees first: convolution as in mathematics."),
    "out": option(
        "--out -o FILE|-",
        OUTPUT,
        "Where the picture goes; - writes it to standard output as PNG.",
        parsers.file(*FORMATS),
        default=str(default_folder("convolve") / "output.png"),
        shown="brainbox-out/convolve/output.png",
    ),
    "plot": options.picture("--plot", "Draw before, kernel and after, as a PNG picture."),
    "explain": option(
        "--explain X,Y", DISPLAY, "Show how the pixel in column X and row Y (from 0) of the result came about.", _place
    ),
    "list": option("--list", DISPLAY, "Show all named kernels, and what each does."),
}


def _source(values: SimpleNamespace) -> str:
    named = [name for name in (values.image, values.more_image) if name is not None]
    if len(named) > 1:
        raise UsageError("one picture at a time", where="--image", fix="name the picture once")
    return parsers.name_or_path(*BUILT_IN)(named[0] if named else DEFAULT_PICTURE)


def _headline(values: SimpleNamespace) -> list[str]:
    source = _source(values)
    _check_paths(source, {"--out": values.out, "--plot": values.plot})
    named = f"{source} (built in)" if source in BUILT_IN else "standard input" if source == "-" else source
    turned = ", turned by 180 degrees" if values.flip else ""
    border = f", {values.border} border" if values.padding == "same" else ""
    return [
        named,
        parse_kernel(values.kernel).title + turned,
        f"{values.padding} padding{border}, stride {values.stride}",
    ]


def _run(reporter: Reporter, values: SimpleNamespace) -> Outcome:
    source, chosen, explain = _source(values), parse_kernel(values.kernel), values.explain
    if values.flip:
        chosen = chosen.turned
    with reporter.working("reading the picture"):
        from brainbox_core.tasks.convolve import apply as task

        photo = _read(task, source, values.colour)
    for note in photo.notes:
        reporter.note(note)
    reporter.document.set(data={"source": source, "sha256": photo.sha256})
    show_kernel(reporter, chosen)
    settings = task.Settings(values.padding, values.border, values.stride)
    with reporter.working("filtering"):
        result = task.apply(photo.pixels, chosen, settings)
        steps = task.explain(photo.pixels, chosen, settings, result, *explain) if explain else []
    for step in steps:
        show_step(reporter, chosen, step, explain, result.absolute)
    show_preview(reporter, photo.pixels, result.pixels)
    show_result(reporter, result)
    metrics = {
        "primary": "clipped",
        "clipped": (result.clipped_low + result.clipped_high) / result.pixels.size,
        "minimum": result.smallest,
        "maximum": result.largest,
    }
    files = {"out": _encoded(reporter, result.pixels, values.out)}
    if values.plot:
        with reporter.working("drawing"):
            from brainbox_cli.commands.convolve.picture import draw

            files["plot"] = draw(photo.pixels, chosen, result.pixels)
    return Outcome(
        result=_record(chosen, result, values.out, steps, explain),
        metrics=metrics,
        files=files,
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


def _read(task: ModuleType, source: str, colour: bool | None) -> Photo:
    """The picture of a file, of a name or of standard input."""
    from brainbox_core.images.load import MAX_FILE_SIZE

    if source != "-":
        return task.read_picture(source, colour)
    content = standard_input("a picture").read(MAX_FILE_SIZE + 1)
    try:
        return task.read_picture(content, colour)
    except InputError as error:
        where = "standard input"
        raise InputError(error.what, where=where, expected=error.expected, got=error.got, fix=error.fix) from error


def _list(reporter: Reporter, values: SimpleNamespace) -> Outcome:
    show_list(reporter)
    kernels = [{"name": name, "weights": parse_kernel(name).weights, "about": NAMED[name][1]} for name in NAMED]
    return Outcome(result={"kernels": kernels}, try_next=("convolve", "portrait", "--kernel", "emboss"))


# What is kept


def _record(kernel: Kernel, result: Filtered, out: Path, steps: list[Step], place: tuple[int, int] | None) -> dict:
    explained = [
        {"channel": step.channel or "gray", "window": step.window, "sum": step.total, "pixel": step.pixel}
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


def _encoded(reporter: Reporter, pixels: np.ndarray, out: Path) -> bytes:
    from PIL import Image, PngImagePlugin

    content, mark = io.BytesIO(), MARKS[0].decode()
    text, exif = PngImagePlugin.PngInfo(), Image.Exif()
    text.add_text("Software", mark)
    exif[SOFTWARE] = mark
    form = FORMATS.get(out.suffix.lower(), "PNG")
    marks: Mapping[str, Mapping[str, Any]] = {  # BMP has no room for one
        "PNG": {"pnginfo": text},
        "JPEG": {"comment": mark},
        "WEBP": {"exif": exif},
    }
    with reporter.working("encoding the picture"):
        Image.fromarray(pixels).save(content, form, quality=95, **marks.get(form, {}))
    return content.getvalue()


app = command(
    Lesson(noun="convolve", choices=CHOICES, headline=_headline, run=_run, instead={"list": _list}),
    "Slide a small kernel of weights over a picture: blur it, sharpen it, find its edges.",
)
