/* pprof.h - what is asked of a page below /debug/pprof/, and the one step that makes most answers.
 *
 *   pprof_params.c   parameters and addresses (pure)
 *   pprof_index.c    the list of profiles
 *   page_pprof.c     the profiles, cmdline and symbol
 *   page_trace.c     the execution trace
 */
#ifndef RT_DEBUG_PPROF_H
#define RT_DEBUG_PPROF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "runtime/debug/pages.h"
#include "runtime/trace/trace.h"

struct rt__profile_entry;

struct rt__pprof_params {
    int debug;        /* 0: profile.proto, 1 and 2: text */
    uint32_t seconds; /* 0: not given */
    bool collects;    /* gc: a cycle first */
};

/* Reads what these pages know from a query and passes over everything else, as Go does: clients add parameters of
 * their own. Of one that is given twice the first counts. Returns NULL, or the sentence that is the answer's. */
const char *rt__pprof_read_params(const char *query, size_t len, struct rt__pprof_params *out);

struct rt__pprof_trace_params {
    uint64_t ns; /* to record for */
    enum rt__trace_format format;
};
/* The same for the trace, whose seconds may have a fraction. */
const char *rt__pprof_read_trace_params(const char *query, size_t len, struct rt__pprof_trace_params *out);

/* 0x and hexadecimal digits, or decimal ones. False for anything else and for 0. */
bool rt__pprof_read_address(const char *text, size_t len, uintptr_t *address);

/* Answers with a profile of the entry, or with how it changed over params->seconds. */
void rt__pprof_answer(const struct rt__profile_entry *entry, const struct rt__pprof_params *params,
                      const struct rt_debug_request *req, FILE *out, struct rt_debug_response *res);

/* ---- page_pprof.c: what the pages share ---- */

#define RT__BINARY_TYPE "application/octet-stream"

/* An error as these pages tell one: a line of text, with the mark that pprof looks for. Like rt__page_fail else. */
void rt__pprof_fail(FILE *out, struct rt_debug_response *res, int status, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
bool rt__pprof_is_method(const struct rt_debug_request *req, const char *name);
/* Whether the peer is there still after that time; otherwise the request is answered: what ("profile") was ended. */
bool rt__pprof_wait(uint64_t ns, const char *what, const struct rt_debug_request *req, FILE *out,
                    struct rt_debug_response *res);

#endif
