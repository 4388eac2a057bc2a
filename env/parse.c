/* parse.c - from the text of a variable to a value, or to one sentence that says what is wanted.
 *
 * Every grammar is strict and complete: the whole text must match, decimal digits only, no blanks,
 * no plus sign, nothing ignored at the end, and a number that does not fit is refused instead of
 * clamped. A tuning knob that is half understood is worse than a program that does not start.
 * strtol and friends are avoided on purpose: they take blanks, signs and partial matches. Nothing
 * here may allocate, print or look at anything but its arguments.
 */
#include "env/settings.h"
#include "env/knobs.h"

#include <string.h>

/* Bytes of the user's text that an error line repeats. With these an error of CDEBUG, the longest,
 * still fits struct env_error. */
#define SHOWN_VALUE_BYTES 72
#define SHOWN_PAIR_BYTES 40

/* text's leading digits as a number; *end is the first byte after them. Returns -1 when there is
 * no digit or the number passes INT64_MAX. */
static int parse_digits(const char *text, int64_t *number, const char **end)
{
    int64_t n = 0;
    const char *p = text;

    for (; *p >= '0' && *p <= '9'; p++)
        if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, *p - '0', &n))
            return -1;
    *number = n;
    *end = p;
    return p == text ? -1 : 0;
}

static int parse_integer(const char *text, int64_t min, int64_t max, int64_t *number)
{
    bool negative = text[0] == '-';
    const char *end;
    int64_t n;

    if (parse_digits(text + negative, &n, &end) != 0 || *end != '\0')
        return -1;
    if (negative)
        n = -n;
    if (n < min || n > max)
        return -1;
    *number = n;
    return 0;
}

/* The B, KiB, MiB, GiB or TiB of a byte count as a shift; -1 for anything else. */
static int unit_shift(const char *unit)
{
    static const struct {
        const char *text;
        int shift;
    } units[] = {{"", 0}, {"B", 0}, {"KiB", 10}, {"MiB", 20}, {"GiB", 30}, {"TiB", 40}};

    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
        if (strcmp(unit, units[i].text) == 0)
            return units[i].shift;
    return -1;
}

static int parse_bytes(const struct knob *knob, const char *text, int64_t *bytes)
{
    const char *unit;
    int64_t n;

    if (parse_digits(text, &n, &unit) != 0)
        return -1;
    int shift = unit_shift(unit);
    if (shift < 0 || __builtin_mul_overflow(n, INT64_C(1) << shift, &n))
        return -1;
    if (n < knob->min || n > knob->max)
        return -1;
    *bytes = n;
    return 0;
}

static int parse_word(const struct knob *knob, const char *text, int64_t *value)
{
    for (const struct knob_word *w = knob->words; w->text != NULL; w++) {
        if (strcmp(text, w->text) == 0) {
            *value = w->value;
            return 0;
        }
    }
    return -1;
}

/* One value of any knob that is stored as a number. */
static int parse_number(const struct knob *knob, const char *text, int64_t *value)
{
    if (knob->off_ok && strcmp(text, "off") == 0) {
        *value = knob->off;
        return 0;
    }
    switch (knob->type) {
    case KNOB_INTEGER:
        return parse_integer(text, knob->min, knob->max, value);
    case KNOB_PERCENT:
        if (parse_integer(text, knob->min, knob->max, value) != 0)
            return -1;
        if (*value < 0)
            *value = knob->off;
        return 0;
    case KNOB_BYTES:
        return parse_bytes(knob, text, value);
    case KNOB_WORD:
        return parse_word(knob, text, value);
    case KNOB_PATH:
    case KNOB_ADDRESS:
    case KNOB_PAIRS:
        break;
    }
    return -1;
}

int env_parse_percent(const char *text, int32_t *percent)
{
    int64_t value;

    if (parse_number(&env__knobs[ENV_CGC], text, &value) != 0)
        return -1;
    *percent = (int32_t)value;
    return 0;
}

int env_parse_bytes(const char *text, int64_t *bytes)
{
    return parse_number(&env__knobs[ENV_CMEMLIMIT], text, bytes);
}

int env_parse_traceback(const char *text, enum env_traceback *level)
{
    int64_t value;

    if (parse_number(&env__knobs[ENV_CTRACEBACK], text, &value) != 0)
        return -1;
    *level = (enum env_traceback)value;
    return 0;
}

int env_parse_allocator(const char *text, enum env_allocator *which)
{
    int64_t value;

    if (parse_number(&env__knobs[ENV_CALLOCATOR], text, &value) != 0)
        return -1;
    *which = (enum env_allocator)value;
    return 0;
}

bool env_agent_is_valid(const char *text, bool *is_remote)
{
    struct sockaddr_storage address;

    *is_remote = false;
    if (strcmp(text, "off") == 0)
        return true;
    if (env_parse_address(text, &address) == 0)
        return false;
    *is_remote = !env_address_is_loopback((const struct sockaddr *)&address);
    return true;
}

/* ---- storing, and saying what is wrong -------------------------------------------------------- */

static int store(enum env_knob which, const char *text, enum env_source source, struct env_settings *s)
{
    const struct knob *knob = &env__knobs[which];

    if (env__knob_is_text(knob)) {
        size_t len = strlen(text);
        bool is_remote;
        if (len == 0 || len >= knob->size)
            return -1;
        if (knob->type == KNOB_ADDRESS && !env_agent_is_valid(text, &is_remote))
            return -1;
        memcpy((char *)s + knob->offset, text, len + 1);
    } else {
        int64_t value;
        if (parse_number(knob, text, &value) != 0)
            return -1;
        env__knob_store(knob, s, value);
    }
    s->source[which] = source;
    return 0;
}

/* A copy of text that is one short line: at most limit bytes, then "...", strange bytes as ?.
 * out has room for limit + 4. */
static void show(char *out, const char *text, size_t len, size_t limit)
{
    size_t n = len < limit ? len : limit;

    for (size_t i = 0; i < n; i++)
        out[i] = text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';
    memcpy(out + n, len > limit ? "..." : "", len > limit ? sizeof("...") : 1);
}

/* What may have gone wrong with one pair of CDEBUG. */
enum pair_error { PAIR_OK, PAIR_NO_VALUE, PAIR_UNKNOWN_KEY, PAIR_BAD_VALUE };

static enum env_knob find_key(const char *name, size_t len)
{
    for (int i = 0; i < ENV_KNOBS; i++)
        if (env__knobs[i].is_debug_key && strlen(env__knobs[i].name) == len &&
            memcmp(env__knobs[i].name, name, len) == 0)
            return i;
    return ENV_KNOBS;
}

static enum pair_error parse_pair(const char *pair, size_t len, enum env_source source, struct env_settings *s,
                                  enum env_knob *key)
{
    /* One byte more than the longest path, so that a longer one is refused and not cut to fit. */
    char value[ENV_PATH_MAX + 1];
    const char *equals = memchr(pair, '=', len);

    if (equals == NULL)
        return PAIR_NO_VALUE;
    *key = find_key(pair, (size_t)(equals - pair));
    if (*key == ENV_KNOBS)
        return PAIR_UNKNOWN_KEY;
    size_t value_len = len - (size_t)(equals + 1 - pair);
    if (value_len >= sizeof(value))
        return PAIR_BAD_VALUE;
    memcpy(value, equals + 1, value_len);
    value[value_len] = '\0';
    return store(*key, value, source, s) == 0 ? PAIR_OK : PAIR_BAD_VALUE;
}

/* snprintf to the end of the error; the sizes above see to it that nothing is cut. */
static void append(struct env_error *err, const char *a, const char *b, const char *c)
{
    size_t used = strlen(err->text);

    snprintf(err->text + used, sizeof(err->text) - used, "%s%s%s", a, b, c);
}

static void explain_pair(struct env_error *err, enum pair_error what, enum env_knob key)
{
    if (what == PAIR_NO_VALUE) {
        append(err, env_want(ENV_CDEBUG), "", "");
    } else if (what == PAIR_BAD_VALUE) {
        append(err, env_want(key), " for ", env_knob_name(key));
    } else {
        const char *before = "want a known key (";
        for (int i = 0; i < ENV_KNOBS; i++) {
            if (!env__knobs[i].is_debug_key)
                continue;
            append(err, before, env__knobs[i].name, "");
            before = ", ";
        }
        append(err, ")", "", "");
    }
}

static void begin_error(struct env_error *err, enum env_knob which, const char *text)
{
    char shown[SHOWN_VALUE_BYTES + 4];

    show(shown, text, strlen(text), SHOWN_VALUE_BYTES);
    snprintf(err->text, sizeof(err->text), "%s=%s: ", env_knob_name(which), shown);
}

/* A list of one pair is its own culprit; in a longer list the sentence quotes the bad pair. */
static int parse_debug(const char *text, enum env_source source, struct env_settings *s, struct env_error *err)
{
    const char *pair = text;

    for (;;) {
        size_t len = strcspn(pair, ",");
        enum env_knob key = ENV_KNOBS;
        enum pair_error what = parse_pair(pair, len, source, s, &key);

        if (what != PAIR_OK) {
            char shown[SHOWN_PAIR_BYTES + 4];
            begin_error(err, ENV_CDEBUG, text);
            explain_pair(err, what, key);
            show(shown, pair, len, SHOWN_PAIR_BYTES);
            if (strchr(text, ',') != NULL)
                append(err, ", not \"", shown, "\"");
            return -1;
        }
        if (pair[len] == '\0')
            break;
        pair += len + 1;
    }
    s->source[ENV_CDEBUG] = source;
    return 0;
}

int env__parse_knob(enum env_knob which, const char *text, enum env_source source, struct env_settings *s,
                    struct env_error *err)
{
    if (which == ENV_CDEBUG)
        return parse_debug(text, source, s, err);
    if (store(which, text, source, s) == 0)
        return 0;
    begin_error(err, which, text);
    append(err, env_want(which), "", "");
    return -1;
}

int env__check_agent(const struct env_settings *s, struct env_error *err)
{
    bool is_remote;

    if (s->agentremote || !env_agent_is_valid(s->agent, &is_remote) || !is_remote)
        return 0;
    begin_error(err, ENV_CAGENT, s->agent);
    append(err, env_want(ENV_CAGENT), "", "");
    return -1;
}
