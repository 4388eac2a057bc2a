/* Files of rooms: read at once and in pieces, and what that costs by the runtime's own count. Go's encoding/json takes
 * 8 to 10 allocations a room on these files; a hundredth of that is the most that is allowed here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "bench/json/blocks.h"
#include "bench/json/file.h"
#include "bench/json/peak.h"
#include "runtime/cruntime.h"

#define GO_ALLOCS_A_ROOM 8

static char path[] = "/tmp/test-json.XXXXXX";
static char error[ROOMS_ERROR_BYTES];

static int make_file(void **state)
{
    (void)state;
    int fd = mkstemp(path);
    return fd < 0 || close(fd);
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

static void write_file(size_t count)
{
    FILE *out = fopen(path, "w");
    rooms_write_seeds(out, count);
    assert_int_equal(fclose(out), 0);
}

static bool read_file(struct rt_scope *scope, struct rooms *rooms, bool streamed)
{
    return streamed ? rooms_read_stream(scope, path, rooms, error, NULL, NULL)
                    : rooms_read_whole(scope, path, rooms, error);
}

static void both_ways_read_the_same_rooms(void **state)
{
    (void)state;
    static const size_t counts[] = {0, 1, 2, 999};
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        char *texts[2];
        size_t lengths[2];
        write_file(counts[i]);
        for (int streamed = 0; streamed < 2; streamed++) {
            struct rt_scope *scope = rt_scope_begin();
            struct rooms rooms;
            assert_true(read_file(scope, &rooms, streamed));
            assert_int_equal(rooms.count, counts[i]);
            FILE *out = open_memstream(&texts[streamed], &lengths[streamed]);
            rooms_write(out, &rooms);
            fclose(out);
            rt_scope_end(scope);
        }
        struct stat about;
        assert_int_equal(stat(path, &about), 0);
        assert_int_equal(about.st_size, lengths[0]);
        assert_string_equal(texts[0], texts[1]);
        free(texts[0]);
        free(texts[1]);
    }
}

static uint64_t allocations(bool streamed)
{
    static struct rt_memstats before, after;
    rt_read_memstats(&before);
    struct rt_scope *scope = rt_scope_begin();
    struct rooms rooms;
    assert_true(read_file(scope, &rooms, streamed));
    rt_scope_end(scope);
    rt_read_memstats(&after);
    return after.Mallocs - before.Mallocs;
}

static void a_hundredth_of_gos_allocations_is_enough(void **state)
{
    (void)state;
    static const size_t counts[] = {999, 9999};
    for (size_t i = 0; i < 2; i++) {
        write_file(counts[i]);
        assert_in_range(allocations(false), 1, counts[i] * GO_ALLOCS_A_ROOM / 100);
        assert_in_range(allocations(true), 1, counts[i] * GO_ALLOCS_A_ROOM / 100);
    }
}

static void reading_in_pieces_takes_at_most_twice_the_result(void **state)
{
    (void)state;
    static const size_t counts[] = {999, 9999};
    for (size_t i = 0; i < 2; i++) {
        struct rooms_peak peak;
        write_file(counts[i]);
        assert_true(rooms_measure_peak(path, &peak, error));
        assert_int_equal(peak.rooms, counts[i]);
        /* At least: a peak below the result would be a figure that counts nothing. */
        assert_in_range(peak.peak_bytes, peak.result_bytes, 2 * peak.result_bytes);
        assert_true(peak.result_bytes > counts[i] * sizeof(struct room));
    }
}

static void blocks_grow_by_half_of_what_there_is(void **state)
{
    (void)state;
    assert_int_equal(blocks_next_size(0, 16), 512);
    assert_int_equal(blocks_next_size(100000, 16), 50000);
    assert_int_equal(blocks_next_size(100000, 70000), 70000);
    assert_int_equal(blocks_next_size((size_t)1 << 40, 16), 1 << 20);
}

static void a_file_that_is_not_there_is_named(void **state)
{
    (void)state;
    struct rt_scope *scope = rt_scope_begin();
    struct rooms rooms;
    assert_false(rooms_read_whole(scope, "/nowhere/rooms.json", &rooms, error));
    assert_string_equal(error, "/nowhere/rooms.json: No such file or directory");
    assert_false(rooms_read_stream(scope, "/nowhere/rooms.json", &rooms, error, NULL, NULL));
    assert_string_equal(error, "/nowhere/rooms.json: No such file or directory");
    rt_scope_end(scope);
}

static void a_folder_is_no_file(void **state)
{
    (void)state;
    struct rt_scope *scope = rt_scope_begin();
    struct rooms rooms;
    assert_false(rooms_read_whole(scope, "/tmp", &rooms, error));
    assert_string_equal(error, "/tmp: Is a directory");
    assert_false(rooms_read_stream(scope, "/tmp", &rooms, error, NULL, NULL));
    assert_string_equal(error, "/tmp: Is a directory");
    rt_scope_end(scope);
}

static void an_error_names_file_offset_and_reason(void **state)
{
    (void)state;
    FILE *out = fopen(path, "w");
    fputs("[{\"id\":5}]", out);
    fclose(out);
    for (int streamed = 0; streamed < 2; streamed++) {
        struct rt_scope *scope = rt_scope_begin();
        struct rooms rooms;
        char want[ROOMS_ERROR_BYTES];
        assert_false(read_file(scope, &rooms, streamed));
        snprintf(want, sizeof(want), "%s: after 8 bytes: rooms[0].id is a number where a string was expected", path);
        assert_string_equal(error, want);
        rt_scope_end(scope);
    }
}

static void *fill_pipe(void *arg)
{
    FILE *out = fdopen(*(int *)arg, "w");
    rooms_write_seeds(out, 500);
    fclose(out);
    return NULL;
}

static void a_pipe_is_read_to_its_end(void **state)
{
    (void)state;
    for (int streamed = 0; streamed < 2; streamed++) {
        char name[32];
        int ends[2];
        pthread_t writer;
        struct rooms rooms;
        assert_int_equal(pipe(ends), 0);
        assert_int_equal(rt_thread_start(&writer, NULL, "writer", fill_pipe, &ends[1]), 0);
        snprintf(name, sizeof(name), "/dev/fd/%d", ends[0]);
        struct rt_scope *scope = rt_scope_begin();
        bool good = streamed ? rooms_read_stream(scope, name, &rooms, error, NULL, NULL)
                             : rooms_read_whole(scope, name, &rooms, error);
        assert_true(good);
        assert_int_equal(rooms.count, 500);
        rt_scope_end(scope);
        pthread_join(writer, NULL);
        close(ends[0]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_ways_read_the_same_rooms),
        cmocka_unit_test(a_hundredth_of_gos_allocations_is_enough),
        cmocka_unit_test(reading_in_pieces_takes_at_most_twice_the_result),
        cmocka_unit_test(blocks_grow_by_half_of_what_there_is),
        cmocka_unit_test(a_file_that_is_not_there_is_named),
        cmocka_unit_test(a_folder_is_no_file),
        cmocka_unit_test(an_error_names_file_offset_and_reason),
        cmocka_unit_test(a_pipe_is_read_to_its_end),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
