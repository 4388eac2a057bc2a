/* calls.c - calls that block leave an event each, and are the real calls otherwise. */
#include "tests/unit/trace/blocked.h"

#include <poll.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <threads.h>

/* Before the runtime's start, when nothing of it but zeroes is there. */
static int early[4] = {-1, -1, -1, -1};

static void *nothing(void *arg)
{
    return arg;
}

__attribute__((constructor(101))) static void call_early(void)
{
    pthread_t thread;
    early[0] = poll(NULL, 0, 1);
    early[1] = usleep(1);
    early[2] = nanosleep(&(struct timespec){.tv_nsec = 1}, NULL);
    if (pthread_create(&thread, NULL, nothing, NULL) == 0) {
        early[3] = pthread_join(thread, NULL);
    }
}

/* ---- descriptors and sleeps ---- */

#define CALL_MS 10
static struct timespec call_time = {.tv_nsec = CALL_MS * MS};

int __poll_chk(struct pollfd *fds, nfds_t n, int timeout_ms, size_t bytes);
int __ppoll_chk(struct pollfd *fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask, size_t bytes);

/* Each makes one call that blocks for CALL_MS, on a descriptor at which nothing happens. */
static int do_poll(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, CALL_MS);
}

static int do_poll_chk(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return __poll_chk(&p, 1, CALL_MS, sizeof(p));
}

static int do_ppoll(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return ppoll(&p, 1, &call_time, NULL);
}

static int do_ppoll_chk(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return __ppoll_chk(&p, 1, &call_time, NULL, sizeof(p));
}

static int of_epoll(int fd, bool with_mask)
{
    struct epoll_event event = {.events = EPOLLIN};
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    int error = epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
    int n = with_mask ? epoll_pwait(epoll, &event, 1, CALL_MS, NULL) : epoll_wait(epoll, &event, 1, CALL_MS);
    close(epoll);
    return error ? error : n;
}

static int do_epoll_wait(int fd)
{
    return of_epoll(fd, false);
}

static int do_epoll_pwait(int fd)
{
    return of_epoll(fd, true);
}

static int do_select(int fd)
{
    struct timeval time = {.tv_usec = CALL_MS * 1000};
    fd_set set;
    FD_ZERO(&set);
    FD_SET(fd, &set);
    return select(fd + 1, &set, NULL, NULL, &time);
}

static int do_pselect(int fd)
{
    fd_set set;
    FD_ZERO(&set);
    FD_SET(fd, &set);
    return pselect(fd + 1, &set, NULL, NULL, &call_time, NULL);
}

static int do_poll_of_nothing(int fd)
{
    (void)fd;
    return poll(NULL, 0, CALL_MS);
}

static int do_nanosleep(int fd)
{
    (void)fd;
    return nanosleep(&call_time, NULL);
}

static int do_clock_nanosleep(int fd)
{
    (void)fd;
    return clock_nanosleep(CLOCK_MONOTONIC, 0, &call_time, NULL);
}

static int do_usleep(int fd)
{
    (void)fd;
    return usleep(CALL_MS * 1000);
}

static int do_sleep(int fd)
{
    (void)fd;
    return (int)sleep(1);
}

static int do_thrd_sleep(int fd)
{
    (void)fd;
    return thrd_sleep(&call_time, NULL);
}

static const struct call {
    int (*call)(int fd);
    enum rt__block reason;
} calls[] = {
    {do_poll, RT__BLOCK_NETWORK},      {do_poll_chk, RT__BLOCK_NETWORK},      {do_ppoll, RT__BLOCK_NETWORK},
    {do_ppoll_chk, RT__BLOCK_NETWORK}, {do_epoll_wait, RT__BLOCK_NETWORK},    {do_epoll_pwait, RT__BLOCK_NETWORK},
    {do_select, RT__BLOCK_NETWORK},    {do_pselect, RT__BLOCK_NETWORK},       {do_poll_of_nothing, RT__BLOCK_SLEEP},
    {do_nanosleep, RT__BLOCK_SLEEP},   {do_clock_nanosleep, RT__BLOCK_SLEEP}, {do_usleep, RT__BLOCK_SLEEP},
    {do_sleep, RT__BLOCK_SLEEP},       {do_thrd_sleep, RT__BLOCK_SLEEP},
};

static void call_it(struct worker *w)
{
    const struct call *c = w->arg;
    int pipe_of[2];
    NOTE_UNLESS(w, pipe(pipe_of) == 0);
    NOTE_UNLESS(w, c->call(pipe_of[0]) == 0);
    close(pipe_of[0]);
    close(pipe_of[1]);
}

static void each_call_that_blocks_leaves_one_event_with_its_reason(void **state)
{
    (void)state;
    need_the_wrappers();
    for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
        struct left left = run(call_it, (void *)&calls[i]);
        if (left.n != 1 || reason_of(&left.events[0]) != calls[i].reason || length_ns(&left.events[0]) < 8 * MS) {
            fail_msg("call %zu: %zu events, the first for reason %d, %llu ns long", i, left.n,
                     (int)reason_of(&left.events[0]), (unsigned long long)length_ns(&left.events[0]));
        }
        assert_int_equal(since_wake_ns(&left.events[0]), 0);
    }
}

static void only_look(struct worker *w)
{
    struct pollfd p = {.fd = *(int *)w->arg, .events = POLLIN};
    struct epoll_event event;
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    for (int i = 0; i < 200; i++) {
        struct timespec zero = {0};
        struct timeval zero_timeval = {0};
        NOTE_UNLESS(w, poll(&p, 1, 0) == 0);
        NOTE_UNLESS(w, __poll_chk(&p, 1, 0, sizeof(p)) == 0);
        NOTE_UNLESS(w, ppoll(&p, 1, &zero, NULL) == 0);
        NOTE_UNLESS(w, __ppoll_chk(&p, 1, &zero, NULL, sizeof(p)) == 0);
        NOTE_UNLESS(w, epoll_wait(epoll, &event, 1, 0) == 0);
        NOTE_UNLESS(w, epoll_pwait(epoll, &event, 1, 0, NULL) == 0);
        NOTE_UNLESS(w, select(0, NULL, NULL, NULL, &zero_timeval) == 0);
        NOTE_UNLESS(w, pselect(0, NULL, NULL, NULL, &zero, NULL) == 0);
    }
    close(epoll);
}

static void calls_that_only_look_leave_no_event(void **state)
{
    (void)state;
    need_the_wrappers();
    int pipe_of[2];
    assert_int_equal(pipe(pipe_of), 0);
    assert_int_equal(run(only_look, &pipe_of[0]).n, 0);
    close(pipe_of[0]);
    close(pipe_of[1]);
}

static void calls_answer_what_the_real_ones_do(void **state)
{
    (void)state;
    struct timespec bad = {.tv_nsec = 1000000000};
    struct epoll_event event;
    int pipe_of[2];
    assert_int_equal(pipe(pipe_of), 0);
    for (int on = 0; on < 2; on++) {
        record(on);
        struct pollfd p = {.fd = pipe_of[1], .events = POLLOUT};
        errno = EXDEV;
        assert_int_equal(poll(&p, 1, 1000), 1);
        assert_int_equal(p.revents, POLLOUT);
        assert_int_equal(usleep(100), 0);
        assert_int_equal(errno, EXDEV); /* a success leaves it alone */
        assert_int_equal(epoll_wait(-1, &event, 1, 1), -1);
        assert_int_equal(errno, EBADF);
        assert_int_equal(select(-1, NULL, NULL, NULL, NULL), -1);
        assert_int_equal(errno, EINVAL);
        errno = EXDEV;
        assert_int_equal(clock_nanosleep(CLOCK_MONOTONIC, 0, &bad, NULL), EINVAL);
        assert_int_equal(errno, EXDEV); /* its answer is the error */
        assert_int_equal(nanosleep(&bad, NULL), -1);
        assert_int_equal(errno, EINVAL);
        assert_int_equal(fsync(-1), -1);
        assert_int_equal(errno, EBADF);
        assert_int_equal(fdatasync(pipe_of[0]), -1);
        assert_int_equal(errno, EINVAL);
        assert_int_equal(pthread_join(pthread_self(), NULL), EDEADLK);
    }
    close(pipe_of[0]);
    close(pipe_of[1]);
}

static void sync_file(struct worker *w)
{
    FILE *file = tmpfile();
    for (int i = 0; i < 8; i++) {
        NOTE_UNLESS(w, fwrite("0123456789abcdef", 16, 1, file) == 1);
        NOTE_UNLESS(w, fflush(file) == 0);
        NOTE_UNLESS(w, (i % 2 ? fsync : fdatasync)(fileno(file)) == 0);
    }
    fclose(file);
}

static void waits_for_the_disk_are_told_from_others(void **state)
{
    (void)state;
    need_the_wrappers();
    struct left left = run(sync_file, NULL); /* on a file system in memory none may take long enough */
    for (size_t i = 0; i < left.n; i++) {
        assert_int_equal(reason_of(&left.events[i]), RT__BLOCK_FILE);
    }
    assert_true(left.n <= 8);
}

/* ---- threads ---- */

static void *sleep_a_while(void *arg)
{
    sleep_ms(20);
    return arg;
}

static void join_another(struct worker *w)
{
    pthread_t thread;
    void *result;
    NOTE_UNLESS(w, pthread_create(&thread, NULL, sleep_a_while, w) == 0);
    NOTE_UNLESS(w, pthread_join(thread, &result) == 0);
    NOTE_UNLESS(w, result == w);
}

static void a_thread_that_joins_another_is_blocked(void **state)
{
    (void)state;
    need_the_wrappers();
    struct left left = run(join_another, NULL);
    assert_int_equal(reason_of(last(&left)), RT__BLOCK_COND);
    assert_true(length_ns(last(&left)) >= 10 * MS);
}

/* ---- while it blocks ---- */

/* Static, as AddressSanitizer must not mark the frame that a cancelled thread jumps out of. */
static struct pollfd polled;

CHARGED(poller) static void poll_for_ever(struct worker *w)
{
    polled = (struct pollfd){.fd = *(int *)w->arg, .events = POLLIN};
    poll(&polled, 1, -1);
    STAY;
}

static void others_see_what_a_thread_is_blocked_in_until_it_is_not(void **state)
{
    (void)state;
    need_the_wrappers();
    int pipe_of[2];
    struct worker w;
    assert_int_equal(pipe(pipe_of), 0);
    uint64_t before = rt__ticks();
    start(&w, poll_for_ever, &pipe_of[0]);
    WAIT_UNTIL(is_blocked(&w));
    uint64_t since = __atomic_load_n(&w.record->blocked_since, __ATOMIC_ACQUIRE);
    uint64_t ms = rt__clock_ticks_per_s() / 1000; /* two processors' counters need not agree to the tick */
    assert_in_range(since, before - ms, rt__ticks() + ms);
    assert_int_equal(__atomic_load_n(&w.record->blocked_reason, __ATOMIC_RELAXED), RT__BLOCK_NETWORK);
    assert_in_range(__atomic_load_n(&w.record->blocked_pc, __ATOMIC_RELAXED), (uintptr_t)__start_poller,
                    (uintptr_t)__stop_poller - 1);
    sleep_ms(5);
    assert_int_equal(write(pipe_of[1], "x", 1), 1);
    struct left left = finish(&w);
    assert_int_equal(left.n, 1);
    assert_stack_of(&left.events[0], poller);
    assert_int_equal(__atomic_load_n(&w.record->blocked_since, __ATOMIC_ACQUIRE), 0);
    close(pipe_of[0]);
    close(pipe_of[1]);
}

static void a_thread_can_be_cancelled_in_a_call_that_blocks(void **state)
{
    (void)state;
    int pipe_of[2];
    assert_int_equal(pipe(pipe_of), 0);
    for (int on = 0; on < 2; on++) {
        struct worker w;
        struct rt__trace_seen seen;
        void *result;
        record(on);
        start(&w, poll_for_ever, &pipe_of[0]);
        if (on && RT__INTERPOSES) {
            WAIT_UNTIL(is_blocked(&w));
        }
        assert_int_equal(pthread_cancel(w.thread), 0);
        assert_int_equal(pthread_join(w.thread, &result), 0);
        assert_ptr_equal(result, PTHREAD_CANCELED);
        assert_false(rt__trace_thread_read(w.record, &seen) && seen.number == w.number); /* nothing of it is left */
    }
    close(pipe_of[0]);
    close(pipe_of[1]);
}

static void calls_before_the_runtime_starts_are_the_real_ones(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(early) / sizeof(*early); i++) {
        assert_int_equal(early[i], 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RECORDED(each_call_that_blocks_leaves_one_event_with_its_reason),
        RECORDED(calls_that_only_look_leave_no_event),
        RECORDED(calls_answer_what_the_real_ones_do),
        RECORDED(waits_for_the_disk_are_told_from_others),
        RECORDED(a_thread_that_joins_another_is_blocked),
        RECORDED(others_see_what_a_thread_is_blocked_in_until_it_is_not),
        RECORDED(a_thread_can_be_cancelled_in_a_call_that_blocks),
        cmocka_unit_test(calls_before_the_runtime_starts_are_the_real_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
