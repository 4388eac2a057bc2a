/* pages.h - the answers under /debug/, one function each, as debug.c's table of routes knows them.
 *
 * A page writes its body to out and leaves the response as it found it (200, the content type of
 * its route), or calls rt__page_fail once, before it has written anything. One that has its body in memory
 * from malloc already, or in a file, puts that into the response instead. Pages may take their time and allocate; they
 * hold no lock of the runtime while they write. To a HEAD request they answer as to GET; the body is thrown away.
 */
#ifndef RT_DEBUG_PAGES_H
#define RT_DEBUG_PAGES_H

#include <stdio.h>
#include "runtime/cruntime.h"

#define RT__JSON_TYPE "application/json; charset=utf-8"
#define RT__TEXT_TYPE "text/plain; charset=utf-8"
#define RT__HTML_TYPE "text/html; charset=utf-8"

typedef void rt__page(const struct rt_debug_request *req, FILE *out, struct rt_debug_response *res);

/* page_stats.c */
rt__page rt__page_memstats, rt__page_vars, rt__page_metrics, rt__page_settings;
/* page_gctrace.c */
rt__page rt__page_gctrace;
/* page_actions.c: those that do something */
rt__page rt__action_gc, rt__action_settings;

/* pprof_index.c, page_pprof.c, page_trace.c: below /debug/pprof/. Their errors are in a form of their own. */
rt__page rt__page_pprof_index, rt__page_pprof_cmdline, rt__page_pprof_profile, rt__page_pprof_symbol,
    rt__page_pprof_trace, rt__page_pprof_named;

/* The program's arguments as the kernel keeps them, each with its NUL behind it, malloc'd; NULL when they cannot be
 * read (page_stats.c). */
char *rt__cmdline(size_t *len);

/* {"code":code,"message":...} with the status. The message is cut at 300 bytes. */
void rt__page_fail(FILE *out, struct rt_debug_response *res, int status, const char *code, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

#endif
