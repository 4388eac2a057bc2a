/* go_wire.c - Go's trace format, byte by byte, and the tables of strings and stacks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "go_decode.h"
#include "runtime/trace/go_wire.h"

struct file {
    int fd;
    struct rt__out out;
    char *bytes;
    size_t len;
};

static struct file begin_file(void)
{
    struct file f = {.fd = memfd_create("trace", 0)};
    rt__out_begin(&f.out, f.fd);
    return f;
}

static void end_file(struct file *f)
{
    assert_int_equal(rt__out_end(&f->out), 0);
    f->len = f->out.written;
    f->bytes = malloc(f->len + 1);
    assert_int_equal(pread(f->fd, f->bytes, f->len + 1, 0), f->len);
    close(f->fd);
}

static void check_bytes(struct file *f, const char *want, size_t len)
{
    end_file(f);
    assert_int_equal(f->len, len);
    assert_memory_equal(f->bytes, want, len);
    free(f->bytes);
}

static void a_trace_begins_with_its_version_and_the_frequency(void **state)
{
    (void)state;
    struct file f = begin_file();
    rt__go_header(&f.out, 300);
    check_bytes(&f,
                "go 1.22 trace\0\0\0"
                "\x01\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\xac\x02\x06"
                "\x08\x80\x94\xeb\xdc\x03",
                16 + 15 + 6);
}

static void an_event_is_its_type_the_time_since_the_one_before_and_its_arguments(void **state)
{
    (void)state;
    struct file f = begin_file();
    struct rt__go_batch b = {.m = 5};
    rt__go_event(&b, &f.out, 1000, RT__GO_START, (const uint64_t[]){1, 200}, 2);
    rt__go_event(&b, &f.out, 1130, RT__GO_DESTROY, NULL, 0);
    rt__go_batch_flush(&b, &f.out);
    rt__go_batch_flush(&b, &f.out);
    rt__go_batch_release(&b);
    check_bytes(&f, "\x01\x01\x05\xe8\x07\x08\x10\x00\x01\xc8\x01\x11\x82\x01", 14);
}

static void time_does_not_go_back_within_a_thread(void **state)
{
    (void)state;
    struct file f = begin_file();
    struct rt__go_batch b = {.m = 5};
    rt__go_event(&b, &f.out, 100, RT__GO_DESTROY, NULL, 0);
    rt__go_event(&b, &f.out, 90, RT__GO_DESTROY, NULL, 0);
    rt__go_batch_flush(&b, &f.out);
    rt__go_event(&b, &f.out, 80, RT__GO_DESTROY, NULL, 0);
    rt__go_batch_flush(&b, &f.out);
    rt__go_batch_release(&b);
    check_bytes(&f, "\x01\x01\x05\x64\x04\x11\x00\x11\x00\x01\x01\x05\x64\x02\x11\x00", 16);
}

static void batches_are_written_as_they_fill_and_keep_the_order(void **state)
{
    (void)state;
    struct file f = begin_file();
    struct rt__go_batch b = {.m = 5};
    rt__go_header(&f.out, 1);
    for (uint64_t i = 0; i < 20000; i++) {
        rt__go_event(&b, &f.out, 1 + i * 1000, RT__GO_HEAP_ALLOC, &i, 1);
        assert_true(b.room <= 16 << 10);
    }
    rt__go_batch_flush(&b, &f.out);
    rt__go_batch_release(&b);
    end_file(&f);
    struct decoded *d = decode_trace(f.bytes, f.len);
    assert_in_range(d->batches, 5, 20);
    const char *at = d->text;
    for (unsigned i = 0; i < 20000; i++) {
        char want[64];
        int len = snprintf(want, sizeof want, "+%u M5 HeapAlloc %u\n", i * 1000, i);
        assert_memory_equal(at, want, (size_t)len);
        at += len;
    }
    assert_int_equal(*at, 0);
    decoded_free(d);
    free(f.bytes);
}

static void the_largest_event_fits(void **state)
{
    (void)state;
    struct file f = begin_file();
    struct rt__go_batch b = {.m = UINT64_MAX - 1};
    uint64_t most[] = {UINT64_MAX, UINT64_MAX, 0, 0};
    rt__go_header(&f.out, 1);
    rt__go_event(&b, &f.out, 1, RT__GO_TASK_BEGIN, most, 4);
    for (unsigned i = 0; i < 2000; i++) {
        rt__go_event(&b, &f.out, UINT64_MAX, RT__GO_TASK_BEGIN, most, 4);
    }
    rt__go_batch_flush(&b, &f.out);
    rt__go_batch_release(&b);
    end_file(&f);
    struct decoded *d = decode_trace(f.bytes, f.len);
    assert_non_null(strstr(d->text, "+18446744073709551614 M18446744073709551614 UserTaskBegin 18446744073709551615 "));
    decoded_free(d);
    free(f.bytes);
}

/* ---- strings ---- */

static struct decoded *decode_strings_of(struct file *f, struct rt__go_strings *s)
{
    rt__go_batch_flush(&s->batch, &f->out);
    rt__go_strings_release(s);
    end_file(f);
    struct decoded *d = decode_trace(f->bytes, f->len);
    free(f->bytes);
    return d;
}

static void a_string_that_stays_is_written_once_and_one_that_does_not_each_time(void **state)
{
    (void)state;
    struct file f = begin_file();
    struct rt__go_strings s;
    rt__go_header(&f.out, 1);
    rt__go_strings_begin(&s, 1);
    static const char name[] = "poll";
    assert_int_equal(rt__go_string(&s, &f.out, name), 1);
    assert_int_equal(rt__go_text(&s, &f.out, "text, and more", 4), 2);
    assert_int_equal(rt__go_string(&s, &f.out, name), 1);
    assert_int_equal(rt__go_text(&s, &f.out, "text", 4), 3);
    struct decoded *d = decode_strings_of(&f, &s);
    assert_string_equal(d->strings[1], "poll");
    assert_string_equal(d->strings[2], "text");
    assert_string_equal(d->strings[3], "text");
    assert_null(d->strings[4]);
    decoded_free(d);
}

static void the_empty_string_is_number_0_and_is_not_written(void **state)
{
    (void)state;
    struct file f = begin_file();
    struct rt__go_strings s;
    rt__go_strings_begin(&s, 1);
    assert_int_equal(rt__go_string(&s, &f.out, ""), 0);
    assert_int_equal(rt__go_string(&s, &f.out, NULL), 0);
    assert_int_equal(rt__go_text(&s, &f.out, NULL, 0), 0);
    assert_int_equal(s.batch.len, 0);
    rt__go_strings_release(&s);
    check_bytes(&f, "", 0);
}

static void a_long_string_is_cut_between_two_characters(void **state)
{
    (void)state;
    struct file f = begin_file();
    struct rt__go_strings s;
    rt__go_header(&f.out, 1);
    rt__go_strings_begin(&s, 1);
    char text[2000];
    memset(text, 'x', sizeof text);
    rt__go_text(&s, &f.out, text, 1024);
    rt__go_text(&s, &f.out, text, 1025);
    memcpy(text + 1022, "\xf0\x9f\x98\x80", 4);
    rt__go_text(&s, &f.out, text, sizeof text);
    memcpy(text + 1020, "\xf0\x9f\x98\x80", 4);
    text[1024] = 'x';
    rt__go_text(&s, &f.out, text, sizeof text);
    memset(text, 0xBF, sizeof text); /* no UTF-8 at all */
    rt__go_text(&s, &f.out, text, sizeof text);
    struct decoded *d = decode_strings_of(&f, &s);
    static const size_t want[] = {1024, 1024, 1022, 1024, 1024};
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(strlen(d->strings[i + 1]), want[i]);
    }
    decoded_free(d);
}

/* ---- the map, and stacks ---- */

static void a_map_finds_what_was_put_in_however_much_it_is(void **state)
{
    (void)state;
    struct rt__go_map map = {0};
    for (uint32_t i = 0; i < 10000; i++) {
        uint32_t *at = rt__go_map_at(&map, i % 100 * 4096, i / 100);
        assert_non_null(at);
        assert_int_equal(*at, 0);
        *at = i + 1;
    }
    for (uint32_t i = 0; i < 10000; i++) {
        assert_int_equal(*rt__go_map_at(&map, i % 100 * 4096, i / 100), i + 1);
    }
    assert_int_equal(map.count, 10000);
    rt__go_map_release(&map);
}

static void a_stack_has_a_number_for_each_function_of_a_thread(void **state)
{
    (void)state;
    struct file f = begin_file();
    struct rt__go_stacks s;
    rt__go_stacks_begin(&s, 1);
    assert_int_equal(rt__go_stack(&s, &f.out, 0, 0), 0);
    assert_int_equal(rt__go_stack(&s, &f.out, 7, 0), 1);
    assert_int_equal(rt__go_stack(&s, &f.out, 7, 0x1000), 2);
    assert_int_equal(rt__go_stack(&s, &f.out, 0, 0x1000), 3);
    assert_int_equal(rt__go_stack(&s, &f.out, 7, 0), 1);
    rt__go_stacks_release(&s);
    check_bytes(&f, "", 0);
}

static struct decoded *decode_stacks_of(const struct rt__place *const *stacks, const size_t *depths, size_t n)
{
    struct file f = begin_file();
    struct rt__go_strings strings;
    struct rt__go_stacks s;
    rt__go_header(&f.out, 1);
    rt__go_strings_begin(&strings, 1);
    rt__go_stacks_begin(&s, 1);
    for (size_t i = 0; i < n; i++) {
        rt__go_stack_write(&s, &strings, &f.out, i + 1, stacks[i], depths[i]);
    }
    rt__go_batch_flush(&s.batch, &f.out);
    rt__go_stacks_release(&s);
    return decode_strings_of(&f, &strings);
}

static void functions_inlined_at_one_address_get_addresses_of_their_own(void **state)
{
    (void)state;
    static const struct rt__place inner = {0x401000, "inner", "a.c", 3}, outer = {0x401000, "outer", "a.c", 9},
                                  other = {0x402000, "main", "a.c", 20};
    const struct rt__place both[] = {inner, outer, other}, outer_first[] = {outer, other}, again[] = {inner};
    struct decoded *d =
        decode_stacks_of((const struct rt__place *const[]){both, outer_first, again}, (const size_t[]){3, 2, 1}, 3);
    assert_string_equal(d->stacks[1], "inner<outer<main");
    assert_string_equal(d->stacks[2], "outer<main");
    assert_true(d->pcs[1] == 0x401000);
    assert_true(d->pcs[2] == (0x401000 | UINT64_C(1) << 48));
    assert_true(d->pcs[3] == d->pcs[1]);
    decoded_free(d);
}

static void a_stack_of_no_frames_is_one_frame_of_unknown_function(void **state)
{
    (void)state;
    struct decoded *d = decode_stacks_of((const struct rt__place *const[]){NULL}, (const size_t[]){0}, 1);
    assert_string_equal(d->stacks[1], "(unknown)");
    decoded_free(d);
}

static void a_stack_has_128_frames_at_most(void **state)
{
    (void)state;
    struct rt__place deep[200];
    for (unsigned i = 0; i < 200; i++) {
        deep[i] = (struct rt__place){UINT64_C(0x7ffff0000000) + i,
                                     i == 127   ? "last"
                                     : i == 128 ? "over"
                                                : "f",
                                     "f.c", UINT32_MAX};
    }
    struct decoded *d = decode_stacks_of((const struct rt__place *const[]){deep}, (const size_t[]){200}, 1);
    assert_non_null(strstr(d->stacks[1], "<last"));
    assert_null(strstr(d->stacks[1], "<over"));
    decoded_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_trace_begins_with_its_version_and_the_frequency),
        cmocka_unit_test(an_event_is_its_type_the_time_since_the_one_before_and_its_arguments),
        cmocka_unit_test(time_does_not_go_back_within_a_thread),
        cmocka_unit_test(batches_are_written_as_they_fill_and_keep_the_order),
        cmocka_unit_test(the_largest_event_fits),
        cmocka_unit_test(a_string_that_stays_is_written_once_and_one_that_does_not_each_time),
        cmocka_unit_test(the_empty_string_is_number_0_and_is_not_written),
        cmocka_unit_test(a_long_string_is_cut_between_two_characters),
        cmocka_unit_test(a_map_finds_what_was_put_in_however_much_it_is),
        cmocka_unit_test(a_stack_has_a_number_for_each_function_of_a_thread),
        cmocka_unit_test(functions_inlined_at_one_address_get_addresses_of_their_own),
        cmocka_unit_test(a_stack_of_no_frames_is_one_frame_of_unknown_function),
        cmocka_unit_test(a_stack_has_128_frames_at_most),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
