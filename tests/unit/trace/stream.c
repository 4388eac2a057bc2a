/* stream.c - a whole trace: what is in it, who may take one, and what is left when it has ended or failed. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <cmocka.h>
#include "runtime/trace/trace.h"
#include "runtime/cruntime.h"
#include "runtime/trace/chunk.h"
#include "tests/unit/trace/written.h"

#if defined(__SANITIZE_THREAD__)
#define WITH_TSAN
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define WITH_TSAN
#endif
#endif

static void begin(int fd, enum rt__trace_format format)
{
    assert_int_equal(rt__trace_begin(fd, format), 0);
}

static void end(void)
{
    assert_int_equal(rt__trace_end(), 0);
}

static void region(const char *name)
{
    rt_trace_region_begin(name);
    rt_trace_region_end();
}

/* ---- what is in it ---------------------------------------------------------------------------- */

static void what_happens_between_begin_and_end_is_in_the_trace_and_nothing_else(void **state)
{
    static const enum rt__trace_format formats[] = {RT__TRACE_GO, RT__TRACE_CHROME};
    (void)state;
    for (int i = 0; i < 2; i++) {
        int fd = written_new();
        region("before the begin");
        begin(fd, formats[i]);
        rt_task task = rt_trace_task_begin("one task", 0);
        region("between the two");
        rt_trace_log("a category", "a message");
        rt_trace_task_end(task);
        end();
        region("after the end");
        assert_true(written_has(fd, "one task"));
        assert_true(written_has(fd, "between the two"));
        assert_true(written_has(fd, "a category"));
        assert_true(written_has(fd, "a message"));
        assert_false(written_has(fd, "before the begin"));
        assert_false(written_has(fd, "after the end"));
        close(fd);
    }
}

static void gos_format_and_chromes_begin_as_their_readers_expect(void **state)
{
    size_t len;
    int fd = written_new();
    (void)state;
    assert_int_equal(rt_trace_start(fd), 0);
    assert_int_equal(rt_trace_stop(), 0);
    char *text = written_text(fd, &len);
    assert_true(len > 16);
    assert_memory_equal(text, "go 1.22 trace\0\0\0", 16);
    free(text);
    close(fd);
    fd = written_new();
    begin(fd, RT__TRACE_CHROME);
    end();
    text = written_text(fd, &len);
    assert_true(text[0] == '{' || text[0] == '[');
    free(text);
    close(fd);
}

static void recording_is_on_between_begin_and_end(void **state)
{
    int fd = written_new();
    (void)state;
    assert_false(rt_trace_is_enabled());
    begin(fd, RT__TRACE_GO);
    assert_true(rt_trace_is_enabled());
    end();
    assert_false(rt_trace_is_enabled());
    assert_int_equal(rt__chunks_most_bytes(), 0);
    close(fd);
}

#define LOGGERS 4
#define LOGS 5000

static void *log_much(void *name)
{
    for (int i = 0; i < LOGS; i++) {
        rt_trace_logf("much", "%s log %d.", (const char *)name, i);
    }
    return NULL;
}

/* Chunks are filled, written and taken again meanwhile. */
static void threads_that_record_much_lose_nothing(void **state)
{
    static char *const names[LOGGERS] = {"first", "second", "third", "fourth"};
    pthread_t threads[LOGGERS];
    int fd = written_new();
    (void)state;
    begin(fd, RT__TRACE_CHROME);
    for (int i = 0; i < LOGGERS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, log_much, names[i]), 0);
    }
    for (int i = 0; i < LOGGERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    end();
    for (int i = 0; i < LOGGERS; i++) {
        char words[32];
        snprintf(words, sizeof(words), "%s log ", names[i]);
        assert_int_equal(written_count(fd, words), LOGS);
        snprintf(words, sizeof(words), "%s log %d.", names[i], LOGS - 1);
        assert_int_equal(written_count(fd, words), 1);
    }
    close(fd);
}

static void *live_shortly(void *arg)
{
    (void)arg;
    pthread_setname_np(pthread_self(), "short life");
    region("of a short life");
    return NULL;
}

static void threads_that_have_ended_are_in_the_trace_too(void **state)
{
    int fd = written_new();
    (void)state;
    begin(fd, RT__TRACE_CHROME);
    for (int i = 0; i < 100; i++) {
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, live_shortly, NULL), 0);
        assert_int_equal(pthread_join(thread, NULL), 0);
    }
    end();
    assert_true(written_count(fd, "of a short life") >= 100);
    close(fd);
}

static void cycles_are_in_the_trace(void **state)
{
    int fd = written_new();
    (void)state;
    rt_gc();
    begin(fd, RT__TRACE_CHROME);
    rt_gc();
    rt_gc();
    end();
    assert_true(written_has(fd, "GC"));
    close(fd);
}

/* ---- who may ---------------------------------------------------------------------------------- */

static void there_is_one_trace_at_a_time(void **state)
{
    int fd = written_new(), other = written_new();
    (void)state;
    assert_int_equal(rt__trace_end(), -EINVAL);
    begin(fd, RT__TRACE_GO);
    assert_int_equal(rt__trace_begin(other, RT__TRACE_GO), -EBUSY);
    assert_int_equal(rt_trace_start(other), -EBUSY);
    end();
    assert_int_equal(rt_trace_stop(), -EINVAL);
    assert_int_equal(lseek(other, 0, SEEK_END), 0);
    close(fd);
    close(other);
}

static void another_thread_may_end_it(void **state)
{
    int fd = written_new();
    (void)state;
    for (int i = 0; i < 5; i++) {
        begin(fd, RT__TRACE_GO);
        pthread_t thread;
        void *error = (void *)-1;
        void *(*ends)(void *) = (void *(*)(void *))(void (*)(void))rt__trace_end;
        assert_int_equal(pthread_create(&thread, NULL, ends, NULL), 0);
        assert_int_equal(pthread_join(thread, &error), 0);
        assert_int_equal(rt__trace_end(), -EINVAL);
    }
    close(fd);
}

/* ---- failing ---------------------------------------------------------------------------------- */

static void an_error_of_writing_ends_recording_at_once_and_is_told_at_the_end(void **state)
{
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    double deadline = now_s() + 60;
    (void)state;
    assert_true(full >= 0);
    begin(full, RT__TRACE_CHROME);
    while (rt_trace_is_enabled() && now_s() < deadline) {
        rt_trace_log("much", "of what fills buffers");
    }
    assert_false(rt_trace_is_enabled());
    assert_int_equal(rt__trace_begin(full, RT__TRACE_GO), -EBUSY);
    assert_int_equal(rt__trace_end(), -ENOSPC);
    assert_int_equal(rt__chunks_most_bytes(), 0);
    close(full);
    int fd = written_new();
    begin(fd, RT__TRACE_CHROME);
    region("after a failure");
    end();
    assert_true(written_has(fd, "after a failure"));
    close(fd);
}

static void an_error_of_the_last_write_is_told_too(void **state)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    (void)state;
    begin(fd, RT__TRACE_GO);
    assert_int_equal(rt__trace_end(), -EBADF);
    close(fd);
}

/* ---- fork ------------------------------------------------------------------------------------- */

static int in_child(void)
{
    if (rt_trace_is_enabled()) {
        return 1;
    }
    if (rt__trace_end() != -EINVAL) {
        return 2;
    }
#ifdef WITH_TSAN /* lets a child start no threads */
    return 0;
#else
    int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (rt__trace_begin(fd, RT__TRACE_GO) != 0) {
        return 3;
    }
    region("of the child");
    return rt__trace_end() == 0 ? 0 : 4;
#endif
}

static void a_child_takes_no_part_in_its_parents_trace_and_may_take_its_own(void **state)
{
    int fd = written_new(), status;
    (void)state;
    begin(fd, RT__TRACE_CHROME);
    region("of the parent");
    pid_t child = fork();
    if (child == 0) {
        _exit(in_child());
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    end();
    assert_true(written_has(fd, "of the parent"));
    assert_false(written_has(fd, "of the child"));
    close(fd);
}

/* Whoever looks names up waits for others who do: one that waited for the end of a trace could not end it. */
static void a_profile_can_be_written_by_the_thread_that_is_to_end_the_trace(void **state)
{
    int fd = written_new(), null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    struct stat stat = {0};
    double deadline = now_s() + 60;
    (void)state;
    begin(fd, RT__TRACE_CHROME);
    while (stat.st_size == 0 && now_s() < deadline) { /* then names have been looked up */
        region("many of these");
        assert_int_equal(fstat(fd, &stat), 0);
    }
    assert_true(stat.st_size > 0);
    assert_int_equal(rt_profile_write("heap", 0, null), 0);
    end();
    close(null);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_happens_between_begin_and_end_is_in_the_trace_and_nothing_else),
        cmocka_unit_test(gos_format_and_chromes_begin_as_their_readers_expect),
        cmocka_unit_test(recording_is_on_between_begin_and_end),
        cmocka_unit_test(threads_that_record_much_lose_nothing),
        cmocka_unit_test(threads_that_have_ended_are_in_the_trace_too),
        cmocka_unit_test(cycles_are_in_the_trace),
        cmocka_unit_test(there_is_one_trace_at_a_time),
        cmocka_unit_test(another_thread_may_end_it),
        cmocka_unit_test(an_error_of_writing_ends_recording_at_once_and_is_told_at_the_end),
        cmocka_unit_test(an_error_of_the_last_write_is_told_too),
        cmocka_unit_test(a_profile_can_be_written_by_the_thread_that_is_to_end_the_trace),
        cmocka_unit_test(a_child_takes_no_part_in_its_parents_trace_and_may_take_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
