/* Runs the model's own test, and scores its arguments or a message. Compile: cc -std=c99 -O2 main.c */
#include <stdio.h>
#include <string.h>
#include "<HEADER>"

static NAME_state_t state;

static void score(const char *text)
{
    NAME_begin(&state);
    NAME_feed(&state, text, strlen(text));
    printf("%.3f %s\n", (double)NAME_end(&state), NAME_verdict(&state) ? "spam" : "ham");
}

int main(int count, char **words)
{
    int i;
    if (NAME_selftest(&state) != 0) {
        printf("the self-test failed\n");
        return 1;
    }
    for (i = 1; i < count; i++) {
        score(words[i]);
    }
    if (count < 2) {
        score("Buy cheap meds now!! Click here");
    }
    return 0;
}
