/* Runs the model's own test, scores a message, and says what that took. */
#include <stdint.h>
#include "<HEADER>"

void board_number(const char *label, uint32_t value);
void board_begin(void);
uint32_t board_instructions(void);
uint32_t board_stack(void);

static NAME_state_t state;

int main(void)
{
    static const char text[] = "Buy cheap meds now!! Click here";
    uint32_t instructions;
    const int failed = NAME_selftest(&state);
    board_number("selftest", (uint32_t)failed);
    board_begin();
    NAME_begin(&state);
    NAME_feed(&state, text, sizeof text - 1u);
    (void)NAME_end(&state);
    instructions = board_instructions();
    board_number("stack", board_stack());
    board_number("instructions", instructions);
    board_number("prediction", (uint32_t)NAME_verdict(&state));
    return failed;
}
