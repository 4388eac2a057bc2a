/* sqlite_writer.h - the one thread that writes to a SQLite database (how: sqlite_writer.c).
 *
 * Every session has an outbox, which its loop fills and hands over once a turn. The outcome of each
 * write comes back on that loop, by its queue of messages.
 */
#ifndef APP_STORE_SQLITE_WRITER_H
#define APP_STORE_SQLITE_WRITER_H

#include "app/behalf.h"
#include "app/store/store.h"

#include <h2o.h>

struct sqlite_writer;

enum sqlite_write_kind { WRITE_USER, WRITE_BOOKING, WRITE_DELETION, WRITE_NOTHING };

/* One write. It lies in the scope of the request that asked, which keeps it alive: until its
 * callback has run, it may be linked from memory where no collector looks. */
struct sqlite_write {
    enum sqlite_write_kind kind;
    union {
        struct store_user user;
        struct store_booking booking; /* of a deletion: the id alone */
    };
    const char *email; /* of the caller; unless WRITE_USER or WRITE_NOTHING */
    store_done done;
    void *arg;

    enum store_status status; /* the rest belongs to the writer; this it sets before the result is sent */
    char *message;            /* from malloc, or NULL; freed when the callback has run */
    struct sqlite_outbox *outbox;
    struct behalf behalf; /* on which the write is made */
    rt_task whole;        /* the task that asked for it, on whose behalf its callback runs */
    struct sqlite_write *next;
    h2o_multithread_message_t link; /* of the first of the results that are sent together */
};

struct sqlite_write_list {
    struct sqlite_write *first;
    struct sqlite_write *last;
};

struct sqlite_outbox {
    struct sqlite_writer *writer; /* NULL: not open */
    h2o_multithread_receiver_t receiver;
    struct sqlite_write_list collected; /* the loop's: not handed over yet */
    size_t collected_count;
    size_t under_way; /* handed over, results not sent; under the writer's lock */

    struct sqlite_write_list results; /* the writer's thread only, as are the two below */
    size_t results_count;
    struct sqlite_outbox *next_with_results;
};

/* sqlite_writer_start - on a database whose schema is up to date. Returns 0, or -1 with *err filled. */
int sqlite_writer_start(const char *path, const struct store_options *options, struct sqlite_writer **out,
                        struct failure *err);

/* sqlite_writer_stop - every outbox must have been closed. NULL is ignored. */
void sqlite_writer_stop(struct sqlite_writer *writer);

/* sqlite_outbox_open - results come to queue's loop. An outbox is used by that loop's thread only. */
void sqlite_outbox_open(struct sqlite_outbox *outbox, struct sqlite_writer *writer, h2o_multithread_queue_t *queue);

/* sqlite_outbox_add - collects a write, whose kind, arguments, done and arg are set. */
void sqlite_outbox_add(struct sqlite_outbox *outbox, struct sqlite_write *write);

/* sqlite_outbox_hand_over - gives the writer all that was collected: one lock, one wake-up. */
void sqlite_outbox_hand_over(struct sqlite_outbox *outbox);

/* sqlite_outbox_close - hands over what is left, waits until all of it is done, and forgets the
 * results: a request that was taken in is carried out, though no callback tells of it any more. It does
 * not wait long for another process's lock: then nothing is done of what nobody was told. */
void sqlite_outbox_close(struct sqlite_outbox *outbox);

#endif
