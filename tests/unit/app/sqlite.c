/* sqlite.c - the SQLite store's reads and its opening, through the interface that every store has.
 * Writing: sqlite_writer.c; the seed and older schemas: sqlite_schema.c.
 */
#include "app/store/seed.h"
#include "app/store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <crypt.h>

#include "tests/unit/app/sqlite_reads.h"

/* ---- reading --------------------------------------------------------------------------------- */

static void a_new_database_holds_the_seed_in_its_order(void **state)
{
    struct outcome o = list(*state, NULL);

    assert_int_equal(o.status, STORE_OK);
    assert_int_equal(o.n, 3);
    assert_string_equal(o.rooms[0].name, "Green");
    assert_string_equal(o.rooms[1].name, "Red");
    assert_string_equal(o.rooms[2].name, "Yellow");
    assert_string_equal(o.rooms[0].id, GREEN);
    assert_string_equal(o.rooms[1].category, "Conference Hall");
    assert_string_equal(o.rooms[2].main_photo, "/yellow_0001.jpg");
    assert_true(o.rooms[0].cost == 12.5);
    assert_int_equal(o.rooms[1].number_of_seats, 50);
    assert_true(o.rooms[0].is_available && o.rooms[1].is_available && o.rooms[2].is_available);
}

static void a_booked_room_is_not_available_on_that_day_only(void **state)
{
    struct outcome o;

    run_sql(*state, "INSERT INTO bookings(id, room_id, booked_on, created_at, user_id)"
                    " VALUES ('b', '" RED "', '2025-01-09', '', 'u')");
    o = list(*state, "2025-01-09");
    assert_true(o.rooms[0].is_available);
    assert_false(o.rooms[1].is_available);
    assert_true(o.rooms[2].is_available);
    assert_true(list(*state, "2025-01-10").rooms[1].is_available);
    assert_true(list(*state, NULL).rooms[1].is_available);
}

static void a_room_is_found_by_its_id_alone(void **state)
{
    struct outcome o = get(*state, RED);

    assert_int_equal(o.status, STORE_OK);
    assert_string_equal(o.rooms->name, "Red");
    assert_int_equal(get(*state, "nope").status, STORE_NOT_FOUND);
    assert_int_equal(get(*state, "").status, STORE_NOT_FOUND);
    assert_int_equal(get(*state, "' OR '1'='1").status, STORE_NOT_FOUND);
}

static void photos_come_in_order_and_a_room_may_have_none(void **state)
{
    struct outcome o = photos(*state, GREEN);

    assert_int_equal(o.status, STORE_OK);
    assert_int_equal(o.n, 2);
    assert_string_equal(o.urls[0], "/green_0002.jpg");
    assert_string_equal(o.urls[1], "/green_0003.jpg");
    assert_int_equal(photos(*state, "nope").status, STORE_NOT_FOUND);
    run_sql(*state, "DELETE FROM photos");
    o = photos(*state, GREEN);
    assert_int_equal(o.status, STORE_OK);
    assert_int_equal(o.n, 0);
}

static void a_hundred_rooms_are_all_listed(void **state)
{
    struct outcome o;

    run_sql(*state, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 97)"
                    " INSERT INTO rooms(id, name, cost, number_of_seats, category, main_photo)"
                    " SELECT 'id' || i, 'room ' || i, i, i, '', '/x.jpg' FROM n");
    o = list(*state, NULL);
    assert_int_equal(o.n, 100);
    for (int i = 1; i <= 97; i++)
        assert_int_equal(o.rooms[i + 2].number_of_seats, i);
    assert_string_equal(o.rooms[99].name, "room 97");
}

/* ---- users and bookings ---------------------------------------------------------------------- */

static void the_seed_user_logs_in_with_the_password_of_the_original(void **state)
{
    static struct crypt_data data;
    struct outcome o = user_named(*state, "ipesenti");
    const char *hash;

    assert_int_equal(o.status, STORE_OK);
    assert_string_equal(o.user->id, SEED_ID);
    assert_string_equal(o.user->email, SEED_EMAIL);
    assert_string_equal(o.user->username, "ipesenti");
    assert_string_equal(o.user->password, seed_user.password);
    hash = crypt_rn("abcd1234!!", o.user->password, &data, sizeof(data));
    assert_non_null(hash);
    assert_string_equal(hash, o.user->password);
}

static void a_user_is_found_by_username_alone(void **state)
{
    assert_int_equal(user_named(*state, "nobody").status, STORE_NOT_FOUND);
    assert_int_equal(user_named(*state, SEED_EMAIL).status, STORE_NOT_FOUND);
    assert_int_equal(user_named(*state, "").status, STORE_NOT_FOUND);
    assert_int_equal(user_named(*state, "Ipesenti").status, STORE_NOT_FOUND);
}

/* 100 bookings, every third of which is someone else's. */
static void book_a_hundred(struct fixture *f)
{
    run_sql(f, INSERT_USER "('u2', 'two@x', 'two', 'p');"
                           "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100)"
                           " INSERT INTO bookings(id, room_id, booked_on, created_at, user_id)"
                           " SELECT 'b' || i, '" RED "', 'day ' || i, 'then', iif(i % 3, '" SEED_ID "', 'u2') FROM n");
}

static void bookings_are_listed_in_pages_in_the_order_in_which_they_were_made(void **state)
{
    int64_t after = 0;
    int seen = 0;
    int pages = 0;

    book_a_hundred(*state);
    for (;;) {
        struct outcome o = bookings_of(*state, SEED_EMAIL, after, 10);

        assert_int_equal(o.status, STORE_OK);
        if (o.n == 0)
            break;
        assert_true(o.n <= 10);
        for (size_t i = 0; i < o.n; i++, seen++) {
            char id[16];

            snprintf(id, sizeof(id), "b%d", seen / 2 * 3 + seen % 2 + 1);
            assert_string_equal(o.bookings[i].id, id);
            assert_true(o.bookings[i].position > after);
            after = o.bookings[i].position;
        }
        pages++;
    }
    assert_int_equal(seen, 67);
    assert_int_equal(pages, 7);
    assert_int_equal(bookings_of(*state, "two@x", 0, SIZE_MAX).n, 33);
    assert_int_equal(bookings_of(*state, "nobody@x", 0, 10).n, 0);
    assert_int_equal(bookings_of(*state, "nobody@x", 0, 10).status, STORE_OK);
}

static void only_its_own_user_finds_a_booking(void **state)
{
    struct outcome o;

    book_a_hundred(*state);
    o = booking(*state, SEED_EMAIL, "b2");
    assert_int_equal(o.status, STORE_OK);
    assert_string_equal(o.bookings->id, "b2");
    assert_string_equal(o.bookings->room_id, RED);
    assert_string_equal(o.bookings->booked_on, "day 2");
    assert_string_equal(o.bookings->created_at, "then");
    assert_int_equal(booking(*state, "two@x", "b2").status, STORE_NOT_FOUND);
    assert_int_equal(booking(*state, "two@x", "b3").status, STORE_OK);
    assert_int_equal(booking(*state, SEED_EMAIL, "nope").status, STORE_NOT_FOUND);
    assert_int_equal(booking(*state, "nobody@x", "b2").status, STORE_NOT_FOUND);
}

static void a_position_is_not_given_twice_nor_changed_by_vacuum(void **state)
{
    int64_t last;

    book_a_hundred(*state);
    last = bookings_of(*state, SEED_EMAIL, 0, 100).bookings[66].position;
    run_sql(*state, "DELETE FROM bookings WHERE id <> 'b50'; VACUUM;" INSERT_BOOKING "('new', '" RED
                    "', 'x', 'c', '" SEED_ID "')");
    assert_int_equal(booking(*state, SEED_EMAIL, "b50").bookings->position, 50);
    assert_true(booking(*state, SEED_EMAIL, "new").bookings->position > last);
}

static int count_steps(void *steps)
{
    ++*(int *)steps;
    return 0;
}

static int steps_of(sqlite3 *db, const char *sql)
{
    int steps = 0;

    sqlite3_progress_handler(db, 1, count_steps, &steps);
    execute(db, sql);
    sqlite3_progress_handler(db, 0, NULL, NULL);
    return steps;
}

#define PAGE_OF(email, after)                                                                                          \
    "SELECT id, position FROM bookings WHERE user_id = (SELECT id FROM users WHERE email = '" email "')"               \
    " AND position > " #after " ORDER BY position LIMIT 10"

/* Counted in steps of SQLite's machine: a page must walk neither what comes before it nor what others
 * have booked. Each row that was walked in vain would be some steps more. */
static void a_page_of_bookings_costs_what_is_in_it(void **state)
{
    struct fixture *f = *state;
    sqlite3 *db;
    int first;

    run_sql(f, INSERT_USER "('u2', 'two@x', 'two', 'p');"
                           "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)"
                           " INSERT INTO bookings(id, room_id, booked_on, created_at, user_id) SELECT"
                           " 'b' || i, '" RED "', 'day ' || i, 'then', iif(i % 500, '" SEED_ID "', 'u2') FROM n");
    db = connect_to(f->path);
    first = steps_of(db, PAGE_OF(SEED_EMAIL, 0));
    assert_in_range(first, 20, 500);
    assert_in_range(steps_of(db, PAGE_OF(SEED_EMAIL, 4900)), 20, first + 20);
    assert_in_range(steps_of(db, PAGE_OF("two@x", 0)), 20, first + 20);
    sqlite3_close(db);
}

/* ---- freshness: the lock that is kept between reads must keep nothing else -------------------- */

static void every_read_sees_the_commits_before_it_also_within_a_turn(void **state)
{
    struct fixture *f = *state;
    char sql[100];

    for (int i = 0; i < 200; i++) {
        snprintf(sql, sizeof(sql), "UPDATE rooms SET number_of_seats = %d WHERE id = '" RED "'", i);
        run_sql(f, sql);
        assert_int_equal(get(f, RED).rooms->number_of_seats, i);
        if (i % 7 == 0)
            store_session_end_turn(f->session);
    }
}

/* Whether a checkpoint of that mode gets its locks. */
static bool checkpoint(sqlite3 *db, int mode)
{
    return sqlite3_wal_checkpoint_v2(db, "main", mode, NULL, NULL) == SQLITE_OK;
}

static void the_lock_is_held_between_reads_and_gone_after_the_turn(void **state)
{
    struct fixture *f = *state;
    sqlite3 *db;

    assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
    for (int turn = 1; turn <= 3; turn++) {
        execute(db, "UPDATE rooms SET cost = cost + 1");
        get(f, RED);
        get(f, RED);
        assert_false(checkpoint(db, SQLITE_CHECKPOINT_TRUNCATE));
        store_session_end_turn(f->session);
        assert_true(checkpoint(db, SQLITE_CHECKPOINT_TRUNCATE));
        assert_true(get(f, RED).rooms->cost == 100 + turn);
        store_session_end_turn(f->session);
    }
    sqlite3_close(db);
}

/* Once all of the log is in the database, reads leave the log, and a writer may begin it anew. */
static void a_read_that_needs_another_slot_gives_up_the_kept_one(void **state)
{
    struct fixture *f = *state;
    sqlite3 *db;
    long before;

    assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
    execute(db, "UPDATE rooms SET cost = 1");
    get(f, RED);
    assert_true(checkpoint(db, SQLITE_CHECKPOINT_PASSIVE));
    assert_true(get(f, RED).rooms->cost == 1);
    before = log_bytes(f);
    execute(db, "UPDATE rooms SET cost = 2");
    assert_int_equal(log_bytes(f), before);
    assert_true(get(f, RED).rooms->cost == 2);
    sqlite3_close(db);
}

static void a_database_that_breaks_is_reported_not_fatal(void **state)
{
    struct outcome o;

    run_sql(*state, "ALTER TABLE rooms RENAME TO elsewhere");
    o = list(*state, NULL);
    assert_int_equal(o.status, STORE_FAILED);
    assert_non_null(strstr(o.message, "rooms"));
    assert_int_equal(get(*state, RED).status, STORE_FAILED);
    run_sql(*state, "ALTER TABLE elsewhere RENAME TO rooms");
    assert_int_equal(list(*state, NULL).status, STORE_OK);
}

/* ---- opening --------------------------------------------------------------------------------- */

static void refuses(const char *dsn, bool at_open, const char *said)
{
    struct failure err = {""};
    struct store_options options = {.overbooking = false};
    struct store *store = NULL;
    int opened = store_open(dsn, &options, &store, &err);

    if (at_open || opened != 0) {
        assert_int_equal(opened, -1);
    } else {
        assert_int_equal(store_migrate(store, false, &err), -1);
        store_close(store);
    }
    if (strstr(err.text, said) == NULL)
        fail_msg("\"%s\" should say \"%s\"", err.text, said);
}

static void a_newer_schema_and_a_foreign_database_are_refused(void **state)
{
    struct fixture *f = *state;

    run_sql(f, "PRAGMA user_version = 999");
    refuses(f->path, false, "schema version 999 is newer");
    run_sql(f, "PRAGMA user_version = 0");
    refuses(f->path, false, "some other program");
}

static void data_sources_that_are_no_sqlite_file_are_refused(void **state)
{
    (void)state;
    refuses("sqlite:", true, "want the path");
    refuses(":memory:", true, "want a file");
    refuses("sqlite::memory:", true, "want a file");
    refuses("/nonexistent/x.db", true, "/nonexistent/x.db: unable to open database file");
    refuses("/", true, "/: unable to open");
    refuses("/dev/null/x", true, "unable to open");
}

static void write_file(const char *path, const void *bytes, size_t len, long at)
{
    FILE *file = fopen(path, at < 0 ? "w" : "r+");

    assert_non_null(file);
    fseek(file, at < 0 ? 0 : at, SEEK_SET);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    fclose(file);
}

static void broken_files_are_refused_when_they_are_opened(void **state)
{
    struct fixture *f = *state;
    char other[128];
    char junk[4096];

    snprintf(other, sizeof(other), "%s/other.db", f->folder);
    memset(junk, 'x', sizeof(junk));
    write_file(other, junk, sizeof(junk), -1);
    refuses(other, true, "file is not a database");

    close_all(f);
    write_file(f->path, junk, sizeof(junk), 4096); /* the second page: rooms */
    refuses(f->path, true, f->path);
    unlink(f->path);
    open_all(f, false);
    close_all(f);
    assert_int_equal(truncate(f->path, 2 * 4096), 0);
    refuses(f->path, true, f->path);
    unlink(f->path);
    open_all(f, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_new_database_holds_the_seed_in_its_order, setup, teardown),
        cmocka_unit_test_setup_teardown(a_booked_room_is_not_available_on_that_day_only, setup, teardown),
        cmocka_unit_test_setup_teardown(a_room_is_found_by_its_id_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(photos_come_in_order_and_a_room_may_have_none, setup, teardown),
        cmocka_unit_test_setup_teardown(a_hundred_rooms_are_all_listed, setup, teardown),
        cmocka_unit_test_setup_teardown(the_seed_user_logs_in_with_the_password_of_the_original, setup, teardown),
        cmocka_unit_test_setup_teardown(a_user_is_found_by_username_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(bookings_are_listed_in_pages_in_the_order_in_which_they_were_made, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(only_its_own_user_finds_a_booking, setup, teardown),
        cmocka_unit_test_setup_teardown(a_position_is_not_given_twice_nor_changed_by_vacuum, setup, teardown),
        cmocka_unit_test_setup_teardown(a_page_of_bookings_costs_what_is_in_it, setup, teardown),
        cmocka_unit_test_setup_teardown(every_read_sees_the_commits_before_it_also_within_a_turn, setup, teardown),
        cmocka_unit_test_setup_teardown(the_lock_is_held_between_reads_and_gone_after_the_turn, setup, teardown),
        cmocka_unit_test_setup_teardown(a_read_that_needs_another_slot_gives_up_the_kept_one, setup, teardown),
        cmocka_unit_test_setup_teardown(a_database_that_breaks_is_reported_not_fatal, setup, teardown),
        cmocka_unit_test_setup_teardown(a_newer_schema_and_a_foreign_database_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(broken_files_are_refused_when_they_are_opened, setup, teardown),
        cmocka_unit_test(data_sources_that_are_no_sqlite_file_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
