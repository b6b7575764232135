"""The C programs around a header: to look at its code, to compare it, and to show how it is used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from brainbox_core.export import c_names
from brainbox_core.export.templates import filled


@dataclass(frozen=True)
class Programs:
    """The programs around one kind of header: files beside the code of its family.

    `unit.c`        functions that call those of the header that a device needs: its code and its symbols are looked at.
                    It writes nothing but calls, and has no tables.
    `driver.c`      reads inputs from standard input and writes the outputs of each to standard output. It ends with 2
                    if the header's own test fails, and with 3 if functions of the header contradict each other.
    `main.c`        an example for any computer with standard output.
    `main_board.c`  an example for a board, which says what an inference costs: see `start.c`.

    Args:
        folder: where they are, beneath `export`.
        words: what else is filled in.
    """

    folder: str
    words: Mapping[str, object] = field(default_factory=dict)

    def filled(self, program: str, name: str, header: str) -> str:
        """One of them for a prefix and a header's file.

        Args:
            program: "unit", "driver", "main" or "main_board".

        Raises:
            UsageError: the file has a name that cannot be included.

        Example:
            >>> NETWORK.filled("unit", "net", "a/net.h").splitlines()[0]
            '#include "a/net.h"'
        """
        return filled(f"{self.folder}/{program}.c", name, header=c_names.included(header), **self.words)


NETWORK = Programs("network")
