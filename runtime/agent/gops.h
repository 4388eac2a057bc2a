/* gops.h - one request of gops on a connection of the agent. */
#ifndef RT_AGENT_GOPS_H
#define RT_AGENT_GOPS_H

#include <stddef.h>
#include <stdint.h>

/* The first len bytes (at least one) have come. A byte that asks for nothing is answered by nothing, as gops' own agent
 * does. */
void rt__gops_answer(int fd, const uint8_t *request, size_t len);

#endif
