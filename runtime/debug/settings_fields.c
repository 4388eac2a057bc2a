/* settings_fields.c - the table of the knobs that can be changed over HTTP (see settings_fields.h).
 *
 * Where a knob is a variable as well, its text is parsed and its wants are worded by env/, so that both
 * take the same.
 */
#include "runtime/debug/settings_fields.h"

#include <limits.h>
#include <string.h>
#include "env/settings.h"

static int parse_percent(const char *text, int64_t *value)
{
    int32_t percent;
    if (env_parse_percent(text, &percent) != 0)
        return -1;
    *value = percent < 0 ? ENV_GC_PERCENT_OFF : percent;
    return 0;
}

/* Plain digits, up to max, or "off", which is 0. */
static int parse_rate(const char *text, int64_t max, int64_t *value)
{
    int64_t n = 0;
    if (strcmp(text, "off") == 0) {
        *value = 0;
        return 0;
    }
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || text[digits] != '\0')
        return -1;
    for (; *text; text++) {
        if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, *text - '0', &n))
            return -1;
    }
    if (n > max)
        return -1;
    *value = n;
    return 0;
}

static int parse_int64(const char *text, int64_t *value)
{
    return parse_rate(text, INT64_MAX, value);
}

static int parse_int(const char *text, int64_t *value)
{
    return parse_rate(text, INT_MAX, value);
}

static const struct {
    const char *name;
    int (*parse)(const char *text, int64_t *value);
    int64_t off;
    bool takes_text;
    const char *want; /* NULL: that of the variable */
    enum env_knob knob;
} fields[] = {
    [RT__SET_GC_PERCENT] = {"gc_percent", parse_percent, ENV_GC_PERCENT_OFF, false, NULL, ENV_CGC},
    [RT__SET_MEMORY_LIMIT] = {"memory_limit", env_parse_bytes, ENV_MEMORY_LIMIT_OFF, true, NULL, ENV_CMEMLIMIT},
    [RT__SET_MEM_PROFILE_RATE] = {"mem_profile_rate", parse_int64, 0, false,
                                  "want bytes as an integer of at least 0, or \"off\"", ENV_KNOBS},
    [RT__SET_MUTEX_PROFILE_FRACTION] = {"mutex_profile_fraction", parse_int, 0, false,
                                        "want an integer from 0 to 2147483647, or \"off\"", ENV_KNOBS},
    [RT__SET_BLOCK_PROFILE_RATE] = {"block_profile_rate", parse_int64, 0, false,
                                    "want ns as an integer of at least 0, or \"off\"", ENV_KNOBS},
};

const char *rt__settings_name(enum rt__settings_field field)
{
    return fields[field].name;
}

int rt__settings_find(const char *name, enum rt__settings_field *field)
{
    for (unsigned i = 0; i < RT__SETTINGS_FIELDS; i++) {
        if (strcmp(name, fields[i].name) == 0) {
            *field = (enum rt__settings_field)i;
            return 0;
        }
    }
    return -1;
}

const char *rt__settings_want(enum rt__settings_field field)
{
    return fields[field].want ? fields[field].want : env_want(fields[field].knob);
}

int rt__settings_parse(enum rt__settings_field field, const char *text, int64_t *value)
{
    return fields[field].parse(text, value);
}

bool rt__settings_is_off(enum rt__settings_field field, int64_t value)
{
    return value == fields[field].off;
}

bool rt__settings_takes_text(enum rt__settings_field field)
{
    return fields[field].takes_text;
}
