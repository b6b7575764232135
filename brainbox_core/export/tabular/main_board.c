/* Runs the model's own test and one inference on a row of its inputs, and says what that took. */
#include <stdint.h>
#include "<HEADER>"

void board_number(const char *label, uint32_t value);
void board_begin(void);
uint32_t board_instructions(void);
uint32_t board_stack(void);

static float features[UPPER_INPUT_SIZE];
static <TYPE> (*volatile inference)(const float *) = NAME_predict; /* so that its arrays are not part of main's */

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
