"""The pictures of `--plot` for a classifier of images. Names of classes are drawn as they are, never as formulas."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from brainbox_cli.pictures.panels import confusion_matrix, loss_curve
from brainbox_core.files.reading import printable
from brainbox_core.screen.plotting import INK, INKS, SIGNED, Axes, Colormap, Figure, SubFigure, frame, new_figure, save

if TYPE_CHECKING:
    from brainbox_core.network.learner import Learner
    from brainbox_core.tasks.digits.train import Data, Result

NAME_LENGTH = 16  # characters of a class's name
MOST = 40  # filters, units or feature maps of a layer


def draw(folder: Path, model: Learner, data: Data, result: Result) -> dict[str, Path]:
    """Loss, confusion, filters, feature maps (of convolutions) and mistakes (if there are any)."""
    names = [printable(str(name), limit=NAME_LENGTH) for name in data.classes]
    figures = {
        "loss": lambda: loss_curve(result.history, result.best_epoch),
        "confusion": lambda: confusion_matrix(result.confusion, names),
        "filters": lambda: first_layer(model),
        "feature_maps": lambda: feature_maps(model, data.test_images[0]),
        "mistakes": lambda: mistakes(result.probabilities, data.test_images, data.test_labels, names),
    }
    return save(folder, figures)


def first_layer(model: Learner) -> Figure | None:
    """What the first layer looks for: blue where it wants ink, orange where it wants none."""
    kernel = next(
        (p.data for name, p in model.params.named.items() if name.endswith("/kernel") and p.data.ndim == 4), None
    )
    if kernel is not None:
        tiles, title = kernel[:, :, 0, :MOST].transpose(2, 0, 1), "first filters"  # (K,K,1,F) -> (F,K,K)
    else:
        weights = next(p.data for p in model.params.named.values() if p.data.ndim == 2)  # (inputs, units)
        height, width = model.input_shape[:2]
        tiles = weights.T.reshape(-1, height, width)
        order = np.argsort(-np.linalg.norm(weights, axis=0), kind="stable")[:MOST]
        tiles, title = tiles[order], "strongest units of the first layer"
    columns = min(10, len(tiles))
    figure, grid = _grid(len(tiles), columns, f"{len(tiles)} {title} (blue: ink counts for it, orange: against it)")
    for axes, tile in zip(grid, tiles, strict=True):
        limit = np.abs(tile).max() or 1
        axes.imshow(tile, cmap=SIGNED, vmin=-limit, vmax=limit)
    return figure


def feature_maps(model: Learner, image: np.ndarray) -> Figure | None:
    """One digit, and what every convolution makes of it; None for a network without convolutions."""
    seen = model.activations(image[None])
    shown = {name: maps[0, ..., :MOST] for name, maps in seen.items() if name.startswith("conv")}
    if not shown:
        return None
    columns = 8
    rows = [(f"{name}: {maps.shape[-1]} maps of {maps.shape[0]}x{maps.shape[1]}", maps) for name, maps in shown.items()]
    heights = [1.0] + [-(-maps.shape[-1] // columns) for _, maps in rows]
    figure = new_figure(columns * 1.05 + 0.4, sum(heights) * 1.05 + 0.5 * len(heights))
    parts = figure.subfigures(len(heights), 1, squeeze=False, height_ratios=[height + 0.45 for height in heights])[:, 0]
    _tiles(parts[0], image.reshape(1, *image.shape[:2]), columns, "input", INKS)
    for part, (title, maps) in zip(parts[1:], rows, strict=True):
        _tiles(part, np.maximum(maps, 0).transpose(2, 0, 1), columns, title, INKS)  # what the ReLU lets through
    return figure


def mistakes(probabilities: np.ndarray, images: np.ndarray, labels: np.ndarray, names: list[str]) -> Figure | None:
    """The wrong answers that the network was most sure of; None if all were right."""
    answers, sure = probabilities.argmax(axis=1), probabilities.max(axis=1)
    wrong = np.flatnonzero(answers != labels)
    if not len(wrong):
        return None
    wrong = wrong[np.argsort(-sure[wrong], kind="stable")][:24]
    title = f"Most confident mistakes ({np.count_nonzero(answers != labels):,} of {len(labels):,})"
    figure, grid = _grid(len(wrong), min(8, len(wrong)), title, caption=True)
    for axes, index in zip(grid, wrong, strict=True):
        axes.imshow(images[index].reshape(images.shape[1:3]), cmap=INKS, vmin=0, vmax=255)
        text = f"{names[labels[index]]} read as {names[answers[index]]}"
        axes.set_title(f"{text}\n{sure[index]:.0%} sure", fontsize=8, color=INK, parse_math=False)
    return figure


def _grid(count: int, columns: int, title: str, caption: bool = False) -> tuple[Figure, list[Axes]]:
    figure = new_figure(max(4.0, columns * 1.05), -(-count // columns) * (1.5 if caption else 1.05) + 0.5)
    figure.suptitle(title, x=0.02, ha="left", fontweight="bold", fontsize=11)
    return figure, _places(figure, count, columns)


def _tiles(part: SubFigure, tiles: np.ndarray, columns: int, title: str, colours: Colormap) -> None:
    part.suptitle(title, x=0.02, ha="left", fontsize=10, parse_math=False)
    for axes, tile in zip(_places(part, len(tiles), columns), tiles, strict=True):
        axes.imshow(tile, cmap=colours, vmin=0, vmax=float(np.max(tile)) or 1)


def _places(part: Figure | SubFigure, count: int, columns: int) -> list[Axes]:
    """Places for so many pictures, row by row."""
    grid = list(part.subplots(-(-count // columns), columns, squeeze=False).flat)
    for axes in grid[:count]:
        frame(axes)
    for axes in grid[count:]:
        axes.axis("off")
    return grid[:count]
