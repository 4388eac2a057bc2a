/* stop.h - Ctrl-C: the first asks for a clean end, a second one kills as usual. */
#ifndef BENCH_LOAD_STOP_H
#define BENCH_LOAD_STOP_H

#include <stdbool.h>

/* stop_install - from here on SIGINT and SIGTERM ask for an end. Called once, before any thread. */
void stop_install(void);

/* stop_ask - asks for an end as Ctrl-C does; whether nobody had before. */
bool stop_ask(void);

bool stop_asked(void);

/* stop_overdue - an end was asked for so long ago that requests in flight are given up. */
bool stop_overdue(void);

#endif
