/* fuzz.c - what the targets share. */
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>

void fuzz_fail(const char *file, int line, const char *claim)
{
    fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, claim);
    abort();
}

/* By the table of well-formed sequences of the Unicode standard; written apart from the parser's own
 * check, which it is meant to check. */
int fuzz_is_utf8(const char *text, size_t len)
{
    const unsigned char *p = (const unsigned char *)text;
    const unsigned char *end = p + len;

    while (p < end) {
        unsigned char low = 0x80;
        unsigned char high = 0xbf;
        size_t more;

        if (*p < 0x80)
            more = 0;
        else if (*p >= 0xc2 && *p <= 0xdf)
            more = 1;
        else if (*p >= 0xe0 && *p <= 0xef)
            more = 2;
        else if (*p >= 0xf0 && *p <= 0xf4)
            more = 3;
        else
            return 0;
        if (*p == 0xe0)
            low = 0xa0;
        else if (*p == 0xed)
            high = 0x9f;
        else if (*p == 0xf0)
            low = 0x90;
        else if (*p == 0xf4)
            high = 0x8f;
        if ((size_t)(end - p) <= more)
            return 0;
        for (size_t i = 1; i <= more; i++) {
            if (p[i] < low || p[i] > high)
                return 0;
            low = 0x80;
            high = 0xbf;
        }
        p += more + 1;
    }
    return 1;
}
