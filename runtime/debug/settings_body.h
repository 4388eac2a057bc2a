/* settings_body.h - what POST /debug/settings asks for, read from its body or query.
 *
 *   {"gc_percent": 50, "memory_limit": "64MiB"}      gc_percent=50&memory_limit=64MiB
 *
 * Any of the fields of settings_fields.h, each once. Everything else is refused with one sentence that
 * names the field and what is wanted: a JSON reader that is lenient here would turn a slip into a setting.
 * Pure; never allocates; time is linear in the body's length, and nothing recurses.
 */
#ifndef RT_DEBUG_SETTINGS_BODY_H
#define RT_DEBUG_SETTINGS_BODY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "runtime/debug/settings_fields.h"

struct rt__settings_change {
    bool has[RT__SETTINGS_FIELDS];
    int64_t values[RT__SETTINGS_FIELDS]; /* as rt__settings_parse gives them */
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
