/* Runs the model's own test and one inference on an input of zeros, and says what that took. */
#include <stdint.h>
#include "<HEADER>"

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
