/* text.c - ?debug=1 and ?debug=2, to the byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "runtime/profile/labels.h"
#include "runtime/profile/parts.h"
#include "tests/unit/profile/fake_symbols.h"

/* The text of a profile; freed by the caller. */
static char *text_of(const struct rt__profile *p, int debug)
{
    struct rt__symbols session;
    struct rt__symbol_source source = fake_source(&session);
    struct rt__bytes out = {0};
    rt__text_write(p, debug, &source, &out);
    rt__bytes_add(&out, "", 1);
    assert_false(out.failed);
    return out.data;
}

static void check(struct rt__profile *p, int debug, const char *want)
{
    char *text = text_of(p, debug);
    assert_string_equal(text, want);
    free(text);
}

static struct rt_labels *labels_of(uint32_t n, const char *const pairs[])
{
    struct rt_labels *labels = calloc(1, sizeof *labels + n * sizeof labels->pairs[0]);
    labels->n = n;
    for (uint32_t i = 0; i < n; i++) {
        labels->pairs[i].key = pairs[2 * i];
        labels->pairs[i].value = pairs[2 * i + 1];
    }
    return labels;
}

/* ---- heap ---- */

static void a_heap_has_totals_then_stacks_by_bytes_in_use_then_memstats(void **state)
{
    (void)state;
    static const char want[] = "heap profile: 13: 1130 [24: 2240] @ heap/2\n"
                               "3: 1030 [4: 1040] @ 0x400201 0x400110\n"
                               "#\t0x400200\tinner+0x0\t/src/inner.h:5\n"
                               "#\t0x400200\touter+0x0\t/src/main.c:22\n"
                               "#\t0x40010f\tmain+0xf\t/src/main.c:15\n"
                               "\n"
                               "10: 100 [20: 1200] @ 0x100124\n"
                               "#\t0x100123\tlibc.so.6+0x100+0x23\t??\n"
                               "\n"
                               "\n# runtime.MemStats\n# Alloc = ";
    struct rt__profile p;
    rt__profile_begin(&p, &heap_kind);
    add_sample(&p, STACK(MALLOC, WAIT + 0x23), VALUES(20, 1200, 10, 100));
    add_sample(&p, STACK(RT_ALLOC, OUTER, MAIN + 0xF), VALUES(4, 1040, 3, 1030));
    char *text = text_of(&p, 1);
    text[sizeof want - 1] = '\0';
    assert_string_equal(text, want);
    free(text);
    rt__profile_release(&p);
}

static void a_heap_in_which_all_is_in_use_still_tells_allocations_apart(void **state)
{
    (void)state;
    static const char want[] = "heap profile: 1: 16 [1: 17] @ heap/2\n1: 16 [1: 16] @ 0x400101\n";
    struct rt__profile p;
    rt__profile_begin(&p, &heap_kind);
    add_sample(&p, STACK(MAIN), VALUES(1, 16, 1, 16));
    char *text = text_of(&p, 1);
    assert_memory_equal(text, want, sizeof want - 1);
    free(text);
    rt__profile_release(&p);
}

static void a_heap_ends_with_all_fields_of_memstats_and_remarks(void **state)
{
    (void)state;
    static const char *const lines[] = {"\n# runtime.MemStats\n",
                                        "\n# TotalAlloc = ",
                                        "\n# Sys = ",
                                        "\n# Lookups = 0\n",
                                        "\n# Mallocs = ",
                                        "\n# Frees = ",
                                        "\n# HeapAlloc = ",
                                        "\n# HeapSys = ",
                                        "\n# HeapIdle = ",
                                        "\n# HeapInuse = ",
                                        "\n# HeapReleased = ",
                                        "\n# HeapObjects = ",
                                        "\n# Stack = ",
                                        "\n# MSpan = 0 / 0\n",
                                        "\n# MCache = ",
                                        "\n# BuckHashSys = ",
                                        "\n# GCSys = ",
                                        "\n# OtherSys = ",
                                        "\n# NextGC = ",
                                        "\n# LastGC = ",
                                        "\n# PauseNs = [",
                                        "\n# PauseEnd = [",
                                        "\n# NumGC = ",
                                        "\n# NumForcedGC = ",
                                        "\n# GCCPUFraction = ",
                                        "\n# DebugGC = false\n",
                                        "\n# MaxRSS = ",
                                        "\n# period = 524288 bytes\n",
                                        "\n# 3 stacks were dropped\n"};
    struct rt__profile p;
    rt__profile_begin(&p, &heap_kind);
    p.period = 524288;
    strcpy(p.comment, "3 stacks were dropped");
    char *text = text_of(&p, 1);
    const char *at = text;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        const char *found = strstr(at, lines[i]);
        if (found == NULL)
            fail_msg("no \"%s\" in \"%s\"", lines[i], at);
        at = found + 1;
    }
    assert_string_equal(at, "# 3 stacks were dropped\n");
    free(text);
    rt__profile_release(&p);
}

/* ---- mutex and block ---- */

static void contentions_come_by_delay(void **state)
{
    (void)state;
    struct rt__profile p;
    rt__profile_begin(&p, &mutex_kind);
    p.period = 5;
    add_sample(&p, STACK(HELPER_A), VALUES(900, 70));
    add_sample(&p, STACK(HELPER_B, MAIN), VALUES(2, 3000));
    check(&p, 1,
          "--- mutex:\n"
          "cycles/second=1000000000\n"
          "sampling period=1\n"
          "3000 2 @ 0x400701 0x400101\n"
          "#\t0x400700\thelper+0x0\t/src/b.c:3\n"
          "#\t0x400100\tmain+0x0\t/src/main.c:15\n"
          "\n"
          "70 900 @ 0x400601\n"
          "#\t0x400600\thelper+0x0\t/src/a.c:3\n"
          "\n"
          "# period = 5 count\n");
    rt__profile_release(&p);
}

static void a_block_profile_has_no_sampling_period(void **state)
{
    (void)state;
    struct rt__profile_kind kind = mutex_kind;
    kind.text_title = "contention";
    struct rt__profile p;
    rt__profile_begin(&p, &kind);
    check(&p, 1, "--- contention:\ncycles/second=1000000000\n");
    check(&p, 2, "--- contention:\ncycles/second=1000000000\n");
    rt__profile_release(&p);
}

/* ---- threads ---- */

static void add_thread(struct rt__profile *p, int64_t tid, const char *note, const char *name, uintptr_t pc)
{
    struct rt__sample *s = add_sample(p, STACK(pc, MAIN), VALUES(1));
    s->tid = tid;
    s->note = note;
    s->thread = name;
}

static void threads_with_one_stack_are_counted_together_the_most_frequent_first(void **state)
{
    (void)state;
    struct rt__profile p;
    rt__profile_begin(&p, &thread_kind);
    add_thread(&p, 10, "running", "main", HELPER_A);
    add_thread(&p, 11, "epoll_wait", "loop 0", WAIT);
    add_thread(&p, 12, "epoll_wait", "loop 1", WAIT);
    check(&p, 1,
          "goroutine profile: total 3\n"
          "2 @ 0x100101 0x400101\n"
          "#\t0x100100\tlibc.so.6+0x100+0x0\t??\n"
          "#\t0x400100\tmain+0x0\t/src/main.c:15\n"
          "\n"
          "1 @ 0x400601 0x400101\n"
          "#\t0x400600\thelper+0x0\t/src/a.c:3\n"
          "#\t0x400100\tmain+0x0\t/src/main.c:15\n"
          "\n");
    rt__profile_release(&p);
}

static void equally_frequent_stacks_come_by_address_whatever_their_order(void **state)
{
    (void)state;
    struct rt__profile one, other;
    rt__profile_begin(&one, &thread_kind);
    rt__profile_begin(&other, &thread_kind);
    add_sample(&one, STACK(MAIN), VALUES(1));
    add_sample(&one, STACK(MAIN, MAIN), VALUES(1));
    add_sample(&one, STACK(HELPER_A), VALUES(1));
    add_sample(&other, STACK(HELPER_A), VALUES(1));
    add_sample(&other, STACK(MAIN, MAIN), VALUES(1));
    add_sample(&other, STACK(MAIN), VALUES(1));
    char *text = text_of(&one, 1);
    static const char want[] = "goroutine profile: total 3\n1 @ 0x400101\n";
    assert_memory_equal(text, want, sizeof want - 1);
    check(&other, 1, text);
    free(text);
    rt__profile_release(&one);
    rt__profile_release(&other);
}

static void labels_part_stacks_and_are_printed_sorted_and_quoted(void **state)
{
    (void)state;
    struct rt_labels *two = labels_of(2, (const char *const[]){"tenant", "a\"b\n\xff", "route", "/caf\xc3\xa9"});
    struct rt_labels *one = labels_of(1, (const char *const[]){"route", "/"});
    struct rt__profile p;
    rt__profile_begin(&p, &thread_kind);
    add_sample(&p, STACK(HELPER_A), VALUES(1))->labels = two;
    add_sample(&p, STACK(HELPER_A), VALUES(1))->labels = one;
    add_sample(&p, STACK(HELPER_A), VALUES(1));
    check(&p, 1,
          "goroutine profile: total 3\n"
          "1 @ 0x400601\n"
          "#\t0x400600\thelper+0x0\t/src/a.c:3\n"
          "\n"
          "1 @ 0x400601\n"
          "# labels: {\"route\":\"/\"}\n"
          "#\t0x400600\thelper+0x0\t/src/a.c:3\n"
          "\n"
          "1 @ 0x400601\n"
          "# labels: {\"route\":\"/caf\xc3\xa9\", \"tenant\":\"a\\\"b\\n\\xff\"}\n"
          "#\t0x400600\thelper+0x0\t/src/a.c:3\n"
          "\n");
    rt__profile_release(&p);
    free(one);
    free(two);
}

static void a_thread_without_a_stack_has_an_address_that_pprof_can_read(void **state)
{
    (void)state;
    struct rt__profile p;
    rt__profile_begin(&p, &thread_kind);
    rt__profile_add(&p)->values[0] = 1;
    check(&p, 1, "goroutine profile: total 1\n1 @ 0x0\n\n");
    rt__profile_release(&p);
}

static void each_thread_has_a_traceback_in_debug_2(void **state)
{
    (void)state;
    struct rt__profile p;
    rt__profile_begin(&p, &thread_kind);
    add_thread(&p, 1234, "epoll_wait", "loop \"0\"", WAIT + 0x23);
    add_thread(&p, 1235, "running", NULL, OUTER + 0x10);
    add_thread(&p, 1236, NULL, NULL, MAIN);
    check(&p, 2,
          "thread 1234 [epoll_wait, \"loop \\\"0\\\"\"]:\n"
          "libc.so.6+0x100(...)\n"
          "\t?? +0x23\n"
          "main(...)\n"
          "\t/src/main.c:15 +0x0\n"
          "\n"
          "thread 1235 [running]:\n"
          "inner(...)\n"
          "\t/src/inner.h:5\n"
          "outer(...)\n"
          "\t/src/main.c:22 +0x10\n"
          "main(...)\n"
          "\t/src/main.c:15 +0x0\n"
          "\n"
          "thread 1236 [unknown]:\n"
          "main(...)\n"
          "\t/src/main.c:15 +0x0\n"
          "main(...)\n"
          "\t/src/main.c:15 +0x0\n");
    rt__profile_release(&p);
}

static void counts_of_what_is_no_thread_now_look_alike_in_debug_2(void **state)
{
    (void)state;
    struct rt__profile_kind kind = thread_kind;
    kind.text_title = "threadcreate";
    struct rt__profile p;
    rt__profile_begin(&p, &kind);
    add_sample(&p, STACK(MAIN), VALUES(4));
    check(&p, 2, "threadcreate profile: total 4\n4 @ 0x400101\n#\t0x400100\tmain+0x0\t/src/main.c:15\n\n");
    rt__profile_release(&p);
}

static void the_runtimes_own_frames_are_left_out_where_the_kind_wants_that(void **state)
{
    (void)state;
    struct rt__profile_kind kind = thread_kind;
    kind.drops_runtime = true;
    struct rt__profile p;
    rt__profile_begin(&p, &kind);
    add_thread(&p, 7, "running", NULL, MALLOC);
    check(&p, 1, "goroutine profile: total 1\n1 @ 0x400101\n#\t0x400100\tmain+0x0\t/src/main.c:15\n\n");
    check(&p, 2, "thread 7 [running]:\nmain(...)\n\t/src/main.c:15 +0x0\n");
    rt__profile_release(&p);
}

static void many_rows_are_written_with_each_address_looked_up_once(void **state)
{
    (void)state;
    enum { N = 20000 };
    struct rt__symbols session;
    struct rt__symbol_source source = fake_source(&session);
    struct rt__bytes out = {0};
    struct rt__profile p;
    rt__profile_begin(&p, &thread_kind);
    for (uintptr_t i = 0; i < N; i++)
        add_sample(&p, STACK(HELPER_A + i % 256, MAIN + i / 256), VALUES(1));
    rt__text_write(&p, 1, &source, &out);
    assert_false(out.failed);
    assert_int_equal(session.finds, 256 + (N + 255) / 256);
    assert_int_equal(session.starts, session.finds);
    size_t rows = 0;
    for (size_t i = 0; i + 3 < out.len; i++)
        rows += memcmp(out.data + i, "\n1 @", 4) == 0;
    assert_int_equal(rows, N);
    rt__bytes_release(&out);
    rt__profile_release(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_heap_has_totals_then_stacks_by_bytes_in_use_then_memstats),
        cmocka_unit_test(a_heap_in_which_all_is_in_use_still_tells_allocations_apart),
        cmocka_unit_test(a_heap_ends_with_all_fields_of_memstats_and_remarks),
        cmocka_unit_test(contentions_come_by_delay),
        cmocka_unit_test(a_block_profile_has_no_sampling_period),
        cmocka_unit_test(threads_with_one_stack_are_counted_together_the_most_frequent_first),
        cmocka_unit_test(equally_frequent_stacks_come_by_address_whatever_their_order),
        cmocka_unit_test(labels_part_stacks_and_are_printed_sorted_and_quoted),
        cmocka_unit_test(a_thread_without_a_stack_has_an_address_that_pprof_can_read),
        cmocka_unit_test(each_thread_has_a_traceback_in_debug_2),
        cmocka_unit_test(counts_of_what_is_no_thread_now_look_alike_in_debug_2),
        cmocka_unit_test(the_runtimes_own_frames_are_left_out_where_the_kind_wants_that),
        cmocka_unit_test(many_rows_are_written_with_each_address_looked_up_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
