import io
import os
import re
import time
from contextlib import suppress

import pytest

from brainbox_core.screen import screen as module
from brainbox_core.screen.screen import Screen
from tests.core.screen.terminal import Terminal

ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@pytest.mark.parametrize("stream", [io.StringIO, Terminal])
def test_text_is_never_markup_and_never_controls_the_terminal(stream):
    screen = Screen(stream())
    screen.print("[bold]x[/bold] :smile: \x1b[2J\r\x07\u202e", ("[red]", "bold"))
    text = screen.stream.getvalue()
    assert "[bold]x[/bold] :smile: \\x1b[2J\\r\\x07\\u202e" in text and "[red]" in text
    assert "\x1b[2J" not in text and "\r" not in text and "\u202e" not in text


def test_colours_follow_the_environment(monkeypatch):
    assert Screen(Terminal()).colour and not Screen(io.StringIO()).colour
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert Screen(io.StringIO()).colour and not Screen(io.StringIO()).animated
    monkeypatch.setenv("NO_COLOR", "1")
    assert not Screen(Terminal()).colour and Screen(Terminal()).animated
    monkeypatch.setenv("TERM", "dumb")
    assert not Screen(Terminal()).animated


@pytest.mark.parametrize("width", range(1, 90))
def test_a_gauge_never_exceeds_the_terminal_and_loses_whole_parts(width, monkeypatch):
    monkeypatch.setattr(Screen, "width", width)
    screen = Screen(Terminal())
    screen.show_gauge("epoch 2/5", 88, 141, "loss 0.2017", "120 batches/s", left=62.4)
    text = ESCAPE.sub("", screen.stream.getvalue())
    assert "\n" not in text and len(text) < max(width, 2)
    words = {"epoch", "2/5", "88/141", "loss", "0.2017", "120", "batches/s", "0:01:02", "left"}
    assert {word for word in text.split() if set(word) != {"━"}} <= words


def test_other_long_work_shows_where_it_is(monkeypatch):
    clock = iter(float(second) for second in range(100))
    monkeypatch.setattr(time, "perf_counter", lambda: next(clock))
    terminal, file = Screen(Terminal()), Screen(io.StringIO())
    with terminal.working("downloading mnist") as report:
        report(25, 100)
    assert "25/100" in terminal.stream.getvalue() and terminal.stream.getvalue().endswith("\x1b[2K")
    with file.working("downloading mnist") as report:
        for done in range(0, 100, 5):
            report(done, 100)
    lines = file.stream.getvalue().splitlines()
    assert 1 <= len(lines) <= 5  # one in four seconds
    assert all(line.startswith("downloading mnist: ") and line.endswith("%") for line in lines)


@pytest.mark.parametrize("stream", [io.StringIO, Terminal])
def test_work_that_says_nothing_is_not_silent(stream, monkeypatch):
    monkeypatch.setattr(module, "TICK", 0.01)
    monkeypatch.setattr(module, "REPORT", 0.2)
    shown = Screen(stream())
    with shown.working("compiling") as work:
        time.sleep(1.2)
        work.begin("measuring")
        time.sleep(0.7)
    text = shown.stream.getvalue()
    time.sleep(0.3)
    assert shown.stream.getvalue() == text  # nothing moves on afterwards
    if shown.animated:
        assert "compiling ...  0:00:01" in text.replace("\x1b[1m", "").replace("\x1b[0m", "")
        assert "measuring" in text.rpartition("compiling")[2]
        assert text.endswith("\x1b[2K")
    else:
        lines = text.splitlines()
        assert {line.partition(": ")[0] for line in lines} == {"compiling", "measuring"}
        assert lines == sorted(lines) and len(lines) <= 9  # 0 s, 1 s


def test_work_ends_quietly_when_nobody_sees_its_line(monkeypatch):
    monkeypatch.setattr(module, "TICK", 0.01)
    monkeypatch.setattr(module, "REPORT", 0.0)
    reader, writer = os.pipe()
    os.close(reader)
    with suppress(BrokenPipeError), os.fdopen(writer, "w") as stream, Screen(stream).working("drawing"):
        time.sleep(0.1)  # a thread that failed would be reported by pytest


def test_the_live_line_goes_when_the_work_fails():
    screen = Screen(Terminal())
    with pytest.raises(ZeroDivisionError), screen.working("loading"):
        raise ZeroDivisionError
    assert screen.stream.getvalue().endswith("\x1b[1A\x1b[2K")


def test_a_closed_pipe_stays_a_closed_pipe_in_colour(monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    reader, writer = os.pipe()
    os.close(reader)
    stream = os.fdopen(writer, "w")
    with pytest.raises(BrokenPipeError):
        Screen(stream).print("x")
    with pytest.raises(BrokenPipeError):
        stream.close()
