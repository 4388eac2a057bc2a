/* postgres_query.h - the statements, and an operation as it travels down a connection. */
#ifndef APP_STORE_POSTGRES_QUERY_H
#define APP_STORE_POSTGRES_QUERY_H

#include "app/behalf.h"
#include "app/store/store.h"

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define POSTGRES_PARAMS_MAX 5

/* What a connection is for; each prepares its own statements only. */
enum postgres_use { POSTGRES_READS, POSTGRES_WRITES, POSTGRES_USES };

struct postgres_op;

struct postgres_query {
    const char *name; /* of the prepared statement */
    const char *sql;
    int params;
    enum postgres_use use;
    /* Statements of a group run in the order of (rank, params[key[0]], params[key[1]]), so that two
     * transactions take the same locks in the same order. Rank 0, of reads: as they came. */
    int rank;
    int key[2];
    /* The same for several operations at once, each parameter an array of theirs and a row for each in
     * the answer; 0: there is none. */
    int many;
    /* What an operation is told whose parameters are not text that PostgreSQL takes. */
    enum store_status not_text;
    /* Calls the operation's callback. rows is NULL unless the result is STORE_OK so far. */
    void (*finish)(struct postgres_op *op, struct store_result result, const PGresult *rows);
};

enum postgres_query_name {
    POSTGRES_LIST_ROOMS,
    POSTGRES_LIST_ROOMS_ON,
    POSTGRES_GET_ROOM,
    POSTGRES_LIST_PHOTOS,
    POSTGRES_FIND_USER,
    POSTGRES_LIST_BOOKINGS,
    POSTGRES_GET_BOOKING,
    POSTGRES_PING,
    POSTGRES_DELETE_BOOKING,
    POSTGRES_ADD_BOOKING,
    POSTGRES_ADD_BOOKINGS,
    POSTGRES_ADD_BOOKING_ANYWAY,
    POSTGRES_ADD_BOOKINGS_ANYWAY,
    POSTGRES_ADD_USER,
    POSTGRES_QUERIES
};

extern const struct postgres_query postgres_queries[POSTGRES_QUERIES];

struct postgres_lane;

/* Lives in the scope of the request, which is held until the callback has run. */
struct postgres_op {
    struct postgres_op *next;
    const struct postgres_query *query;
    struct postgres_lane *lane;
    struct rt_scope *scope;
    union {
        store_done plain;
        store_rooms_done rooms;
        store_room_done room;
        store_photos_done photos;
        store_user_done user;
        store_booking_done booking;
        store_bookings_done bookings;
    } done;
    void *arg;
    struct behalf behalf; /* of the operation; its task lasts until the answer is there */
    rt_task whole;        /* the task that asked for it, on whose behalf the callback runs */
    const char *params[POSTGRES_PARAMS_MAX];
    PGresult *rows;        /* what has come; counts only once the group is committed */
    int row;               /* which of them is this operation's */
    bool is_borrowing;     /* rows belong to a later operation of the same statement */
    int batch;             /* of a statement's first operation: for how many it was sent */
    uint64_t queued_at_ms; /* on the loop's clock */
    unsigned int sequence; /* place in the queue */
    int tries;
    bool alone; /* its group failed: it gets a transaction of its own */
};

enum postgres_verdict {
    POSTGRES_RETRY, /* in the way of another transaction: may succeed in a moment */
    POSTGRES_DROP,  /* the server cannot serve this connection any more, or not for writing */
    POSTGRES_AWAY,  /* was not done; may succeed later */
    POSTGRES_FAIL,  /* would fail again */
};

/* postgres_verdict_of - what an error with that SQLSTATE (NULL: none was given) means. */
enum postgres_verdict postgres_verdict_of(const char *sqlstate);

#endif
