/* sqlite_writer.c - writing to the SQLite store: groups, refusals, overbooking, failures. Other
 * processes, ends and the log: sqlite_writer_life.c.
 */
#include "app/store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <sys/resource.h>

#include "tests/unit/app/sqlite_writes.h"

/* ---- answers come when the commit is on disk ------------------------------------------------- */

struct onlooker {
    struct fixture *f;
    int answers;
    int64_t found;
    const struct rt_labels *labels;
};

static void look(void *arg, struct store_result result)
{
    struct onlooker *onlooker = arg;

    assert_int_equal(result.status, STORE_OK);
    onlooker->found = bookings(onlooker->f);
    onlooker->labels = rt_labels_get();
    onlooker->answers++;
}

static void an_answered_booking_is_seen_by_every_other_connection(void **state)
{
    struct fixture *f = *state;
    struct onlooker onlooker = {.f = f};
    struct store_booking booking = {.id = "b", .room_id = RED, .booked_on = "2025-01-09", .created_at = "then"};

    store_add_booking(f->session, f->scope, SEED_EMAIL, &booking, look, &onlooker);
    await(f, &onlooker.answers, 1);
    assert_int_equal(onlooker.found, 1);
    assert_int_equal(number(f, "SELECT room_id = '" RED "' AND booked_on = '2025-01-09' AND created_at = 'then'"
                               " AND user_id = '" SEED_ID "' AND slot = '' FROM bookings WHERE id = 'b'"),
                     1);
}

static void an_answer_comes_under_the_labels_of_who_asked(void **state)
{
    const struct rt_labels *labels = rt_labels_new((const char *const[]){"route", "POST /test"}, 1);
    struct fixture *f = *state;
    struct onlooker labelled = {.f = f};
    struct onlooker bare = {.f = f, .labels = labels};
    struct store_booking first = {.id = "b", .room_id = RED, .booked_on = "2025-01-09", .created_at = "then"};
    struct store_booking second = {.id = "c", .room_id = RED, .booked_on = "2025-01-10", .created_at = "then"};

    assert_non_null(labels);
    rt_labels_set(labels);
    store_add_booking(f->session, f->scope, SEED_EMAIL, &first, look, &labelled);
    rt_labels_set(NULL);
    store_add_booking(f->session, f->scope, SEED_EMAIL, &second, look, &bare);
    await(f, &bare.answers, 1);
    assert_int_equal(labelled.answers, 1);
    assert_ptr_equal(labelled.labels, labels);
    assert_null(bare.labels);
    assert_null(rt_labels_get());
}

static void no_write_is_answered_outside_of_the_loop(void **state)
{
    struct fixture *f = *state;
    struct outcome o = {0};
    int answers = 0;
    double deadline = now_s() + PATIENCE_S;

    o.answers = &answers;
    book(f, RED, "2025-01-09", "b", &o);
    assert_int_equal(answers, 0);
    assert_int_equal(bookings(f), 0);
    store_session_end_turn(f->session);
    while (bookings(f) == 0)
        assert_true(now_s() < deadline);
    store_session_end_turn(f->session);
    assert_int_equal(answers, 0);
    await(f, &answers, 1);
    is(&o, STORE_OK);
}

static void the_writes_of_a_turn_cost_one_commit(void **state)
{
    enum { N = 50 };
    struct fixture *f = *state;
    struct outcome o[N] = {{0}};
    int answers = 0;
    int before = commits(f);

    for (int i = 0; i < N; i++) {
        o[i].answers = &answers;
        book_freely(f, f->session, "b", i, &o[i]);
    }
    await(f, &answers, N);
    all_are(o, N, STORE_OK);
    assert_int_equal(bookings(f), N);
    assert_int_equal(commits(f) - before, 1);
}

static void what_gathers_while_the_writer_waits_costs_one_commit(void **state)
{
    enum { N = 20 };
    struct fixture *f = *state;
    struct outcome o[N] = {{0}};
    int answers = 0;
    int before = commits(f);
    sqlite3 *db = connect_to(f->path);

    /* The first write finds the lock taken; the others come one turn at a time meanwhile. */
    execute(db, "BEGIN IMMEDIATE");
    for (int i = 0; i < N; i++) {
        o[i].answers = &answers;
        book_freely(f, f->session, "b", i, &o[i]);
        store_session_end_turn(f->session);
        usleep(2000);
    }
    assert_int_equal(answers, 0);
    execute(db, "COMMIT");
    sqlite3_close(db);
    await(f, &answers, N);
    all_are(o, N, STORE_OK);
    assert_in_range(commits(f) - before, 1, 3);
}

static void more_than_a_group_holds_is_done_in_several(void **state)
{
    enum { N = 2500 };
    static struct outcome o[N];
    struct fixture *f = *state;
    int answers = 0;
    int before = commits(f);

    memset(o, 0, sizeof(o));
    for (int i = 0; i < N; i++) {
        o[i].answers = &answers;
        book_freely(f, f->session, "b", i, &o[i]);
    }
    await(f, &answers, N);
    all_are(o, N, STORE_OK);
    assert_int_equal(bookings(f), N);
    assert_int_equal(commits(f) - before, 3);
}

/* ---- refusals -------------------------------------------------------------------------------- */

static void refusals_and_good_writes_share_a_group(void **state)
{
    struct fixture *f = *state;
    struct outcome o[9] = {{0}};
    int answers = 0;
    int before = commits(f);

    for (int i = 0; i < 9; i++)
        o[i].answers = &answers;
    book(f, RED, "2025-01-09", "b0", &o[0]);
    book(f, "no such room", "2025-01-09", "b1", &o[1]);
    book_as(f, f->session, "nobody@x", RED, "2025-01-10", "b2", &o[2]);
    book(f, RED, "2025-01-09", "b3", &o[3]);
    book(f, GREEN, "2025-01-09", "b4", &o[4]);
    sign_up(f, "u5", "five@x", "five", &o[5]);
    sign_up(f, "u6", SEED_EMAIL, "six", &o[6]);
    sign_up(f, "u7", "seven@x", "ipesenti", &o[7]);
    cancel_as(f, SEED_EMAIL, "nope", &o[8]);
    await(f, &answers, 9);
    is(&o[0], STORE_OK);
    is(&o[1], STORE_NOT_FOUND);
    is(&o[2], STORE_NO_USER);
    is(&o[3], STORE_TAKEN);
    is(&o[4], STORE_OK);
    is(&o[5], STORE_OK);
    is(&o[6], STORE_TAKEN);
    is(&o[7], STORE_NAME_TAKEN);
    is(&o[8], STORE_NOT_FOUND);
    assert_int_equal(bookings(f), 2);
    assert_int_equal(number(f, "SELECT count(*) FROM users"), 2);
    assert_int_equal(commits(f) - before, 1);
}

static void a_user_of_the_same_turn_may_book_at_once(void **state)
{
    struct fixture *f = *state;
    struct outcome o[2] = {{0}};
    int answers = 0;

    o[0].answers = o[1].answers = &answers;
    sign_up(f, "u", "new@x", "new", &o[0]);
    book_as(f, f->session, "new@x", RED, "2025-01-09", "b", &o[1]);
    await(f, &answers, 2);
    all_are(o, 2, STORE_OK);
    assert_int_equal(number(f, "SELECT user_id = 'u' FROM bookings"), 1);
}

static void a_deleted_booking_makes_room_for_another(void **state)
{
    struct fixture *f = *state;
    struct outcome o[5] = {{0}};
    int answers = 0;

    for (int i = 0; i < 5; i++)
        o[i].answers = &answers;
    book(f, RED, "2025-01-09", "b0", &o[0]);
    await(f, &answers, 1);
    cancel_as(f, SEED_EMAIL, "b0", &o[1]);
    book(f, RED, "2025-01-09", "b1", &o[2]);
    await(f, &answers, 3);
    cancel_as(f, SEED_EMAIL, "b1", &o[3]);
    await(f, &answers, 4);
    cancel_as(f, SEED_EMAIL, "b1", &o[4]);
    await(f, &answers, 5);
    all_are(o, 4, STORE_OK);
    is(&o[4], STORE_NOT_FOUND);
    assert_int_equal(bookings(f), 0);
}

static void nobody_deletes_the_booking_of_another_user(void **state)
{
    struct fixture *f = *state;
    struct outcome o[3] = {{0}};
    int answers = 0;

    for (int i = 0; i < 3; i++)
        o[i].answers = &answers;
    book(f, RED, "2025-01-09", "b", &o[0]);
    sign_up(f, "u", "other@x", "other", &o[1]);
    cancel_as(f, "other@x", "b", &o[2]);
    await(f, &answers, 3);
    is(&o[2], STORE_NOT_FOUND);
    assert_int_equal(bookings(f), 1);
}

/* ---- overbooking ----------------------------------------------------------------------------- */

static void reopen(struct fixture *f, bool overbooking)
{
    close_all(f);
    f->options.overbooking = overbooking;
    open_all(f, false);
}

static enum store_status try_to_book(struct fixture *f, const char *id)
{
    struct outcome o = {0};
    int answers = 0;

    o.answers = &answers;
    book(f, RED, "2025-01-09", id, &o);
    await(f, &answers, 1);
    return o.status;
}

static void with_overbooking_a_day_takes_any_number_of_bookings(void **state)
{
    struct fixture *f = *state;
    struct outcome o = {0};
    int answers = 0;

    reopen(f, true);
    assert_int_equal(try_to_book(f, "b1"), STORE_OK);
    assert_int_equal(try_to_book(f, "b2"), STORE_OK);
    assert_int_equal(try_to_book(f, "b3"), STORE_OK);
    o.answers = &answers;
    book(f, "no such room", "2025-01-09", "b4", &o);
    await(f, &answers, 1);
    is(&o, STORE_NOT_FOUND);
    assert_int_equal(bookings(f), 3);
}

static void a_strict_instance_adds_none_to_what_a_lax_one_has_booked(void **state)
{
    struct fixture *f = *state;

    reopen(f, true);
    assert_int_equal(try_to_book(f, "lax"), STORE_OK);
    reopen(f, false);
    assert_int_equal(try_to_book(f, "strict"), STORE_TAKEN);
    reopen(f, true);
    assert_int_equal(try_to_book(f, "lax again"), STORE_OK);
    run_sql(f, "DELETE FROM bookings");
    reopen(f, false);
    assert_int_equal(try_to_book(f, "strict"), STORE_OK);
    reopen(f, true);
    assert_int_equal(try_to_book(f, "lax"), STORE_OK);
    assert_int_equal(bookings(f), 2);
}

/* ---- failures -------------------------------------------------------------------------------- */

static void a_statement_that_fails_does_not_fail_its_neighbours(void **state)
{
    enum { N = 9 };
    struct fixture *f = *state;
    struct outcome o[N] = {{0}};
    int answers = 0;

    run_sql(f, "CREATE TRIGGER t BEFORE INSERT ON bookings WHEN NEW.id = 'b4' BEGIN"
               " SELECT RAISE(ABORT, 'not this one'); END");
    for (int i = 0; i < N; i++) {
        o[i].answers = &answers;
        book_freely(f, f->session, "b", i, &o[i]);
    }
    await(f, &answers, N);
    for (int i = 0; i < N; i++)
        is(&o[i], i == 4 ? STORE_FAILED : STORE_OK);
    assert_string_equal(o[4].message, "not this one");
    assert_int_equal(bookings(f), N - 1);
    assert_int_equal(number(f, "SELECT count(*) FROM bookings WHERE id = 'b4'"), 0);
}

static void an_id_that_exists_is_a_failure_not_a_refusal(void **state)
{
    struct fixture *f = *state;
    struct outcome o[2] = {{0}};
    int answers = 0;

    o[0].answers = o[1].answers = &answers;
    book(f, RED, "2025-01-09", "b", &o[0]);
    book(f, RED, "2025-01-10", "b", &o[1]);
    await(f, &answers, 2);
    is(&o[0], STORE_OK);
    is(&o[1], STORE_FAILED);
    assert_non_null(strstr(o[1].message, "bookings.id"));
}

/* A file that may not grow is what a full disk looks like. */
static void a_full_disk_fails_the_writes_and_leaves_nothing_half_done(void **state)
{
    enum { N = 20 };
    struct fixture *f = *state;
    struct outcome o[N + 1] = {{0}};
    struct rlimit old;
    struct rlimit low;
    int answers = 0;

    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    low = old;
    low.rlim_cur = (rlim_t)log_bytes(f) + 100;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
    for (int i = 0; i < N; i++) {
        o[i].answers = &answers;
        book_freely(f, f->session, "b", i, &o[i]);
    }
    await(f, &answers, N);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    all_are(o, N, STORE_FAILED);
    assert_string_not_equal(o[0].message, "");
    assert_int_equal(bookings(f), 0);
    o[N].answers = &answers;
    book(f, RED, "2025-01-09", "b", &o[N]);
    await(f, &answers, N + 1);
    is(&o[N], STORE_OK);
    assert_int_equal(number(f, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_answered_booking_is_seen_by_every_other_connection, setup, teardown),
        cmocka_unit_test_setup_teardown(an_answer_comes_under_the_labels_of_who_asked, setup, teardown),
        cmocka_unit_test_setup_teardown(no_write_is_answered_outside_of_the_loop, setup, teardown),
        cmocka_unit_test_setup_teardown(the_writes_of_a_turn_cost_one_commit, setup, teardown),
        cmocka_unit_test_setup_teardown(what_gathers_while_the_writer_waits_costs_one_commit, setup, teardown),
        cmocka_unit_test_setup_teardown(more_than_a_group_holds_is_done_in_several, setup, teardown),
        cmocka_unit_test_setup_teardown(refusals_and_good_writes_share_a_group, setup, teardown),
        cmocka_unit_test_setup_teardown(a_user_of_the_same_turn_may_book_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(a_deleted_booking_makes_room_for_another, setup, teardown),
        cmocka_unit_test_setup_teardown(nobody_deletes_the_booking_of_another_user, setup, teardown),
        cmocka_unit_test_setup_teardown(with_overbooking_a_day_takes_any_number_of_bookings, setup, teardown),
        cmocka_unit_test_setup_teardown(a_strict_instance_adds_none_to_what_a_lax_one_has_booked, setup, teardown),
        cmocka_unit_test_setup_teardown(a_statement_that_fails_does_not_fail_its_neighbours, setup, teardown),
        cmocka_unit_test_setup_teardown(an_id_that_exists_is_a_failure_not_a_refusal, setup, teardown),
        cmocka_unit_test_setup_teardown(a_full_disk_fails_the_writes_and_leaves_nothing_half_done, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
