/* pages.h - the answers under /debug/, one function each, as debug.c's table of routes knows them.
 *
 * A page writes its body to out and leaves the response as it found it (200, the content type of
 * its route), or calls rt__page_fail once, before it has written anything. Pages may take their
 * time and allocate; they hold no lock of the runtime while they write.
 */
#ifndef RT_DEBUG_PAGES_H
#define RT_DEBUG_PAGES_H

#include <stdio.h>
#include "runtime/cruntime.h"

#define RT__JSON_TYPE "application/json; charset=utf-8"
#define RT__TEXT_TYPE "text/plain; charset=utf-8"

typedef void rt__page(const struct rt_debug_request *req, FILE *out, struct rt_debug_response *res);

/* page_stats.c */
rt__page rt__page_memstats, rt__page_vars, rt__page_metrics, rt__page_settings;
/* page_gctrace.c */
rt__page rt__page_gctrace;
/* page_actions.c: those that do something */
rt__page rt__action_gc, rt__action_settings;

/* {"code":code,"message":...} with the status. The message is cut at 300 bytes. */
void rt__page_fail(FILE *out, struct rt_debug_response *res, int status, const char *code, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

#endif
