"""Bad input and faults: what must happen, row by row.

Each row is a fault by its name. What a command can be given is tried here: the code, one `error:` line that holds the
offending value and where it stands, a hint, and no file that was there before is lost. What no single command shows is
held by a test beside the code, which is named here.
"""

import gzip
import os
import re
import shlex
import signal
import struct
import time
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from brainbox_core.network import saving
from tests.cli.shell import brainbox, start
from tests.core.network.test_saving import signed
from tests.fuzz import command, seeds

ROOT = Path(__file__).parents[2]


def png(width, height, chunk=b""):
    """A picture that declares a size and holds nothing of it."""

    def part(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = part(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk + part(b"IDAT", zlib.compress(b"")) + part(b"IEND", b"")


def encoded(form, **options):
    buffer = BytesIO()
    Image.new("L", (30, 30), "white").save(buffer, form, **options)
    return buffer.getvalue()


ROWS = "".join(f"{number},{3 * number + number % 2}\n" for number in range(1, 60))
LABELS = seeds.idx(np.arange(40, dtype=np.uint8) % 10)
IMAGES = seeds.idx(np.zeros((40, 28, 28), np.uint8))


def other_tokenizer():
    """A spam filter from before its words were made as they are now."""
    tensors, meta = saving.load_model("models/spam/model.safetensors")
    meta["features"]["tokenizer"] -= 1
    return signed(tensors, meta)


def table(cell, head="size,price\n"):
    """A table with one odd cell in line 3."""
    return f"{head}1,2\n{cell}\n{ROWS}"


EARLY = "".join(  # all frauds in the first third
    line if number < 30 else line.replace(",1\n", ",0\n")
    for number, line in enumerate(seeds.TRANSACTIONS.splitlines(keepends=True))
)
REGRESS, FUNC = "regress --data bad -n", "descent --func"
# By row: (the command, its code, what is told, the file `bad` or standard input). Several cases are one row.
CASES = {
    # tables
    "C01": [("regress --data missing.csv", 3, r"missing\.csv: no such file"), ("regress --data idx", 3, "is a folder")],
    "C02": [
        (REGRESS, 3, "bad: has no data rows", content) for content in (b"", b"\xef\xbb\xbf", b"size,price\n", b"\n\n\n")
    ],
    "C03": [(REGRESS, 0, "", b"\xef\xbb\xbf" + ("size,price\n" + ROWS).encode())],
    "C04": [
        (REGRESS, 0, "", ("size,price\n" + ROWS).encode("utf-16")),
        (REGRESS, 0, "", ("size,price\n" + ROWS).encode("utf-32")),
    ],
    "C05": [(REGRESS, 0, r"line 1: byte 0x92.*Windows-1252", b"size\x92,price\n" + ROWS.encode())],
    "C06": [(REGRESS, 3, "line 3", table("1\0,2"))],
    "C07": [(REGRESS, 3, r"line 1.*str\(bytes\)", table("1,2", "b'size',b'price'\n"))],
    "C08": [(REGRESS, 3, "quote opened in line 3", table('"1,2'))],
    "C09": [
        (REGRESS, 3, r"line 3: 1 field\b.*2", table("1")),
        (REGRESS, 3, r"line 3: 3 fields.*2", table("1,2,3")),
    ],
    "C10": [
        (REGRESS, 0, "", "size,price,\n" + ROWS.replace("\n", ",\n")),
        (REGRESS, 3, r"line 2: 2 fields.*3", "size,price,\n" + ROWS),
    ],
    "C11": [
        (REGRESS, 0, "", ("size,price\n" + ROWS).replace("\n", "\r\n")),
        (REGRESS, 0, "", ("size,price\n" + ROWS).replace("\n", "\r")),
        (REGRESS, 0, "", ("size,price\n" + ROWS).rstrip("\n")),
        (REGRESS, 0, "", ("size\u2028,price\n" + ROWS)),
    ],
    "C12": [
        (REGRESS, 0, 'separated by ";"', ("size,price\n" + ROWS).replace(",", ";")),
        (REGRESS, 0, "separated by", ("size,price\n" + ROWS).replace(",", "\t")),
        (REGRESS, 0, "", "sep=|\n" + ("size,price\n" + ROWS).replace(",", "|")),
    ],
    "C13": [  # what is meant is read, and said; what may mean several numbers is refused
        *(
            (REGRESS, 0, rf'size: "{re.escape(cell.strip(chr(34)))}" is read as', table(f"{cell},2"))
            for cell in ("$400", "1 234", '"3,14"', '"1,234,567"')
        ),
        (REGRESS, 3, 'line 3, column "size"', table("40%,2")),
    ],
    "C14": [
        *(
            (REGRESS, 3, rf'line 3, column "size": "{cell}"', table(f"{cell},2"))
            for cell in ("1_000", "\u0661\u0662\u0663", "0x10")
        ),
        *((REGRESS, 0, "", table(f"{cell},2")) for cell in ("1e1", " 5 ", "+5", ".5", "5.")),
    ],
    "C15": [
        *((REGRESS, 0, "1 missing value filled", table(f"{cell},2")) for cell in ("nan", "NA", "?", "")),
        *(
            (REGRESS, 3, rf'line 3, column "size": "{cell[:20]}', table(f"{cell},2"))
            for cell in ("inf", "1e999", "9" * 400)
        ),
    ],
    "C16": [
        (REGRESS, 3, "line 3.*too long", table("x" * 70_000 + ",2")),
        (REGRESS, 3, "line 3.*too long", table("1" * 5_000_000 + ",2")),
    ],
    "C17": [
        (REGRESS, 3, 'columns 1 and 2 have the same name "size"', table("1,2", "size,size\n")),
        (REGRESS, 3, "columns", ",".join(map(str, range(20_000))) + "\n"),
    ],
    "C18": [(REGRESS, 0, "--no-header|no header", ROWS)],
    "C19": [("regress --data houses.csv --target prise -n", 3, 'no column "prise".*\n.*did you mean "?price')],
    "C20": [
        (REGRESS, 3, 'column "price" is always 5', "size,price\n" + "".join(f"{n},5\n" for n in range(40))),
        (REGRESS, 0, "age: always 3", "size,age,price\n" + "".join(f"{n},3,{n * n}\n" for n in range(40))),
        (REGRESS, 3, 'column "price" is empty', "size,price\n" + "".join(f"{n},\n" for n in range(40))),
    ],
    "C21": [(REGRESS, 3, "60 different values", "word,price\n" + "".join(f"w{n},{n}\n" for n in range(60)))],
    "C22": [(REGRESS, 3, "at least", "a,b\n1,2\n"), (REGRESS, 3, "at least", "a,b\n1,2\n2,4\n")],
    "C23": [
        ("regress --data bad -o out", 0, "rank", "a,b,price\n" + "".join(f"{n},{2 * n},{n * n}\n" for n in range(40)))
    ],
    "C25": [(REGRESS, 0, "", table("1,2", "\x1b[31msize,price\n"))],
    "C26": [(REGRESS, 0, "", table("1,2", "[/],[bold]\n"))],
    "C27": [(REGRESS, 3, r"line 60: 1 field\b", ("size,price\n" + ROWS)[:-5])],
    "C28": [
        (REGRESS, 3, told, content)
        for told, content in (
            ("gzip", gzip.compress(ROWS.encode())),
            ("zip", b"PK\x03\x04" + bytes(40)),
            ("Parquet", b"PAR1" + bytes(40)),
            ("SQLite", b"SQLite format 3\0" + bytes(40)),
            ("web page", b"<!DOCTYPE html><html></html>"),
            ("JSON", b'{"a": [1, 2]}'),
        )
    ],
    # neuron
    "N01": [("neuron --gate xor", 4, "xor is not linearly separable")],
    "N06": [
        *((f"neuron --lr {value}", 2, rf"--lr.*{value}") for value in ("0", "-1", "nan", "inf", "1e400", "1_0")),
        *((f"neuron --epochs {value}", 2, "--epochs") for value in ("0", "-1", "1e18")),
    ],
    "N07": [(f"neuron --seed {value}", 2, "--seed") for value in ("-1", "18446744073709551616", "abc")],
    "N08": [("neuron --table 011", 3, "011"), ("neuron --table 0121", 3, "0121")],
    # descent
    "D01": [
        (["descent", "--func", text], 3, told)
        for text, told in (
            ("__import__('os').system('id')", r"\b1[23]\b|column"),
            ("x.__class__", "column"),
            ("lambda:0", "column"),
            ("[x for x in y]", "column"),
            ("x:=1", "column"),
            ("x;y", "column"),
            ("x\ny=1", "column"),
            ("`id`", "column"),
        )
    ],
    "D02": [
        (f"{FUNC} 9^9^9^9*x --start 1", 4, "finite"),
        (f"{FUNC} factorial(x) --start 1", 3, "factorial"),
        (["descent", "--func", '"a"*9', "--start", "1"], 3, "column"),
        (["descent", "--func", "1<<x", "--start", "1"], 3, "column"),
    ],
    "D03": [
        (["descent", "--func", text], 3, told)
        for text, told in (
            ("(" * 10_000 + "x", "deep|long|nest"),
            ("+".join(["x"] * 100_000), "long|terms"),
            ("x\uff0d1", "\uff0d|minus"),
            ("\u0445^2", "\u0445|Cyrillic"),
        )
    ],
    "D04": [
        (["descent", "--func", ""], 3, "empty"),
        (["descent", "--func", "x +"], 3, "column|ends"),
        (["descent", "--func", "2x"], 3, r"2\s*\*\s*x"),
        (f"{FUNC} x^2 --start 3", 0, ""),
    ],
    "D05": [
        (f"{FUNC} foo(x)", 3, "foo"),
        (f"{FUNC} sin(x,y)", 3, "sin"),
    ],
    "D06": [
        (f"{FUNC} log(x) --start=-1", 4, "x ?= ?-1"),
        (f"{FUNC} 1/x --start 0", 4, "x ?= ?0"),
        (f"{FUNC} sqrt(x) --start=-1", 4, "x ?= ?-1"),
        (f"{FUNC} x^0.5 --start=-1", 4, "x ?= ?-1"),
    ],
    "D07": [(f"{FUNC} x^2-y^2 --start 0,0", 4, "saddle"), (f"{FUNC} -x^2 --start 0", 4, "maximum")],
    "D08": [(f"{FUNC} {text} --start 1", 4, "no minimum|falls") for text in ("x", "-x^2", "-exp(x)")],
    "D09": [("descent --func rosenbrock --lr 0.1 --optimizer gd", 4, r"step \d+")],
    "D10": [(f"{FUNC} x^2 --start 3 --lr 1e-9 --steps 20", 4, "did not converge in 20 steps.*gradient")],
    "D11": [(f"{FUNC} abs(x) --start 3.05 --steps 200", 4, "kink|non-smooth|smooth")],
    "D12": [
        (["descent", "--func", "x^2+y^2", f"--start={value}"], 2, "start")
        for value in ("1", "nan,1", "inf,1", "", "1e400,1")
    ],
    "D13": [(f"{FUNC} 5*x-5*x --start 1", 4, "zero everywhere|constant|identically")],
    "D15": [(f"{FUNC} x+y+z --start 1,2,3 --plot", 2, "two variables|variables")],
    # regress
    "R02": [("regress predict 1650000 3 north -m models/regress", 0, "outside the training range")],
    "R07": [
        *(
            (f"regress --data houses.csv --test-split {value} -n", 2, "--test-split")
            for value in ("0", "1", "-.1", "2")
        ),
        ("regress --data houses.csv --folds 100 -o out", 2, "--folds"),
    ],
    "R08": [(REGRESS, 0, "equals|gives.*away|copy", "a,b,price\n" + "".join(f"{n},{n % 7},{n}\n" for n in range(60)))],
    "R09": [(f"regress --ridge {value} -n", 2, "--ridge") for value in ("-1", "nan")],
    "R10": [(REGRESS, 3, "empty in all 40 rows", "size,price\n" + "".join(f"{n},NA\n" for n in range(40)))],
    "R11": [("regress --data bad --log price -n", 3, 'line 3, column "price": 0 has no logarithm', table("1,0"))],
    "R12": [("regress predict 1650 -m models/regress", 2, "sqft, rooms, district|3 values")],
    # spam
    "S02": [("spam --data bad -n", 3, "line 1.*A.*spam.*ham", "A\thello\nB\tyou\n")],
    "S03": [
        (["spam", "predict", text, "-m", "models/spam"], 0, "no known word|none of")
        for text in ("\U0001f9e0\U0001f9e0", "zyxw vutsr qponm")
    ],
    "S04": [("spam --data bad -n", 3, "0 ham", "".join(f"spam\tbuy {n} now\n" for n in range(30)))],
    "S06": [
        ("spam predict - -m models/spam", 3, "standard input"),
        (["spam", "predict", "-m", "models/spam", "--", "--first"], 0, ""),
    ],
    "S07": [(["spam", "predict", "a" * 100_000, "-m", "models/spam"], 0, "")],
    "S10": [("spam predict hello -m bad", 3, "another version of the tokenizer", other_tokenizer)],
    # fraud
    "F02": [
        ("fraud --data bad -n", 3, 'column "Class": holds only 0', seeds.TRANSACTIONS.replace(",1\n", ",0\n")),
        ("fraud --data bad -n", 3, "0 frauds in the last 20%", EARLY),
    ],
    "F06": [("fraud --data bad -n", 3, 'line 3, column "Time"', seeds.TRANSACTIONS.replace("\n60,", "\n,", 1))],
    "F09": [(f"fraud --class-weight {value} -n", 2, "--class-weight") for value in ("inf", "0", "-1")],
    "F10": [("fraud predict bad -m models/fraud", 3, 'line 2, column "V1"', "Time,V1,Amount\n1,,3\n")],
    # pictures
    "V01": [
        ("convolve bad", 3, "pixels|megapixels", png(30_000, 30_000)),
        ("mnist predict bad -m models/mnist", 3, "pixels|megapixels", png(30_000, 30_000)),
    ],
    "V02": [
        ("convolve bad", 3, "damaged|cannot be read", encoded("PNG")[:-20]),
        ("convolve bad", 3, "text|not a picture", b"no picture at all"),
        ("convolve bad", 3, "empty", b""),
        ("convolve bad", 3, "damaged|no pixels|cannot be read", png(0, 0)),
    ],
    "V05": [
        ("convolve bad", 3, told, content)
        for told, content in (
            ("TIFF", encoded("TIFF")),
            ("PostScript", b"%!PS-Adobe-3.0"),
            ("Photoshop", b"8BPS" + bytes(40)),
        )
    ],
    "V06": [
        *(
            (["convolve", "seven.png", "--kernel", kernel, "-o", "k.png"], 2, "--kernel|kernel")
            for kernel in ("", "1 2; 3", "a b", "nan", "inf 1", ";")
        ),
        (["convolve", "seven.png", "--kernel", "1 2; 3 4", "-o", "k.png"], 0, ""),
    ],
    "V07": [(f"convolve seven.png --stride {value}", 2, "--stride") for value in ("0", "-1", "1.5")],
    "V12": [("convolve seven.png -o seven.png", 2, r"seven\.png")],
    # digits
    "I01": [
        ("mnist --data idx -n", 3, told, {"idx/train-images-idx3-ubyte.gz": content})
        for told, content in (
            ("gzip", gzip.compress(gzip.compress(IMAGES))),
            ("web page", b"<!DOCTYPE html><html></html>"),
            ("labels", LABELS),
        )
    ],
    "I02": [
        ("mnist --data idx -n", 3, told, {"idx/train-images-idx3-ubyte.gz": content})
        for told, content in (
            ("truncated|shorter|expected", IMAGES[:-1]),
            ("more|behind|longer|expected", IMAGES + b"x"),
            ("", struct.pack(">HBB3I", 0, 8, 3, 2**32 - 1, 28, 28)),
            ("", seeds.idx(np.zeros((0, 28, 28), np.uint8))),
            ("", seeds.idx(np.zeros((1, 1, 1, 1, 1), np.uint8))),
            ("29", seeds.idx(np.zeros((40, 29, 28), np.uint8))),
        )
    ],
    "I03": [
        ("mnist --data idx -n", 3, "damaged|truncated|more|cut", {"idx/train-images-idx3-ubyte.gz": content})
        for content in (
            gzip.compress(IMAGES + bytes(50_000_000)),
            gzip.compress(IMAGES)[:-30],
            gzip.compress(IMAGES)[:-8] + bytes(8),
            gzip.compress(IMAGES) + b"garbage",
            gzip.compress(IMAGES) * 2,
        )
    ],
    "I04": [
        ("mnist --data idx -n", 3, "40.*39|39.*40", {"idx/train-labels-idx1-ubyte": seeds.idx(np.zeros(39, np.uint8))}),
        ("mnist --data idx -n", 3, "10", {"idx/train-labels-idx1-ubyte": seeds.idx(np.full(40, 10, np.uint8))}),
    ],
    "I06": [("mnist predict bad -m models/mnist", 3, "no digit found", encoded("PNG"))],
    "I09": [("mnist --batch-size 0 -n", 2, "--batch-size")],
    "I11": [("mnist --hidden 0 -n", 2, "--hidden"), ("mnist --hidden 1000000000 -n", 2, "GB")],
    "I14": [("cnn --filters 1,1,1,1 -n", 2, r"layer \d+ 'conv2d_|conv2d_")],
    # text
    "T01": [
        ("rnn --data bad -n", 3, "too short|is empty|nothing to learn", content)
        for content in ("", "a", "abc", "a" * 5000)
    ],
    "T02": [
        ("rnn --data bad -n", 3, "", bytes(range(256)) * 20),
        ("rnn --data bad -n", 3, "NUL|not.*text", "ab\0c" * 900),
        ("rnn --data bad -n", 0, "", "\ufeff" + seeds.TEXT.replace("\n", "\r\n")),
    ],
    "T04": [
        ("rnn sample --temperature 0 --length 3 -m models/rnn", 0, ""),
        *(
            (f"rnn sample --{name}={value} -m models/rnn", 2, f"{name}.*{re.escape(value)}")
            for name, values in {
                "temperature": ("1e-09", "-1.0", "1e+09", "nan"),
                "top-k": ("0", "-1"),
                "length": ("0", "100000000000"),
            }.items()
            for value in values
        ),
    ],
    "T05": [("rnn sample --prime Z --length 3 -m models/rnn", 3, "Z")],
    "T08": [("rnn --data bad --seq-len 100000 --hidden 4096 -n", 2, "GB", seeds.TEXT * 2000)],
    "T10": [("rnn --data bad -n", 3, "at least", "the cat sat on the mat " * 20)],
    # headers
    "E03": [
        (["export", "models/neuron/model.safetensors", "--name", name, "-n"], 2, "--name|name")
        for name in ("int", "3d", "my-net", "é", "", "a" * 300, "_Bool")
    ],
    # models: the rest of them in tests/core/network
    "M01": [("mnist predict seven.png -m bad", 3, "is empty", b"")],
    "M03": [
        ("mnist predict seven.png -m seven.png", 3, "looks like a PNG picture"),
        ("export houses.csv", 3, "looks like text"),
    ],
    "M24": [("mnist predict seven.png -m models/rnn", 3, "this is an rnn model")],
    "M28": [
        ("mnist predict seven.png -m fifo", 3, "not a regular file"),
        ("convolve fifo", 3, "not a regular file"),
        ("regress --data fifo -n", 3, "not a regular file"),
    ],
    "M30": [
        (["mnist", "predict", "seven.png", "-m", name], 3, told)
        for name, told in (
            ("gone \U0001f9e0", "no such file"),
            ("\udcff", "no such file"),
            ("n" * 300, "too long"),
            ("a\0b", "not a valid path"),
        )
    ],
    # writing
    "W07": [
        ("convolve seven.png -o folder.png", 3, "is a folder"),
        ("export models/neuron -o folder.h", 3, "is a folder"),
        ("regress --data houses.csv -o text.txt", 3, "not a folder"),
    ],
    "W08": [
        ("convolve seven.png -o gone/x.png", 3, "gone does not exist"),
        ("export models/neuron -o gone/x.h", 3, "gone does not exist"),
    ],
    "W09": [
        ("convolve seven.png -o seven.png", 2, "seven"),
        ("mnist --data idx -o idx", 2, "--out idx"),
        (
            "export models/neuron/model.safetensors -o models/neuron/model.safetensors",
            2,
            "model.safetensors",
        ),
    ],
    "W15": [("convolve seven.png -o x.xyz", 2, "xyz"), ("descent --plot x.png.exe", 2, "exe")],
    "W16": [("descent --plot x.png --dpi 1e9", 2, "no option --dpi")],
    "W19": [("spam predict =cmd -m models/spam", 0, "", "")],
    # the process
    "P13": [("neuron --lr 0", 2, "--lr")],
}

# By row: where the test is that holds it, and what its name has in it.
HELD = {
    **dict.fromkeys(("M02", "M04", "M05", "M06", "M07", "M08", "M09"), ("core/network/test_saving.py", "test_refuses")),
    **dict.fromkeys(("M10", "M11", "M12", "M13", "M15", "M16", "M17"), ("core/network/test_saving.py", "test_refuses")),
    **dict.fromkeys(("M20", "M26"), ("core/network/test_saving.py", "test_refuses")),
    "M14": ("core/network/test_saving.py", "test_m14_every_truncation_is_refused"),
    **dict.fromkeys(("M18", "M19"), ("core/network/test_hostile.py", "test_a_model_with_a_flipped_bit")),
    "M21": ("core/model/test_sequential.py", "test_weights_that_overflow_at_first_use_load_and_do_not_predict"),
    **dict.fromkeys(
        ("M22", "M23"), ("core/model/test_sequential.py", "test_a_file_that_describes_no_model_is_refused")
    ),
    "M25": ("core/network/test_hostile.py", "test_every_hostile_file_is_refused"),
    "M29": ("core/network/test_saving.py", "test_m29_a_file_that_changes_while_it_is_loaded_is_refused"),
    "M31": ("core/training/test_checkpoint.py", "test_another_machine_is_told_and_goes_on"),
    "M32": ("cli/test_resume.py", "test_other_data_are_refused"),
    "M33": ("cli/test_resume.py", "test_another_setting_is_refused_by_its_option"),
    "M34": ("cli/test_resume.py", "test_a_finished_run_is_complete_and_nothing_is_written"),
    "M35": ("cli/frame/test_runs.py", "test_m35_the_next_run_sweeps_what_killed_ones_left"),
    **dict.fromkeys(("W01", "W05"), ("core/files/test_writing.py", "test_disk_full_at_every_write")),
    "W02": ("core/files/test_writing.py", "test_w02_disk_full_only_at_close"),
    "W03": ("core/files/test_writing.py", "test_a_fault_at_fsync_is_final"),
    "W04": ("core/files/test_writing.py", "test_w04_a_folder_that_cannot_be_synchronised"),
    "W06": ("core/files/test_writing.py", "test_w06_a_real_read_only_mount"),
    "W10": ("core/files/test_writing.py", "test_w10_a_link_is_written_through"),
    "W11": ("core/files/test_writing.py", "test_w11_an_existing_file_keeps_its_mode"),
    "W12": ("cli/frame/test_run_folder.py", "test_w12_the_second_run_is_refused"),
    "W13": ("core/network/test_saving.py", "test_w13_a_kill_while_saving"),
    "W14": ("core/files/test_writing.py", "test_w14_the_bytes_are_safe_before_the_name"),
    "W17": ("cli/pictures/test_classifier.py", "test_no_display_no_home_and_another_backend"),
    "W18": ("cli/commands/regress/test_command.py", "test_hostile_names_are_drawn_as_they_are"),
    "W20": ("cli/test_streams.py", "test_an_output_that_is_full_is_an_error"),
    "C24": ("core/files/test_text.py", "test_a_file_of_10_gigabytes_is_refused_at_once"),
    "N02": ("tasks/neuron/test_learn.py", "test_rows_that_contradict_each_other_are_named"),
    "N03": ("tasks/neuron/test_learn.py", "test_labels_that_are_not_two_are_listed"),
    "N04": ("tasks/neuron/test_learn.py", "test_a_margin_of_1e_minus_12_is_not_waited_for"),
    "N05": ("tasks/neuron/test_learn.py", "test_huge_numbers_do_not_overflow"),
    "N09": ("tasks/neuron/test_learn.py", "test_a_number_that_is_none_is_named"),
    "R01": ("tasks/regress/test_train.py", "test_scales_that_differ_a_thousandfold"),
    "R03": ("tasks/regress/test_train.py", "test_scaling_cannot_be_forgotten"),
    "R04": ("tasks/regress/test_train.py", "test_whole_numbers_that_overflow_int32"),
    "R05": ("tasks/regress/test_train.py", "test_a_row_far_from_all_others_is_flagged"),
    "R06": ("tasks/regress/test_train.py", "test_a_polynomial_of_degree_twenty_is_solved_and_warned_of"),
    "S01": ("core/text/test_messages.py", "test_the_sms_collection_as_it_is_published"),
    "S05": ("tasks/spam/test_train.py", "test_repeated_texts_never_straddle_the_split"),
    "S08": ("core/text/test_tokens.py", "test_a_forged_word_is_read_as_the_word"),
    "S09": ("core/text/test_bag_of_words.py", "test_too_many_features_are_hashed"),
    "A01": ("core/test_tape.py", "test_a_chain_of_a_million_operations"),
    "A02": ("core/scalar/test_value.py", "test_a_node_used_twice_gets_both_slopes"),
    "A03": ("core/test_tape.py", "test_a_second_backward_is_an_error"),
    "A04": ("core/test_tensor.py", "test_broadcasting_of_every_pair_of_shapes"),
    "A05": ("core/test_tape.py", "test_an_input_that_was_changed_after_use_is_an_error"),
    "A06": ("core/test_tensor.py", "test_documented_slopes_at_kinks"),
    "A07": ("core/test_loss.py", "test_extreme_logits_are_finite"),
    "A08": ("core/test_tensor.py", "test_two_arrays_promote_as_in_numpy"),
    "A09": ("core/test_tensor.py", "test_nan_comes_out_where_it_went_in_and_nowhere_else"),
    "A10": ("core/scalar/test_value.py", "test_a_node_takes_at_most_250_bytes"),
    "A11": ("core/test_gradcheck.py", "test_kinks_are_counted_and_not_compared"),
    "A12": ("core/scalar/test_graph.py", "test_a_graph_of_100_000_nodes_is_cut"),
    "F01": ("tasks/fraud/test_data.py", "test_quoted_classes_and_headers_are_read"),
    "F03": ("tasks/fraud/test_data.py", "test_the_features_are_measured_on_the_training_rows_alone"),
    "F04": ("tasks/fraud/test_data.py", "test_duplicates_across_the_parts_are_counted_and_told"),
    "F05": ("tasks/fraud/test_train.py", "test_the_test_part_decides_neither_weights_nor_threshold"),
    "F07": ("tasks/fraud/test_data.py", "test_amounts_of_any_size_and_sign_become_small_numbers"),
    "F08": ("tasks/fraud/test_train.py", "test_a_dead_network_is_told"),
    "F11": ("tasks/fraud/test_data.py", "test_the_published_size_is_learned_from_in_less_than_a_gigabyte"),
    "F12": ("core/test_metrics.py", "test_the_order_of_the_rows_does_not_matter"),
    "V03": ("core/images/test_load.py", "test_every_mode_ends_in_one_of_four"),
    "V04": ("core/images/test_load.py", "test_a_picture_turned_by_exif_comes_out_upright"),
    "V08": ("tasks/convolve/test_apply.py", "test_nothing_wraps_around"),
    "V09": ("core/images/test_filter.py", "test_memory_stays_near_that_of_picture_and_result"),
    "V10": ("core/images/test_filter.py", "test_it_is_a_correlation"),
    "V11": ("core/images/test_load.py", "test_bad_pictures_are_refused"),
    "I05": ("core/datasets/test_catalog.py", "test_a_test_part_larger_than_the_training_part_is_noted"),
    "I07": ("core/datasets/test_download.py", "test_a_bad_answer_is_an_input_error_and_leaves_nothing_behind"),
    "I08": ("core/datasets/test_download.py", "test_no_home_names_the_variable"),
    "I10": ("cli/test_runs.py", "test_divergence_has_a_code_of_its_own_and_keeps_the_old_model"),
    "I12": ("cli/test_runs.py", "test_a_training_no_better_than_a_constant_answer_keeps_the_model_before"),
    "I13": ("tasks/digits/test_train.py", "test_test_pictures_decide_nothing"),
    "I15": ("core/kernels/test_memory.py", "test_never_more_than_the_limit_is_kept"),
    "T03": ("core/text/test_characters.py", "test_a_text_that_is_too_large_is_never_read"),
    "T06": ("cli/commands/rnn/test_command.py", "test_control_characters_are_shown_on_a_terminal"),
    "T07": ("cli/commands/rnn/test_command.py", "test_a_training_that_blows_up_keeps_the_model_that_was_there"),
    "T09": ("tasks/rnn/test_train.py", "test_measuring_begins_anew_wherever_the_training_is"),
    **dict.fromkeys(
        ("E01", "E02"), ("export/test_hostile_names.py", "test_a_compiler_finds_nothing_in_a_hostile_header")
    ),
    "E04": ("export/test_exporter.py", "test_extreme_weights_survive"),
    "E05": ("export/test_exporter.py", "test_bytes_are_the_same_in_every_process_and_locale"),
    "E06": ("export/network/test_quantize.py", "test_a_dead_channel_is_a_constant"),
    "E07": ("export/test_exporter.py", "test_a_very_large_header_is_told_of"),
    "E08": ("cli/commands/export/test_command.py", "test_an_unsupported_layer_is_named_before_any_file_is_touched"),
    "E09": ("export/network/test_kernels_float.py", "test_random_networks_agree_in_every_bit"),
    "E10": ("export/network/test_kernels_float.py", "test_two_files_can_include_it_and_each_other"),
    "E11": ("export/network/test_kernels_float.py", "test_it_needs_nothing_but_memcpy_and_memset"),
    "E12": ("export/network/test_kernels_float.py", "test_wild_inputs_are_computed_with"),
    "T11": ("cli/test_resume.py", "test_a_stopped_run_says_how_to_go_on_and_goes_on_to_the_same_files"),
    "P01": ("cli/test_resume.py", "test_the_second_signal_ends_at_once"),
    "P02": ("cli/test_streams.py", "test_signals"),
    "P03": ("cli/test_resume.py", "test_a_killed_run_goes_on_to_the_same_files"),
    **{row: ("acceptance/test_faults.py", f"test_{row.lower()}_") for row in ("I16", "P04", "P14", "W21")},
    "P05": ("cli/test_train.py", "test_too_little_memory_is_told_in_two_lines"),
    "P07": ("cli/test_train.py", "test_one_seed_one_document_whatever_the_hash_seed"),
    "P08": ("cli/test_streams.py", "test_ascii"),
    "P09": ("cli/test_train.py", "test_no_escape_and_no_carriage_return_in_a_pipe"),
    "P10": (
        "cli/commands/spam/test_command.py",
        "test_where_nothing_can_be_written_the_answer_comes_all_the_same",
    ),
    "P11": ("cli/test_streams.py", "test_an_interrupt_that_is_ignored_from_the_start_stays_ignored"),
}
ALL = {
    *(f"M{number:02}" for number in range(1, 36) if number != 27),
    *(f"W{number:02}" for number in range(1, 22)),
    *(f"C{number:02}" for number in range(1, 29)),
    *(f"N{number:02}" for number in range(1, 10)),
    *(f"D{number:02}" for number in range(1, 16) if number != 14),
    *(f"R{number:02}" for number in range(1, 13)),
    *(f"S{number:02}" for number in range(1, 11)),
    *(f"A{number:02}" for number in range(1, 13)),
    *(f"F{number:02}" for number in range(1, 13)),
    *(f"V{number:02}" for number in range(1, 13)),
    *(f"I{number:02}" for number in range(1, 17)),
    *(f"T{number:02}" for number in range(1, 12)),
    *(f"E{number:02}" for number in range(1, 13)),
    *(f"P{number:02}" for number in (1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 13, 14)),
}


def test_every_row_is_held():
    assert CASES.keys() | HELD.keys() == ALL
    gone = {row for row, (file, name) in HELD.items() if f"def {name}" not in (ROOT / "tests" / file).read_text()}
    assert not gone


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Good files of every kind, and a model of every noun in a folder of its own."""
    folder = tmp_path_factory.mktemp("faults")
    seeds.write_inputs(folder)
    (folder / "models").mkdir()
    for kind, path in seeds.write_models(folder / "models", folder).items():
        (folder / "models" / kind).mkdir()
        path.rename(folder / "models" / kind / "model.safetensors")
    os.mkfifo(folder / "fifo")
    (folder / "folder.png").mkdir()
    (folder / "folder.h").mkdir()
    return folder


@pytest.mark.parametrize(("row", "case"), [(row, case) for row, cases in CASES.items() for case in cases])
def test_row(folder, monkeypatch, row, case):
    words, code, told, *content = case
    monkeypatch.chdir(folder)
    monkeypatch.setenv("BRAINBOX_OUT", "brainbox-out")  # also where a command of this process was built before
    stdin, changed = b"", {}
    for given in content:
        given = given() if callable(given) else given.encode() if isinstance(given, str) else given
        files = given if isinstance(given, dict) else {"bad": given}
        for name, data in files.items():
            changed[name] = Path(name).read_bytes() if Path(name).exists() else None
            Path(name).write_bytes(data)
    before = command.state(folder)
    try:
        ended = command.judged(words if isinstance(words, list) else shlex.split(words), stdin, says_nan=True)
        after = command.state(folder)
    finally:
        for name, data in changed.items():
            Path(name).unlink() if data is None else Path(name).write_bytes(data)
    assert (ended.code, bool(re.search(told, ended.err + ended.out.decode(errors="replace")))) == (code, True), (
        ended.err
    )
    assert {path: after.get(path) for path in before} == before
    assert not [path for path in after if ".tmp-" in path]
    if code not in (0, 5):
        assert ended.err.count("error: ") == 1


# What takes a process of its own, or none


def test_w21_no_clock_is_read_that_can_be_set():
    for path in [*(ROOT / "brainbox_core").rglob("*.py"), *(ROOT / "brainbox_cli").rglob("*.py")]:
        assert not re.search(r"\btime\.time\(|\.now\(|\.today\(|\blocaltime\(", path.read_text()), path


def test_p14_a_warning_fails_the_tests(pytestconfig):
    assert "error" in pytestconfig.getini("filterwarnings")


@pytest.mark.parametrize("threads", ["0", "64"])
def test_i16_any_number_of_threads(folder, tmp_path, threads):
    done = brainbox("regress", "--data", folder / "houses.csv", "-q", cwd=tmp_path, OPENBLAS_NUM_THREADS=threads)
    assert (done.returncode, done.stderr) == (0, "")


def test_p04_a_pause_changes_nothing(tmp_path):
    process = start("mnist", "--epochs", "3", "--limit", "1000", cwd=tmp_path)
    process.stdout.readline()
    process.send_signal(signal.SIGSTOP)
    time.sleep(0.5)
    process.send_signal(signal.SIGCONT)
    _, told = process.communicate(timeout=60)
    assert (process.returncode, told) == (0, "")
