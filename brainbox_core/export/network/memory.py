"""Where everything lives while a program runs: one arena that the caller owns, as small as the chain allows.

Two ways to hand an image from one step to the next. *Whole*: all of it is there before the next step starts.
*Streamed*: the next step runs as soon as the rows that it looks at are there, so that a ring of a few rows is enough;
nothing is computed twice. A linear map takes streamed rows into its sums, one by one.

Steps that stream to each other form a group. While a group runs, the image that it reads, its rings and the image that
it writes are alive, and nothing else. Images between groups lie at the two ends of the arena in turn, rings in between;
the arena is as large as the most demanding group. `plan` looks at every way to cut the chain into groups, so its answer
is the least for this scheme. `prove` trusts none of this and replays the plan byte by byte.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from brainbox_core.export.network.lower import Program, Step

_ALIGN = 4  # bytes, for the 32-bit sums and floats


@dataclass(frozen=True)
class Place:
    """A part of the arena.

    Attributes:
        offset: bytes from its start.
        rows: how many rows of an image fit; row r lies at r modulo rows.
        row_size: bytes of a row.
    """

    offset: int
    rows: int
    row_size: int

    @property
    def size(self) -> int:
        """Bytes, with what alignment adds."""
        return _aligned(self.rows * self.row_size)

    def row(self, number: int) -> slice:
        """The bytes of a row."""
        start = self.offset + number % self.rows * self.row_size
        return slice(start, start + self.row_size)


@dataclass(frozen=True)
class Plan:
    """A program's use of memory.

    Attributes:
        groups: the numbers of the steps that run together, row by row; each group in order, one group after another.
        outputs: for every step where its output lies; None for the last, which writes into the caller's array.
        sums: for every step the 32-bit sums of a linear map that takes rows, else None. With elements of 4 bytes the
            sums are the output itself.
        patches: for every step room for one padded window (rows of `span[1]` columns), else None.
        arena: bytes.
        group_sizes: bytes alive while each group runs.
    """

    groups: tuple[tuple[int, ...], ...]
    outputs: tuple[Place | None, ...]
    sums: tuple[Place | None, ...]
    patches: tuple[Place | None, ...]
    arena: int
    group_sizes: tuple[int, ...]

    def takes_rows(self, number: int) -> bool:
        """Whether a step gets its input row by row from the step before."""
        return all(group[0] != number for group in self.groups)


def plan(program: Program, element_size: int, optimize: str = "ram") -> Plan:
    """Find the cheapest plan.

    Args:
        program: what is to run.
        element_size: bytes of a number in an image: 1 for int8, 4 for float32.
        optimize: "ram" and "speed" for the smallest arena (rings cost less than a thousandth of the time); "size" hands
            images over whole, which saves the code that finds rows in rings.

    Example:
        >>> import braininabox as bb
        >>> from brainbox_core.export.network.lower import lower
        >>> chain = [bb.layers.Conv2D(16), bb.layers.MaxPool(2), bb.layers.Conv2D(32), bb.layers.MaxPool(2)]
        >>> model = bb.Sequential([*chain, bb.layers.Flatten(), bb.layers.Linear(10)])
        >>> model.build((28, 28))
        (10,)
        >>> [plan(lower(model), 1, optimize).arena for optimize in ("ram", "size")]
        [1032, 3504]
    """
    steps = program.steps
    cuts = [(i,) for i in range(len(steps))] if optimize == "size" else _cuts(steps, element_size)
    found = _placed(steps, tuple(cuts), element_size)
    prove(program, found)
    return found


def schedule(program: Program, plan: Plan) -> Iterator[tuple[int, int]]:
    """What is computed when: (step, row), in the order of the generated code.

    The row is one of the step's output, or for a linear map that takes rows, of its input.
    """
    for group in plan.groups:
        done = dict.fromkeys(group, 0)
        yield from _push(program.steps, group, done, range(_own_rows(program.steps[group[0]])))


def prove(program: Program, plan: Plan) -> None:
    """Replay a plan: every byte that is read was written by the right step and row, and nothing is left out.

    Raises:
        AssertionError: the plan is wrong, which is a defect of this module.
    """
    together = [number for group in plan.groups for number in group]
    _expect(together == list(range(len(program.steps))), "every step is in one group, in order")
    arena, count = np.full((plan.arena, 2), -1), [0] * len(program.steps)
    for number, row in schedule(program, plan):
        step, output = program.steps[number], plan.outputs[number]
        linear = step.kind == "linear"
        source = plan.outputs[number - 1] if number else None
        if source is not None:
            streamed = linear and plan.takes_rows(number)
            wanted = range(row, row + 1) if streamed else _looked_at(step, row)
            for r in wanted:
                _expect((arena[source.row(r)] == (number - 1, r)).all(), f"step {number} reads row {r} of its input")
        _expect(count[number] == row, f"step {number} computes its rows in order")
        count[number] += 1
        for place, tag in ((plan.patches[number], -2), (plan.sums[number], -3)):
            if place is not None:
                part = arena[place.offset : place.offset + place.size]
                fresh = tag == -2 or row == 0
                _expect(len(part) == place.size, f"step {number} stays inside the arena")
                _expect(fresh or (part == (number, tag)).all(), f"the sums of step {number} are kept")
                part[:] = (number, tag)
        if output is not None and not (linear and plan.takes_rows(number) and row < step.input_shape[0] - 1):
            part = arena[output.row(0 if linear else row)]
            _expect(len(part) == output.row_size, f"step {number} stays inside the arena")
            part[:] = (number, 0 if linear else row)
    for number, step in enumerate(program.steps):
        rows = step.input_shape[0] if step.kind == "linear" and plan.takes_rows(number) else _own_rows(step)
        _expect(count[number] == rows, f"step {number} computes all its rows")


def _expect(holds: bool, what: str) -> None:
    if not holds:
        raise AssertionError(f"the memory plan is wrong: {what}")


def _push(steps: tuple[Step, ...], group: tuple[int, ...], done: dict[int, int], rows: range) -> Iterator:
    """Compute rows of a group's first step, and whatever becomes possible behind it."""
    number, *others = group
    for row in rows:
        yield number, row
        if not others:
            continue
        step = steps[others[0]]
        start = done[others[0]]
        if step.kind == "linear":
            end = row + 1
        else:
            end = start
            while end < step.output_shape[0] and _looked_at(step, end).stop <= row + 1:
                end += 1
        done[others[0]] = end
        yield from _push(steps, tuple(others), done, range(start, end))


def _looked_at(step: Step, row: int) -> range:
    """The rows of the input, inside the image, that a row of the output depends on."""
    if step.kind == "linear":
        return range(step.input_shape[0])
    first = row * step.advance[0] - step.padding[0][0]
    return range(max(0, first), min(step.input_shape[0], first + step.span[0]))


def _own_rows(step: Step) -> int:
    return 1 if step.kind == "linear" else step.output_shape[0]


def _aligned(size: int) -> int:
    return -(-size // _ALIGN) * _ALIGN


def _row_size(step: Step, element_size: int) -> int:
    return step.output_shape[1] * step.output_shape[2] * element_size


def _whole(steps: tuple[Step, ...], number: int, element_size: int) -> int:
    """Bytes of a step's whole output; of the input and the result, which the caller owns, none."""
    inside = 0 <= number < len(steps) - 1
    return _aligned(steps[number].output_shape[0] * _row_size(steps[number], element_size)) if inside else 0


def _ring_rows(producer: Step, consumer: Step) -> int:
    """How many of the producer's rows the consumer needs at a time."""
    return 1 if consumer.kind == "linear" else min(consumer.span[0], producer.output_shape[0])


def _streams(producer: Step, consumer: Step) -> bool:
    """Whether the consumer can take the producer's rows one by one. What is behind a linear map has to wait for all."""
    return producer.kind != "linear" and producer.output_shape == consumer.input_shape


def _extras(step: Step, streamed: bool, element_size: int) -> tuple[int, int]:
    """Bytes of a step's sums and of its padded window."""
    sums = 4 * step.output_shape[2] if step.kind == "linear" and streamed and element_size < 4 else 0
    return sums, step.span[0] * step.span[1] * step.input_shape[2] * element_size if step.padded else 0


def _group_size(steps: tuple[Step, ...], first: int, last: int, element_size: int) -> float:
    """Bytes alive while the steps from `first` to `last` stream to each other; infinite where they cannot."""
    size = _whole(steps, first - 1, element_size) + _whole(steps, last, element_size)
    for number in range(first, last + 1):
        size += sum(_aligned(extra) for extra in _extras(steps[number], number > first, element_size))
        if number < last:
            if not _streams(steps[number], steps[number + 1]):
                return math.inf
            rows = _ring_rows(steps[number], steps[number + 1])
            size += _aligned(rows * _row_size(steps[number], element_size))
    return size


def _cuts(steps: tuple[Step, ...], element_size: int) -> list[tuple[int, ...]]:
    """The groups whose most demanding one is the smallest; among equals, the most groups."""

    best: list[tuple[float, int, tuple]] = [(0, 0, ())]  # for the steps from one on; the whole chain's comes last
    for first in reversed(range(len(steps))):
        choices = []
        for last in range(first, len(steps)):
            size = _group_size(steps, first, last, element_size)
            if math.isinf(size):
                break
            rest_size, rest_count, rest = best[len(steps) - last - 1]
            choices.append((max(size, rest_size), rest_count - 1, (tuple(range(first, last + 1)), *rest)))
        best.append(min(choices))
    return list(best[-1][2])


def _placed(steps: tuple[Step, ...], groups: tuple[tuple[int, ...], ...], element_size: int) -> Plan:
    """Offsets for everything in a given cut of the chain."""
    sizes = [int(_group_size(steps, group[0], group[-1], element_size)) for group in groups]
    arena = max(sizes)
    outputs: list[Place | None] = [None] * len(steps)
    sums, patches = outputs.copy(), outputs.copy()

    def placed(places: list[Place | None], number: int, free: int, rows: int, row_size: int) -> int:
        """Put something at the first free byte, if it has a size; the first free byte behind it."""
        place = Place(free, rows, row_size)
        places[number] = place if place.size else None
        return free + place.size

    for turn, group in enumerate(groups):
        read, written = _whole(steps, group[0] - 1, element_size), _whole(steps, group[-1], element_size)
        free = read if turn % 2 else written  # what lies at the low end; the other lies at the high one
        for number in group:
            step, row_size = steps[number], _row_size(steps[number], element_size)
            sum_bytes, patch_bytes = _extras(step, number > group[0], element_size)
            free = placed(sums, number, free, 1, sum_bytes)
            free = placed(patches, number, free, 1, patch_bytes)
            if number < group[-1]:
                free = placed(outputs, number, free, _ring_rows(step, steps[number + 1]), row_size)
            elif number < len(steps) - 1:
                placed(outputs, number, arena - written if turn % 2 else 0, step.output_shape[0], row_size)
    return Plan(groups, tuple(outputs), tuple(sums), tuple(patches), arena, tuple(sizes))
