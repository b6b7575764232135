"""From any picture of a handwritten digit to the 28x28 pixels of MNIST: light ink on black, 20 pixels tall, centred.

The steps: find the background and its lighting, measure the ink against it, drop specks and border lines, crop, scale,
and put the centre of mass at the centre, as MNIST was made (Y. LeCun et al., "Gradient-based learning applied to
document recognition", Proc. IEEE 86(11), 1998, section III.A).
"""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageFilter, ImageOps

from brainbox_core.errors import InputError
from brainbox_core.images.shapes import components, extent, require_one_shape, without_rules

WORKING_SIZE = 400  # pixels on the longer side; a photo is reduced to this before anything else
LEAST_CONTRAST = 30  # gray levels of 255 between ink and background
FAINT_CONTRAST = 18  # the same for one connected line on even paper
SIZE, BOX = 28, 20
UNICODE_SHADES, ASCII_SHADES = " ░▒▓█", " .+#@"


def digit_from_image(image: Image.Image) -> tuple[np.ndarray, list[str]]:
    """The digit in a drawing or a photo, as the networks expect it.

    Takes dark on light and light on dark, colour, ink that lies only in the alpha channel, any size and place, uneven
    lighting, noise, and lines along the border.

    Args:
        image: mode L, LA, RGB or RGBA, as `load_image` gives it.

    Returns:
        The digit, uint8 (28, 28), background 0 and ink up to 255; and notes on what was done, for the user.

    Raises:
        InputError: nothing in the picture stands out from its background, or two shapes do.

    Example:
        >>> from PIL import ImageDraw
        >>> paper = Image.new("L", (100, 100), "white")
        >>> ImageDraw.Draw(paper).line([(20, 10), (20, 80)], width=8)
        >>> digit, notes = digit_from_image(paper)
        >>> digit.shape, int(digit.max()), notes
        ((28, 28), 255, ['dark on light: inverted'])
    """
    if (factor := -(-max(image.size) // WORKING_SIZE)) > 1:
        image = image.reduce(factor)
    notes: list[str] = []
    ink = _strength(_difference(image, notes), notes)
    ink = without_rules(_without_specks(ink, notes), _faintest(ink), notes)
    ink = _without_specks(ink, [])  # what is tiny beside a frame may be a digit, and beside that a speck
    require_one_shape(_parts(ink))
    ink = _cropped(ink)
    return _centred(_scaled(ink, notes)), notes


def as_text(digit: np.ndarray, unicode: bool = True) -> str:
    """A gray picture as characters, two per pixel, darker characters for higher values.

    Args:
        digit: uint8 (height, width).
        unicode: block characters; False for plain ASCII.

    Example:
        >>> print(as_text(np.array([[0, 255], [80, 150]], np.uint8), unicode=False))
          @@
        ..++
    """
    shades = UNICODE_SHADES if unicode else ASCII_SHADES
    levels = (digit.astype(np.uint16) * len(shades)) // 256
    return "\n".join("".join(shades[level] * 2 for level in row) for row in levels)


def _blank() -> InputError:
    return InputError("no digit found: the picture is blank", fix="draw one digit, dark on light or light on dark")


def _difference(image: Image.Image, notes: list[str]) -> np.ndarray:
    """How every pixel differs from the background, as if the light were even, (H,W,channels)."""
    pixels = np.asarray(image, np.float32).reshape(image.height, image.width, -1)
    if image.mode in ("LA", "RGBA"):
        pixels = _without_alpha(pixels, notes)
    background = _background(pixels)
    if sheet := _sheet(np.abs(pixels - background).max(axis=2)):
        notes.append("cropped to the sheet of paper")
        pixels = pixels[sheet]
        background = _paper(pixels)
    light = background.max(axis=2, keepdims=True)
    brightest = max(1.0, float(light.max()))
    return (pixels - background) * (brightest / np.maximum(light, brightest / 4))


def _without_alpha(pixels: np.ndarray, notes: list[str]) -> np.ndarray:
    """The opaque colours, or the alpha channel where the ink lies only in that."""
    alpha, pixels = pixels[..., -1:], pixels[..., :-1]
    solid = alpha[..., 0] > 127
    if solid.all():
        return pixels
    if solid.any():
        # A card with transparent corners has ink of its own.
        box, opaque = extent(solid), pixels[solid]
        if solid[box].mean() > 0.7 and np.ptp(opaque, axis=0).max() > 4 * LEAST_CONTRAST:
            weight = alpha[box] / 255
            return pixels[box] * weight + np.median(opaque, axis=0) * (1 - weight)
    notes.append("ink taken from the transparency")
    return alpha


def _background(pixels: np.ndarray) -> np.ndarray:
    """What the picture would be without its ink: one colour for a drawing, lit paper for a photo; (H,W,channels)."""
    # The corners: lines and frames fill little of them, and a digit cropped to its ink rarely reaches into them.
    y, x = (np.abs(np.linspace(-1, 1, side)) > 0.85 for side in pixels.shape[:2])
    corners = pixels[np.logical_and.outer(y, x)]
    colour = np.median(corners, axis=0)
    distance = np.abs(corners - colour).max(axis=1)
    if max(pixels.shape[:2]) <= 2 * SIZE and (distance <= 4).mean() <= 0.75:  # a tight crop has ink in its corners
        return np.broadcast_to(_commoner(pixels), pixels.shape)
    # Ink in a corner differs from the rest a lot, a shadow a little.
    if (distance <= 4).mean() > 0.5 and ((distance > 4) & (distance < 100)).mean() < 0.2:
        return np.broadcast_to(colour, pixels.shape)
    return _paper(pixels)


def _commoner(pixels: np.ndarray) -> np.ndarray:
    """The colour of the lighter or the darker pixels, whichever are more, without the soft edges between them."""
    gray = pixels.sum(axis=2)
    middle = (gray.min() + gray.max()) / 2
    more = gray <= middle if (gray <= middle).mean() > 0.5 else gray > middle
    far = np.abs(gray - middle)
    return np.median(pixels[more & (far >= np.median(far[more]))], axis=0)


def _paper(pixels: np.ndarray) -> np.ndarray:
    """Paper or a blackboard in uneven light, without what was written on it.

    Morphological closing takes out what is darker and narrower than the window, and leaves shadows and lamps; opening
    does the same to chalk.
    """
    height, width, channels = pixels.shape
    factor = max(1, max(height, width) // 100)
    window = 2 * (max(height, width) // (10 * factor)) + 1
    # The edge pixels are repeated outwards, or a slope in the light would look like ink there.
    local = [
        Image.fromarray(np.pad(_reduced(pixels[..., channel], factor), window, mode="edge"))
        for channel in range(channels)
    ]
    order = (ImageFilter.MaxFilter(window), ImageFilter.MinFilter(window))
    gray = np.sum([np.asarray(channel, np.float32) for channel in local], axis=0)
    blackboard = np.median(gray) < gray.min() + 0.35 * np.ptp(gray)  # most of it is nearer to the darkest than to chalk
    first, second = order[::-1] if blackboard else order
    smooth = ImageFilter.BoxBlur(2)
    return np.stack(
        [
            np.asarray(
                ImageOps.crop(channel.filter(first).filter(second).filter(smooth), window).resize((width, height)),
                np.float32,
            )
            for channel in local
        ],
        axis=-1,
    )


def _sheet(distance: np.ndarray) -> tuple[slice, slice] | None:
    """Where a sheet of paper lies on a table that fills the corners: a region too broad and too solid for a digit."""
    solid = distance > 2 * LEAST_CONTRAST
    if solid.mean() < 0.4:
        return None
    box = extent(solid)
    if solid[box].mean() < 0.75 or solid[box].shape == solid.shape or min(solid[box].shape) < 0.6 * min(solid.shape):
        return None
    trim = round(0.04 * min(solid[box].shape))  # the edge of the sheet is no ink
    rows, columns = (slice(side.start + trim, side.stop - trim) for side in box)
    return rows, columns


def _strength(difference: np.ndarray, notes: list[str]) -> np.ndarray:
    """The amount of ink, 0 to 1, (H,W): the difference along the ink's own colour, less the noise."""
    distance = np.linalg.norm(difference, axis=2)
    # A single noisy pixel is no ink; in a small picture a single pixel may be.
    strongest = float((_smoothed(distance) if min(distance.shape) > 64 else distance).max())
    if not strongest:
        raise _blank()
    colour = difference[distance > strongest / 2].mean(axis=0)
    ink = difference @ (colour / max(1.0, float(np.linalg.norm(colour))))
    strong = ink > strongest / 2
    level = float(np.percentile(ink[strong], 90)) if strong.any() else 0.0
    is_line = strong.any() and _is_a_line(strong)
    # In a tight crop half of the paper is the soft edge of the line, which is no noise.
    weak = ink[~_grown(strong, 1)] if is_line and max(ink.shape) <= 2 * SIZE else ink[~strong]
    noise = 1.4826 * float(np.median(np.abs(weak))) if weak.size else 0.0
    faint = is_line and strong.mean() < 0.4 and level > 8 * noise
    if level < max(FAINT_CONTRAST if faint else LEAST_CONTRAST, 6 * noise):
        raise _blank()
    if colour.mean() < 0:
        notes.append("dark on light: inverted")
    floor = min(3.5 * noise, level / 2)
    return np.clip((ink - floor) / (level - floor), 0, 1)


def _is_a_line(strong: np.ndarray) -> bool:
    """Whether most of the strong pixels hang together in a line that reaches far: noise and stains do not."""
    labels, count = components(_grown(strong, max(strong.shape) // 100))
    areas = np.bincount(labels[strong], minlength=count + 1)
    best = int(areas.argmax())
    box = extent(labels == best)
    reach = max((side.stop - side.start) / length for side, length in zip(box, strong.shape, strict=True))
    return bool(areas[best] > strong.sum() / 2 and reach > 0.15)


def _parts(ink: np.ndarray) -> list[tuple[slice, slice]]:
    """The boxes around the connected parts of the ink."""
    labels, count = components(_grown(ink > _faintest(ink), max(ink.shape) // 100))
    return [extent(labels == label) for label in range(1, count + 1)]


def _without_specks(ink: np.ndarray, notes: list[str]) -> np.ndarray:
    """Keep the digit: drop parts that are tiny beside it, and lines that run along the border beside it."""
    labels, count = components(_grown(ink > _faintest(ink), max(ink.shape) // 100))
    if count == 1:
        return ink
    areas = np.bincount(labels.ravel(), ink.ravel(), count + 1)
    areas[0] = 0
    kept = areas >= 0.04 * areas.max()
    inside, border = np.zeros(count + 1, bool), np.zeros(count + 1, bool)
    for label in np.flatnonzero(kept):
        sides = list(zip(extent(labels == label), ink.shape, strict=True))
        touches = any(side.start == 0 or side.stop == length for side, length in sides)
        spans = [(side.stop - side.start) / length for side, length in sides]
        inside[label] = not touches and max(spans) > 0.15
        border[label] = touches and (max(spans) > 0.6 or min(spans) < 0.12)
    if inside.any() and border.any():
        kept &= ~border
        kept &= areas >= 0.04 * areas[kept].max()
        notes.append("lines along the border left out")
    return np.where(kept[labels], ink, 0)


def _cropped(ink: np.ndarray) -> np.ndarray:
    return ink[extent(ink > (0.02 if max(ink.shape) <= 2 * SIZE else _faintest(ink)))]


def _faintest(ink: np.ndarray) -> float:
    """What still counts as ink. In a small picture faint pixels are the digit's edges, in a large one ruled lines."""
    return 0.15 if max(ink.shape) <= 2 * SIZE else 0.4


def _scaled(ink: np.ndarray, notes: list[str]) -> np.ndarray:
    """The longer side becomes 20 pixels; strokes too thin to survive that are thickened first."""
    long_side = max(ink.shape)
    # A change of size by under a tenth would only blur: a digit that has MNIST's size already stays as it is.
    if abs(long_side - BOX) > BOX // 10:
        thin = 2.0 * long_side / BOX - _stroke_width(ink > 0.5)
        if thin >= 1:
            radius = round(thin / 2)
            ink = _grown(np.pad(ink, radius), radius)
            notes.append("thin strokes thickened")
        scale = BOX / max(ink.shape)
        height, width = (max(1, round(side * scale)) for side in ink.shape)
        resized = Image.fromarray(ink.astype(np.float32)).resize((width, height), Image.Resampling.BILINEAR)
        ink = np.asarray(resized)
        ink = np.clip(ink / ink.max(), 0, 1)
    return ink


def _centred(ink: np.ndarray) -> np.ndarray:
    """28x28 with the centre of mass at row 14, column 14, as near as whole pixels and the frame allow."""
    picture = np.zeros((SIZE, SIZE), np.uint8)
    total = ink.sum()
    place = []
    for axis, side in enumerate(ink.shape):
        centre = (ink.sum(axis=1 - axis) @ np.arange(side)) / total
        start = min(max(round(SIZE / 2 - centre), 0), SIZE - side)
        place.append(slice(start, start + side))
    picture[tuple(place)] = np.rint(255 * ink)
    return picture


def _reduced(values: np.ndarray, factor: int) -> np.ndarray:
    return np.asarray(Image.fromarray(np.rint(values).astype(np.uint8)).reduce(factor))


def _smoothed(values: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(np.clip(values, 0, 255).astype(np.uint8)).filter(ImageFilter.BoxBlur(1)))


def _grown(ink: np.ndarray, radius: int) -> np.ndarray:
    """Every pixel takes the highest value of the square of this radius around it."""
    if radius < 1:
        return ink
    scale = 1 if ink.dtype == bool else 255
    gray = Image.fromarray((ink * np.float32(scale)).astype(np.uint8))
    grown = np.asarray(gray.filter(ImageFilter.MaxFilter(2 * radius + 1)))
    return grown.astype(bool) if ink.dtype == bool else grown / np.float32(scale)


def _stroke_width(mask: np.ndarray) -> float:
    """The mean width of strokes: twice their area over the length of their outline."""
    padded = np.pad(mask, 1)
    outline = (padded[1:] != padded[:-1]).sum() + (padded[:, 1:] != padded[:, :-1]).sum()
    # A slanted edge counts 4/pi times its length along the pixel grid, on average over all directions.
    return 2 * mask.sum() / max(1, outline * np.pi / 4)
