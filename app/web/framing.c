/* framing.c - where a request's body ends must be beyond doubt.
 *
 * h2o takes the first of several Content-Length headers and Transfer-Encoding over any of them; a
 * proxy in front may choose otherwise, and then what one takes for a body is to the other the next
 * request, with somebody else's credentials. RFC 9112 lets a server refuse such requests, and so
 * does this one. h2o drops these headers from the list that handlers see, so the bytes themselves
 * are read here, only of requests that have a body.
 */
#include "app/web/web.h"

#include <string.h>
#include <strings.h>

static bool begins(const char *line, size_t len, const char *name)
{
    size_t name_len = strlen(name);

    return len >= name_len && strncasecmp(line, name, name_len) == 0;
}

bool web_framing_is_plain(const char *head, size_t len)
{
    const char *end = head + len;
    const char *line = memchr(head, '\n', len); /* the request line is no header */
    unsigned found = 0;

    while (line != NULL && ++line < end && *line != '\n' && *line != '\r') {
        size_t rest = (size_t)(end - line);

        if (*line == ' ' || *line == '\t')
            return false; /* a header continued on a second line, which h2o would cut off */
        found += begins(line, rest, "content-length:") || begins(line, rest, "transfer-encoding:");
        line = memchr(line, '\n', rest);
    }
    return found <= 1;
}
