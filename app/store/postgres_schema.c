/* postgres_schema.c - brings a database to the schema that this program knows.
 *
 * The table coworking_schema has one row, the number of migrations that were applied; migration N is
 * applied to a database of version N-1 and is never changed once released. All of it, the seed
 * included, is one transaction under an advisory lock: a second instance that starts at the same
 * moment waits and then finds nothing left to do, and one that dies half way leaves nothing behind.
 *
 * Everything is in the connection's current schema. It never touches tables that are not ours: some
 * of our names without a version, or a version newer than this program's, are refused.
 */
#include "app/store/postgres_schema.h"

#include "app/store/seed.h"

#include <stdio.h>
#include <stdlib.h>

/* Any number will do that no other program in the same database uses. */
#define ADVISORY_LOCK "7238469123546012751"

/* How long a start waits for another's migration or for whoever else holds a table. */
#define BEGIN "BEGIN; SET LOCAL lock_timeout = 10000; SET LOCAL client_min_messages = warning"

/* Texts compare by their bytes (COLLATE "C"): ids need no language, and an index on them survives an
 * upgrade of the system's locales. booked_on is text, too: days go through as they came, year 0000
 * included, which the type date has not. position is what a listing continues after.
 *
 * bookings has no foreign keys: they would lock the room's and the user's row for each booking, and
 * all bookings of a busy room would meet there. Neither is ever deleted, and the statement that books
 * has read both.
 *
 * slot makes one booking a room and day (all have '') or any number (each has its own id) with the
 * same index, so that instances with and without overbooking can share a database. */
static const char *const migrations[] = {
    "CREATE TABLE rooms ("
    "  position integer PRIMARY KEY,"
    "  id text COLLATE \"C\" NOT NULL UNIQUE,"
    "  name text NOT NULL,"
    "  cost double precision NOT NULL,"
    "  number_of_seats integer NOT NULL,"
    "  category text NOT NULL,"
    "  main_photo text NOT NULL);"
    "CREATE TABLE photos ("
    "  room_id text COLLATE \"C\" NOT NULL REFERENCES rooms (id),"
    "  position integer NOT NULL,"
    "  url text NOT NULL,"
    "  PRIMARY KEY (room_id, position));"
    "CREATE TABLE users ("
    "  id text COLLATE \"C\" PRIMARY KEY,"
    "  email text COLLATE \"C\" NOT NULL UNIQUE,"
    "  username text COLLATE \"C\" NOT NULL UNIQUE,"
    "  password text NOT NULL);"
    "CREATE TABLE bookings ("
    "  position bigint GENERATED ALWAYS AS IDENTITY,"
    "  id text COLLATE \"C\" PRIMARY KEY,"
    "  room_id text COLLATE \"C\" NOT NULL,"
    "  booked_on text COLLATE \"C\" NOT NULL,"
    "  created_at timestamptz NOT NULL,"
    "  user_id text COLLATE \"C\" NOT NULL,"
    "  slot text COLLATE \"C\" NOT NULL);"
    "CREATE UNIQUE INDEX bookings_by_day_and_room ON bookings (booked_on, room_id, slot);"
    "CREATE UNIQUE INDEX bookings_by_user ON bookings (user_id, position)",
};
#define VERSION ((int)(sizeof(migrations) / sizeof(migrations[0])))

static int exec(PGconn *conn, const char *sql, struct failure *err)
{
    PGresult *result = PQexec(conn, sql);
    ExecStatusType status = PQresultStatus(result);

    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
        failure_set(err, "%s", PQerrorMessage(conn));
    PQclear(result);
    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK ? 0 : -1;
}

/* The first column of the first row, "" without a row or for NULL. */
static int query_text(PGconn *conn, const char *sql, char *buf, size_t size, struct failure *err)
{
    PGresult *result = PQexec(conn, sql);
    int outcome = 0;

    if (PQresultStatus(result) == PGRES_TUPLES_OK)
        snprintf(buf, size, "%s", PQntuples(result) > 0 ? PQgetvalue(result, 0, 0) : "");
    else
        outcome = failure_set(err, "%s", PQerrorMessage(conn));
    PQclear(result);
    return outcome;
}

static int exec_params(PGconn *conn, const char *sql, const char *const *params, int n, struct failure *err)
{
    PGresult *result = PQexecParams(conn, sql, n, NULL, params, NULL, NULL, 0);
    int outcome = PQresultStatus(result) == PGRES_COMMAND_OK ? 0 : failure_set(err, "%s", PQerrorMessage(conn));

    PQclear(result);
    return outcome;
}

/* ---- versions -------------------------------------------------------------------------------- */

#define OUR_TABLES                                                                                                     \
    "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"                                   \
    " WHERE n.nspname = current_schema() AND c.relname IN "

/* "" when there is no version: then none of our names may be in use either. */
static int read_version(PGconn *conn, char *version, size_t size, struct failure *err)
{
    char name[80];

    if (query_text(conn, "SELECT current_schema()", name, sizeof(name), err) != 0)
        return -1;
    if (*name == '\0')
        return failure_set(err, "database %s: no schema of the search_path exists", PQdb(conn));
    if (query_text(conn, OUR_TABLES "('coworking_schema')", name, sizeof(name), err) != 0)
        return -1;
    if (*name != '\0')
        return query_text(conn, "SELECT version FROM coworking_schema", version, size, err);
    *version = '\0';
    if (query_text(conn, OUR_TABLES "('rooms', 'photos', 'users', 'bookings')", name, sizeof(name), err) != 0)
        return -1;
    if (*name != '\0')
        return failure_set(err, "database %s: of some other program (it has %s but no coworking_schema)", PQdb(conn),
                           name);
    return 0;
}

static int apply_migrations(PGconn *conn, struct failure *err)
{
    char text[80];
    int version;

    if (read_version(conn, text, sizeof(text), err) != 0)
        return -1;
    version = atoi(text);
    if (version < 0 || version > VERSION)
        return failure_set(err, "database %s: schema version %s is newer than this program's %d", PQdb(conn), text,
                           VERSION);
    if (version == VERSION)
        return 0;
    if (*text == '\0' && exec(conn,
                              "CREATE TABLE coworking_schema (version integer NOT NULL);"
                              "INSERT INTO coworking_schema VALUES (0)",
                              err) != 0)
        return -1;
    for (int i = version; i < VERSION; i++) {
        if (exec(conn, migrations[i], err) != 0)
            return -1;
    }
    snprintf(text, sizeof(text), "UPDATE coworking_schema SET version = %d", VERSION);
    return exec(conn, text, err);
}

/* ---- seed ------------------------------------------------------------------------------------ */

static int insert_photos(PGconn *conn, const struct seed_room *seed, struct failure *err)
{
    for (int i = 0; i < SEED_PHOTOS_MAX && seed->photos[i] != NULL; i++) {
        char position[16];
        const char *photo[] = {seed->id, position, seed->photos[i]};

        snprintf(position, sizeof(position), "%d", i + 1);
        if (exec_params(conn, "INSERT INTO photos (room_id, position, url) VALUES ($1, $2, $3)", photo, 3, err) != 0)
            return -1;
    }
    return 0;
}

static int insert_room(PGconn *conn, size_t i, struct failure *err)
{
    const struct seed_room *seed = &seed_rooms[i];
    char position[24];
    char cost[40];
    char seats[16];
    const char *room[] = {position, seed->id, seed->name, cost, seats, seed->category, seed->main_photo};

    snprintf(position, sizeof(position), "%zu", i + 1);
    snprintf(cost, sizeof(cost), "%.17g", seed->cost);
    snprintf(seats, sizeof(seats), "%d", seed->number_of_seats);
    if (exec_params(conn,
                    "INSERT INTO rooms (position, id, name, cost, number_of_seats, category, main_photo)"
                    " VALUES ($1, $2, $3, $4, $5, $6, $7)",
                    room, 7, err) != 0)
        return -1;
    return insert_photos(conn, seed, err);
}

static int insert_seed(PGconn *conn, struct failure *err)
{
    const char *user[] = {seed_user.id, seed_user.email, seed_user.username, seed_user.password};

    for (size_t i = 0; i < seed_rooms_count; i++) {
        if (insert_room(conn, i, err) != 0)
            return -1;
    }
    return exec_params(conn, "INSERT INTO users (id, email, username, password) VALUES ($1, $2, $3, $4)", user, 4, err);
}

/* Nothing in it at all: a new database, or one that --reseed has just wiped. An operator who deleted
 * every room but kept the users or the bookings did so on purpose. */
static int seed_if_empty(PGconn *conn, struct failure *err)
{
    char is_empty[4];

    if (query_text(conn,
                   "SELECT NOT EXISTS (SELECT 1 FROM rooms) AND NOT EXISTS (SELECT 1 FROM users)"
                   " AND NOT EXISTS (SELECT 1 FROM bookings)",
                   is_empty, sizeof(is_empty), err) != 0)
        return -1;
    return *is_empty == 't' ? insert_seed(conn, err) : 0;
}

/* TRUNCATE takes a lock on each table, in the order given, and so waits for writes under way. The
 * positions of bookings go on growing. */
int postgres_schema_migrate(PGconn *conn, bool reseed, struct failure *err)
{
    if (exec(conn, BEGIN, err) == 0 && exec(conn, "SELECT pg_advisory_xact_lock(" ADVISORY_LOCK ")", err) == 0 &&
        apply_migrations(conn, err) == 0 &&
        (!reseed || exec(conn, "TRUNCATE bookings, users, photos, rooms", err) == 0) && seed_if_empty(conn, err) == 0 &&
        exec(conn, "COMMIT", err) == 0)
        return 0;
    PQclear(PQexec(conn, "ROLLBACK"));
    return -1;
}
