/* page_actions.c - the pages that do: run a cycle, change settings.
 *
 * A request is read and judged whole before anything is done, so a refused one has changed nothing.
 * Must not be reached but through debug.c, which has checked who asks.
 */
#include "runtime/debug/pages.h"

#include <inttypes.h>
#include <string.h>
#include "runtime/debug/form.h"
#include "runtime/debug/settings_body.h"

/* release=0 or 1, from the query or a form; false when there is anything else. */
static bool read_release(const char *text, size_t len, bool *release)
{
    struct rt__form form;
    int more;
    rt__form_begin(&form, text, len);
    while ((more = rt__form_next(&form)) != 0) {
        if (more < 0 || strcmp(form.name, "release") != 0)
            return false;
        *release = strcmp(form.value, "1") == 0;
        if (!*release && strcmp(form.value, "0") != 0)
            return false;
    }
    return true;
}

void rt__action_gc(const struct rt_debug_request *req, FILE *out, struct rt_debug_response *res)
{
    bool release = false;
    if (!read_release(req->query, req->query_len, &release) || !read_release(req->body, req->body_len, &release)) {
        rt__page_fail(out, res, 400, "bad value", "want no parameter, or release=0 or release=1");
        return;
    }
    if (release)
        rt_free_os_memory();
    else
        rt_gc();
    struct rt_gc_stats stats;
    rt_read_gc_stats(&stats);
    fprintf(out, "{\"num_gc\":%" PRIu64 ",\"pause_ns\":%" PRIu64 "}\n", stats.num_gc,
            stats.n > 0 ? stats.pause_ns[0] : 0);
}

static int64_t set_gc_percent(int64_t percent)
{
    return rt_set_gc_percent((int)percent);
}

static int64_t set_mutex_profile_fraction(int64_t rate)
{
    return rt_set_mutex_profile_fraction((int)rate);
}

/* Each takes what rt__settings_parse gives and returns the old value. */
static int64_t (*const setters[RT__SETTINGS_FIELDS])(int64_t value) = {
    [RT__SET_GC_PERCENT] = set_gc_percent,
    [RT__SET_MEMORY_LIMIT] = rt_set_memory_limit,
    [RT__SET_MEM_PROFILE_RATE] = rt_set_mem_profile_rate,
    [RT__SET_MUTEX_PROFILE_FRACTION] = set_mutex_profile_fraction,
    [RT__SET_BLOCK_PROFILE_RATE] = rt_set_block_profile_rate,
};

static void write_value(FILE *out, const char *name, enum rt__settings_field field, int64_t value)
{
    if (rt__settings_is_off(field, value))
        fprintf(out, "\"%s\":\"off\"", name);
    else
        fprintf(out, "\"%s\":%" PRId64, name, value);
}

static void apply(const struct rt__settings_change *change, FILE *out)
{
    const char *before = "{";
    for (unsigned i = 0; i < RT__SETTINGS_FIELDS; i++) {
        enum rt__settings_field field = (enum rt__settings_field)i;
        if (!change->has[field])
            continue;
        int64_t was = setters[field](change->values[field]);
        fprintf(out, "%s\"%s\":{", before, rt__settings_name(field));
        write_value(out, "old", field, was);
        fputc(',', out);
        write_value(out, "new", field, change->values[field]);
        fputc('}', out);
        before = ",";
    }
    fputs("}\n", out);
}

static bool asks_for_nothing(const struct rt__settings_change *change)
{
    for (unsigned i = 0; i < RT__SETTINGS_FIELDS; i++) {
        if (change->has[i])
            return false;
    }
    return true;
}

void rt__action_settings(const struct rt_debug_request *req, FILE *out, struct rt_debug_response *res)
{
    struct rt__settings_change change = {.has = {false}};
    struct rt__settings_error err;
    if (rt__settings_read_form(req->query, req->query_len, &change, &err) != 0 ||
        rt__settings_read_body(req->body, req->body_len, &change, &err) != 0)
        rt__page_fail(out, res, 400, "bad value", "%s", err.message);
    else if (asks_for_nothing(&change))
        rt__page_fail(out, res, 400, "bad value", "body: want one or more of " RT__SETTINGS_NAMES);
    else
        apply(&change, out);
}
