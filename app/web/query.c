/* query.c - one parameter out of a query string, decoded. Pure; h2o 2.2 parses paths only. */
#include "app/web/web.h"

#include <string.h>

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes one character at *p, which must be before end, and moves past it. */
static char next(const char **p, const char *end)
{
    const char *s = *p;

    *p = s + 1;
    if (*s == '+')
        return ' ';
    if (*s == '%' && end - s >= 3 && hex(s[1]) >= 0 && hex(s[2]) >= 0) {
        *p = s + 3;
        return (char)(hex(s[1]) << 4 | hex(s[2]));
    }
    return *s;
}

static bool is_name(const char *p, const char *end, const char *name)
{
    for (; p < end && *name != '\0'; name++) {
        if (next(&p, end) != *name)
            return false;
    }
    return p == end && *name == '\0';
}

ptrdiff_t web_query_find(const char *query, size_t query_len, const char *name, char *buf, size_t size)
{
    const char *p = query;
    const char *query_end = query + query_len;

    while (p < query_end) {
        const char *ampersand = memchr(p, '&', (size_t)(query_end - p));
        const char *end = ampersand != NULL ? ampersand : query_end;
        const char *equals = memchr(p, '=', (size_t)(end - p));
        const char *value = equals != NULL ? equals + 1 : end;

        if (is_name(p, equals != NULL ? equals : end, name)) {
            size_t len = 0;

            while (value < end) {
                char c = next(&value, end);
                if (len + 1 < size)
                    buf[len] = c;
                len++;
            }
            buf[len < size ? len : size - 1] = '\0';
            return (ptrdiff_t)len;
        }
        p = end + (ampersand != NULL);
    }
    return -1;
}
