"""The C programs around a header: to look at its code, to compare it, and to show how it is used."""

from __future__ import annotations

from dataclasses import dataclass


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

        Example:
            >>> NETWORK.filled("unit", "net", "a/net.h").splitlines()[0]
            '#include "a/net.h"'
        """
        text = getattr(self, program).replace("NAME", name).replace("UPPER", name.upper())
        return text.replace("HEADER", header)


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
