/* page_stats.c - the pages that show: memstats, vars, metrics, settings.
 *
 * Formats are those of Go's tools, to the byte where there is one (expvar's page, encoding/json).
 * A page reads its figures once, so that what stands on it agrees. Nothing here changes anything.
 */
#include "runtime/debug/pages.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "runtime/debug/form.h"
#include "runtime/stats/json_text.h"
#include "runtime/stats/metrics.h"
#include "runtime/stats/published.h"

void rt__page_memstats(const struct rt_debug_request *req, FILE *out, struct rt_debug_response *res)
{
    struct rt_memstats ms;
    (void)req;
    (void)res;
    rt_read_memstats(&ms);
    rt_memstats_write_json(out, &ms);
    fputc('\n', out);
}

char *rt__cmdline(size_t *len)
{
    char *text = NULL;
    ssize_t n = -1;
    size_t room = 0;
    int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
    *len = 0;
    while (fd >= 0) {
        if (*len == room) {
            char *larger = realloc(text, room = room * 2 + 4096);
            if (!larger)
                break;
            text = larger;
        }
        n = read(fd, text + *len, room - *len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        *len += (size_t)n;
    }
    if (fd >= 0)
        close(fd);
    if (n == 0)
        return text;
    free(text);
    return NULL;
}

/* null when unknown, as Go prints an os.Args that it does not have. */
static void write_cmdline(FILE *out)
{
    size_t len;
    char *text = rt__cmdline(&len);
    if (!text) {
        fputs("null", out);
        return;
    }
    fputc('[', out);
    for (size_t i = 0; i < len;) {
        size_t n = strnlen(text + i, len - i);
        if (i > 0)
            fputc(',', out);
        rt__json_string(out, text + i, n);
        i += n + 1;
    }
    fputc(']', out);
    free(text);
}

void rt__page_vars(const struct rt_debug_request *req, FILE *out, struct rt_debug_response *res)
{
    struct rt_memstats ms;
    (void)req;
    (void)res;
    rt_read_memstats(&ms);
    fputs("{\n", out);
    /* Sorted by name, as expvar has it: these begin with a slash. */
    for (const struct rt__published *p = rt__published_first(); p; p = rt__published_next(p))
        fprintf(out, "\"%s\": %" PRIu64 ",\n", p->name, p->read(p->arg));
    fputs("\"cmdline\": ", out);
    write_cmdline(out);
    fputs(",\n\"memstats\": ", out);
    rt_memstats_write_json(out, &ms);
    fputs("\n}\n", out);
}

static void write_help(FILE *out)
{
    rt__metrics_write_help(out);
    rt__published_write_help(out);
}

void rt__page_metrics(const struct rt_debug_request *req, FILE *out, struct rt_debug_response *res)
{
    struct rt__form form;
    bool help = false;
    int more;
    rt__form_begin(&form, req->query, req->query_len);
    while ((more = rt__form_next(&form)) != 0) {
        help = more > 0 && strcmp(form.name, "help") == 0 && strcmp(form.value, "1") == 0;
        if (!help) {
            rt__page_fail(out, res, 400, "bad value", "want no parameter, or help=1");
            return;
        }
    }
    if (help)
        write_help(out);
    else
        rt_metrics_write(out);
}

static void write_member(FILE *out, const char *before, const char *name, const char *value)
{
    fprintf(out, "%s\"%s\":", before, name);
    rt__json_cstring(out, value);
}

void rt__page_settings(const struct rt_debug_request *req, FILE *out, struct rt_debug_response *res)
{
    struct rt_setting s;
    (void)req;
    (void)res;
    fputc('[', out);
    for (unsigned i = 0; rt_setting_get(i, &s); i++) {
        fputs(i > 0 ? ",\n" : "\n", out);
        write_member(out, "{", "name", s.name);
        write_member(out, ",", "value", s.value);
        write_member(out, ",", "source", s.source);
        write_member(out, ",", "unit", s.unit);
        write_member(out, ",", "help", s.help);
        fputc('}', out);
    }
    fputs("\n]\n", out);
}
