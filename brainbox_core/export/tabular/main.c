/* Runs the model's own test, and one inference on a row of zeros. Compile: cc -std=c99 -O2 main.c */
#include <stdio.h>
#include "<HEADER>"

int main(void)
{
    float features[UPPER_INPUT_SIZE] = { 0 }; /* fill in by name: features[UPPER_FEATURE_...] = ...; */
    if (NAME_selftest() != 0) {
        printf("the self-test failed\n");
        return 1;
    }
<IF CLASS>
    printf("class %d\n", NAME_predict(features));
<END>
<IF NOT CLASS>
    printf("%g\n", (double)NAME_predict(features));
<END>
<IF PROBABILITY>
    printf("probability %g\n", (double)NAME_probability(features));
<END>
    return 0;
}
