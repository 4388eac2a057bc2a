/* postgres_queries.c - every statement that the store runs, and what can be told without a server.
 *
 * A group of writes is one transaction, which a single error would undo. So what the store refuses
 * (no such room, a day that is taken) is not an error here: each statement reads, decides, writes
 * and returns one row that says what it found.
 *
 * Tables have an index for every look-up and sequential scans are off (postgres_connect.c), so a plan
 * that was made while a table was empty stays good when it has a million rows.
 */
#include "app/store/postgres_query.h"

#include "app/store/postgres_rows.h"

#include <string.h>

#define ROOM_COLUMNS "r.id, r.name, r.category, r.main_photo, r.cost, r.number_of_seats"
#define BOOKING_COLUMNS                                                                                                \
    "b.id, b.room_id, b.booked_on,"                                                                                    \
    " to_char(b.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), b.position"

/* A scalar sub-select, not EXISTS: the planner may turn the latter into one pass over all bookings of
 * the day. This can only be a look-up for each room. */
#define IS_AVAILABLE "(SELECT 1 FROM bookings b WHERE b.room_id = r.id AND b.booked_on = $1 LIMIT 1) IS NULL"

/* $1 e-mail, $2 id, $3 room, $4 day, $5 time. The slot is what the unique index has besides room and
 * day: the same for all bookings of a store without overbooking, different for each with it. */
#define ADD_BOOKING(slot, unless)                                                                                      \
    "WITH u AS MATERIALIZED (SELECT id FROM users WHERE email = $1),"                                                  \
    " r AS MATERIALIZED (SELECT id FROM rooms WHERE id = $3),"                                                         \
    " b AS (INSERT INTO bookings (id, room_id, booked_on, created_at, user_id, slot)"                                  \
    "  SELECT $2, r.id, $4, $5, u.id, " slot " FROM u, r" unless                                                       \
    "  ON CONFLICT (room_id, booked_on, slot) DO NOTHING RETURNING 1)"                                                 \
    " SELECT EXISTS (SELECT 1 FROM u), EXISTS (SELECT 1 FROM r), EXISTS (SELECT 1 FROM b)"

#define UNLESS_BOOKED " WHERE NOT EXISTS (SELECT 1 FROM bookings WHERE room_id = $3 AND booked_on = $4)"

/* The same for a whole group, with an array for each parameter: starting and ending a statement costs
 * the server more than a row does. They are inserted in the order in which they come, which is that of
 * the locks, and answered in it, too. A day that comes twice in a group is the first one's: the second
 * finds it in the index. */
#define ADD_BOOKINGS(slot, unless)                                                                                     \
    "WITH i AS MATERIALIZED (SELECT a.id, a.day, a.at, a.n, (SELECT id FROM users WHERE email = a.email) AS user_id,"  \
    "  (SELECT id FROM rooms WHERE id = a.room) AS room_id"                                                            \
    "  FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[])"                                 \
    "  WITH ORDINALITY AS a(email, id, room, day, at, n)),"                                                            \
    " b AS (INSERT INTO bookings (id, room_id, booked_on, created_at, user_id, slot)"                                  \
    "  SELECT i.id, i.room_id, i.day, i.at, i.user_id, " slot " FROM i"                                                \
    "  WHERE i.user_id IS NOT NULL AND i.room_id IS NOT NULL" unless " ORDER BY i.n"                                   \
    "  ON CONFLICT (room_id, booked_on, slot) DO NOTHING RETURNING id)"                                                \
    " SELECT i.user_id IS NOT NULL, i.room_id IS NOT NULL, i.id IN (SELECT id FROM b) FROM i ORDER BY i.n"

#define UNLESS_THEY_ARE_BOOKED                                                                                         \
    " AND (SELECT 1 FROM bookings x WHERE x.room_id = i.room_id AND x.booked_on = i.day LIMIT 1) IS NULL"

const struct postgres_query postgres_queries[POSTGRES_QUERIES] = {
    [POSTGRES_LIST_ROOMS] = {.name = "list_rooms",
                             .sql = "SELECT " ROOM_COLUMNS ", true FROM rooms r ORDER BY r.position",
                             .finish = postgres_finish_rooms},
    [POSTGRES_LIST_ROOMS_ON] = {.name = "list_rooms_on",
                                .sql = "SELECT " ROOM_COLUMNS ", " IS_AVAILABLE " FROM rooms r ORDER BY r.position",
                                .params = 1,
                                .finish = postgres_finish_rooms},
    [POSTGRES_GET_ROOM] = {.name = "get_room",
                           .sql = "SELECT " ROOM_COLUMNS ", true FROM rooms r WHERE r.id = $1",
                           .params = 1,
                           .not_text = STORE_NOT_FOUND,
                           .finish = postgres_finish_room},
    /* A room without photos is one row with no url; no room, no row. */
    [POSTGRES_LIST_PHOTOS] = {.name = "list_photos",
                              .sql = "SELECT p.url FROM rooms r LEFT JOIN photos p ON p.room_id = r.id"
                                     " WHERE r.id = $1 ORDER BY p.position",
                              .params = 1,
                              .not_text = STORE_NOT_FOUND,
                              .finish = postgres_finish_photos},
    [POSTGRES_FIND_USER] = {.name = "find_user",
                            .sql = "SELECT id, email, username, password FROM users WHERE username = $1",
                            .params = 1,
                            .not_text = STORE_NOT_FOUND,
                            .finish = postgres_finish_user},
    [POSTGRES_LIST_BOOKINGS] = {.name = "list_bookings",
                                .sql = "SELECT " BOOKING_COLUMNS " FROM bookings b"
                                       " WHERE b.user_id = (SELECT u.id FROM users u WHERE u.email = $1)"
                                       " AND b.position > $2 ORDER BY b.position LIMIT $3",
                                .params = 3,
                                .not_text = STORE_OK, /* nobody of that name has bookings */
                                .finish = postgres_finish_bookings},
    [POSTGRES_GET_BOOKING] = {.name = "get_booking",
                              .sql = "SELECT " BOOKING_COLUMNS " FROM bookings b JOIN users u ON u.id = b.user_id"
                                     " WHERE b.id = $2 AND u.email = $1",
                              .params = 2,
                              .not_text = STORE_NOT_FOUND,
                              .finish = postgres_finish_booking},
    [POSTGRES_PING] = {.name = "ping", .sql = "SELECT 1", .finish = postgres_finish_ping},
    [POSTGRES_DELETE_BOOKING] = {.name = "delete_booking",
                                 .sql = "DELETE FROM bookings b USING users u WHERE b.id = $2"
                                        " AND u.id = b.user_id AND u.email = $1 RETURNING 1",
                                 .params = 2,
                                 .use = POSTGRES_WRITES,
                                 .rank = 1,
                                 .key = {1, 0},
                                 .not_text = STORE_NOT_FOUND,
                                 .finish = postgres_finish_delete},
    [POSTGRES_ADD_BOOKING] = {.name = "add_booking",
                              .sql = ADD_BOOKING("''", UNLESS_BOOKED),
                              .params = 5,
                              .use = POSTGRES_WRITES,
                              .rank = 2,
                              .key = {2, 3},
                              .many = POSTGRES_ADD_BOOKINGS,
                              .not_text = STORE_NOT_FOUND,
                              .finish = postgres_finish_add_booking},
    [POSTGRES_ADD_BOOKINGS] = {.name = "add_bookings",
                               .sql = ADD_BOOKINGS("''", UNLESS_THEY_ARE_BOOKED),
                               .params = 5,
                               .use = POSTGRES_WRITES},
    [POSTGRES_ADD_BOOKING_ANYWAY] = {.name = "add_booking_anyway",
                                     .sql = ADD_BOOKING("$2", ""),
                                     .params = 5,
                                     .use = POSTGRES_WRITES,
                                     .rank = 2,
                                     .key = {2, 3},
                                     .many = POSTGRES_ADD_BOOKINGS_ANYWAY,
                                     .not_text = STORE_NOT_FOUND,
                                     .finish = postgres_finish_add_booking},
    [POSTGRES_ADD_BOOKINGS_ANYWAY] = {.name = "add_bookings_anyway",
                                      .sql = ADD_BOOKINGS("i.id", ""),
                                      .params = 5,
                                      .use = POSTGRES_WRITES},
    [POSTGRES_ADD_USER] = {.name = "add_user",
                           .sql = "WITH e AS MATERIALIZED (SELECT 1 FROM users WHERE email = $2),"
                                  " n AS MATERIALIZED (SELECT 1 FROM users WHERE username = $3),"
                                  " i AS (INSERT INTO users (id, email, username, password) SELECT $1, $2, $3, $4"
                                  "  WHERE NOT EXISTS (SELECT 1 FROM e) AND NOT EXISTS (SELECT 1 FROM n)"
                                  "  ON CONFLICT DO NOTHING RETURNING 1)"
                                  " SELECT EXISTS (SELECT 1 FROM i), EXISTS (SELECT 1 FROM e),"
                                  " EXISTS (SELECT 1 FROM n)",
                           .params = 4,
                           .use = POSTGRES_WRITES,
                           .rank = 3,
                           .key = {1, 2},
                           .not_text = STORE_FAILED,
                           .finish = postgres_finish_add_user},
};

enum postgres_verdict postgres_verdict_of(const char *sqlstate)
{
    if (sqlstate == NULL)
        return POSTGRES_FAIL;
    /* Serialization failure, deadlock, lock timeout. */
    if (strncmp(sqlstate, "40", 2) == 0 || strcmp(sqlstate, "55P03") == 0)
        return POSTGRES_RETRY;
    /* A server that takes no writes (a standby, or one that became it); shutdown, crash, start-up; a
     * prepared statement that is not there, as behind a pooler that changes servers. */
    if (strcmp(sqlstate, "25006") == 0 || strncmp(sqlstate, "57P", 3) == 0 || strncmp(sqlstate, "08", 2) == 0 ||
        strcmp(sqlstate, "26000") == 0)
        return POSTGRES_DROP;
    /* Cancelled, by a person or a statement timeout; out of connections, memory or disk. */
    if (strcmp(sqlstate, "57014") == 0 || strncmp(sqlstate, "53", 2) == 0)
        return POSTGRES_AWAY;
    return POSTGRES_FAIL;
}
