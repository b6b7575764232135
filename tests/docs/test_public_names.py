"""Everything that `import braininabox as bb` offers has a docstring with an example, which runs with the tests."""

from __future__ import annotations

import doctest
import inspect
from collections.abc import Iterator

import braininabox as bb


def offered() -> Iterator[tuple[str, object]]:
    """Every name, also those of the modules that it hands on."""
    for name in sorted(set(bb.__all__) - {"__version__"}):
        thing = getattr(bb, name)
        if inspect.ismodule(thing):
            yield from ((f"bb.{name}.{inner}", getattr(thing, inner)) for inner in dir(thing))
        else:
            yield f"bb.{name}", thing


def example_of(thing: object) -> list[doctest.Example]:
    """The examples in a thing's own docstring, not in that of the class it was made from."""
    own = vars(thing).get("__doc__") if inspect.isclass(thing) else inspect.getdoc(thing)
    return doctest.DocTestParser().get_examples(own or "")


def test_every_public_name_has_an_example():
    names = [name for name, _ in offered()]
    assert len(names) > 100
    missing = [name for name, thing in offered() if not example_of(thing)]
    assert not missing, f"no example in the docstring of {', '.join(missing)}"
