"""`brainbox mnist`: a dense network reads digits."""

from __future__ import annotations

from brainbox_cli import options
from brainbox_cli.commands.digits import digit_reader
from brainbox_cli.frame.verbs import verbs
from brainbox_core.tasks.digits.settings import Settings

app = verbs(
    digit_reader("mnist", Settings.mnist, {"hidden": options.Hidden}),
    "A dense network learns to read handwritten digits.",
)
