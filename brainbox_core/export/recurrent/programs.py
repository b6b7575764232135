"""The C programs around the header of a recurrent network: one that writes text, or one that goes through vectors."""

from __future__ import annotations

from brainbox_core.export.programs import Programs

# The driver's input: a token, or -1 to choose it from the last outputs at a temperature; and 1 to begin anew before it.
_WRITER_DRIVER = """\
#include <stdio.h>
#include <string.h>
#include "HEADER"

static NAME_arena_t arena;
static NAME_state_t state;
static NAME_rng_t rng;
static float x[3], y[1 + UPPER_OUTPUT_SIZE];

int main(void)
{
    int token;
    if (sizeof state != UPPER_STATE_SIZE || sizeof arena != UPPER_ARENA_SIZE) {
        return 4;
    }
    if (NAME_selftest(&state, &arena) != 0) {
        return 2;
    }
    memset(&state, 0x55, sizeof state);
    while (fread(x, sizeof x, 1, stdin) == 1) {
        if (x[2] > 0.0f) {
            NAME_reset(&state);
            NAME_seed(&rng, 0u);
        }
        token = x[0] < 0.0f ? NAME_sample(y + 1, x[1], &rng) : (int)x[0];
        y[0] = (float)token;
        if (NAME_step(&state, token, y + 1, &arena) != 0 || fwrite(y, sizeof y, 1, stdout) != 1) {
            return 1;
        }
    }
    if (NAME_step(&state, -1, y + 1, &arena) == 0 || NAME_step(&state, UPPER_TOKENS, y + 1, &arena) == 0) {
        return 3;
    }
    return NAME_character(-1)[0] != 0 || NAME_character(UPPER_TOKENS)[0] != 0 || NAME_character(0)[0] == 0 ? 3 : 0;
}
"""

_WRITER_UNIT = """\
#include "HEADER"
void NAME_unit_reset(NAME_state_t *state, NAME_rng_t *rng);
void NAME_unit_reset(NAME_state_t *state, NAME_rng_t *rng)
{
    NAME_reset(state);
    NAME_seed(rng, 0u);
}
const char *NAME_unit_next(NAME_state_t *state, int *token, float *y, NAME_rng_t *rng, NAME_arena_t *arena);
const char *NAME_unit_next(NAME_state_t *state, int *token, float *y, NAME_rng_t *rng, NAME_arena_t *arena)
{
    (void)NAME_step(state, *token, y, arena);
    *token = NAME_sample(y, 0.7f, rng);
    return NAME_character(*token);
}
"""

_WRITER_MAIN = """\
/* Runs the model's own test, and lets it write. Compile: cc -std=c99 -O2 main.c */
#include <stdio.h>
#include "HEADER"

static NAME_arena_t arena;
static NAME_state_t state;
static NAME_rng_t rng;
static float y[UPPER_OUTPUT_SIZE];

int main(void)
{
    int token = UPPER_START, i;
    if (NAME_selftest(&state, &arena) != 0) {
        printf("the self-test failed\\n");
        return 1;
    }
    NAME_seed(&rng, 0u);
    NAME_reset(&state);
WRITING    return 0;
}
"""

_TEXT = """\
    for (i = 0; i < 500; i++) {
        (void)NAME_step(&state, token, y, &arena);
        token = NAME_sample(y, 0.7f, &rng);
        fputs(NAME_character(token), stdout);
    }
"""

_LINES = """\
    for (i = 0; i < 20; i++) {
        int length;
        token = UPPER_START;
        for (length = 0; length < 1000; length++) {
            (void)NAME_step(&state, token, y, &arena);
            token = NAME_sample(y, 0.7f, &rng);
            if (token == UPPER_START) {
                break;
            }
            fputs(NAME_character(token), stdout);
        }
        printf("\\n");
        NAME_reset(&state);
    }
"""

_BOARD = """\
#include <stdint.h>
#include "HEADER"

void board_number(const char *label, uint32_t value);
void board_begin(void);
uint32_t board_instructions(void);
uint32_t board_stack(void);

static NAME_arena_t arena;
static NAME_state_t state;
"""

_WRITER_BOARD = f"""\
/* Runs the model's own test and writes one character, and says what that took. */
{_BOARD}static NAME_rng_t rng;
static float y[UPPER_OUTPUT_SIZE];

int main(void)
{{
    uint32_t instructions;
    const int failed = NAME_selftest(&state, &arena);
    int token = UPPER_START;
    board_number("selftest", (uint32_t)failed);
    NAME_reset(&state);
    NAME_seed(&rng, 0u);
    board_begin();
    (void)NAME_step(&state, token, y, &arena);
    token = NAME_sample(y, 0.7f, &rng);
    instructions = board_instructions();
    board_number("stack", board_stack());
    board_number("instructions", instructions);
    board_number("token", (uint32_t)token);
    return failed;
}}
"""

# The driver's input: a vector, and 1 to begin anew before it.
_SEQUENCE_DRIVER = """\
#include <stdio.h>
#include <string.h>
#include "HEADER"

static NAME_arena_t arena;
static NAME_state_t state;
static float x[UPPER_INPUT_SIZE + 1], y[UPPER_OUTPUT_SIZE];

int main(void)
{
    if (sizeof state != UPPER_STATE_SIZE || sizeof arena != UPPER_ARENA_SIZE) {
        return 4;
    }
    if (NAME_selftest(&state, &arena) != 0) {
        return 2;
    }
    memset(&state, 0x55, sizeof state);
    while (fread(x, sizeof x, 1, stdin) == 1) {
        if (x[UPPER_INPUT_SIZE] > 0.0f) {
            NAME_reset(&state);
        }
        if (NAME_step(&state, SOURCE, y, &arena) != 0 || fwrite(y, sizeof y, 1, stdout) != 1) {
            return 1;
        }
    }
    return 0;
}
"""

_SEQUENCE_UNIT = """\
#include "HEADER"
int NAME_unit_next(NAME_state_t *state, PARAMETER, float *y, NAME_arena_t *arena);
int NAME_unit_next(NAME_state_t *state, PARAMETER, float *y, NAME_arena_t *arena)
{
    return NAME_step(state, x, y, arena);
}
void NAME_unit_reset(NAME_state_t *state);
void NAME_unit_reset(NAME_state_t *state)
{
    NAME_reset(state);
}
"""

_SEQUENCE_MAIN = """\
/* Runs the model's own test, and one step on an input of zeros. Compile: cc -std=c99 -O2 main.c */
#include <stdio.h>
#include "HEADER"

static NAME_arena_t arena;
static NAME_state_t state;
static float x[UPPER_INPUT_SIZE], y[UPPER_OUTPUT_SIZE];

int main(void)
{
    int i;
    if (NAME_selftest(&state, &arena) != 0) {
        printf("the self-test failed\\n");
        return 1;
    }
    NAME_reset(&state);
    if (NAME_step(&state, SOURCE, y, &arena) != 0) {
        return 1;
    }
    for (i = 0; i < UPPER_OUTPUT_SIZE; i++) {
        printf("%g%s", (double)y[i], i + 1 < UPPER_OUTPUT_SIZE ? " " : "\\n");
    }
    return 0;
}
"""

_SEQUENCE_BOARD = f"""\
/* Runs the model's own test and one step on an input of zeros, and says what that took. */
{_BOARD}static float x[UPPER_INPUT_SIZE], y[UPPER_OUTPUT_SIZE];

int main(void)
{{
    uint32_t instructions;
    const int failed = NAME_selftest(&state, &arena);
    board_number("selftest", (uint32_t)failed);
    NAME_reset(&state);
    board_begin();
    (void)NAME_step(&state, SOURCE, y, &arena);
    instructions = board_instructions();
    board_number("stack", board_stack());
    board_number("instructions", instructions);
    return failed;
}}
"""


def writer(lines: bool) -> Programs:
    """Around a header that writes text.

    Args:
        lines: it writes lines, each from a fresh state to its end; the example writes 20 of them, and else 500
            characters: what `brainbox rnn sample` writes.
    """
    main = _WRITER_MAIN.replace("WRITING", _LINES if lines else _TEXT)
    return Programs(_WRITER_UNIT, _WRITER_DRIVER, main, _WRITER_BOARD)


def sequence(ids: bool) -> Programs:
    """Around a header that reads ids or vectors, and gives outputs for each."""
    source, parameter = ("(int)x[0]", "int x") if ids else ("x", "const float *x")
    texts = (_SEQUENCE_UNIT, _SEQUENCE_DRIVER, _SEQUENCE_MAIN, _SEQUENCE_BOARD)
    return Programs(*(text.replace("SOURCE", source).replace("PARAMETER", parameter) for text in texts))
