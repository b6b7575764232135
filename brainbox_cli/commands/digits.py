"""What `brainbox mnist` and `brainbox cnn` share: both read digits, with another network."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from brainbox_cli import options, parsers
from brainbox_cli.frame.refused import Refused
from brainbox_cli.frame.reporter import Reporter
from brainbox_cli.frame.trainer import Answer, Trainer
from brainbox_core.errors import InputError, UsageError
from brainbox_core.files.reading import printable, standard_input
from brainbox_core.files.writing import atomic_write
from brainbox_core.tasks.digits.settings import NAMED, Settings

if TYPE_CHECKING:
    import numpy as np

    from brainbox_core.model.sequential import Sequential
    from brainbox_core.tasks.digits.train import Data, Result

EXAMPLE = "example.png"
LARGEST_SHIFT = 14  # pixels; half the picture

Augment = options.option(
    "--augment",
    options.TRAINING,
    "Show each digit moved, turned, scaled and warped a little, anew in every epoch; takes more epochs.",
)
Images = options.argument(
    "IMAGE|-", "Pictures of one digit each: a drawing, a scan, a photo; - reads one.", repeated=True
)
MoreImages = options.option(
    "--image --data IMAGE", None, "Another way to name a picture; may be repeated.", repeated=True
)
Top = options.option("--top N", None, "Also name the next most likely ones.", parsers.whole_number(1, 10), default=1)
Show = options.option("--show", None, "Print the 28x28 pixels that the network saw.")
Shift = options.option(
    "--shift N",
    None,
    "Move every test picture by up to N pixels first.",
    parsers.whole_number(0, LARGEST_SHIFT),
    default=0,
)


def digit_reader(noun: str, settings: Callable[..., Settings], network: Mapping[str, options.Option]) -> Trainer:
    """The trainer of one of the two networks.

    Args:
        noun: the command.
        settings: makes its settings from changes to its defaults.
        network: the options that shape the network, by the name of their setting.
    """
    choices = {
        "data": options.data(
            "NAME|FOLDER",
            "digits (built in), mnist, fashion-mnist (downloaded once), or a folder of IDX files.",
            names=NAMED,
        ),
        **network,
        "epochs": options.Epochs,
        "batch_size": options.BatchSize,
        "lr": options.Lr,
        "optimizer": options.Optimizer,
        "augment": Augment,
    }
    return Trainer(
        noun=noun,
        settings=settings,
        choices=choices,
        metric="test_accuracy",
        headline=_headline,
        predict=_predict,
        predict_choices={"images": Images, "more_images": MoreImages, "top": Top, "show": Show},
        evaluate_choices={"shift": Shift},
        show=_show,
        record=_record,
        pictures="brainbox_cli.pictures.classifier",
        try_next=_try_next,
    )


def _headline(settings: Settings) -> list[str]:
    data = "digits (built in)" if settings.data == "digits" else settings.data
    if settings.data in NAMED:
        train, test = NAMED[settings.data]
        some = f"{settings.limit:,} of " if settings.limit and settings.limit < train else ""
        data += f" {some}{train:,} train, {test:,} test"
    augmented = ", augmented" if settings.augment else ""
    return [
        f"{settings.title}, {settings.parameters:,} parameters",
        data + augmented,
        f"{settings.optimizer} lr {settings.lr:g}, batch {settings.batch_size}, seed {settings.seed}",
    ]


def _predict(
    reporter: Reporter,
    task: ModuleType,
    model: Sequential,
    images: list[str] | None,
    more_images: list[str] | None,
    top: int,
    show: bool,
) -> Iterator[Answer | Refused]:
    """Read every picture before the first answer; those that cannot be read are refused in their places."""
    import numpy as np

    from brainbox_core.images.digit import as_text

    names = [*(images or ()), *(more_images or ())]
    if not names:
        raise UsageError("no picture was given", fix="name a picture, or - to read one from standard input")
    with reporter.working("reading pictures") as progress:
        found: list[np.ndarray | InputError] = []
        for name in names:
            try:
                digit, notes = _load(name)
            except InputError as error:
                found.append(error)
            else:
                found.append(digit)
                for note in notes:
                    reporter.note(f"{printable(name)}: {note}")
            progress(len(found), len(names))
    digits = [digit for digit in found if not isinstance(digit, InputError)]
    predictions = iter(task.predict(model, np.stack(digits), top=top) if digits else ())
    for name, seen in zip(names, found, strict=True):
        if isinstance(seen, InputError):
            yield Refused(name, seen)
            continue
        prediction = next(predictions)
        others = "".join(f", {label} ({share:.1%})" for label, share in prediction.top[1:])
        yield Answer(
            text=[
                f"{name}: " if len(names) > 1 else "",
                "Prediction: ",
                (prediction.label, "bold green"),
                f" (confidence {prediction.probability:.1%})",
                others and f", then{others[1:]}",
            ],
            cells=[name, *(cell for label, share in prediction.top for cell in (label, f"{share:.6f}"))],
            record={
                "input": name,
                "label": prediction.label,
                "probability": prediction.probability,
                "top": [{"label": label, "probability": share} for label, share in prediction.top],
            },
            below=tuple(as_text(seen, reporter.beside.unicode).splitlines()) if show else (),
        )


def _load(name: str) -> tuple[np.ndarray, list[str]]:
    """The digit in a picture, as the network takes it, and notes on how it was found."""
    from brainbox_core.images.digit import digit_from_image
    from brainbox_core.images.load import MAX_FILE_SIZE, load_image

    source: str | bytes = name
    if name == "-":
        name, source = "standard input", standard_input("a picture").read(MAX_FILE_SIZE + 1)
    try:
        return digit_from_image(load_image(source))
    except InputError as error:
        if error.where and name != "standard input":
            raise
        raise InputError(error.what, where=name, expected=error.expected, got=error.got, fix=error.fix) from error


def _show(reporter: Reporter, verb: str, result: Result, data: Data) -> None:
    """What it mixes up most; for `evaluate` the whole table."""
    confusion = result.confusion.tolist()
    pairs = sorted(
        ((count, row, column) for row, line in enumerate(confusion) for column, count in enumerate(line)), reverse=True
    )
    mixed = [
        f"{data.classes[row]} read as {data.classes[column]} ({count} times)"
        for count, row, column in pairs
        if count > 1 and row != column
    ]
    if verb == "evaluate":
        _show_confusion(reporter, confusion, data.classes)
    if mixed:
        reporter.row("mixed up", ", ".join(mixed[:3]), wrap=True)


def _show_confusion(reporter: Reporter, confusion: list[list[int]], classes: Sequence[str]) -> None:
    left = max(map(len, classes))
    width = max(4, min(left, 6))
    if left + len(classes) * (width + 1) + 4 > reporter.text.width:
        return
    reporter.say()
    title = "true \\ read"
    left = max(left, len(title))
    reporter.say((title.ljust(left) + "".join(" " + name[:width].rjust(width) for name in classes), "bold cyan"))
    for row, line in enumerate(confusion):
        cells = []
        for column, count in enumerate(line):
            style = "bold green" if row == column else "red" if count > 1 else "bright_black"
            cells.append((f" {count or '.':>{width}}", style))
        reporter.say((classes[row].rjust(left), "bold"), *cells)
    reporter.say()


def _record(result: Result) -> dict:
    best = {"best_epoch": result.best_epoch} if result.history else {}
    return {**best, "confusion": result.confusion}


def _try_next(folder: Path, data: Data) -> tuple[list[str], dict[str, Path]]:
    """Read one of the test pictures, put beside the model as a person would draw it: large, dark on light."""
    from PIL import Image

    picture = Image.fromarray(255 - data.held_out.inputs[0].reshape(28, 28)).resize(
        (280, 280), Image.Resampling.BICUBIC
    )
    content = io.BytesIO()
    picture.save(content, "PNG")
    path = folder / EXAMPLE
    atomic_write(path, content.getvalue())
    return ["predict", str(path)], {"example": path}
