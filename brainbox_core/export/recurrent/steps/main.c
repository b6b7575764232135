/* Runs the model's own test, and one step on an input of zeros. Compile: cc -std=c99 -O2 main.c */
#include <stdio.h>
#include "<HEADER>"

static NAME_arena_t arena;
static NAME_state_t state;
static float x[UPPER_INPUT_SIZE], y[UPPER_OUTPUT_SIZE];

int main(void)
{
    int i;
    if (NAME_selftest(&state, &arena) != 0) {
        printf("the self-test failed\n");
        return 1;
    }
    NAME_reset(&state);
    if (NAME_step(&state, <SOURCE>, y, &arena) != 0) {
        return 1;
    }
    for (i = 0; i < UPPER_OUTPUT_SIZE; i++) {
        printf("%g%s", (double)y[i], i + 1 < UPPER_OUTPUT_SIZE ? " " : "\n");
    }
    return 0;
}
