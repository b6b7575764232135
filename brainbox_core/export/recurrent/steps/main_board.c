/* Runs the model's own test and one step on an input of zeros, and says what that took. */
#include <stdint.h>
#include "<HEADER>"

void board_number(const char *label, uint32_t value);
void board_begin(void);
uint32_t board_instructions(void);
uint32_t board_stack(void);

static NAME_arena_t arena;
static NAME_state_t state;
static float x[UPPER_INPUT_SIZE], y[UPPER_OUTPUT_SIZE];

int main(void)
{
    uint32_t instructions;
    const int failed = NAME_selftest(&state, &arena);
    board_number("selftest", (uint32_t)failed);
    NAME_reset(&state);
    board_begin();
    (void)NAME_step(&state, <SOURCE>, y, &arena);
    instructions = board_instructions();
    board_number("stack", board_stack());
    board_number("instructions", instructions);
    return failed;
}
