/* pprof_index.c - the list of profiles, as a page for a browser.
 *
 * What is listed comes from the table of profiles, and beside them the pages that are no profiles of that
 * kind. Links are absolute, so that they lead to the same place with and without a slash at the page's own end. Must
 * not take a profile: the page is answered on event loops.
 */
#include "runtime/debug/pprof.h"

#include <inttypes.h>
#include <string.h>
#include "runtime/profile/profile.h"

struct row {
    const char *name;
    uint64_t count;
    const char *help;
};

/* Sorted by name, as the profiles are. */
static const struct row others[] = {
    {"cmdline", 0, "The command line of this program, its arguments separated by NUL bytes."},
    {"profile", 0,
     "CPU profile over the seconds of the parameter of that name, 30 without it. Look at the file with go tool pprof."},
    {"symbol", 0,
     "The functions at given addresses. They stand in the query of a GET or in the body of a POST, separated by +."},
    {"trace", 0,
     "What every thread did over the seconds of the parameter of that name, 1 without it. Look at the file with go "
     "tool "
     "trace; with ?format=chrome it is for Perfetto."},
};

#define ROWS_MAX 32

static size_t gather(struct row rows[ROWS_MAX])
{
    size_t n = 0, other = 0;
    const struct rt__profile_entry *e = rt__profile_at(0);
    for (unsigned i = 0; n < ROWS_MAX && (e || other < sizeof others / sizeof others[0]); n++) {
        if (e && (other == sizeof others / sizeof others[0] || strcmp(e->kind->name, others[other].name) < 0)) {
            rows[n] = (struct row){e->kind->name, e->count(), e->help};
            e = rt__profile_at(++i);
        } else {
            rows[n] = others[other++];
        }
    }
    return n;
}

static void write_escaped(FILE *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '<')
            fputs("&lt;", out);
        else if (*text == '>')
            fputs("&gt;", out);
        else if (*text == '&')
            fputs("&amp;", out);
        else
            fputc(*text, out);
    }
}

void rt__page_pprof_index(const struct rt_debug_request *req, FILE *out, struct rt_debug_response *res)
{
    struct row rows[ROWS_MAX];
    size_t n = gather(rows);
    (void)req;
    (void)res;
    fputs("<!DOCTYPE html>\n<html>\n<head>\n<meta charset=\"utf-8\">\n<title>/debug/pprof/</title>\n"
          "<style>td:first-child { text-align: right; padding-right: 1em }</style>\n</head>\n<body>\n"
          "<h1>/debug/pprof/</h1>\n<p>With ?debug=1 a profile is text, without it a file for go tool pprof.</p>\n"
          "<table>\n<tr><th>Count</th><th>Profile</th></tr>\n",
          out);
    for (size_t i = 0; i < n; i++)
        fprintf(out, "<tr><td>%" PRIu64 "</td><td><a href='/debug/pprof/%s?debug=1'>%s</a></td></tr>\n", rows[i].count,
                rows[i].name, rows[i].name);
    fputs("</table>\n<p><a href='/debug/pprof/goroutine?debug=2'>full goroutine stack dump</a></p>\n<dl>\n", out);
    for (size_t i = 0; i < n; i++) {
        fprintf(out, "<dt>%s</dt><dd>", rows[i].name);
        write_escaped(out, rows[i].help);
        fputs("</dd>\n", out);
    }
    fputs("</dl>\n</body>\n</html>\n", out);
}
