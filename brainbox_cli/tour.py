"""The bare `brainbox`: what there is, in the order in which one learns it. Loads nothing."""

from __future__ import annotations

from brainbox_core import __version__

NOUNS = {
    "neuron": "one neuron learns AND and OR, and shows why XOR is beyond it",
    "descent": "a ball rolls downhill on any formula, by gradients computed here",
    "regress": "a line through the data predicts house prices",
    "spam": "a weight for every word tells wanted messages from unwanted ones",
    "autograd": "the gradient of any formula, and a network made of single numbers",
    "fraud": "a small network finds the one fraud in a hundred payments",
    "convolve": "a small kernel slides over a picture: blur, sharpen, edges",
    "mnist": "a dense network learns to read handwritten digits",
    "cnn": "a convolutional network reads them better, with fewer weights",
    "rnn": "a recurrent network reads a play, and writes on in its manner",
    "export": "a trained model becomes one C header for a chip with 128 KB of RAM",
}


def tour() -> str:
    """The text of the tour."""
    nouns = "\n".join(f"  brainbox {noun:<10} {summary}" for noun, summary in NOUNS.items())
    return f"""\
brainbox {__version__}: deep learning from scratch, from one neuron to a network on a chip

Start anywhere. Each command does its main job as it stands: offline, on built-in data, within half a minute.

{nouns}

A trained model is kept in brainbox-out/, so the next command can use it:

  brainbox cnn predict my_drawing.png     what does it read in a picture of yours?
  brainbox cnn evaluate                   how often is it right on pictures it never saw?

More: brainbox NOUN --help for all options, --quick for a first look, --plot for pictures, --json for programs.
"""
