/* queue.h - a bounded queue: one thread fills it, the workers take.
 *
 * The items are managed objects, so a queue must be a global variable, where the collector sees what
 * only the queue still holds.
 */
#ifndef BENCH_LOAD_QUEUE_H
#define BENCH_LOAD_QUEUE_H

#include <pthread.h>
#include <stdbool.h>

/* Fewer, and workers wait whenever the filling thread is kept from a processor for a moment; more
 * would only be memory. */
#define QUEUE_SLOTS 1024u

struct queue {
    pthread_mutex_t lock;
    pthread_cond_t not_empty;
    pthread_cond_t not_full;
    unsigned first;
    unsigned used;
    bool closed;
    void *slots[QUEUE_SLOTS];
};

void queue_init(struct queue *q);

/* queue_put - false when the queue was full for all of limit_ms. */
bool queue_put(struct queue *q, void *item, unsigned limit_ms);

/* queue_take - waits for an item; NULL when the queue is closed and empty. */
void *queue_take(struct queue *q);

/* queue_close - no more will be put. Unless keep, what is in it is dropped. */
void queue_close(struct queue *q, bool keep);

#endif
