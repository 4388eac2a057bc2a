/* postgres_server.c - what becomes of a DSN, and what stderr is told while the server is away. */
#include "app/store/postgres_server.h"

#include "app/store/postgres_connect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *value_of(const struct postgres_server *server, const char *keyword)
{
    const char *value = NULL;

    for (size_t i = 0; server->keywords[i] != NULL; i++) {
        if (strcmp(server->keywords[i], keyword) == 0) {
            assert_null(value); /* at most once */
            value = server->values[i];
        }
    }
    return value;
}

static struct postgres_server *parsed(const char *dsn)
{
    struct postgres_server *server = NULL;
    struct failure err;

    if (postgres_server_new(dsn, &server, &err) != 0)
        fail_msg("\"%s\": %s", dsn, err.text);
    return server;
}

static void what_a_dsn_leaves_open_is_added(void **state)
{
    static const char *const expected[][2] = {
        {"connect_timeout", "5"},
        {"target_session_attrs", "read-write"},
        {"client_encoding", "UTF8"},
        {"tcp_user_timeout", "10000"},
        {"keepalives_idle", "10"},
        {"keepalives_interval", "5"},
        {"keepalives_count", "3"},
        {"gssencmode", "disable"},
        {"host", "a,b"},
        {"fallback_application_name", "coworkingapp"},
    };
    struct postgres_server *server = parsed("postgres://u:p@a,b/db");

    (void)state;
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
        assert_string_equal(value_of(server, expected[i][0]), expected[i][1]);
    assert_string_equal(value_of(server, "password"), "p");
    postgres_server_release(server);
}

static void what_a_dsn_says_is_kept(void **state)
{
    struct postgres_server *server = parsed("host=h connect_timeout=30 target_session_attrs=any keepalives_idle=99");

    (void)state;
    assert_string_equal(value_of(server, "connect_timeout"), "30");
    assert_string_equal(value_of(server, "target_session_attrs"), "any");
    assert_string_equal(value_of(server, "keepalives_idle"), "99");
    postgres_server_release(server);
}

static void texts_are_utf8_whatever_a_dsn_says(void **state)
{
    struct postgres_server *server = parsed("host=h client_encoding=LATIN1");

    (void)state;
    assert_string_equal(value_of(server, "client_encoding"), "UTF8");
    postgres_server_release(server);
}

static void a_variable_of_libpq_is_not_overruled(void **state)
{
    struct postgres_server *server;

    (void)state;
    setenv("PGCONNECT_TIMEOUT", "77", 1);
    server = parsed("host=h");
    unsetenv("PGCONNECT_TIMEOUT");
    assert_null(value_of(server, "connect_timeout"));
    postgres_server_release(server);
}

static void refuses(const char *dsn, const char *said, const char *unsaid)
{
    struct postgres_server *server = NULL;
    struct failure err;

    if (postgres_server_new(dsn, &server, &err) == 0)
        fail_msg("\"%s\" should not be a DSN", dsn);
    if (strncmp(err.text, "dsn: ", 5) != 0 || strstr(err.text, said) == NULL)
        fail_msg("\"%s\": \"%s\" should begin with dsn: and hold \"%s\"", dsn, err.text, said);
    if (unsaid != NULL && strstr(err.text, unsaid) != NULL)
        fail_msg("\"%s\": \"%s\" should not hold \"%s\"", dsn, err.text, unsaid);
}

static void a_malformed_dsn_is_refused_without_its_password(void **state)
{
    (void)state;
    refuses("hosst=h", "hosst", NULL);
    refuses("host=h password=my secret", "missing", "secret");
    refuses("host=h password=my secret=x", "invalid connection option", "secret");
    refuses("postgres://u:se%zzcret@h/db", "percent", "cret");
    refuses("postgres://u:hidden@[::1/db", "matching", "hidden");
    refuses("postgres://h/db?sslmod=require", "sslmod", NULL);
    refuses("postgres://u:p@h/db?hidden=x", "query parameter", "hidden");
}

static void pauses_double_up_to_two_seconds_and_vary(void **state)
{
    static const unsigned int most_ms[] = {100, 200, 400, 800, 1600, 2000, 2000, 2000};

    (void)state;
    for (int i = 0; i < 8; i++) {
        unsigned int least = most_ms[i];
        unsigned int most = 0;

        for (unsigned int random = 0; random < 5000; random++) {
            unsigned int pause_ms = postgres_connect_pause_ms(i + 1, random);

            least = pause_ms < least ? pause_ms : least;
            most = pause_ms > most ? pause_ms : most;
        }
        assert_int_equal(least, most_ms[i] / 2);
        assert_int_equal(most, most_ms[i]);
    }
    assert_in_range(postgres_connect_pause_ms(1000000, 7), 1000, 2000);
}

/* What f prints on stderr, at most size bytes of it. */
static void capture(void (*f)(struct postgres_server *), struct postgres_server *server, char *buf, size_t size)
{
    int saved = dup(STDERR_FILENO);
    FILE *file = tmpfile();
    size_t n;

    assert_non_null(file);
    dup2(fileno(file), STDERR_FILENO);
    f(server);
    dup2(saved, STDERR_FILENO);
    close(saved);
    rewind(file);
    n = fread(buf, 1, size - 1, file);
    buf[n] = '\0';
    fclose(file);
}

static void lose_three_get_them_back(struct postgres_server *server)
{
    postgres_server_note_lost(server, "first\nwords\n");
    postgres_server_note_lost(server, "second");
    postgres_server_note_still_lost(server, "too early");
    postgres_server_note_lost(server, "third");
    postgres_server_note_back(server);
    postgres_server_note_closed(server);
    postgres_server_note_back(server);
}

static void an_outage_is_one_line_and_its_end_another(void **state)
{
    struct postgres_server *server = parsed("host=h");
    char lines[1000];

    (void)state;
    capture(lose_three_get_them_back, server, lines, sizeof(lines));
    assert_string_equal(lines, "app: database: connection lost, trying to get it back: first words\n"
                               "app: database: connected again\n");
    postgres_server_release(server);
}

static void wait_long(struct postgres_server *server)
{
    postgres_server_note_lost(server, "why");
    server->next_line_ms = postgres_now_ms();
    postgres_server_note_still_lost(server, "no route");
    postgres_server_note_still_lost(server, "no route");
}

static void a_long_outage_is_a_line_a_minute(void **state)
{
    struct postgres_server *server = parsed("host=h");
    char lines[1000];

    (void)state;
    capture(wait_long, server, lines, sizeof(lines));
    assert_string_equal(lines, "app: database: connection lost, trying to get it back: why\n"
                               "app: database: still not connected: no route\n");
    postgres_server_release(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_dsn_leaves_open_is_added),
        cmocka_unit_test(what_a_dsn_says_is_kept),
        cmocka_unit_test(texts_are_utf8_whatever_a_dsn_says),
        cmocka_unit_test(a_variable_of_libpq_is_not_overruled),
        cmocka_unit_test(a_malformed_dsn_is_refused_without_its_password),
        cmocka_unit_test(pauses_double_up_to_two_seconds_and_vary),
        cmocka_unit_test(an_outage_is_one_line_and_its_end_another),
        cmocka_unit_test(a_long_outage_is_a_line_a_minute),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
