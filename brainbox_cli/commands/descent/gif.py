"""The animation of `brainbox descent`: the ground is drawn once by Matplotlib, and the balls roll over it in Pillow."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageColor, ImageDraw, ImageFont

from brainbox_cli.commands.descent.ground import TRAILS, Ground, moments
from brainbox_cli.commands.descent.picture import draw_ground
from brainbox_cli.commands.descent.view import FRAMES
from brainbox_core.screen.plotting import INK, Transform, matplotlib, new_figure, pixels, style
from brainbox_core.tasks.descent.walk import Descent

DURATION, LAST = 80, 1500  # milliseconds that a frame stays, and the last one
SCALE = 2  # frames are drawn so many times larger and reduced, which smooths edges
WIDTH, DOT, BALL = 2 * SCALE, 2 * SCALE, 5 * SCALE  # of a path, and radius of its points and of the ball, in pixels
FAR = 1e5  # pixels: farther outside, a direction is all that is left of a point


def draw_gif(descents: Sequence[Descent]) -> bytes:
    """An animated GIF of walks on one landscape of one or two variables."""
    ground = Ground(descents)
    canvas = _canvas(ground)
    trails = [_Trail(canvas.pixels(ground.path(descent)), colour) for descent, colour in ground.walks]
    font = ImageFont.truetype(matplotlib.font_manager.findfont("DejaVu Sans"), 13 * SCALE)
    palette = _palette(canvas.picture)
    paths, frames = canvas.picture.copy(), []
    for step in moments(max(descent.steps for descent in descents), FRAMES):
        for trail in trails:
            trail.draw_until(step, paths)
        balls = paths.copy()
        for trail in trails:
            trail.draw_ball(step, balls)
        frame = canvas.picture.copy()
        title = f"step {step:,}" + ("" if len(descents) > 1 else f"   f = {descents[0].values[step]:.4g}")
        frame.paste(balls.crop(canvas.area), canvas.area)
        ImageDraw.Draw(frame).text((12 * SCALE, 6 * SCALE), title, fill=INK, font=font)
        frame = frame.resize((frame.width // SCALE, frame.height // SCALE), Image.Resampling.LANCZOS)
        frames.append(frame.quantize(palette=palette, dither=Image.Dither.NONE))
    content = io.BytesIO()
    durations = [DURATION] * (len(frames) - 1) + [LAST]
    frames[0].save(content, format="GIF", save_all=True, append_images=frames[1:], duration=durations, loop=0)
    return content.getvalue()


@dataclass(frozen=True)
class _Canvas:
    """The ground as a picture, without paths.

    Attributes:
        picture: as large as it is drawn.
        area: left, top, right and bottom of the part of it that the axes enclose.
        transform: from coordinates in the axes to pixels, which Matplotlib counts from the bottom.
    """

    picture: Image.Image
    area: tuple[int, int, int, int]
    transform: Transform

    def pixels(self, path: np.ndarray) -> np.ndarray:
        """Where the points of a path are in the picture: (steps + 1, 2)."""
        pixels = self.transform.transform(path)
        pixels[:, 1] = self.picture.height - pixels[:, 1]
        centre = np.array(self.picture.size) / 2
        away = np.linalg.norm(pixels - centre, axis=1, keepdims=True)
        return centre + (pixels - centre) * np.minimum(1, FAR / np.maximum(away, 1))


def _canvas(ground: Ground) -> _Canvas:
    with style():
        figure = new_figure(4.4, 4.2)
        figure.set_dpi(100 * SCALE)
        axes = figure.subplots()
        axes.set_title(" ", fontsize=10)  # room for the text of the frames
        draw_ground(axes, ground)
        picture = Image.fromarray(pixels(figure)).convert("RGB")
        left, low, right, high = np.rint(axes.bbox.extents).astype(int).tolist()
        area = (left, picture.height - high, right, picture.height - low)
        return _Canvas(picture, area, axes.transData)


class _Trail:
    """The path of one ball, drawn further and further."""

    def __init__(self, pixels: np.ndarray, colour: str):
        self._pixels, self._colour = pixels, colour
        # Each different piece of the path is drawn once, however often a walk goes to and fro over it.
        ends = np.rint(self._pixels).astype(int)
        pieces = np.concatenate([ends[:-1], ends[1:]], axis=1)
        self._pieces = np.sort(np.unique(pieces, axis=0, return_index=True)[1])
        self._drawn = 0

    def draw_until(self, step: int, picture: Image.Image) -> None:
        """Add what is new up to a step."""
        pen = ImageDraw.Draw(picture)
        while self._drawn < len(self._pieces) and self._pieces[self._drawn] < step:
            start, end = self._pixels[self._pieces[self._drawn] :][:2].tolist()
            pen.line([*start, *end], fill=self._colour, width=WIDTH)
            _disc(pen, start, DOT, fill=self._colour)
            self._drawn += 1

    def draw_ball(self, step: int, picture: Image.Image) -> None:
        """Add the ball where it is at a step; at the end, if that is later."""
        place = self._pixels[min(step, len(self._pixels) - 1)].tolist()
        _disc(ImageDraw.Draw(picture), place, BALL, fill=self._colour, outline=INK, width=SCALE)


def _disc(pen: ImageDraw.ImageDraw, centre: Sequence[float], radius: int, **style: Any) -> None:
    x, y = centre
    pen.ellipse((x - radius, y - radius, x + radius, y + radius), **style)


def _palette(picture: Image.Image) -> Image.Image:
    """The colours of all frames: those of the ground, and exactly those of the paths."""
    colours = picture.resize((picture.width // SCALE, picture.height // SCALE)).quantize(200).getpalette() or []
    palette = Image.new("P", (1, 1))
    own = [part for colour in (INK, *TRAILS) for part in ImageColor.getrgb(colour)]
    palette.putpalette([*own, *colours])
    return palette
