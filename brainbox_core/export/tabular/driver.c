#include <stdio.h>
#include "<HEADER>"

static float x[UPPER_INPUT_SIZE];

int main(void)
{
    if (NAME_selftest() != 0) {
        return 2;
    }
    while (fread(x, sizeof x, 1, stdin) == 1) {
        float y[<COUNT>];
<IF CLASS>
        y[0] = NAME_margin(x);
        if (NAME_predict(x) != (y[0] >= 0.0f ? 1 : 0)) {
            return 3;
        }
<END>
<IF NOT CLASS>
        y[0] = NAME_predict(x);
<END>
<IF PROBABILITY>
        y[1] = NAME_probability(x);
<END>
        if (fwrite(y, sizeof y, 1, stdout) != 1) {
            return 1;
        }
    }
    return 0;
}
