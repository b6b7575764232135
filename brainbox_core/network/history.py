"""The history of a training: the logs of every epoch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, SupportsIndex, overload

from brainbox_core.errors import UsageError
from brainbox_core.files.writing import atomic_write

if TYPE_CHECKING:  # Matplotlib is loaded where something is drawn
    from brainbox_core.screen.plotting import Figure

Logs = dict[str, Any]  # what a callback is told: numbers by name, at the end also the history


class History(list[dict[str, float]]):
    """The logs of every epoch: a list of dictionaries, of which a column can be asked by its name.

    Example:
        >>> history = History([{"epoch": 1, "train_loss": 0.5}, {"epoch": 2, "train_loss": 0.25}])
        >>> history[-1]["train_loss"], history["train_loss"]
        (0.25, [0.5, 0.25])
        >>> figure = history.plot()
    """

    @overload
    def __getitem__(self, key: SupportsIndex) -> dict[str, float]: ...
    @overload
    def __getitem__(self, key: slice) -> History: ...
    @overload
    def __getitem__(self, key: str) -> list[Any]: ...
    def __getitem__(self, key):
        """An epoch by its index, epochs by a slice, or what all epochs have under a name: None where one has nothing.

        Raises:
            UsageError: no epoch has anything under this name.
        """
        if isinstance(key, slice):
            return History(super().__getitem__(key))
        if not isinstance(key, str):
            return super().__getitem__(key)
        names = dict.fromkeys(name for logs in self for name in logs)
        if key not in names:
            raise UsageError(f"the history has no '{key}'", expected=", ".join(names) or "at least one epoch")
        return [logs.get(key) for logs in self]

    def plot(self, path: str | Path | None = None) -> Figure:
        """Draw loss and metrics by epoch, on the training and the validation data.

        Args:
            path: where to write it, as PNG; `plot().savefig(path)` writes other formats.

        Returns:
            The figure of Matplotlib, which a notebook shows.

        Raises:
            UsageError: there is no epoch, no Matplotlib, or another format is wanted.
            InputError: the file cannot be written.
        """
        if not self:
            raise UsageError("there is no epoch to draw", fix="fit() the model first")
        if path is not None and Path(path).suffix.lower() != ".png":
            fix = "plot().savefig(path) writes other formats"
            raise UsageError("path", expected="a file name that ends in .png", got=str(path), fix=fix)
        try:
            from brainbox_core.screen import plotting
        except ImportError:
            fix = "install it: pip install matplotlib"
            raise UsageError("plot() needs Matplotlib, which is not installed", fix=fix) from None
        with plotting.style():
            figure = plotting.history_figure(self)
        if path is not None:
            atomic_write(path, plotting.png(lambda: figure))
        return figure
