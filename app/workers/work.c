/* work.c - see work.h.
 *
 * One lock keeps the queue and every inbox's closed flag. An item that is finished is sent to its
 * inbox's receiver under that lock and only while the inbox is open; closing takes the same lock.
 * So nothing is ever sent to a receiver that has been unregistered, and what was sent before the
 * close is all there is to drop. The lock is held for a pipe write at most, some 50 times a second
 * and thread: items take long, or they would not be here.
 *
 * An inbox is not freed before work_stop, since a thread that ran one of its items looks at the
 * closed flag afterwards. An item may be a managed object: whoever submitted it keeps it alive
 * (a request's scope), so the pointers from here, where no collector looks, need not.
 */
#include "app/workers/work.h"

#include "cruntime.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* How often a thread without work looks whether the runtime asked for its free memory, as often as
 * an idle event loop does (rt_thread_poll). */
#define IDLE_TURN_S 1

struct work_inbox {
    struct work *work;
    struct work_inbox *next; /* of all inboxes */
    h2o_multithread_queue_t *queue;
    h2o_multithread_receiver_t receiver;
    bool closed;
};

struct work {
    pthread_mutex_t lock; /* all below that changes, but the threads' ids, and the inboxes' closed */
    pthread_cond_t more;  /* an item waits, or stopping */
    struct work_item *first;
    struct work_item **last; /* where the next one is hung */
    size_t waiting, waiting_max;
    bool stopping;
    struct work_inbox *inboxes;
    int threads;
    pthread_t ids[];
};

/* ---- the threads ----------------------------------------------------------------------------- */

static struct work_item *take_first(struct work *work)
{
    struct work_item *item = work->first;

    work->first = item->next;
    if (work->first == NULL)
        work->last = &work->first;
    work->waiting--;
    item->next = NULL;
    return item;
}

static void sleep_until_more(struct work *work)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += IDLE_TURN_S;
    pthread_cond_timedwait(&work->more, &work->lock, &until);
}

static void *run_items(void *arg)
{
    struct work *work = arg;

    pthread_mutex_lock(&work->lock);
    while (!work->stopping) {
        if (work->first == NULL) {
            sleep_until_more(work);
            pthread_mutex_unlock(&work->lock);
        } else {
            struct work_item *item = take_first(work);
            struct work_inbox *inbox = item->inbox;

            pthread_mutex_unlock(&work->lock);
            behalf_set(item->behalf);
            item->run(item);
            behalf_set(BEHALF_NOBODY);
            pthread_mutex_lock(&work->lock);
            if (!inbox->closed)
                h2o_multithread_send_message(&inbox->receiver, &item->message); /* it is the loop's from here */
            pthread_mutex_unlock(&work->lock);
        }
        rt_thread_poll();
        pthread_mutex_lock(&work->lock);
    }
    pthread_mutex_unlock(&work->lock);
    return NULL;
}

/* The clock of the timed wait must not jump when somebody sets the machine's. */
static void init_sync(struct work *work)
{
    pthread_condattr_t monotonic;

    pthread_mutex_init(&work->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&work->more, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

int work_start(const char *name, int threads, size_t waiting_max, struct work **out, struct failure *err)
{
    struct work *work;

    *out = NULL;
    if (threads < 1)
        return failure_set(err, "%d threads called %s: want at least 1", threads, name);
    work = calloc(1, sizeof(*work) + (size_t)threads * sizeof(work->ids[0]));
    if (work == NULL)
        return failure_set(err, "no memory for %d threads called %s", threads, name);
    work->last = &work->first;
    work->waiting_max = waiting_max;
    init_sync(work);
    for (; work->threads < threads; work->threads++) {
        char full[24]; /* cut to what the system takes */
        int error;

        snprintf(full, sizeof(full), "%s %d", name, work->threads);
        error = rt_thread_start(&work->ids[work->threads], NULL, full, run_items, work);
        if (error != 0) {
            failure_set(err, "cannot start thread %s of %d: %s", full, threads, strerror(-error));
            work_stop(work);
            return -1;
        }
    }
    *out = work;
    return 0;
}

void work_stop(struct work *work)
{
    pthread_mutex_lock(&work->lock);
    work->stopping = true;
    for (struct work_inbox *inbox = work->inboxes; inbox != NULL; inbox = inbox->next)
        inbox->closed = true;
    pthread_cond_broadcast(&work->more);
    pthread_mutex_unlock(&work->lock);
    for (int i = 0; i < work->threads; i++)
        pthread_join(work->ids[i], NULL);
    while (work->inboxes != NULL) {
        struct work_inbox *inbox = work->inboxes;

        work->inboxes = inbox->next;
        free(inbox);
    }
    pthread_cond_destroy(&work->more);
    pthread_mutex_destroy(&work->lock);
    free(work);
}

/* ---- inboxes --------------------------------------------------------------------------------- */

static void on_finished(h2o_multithread_receiver_t *receiver, h2o_linklist_t *messages)
{
    (void)receiver;
    while (!h2o_linklist_is_empty(messages)) {
        h2o_multithread_message_t *message = H2O_STRUCT_FROM_MEMBER(h2o_multithread_message_t, link, messages->next);
        struct work_item *item = H2O_STRUCT_FROM_MEMBER(struct work_item, message, message);

        h2o_linklist_unlink(&message->link);
        rt_trace_task_end(item->behalf.task);
        behalf_set((struct behalf){item->behalf.labels, item->whole});
        item->done(item); /* the item may be gone */
        behalf_set(BEHALF_NOBODY);
    }
}

int work_inbox_open(struct work *work, h2o_multithread_queue_t *queue, struct work_inbox **out, struct failure *err)
{
    struct work_inbox *inbox = calloc(1, sizeof(*inbox));

    *out = inbox;
    if (inbox == NULL)
        return failure_set(err, "no memory for a loop's finished work");
    inbox->work = work;
    inbox->queue = queue;
    h2o_multithread_register_receiver(queue, &inbox->receiver, on_finished);
    pthread_mutex_lock(&work->lock);
    inbox->next = work->inboxes;
    work->inboxes = inbox;
    pthread_mutex_unlock(&work->lock);
    return 0;
}

static void drop_waiting(struct work *work, const struct work_inbox *inbox)
{
    struct work_item **link = &work->first;

    while (*link != NULL) {
        struct work_item *item = *link;

        if (item->inbox == inbox) {
            *link = item->next;
            work->waiting--;
        } else {
            link = &item->next;
        }
    }
    work->last = link;
}

void work_inbox_close(struct work_inbox *inbox)
{
    struct work *work = inbox->work;

    pthread_mutex_lock(&work->lock);
    inbox->closed = true;
    drop_waiting(work, inbox);
    pthread_mutex_unlock(&work->lock);
    /* h2o unregisters no receiver that has messages. Nobody sends any more and only this thread's
     * loop takes messages out, so its list may be emptied here without h2o's lock. */
    while (!h2o_linklist_is_empty(&inbox->receiver._messages))
        h2o_linklist_unlink(inbox->receiver._messages.next);
    h2o_multithread_unregister_receiver(inbox->queue, &inbox->receiver);
}

bool work_submit(struct work_inbox *inbox, struct work_item *item)
{
    struct work *work = inbox->work;
    bool taken;

    pthread_mutex_lock(&work->lock);
    taken = work->waiting < work->waiting_max && !work->stopping && !inbox->closed;
    if (taken) {
        item->inbox = inbox;
        item->next = NULL;
        item->whole = rt_trace_task_get();
        item->behalf = behalf_part("work");
        memset(&item->message, 0, sizeof(item->message));
        *work->last = item;
        work->last = &item->next;
        work->waiting++;
        pthread_cond_signal(&work->more);
    }
    pthread_mutex_unlock(&work->lock);
    return taken;
}
