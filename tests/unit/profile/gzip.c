/* gzip.c - what is compressed comes out again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <zlib.h>
#include "runtime/profile/snapshot.h"

/* Checks a stream of gzip against what it must hold; zlib verifies header, checksum and length. */
static void check_inflates_to(const struct rt__bytes *packed, const char *want, size_t len)
{
    z_stream z = {.next_in = (Bytef *)packed->data, .avail_in = (uInt)packed->len};
    char *out = malloc(len + 1);
    assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK); /* gzip only */
    z.next_out = (Bytef *)out;
    z.avail_out = (uInt)len + 1;
    assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
    assert_int_equal(z.avail_in, 0);
    assert_int_equal(z.total_out, len);
    assert_memory_equal(out, want, len);
    inflateEnd(&z);
    free(out);
}

static void texts_of_all_sizes_come_out_again(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 100, 16384, 1 << 20};
    uint32_t random = 1;
    char *noise = malloc(1 << 20); /* does not shrink, so that output comes in many steps */
    for (size_t i = 0; i < 1 << 20; i++)
        noise[i] = (char)((random = random * 1664525 + 1013904223) >> 24);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct rt__bytes packed = {0};
        assert_int_equal(rt__gzip(noise, sizes[i], &packed), 0);
        assert_false(packed.failed);
        check_inflates_to(&packed, noise, sizes[i]);
        rt__bytes_release(&packed);
    }
    free(noise);
}

static void repetitions_shrink(void **state)
{
    (void)state;
    struct rt__bytes text = {0}, packed = {0};
    for (int i = 0; i < 10000; i++)
        rt__bytes_addf(&text, "main.c:%d\n", i % 10);
    assert_int_equal(rt__gzip(text.data, text.len, &packed), 0);
    assert_true(packed.len < text.len / 20);
    check_inflates_to(&packed, text.data, text.len);
    rt__bytes_release(&packed);
    rt__bytes_release(&text);
}

static void equal_input_makes_equal_bytes_with_no_time_in_them(void **state)
{
    (void)state;
    struct rt__bytes packed = {0};
    assert_int_equal(rt__gzip("abc", 3, &packed), 0);
    assert_true(packed.len > 10);
    assert_memory_equal(packed.data, "\x1f\x8b\x08\x00\x00\x00\x00\x00", 8); /* magic, deflate, no flags, no time */
    rt__bytes_release(&packed);
}

static void it_adds_to_what_is_there(void **state)
{
    (void)state;
    struct rt__bytes packed = {0};
    rt__bytes_add(&packed, "head", 4);
    assert_int_equal(rt__gzip("abc", 3, &packed), 0);
    assert_memory_equal(packed.data, "head\x1f\x8b", 6);
    rt__bytes_release(&packed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_of_all_sizes_come_out_again),
        cmocka_unit_test(repetitions_shrink),
        cmocka_unit_test(equal_input_makes_equal_bytes_with_no_time_in_them),
        cmocka_unit_test(it_adds_to_what_is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
