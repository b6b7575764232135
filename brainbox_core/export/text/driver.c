#include <stdio.h>
#include <string.h>
#include "<HEADER>"

static NAME_state_t state;
static struct {
    uint32_t size;
    char text[<SIZE>];
} x;

int main(void)
{
    float y[3], whole;
    uint32_t i;
    if (NAME_selftest(&state) != 0) {
        return 2;
    }
    while (fread(&x, sizeof x, 1, stdin) == 1) {
        NAME_begin(&state); /* a byte at a time, and the whole */
        for (i = 0; i < x.size; i++) {
            NAME_feed(&state, x.text + i, 1);
        }
        y[0] = NAME_end(&state);
        y[1] = NAME_logit(&state);
        y[2] = (float)NAME_verdict(&state);
        whole = NAME_probability(x.text, x.size);
        if (memcmp(y, &whole, sizeof whole) != 0 || NAME_predict(x.text, x.size) != NAME_verdict(&state)) {
            return 3;
        }
        if (fwrite(y, sizeof y, 1, stdout) != 1) {
            return 1;
        }
    }
    return 0;
}
