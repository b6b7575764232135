import io
import re
import time

import pytest

from brainbox_core.screen.screen import Screen
from brainbox_core.training.progress import Progress
from tests.core.screen.terminal import Terminal


def epoch(number: int, **metrics: float) -> dict:
    return {"epoch": number, **metrics, "lr": 0.001, "time_s": 0.6}


def train(stream, *epochs: dict, live: bool = True) -> str:
    progress = Progress(stream, live)
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


def test_unicode_follows_the_encoding():
    class Old(Terminal):
        encoding = "ascii"

    assert Screen(Terminal()).unicode and not Screen(Old()).unicode
    assert train(Old(), epoch(1, val_loss=0.5), epoch(2, val_loss=0.4)).isascii()


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


FRAUD = {"train_loss": 0.5, "val_loss": 0.4, "val_accuracy": 0.99, "val_recall": 0.5, "val_average_precision": 0.75}


@pytest.mark.parametrize(
    ("width", "titles"),
    [
        (5, ["epoch"]),  # nothing else fits
        (12, ["val_AP"]),
        (20, ["val_AP"]),
        (25, ["epoch", "val_AP"]),
        (40, ["epoch", "val_recall", "val_AP"]),
        (50, ["epoch", "val_acc", "val_recall", "val_AP"]),
        (80, ["epoch", "train_loss", "val_loss", "val_acc", "val_recall", "val_AP", "time"]),
        (120, ["epoch", "train_loss", "val_loss", "val_acc", "val_recall", "val_AP", "lr", "time"]),
    ],
)
def test_narrow_terminals_keep_the_main_figure_and_its_trend(width, titles, monkeypatch):
    monkeypatch.setattr(Screen, "width", width)
    better = {**FRAUD, "val_average_precision": 0.8}
    text = train(Terminal(), epoch(1, **FRAUD, failed=True), epoch(2, **better, failed=False), live=False)
    lines = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text).splitlines()
    assert lines[0].split() == titles
    rows = lines[2:]
    assert len(rows) == 2 and all(len(line) <= max(width, 20) for line in rows)
    assert ("↑" in rows[1] and "0.8000 ↑" in rows[1]) is (width > 5)


def test_a_number_wider_than_its_column_is_not_cut(monkeypatch):
    monkeypatch.setattr(Screen, "width", 30)
    for stream in (Terminal(), io.StringIO()):
        text = train(stream, epoch(1, val_steps=5), epoch(2, val_steps=123_456_789_012))
        assert "123,456,789,012" in text


@pytest.mark.parametrize("width", [40, 50, 80, 120])
def test_the_width_makes_no_difference_in_a_pipe(width, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(width))
    text = train(io.StringIO(), epoch(1, **FRAUD), epoch(2, **FRAUD))
    assert "\x1b" not in text and "\r" not in text
    assert len({len(line) for line in text.splitlines()}) == 1
    assert text.split()[:8] == ["epoch", "train_loss", "val_loss", "val_acc", "val_recall", "val_AP", "lr", "time"]
