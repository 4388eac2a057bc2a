/* Reports: one line, one write, cut where it must be, and never a reason for trouble. */
#define _GNU_SOURCE 1
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/os/os.h"

static int real_stderr;

/* stderr becomes a pipe; the returned end reads what was said. */
static int capture_begin(void)
{
    int ends[2];

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    real_stderr = dup(STDERR_FILENO);
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
    return ends[0];
}

static void capture_end(void)
{
    dup2(real_stderr, STDERR_FILENO);
    close(real_stderr);
}

static size_t read_all(int fd, char *buf, size_t size)
{
    size_t length = 0;
    ssize_t n;

    while ((n = read(fd, buf + length, size - 1 - length)) > 0)
        length += (size_t)n;
    buf[length] = '\0';
    close(fd);
    return length;
}

static void a_line_comes_out_as_formatted(void **state)
{
    (void)state;
    char said[256];
    int from = capture_begin();

    rt__os_print("gc %d @%s\n", 7, "0.009s");
    capture_end();
    read_all(from, said, sizeof said);
    assert_string_equal(said, "gc 7 @0.009s\n");
}

/* Says a line of `length` characters in all, newline included, and returns what came out. */
static size_t say_line_of(size_t length, char *said, size_t said_size)
{
    char text[2048];
    int from = capture_begin();

    memset(text, 'x', length - 1);
    text[length - 1] = '\0';
    rt__os_print("%s\n", text);
    capture_end();
    return read_all(from, said, said_size);
}

static void a_long_line_is_cut_at_1024_bytes_and_keeps_its_newline(void **state)
{
    (void)state;
    static const struct {
        size_t length, expected;
    } rows[] = {{1023, 1023}, {1024, 1024}, {1025, 1024}, {2000, 1024}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char said[4096];
        size_t n = say_line_of(rows[i].length, said, sizeof said);
        assert_int_equal(n, rows[i].expected);
        assert_ptr_equal(strchr(said, '\n'), said + n - 1);
    }
}

static void *say_500_lines(void *arg)
{
    char letter = *(const char *)arg;
    char text[61];

    memset(text, letter, 60);
    text[60] = '\0';
    for (int i = 0; i < 500; i++)
        rt__os_print("%s\n", text);
    return NULL;
}

static void lines_of_four_threads_are_never_torn(void **state)
{
    (void)state;
    char path[] = "/tmp/rt-report-XXXXXX";
    int file = mkstemp(path);
    static char letters[] = "abcd", said[4 * 500 * 61 + 2];
    pthread_t threads[4];

    assert_true(file >= 0);
    unlink(path);
    assert_int_equal(fcntl(file, F_SETFL, O_APPEND), 0);
    real_stderr = dup(STDERR_FILENO);
    dup2(file, STDERR_FILENO);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, say_500_lines, &letters[i]), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    capture_end();
    lseek(file, 0, SEEK_SET);
    assert_int_equal(read_all(file, said, sizeof said), 4 * 500 * 61);
    for (const char *line = said; *line != '\0'; line += 61) {
        for (int i = 1; i < 60; i++)
            assert_int_equal(line[i], line[0]);
        assert_int_equal(line[60], '\n');
    }
}

static void a_closed_or_full_stderr_is_no_reason_to_hang_or_to_change_errno(void **state)
{
    (void)state;
    int from = capture_begin();
    int flags = fcntl(STDERR_FILENO, F_GETFL);

    fcntl(STDERR_FILENO, F_SETFL, flags | O_NONBLOCK);
    errno = 1234;
    for (int i = 0; i < 200; i++) /* 200 x 1 KiB: more than the 64 KiB that a pipe holds */
        rt__os_print("%01023d\n", i);
    assert_int_equal(errno, 1234);
    close(STDERR_FILENO);
    rt__os_print("nobody listens\n");
    assert_int_equal(errno, 1234);
    capture_end();
    close(from);
}

static int die_in_child(int status, const char *message, char *said, size_t said_size)
{
    int from = capture_begin();
    pid_t child = fork();
    int wait_status;

    if (child == 0) {
        atexit(abort); /* must not run: the heap may be broken when the runtime gives up */
        rt__os_die(status, "%s", message);
    }
    capture_end();
    assert_true(child > 0);
    read_all(from, said, said_size);
    assert_int_equal(waitpid(child, &wait_status, 0), child);
    assert_true(WIFEXITED(wait_status));
    return WEXITSTATUS(wait_status);
}

static void dying_names_the_program_and_says_one_line(void **state)
{
    (void)state;
    char said[4096], expected[256];

    snprintf(expected, sizeof expected, "%s: CGC=abc: want a number\n", program_invocation_short_name);
    assert_int_equal(die_in_child(2, "CGC=abc: want a number", said, sizeof said), 2);
    assert_string_equal(said, expected);
    assert_int_equal(die_in_child(1, "CGC=abc: want a number\n", said, sizeof said), 1);
    assert_string_equal(said, expected);
}

static void dying_with_a_long_message_keeps_the_newline_too(void **state)
{
    (void)state;
    char said[4096], message[2048];

    /* around the cut: 1024 less the name and ": " and the newline */
    size_t fits = 1024 - strlen(rt__os_program()) - 3;
    for (size_t length = fits - 1; length <= fits + 2; length++) {
        memset(message, 'm', length);
        message[length] = '\0';
        die_in_child(1, message, said, sizeof said);
        assert_int_equal(strlen(said), length < fits ? 1023 : 1024);
        assert_ptr_equal(strchr(said, '\n'), said + strlen(said) - 1);
    }
}

static void a_program_without_a_name_is_called_after_the_library(void **state)
{
    (void)state;
    char *name = program_invocation_short_name;
    static char empty[] = "";

    assert_string_equal(rt__os_program(), name);
    program_invocation_short_name = empty;
    assert_string_equal(rt__os_program(), "cruntime");
    program_invocation_short_name = name;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_comes_out_as_formatted),
        cmocka_unit_test(a_long_line_is_cut_at_1024_bytes_and_keeps_its_newline),
        cmocka_unit_test(lines_of_four_threads_are_never_torn),
        cmocka_unit_test(a_closed_or_full_stderr_is_no_reason_to_hang_or_to_change_errno),
        cmocka_unit_test(dying_names_the_program_and_says_one_line),
        cmocka_unit_test(dying_with_a_long_message_keeps_the_newline_too),
        cmocka_unit_test(a_program_without_a_name_is_called_after_the_library),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
