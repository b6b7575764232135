"""Whether a header computes what its reference does: compiled by the host's C compiler, run, compared bit by bit."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from brainbox_core.errors import VerificationError
from brainbox_core.export.programs import NETWORK, Programs
from brainbox_core.files.reading import printable

WARNINGS = ("-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wsign-conversion", "-Wshadow", "-Wvla", "-Werror")
STRICT = ("-std=c99", *WARNINGS)
_CANDIDATES = ("cc", "gcc", "clang")
_TIME = 120  # seconds for one run of a compiler or of what it made
_ALLOWED = {"memcpy", "memset"}


@dataclass(frozen=True)
class Compiler:
    """A C compiler of this machine.

    Attributes:
        command: the words that start it.
        title: `gcc 12.2.0`.
    """

    command: tuple[str, ...]
    title: str


@dataclass(frozen=True)
class Check:
    """What a comparison of a header with its reference found. All bits agreed: a difference raises an error.

    Attributes:
        compiler: its title.
        vectors: how many inputs gave the same bits.
        code: bytes of machine code on this host.
        tables: bytes of constant tables in the object file.
    """

    compiler: str
    vectors: int
    code: int
    tables: int


def find_compiler() -> Compiler | None:
    """The compiler that `$CC` names, or the first of cc, gcc and clang; None where there is none.

    Raises:
        VerificationError: `$CC` names something that does not start.
    """
    chosen = os.environ.get("CC", "").strip()
    where = f"the compiler in $CC, {printable(chosen)}"
    try:
        candidates = [shlex.split(chosen)] if chosen else [[name] for name in _CANDIDATES]
    except ValueError as error:
        raise VerificationError(f"is no command: {error}", where=where, fix=_OTHER_CC) from error
    for words in candidates:
        if shutil.which(words[0]) is None:
            continue
        done = _run([*words, "--version"])
        if done.returncode == 0:
            return Compiler(tuple(words), _title(words[0], done.stdout.decode(errors="replace")))
    if chosen:
        raise VerificationError("does not start", where=where, fix=_OTHER_CC)
    return None


def verify(
    header: str,
    name: str,
    inputs: np.ndarray,
    outputs: np.ndarray,
    compiler: Compiler,
    programs: Programs = NETWORK,
) -> Check:
    """Compile a header under the strict flags and compare what it computes with the reference.

    Args:
        header: its text.
        name: the prefix of its identifiers.
        inputs: (n, values), uint8 or float32.
        outputs: (n, values) as the reference has them, int8 or float32.
        programs: those around such a header.

    Raises:
        VerificationError: a warning, an undefined symbol, a different bit, or an embedded vector that fails.
    """
    with tempfile.TemporaryDirectory(prefix="brainbox-") as folder:
        place = Path(folder)
        (place / "net.h").write_text(header, encoding="ascii")
        for file in ("unit", "driver"):
            (place / f"{file}.c").write_text(programs.filled(file, name, "net.h"), encoding="ascii")
        _compile(compiler, place, ["-c", "unit.c", "-o", "unit.o"])
        code, tables = _inspect(place, name)
        _compile(compiler, place, ["driver.c", "-o", "driver"])
        result = _run([str(place / "driver")], place, inputs.tobytes())
    if result.returncode == 2:
        raise VerificationError("its own embedded vectors fail", where=name, fix=_REPORT)
    if result.returncode == 3:
        raise VerificationError("its functions contradict each other", where=name, fix=_REPORT)
    if result.returncode != 0 or len(result.stdout) != outputs.nbytes:
        what = f"the compiled header ended with {result.returncode} after {len(result.stdout):,} bytes"
        raise VerificationError(what, where=name, expected=f"{outputs.nbytes:,} bytes", fix=_REPORT)
    found = np.frombuffer(result.stdout, outputs.dtype).reshape(outputs.shape)
    if len(wrong := np.flatnonzero(differs(found, outputs).any(axis=1))):
        what = f"{len(wrong)} of {len(inputs)} vectors differ between C and the reference, the first is {wrong[0]}"
        raise VerificationError(what, where=name, fix=_REPORT)
    return Check(compiler.title, len(inputs), code, tables)


def differs(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Where two arrays of one dtype differ in a bit; any NaN equals any other, as the standard leaves its bits open."""
    unequal = a.view(np.uint8).reshape(*a.shape, -1) != b.view(np.uint8).reshape(*b.shape, -1)
    unequal = unequal.any(axis=-1)
    return unequal & ~(np.isnan(a) & np.isnan(b)) if a.dtype.kind == "f" else unequal


_REPORT = "please report this as a bug in brainbox, with the model file"
_OTHER_CC = "set CC=gcc, or unset it"


def _compile(compiler: Compiler, place: Path, words: list[str]) -> None:
    done = _run([*compiler.command, *STRICT, "-O2", *words], place)
    if done.returncode != 0:
        lines = done.stderr.decode(errors="replace").splitlines()
        first = next((line for line in lines if "error" in line), lines[0] if lines else "no message")
        raise VerificationError(f"{compiler.title} refuses the header: {first}", fix=_other_or_report())


def _other_or_report() -> str:
    """What to do when a compiler does not do as ours do: one that was chosen may be at fault, with its options."""
    return f"{_OTHER_CC}, and try again" if os.environ.get("CC", "").strip() else _REPORT


def _inspect(place: Path, name: str) -> tuple[int, int]:
    """Bytes of code and of tables in the object file; an error for a symbol that it should not need."""
    if shutil.which("nm") is None:
        return 0, 0
    listing = _run(["nm", "-S", "unit.o"], place).stdout.decode(errors="replace")
    for symbol in re.findall(r" U _*(\w+)", listing):
        if symbol not in _ALLOWED:
            raise VerificationError(f"the compiled header needs {symbol}", where=name, fix=_other_or_report())
    return sizes(listing)


def sizes(listing: str) -> tuple[int, int]:
    """Bytes of code and of tables in an object file, of which `nm -S` gave this listing."""
    code = tables = 0
    for size, kind in re.findall(r"^\S+ (\S+) (\w) ", listing, re.MULTILINE):
        code += int(size, 16) if kind in "tT" else 0
        tables += int(size, 16) if kind in "rRdDsSbBvV" else 0
    return code, tables


def inside(folder: Path | None) -> dict[str, str]:
    """The environment of a tool whose temporary files lie in our folder and go with it, even if it is killed."""
    return os.environ | ({"TMPDIR": str(folder)} if folder else {})


def _run(command: list[str], folder: Path | None = None, given: bytes = b"") -> subprocess.CompletedProcess:
    try:
        return subprocess.run(
            command, cwd=folder, env=inside(folder), input=given, capture_output=True, timeout=_TIME, check=False
        )
    except OSError as error:
        raise VerificationError(
            f"cannot be run: {error.strerror}", where=command[0], fix="check the compiler"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise VerificationError(
            f"took more than {_TIME} seconds", where=command[0], fix="`verify off` skips it"
        ) from error


def _title(word: str, text: str) -> str:
    """`gcc 12.2.0` from what a compiler says of itself."""
    first = text.splitlines()[0] if text else ""
    kind = next((kind for kind in ("clang", "gcc") if kind in first.lower()), Path(word).name)
    numbers = re.findall(r"\d+\.\d+(?:\.\d+)?", first.rsplit(")", 1)[-1]) or re.findall(r"\d+\.\d+(?:\.\d+)?", first)
    if kind != "clang" and "free software foundation" in text.lower():
        kind = "gcc"
    return f"{kind} {numbers[0]}" if numbers else kind
