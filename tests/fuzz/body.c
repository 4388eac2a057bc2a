/* body.c - the readers of request bodies. The first byte chooses between JSON and form. */
#include "tests/fuzz/fuzz.h"

#include "app/web/web.h"

#include <string.h>

void fuzz_body(const uint8_t *data, size_t size)
{
    static const struct web_field fields[] = {{"room_id", 64}, {"booked_on", 32}, {"email", 255}};
    enum { FIELDS = sizeof(fields) / sizeof(fields[0]) };
    const char *values[FIELDS] = {NULL};
    struct failure err = {""};
    struct rt_scope *scope;

    if (size == 0)
        return;
    scope = rt_scope_begin();
    if (web_body_parse(data[0] & 1 ? WEB_BODY_FORM : WEB_BODY_JSON, (const char *)data + 1, size - 1, fields, FIELDS,
                       scope, values, &err) == 0) {
        for (size_t i = 0; i < FIELDS; i++) {
            size_t len = strlen(values[i]);

            fuzz_require(len > 0 && len <= fields[i].max);
            fuzz_require(fuzz_is_utf8(values[i], len));
        }
    } else {
        fuzz_require(err.text[0] != '\0');
        fuzz_require(fuzz_is_utf8(err.text, strlen(err.text)));
    }
    rt_scope_end(scope);
}
