/* serve.h - the agent's threads: one that accepts, and one for each connection. */
#ifndef RT_AGENT_SERVE_H
#define RT_AGENT_SERVE_H

/* Answers what comes to the listening socket, from now on: it is serve's then, if this returns 0 and not a negative
 * errno. Not while it serves already. */
int rt__serve_begin(int listener);
/* Ends it: closes the socket, lets answers under way end early, and waits for that. */
void rt__serve_end(void);
/* At the end of the process: the socket accepts no more. Waits for nothing. */
void rt__serve_close(void);

/* Around fork. A child serves nobody, and keeps no connection of its parent's open. */
void rt__serve_before_fork(void);
void rt__serve_after_fork(void);
void rt__serve_after_fork_in_child(void);

#endif
