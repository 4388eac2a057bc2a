/* resident.c - what the kernel has really given. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <cmocka.h>
#include "runtime/os/os.h"

#define MiB ((size_t)1 << 20)

static const struct {
    const char *name, *line;
    uintptr_t low, high;
    bool found;
    uintptr_t start, end;
} lines[] = {
    {"a writable mapping inside is taken whole", "1000-3000 rw-p 0 00:00 0", 0x1000, 0x9000, true, 0x1000, 0x3000},
    {"one that begins below is cut", "1000-3000 rw-p 0 00:00 0", 0x2000, 0x9000, true, 0x2000, 0x3000},
    {"one that ends above is cut", "1000-9000 rw-p 0 00:00 0", 0x2000, 0x4000, true, 0x2000, 0x4000},
    {"one that ends where the range begins is outside", "1000-2000 rw-p 0", 0x2000, 0x4000, false, 0, 0},
    {"one that begins where the range ends is outside", "4000-5000 rw-p 0", 0x2000, 0x4000, false, 0, 0},
    {"a reserved one counts for nothing", "1000-3000 ---p 0 00:00 0", 0x1000, 0x9000, false, 0, 0},
    {"nor does one that is only read", "1000-3000 r--p 0 00:00 0", 0x1000, 0x9000, false, 0, 0},
    {"an address of sixteen digits is read", "7fffffff0000-7fffffff1000 rw-p", 0, UINTPTR_MAX, true, 0x7fffffff0000,
     0x7fffffff1000},
    {"what is no line of maps is passed over", "hello", 0, UINTPTR_MAX, false, 0, 0},
    {"an empty line too", "", 0, UINTPTR_MAX, false, 0, 0},
};

static void a_line_of_maps_gives_its_writable_part_in_the_range(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
        uintptr_t start = 0, end = 0;
        print_message("%s\n", lines[i].name);
        assert_int_equal(rt__os_maps_line(lines[i].line, lines[i].low, lines[i].high, &start, &end), lines[i].found);
        assert_int_equal(start, lines[i].start);
        assert_int_equal(end, lines[i].end);
    }
}

static void pages_count_when_they_are_touched_and_no_more_when_returned(void **state)
{
    (void)state;
    char *range = rt__os_reserve(64 * MiB, 32 * MiB);
    assert_non_null(range);
    assert_int_equal((uintptr_t)range % (32 * MiB), 0);
    assert_int_equal(rt__os_resident(range, range + 64 * MiB), 0);
    assert_int_equal(mprotect(range + MiB, 40 * MiB, PROT_READ | PROT_WRITE), 0);
    madvise(range, 64 * MiB, MADV_NOHUGEPAGE); /* or one touch gives 2 MiB */
    assert_int_equal(rt__os_resident(range, range + 64 * MiB), 0);
    memset(range + 2 * MiB, 1, 20 * MiB);
    assert_int_equal(rt__os_resident(range, range + 64 * MiB), 20 * MiB);
    assert_int_equal(rt__os_resident(range + 4 * MiB, range + 64 * MiB), 18 * MiB);
    madvise(range + 2 * MiB, 10 * MiB, MADV_DONTNEED);
    assert_int_equal(rt__os_resident(range, range + 64 * MiB), 10 * MiB);
    munmap(range, 64 * MiB);
    assert_int_equal(rt__os_resident(range, range + 64 * MiB), 0);
}

static void asking_whether_memory_can_be_read_changes_nothing(void **state)
{
    (void)state;
    char *pages = mmap(NULL, 3 * 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    sigset_t before, after;
    assert_int_equal(mprotect(pages + 4096, 4096, PROT_NONE), 0);
    assert_int_equal(munmap(pages + 2 * 4096, 4096), 0);
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    errno = 77;
    assert_true(rt__os_readable((uintptr_t)pages));
    assert_true(rt__os_readable((uintptr_t)pages + 4096 - 8));
    assert_false(rt__os_readable((uintptr_t)pages + 4096 - 7));
    assert_false(rt__os_readable((uintptr_t)pages + 4096));
    assert_false(rt__os_readable((uintptr_t)pages + 2 * 4096));
    assert_false(rt__os_readable(8));
    assert_false(rt__os_readable(UINTPTR_MAX - 7));
    assert_int_equal(errno, 77);
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    assert_memory_equal(&before, &after, _NSIG / 8); /* what the kernel fills of them */
    munmap(pages, 2 * 4096);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_of_maps_gives_its_writable_part_in_the_range),
        cmocka_unit_test(pages_count_when_they_are_touched_and_no_more_when_returned),
        cmocka_unit_test(asking_whether_memory_can_be_read_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
