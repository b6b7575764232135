"""Headers of every family under other compilers, other flags and on other processors."""

from __future__ import annotations

import functools
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from brainbox_core import layers
from brainbox_core.export import Header, build, verify
from brainbox_core.model.sequential import Sequential
from tests.export.compiling import tool
from tests.export.tabular.test_draft import dated, sales
from tests.export.test_header import NOUNS, OTHERS

FAMILIES = (
    NOUNS | OTHERS | {"sales": (lambda folder: sales(folder)[0], {}, ""), "dates": (lambda folder: dated(), {}, "")}
)
FEW = ["fraud", "rnn in int8"]  # that every run tries; the others are slow


def families(*without: str) -> list:
    """All families but some, to be parameters of a test."""
    names = [name for name in FAMILIES if name not in without]
    return [pytest.param(name, marks=[] if name in FEW else pytest.mark.slow) for name in names]


@functools.cache
def made(family: str, folder: Path) -> tuple[Header, bytes, np.ndarray]:
    make, options, _ = FAMILIES[family]
    header = build(make(folder), "net", verify=0, **options)
    X = header.draft.vectors(40)
    return header, X.tobytes(), header.draft.run(X)


def made_of(seed: int) -> str:
    """The header of a network with one large table."""
    model = Sequential([layers.Linear(64), layers.ReLU(), layers.Linear(1)], seed=seed)
    model.build((16,))
    return build(model, "net", verify=0).text


@pytest.fixture
def place(tmp_path, tmp_path_factory):
    """Writes a family's header and programs into a folder; gives what the driver reads, and what it has to write."""

    def write(family: str) -> tuple[bytes, np.ndarray]:
        header, given, wanted = made(family, tmp_path_factory.getbasetemp())
        (tmp_path / "net.h").write_text(header.text)
        for program in ("unit", "driver"):
            (tmp_path / f"{program}.c").write_text(header.programs.filled(program, "net", "net.h"))
        return given, wanted

    return write


# --- warnings --------------------------------------------------------------------------------------------------------

BOTH = """
    -Werror -Wall -Wextra -Wpedantic -Wfloat-equal -Wconversion -Wsign-conversion -Wdouble-promotion -Wshadow -Wundef
    -Wcast-qual -Wcast-align -Wswitch-default -Wswitch-enum -Wredundant-decls -Wunused-macros -Wvla -Wformat=2
    -Wnull-dereference -Wmissing-declarations -Wlogical-op -Wduplicated-cond -Wduplicated-branches -Wwrite-strings
    -Wpointer-arith -Waggregate-return -Wpacked -Wdate-time -Warith-conversion -Wimplicit-fallthrough=5 -Walloca
    -Wstrict-overflow=2 -Wunsafe-loop-optimizations -Wstack-protector -Wdisabled-optimization
"""
ONLY_C = """
    -Wmissing-prototypes -Wstrict-prototypes -Wold-style-definition -Wbad-function-cast -Wnested-externs
    -Wjump-misses-init -Wdeclaration-after-statement -Wc++-compat
"""
ONLY_CXX = "-Wold-style-cast -Wuseless-cast -Wzero-as-null-pointer-constant -Wextra-semi -Wsign-promo"
EVERYTHING = "-Werror -Weverything -Wno-c++98-compat-pedantic"
WARNINGS = {
    "gcc": ("gcc", f"-std=c99 -O2 {BOTH} {ONLY_C}"),
    "arm": ("arm-none-eabi-gcc", f"-std=gnu11 -Os -mcpu=cortex-m4 -mfloat-abi=hard {BOTH} {ONLY_C}"),
    "g++": ("g++", f"-x c++ -std=c++11 -O2 {BOTH} {ONLY_CXX}"),
    "clang": ("clang", f"-std=c99 -O2 {EVERYTHING}"),
    "clang++": ("clang++", f"-x c++ -std=c++11 -O2 {EVERYTHING}"),
}


@pytest.mark.parametrize("compiler", WARNINGS)
@pytest.mark.parametrize("family", families())
def test_no_compiler_warns_of_anything(tmp_path, place, family, compiler):
    place(family)
    (tmp_path / "empty.c").write_text('#include "net.h"\nextern int here;\nint here = 0;\n')
    cc, flags = WARNINGS[compiler]
    for file, way in (("unit", []), ("empty", ["-DNET_IMPLEMENTATION"]), ("empty", ["-DNET_DECLARATIONS"])):
        command = [tool(cc, "gcc-arm-none-eabi" if compiler == "arm" else ""), *flags.split(), *way]
        subprocess.run([*command, "-c", f"{file}.c", "-o", "unit.o"], cwd=tmp_path, check=True)


# --- arithmetic ------------------------------------------------------------------------------------------------------

PARTS = ("-funsafe-math-optimizations", "-freciprocal-math", "-fno-signed-zeros", "-ffinite-math-only")
SUMS = "-fassociative-math -fno-signed-zeros -fno-trapping-math"
UNKNOWN = "-U__RECIPROCAL_MATH__ -U__ASSOCIATIVE_MATH__ -U__NO_SIGNED_ZEROS__"  # as before gcc 12
MODES = {
    "same": [
        "gcc -O2 -std=c99 -mfma -ffp-contract=fast",
        "gcc -O3 -std=gnu99 -march=haswell -ffp-contract=fast",
        "g++ -x c++ -O2 -std=gnu++11 -march=haswell",
        "gcc -O2 -frounding-math",
        "gcc -O2 -fsingle-precision-constant",
        "clang -O2",
        "clang -O2 -mfma -ffp-contract=fast",
        "clang -O3 -march=haswell -ffp-contract=on",
        "clang++ -x c++ -O2 -std=c++11 -march=haswell -ffp-contract=fast",
        "clang -O2 -ffp-model=precise",
        "clang -O2 -ffp-model=strict",
    ],
    "refused": [
        *(f"gcc -O2 {part}" for part in ("-ffast-math", "-Ofast", *PARTS, SUMS)),
        "gcc -O2 -mfpmath=387",
        "gcc -O2 -std=c99 -mfpmath=387",
        *(f"clang -O2 {part}" for part in ("-ffast-math", "-Ofast", "-ffp-model=fast", "-ffinite-math-only")),
    ],
    "its own test fails": [
        *(f"gcc -O3 -march=haswell {part} {UNKNOWN}" for part in (*PARTS[:-1], SUMS)),
        *(f"clang -O2 {part}" for part in (*PARTS[:-1], SUMS, "-fno-honor-nans")),
    ],
}


def outcome(folder: Path, command: list[str], given: bytes, wanted: np.ndarray) -> str:
    """What becomes of a family's driver: refused, its own test fails, same bits, or others."""
    compiled = subprocess.run([*command, "driver.c", "-o", "driver"], cwd=folder, capture_output=True, check=False)
    if compiled.returncode:
        return "refused" if b"#error" in compiled.stderr else compiled.stderr.decode()
    done = subprocess.run([folder / "driver"], input=given, capture_output=True, check=False)
    if done.returncode == 2:
        return "its own test fails"
    found = np.frombuffer(done.stdout, wanted.dtype).reshape(wanted.shape)
    return "other bits" if verify.differs(found, wanted).any() else "same"


@pytest.mark.parametrize("mode, expected", [(mode, expected) for expected, some in MODES.items() for mode in some])
@pytest.mark.parametrize("family", families("cnn"))
def test_a_mode_gives_the_same_bits_or_says_that_it_does_not(tmp_path, place, family, mode, expected):
    given, wanted = place(family)
    cc, *flags = mode.split()
    if {"-mfma", "-march=haswell"} & set(flags) and " fma " not in Path("/proc/cpuinfo").read_text():
        pytest.skip("needs a processor with FMA")
    assert outcome(tmp_path, [tool(cc), *flags], given, wanted) == expected


def test_a_program_that_flushes_subnormal_numbers_is_found_out(tmp_path, place):
    given, _ = place("fraud")
    subprocess.run([tool("gcc"), "-O2", "-c", "driver.c"], cwd=tmp_path, check=True)
    subprocess.run([tool("gcc"), "-ffast-math", "driver.o", "-o", "driver"], cwd=tmp_path, check=True)
    if not list(Path("/usr/lib/gcc").rglob("crtfastmath.o")):
        pytest.skip("needs a gcc whose -ffast-math changes the processor's mode")
    assert subprocess.run([tmp_path / "driver"], input=given, check=False).returncode == 2


def test_whole_numbers_take_any_mode(tmp_path, place):
    given, wanted = place("cnn")
    assert outcome(tmp_path, [tool("gcc"), "-Ofast", "-march=native"], given, wanted) == "same"


@pytest.mark.parametrize("cc", ["gcc", "clang"])
def test_the_users_own_products_stay_fused(tmp_path, place, cc):
    place("fraud")
    own = '#include "net.h"\nfloat own(float a, float b, float c);\nfloat own(float a, float b, float c)\n'
    (tmp_path / "own.c").write_text(own + "{\n    return a * b + c;\n}\n")
    command = [tool(cc), "-O2", "-mfma", "-S", "own.c", "-o", "-"]
    found = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert "vfmadd" in found.partition("\nown:")[2]


# --- where tables lie ------------------------------------------------------------------------------------------------


def test_tables_take_the_users_attributes(tmp_path, place):
    place("fraud")
    attributes = '-DNET_TABLE=__attribute__((section(".tables"),aligned(64)))'
    subprocess.run([tool("gcc"), attributes, "-c", "unit.c"], cwd=tmp_path, check=True)
    found = subprocess.run(["objdump", "-h", "unit.o"], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    header = made("fraud", tmp_path)[0]
    size = next(line.split()[2] for line in found.splitlines() if ".tables" in line)
    assert int(size, 16) >= header.report.weights


def avr(folder: Path, *words: str, cxx: bool = False) -> None:
    compiler = tool("avr-g++" if cxx else "avr-gcc", "gcc-avr")
    subprocess.run([compiler, "-mmcu=atmega2560", "-Os", "-Wall", "-Wextra", *words], cwd=folder, check=True)


def in_ram(folder: Path, file: str) -> int:
    """Bytes of initialised data, which take RAM."""
    found = subprocess.run(["avr-size", file], cwd=folder, capture_output=True, text=True, check=True).stdout
    return int(found.splitlines()[1].split()[1])


SERIAL = """
#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/sleep.h>
#include "net.h"
ARGUMENTS
int main(void)
{
    UCSR0B = 1 << TXEN0;
    UDR0 = net_selftest(CALL) == 0 ? 'Y' : 'N';
    while (!(UCSR0A & (1 << TXC0))) {
    }
    UDR0 = '\\n';
    while (!(UCSR0A & (1 << UDRE0))) {
    }
    cli();
    sleep_mode();
    return 0;
}
"""


@pytest.mark.parametrize("family", families("hashed spam"))  # whose tables lie in RAM
def test_on_avr_tables_stay_in_flash(tmp_path, place, family):
    place(family)
    tool("avr-gcc", "gcc-avr")
    head = (tmp_path / "net.h").read_text().partition("int net_selftest(")[2].partition(")")[0]
    words = [word for word in ("state", "arena") if word in head]
    arguments = "".join(f"static net_{word}_t {word};\n" for word in words)
    call = ", ".join(f"&{word}" for word in words)
    (tmp_path / "main.c").write_text(SERIAL.replace("ARGUMENTS", arguments).replace("CALL", call))
    avr(tmp_path, "-std=gnu99", "main.c", "-o", "main.elf")
    assert in_ram(tmp_path, "main.elf") == 0
    if simulator := shutil.which("simavr"):
        command = [simulator, "-m", "atmega2560", "-f", "16000000", "main.elf"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=300, check=False)
        assert b"Y" in done.stdout + done.stderr


def test_on_avr_cxx_takes_the_tables_of_a_c_file(tmp_path, place):
    place("rnn")
    (tmp_path / "net.c").write_text('#define NET_IMPLEMENTATION\n#include "net.h"\n')
    (tmp_path / "main.cpp").write_text('#include "unit.c"\nint main() { return 0; }\n')
    avr(tmp_path, "-std=gnu99", "-c", "net.c")
    with pytest.raises(subprocess.CalledProcessError):
        avr(tmp_path, "-std=gnu++11", "-c", "main.cpp", cxx=True)
    avr(tmp_path, "-std=gnu++11", "-DNET_DECLARATIONS", "main.cpp", "net.o", "-o", "main.elf", cxx=True)
    assert in_ram(tmp_path, "main.elf") == 0


def test_on_avr_tables_can_stay_in_ram(tmp_path, place):
    place("fraud")
    avr(tmp_path, "-std=gnu++11", "-x", "c++", "-DNET_SPACE=", "-c", "unit.c", "-o", "unit.o", cxx=True)


# --- one model in several files --------------------------------------------------------------------------------------


@pytest.mark.parametrize("implementer, includer", [("gcc", "gcc"), ("gcc", "g++"), ("g++", "gcc")])
@pytest.mark.parametrize("family", families())
def test_several_files_hold_the_tables_once(tmp_path, place, family, implementer, includer):
    given, wanted = place(family)
    suffix = {"gcc": "c", "g++": "cpp"}
    (tmp_path / f"net.{suffix[implementer]}").write_text('#define NET_IMPLEMENTATION\n#include "net.h"\n')
    for name in ("one", "two"):  # NAME_unit_... of each its own
        text = (tmp_path / "unit.c").read_text().replace("net_unit_", f"{name}_")
        (tmp_path / f"{name}.{suffix[includer]}").write_text(text)
    (tmp_path / f"driver.{suffix[includer]}").write_text((tmp_path / "driver.c").read_text())
    subprocess.run([tool(implementer), "-O2", "-c", f"net.{suffix[implementer]}"], cwd=tmp_path, check=True)
    files = [f"{name}.{suffix[includer]}" for name in ("driver", "one", "two")]
    subprocess.run([tool(includer), "-O2", "-DNET_DECLARATIONS", "-c", *files], cwd=tmp_path, check=True)
    for name in ("one", "two"):
        listing = subprocess.run(["nm", "-S", f"{name}.o"], cwd=tmp_path, capture_output=True, text=True, check=True)
        assert verify.sizes(listing.stdout)[1] < 64  # no tables
    objects = ["driver.o", "one.o", "two.o", "net.o"]
    subprocess.run([tool("g++"), *objects, "-o", "driver"], cwd=tmp_path, check=True)
    done = subprocess.run([tmp_path / "driver"], input=given, capture_output=True, check=True)
    found = np.frombuffer(done.stdout, wanted.dtype).reshape(wanted.shape)
    assert not verify.differs(found, wanted).any()


@pytest.mark.parametrize("compiler", ["gcc", "clang", "g++", "arm-none-eabi-gcc", "avr-gcc"])
def test_files_that_define_nothing_share_large_tables_of_one_model_only(tmp_path, compiler):
    flags = {"avr-gcc": ["-mmcu=atmega2560", "-std=gnu99"], "arm-none-eabi-gcc": ["-mcpu=cortex-m3", "-std=c99"]}
    compile_ = [tool(compiler), *flags.get(compiler, []), "-Os", "-fdata-sections", "-ffunction-sections"]
    link = ["-nostdlib", "-Wl,--gc-sections,--unresolved-symbols=ignore-all,-e,f0,-u,f1,-u,f2"]
    for number in (0, 1):
        (tmp_path / f"net{number}.h").write_text(made_of(number))
    start, suffix = ('extern "C"\n', "cpp") if compiler == "g++" else ("", "c")
    for number, which in enumerate((0, 0, 1)):
        call = f"void f{number}(const net_input_t *x, net_output_t *y, net_arena_t *a) {{ net_run(x, y, a); }}\n"
        (tmp_path / f"{number}.{suffix}").write_text(f'#include "net{which}.h"\n{start}{call}')
        subprocess.run([*compile_, "-c", f"{number}.{suffix}"], cwd=tmp_path, check=True)
    subprocess.run([*compile_, *link, "0.o", "1.o", "2.o", "-o", "all.elf"], cwd=tmp_path, check=True)
    listing = subprocess.run(["nm", "-S", "all.elf"], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    found = re.findall(r"^\S+ (\S+) [VW] (net_\w+)_[0-9a-f]{16}$", listing, re.MULTILINE)
    assert [int(size, 16) for size, _ in found] == [4 * (16 + 1) * 64] * 2, listing  # the first layer of both models
