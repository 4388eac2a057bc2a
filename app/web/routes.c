/* routes.c - finds the route of a path. Pure: text in, a row of the table out.
 *
 * The table has a dozen rows, so it is walked; comparing a few bytes a row costs less than any
 * structure built to avoid it. A path that exists under other methods is told from one that does
 * not exist, because the answers differ (405 with Allow, 404).
 */
#include "app/web/web.h"

#include <stdio.h>
#include <string.h>

/* Whether path matches the pattern; *id is left alone when the pattern has no ":id". */
static bool matches(const char *pattern, const char *path, size_t path_len, const char **id, size_t *id_len)
{
    const char *end = path + path_len;

    while (*pattern != '\0') {
        if (*pattern == '*')
            return true;
        if (strncmp(pattern, ":id", 3) == 0) {
            const char *slash = memchr(path, '/', (size_t)(end - path));

            *id = path;
            *id_len = (size_t)((slash != NULL ? slash : end) - path);
            if (*id_len == 0)
                return false;
            path += *id_len;
            pattern += 3;
        } else if (path == end || *path++ != *pattern++) {
            return false;
        }
    }
    return path == end;
}

static bool is_method(const struct web_route *route, const char *method, size_t len)
{
    return strcmp(route->method, "*") == 0 || (strlen(route->method) == len && memcmp(route->method, method, len) == 0);
}

static void add_method(char *allow, size_t size, const char *method)
{
    size_t used = strlen(allow);

    snprintf(allow + used, size - used, "%s%s", used != 0 ? ", " : "", method);
}

void web_routes_match(const struct web_route *routes, const char *method, size_t method_len, const char *path,
                      size_t path_len, struct web_match *out)
{
    out->route = NULL;
    out->allow[0] = '\0';
    for (const struct web_route *route = routes; route->pattern != NULL; route++) {
        out->id = NULL;
        out->id_len = 0;
        if (!matches(route->pattern, path, path_len, &out->id, &out->id_len))
            continue;
        if (is_method(route, method, method_len)) {
            out->route = route;
            return;
        }
        add_method(out->allow, sizeof(out->allow), route->method);
    }
    if (out->allow[0] != '\0')
        add_method(out->allow, sizeof(out->allow), "OPTIONS");
}
