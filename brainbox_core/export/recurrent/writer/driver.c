#include <stdio.h>
#include <string.h>
#include "<HEADER>"

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
