/* knobs.h - the shape of one row of knobs.def, private to this folder.
 *
 * A row says what a knob is; where its value lives in struct env_settings is a field of the row
 * too, so defaults, parsing and printing are one loop each instead of a case for every knob.
 */
#ifndef ENV_KNOBS_H
#define ENV_KNOBS_H

#include "env/settings.h"

/* What malloc an unconfigured build gives the managed heap; `configure --with-allocator` sets another. */
#ifndef ENV_DEFAULT_ALLOCATOR
#define ENV_DEFAULT_ALLOCATOR ENV_ALLOC_BOEHM
#endif

enum knob_type {
    KNOB_INTEGER, /* decimal digits, a minus sign allowed when min is negative */
    KNOB_PERCENT, /* an integer; any negative one means off */
    KNOB_BYTES,   /* digits and an optional unit */
    KNOB_WORD,    /* one of words */
    KNOB_PATH,    /* text of at least one byte */
    KNOB_ADDRESS, /* text: off or host:port */
    KNOB_PAIRS    /* CDEBUG: the debug keys' rows say the rest; no value of its own */
};

/* Where several words mean one value, the first is the one that is printed. */
struct knob_word {
    const char *text; /* NULL ends the list */
    int64_t value;
};

struct knob {
    const char *name; /* the variable; for a debug key the key alone */
    enum knob_type type;
    int64_t min, max; /* of numbers, both allowed */
    int64_t def;      /* the only place where a default is written */
    bool off_ok;      /* the word off is accepted and stored as off */
    int64_t off;
    const struct knob_word *words;
    const char *unit; /* "" = none */
    const char *want; /* a clause for error lines, beginning with "want " */
    /* The two below stand in docs/variables.md where the true text depends on the machine or the
     * build, so that the page is the same wherever it is made. NULL = the true text. */
    const char *page_want;
    const char *page_default;
    const char *help;
    bool is_debug_key;
    bool pending; /* no module of this version obeys it */
    size_t offset;
    size_t size; /* of the field: 1, 4 or 8 for numbers, more for text with its NUL; 0 = no field */
};

extern const struct knob env__knobs[ENV_KNOBS];

/* Whether the field is text; then where it begins. */
bool env__knob_is_text(const struct knob *knob);
const char *env__knob_text(const struct knob *knob, const struct env_settings *s);

int64_t env__knob_load(const struct knob *knob, const struct env_settings *s);
void env__knob_store(const struct knob *knob, struct env_settings *s, int64_t value);

/* env__parse_knob - parses text, puts the value in its field and source in s->source. Returns 0, or
 * -1 with *err filled and nothing stored (of CDEBUG: the pairs before the bad one are stored). */
int env__parse_knob(enum env_knob which, const char *text, enum env_source source, struct env_settings *s,
                    struct env_error *err);

/* env__check_agent - what CAGENT may say only when CDEBUG allows it. Returns 0, or -1 with *err filled. */
int env__check_agent(const struct env_settings *s, struct env_error *err);

#endif
