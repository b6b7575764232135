"""The C programs around a header that scores texts."""

from brainbox_core.export.programs import Programs

RECORD = 1024  # bytes of a text that the driver reads: 4 of its length, then the text and zeros

_UNIT = """\
#include "HEADER"
float NAME_unit_score(const char *s, size_t n);
float NAME_unit_score(const char *s, size_t n)
{
    return NAME_score_text(s, n);
}
int NAME_unit_is_spam(const char *s, size_t n);
int NAME_unit_is_spam(const char *s, size_t n)
{
    return NAME_is_spam(s, n);
}
"""

_DRIVER = f"""\
#include <stdio.h>
#include <string.h>
#include "HEADER"

static NAME_state_t state;
static struct {{
    uint32_t size;
    char text[{RECORD - 4}];
}} x;

int main(void)
{{
    float y[3], whole;
    uint32_t i;
    if (NAME_selftest(&state) != 0) {{
        return 2;
    }}
    while (fread(&x, sizeof x, 1, stdin) == 1) {{
        NAME_begin(&state); /* a byte at a time, and the whole */
        for (i = 0; i < x.size; i++) {{
            NAME_feed(&state, x.text + i, 1);
        }}
        y[0] = NAME_end(&state);
        y[1] = NAME_logit(&state);
        y[2] = (float)NAME_verdict(&state);
        whole = NAME_score_text(x.text, x.size);
        if (memcmp(y, &whole, sizeof whole) != 0 || NAME_is_spam(x.text, x.size) != NAME_verdict(&state)) {{
            return 3;
        }}
        if (fwrite(y, sizeof y, 1, stdout) != 1) {{
            return 1;
        }}
    }}
    return 0;
}}
"""

_MAIN = """\
/* Runs the model's own test, and scores its arguments or a message. Compile: cc -std=c99 -O2 main.c */
#include <stdio.h>
#include <string.h>
#include "HEADER"

static NAME_state_t state;

static void score(const char *text)
{
    NAME_begin(&state);
    NAME_feed(&state, text, strlen(text));
    printf("%.3f %s\\n", (double)NAME_end(&state), NAME_verdict(&state) ? "spam" : "ham");
}

int main(int count, char **words)
{
    int i;
    if (NAME_selftest(&state) != 0) {
        printf("the self-test failed\\n");
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
"""

_MAIN_BOARD = """\
/* Runs the model's own test, scores a message, and says what that took. */
#include <stdint.h>
#include "HEADER"

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
"""

TEXT = Programs(_UNIT, _DRIVER, _MAIN, _MAIN_BOARD)
