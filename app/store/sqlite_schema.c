/* sqlite_schema.c - brings a database file to the schema that this program knows.
 *
 * PRAGMA user_version is the number of migrations that were applied; migration N is applied to a
 * database of version N-1 and is never changed once released. All of it, the seed included, is one
 * BEGIN IMMEDIATE transaction: a second process that starts at the same moment waits for the lock
 * and then finds nothing left to do, and a process that dies half way leaves nothing behind.
 *
 * It never touches a file that is not ours: tables without a version, or a version that is newer
 * than this program, are refused.
 */
#include "app/store/sqlite.h"

#include "app/store/seed.h"

#include <inttypes.h>
#include <stdio.h>

/* A room's position is the rowid, so that listing in seed order is a plain walk of the table, no sort.
 * The unique index keeps one booking per room and day and is what answers "is it free on that day". */
static const char *const migrations[] = {
    "CREATE TABLE rooms ("
    "  position INTEGER PRIMARY KEY,"
    "  id TEXT NOT NULL UNIQUE,"
    "  name TEXT NOT NULL,"
    "  cost REAL NOT NULL,"
    "  number_of_seats INTEGER NOT NULL,"
    "  category TEXT NOT NULL,"
    "  main_photo TEXT NOT NULL);"
    "CREATE TABLE photos ("
    "  room_id TEXT NOT NULL REFERENCES rooms(id),"
    "  position INTEGER NOT NULL,"
    "  url TEXT NOT NULL,"
    "  PRIMARY KEY (room_id, position)) WITHOUT ROWID;"
    "CREATE TABLE bookings ("
    "  id TEXT NOT NULL UNIQUE,"
    "  room_id TEXT NOT NULL REFERENCES rooms(id),"
    "  booked_on TEXT NOT NULL,"
    "  created_at TEXT NOT NULL,"
    "  user_id TEXT NOT NULL);"
    "CREATE UNIQUE INDEX bookings_by_room_and_day ON bookings(room_id, booked_on);",

    /* Users, and bookings anew: with a position that VACUUM does not renumber and that is not given
     * again after a deletion, since listings go on from one; and with a slot, which lets instances
     * with and without overbooking use one database (sqlite_apply.c). */
    "CREATE TABLE users ("
    "  id TEXT NOT NULL UNIQUE,"
    "  email TEXT NOT NULL UNIQUE,"
    "  username TEXT NOT NULL UNIQUE,"
    "  password TEXT NOT NULL);"
    "CREATE TABLE new_bookings ("
    "  position INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  id TEXT NOT NULL UNIQUE,"
    "  room_id TEXT NOT NULL REFERENCES rooms(id),"
    "  booked_on TEXT NOT NULL,"
    "  created_at TEXT NOT NULL,"
    "  slot TEXT NOT NULL DEFAULT '',"
    "  user_id TEXT NOT NULL);" /* no REFERENCES: a version-1 database may hold bookings, but no users */
    "INSERT INTO new_bookings(id, room_id, booked_on, created_at, user_id)"
    "  SELECT id, room_id, booked_on, created_at, user_id FROM bookings ORDER BY rowid;"
    "DROP TABLE bookings;"
    "ALTER TABLE new_bookings RENAME TO bookings;"
    "CREATE UNIQUE INDEX bookings_by_day_and_room ON bookings(booked_on, room_id, slot);"
    "CREATE INDEX bookings_by_user ON bookings(user_id, position);",
};

#define VERSION ((int64_t)(sizeof(migrations) / sizeof(migrations[0])))

/* *before: the version that was found. */
static int apply_migrations(sqlite3 *db, const char *path, int64_t *before, struct failure *err)
{
    char set_version[64];
    int64_t version;
    int64_t tables;

    if (sqlite_query_int(db, path, "PRAGMA user_version", &version, err) != 0 ||
        sqlite_query_int(db, path, "SELECT count(*) FROM sqlite_master", &tables, err) != 0)
        return -1;
    *before = version;
    if (version < 0 || version > VERSION)
        return failure_set(err, "%s: schema version %" PRId64 " is newer than this program's %" PRId64, path, version,
                           VERSION);
    if (version == 0 && tables != 0)
        return failure_set(err, "%s: a database of some other program (it has tables but no schema version)", path);
    if (version == VERSION)
        return 0;
    for (int64_t i = version; i < VERSION; i++) {
        if (sqlite_exec(db, path, migrations[i], err) != 0)
            return -1;
    }
    snprintf(set_version, sizeof(set_version), "PRAGMA user_version = %" PRId64, VERSION);
    return sqlite_exec(db, path, set_version, err);
}

static int insert_room(sqlite3_stmt *room, sqlite3_stmt *photo, const struct seed_room *seed)
{
    sqlite3_bind_text(room, 1, seed->id, -1, SQLITE_STATIC);
    sqlite3_bind_text(room, 2, seed->name, -1, SQLITE_STATIC);
    sqlite3_bind_double(room, 3, seed->cost);
    sqlite3_bind_int(room, 4, seed->number_of_seats);
    sqlite3_bind_text(room, 5, seed->category, -1, SQLITE_STATIC);
    sqlite3_bind_text(room, 6, seed->main_photo, -1, SQLITE_STATIC);
    if (sqlite3_step(room) != SQLITE_DONE)
        return -1;
    sqlite3_reset(room);
    for (int i = 0; i < SEED_PHOTOS_MAX && seed->photos[i] != NULL; i++) {
        sqlite3_bind_text(photo, 1, seed->id, -1, SQLITE_STATIC);
        sqlite3_bind_int(photo, 2, i + 1);
        sqlite3_bind_text(photo, 3, seed->photos[i], -1, SQLITE_STATIC);
        if (sqlite3_step(photo) != SQLITE_DONE)
            return -1;
        sqlite3_reset(photo);
    }
    return 0;
}

static int insert_rooms(sqlite3 *db, const char *path, struct failure *err)
{
    sqlite3_stmt *room = NULL;
    sqlite3_stmt *photo = NULL;
    int result = -1;

    if (sqlite3_prepare_v2(db,
                           "INSERT INTO rooms(id, name, cost, number_of_seats, category, main_photo)"
                           " VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                           -1, &room, NULL) == SQLITE_OK &&
        sqlite3_prepare_v2(db, "INSERT INTO photos(room_id, position, url) VALUES (?1, ?2, ?3)", -1, &photo, NULL) ==
            SQLITE_OK) {
        result = 0;
        for (size_t i = 0; i < seed_rooms_count && result == 0; i++)
            result = insert_room(room, photo, &seed_rooms[i]);
    }
    if (result != 0)
        sqlite_failure(err, path, db);
    sqlite3_finalize(room);
    sqlite3_finalize(photo);
    return result;
}

static int insert_user(sqlite3 *db, const char *path, struct failure *err)
{
    sqlite3_stmt *user = NULL;
    int result = -1;

    if (sqlite3_prepare_v2(db, "INSERT INTO users(id, email, username, password) VALUES (?1, ?2, ?3, ?4)", -1, &user,
                           NULL) == SQLITE_OK) {
        sqlite3_bind_text(user, 1, seed_user.id, -1, SQLITE_STATIC);
        sqlite3_bind_text(user, 2, seed_user.email, -1, SQLITE_STATIC);
        sqlite3_bind_text(user, 3, seed_user.username, -1, SQLITE_STATIC);
        sqlite3_bind_text(user, 4, seed_user.password, -1, SQLITE_STATIC);
        result = sqlite3_step(user) == SQLITE_DONE ? 0 : -1;
    }
    if (result != 0)
        sqlite_failure(err, path, db);
    sqlite3_finalize(user);
    return result;
}

/* Nothing at all in it: a new database, or one that --reseed has just wiped. An operator who deleted
 * every room but kept the rest did so on purpose. A database of version 1, which knew no users, gets
 * the user alone: nobody could log in otherwise. */
static int seed(sqlite3 *db, const char *path, int64_t before, struct failure *err)
{
    int64_t empty;

    if (sqlite_query_int(db, path,
                         "SELECT NOT EXISTS (SELECT 1 FROM rooms) AND NOT EXISTS (SELECT 1 FROM bookings)"
                         " AND NOT EXISTS (SELECT 1 FROM users)",
                         &empty, err) != 0)
        return -1;
    if (empty && insert_rooms(db, path, err) != 0)
        return -1;
    return empty || before == 1 ? insert_user(db, path, err) : 0;
}

static int wipe(sqlite3 *db, const char *path, struct failure *err)
{
    return sqlite_exec(db, path, "DELETE FROM bookings; DELETE FROM users; DELETE FROM photos; DELETE FROM rooms", err);
}

int sqlite_schema_migrate(sqlite3 *db, const char *path, bool reseed, struct failure *err)
{
    int64_t before;

    if (sqlite_exec(db, path, "BEGIN IMMEDIATE", err) != 0)
        return -1;
    if (apply_migrations(db, path, &before, err) == 0 && (!reseed || wipe(db, path, err) == 0) &&
        seed(db, path, before, err) == 0 && sqlite_exec(db, path, "COMMIT", err) == 0)
        return 0;
    sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    return -1;
}
