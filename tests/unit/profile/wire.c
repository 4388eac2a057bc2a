/* wire.c - protocol buffers, byte by byte as their specification has them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "runtime/profile/wire.h"

static void check(struct rt__bytes *b, const char *want, size_t len)
{
    assert_false(b->failed);
    assert_int_equal(b->len, len);
    assert_memory_equal(b->data, want, len);
    rt__bytes_release(b);
}

static void a_number_is_a_tag_and_seven_bits_a_byte(void **state)
{
    (void)state;
    struct rt__bytes b = {0};
    rt__wire_number(&b, 1, 150);
    rt__wire_number(&b, 16, 0);
    rt__wire_number(&b, 2, UINT64_MAX);
    check(&b, "\x08\x96\x01\x80\x01\x00\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 17);
}

static void an_optional_number_is_left_out_when_it_is_zero(void **state)
{
    (void)state;
    struct rt__bytes b = {0};
    rt__wire_number_opt(&b, 1, 0);
    rt__wire_number_opt(&b, 1, 1);
    check(&b, "\x08\x01", 2);
}

static void packed_numbers_stand_behind_their_length(void **state)
{
    (void)state;
    struct rt__bytes b = {0};
    rt__wire_packed(&b, 4, (const uint64_t[]){3, 270, 86942}, 3);
    rt__wire_packed(&b, 5, NULL, 0);
    check(&b, "\x22\x06\x03\x8e\x02\x9e\xa7\x05", 8);
}

static void a_text_stands_behind_its_length_even_when_it_is_empty(void **state)
{
    (void)state;
    struct rt__bytes b = {0};
    rt__wire_text(&b, 2, "testing");
    rt__wire_text(&b, 2, "");
    check(&b, "\x12\x07testing\x12\x00", 11);
}

static void messages_stand_in_messages(void **state)
{
    (void)state;
    struct rt__bytes b = {0};
    size_t outer = rt__wire_begin(&b);
    rt__wire_number(&b, 1, 1);
    size_t inner = rt__wire_begin(&b);
    rt__wire_number(&b, 2, 2);
    rt__wire_end(&b, 3, inner);
    rt__wire_end(&b, 4, outer);
    rt__wire_end(&b, 5, rt__wire_begin(&b));
    check(&b, "\x22\x06\x08\x01\x1a\x02\x10\x02\x2a\x00", 10);
}

static void a_message_longer_than_127_bytes_has_a_longer_length(void **state)
{
    (void)state;
    struct rt__bytes b = {0};
    char text[201], want[206] = "\x0a\xcb\x01\x12\xc8\x01";
    memset(text, 't', 200);
    text[200] = '\0';
    memset(want + 6, 't', 200);
    size_t begun = rt__wire_begin(&b);
    rt__wire_text(&b, 2, text);
    rt__wire_end(&b, 1, begun);
    check(&b, want, 206);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_number_is_a_tag_and_seven_bits_a_byte),
        cmocka_unit_test(an_optional_number_is_left_out_when_it_is_zero),
        cmocka_unit_test(packed_numbers_stand_behind_their_length),
        cmocka_unit_test(a_text_stands_behind_its_length_even_when_it_is_empty),
        cmocka_unit_test(messages_stand_in_messages),
        cmocka_unit_test(a_message_longer_than_127_bytes_has_a_longer_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
