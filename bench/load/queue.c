/* queue.c - see queue.h. */
#include "bench/load/queue.h"

#include "bench/load/clock.h"

#include <errno.h>
#include <stddef.h>

void queue_init(struct queue *q)
{
    pthread_condattr_t monotonic;

    pthread_mutex_init(&q->lock, NULL);
    pthread_cond_init(&q->not_empty, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&q->not_full, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

bool queue_put(struct queue *q, void *item, unsigned limit_ms)
{
    uint64_t until_ns = clock_ns() + limit_ms * NS_PER_MS;
    struct timespec until = {.tv_sec = (time_t)(until_ns / NS_PER_S), .tv_nsec = (long)(until_ns % NS_PER_S)};
    bool room;

    pthread_mutex_lock(&q->lock);
    while (q->used == QUEUE_SLOTS && pthread_cond_timedwait(&q->not_full, &q->lock, &until) != ETIMEDOUT)
        ;
    room = q->used < QUEUE_SLOTS;
    if (room) {
        q->slots[(q->first + q->used++) % QUEUE_SLOTS] = item;
        pthread_cond_signal(&q->not_empty);
    }
    pthread_mutex_unlock(&q->lock);
    return room;
}

void *queue_take(struct queue *q)
{
    void *item = NULL;

    pthread_mutex_lock(&q->lock);
    while (q->used == 0 && !q->closed)
        pthread_cond_wait(&q->not_empty, &q->lock);
    if (q->used != 0) {
        item = q->slots[q->first];
        q->slots[q->first] = NULL; /* or the collector would keep it */
        q->first = (q->first + 1) % QUEUE_SLOTS;
        q->used--;
        pthread_cond_signal(&q->not_full);
    }
    pthread_mutex_unlock(&q->lock);
    return item;
}

void queue_close(struct queue *q, bool keep)
{
    pthread_mutex_lock(&q->lock);
    q->closed = true;
    if (!keep)
        q->used = 0;
    pthread_cond_broadcast(&q->not_empty);
    pthread_mutex_unlock(&q->lock);
}
