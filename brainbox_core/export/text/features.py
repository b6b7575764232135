"""The C that finds the features of words in a vocabulary and sums their weights, for a header that scores texts.

The vocabulary is the sorted list of all names, of which each says how much of its beginning it shares with the one
before it, in blocks of 16 (front coding; Witten, Moffat, Bell, Managing Gigabytes, 1999, section 4.1). A name is looked
up by halving the blocks, and reading through one of them: it is there or it is not, and nothing is taken for another.
Of a hashed vocabulary there are no names: the column of one is its CRC-32 modulo the number of columns.
"""

from __future__ import annotations

from collections.abc import Sequence

BLOCK = 16  # names
_ESCAPE = 15


def front_coded(names: Sequence[bytes]) -> tuple[bytes, list[int]]:
    """Sorted names in blocks of 16, and where each block starts.

    A name is a byte, shared length << 4 | length of the rest, then what of them is 15 or more, then the rest. A length
    of 15 or more goes on with bytes that are added, the last of them less than 255.

    Example:
        >>> front_coded([b"prize", b"prizes"])
        (b'\\x05prizeQs', [0])
    """
    data, starts, before = bytearray(), [], b""
    for number, name in enumerate(names):
        if number % BLOCK == 0:
            starts.append(len(data))
            before = b""
        shared = next((place for place, (a, b) in enumerate(zip(name, before, strict=False)) if a != b), None)
        shared = min(len(name), len(before)) if shared is None else shared
        lengths = shared, len(name) - shared
        data.append(min(lengths[0], _ESCAPE) << 4 | min(lengths[1], _ESCAPE))
        for length in lengths:
            if length >= _ESCAPE:
                data += b"\xff" * ((length - _ESCAPE) // 255) + bytes([(length - _ESCAPE) % 255])
        data += name[shared:]
        before = name
    return bytes(data), starts


def checksum_steps() -> list[int]:
    """The table of CRC-32 by four bits."""
    steps = list(range(16))
    for _ in range(4):
        steps = [step >> 1 ^ (0xEDB88320 if step & 1 else 0) for step in steps]
    return steps


FIND = """\
/* A length, which goes on with more bytes if it is 15. */
static inline uint32_t NAME_read_length(const uint8_t **p, uint32_t length)
{
    uint32_t more = length == 15u ? 255u : 0u;
    while (more == 255u) {
        more = *(*p)++;
        length += more;
    }
    return length;
}

/* The number of a name in the sorted list, or -1. */
static inline int32_t NAME_find_name(const uint8_t *name, uint32_t n)
{
    const uint8_t *p;
    uint32_t low = 0, high = <BLOCKS>, middle, same, shared, rest, i, number, end;
    while (high - low > 1u) { /* which block: the last whose first name is not greater */
        middle = (low + high) / 2u;
        p = NAME_names + NAME_blocks[middle];
        rest = *p++ & 15u;
        rest = NAME_read_length(&p, rest);
        for (i = 0; i < n && i < rest && p[i] == name[i]; i++) {
        }
        if (i < rest && (i == n || p[i] > name[i])) {
            high = middle;
        } else {
            low = middle;
        }
    }
    p = NAME_names + NAME_blocks[low];
    number = low * 16u;
    end = number + 16u < <COLUMNS>u ? number + 16u : <COLUMNS>u;
    for (same = 0; number < end; number++) { /* same: the bytes that are those of the name before this one */
        shared = (uint32_t)*p >> 4;
        rest = *p++ & 15u;
        shared = NAME_read_length(&p, shared);
        rest = NAME_read_length(&p, rest);
        if (shared < same) {
            return -1;
        }
        if (shared == same) {
            for (i = 0; i < rest && same < n && p[i] == name[same]; i++) {
                same++;
            }
            if (i == rest && same == n) {
                return (int32_t)number;
            }
            if (i < rest && (same == n || p[i] > name[same])) {
                return -1;
            }
        }
        p += rest;
    }
    return -1;
}

/* Adds the feature of a name; returns whether it has a weight. */
static UPPER_SHARED int NAME_add_name(NAME_state_t *t, const uint8_t *name, uint32_t n)
{
    const int32_t number = NAME_find_name(name, n);
    return number >= 0 && NAME_add(t, (uint32_t)number);
}
"""

HASH = """\
/* Adds the feature of a name, whose column is its CRC-32 modulo their number; returns whether it has a weight. */
static UPPER_SHARED int NAME_add_name(NAME_state_t *t, const uint8_t *name, uint32_t n)
{
    uint32_t crc = 0xFFFFFFFFu, i;
    for (i = 0; i < n; i++) {
        crc = crc >> 4 ^ NAME_crc[(crc ^ name[i]) & 15u];
        crc = crc >> 4 ^ NAME_crc[(crc ^ (uint32_t)name[i] >> 4) & 15u];
    }
    return NAME_add(t, (crc ^ 0xFFFFFFFFu) % <COLUMNS>u);
}
"""

ADD_ONCE = """\
/* Adds the weight of a feature, the first time that a text has it; returns whether it has one. */
static inline int NAME_add(NAME_state_t *t, uint32_t column)
{
    const uint32_t bit = 1u << (column & 7u);
    uint8_t *const seen = t->seen + (column >> 3);
    if (!(*seen & bit)) {
        *seen = (uint8_t)(*seen | bit);
        t->sum += NAME_weights[column];
    }
    return NAME_weights[column] != 0;
}
"""

ADD_EACH = """\
/* Adds the weight of a feature, as often as a text has it; returns whether it has one. */
static inline int NAME_add(NAME_state_t *t, uint32_t column)
{
    t->sum += NAME_weights[column];
    return NAME_weights[column] != 0;
}
"""

WORD = """\
/* A word of n bytes: the features of it<ALSO>. */
static inline void NAME_add_word(NAME_state_t *t, uint8_t *word, uint32_t n)
{
<BODY>}
"""

KNOWN = """\
    t->known = (uint8_t)(t->known | NAME_add_name(t, word, n));
"""

# The byte before the characters in a row is lent to the sign that their names begin with.
LETTERS_VARIABLES = """\
    uint8_t *from, *to, lent;
    const uint8_t before = word[-1];
    uint32_t count;
"""
LETTERS = """\
    word[-1] = 95u;
    word[n] = 95u;
    for (from = word - 1; from <= word + n;) {
        lent = from[-1];
        from[-1] = 126u;
        to = from;
        for (count = 1; count <= <CHARS>u && to <= word + n; count++) {
            do {
                to++;
            } while (to <= word + n && (*to & 0xC0u) == 0x80u);
            if (count > 1u) {
                (void)NAME_add_name(t, from - 1, (uint32_t)(to - from) + 1u);
            }
        }
        from[-1] = lent;
        do {
            from++;
        } while (from <= word + n && (*from & 0xC0u) == 0x80u);
    }
    word[-1] = before;
"""

SEQUENCE_VARIABLES = """\
    uint32_t i, start, gone;
"""
SEQUENCE = """\
    start = t->starts[t->words];
    for (i = 0; i < t->words; i++) {
        (void)NAME_add_name(t, t->line + t->starts[i], start + n - t->starts[i]);
    }
    if (t->words == <BEFORE>u) { /* forget the first word */
        gone = (uint32_t)t->starts[1] - t->starts[0];
        for (i = t->starts[1]; i < start + n; i++) {
            t->line[i - gone] = t->line[i];
        }
        for (i = 0; i < <BEFORE>u; i++) {
            t->starts[i] = (uint16_t)(t->starts[i + 1u] - gone);
        }
        start -= gone;
        t->words--;
    }
    t->line[start + n] = 32u;
    t->words++;
    t->starts[t->words] = (uint16_t)(start + n + 1u);
"""
