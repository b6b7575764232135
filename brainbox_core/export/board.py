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

PACKAGES = "gcc-arm-none-eabi qemu-system-arm"
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


BOARDS = {
    board.name: board
    for board in (
        Board("netduino2", "Cortex-M3", ("-mcpu=cortex-m3", "-mthumb")),
        Board(
            "netduinoplus2",
            "Cortex-M4F",
            ("-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16"),
        ),
    )
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


def measure(header: str, name: str, board: Board = BOARDS["netduino2"]) -> Measurement:
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
    with _folder(header, name) as folder:
        place = Path(folder)
        for file, text in {"main.c": example(name, f"{name}.h"), **files(board)}.items():
            (place / file).write_text(text, encoding="ascii")
        _run(compile_command(board), place)
        text = _run(emulate_command(board), place, fails=True)
    found = dict(re.findall(r"(\w+) = (\d+)", text))
    if found.get("selftest") != "0":
        what = "the header's own test fails on the board"
        raise VerificationError(what, where=board.name, got=text.strip() or "no output")
    code, tables = sizes(header, name, board)
    return Measurement(board.name, _version(), int(found["instructions"]), int(found["stack"]), code, tables)


def has_compiler() -> bool:
    """Whether `sizes` can be asked here."""
    return shutil.which(_COMPILER) is not None


def sizes(header: str, name: str, board: Board = BOARDS["netduino2"]) -> tuple[int, int]:
    """Bytes of machine code and of tables that a run of a header takes on a board, compiled with -O2.

    Raises:
        InputError: the compiler is not installed, or refuses the header.
    """
    with _folder(header, name) as folder:
        place = Path(folder)
        (place / "unit.c").write_text(_UNIT.replace("NAME", name), encoding="ascii")
        _run([_COMPILER, *board.flags, "-O2", "-std=c99", "-ffreestanding", "-c", "unit.c", "-o", "unit.o"], place)
        return _sizes(_run(["arm-none-eabi-nm", "-S", "unit.o"], place))


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
    script = _LINKER.replace("<RAM>", f"{board.ram >> 10}K").replace("<FLASH>", f"{board.flash >> 10}K")
    return {"start.c": _START, f"{board.name}.ld": script.replace("<BOARD>", board.name)}


def example(name: str, header: str, board: bool = True) -> str:
    """A main.c that runs the header's own test and one inference.

    Args:
        name: the prefix of its identifiers.
        header: the file's name.
        board: whether it is for a board (and shows what the inference cost), or for any computer with standard output.
    """
    text = _MAIN_BOARD if board else _MAIN
    return text.replace("NAME", name).replace("UPPER", name.upper()).replace("HEADER", header)


@contextlib.contextmanager
def _folder(header: str, name: str) -> Iterator[str]:
    """A folder of our own with a header in it."""
    with tempfile.TemporaryDirectory(prefix="brainbox-") as folder:
        (Path(folder) / f"{name}.h").write_text(header, encoding="ascii")
        yield folder


def _sizes(listing: str) -> tuple[int, int]:
    code = tables = 0
    for line in listing.splitlines():
        words = line.split()
        if len(words) == 4:
            code += int(words[1], 16) if words[2] in "tT" else 0
            tables += int(words[1], 16) if words[2] in "rRdDbB" else 0
    return code, tables


def _version() -> str:
    first = _run([_COMPILER, "-dumpfullversion"], None)
    return f"{_COMPILER} {first.strip()}"


def _run(command: list[str], folder: Path | None, fails: bool = False) -> str:
    """What a command says; an error if it fails, unless it may."""
    try:
        done = subprocess.run(
            command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, timeout=_TIME, check=False
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


_UNIT = """\
#include "NAME.h"
int NAME_unit(const NAME_input_t *x, NAME_output_t *y, NAME_arena_t *arena);
int NAME_unit(const NAME_input_t *x, NAME_output_t *y, NAME_arena_t *arena)
{
    return NAME_run(x, y, arena);
}
"""

_MAIN = """\
/* Runs the model's own test, and one inference on an input of zeros. Compile: cc -std=c99 -O2 main.c */
#include <stdio.h>
#include "HEADER"

static NAME_arena_t arena;
static NAME_input_t x[UPPER_INPUT_SIZE];
static NAME_output_t y[UPPER_OUTPUT_SIZE];

int main(void)
{
    int i;
    if (NAME_selftest(&arena) != 0) {
        printf("the self-test failed\\n");
        return 1;
    }
    if (NAME_run(x, y, &arena) != 0) {
        return 1;
    }
    for (i = 0; i < UPPER_OUTPUT_SIZE; i++) {
        printf("%g%s", (double)y[i], i + 1 < UPPER_OUTPUT_SIZE ? " " : "\\n");
    }
    return 0;
}
"""

_MAIN_BOARD = """\
/* Runs the model's own test and one inference on an input of zeros, and says what that took. */
#include <stdint.h>
#include "HEADER"

void board_number(const char *label, uint32_t value);
void board_begin(void);
uint32_t board_instructions(void);
uint32_t board_stack(void);

static NAME_arena_t arena;
static NAME_input_t x[UPPER_INPUT_SIZE];
static NAME_output_t y[UPPER_OUTPUT_SIZE];

int main(void)
{
    uint32_t instructions;
    const int failed = NAME_selftest(&arena);
    board_number("selftest", (uint32_t)failed);
    board_begin();
    (void)NAME_run(x, y, &arena);
    instructions = board_instructions();
    board_number("stack", board_stack());
    board_number("instructions", instructions);
#if UPPER_OUTPUT_SIZE > 1
    board_number("prediction", (uint32_t)NAME_predict(x, &arena));
#endif
    return failed;
}
"""

_LINKER = """\
/* <BOARD>: <FLASH> of flash, <RAM> of RAM; at least 2K of it stay free for the stack */
ENTRY(board_reset)
MEMORY
{
    FLASH (rx) : ORIGIN = 0x08000000, LENGTH = <FLASH>
    RAM (rwx) : ORIGIN = 0x20000000, LENGTH = <RAM>
}
SECTIONS
{
    .text : { KEEP(*(.vectors)) *(.text*) *(.rodata*) *(.ARM.ex*) . = ALIGN(4); } > FLASH
    board_data_load = LOADADDR(.data);
    .data : { board_data_start = .; *(.data*) . = ALIGN(4); board_data_end = .; } > RAM AT > FLASH
    .bss (NOLOAD) : { . = ALIGN(4); board_bss_start = .; *(.bss*) *(COMMON) . = ALIGN(4); board_bss_end = .; } > RAM
    .stack (NOLOAD) : { . = ALIGN(8); . += 2K; } > RAM
    board_stack_top = ORIGIN(RAM) + LENGTH(RAM);
}
"""

_START = """\
/* Start-up code for Cortex-M3 and M4F: memory, FPU, semihosting output, and counting instructions under QEMU. */
#include <stddef.h>
#include <stdint.h>

int main(void);
void board_reset(void);
void board_fault(void);
void board_number(const char *label, uint32_t value);
void board_begin(void);
uint32_t board_instructions(void);
uint32_t board_stack(void);
void *memcpy(void *to, const void *from, size_t n);
void *memset(void *to, int value, size_t n);

extern uint32_t board_data_load[], board_data_start[], board_data_end[], board_bss_start[], board_bss_end[];
extern uint32_t board_stack_top[];

__attribute__((section(".vectors"), used)) static const void *const vectors[16] = {
    board_stack_top, (const void *)board_reset, (const void *)board_fault, (const void *)board_fault,
    (const void *)board_fault, (const void *)board_fault, (const void *)board_fault
};

#define SYSTICK ((volatile uint32_t *)0xE000E010u) /* control, reload, value */
#define PAINT 0xA5A5A5A5u

static uint32_t calibration, painted_top;

static int host(int operation, const void *argument)
{
    register int r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

static void stop(uint32_t code)
{
    uint32_t block[2];
    block[0] = 0x20026u; /* the application ended */
    block[1] = code;
    for (;;) {
        (void)host(0x20, block);
    }
}

void board_number(const char *label, uint32_t value)
{
    char text[12];
    int i = 11;
    text[i] = 0;
    text[--i] = '\\n';
    do {
        text[--i] = (char)('0' + value % 10u);
        value /= 10u;
    } while (value != 0u);
    (void)host(0x04, label);
    (void)host(0x04, " = ");
    (void)host(0x04, text + i);
}

static uint32_t ticks(void)
{
    return 0xFFFFFFu - SYSTICK[2];
}

static void start_ticks(void)
{
    SYSTICK[0] = 0u;
    SYSTICK[1] = 0xFFFFFFu;
    SYSTICK[2] = 0u;
    SYSTICK[0] = 5u; /* count the processor's clock, no interrupt */
}

/* Paints what is free of the stack, finds out how many ticks a million instructions take, and starts to count. */
__attribute__((noinline)) void board_begin(void)
{
    uint32_t rounds = 500000u, *word;
    start_ticks();
    __asm__ volatile("1: subs %0, %0, #1\\n bne 1b" : "+r"(rounds) : : "cc");
    calibration = ticks();
    __asm__ volatile("mov %0, sp" : "=r"(painted_top));
    for (word = board_bss_end; word < (uint32_t *)(painted_top - 64u); word++) {
        *(volatile uint32_t *)word = PAINT;
    }
    start_ticks();
}

/* Since board_begin. */
__attribute__((noinline)) uint32_t board_instructions(void)
{
    const uint32_t count = ticks();
    if (SYSTICK[0] & 0x10000u) {
        return 0xFFFFFFFFu; /* the counter has run over */
    }
    return (uint32_t)((uint64_t)count * 1000000u / calibration);
}

/* Bytes below the caller's part of the stack that were written since board_begin. */
__attribute__((noinline)) uint32_t board_stack(void)
{
    const uint32_t *word = board_bss_end;
    while (word < (const uint32_t *)painted_top && *word == PAINT) {
        word++;
    }
    return painted_top - (uint32_t)word;
}

void board_fault(void)
{
    (void)host(0x04, "the processor faulted\\n");
    stop(86u);
}

void board_reset(void)
{
    const uint32_t *from = board_data_load;
    uint32_t *to;
    for (to = board_data_start; to < board_data_end; to++) {
        *to = *from++;
    }
    for (to = board_bss_start; to < board_bss_end; to++) {
        *(volatile uint32_t *)to = 0u;
    }
#if defined(__ARM_FP)
    *(volatile uint32_t *)0xE000ED88u |= 0xF00000u; /* switch the floating-point unit on */
    __asm__ volatile("dsb\\n isb");
#endif
    stop((uint32_t)main());
}

/* The compiler may call these two; it must not make calls of themselves out of their loops. */
__attribute__((optimize("no-tree-loop-distribute-patterns"))) void *memcpy(void *to, const void *from, size_t n)
{
    unsigned char *d = (unsigned char *)to;
    const unsigned char *s = (const unsigned char *)from;
    while (n--) {
        *d++ = *s++;
    }
    return to;
}

__attribute__((optimize("no-tree-loop-distribute-patterns"))) void *memset(void *to, int value, size_t n)
{
    unsigned char *d = (unsigned char *)to;
    while (n--) {
        *d++ = (unsigned char)value;
    }
    return to;
}
"""
