/* cpu.c - the CPU profile: shares of functions, threads and labels, and what is told of the rest. */
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include "runtime/cruntime.h"
#include "runtime/unwind/unwind.h"
#include "tests/unit/profile/cpu_profiled.h"

BURNER(sixty)
BURNER(thirty)
BURNER(ten)

static bool is_any(const struct rt__sample *s)
{
    (void)s;
    return true;
}

/* ---- what is measured ------------------------------------------------------------------------- */

/* Each thread has the slices in another order. Not a whole number of periods. */
#define ROUND_NS (1234 * MS)
#define SLICES 3

struct burning {
    const char *name;
    unsigned first;
    double periods[SLICES]; /* of sixty, thirty, ten */
};

static void *burn_in_slices(void *arg)
{
    static void (*const burners[SLICES])(uint64_t cpu_ns) = {burn_sixty, burn_thirty, burn_ten};
    static const unsigned tenths[SLICES] = {6, 3, 1};
    struct burning *b = arg;
    rt__profile_thread_begins();
    pthread_setname_np(pthread_self(), b->name);
    for (unsigned i = 0; i < SLICES; i++) {
        unsigned which = (b->first + i) % SLICES;
        b->periods[which] = burn_until_found(burners[which], ROUND_NS / 10 * tenths[which]);
    }
    return NULL;
}

static double periods_of(const struct burning *b, unsigned which)
{
    return b[0].periods[which] + b[1].periods[which] + b[2].periods[which];
}

static void functions_get_samples_in_the_proportion_of_their_cpu_time_in_every_thread(void **state)
{
    struct burning b[3] = {
        {.name = "burn-0", .first = 0}, {.name = "burn-1", .first = 1}, {.name = "burn-2", .first = 2}};
    struct rt__profile p;
    pthread_t threads[2];
    (void)state;
    SKIP_WHERE_SIGNALS_COME_LATE
    begin();
    start(&threads[0], burn_in_slices, &b[1]);
    start(&threads[1], burn_in_slices, &b[2]);
    burn_in_slices(&b[0]);
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    end(&p);
    assert_near(count(&p, is_in_sixty), periods_of(b, 0), 3);
    assert_near(count(&p, is_in_thirty), periods_of(b, 1), 3);
    assert_near(count(&p, is_in_ten), periods_of(b, 2), 3);
    for (int i = 0; i < 3; i++) {
        int64_t of_thread = 0;
        for (size_t s = 0; s < p.count; s++) {
            of_thread += is_thread(&p.samples[s], b[i].name) ? p.samples[s].values[0] : 0;
        }
        assert_near(of_thread, b[i].periods[0] + b[i].periods[1] + b[i].periods[2], SLICES);
    }
    rt__profile_release(&p);
}

static void the_sum_of_all_samples_is_the_cpu_time_of_the_process(void **state)
{
    struct rt__profile p;
    (void)state;
    SKIP_WHERE_SIGNALS_COME_LATE
    begin();
    uint64_t began_ns = rt__os_process_cpu_ns();
    burn_until_found(burn_ten, 1000 * MS);
    uint64_t used_ns = rt__os_process_cpu_ns() - began_ns;
    end(&p);
    double sampled_ns = (double)count(&p, is_any) * 1e7;
    print_message("#= %.1f ms sampled of %.1f ms\n", sampled_ns / 1e6, (double)used_ns / 1e6);
    assert_true(sampled_ns > (double)used_ns * 0.95 && sampled_ns < (double)used_ns * 1.05);
    assert_string_equal(p.comment, "");
    rt__profile_release(&p);
}

static void a_profile_says_what_its_values_are_when_it_began_and_how_long_it_took(void **state)
{
    struct rt__profile p;
    (void)state;
    int64_t before_ns = (int64_t)rt__os_unix_ns();
    begin();
    burn_ten(60 * MS);
    end(&p);
    int64_t after_ns = (int64_t)rt__os_unix_ns();
    assert_string_equal(p.kind->name, "profile");
    assert_int_equal(p.kind->types_count, 2);
    assert_string_equal(p.kind->types[0].type, "samples");
    assert_string_equal(p.kind->types[1].unit, "nanoseconds");
    assert_string_equal(p.kind->default_type, "cpu");
    assert_string_equal(p.kind->period_type.type, "cpu");
    assert_int_equal(p.period, 10000000);
    assert_true(p.time_ns >= before_ns);
    assert_true(p.duration_ns >= 60 * (int64_t)MS);
    assert_true(p.time_ns + p.duration_ns <= after_ns + 1000 * (int64_t)MS);
    for (size_t i = 0; i < p.count; i++) {
        assert_true(p.samples[i].depth > 0);
        assert_int_equal(p.samples[i].values[1], p.samples[i].values[0] * 10000000);
    }
    rt__profile_release(&p);
}

static const struct rt_labels *labels;

static double labelled_periods;

static void *burn_under_labels(void *unused)
{
    rt__profile_thread_begins();
    pthread_setname_np(pthread_self(), "labelled");
    rt_labels_set(labels);
    labelled_periods = burn_until_found(burn_sixty, 100 * MS);
    rt_labels_set(NULL);
    burn_thirty(100 * MS);
    return unused;
}

static void samples_carry_the_labels_that_their_thread_had_at_the_moment(void **state)
{
    struct rt__profile p;
    pthread_t thread;
    int64_t with = 0;
    (void)state;
    SKIP_WHERE_SIGNALS_COME_LATE
    labels = rt_labels_new((const char *[]){"route", "/rooms"}, 1);
    begin();
    start(&thread, burn_under_labels, NULL);
    burn_sixty(100 * MS);
    pthread_join(thread, NULL);
    end(&p);
    for (size_t i = 0; i < p.count; i++) {
        const struct rt__sample *s = &p.samples[i];
        if (is_in_sixty(s) && is_thread(s, "labelled")) {
            assert_ptr_equal(s->labels, labels);
            with += s->values[0];
        } else if (is_in_sixty(s) || is_in_thirty(s)) {
            assert_null(s->labels);
        }
    }
    assert_near(with, labelled_periods, 1);
    rt__profile_release(&p);
}

/* ---- what cannot be measured is told ---------------------------------------------------------- */

static void block_the_signal(int how)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGPROF);
    pthread_sigmask(how, &set, NULL);
}

static void *burn_deaf(void *unused)
{
    rt__profile_thread_begins();
    block_the_signal(SIG_BLOCK);
    pthread_setname_np(pthread_self(), "deaf");
    burn_ten(300 * MS);
    return unused;
}

static void a_thread_that_blocks_the_signal_is_told_in_the_comment_alive_or_ended(void **state)
{
    struct rt__profile p;
    pthread_t thread;
    (void)state;
    for (int ended = 0; ended < 2; ended++) {
        begin();
        start(&thread, burn_deaf, NULL);
        if (ended) {
            pthread_join(thread, NULL);
            burn_sixty(50 * MS);
            end(&p);
        } else {
            burn_sixty(400 * MS);
            end(&p);
            pthread_join(thread, NULL);
        }
        print_message("#= comment: %s\n", p.comment);
        assert_non_null(strstr(p.comment, "thread deaf: "));
        assert_non_null(strstr(p.comment, " ms of CPU time not sampled (SIGPROF blocked, or the kernel was late)"));
        rt__profile_release(&p);
    }
}
int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(functions_get_samples_in_the_proportion_of_their_cpu_time_in_every_thread),
        cmocka_unit_test(the_sum_of_all_samples_is_the_cpu_time_of_the_process),
        cmocka_unit_test(a_profile_says_what_its_values_are_when_it_began_and_how_long_it_took),
        cmocka_unit_test(samples_carry_the_labels_that_their_thread_had_at_the_moment),
        cmocka_unit_test(a_thread_that_blocks_the_signal_is_told_in_the_comment_alive_or_ended),
    };
    rt__unwind_start();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
