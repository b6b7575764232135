import io
import os
import re
import subprocess
import zlib

import numpy as np
import pytest
from PIL import Image

from brainbox_cli.commands.convolve.command import BUILT_IN
from brainbox_cli.frame.reporter import Reporter
from brainbox_cli.pictures.preview import preview, side_by_side
from brainbox_cli.program import invoke
from brainbox_core.datasets.catalog import builtin
from brainbox_core.errors import BrainboxError
from brainbox_core.images.filter import correlate
from brainbox_core.screen.screen import Screen
from brainbox_core.tasks.convolve.apply import PICTURES
from brainbox_core.tasks.convolve.kernels import NAMED
from tests import memory
from tests.cli.shell import COMMAND, brainbox, document, environment, in_terminal, python, screen
from tests.realdata import real_data

OUTPUT = "brainbox-out/convolve/output.png"
HEADER = "convolve: bricks (built in) | vertical-edge 3x3 | same padding, reflect border, stride 1"


@pytest.fixture
def run(tmp_path, monkeypatch, capfd):
    """The code and the document of a run in this process, which is much faster than a process of its own."""
    monkeypatch.chdir(tmp_path)

    def in_process(*words: object) -> tuple[int, dict]:
        reporter = Reporter(["convolve", *map(str, words)])
        try:
            code = invoke(reporter.document.fields["argv"], reporter)
        except BrainboxError as error:
            code = reporter.fail(error)
        reporter.finish(code)
        return code, document(reporter.document.text())

    return in_process


def pixels(path):
    with Image.open(path) as image:
        return np.asarray(image)


def wall():
    return pixels(builtin("pictures") / "bricks.png")


def test_the_shape_of_a_run(tmp_path):
    done = brainbox("convolve", cwd=tmp_path)
    assert done.returncode == 0 and done.stderr == ""
    assert done.stdout.splitlines() == [
        HEADER,
        "  -1 0 1",
        "  -1 0 1",
        "  -1 0 1",
        "kernel     right minus left: edges that run up and down; the weights add up to 0, "
        "so even surfaces become black",
        "result 300x196 in colour, values from -461 to 459",
        "negative   79,564 of 176,400 values (45.1%) below 0 shown by their size, without the sign",
        "clipped    6,139 of 176,400 values (3.5%) above 255 set to 255",
        f"saved      {OUTPUT}",
        "next       brainbox convolve portrait --kernel outline",
        "reproduce  brainbox convolve --seed 0",
    ]
    assert {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.*g")} == {OUTPUT}
    expected = np.abs(correlate(wall(), np.array([[-1, 0, 1]] * 3), border="reflect")).clip(0, 255)
    assert (pixels(tmp_path / OUTPUT) == expected).all()


def test_the_built_in_pictures_are_those_of_the_task():
    assert BUILT_IN == PICTURES


def test_the_help_needs_no_numpy(tmp_path):
    program = """
import atexit, sys
sys.argv = ["brainbox", "convolve", "--help"]
atexit.register(lambda: print("LOADED", *sorted(sys.modules), file=sys.stderr))
from brainbox_cli.app import main
main()
"""
    done = python("-c", program, cwd=tmp_path)
    assert "--kernel" in done.stdout and "emboss" in done.stdout
    loaded = done.stderr.rsplit("LOADED", 1)[1].split()
    assert not {name.split(".")[0] for name in loaded} & {"numpy", "PIL", "matplotlib"}


@pytest.mark.parametrize("name", NAMED)
def test_every_kernel_runs_on_every_border(name, run, tmp_path):
    for border in ("constant", "reflect", "edge"):
        code, fields = run("portrait", "--kernel", name, "--border", border, "--gray", "-o", f"{border}.png")
        assert code == 0
        assert fields["result"]["kernel"]["name"] == name
        assert fields["result"]["shape"] == [256, 208]
        assert pixels(tmp_path / f"{border}.png").shape == (256, 208)
    code, fields = run("portrait", "--kernel", name, "--padding", "valid", "--stride", "2")
    size = len(fields["result"]["kernel"]["weights"])
    assert fields["result"]["shape"] == [-(-(257 - size) // 2), -(-(209 - size) // 2), 3]


def test_the_document(run):
    code, fields = run("portrait", "--kernel", "0 1; 2 3.5", "--explain", "3,4", "--gray")
    assert (code, fields["seed"], fields["artifacts"]) == (0, 0, {"out": OUTPUT})
    assert fields["data"]["source"] == "portrait"
    assert fields["config"]["kernel"] == "0 1; 2 3.5"
    result = fields["result"]
    assert result["kernel"] == {"name": None, "weights": [[0, 1], [2, 3.5]]}
    assert (result["output"], result["shape"]) == (OUTPUT, [256, 208])
    [step] = result["explain"]["steps"]
    total = (np.array(step["window"]) * result["kernel"]["weights"]).sum()
    assert step["sum"] == pytest.approx(total) and step["pixel"] == min(255, round(total))
    assert result["clipped_high"] > 0
    code, fields = run("--list")
    assert [kernel["name"] for kernel in fields["result"]["kernels"]] == list(NAMED)


def test_flip_shows_and_uses_the_turned_kernel(run, capfd, tmp_path):
    run("--kernel", "1 2; 3 4/5", "-o", "a.png")
    _, fields = run("--kernel", "1 2; 3 4/5", "--flip", "-o", "b.png")
    text = capfd.readouterr().out
    assert "turned by 180 degrees" in text
    assert "  4/5 3\n    2 1\n" in text
    assert fields["result"]["kernel"]["weights"] == [[0.8, 3], [2, 1]]
    assert (pixels(tmp_path / "a.png") != pixels(tmp_path / "b.png")).any()


def test_a_pixel_explained(run, capfd):
    run("bricks", "--kernel", "sharpen", "--explain", "0,0", "--gray", "--border", "edge")
    out = capfd.readouterr().out
    gray = np.asarray(Image.fromarray(wall()).convert("L")).astype(int)
    a, right, below = gray[0, 0], gray[0, 1], gray[1, 0]
    lines = [line.split() for line in out.splitlines()]
    assert ["window", "times", "is"] in lines
    middle = lines[lines.index(["window", "times", "is"]) + 2]
    assert middle == [str(n) for n in (a, a, right, -1, 5, -1, -a, 5 * a, -right)]
    total = 3 * a - right - below
    assert f"pixel 0,0: the 9 products add up to {total}, which is shown as {total}" in out


def test_an_explanation_says_what_became_of_the_sum(run, capfd, tmp_path):
    Image.fromarray(np.array([[0, 200]], np.uint8)).save(tmp_path / "a.png")
    run("a.png", "--kernel", "3", "--explain", "1,0")
    assert "add up to 600, which is shown as 255, the nearest that a pixel can be" in capfd.readouterr().out
    run("a.png", "--kernel", "-1", "--explain", "1,0")
    assert "add up to -200, which is shown as 0, the nearest that a pixel can be" in capfd.readouterr().out
    run("a.png", "--kernel", "1 -1", "--explain", "1,0")
    assert "add up to -200, which is shown as 200, without its sign\n" in capfd.readouterr().out
    assert run("a.png", "--kernel", ";".join(["1 " * 12] * 12), "--explain", "1,0")[0] == 0
    out = capfd.readouterr().out
    assert "the 144 products add up to" in out and "window" not in out
    assert "  1 1 1 1 1 1 1 1 1 ...\n" in out and "  ...\n" in out


def test_a_narrow_terminal_gets_the_blocks_below_each_other(tmp_path):
    words = ("convolve", "--kernel", "gaussian", "--explain", "9,9", "--gray")
    _, wide = in_terminal(*words, cwd=tmp_path, columns=120, NO_COLOR="1")
    _, narrow = in_terminal(*words, cwd=tmp_path, columns=50, NO_COLOR="1")
    assert "window" in wide and any("window" in line and "times" in line for line in wide.splitlines())
    lines = [line.strip() for line in screen(narrow)]
    assert lines.index("window") < lines.index("times") < lines.index("is")


# Files


@pytest.mark.parametrize("suffix", ["png", "PNG", "jpg", "jpeg", "bmp", "webp"])
def test_formats_of_the_output(suffix, run, tmp_path):
    assert run("--kernel", "blur", "-o", f"a.{suffix}")[0] == 0
    with Image.open(tmp_path / f"a.{suffix}") as image:
        assert image.format == {"jpg": "JPEG"}.get(suffix.lower(), suffix.upper())
        assert image.size == (300, 196)


def test_pipes_in_and_out(tmp_path):
    content = (builtin("pictures") / "portrait.png").read_bytes()
    done = subprocess.run(
        [*COMMAND, "convolve", "-", "-o", "-", "--kernel", "identity"],
        input=content,
        capture_output=True,
        cwd=tmp_path,
        env=environment(),
        check=True,
    )
    with Image.open(io.BytesIO(done.stdout)) as image:
        assert image.format == "PNG"
        assert (np.asarray(image) == pixels(builtin("pictures") / "portrait.png")).all()
    assert b"convolve: standard input | identity 3x3" in done.stderr
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize("content", [b"", b"hello", b"%PDF-1.5"])
def test_no_picture_on_standard_input(content, tmp_path):
    done = brainbox("convolve", "-", cwd=tmp_path, stdin=content)
    assert done.returncode == 3
    assert done.stderr.startswith("error: standard input: ") and len(done.stderr.splitlines()) == 2
    assert not os.listdir(tmp_path)


def test_the_picture_that_is_read_is_not_written_over(run, tmp_path):
    Image.fromarray(wall()).save(tmp_path / "a.png")
    content = (tmp_path / "a.png").read_bytes()
    (tmp_path / "link.png").symlink_to("a.png")
    os.link(tmp_path / "a.png", tmp_path / "hard.png")
    for source, out in (
        ("a.png", "a.png"),
        ("a.png", tmp_path / "a.png"),
        ("link.png", "a.png"),
        ("a.png", "hard.png"),
    ):
        code, fields = run(source, "-o", out)
        assert code == 2 and "is the picture that is read" in fields["error"]["message"]
    code, fields = run("a.png", "--plot", "./a.png")
    assert code == 2 and fields["error"]["message"].startswith("--plot")
    assert (tmp_path / "a.png").read_bytes() == content
    assert sorted(os.listdir(tmp_path)) == ["a.png", "hard.png", "link.png"]
    assert run("a.png", "-o", "b.png")[0] == 0


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["-o", "a.xyz"], 2, "--out: expected a file name that ends in .png, .jpg, .jpeg, .bmp or .webp, got a.xyz"),
        (["-o", "a.png.exe"], 2, "--out: expected a file name"),
        (["-o", "out"], 2, "--out: expected a file name"),
        (["-o", ""], 2, "--out: expected a file name"),
        (["-o", "missing/a.png"], 3, "missing/a.png: folder .*missing does not exist"),
        (["-o", "folder.png"], 3, "folder.png: is a folder, not a file"),
        (["-o", "text.png/a.png"], 3, "text.png/a.png: "),
        (["--plot", "a.jpg"], 2, "--plot: expected a file name that ends in .png"),
        (["--plot", OUTPUT], 2, "names the same file as --out"),
        (["-o", "-", "--json"], 2, "standard output already belongs to --json"),
        (["--kernel", "1 2;3"], 2, "kernel row 2: rows differ in length"),
        (["--kernel", "sharpn"], 2, 'there is no kernel "sharpn"'),
        (["--kernel", ""], 2, "kernel row 1: there is no number"),
        (["--kernel", "nan nan"], 2, "there is no kernel"),
        (["--kernel", "1 inf"], 2, '"inf" is not a number'),
        (["--padding", "full"], 2, "--padding: expected same or valid, got full"),
        (["--border", "wrap"], 2, "--border: expected constant, reflect or edge"),
        (["--stride", "0"], 2, "--stride: expected a whole number from 1"),
        (["--stride", "-1"], 2, "--stride"),
        (["--stride", "99999"], 2, "--stride"),
        (["--explain", "5"], 2, "--explain: expected column and row"),
        (["--explain", "-1,0"], 2, "--explain: expected column and row"),
        (["--explain", "1,2,3"], 2, "--explain: expected column and row"),
        (["--explain", "300,0"], 2, "--explain 300,0: is outside of the result: expected x from 0 to 299"),
        (["--explain", "٣,1"], 2, "--explain: expected column and row"),
        (["--padding", "valid", "--kernel", ";".join("1" * 101) + ";", "tiny.png"], 2, "is larger than the picture"),
        (["bricks", "--image", "portrait"], 2, "--image: one picture at a time"),
        (["bricks", "portrait"], 2, ""),
        (["nope.png"], 3, "nope.png: no such file"),
        ([""], 3, ""),
        (["folder.png"], 3, "folder.png: is a folder, not a file"),
        (["text.png"], 3, "text.png: is not a picture"),
        (["bomb.png"], 3, "bomb.png: the picture has .*pixels: expected at most 32 million"),
        (["a\x1b[31m\n.png"], 3, r"a\\x1b\[31m\\n.png: no such file"),
        (["--fail-under", "1"], 2, "there is no option"),
    ],
    ids=lambda value: " ".join(map(repr, value))[:60] if isinstance(value, list) else None,
)
def test_rubbish_is_refused_and_nothing_written(words, code, message, run, tmp_path):
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "text.png").write_text("hello")
    Image.new("L", (3, 3)).save(tmp_path / "tiny.png")
    header = b"IHDR" + (30_000).to_bytes(4, "big") * 2 + bytes([8, 0, 0, 0, 0])
    (tmp_path / "bomb.png").write_bytes(
        b"\x89PNG\r\n\x1a\n\0\0\0\x0d" + header + zlib.crc32(header).to_bytes(4, "big") + b"\0\0\0\0IEND\xaeB`\x82"
    )
    before = sorted(os.listdir(tmp_path))
    got, fields = run(*words)
    assert got == code
    assert re.search(message, fields["error"]["message"])
    assert fields["error"]["hint"]
    assert sorted(os.listdir(tmp_path)) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_found_before_any_work(run, tmp_path):
    tmp_path.chmod(0o500)
    code, fields = run("nope.png")
    assert code == 3 and "output.png" in fields["error"]["message"]


def test_a_list_needs_no_place_to_write(run, tmp_path):
    (tmp_path / OUTPUT).mkdir(parents=True)
    assert run("--list")[0] == 0
    assert run()[0] == 3


def test_a_plot(run, tmp_path):
    code, fields = run("portrait", "--kernel", "emboss", "--plot", "p.png", "-o", "o.png")
    assert code == 0 and fields["artifacts"] == {"out": "o.png", "plot": "p.png"}
    drawn = pixels(tmp_path / "p.png")
    assert drawn.shape[1] > 1000 and len(np.unique(drawn.reshape(-1, drawn.shape[2]), axis=0)) > 1000
    assert run("--plot")[1]["artifacts"] == {"out": OUTPUT, "plot": "brainbox-out/convolve/convolve.png"}


def test_a_photo(run, tmp_path):
    photo = real_data("photos/coins.png")
    code, fields = run(photo, "--kernel", "edge-detect")
    assert code == 0 and fields["result"]["shape"] == list(pixels(photo).shape)


def test_transparency_is_told(run, tmp_path, capfd):
    Image.new("RGBA", (5, 5), (0, 0, 0, 0)).save(tmp_path / "a.png")
    assert run("a.png", "--kernel", "identity")[0] == 0
    assert "note: transparent parts are laid on white" in capfd.readouterr().err
    assert (pixels(tmp_path / OUTPUT) == 255).all()


# On the screen


def test_the_list_off_a_terminal_is_plain_and_fits(tmp_path):
    done = brainbox("convolve", "--list", cwd=tmp_path, PYTHONUTF8="0", PYTHONIOENCODING="ascii")
    assert done.returncode == 0 and not os.listdir(tmp_path)
    assert "\x1b" not in done.stdout and done.stdout.isascii()
    pictures = done.stdout[: done.stdout.index('"')]
    assert max(map(len, pictures.splitlines())) <= 80
    for name, (matrix, about) in NAMED.items():
        assert f"{name:<16}{about}" in done.stdout and f'"{matrix}"' in done.stdout


@pytest.mark.parametrize("colour", [True, False])
def test_a_terminal_shows_before_and_after(colour, tmp_path):
    code, text = in_terminal(
        "convolve", cwd=tmp_path, columns=70, COLORTERM="truecolor", **({} if colour else {"NO_COLOR": "1"})
    )
    assert code == 0
    assert any("before" in line and "after" in line for line in text.splitlines())
    assert ("▀" in text and "38;2;" in text) == colour
    plain = [line for line in text.splitlines() if "\x1b" not in line]
    assert max(map(len, plain)) <= 70


def test_colours_without_unicode_are_shades(tmp_path):
    env = {"PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii", "COLORTERM": "truecolor"}
    code, text = in_terminal("convolve", cwd=tmp_path, **env)
    assert code == 0 and text.isascii() and "\\u2580" not in text and "=====" in text


def test_no_preview_in_a_pipe_and_when_quiet(tmp_path):
    assert "before" not in brainbox("convolve", cwd=tmp_path, FORCE_COLOR="1").stdout
    code, text = in_terminal("convolve", "--quiet", cwd=tmp_path)
    assert code == 0 and "before" not in text and text.count("\n") == 1


def test_a_picture_is_nothing_for_a_terminal(tmp_path):
    code, text = in_terminal("convolve", "-o", "-", cwd=tmp_path)
    assert code == 2 and "a picture is nothing for a terminal" in text and "PNG" not in text


def test_previews_of_any_size_fit():
    ascii_screen = Screen(io.TextIOWrapper(io.BytesIO(), "ascii"))
    for height, width in ((1, 1), (1, 500), (500, 1), (3, 4), (1000, 700)):
        for shape in ((height, width), (height, width, 3)):
            lines = preview(np.full(shape, 255, np.uint8), 20, 10, ascii_screen)
            texts = ["".join(text for text, _ in line) for line in lines]
            assert 1 <= len(texts) <= 10 and 1 <= len(texts[0]) <= 20
            assert set("".join(texts)) == {"@"}
    beside = side_by_side([("long name", [[("ab", "")]]), ("x", [[("c", "")], [("d", "")]])])
    assert ["".join(text for text, _ in line) for line in beside] == ["long name  x", "ab         c", "           d"]


PEAK = """
import sys
from brainbox_cli import app
from tests.memory import peak
code = app._run(sys.argv[1:])
print(peak(), file=sys.stderr)
sys.exit(code)
"""
MODES = {"L": 1, "RGB": 3, "RGBA": 4, "LA": 2, "P": 3, "I;16": 2}  # bytes of a pixel


@pytest.mark.skipif(not memory.MEASURABLE, reason=memory.REASON)
@pytest.mark.parametrize("options", [[], ["--plot"], ["--kernel", ";".join([" ".join("12345")] * 4 + ["1 0 2 0 9"])]])
def test_memory_stays_below_six_times_the_picture(options, tmp_path):
    """Read, filtered and written, beside what Python, the libraries and a plot of full size take."""

    def taken(size: int, mode: str) -> int:
        pixels = Image.linear_gradient("L").resize((size, size))
        picture = Image.fromarray(np.array(pixels, np.uint16) * 257) if mode == "I;16" else pixels.convert(mode)
        picture.save(tmp_path / "picture.png", compress_level=1)
        words = ["convolve", "picture.png", "--force", "-q", "-o", "out.bmp", *options]
        done = python("-c", PEAK, *words, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        return int(done.stderr.split()[-1])

    small = 700 if options == ["--plot"] else 30  # a plot shows at most 700 pixels of a side
    for mode, size in MODES.items():
        assert taken(3000, mode) - taken(small, mode) < 6 * (3000**2 - small**2) * size, mode
