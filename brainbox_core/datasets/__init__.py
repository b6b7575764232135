"""The data that commands learn from by default, and well-known sets by name."""

from brainbox_core.datasets.catalog import NAMES, ImageData, Part, Parts, at_hand, builtin, load, load_images
