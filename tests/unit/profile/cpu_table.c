/* cpu_table.c - samples added up by stack, thread and labels, in bounded memory that goes back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "runtime/cruntime.h"
#include "runtime/profile/cpu_table.h"

static const struct rt__profile_kind kind = {.name = "test", .types_count = 2};

static struct rt__cpu_sample sample(const char *thread, const struct rt_labels *labels, uint32_t depth, uintptr_t first)
{
    struct rt__cpu_sample s = {.depth = depth, .weight = 1, .labels = labels};
    memcpy(s.thread, thread, strnlen(thread, sizeof(s.thread)));
    for (uint32_t i = 0; i < depth; i++) {
        s.pcs[i] = first + i;
    }
    return s;
}

static void add(struct rt__cpu_table *t, struct rt__cpu_sample s, uint32_t weight)
{
    s.weight = weight;
    assert_true(rt__cpu_table_add(t, &s));
}

static const struct rt__sample *find(const struct rt__profile *p, const char *thread, const struct rt_labels *labels,
                                     uint32_t depth, uintptr_t first)
{
    const struct rt__sample *found = NULL;
    for (size_t i = 0; i < p->count; i++) {
        const struct rt__sample *s = &p->samples[i];
        bool is_thread = thread ? s->thread && strcmp(s->thread, thread) == 0 : s->thread == NULL;
        if (is_thread && s->labels == labels && s->depth == depth && (depth == 0 || s->pcs[0] == first)) {
            assert_null(found);
            found = s;
        }
    }
    assert_non_null(found);
    return found;
}

static void samples_of_one_stack_thread_and_labels_are_one_sum(void **state)
{
    (void)state;
    const struct rt_labels *labels = rt_labels_new((const char *[]){"route", "/rooms"}, 1);
    struct rt__cpu_table t = {.most_bytes = 1 << 20};
    struct rt__profile p;
    add(&t, sample("one", NULL, 3, 100), 1);
    add(&t, sample("two", NULL, 3, 100), 10);
    add(&t, sample("one", labels, 3, 100), 100);
    add(&t, sample("one", NULL, 2, 100), 1000);
    add(&t, sample("one", NULL, 3, 101), 10000);
    add(&t, sample("one", NULL, 3, 100), 5);
    rt__profile_begin(&p, &kind);
    rt__cpu_table_write(&t, &p);
    rt__cpu_table_release(&t);
    assert_false(p.failed);
    assert_int_equal(p.count, 5);
    assert_int_equal(find(&p, "one", NULL, 3, 100)->values[0], 6);
    assert_int_equal(find(&p, "one", NULL, 3, 100)->values[1], 60000000);
    assert_int_equal(find(&p, "two", NULL, 3, 100)->values[0], 10);
    assert_int_equal(find(&p, "one", labels, 3, 100)->values[0], 100);
    assert_int_equal(find(&p, "one", NULL, 2, 100)->values[0], 1000);
    assert_int_equal(find(&p, "one", NULL, 3, 101)->values[0], 10000);
    rt__profile_release(&p);
}

static void a_name_of_sixteen_bytes_a_thread_without_a_name_and_a_stack_without_frames_are_kept(void **state)
{
    (void)state;
    struct rt__cpu_table t = {.most_bytes = 1 << 20};
    struct rt__profile p;
    add(&t, sample("sixteen bytes!!!", NULL, 1, 7), 1);
    add(&t, sample("", NULL, 1, 7), 2);
    add(&t, sample("none", NULL, 0, 0), 3);
    rt__profile_begin(&p, &kind);
    rt__cpu_table_write(&t, &p);
    rt__cpu_table_release(&t);
    assert_int_equal(p.count, 3);
    assert_int_equal(find(&p, "sixteen bytes!!!", NULL, 1, 7)->values[0], 1);
    assert_int_equal(find(&p, NULL, NULL, 1, 7)->values[0], 2);
    assert_int_equal(find(&p, "none", NULL, 0, 0)->values[0], 3);
    rt__profile_release(&p);
}

static void what_does_not_fit_is_refused_while_known_stacks_go_on_being_counted(void **state)
{
    (void)state;
    struct rt__cpu_table t = {.most_bytes = 128 << 10};
    struct rt__profile p;
    uintptr_t i = 1;
    for (struct rt__cpu_sample s = sample("t", NULL, 20, i); rt__cpu_table_add(&t, &s); s = sample("t", NULL, 20, i)) {
        i += 100;
        assert_true(i < 1000000);
    }
    assert_true(i > 100 * 300);
    assert_true(t.mapped_bytes <= t.most_bytes);
    add(&t, sample("t", NULL, 20, 1), 4);
    rt__profile_begin(&p, &kind);
    rt__cpu_table_write(&t, &p);
    assert_int_equal(p.count, i / 100);
    assert_int_equal(find(&p, "t", NULL, 20, 1)->values[0], 5);
    rt__profile_release(&p);
    rt__cpu_table_release(&t);
}

static void a_released_table_has_given_its_memory_back_and_begins_anew(void **state)
{
    (void)state;
    struct rt__cpu_table t = {.most_bytes = 1 << 20};
    struct rt__profile p;
    uint64_t before = rt__os_mapped(RT__OS_BUCKETS);
    for (uintptr_t i = 0; i < 2000; i++) {
        add(&t, sample("t", NULL, 20, i), 1);
    }
    assert_true(rt__os_mapped(RT__OS_BUCKETS) > before);
    rt__cpu_table_release(&t);
    assert_int_equal(rt__os_mapped(RT__OS_BUCKETS), before);
    add(&t, sample("t", NULL, 20, 1), 1);
    rt__profile_begin(&p, &kind);
    rt__cpu_table_write(&t, &p);
    assert_int_equal(p.count, 1);
    assert_int_equal(p.samples[0].values[0], 1);
    rt__profile_release(&p);
    rt__cpu_table_release(&t);
}

static void an_empty_table_writes_nothing(void **state)
{
    (void)state;
    struct rt__cpu_table t = {.most_bytes = 1 << 20};
    struct rt__profile p;
    rt__profile_begin(&p, &kind);
    rt__cpu_table_write(&t, &p);
    rt__cpu_table_release(&t);
    assert_int_equal(p.count, 0);
    assert_false(p.failed);
    rt__profile_release(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(samples_of_one_stack_thread_and_labels_are_one_sum),
        cmocka_unit_test(a_name_of_sixteen_bytes_a_thread_without_a_name_and_a_stack_without_frames_are_kept),
        cmocka_unit_test(what_does_not_fit_is_refused_while_known_stacks_go_on_being_counted),
        cmocka_unit_test(a_released_table_has_given_its_memory_back_and_begins_anew),
        cmocka_unit_test(an_empty_table_writes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
