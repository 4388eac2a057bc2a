/* debug.c - what /debug takes: parameters of profiles, addresses, and settings as a form or JSON. */
#include "tests/fuzz/fuzz.h"

#include "runtime/debug/pprof.h"
#include "runtime/debug/settings_body.h"

#include <string.h>

static void is_one_sentence(const char *text)
{
    fuzz_require(text[0] != '\0' && strchr(text, '\n') == NULL);
}

static void try_settings(const char *text, size_t size, int as_body)
{
    struct rt__settings_change change = {.has = {false}}, none = {.has = {false}};
    struct rt__settings_error err = {""};
    int result =
        as_body ? rt__settings_read_body(text, size, &change, &err) : rt__settings_read_form(text, size, &change, &err);

    if (result != 0) {
        is_one_sentence(err.message);
        fuzz_require(memcmp(change.has, none.has, sizeof(none.has)) == 0);
    }
}

void fuzz_debug(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    struct rt__pprof_params params;
    const char *wrong = rt__pprof_read_params(text, size, &params);
    struct rt__pprof_trace_params trace;
    uintptr_t address = 0;

    if (wrong != NULL)
        is_one_sentence(wrong);
    else
        fuzz_require(params.debug >= 0 && params.seconds <= 3600);
    wrong = rt__pprof_read_trace_params(text, size, &trace);
    if (wrong != NULL)
        is_one_sentence(wrong);
    else
        fuzz_require(trace.ns > 0 && trace.ns <= UINT64_C(3600000000000));
    if (rt__pprof_read_address(text, size, &address))
        fuzz_require(address != 0);
    try_settings(text, size, 0);
    try_settings(text, size, 1);
}
