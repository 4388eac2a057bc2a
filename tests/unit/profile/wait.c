/* wait.c - waiting while a peer is there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>
#include "runtime/os/os.h"
#include "runtime/profile/profile.h"

#define MS UINT64_C(1000000)
#define LONG_NS (60000 * MS) /* what ends sooner was ended */

/* Two ends of a TCP connection: shutdown of the own side is told by each kind of socket in its own way. */
static void connect_tcp(int ends[2])
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
    ends[0] = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(ends[0], (struct sockaddr *)&address, size), 0);
    ends[1] = accept(listener, NULL, NULL);
    assert_true(ends[1] >= 0);
    close(listener);
}

static void connect_unix(int ends[2])
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
}

static void (*const kinds[])(int ends[2]) = {connect_tcp, connect_unix};
#define KINDS (sizeof(kinds) / sizeof(*kinds))

static uint64_t timed_wait(uint64_t ns, int fd, bool wanted)
{
    uint64_t began_ns = rt__os_now_ns();
    assert_int_equal(rt__profile_wait(ns, fd), wanted);
    return rt__os_now_ns() - began_ns;
}

static void without_a_peer_it_sleeps_for_the_whole_time(void **state)
{
    (void)state;
    assert_true(timed_wait(30 * MS, -1, true) >= 30 * MS);
    assert_true(timed_wait(1 * MS + 500000, -1, true) >= 1 * MS + 500000);
}

static void with_a_peer_that_stays_it_sleeps_for_the_whole_time_whatever_it_sends(void **state)
{
    int ends[2];
    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        kinds[i](ends);
        assert_true(timed_wait(30 * MS, ends[0], true) >= 30 * MS);
        assert_int_equal(write(ends[1], "GET", 3), 3);
        assert_true(timed_wait(30 * MS, ends[0], true) >= 30 * MS);
        close(ends[0]);
        close(ends[1]);
    }
}

struct later {
    int fd;
    bool closes;
};

static void *end_a_connection(void *arg)
{
    struct later *later = arg;
    usleep(20000);
    if (later->closes) {
        close(later->fd);
    } else {
        shutdown(later->fd, SHUT_RD);
    }
    return NULL;
}

static void it_ends_when_the_peer_goes_or_our_own_side_shuts_the_connection_down_for_reading(void **state)
{
    int ends[2];
    (void)state;
    for (size_t i = 0; i < 2 * KINDS; i++) {
        pthread_t thread;
        kinds[i / 2](ends);
        struct later later = {.closes = i % 2};
        later.fd = later.closes ? ends[1] : ends[0];
        assert_int_equal(pthread_create(&thread, NULL, end_a_connection, &later), 0);
        assert_true(timed_wait(LONG_NS, ends[0], false) < LONG_NS);
        pthread_join(thread, NULL);
        close(ends[0]);
        if (!later.closes) {
            close(ends[1]);
        }
    }
}

static void a_peer_that_has_gone_before_is_seen_at_once_even_with_bytes_to_read_and_no_time_to_wait(void **state)
{
    int ends[2];
    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        kinds[i](ends);
        assert_int_equal(write(ends[1], "GET", 3), 3);
        timed_wait(0, ends[0], true);
        close(ends[1]);
        timed_wait(LONG_NS, ends[0], false);
        timed_wait(0, ends[0], false);
        close(ends[0]);
    }
}

static void a_closed_descriptor_ends_the_wait(void **state)
{
    int ends[2];
    (void)state;
    connect_unix(ends);
    close(ends[0]);
    close(ends[1]);
    timed_wait(LONG_NS, ends[0], false);
}

static volatile sig_atomic_t signals;

static void count_signal(int signal)
{
    (void)signal;
    signals++;
}

struct disturber {
    pthread_t whom;
    bool stop;
};

static void *disturb(void *arg)
{
    struct disturber *d = arg;
    while (!__atomic_load_n(&d->stop, __ATOMIC_RELAXED)) {
        pthread_kill(d->whom, SIGUSR1);
        usleep(2000);
    }
    return NULL;
}

static void signals_do_not_shorten_it(void **state)
{
    struct sigaction action = {.sa_handler = count_signal};
    struct disturber d = {.whom = pthread_self()};
    pthread_t thread;
    int ends[2];
    (void)state;
    sigaction(SIGUSR1, &action, NULL);
    connect_unix(ends);
    assert_int_equal(pthread_create(&thread, NULL, disturb, &d), 0);
    while (signals == 0) {
        sched_yield();
    }
    assert_true(timed_wait(100 * MS, ends[0], true) >= 100 * MS);
    assert_true(timed_wait(100 * MS, -1, true) >= 100 * MS);
    __atomic_store_n(&d.stop, true, __ATOMIC_RELAXED);
    pthread_join(thread, NULL);
    assert_true(signals > 2);
    close(ends[0]);
    close(ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_peer_it_sleeps_for_the_whole_time),
        cmocka_unit_test(with_a_peer_that_stays_it_sleeps_for_the_whole_time_whatever_it_sends),
        cmocka_unit_test(it_ends_when_the_peer_goes_or_our_own_side_shuts_the_connection_down_for_reading),
        cmocka_unit_test(a_peer_that_has_gone_before_is_seen_at_once_even_with_bytes_to_read_and_no_time_to_wait),
        cmocka_unit_test(a_closed_descriptor_ends_the_wait),
        cmocka_unit_test(signals_do_not_shorten_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
