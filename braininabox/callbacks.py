"""What looks on while a network trains; the line of progress is one of them, though the model knows of no screens."""

from brainbox_core.training.callbacks import (
    Callback,
    Checkpoint,
    EarlyStopping,
    ModelCheckpoint,
    ReduceLROnPlateau,
    direction,
    lower_is_better,
)
from brainbox_core.training.progress import Progress

__all__ = [
    "Callback",
    "Checkpoint",
    "EarlyStopping",
    "ModelCheckpoint",
    "Progress",
    "ReduceLROnPlateau",
    "direction",
    "lower_is_better",
]
