/* agent.h - the agent: what gops asks of a Go process, this process answers, and /debug as well, on one port.
 *
 *   agent.c       its life: CAGENT, start, stop, fork, exit
 *   serve.c       its threads: one accepts, and one for each connection answers
 *   conn.c        a connection: reading with a deadline, sending with a timeout
 *   gops.c        a request's byte and what is answered
 *   gops_text.c   memstats, stats and numbers as gops has them (pure)
 *   http.c        GET and POST of /debug/... over the same port (rt_debug_handle answers)
 *   http_parse.c  the head of a request (pure)
 *   address.c     whose an address is (pure; env/address.c reads them)
 *   port_file.c   where gops looks for the port: one file a process
 *
 * Must never: listen beyond loopback unless told, be there in a set-user-id process, hold up the program's end, or die
 * of what a client sends.
 */
#ifndef RT_AGENT_AGENT_H
#define RT_AGENT_AGENT_H

#include "env/settings.h"

/* Before main: when CAGENT names an address the agent starts at once. */
void rt__agent_start(const struct env_settings *settings);

#endif
