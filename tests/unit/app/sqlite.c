/* sqlite.c - the SQLite store, through the interface that every store has. */
#include "app/store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define GREEN "79ca06f8-1163-48e8-b279-23fca5669623"
#define RED "e6cc9546-52a1-45bc-8e0c-9af9a2b235c1"

struct fixture {
    char folder[64];
    char path[96];
    struct store *store;
    struct store_session *session;
    struct rt_scope *scope;
};

static void open_all(struct fixture *f, bool reseed)
{
    struct failure err = {""};

    if (store_open(f->path, &f->store, &err) != 0 || store_migrate(f->store, reseed, &err) != 0 ||
        store_session_open(f->store, &f->session, &err) != 0)
        fail_msg("%s", err.text);
}

static void close_all(struct fixture *f)
{
    store_session_close(f->session);
    store_close(f->store);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    snprintf(f->folder, sizeof(f->folder), "/tmp/sqlite-test.XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    snprintf(f->path, sizeof(f->path), "%s/x.db", f->folder);
    f->scope = rt_scope_begin();
    open_all(f, false);
    *state = f;
    return 0;
}

static int teardown(void **state)
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

/* A writer that is not the store: another process, as far as SQLite is concerned. */
static void run_sql(const struct fixture *f, const char *sql)
{
    sqlite3 *db;

    assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
    sqlite3_busy_timeout(db, 1000);
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    sqlite3_close(db);
}

/* ---- outcomes -------------------------------------------------------------------------------- */

struct outcome {
    int calls;
    enum store_status status;
    char message[100];
    const struct store_room *rooms;
    const char *const *urls;
    size_t n;
};

static void note(struct outcome *o, struct store_result result)
{
    o->calls++;
    o->status = result.status;
    snprintf(o->message, sizeof(o->message), "%s", result.message);
}

static void on_rooms(void *arg, struct store_result result, const struct store_room *rooms, size_t n)
{
    struct outcome *o = arg;

    note(o, result);
    o->rooms = rooms;
    o->n = n;
}

static void on_room(void *arg, struct store_result result, const struct store_room *room)
{
    on_rooms(arg, result, room, room != NULL);
}

static void on_photos(void *arg, struct store_result result, const char *const *urls, size_t n)
{
    struct outcome *o = arg;

    note(o, result);
    o->urls = urls;
    o->n = n;
}

static struct outcome list(struct fixture *f, const char *day)
{
    struct outcome o = {0};

    store_list_rooms(f->session, f->scope, day, on_rooms, &o);
    assert_int_equal(o.calls, 1);
    return o;
}

static struct outcome get(struct fixture *f, const char *id)
{
    struct outcome o = {0};

    store_get_room(f->session, f->scope, id, on_room, &o);
    assert_int_equal(o.calls, 1);
    return o;
}

static struct outcome photos(struct fixture *f, const char *id)
{
    struct outcome o = {0};

    store_list_photos(f->session, f->scope, id, on_photos, &o);
    assert_int_equal(o.calls, 1);
    return o;
}

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

static void execute(sqlite3 *db, const char *sql)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
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

static long log_bytes(const struct fixture *f)
{
    char path[128];
    struct stat st;

    snprintf(path, sizeof(path), "%s-wal", f->path);
    assert_int_equal(stat(path, &st), 0);
    return st.st_size;
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

static void a_second_start_seeds_nothing(void **state)
{
    run_sql(*state, "DELETE FROM photos; DELETE FROM rooms WHERE name <> 'Red'");
    close_all(*state);
    open_all(*state, false);
    assert_int_equal(list(*state, NULL).n, 1);
}

static void a_database_with_bookings_but_no_rooms_is_not_seeded(void **state)
{
    run_sql(*state, "INSERT INTO bookings VALUES ('b', 'r', 'd', 'c', 'u'); DELETE FROM photos; DELETE FROM rooms");
    close_all(*state);
    open_all(*state, false);
    assert_int_equal(list(*state, NULL).n, 0);
}

static void reseeding_wipes_everything_first(void **state)
{
    run_sql(*state, "INSERT INTO bookings VALUES ('b', '" RED "', '2025-01-09', 'c', 'u');"
                    "UPDATE rooms SET name = 'Pink'; DELETE FROM photos");
    close_all(*state);
    open_all(*state, true);
    assert_int_equal(list(*state, NULL).n, 3);
    assert_string_equal(list(*state, NULL).rooms[0].name, "Green");
    assert_true(list(*state, "2025-01-09").rooms[1].is_available);
    assert_int_equal(photos(*state, GREEN).n, 2);
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

static void refuses(const char *dsn, bool at_open, const char *said)
{
    struct failure err = {""};
    struct store *store = NULL;
    int opened = store_open(dsn, &store, &err);

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
    refuses("postgres://u:secret@h/db", true, "SQLite only");
    refuses("host=localhost user=postgres dbname=postgres", true, "SQLite only");
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
        cmocka_unit_test_setup_teardown(every_read_sees_the_commits_before_it_also_within_a_turn, setup, teardown),
        cmocka_unit_test_setup_teardown(the_lock_is_held_between_reads_and_gone_after_the_turn, setup, teardown),
        cmocka_unit_test_setup_teardown(a_read_that_needs_another_slot_gives_up_the_kept_one, setup, teardown),
        cmocka_unit_test_setup_teardown(a_database_that_breaks_is_reported_not_fatal, setup, teardown),
        cmocka_unit_test_setup_teardown(a_second_start_seeds_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(a_database_with_bookings_but_no_rooms_is_not_seeded, setup, teardown),
        cmocka_unit_test_setup_teardown(reseeding_wipes_everything_first, setup, teardown),
        cmocka_unit_test_setup_teardown(migrating_waits_for_another_writer_and_then_sees_its_work, setup, teardown),
        cmocka_unit_test_setup_teardown(a_newer_schema_and_a_foreign_database_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(broken_files_are_refused_when_they_are_opened, setup, teardown),
        cmocka_unit_test(data_sources_that_are_no_sqlite_file_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
