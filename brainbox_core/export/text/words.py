"""The C that reads a text: UTF-8, folding, words and marks, for a header that scores texts.

It does in one pass, with a state of fixed size, what `text` does with regular expressions. A dot between a word and
what may be the end of an address is kept back until that word has ended.
"""

from __future__ import annotations

CHARACTERS = """\
/* The run of characters that holds c: its kind (0 ASCII, 1 one text for all, 2 a text each, 3 themselves, 4 shifted,
   5 pairs of capital and small), its content, and the place of c in it. */
typedef struct {
    const uint8_t *content;
    uint32_t kind, place;
} NAME_run_t;

static inline NAME_run_t NAME_find_run(uint32_t c)
{
    NAME_run_t run;
    const uint8_t *p;
    uint32_t low = 0, high = <PAGES>, middle, count;
    while (high - low > 1u) {
        middle = (low + high) / 2u;
        if (NAME_pages[middle] <= c >> 8) {
            low = middle;
        } else {
            high = middle;
        }
    }
    p = NAME_runs + NAME_page_places[low];
    run.place = c & 255u;
    for (;;) { /* at most 256 times: the last run of a page is marked by the count 32 */
        run.kind = (uint32_t)(*p >> 5);
        count = (*p++ & 31u) + 1u;
        run.content = p;
        if (count == 32u || run.place < count) {
            return run;
        }
        run.place -= count;
        if (run.kind == 0u) {
            p += count;
        } else if (run.kind < 3u) {
            for (count = run.kind == 1u ? 1u : count; count > 0u; count--) {
                p += *p + 1u;
            }
        } else if (run.kind < 5u) {
            p += run.kind == 3u ? 1u : 4u;
        }
    }
}

/* What a character becomes that becomes one that is not ASCII, or shifts. */
static inline void NAME_read_single(NAME_state_t *t, uint32_t c, const NAME_run_t *run)
{
    const uint8_t *p = run->content;
    if (run->kind == 3u) {
        NAME_read_item(t, c, p[0]);
    } else if (run->kind == 5u) {
        NAME_read_item(t, run->place & 1u ? c : c + 1u, run->place & 1u ? UPPER_KIND_SMALL : UPPER_KIND_CAPITAL);
    } else {
        c = ((uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2]) + run->place;
        if (c < 128u) {
            NAME_read_ascii(t, c);
        } else {
            NAME_read_item(t, c, p[3]);
        }
    }
}

static UPPER_SHARED void NAME_read_character(NAME_state_t *t, uint32_t c)
{
    NAME_run_t run;
    const uint8_t *p;
    uint32_t n = 1, i;
    if (c < 128u) {
        NAME_read_ascii(t, c);
        return;
    }
    if (c - 0xAC00u < 11172u) { /* a Hangul syllable */
        c -= 0xAC00u;
        NAME_read_item(t, 0x1100u + c / 588u, UPPER_KIND_LETTER);
        NAME_read_item(t, 0x1161u + c % 588u / 28u, UPPER_KIND_LETTER);
        if (c % 28u != 0u) {
            NAME_read_item(t, 0x11A7u + c % 28u, UPPER_KIND_LETTER);
        }
        return;
    }
    run = NAME_find_run(c);
    if (run.kind >= 3u) {
        NAME_read_single(t, c, &run);
        return;
    }
    p = run.content;
    if (run.kind == 0u) {
        p += run.place;
    } else {
        for (i = run.kind == 1u ? 0u : run.place; i > 0u; i--) {
            p += *p + 1u;
        }
        n = *p++;
    }
    while (n > 0u) {
        c = *p++;
        n--;
        if (c < 128u) {
            NAME_read_ascii(t, c);
            continue;
        }
        i = c >= 0xF0u ? 3u : c >= 0xE0u ? 2u : 1u;
        c &= 0x3Fu >> i;
        n -= i;
        for (; i > 0u; i--) {
            c = c << 6 | (*p++ & 63u);
        }
        run = NAME_find_run(c);
        NAME_read_single(t, c, &run);
    }
}
"""

ITEMS = """\
/* Writes a character in UTF-8; returns how many bytes that are. */
static inline uint32_t NAME_put(uint8_t *to, uint32_t c)
{
    const uint32_t more = c < 0x80u ? 0u : c < 0x800u ? 1u : c < 0x10000u ? 2u : 3u;
    uint32_t i;
    to[0] = (uint8_t)(more == 0u ? c : (0xFF00u >> (more + 1u) & 0xFFu) | c >> 6u * more);
    for (i = 1; i <= more; i++) {
        to[i] = (uint8_t)(0x80u | (c >> 6u * (more - i) & 63u));
    }
    return more + 1u;
}

/* Where a word begins in the list of words of addresses, where a space follows each; or its size. */
static inline uint32_t NAME_find_address(const uint8_t *word, uint32_t n)
{
    uint32_t i = 0, start, same;
    while (i < sizeof NAME_addresses) {
        start = i;
        for (same = 0; same < n && NAME_addresses[i] == word[same]; same++) {
            i++;
        }
        if (same == n && NAME_addresses[i] == 32u) {
            return start;
        }
        while (NAME_addresses[i] != 32u) {
            i++;
        }
        i++;
    }
    return i;
}

/* A mark, or a property of a word. */
static inline void NAME_end_token(NAME_state_t *t, const uint8_t *name, uint32_t n)
{
    t->tokens += t->tokens < 0xFFFFFFFFu ? 1u : 0u;
    (void)NAME_add_name(t, name, n);
}

static UPPER_SHARED void NAME_end_marks(NAME_state_t *t, uint32_t mark, uint32_t count)
{
    uint8_t name[8];
    uint32_t n = 0;
    for (; count > 0u; count--) {
        n += NAME_put(name + n, mark);
    }
    if (n > 0u) {
        NAME_end_token(t, name, n);
    }
}

static UPPER_SHARED void NAME_end_word(NAME_state_t *t)
{
    uint8_t *const word = t->line + <START>;
    uint32_t from, to = 0, place = 0, address, given;
    if (t->digits > 1u) { /* each digit becomes a 0 */
        for (from = 0; from < t->bytes; place++) {
            const uint32_t digit = t->digit_places >> place & 1u;
            word[to++] = digit ? 48u : word[from];
            from++;
            while (from < t->bytes && (word[from] & 0xC0u) == 0x80u) {
                if (!digit) {
                    word[to++] = word[from];
                }
                from++;
            }
        }
        t->bytes = (uint8_t)to;
    }
    address = NAME_find_address(word, t->bytes);
    given = (t->characters > <LONGEST>u ? 1u : 0u) | (t->capital && !t->small && t->letters > 2u ? 2u : 0u);
    if (address < <STARTS>u) {
        given |= 4u;
    } else if (t->dot && !t->joined && address < sizeof NAME_addresses) {
        given |= 4u;
        t->dot = 0;
    }
    if (t->dot) {
        NAME_end_marks(t, 46u, 1);
    }
    for (place = 0; place < 3u; place++) { /* <long>, <shout>, <link> */
        if (given >> place & 1u) {
            NAME_end_token(t, NAME_marks + 7u * place, place == 1u ? 7u : 6u);
        }
    }
    t->tokens += t->tokens < 0xFFFFFFFFu ? 1u : 0u;
    NAME_add_word(t, word, t->bytes);
    t->digit_places = 0;
    t->bytes = t->characters = t->digits = t->letters = t->capital = t->small = t->joined = t->dot = t->joint = 0;
}

/* A letter or digit. */
static inline void NAME_read_letter(NAME_state_t *t, uint32_t c, uint32_t kind)
{
    if (t->joint) { /* an apostrophe, or after a digit a dot or comma, inside a word or behind it */
        const uint8_t joint = t->joint;
        t->joint = 0;
        if (joint == 39u || kind == UPPER_KIND_DIGIT) {
            t->joined = 1;
        } else {
            NAME_end_word(t);
            if (joint == 46u) {
                t->dot = 1;
            } else {
                NAME_end_marks(t, joint, 1);
            }
        }
    } else if (t->marks) {
        if (t->marks == 1u && t->mark == 46u && t->after_word) {
            t->dot = 1;
        } else {
            NAME_end_marks(t, t->mark, t->marks);
        }
        t->marks = 0;
    }
    if (t->characters < <LONGEST>u) {
        t->digit_places |= (kind == UPPER_KIND_DIGIT ? 1u : 0u) << t->characters;
        t->bytes = (uint8_t)(t->bytes + NAME_put(t->line + <START> + t->bytes, c));
    }
    t->characters = (uint8_t)(t->characters + (t->characters <= <LONGEST>u ? 1 : 0));
    t->after_digit = kind == UPPER_KIND_DIGIT;
    t->digits = (uint8_t)(t->digits + (t->digits < 2u && kind == UPPER_KIND_DIGIT ? 1 : 0));
    t->letters = (uint8_t)(t->letters + (t->letters < 3u && kind >= UPPER_KIND_LETTER ? 1 : 0));
    t->small = (uint8_t)(t->small | (kind == UPPER_KIND_SMALL ? 1 : 0));
    t->capital = (uint8_t)(t->capital | (kind == UPPER_KIND_CAPITAL ? 1 : 0));
}

/* A character, folded. */
static UPPER_SHARED void NAME_read_item(NAME_state_t *t, uint32_t c, uint32_t kind)
{
    uint8_t after_word = 0, joint;
    if (kind >= UPPER_KIND_OTHER) {
        NAME_read_letter(t, c, kind);
        return;
    }
    if (t->characters) {
        joint = t->joint;
        if (kind == UPPER_KIND_MARK && !joint && (c == 39u || ((c == 46u || c == 44u) && t->after_digit))) {
            t->joint = (uint8_t)c;
            return;
        }
        NAME_end_word(t);
        after_word = !joint;
        t->mark = joint;
        t->marks = joint ? 1 : 0;
    }
    if (kind == UPPER_KIND_MARK && t->marks && t->mark == c) {
        t->marks = 2;
        return;
    }
    NAME_end_marks(t, t->mark, t->marks);
    t->mark = c;
    t->marks = kind == UPPER_KIND_MARK ? 1 : 0;
    t->after_word = after_word;
}

static inline void NAME_read_ascii(NAME_state_t *t, uint32_t c)
{
    if (c - 97u < 26u) {
        NAME_read_item(t, c, UPPER_KIND_SMALL);
    } else if (c - 65u < 26u) {
        NAME_read_item(t, c + 32u, UPPER_KIND_CAPITAL);
    } else if (c - 48u < 10u) {
        NAME_read_item(t, c, UPPER_KIND_DIGIT);
    } else {
        NAME_read_item(t, c, c == 32u || c - 9u < 5u || c - 28u < 4u ? UPPER_KIND_SPACE : UPPER_KIND_MARK);
    }
}
"""

BYTES = """\
/* Reads on: the next n bytes of a text, divided anywhere. What is not UTF-8 is read as U+FFFD, once for each longest
   part that could have begun a character. */
static UPPER_SHARED void NAME_feed(NAME_state_t *t, const char *s, size_t n)
{
    size_t i;
    for (i = 0; i < n; i++) {
        const uint32_t b = (unsigned char)s[i];
        if (t->missing) {
            if (b >= t->least && b <= t->most) {
                t->code = t->code << 6 | (b & 63u);
                t->least = 0x80u;
                t->most = 0xBFu;
                t->missing--;
                if (!t->missing) {
                    NAME_read_character(t, t->code);
                }
                continue;
            }
            t->missing = 0;
            NAME_read_character(t, 0xFFFDu);
        }
        if (b >= 0xC2u && b <= 0xF4u) {
            t->missing = b < 0xE0u ? 1 : b < 0xF0u ? 2 : 3;
            t->code = b & 0x3Fu >> t->missing;
            t->least = b == 0xE0u ? 0xA0u : b == 0xF0u ? 0x90u : 0x80u;
            t->most = b == 0xEDu ? 0x9Fu : b == 0xF4u ? 0x8Fu : 0xBFu;
        } else {
            NAME_read_character(t, b < 128u ? b : 0xFFFDu);
        }
    }
}
"""
