/* query.c - one parameter out of a query string or a form, decoded. Pure; h2o 2.2 parses paths only. */
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

/* One "name=value" of a query string; without an equals sign the value is empty. */
struct parameter {
    const char *name;
    const char *name_end;
    const char *value;
    const char *value_end;
};

/* Takes the parameter at *p, which must be before end, and moves past it. */
static struct parameter take(const char **p, const char *end)
{
    const char *ampersand = memchr(*p, '&', (size_t)(end - *p));
    const char *value_end = ampersand != NULL ? ampersand : end;
    const char *equals = memchr(*p, '=', (size_t)(value_end - *p));
    struct parameter parameter = {.name = *p,
                                  .name_end = equals != NULL ? equals : value_end,
                                  .value = equals != NULL ? equals + 1 : value_end,
                                  .value_end = value_end};

    *p = value_end + (ampersand != NULL);
    return parameter;
}

ptrdiff_t web_query_find(const char *query, size_t query_len, const char *name, char *buf, size_t size)
{
    const char *end = query + query_len;

    for (const char *p = query; p < end;) {
        struct parameter parameter = take(&p, end);
        size_t len = 0;

        if (!is_name(parameter.name, parameter.name_end, name))
            continue;
        for (const char *value = parameter.value; value < parameter.value_end; len++) {
            char c = next(&value, parameter.value_end);
            if (len + 1 < size)
                buf[len] = c;
        }
        buf[len < size ? len : size - 1] = '\0';
        return (ptrdiff_t)len;
    }
    return -1;
}

size_t web_query_count(const char *query, size_t query_len, const char *name)
{
    const char *end = query + query_len;
    size_t n = 0;

    for (const char *p = query; p < end;) {
        struct parameter parameter = take(&p, end);
        n += is_name(parameter.name, parameter.name_end, name);
    }
    return n;
}

bool web_query_is_escaped_well(const char *query, size_t query_len)
{
    const char *end = query + query_len;

    for (const char *p = query; p < end && (p = memchr(p, '%', (size_t)(end - p))) != NULL; p += 3) {
        if (end - p < 3 || hex(p[1]) < 0 || hex(p[2]) < 0)
            return false;
    }
    return true;
}
