/* The parser of rooms: what it takes, what it refuses, and that pieces of any size give the same. Expected results of
 * odd input (keys twice, null, other case) are encoding/json's for the same structs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "bench/json/parser.h"
#include "runtime/cruntime.h"

static struct rt_scope *scope;
static struct rooms rooms;
static struct rooms_error error;

static int begin(void **state)
{
    (void)state;
    scope = rt_scope_begin();
    return 0;
}

static int end(void **state)
{
    (void)state;
    rt_scope_end(scope);
    return 0;
}

/* In pieces of `piece` bytes, each from memory that is overwritten afterwards. */
static bool parse_pieces(const char *text, size_t length, size_t piece)
{
    struct rooms_parser parser;
    char buffer[256];
    rooms_parser_begin(&parser, scope, &rooms);
    for (size_t at = 0; at < length; at += piece) {
        size_t part = length - at < piece ? length - at : piece;
        memcpy(buffer, text + at, part);
        rooms_parser_feed(&parser, buffer, part, false);
        memset(buffer, '!', sizeof(buffer));
    }
    bool good = rooms_parser_end(&parser);
    error = parser.error;
    return good;
}

static bool parse_bytes(const char *text, size_t length)
{
    struct rooms_parser parser;
    rooms_parser_begin(&parser, scope, &rooms);
    rooms_parser_feed(&parser, text, length, true);
    bool good = rooms_parser_end(&parser);
    error = parser.error;
    return good;
}

static bool parse(const char *text)
{
    return parse_bytes(text, strlen(text));
}

static void assert_text(const struct rooms_text *got, const char *want)
{
    assert_int_equal(got->length, strlen(want));
    assert_memory_equal(got->length ? got->bytes : "", want, got->length);
}

static void assert_written(const char *want)
{
    char *text;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    rooms_write(out, &rooms);
    fclose(out);
    assert_string_equal(text, want);
    free(text);
}

static void assert_fails(const char *text, uint64_t offset, const char *what)
{
    assert_false(parse(text));
    assert_string_equal(error.what, what);
    assert_int_equal(error.offset, offset);
}

#define ONE                                                                                                            \
    "[{\"id\":\"x-1\",\"name\":\"Green\",\"cost\":12.5,\"number_of_seats\":4,\"category\":\"Open "                     \
    "Space\",\"main_photo\":\"/g.jpg\",\"IsAvailable\":true,\"photos\":[{\"ID\":7,\"Url\":\"/a.jpg\",\"RoomId\":\"x-"  \
    "1\"},{\"ID\":-8,\"Url\":\"/b.jpg\",\"RoomId\":\"x-2\"}]}]"
#define EMPTY_ROOM                                                                                                     \
    "{\"id\":\"\",\"name\":\"\",\"cost\":0,\"number_of_seats\":0,\"category\":\"\",\"main_photo\":\"\","               \
    "\"IsAvailable\":false,\"photos\":[]}"

static void every_member_gets_its_value(void **state)
{
    (void)state;
    assert_true(parse(ONE));
    const struct room *room = rooms_at(&rooms, 0);
    assert_int_equal(rooms.count, 1);
    assert_text(&room->id, "x-1");
    assert_text(&room->name, "Green");
    assert_true(room->cost == 12.5);
    assert_int_equal(room->number_of_seats, 4);
    assert_text(&room->category, "Open Space");
    assert_text(&room->main_photo, "/g.jpg");
    assert_true(room->is_available);
    assert_int_equal(room->photos->id, 7);
    assert_text(&room->photos->next->url, "/b.jpg");
    assert_text(&room->photos->next->room_id, "x-2");
    assert_int_equal(room->photos->next->id, -8);
    assert_null(room->photos->next->next);
    assert_null(rooms_at(&rooms, 1));
}

static void pieces_of_any_size_give_the_same_rooms(void **state)
{
    (void)state;
    for (size_t piece = 1; piece < sizeof(ONE); piece++) {
        assert_true(parse_pieces(ONE, sizeof(ONE) - 1, piece));
        assert_written(ONE);
    }
}

static void an_escape_may_lie_across_two_pieces(void **state)
{
    (void)state;
    static const char text[] = "[{\"name\":\"a\\u00e9\\ud83d\\ude00\\n\\\"\\\\\\/z\",\"cost\":-1.25e2}]";
    for (size_t piece = 1; piece < sizeof(text); piece++) {
        assert_true(parse_pieces(text, sizeof(text) - 1, piece));
        assert_text(&rooms_at(&rooms, 0)->name, "a\xc3\xa9\xf0\x9f\x98\x80\n\"\\/z");
        assert_true(rooms_at(&rooms, 0)->cost == -125);
    }
}

static void a_text_without_escapes_stays_where_it_was_read(void **state)
{
    (void)state;
    static const char text[] = "[{\"id\":\"plain\",\"name\":\"esc\\taped\"}]";
    assert_true(parse_bytes(text, sizeof(text) - 1));
    const struct room *room = rooms_at(&rooms, 0);
    assert_ptr_equal(room->id.bytes, strstr(text, "plain"));
    assert_text(&room->name, "esc\taped");
    assert_int_equal(rooms.bytes, sizeof(struct room) + strlen("esc\taped"));
}

static void a_nul_in_a_text_is_a_character(void **state)
{
    (void)state;
    assert_true(parse("[{\"id\":\"a\\u0000b\"}]"));
    assert_int_equal(rooms_at(&rooms, 0)->id.length, 3);
    assert_memory_equal(rooms_at(&rooms, 0)->id.bytes, "a\0b", 3);
}

static void many_rooms_lie_in_few_blocks_and_keep_their_order(void **state)
{
    (void)state;
    char *text;
    size_t length, blocks = 0;
    FILE *out = open_memstream(&text, &length);
    rooms_write_seeds(out, 5000);
    fclose(out);
    assert_true(parse_bytes(text, length));
    assert_int_equal(rooms.count, 5000);
    assert_text(&rooms_at(&rooms, 4999)->name, "Red");
    assert_written(text);
    for (const struct rooms_block *b = rooms.first; b; b = b->next) {
        blocks++;
    }
    assert_in_range(blocks, 2, 25);
    free(text);
}

static void unknown_keys_are_skipped_with_all_that_is_in_them(void **state)
{
    (void)state;
    assert_true(
        parse("[{\"x\":{\"id\":\"no\",\"photos\":[{\"ID\":1}]},\"y\":[[],[{\"z\":[null,true,1e5,\"s\"]}]],\"q\":1,"
              "\"id\":\"yes\",\"photos\":[{\"ID\":2,\"more\":{\"Url\":\"no\"}}]}]"));
    const struct room *room = rooms_at(&rooms, 0);
    assert_int_equal(rooms.count, 1);
    assert_text(&room->id, "yes");
    assert_int_equal(room->photos->id, 2);
    assert_int_equal(room->photos->url.length, 0);
}

static void absent_keys_leave_zero(void **state)
{
    (void)state;
    assert_true(parse("[{},{\"photos\":[]}]"));
    assert_written("[" EMPTY_ROOM "," EMPTY_ROOM "]");
}

static void the_last_of_several_keys_counts(void **state)
{
    (void)state;
    assert_true(parse("[{\"id\":\"a\",\"cost\":1,\"id\":\"b\",\"cost\":2}]"));
    assert_text(&rooms_at(&rooms, 0)->id, "b");
    assert_true(rooms_at(&rooms, 0)->cost == 2);
}

static void a_second_array_of_photos_is_laid_over_the_first(void **state)
{
    (void)state;
    assert_true(
        parse("[{\"photos\":[{\"ID\":1,\"Url\":\"a\"},{\"ID\":2,\"Url\":\"c\"}],\"photos\":[{\"Url\":\"b\"}]},"
              "{\"photos\":[{\"ID\":1}],\"photos\":[null,{\"ID\":5}]},{\"photos\":[{\"ID\":1}],\"photos\":[]}]"));
    const struct room_photo *photo = rooms_at(&rooms, 0)->photos;
    assert_int_equal(photo->id, 1);
    assert_text(&photo->url, "b");
    assert_null(photo->next);
    photo = rooms_at(&rooms, 1)->photos;
    assert_int_equal(photo->id, 1);
    assert_int_equal(photo->next->id, 5);
    assert_null(rooms_at(&rooms, 2)->photos);
}

static void null_changes_nothing_but_photos(void **state)
{
    (void)state;
    assert_true(
        parse("[null,{\"id\":\"a\",\"id\":null,\"cost\":3,\"cost\":null,\"IsAvailable\":true,\"IsAvailable\":null,"
              "\"photos\":[{\"ID\":1}],\"photos\":null}]"));
    const struct room *room = rooms_at(&rooms, 1);
    assert_text(&room->id, "a");
    assert_true(room->cost == 3);
    assert_true(room->is_available);
    assert_null(room->photos);
    assert_int_equal(rooms_at(&rooms, 0)->id.length, 0);
}

static void null_alone_is_no_rooms(void **state)
{
    (void)state;
    assert_true(parse(" null "));
    assert_int_equal(rooms.count, 0);
    assert_written("[]");
}

static void case_of_a_key_does_not_matter_unless_both_are_there(void **state)
{
    (void)state;
    assert_true(parse("[{\"NAME\":\"n\",\"isavailable\":true,\"Photos\":[{\"id\":3,\"URL\":\"u\"}],"
                      "\"number_of_\xc5\xbf"
                      "eats\":7,\"\xe2\x84\xaa\":1}]"));
    const struct room *room = rooms_at(&rooms, 0);
    assert_text(&room->name, "n");
    assert_true(room->is_available);
    assert_int_equal(room->photos->id, 3);
    assert_text(&room->photos->url, "u");
    assert_int_equal(room->number_of_seats, 7);
}

static void a_wrong_type_is_named_with_the_value_that_has_it(void **state)
{
    (void)state;
    assert_fails("[{\"id\":5}]", 8, "rooms[0].id is a number where a string was expected");
    assert_fails("[{},{\"cost\":\"1\"}]", 15, "rooms[1].cost is a string where a number was expected");
    assert_fails("[{\"IsAvailable\":1}]", 17, "rooms[0].IsAvailable is a number where true or false was expected");
    assert_fails("[{\"cost\":true}]", 13, "rooms[0].cost is true where a number was expected");
    assert_fails("[{\"photos\":{}}]", 12, "rooms[0].photos is an object where an array of photos was expected");
    assert_fails("[{\"name\":[]}]", 10, "rooms[0].name is an array where a string was expected");
    assert_fails("[{\"photos\":[{\"ID\":\"s\"}]}]", 21,
                 "rooms[0].photos[].ID is a string where an integer was expected");
    assert_fails("[{\"photos\":[5]}]", 13, "rooms[0].photos has a number where a photo, an object, was expected");
    assert_fails("[{},[]]", 5, "rooms[1] is an array where a room, an object, was expected");
    assert_fails("{}", 1, "the file has an object where an array of rooms was expected");
    assert_fails("\"rooms\"", 7, "the file has a string where an array of rooms was expected");
}

static void a_number_that_does_not_fit_is_named(void **state)
{
    (void)state;
    assert_fails("[{\"number_of_seats\":4.0}]", 23, "rooms[0].number_of_seats is 4.0 where an integer was expected");
    assert_fails("[{\"number_of_seats\":9223372036854775808}]", 39,
                 "rooms[0].number_of_seats is 9223372036854775808 where an integer was expected");
    assert_fails("[{\"cost\":1e999}]", 14, "rooms[0].cost is 1e999 where a number was expected");
    assert_true(parse("[{\"cost\":1e-999,\"number_of_seats\":-9223372036854775808}]"));
    assert_true(rooms_at(&rooms, 0)->number_of_seats == INT64_MIN);
}

static void text_that_is_no_json_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      " ",
                                      "[",
                                      "[{\"id\":\"a\"}",
                                      "[{\"id\" \"a\"}]",
                                      "[{},]",
                                      "[] x",
                                      "[][]",
                                      "[{\"cost\":01}]",
                                      "[{\"cost\":1.}]",
                                      "[{id:1}]",
                                      "[{\"id\":\"a\nb\"}]",
                                      "[{\"id\":\"\\x\"}]",
                                      "[{\"id\":\"\xff\"}]",
                                      "[// no\n]"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (parse(bad[i])) {
            fail_msg("taken for JSON: %s", bad[i]);
        }
        assert_true(error.what[0] != '\0');
        assert_null(strchr(error.what, '\n'));
    }
}

static void a_file_that_ends_early_fails_at_its_end(void **state)
{
    (void)state;
    assert_fails("[{\"id\":\"a\"", 10, "parse error: premature EOF");
    assert_false(parse_pieces(ONE, sizeof(ONE) - 2, 20));
    assert_int_equal(error.offset, sizeof(ONE) - 2);
}

static void an_error_in_a_later_piece_has_its_offset_in_the_file(void **state)
{
    (void)state;
    static const char text[] = "[{\"id\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaa\"},{\"id\":5}]";
    for (size_t piece = 1; piece < sizeof(text); piece++) {
        assert_false(parse_pieces(text, sizeof(text) - 1, piece));
        /* When the piece ends with the 5, whether there is more of it shows in the next one. */
        assert_in_range(error.offset, strlen(text) - 2, strlen(text) - 1);
    }
}

static void values_too_deep_in_one_another_are_an_error(void **state)
{
    (void)state;
    char *text = malloc(40000);
    strcpy(text, "[{\"x\":");
    memset(text + 6, '[', 30000);
    text[30006] = '\0';
    assert_fails(text, 10007, "values lie in one another more than 10000 deep");
    free(text);
}

static void a_text_longer_than_any_buffer_is_read_whole(void **state)
{
    (void)state;
    size_t letters = 300000;
    char *text = malloc(letters + 100);
    int head = sprintf(text, "[{\"name\":\"\\t");
    memset(text + head, 'n', letters);
    strcpy(text + head + letters, "\"}]");
    assert_true(parse_pieces(text, strlen(text), 200));
    const struct rooms_text *name = &rooms_at(&rooms, 0)->name;
    assert_int_equal(name->length, letters + 1);
    assert_int_equal(name->bytes[0], '\t');
    assert_int_equal(name->bytes[letters], 'n');
    free(text);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(every_member_gets_its_value),
        TEST(pieces_of_any_size_give_the_same_rooms),
        TEST(an_escape_may_lie_across_two_pieces),
        TEST(a_text_without_escapes_stays_where_it_was_read),
        TEST(a_nul_in_a_text_is_a_character),
        TEST(many_rooms_lie_in_few_blocks_and_keep_their_order),
        TEST(unknown_keys_are_skipped_with_all_that_is_in_them),
        TEST(absent_keys_leave_zero),
        TEST(the_last_of_several_keys_counts),
        TEST(a_second_array_of_photos_is_laid_over_the_first),
        TEST(null_changes_nothing_but_photos),
        TEST(null_alone_is_no_rooms),
        TEST(case_of_a_key_does_not_matter_unless_both_are_there),
        TEST(a_wrong_type_is_named_with_the_value_that_has_it),
        TEST(a_number_that_does_not_fit_is_named),
        TEST(text_that_is_no_json_is_refused),
        TEST(a_file_that_ends_early_fails_at_its_end),
        TEST(an_error_in_a_later_piece_has_its_offset_in_the_file),
        TEST(values_too_deep_in_one_another_are_an_error),
        TEST(a_text_longer_than_any_buffer_is_read_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
