#include <stdio.h>
#include <string.h>
#include "<HEADER>"

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
        if (NAME_step(&state, <SOURCE>, y, &arena) != 0 || fwrite(y, sizeof y, 1, stdout) != 1) {
            return 1;
        }
    }
    return 0;
}
