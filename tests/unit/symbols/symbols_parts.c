/* symbols_parts.c - what symbols are looked up with and no system call is in: paths, strings, spans, notes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "runtime/symbols/symbols_parts.h"

static void a_path_loses_what_leads_nowhere(void **state)
{
    static const char *const cases[][2] = {
        {"/a/b.c", "/a/b.c"},
        {"/a/build/../b.c", "/a/b.c"},
        {"/a/./b//c/./d.c", "/a/b/c/d.c"},
        {"/a/b/../../c.c", "/c.c"},
        {"/../../a.c", "/a.c"},
        {"../src/a.c", "../src/a.c"},
        {"../../x/../a.c", "../../a.c"},
        {"x/../../a.c", "../a.c"},
        {"./a.c", "a.c"},
        {"/a/b/..", "/a"},
        {"/a/..", "/"},
        {"/a..b/...c", "/a..b/...c"},
        {"/", "/"},
        {"", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char path[64];
        strcpy(path, cases[i][0]);
        rt__path_clean(path);
        assert_string_equal(path, cases[i][1]);
    }
}

static void a_string_is_kept_once_and_a_longer_one_apart(void **state)
{
    (void)state;
    struct rt__strings s = {0};
    char big[40000];
    memset(big, 'x', sizeof big);
    const char *first = rt__strings_keep(&s, "rooms.c:12", 7);
    const char *large = rt__strings_keep(&s, big, sizeof big);
    assert_string_equal(first, "rooms.c");
    assert_ptr_equal(rt__strings_keep(&s, "rooms.c", 7), first);
    assert_ptr_not_equal(rt__strings_keep(&s, "rooms.cc", 8), first);
    assert_int_equal(strlen(large), sizeof big);
    const char *kept[5000];
    for (int i = 0; i < 5000; i++) {
        char text[32];
        kept[i] = rt__strings_keep(&s, text, (size_t)sprintf(text, "name %d", i));
    }
    for (int i = 0; i < 5000; i++) {
        char text[32];
        sprintf(text, "name %d", i);
        assert_string_equal(kept[i], text);
    }
    rt__strings_release(&s);
}

static void an_address_is_found_in_its_span_and_not_between_two(void **state)
{
    (void)state;
    struct rt__spans s = {0};
    assert_null(rt__spans_find(&s, 5));
    for (uint32_t i = 100; i > 0; i--) {
        assert_true(rt__spans_add(&s, i * 10, i * 10 + 6, i));
    }
    rt__spans_sort(&s);
    for (uint32_t i = 1; i <= 100; i++) {
        assert_int_equal(rt__spans_find(&s, i * 10)->what, i);
        assert_int_equal(rt__spans_find(&s, i * 10 + 5)->what, i);
        assert_null(rt__spans_find(&s, i * 10 + 6));
        assert_null(rt__spans_find(&s, i * 10 - 1));
    }
    assert_null(rt__spans_find(&s, 0));
    assert_null(rt__spans_find(&s, UINT64_MAX));
    free(s.at);
}

static void a_line_of_maps_gives_addresses_and_file(void **state)
{
    (void)state;
    struct rt__maps_line line;
    assert_true(rt__maps_parse("7f81a000-7f81f000 r-xp 00026000 fe:01 325   /usr/lib/a b.so", &line));
    assert_int_equal(line.start, 0x7f81a000);
    assert_int_equal(line.limit, 0x7f81f000);
    assert_int_equal(line.offset, 0x26000);
    assert_true(line.is_code);
    assert_false(line.is_deleted);
    assert_int_equal(line.file_len, strlen(line.file));
    assert_string_equal(line.file, "/usr/lib/a b.so");
    assert_true(rt__maps_parse("1000-2000 rw-p 0 00:00 0 ", &line));
    assert_false(line.is_code);
    assert_int_equal(line.file_len, 0);
    assert_true(rt__maps_parse("1000-2000 ---p 0 00:00 0", &line));
    assert_int_equal(line.file_len, 0);
    assert_false(rt__maps_parse("", &line));
    assert_false(rt__maps_parse("no line of maps", &line));
    assert_false(rt__maps_parse("1000-2000 r-xp", &line));
}

static void a_deleted_file_is_known_by_what_follows_its_name(void **state)
{
    (void)state;
    struct rt__maps_line line;
    assert_true(rt__maps_parse("1000-2000 r-xp 0 fe:01 9 /opt/x.so (deleted)", &line));
    assert_true(line.is_deleted);
    assert_int_equal(line.file_len, strlen("/opt/x.so"));
}

struct note {
    uint32_t name_len, len, type;
    char name[4];
    unsigned char bytes[20];
};

static void a_build_id_is_found_among_other_notes(void **state)
{
    (void)state;
    struct note notes[2] = {{4, 16, 1, "GNU", {1}}, {4, 20, 3, "GNU", {0xab, 0x0c}}};
    const struct note *id = &notes[1];
    char bytes[sizeof notes], hex[2 * RT__BUILD_ID_MAX + 1];
    size_t first = sizeof notes[0] - 4, len; /* 4 bytes fewer in the first */
    memcpy(bytes, &notes[0], first);
    memcpy(bytes + first, id, sizeof *id);
    const unsigned char *found = rt__notes_build_id(bytes, first + sizeof *id, 4, &len);
    assert_ptr_equal(found, bytes + first + offsetof(struct note, bytes));
    assert_int_equal(len, 20);
    rt__build_id_hex(found, 3, hex);
    assert_string_equal(hex, "ab0c00");
    assert_null(rt__notes_build_id(bytes, first, 4, &len));
    assert_null(rt__notes_build_id(bytes, 0, 4, &len));
}

static void notes_that_claim_more_than_there_is_are_not_read(void **state)
{
    (void)state;
    size_t len;
    struct note note = {4, 20, 3, "GNU", {1}};
    assert_non_null(rt__notes_build_id(&note, sizeof note, 4, &len));
    assert_null(rt__notes_build_id(&note, sizeof note - 1, 4, &len));
    note.len = UINT32_MAX;
    assert_null(rt__notes_build_id(&note, sizeof note, 4, &len));
    note.len = 20;
    note.name_len = UINT32_MAX;
    assert_null(rt__notes_build_id(&note, sizeof note, 4, &len));
    note.name_len = 3;
    assert_null(rt__notes_build_id(&note, sizeof note, 8, &len));
}

static void a_name_tells_the_runtimes_functions_where_no_source_is_known(void **state)
{
    (void)state;
    struct rt__object own = {.is_own = true}, heap = {.is_heap = true}, other = {0};
    assert_true(rt__name_is_runtime(&own, "rt_alloc", false));
    assert_true(rt__name_is_runtime(&own, "rt__look", false));
    assert_true(rt__name_is_runtime(&own, "malloc", false));
    assert_true(rt__name_is_runtime(&own, "mi_free", true));
    assert_true(rt__name_is_runtime(&own, "GC_malloc", true));
    assert_true(rt__name_is_runtime(&heap, "libgc.so.1+0x10", false));
    assert_false(rt__name_is_runtime(&own, "rt_of_the_programs", true));
    assert_false(rt__name_is_runtime(&own, "malloced", false));
    assert_false(rt__name_is_runtime(&own, "main", false));
    assert_false(rt__name_is_runtime(&other, "malloc", false));
    assert_false(rt__name_is_runtime(&other, "rt_alloc", false));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_loses_what_leads_nowhere),
        cmocka_unit_test(a_string_is_kept_once_and_a_longer_one_apart),
        cmocka_unit_test(an_address_is_found_in_its_span_and_not_between_two),
        cmocka_unit_test(a_line_of_maps_gives_addresses_and_file),
        cmocka_unit_test(a_deleted_file_is_known_by_what_follows_its_name),
        cmocka_unit_test(a_build_id_is_found_among_other_notes),
        cmocka_unit_test(notes_that_claim_more_than_there_is_are_not_read),
        cmocka_unit_test(a_name_tells_the_runtimes_functions_where_no_source_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
