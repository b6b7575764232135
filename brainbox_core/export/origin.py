"""What a model says of itself: its kind, its data, its classes. Anybody may have written it into the model's file."""

from __future__ import annotations

from brainbox_core.export.c_names import Foreign
from brainbox_core.model.sequential import Sequential


def kind_of(model: Sequential, default: str = "sequential") -> Foreign:
    """What made the model: `cnn`."""
    return Foreign(model.meta.get("kind", default))


def origin(model: Sequential) -> str:
    """For a comment: the kind, and the name of the data that the model was trained on where it is known.

    Example:
        >>> import braininabox as bb
        >>> model = bb.Sequential([bb.layers.Linear(1)])
        >>> model.meta = {"kind": "regress", "data": {"name": "*/ houses.csv"}}
        >>> origin(model)
        'regress, trained on * / houses.csv'
    """
    data = model.meta.get("data")
    name = data.get("name") if isinstance(data, dict) else None
    trained = Foreign(f", trained on {name}" if isinstance(name, str) else "")
    return kind_of(model).comment() + trained.comment()


def class_names(model: Sequential, count: int) -> list[Foreign]:
    """Of so many classes; empty where the model does not name so many."""
    found = model.meta.get("classes")
    return [Foreign(name) for name in found] if isinstance(found, list) and len(found) == count else []
