/* settings_body.h - what POST /debug/settings asks for, read from its body or query.
 *
 *   {"gc_percent": 50, "memory_limit": "64MiB"}      gc_percent=50&memory_limit=64MiB
 *
 * Either field or both. gc_percent is an integer or "off"; memory_limit an integer (bytes) or text
 * as CMEMLIMIT takes it. Everything else is refused with one sentence that names the field and
 * what is wanted: a JSON reader that is lenient here would turn a slip into a setting. Pure; never
 * allocates; time is linear in the body's length, and nothing recurses.
 */
#ifndef RT_DEBUG_SETTINGS_BODY_H
#define RT_DEBUG_SETTINGS_BODY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rt__settings_change {
    bool has_gc_percent;
    bool has_memory_limit;
    int32_t gc_percent;         /* negative: off */
    int64_t memory_limit_bytes; /* INT64_MAX: off */
};

struct rt__settings_error {
    char message[256]; /* printable ASCII */
};

/* Both add to *change what the text asks for, and refuse a field that *change already has. They
 * return 0, or -1 with *err filled and *change as it was. */
int rt__settings_read_form(const char *text, size_t len, struct rt__settings_change *change,
                           struct rt__settings_error *err);
/* JSON when the first byte (after JSON's white space) is '{', else a form. */
int rt__settings_read_body(const char *body, size_t len, struct rt__settings_change *change,
                           struct rt__settings_error *err);

#endif
