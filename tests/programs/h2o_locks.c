/* h2o_locks.c - locks of libraries, and threads that they make, come by the runtime as the program's own do.
 *
 * Two threads share a connection of SQLite's, and one of them sleeps inside a query, with the connection's mutex: the
 * other waits in SQLite. h2o makes a thread of its own to look up a name. The profiles are printed as text, each
 * after a line with its name; the test reads them.
 */
#include <h2o.h>
#include <sqlite3.h>

#include "check.h"

#define SLEEP_MS 50
#define QUERIES 5

static sqlite3 *db;
static bool inside, wanted; /* atomic: one has the connection; the other is about to ask for it */

static void sleep_in_sql(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    (void)argc;
    (void)argv;
    __atomic_store_n(&inside, true, __ATOMIC_RELEASE);
    while (!__atomic_load_n(&wanted, __ATOMIC_ACQUIRE)) {
        sched_yield(); /* on a busy machine a new thread may take longer than the sleep to get here */
    }
    check_sleep_ms(SLEEP_MS);
    sqlite3_result_int(context, 1);
}

static NOINLINE void hold_connection(void)
{
    int error = sqlite3_exec(db, "SELECT sleep_in_sql()", NULL, NULL, NULL);
    CHECK_EQUAL(error, SQLITE_OK, "the query that sleeps");
}

static NOINLINE void want_connection(void)
{
    int error = sqlite3_exec(db, "SELECT 1", NULL, NULL, NULL);
    CHECK_EQUAL(error, SQLITE_OK, "the query that waits");
}

static void *want_when_held(void *unused)
{
    while (!__atomic_load_n(&inside, __ATOMIC_ACQUIRE)) {
        sched_yield();
    }
    __atomic_store_n(&wanted, true, __ATOMIC_RELEASE);
    want_connection();
    return unused;
}

static NOINLINE void contend_in_sqlite(void)
{
    CHECK_EQUAL(sqlite3_open_v2(":memory:", &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_FULLMUTEX, NULL), SQLITE_OK,
                "opening a database");
    CHECK_EQUAL(sqlite3_create_function(db, "sleep_in_sql", 0, SQLITE_UTF8, NULL, sleep_in_sql, NULL, NULL), SQLITE_OK,
                "adding a function");
    for (int i = 0; i < QUERIES; i++) {
        pthread_t other;
        inside = wanted = false;
        CHECK_EQUAL(pthread_create(&other, NULL, want_when_held, NULL), 0, "making a thread");
        hold_connection();
        pthread_join(other, NULL);
    }
    sqlite3_close(db);
}

static void on_address(h2o_hostinfo_getaddr_req_t *req, const char *error, struct addrinfo *found, void *answered)
{
    (void)req;
    (void)found;
    CHECK(error == NULL, "looking up an address: %s", error);
    *(bool *)answered = true;
}

static void on_message(h2o_multithread_receiver_t *receiver, h2o_linklist_t *messages)
{
    h2o_hostinfo_getaddr_receiver(receiver, messages);
}

static NOINLINE void look_up_in_h2o(void)
{
    h2o_loop_t *loop = h2o_evloop_create();
    h2o_multithread_queue_t *queue = h2o_multithread_create_queue(loop);
    h2o_multithread_receiver_t receiver;
    bool answered = false;
    h2o_multithread_register_receiver(queue, &receiver, on_message);
    h2o_hostinfo_getaddr(&receiver, h2o_iovec_init(H2O_STRLIT("127.0.0.1")), h2o_iovec_init(H2O_STRLIT("80")), AF_INET,
                         SOCK_STREAM, IPPROTO_TCP, AI_NUMERICHOST | AI_NUMERICSERV, on_address, &answered);
    uint64_t end_ns = check_now_ns() + 60000000000u;
    while (!answered && check_now_ns() < end_ns) {
        h2o_evloop_run(loop, 100);
    }
    CHECK(answered, "h2o's thread did not answer");
}

static void print_profile(const char *name)
{
    printf("== %s\n", name);
    fflush(stdout);
    CHECK_EQUAL(rt_profile_write(name, 1, STDOUT_FILENO), 0, name);
}

int main(void)
{
    rt_set_mutex_profile_fraction(1);
    rt_set_block_profile_rate(1);
    contend_in_sqlite();
    look_up_in_h2o();
    print_profile("mutex");
    print_profile("block");
    print_profile("threadcreate");
    puts("==");
    return check_done();
}
