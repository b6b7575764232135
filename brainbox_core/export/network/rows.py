"""The row of an image in C: where it lies in the arena, and the function that goes along it from window to window.

A step's function gets the image of its input, a row of its output and the number of that row. Rows of a ring are found
by remainder.
"""

from __future__ import annotations

from brainbox_core.export.network.lower import Program
from brainbox_core.export.network.memory import Plan
from brainbox_core.export.network.source import shape_text


def target(program: Program, plan: Plan, number: int, row: str) -> str:
    """What to add to a step's output to get to one of its rows: ` + (r0 % 4) * 208`."""
    height, width, channels = program.steps[number].output_shape
    place = plan.outputs[number]
    return _moved(row, place.rows if place else height, height, width * channels)


def source(program: Program, plan: Plan, number: int, row: str) -> str:
    """What to add to a step's input to get to one of its rows."""
    height, width, channels = program.steps[number].input_shape
    place = plan.outputs[number - 1] if number else None
    return _moved(row, place.rows if place else height, height, width * channels)


def function(program: Program, plan: Plan, number: int, name: str, kind: str, result: str, zero: str) -> str:
    """The function for a row: finds the rows that a window looks at, and calls the step's window for every column.

    Where a window reaches over the border, it is copied into a patch first, with zeros around the image.

    Args:
        program, plan, number: the step and where its images lie.
        name: of the function.
        kind: C type of a number of the input.
        result: C type of a number of the output.
        zero: what stands for 0 in the input.
    """
    step = program.steps[number]
    height, width, channels = step.input_shape
    (top, bottom), (left, right) = step.padding
    padded = bool(top or bottom or left or right)
    first = f"row * {step.advance[0]}" if step.output_shape[0] > 1 else "0"
    values = {
        "ID": name,
        "KIND": kind,
        "RESULT": result,
        "TITLE": f"{step.title}: {shape_text(step.input_shape)} -> {shape_text(step.output_shape)}",
        "SOURCE": "x" + source(program, plan, number, "r" if padded else f"({first} + i)"),
        "FIRST": f"{first} - {top}" if top else first,
        "LEFT": f"column * {step.advance[1]} - {left}" if left else f"column * {step.advance[1]}",
        "INSIDE": width - step.span[1],
        "SPAN": step.span[0],
        "WIDE": step.span[1],
        "COLUMNS": step.output_shape[1],
        "FILTERS": step.output_shape[2],
        "HEIGHT": height,
        "WIDTH": width,
        "CHANNELS": channels,
        "STEP": step.advance[1] * channels,
        "ZERO": zero,
    }
    text = _PADDED if padded else _PLAIN
    for word, value in values.items():
        text = text.replace(f"<{word}>", str(value))
    return text


def _moved(row: str, rows: int, height: int, row_size: int) -> str:
    """The way to a row of an image of which so many rows are there at a time."""
    if rows == 1:
        return ""
    return f" + {row if rows >= height else f'({row} % {rows})'} * {row_size}"


_PLAIN = """\
/* <TITLE> */
static inline void <ID>(const <KIND> *x, <RESULT> *y, int32_t row)
{
    const <KIND> *rows[<SPAN>];
    int32_t i;
    (void)row;
    for (i = 0; i < <SPAN>; i++) {
        rows[i] = <SOURCE>;
    }
    for (i = 0; i < <COLUMNS>; i++) {
        <ID>_window(rows, i * <STEP>, y + i * <FILTERS>);
    }
}
"""

_PADDED = """\
/* <TITLE> */
static inline void <ID>(const <KIND> *x, <RESULT> *y, int32_t row, <RESULT> *patch)
{
    const <KIND> *rows[<SPAN>], *padded[<SPAN>];
    <KIND> *const to = (<KIND> *)patch;
    <KIND> *next;
    const int32_t first = <FIRST>;
    int32_t i, j, c, column;
    (void)row;
    for (i = 0; i < <SPAN>; i++) {
        const int32_t r = first + i;
        rows[i] = r >= 0 && r < <HEIGHT> ? <SOURCE> : x;
        padded[i] = to + i * <WIDE> * <CHANNELS>;
    }
    for (column = 0; column < <COLUMNS>; column++) {
        const int32_t left = <LEFT>;
        if (first >= 0 && first + <SPAN> <= <HEIGHT> && left >= 0 && left <= <INSIDE>) {
            <ID>_window(rows, left * <CHANNELS>, y + column * <FILTERS>);
            continue;
        }
        next = to;
        for (i = 0; i < <SPAN>; i++) {
            for (j = 0; j < <WIDE>; j++) {
                const int inside = first + i >= 0 && first + i < <HEIGHT> && left + j >= 0 && left + j < <WIDTH>;
                for (c = 0; c < <CHANNELS>; c++) {
                    *next++ = inside ? rows[i][(left + j) * <CHANNELS> + c] : (<KIND>)<ZERO>;
                }
            }
        }
        <ID>_window(padded, 0, y + column * <FILTERS>);
    }
}
"""
