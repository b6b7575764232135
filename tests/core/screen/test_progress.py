import io
import os
import time

import pytest

from brainbox_core.screen.progress import Progress, Screen


class Terminal(io.StringIO):
    """A terminal without a size, in a chosen encoding."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch):
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


def epoch(number: int, **metrics: float) -> dict:
    return {"epoch": number, **metrics, "lr": 0.001, "time_s": 0.6}


def train(stream, *epochs: dict) -> str:
    progress = Progress(stream)
    progress.on_train_begin(None, {"epochs": len(epochs), "batches": 10, "epoch": 0})
    for logs in epochs:
        progress.on_epoch_end(None, logs)
    progress.on_train_end(None, {})
    return stream.getvalue()


def test_rows_in_a_file_are_plain_and_aligned():
    text = train(
        io.StringIO(),
        epoch(1, train_loss=0.5127, val_loss=0.312, val_accuracy=0.912),
        epoch(2, train_loss=123456.0, val_loss=2e-9, val_accuracy=1.0),
    )
    head, *rows = text.splitlines()
    assert head.split() == ["epoch", "train_loss", "val_loss", "val_acc", "lr", "time"]
    assert [len(row) for row in rows] == [len(head)] * 2
    assert rows[1].split() == ["2", "1.23e+05", "0.0000", "100.00%", "0.0010", "0.6s"]


def test_whatever_metrics_there_are_become_columns():
    text = train(io.StringIO(), epoch(1, train_loss=1.0, val_bits_per_char=2.5, val_note="text"))
    assert text.splitlines()[0].split() == ["epoch", "train_loss", "val_bits_per_char", "lr", "time"]


def test_the_best_value_is_highlighted_and_arrows_show_the_way():
    text = train(
        Terminal(),
        epoch(1, val_loss=0.5, val_accuracy=0.8),
        epoch(2, val_loss=0.6, val_accuracy=0.9),
        epoch(3, val_loss=0.7, val_accuracy=0.7),
    )
    green = "\x1b[1;32m"
    assert [line.count(green) for line in text.splitlines() if "0.6s" in line] == [2, 1, 0]
    assert "↑" in text and "↓" in text


def test_one_output_per_fifth_of_a_second_however_many_batches():
    stream = Terminal()
    progress = Progress(stream)
    progress.on_train_begin(None, {"epochs": 1, "batches": 2000, "epoch": 0})
    begin = time.process_time()
    for batch in range(1, 2001):
        logs = {"epoch": 1, "batch": batch, "batches": 2000, "step": batch, "train_loss": 0.5, "lr": 0.001}
        progress.on_batch_end(None, logs)
    spent = time.process_time() - begin
    progress.on_train_end(None, {})
    assert stream.getvalue().count("epoch 1/1") < 10
    assert spent < 0.2  # 0.1 ms a batch would be a fifth of a small network's step


def test_the_live_line_goes_and_the_cursor_comes_back_when_training_fails():
    stream = Terminal()
    progress = Progress(stream)
    progress.on_train_begin(None, {"epochs": 2, "batches": 10, "epoch": 0})
    progress.on_train_end(None, {})
    progress.on_train_end(None, {})
    assert stream.getvalue().endswith("\x1b[1A\x1b[2K")
    assert stream.getvalue().count("\x1b[?25l") == stream.getvalue().count("\x1b[?25h") == 1


def test_an_end_without_a_begin_is_no_second_error():
    Progress(io.StringIO()).on_train_end(None, {})


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


def test_unicode_follows_the_encoding():
    class Old(Terminal):
        encoding = "ascii"

    assert Screen(Terminal()).unicode and not Screen(Old()).unicode
    assert train(Old(), epoch(1, val_loss=0.5), epoch(2, val_loss=0.4)).isascii()


@pytest.mark.parametrize("width", range(1, 90))
def test_a_gauge_never_exceeds_the_terminal_and_loses_whole_parts(width, monkeypatch):
    monkeypatch.setattr(Screen, "width", width)
    parts = Screen(Terminal()).gauge("epoch 2/5", 88, 141, "loss 0.2017", "120 batches/s", left=62.4)
    text = "".join(part if isinstance(part, str) else part[0] for part in parts)
    assert len(text) < width or not text
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
    assert 1 <= len(lines) <= 3  # one in ten seconds
    assert all(line.startswith("downloading mnist: ") and line.endswith("%") for line in lines)


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


@pytest.mark.parametrize("name", ["val_loss", "rmse", "val_bits_per_char"])
def test_an_arrow_down_is_good_news_for_an_error(name):
    text = train(Terminal(), epoch(1, **{f"val_{name}": 0.5}), epoch(2, **{f"val_{name}": 0.4}))
    assert "\x1b[32m ↓" in text


def test_it_is_one_of_the_callbacks():
    from braininabox import callbacks

    assert callbacks.Progress is Progress
    assert issubclass(Progress, callbacks.Callback)
    with pytest.raises(AttributeError):
        callbacks.Progres  # noqa: B018


def test_a_failed_epoch_is_marked_behind_its_row(monkeypatch):
    logs = {"train_loss": 0.5, "val_accuracy": 0.99}
    epochs = epoch(1, **logs, failed=True), epoch(2, **logs, failed=False)
    head, failed, good = train(io.StringIO(), *epochs).splitlines()
    assert failed == good.replace("2", "1", 1) + "  failed" and "failed" not in head + good
    monkeypatch.setattr(Screen, "width", 40)
    for line in train(io.StringIO(), *epochs).splitlines():
        assert len(line) <= 40  # columns make room for the mark
