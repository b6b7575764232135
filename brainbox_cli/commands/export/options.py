"""The options of `brainbox export`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from brainbox_cli import options, parsers
from brainbox_cli.frame.command import Choice

STDOUT = Path("-")
BOARDS = ("netduino2", "netduinoplus2")  # those of brainbox_core.export.board, known without NumPy
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?([kKmM]?)i?[bB]?")
_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20}
DEVICE, CHECK = "Device", "Check"  # panels of the help


def size(text: object) -> int:
    """A parser for sizes: `128KB`, `1.5M`, `4096`."""
    match = _SIZE.fullmatch(str(text))
    count = round(float(match[1]) * _UNITS[match[2].lower()]) if match else 0
    if not 1 <= count <= 1 << 40:
        raise typer.BadParameter(f"expected a size such as 128KB (1 KB is 1,024 bytes), got {text}")
    return count


def _count(text: object) -> int:
    """A parser for how many vectors to compare."""
    count = parsers.word_or(parsers.whole_number(1, 100_000), "off")(text)
    return 0 if count == "off" else count


def _option(flag: str, kind: type, panel: str, metavar: str, help: str, parser: object, **more: object) -> object:
    return Annotated[kind, typer.Option(flag, metavar=metavar, parser=parser, rich_help_panel=panel, help=help, **more)]


def _switch(flag: str, panel: str, help: str) -> object:
    return Annotated[bool, typer.Option(flag, rich_help_panel=panel, help=help)]


Source = Annotated[
    str | None,
    typer.Argument(
        metavar="MODEL|NOUN", help="A model file, its folder, or the command that trained it; else the newest."
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out",
        "-o",
        metavar="FILE|-",
        parser=parsers.file(".h", ".hpp", ".json"),
        show_default="NOUN.h",
        rich_help_panel=options.OUTPUT,
        help="Where the header goes; - writes it to standard output.",
    ),
]
CHOICES = {
    "source": Choice(Source),
    "model": Choice(options.Model),
    "dtype": Choice(
        _option(
            "--dtype",
            str | None,
            DEVICE,
            "float32|int8",
            "How numbers are computed with.",
            parsers.one_of("float32", "int8"),
            show_default="int8 for networks that read pictures, 16 bits for spam, else float32",
        )
    ),
    "ram_budget": Choice(
        _option("--ram-budget", int, DEVICE, "SIZE", "RAM that there is; exit code 6 if it is not enough.", size),
        "128KB",
    ),
    "flash_budget": Choice(
        _option("--flash-budget", int | None, DEVICE, "SIZE", "Flash that there is for weights and code.", size)
    ),
    "weights": Choice(
        _option(
            "--weights",
            str,
            DEVICE,
            "flash|ram",
            "Where the weights lie while the model runs.",
            parsers.one_of("flash", "ram"),
        ),
        "flash",
    ),
    "optimize": Choice(
        _option(
            "--optimize",
            str,
            DEVICE,
            "ram|speed|size",
            "What to be sparing with.",
            parsers.one_of("ram", "speed", "size"),
        ),
        "ram",
    ),
    "calib": Choice(
        _option(
            "--calib",
            str | None,
            DEVICE,
            "DATA",
            "Measure the ranges for int8 on these pictures (a data set or a folder), not on those of the training.",
            str,
        )
    ),
    "verify": Choice(
        _option("--verify", int, CHECK, "N|off", "How many inputs to compare between C and Python.", _count), 256
    ),
    "max_drop": Choice(
        _option(
            "--max-drop",
            float,
            CHECK,
            "POINTS",
            "Accuracy that int8 may lose, in points of a percent; exit code 5 if it loses more.",
            parsers.real_number(0, 100),
        ),
        0.5,
    ),
    "qemu": Choice(
        _switch("--qemu", CHECK, "Also run it on an emulated board: instructions of an inference, and stack."), False
    ),
    "out": Choice(Out),
    "name": Choice(
        _option(
            "--name",
            str | None,
            options.OUTPUT,
            "NAME",
            "What every C identifier begins with.",
            str,
            show_default="the file's name",
        )
    ),
    "format": Choice(
        _option(
            "--format",
            str,
            options.OUTPUT,
            "c|json",
            "A C header, or the same numbers as JSON for a program of yours.",
            parsers.one_of("c", "json"),
        ),
        "c",
    ),
    "selftest": Choice(
        _option(
            "--selftest",
            int,
            options.OUTPUT,
            "K",
            "Inputs with their outputs that the header carries to test itself.",
            parsers.whole_number(0, 1000),
        ),
        2,
    ),
    "example": Choice(
        _option(
            "--example",
            Path | None,
            options.OUTPUT,
            "FILE",
            "Also write a main.c that uses the header.",
            parsers.file(".c"),
        )
    ),
    "board": Choice(
        _option(
            "--board",
            str | None,
            options.OUTPUT,
            "|".join(BOARDS),
            "Make the example one for this board, with start-up code and a linker script beside it.",
            parsers.one_of(*BOARDS),
        )
    ),
    "dry_run": Choice(options.DryRun, False),
    "report": Choice(
        _option(
            "--report",
            str,
            options.DISPLAY,
            "text|json",
            "The figures for people, or for programs.",
            parsers.one_of("text", "json"),
        ),
        "text",
    ),
}
