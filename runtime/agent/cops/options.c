/* options.c - see options.h. */
#include "runtime/agent/cops/options.h"

#include <ctype.h>
#include <string.h>
#include "runtime/agent/cops/duration.h"

/* More often than this a program would be asked for little else; less often than daily, for nothing. */
#define EVERY_LEAST_NS UINT64_C(10000000)
#define EVERY_MOST_NS (UINT64_C(86400) * 1000000000)

static const struct word {
    enum cops_option option;
    char letter; /* 0: none */
    const char *name;
    bool takes_value;
} words[] = {
    {COPS_OPT_JSON, 'j', "--json", false},     {COPS_OPT_HELP, 'h', "--help", false},
    {COPS_OPT_VERSION, 0, "--version", false}, {COPS_OPT_OUTPUT, 'o', "--output", true},
    {COPS_OPT_COUNT, 'n', "--count", true},    {COPS_OPT_EVERY, 'd', "--every", true},
};

const char *cops_option_name(unsigned set)
{
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (set & words[i].option)
            return words[i].name;
    }
    return "";
}

bool cops_parse_number(const char *text, uint64_t max, uint64_t *value)
{
    size_t digits = strspn(text, "0123456789");
    uint64_t n = 0;
    if (digits == 0 || text[digits] != '\0')
        return false;
    for (; *text; text++) {
        if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, (uint64_t)(*text - '0'), &n))
            return false;
    }
    if (n > max)
        return false;
    *value = n;
    return true;
}

/* The option that arg is, with the value that stands in the same word, NULL when none does. */
static const struct word *find_word(const char *arg, const char **value)
{
    *value = NULL;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        const struct word *w = &words[i];
        size_t len = strlen(w->name);
        if (strncmp(arg, w->name, len) == 0 && (arg[len] == '\0' || arg[len] == '=')) {
            *value = arg[len] == '=' ? arg + len + 1 : NULL;
            return w;
        }
        if (w->letter && arg[0] == '-' && arg[1] == w->letter && (w->takes_value || arg[2] == '\0')) {
            *value = arg[2] ? arg + 2 : NULL;
            return w;
        }
    }
    return NULL;
}

static bool take_value(const struct word *w, const char *value, struct cops_options *out, struct cops_error *error)
{
    switch (w->option) {
    case COPS_OPT_OUTPUT:
        out->output = value;
        return *value || cops_error(error, "%s: want the name of a file, or - for standard output", w->name);
    case COPS_OPT_COUNT:
        return (cops_parse_number(value, INT64_MAX, &out->count) && out->count > 0) ||
               cops_error(error, "%s: want a whole number of at least 1, not \"%.100s\"", w->name, value);
    default:
        return (cops_duration_parse(value, &out->every_ns) && out->every_ns >= EVERY_LEAST_NS &&
                out->every_ns <= EVERY_MOST_NS) ||
               cops_error(error, "%s: want a duration of 10ms to 24h, such as 500ms, not \"%.100s\"", w->name, value);
    }
}

static bool take_argument(const char *arg, struct cops_options *out, struct cops_error *error)
{
    if (out->argc == COPS_ARGS)
        return cops_error(error, "more than %d arguments", COPS_ARGS);
    out->args[out->argc++] = arg;
    return true;
}

static bool is_option(const char *arg)
{
    return arg[0] == '-' && arg[1] != '\0' && !isdigit((unsigned char)arg[1]);
}

bool cops_options_parse(int argc, char **argv, struct cops_options *out, struct cops_error *error)
{
    const char *value;
    *out = (struct cops_options){0};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--") == 0) {
            while (++i < argc) {
                if (!take_argument(argv[i], out, error))
                    return false;
            }
            break;
        }
        if (!is_option(argv[i])) {
            if (!take_argument(argv[i], out, error))
                return false;
            continue;
        }
        const struct word *w = find_word(argv[i], &value);
        if (!w)
            return cops_error(error, "unknown option %.100s", argv[i]);
        if (!w->takes_value && value)
            return cops_error(error, "%s takes no value", w->name);
        if (w->takes_value && !value && ++i == argc)
            return cops_error(error, "%s: want a value behind it", w->name);
        if (w->takes_value && !take_value(w, value ? value : argv[i], out, error))
            return false;
        out->given |= w->option;
    }
    return true;
}
