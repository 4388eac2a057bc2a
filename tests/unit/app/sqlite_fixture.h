/* sqlite_fixture.h - a new SQLite database in a folder of its own, an event loop and a session, for
 * the tests of app/store/sqlite*.c. Each test program includes it once, behind cmocka.h.
 */
#ifndef TESTS_UNIT_APP_SQLITE_FIXTURE_H
#define TESTS_UNIT_APP_SQLITE_FIXTURE_H

#include "app/store/store.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define GREEN "79ca06f8-1163-48e8-b279-23fca5669623"
#define RED "e6cc9546-52a1-45bc-8e0c-9af9a2b235c1"
#define SEED_EMAIL "ipesenti@sorint.com"
#define SEED_ID "b6d2d9ad-3363-4c0b-aaf9-5b86d4ed6f31"

/* No test waits for longer: beyond it, what was awaited does not come. */
#define PATIENCE_S 60

struct fixture {
    char folder[64];
    char path[96];
    struct store_options options;
    struct store_loop loop;
    struct store *store;
    struct store_session *session;
    struct rt_scope *scope;
};

/* One for the life of the program: h2o's queues have no clean end. */
static inline struct store_loop the_loop(void)
{
    static struct store_loop loop;

    if (loop.events == NULL) {
        loop.events = h2o_evloop_create();
        loop.queue = h2o_multithread_create_queue(loop.events);
    }
    return loop;
}

static inline void open_all(struct fixture *f, bool reseed)
{
    struct failure err = {""};

    if (store_open(f->path, &f->options, &f->store, &err) != 0 || store_migrate(f->store, reseed, &err) != 0 ||
        store_session_open(f->store, &f->loop, &f->session, &err) != 0)
        fail_msg("%s", err.text);
}

static inline void close_all(struct fixture *f)
{
    store_session_close(f->session);
    store_close(f->store);
}

static inline int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    snprintf(f->folder, sizeof(f->folder), "/tmp/sqlite-test.XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    snprintf(f->path, sizeof(f->path), "%s/x.db", f->folder);
    f->scope = rt_scope_begin();
    f->loop = the_loop();
    open_all(f, false);
    *state = f;
    return 0;
}

static inline int teardown(void **state)
{
    struct fixture *f = *state;
    char command[128];

    close_all(f);
    rt_scope_end(f->scope);
    snprintf(command, sizeof(command), "rm -rf '%s'", f->folder);
    assert_int_equal(system(command), 0);
    free(f);
    return 0;
}

static inline void execute(sqlite3 *db, const char *sql)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
}

static inline sqlite3 *connect_to(const char *path)
{
    sqlite3 *db;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    sqlite3_busy_timeout(db, 5000);
    return db;
}

/* A writer that is not the store: another process, as far as SQLite is concerned. */
static inline void run_sql(const struct fixture *f, const char *sql)
{
    sqlite3 *db = connect_to(f->path);

    execute(db, sql);
    sqlite3_close(db);
}

/* The number that a query gives, read on a connection of its own. */
static inline int64_t number(const struct fixture *f, const char *sql)
{
    sqlite3 *db = connect_to(f->path);
    sqlite3_stmt *statement = NULL;
    int64_t value;

    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK || sqlite3_step(statement) != SQLITE_ROW)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    value = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return value;
}

static inline long log_bytes(const struct fixture *f)
{
    char path[128];
    struct stat st;

    snprintf(path, sizeof(path), "%s-wal", f->path);
    assert_int_equal(stat(path, &st), 0);
    return st.st_size;
}

static inline double now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Turns the loop until *count has reached want. A signal may interrupt it: that means again. */
static inline void await(struct fixture *f, const int *count, int want)
{
    double deadline = now_s() + PATIENCE_S;

    store_session_end_turn(f->session);
    while (*count < want) {
        if (now_s() > deadline)
            fail_msg("%d of %d answers came", *count, want);
        h2o_evloop_run(f->loop.events, 100);
        store_session_end_turn(f->session);
    }
}

#endif
