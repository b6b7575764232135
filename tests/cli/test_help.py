"""What all help pages have in common."""

import importlib

import pytest
import typer

from brainbox_cli.program import module_of
from brainbox_cli.tour import NOUNS

FIGURES = {
    "regress": "test r2 < X",
    "spam": "test f1 < X (0.95 or 95%)",
    "fraud": "test average precision < X (0.95 or 95%)",
    "mnist": "test accuracy < X (0.95 or 95%)",
    "cnn": "test accuracy < X (0.95 or 95%)",
    "rnn": "bits per char < X",
}
PANELS = ("Data", "Network", "Training", "Output", "Display")


def command(noun):
    return typer.main.get_command(importlib.import_module(module_of(noun)).app)


def params(command):
    return {param.name: param for param in command.params}


@pytest.mark.parametrize("noun", NOUNS)
def test_the_panels_stand_in_one_order(noun):
    group = command(noun)
    for page in (group, *getattr(group, "commands", {}).values()):
        panels = dict.fromkeys(getattr(param, "rich_help_panel", None) for param in page.params)
        shown = [panel for panel in panels if panel in PANELS]
        assert shown == sorted(shown, key=PANELS.index)


@pytest.mark.parametrize("noun", FIGURES)
def test_a_bar_names_its_figure_and_evaluate_its_data(noun):
    group = command(noun)
    train, evaluate = params(group), params(group.commands["evaluate"])
    told = f"Exit with code 5 if {FIGURES[noun]}."
    assert train["fail_under"].help == f"{told} The model is saved all the same."
    assert (evaluate["fail_under"].help, evaluate["fail_over"].help) == (told, told.replace("<", ">"))
    assert evaluate["data"].show_default == "what the model was trained on"
    assert set(command(noun).commands) == {"train", "evaluate", "sample" if noun == "rnn" else "predict"}
