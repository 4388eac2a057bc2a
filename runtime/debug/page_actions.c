/* page_actions.c - the pages that do: run a cycle, change settings.
 *
 * A request is read and judged whole before anything is done, so a refused one has changed nothing.
 * Must not be reached but through debug.c, which has checked who asks.
 */
#include "runtime/debug/pages.h"

#include <inttypes.h>
#include <string.h>
#include "env/settings.h"
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

static void write_value(FILE *out, const char *name, bool off, int64_t value)
{
    if (off)
        fprintf(out, "\"%s\":\"off\"", name);
    else
        fprintf(out, "\"%s\":%" PRId64, name, value);
}

static void write_change(FILE *out, const char *name, int64_t was, bool was_off, int64_t is, bool is_off)
{
    fprintf(out, "\"%s\":{", name);
    write_value(out, "old", was_off, was);
    fputc(',', out);
    write_value(out, "new", is_off, is);
    fputc('}', out);
}

static void apply(const struct rt__settings_change *change, FILE *out)
{
    fputc('{', out);
    if (change->has_gc_percent) {
        int was = rt_set_gc_percent(change->gc_percent);
        write_change(out, "gc_percent", was, was < 0, change->gc_percent, change->gc_percent < 0);
    }
    if (change->has_memory_limit) {
        int64_t was = rt_set_memory_limit(change->memory_limit_bytes);
        if (change->has_gc_percent)
            fputc(',', out);
        write_change(out, "memory_limit", was, was == ENV_MEMORY_LIMIT_OFF, change->memory_limit_bytes,
                     change->memory_limit_bytes == ENV_MEMORY_LIMIT_OFF);
    }
    fputs("}\n", out);
}

void rt__action_settings(const struct rt_debug_request *req, FILE *out, struct rt_debug_response *res)
{
    struct rt__settings_change change = {.has_gc_percent = false};
    struct rt__settings_error err;
    if (rt__settings_read_form(req->query, req->query_len, &change, &err) != 0 ||
        rt__settings_read_body(req->body, req->body_len, &change, &err) != 0) {
        rt__page_fail(out, res, 400, "bad value", "%s", err.message);
        return;
    }
    if (!change.has_gc_percent && !change.has_memory_limit) {
        rt__page_fail(out, res, 400, "bad value", "body: want \"gc_percent\" or \"memory_limit\", or both");
        return;
    }
    apply(&change, out);
}
