/* snapshot.c - who gets a snapshot of the flight recorder, and what is said of it on stderr. */
#include "app/snapshot/snapshot.h"

#include "cruntime.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* ---- a folder for the file, and a file for stderr -------------------------------------------- */

static char folder[] = "/tmp/snapshot-test.XXXXXX";
static char file[100], said_file[100];
static int real_stderr;
static struct snapshots *snapshots;
static struct snapshot_options options;

static void start(bool is_on, const char *name)
{
    struct failure err;

    snprintf(file, sizeof(file), "%s/%s", folder, name);
    options = (struct snapshot_options){.is_on = is_on, .file = file};
    if (snapshots_start(&options, &snapshots, &err) != 0)
        fail_msg("%s", err.text);
}

static int redirect(void **state)
{
    int fd;

    (void)state;
    strcpy(strrchr(folder, '.'), ".XXXXXX");
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(said_file, sizeof(said_file), "%s.said", folder);
    fd = open(said_file, O_RDWR | O_CREAT | O_EXCL | O_APPEND, 0600);
    real_stderr = dup(STDERR_FILENO);
    dup2(fd, STDERR_FILENO);
    close(fd);
    return 0;
}

static int restore(void **state)
{
    (void)state;
    dup2(real_stderr, STDERR_FILENO);
    close(real_stderr);
    unlink(said_file);
    unlink(file);
    return rmdir(folder); /* which fails if anything else was left there */
}

/* The bytes of a file, malloc'd, with a NUL behind; "" without one. */
static char *read_all(const char *path, size_t *len)
{
    FILE *from = fopen(path, "re");
    struct stat st;
    char *text = calloc(1, 1);

    *len = 0;
    if (from == NULL)
        return text;
    assert_int_equal(fstat(fileno(from), &st), 0);
    free(text);
    text = calloc(1, (size_t)st.st_size + 1);
    assert_non_null(text);
    *len = fread(text, 1, (size_t)st.st_size, from);
    fclose(from);
    return text;
}

static bool holds(const char *path, const char *part)
{
    size_t len;
    char *text = read_all(path, &len);
    bool found = memmem(text, len, part, strlen(part)) != NULL;

    free(text);
    return found;
}

/* Until stderr holds part. */
static void wait_for(const char *part)
{
    struct timespec pause = {.tv_nsec = 5000000};

    for (int i = 0; i < 12000 && !holds(said_file, part); i++)
        nanosleep(&pause, NULL);
    if (!holds(said_file, part))
        fail_msg("\"%s\" was not said", part);
}

static void assert_is_trace(void)
{
    size_t len;
    char *text = read_all(file, &len);

    assert_true(len > 16);
    assert_memory_equal(text, "go 1.22 trace", 13);
    free(text);
}

/* ---- writing --------------------------------------------------------------------------------- */

static void a_snapshot_is_a_trace_of_what_was_recorded(void **state)
{
    struct snapshot snapshot;
    struct stat st;

    (void)state;
    start(true, "trace");
    rt_trace_log("test", "something to find again");
    snapshot_write(snapshots, &snapshot);
    assert_int_equal(snapshot.status, SNAPSHOT_WRITTEN);
    assert_string_equal(snapshot.file, file);
    assert_int_equal(stat(file, &st), 0);
    assert_int_equal(snapshot.bytes, st.st_size);
    assert_is_trace();
    assert_true(holds(file, "something to find again"));
    snapshots_stop(snapshots);
    assert_false(rt_flight_recorder_is_enabled());
}

static void without_a_recorder_nothing_is_written(void **state)
{
    struct snapshot snapshot;

    (void)state;
    start(false, "trace");
    snapshot_write(snapshots, &snapshot);
    assert_int_equal(snapshot.status, SNAPSHOT_OFF);
    assert_string_equal(snapshot.why.text, "set \"flight_recorder\" to true in the configuration");
    assert_int_equal(access(file, F_OK), -1);
    snapshots_stop(snapshots);
}

static void a_file_that_cannot_be_written_is_named(void **state)
{
    struct snapshot snapshot;
    char expected[200];

    (void)state;
    start(true, "missing/trace");
    snapshot_write(snapshots, &snapshot);
    snprintf(expected, sizeof(expected), "%s: No such file or directory", file);
    assert_int_equal(snapshot.status, SNAPSHOT_FAILED);
    assert_string_equal(snapshot.why.text, expected);
    snapshots_stop(snapshots);
}

#define ASKERS 8

static void *log_and_write(void *arg)
{
    struct snapshot snapshot;

    rt_trace_log("test", arg);
    snapshot_write(snapshots, &snapshot);
    return (void *)(uintptr_t)snapshot.status;
}

/* A snapshot that began before an asker's log would lack it. */
static void of_many_who_ask_at_once_everyone_gets_what_happened_before_he_asked(void **state)
{
    char texts[ASKERS][32];
    pthread_t threads[ASKERS];

    (void)state;
    start(true, "trace");
    for (int i = 0; i < ASKERS; i++) {
        snprintf(texts[i], sizeof(texts[i]), "from asker number %d.", i);
        assert_int_equal(rt_thread_start(&threads[i], NULL, "asker", log_and_write, texts[i]), 0);
    }
    for (int i = 0; i < ASKERS; i++) {
        void *status;

        pthread_join(threads[i], &status);
        assert_int_equal((uintptr_t)status, SNAPSHOT_WRITTEN);
    }
    for (int i = 0; i < ASKERS; i++)
        assert_true(holds(file, texts[i]));
    snapshots_stop(snapshots);
}

/* ---- being told to --------------------------------------------------------------------------- */

static void a_signal_has_one_written_each_time(void **state)
{
    char line[200];
    struct stat st;

    (void)state;
    start(true, "trace");
    for (int i = 0; i < 2; i++) {
        assert_int_equal(ftruncate(STDERR_FILENO, 0), 0);
        raise(SIGUSR2);
        wait_for(" bytes)\n");
        assert_int_equal(stat(file, &st), 0);
        snprintf(line, sizeof(line), "wrote %s (%lld bytes)\n", file, (long long)st.st_size);
        assert_true(holds(said_file, line));
        assert_is_trace();
    }
    snapshots_stop(snapshots);
}

static void a_signal_without_a_recorder_is_answered_with_the_reason(void **state)
{
    (void)state;
    start(false, "trace");
    raise(SIGUSR2);
    wait_for("the flight recorder is off: set \"flight_recorder\" to true in the configuration\n");
    snapshots_stop(snapshots);
}

static void a_signal_after_the_end_is_ignored(void **state)
{
    (void)state;
    start(true, "trace");
    snapshots_stop(snapshots);
    raise(SIGUSR2);
    assert_false(holds(said_file, "trace"));
}

static void a_slow_request_has_one_written_but_the_next_one_not_before_ten_seconds(void **state)
{
    (void)state;
    start(true, "trace");
    snapshot_after_slow(snapshots, "GET /slow", 1234);
    snapshot_after_slow(snapshots, "GET /slower", 5678);
    wait_for(" bytes)\n");
    assert_true(holds(said_file, "slow request: GET /slow took 1234 ms; wrote "));
    assert_is_trace();
    raise(SIGUSR2); /* is answered after all that was asked for before */
    wait_for(" bytes)\nwrote ");
    assert_false(holds(said_file, "slower"));
    snapshots_stop(snapshots);
}

static void why_the_file_of_a_slow_request_is_missing_is_said(void **state)
{
    (void)state;
    start(true, "missing/trace");
    snapshot_after_slow(snapshots, "GET /slow", 7);
    wait_for("slow request: GET /slow took 7 ms; cannot write a snapshot: ");
    wait_for("missing/trace: No such file or directory\n");
    snapshots_stop(snapshots);
}

static void what_was_asked_for_before_the_end_is_written(void **state)
{
    (void)state;
    start(true, "trace");
    raise(SIGUSR2);
    snapshots_stop(snapshots);
    assert_true(holds(said_file, " bytes)\n"));
    assert_is_trace();
}

#define in_folder(test) cmocka_unit_test_setup_teardown(test, redirect, restore)

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_folder(a_snapshot_is_a_trace_of_what_was_recorded),
        in_folder(without_a_recorder_nothing_is_written),
        in_folder(a_file_that_cannot_be_written_is_named),
        in_folder(of_many_who_ask_at_once_everyone_gets_what_happened_before_he_asked),
        in_folder(a_signal_has_one_written_each_time),
        in_folder(a_signal_without_a_recorder_is_answered_with_the_reason),
        in_folder(a_signal_after_the_end_is_ignored),
        in_folder(a_slow_request_has_one_written_but_the_next_one_not_before_ten_seconds),
        in_folder(why_the_file_of_a_slow_request_is_missing_is_said),
        in_folder(what_was_asked_for_before_the_end_is_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
