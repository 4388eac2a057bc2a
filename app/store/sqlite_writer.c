/* sqlite_writer.c - one thread and one connection do all the writing, in groups.
 *
 * What makes a durable write slow is the wait for the disk, and that wait is the same for one row
 * and for a hundred. So the loops put their writes into one queue; the thread takes all that is
 * there, makes one transaction of it, commits (synchronous=FULL: on disk) and only then sends the
 * results back. While it waits for the disk, the next group gathers by itself: no timer, and a
 * write that comes alone is begun at once.
 *
 * A transaction is all or nothing, so when anything in a group fails for real (disk full, an I/O
 * error, a constraint), the group is rolled back and its writes are done again one by one, each in
 * its own transaction: one that fails never fails its neighbours. Refusals are not failures
 * (sqlite_apply.c).
 *
 * The lock of another process that writes to the same file is waited for, BUSY_MS at most; then
 * everything that waits is answered with STORE_AWAY.
 *
 * While the app serves, checkpoints are made by this thread alone (sqlite_log.c), when the results of the
 * group have been sent, so that no client waits for one.
 *
 * With STORE_ONE_BY_ONE defined, a group is a single write: what grouping gains is measured
 * against that.
 *
 * The thread must never call back, allocate in a request's scope, or touch a write whose result it
 * has sent: that belongs to the loop again, and may be gone.
 */
#include "app/store/sqlite_writer.h"

#include "app/store/sqlite.h"
#include "app/store/sqlite_apply.h"
#include "app/store/sqlite_log.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* How many writes a transaction may hold. Enough that the wait for the disk is spread thin; more
 * would only make the first of them wait longer for its answer (1000 inserts take some 10 ms). */
#ifdef STORE_ONE_BY_ONE
#define GROUP_MAX 1
#else
#define GROUP_MAX 1000
#endif

/* How long another process may hold the write lock. Asked for every half millisecond: SQLite's own
 * handler soon sleeps 100 ms at a time, and beside a process that writes all the time (the lock is
 * free for some 100 us between two groups) it would come too late for seconds. */
#define BUSY_MS 5000
#define BUSY_POLL_NS (500 * 1000)

/* The same while a loop closes: then the process ends, within what service managers grant it. */
#define CLOSING_BUSY_MS 500

/* KiB of page cache. A page of a group that does not fit is written to the log early and read again; the
 * days that a group books may lie on as many pages as it has bookings. Counts against CMEMLIMIT as used. */
#define CACHE_KIB "1024"

/* The longest sleep, for rt_thread_poll as in the loops. */
#define IDLE_MS 1000

struct sqlite_writer {
    sqlite3 *db;
    struct sqlite_apply apply;
    pthread_t thread;
    bool started;

    pthread_mutex_t lock;
    pthread_cond_t wake;            /* to the thread: the queue is not empty, or stop */
    pthread_cond_t settled;         /* to closing outboxes: some results were sent */
    struct sqlite_write_list queue; /* under the lock, as is stop */
    bool stop;

    atomic_int closing; /* outboxes that wait to be closed */

    /* the thread's own */
    int busy_ms;
    int64_t waited_ns; /* for the lock that is wanted now */
    struct sqlite_log log;
};

static int64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* ---- lists ----------------------------------------------------------------------------------- */

static void append(struct sqlite_write_list *list, struct sqlite_write_list *more)
{
    if (more->first == NULL)
        return;
    if (list->first == NULL)
        list->first = more->first;
    else
        list->last->next = more->first;
    list->last = more->last;
    *more = (struct sqlite_write_list){NULL, NULL};
}

static void append_one(struct sqlite_write_list *list, struct sqlite_write *write)
{
    struct sqlite_write_list one = {write, write};

    write->next = NULL;
    append(list, &one);
}

/* The first of the queue, GROUP_MAX at most, cut off from the rest. */
static struct sqlite_write *take_group(struct sqlite_write_list *queue)
{
    struct sqlite_write *first = queue->first;
    struct sqlite_write *last = first;

    for (int n = 1; n < GROUP_MAX && last->next != NULL; n++)
        last = last->next;
    queue->first = last->next;
    last->next = NULL;
    if (queue->first == NULL)
        queue->last = NULL;
    return first;
}

/* ---- the loops' side ------------------------------------------------------------------------- */

static void on_results(h2o_multithread_receiver_t *receiver, h2o_linklist_t *messages)
{
    (void)receiver;
    while (!h2o_linklist_is_empty(messages)) {
        struct sqlite_write *write = H2O_STRUCT_FROM_MEMBER(struct sqlite_write, link.link, messages->next);

        h2o_linklist_unlink(&write->link.link);
        while (write != NULL) {
            struct sqlite_write *next = write->next; /* the callback may end the write's scope */
            char *message = write->message;

            rt_trace_task_end(write->behalf.task);
            behalf_set((struct behalf){write->behalf.labels, write->whole});
            write->done(write->arg, (struct store_result){write->status, message != NULL ? message : ""});
            free(message);
            write = next;
        }
    }
    behalf_set(BEHALF_NOBODY);
}

void sqlite_outbox_open(struct sqlite_outbox *outbox, struct sqlite_writer *writer, h2o_multithread_queue_t *queue)
{
    *outbox = (struct sqlite_outbox){.writer = writer};
    h2o_multithread_register_receiver(queue, &outbox->receiver, on_results);
}

void sqlite_outbox_add(struct sqlite_outbox *outbox, struct sqlite_write *write)
{
    write->outbox = outbox;
    write->message = NULL;
    write->whole = rt_trace_task_get();
    write->behalf = behalf_part("database");
    write->link = (h2o_multithread_message_t){{NULL, NULL}};
    append_one(&outbox->collected, write);
    outbox->collected_count++;
}

void sqlite_outbox_hand_over(struct sqlite_outbox *outbox)
{
    struct sqlite_writer *writer = outbox->writer;

    if (outbox->collected_count == 0)
        return;
    pthread_mutex_lock(&writer->lock);
    append(&writer->queue, &outbox->collected);
    outbox->under_way += outbox->collected_count;
    pthread_cond_signal(&writer->wake);
    pthread_mutex_unlock(&writer->lock);
    outbox->collected_count = 0;
}

static void drop_results(h2o_linklist_t *messages)
{
    while (!h2o_linklist_is_empty(messages)) {
        struct sqlite_write *write = H2O_STRUCT_FROM_MEMBER(struct sqlite_write, link.link, messages->next);

        h2o_linklist_unlink(&write->link.link);
        for (; write != NULL; write = write->next)
            free(write->message);
    }
}

void sqlite_outbox_close(struct sqlite_outbox *outbox)
{
    struct sqlite_writer *writer = outbox->writer;

    if (writer == NULL)
        return;
    atomic_fetch_add(&writer->closing, 1);
    sqlite_outbox_hand_over(outbox);
    pthread_mutex_lock(&writer->lock);
    while (outbox->under_way > 0)
        pthread_cond_wait(&writer->settled, &writer->lock);
    pthread_mutex_unlock(&writer->lock);
    /* Nobody sends to us any more, and only this thread receives: the list is ours alone. */
    drop_results(&outbox->receiver._messages);
    h2o_multithread_unregister_receiver(outbox->receiver.queue, &outbox->receiver);
    atomic_fetch_sub(&writer->closing, 1);
    outbox->writer = NULL;
}

/* ---- transactions ---------------------------------------------------------------------------- */

/* Only the sleeps count: a checkpoint that has waited for a reader copies pages before it may have to
 * wait for the next. */
static int on_busy(void *arg, int calls)
{
    struct sqlite_writer *writer = arg;
    int64_t asleep_at_ns = now_ns();
    int busy_ms = writer->busy_ms;

    if (calls == 0)
        writer->waited_ns = 0;
    if (atomic_load(&writer->closing) != 0 && busy_ms > CLOSING_BUSY_MS)
        busy_ms = CLOSING_BUSY_MS;
    if (writer->waited_ns >= (int64_t)busy_ms * 1000000)
        return 0;
    nanosleep(&(struct timespec){.tv_nsec = BUSY_POLL_NS}, NULL);
    writer->waited_ns += now_ns() - asleep_at_ns;
    return 1;
}

/* One transaction of the writes from first to before end. Returns SQLITE_OK when it is on disk; then
 * and only then what stands in status is so. Otherwise nothing of it took place. */
static int transact(struct sqlite_writer *writer, struct sqlite_write *first, struct sqlite_write *end)
{
    int rc = sqlite_apply_begin(&writer->apply);

    for (struct sqlite_write *write = first; rc == SQLITE_OK && write != end; write = write->next) {
        behalf_set(write->behalf);
        rt_trace_region_begin("database");
        rc = sqlite_apply_write(&writer->apply, write);
        rt_trace_region_end();
    }
    behalf_set(BEHALF_NOBODY); /* the commit is everybody's */
    if (rc == SQLITE_OK) {
        rt_trace_region_begin("commit");
        rc = sqlite_apply_commit(&writer->apply);
        rt_trace_region_end();
    }
    return rc;
}

static enum store_status status_of(int rc)
{
    return (rc & 0xff) == SQLITE_BUSY ? STORE_AWAY : STORE_FAILED;
}

/* The text is SQLite's of the last call, so this comes before the rollback. */
static void fail_all(struct sqlite_writer *writer, struct sqlite_write *first, struct sqlite_write *end, int rc)
{
    for (struct sqlite_write *write = first; write != end; write = write->next) {
        write->status = status_of(rc);
        write->message = strdup(sqlite3_errmsg(writer->db));
    }
}

/* Some errors (a full disk) have rolled back already. */
static void roll_back(struct sqlite_writer *writer)
{
    if (!sqlite3_get_autocommit(writer->db))
        sqlite_apply_rollback(&writer->apply);
}

static void do_one_by_one(struct sqlite_writer *writer, struct sqlite_write *group)
{
    for (struct sqlite_write *write = group; write != NULL; write = write->next) {
        int rc = transact(writer, write, write->next);

        if (rc == SQLITE_OK)
            continue;
        /* Each would wait as long for the lock again: the rest shares the answer. */
        fail_all(writer, write, status_of(rc) == STORE_AWAY ? NULL : write->next, rc);
        roll_back(writer);
        if (status_of(rc) == STORE_AWAY)
            return;
    }
}

static void do_group(struct sqlite_writer *writer, struct sqlite_write *group)
{
    int rc = transact(writer, group, NULL);

    if (rc == SQLITE_OK)
        return;
    if (status_of(rc) == STORE_AWAY || group->next == NULL) {
        fail_all(writer, group, NULL, rc);
        roll_back(writer);
        return;
    }
    roll_back(writer);
    do_one_by_one(writer, group);
}

/* ---- results --------------------------------------------------------------------------------- */

/* Sorts the group by outbox; returns the outboxes that have results. */
static struct sqlite_outbox *sort_results(struct sqlite_write *group)
{
    struct sqlite_outbox *outboxes = NULL;

    while (group != NULL) {
        struct sqlite_write *write = group;
        struct sqlite_outbox *outbox = write->outbox;

        group = write->next;
        if (outbox->results.first == NULL) {
            outbox->next_with_results = outboxes;
            outboxes = outbox;
        }
        append_one(&outbox->results, write);
        outbox->results_count++;
    }
    return outboxes;
}

/* An outbox may be closed, and gone, as soon as nothing of it is under way. */
static void send_results(struct sqlite_writer *writer, struct sqlite_write *group)
{
    struct sqlite_outbox *outbox = sort_results(group);

    while (outbox != NULL) {
        struct sqlite_outbox *next = outbox->next_with_results;
        struct sqlite_write *first = outbox->results.first;
        size_t count = outbox->results_count;

        outbox->results = (struct sqlite_write_list){NULL, NULL};
        outbox->results_count = 0;
        h2o_multithread_send_message(&outbox->receiver, &first->link);
        pthread_mutex_lock(&writer->lock);
        outbox->under_way -= count;
        pthread_cond_broadcast(&writer->settled);
        pthread_mutex_unlock(&writer->lock);
        outbox = next;
    }
}

/* ---- the thread ------------------------------------------------------------------------------ */

static void wait_a_while(struct sqlite_writer *writer)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += IDLE_MS / 1000;
    pthread_cond_timedwait(&writer->wake, &writer->lock, &until);
}

static void *run(void *arg)
{
    struct sqlite_writer *writer = arg;
    struct sqlite_write *group;

    pthread_mutex_lock(&writer->lock);
    for (;;) {
        if (writer->queue.first == NULL && !writer->stop)
            wait_a_while(writer);
        if (writer->queue.first == NULL && writer->stop)
            break;
        group = writer->queue.first != NULL ? take_group(&writer->queue) : NULL;
        pthread_mutex_unlock(&writer->lock);
        if (group != NULL) {
            do_group(writer, group);
            send_results(writer, group);
            sqlite_log_tend(&writer->log, writer->db, &writer->busy_ms);
        }
        rt_thread_poll();
        pthread_mutex_lock(&writer->lock);
    }
    pthread_mutex_unlock(&writer->lock);
    return NULL;
}

static int open_connection(struct sqlite_writer *writer, const char *path, const struct store_options *options,
                           struct failure *err)
{
    if (sqlite_connect(path, SQLITE_OPEN_READWRITE, BUSY_MS, &writer->db, err) != 0 ||
        sqlite_exec(writer->db, path,
                    "PRAGMA synchronous=FULL; PRAGMA cache_size=-" CACHE_KIB
                    "; PRAGMA journal_size_limit=" SQLITE_LOG_LIMIT_BYTES,
                    err) != 0 ||
        sqlite_apply_open(&writer->apply, writer->db, path, options, err) != 0)
        return -1;
    sqlite3_busy_handler(writer->db, on_busy, writer);
    sqlite_log_watch(&writer->log, writer->db);
    return 0;
}

static void init_locks(struct sqlite_writer *writer)
{
    pthread_condattr_t monotonic;

    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&writer->lock, NULL);
    pthread_cond_init(&writer->wake, &monotonic);
    pthread_cond_init(&writer->settled, NULL);
    pthread_condattr_destroy(&monotonic);
}

int sqlite_writer_start(const char *path, const struct store_options *options, struct sqlite_writer **out,
                        struct failure *err)
{
    struct sqlite_writer *writer = calloc(1, sizeof(*writer));
    int error;

    if (writer == NULL)
        return failure_set(err, "%s: out of memory", path);
    writer->busy_ms = BUSY_MS;
    init_locks(writer);
    if (open_connection(writer, path, options, err) != 0) {
        sqlite_writer_stop(writer);
        return -1;
    }
    error = rt_thread_start(&writer->thread, NULL, "sqlite-writer", run, writer);
    if (error != 0) {
        sqlite_writer_stop(writer);
        return failure_set(err, "%s: cannot start a thread to write: %s", path, strerror(-error));
    }
    writer->started = true;
    *out = writer;
    return 0;
}

void sqlite_writer_stop(struct sqlite_writer *writer)
{
    if (writer == NULL)
        return;
    if (writer->started) {
        pthread_mutex_lock(&writer->lock);
        writer->stop = true;
        pthread_cond_signal(&writer->wake);
        pthread_mutex_unlock(&writer->lock);
        pthread_join(writer->thread, NULL);
    }
    sqlite_apply_close(&writer->apply);
    sqlite3_close(writer->db);
    pthread_mutex_destroy(&writer->lock);
    pthread_cond_destroy(&writer->wake);
    pthread_cond_destroy(&writer->settled);
    free(writer);
}
