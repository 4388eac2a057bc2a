/* work.h - what takes too long for an event loop (hashing a password: 20 ms) is done by threads here.
 *
 * A pool of threads with one bounded queue; each loop has an inbox at each pool through which finished items
 * come back to it. An item is done exactly once, on the loop that submitted it, as long as that loop
 * runs. It is run and done on behalf of whoever submitted it; running it is a task of its own, "work", from the moment
 * that it was submitted.
 */
#ifndef APP_WORK_WORK_H
#define APP_WORK_WORK_H

#include "app/behalf.h"
#include "app/failure.h"

#include <h2o.h>
#include <stdbool.h>

struct work;
struct work_inbox;

/* The first member of a struct of the caller's, which lives until done has run. */
struct work_item {
    void (*run)(struct work_item *item);  /* on a thread of the pool */
    void (*done)(struct work_item *item); /* on the loop, afterwards */
    h2o_multithread_message_t message;    /* the rest belongs to work.c */
    struct work_item *next;
    struct work_inbox *inbox;
    struct behalf behalf; /* to run it on */
    rt_task whole;        /* the task of which it is a part */
};

/* work_start - starts the threads, called "name 0" and so on; name is static. At most waiting_max items wait
 * for them. Returns 0, or -1 with *err filled. */
int work_start(const char *name, int threads, size_t waiting_max, struct work **out, struct failure *err);

/* work_stop - items that wait are dropped, those that run are waited for. After the last loop. */
void work_stop(struct work *work);

/* work_inbox_open, work_inbox_close - on the thread of the loop whose queue it is. An item that is
 * finished after the close is dropped. */
int work_inbox_open(struct work *work, h2o_multithread_queue_t *queue, struct work_inbox **out, struct failure *err);
void work_inbox_close(struct work_inbox *inbox);

/* work_submit - takes the item, or returns false when too much is waiting already. */
bool work_submit(struct work_inbox *inbox, struct work_item *item);

#endif
