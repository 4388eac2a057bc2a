/* go_writer.c - moments as events of Go's format, as text (go_decode.h). That Go's own reader takes them is tested by
 * e2e/test_trace_format.py, which has this program write files:
 *
 *     go_writer FILE               a trace with every kind of moment
 *     go_writer FILE SEED COUNT    one of so many moments; says how long each took
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "go_decode.h"
#include "moments.h"
#include "runtime/os/os.h"

struct trace {
    int fd;
    struct rt__out out;
    struct teller t;
};

static void begin(struct trace *trace)
{
    trace->fd = memfd_create("trace", 0);
    rt__out_begin(&trace->out, trace->fd);
    trace->t.ns = FROM;
    trace->t.writer = rt__go_writer_new(
        &(struct rt__writing){.out = &trace->out, .find = made_up_places, .from_ns = FROM, .procs = 4});
    assert_non_null(trace->t.writer);
}

static struct decoded *written(struct trace *trace)
{
    trace->t.writer->free(trace->t.writer);
    assert_int_equal(rt__out_end(&trace->out), 0);
    size_t len = trace->out.written;
    void *bytes = malloc(len);
    assert_int_equal(pread(trace->fd, bytes, len, 0), len);
    close(trace->fd);
    struct decoded *d = decode_trace(bytes, len);
    free(bytes);
    return d;
}

static struct decoded *finish(struct trace *trace)
{
    trace->t.writer->finish(trace->t.writer, trace->t.ns, &(struct rt__timeline_losses){0});
    return written(trace);
}

static void check_text(struct trace *trace, const char *want)
{
    struct decoded *d = finish(trace);
    assert_string_equal(d->text, want);
    decoded_free(d);
}

static void a_thread_that_runs_at_the_begin_has_a_p_and_tells_its_name(void **state)
{
    (void)state;
    struct trace trace;
    begin(&trace);
    struct rt__track track = made_up_track(3, 8, 77, 0, "main");
    TELL(&trace.t, &track, EXISTS_RUNNING);
    check_text(&trace, "+0 M77 ProcStatus 0 1\n"
                       "+0 M77 GoStatus 3 77 2\n"
                       "+0 M77 ProcsChange 4 []\n"
                       "+0 M77 GoLabel \"main\"\n");
}

static void one_that_never_blocks_shows_its_function_when_the_trace_ends(void **state)
{
    (void)state;
    struct trace trace;
    begin(&trace);
    struct rt__track track = made_up_track(3, 8, 77, SPINNER_FN, "");
    TELL(&trace.t, &track, EXISTS_RUNNING);
    trace.t.ns += 500;
    check_text(&trace, "+0 M77 ProcStatus 0 1\n"
                       "+0 M77 GoStatus 3 77 2\n"
                       "+0 M77 ProcsChange 4 []\n"
                       "+500 M77 GoStop \"preempted\" [spinner_loop]\n"
                       "+500 M77 GoStart 3 1\n");
}

static void one_that_waits_at_the_begin_tells_its_reason_and_stack(void **state)
{
    (void)state;
    struct trace trace;
    begin(&trace);
    struct rt__track track = made_up_track(3, 8, 77, WORKER_FN, "");
    TELL(&trace.t, &track, EXISTS_WAITING, .reason = RT__BLOCK_NETWORK, .stack = AT_POLL);
    trace.t.ns += 500;
    TELL(&trace.t, &track, UNBLOCK);
    trace.t.ns += 20;
    TELL(&trace.t, &track, RUN);
    check_text(&trace, "+0 M77 ProcStatus 0 1\n"
                       "+0 M77 GoStatus 3 77 2\n"
                       "+0 M77 ProcsChange 4 []\n"
                       "+0 M77 GoBlock \"network\" [poll_once<worker_loop]\n"
                       "+0 M77 ProcStop\n"
                       "+500 M77 GoUnblock 3 1 [poll_once<worker_loop]\n"
                       "+520 M77 ProcStart 0 1\n"
                       "+520 M77 GoStart 3 2\n");
}

static void a_thread_is_created_runs_and_ends(void **state)
{
    (void)state;
    struct trace trace;
    begin(&trace);
    struct rt__track track = made_up_track(3, 8, 77, WORKER_FN, "worker");
    trace.t.ns += 100;
    TELL(&trace.t, &track, CREATED, .stack = AT_SPAWN);
    trace.t.ns += 100;
    TELL(&trace.t, &track, RUN);
    trace.t.ns += 100;
    TELL(&trace.t, &track, END);
    assert_null(track.of_sink);
    check_text(&trace, "+100 M77 ProcStatus 0 2\n"
                       "+100 M77 ProcStart 0 1\n"
                       "+100 M77 GoCreate 3 [worker_loop] [spawn]\n"
                       "+100 M77 ProcStop\n"
                       "+200 M77 ProcStart 0 2\n"
                       "+200 M77 GoStart 3 1\n"
                       "+200 M77 ProcsChange 4 []\n"
                       "+200 M77 GoLabel \"worker\"\n"
                       "+300 M77 GoDestroy\n"
                       "+300 M77 ProcStop\n");
}

static void threads_that_share_a_slot_share_a_p(void **state)
{
    (void)state;
    struct trace trace;
    begin(&trace);
    struct rt__track a = made_up_track(1, 5, 50, 0, ""), b = made_up_track(2, 6, 51, 0, ""),
                     c = made_up_track(3, 5, 52, 0, ""), d = made_up_track(4, 5, 53, 0, "");
    TELL(&trace.t, &a, EXISTS_RUNNING);
    TELL(&trace.t, &b, EXISTS_RUNNING);
    TELL(&trace.t, &a, END);
    TELL(&trace.t, &c, CREATED);
    TELL(&trace.t, &c, RUN);
    TELL(&trace.t, &c, END);
    TELL(&trace.t, &d, EXISTS_RUNNING); /* should not be, and is taken for one that starts now */
    struct decoded *got = finish(&trace);
    assert_non_null(strstr(got->text, "M50 ProcStatus 0 1\n"));
    assert_non_null(strstr(got->text, "M51 ProcStatus 1 1\n"));
    assert_non_null(strstr(got->text, "+0 M52 ProcStart 0 1\n+0 M52 GoCreate 3 [] []\n"));
    assert_non_null(strstr(got->text, "+0 M52 ProcStart 0 2\n+0 M52 GoStart 3 1\n"));
    assert_non_null(strstr(got->text, "+0 M53 ProcStart 0 3\n+0 M53 GoStatus 4 53 2\n"));
    decoded_free(got);
}

static void a_tid_that_a_living_thread_has_is_not_given_to_another(void **state)
{
    (void)state;
    struct trace trace;
    begin(&trace);
    struct rt__track a = made_up_track(1, 1, 50, 0, ""), b = made_up_track(2, 2, 50, 0, ""),
                     c = made_up_track(3, 3, 50, 0, "");
    TELL(&trace.t, &a, EXISTS_RUNNING);
    TELL(&trace.t, &b, EXISTS_RUNNING);
    TELL(&trace.t, &a, END);
    TELL(&trace.t, &c, EXISTS_RUNNING);
    struct decoded *got = finish(&trace);
    assert_non_null(strstr(got->text, "M50 GoStatus 1 50 2\n"));
    assert_non_null(strstr(got->text, "M8388610 GoStatus 2 8388610 2\n"));
    assert_non_null(strstr(got->text, "M50 GoStatus 3 50 2\n"));
    decoded_free(got);
}

static void a_wait_for_a_file_is_a_system_call(void **state)
{
    (void)state;
    struct trace trace;
    begin(&trace);
    struct rt__track track = made_up_track(3, 8, 77, 0, "");
    TELL(&trace.t, &track, EXISTS_RUNNING);
    trace.t.ns += 100;
    tell_wait(&trace.t, &track, RT__BLOCK_FILE, AT_FSYNC);
    check_text(&trace, "+0 M77 ProcStatus 0 1\n"
                       "+0 M77 GoStatus 3 77 2\n"
                       "+0 M77 ProcsChange 4 []\n"
                       "+100 M77 GoSyscallBegin 1 [sync_file]\n"
                       "+100 M77 ProcStop\n"
                       "+1000100 M77 GoSyscallEndBlocked\n"
                       "+1050100 M77 ProcStart 0 2\n"
                       "+1050100 M77 GoStart 3 1\n");
}

static void reasons_are_words_that_gos_tool_knows(void **state)
{
    (void)state;
    static const struct {
        enum rt__block reason;
        const char *word;
    } reasons[] = {{RT__BLOCK_NETWORK, "network"}, {RT__BLOCK_MUTEX, "sync"},     {RT__BLOCK_COND, "sync.(*Cond).Wait"},
                   {RT__BLOCK_RWLOCK, "sync"},     {RT__BLOCK_SEMAPHORE, "sync"}, {RT__BLOCK_SLEEP, "sleep"}};
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
        struct trace trace;
        begin(&trace);
        struct rt__track track = made_up_track(3, 8, 77, 0, "");
        TELL(&trace.t, &track, EXISTS_RUNNING);
        TELL(&trace.t, &track, WAITING, .reason = reasons[i].reason, .stack = AT_LOCK);
        struct decoded *d = finish(&trace);
        char want[100];
        snprintf(want, sizeof want, "GoBlock \"%s\" [lock_table]\n", reasons[i].word);
        assert_non_null(strstr(d->text, want));
        decoded_free(d);
    }
}

static void a_name_that_changes_is_told_when_the_thread_runs_again(void **state)
{
    (void)state;
    struct trace trace;
    begin(&trace);
    struct rt__track track = made_up_track(3, 8, 77, 0, "before");
    TELL(&trace.t, &track, EXISTS_RUNNING);
    tell_wait(&trace.t, &track, RT__BLOCK_SLEEP, 0);
    snprintf(track.name, sizeof track.name, "exactly15 bytes");
    tell_wait(&trace.t, &track, RT__BLOCK_SLEEP, 0);
    tell_wait(&trace.t, &track, RT__BLOCK_SLEEP, 0);
    struct decoded *d = finish(&trace);
    const char *label = strstr(d->text, "GoLabel \"before\"\n");
    assert_non_null(label);
    label = strstr(label + 1, "GoLabel");
    assert_non_null(label);
    assert_memory_equal(label, "GoLabel \"exactly15 bytes\"\n", 26);
    assert_null(strstr(label + 1, "GoLabel"));
    decoded_free(d);
}

static void tasks_regions_and_logs_carry_their_ids_names_and_places(void **state)
{
    (void)state;
    struct trace trace;
    begin(&trace);
    struct rt__track track = made_up_track(3, 8, 77, WORKER_FN, "");
    TELL(&trace.t, &track, CREATED);
    TELL(&trace.t, &track, RUN);
    tell_request(&trace.t, &track);
    struct decoded *d = finish(&trace);
    assert_non_null(strstr(d->text, "+0 M77 UserTaskBegin 7 0 \"request\" [spawn<worker_loop]\n"
                                    "+0 M77 UserRegionBegin 7 \"parse\" [spawn<worker_loop]\n"
                                    "+0 M77 UserTaskBegin 8 7 \"query\" [spawn<worker_loop]\n"
                                    "+1000 M77 UserLog 7 \"status\" \"200 OK\" [spawn<worker_loop]\n"
                                    "+1000 M77 UserRegionEnd 7 \"parse\" [spawn<worker_loop]\n"
                                    "+1000 M77 UserTaskEnd 8 [spawn<worker_loop]\n"));
    decoded_free(d);
}

static void cycles_are_counted_from_1_whatever_their_numbers(void **state)
{
    (void)state;
    struct trace trace;
    begin(&trace);
    struct rt__track collector = made_up_track(RT__TRACK_COLLECTOR, 9, 0, 0, "");
    TELL(&trace.t, &collector, EXISTS_WAITING, .reason = RT__BLOCK_SLEEP);
    tell_cycle(&trace.t, &collector, 41);
    tell_cycle(&trace.t, &collector, 50);
    struct decoded *d = finish(&trace);
    assert_non_null(strstr(d->text, "+0 M8388608 GoBlock \"GC worker (idle)\" [(garbage collector)]\n"));
    assert_non_null(strstr(d->text, "+0 M8388608 GCBegin 1 []\n"
                                    "+0 M8388608 STWBegin \"GC mark\" []\n"
                                    "+1000000 M8388608 STWEnd\n"
                                    "+1250000 M8388608 GCEnd 2\n"));
    assert_non_null(strstr(d->text, "GCBegin 3 []\n"));
    assert_non_null(strstr(d->text, "GCEnd 4\n"));
    decoded_free(d);
}

static void a_sample_is_of_the_thread_also_when_it_does_not_run(void **state)
{
    (void)state;
    struct trace trace;
    begin(&trace);
    struct rt__track a = made_up_track(3, 8, 77, 0, ""), b = made_up_track(4, 9, 78, SPINNER_FN, "");
    TELL(&trace.t, &a, EXISTS_WAITING, .reason = RT__BLOCK_SLEEP);
    TELL(&trace.t, &b, CREATED);
    trace.t.ns += 10;
    TELL(&trace.t, &a, SAMPLE, .stack = AT_LOCK);
    TELL(&trace.t, &b, SAMPLE, .stack = AT_SPIN);
    struct decoded *d = finish(&trace);
    assert_non_null(strstr(d->text, "sample +10 M77 P0 G3 [lock_table]\n"
                                    "sample +10 M78 P1 G4 [spin_inline<spin<spinner_loop]\n"));
    decoded_free(d);
}

static void what_comes_when_it_should_not_is_left_out(void **state)
{
    (void)state;
    struct trace trace;
    begin(&trace);
    struct rt__track never = made_up_track(2, 7, 76, 0, ""), track = made_up_track(3, 8, 77, 0, "");
    TELL(&trace.t, &never, RUN);
    TELL(&trace.t, &never, END);
    TELL(&trace.t, &never, SAMPLE, .stack = AT_SPIN);
    TELL(&trace.t, &track, CREATED);
    TELL(&trace.t, &track, CREATED);
    TELL(&trace.t, &track, UNBLOCK);
    TELL(&trace.t, &track, HEAP_ALLOC, .value = 1);
    TELL(&trace.t, &track, END);
    check_text(&trace, "+0 M77 ProcStatus 0 2\n"
                       "+0 M77 ProcStart 0 1\n"
                       "+0 M77 GoCreate 3 [] []\n"
                       "+0 M77 ProcStop\n");
}

static void what_came_before_the_begin_is_written_at_the_begin(void **state)
{
    (void)state;
    struct trace trace;
    begin(&trace);
    struct rt__track track = made_up_track(3, 8, 77, 0, "");
    trace.t.ns = FROM - 5;
    TELL(&trace.t, &track, CREATED);
    TELL(&trace.t, &track, RUN);
    TELL(&trace.t, &track, SAMPLE, .stack = AT_SPIN);
    struct decoded *d = finish(&trace);
    assert_non_null(strstr(d->text, "+0 M77 GoStart 3 1\n"));
    assert_non_null(strstr(d->text, "sample +0 M77"));
    decoded_free(d);
}

static void times_count_from_the_origin(void **state)
{
    (void)state;
    struct trace trace = {.fd = memfd_create("trace", 0)};
    rt__out_begin(&trace.out, trace.fd);
    trace.t.ns = FROM + 70;
    trace.t.writer = rt__go_writer_new(&(struct rt__writing){
        .out = &trace.out, .find = made_up_places, .from_ns = FROM, .origin_ns = FROM - 30, .procs = 4});
    struct rt__track track = made_up_track(3, 8, 77, 0, "");
    TELL(&trace.t, &track, CREATED);
    struct decoded *d = finish(&trace);
    assert_int_equal(d->from_ns, 30);
    assert_non_null(strstr(d->text, "+70 M77 ProcStart 0 1\n"));
    decoded_free(d);
}

static void no_time_is_0_which_a_reader_takes_for_none(void **state)
{
    (void)state;
    struct trace trace = {.fd = memfd_create("trace", 0)};
    rt__out_begin(&trace.out, trace.fd);
    trace.t.ns = FROM;
    trace.t.writer = rt__go_writer_new(&(struct rt__writing){
        .out = &trace.out, .find = made_up_places, .from_ns = FROM, .origin_ns = FROM, .procs = 4});
    struct rt__track track = made_up_track(3, 8, 77, 0, "");
    TELL(&trace.t, &track, EXISTS_RUNNING);
    struct decoded *d = finish(&trace);
    assert_int_equal(d->from_ns, 1);
    assert_non_null(strstr(d->text, "+0 M77 ProcStatus 0 1\n"));
    decoded_free(d);
}

static void losses_are_told_in_the_trace(void **state)
{
    (void)state;
    struct trace trace;
    begin(&trace);
    trace.t.ns += 900;
    struct rt__timeline_losses losses = {.events = 12, .gaps = 3, .no_memory = true};
    trace.t.writer->finish(trace.t.writer, trace.t.ns, &losses);
    struct decoded *d = written(&trace);
    assert_non_null(strstr(d->text, "+900 M8388609 UserLog 0 \"cruntime\" \"this trace is not whole: 12 events and 3 "
                                    "chunks were lost, and there was not enough memory\" []\n"
                                    "+900 M8388609 GoDestroy\n"));
    decoded_free(d);
}

static void a_trace_with_every_kind_of_moment_can_be_taken_apart_again(void **state)
{
    (void)state;
    struct trace trace;
    begin(&trace);
    tell_everything(trace.t.writer);
    struct decoded *d = written(&trace);
    for (size_t type = 0; type < sizeof decode_events / sizeof decode_events[0]; type++) {
        if (decode_events[type].name != NULL && strstr(d->text, decode_events[type].name) == NULL) {
            fail_msg("no %s in:\n%s", decode_events[type].name, d->text);
        }
    }
    decoded_free(d);
}

/* Logs are not kept, so a long trace takes no more than a short one. */
static void a_long_trace_has_batches_of_a_bounded_size(void **state)
{
    (void)state;
    struct trace trace;
    begin(&trace);
    struct rt__track track = made_up_track(3, 8, 77, 0, "");
    TELL(&trace.t, &track, EXISTS_RUNNING);
    char text[1000];
    memset(text, 'x', sizeof text);
    for (unsigned i = 0; i < 3000; i++) {
        TELL(&trace.t, &track, LOG, .name = "note", .text = text, .len = sizeof text);
    }
    struct decoded *d = finish(&trace);
    assert_in_range(d->largest, 1000, 16 << 10);
    decoded_free(d);
}

static void a_write_that_fails_is_the_outs_error_and_the_rest_is_dropped(void **state)
{
    (void)state;
    int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    struct rt__out out;
    rt__out_begin(&out, fd);
    struct rt__writer *w =
        rt__go_writer_new(&(struct rt__writing){.out = &out, .find = made_up_places, .from_ns = FROM, .procs = 4});
    tell_random(w, 1, 200000);
    assert_int_equal(out.error, -ENOSPC);
    w->free(w);
    assert_int_equal(rt__out_end(&out), -ENOSPC);
    close(fd);
}

/* ---- files for Go's reader ---- */

static int write_file(const char *path, const char *seed, const char *count)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0) {
        perror(path);
        return 1;
    }
    struct rt__out out;
    rt__out_begin(&out, fd);
    struct rt__writer *w =
        rt__go_writer_new(&(struct rt__writing){.out = &out, .find = made_up_places, .from_ns = FROM, .procs = 4});
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
        cmocka_unit_test(a_thread_that_runs_at_the_begin_has_a_p_and_tells_its_name),
        cmocka_unit_test(one_that_never_blocks_shows_its_function_when_the_trace_ends),
        cmocka_unit_test(one_that_waits_at_the_begin_tells_its_reason_and_stack),
        cmocka_unit_test(a_thread_is_created_runs_and_ends),
        cmocka_unit_test(threads_that_share_a_slot_share_a_p),
        cmocka_unit_test(a_tid_that_a_living_thread_has_is_not_given_to_another),
        cmocka_unit_test(a_wait_for_a_file_is_a_system_call),
        cmocka_unit_test(reasons_are_words_that_gos_tool_knows),
        cmocka_unit_test(a_name_that_changes_is_told_when_the_thread_runs_again),
        cmocka_unit_test(tasks_regions_and_logs_carry_their_ids_names_and_places),
        cmocka_unit_test(cycles_are_counted_from_1_whatever_their_numbers),
        cmocka_unit_test(a_sample_is_of_the_thread_also_when_it_does_not_run),
        cmocka_unit_test(what_comes_when_it_should_not_is_left_out),
        cmocka_unit_test(what_came_before_the_begin_is_written_at_the_begin),
        cmocka_unit_test(times_count_from_the_origin),
        cmocka_unit_test(no_time_is_0_which_a_reader_takes_for_none),
        cmocka_unit_test(losses_are_told_in_the_trace),
        cmocka_unit_test(a_trace_with_every_kind_of_moment_can_be_taken_apart_again),
        cmocka_unit_test(a_long_trace_has_batches_of_a_bounded_size),
        cmocka_unit_test(a_write_that_fails_is_the_outs_error_and_the_rest_is_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
