/* flight.c - the flight recorder: its window, who may have it, and the file it is written into. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <cmocka.h>
#include "runtime/cruntime.h"
#include "runtime/trace/chunk.h"
#include "runtime/trace/trace.h"
#include "tests/unit/trace/written.h"

#define KIB UINT64_C(1024)
#define MS UINT64_C(1000000)

static char folder[] = "/tmp/cruntime-flight.XXXXXX";
static char path[64]; /* of a file in it */

static void start(uint64_t min_age_ns, uint64_t max_bytes)
{
    struct rt_flight_recorder_config config = {.min_age_ns = min_age_ns, .max_bytes = max_bytes};
    assert_int_equal(rt_flight_recorder_start(&config), 0);
}

static void region(const char *name)
{
    rt_trace_region_begin(name);
    rt_trace_region_end();
}

/* A file with what there is now. */
static int snapshot(void)
{
    int fd = written_new();
    assert_int_equal(rt__flight_write(fd, RT__TRACE_CHROME), 0);
    return fd;
}

/* ---- on and off ------------------------------------------------------------------------------- */

static void it_is_on_from_start_to_stop(void **state)
{
    (void)state;
    assert_false(rt_flight_recorder_is_enabled());
    assert_int_equal(rt_flight_recorder_write(STDERR_FILENO), -EINVAL);
    assert_int_equal(rt_flight_recorder_write_file("/nonexistent/file"), -EINVAL);
    assert_int_equal(rt_flight_recorder_start(NULL), 0);
    assert_true(rt_flight_recorder_is_enabled());
    assert_true(rt_trace_is_enabled());
    assert_int_equal(rt_flight_recorder_start(NULL), -EBUSY);
    rt_flight_recorder_stop();
    rt_flight_recorder_stop();
    assert_false(rt_flight_recorder_is_enabled());
    assert_false(rt_trace_is_enabled());
}

static void it_takes_10_mib_or_what_it_is_told_but_not_less_than_64_kib(void **state)
{
    struct rt_flight_recorder_config config = {.max_bytes = 64 * KIB - 1};
    (void)state;
    assert_int_equal(rt_flight_recorder_start(&config), -EINVAL);
    assert_false(rt_flight_recorder_is_enabled());
    start(0, 0);
    assert_int_equal(rt__chunks_most_bytes(), 10240 * KIB);
    rt_flight_recorder_stop();
    start(0, 64 * KIB);
    assert_int_equal(rt__chunks_most_bytes(), 64 * KIB);
    rt_flight_recorder_stop();
}

/* ---- what is in a snapshot -------------------------------------------------------------------- */

static void a_snapshot_has_what_came_before_it_and_recording_goes_on(void **state)
{
    (void)state;
    assert_int_equal(rt_flight_recorder_start(NULL), 0);
    region("the first thing");
    int first = snapshot();
    region("the second thing");
    int second = snapshot();
    rt_flight_recorder_stop();
    assert_true(written_has(first, "the first thing"));
    assert_false(written_has(first, "the second thing"));
    assert_true(written_has(second, "the first thing"));
    assert_true(written_has(second, "the second thing"));
    close(first);
    close(second);
}

static void both_formats_can_be_written(void **state)
{
    size_t len;
    int fd = written_new();
    (void)state;
    assert_int_equal(rt_flight_recorder_start(NULL), 0);
    region("in any format");
    assert_int_equal(rt_flight_recorder_write(fd), 0);
    rt_flight_recorder_stop();
    char *text = written_text(fd, &len);
    assert_true(len > 16);
    assert_memory_equal(text, "go 1.22 trace\0\0\0", 16);
    free(text);
    assert_true(written_has(fd, "in any format"));
    close(fd);
}

static void wait_s(double s)
{
    double until = now_s() + s;
    while (now_s() < until) {
        poll(NULL, 0, 1);
    }
}

/* Again when so much time passed, on a busy machine, that the new thing was old. */
static void what_is_older_than_the_age_is_left_out(void **state)
{
    double deadline = now_s() + 60;
    bool was_in_time = false;
    (void)state;
    while (!was_in_time && now_s() < deadline) {
        start(2000 * MS, 0);
        region("an old thing");
        wait_s(2.05);
        double began = now_s();
        region("a new thing");
        int fd = snapshot();
        was_in_time = now_s() - began < 2;
        rt_flight_recorder_stop();
        assert_false(written_has(fd, "an old thing"));
        assert_true(written_has(fd, "a new thing") || !was_in_time);
        close(fd);
    }
    assert_true(was_in_time);
}

static void what_was_recorded_before_it_was_started_is_left_out(void **state)
{
    (void)state;
    assert_int_equal(rt_flight_recorder_start(NULL), 0);
    region("of the first flight");
    rt_flight_recorder_stop();
    assert_int_equal(rt_flight_recorder_start(NULL), 0);
    region("of the second flight");
    int fd = snapshot();
    rt_flight_recorder_stop();
    assert_false(written_has(fd, "of the first flight"));
    assert_true(written_has(fd, "of the second flight"));
    close(fd);
}

#define LOGS 20000

static void *log_much(void *unused)
{
    for (int i = 0; i < LOGS; i++) {
        rt_trace_logf("much", "log %d.", i);
    }
    return unused;
}

static bool has_log(int fd, int i)
{
    char words[32];
    snprintf(words, sizeof(words), "log %d.", i);
    return written_has(fd, words);
}

/* What this thread did is in memory still, in a chunk that is not full. But it lies before the window, in which nothing
 * is missing. */
static void a_window_begins_where_no_thread_has_lost_anything(void **state)
{
    pthread_t thread;
    (void)state;
    start(0, 64 * KIB);
    region("too long ago");
    assert_int_equal(pthread_create(&thread, NULL, log_much, NULL), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    int fd = snapshot();
    rt_flight_recorder_stop();
    size_t kept = written_count(fd, "log ");
    assert_true(kept > 0 && kept < LOGS / 2);
    assert_false(written_has(fd, "too long ago"));
    assert_true(has_log(fd, LOGS - 1));
    assert_true(has_log(fd, LOGS - (int)kept));
    assert_false(has_log(fd, LOGS - (int)kept - 1));
    close(fd);
}

static void a_snapshot_and_a_trace_are_in_nobodys_way(void **state)
{
    int traced = written_new();
    (void)state;
    assert_int_equal(rt_flight_recorder_start(NULL), 0);
    region("before the trace");
    assert_int_equal(rt__trace_begin(traced, RT__TRACE_CHROME), 0);
    region("in the trace");
    int fd = snapshot();
    region("after the snapshot");
    rt_flight_recorder_stop();
    region("after the flight");
    assert_int_equal(rt__trace_end(), 0);
    assert_true(written_has(fd, "before the trace"));
    assert_true(written_has(fd, "in the trace"));
    assert_false(written_has(fd, "after the snapshot"));
    assert_false(written_has(traced, "before the trace"));
    assert_true(written_has(traced, "in the trace"));
    assert_true(written_has(traced, "after the snapshot"));
    assert_true(written_has(traced, "after the flight"));
    close(fd);
    close(traced);
}

/* ---- one at a time ---------------------------------------------------------------------------- */

struct slow {
    int fd, result;
};

static void *write_slowly(void *arg)
{
    struct slow *slow = arg;
    do {
        slow->result = rt_flight_recorder_write(slow->fd);
    } while (slow->result == -EBUSY); /* the other came first */
    return NULL;
}

/* The first has nowhere to write to. */
static void a_second_snapshot_at_the_same_time_is_refused(void **state)
{
    char full[64 * 1024] = "";
    int fds[2], null = open("/dev/null", O_WRONLY | O_CLOEXEC), result;
    double deadline = now_s() + 60;
    pthread_t thread;
    (void)state;
    assert_int_equal(rt_flight_recorder_start(NULL), 0);
    region("in both");
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    assert_true(fcntl(fds[1], F_SETPIPE_SZ, sizeof(full)) > 0);
    assert_int_equal(write(fds[1], full, sizeof(full)), sizeof(full));
    struct slow slow = {.fd = fds[1], .result = 1};
    assert_int_equal(pthread_create(&thread, NULL, write_slowly, &slow), 0);
    while ((result = rt_flight_recorder_write(null)) == 0 && now_s() < deadline) {
    }
    assert_int_equal(result, -EBUSY);
    assert_int_equal(rt_flight_recorder_write_file(path), -EBUSY);
    while (read(fds[0], full, sizeof(full)) == (ssize_t)sizeof(full)) {
    }
    assert_int_equal(close(fds[0]), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(slow.result == 0 || slow.result == -EPIPE);
    assert_int_equal(rt_flight_recorder_write(null), 0);
    rt_flight_recorder_stop();
    close(fds[1]);
    close(null);
}

static void an_error_of_writing_is_told(void **state)
{
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    (void)state;
    assert_int_equal(rt_flight_recorder_start(NULL), 0);
    assert_int_equal(rt_flight_recorder_write(full), -ENOSPC);
    assert_int_equal(rt_flight_recorder_write(-1), -EBADF);
    rt_flight_recorder_stop();
    close(full);
}

/* ---- into a file ------------------------------------------------------------------------------ */

static int files_in_folder(void)
{
    int n = 0;
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    for (const struct dirent *e; (e = readdir(dir)) != NULL;) {
        n += e->d_name[0] != '.';
    }
    closedir(dir);
    return n;
}

static void put_old_file(void)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, "old", 3), 3);
    close(fd);
}

static void assert_old_file(void)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_int_equal(files_in_folder(), 1);
    assert_true(written_has(fd, "old"));
    assert_int_equal(lseek(fd, 0, SEEK_END), 3);
    close(fd);
}

static void a_file_takes_the_place_of_the_old_one(void **state)
{
    struct stat stat;
    (void)state;
    assert_int_equal(rt_flight_recorder_start(NULL), 0);
    region("in the file");
    put_old_file();
    mode_t mask = umask(027);
    assert_int_equal(rt_flight_recorder_write_file(path), 0);
    umask(mask);
    rt_flight_recorder_stop();
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(written_has(fd, "in the file"));
    assert_int_equal(fstat(fd, &stat), 0);
    assert_int_equal(stat.st_mode & 0777, 0640);
    assert_int_equal(files_in_folder(), 1);
    close(fd);
}

static void a_file_may_have_a_name_without_a_folder(void **state)
{
    int here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    (void)state;
    unlink(path);
    assert_int_equal(chdir(folder), 0);
    assert_int_equal(rt_flight_recorder_start(NULL), 0);
    assert_int_equal(rt_flight_recorder_write_file("trace"), 0);
    rt_flight_recorder_stop();
    assert_int_equal(fchdir(here), 0);
    assert_int_equal(access(path, R_OK), 0);
    assert_int_equal(files_in_folder(), 1);
    close(here);
}

/* A disk that is full, as far as this process goes. */
static void a_file_that_cannot_be_written_whole_leaves_the_old_one(void **state)
{
    struct rlimit before, small;
    (void)state;
    put_old_file();
    assert_int_equal(rt_flight_recorder_start(NULL), 0);
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = (struct rlimit){.rlim_cur = 100, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    int result = rt_flight_recorder_write_file(path);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    rt_flight_recorder_stop();
    assert_int_equal(result, -EFBIG);
    assert_old_file();
}

static void a_file_that_cannot_be_put_in_its_place_leaves_nothing(void **state)
{
    char missing[96], inside[96];
    (void)state;
    put_old_file();
    assert_int_equal(rt_flight_recorder_start(NULL), 0);
    snprintf(missing, sizeof(missing), "%s/missing/trace", folder);
    assert_int_equal(rt_flight_recorder_write_file(missing), -ENOENT);
    assert_old_file();
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(inside, sizeof(inside), "%s/x", path);
    assert_int_equal(mkdir(inside, 0700), 0);
    assert_int_equal(rt_flight_recorder_write_file(path), -EISDIR);
    rt_flight_recorder_stop();
    assert_int_equal(files_in_folder(), 1);
    assert_int_equal(rmdir(inside), 0);
    assert_int_equal(rmdir(path), 0);
}

/* ---- fork ------------------------------------------------------------------------------------- */

static int in_child(void)
{
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (rt_flight_recorder_is_enabled() || rt_flight_recorder_write(null) != -EINVAL) {
        return 1;
    }
    if (rt_flight_recorder_start(NULL) != 0) {
        return 2;
    }
    region("of the child");
    int fd = written_new();
    if (rt__flight_write(fd, RT__TRACE_CHROME) != 0 || !written_has(fd, "of the child")) {
        return 3;
    }
    return written_has(fd, "of the parent") ? 4 : 0;
}

static void in_a_child_it_is_off_and_can_be_started(void **state)
{
    int status;
    (void)state;
    assert_int_equal(rt_flight_recorder_start(NULL), 0);
    region("of the parent");
    pid_t child = fork();
    if (child == 0) {
        _exit(in_child());
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    int fd = snapshot();
    rt_flight_recorder_stop();
    assert_true(written_has(fd, "of the parent"));
    assert_false(written_has(fd, "of the child"));
    close(fd);
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_on_from_start_to_stop),
        cmocka_unit_test(it_takes_10_mib_or_what_it_is_told_but_not_less_than_64_kib),
        cmocka_unit_test(a_snapshot_has_what_came_before_it_and_recording_goes_on),
        cmocka_unit_test(both_formats_can_be_written),
        cmocka_unit_test(what_is_older_than_the_age_is_left_out),
        cmocka_unit_test(what_was_recorded_before_it_was_started_is_left_out),
        cmocka_unit_test(a_window_begins_where_no_thread_has_lost_anything),
        cmocka_unit_test(a_snapshot_and_a_trace_are_in_nobodys_way),
        cmocka_unit_test(a_second_snapshot_at_the_same_time_is_refused),
        cmocka_unit_test(an_error_of_writing_is_told),
        cmocka_unit_test(a_file_takes_the_place_of_the_old_one),
        cmocka_unit_test(a_file_may_have_a_name_without_a_folder),
        cmocka_unit_test(a_file_that_cannot_be_written_whole_leaves_the_old_one),
        cmocka_unit_test(a_file_that_cannot_be_put_in_its_place_leaves_nothing),
        cmocka_unit_test(in_a_child_it_is_off_and_can_be_started),
    };
    signal(SIGPIPE, SIG_IGN);
    if (!mkdtemp(folder)) {
        return 1;
    }
    snprintf(path, sizeof(path), "%s/trace", folder);
    return cmocka_run_group_tests(tests, NULL, remove_folder);
}
