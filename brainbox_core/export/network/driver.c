#include <stdio.h>
#include "<HEADER>"

static NAME_arena_t arena;
static NAME_input_t x[UPPER_INPUT_SIZE];
static NAME_output_t y[UPPER_OUTPUT_SIZE];

int main(void)
{
    if (NAME_selftest(&arena) != 0) {
        return 2;
    }
    while (fread(x, sizeof x, 1, stdin) == 1) {
        if (NAME_run(x, y, &arena) != 0 || fwrite(y, sizeof y, 1, stdout) != 1) {
            return 1;
        }
#if UPPER_OUTPUT_SIZE > 1
        {
            int best = 0, i;
            for (i = 1; i < UPPER_OUTPUT_SIZE; i++) {
                best = y[i] > y[best] ? i : best;
            }
            if (NAME_predict(x, &arena) != best) {
                return 3;
            }
        }
#endif
    }
    return 0;
}
