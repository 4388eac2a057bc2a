/* sqlite.c - the store in one SQLite file.
 *
 * The file is in WAL mode, so readers never wait for a writer. Each event loop has a read
 * connection of its own with its statements prepared once; a query is answered from the page cache
 * of that connection in a few microseconds, which is less than handing it to another thread would
 * cost, so it runs on the loop and the callback is called before the function returns. Every
 * statement is reset as soon as its rows are read: that ends its read transaction, so the next
 * request sees every commit made before it began. Only the lock outlives it (sqlite_read_lock.c).
 *
 * A connection is used by one thread only (SQLITE_OPEN_NOMUTEX, SQLITE_CONFIG_MULTITHREAD), and
 * SQLite's memory statistics are off, because counting them takes a process-wide lock at every
 * allocation; the runtime counts the same bytes anyway.
 */
#include "app/store/sqlite.h"

#include "app/store/sqlite_read_lock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* How long a start waits for another process's lock: migrations take milliseconds, so only a
 * stuck process makes it pass. A read in WAL mode waits only while another process recovers or
 * closes the log; since that holds up a whole event loop, it gives up sooner. */
#define START_BUSY_MS 5000
#define READ_BUSY_MS 1000

/* KiB of page cache per connection. The hot pages are three (schema, rooms, one index); more only
 * counts against CMEMLIMIT, less makes an index look-up over many bookings read the file again. */
#define CACHE_KIB "256"

struct sqlite_store {
    struct store base;
    char *path;
    sqlite3 *db; /* for migrations; kept open so that the log outlives idle sessions */
};

enum statement { LIST_ROOMS, LIST_ROOMS_ON, GET_ROOM, ROOM_EXISTS, LIST_PHOTOS, STATEMENTS };

struct sqlite_session {
    struct store_session base;
    sqlite3 *db;
    struct sqlite_read_lock *read_lock;
    sqlite3_stmt *statements[STATEMENTS];
};

#define TEXTS_MAX 4 /* text columns that come first in any statement */
#define ROOM_COLUMNS "id, name, category, main_photo, cost, number_of_seats"

static const char *const sql[STATEMENTS] = {
    [LIST_ROOMS] = "SELECT " ROOM_COLUMNS ", 1 FROM rooms ORDER BY position",
    [LIST_ROOMS_ON] = "SELECT " ROOM_COLUMNS ", NOT EXISTS (SELECT 1 FROM bookings"
                      " WHERE room_id = rooms.id AND booked_on = ?1) FROM rooms ORDER BY position",
    [GET_ROOM] = "SELECT " ROOM_COLUMNS ", 1 FROM rooms WHERE id = ?1",
    [ROOM_EXISTS] = "SELECT 1 FROM rooms WHERE id = ?1",
    [LIST_PHOTOS] = "SELECT url FROM photos WHERE room_id = ?1 ORDER BY position",
};

/* ---- small helpers, shared with sqlite_schema.c ---------------------------------------------- */

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

static int open_connection(const char *path, int flags, int busy_ms, sqlite3 **out, struct failure *err)
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

/* quick_check reads the whole file once, sequentially; cheap next to finding out at the first
 * request that a page is broken. */
static int check_file(sqlite3 *db, const char *path, struct failure *err)
{
    char verdict[256];

    if (sqlite3_db_readonly(db, "main") == 1)
        return failure_set(err, "%s: the database file cannot be written", path);
    if (sqlite_query_text(db, path, "PRAGMA quick_check(1)", verdict, sizeof(verdict), err) != 0)
        return -1;
    if (strcmp(verdict, "ok") != 0)
        return failure_set(err, "%s: the database file is corrupt: %s", path, verdict);
    return 0;
}

static const struct store_ops sqlite_ops;

int sqlite_store_open(const char *path, struct store **out, struct failure *err)
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
    if (open_connection(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, START_BUSY_MS, &store->db, err) != 0 ||
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

    sqlite3_close(store->db);
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

static void session_close(struct store_session *base)
{
    struct sqlite_session *session = (struct sqlite_session *)base;

    for (int i = 0; i < STATEMENTS; i++)
        sqlite3_finalize(session->statements[i]);
    sqlite_read_lock_detach(session->read_lock);
    sqlite3_close(session->db);
    free(session);
}

static int session_open(struct store *base, struct store_session **out, struct failure *err)
{
    const char *path = ((struct sqlite_store *)base)->path;
    struct sqlite_session *session = calloc(1, sizeof(*session));

    if (session == NULL)
        return failure_set(err, "%s: out of memory", path);
    session->base.ops = &sqlite_ops;
    /* Not SQLITE_OPEN_READONLY: the first reader of a log may have to create its index file. */
    if (open_connection(path, SQLITE_OPEN_READWRITE, READ_BUSY_MS, &session->db, err) != 0 ||
        sqlite_exec(session->db, path, "PRAGMA query_only=1; PRAGMA cache_size=-" CACHE_KIB, err) != 0) {
        session_close(&session->base);
        return -1;
    }
    for (int i = 0; i < STATEMENTS; i++) {
        if (sqlite3_prepare_v3(session->db, sql[i], -1, SQLITE_PREPARE_PERSISTENT, &session->statements[i], NULL) !=
            SQLITE_OK) {
            sqlite_failure(err, path, session->db);
            session_close(&session->base);
            return -1;
        }
    }
    session->read_lock = sqlite_read_lock_attach(session->db);
    *out = &session->base;
    return 0;
}

static void session_end_turn(struct store_session *base)
{
    sqlite_read_lock_drop(((struct sqlite_session *)base)->read_lock);
}

/* ---- reading --------------------------------------------------------------------------------- */

/* The columns from the first on, n of them, as text in one pointer-free block: one allocation
 * instead of n, and nothing for the collector to look at inside. Lives as long as the scope, unlike
 * SQLite's own text, which dies at the next step. */
static void take_texts(sqlite3_stmt *row, struct rt_scope *scope, int n, const char **out)
{
    const unsigned char *text[TEXTS_MAX];
    size_t len[TEXTS_MAX];
    size_t total = 0;
    char *end;

    for (int i = 0; i < n; i++) {
        text[i] = sqlite3_column_text(row, i); /* before bytes, so that those are of UTF-8 */
        len[i] = text[i] != NULL ? (size_t)sqlite3_column_bytes(row, i) : 0;
        total += len[i] + 1;
    }
    end = rt_scope_alloc_atomic(scope, total);
    for (int i = 0; i < n; i++) {
        out[i] = end;
        if (len[i] != 0)
            memcpy(end, text[i], len[i]);
        end[len[i]] = '\0';
        end += len[i] + 1;
    }
}

static void take_room(sqlite3_stmt *row, struct rt_scope *scope, struct store_room *room)
{
    const char *texts[4];

    take_texts(row, scope, 4, texts);
    room->id = texts[0];
    room->name = texts[1];
    room->category = texts[2];
    room->main_photo = texts[3];
    room->cost = sqlite3_column_double(row, 4);
    room->number_of_seats = sqlite3_column_int64(row, 5);
    room->is_available = sqlite3_column_int(row, 6) != 0;
}

/* The next of an array that grows by doubling from four, in the scope. */
static void *next_slot(struct rt_scope *scope, void **array, size_t n, size_t size)
{
    if (n == 0)
        *array = rt_scope_alloc(scope, 4 * size);
    else if (n >= 4 && (n & (n - 1)) == 0)
        *array = rt_scope_realloc(scope, *array, 2 * n * size);
    return (char *)*array + n * size;
}

/* Ends the statement's read transaction. The message is taken before, it dies with the reset. */
static struct store_result finish(struct sqlite_session *session, sqlite3_stmt *statement, int rc, char *buf,
                                  size_t size)
{
    struct store_result result = {STORE_OK, ""};

    if (rc != SQLITE_DONE && rc != SQLITE_ROW) {
        snprintf(buf, size, "%s", sqlite3_errmsg(session->db));
        result = (struct store_result){STORE_FAILED, buf};
    }
    sqlite3_reset(statement);
    return result;
}

static void list_rooms(struct store_session *base, struct rt_scope *scope, const char *day, store_rooms_done done,
                       void *arg)
{
    struct sqlite_session *session = (struct sqlite_session *)base;
    sqlite3_stmt *statement = session->statements[day != NULL ? LIST_ROOMS_ON : LIST_ROOMS];
    struct store_result result;
    char message[256];
    void *rooms = NULL;
    size_t n = 0;
    int rc;

    if (day != NULL)
        sqlite3_bind_text(statement, 1, day, -1, SQLITE_STATIC);
    while ((rc = sqlite3_step(statement)) == SQLITE_ROW) {
        take_room(statement, scope, next_slot(scope, &rooms, n, sizeof(struct store_room)));
        n++;
    }
    result = finish(session, statement, rc, message, sizeof(message));
    done(arg, result, rooms, n);
}

static void get_room(struct store_session *base, struct rt_scope *scope, const char *id, store_room_done done,
                     void *arg)
{
    struct sqlite_session *session = (struct sqlite_session *)base;
    sqlite3_stmt *statement = session->statements[GET_ROOM];
    struct store_room *room = NULL;
    struct store_result result;
    char message[256];
    int rc;

    sqlite3_bind_text(statement, 1, id, -1, SQLITE_STATIC);
    rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW) {
        room = rt_scope_alloc(scope, sizeof(*room));
        take_room(statement, scope, room);
    }
    result = finish(session, statement, rc, message, sizeof(message));
    if (rc == SQLITE_DONE)
        result.status = STORE_NOT_FOUND;
    done(arg, result, room);
}

static void list_photos(struct store_session *base, struct rt_scope *scope, const char *room_id, store_photos_done done,
                        void *arg)
{
    struct sqlite_session *session = (struct sqlite_session *)base;
    sqlite3_stmt *statement = session->statements[LIST_PHOTOS];
    struct store_result result;
    char message[256];
    void *urls = NULL;
    size_t n = 0;
    int rc;

    sqlite3_bind_text(statement, 1, room_id, -1, SQLITE_STATIC);
    while ((rc = sqlite3_step(statement)) == SQLITE_ROW) {
        take_texts(statement, scope, 1, next_slot(scope, &urls, n, sizeof(char *)));
        n++;
    }
    result = finish(session, statement, rc, message, sizeof(message));
    /* No photos: is the room there at all? Asked second because nearly every room has photos. */
    if (result.status == STORE_OK && n == 0) {
        statement = session->statements[ROOM_EXISTS];
        sqlite3_bind_text(statement, 1, room_id, -1, SQLITE_STATIC);
        rc = sqlite3_step(statement);
        result = finish(session, statement, rc, message, sizeof(message));
        if (rc == SQLITE_DONE)
            result.status = STORE_NOT_FOUND;
    }
    done(arg, result, urls, n);
}

static const struct store_ops sqlite_ops = {
    .close = close_store,
    .migrate = migrate,
    .session_open = session_open,
    .session_close = session_close,
    .session_end_turn = session_end_turn,
    .list_rooms = list_rooms,
    .get_room = get_room,
    .list_photos = list_photos,
};
