"""The C programs around a header: to look at its code, to compare it, and to show how it is used."""

from __future__ import annotations

import re
from dataclasses import dataclass

from brainbox_core.export import c_names


@dataclass(frozen=True)
class Programs:
    """Their texts, with NAME, UPPER and HEADER for the prefix, the same in capitals, and the header's file.

    Attributes:
        unit: a C file whose functions call those of the header that a device needs: its code and its symbols are
            looked at. It writes nothing but calls, and has no tables.
        driver: reads inputs from standard input and writes the outputs of each to standard output. It ends with 2 if
            the header's own test fails, and with 3 if functions of the header contradict each other.
        main: a main.c for any computer with standard output.
        main_board: a main.c for a board, which says what an inference costs: see `board_files.START`.
    """

    unit: str
    driver: str
    main: str
    main_board: str

    def filled(self, program: str, name: str, header: str) -> str:
        """One of them, by its attribute's name, for a prefix and a header's file.

        Raises:
            UsageError: the file has a name that cannot be included.

        Example:
            >>> NETWORK.filled("unit", "net", "a/net.h").splitlines()[0]
            '#include "a/net.h"'
        """
        words = {"NAME": name, "UPPER": name.upper(), "HEADER": c_names.included(header)}
        # At one go: a prefix "header" in capitals is no place for the header's file.
        return re.sub("|".join(words), lambda found: words[found[0]], getattr(self, program))


_UNIT = """\
#include "HEADER"
int NAME_unit_run(const NAME_input_t *x, NAME_output_t *y, NAME_arena_t *arena);
int NAME_unit_run(const NAME_input_t *x, NAME_output_t *y, NAME_arena_t *arena)
{
    return NAME_run(x, y, arena);
}
"""

_DRIVER = """\
#include <stdio.h>
#include "HEADER"

static NAME_arena_t arena;
static NAME_input_t x[UPPER_INPUT_SIZE];
static NAME_output_t y[UPPER_OUTPUT_SIZE];

int main(void)
{
    if (NAME_selftest(&arena) != 0) {
        return 2;
    }
    while (fread(x, sizeof x, 1, stdin) == 1) {
        if (NAME_run(x, y, &arena) != 0 || fwrite(y, sizeof y, 1, stdout) != 1) {
            return 1;
        }
#if UPPER_OUTPUT_SIZE > 1
        {
            int best = 0, i;
            for (i = 1; i < UPPER_OUTPUT_SIZE; i++) {
                best = y[i] > y[best] ? i : best;
            }
            if (NAME_predict(x, &arena) != best) {
                return 3;
            }
        }
#endif
    }
    return 0;
}
"""

_MAIN = """\
/* Runs the model's own test, and one inference on an input of zeros. Compile: cc -std=c99 -O2 main.c */
#include <stdio.h>
#include "HEADER"

static NAME_arena_t arena;
static NAME_input_t x[UPPER_INPUT_SIZE];
static NAME_output_t y[UPPER_OUTPUT_SIZE];

int main(void)
{
    int i;
    if (NAME_selftest(&arena) != 0) {
        printf("the self-test failed\\n");
        return 1;
    }
    if (NAME_run(x, y, &arena) != 0) {
        return 1;
    }
    for (i = 0; i < UPPER_OUTPUT_SIZE; i++) {
        printf("%g%s", (double)y[i], i + 1 < UPPER_OUTPUT_SIZE ? " " : "\\n");
    }
    return 0;
}
"""

_MAIN_BOARD = """\
/* Runs the model's own test and one inference on an input of zeros, and says what that took. */
#include <stdint.h>
#include "HEADER"

void board_number(const char *label, uint32_t value);
void board_begin(void);
uint32_t board_instructions(void);
uint32_t board_stack(void);

static NAME_arena_t arena;
static NAME_input_t x[UPPER_INPUT_SIZE];
static NAME_output_t y[UPPER_OUTPUT_SIZE];

int main(void)
{
    uint32_t instructions;
    const int failed = NAME_selftest(&arena);
    board_number("selftest", (uint32_t)failed);
    board_begin();
    (void)NAME_run(x, y, &arena);
    instructions = board_instructions();
    board_number("stack", board_stack());
    board_number("instructions", instructions);
#if UPPER_OUTPUT_SIZE > 1
    board_number("prediction", (uint32_t)NAME_predict(x, &arena));
#endif
    return failed;
}
"""

NETWORK = Programs(_UNIT, _DRIVER, _MAIN, _MAIN_BOARD)


# Of models that predict from the row of a table. Their driver writes the result, and the probability if there is one.

_QUANTITY_UNIT = """\
#include "HEADER"
float NAME_unit_run(const float features[UPPER_INPUT_SIZE]);
float NAME_unit_run(const float features[UPPER_INPUT_SIZE])
{
    return NAME_predict(features);
}
"""

_CLASS_UNIT = """\
#include "HEADER"
int NAME_unit_run(const float features[UPPER_INPUT_SIZE]);
int NAME_unit_run(const float features[UPPER_INPUT_SIZE])
{
    return NAME_classify(features);
}
"""

_ROW_DRIVER = """\
#include <stdio.h>
#include "HEADER"

static float x[UPPER_INPUT_SIZE];

int main(void)
{
    if (NAME_selftest() != 0) {
        return 2;
    }
    while (fread(x, sizeof x, 1, stdin) == 1) {
        float y[COUNT];
RESULTS        if (fwrite(y, sizeof y, 1, stdout) != 1) {
            return 1;
        }
    }
    return 0;
}
"""

_ROW_MAIN = """\
/* Runs the model's own test, and one inference on a row of zeros. Compile: cc -std=c99 -O2 main.c */
#include <stdio.h>
#include "HEADER"

int main(void)
{
    float features[UPPER_INPUT_SIZE] = { 0 }; /* fill in by name: features[UPPER_FEATURE_...] = ...; */
    if (NAME_selftest() != 0) {
        printf("the self-test failed\\n");
        return 1;
    }
SHOW    return 0;
}
"""

_ROW_BOARD = """\
/* Runs the model's own test and one inference on a row of its inputs, and says what that took. */
#include <stdint.h>
#include "HEADER"

void board_number(const char *label, uint32_t value);
void board_begin(void);
uint32_t board_instructions(void);
uint32_t board_stack(void);

static float features[UPPER_INPUT_SIZE];
static TYPE (*volatile inference)(const float *) = NAME_FUNCTION; /* so that its arrays are not part of main's */

int main(void)
{
    uint32_t instructions;
    const int failed = NAME_selftest();
    board_number("selftest", (uint32_t)failed);
    board_begin();
    (void)inference(features);
    instructions = board_instructions();
    board_number("stack", board_stack());
    board_number("instructions", instructions);
    return failed;
}
"""


def _of_rows(unit: str, function: str, kind: str, results: list[str], shown: str) -> Programs:
    lines = "".join(f"        {line}\n" for line in results)
    count = str(sum(line.startswith("y[") for line in results))
    driver = _ROW_DRIVER.replace("RESULTS", lines).replace("COUNT", count)
    return Programs(
        unit, driver, _ROW_MAIN.replace("SHOW", shown), _ROW_BOARD.replace("FUNCTION", function).replace("TYPE", kind)
    )


_SCORE = "y[0] = NAME_score(x);"
_AGREES = "if (NAME_classify(x) != (y[0] >= 0.0f ? 1 : 0)) { return 3; }"
_SHOW_CLASS = '    printf("class %d\\n", NAME_classify(features));\n'
_SHOW_SHARE = '    printf("probability %g\\n", (double)NAME_predict(features));\n'
_SHOW_QUANTITY = '    printf("%g\\n", (double)NAME_predict(features));\n'

QUANTITY = _of_rows(_QUANTITY_UNIT, "predict", "float", ["y[0] = NAME_predict(x);"], _SHOW_QUANTITY)
CLASS = _of_rows(_CLASS_UNIT, "classify", "int", [_SCORE, _AGREES], _SHOW_CLASS)
PROBABILITY = _of_rows(
    _CLASS_UNIT, "classify", "int", [_SCORE, "y[1] = NAME_predict(x);", _AGREES], _SHOW_CLASS + _SHOW_SHARE
)
