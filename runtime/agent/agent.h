/* agent.h - the agent: what gops asks of a Go process, this process answers, and /debug as well, on one port.
 *
 *   agent.c       its thread, its connections, its life
 *   address.c     CAGENT and addresses (pure)
 *   port_file.c   where gops looks for the port: one file a process
 *   gops.c        a request's byte and what is answered
 *   gops_text.c   memstats and stats as gops prints them (pure)
 *   http.c        GET and POST of /debug/... over the same port (pure parser; rt_debug_handle answers)
 *   cops/         the command that asks: cops
 *
 * A thread of its own accepts; each connection is answered by a thread of a small pool, so that a 30 s profile holds up
 * nobody. Must never: listen beyond loopback unless told, be there in a set-user-id process, hold up the program's
 * end, or die of what a client sends.
 */
#ifndef RT_AGENT_AGENT_H
#define RT_AGENT_AGENT_H

#include <stdbool.h>
#include "env/settings.h"

/* Before main: when CAGENT names an address the agent starts at once. */
void rt__agent_start(const struct env_settings *settings);

#endif
