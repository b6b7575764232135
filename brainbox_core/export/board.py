"""A small computer with 128 KB of RAM to run a header on: start-up code, linker script, example, and QEMU.

The Netduino 2 carries an STM32F205 (Cortex-M3), the Netduino Plus 2 an STM32F405 (Cortex-M4F), both with 1 MB of flash
at 0x08000000 and 128 KB of RAM at 0x20000000. QEMU emulates both. With `-icount shift=0` its timer counts instructions
and not time, so what is measured is the same on every machine, to the last tick (about 8 instructions).
"""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from brainbox_core.errors import InputError, VerificationError
from brainbox_core.export import verify
from brainbox_core.export.programs import NETWORK, Programs
from brainbox_core.export.templates import filled

_COMPILER, _EMULATOR = "arm-none-eabi-gcc", "qemu-system-arm"
_TIME = 120  # seconds


@dataclass(frozen=True)
class Board:
    """A board that QEMU emulates.

    Attributes:
        name: what QEMU calls it.
        cpu: its processor in words.
        flags: what the compiler has to know of the processor.
        ram, flash: in bytes.
    """

    name: str
    cpu: str
    flags: tuple[str, ...]
    ram: int = 128 << 10
    flash: int = 1 << 20


_M4F = ("-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16")
BOARDS = {
    "netduino2": Board("netduino2", "Cortex-M3", ("-mcpu=cortex-m3", "-mthumb")),
    "netduinoplus2": Board("netduinoplus2", "Cortex-M4F", _M4F),
}


@dataclass(frozen=True)
class Measurement:
    """What an inference costs on a board.

    Attributes:
        board: its name.
        compiler: `arm-none-eabi-gcc 12.2.1`.
        instructions: of one inference.
        stack: bytes that it took at its deepest.
        code: bytes of machine code of the header, without what the compiler's own library adds.
        tables: bytes of constants.
    """

    board: str
    compiler: str
    instructions: int
    stack: int
    code: int
    tables: int


def missing() -> str:
    """Which Debian packages `measure` lacks here; empty if none."""
    tools = {_COMPILER: "gcc-arm-none-eabi", _EMULATOR: "qemu-system-arm"}
    return " ".join(package for tool, package in tools.items() if shutil.which(tool) is None)


def measure(header: str, name: str, board: Board = BOARDS["netduino2"], programs: Programs = NETWORK) -> Measurement:
    """Compile a header for a board, run its own test and one inference there, and say what it took.

    Args:
        header: its text.
        name: the prefix of its identifiers.

    Raises:
        InputError: the tools are not installed, or the program does not fit the board.
        VerificationError: the board computes something else than the header says.
    """
    if packages := missing():
        raise InputError("the emulated board is not installed", fix=f"apt-get install {packages}")
    with _folder(header, name) as place:
        for file, text in {"main.c": programs.filled("main_board", name, f"{name}.h"), **files(board)}.items():
            (place / file).write_text(text, encoding="ascii")
        _run(compile_command(board), place)
        text = _run(emulate_command(board), place, fails=True)
    found = dict(re.findall(r"(\w+) = (\d+)", text))
    if found.get("selftest") != "0":
        what = "the header's own test fails on the board"
        raise VerificationError(what, where=board.name, got=text.strip() or "no output")
    code, tables = sizes(header, name, board, programs)
    compiler = f"{_COMPILER} {_run([_COMPILER, '-dumpfullversion'], None).strip()}"
    return Measurement(board.name, compiler, int(found["instructions"]), int(found["stack"]), code, tables)


def has_compiler() -> bool:
    """Whether `sizes` can be asked here."""
    return shutil.which(_COMPILER) is not None


def sizes(header: str, name: str, board: Board = BOARDS["netduino2"], programs: Programs = NETWORK) -> tuple[int, int]:
    """Bytes of machine code and of tables that a run of a header takes on a board, compiled with -O2.

    Raises:
        InputError: the compiler is not installed, or refuses the header.
    """
    with _folder(header, name) as place:
        (place / "unit.c").write_text(programs.filled("unit", name, f"{name}.h"), encoding="ascii")
        _run([_COMPILER, *board.flags, "-O2", "-std=c99", "-ffreestanding", "-c", "unit.c", "-o", "unit.o"], place)
        return verify.sizes(_run(["arm-none-eabi-nm", "-S", "unit.o"], place))


def compile_command(board: Board) -> list[str]:
    """The words that make `t.elf` of the files of a board and main.c."""
    flags = ["-O2", "-std=c99", "-ffreestanding", "-nostdlib", "-nostartfiles", "-T", f"{board.name}.ld"]
    return [_COMPILER, *board.flags, *flags, "start.c", "main.c", "-lgcc", "-o", "t.elf"]


def emulate_command(board: Board) -> list[str]:
    """The words that run `t.elf` on the emulated board."""
    flags = ["-nographic", "-monitor", "none", "-serial", "none"]
    hosting = ["-semihosting-config", "enable=on,target=native", "-icount", "shift=0"]
    return [_EMULATOR, "-M", board.name, *flags, *hosting, "-kernel", "t.elf"]


def files(board: Board) -> dict[str, str]:
    """The start-up code and the linker script of a board, by their names."""
    script = filled("board.ld", board=board.name, ram=f"{board.ram >> 10}K", flash=f"{board.flash >> 10}K")
    return {"start.c": filled("start.c"), f"{board.name}.ld": script}


@contextlib.contextmanager
def _folder(header: str, name: str) -> Iterator[Path]:
    """A folder of our own with a header in it."""
    with tempfile.TemporaryDirectory(prefix="brainbox-") as folder:
        (Path(folder) / f"{name}.h").write_text(header, encoding="ascii")
        yield Path(folder)


def _run(command: list[str], folder: Path | None, fails: bool = False) -> str:
    """What a command says; an error if it fails, unless it may."""
    try:
        env = verify.inside(folder)
        done = subprocess.run(
            command, cwd=folder, env=env, stdin=subprocess.DEVNULL, capture_output=True, timeout=_TIME, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise InputError(f"took more than {_TIME} seconds", where=command[0]) from error
    except OSError as error:
        raise InputError(f"cannot be run: {error.strerror}", where=command[0]) from error
    if done.returncode and not fails:
        lines = (done.stderr + done.stdout).decode(errors="replace").strip().splitlines()
        reason = next((line for line in lines if "overflow" in line or "error" in line), lines[0] if lines else "")
        raise InputError(f"ended with {done.returncode}: {reason}", where=command[0])
    return (done.stdout + done.stderr).decode(errors="replace")  # QEMU hands on what a board says on standard error
