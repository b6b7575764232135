"""The panels that several commands draw."""

from brainbox_cli.pictures import panels


def test_no_accuracy_is_drawn_above_all_right():
    history = [{"epoch": n, "train_loss": 1 / n, "val_loss": 1 / n, "val_accuracy": 1.0} for n in (1, 2)]
    assert panels.loss_curve(history, 2).axes[1].get_ylim()[1] == 1
    history = [{**row, "val_accuracy": 0.5 + row["epoch"] / 10} for row in history]
    assert 0.7 < panels.loss_curve(history, 2).axes[1].get_ylim()[1] < 0.8
