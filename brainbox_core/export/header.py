"""The skeleton of every header: comment, guard, sizes, the family's own code, self-test, end.

A family (`network`, `tabular`, `text`, `recurrent`) fills in a `Page`; `write` makes the header of it. One vocabulary
holds for all of them:

    NAME_predict        the answer: the index of a class, or the value of a regression
                        mnist, cnn: the place of the largest output; neuron, fraud, spam: 0 or 1; regress: the value;
                        rnn: the likeliest next character of its logits
    NAME_probability    of class 1, from 0 to 1                                              fraud, spam
    NAME_margin         how far a row lies above the threshold: 0 or more is class 1         fraud, neuron
                        fraud: the logit less the threshold; neuron: weights times inputs and bias, in whole numbers
    NAME_run            all outputs of a network: logits, or what its last layer makes of them    mnist, cnn
    NAME_step           one step of a sequence, to the logits of what comes next             rnn
    NAME_reset          begins a sequence                                                    rnn
    NAME_seed, NAME_sample, NAME_character    random numbers, a character by its logits, its text    rnn
    NAME_begin, NAME_feed, NAME_end           a text in parts; the end gives the probability         spam
    NAME_logit, NAME_verdict                  the logit and the class of what was read until the end    spam
    NAME_selftest       0 if the embedded vectors give their embedded results                all

    NAME_INPUT_SIZE, NAME_OUTPUT_SIZE         numbers (a text has no input size)
    NAME_ARENA_SIZE, NAME_STATE_SIZE, NAME_RAM_TOTAL, NAME_FLASH_CONST    bytes
    NAME_CLASS_NAMES                          strings, where the model names its classes
    NAME_INPUT_SCALE, NAME_INPUT_ZERO, NAME_OUTPUT_SCALE, NAME_OUTPUT_ZERO
                        of int8: the number meant is scale * (integer - zero); a float input has none
    NAME_FEATURE_...    the place of a column in a row                                       regress, fraud, neuron
    NAME_THRESHOLD      the logit from which on the class is 1                               fraud
    NAME_TOKENS, NAME_START                   how many ids there are; the one that begins a text     rnn

    To be defined by the user, or not: NAME_IMPLEMENTATION, NAME_DECLARATIONS, NAME_TABLE, NAME_SPACE (see _HOOKS).

Macros that only the header itself needs are undefined at its end.
"""

from __future__ import annotations

import hashlib
import json
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from brainbox_core import __version__
from brainbox_core.export import c_names
from brainbox_core.export.c_names import Foreign, comment
from brainbox_core.export.origin import origin
from brainbox_core.export.templates import filled
from brainbox_core.model.sequential import Sequential


@dataclass(frozen=True)
class Vectors:
    """Inputs with what the reference makes of them.

    Attributes:
        inputs: (n, values), uint8 or float32.
        outputs: (n, values), int8 or float32.
    """

    inputs: np.ndarray
    outputs: np.ndarray


@dataclass(frozen=True)
class Memory:
    """Bytes that a model takes on a device.

    Attributes:
        arena, input, output, stack, state: parts of the RAM.
        tables: of everything that was learned.
        constant: those of the tables that stay in flash in any case.
        weights: "flash" or "ram": where the tables lie while the model runs.
    """

    arena: int = 0
    input: int = 0
    output: int = 0
    stack: int = 0
    state: int = 0
    tables: int = 0
    constant: int = 0
    weights: str = "flash"

    @property
    def in_ram(self) -> bool:
        """Whether the tables lie in RAM."""
        return self.weights == "ram"

    @property
    def ram(self) -> int:
        """In all."""
        return self.arena + self.input + self.output + self.stack + self.state + self.tables * self.in_ram


@dataclass(frozen=True)
class Page:
    """What one family says in its header; `write` adds what all say.

    Attributes:
        name: what every identifier begins with.
        model: for the comment: kind, data, SHA-256.
        what: `a neural network`.
        size: `90 parameters`.
        facts: what goes in and what comes out, by the first word of the line; a text may have several lines.
        memory: its bytes.
        ram, flash: what the RAM and the tables are made of, in words.
        usage: lines of C that show how it is called.
        notes: lines of text after them.
        inputs, outputs: how many numbers; no inputs where they have no fixed size.
        macros: lines that define more macros for the user.
        types: definitions of the types that the user needs.
        code: the parts of the code, in their order; what the user calls begins with NAME_API, or with NAME_LINKAGE
            NAME_SHARED if copies of it would take room.
        classes: names of the classes.
        close: how far off the trained model it is, in words.
        learned: all that was learned beside the layers, in JSON types.
        floats: whether it computes in floating point.
    """

    name: str
    model: Sequential
    what: str
    size: str
    facts: Mapping[str, str]
    memory: Memory
    ram: str
    flash: str
    usage: Sequence[str]
    notes: Sequence[str]
    inputs: int | None
    outputs: int
    code: Sequence[str]
    types: Sequence[str] = ()
    macros: Sequence[str] = ()
    classes: Sequence[Foreign] = ()
    close: str = ""
    learned: object = None
    floats: bool = True


def write(page: Page, checked: str) -> str:
    """The text of a header, in ASCII; the same for the same page.

    Args:
        page: what the family says.
        checked: what was checked, or "NO ..." if nothing was.
    """
    name, flash = page.name, not page.memory.in_ram
    content = hashlib.sha256("\n".join(page.code).encode()).hexdigest()[:16]
    public = re.findall(rf"^{name}_(?:API|LINKAGE {name}_SHARED) (.+)\n{{", "\n".join(page.code), re.MULTILINE)
    parts = [
        filled("opening.h.in", name, floats=page.floats, flash=flash),
        _sizes(page),
        *page.types,
        filled("interface.h.in", name, flash=flash, prototypes="".join(f"{one};\n" for one in public), content=content),
        filled("floats.h.in", name) if page.floats else "",
        *page.code,
    ]
    used = dict.fromkeys(re.findall(rf"^#define ({name}_\w+|{name.upper()}_KIND_\w+)", "\n".join(parts), re.MULTILINE))
    undefined = "".join(f"#undef {macro}\n" for macro in used)
    sections = [_top(page, checked), *parts, filled("closing.h.in", name, undefined=undefined)]
    return "\n".join(section.rstrip("\n") + "\n" for section in sections if section)


def _top(page: Page, checked: str) -> str:
    """The comment that a header begins with."""
    memory = page.memory
    facts = {
        "model": f"{origin(page.model)}, {page.size}\n{fingerprint(page.model, page.learned)}",
        **page.facts,
        "RAM": f"{memory.ram:,} bytes: {page.ram}{', and the weights' * memory.in_ram}",
        "flash": f"{memory.tables:,} bytes of {page.flash}",
        "checked": f"{checked}\n{page.close}".rstrip(),
    }
    lines = [f"{page.name}: {page.what} in one header, made by brainbox {__version__}", ""]
    for word, said in facts.items():
        first, *more = said.split("\n")
        lines += [f"{word:<9}{first}", *(f"{'':9}{line}" for line in more)]
    hooks = [f"    {page.name.upper()}_{word:<15} {said}" for word, said in _HOOKS.items()]
    usage = (f"    {line}" for line in page.usage)
    return comment(*lines, "", *usage, "", *page.notes, "", "May be defined before it is included:", "", *hooks)


_HOOKS = {
    "IMPLEMENTATION": "in one file of a program: its functions and tables serve all others,",
    "DECLARATIONS": "in the others: types, macros and declarations only; with neither, each file has its own functions",
    "TABLE": "attributes of the tables, such as a section or an alignment",
    "SPACE": "the address space of the tables; on AVR it is __flash, if this is not defined",
}


def fingerprint(model: Sequential, learned: object = None) -> str:
    """SHA-256 of a model's layers and everything they learned, and what it is of.

    Args:
        model: built.
        learned: what was learned beside the layers, in JSON types.
    """
    layers = model.config()
    for layer in layers:
        layer["config"].pop("l2", None)  # says how it was trained, and nothing of what it computes
    digest = hashlib.sha256(json.dumps(layers, sort_keys=True).encode())
    for name, array in sorted(model.state().items()):
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    if learned is None:
        return f"SHA-256 of layers and weights {digest.hexdigest()}"
    digest = hashlib.sha256(digest.hexdigest().encode())
    digest.update(json.dumps(learned, sort_keys=True).encode())
    return f"SHA-256 of all that was learned {digest.hexdigest()}"


def _sizes(page: Page) -> str:
    memory, upper = page.memory, page.name.upper()
    values = {
        "INPUT_SIZE": page.inputs,
        "OUTPUT_SIZE": page.outputs,
        "ARENA_SIZE": memory.arena,
        "STATE_SIZE": memory.state,
        "RAM_TOTAL": memory.ram,
        "FLASH_CONST": memory.constant if memory.in_ram else memory.tables,
    }
    lines = [f"#define {upper}_{word} {value}" for word, value in values.items() if value is not None]
    lines += page.macros
    if page.classes:
        strings = ", \\\n".join("    " + name.string() for name in page.classes)
        lines += ["", comment(f"static const char *const names[] = {upper}_CLASS_NAMES;").rstrip()]
        lines.append(f"#define {upper}_CLASS_NAMES {{ \\\n{strings} \\\n}}")
    return "\n".join(lines) + "\n"


def macro(name: str, word: str, value: float) -> str:
    """The line that defines a macro for a number: whole, or float32.

    Example:
        >>> macro("net", "ZERO", -3), macro("net", "SCALE", 0.5)
        ('#define NET_ZERO (-3)', '#define NET_SCALE 0.5f')
    """
    literal = str(value) if isinstance(value, int) else c_names.float_literal(value)
    return f"#define {name.upper()}_{word} " + (f"({literal})" if literal.startswith("-") else literal)


# --- tables ----------------------------------------------------------------------------------------------------------


_SHARED = 512  # bytes from which on a table is held once in a program


def table(prefix: str, name: str, array: np.ndarray, weights: str = "flash", kind: str = "") -> str:
    """The definition of an array.

    Args:
        prefix: what every identifier begins with.
        name: of the array, after the prefix.
        array: of one dimension or two.
        weights: "flash" or "ram": where it lies.
        kind: the C type of a number, if it is not that of the array.
    """
    kind = kind or ("float" if array.dtype == np.float32 else f"{array.dtype}_t")
    sizes = "".join(f"[{size}]" for size in array.shape)
    if array.ndim > 1:
        inside = ",\n".join("    {\n" + c_names.table(literals(row), "        ") + "\n    }" for row in array)
    else:
        inside = c_names.table(literals(array))
    const = f"const {prefix}_SPACE " * (weights == "flash")
    declared = f"{const}{prefix}_TABLE {kind} {prefix}_{name}{sizes}"
    # Vectors go where nobody calls the self-test. A small table is reached faster where a compiler sees it alone.
    is_shared = const and array.nbytes >= _SHARED and not name.startswith("selftest")
    linked = f'{prefix}_ONCE({declared}, "{prefix}_{name}")' if is_shared else f"static {declared}"
    return f"{linked} = {{\n{inside}\n}};\n"


def literals(array: np.ndarray) -> Iterator[str]:
    """Every number of an array as C writes it, one after another: all at once would take 60 bytes for each."""
    if array.dtype == np.float32:
        return (c_names.float_literal(value) for value in array.ravel())
    end = "u" if array.dtype == np.uint32 else ""
    return (f"{value}{end}" for value in array.ravel().tolist())


# --- self-test -------------------------------------------------------------------------------------------------------


def selftest(
    name: str,
    parameters: Sequence[str],
    tables: Sequence[str],
    count: int,
    start: Sequence[str],
    check: Sequence[str],
    floats: bool = True,
) -> str:
    """The function NAME_selftest, and the tables of the vectors that it goes through.

    Args:
        name: what every identifier begins with.
        parameters: of the function: `net_arena_t *arena`.
        tables: definitions of the arrays NAME_selftest_...
        count: how many vectors there are.
        start: lines before the first vector; they declare `i`.
        check: lines for vector `i`; see `fails_if` and `differs`.
        floats: whether the header computes in floating point.
    """
    about = ["0 if each embedded vector gives its embedded result, else the number of the first that does not, from 1."]
    about += ["-1 if floats are computed in another way than the model needs."] * floats
    head = f"{comment(*about)}{name}_API int {name}_selftest({', '.join(parameters) or 'void'})\n"
    loop = [f"for (i = 0; i < {count}; i++) {{", *(f"    {line}" for line in check), "}"]
    exact = [f"if (!{name}_is_exact()) {{", "    return -1;", "}"] if floats else []
    unused = [f"(void){parameter.rpartition('*')[2]};" for parameter in parameters]
    lines = [*start, *exact, *loop] if count else [*unused, *exact]
    body = textwrap.indent("\n".join([*lines, "return 0;"]), "    ", lambda line: not line.startswith("#"))
    probe = filled("exact.h.in", name) + "\n" if floats else ""
    return probe + "".join([*tables, "\n"] if count else []) + f"{head}{{\n{body}\n}}\n"


def taken(name: str, kind: str, size: int) -> tuple[list[str], list[str]]:
    """For `selftest`: declarations for the start, and lines that make the inputs of vector `i` `x`.

    Where tables have an address space of their own, they are copied to the stack.

    Args:
        name: what every identifier begins with.
        kind: the C type of an input.
        size: how many there are.
    """
    apart, inputs = f"#if defined({name}_APART)", f"{name}_selftest_inputs[i]"
    copied = [f"for (k = 0; k < {size}; k++) {{", f"    x[k] = {inputs}[k];", "}"]
    declared = [apart, f"{kind} x[{size}];", "int32_t k;", "#else", f"const {kind} *x;", "#endif"]
    return declared, [apart, *copied, "#else", f"x = {inputs};", "#endif"]


def fails_if(condition: str) -> list[str]:
    """For `selftest`: vector `i` fails if this is so."""
    return [f"if ({condition}) {{", "    return i + 1;", "}"]


def unequal(value: str, wanted: str) -> str:
    """The condition that two variables differ, without `==`, of which compilers warn between floats."""
    return f"!({value} <= {wanted} && {value} >= {wanted})"


def differs(name: str, outputs: int) -> list[str]:
    """For `selftest`: vector `i` fails if `y` is not its output."""
    inner = fails_if(unequal("y[j]", f"{name}_selftest_outputs[i][j]"))
    return [f"for (j = 0; j < {outputs}; j++) {{", *(f"    {line}" for line in inner), "}"]
