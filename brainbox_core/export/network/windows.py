"""Windows that go over an image, as C text: rows, single places of a convolution, and those of a pool or an activation.

A step's function gets the image of its input, a row of its output and the number of that row. It calls the function
for one window for every column.

A max pool chooses the largest sum before the activation, and in int8 before it becomes an int8: multipliers are
positive, so it is the largest after as well. Places of a pool that are computed side by side share each weight, and the
channels of a block share each input. On a Cortex-M3, two places and four channels of int8 take 6 loads for 8
multiply-adds, and all 14 registers; the 16 sums of four places in float32 fit a Cortex-M4F.
"""

from __future__ import annotations

from brainbox_core.export.network.arithmetic import INT8, Kernel, indented, loop, text
from brainbox_core.export.network.lower import Program
from brainbox_core.export.network.memory import Place, Plan
from brainbox_core.export.templates import filled


def target(program: Program, plan: Plan, number: int, row: str) -> str:
    """What to add to a step's output to get to one of its rows: ` + (r0 % 4) * 208`."""
    return _moved(row, plan.outputs[number], program.steps[number].output_shape)


def source(program: Program, plan: Plan, number: int, row: str) -> str:
    """What to add to a step's input to get to one of its rows."""
    return _moved(row, plan.outputs[number - 1] if number else None, program.steps[number].input_shape)


def _moved(row: str, place: Place | None, shape: tuple[int, int, int]) -> str:
    """What leads to a row of an image. A ring holds fewer rows than the image has, which take turns in it."""
    height, width, channels = shape
    rows = place.rows if place else height
    if rows == 1:
        return ""
    return f" + {row if rows >= height else f'({row} % {rows})'} * {width * channels}"


def functions(kernel: Kernel, program: Program, plan: Plan, number: int) -> str:
    """The functions for a window and for a row of a step."""
    window = _convolution(kernel) if kernel.step.kind == "conv" else _plain(kernel)
    return f"{window}\n{_row(kernel, program, plan, number)}"


def _row(kernel: Kernel, program: Program, plan: Plan, number: int) -> str:
    """The function for a row: finds the rows that a window looks at, and calls the step's window for every column.

    Where a window reaches over the border, it is copied into a patch first, with zeros around the image.
    """
    step = kernel.step
    height, width, channels = step.input_shape
    (top, _), (left, _) = step.padding
    first = f"row * {step.advance[0]}" if step.output_shape[0] > 1 else "0"
    return filled(
        f"network/{'padded_row' if step.padded else 'row'}.h.in",
        "NAME",
        id=kernel.name,
        kind=kernel.source,
        result=kernel.type.image,
        title=kernel.title,
        source="x" + source(program, plan, number, "r" if step.padded else f"({first} + i)"),
        first=f"{first} - {top}" if top else first,
        left=f"column * {step.advance[1]} - {left}" if left else f"column * {step.advance[1]}",
        inside=width - step.span[1],
        span=step.span[0],
        wide=step.span[1],
        columns=step.output_shape[1],
        filters=step.output_shape[2],
        height=height,
        width=width,
        channels=channels,
        step=step.advance[1] * channels,
        zero=kernel.padding,
    )


def _convolution(kernel: Kernel) -> str:
    """The function for one place of the output of a convolution, all channels."""
    lines = [line for block in kernel.blocks for line in _block(kernel, *block)]
    table = "table" if kernel.starts else "k"
    # A padded step's function calls it at two places; elsewhere float32 takes less stack when it is part of its caller.
    apart = kernel.type is INT8 or kernel.step.padded or kernel.optimize == "size"
    declared = "NAME_NOINLINE static" if apart else "static inline"
    return _window(
        kernel, declared, [f"const NAME_SPACE {kernel.type.weight} *{table} = {kernel.table};", "int32_t o;", *lines]
    )


def _window(kernel: Kernel, declared: str, body: list[str]) -> str:
    arguments = f"const {kernel.source} *const *rows, int32_t at, {kernel.type.image} *y"
    return text([f"{declared} void {kernel.name}_window({arguments})", "{", *indented(body), "}"])


def _block(kernel: Kernel, first: int, count: int, size: int) -> list[str]:
    """The loop over `count` blocks of `size` channels from channel `first` on."""
    (rows, columns), lanes, places = kernel.step.pool_size, range(size), range(len(kernel.places))
    sums = ", ".join(f"a{p}_{c} = {kernel.start(c)}" for c in lanes for p in places)
    body = [f"{kernel.type.total} {sums};", *_taps(kernel, size)]
    if rows * columns == len(places):
        results = [f"a0_{c}" for c in lanes]
        if kernel.step.averages:
            results = [f"({' + '.join(kernel.averaged(f'a{p}_{c}') for p in places)})" for c in lanes]
        else:
            body += [f"a0_{c} = a{p}_{c} > a0_{c} ? a{p}_{c} : a0_{c};" for c in lanes for p in places if p]
    else:  # each round takes the same weights
        again = (kernel.starts + kernel.step.learned[0][..., 0].size) * size
        taken = [kernel.taken_in(f"m{c}", f"a{p}_{c}", "p == 0") for c in lanes for p in places]
        body = [
            f"{kernel.type.total} {', '.join(f'm{c} = {kernel.least}' for c in lanes)};",
            "int32_t p;",
            *loop(
                f"for (p = 0; p < {rows * columns // len(places)}; p++)",
                [*body, *taken, f"k -= {again};"],
            ),
            *[f"k += {again};"] * (not kernel.starts),
        ]
        results = [f"m{c}" for c in lanes]
    body += [f"y[o + {c}] = {kernel.finished(result, f'o + {c}')};" for c, result in enumerate(results)]
    if kernel.starts:  # a pointer of its own for each block takes less code where its biases come first
        numbers = (kernel.starts + kernel.step.learned[0][..., 0].size) * size
        body = [f"const NAME_SPACE {kernel.type.weight} *k = table;", *body, f"table += {numbers};"]
    return loop(f"for (o = {first}; o < {first + count * size}; o += {size})", body)


def _taps(kernel: Kernel, size: int) -> list[str]:
    """Every tap of the kernel, row by row, added to the sums of all places and channels of a block."""
    kh, kw, channels, _ = kernel.step.learned[0].shape
    (sh, sw), (rows, columns), total = kernel.step.stride, kernel.step.pool_size, kernel.type.total
    taps, row, column = kw * channels, "i", "at"
    if len(kernel.places) < rows * columns:  # the number of a round says where its places begin
        row = f"p * {sh} + i"
        if len(kernel.places) < columns:
            row, column = f"p / {columns} * {sh} + i", f"at + p % {columns} * {sw * channels}"

    def tap(t: int) -> list[str]:
        """One input's multiply-adds; its neighbours' are a step of the convolution further."""
        lines = []
        for p, (i, j) in enumerate(kernel.places):
            lines.append(f"const {total} v{p} = {kernel.read(f'q{i or str()}[{t + j * sw * channels}]')};")
        lines += [f"const {total} w{c} = k[{t * size + c}];" for c in range(size)]
        for c in range(size):
            lines += [f"a{p}_{c} += {kernel.type.product.format(f'v{p}', f'w{c}')};" for p in range(len(kernel.places))]
        return ["{", *indented(lines), "}"]

    unrolled = taps if taps <= kernel.type.unrolled else min(2 - taps % 2, kernel.type.unrolled)
    if kernel.optimize == "size":
        unrolled = 1
    pointers = [f"q{i or ''}" for i in sorted({i for i, _ in kernel.places})]
    steps = [line for t in range(unrolled) for line in tap(t)]
    steps += [*(f"{q} += {unrolled};" for q in pointers), f"k += {unrolled * size};"]
    if unrolled < taps:
        steps = [f"const {kernel.source} *const end = q + {taps};", *loop("do", steps, "} while (q < end);")]
    starts = []
    for i, q in enumerate(pointers):
        starts.append(f"const {kernel.source} *{q} = rows[{row}{f' + {i * sh}' if i else ''}] + {column};")
    skip = [f"k += {kernel.starts * size};"] * bool(kernel.starts)
    return ["int32_t i;", *skip, *loop(f"for (i = 0; i < {kh}; i++)", [*starts, *steps])]


def _plain(kernel: Kernel) -> str:
    """The function for one place of the output of a factor per channel, an activation or a pool."""
    (rows, columns), channels, total = kernel.step.pool_size, kernel.step.output_shape[2], kernel.type.total
    value = kernel.read(f"rows[i][at + j * {channels} + o]")
    look = [f"const {total} v = {kernel.mapped(value)};", kernel.taken_in("m", "v", "i + j == 0")]
    if kernel.step.offset is not None:
        look[:1] = [f"const {total} u = {value};", f"const {total} v =", f"    {kernel.mapped('u')};"]
    look = loop(f"for (i = 0; i < {rows}; i++)", loop(f"for (j = 0; j < {columns}; j++)", look))
    body = [f"{total} m = {kernel.least};", *look, f"y[o] = {kernel.finished('m', 'o')};"]
    return _window(kernel, "static inline", ["int32_t o, i, j;", *loop(f"for (o = 0; o < {channels}; o++)", body)])
