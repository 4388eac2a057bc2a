/* http_parse.h - the head of one HTTP/1 request. Pure. */
#ifndef RT_AGENT_HTTP_PARSE_H
#define RT_AGENT_HTTP_PARSE_H

#include <stdbool.h>
#include <stddef.h>

/* Go's server takes 1 MiB of head; a browser sends one, with cookies of this host, and curl a hundred bytes. Bodies of
 * /debug are a line: the app's bound is used here, too. */
#define RT__HTTP_HEAD_MAX 8192
#define RT__HTTP_BODY_MAX 65536

struct rt__http_span {
    const char *p; /* into the head; NULL: the header is not there */
    size_t len;
};

struct rt__http_request {
    struct rt__http_span method, path, query, host, origin; /* query: without the question mark */
    size_t content_length;
    bool expects_continue;
    bool is_http_1_0;
};

/* The len bytes that have come so far. Returns the length of the head, after which the body begins; 0: more has to
 * come; or a status to refuse with, negative: -400, -413 (body too long), -431 (head too long), -501
 * (Transfer-Encoding) or -505. */
int rt__http_parse(const char *text, size_t len, struct rt__http_request *out);

#endif
