"""One neuron learns a truth table, or proves that it cannot: Rosenblatt's perceptron, in exact arithmetic.

The neuron adds up its inputs times their weights, and a bias; it says 1 if the sum is 0 or more, and 0 otherwise. It
is shown one row after the other, and after every mistake the delta rule moves each weight towards the right answer:

    error = target - predicted          weight += lr * error * input          bias += lr * error

    >>> result = learn_table("0111")
    >>> result.solved, [predict(result.weights, row) for row in result.rows]
    (True, [0, 1, 1, 1])
    >>> learn_table("0110").problem.line
    'xor is not linearly separable: no single neuron can learn it'

Numbers are fractions: 0.1 + 0.2 is 0.3, nothing overflows, and weights that come back are recognised for certain.
References: F. Rosenblatt, The perceptron, Psychological Review 65, 1958; the weights of an impossible task stay bounded
and so must come back: H. D. Block and S. A. Levin, On the boundedness of an iterative procedure for solving a system of
linear inequalities, Proceedings of the AMS 26, 1970.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from numbers import Rational, Real

from brainbox_core.errors import ConvergenceError, InputError, UsageError, between, whole
from brainbox_core.files.reading import printable
from brainbox_core.rng import key
from brainbox_core.scalar.margin import Separation, separate

GATES = {"and": "0001", "or": "0111", "nand": "1110", "nor": "1000", "xor": "0110", "xnor": "1001"}
EPOCHS = 1000
ASTRONOMICAL = 10**9  # updates; hours of them

Vector = tuple[Fraction, ...]
Examples = list[tuple[Vector, int]]  # rows and their targets
Label = float | str


@dataclass(frozen=True)
class Update:
    """One mistake, and what it changed; the bias is the last weight."""

    epoch: int
    row: Vector
    target: int
    before: Vector
    after: Vector

    @property
    def predicted(self) -> int:
        return 1 - self.target

    @property
    def error(self) -> int:
        return self.target - self.predicted


@dataclass(frozen=True)
class Result:
    """How the learning ended.

    Attributes:
        name: what was learned: a gate or a truth table.
        rows: the inputs.
        targets: 0 or 1 for each row.
        classes: what 0 and 1 stand for.
        start: the weights before the first epoch, the bias last.
        weights: the weights after the last one.
        lr: the learning rate.
        epochs: how many were run; the last of them without a mistake if it is solved.
        updates: how many mistakes were made.
        solved: whether every row is right.
        cycle: the weights of one round, if they were seen to come round again and again; else empty.
        separation: the best that any neuron could do.
    """

    name: str
    rows: tuple[Vector, ...]
    targets: tuple[int, ...]
    classes: tuple[Label, Label]
    start: Vector
    weights: Vector
    lr: Fraction
    epochs: int
    updates: int
    solved: bool
    cycle: tuple[Vector, ...]
    separation: Separation

    @property
    def bound(self) -> int | None:
        """The most updates that can be needed from this start; None if no number is enough."""
        return self.separation.bound(self.start, self.lr) if self.separation.possible else None

    @property
    def problem(self) -> ConvergenceError | None:
        """Why it is not solved, in words."""
        if self.solved:
            return None
        if self.bound is None:
            return ConvergenceError(
                f"{self.name} is not linearly separable: no single neuron can learn it",
                fix="a network with a hidden layer can",
            )
        if self.bound < ASTRONOMICAL:
            return ConvergenceError(
                f"{self.name} is not learned by epoch {self.epochs:,}; it takes at most {self.bound:,} updates",
                fix="allow more epochs or use a larger learning rate",
            )
        margin = math.sqrt(self.separation.margin_squared)
        return ConvergenceError(
            f"{self.name} is not learned by epoch {self.epochs:,}; it can be, but the bound of "
            f"{Decimal(self.bound):.1e} updates is astronomical, because the margin is only {margin:.1e}",
            fix="bring the inputs to a similar size, far enough apart, or use a larger learning rate",
        )


def truth_table(text: str) -> tuple[str, tuple[tuple[int, ...], ...], tuple[int, ...]]:
    """The name, the rows and the targets of a truth table.

    Args:
        text: the answers to the rows in counting order, 00, 01, 10, 11: 4, 8 or 16 digits for 2, 3 or 4 inputs.

    Raises:
        InputError: it has another length or other characters.

    Example:
        >>> truth_table("0110")
        ('xor', ((0, 0), (0, 1), (1, 0), (1, 1)), (0, 1, 1, 0))
    """
    inputs = {4: 2, 8: 3, 16: 4}.get(len(text))
    if inputs is None or set(text) - {"0", "1"}:
        raise InputError(
            f'"{printable(text, 40)}" is not a truth table',
            expected="4, 8 or 16 digits 0 or 1, the answers to 00, 01, 10, 11 in this order",
            got=f"{len(text)} characters",
            fix="for XOR write 0110",
        )
    name = next((gate for gate, table in GATES.items() if table == text), text)
    return name, tuple(itertools.product((0, 1), repeat=inputs)), tuple(map(int, text))


def learn_table(
    text: str,
    lr: float = 0.1,
    epochs: int = EPOCHS,
    seed: int = 0,
    start: Sequence[float | Fraction] | None = None,
    watch: Callable[[Update], None] = lambda update: None,
) -> Result:
    """Learn a truth table; see `truth_table` and `learn`. Here all targets may be the same."""
    name, rows, targets = truth_table(text)
    return _learn(name, rows, targets, (0, 1), lr, epochs, seed, start, watch)


def learn(
    rows: Sequence[Sequence[float]],
    labels: Sequence[Label],
    lr: float = 0.1,
    epochs: int = EPOCHS,
    seed: int = 0,
    start: Sequence[float | Fraction] | None = None,
    watch: Callable[[Update], None] = lambda update: None,
) -> Result:
    """Learn to tell two kinds of rows apart. A float stands for the shortest decimal number that is read as it.

    Args:
        rows: the inputs, finite numbers, all rows of the same length.
        labels: two different values; the larger, or the later in the alphabet, is class 1.
        lr: learning rate.
        epochs: how often every row is shown at most.
        seed: of the start weights, which are tenths from -1 to 1.
        start: the start weights themselves, the bias last.
        watch: called after every update.

    Returns:
        The result, solved or not; `Result.problem` says why not. If no neuron can learn the rows,
        `Result.separation.balance` proves it.

    Raises:
        InputError: there are no rows, not two labels, a number that is not finite, or equal rows with both labels.
        UsageError: another argument is out of range.

    Example:
        >>> learn([[1.5, 2.0], [3.0, 0.5]], ["cat", "dog"]).solved
        True
    """
    if len(rows) != len(labels):
        raise UsageError("every row needs a label", expected=f"{len(rows)} labels", got=len(labels))
    if not len(rows):
        raise InputError("there are no rows to learn from", fix="give at least one row of each class")
    exact = tuple(
        tuple(_exact(value, f"row {index + 1}, column {column + 1}") for column, value in enumerate(row))
        for index, row in enumerate(rows)
    )
    for index, row in enumerate(exact):
        if len(row) != len(exact[0]):
            raise InputError(
                f"has {len(row)} numbers", where=f"row {index + 1}", expected=f"{len(exact[0])} as in row 1"
            )
    classes = sorted(set(labels), key=lambda label: (isinstance(label, str), label))
    if len(classes) != 2:
        found = ", ".join(printable(repr(label), 40) for label in classes[:10])
        raise InputError(
            "a neuron tells two classes apart",
            expected="two different labels",
            got=f"only {found}" if len(classes) < 2 else found,
        )
    targets = tuple(classes.index(label) for label in labels)
    seen: dict[Vector, int] = {}
    for index, (row, target) in enumerate(zip(exact, targets, strict=True)):
        other = seen.setdefault(row, index)
        if targets[other] != target:
            raise InputError(
                f"rows {other + 1} and {index + 1} are the same but have the labels "
                f"{printable(repr(labels[other]), 40)} and {printable(repr(labels[index]), 40)}",
                fix="remove one of them",
            )
    return _learn("the table", exact, targets, (classes[0], classes[1]), lr, epochs, seed, start, watch)


def start_weights(seed: int, inputs: int) -> Vector:
    """The start of one seed: a weight for every input and a bias, tenths from -1 to 1."""
    numbers = random.Random(key(whole("seed", seed, 0), "neuron", "start"))
    return tuple(Fraction(numbers.randint(-10, 10), 10) for _ in range(inputs + 1))


def predict(weights: Sequence[Fraction], row: Sequence[Fraction | int]) -> int:
    """What the neuron says to a row; the bias is the last weight."""
    return int(activation(weights, row) >= 0)


def activation(weights: Sequence[Fraction], row: Sequence[Fraction | int]) -> Fraction:
    """The sum that the neuron compares with 0."""
    return sum((weight * value for weight, value in zip(weights, (*row, 1), strict=True)), Fraction(0))


def short(number: Fraction | int) -> str:
    """A number as people write it, with at most 12 digits.

    Example:
        >>> short(Fraction(1, 10) + Fraction(2, 10)), short(Fraction(1, 3)), short(Fraction(-2))
        ('0.3', '0.333333333333', '-2')
    """
    number = Fraction(number)
    return f"{Decimal(number.numerator) / Decimal(number.denominator):.12g}"


def _learn(
    name: str,
    rows: Sequence[Sequence[Fraction | int]],
    targets: tuple[int, ...],
    classes: tuple[Label, Label],
    lr: float,
    epochs: int,
    seed: int,
    start: Sequence[float | Fraction] | None,
    watch: Callable[[Update], None],
) -> Result:
    rate = _exact(between("lr", lr, 0, above=True), "lr")
    whole("epochs", epochs)
    exact = tuple(tuple(map(Fraction, row)) for row in rows)
    first = start_weights(seed, len(rows[0])) if start is None else tuple(_exact(value, "start") for value in start)
    if len(first) != len(rows[0]) + 1:
        raise UsageError("start", expected=f"{len(rows[0])} weights and a bias", got=f"{len(first)} numbers")
    examples = list(zip(exact, targets, strict=True))
    weights, updates, solved = first, 0, False
    cycle: tuple[Vector, ...] = ()
    landmark, due = weights, 1
    for epoch in range(1, epochs + 1):
        solved = True
        for row, target, after in _epoch(weights, examples, rate):
            watch(Update(epoch, row, target, weights, after))
            weights, updates, solved = after, updates + 1, False
        if solved:
            break
        if weights == landmark:
            cycle = _lap(weights, examples, rate)
            break
        # A landmark that is renewed in ever longer intervals finds a cycle of any length (R. Brent, BIT 20, 1980).
        if epoch == due:
            landmark, due = weights, epoch + epoch // 4 + 1
    return Result(
        name=name,
        rows=exact,
        targets=targets,
        classes=classes,
        start=first,
        weights=weights,
        lr=rate,
        epochs=epoch,
        updates=updates,
        solved=solved,
        cycle=cycle,
        separation=separate(exact, targets),
    )


def _epoch(weights: Vector, examples: Examples, lr: Fraction) -> Iterator[tuple[Vector, int, Vector]]:
    """Show every row once, by the delta rule: each row that the neuron got wrong, its target, and the weights after."""
    for row, target in examples:
        error = target - predict(weights, row)
        if error:
            weights = tuple(weight + lr * error * x for weight, x in zip(weights, (*row, Fraction(1)), strict=True))
            yield row, target, weights


def _lap(weights: Vector, examples: Examples, lr: Fraction) -> tuple[Vector, ...]:
    """The weights along a cycle that begins and ends between two epochs."""
    states = [weights]
    while len(states) == 1 or states[-1] != weights:
        states += [after for _, _, after in _epoch(states[-1], examples, lr)]
    return tuple(states[1:])


def _exact(value: object, where: str) -> Fraction:
    if not isinstance(value, Real) or not math.isfinite(value):
        raise InputError(
            "is not a finite number", where=where, got=printable(repr(value), 40), fix="give a finite number"
        )
    return Fraction(value) if isinstance(value, Rational) else Fraction(repr(float(value)))
