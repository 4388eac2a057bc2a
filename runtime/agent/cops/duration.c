/* duration.c - see duration.h. */
#include "runtime/agent/cops/duration.h"

#include <ctype.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define MICRO UINT64_C(1000)
#define MILLI (1000 * MICRO)
#define SECOND (1000 * MILLI)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)

static const struct {
    const char *name;
    uint64_t ns;
} units[] = {
    /* The longer name before the one it begins with; both of Unicode's micro signs. */
    {"ns", 1},     {"us", MICRO}, {"\u00b5s", MICRO}, {"\u03bcs", MICRO},
    {"ms", MILLI}, {"s", SECOND}, {"m", MINUTE},      {"h", HOUR},
};

static bool read_unit(const char **text, uint64_t *ns)
{
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        size_t len = strlen(units[i].name);
        if (strncmp(*text, units[i].name, len) == 0) {
            *text += len;
            *ns = units[i].ns;
            return true;
        }
    }
    return false;
}

/* Digits as a whole number; false when they are too many. */
static bool read_digits(const char **text, uint64_t *value)
{
    for (*value = 0; isdigit((unsigned char)**text); ++*text) {
        if (*value > (uint64_t)INT64_MAX / 10 - 1)
            return false;
        *value = *value * 10 + (uint64_t)(**text - '0');
    }
    return true;
}

/* A number with its unit, which may be left out when it is all there is. */
static bool read_part(const char **text, bool is_first, uint64_t *ns)
{
    const char *begin = *text;
    const char *fraction = "";
    size_t digits, fraction_digits = 0;
    uint64_t whole, unit;
    if (!read_digits(text, &whole))
        return false;
    digits = (size_t)(*text - begin);
    if (**text == '.') {
        fraction = *text + 1;
        fraction_digits = strspn(fraction, "0123456789");
        *text = fraction + fraction_digits;
    }
    if (digits + fraction_digits == 0)
        return false;
    if (is_first && **text == '\0')
        unit = SECOND;
    else if (!read_unit(text, &unit))
        return false;
    if (whole > (uint64_t)INT64_MAX / unit)
        return false;
    *ns = whole * unit;
    for (size_t i = 0; i < fraction_digits && unit > 1; i++, unit /= 10)
        *ns += (uint64_t)(fraction[i] - '0') * unit / 10;
    return true;
}

bool cops_duration_parse(const char *text, uint64_t *ns)
{
    uint64_t sum = 0, part;
    bool is_first = true;
    if (*text == '+')
        text++;
    do {
        if (!read_part(&text, is_first, &part) || part > (uint64_t)INT64_MAX - sum)
            return false;
        sum += part;
        is_first = false;
    } while (*text);
    *ns = sum;
    return true;
}

/* value/scale without the zeros that end it. */
static void put_decimal(char *buf, size_t room, uint64_t value, uint64_t scale, const char *unit)
{
    char fraction[24] = "";
    int digits = 0;
    for (uint64_t s = scale; s > 1; s /= 10)
        digits++;
    if (value % scale > 0) {
        int n = snprintf(fraction, sizeof fraction, ".%0*" PRIu64, digits, value % scale);
        while (n > 0 && fraction[n - 1] == '0')
            fraction[--n] = '\0';
    }
    snprintf(buf, room, "%" PRIu64 "%s%s", value / scale, fraction, unit);
}

const char *cops_duration_text(char buf[COPS_DURATION_TEXT], uint64_t ns)
{
    char seconds[COPS_DURATION_TEXT];
    if (ns == 0)
        return strcpy(buf, "0s");
    if (ns < SECOND) {
        uint64_t scale = ns < MICRO ? 1 : ns < MILLI ? MICRO : MILLI;
        put_decimal(buf, COPS_DURATION_TEXT, ns, scale, scale == 1 ? "ns" : scale == MICRO ? "\u00b5s" : "ms");
        return buf;
    }
    put_decimal(seconds, sizeof seconds, ns % MINUTE, SECOND, "s");
    if (ns >= HOUR)
        snprintf(buf, COPS_DURATION_TEXT, "%" PRIu64 "h%" PRIu64 "m%.20s", ns / HOUR, ns % HOUR / MINUTE, seconds);
    else if (ns >= MINUTE)
        snprintf(buf, COPS_DURATION_TEXT, "%" PRIu64 "m%.20s", ns / MINUTE, seconds);
    else
        snprintf(buf, COPS_DURATION_TEXT, "%.20s", seconds);
    return buf;
}

const char *cops_elapsed_text(char buf[COPS_DURATION_TEXT], uint64_t seconds)
{
    unsigned h = (unsigned)(seconds / 3600 % 24), m = (unsigned)(seconds / 60 % 60), s = (unsigned)(seconds % 60);
    if (seconds >= 86400)
        snprintf(buf, COPS_DURATION_TEXT, "%02" PRIu64 "-%02u:%02u:%02u", seconds / 86400, h, m, s);
    else if (seconds >= 3600)
        snprintf(buf, COPS_DURATION_TEXT, "%02u:%02u:%02u", h, m, s);
    else
        snprintf(buf, COPS_DURATION_TEXT, "%02u:%02u", m, s);
    return buf;
}
