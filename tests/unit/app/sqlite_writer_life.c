/* sqlite_writer_life.c - the writing thread beside other processes, closing sessions and readers. */
#include "app/store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>

#include "tests/unit/app/sqlite_writes.h"

/* ---- other processes ------------------------------------------------------------------------- */

/* Each store has a writer of its own, as if it were another process. */
static void two_stores_on_one_file_wait_for_each_other(void **state)
{
    enum { N = 300 };
    static struct outcome o[2 * N];
    struct fixture *f = *state;
    struct failure err = {""};
    struct store *second;
    struct store_session *session;
    int answers = 0;

    memset(o, 0, sizeof(o));
    assert_int_equal(store_open(f->path, &f->options, &second, &err), 0);
    assert_int_equal(store_session_open(second, &f->loop, &session, &err), 0);
    for (int i = 0; i < N; i++) {
        o[i].answers = o[N + i].answers = &answers;
        book_freely(f, f->session, "one", i, &o[i]);
        store_session_end_turn(f->session);
        book_freely(f, session, "two", i, &o[N + i]);
        store_session_end_turn(session);
    }
    await(f, &answers, 2 * N);
    all_are(o, 2 * N, STORE_OK);
    assert_int_equal(bookings(f), 2 * N);
    store_session_close(session);
    store_close(second);
}

static void who_waits_too_long_for_another_process_is_told_that_the_store_is_away(void **state)
{
    struct fixture *f = *state;
    struct outcome o[4] = {{0}};
    int answers = 0;
    double start = now_s();
    sqlite3 *db = connect_to(f->path);

    for (int i = 0; i < 4; i++)
        o[i].answers = &answers;
    execute(db, "BEGIN IMMEDIATE");
    book(f, RED, "2025-01-09", "b0", &o[0]);
    book(f, RED, "2025-01-10", "b1", &o[1]);
    store_ping(f->session, f->scope, on_done, &o[2]);
    await(f, &answers, 3);
    assert_true(now_s() - start > 4);
    all_are(o, 3, STORE_AWAY);
    assert_string_equal(o[0].message, "database is locked");
    execute(db, "COMMIT");
    sqlite3_close(db);
    assert_int_equal(bookings(f), 0);
    book(f, RED, "2025-01-09", "b", &o[3]);
    await(f, &answers, 4);
    is(&o[3], STORE_OK);
}

static void a_ping_is_answered_and_changes_nothing(void **state)
{
    struct fixture *f = *state;
    struct outcome o[2] = {{0}};
    int answers = 0;
    int before = commits(f);

    o[0].answers = o[1].answers = &answers;
    store_ping(f->session, f->scope, on_done, &o[0]);
    await(f, &answers, 1);
    is(&o[0], STORE_OK);
    assert_int_equal(commits(f), before);
    run_sql(f, "ALTER TABLE rooms RENAME TO elsewhere");
    store_ping(f->session, f->scope, on_done, &o[1]);
    await(f, &answers, 2);
    is(&o[1], STORE_FAILED);
    assert_non_null(strstr(o[1].message, "rooms"));
    run_sql(f, "ALTER TABLE elsewhere RENAME TO rooms");
}

/* ---- ends ------------------------------------------------------------------------------------ */

/* Of what was collected, handed over, and finished but not received yet: all is carried out, and no
 * callback tells of it any more. */
static void closing_carries_out_what_was_asked_and_calls_nobody(void **state)
{
    enum { N = 30 };
    struct fixture *f = *state;
    struct failure err = {""};
    struct outcome o[3 * N] = {{0}};
    double deadline = now_s() + PATIENCE_S;

    run_sql(f, "CREATE TRIGGER t BEFORE INSERT ON bookings WHEN NEW.id = 'finished0' BEGIN"
               " SELECT RAISE(ABORT, 'so that there is a message'); END");
    for (int i = 0; i < N; i++)
        book_freely(f, f->session, "finished", i, &o[i]);
    store_session_end_turn(f->session);
    while (bookings(f) < N - 1)
        assert_true(now_s() < deadline);
    for (int i = 0; i < N; i++)
        book_freely(f, f->session, "handed over", i, &o[N + i]);
    store_session_end_turn(f->session);
    for (int i = 0; i < N; i++)
        book_freely(f, f->session, "collected", i, &o[2 * N + i]);
    store_session_close(f->session);
    assert_int_equal(bookings(f), 3 * N - 1);
    for (int i = 0; i < 5; i++)
        h2o_evloop_run(f->loop.events, 1);
    for (int i = 0; i < 3 * N; i++)
        assert_int_equal(o[i].calls, 0);
    assert_int_equal(store_session_open(f->store, &f->loop, &f->session, &err), 0);
}

static void closing_does_not_wait_long_for_another_process(void **state)
{
    struct fixture *f = *state;
    struct failure err = {""};
    struct outcome o = {0};
    sqlite3 *db = connect_to(f->path);
    double start = now_s();

    execute(db, "BEGIN IMMEDIATE");
    book(f, RED, "2025-01-09", "b", &o);
    store_session_end_turn(f->session);
    store_session_close(f->session);
    assert_true(now_s() - start < 4);
    execute(db, "COMMIT");
    sqlite3_close(db);
    assert_int_equal(o.calls, 0);
    assert_int_equal(bookings(f), 0);
    assert_int_equal(store_session_open(f->store, &f->loop, &f->session, &err), 0);
}

static void closing_one_session_leaves_the_others_writes_alone(void **state)
{
    enum { N = 20 };
    struct fixture *f = *state;
    struct failure err = {""};
    struct store_session *other;
    struct outcome o[N] = {{0}};
    struct outcome silent = {0};
    int answers = 0;

    assert_int_equal(store_session_open(f->store, &f->loop, &other, &err), 0);
    for (int i = 0; i < N; i++) {
        o[i].answers = &answers;
        book_freely(f, f->session, "b", i, &o[i]);
    }
    book_freely(f, other, "other", 0, &silent);
    store_session_end_turn(f->session);
    store_session_close(other);
    await(f, &answers, N);
    all_are(o, N, STORE_OK);
    assert_int_equal(silent.calls, 0);
    assert_int_equal(bookings(f), N + 1);
}

/* ---- the log --------------------------------------------------------------------------------- */

struct reader {
    struct fixture *f;
    atomic_bool stop;
    int reads;
    int failures;
};

static void on_rooms(void *arg, struct store_result result, const struct store_room *rooms, size_t n)
{
    struct reader *reader = arg;

    (void)rooms;
    reader->reads++;
    reader->failures += result.status != STORE_OK || n != 3;
}

/* A loop that is never idle: the next turn's first read follows the end of the last at once. */
static void *read_all_the_time(void *arg)
{
    struct reader *reader = arg;
    struct failure err = {""};
    struct store_session *session;
    struct store_loop loop = {.events = h2o_evloop_create()};

    loop.queue = h2o_multithread_create_queue(loop.events);
    if (store_session_open(reader->f->store, &loop, &session, &err) != 0) {
        reader->failures++;
        return NULL;
    }
    while (!reader->stop) {
        struct rt_scope *scope = rt_scope_begin();

        for (int i = 0; i < 20; i++)
            store_list_rooms(session, scope, "2025-01-09", on_rooms, reader);
        rt_scope_end(scope);
        store_session_end_turn(session);
    }
    store_session_close(session);
    return NULL;
}

static void skip_where_each_allocation_collects(void)
{
    const char *debug = getenv("CDEBUG");

    if (debug != NULL && strstr(debug, "gcstress") != NULL) {
        print_message("40,000 writes take too long with a collection at each allocation\n");
        skip();
    }
}

/* Left to passive checkpoints alone the log grows to some 90 MiB here. The limit leaves room for two
 * restarts that were given up, since a busy machine may hold a reader up in the middle of its turn. */
static void the_log_stays_bounded_while_others_read_all_the_time(void **state)
{
    enum { TURNS = 160, N = 250, LIMIT_BYTES = 48 << 20 };
    static struct outcome o[N];
    struct fixture *f = *state;
    struct reader readers[2] = {{.f = f}, {.f = f}};
    pthread_t threads[2];
    long highest = 0;

    skip_where_each_allocation_collects();
    for (int i = 0; i < 2; i++)
        assert_int_equal(rt_thread_start(&threads[i], NULL, "reader", read_all_the_time, &readers[i]), 0);
    for (int turn = 0; turn < TURNS; turn++) {
        int answers = 0;
        struct rt_scope *all = f->scope;

        memset(o, 0, sizeof(o));
        f->scope = rt_scope_begin();
        for (int i = 0; i < N; i++) {
            char prefix[24];

            /* Ids spread over their index, as random ones are: many pages a group. */
            snprintf(prefix, sizeof(prefix), "%08x-%d-", (unsigned)(turn * N + i) * 2654435761u, turn);
            o[i].answers = &answers;
            book_freely(f, f->session, prefix, i, &o[i]);
        }
        await(f, &answers, N);
        rt_scope_end(f->scope);
        f->scope = all;
        all_are(o, N, STORE_OK);
        highest = log_bytes(f) > highest ? log_bytes(f) : highest;
    }
    for (int i = 0; i < 2; i++) {
        readers[i].stop = true;
        pthread_join(threads[i], NULL);
        assert_true(readers[i].reads > 0);
        assert_int_equal(readers[i].failures, 0);
    }
    assert_int_equal(bookings(f), TURNS * N);
    print_message("the log grew to %ld KiB at most\n", highest / 1024);
    assert_in_range(highest, 4 << 20, LIMIT_BYTES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(two_stores_on_one_file_wait_for_each_other, setup, teardown),
        cmocka_unit_test_setup_teardown(who_waits_too_long_for_another_process_is_told_that_the_store_is_away, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_ping_is_answered_and_changes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(closing_carries_out_what_was_asked_and_calls_nobody, setup, teardown),
        cmocka_unit_test_setup_teardown(closing_does_not_wait_long_for_another_process, setup, teardown),
        cmocka_unit_test_setup_teardown(closing_one_session_leaves_the_others_writes_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(the_log_stays_bounded_while_others_read_all_the_time, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
