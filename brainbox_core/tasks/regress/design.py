"""From rows of a table to the design matrix of a linear regression: logarithms, encoding, powers and products."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np

from brainbox_core.errors import InputError
from brainbox_core.files.reading import printable
from brainbox_core.tables.features import FeatureEncoder
from brainbox_core.tables.measures import NumberColumn, TextColumn
from brainbox_core.tables.notation import Notation
from brainbox_core.tables.table import Column, Table
from brainbox_core.tasks.regress.polynomial import Polynomial


class Design:
    """What was measured on the training rows, and the matrix that it makes of any rows.

    Attributes:
        inputs: the columns that are used, in the table's order.
        log: those of them whose logarithm is taken.
        encoder: standardises and one-hot encodes.
        polynomial: of what the encoder gives; None for the features as they are.
        names: of the matrix's columns.
        notes: what was filled in or left out while fitting.

    Example:
        >>> from brainbox_core.tables.table import table_of
        >>> table = table_of({"sqft": [1000, 2000, 4000], "age": [3, 2, 9]})
        >>> design = Design.fit(table, ["sqft", "age"], log=["sqft"])
        >>> design.names, design.transform(table)[1].round(3)
        (['log(sqft)', 'age'], array([ 0.   , -0.863]))
    """

    def __init__(
        self,
        log: Sequence[str],
        encoder: FeatureEncoder,
        polynomial: Polynomial | None = None,
        notes: Sequence[str] = (),
    ):
        self.encoder, self.polynomial, self.notes = encoder, polynomial, list(notes)
        renamed = {logged_name(name): name for name in log}
        self.inputs = [renamed.get(column.name, column.name) for column in encoder.columns]
        self.log = [name for name in self.inputs if name in set(log)]
        self.names = encoder.names if polynomial is None else polynomial.names(encoder.names)

    @classmethod
    def fit(cls, table: Table, columns: Sequence[str], log: Collection[str] = (), degree: int = 1) -> Design:
        """Measure the training rows.

        Args:
            table: the training rows, and only these.
            columns: the inputs.
            log: those of which the logarithm is taken.
            degree: of the polynomial.

        Raises:
            InputError: as `FeatureEncoder.fit`, or a value without a logarithm.
            UsageError: as `Polynomial.fit`.
        """
        table = logarithms(table, log)
        encoder = FeatureEncoder.fit(table, [logged_name(name) if name in log else name for name in columns])
        polynomial = Polynomial.fit(encoder.transform(table), degree) if degree > 1 else None
        plain = {
            f"{printable(column.name, 80)}: text, one feature for each of its {len(column.values)} values"
            for column in encoder.columns
            if isinstance(column, TextColumn)
        }
        return cls(list(log), encoder, polynomial, [note for note in encoder.notes if note not in plain])

    @property
    def texts(self) -> list[str]:
        """The inputs that are no numbers: texts and dates."""
        return [column.name for column in self.encoder.columns if not isinstance(column, NumberColumn)]

    @property
    def notations(self) -> dict[str, Notation]:
        """How the numbers of the inputs are written, by name."""
        columns = zip(self.inputs, self.encoder.columns, strict=True)
        return {name: column.notation for name, column in columns if isinstance(column, NumberColumn)}

    def transform(self, table: Table) -> np.ndarray:
        """The matrix of rows, float64 (n, features)."""
        X = self.encoder.transform(self._logged(table))
        if self.polynomial is None:
            return X
        with np.errstate(over="ignore", invalid="ignore"):  # far outside; the prediction says that it is not finite
            return self.polynomial.transform(X)

    def remarks(self, table: Table) -> list[str]:
        """What to know about a prediction for these rows: values outside the training range, unseen or missing."""
        return self.encoder.remarks(self._logged(table))

    def _logged(self, table: Table) -> Table:
        """The table with its logarithms, its numbers read as those of the training."""
        return logarithms(table.written(self.notations), self.log)

    def config(self) -> dict:
        """What a model's file keeps of it: `features`, `log` and `polynomial`."""
        return {
            "features": self.encoder.config(),
            "log": self.log,
            "polynomial": None if self.polynomial is None else self.polynomial.config(),
        }

    @classmethod
    def from_config(cls, config: dict) -> Design:
        """The design that a model's file describes.

        Raises:
            InputError: it describes none.
        """
        encoder = FeatureEncoder.from_config(config.get("features"))
        log, polynomial = config.get("log"), config.get("polynomial")
        known = {column.name for column in encoder.columns}
        if not isinstance(log, list) or not all(isinstance(name, str) and logged_name(name) in known for name in log):
            raise InputError("the model's logarithms are of no column", fix="train the model again")
        if polynomial is not None:
            polynomial = Polynomial.from_config(polynomial, len(encoder.names))
        return cls(log, encoder, polynomial)


def logged_name(name: str) -> str:
    """What the logarithm of a column is called."""
    return f"log({name})"


def logarithms(table: Table, names: Collection[str]) -> Table:
    """The table with the natural logarithms of some columns in their places, under new names.

    Raises:
        InputError: there is no such column, or a value that is not positive.

    Example:
        >>> from brainbox_core.tables.table import table_of
        >>> logarithms(table_of({"price": [0]}), ["price"])
        Traceback (most recent call last):
        brainbox_core.errors.InputError: column "price": 0 has no logarithm; ...
    """
    if not names:
        return table
    columns = dict(table.columns)
    for name in names:
        values = table.numbers(name)
        if len(bad := np.flatnonzero(values <= 0)):
            more = f" (and {len(bad) - 1:,} more like it)" if len(bad) > 1 else ""
            what, where = f"{values[bad[0]]:g} has no logarithm{more}", table.where(bad[0], name)
            fix = f"leave {printable(name, 80)} out of the logarithms, or remove the row"
            raise InputError(what, where=where, fix=fix)
        columns[name] = Column(logged_name(name), np.log(values), notation=table.notation_of(name))
    return replace(table, columns={column.name: column for column in columns.values()})
