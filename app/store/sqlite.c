/* sqlite.c - the store in one SQLite file.
 *
 * The file is in WAL mode, so readers never wait for a writer. Each event loop has a read connection
 * of its own with its statements prepared once, and answers reads by itself (sqlite_read.c). Writes
 * are collected during a turn of the loop and handed to the one thread that writes
 * (sqlite_writer.c), which the first session starts: before, the schema may not be there.
 *
 * A connection is used by one thread at a time (SQLITE_OPEN_NOMUTEX, SQLITE_CONFIG_MULTITHREAD), and
 * SQLite's memory statistics are off, because counting them takes a process-wide lock at every
 * allocation; the runtime counts the same bytes anyway.
 */
#include "app/store/sqlite.h"

#include "app/store/sqlite_session.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* How long a start waits for another process's lock: migrations take milliseconds, so only a
 * stuck process makes it pass. A read in WAL mode waits only while another process recovers or
 * closes the log; since that holds up a whole event loop, it gives up sooner. */
#define START_BUSY_MS 5000
#define READ_BUSY_MS 1000

/* The largest file whose every page is looked at when it is opened: half a second at most. */
#define CHECKED_MAX_BYTES (64 * 1024 * 1024)

/* KiB of page cache per connection. The hot pages are three (schema, rooms, one index); more only
 * counts against CMEMLIMIT, less makes an index look-up over many bookings read the file again. */
#define CACHE_KIB "256"

struct sqlite_store {
    struct store base;
    struct store_options options;
    char *path;
    sqlite3 *db; /* for migrations; kept open so that the log outlives idle sessions */
    pthread_mutex_t lock;
    struct sqlite_writer *writer; /* NULL before the first session; set under the lock */
};

/* ---- small helpers, shared by the store's parts ---------------------------------------------- */

int sqlite_failure(struct failure *err, const char *path, sqlite3 *db)
{
    return failure_set(err, "%s: %s", path, db != NULL ? sqlite3_errmsg(db) : "out of memory");
}

int sqlite_exec(sqlite3 *db, const char *path, const char *text, struct failure *err)
{
    return sqlite3_exec(db, text, NULL, NULL, NULL) == SQLITE_OK ? 0 : sqlite_failure(err, path, db);
}

int sqlite_query_text(sqlite3 *db, const char *path, const char *text, char *buf, int size, struct failure *err)
{
    sqlite3_stmt *statement = NULL;
    int result = -1;

    if (sqlite3_prepare_v2(db, text, -1, &statement, NULL) == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW) {
        const char *value = (const char *)sqlite3_column_text(statement, 0);

        snprintf(buf, (size_t)size, "%s", value != NULL ? value : "");
        result = 0;
    } else {
        sqlite_failure(err, path, db);
    }
    sqlite3_finalize(statement);
    return result;
}

int sqlite_query_int(sqlite3 *db, const char *path, const char *text, int64_t *value, struct failure *err)
{
    char digits[24];

    if (sqlite_query_text(db, path, text, digits, sizeof(digits), err) != 0)
        return -1;
    *value = strtoll(digits, NULL, 10);
    return 0;
}

/* ---- opening --------------------------------------------------------------------------------- */

int sqlite_connect(const char *path, int flags, int busy_ms, sqlite3 **out, struct failure *err)
{
    if (sqlite3_open_v2(path, out, flags | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK) {
        sqlite_failure(err, path, *out);
        sqlite3_close(*out);
        *out = NULL;
        return -1;
    }
    sqlite3_busy_timeout(*out, busy_ms);
    return 0;
}

int sqlite_prepare_all(sqlite3 *db, const char *path, const char *const *sql, int n, sqlite3_stmt **out,
                       struct failure *err)
{
    for (int i = 0; i < n; i++) {
        if (sqlite3_prepare_v3(db, sql[i], -1, SQLITE_PREPARE_PERSISTENT, &out[i], NULL) != SQLITE_OK)
            return sqlite_failure(err, path, db);
    }
    return 0;
}

/* Changing the journal mode takes locks in an order in which SQLite does not call the busy handler
 * (it could deadlock), so two first starts at once can see "database is locked" here: ask again. */
static int enter_wal(sqlite3 *db, const char *path, struct failure *err)
{
    char mode[16] = "";

    for (int waited_ms = 0;; waited_ms += 10) {
        if (sqlite_query_text(db, path, "PRAGMA journal_mode=WAL", mode, sizeof(mode), err) == 0)
            break;
        if (sqlite3_errcode(db) != SQLITE_BUSY || waited_ms >= START_BUSY_MS)
            return -1;
        nanosleep(&(struct timespec){.tv_nsec = 10 * 1000 * 1000}, NULL);
    }
    if (strcmp(mode, "wal") != 0)
        return failure_set(err, "%s: this file system cannot hold a database in WAL mode", path);
    return 0;
}

/* quick_check reads the whole file once, which is cheap next to finding out at some request that a page
 * is broken, but grows with the file: 4 s for a million bookings that are not in the page cache. A large
 * file is not gone through: whoever starts again after a crash wants to serve. */
static int check_file(sqlite3 *db, const char *path, struct failure *err)
{
    char verdict[256];
    int64_t pages;
    int64_t page_bytes;

    if (sqlite3_db_readonly(db, "main") == 1)
        return failure_set(err, "%s: the database file cannot be written", path);
    if (sqlite_query_int(db, path, "PRAGMA page_count", &pages, err) != 0 ||
        sqlite_query_int(db, path, "PRAGMA page_size", &page_bytes, err) != 0)
        return -1;
    if (pages * page_bytes > CHECKED_MAX_BYTES)
        return 0;
    if (sqlite_query_text(db, path, "PRAGMA quick_check(1)", verdict, sizeof(verdict), err) != 0)
        return -1;
    if (strcmp(verdict, "ok") != 0)
        return failure_set(err, "%s: the database file is corrupt: %s", path, verdict);
    return 0;
}

static const struct store_ops sqlite_ops;

int sqlite_store_open(const char *path, const struct store_options *options, struct store **out, struct failure *err)
{
    struct sqlite_store *store;

    if (strcmp(path, ":memory:") == 0)
        return failure_set(err, "dsn: want a file, since each event loop opens the database for itself");
    /* Refused with SQLITE_MISUSE when SQLite is initialised already, by an earlier call of this. */
    sqlite3_config(SQLITE_CONFIG_MULTITHREAD);
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    /* Pages one by one: SQLite would take the first twenty of each connection in one block, for which
     * mimalloc commits half a megabyte a thread. CMEMLIMIT=5000000 has to be enough for the app. */
    sqlite3_config(SQLITE_CONFIG_PAGECACHE, NULL, 0, 0);
    store = calloc(1, sizeof(*store));
    if (store == NULL || (store->path = strdup(path)) == NULL) {
        free(store);
        return failure_set(err, "%s: out of memory", path);
    }
    store->base.ops = &sqlite_ops;
    store->options = *options;
    pthread_mutex_init(&store->lock, NULL);
    if (sqlite_connect(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, START_BUSY_MS, &store->db, err) != 0 ||
        check_file(store->db, path, err) != 0 || enter_wal(store->db, path, err) != 0) {
        sqlite_ops.close(&store->base);
        return -1;
    }
    *out = &store->base;
    return 0;
}

static void close_store(struct store *base)
{
    struct sqlite_store *store = (struct sqlite_store *)base;

    sqlite_writer_stop(store->writer);
    sqlite3_close(store->db);
    pthread_mutex_destroy(&store->lock);
    free(store->path);
    free(store);
}

static int migrate(struct store *base, bool reseed, struct failure *err)
{
    struct sqlite_store *store = (struct sqlite_store *)base;
    int result = sqlite_schema_migrate(store->db, store->path, reseed, err);

    sqlite3_db_release_memory(store->db);
    return result;
}

/* ---- sessions -------------------------------------------------------------------------------- */

static int need_writer(struct sqlite_store *store, struct failure *err)
{
    int result = 0;

    pthread_mutex_lock(&store->lock);
    if (store->writer == NULL)
        result = sqlite_writer_start(store->path, &store->options, &store->writer, err);
    pthread_mutex_unlock(&store->lock);
    return result;
}

static void session_close(struct store_session *base)
{
    struct sqlite_session *session = (struct sqlite_session *)base;

    /* The kept lock first: a checkpoint of the writer, whom closing the outbox waits for, may wait for it. */
    sqlite_read_lock_detach(session->read_lock);
    sqlite_outbox_close(&session->outbox);
    for (int i = 0; i < READS; i++)
        sqlite3_finalize(session->reads[i]);
    sqlite3_close(session->db);
    free(session);
}

static int session_open(struct store *base, const struct store_loop *loop, struct store_session **out,
                        struct failure *err)
{
    struct sqlite_store *store = (struct sqlite_store *)base;
    const char *path = store->path;
    struct sqlite_session *session = calloc(1, sizeof(*session));

    if (session == NULL)
        return failure_set(err, "%s: out of memory", path);
    session->base.ops = &sqlite_ops;
    /* Not SQLITE_OPEN_READONLY: the first reader of a log may have to create its index file. */
    if (sqlite_connect(path, SQLITE_OPEN_READWRITE, READ_BUSY_MS, &session->db, err) != 0 ||
        sqlite_exec(session->db, path, "PRAGMA query_only=1; PRAGMA cache_size=-" CACHE_KIB, err) != 0 ||
        sqlite_reads_prepare(session, path, err) != 0 || need_writer(store, err) != 0) {
        session_close(&session->base);
        return -1;
    }
    session->read_lock = sqlite_read_lock_attach(session->db);
    sqlite_outbox_open(&session->outbox, store->writer, loop->queue);
    *out = &session->base;
    return 0;
}

/* The lock first, so that the writer's checkpoint does not find it. */
static void session_end_turn(struct store_session *base)
{
    struct sqlite_session *session = (struct sqlite_session *)base;

    sqlite_read_lock_drop(session->read_lock);
    sqlite_outbox_hand_over(&session->outbox);
}

/* ---- writing --------------------------------------------------------------------------------- */

static void post(struct store_session *base, struct rt_scope *scope, const struct sqlite_write *write)
{
    struct sqlite_write *copy = rt_scope_alloc(scope, sizeof(*copy));

    *copy = *write;
    sqlite_outbox_add(&((struct sqlite_session *)base)->outbox, copy);
}

static void add_user(struct store_session *base, struct rt_scope *scope, const struct store_user *user, store_done done,
                     void *arg)
{
    post(base, scope, &(struct sqlite_write){.kind = WRITE_USER, .user = *user, .done = done, .arg = arg});
}

static void add_booking(struct store_session *base, struct rt_scope *scope, const char *email,
                        const struct store_booking *booking, store_done done, void *arg)
{
    post(base, scope,
         &(struct sqlite_write){.kind = WRITE_BOOKING, .booking = *booking, .email = email, .done = done, .arg = arg});
}

static void delete_booking(struct store_session *base, struct rt_scope *scope, const char *email, const char *id,
                           store_done done, void *arg)
{
    post(base, scope,
         &(struct sqlite_write){
             .kind = WRITE_DELETION, .booking = {.id = id}, .email = email, .done = done, .arg = arg});
}

/* Reads here, then has the writer take the lock that writes take, and change nothing. */
static void ping(struct store_session *base, struct rt_scope *scope, store_done done, void *arg)
{
    char message[256] = "";
    enum store_status status = sqlite_read_anything((struct sqlite_session *)base, message, sizeof(message));

    if (status != STORE_OK)
        done(arg, (struct store_result){status, message});
    else
        post(base, scope, &(struct sqlite_write){.kind = WRITE_NOTHING, .done = done, .arg = arg});
}

static const struct store_ops sqlite_ops = {
    .close = close_store,
    .migrate = migrate,
    .session_open = session_open,
    .session_close = session_close,
    .session_end_turn = session_end_turn,
    .list_rooms = sqlite_list_rooms,
    .get_room = sqlite_get_room,
    .list_photos = sqlite_list_photos,
    .find_user = sqlite_find_user,
    .add_user = add_user,
    .list_bookings = sqlite_list_bookings,
    .get_booking = sqlite_get_booking,
    .add_booking = add_booking,
    .delete_booking = delete_booking,
    .ping = ping,
};
