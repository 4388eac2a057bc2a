/* sqlite_schema.c - what a new SQLite database is filled with, and what becomes of an old one. */
#include "app/store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>

#include "tests/unit/app/sqlite_reads.h"

/* ---- seeding --------------------------------------------------------------------------------- */

static void a_second_start_seeds_nothing(void **state)
{
    run_sql(*state, "DELETE FROM photos; DELETE FROM rooms WHERE name <> 'Red'");
    close_all(*state);
    open_all(*state, false);
    assert_int_equal(list(*state, NULL).n, 1);
}

static void a_database_with_bookings_but_no_rooms_is_not_seeded(void **state)
{
    run_sql(*state, INSERT_BOOKING "('b', 'r', 'd', 'c', 'u'); DELETE FROM photos; DELETE FROM rooms");
    close_all(*state);
    open_all(*state, false);
    assert_int_equal(list(*state, NULL).n, 0);
}

static void reseeding_wipes_everything_first(void **state)
{
    run_sql(*state, INSERT_BOOKING "('b', '" RED "', '2025-01-09', 'c', 'u');" INSERT_USER "('u', 'u@x', 'u', 'p');"
                                   "UPDATE rooms SET name = 'Pink'; DELETE FROM photos");
    close_all(*state);
    open_all(*state, true);
    assert_int_equal(list(*state, NULL).n, 3);
    assert_string_equal(list(*state, NULL).rooms[0].name, "Green");
    assert_true(list(*state, "2025-01-09").rooms[1].is_available);
    assert_int_equal(photos(*state, GREEN).n, 2);
    assert_int_equal(user_named(*state, "u").status, STORE_NOT_FOUND);
    assert_int_equal(user_named(*state, "ipesenti").status, STORE_OK);
}

static void a_database_whose_users_are_kept_is_not_seeded(void **state)
{
    run_sql(*state, "DELETE FROM photos; DELETE FROM rooms");
    close_all(*state);
    open_all(*state, false);
    assert_int_equal(list(*state, NULL).n, 0);
    run_sql(*state, "DELETE FROM users");
    close_all(*state);
    open_all(*state, false);
    assert_int_equal(list(*state, NULL).n, 3);
}

static void the_seed_user_once_deleted_stays_away(void **state)
{
    run_sql(*state, "DELETE FROM users");
    close_all(*state);
    open_all(*state, false);
    assert_int_equal(user_named(*state, "ipesenti").status, STORE_NOT_FOUND);
}

/* ---- migrating ------------------------------------------------------------------------------- */

/* What the first version made, its numbers of rows out of order and with gaps. */
static const char version_1[] =
    "DROP TABLE IF EXISTS bookings; DROP TABLE users; DROP TABLE photos; DROP TABLE rooms; DELETE FROM sqlite_sequence;"
    "CREATE TABLE rooms (position INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, name TEXT NOT NULL, cost REAL NOT NULL,"
    "  number_of_seats INTEGER NOT NULL, category TEXT NOT NULL, main_photo TEXT NOT NULL);"
    "CREATE TABLE photos (room_id TEXT NOT NULL REFERENCES rooms(id), position INTEGER NOT NULL, url TEXT NOT NULL,"
    "  PRIMARY KEY (room_id, position)) WITHOUT ROWID;"
    "CREATE TABLE bookings (id TEXT NOT NULL UNIQUE, room_id TEXT NOT NULL REFERENCES rooms(id), booked_on TEXT NOT "
    "NULL,"
    "  created_at TEXT NOT NULL, user_id TEXT NOT NULL);"
    "CREATE UNIQUE INDEX bookings_by_room_and_day ON bookings(room_id, booked_on);"
    "INSERT INTO rooms VALUES (7, 'r', 'Old', 1, 1, 'c', '/x.jpg');"
    "INSERT INTO bookings(rowid, id, room_id, booked_on, created_at, user_id) VALUES"
    "  (9, 'late', 'r', '2025-01-02', '2025-01-01T00:00:00.000000Z', '" SEED_ID "'),"
    "  (4, 'early', 'r', '2025-01-01', '2025-01-01T00:00:00.000000Z', '" SEED_ID "');"
    "PRAGMA user_version = 1";

static void a_database_of_version_1_keeps_its_rows_and_gets_the_user(void **state)
{
    struct fixture *f = *state;
    struct outcome o;

    close_all(f);
    run_sql(f, version_1);
    open_all(f, false);
    o = list(f, "2025-01-02");
    assert_int_equal(o.n, 1);
    assert_string_equal(o.rooms[0].name, "Old");
    assert_false(o.rooms[0].is_available);
    assert_int_equal(user_named(f, "ipesenti").status, STORE_OK);
    o = bookings_of(f, SEED_EMAIL, 0, 10);
    assert_int_equal(o.n, 2);
    assert_string_equal(o.bookings[0].id, "early");
    assert_string_equal(o.bookings[1].id, "late");
    assert_string_equal(o.bookings[1].created_at, "2025-01-01T00:00:00.000000Z");
    assert_int_equal(number(f, "PRAGMA user_version"), 2);
    assert_int_equal(number(f, "SELECT count(*) FROM sqlite_master WHERE name LIKE '%new%'"), 0);
}

/* Half of it in place already: the rest must not be done, and the first half must not stay. */
static void a_migration_that_fails_leaves_the_old_version_whole(void **state)
{
    struct fixture *f = *state;
    struct failure err = {""};

    close_all(f);
    run_sql(f, version_1);
    run_sql(f, "CREATE TABLE new_bookings (x)");
    assert_int_equal(store_open(f->path, &f->options, &f->store, &err), 0);
    assert_int_equal(store_migrate(f->store, false, &err), -1);
    assert_non_null(strstr(err.text, "new_bookings already exists"));
    assert_int_equal(number(f, "PRAGMA user_version"), 1);
    assert_int_equal(number(f, "SELECT count(*) FROM sqlite_master WHERE name = 'users'"), 0);
    run_sql(f, "DROP TABLE new_bookings");
    store_close(f->store);
    open_all(f, false);
    assert_int_equal(bookings_of(f, SEED_EMAIL, 0, 10).n, 2);
}

/* Another process that writes between our look at the version and our first change: we must have
 * waited for it before we looked. */
static void *commit_after_a_while(void *db)
{
    usleep(200 * 1000);
    assert_int_equal(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    return NULL;
}

static void migrating_waits_for_another_writer_and_then_sees_its_work(void **state)
{
    struct fixture *f = *state;
    struct failure err = {""};
    pthread_t thread;
    sqlite3 *db;

    assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE; UPDATE rooms SET name = 'Pink'", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(pthread_create(&thread, NULL, commit_after_a_while, db), 0);
    if (store_migrate(f->store, true, &err) != 0)
        fail_msg("%s", err.text);
    pthread_join(thread, NULL);
    sqlite3_close(db);
    assert_string_equal(list(f, NULL).rooms[0].name, "Green");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_database_whose_users_are_kept_is_not_seeded, setup, teardown),
        cmocka_unit_test_setup_teardown(the_seed_user_once_deleted_stays_away, setup, teardown),
        cmocka_unit_test_setup_teardown(a_database_of_version_1_keeps_its_rows_and_gets_the_user, setup, teardown),
        cmocka_unit_test_setup_teardown(a_migration_that_fails_leaves_the_old_version_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(a_second_start_seeds_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(a_database_with_bookings_but_no_rooms_is_not_seeded, setup, teardown),
        cmocka_unit_test_setup_teardown(reseeding_wipes_everything_first, setup, teardown),
        cmocka_unit_test_setup_teardown(migrating_waits_for_another_writer_and_then_sees_its_work, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
