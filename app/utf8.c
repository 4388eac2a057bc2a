/* utf8.c - see utf8.h. Its own check because yajl's, which sees all the JSON that comes in, lets overlong
 * forms and surrogates pass, and PostgreSQL refuses both.
 */
#include "app/utf8.h"

/* The length of the character at p, which is before end; 0 when there is none by RFC 3629: no
 * overlong forms, no surrogates, nothing above U+10FFFF. */
static size_t character_len(const unsigned char *p, const unsigned char *end)
{
    unsigned char low = 0x80;
    unsigned char high = 0xbf;
    size_t len;

    if (*p < 0x80)
        return 1;
    if (*p < 0xc2 || *p > 0xf4)
        return 0;
    len = *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : 4;
    if (*p == 0xe0)
        low = 0xa0;
    else if (*p == 0xed)
        high = 0x9f;
    else if (*p == 0xf0)
        low = 0x90;
    else if (*p == 0xf4)
        high = 0x8f;
    if ((size_t)(end - p) < len || p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < len; i++) {
        if (p[i] < 0x80 || p[i] > 0xbf)
            return 0;
    }
    return len;
}

bool utf8_is_valid(const char *text, size_t len)
{
    const unsigned char *p = (const unsigned char *)text;
    const unsigned char *end = p + len;

    while (p < end) {
        size_t n = character_len(p, end);
        if (n == 0)
            return false;
        p += n;
    }
    return true;
}
