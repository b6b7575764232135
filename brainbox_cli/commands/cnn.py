"""`brainbox cnn`: a convolutional network reads digits."""

from __future__ import annotations

from brainbox_cli import options
from brainbox_cli.commands.digits import digit_reader
from brainbox_cli.frame.verbs import verbs
from brainbox_core.tasks.digits.settings import Settings

app = verbs(
    digit_reader("cnn", Settings.cnn, {"filters": options.Filters, "hidden": options.Hidden}),
    "A convolutional network learns to read handwritten digits.",
)
