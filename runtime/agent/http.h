/* http.h - one HTTP request on a connection of the agent. */
#ifndef RT_AGENT_HTTP_H
#define RT_AGENT_HTTP_H

#include <stddef.h>

/* Reads the rest of the request, of which len bytes have come into head, and answers it. head has room for
 * RT__HTTP_HEAD_MAX bytes. */
void rt__http_answer(int fd, char *head, size_t len);

/* An answer of one line. */
void rt__http_refuse(int fd, int status, const char *why);

#endif
