/* fuzz.c - what the targets share. */
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>

void fuzz_fail(const char *file, int line, const char *claim)
{
    fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, claim);
    abort();
}

/* Decodes each character and looks at the number that comes out; written apart from utf8.c, which goes
 * by the ranges of bytes, because it is there to check that. */
int fuzz_is_utf8(const char *text, size_t len)
{
    static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
    const uint8_t *p = (const uint8_t *)text;

    for (size_t i = 0; i < len;) {
        uint8_t first = p[i++];
        unsigned more = first < 0x80 ? 0 : (first >> 5) == 6 ? 1 : (first >> 4) == 14 ? 2 : (first >> 3) == 30 ? 3 : 4;
        uint32_t code = more == 0 ? first : first & (0x3fU >> more);

        if (more > 3 || len - i < more)
            return 0;
        for (unsigned n = 0; n < more; n++, i++) {
            if (p[i] >> 6 != 2)
                return 0;
            code = code << 6 | (p[i] & 0x3f);
        }
        if (code < least[more] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
            return 0;
    }
    return 1;
}
