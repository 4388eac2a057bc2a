/* proto.c - profile.proto holds what the profile and the symbols say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "runtime/profile/labels.h"
#include "tests/unit/profile/decoder.h"
#include "tests/unit/profile/fake_symbols.h"

/* Field numbers, as in profile.proto. */
enum {
    SAMPLE_TYPE = 1,
    SAMPLE,
    MAPPING,
    LOCATION,
    FUNCTION,
    STRING,
    TIME = 9,
    DURATION,
    PERIOD_TYPE,
    PERIOD,
    COMMENT,
    DEFAULT
};

/* A profile in its making, and what is written of it. */
struct world {
    struct rt__profile p;
    struct rt__symbols symbols;
    struct rt__bytes out;
    struct message proto;
};

static struct world *new_world(const struct rt__profile_kind *kind)
{
    struct world *w = calloc(1, sizeof *w);
    rt__profile_begin(&w->p, kind);
    return w;
}

static void write_proto(struct world *w)
{
    struct rt__symbol_source source = fake_source(&w->symbols);
    rt__proto_write(&w->p, &source, &w->out);
    assert_false(w->out.failed);
    w->proto = whole(w->out.data, w->out.len);
}

static void end_world(struct world *w)
{
    rt__profile_release(&w->p);
    rt__bytes_release(&w->out);
    free(w);
}

/* Whether the text that a message names in a field is this one. */
static bool names(const struct world *w, struct message m, unsigned field, const char *text)
{
    return text_is(submessage(w->proto, STRING, number_in(m, field)), text);
}

/* The message in a repeated field whose id (field 1) is this one. */
static struct message with_id(const struct world *w, unsigned field, uint64_t id)
{
    for (size_t i = 0; i < fields_count(w->proto, field); i++) {
        struct message m = submessage(w->proto, field, i);
        if (number_in(m, 1) == id)
            return m;
    }
    fail_msg("no id %d in field %u", (int)id, field);
    return w->proto;
}

/* Checks the addresses of a sample, innermost first. */
static void check_stack(const struct world *w, size_t sample, const uintptr_t *pcs, size_t depth)
{
    uint64_t ids[64];
    assert_int_equal(numbers_in(submessage(w->proto, SAMPLE, sample), 1, ids, 64), depth);
    for (size_t i = 0; i < depth; i++)
        assert_int_equal(number_in(with_id(w, LOCATION, ids[i]), 3), pcs[i]);
}

/* The location of the only sample's frame. */
static struct message only_location(const struct world *w)
{
    assert_int_equal(fields_count(w->proto, LOCATION), 1);
    return submessage(w->proto, LOCATION, 0);
}

static void the_first_text_is_empty_and_no_text_comes_twice(void **state)
{
    (void)state;
    struct world *w = new_world(&heap_kind);
    add_sample(&w->p, STACK(HELPER_A, HELPER_B, OUTER, MAIN), VALUES(1, 2, 3, 4));
    write_proto(w);
    size_t n = fields_count(w->proto, STRING);
    assert_true(text_is(submessage(w->proto, STRING, 0), ""));
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < i; j++) {
            struct message a = submessage(w->proto, STRING, i), b = submessage(w->proto, STRING, j);
            assert_false(a.end - a.at == b.end - b.at && memcmp(a.at, b.at, (size_t)(a.end - a.at)) == 0);
        }
    }
    end_world(w);
}

static void sample_types_period_and_times_are_the_kinds_and_the_profiles(void **state)
{
    (void)state;
    struct rt__profile_kind kind = heap_kind;
    kind.default_type = "alloc_space";
    struct world *w = new_world(&kind);
    w->p.time_ns = INT64_C(1700000000123456789);
    w->p.duration_ns = 5000000000;
    w->p.period = 524288;
    strcpy(w->p.comment, "12 stacks were dropped");
    write_proto(w);
    assert_int_equal(fields_count(w->proto, SAMPLE_TYPE), 4);
    assert_true(names(w, submessage(w->proto, SAMPLE_TYPE, 0), 1, "alloc_objects"));
    assert_true(names(w, submessage(w->proto, SAMPLE_TYPE, 0), 2, "count"));
    assert_true(names(w, submessage(w->proto, SAMPLE_TYPE, 3), 1, "inuse_space"));
    assert_true(names(w, submessage(w->proto, SAMPLE_TYPE, 3), 2, "bytes"));
    assert_int_equal(number_in(w->proto, TIME), INT64_C(1700000000123456789));
    assert_int_equal(number_in(w->proto, DURATION), 5000000000);
    assert_true(names(w, submessage(w->proto, PERIOD_TYPE, 0), 1, "space"));
    assert_true(names(w, submessage(w->proto, PERIOD_TYPE, 0), 2, "bytes"));
    assert_int_equal(number_in(w->proto, PERIOD), 524288);
    assert_true(names(w, w->proto, COMMENT, "12 stacks were dropped"));
    assert_true(names(w, w->proto, DEFAULT, "alloc_space"));
    end_world(w);
}

static void what_a_profile_does_not_say_is_left_out(void **state)
{
    (void)state;
    struct world *w = new_world(&heap_kind);
    write_proto(w);
    assert_int_equal(fields_count(w->proto, SAMPLE), 0);
    assert_int_equal(fields_count(w->proto, LOCATION), 0);
    assert_int_equal(fields_count(w->proto, DURATION), 0);
    assert_int_equal(fields_count(w->proto, COMMENT), 0);
    assert_int_equal(fields_count(w->proto, DEFAULT), 0);
    end_world(w);
}

static void a_sample_has_its_stack_innermost_first_and_the_kinds_values(void **state)
{
    (void)state;
    struct world *w = new_world(&mutex_kind);
    uint64_t values[8];
    add_sample(&w->p, STACK(OUTER + 9, MAIN + 5), VALUES(3, -70, 999, 999));
    add_sample(&w->p, STACK(MAIN + 5), VALUES(0, INT64_MAX));
    rt__profile_add(&w->p)->values[0] = 4; /* no stack */
    write_proto(w);
    assert_int_equal(fields_count(w->proto, SAMPLE), 3);
    check_stack(w, 0, STACK(OUTER + 9, MAIN + 5));
    check_stack(w, 1, STACK(MAIN + 5));
    check_stack(w, 2, NULL, 0);
    assert_int_equal(numbers_in(submessage(w->proto, SAMPLE, 0), 2, values, 8), 2);
    assert_int_equal(values[0], 3);
    assert_int_equal((int64_t)values[1], -70);
    assert_int_equal(numbers_in(submessage(w->proto, SAMPLE, 1), 2, values, 8), 2);
    assert_int_equal(values[0], 0);
    assert_int_equal(values[1], INT64_MAX);
    end_world(w);
}

static void an_address_is_one_location_and_looked_up_once(void **state)
{
    (void)state;
    struct world *w = new_world(&mutex_kind);
    for (int i = 0; i < 100; i++)
        add_sample(&w->p, STACK(HELPER_A, OUTER, OUTER, MAIN), VALUES(1, i));
    write_proto(w);
    assert_int_equal(fields_count(w->proto, LOCATION), 3);
    assert_int_equal(w->symbols.finds, 3);
    check_stack(w, 99, STACK(HELPER_A, OUTER, OUTER, MAIN));
    end_world(w);
}

static void an_address_in_inlined_code_has_a_line_for_each_function_innermost_first(void **state)
{
    (void)state;
    struct world *w = new_world(&mutex_kind);
    add_sample(&w->p, STACK(OUTER + 3), VALUES(1, 1));
    write_proto(w);
    struct message location = only_location(w);
    assert_int_equal(fields_count(location, 4), 2);
    struct message inner = submessage(location, 4, 0), outer = submessage(location, 4, 1);
    assert_int_equal(number_in(inner, 2), 5);
    assert_int_equal(number_in(outer, 2), 22);
    struct message function = with_id(w, FUNCTION, number_in(inner, 1));
    assert_true(names(w, function, 2, "inner"));
    assert_true(names(w, function, 3, "inner"));
    assert_true(names(w, function, 4, "/src/inner.h"));
    assert_int_equal(number_in(function, 5), 3);
    assert_true(names(w, with_id(w, FUNCTION, number_in(outer, 1)), 2, "outer"));
    end_world(w);
}

static void a_function_comes_once_and_namesakes_in_other_files_are_others(void **state)
{
    (void)state;
    struct world *w = new_world(&mutex_kind);
    add_sample(&w->p, STACK(HELPER_A, HELPER_A + 8, HELPER_B, HELPER_B + 8), VALUES(1, 1));
    write_proto(w);
    assert_int_equal(fields_count(w->proto, LOCATION), 4);
    assert_int_equal(fields_count(w->proto, FUNCTION), 2);
    assert_true(names(w, submessage(w->proto, FUNCTION, 0), 4, "/src/a.c"));
    assert_true(names(w, submessage(w->proto, FUNCTION, 1), 4, "/src/b.c"));
    end_world(w);
}

static void a_function_without_a_file_has_its_made_up_name_alone(void **state)
{
    (void)state;
    struct world *w = new_world(&mutex_kind);
    add_sample(&w->p, STACK(WAIT), VALUES(1, 1));
    write_proto(w);
    struct message function = submessage(w->proto, FUNCTION, 0);
    assert_true(names(w, function, 2, "libc.so.6+0x100"));
    assert_int_equal(fields_count(function, 4), 0);
    assert_int_equal(fields_count(function, 5), 0);
    end_world(w);
}

static void mappings_come_in_order_and_claim_that_all_is_symbolised(void **state)
{
    (void)state;
    struct world *w = new_world(&mutex_kind);
    write_proto(w);
    assert_int_equal(fields_count(w->proto, MAPPING), 3);
    struct message first = submessage(w->proto, MAPPING, 0);
    assert_int_equal(number_in(first, 1), 1);
    assert_int_equal(number_in(first, 2), 0x400000);
    assert_int_equal(number_in(first, 3), 0x500000);
    assert_int_equal(number_in(first, 4), 0x1000);
    assert_true(names(w, first, 5, "/bin/prog"));
    assert_true(names(w, first, 6, "abcd"));
    for (size_t i = 0; i < 3; i++) {
        for (unsigned has = 7; has <= 10; has++)
            assert_int_equal(number_in(submessage(w->proto, MAPPING, i), has), 1);
    }
    assert_true(names(w, submessage(w->proto, MAPPING, 2), 5, "[vdso]"));
    end_world(w);
}

static void a_location_names_the_mapping_that_its_address_is_in(void **state)
{
    (void)state;
    static const struct {
        uintptr_t pc;
        uint64_t mapping;
    } want[] = {{0x400000, 1}, {0x4fffff, 1}, {0x500000, 0}, {0x100000, 2}, {0x1fffff, 2},
                {0x200000, 0}, {0xfffff, 0},  {0x700fff, 3}, {NOWHERE, 0},  {UINTPTR_MAX, 0}};
    struct world *w = new_world(&mutex_kind);
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++)
        add_sample(&w->p, STACK(want[i].pc), VALUES(1, 1));
    write_proto(w);
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
        struct message location = submessage(w->proto, LOCATION, i);
        assert_int_equal(number_in(location, 3), want[i].pc);
        assert_int_equal(number_in(location, 2), want[i].mapping);
    }
    end_world(w);
}

static void labels_and_the_threads_name_are_text_labels(void **state)
{
    (void)state;
    struct rt_labels *labels = calloc(1, sizeof *labels + 2 * sizeof labels->pairs[0]);
    labels->n = 2;
    labels->pairs[0].key = "route";
    labels->pairs[0].value = "/rooms";
    labels->pairs[1].key = "tenant";
    labels->pairs[1].value = "";
    struct world *w = new_world(&mutex_kind);
    struct rt__sample *s = add_sample(&w->p, STACK(MAIN), VALUES(1, 1));
    s->labels = labels;
    s->thread = "loop 0";
    add_sample(&w->p, STACK(MAIN), VALUES(1, 1));
    write_proto(w);
    struct message sample = submessage(w->proto, SAMPLE, 0);
    assert_int_equal(fields_count(sample, 3), 3);
    static const char *const want[][2] = {{"route", "/rooms"}, {"tenant", ""}, {"thread", "loop 0"}};
    for (size_t i = 0; i < 3; i++) {
        assert_true(names(w, submessage(sample, 3, i), 1, want[i][0]));
        assert_true(names(w, submessage(sample, 3, i), 2, want[i][1]));
        assert_int_equal(fields_count(submessage(sample, 3, i), 3), 0); /* no number */
    }
    assert_int_equal(fields_count(submessage(w->proto, SAMPLE, 1), 3), 0);
    end_world(w);
    free(labels);
}

static void the_runtimes_own_frames_that_a_stack_begins_with_are_left_out(void **state)
{
    (void)state;
    struct world *w = new_world(&heap_kind);
    add_sample(&w->p, STACK(RT_ALLOC, MALLOC, OUTER, MALLOC, MAIN), VALUES(1, 1, 1, 1));
    add_sample(&w->p, STACK(MALLOC, USER, MAIN), VALUES(1, 1, 1, 1)); /* the runtime's is only inlined there */
    add_sample(&w->p, STACK(MAIN), VALUES(1, 1, 1, 1));
    write_proto(w);
    check_stack(w, 0, STACK(OUTER, MALLOC, MAIN));
    check_stack(w, 1, STACK(USER, MAIN));
    check_stack(w, 2, STACK(MAIN));
    assert_int_equal(fields_count(w->proto, LOCATION), 4); /* none for what no stack shows */
    end_world(w);
}

static void a_stack_of_the_runtimes_frames_alone_stays_whole(void **state)
{
    (void)state;
    struct world *w = new_world(&heap_kind);
    add_sample(&w->p, STACK(RT_ALLOC, MALLOC), VALUES(1, 1, 1, 1));
    write_proto(w);
    check_stack(w, 0, STACK(RT_ALLOC, MALLOC));
    end_world(w);
}

static void kinds_that_keep_the_runtimes_frames_show_them(void **state)
{
    (void)state;
    struct world *w = new_world(&mutex_kind);
    add_sample(&w->p, STACK(RT_ALLOC, MAIN), VALUES(1, 1));
    write_proto(w);
    check_stack(w, 0, STACK(RT_ALLOC, MAIN));
    end_world(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_text_is_empty_and_no_text_comes_twice),
        cmocka_unit_test(sample_types_period_and_times_are_the_kinds_and_the_profiles),
        cmocka_unit_test(what_a_profile_does_not_say_is_left_out),
        cmocka_unit_test(a_sample_has_its_stack_innermost_first_and_the_kinds_values),
        cmocka_unit_test(an_address_is_one_location_and_looked_up_once),
        cmocka_unit_test(an_address_in_inlined_code_has_a_line_for_each_function_innermost_first),
        cmocka_unit_test(a_function_comes_once_and_namesakes_in_other_files_are_others),
        cmocka_unit_test(a_function_without_a_file_has_its_made_up_name_alone),
        cmocka_unit_test(mappings_come_in_order_and_claim_that_all_is_symbolised),
        cmocka_unit_test(a_location_names_the_mapping_that_its_address_is_in),
        cmocka_unit_test(labels_and_the_threads_name_are_text_labels),
        cmocka_unit_test(the_runtimes_own_frames_that_a_stack_begins_with_are_left_out),
        cmocka_unit_test(a_stack_of_the_runtimes_frames_alone_stays_whole),
        cmocka_unit_test(kinds_that_keep_the_runtimes_frames_show_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
