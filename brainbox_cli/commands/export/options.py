"""The options of `brainbox export`."""

from __future__ import annotations

import re

import typer

from brainbox_cli import options, parsers
from brainbox_cli.options import OUTPUT, argument, option
from brainbox_core.tasks.digits.settings import NAMED

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
    return count if isinstance(count, int) else 0


CHOICES = {
    "source": argument("MODEL|NOUN", "A model file, its folder, or the command that trained it; else the newest."),
    "model": options.Model,
    "dtype": option(
        "--dtype float32|int8",
        DEVICE,
        "How numbers are computed with.",
        parsers.one_of("float32", "int8"),
        shown="int8 for networks that read pictures, 16 bits for spam, else float32",
    ),
    "ram_budget": option(
        "--ram-budget SIZE", DEVICE, "RAM that there is; exit code 6 if it is not enough.", size, default="128KB"
    ),
    "flash_budget": option("--flash-budget SIZE", DEVICE, "Flash that there is for weights and code.", size),
    "weights": option(
        "--weights flash|ram",
        DEVICE,
        "Where the weights lie while the model runs.",
        parsers.one_of("flash", "ram"),
        default="flash",
    ),
    "optimize": option(
        "--optimize ram|speed|size",
        DEVICE,
        "What to be sparing with.",
        parsers.one_of("ram", "speed", "size"),
        default="ram",
    ),
    "calib": option(
        "--calib DATA",
        DEVICE,
        "Measure the ranges for int8 on these pictures (a data set or a folder), not on those of the training.",
        parsers.name_or_path(*NAMED),
    ),
    "verify": option("--verify N|off", CHECK, "How many inputs to compare between C and Python.", _count, default=256),
    "max_drop": option(
        "--max-drop POINTS",
        CHECK,
        "Accuracy or R2 that int8 may lose, in points of a percent; exit code 5 if it loses more.",
        parsers.real_number(0, 100),
        default=0.5,
    ),
    "qemu": option("--qemu", CHECK, "Also run it on an emulated board: instructions of an inference, and stack."),
    "out": option(
        "--out -o FILE|-",
        OUTPUT,
        "Where the header goes; - writes it to standard output.",
        parsers.file(".h", ".hpp", ".json"),
        shown="NOUN.h",
    ),
    "name": option("--name NAME", OUTPUT, "What every C identifier begins with.", shown="the file's name"),
    "format": option(
        "--format c|json",
        OUTPUT,
        "A C header, or the same numbers as JSON for a program of yours.",
        parsers.one_of("c", "json"),
        default="c",
    ),
    "selftest": option(
        "--selftest K",
        OUTPUT,
        "Inputs with their outputs that the header carries to test itself.",
        parsers.whole_number(0, 1000),
        default=2,
    ),
    "example": option("--example FILE", OUTPUT, "Also write a main.c that uses the header.", parsers.file(".c")),
    "board": option(
        f"--board {'|'.join(BOARDS)}",
        OUTPUT,
        "Make the example one for this board, with start-up code and a linker script beside it.",
        parsers.one_of(*BOARDS),
    ),
    "force": options.Force,
    "dry_run": options.DryRun,
    "report": option(
        "--report text|json",
        options.DISPLAY,
        "The figures for people, or for programs.",
        parsers.one_of("text", "json"),
        default="text",
    ),
}
