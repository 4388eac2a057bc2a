/* pprof.h - what is asked of a page below /debug/pprof/, and the one step that makes most answers.
 *
 *   pprof_params.c   parameters and addresses (pure)
 *   pprof_index.c    the list of profiles
 *   page_pprof.c     the profiles, cmdline and symbol
 */
#ifndef RT_DEBUG_PPROF_H
#define RT_DEBUG_PPROF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "runtime/debug/pages.h"

struct rt__profile_entry;

struct rt__pprof_params {
    int debug;        /* 0: profile.proto, 1 and 2: text */
    uint32_t seconds; /* 0: not given */
    bool collects;    /* gc: a cycle first */
};

/* Reads what these pages know from a query and passes over everything else, as Go does: clients add parameters of
 * their own. Of one that is given twice the first counts. Returns NULL, or the sentence that is the answer's. */
const char *rt__pprof_read_params(const char *query, size_t len, struct rt__pprof_params *out);

/* 0x and hexadecimal digits, or decimal ones. False for anything else and for 0. */
bool rt__pprof_read_address(const char *text, size_t len, uintptr_t *address);

/* Answers with a profile of the entry, or with how it changed over params->seconds. */
void rt__pprof_answer(const struct rt__profile_entry *entry, const struct rt__pprof_params *params,
                      const struct rt_debug_request *req, FILE *out, struct rt_debug_response *res);

#endif
