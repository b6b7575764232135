/* Runs the model's own test, and lets it write. Compile: cc -std=c99 -O2 main.c */
#include <stdio.h>
#include "<HEADER>"

static NAME_arena_t arena;
static NAME_state_t state;
static NAME_rng_t rng;
static float y[UPPER_OUTPUT_SIZE];

int main(void)
{
    int token = UPPER_START, i;
    if (NAME_selftest(&state, &arena) != 0) {
        printf("the self-test failed\n");
        return 1;
    }
    NAME_seed(&rng, 0u);
    NAME_reset(&state);
<IF LINES>
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
        printf("\n");
        NAME_reset(&state);
    }
<END>
<IF NOT LINES>
    for (i = 0; i < 500; i++) {
        (void)NAME_step(&state, token, y, &arena);
        token = NAME_sample(y, 0.7f, &rng);
        fputs(NAME_character(token), stdout);
    }
<END>
    return 0;
}
