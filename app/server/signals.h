/* signals.h - SIGINT, SIGTERM and SIGUSR2, as something that can be waited for. */
#ifndef APP_SERVER_SIGNALS_H
#define APP_SERVER_SIGNALS_H

#include "app/failure.h"

/* signals_open - from now on SIGPIPE is ignored, and the first SIGINT or SIGTERM makes *fd readable
 * instead of ending the process. A second one ends it at once with status 128 + its number: whoever
 * sends it does not want to wait for the drain. Returns 0, or -1 with *err filled. */
int signals_open(int *fd, struct failure *err);

/* signals_count_usr2 - from now on each SIGUSR2 adds 1 to that eventfd, which must not block; -1: they are ignored. */
void signals_count_usr2(int fd);

/* signals_block_here - the calling thread is not disturbed by those three. */
void signals_block_here(void);

#endif
