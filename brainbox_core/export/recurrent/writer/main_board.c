/* Runs the model's own test and writes one character, and says what that took. */
#include <stdint.h>
#include "<HEADER>"

void board_number(const char *label, uint32_t value);
void board_begin(void);
uint32_t board_instructions(void);
uint32_t board_stack(void);

static NAME_arena_t arena;
static NAME_state_t state;
static NAME_rng_t rng;
static float y[UPPER_OUTPUT_SIZE];

int main(void)
{
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
}
