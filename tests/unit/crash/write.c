/* Writing as the process dies: all of it where somebody reads, and no waiting beyond the deadline where nobody does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "runtime/crash/crash.h"
#include "runtime/os/os.h"

#define MS UINT64_C(1000000)
#define LONG_MS 60000
#define BYTES (300u << 10) /* more than a pipe holds */

static char bytes[BYTES], got[BYTES];

static void a_pipe(int fd[2])
{
    assert_int_equal(pipe(fd), 0);
}

static void fill(int fd)
{
    fcntl(fd, F_SETFL, O_NONBLOCK);
    while (write(fd, bytes, sizeof(bytes)) > 0) {
    }
    while (write(fd, bytes, 1) > 0) {
    }
    fcntl(fd, F_SETFL, 0);
}

static void *read_all(void *fd)
{
    size_t size = 0;
    ssize_t n;
    while ((n = read(*(int *)fd, got + size, sizeof(got) - size)) > 0) {
        size += (size_t)n;
    }
    return (void *)size;
}

static void a_text_longer_than_a_pipe_arrives_whole(void **state)
{
    int fd[2];
    pthread_t reader;
    void *size;
    (void)state;
    a_pipe(fd);
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (char)(i * 31 >> 3);
    }
    assert_int_equal(pthread_create(&reader, NULL, read_all, &fd[0]), 0);
    assert_true(rt__crash_write(fd[1], bytes, sizeof(bytes), rt__os_now_ns() + LONG_MS * MS));
    close(fd[1]);
    pthread_join(reader, &size);
    assert_int_equal((size_t)size, sizeof(bytes));
    assert_memory_equal(got, bytes, sizeof(bytes));
    close(fd[0]);
}

static void a_full_pipe_is_given_up_at_the_deadline(void **state)
{
    int fd[2];
    (void)state;
    a_pipe(fd);
    fill(fd[1]);
    uint64_t deadline = rt__os_now_ns() + 50 * MS;
    assert_false(rt__crash_write(fd[1], "x", 1, deadline));
    assert_true(rt__os_now_ns() >= deadline);
    assert_false(rt__crash_write(fd[1], "x", 1, deadline)); /* at once, the deadline being past */
    close(fd[0]);
    close(fd[1]);
}

static void what_has_no_reader_is_given_up_at_once(void **state)
{
    int fd[2];
    (void)state;
    a_pipe(fd);
    close(fd[0]);
    signal(SIGPIPE, SIG_IGN); /* blocked where it is called */
    assert_false(rt__crash_write(fd[1], "x", 1, rt__os_now_ns() + LONG_MS * MS));
    signal(SIGPIPE, SIG_DFL);
    close(fd[1]);
    assert_false(rt__crash_write(fd[1], "x", 1, rt__os_now_ns() + LONG_MS * MS));
}

static void a_file_takes_all_even_past_the_deadline(void **state)
{
    (void)state;
    int fd = open("/dev/null", O_WRONLY);
    assert_true(fd >= 0);
    assert_true(rt__crash_write(fd, bytes, sizeof(bytes), 0));
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_longer_than_a_pipe_arrives_whole),
        cmocka_unit_test(a_full_pipe_is_given_up_at_the_deadline),
        cmocka_unit_test(what_has_no_reader_is_given_up_at_once),
        cmocka_unit_test(a_file_takes_all_even_past_the_deadline),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
