/* /debug/pprof/trace as a server sees it: a file, or an error in Go's words, and nothing left behind. */
#include "runtime/debug/pages.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "runtime/trace/trace.h"

#define TEXT "text/plain; charset=utf-8"
#define LONG_S 60 /* a wait that no test sits out */
#define SHORT "seconds=0.05"

static struct rt_debug_response res; /* all 0 at first, which must be fit for a release */
static char folder[] = "/tmp/cruntime-trace.XXXXXX";

static void ask(const char *method, const char *query, int peer_fd)
{
    struct rt_debug_request req = {
        .method = method,
        .method_len = strlen(method),
        .path = "/debug/pprof/trace",
        .path_len = strlen("/debug/pprof/trace"),
        .query = query,
        .query_len = strlen(query),
        .loopback = true,
        .peer_fd = peer_fd,
    };
    rt_debug_response_release(&res);
    memset(&res, 0xA5, sizeof res);
    rt_debug_handle(&req, &res);
}

static void assert_error(int status, const char *text)
{
    if (res.status != status)
        fail_msg("status %d, want %d", res.status, status);
    assert_string_equal(res.content_type, TEXT);
    assert_string_equal(res.disposition, "");
    assert_true(res.is_pprof_error);
    assert_int_equal(res.file_fd, -1);
    assert_int_equal(res.body_len, strlen(text) + 1);
    assert_memory_equal(res.body, text, strlen(text));
    assert_int_equal(res.body[res.body_len - 1], '\n');
}

static void assert_file(const char *type, const char *disposition, const char *begin)
{
    struct stat stat;
    char bytes[16] = "";
    if (res.status != 200)
        fail_msg("status %d: %.*s", res.status, (int)res.body_len, res.body ? res.body : "");
    assert_string_equal(res.content_type, type);
    assert_string_equal(res.disposition, disposition);
    assert_false(res.is_pprof_error);
    assert_null(res.body);
    assert_true(res.file_fd > 0);
    assert_int_equal(fstat(res.file_fd, &stat), 0);
    assert_int_equal(stat.st_nlink, 0);
    assert_int_equal(stat.st_size, res.body_len);
    assert_int_equal(fcntl(res.file_fd, F_GETFD), FD_CLOEXEC);
    assert_int_equal(pread(res.file_fd, bytes, strlen(begin), 0), strlen(begin));
    assert_string_equal(bytes, begin);
}

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void a_trace_is_a_file_without_a_name(void **state)
{
    double begin = now_s();
    (void)state;
    ask("GET", SHORT, -1);
    assert_true(now_s() - begin >= 0.05);
    assert_file("application/octet-stream", "attachment; filename=\"trace\"", "go 1.");
    int fd = res.file_fd;
    rt_debug_response_release(&res);
    assert_int_equal(res.file_fd, -1);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    rt_debug_response_release(&res);
}

static void a_trace_for_perfetto_says_so_in_its_name(void **state)
{
    (void)state;
    ask("GET", SHORT "&format=chrome", -1);
    assert_file("application/json", "attachment; filename=\"trace.json\"", "{");
    ask("GET", SHORT "&format=go", 0);
    assert_file("application/octet-stream", "attachment; filename=\"trace\"", "go 1.");
}

static void bad_parameters_are_refused_before_anything_is_done(void **state)
{
    (void)state;
    ask("GET", "seconds=0", -1);
    assert_error(400, "invalid value for \"seconds\" - must be a positive number");
    ask("GET", "format=xml", -1);
    assert_error(400, "invalid value for \"format\" - must be go or chrome");
}

static void a_second_trace_is_refused_in_gos_words(void **state)
{
    int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    (void)state;
    assert_int_equal(rt__trace_begin(fd, RT__TRACE_GO), 0);
    ask("GET", "seconds=60", -1);
    assert_error(500, "Could not enable tracing: tracing is already enabled");
    ask("HEAD", "seconds=60", -1);
    assert_int_equal(res.status, 200);
    assert_int_equal(rt__trace_end(), 0);
    close(fd);
}

static void head_is_answered_from_the_parameters_alone(void **state)
{
    (void)state;
    ask("HEAD", "seconds=60&format=chrome", -1);
    assert_int_equal(res.status, 200);
    assert_string_equal(res.content_type, "application/json");
    assert_string_equal(res.disposition, "attachment; filename=\"trace.json\"");
    assert_int_equal(res.file_fd, -1);
    assert_int_equal(res.body_len, 0);
    ask("HEAD", "seconds=x", -1);
    assert_int_equal(res.status, 400);
    ask("POST", "", -1);
    assert_int_equal(res.status, 405);
    assert_string_equal(res.allow, "GET, HEAD");
}

static void a_peer_that_has_gone_ends_a_trace_and_frees_it_for_the_next(void **state)
{
    int fds[2];
    double begin = now_s();
    char query[32];
    (void)state;
    snprintf(query, sizeof query, "seconds=%d", LONG_S);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    close(fds[1]);
    ask("GET", query, fds[0]);
    assert_error(503, "the trace was ended early: the client has gone, or the server is stopping");
    assert_true(now_s() - begin < LONG_S / 2);
    close(fds[0]);
    ask("GET", SHORT, -1);
    assert_file("application/octet-stream", "attachment; filename=\"trace\"", "go 1.");
}

static int open_files(void)
{
    int n = 0;
    DIR *dir = opendir("/proc/self/fd");
    assert_non_null(dir);
    while (readdir(dir))
        n++;
    closedir(dir);
    return n;
}

static void no_descriptor_is_left_behind(void **state)
{
    int fds[2];
    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    assert_int_equal(shutdown(fds[0], SHUT_RD), 0);
    rt_debug_response_release(&res);
    int before = open_files();
    ask("GET", SHORT, -1);
    ask("GET", "seconds=60", fds[0]);
    ask("GET", "seconds=x", -1);
    assert_int_equal(open_files(), before);
    close(fds[0]);
    close(fds[1]);
}

static void files_are_made_in_the_folder_for_them(void **state)
{
    (void)state;
    assert_int_equal(setenv("TMPDIR", "/nonexistent/folder", 1), 0);
    ask("GET", SHORT, -1);
    assert_error(500, "Could not enable tracing: no file can be made in /nonexistent/folder: No such file or "
                      "directory");
    assert_int_equal(setenv("TMPDIR", folder, 1), 0);
    ask("GET", SHORT, -1);
    assert_file("application/octet-stream", "attachment; filename=\"trace\"", "go 1.");
    assert_int_equal(rmdir(folder), 0); /* empty, though the answer is still there */
    assert_int_equal(unsetenv("TMPDIR"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_trace_is_a_file_without_a_name),
        cmocka_unit_test(a_trace_for_perfetto_says_so_in_its_name),
        cmocka_unit_test(bad_parameters_are_refused_before_anything_is_done),
        cmocka_unit_test(a_second_trace_is_refused_in_gos_words),
        cmocka_unit_test(head_is_answered_from_the_parameters_alone),
        cmocka_unit_test(a_peer_that_has_gone_ends_a_trace_and_frees_it_for_the_next),
        cmocka_unit_test(no_descriptor_is_left_behind),
        cmocka_unit_test(files_are_made_in_the_folder_for_them),
    };
    if (!mkdtemp(folder))
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
