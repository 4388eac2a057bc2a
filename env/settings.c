/* settings.c - the table of knobs, and what is done with all of them: defaults, loading, printing.
 *
 * knobs.def is expanded here into env__knobs, one row per enum env_knob in that order; everything
 * else walks the rows. This file must never allocate, lock or print: env_settings_load runs inside
 * the process's first malloc, before main and before any constructor.
 */
#include "env/settings.h"
#include "env/knobs.h"

#include <inttypes.h>
#include <string.h>

#ifdef ENV_WITH_LIBC_ALLOCATOR
#define KNOB_LIBC_WORD {"libc", ENV_ALLOC_LIBC},
#define KNOB_ALLOCATOR_WANT "want boehm, mimalloc or libc"
#else
#define KNOB_LIBC_WORD
#define KNOB_ALLOCATOR_WANT "want boehm or mimalloc"
_Static_assert((int)ENV_DEFAULT_ALLOCATOR != (int)ENV_ALLOC_LIBC,
               "a default of libc needs ENV_WITH_LIBC_ALLOCATOR, or no value of CALLOCATOR would name it");
#endif

#define ENV_PATH_LONGEST 255 /* spelled out because it becomes part of a sentence */
_Static_assert(ENV_PATH_LONGEST == ENV_PATH_MAX - 1, "heapdumpdir's sentence must name the true limit");
#define KNOB_TEXT_OF(x) #x
#define KNOB_TEXT(x) KNOB_TEXT_OF(x)

#define KNOB(index, ...) [index] = {__VA_ARGS__},
#define KNOB_FIELD(field)                                                                                              \
    .offset = offsetof(struct env_settings, field), .size = sizeof(((struct env_settings *)0)->field)
#define KNOB_HELP(text) .help = text
#define KNOB_PENDING(text) .pending = true, .help = text " (accepted and shown; nothing obeys it in this version)"

const struct knob env__knobs[ENV_KNOBS] = {
#include "env/knobs.def"
};

bool env__knob_is_text(const struct knob *knob)
{
    return knob->type == KNOB_PATH || knob->type == KNOB_ADDRESS;
}

const char *env__knob_text(const struct knob *knob, const struct env_settings *s)
{
    return (const char *)s + knob->offset;
}

int64_t env__knob_load(const struct knob *knob, const struct env_settings *s)
{
    const char *field = (const char *)s + knob->offset;
    int64_t wide = 0;
    int32_t narrow = 0;
    bool flag = false;

    switch (knob->size) {
    case sizeof(wide):
        memcpy(&wide, field, sizeof(wide));
        return wide;
    case sizeof(narrow):
        memcpy(&narrow, field, sizeof(narrow));
        return narrow;
    case sizeof(flag):
        memcpy(&flag, field, sizeof(flag));
        return flag;
    default:
        return 0;
    }
}

/* The range of every row fits its field (a test checks), so nothing is lost in narrowing. */
void env__knob_store(const struct knob *knob, struct env_settings *s, int64_t value)
{
    char *field = (char *)s + knob->offset;
    int32_t narrow = (int32_t)value;
    bool flag = value != 0;

    switch (knob->size) {
    case sizeof(value):
        memcpy(field, &value, sizeof(value));
        break;
    case sizeof(narrow):
        memcpy(field, &narrow, sizeof(narrow));
        break;
    case sizeof(flag):
        memcpy(field, &flag, sizeof(flag));
        break;
    default:
        break;
    }
}

void env_settings_default(struct env_settings *s, int default_procs)
{
    memset(s, 0, sizeof(*s)); /* texts = "", every source = ENV_DEFAULT */
    for (int i = 0; i < ENV_KNOBS; i++)
        env__knob_store(&env__knobs[i], s, env__knobs[i].def);
    if (default_procs > s->max_procs)
        s->max_procs = default_procs;
}

int env_settings_load(struct env_settings *s, int default_procs, env_getter get, void *arg, struct env_error *err)
{
    env_settings_default(s, default_procs);
    for (int i = 0; i < ENV_KNOBS; i++) {
        if (env__knobs[i].is_debug_key)
            continue;
        const char *text = get(env__knobs[i].name, arg);
        if (text == NULL || text[0] == '\0')
            continue;
        if (env__parse_knob(i, text, ENV_ENVIRONMENT, s, err) != 0)
            return -1;
    }
    return env__check_agent(s, err);
}

const char *env_want(enum env_knob knob)
{
    return env__knobs[knob].want;
}

const char *env_knob_name(enum env_knob knob)
{
    return env__knobs[knob].name;
}

const char *env_knob_unit(enum env_knob knob)
{
    return env__knobs[knob].unit;
}

const char *env_knob_help(enum env_knob knob)
{
    return env__knobs[knob].help;
}

bool env_knob_is_debug_key(enum env_knob knob)
{
    return env__knobs[knob].is_debug_key;
}

bool env_knob_pending(enum env_knob knob)
{
    return env__knobs[knob].pending;
}

const char *env_source_name(enum env_source source)
{
    switch (source) {
    case ENV_DEFAULT:
        return "default";
    case ENV_ENVIRONMENT:
        return "environment";
    case ENV_CALL:
        return "call";
    }
    return "unknown";
}

/* CDEBUG as a whole: the keys that somebody set, in the table's order. A key that no text can
 * express (sigquit when it is not continue) is left out. */
static int debug_value(const struct env_settings *s, char *buf, size_t size)
{
    int total = 0;

    if (size > 0)
        buf[0] = '\0';
    for (int i = 0; i < ENV_KNOBS; i++) {
        char value[ENV_PATH_MAX];
        size_t used = (size_t)total < size ? (size_t)total : size;

        if (!env__knobs[i].is_debug_key || s->source[i] == ENV_DEFAULT)
            continue;
        if (env_knob_value(s, i, value, sizeof(value)) == 0)
            continue;
        total += snprintf(buf + used, size - used, "%s%s=%s", total > 0 ? "," : "", env__knobs[i].name, value);
    }
    return total;
}

static const char *word_of(const struct knob *knob, int64_t value)
{
    for (const struct knob_word *w = knob->words; w->text != NULL; w++)
        if (w->value == value)
            return w->text;
    return "";
}

int env_knob_value(const struct env_settings *s, enum env_knob which, char *buf, size_t size)
{
    const struct knob *knob = &env__knobs[which];
    int64_t value = env__knob_load(knob, s);

    if (knob->type == KNOB_PAIRS)
        return debug_value(s, buf, size);
    if (env__knob_is_text(knob))
        return snprintf(buf, size, "%s", env__knob_text(knob, s));
    if (knob->type == KNOB_WORD)
        return snprintf(buf, size, "%s", word_of(knob, value));
    if (knob->off_ok && value == knob->off)
        return snprintf(buf, size, "off");
    return snprintf(buf, size, "%" PRId64, value);
}
