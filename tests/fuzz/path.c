/* path.c - paths against the application's own table of routes; the method is what comes before the
 * first blank. */
#include "tests/fuzz/fuzz.h"

#include "app/routes.h"

#include <string.h>

void fuzz_path(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    const char *blank = memchr(text, ' ', size);
    size_t method_len = blank != NULL ? (size_t)(blank - text) : 0;
    const char *path = blank != NULL ? blank + 1 : text;
    size_t path_len = size - (size_t)(path - text);
    struct web_match match;

    web_routes_match(app_routes, text, method_len, path, path_len, &match);
    fuzz_require(memchr(match.allow, '\0', sizeof(match.allow)) != NULL);
    if (match.route == NULL)
        return;
    fuzz_require(strcmp(match.route->method, "*") == 0 ||
                 (strlen(match.route->method) == method_len && memcmp(match.route->method, text, method_len) == 0));
    if (match.id != NULL) {
        fuzz_require(match.id_len > 0 && match.id >= path && match.id + match.id_len <= path + path_len);
        fuzz_require(memchr(match.id, '/', match.id_len) == NULL);
    }
}
