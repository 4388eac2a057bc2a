/* http.h - a page of the agent: /debug/... over HTTP/1.0, whose answer ends where the connection does. */
#ifndef COPS_HTTP_H
#define COPS_HTTP_H

#include "runtime/agent/cops/net.h"

struct cops_response {
    int status;
    const char *body;
    size_t body_len;
};

/* Takes an answer apart that came whole. A Content-Length must be kept: less than it is an error, more is cut off.
 * Pure. */
bool cops_http_parse(const char *answer, size_t len, struct cops_response *out, struct cops_error *error);

/* What an error answer says: the message of {"code":...,"message":...}, else its first line. Pure. */
void cops_http_message(const struct cops_response *res, char *buf, size_t size);

/* GET, or POST of a form when there is one. *body is the answer's, with status 200; any other is an error. */
bool cops_http_ask(const struct cops_target *target, const char *path, const char *form, unsigned patience_s,
                   struct cops_text *body, struct cops_error *error);

/* text as a form's name or value. */
void cops_form_add(struct cops_text *form, const char *text, size_t len);

#endif
