/* chrome_writer.c - moments as Chrome's trace events, by their text.
 *
 * With arguments it is a program that writes made-up traces for tests/e2e/test_chrome_validator.py:
 *   chrome_writer FILE              every kind of moment
 *   chrome_writer FILE SEED COUNT   so many moments of threads that come and go
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>
#include "moments.h"
#include "runtime/cruntime.h"
#include "runtime/os/os.h"
#include "written.h"

struct trace {
    int fd;
    struct rt__out out;
    struct teller t;
};

static struct rt__writing writing_to(struct rt__out *out)
{
    return (struct rt__writing){.out = out, .find = made_up_places, .from_ns = FROM, .origin_ns = FROM, .procs = 4};
}

static void begin(struct trace *trace)
{
    trace->fd = memfd_create("trace", MFD_CLOEXEC);
    assert_true(trace->fd >= 0);
    rt__out_begin(&trace->out, trace->fd);
    trace->t.ns = FROM;
    struct rt__writing w = writing_to(&trace->out);
    trace->t.writer = rt__chrome_writer_new(&w);
    assert_non_null(trace->t.writer);
}

/* The trace's events, a line each, as one text with PID for the process's number; the caller frees it. */
static char *finish_with(struct trace *trace, const struct rt__timeline_losses *losses)
{
    char pid[32], *text, *from;
    size_t len;
    trace->t.writer->finish(trace->t.writer, trace->t.ns, losses);
    trace->t.writer->free(trace->t.writer);
    assert_int_equal(rt__out_end(&trace->out), 0);
    text = written_text(trace->fd, &len);
    close(trace->fd);
    snprintf(pid, sizeof pid, "\"pid\":%d,", (int)getpid());
    for (from = text; (from = strstr(from, pid)) != NULL;) {
        memmove(from, from + strlen(pid), strlen(from + strlen(pid)) + 1);
    }
    return text;
}

static char *finish(struct trace *trace)
{
    return finish_with(trace, &(struct rt__timeline_losses){0});
}

/* The lines that come after those of the trace's and the thread's name, in order. */
static void assert_events(char *text, const char *want)
{
    char *from = strstr(text, "\"thread_sort_index\"");
    assert_non_null(from);
    from = strchr(from, '\n') + 1;
    char *to = strstr(from, "\n],\"otherData\"");
    assert_non_null(to);
    to[0] = '\0';
    assert_string_equal(from, want);
    free(text);
}

static void assert_has(const char *text, const char *part)
{
    if (strstr(text, part) == NULL) {
        print_error("no %s in %s\n", part, text);
        fail();
    }
}

#define STACK_OF(frame) "\"stack\":[\"" frame "\",\"main (/src/threads.c:7)\"]"

/* ---- the file ---- */

static void a_trace_of_nothing_has_the_process_and_its_losses(void **state)
{
    (void)state;
    struct trace trace;
    begin(&trace);
    trace.t.ns += 1500;
    char *text = finish_with(&trace, &(struct rt__timeline_losses){.events = 12, .gaps = 3});
    char want[512];
    snprintf(want, sizeof want,
             "{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n"
             "{\"ph\":\"M\",\"tid\":%d,\"name\":\"process_name\",\"args\":{\"name\":\"%s\"}}\n"
             "],\"otherData\":{\"source\":\"cruntime " RT_VERSION "\",\"cmaxprocs\":4,\"duration_ns\":1500,"
             "\"lost_events\":12,\"lost_chunks\":3,\"is_whole\":false}}\n",
             (int)getpid(), program_invocation_short_name);
    assert_string_equal(text, want);
    free(text);
}

static void a_trace_without_losses_is_whole(void **state)
{
    (void)state;
    struct trace trace;
    begin(&trace);
    char *text = finish(&trace);
    assert_has(text, "\"lost_events\":0,\"lost_chunks\":0,\"is_whole\":true}");
    free(text);
}

static void a_write_that_fails_is_the_outs_error(void **state)
{
    (void)state;
    int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    struct rt__out out;
    rt__out_begin(&out, fd);
    struct rt__writing w = writing_to(&out);
    struct rt__writer *writer = rt__chrome_writer_new(&w);
    tell_random(writer, 1, 50000);
    writer->free(writer);
    assert_int_equal(rt__out_end(&out), -ENOSPC);
    close(fd);
}

/* ---- threads ---- */

static void names_of_thread(const char *name, uintptr_t fn, const char *want)
{
    struct trace trace;
    struct rt__track track = made_up_track(3, 0, 77, fn, name);
    begin(&trace);
    TELL(&trace.t, &track, EXISTS_RUNNING);
    char *text = finish(&trace), line[256];
    snprintf(line, sizeof line, "{\"ph\":\"M\",\"tid\":77,\"name\":\"thread_name\",\"args\":{\"name\":\"%s\"}}", want);
    assert_has(text, line);
    assert_has(text, "{\"ph\":\"M\",\"tid\":77,\"name\":\"thread_sort_index\",\"args\":{\"sort_index\":3}}");
    free(text);
}

static void a_thread_has_its_name_or_that_of_its_function(void **state)
{
    (void)state;
    names_of_thread("looper", WORKER_FN, "looper");
    names_of_thread("", WORKER_FN, "worker_loop");
    names_of_thread("", 0, "thread");
}

static void a_name_inherited_from_the_program_gives_way_to_the_function(void **state)
{
    (void)state;
    char inherited[16];
    snprintf(inherited, sizeof inherited, "%s", program_invocation_short_name);
    names_of_thread(inherited, WORKER_FN, "worker_loop");
    names_of_thread(inherited, 0, inherited);
}

static void a_name_that_changes_is_told_again(void **state)
{
    (void)state;
    struct trace trace;
    struct rt__track track = made_up_track(3, 0, 77, WORKER_FN, "early");
    begin(&trace);
    TELL(&trace.t, &track, EXISTS_RUNNING);
    snprintf(track.name, sizeof track.name, "late");
    TELL(&trace.t, &track, REGION_END, .name = "r");
    assert_events(finish(&trace), "{\"ph\":\"M\",\"tid\":77,\"name\":\"thread_name\",\"args\":{\"name\":\"late\"}}");
}

static void a_thread_that_is_created_could_run_then_runs_and_ends(void **state)
{
    (void)state;
    struct trace trace;
    struct rt__track track = made_up_track(3, 0, 77, MAIN_FN, "t");
    begin(&trace);
    TELL(&trace.t, &track, CREATED, .stack = AT_SPAWN);
    trace.t.ns += 2001;
    TELL(&trace.t, &track, RUN);
    trace.t.ns += MS;
    TELL(&trace.t, &track, END);
    assert_events(finish(&trace),
                  "{\"ph\":\"i\",\"tid\":77,\"ts\":0.000,\"cat\":\"thread\",\"s\":\"t\",\"name\":\"thread created\","
                  "\"args\":{\"stack\":[\"spawn (/src/made_up.c:40)\"]}},\n"
                  "{\"ph\":\"X\",\"tid\":77,\"ts\":0.000,\"cat\":\"sched\",\"name\":\"runnable\",\"dur\":2.001},\n"
                  "{\"ph\":\"i\",\"tid\":77,\"ts\":1002.001,\"cat\":\"thread\",\"s\":\"t\",\"name\":\"thread ended\"}");
}

static void a_thread_with_the_tid_of_one_before_has_a_number_of_its_own(void **state)
{
    (void)state;
    struct trace trace;
    struct rt__track first = made_up_track(3, 0, 77, MAIN_FN, "a"), second = made_up_track(4, 0, 77, MAIN_FN, "b");
    begin(&trace);
    TELL(&trace.t, &first, EXISTS_RUNNING);
    TELL(&trace.t, &first, END);
    TELL(&trace.t, &second, CREATED);
    char *text = finish(&trace);
    assert_has(text, "\"tid\":77,\"name\":\"thread_name\",\"args\":{\"name\":\"a\"}");
    assert_has(text, "\"tid\":1073741828,\"name\":\"thread_name\",\"args\":{\"name\":\"b\"}");
    free(text);
}

static void a_wait_is_a_slice_with_its_stack_and_what_follows_until_it_runs_another(void **state)
{
    (void)state;
    struct trace trace;
    struct rt__track track = made_up_track(3, 0, 77, MAIN_FN, "t");
    begin(&trace);
    TELL(&trace.t, &track, EXISTS_RUNNING);
    trace.t.ns += 1;
    tell_wait(&trace.t, &track, RT__BLOCK_MUTEX, AT_LOCK);
    assert_events(
        finish(&trace),
        "{\"ph\":\"X\",\"tid\":77,\"ts\":0.001,\"cat\":\"block\",\"name\":\"blocked: mutex\",\"dur\":1000.000,"
        "\"args\":{" STACK_OF("lock_table (/src/made_up.c:20)") "}},\n"
                                                                "{\"ph\":\"X\",\"tid\":77,\"ts\":1000.001,\"cat\":"
                                                                "\"sched\",\"name\":\"runnable\",\"dur\":50.000}");
}

static void one_that_waits_all_the_time_shows_from_begin_to_end(void **state)
{
    (void)state;
    struct trace trace;
    struct rt__track track = made_up_track(3, 0, 77, MAIN_FN, "t");
    begin(&trace);
    TELL(&trace.t, &track, EXISTS_WAITING, .reason = RT__BLOCK_NETWORK);
    trace.t.ns += 5;
    assert_events(
        finish(&trace),
        "{\"ph\":\"X\",\"tid\":77,\"ts\":0.000,\"cat\":\"block\",\"name\":\"blocked: network\",\"dur\":0.005}");
}

static void each_reason_has_a_word(void **state)
{
    (void)state;
    static const char *const words[RT__BLOCK_REASONS] = {
        "blocked: network",   "blocked: mutex", "blocked: condition", "blocked: rwlock",
        "blocked: semaphore", "blocked: sleep", "blocked: file",      "idle"};
    struct trace trace;
    struct rt__track track = made_up_track(3, 0, 77, MAIN_FN, "t");
    begin(&trace);
    TELL(&trace.t, &track, EXISTS_RUNNING);
    for (int reason = 0; reason < RT__BLOCK_REASONS; reason++) {
        tell_wait(&trace.t, &track, (enum rt__block)reason, AT_LOCK);
    }
    char *text = finish(&trace);
    for (int reason = 0; reason < RT__BLOCK_REASONS; reason++) {
        char name[64];
        snprintf(name, sizeof name, "\"name\":\"%s\",\"dur\":", words[reason]);
        assert_has(text, name);
    }
    free(text);
}

/* ---- what programs record ---- */

static void regions_begin_and_end_and_those_from_before_are_passed_over(void **state)
{
    (void)state;
    struct trace trace;
    struct rt__track track = made_up_track(3, 0, 77, MAIN_FN, "t");
    begin(&trace);
    TELL(&trace.t, &track, EXISTS_RUNNING);
    TELL(&trace.t, &track, REGION_END, .name = "old");
    TELL(&trace.t, &track, REGION_BEGIN, .task = 255, .name = "parse", .stack = AT_SPAWN);
    trace.t.ns += 10;
    TELL(&trace.t, &track, REGION_END, .task = 255, .name = "parse", .stack = AT_SPAWN);
    assert_events(finish(&trace),
                  "{\"ph\":\"B\",\"tid\":77,\"ts\":0.000,\"cat\":\"region\",\"name\":\"parse\",\"args\":{"
                  "\"task\":\"0xff\"," STACK_OF("spawn (/src/made_up.c:40)") "}},\n"
                                                                             "{\"ph\":\"E\",\"tid\":77,\"ts\":0.010}");
}

static void what_is_open_ends_with_the_thread_or_the_trace(void **state)
{
    (void)state;
    struct trace trace;
    struct rt__track one = made_up_track(3, 0, 77, 0, "t"), other = made_up_track(4, 1, 78, 0, "u");
    begin(&trace);
    TELL(&trace.t, &one, EXISTS_RUNNING);
    TELL(&trace.t, &one, REGION_BEGIN, .name = "a");
    TELL(&trace.t, &one, REGION_BEGIN, .name = "b");
    TELL(&trace.t, &other, EXISTS_RUNNING);
    TELL(&trace.t, &other, REGION_BEGIN, .name = "c");
    TELL(&trace.t, &other, TASK_BEGIN, .task = 9, .name = "d");
    trace.t.ns += 1000;
    TELL(&trace.t, &one, END);
    trace.t.ns += 1000;
    char *text = finish(&trace);
    assert_has(text, "{\"ph\":\"E\",\"tid\":77,\"ts\":1.000},\n{\"ph\":\"E\",\"tid\":77,\"ts\":1.000},\n");
    assert_has(text, "{\"ph\":\"E\",\"tid\":78,\"ts\":2.000}");
    assert_has(text, "{\"ph\":\"e\",\"tid\":78,\"ts\":2.000,\"cat\":\"task\",\"name\":\"d\",\"id\":\"0x9\"}");
    free(text);
}

static void tasks_are_asynchronous_and_know_their_parent(void **state)
{
    (void)state;
    struct trace trace;
    struct rt__track track = made_up_track(3, 0, 77, 0, "t");
    begin(&trace);
    TELL(&trace.t, &track, EXISTS_RUNNING);
    TELL(&trace.t, &track, TASK_BEGIN, .task = 8, .parent = 7, .name = "query");
    trace.t.ns += 10;
    TELL(&trace.t, &track, TASK_END, .task = 8);
    assert_events(finish(&trace),
                  "{\"ph\":\"b\",\"tid\":77,\"ts\":0.000,\"cat\":\"task\",\"name\":\"query\",\"id\":\"0x8\","
                  "\"args\":{\"parent\":\"0x7\"}},\n"
                  "{\"ph\":\"e\",\"tid\":77,\"ts\":0.010,\"cat\":\"task\",\"name\":\"query\",\"id\":\"0x8\"}");
}

static void a_task_may_be_heard_to_end_before_it_is_heard_to_begin(void **state)
{
    (void)state;
    struct trace trace;
    struct rt__track one = made_up_track(3, 0, 77, 0, "t"), other = made_up_track(3, 0, 78, 0, "u");
    begin(&trace);
    TELL(&trace.t, &one, EXISTS_RUNNING);
    trace.t.ns += 30;
    TELL(&trace.t, &one, TASK_END, .task = 8);
    TELL(&trace.t, &one, TASK_END, .task = 9); /* this one began before the trace */
    trace.t.ns -= 20;
    TELL(&trace.t, &other, EXISTS_RUNNING);
    TELL(&trace.t, &other, TASK_BEGIN, .task = 8, .name = "query");
    trace.t.ns += 90;
    char *text = finish(&trace);
    assert_has(text, "{\"ph\":\"b\",\"tid\":78,\"ts\":0.010,\"cat\":\"task\",\"name\":\"query\",\"id\":\"0x8\"},\n"
                     "{\"ph\":\"e\",\"tid\":77,\"ts\":0.030,\"cat\":\"task\",\"name\":\"query\",\"id\":\"0x8\"}\n");
    assert_null(strstr(text, "\"0x9\""));
    free(text);
}

static void a_log_is_a_mark_on_its_task_or_on_the_thread(void **state)
{
    (void)state;
    struct trace trace;
    struct rt__track track = made_up_track(3, 0, 77, 0, "t");
    begin(&trace);
    TELL(&trace.t, &track, EXISTS_RUNNING);
    TELL(&trace.t, &track, LOG, .task = 8, .name = "status", .text = "200 OK, and more", .len = 6);
    TELL(&trace.t, &track, LOG, .name = "", .text = "", .len = 0, .stack = RT__REF_SITE | AT_SPAWN);
    assert_events(finish(&trace),
                  "{\"ph\":\"n\",\"tid\":77,\"ts\":0.000,\"cat\":\"task\",\"id\":\"0x8\",\"name\":\"status\","
                  "\"args\":{\"message\":\"200 OK\"}},\n"
                  "{\"ph\":\"i\",\"tid\":77,\"ts\":0.000,\"cat\":\"log\",\"s\":\"t\",\"name\":\"\","
                  "\"args\":{\"message\":\"\",\"stack\":[\"spawn (/src/made_up.c:40)\"]}}");
}

/* ---- what the runtime tells ---- */

static void the_heap_has_two_counters(void **state)
{
    (void)state;
    struct trace trace;
    struct rt__track track = made_up_track(3, 0, 77, 0, "t");
    begin(&trace);
    TELL(&trace.t, &track, EXISTS_RUNNING);
    TELL(&trace.t, &track, HEAP_ALLOC, .value = UINT64_MAX);
    TELL(&trace.t, &track, HEAP_GOAL, .value = 0);
    assert_events(
        finish(&trace),
        "{\"ph\":\"C\",\"tid\":77,\"ts\":0.000,\"cat\":\"heap\",\"name\":\"heap allocated\","
        "\"args\":{\"bytes\":18446744073709551615}},\n"
        "{\"ph\":\"C\",\"tid\":77,\"ts\":0.000,\"cat\":\"heap\",\"name\":\"heap goal\",\"args\":{\"bytes\":0}}");
}

static void cycles_are_slices_on_a_track_of_their_own_with_nothing_between_them(void **state)
{
    (void)state;
    struct trace trace;
    struct rt__track collector = made_up_track(RT__TRACK_COLLECTOR, RT__SLOT_COLLECTOR, RT__TID_COLLECTOR, 0, "gc");
    begin(&trace);
    TELL(&trace.t, &collector, EXISTS_WAITING, .reason = RT__BLOCK_SLEEP);
    trace.t.ns += 1000;
    tell_cycle(&trace.t, &collector, 41);
    char *text = finish(&trace);
    assert_has(text, "\"tid\":4194304,\"name\":\"thread_name\",\"args\":{\"name\":\"collector (cycles)\"}");
    assert_events(
        text, "{\"ph\":\"B\",\"tid\":4194304,\"ts\":1.000,\"cat\":\"gc\",\"name\":\"GC\",\"args\":{\"cycle\":41}},\n"
              "{\"ph\":\"B\",\"tid\":4194304,\"ts\":1.000,\"cat\":\"gc\",\"name\":\"stop-the-world\"},\n"
              "{\"ph\":\"E\",\"tid\":4194304,\"ts\":1001.000},\n"
              "{\"ph\":\"E\",\"tid\":4194304,\"ts\":1251.000}");
}

static void a_sample_is_named_by_its_innermost_function(void **state)
{
    (void)state;
    struct trace trace;
    struct rt__track track = made_up_track(3, 0, 77, 0, "t");
    begin(&trace);
    TELL(&trace.t, &track, EXISTS_RUNNING);
    TELL(&trace.t, &track, SAMPLE, .stack = AT_SPIN);
    TELL(&trace.t, &track, SAMPLE, .stack = 0);
    assert_events(finish(&trace),
                  "{\"ph\":\"i\",\"tid\":77,\"ts\":0.000,\"cat\":\"cpu\",\"s\":\"t\",\"name\":\"spin_inline\",\"args\":"
                  "{\"stack\":[\"spin_inline (/src/made_up.c:50)\",\"spin (/src/made_up.c:51)\"]}},\n"
                  "{\"ph\":\"i\",\"tid\":77,\"ts\":0.000,\"cat\":\"cpu\",\"s\":\"t\",\"name\":\"unknown\"}");
}

static void a_moment_from_before_the_begin_is_put_there(void **state)
{
    (void)state;
    struct trace trace;
    struct rt__track track = made_up_track(3, 0, 77, 0, "t");
    begin(&trace);
    TELL(&trace.t, &track, EXISTS_RUNNING);
    trace.t.ns = FROM - 1000;
    TELL(&trace.t, &track, WAITING, .reason = RT__BLOCK_SLEEP);
    trace.t.ns = FROM + 5;
    TELL(&trace.t, &track, UNBLOCK);
    assert_events(finish(&trace),
                  "{\"ph\":\"X\",\"tid\":77,\"ts\":0.000,\"cat\":\"block\",\"name\":\"blocked: sleep\",\"dur\":0.005}");
}

static void times_count_from_the_origin(void **state)
{
    (void)state;
    struct trace trace;
    struct rt__track track = made_up_track(3, 0, 77, 0, "t");
    begin(&trace);
    trace.t.writer->writing.origin_ns = FROM - 3 * MS;
    TELL(&trace.t, &track, EXISTS_RUNNING);
    trace.t.ns += 7;
    TELL(&trace.t, &track, REGION_BEGIN, .name = "r");
    char *text = finish(&trace);
    assert_has(text, "{\"ph\":\"B\",\"tid\":77,\"ts\":3000.007,");
    free(text);
}

/* ---- a stack's text is made once ---- */

static unsigned finds;

static size_t count_finds(struct rt__places *p, const struct rt__timeline *tl, uint32_t ref, uintptr_t start_fn,
                          struct rt__place *out, size_t max)
{
    finds++;
    return made_up_places(p, tl, ref, start_fn, out, max);
}

static void a_stack_is_looked_up_once_for_each_function_of_a_thread_and_a_site_once(void **state)
{
    (void)state;
    struct trace trace;
    struct rt__track tracks[] = {made_up_track(3, 0, 77, MAIN_FN, "t"), made_up_track(4, 1, 78, WORKER_FN, "u")};
    begin(&trace);
    trace.t.writer->writing.find = count_finds;
    finds = 0;
    for (unsigned i = 0; i < 100; i++) {
        if (i < 2) {
            TELL(&trace.t, &tracks[i], EXISTS_RUNNING);
        }
        TELL(&trace.t, &tracks[i % 2], LOG, .name = "n", .text = "", .stack = AT_LOCK);
        TELL(&trace.t, &tracks[i % 2], LOG, .name = "n", .text = "", .stack = RT__REF_SITE | AT_LOCK);
    }
    assert_int_equal(finds, 3);
    free(finish(&trace));
}

/* ---- files for the validator ---- */

static int write_file(const char *path, const char *seed, const char *count)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0) {
        perror(path);
        return 1;
    }
    struct rt__out out;
    rt__out_begin(&out, fd);
    struct rt__writing writing = writing_to(&out);
    struct rt__writer *w = rt__chrome_writer_new(&writing);
    uint64_t begun = rt__os_now_ns();
    if (seed == NULL) {
        tell_everything(w);
    } else {
        tell_random(w, strtoull(seed, NULL, 10), strtoull(count, NULL, 10));
        printf("%.1f ns a moment\n", (double)(rt__os_now_ns() - begun) / strtod(count, NULL));
    }
    w->free(w);
    int error = rt__out_end(&out);
    close(fd);
    return error != 0;
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        return write_file(argv[1], argc > 3 ? argv[2] : NULL, argc > 3 ? argv[3] : NULL);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_trace_of_nothing_has_the_process_and_its_losses),
        cmocka_unit_test(a_trace_without_losses_is_whole),
        cmocka_unit_test(a_write_that_fails_is_the_outs_error),
        cmocka_unit_test(a_thread_has_its_name_or_that_of_its_function),
        cmocka_unit_test(a_name_inherited_from_the_program_gives_way_to_the_function),
        cmocka_unit_test(a_name_that_changes_is_told_again),
        cmocka_unit_test(a_thread_that_is_created_could_run_then_runs_and_ends),
        cmocka_unit_test(a_thread_with_the_tid_of_one_before_has_a_number_of_its_own),
        cmocka_unit_test(a_wait_is_a_slice_with_its_stack_and_what_follows_until_it_runs_another),
        cmocka_unit_test(one_that_waits_all_the_time_shows_from_begin_to_end),
        cmocka_unit_test(each_reason_has_a_word),
        cmocka_unit_test(regions_begin_and_end_and_those_from_before_are_passed_over),
        cmocka_unit_test(what_is_open_ends_with_the_thread_or_the_trace),
        cmocka_unit_test(tasks_are_asynchronous_and_know_their_parent),
        cmocka_unit_test(a_task_may_be_heard_to_end_before_it_is_heard_to_begin),
        cmocka_unit_test(a_log_is_a_mark_on_its_task_or_on_the_thread),
        cmocka_unit_test(the_heap_has_two_counters),
        cmocka_unit_test(cycles_are_slices_on_a_track_of_their_own_with_nothing_between_them),
        cmocka_unit_test(a_sample_is_named_by_its_innermost_function),
        cmocka_unit_test(a_moment_from_before_the_begin_is_put_there),
        cmocka_unit_test(times_count_from_the_origin),
        cmocka_unit_test(a_stack_is_looked_up_once_for_each_function_of_a_thread_and_a_site_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
