"""The library under `brainbox` and `import braininabox as bb`: everything that learns, written from scratch.

Importing this package loads nothing else, so that a command that needs no NumPy does not pay for it.
"""

__version__ = "0.1.0"
