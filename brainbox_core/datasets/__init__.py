"""The data that commands learn from by default, and well-known sets by name."""

from brainbox_core.datasets.catalog import ImageData, Part, Parts, builtin, load, load_images

__all__ = [
    "ImageData",
    "Part",
    "Parts",
    "builtin",
    "load",
    "load_images",
]
