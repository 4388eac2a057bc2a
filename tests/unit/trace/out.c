/* out.c - bytes to a descriptor: what is buffered, what fails, and what a full pipe makes of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "runtime/trace/writers.h"

static void what_was_written_stands_in_the_file_in_order(void **state)
{
    (void)state;
    int fd = memfd_create("out", 0);
    struct rt__out out;
    rt__out_begin(&out, fd);
    uint64_t want = 0;
    char piece[1000];
    for (unsigned i = 0; i < 500; i++) {
        memset(piece, 'a' + (int)(i % 26), sizeof piece);
        rt__out_write(&out, piece, i * 2);
        want += i * 2;
    }
    assert_int_equal(rt__out_end(&out), 0);
    assert_int_equal(out.written, want);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    for (unsigned i = 0; i < 500; i++) {
        assert_int_equal(read(fd, piece, i * 2), i * 2);
        for (unsigned j = 0; j < i * 2; j++) {
            assert_int_equal(piece[j], 'a' + (int)(i % 26));
        }
    }
    assert_int_equal(read(fd, piece, 1), 0);
    close(fd);
}

static void small_pieces_wait_in_the_buffer_until_flush(void **state)
{
    (void)state;
    int fd = memfd_create("out", 0);
    struct rt__out out;
    rt__out_begin(&out, fd);
    rt__out_write(&out, "abc", 3);
    assert_int_equal(lseek(fd, 0, SEEK_END), 0);
    rt__out_flush(&out);
    assert_int_equal(lseek(fd, 0, SEEK_END), 3);
    assert_int_equal(rt__out_end(&out), 0);
    close(fd);
}

static void a_piece_larger_than_the_buffer_comes_after_what_was_buffered(void **state)
{
    (void)state;
    enum { LARGE = 300000 };
    int fd = memfd_create("out", 0);
    struct rt__out out;
    rt__out_begin(&out, fd);
    char *large = malloc(LARGE), *got = malloc(LARGE + 2);
    memset(large, 'x', LARGE);
    rt__out_write(&out, "<", 1);
    rt__out_write(&out, large, LARGE);
    rt__out_write(&out, ">", 1);
    assert_int_equal(rt__out_end(&out), 0);
    assert_int_equal(pread(fd, got, LARGE + 2, 0), LARGE + 2);
    assert_int_equal(got[0], '<');
    assert_memory_equal(got + 1, large, LARGE);
    assert_int_equal(got[LARGE + 1], '>');
    free(large);
    free(got);
    close(fd);
}

static void the_first_error_stays_and_nothing_is_written_after_it(void **state)
{
    (void)state;
    int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    struct rt__out out;
    rt__out_begin(&out, fd);
    rt__out_write(&out, "abc", 3);
    rt__out_flush(&out);
    assert_int_equal(out.error, -ENOSPC);
    close(fd);
    out.fd = -1;
    rt__out_write(&out, "def", 3);
    rt__out_flush(&out);
    assert_int_equal(out.error, -ENOSPC);
    assert_int_equal(out.written, 0);
    assert_int_equal(rt__out_end(&out), -ENOSPC);
}

static void an_error_of_the_last_flush_is_returned_by_end(void **state)
{
    (void)state;
    struct rt__out out;
    rt__out_begin(&out, -1);
    rt__out_write(&out, "abc", 3);
    assert_int_equal(out.error, 0);
    assert_int_equal(rt__out_end(&out), -EBADF);
}

static void *read_all(void *arg)
{
    size_t sum = 0;
    char buf[4096];
    ssize_t n;
    while ((n = read(*(int *)arg, buf, sizeof buf)) > 0) {
        sum += (size_t)n;
    }
    return (void *)sum;
}

static void a_descriptor_that_would_block_is_waited_for(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
    pthread_t reader;
    assert_int_equal(pthread_create(&reader, NULL, read_all, &ends[0]), 0);
    struct rt__out out;
    rt__out_begin(&out, ends[1]);
    char piece[1000] = {0};
    for (unsigned i = 0; i < 2000; i++) {
        rt__out_write(&out, piece, sizeof piece);
    }
    assert_int_equal(rt__out_end(&out), 0);
    close(ends[1]);
    void *sum;
    assert_int_equal(pthread_join(reader, &sum), 0);
    assert_int_equal((size_t)sum, 2000000);
    close(ends[0]);
}

static void a_reader_that_went_is_an_error_and_no_endless_wait(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    close(ends[0]);
    struct rt__out out;
    rt__out_begin(&out, ends[1]);
    rt__out_write(&out, "abc", 3);
    assert_int_equal(rt__out_end(&out), -EPIPE);
    close(ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_stands_in_the_file_in_order),
        cmocka_unit_test(small_pieces_wait_in_the_buffer_until_flush),
        cmocka_unit_test(a_piece_larger_than_the_buffer_comes_after_what_was_buffered),
        cmocka_unit_test(the_first_error_stays_and_nothing_is_written_after_it),
        cmocka_unit_test(an_error_of_the_last_flush_is_returned_by_end),
        cmocka_unit_test(a_descriptor_that_would_block_is_waited_for),
        cmocka_unit_test(a_reader_that_went_is_an_error_and_no_endless_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
