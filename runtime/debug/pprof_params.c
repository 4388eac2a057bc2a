/* pprof_params.c - the parameters of the pages below /debug/pprof/ (see pprof.h).
 *
 * Go takes a value that it cannot read for the default: ?seconds=1m makes a profile of 30 seconds. Here it is
 * an error in Go's words, as everywhere in this runtime: who waits half a minute for the wrong thing has lost
 * it. What means nothing to these pages is passed over as in Go, since pprof's clients add to a query.
 */
#include "runtime/debug/pprof.h"

#include <string.h>
#include "runtime/debug/form.h"

/* The longest profile. One of an hour is large but of use; a day's would be a slip in the unit, and hold the profiler
 * and a thread of the server's until then. */
#define SECONDS_MAX 3600
#define TEXT(number) TEXT_OF(number)
#define TEXT_OF(number) #number
#define TOO_LONG "invalid value for \"seconds\" - must be at most " TEXT(SECONDS_MAX)

/* Plain digits as a number, which stops growing past what any parameter takes; -1 for anything else. */
static int64_t read_number(const char *text)
{
    int64_t n = 0;
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || text[digits] != '\0')
        return -1;
    for (; *text; text++) {
        if (n < INT32_MAX)
            n = n * 10 + (*text - '0');
    }
    return n;
}

enum param { SECONDS, DEBUG, GC, PARAMS };

static enum param find_param(const char *name)
{
    static const char *const names[] = {[SECONDS] = "seconds", [DEBUG] = "debug", [GC] = "gc"};
    enum param i = 0;
    while (i < PARAMS && strcmp(name, names[i]) != 0)
        i++;
    return i;
}

static const char *set_param(struct rt__pprof_params *params, enum param which, int64_t n)
{
    if (which == SECONDS) {
        if (n <= 0)
            return "invalid value for \"seconds\" - must be a positive integer";
        if (n > SECONDS_MAX)
            return TOO_LONG;
        params->seconds = (uint32_t)n;
    } else if (which == DEBUG) {
        if (n < 0 || n > 2)
            return "invalid value for \"debug\" - must be 0, 1 or 2";
        params->debug = (int)n;
    } else {
        if (n < 0)
            return "invalid value for \"gc\" - must be an integer of at least 0";
        params->collects = n > 0;
    }
    return NULL;
}

const char *rt__pprof_read_params(const char *query, size_t len, struct rt__pprof_params *out)
{
    bool seen[PARAMS] = {false};
    struct rt__form form;
    const char *wrong = NULL;
    int more;
    *out = (struct rt__pprof_params){.debug = 0};
    rt__form_begin(&form, query, len);
    while (!wrong && (more = rt__form_next(&form)) != 0) {
        enum param which = find_param(form.name);
        if (which == PARAMS || seen[which])
            continue;
        seen[which] = true;
        if (more < 0 || form.value[0] != '\0') /* an empty one is none */
            wrong = set_param(out, which, more > 0 ? read_number(form.value) : -1);
    }
    return wrong;
}

/* ---- the trace -------------------------------------------------------------------------------------- */

#define NS_PER_S UINT64_C(1000000000)

/* Decimal digits with or without a fraction, of which what is below 1 ns is left out; 0 for anything else. Stops
 * growing past the longest. */
static uint64_t read_seconds(const char *text)
{
    size_t whole = strspn(text, "0123456789");
    const char *fraction = text + whole + (text[whole] == '.');
    size_t digits = strspn(fraction, "0123456789");
    uint64_t ns = 0, digit_ns = NS_PER_S;
    if (fraction[digits] != '\0' || whole + (fraction == text + whole ? 0 : digits) == 0)
        return 0;
    for (; whole > 0; whole--, text++) {
        if (ns <= SECONDS_MAX * NS_PER_S)
            ns = ns * 10 + (uint64_t)(*text - '0') * NS_PER_S;
    }
    for (; digits > 0; digits--, fraction++) {
        digit_ns /= 10;
        ns += (uint64_t)(*fraction - '0') * digit_ns;
    }
    return ns;
}

static const char *set_trace_seconds(struct rt__pprof_trace_params *params, const char *text)
{
    params->ns = read_seconds(text);
    if (params->ns == 0)
        return "invalid value for \"seconds\" - must be a positive number";
    return params->ns > SECONDS_MAX * NS_PER_S ? TOO_LONG : NULL;
}

static const char *set_trace_format(struct rt__pprof_trace_params *params, const char *text)
{
    bool is_chrome = strcmp(text, "chrome") == 0;
    if (!is_chrome && strcmp(text, "go") != 0)
        return "invalid value for \"format\" - must be go or chrome";
    params->format = is_chrome ? RT__TRACE_CHROME : RT__TRACE_GO;
    return NULL;
}

const char *rt__pprof_read_trace_params(const char *query, size_t len, struct rt__pprof_trace_params *out)
{
    static const struct {
        const char *name;
        const char *(*set)(struct rt__pprof_trace_params *params, const char *text);
    } known[] = {{"seconds", set_trace_seconds}, {"format", set_trace_format}};
    bool seen[sizeof known / sizeof known[0]] = {false};
    struct rt__form form;
    const char *wrong = NULL;
    int more;
    *out = (struct rt__pprof_trace_params){.ns = NS_PER_S, .format = RT__TRACE_GO}; /* Go's */
    rt__form_begin(&form, query, len);
    while (!wrong && (more = rt__form_next(&form)) != 0) {
        for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
            if (seen[i] || strcmp(form.name, known[i].name) != 0)
                continue;
            seen[i] = true;
            if (more < 0 || form.value[0] != '\0') /* an empty one is none */
                wrong = known[i].set(out, more > 0 ? form.value : "");
        }
    }
    return wrong;
}

/* ---- addresses -------------------------------------------------------------------------------------- */

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 16;
}

bool rt__pprof_read_address(const char *text, size_t len, uintptr_t *address)
{
    uintptr_t n = 0;
    bool is_hex = len > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    int base = is_hex ? 16 : 10;
    for (size_t i = is_hex ? 2 : 0; i < len; i++) {
        int digit = digit_of(text[i]);
        if (digit >= base || __builtin_mul_overflow(n, (uintptr_t)base, &n) ||
            __builtin_add_overflow(n, (uintptr_t)digit, &n))
            return false;
    }
    *address = n;
    return n != 0;
}
