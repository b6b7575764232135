"""What can be given to `fit` as `callbacks`, all in one place: `bb.callbacks`."""

from brainbox_core.model.callbacks import Callback, EarlyStopping, ModelCheckpoint, lower_is_better
from brainbox_core.screen.progress import Progress

__all__ = ["Callback", "EarlyStopping", "ModelCheckpoint", "Progress", "lower_is_better"]
