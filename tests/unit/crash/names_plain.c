/* names_plain.c - addresses by object and offset, by lists of mappings made up and by this process's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dlfcn.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/crash/names.h"

static char buffer[64 << 10];

static const char *plain(const uintptr_t *pcs, uint32_t depth, const char *maps)
{
    struct rt__text t = {.buf = buffer, .size = sizeof(buffer)};
    buffer[0] = '\0';
    rt__names_plain(&t, pcs, depth, maps);
    return buffer;
}

/* By the lines of a file that is written for this. */
static const char *plain_of(const char *lines, const uintptr_t *pcs, uint32_t depth)
{
    char file[] = "/tmp/maps.XXXXXX";
    int fd = mkstemp(file);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, lines, strlen(lines)), strlen(lines));
    assert_int_equal(close(fd), 0);
    const char *text = plain(pcs, depth, file);
    assert_int_equal(unlink(file), 0);
    return text;
}

static void a_line_gives_an_area_and_the_file_in_it(void **state)
{
    (void)state;
    struct rt__names_area a;
    assert_true(rt__names_area("7f12a000-7f12b000 r-xp 00001000 fe:01 1234      /lib/libx y.so.1", &a));
    assert_int_equal(a.start, 0x7f12a000);
    assert_int_equal(a.end, 0x7f12b000);
    assert_string_equal(a.file, "/lib/libx y.so.1");
    assert_true(rt__names_area("7ffff7fc1000-7ffff7fc3000 rw-p 00000000 00:00 0 ", &a));
    assert_string_equal(a.file, "");
    assert_true(rt__names_area("ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0    [vsyscall]", &a));
    assert_int_equal(a.end, 0xffffffffff601000);
    assert_string_equal(a.file, "[vsyscall]");
}

static void what_is_no_line_gives_none(void **state)
{
    (void)state;
    struct rt__names_area a;
    static const char *const lines[] = {"",
                                        "-",
                                        "7f12a000",
                                        "7f12a000-",
                                        "7f12a000-7f12b000",
                                        "7f12a000-7f12b000 r-xp",
                                        "7f12a000-7f12b000 r-xp 00001000 fe:01",
                                        "xyz-7f12b000 r-xp 00001000 fe:01 1 /a",
                                        "7f12a000+7f12b000 r-xp 00001000 fe:01 1 /a"};
    for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
        assert_false(rt__names_area(lines[i], &a));
    }
}

static void an_offset_is_from_where_the_object_begins(void **state)
{
    (void)state;
    static const char maps[] = "1000-2000 r--p 00000000 fe:01 1 /bin/program\n"
                               "2000-4000 r-xp 00001000 fe:01 1 /bin/program\n"
                               "4000-5000 rw-p 00003000 fe:01 1 /bin/program\n"
                               "5000-6000 rw-p 00000000 00:00 0 \n"
                               "8000-9000 r-xp 00000000 fe:01 2 /lib/liba.so (deleted)\n"
                               "9000-a000 r-xp 00000000 00:00 0 [vdso]\n";
    const uintptr_t pcs[] = {0x2345, 0x8010, 0x9fff, 0x5000, 0x4fff, 0xa000};
    assert_string_equal(plain_of(maps, pcs, 6), "program+0x1345(...)\n\t/bin/program pc=0x2345\n"
                                                "liba.so (deleted)+0x10(...)\n\t/lib/liba.so (deleted) pc=0x8010\n"
                                                "[vdso]+0xfff(...)\n\t[vdso] pc=0x9fff\n"
                                                "0x5000(...)\n\t?:0 pc=0x5000\n"
                                                "program+0x3fff(...)\n\t/bin/program pc=0x4fff\n"
                                                "0xa000(...)\n\t?:0 pc=0xa000\n");
}

static void without_a_list_there_are_addresses(void **state)
{
    (void)state;
    const uintptr_t pcs[] = {0x2345};
    assert_string_equal(plain(pcs, 1, "/nonexistent"), "0x2345(...)\n\t?:0 pc=0x2345\n");
    assert_string_equal(plain(pcs, 0, "/proc/self/maps"), "");
}

static void lines_longer_than_any_buffer_do_no_harm(void **state)
{
    (void)state;
    static char maps[40000];
    size_t len = (size_t)snprintf(maps, sizeof(maps), "1000-2000 r-xp 00000000 fe:01 1 /");
    memset(maps + len, 'a', 20000);
    snprintf(maps + len + 20000, sizeof(maps) - len - 20000, "\n2000-3000 r-xp 00000000 fe:01 2 /bin/b\nno line");
    const uintptr_t pcs[] = {0x1001, 0x2001, 0x3001};
    const char *text = plain_of(maps, pcs, 3);
    assert_memory_equal(text, "aaaaaaaa", 8);
    assert_non_null(strstr(text, "\nb+0x1(...)\n\t/bin/b pc=0x2001\n0x3001(...)\n"));
}

static void names_for_which_there_is_no_room_are_left_out(void **state)
{
    (void)state;
    static char maps[300000], name[4000];
    uintptr_t pcs[RT__STACK_MAX];
    size_t len = 0;
    memset(name, 'n', sizeof(name) - 1);
    for (uintptr_t i = 0; i < RT__STACK_MAX; i++) {
        pcs[i] = i * 0x1000 + 0x10001;
        len += (size_t)snprintf(maps + len, sizeof(maps) - len, "%lx-%lx r-xp 00000000 fe:01 1 /%d%s\n",
                                (unsigned long)pcs[i] - 1, (unsigned long)pcs[i] + 0xfff, (int)i, name);
    }
    const char *text = plain_of(maps, pcs, RT__STACK_MAX);
    assert_memory_equal(text, "0nnnn", 5);
    assert_non_null(strstr(text, "?+0x1(...)\n\t? pc=0x4f001\n"));
}

static void this_process_finds_its_own_functions(void **state)
{
    (void)state;
    Dl_info own, libc;
    char expected[512];
    const uintptr_t pcs[] = {(uintptr_t)plain, (uintptr_t)dlsym(RTLD_DEFAULT, "qsort")};
    assert_true(dladdr((void *)pcs[0], &own));
    assert_true(dladdr((void *)pcs[1], &libc));
    const char *text = plain(pcs, 2, "/proc/self/maps");
    snprintf(expected, sizeof(expected), "names_plain+0x%" PRIxPTR "(...)\n", pcs[0] - (uintptr_t)own.dli_fbase);
    assert_memory_equal(text, expected, strlen(expected));
    snprintf(expected, sizeof(expected), "+0x%" PRIxPTR "(...)\n", pcs[1] - (uintptr_t)libc.dli_fbase);
    assert_non_null(strstr(text, expected));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_gives_an_area_and_the_file_in_it),
        cmocka_unit_test(what_is_no_line_gives_none),
        cmocka_unit_test(an_offset_is_from_where_the_object_begins),
        cmocka_unit_test(without_a_list_there_are_addresses),
        cmocka_unit_test(lines_longer_than_any_buffer_do_no_harm),
        cmocka_unit_test(names_for_which_there_is_no_room_are_left_out),
        cmocka_unit_test(this_process_finds_its_own_functions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
