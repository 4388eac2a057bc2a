/* reserve.c - what of a reserved range comes into a core. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <cmocka.h>
#include "runtime/os/os.h"

#define MiB ((size_t)1 << 20)

/* The flags of the mapping that the address is in, as smaps has them: `dd` is one that is not dumped. */
static bool is_dumped(const void *p)
{
    char line[512], flags[512] = "";
    bool inside = false;
    FILE *smaps = fopen("/proc/self/smaps", "r");
    assert_non_null(smaps);
    while (fgets(line, sizeof(line), smaps)) {
        unsigned long low, high;
        if (sscanf(line, "%lx-%lx ", &low, &high) == 2) {
            inside = (uintptr_t)p >= low && (uintptr_t)p < high;
        } else if (inside && strncmp(line, "VmFlags:", 8) == 0) {
            snprintf(flags, sizeof(flags), "%s", line + 8);
        }
    }
    fclose(smaps);
    assert_string_not_equal(flags, "");
    return strstr(flags, " dd") == NULL;
}

static void a_reserved_range_is_not_dumped_and_what_becomes_writable_of_it_is(void **state)
{
    (void)state;
#ifdef RT_SANITIZE
    print_message("sanitizer build: the heap is the sanitizer's\n");
    skip();
#endif
    char *range = rt__os_reserve(64 * MiB, 32 * MiB);
    assert_non_null(range);
    assert_int_equal((uintptr_t)range % (32 * MiB), 0);
    assert_false(is_dumped(range));
    assert_int_equal(mprotect(range + 8 * MiB, 8 * MiB, PROT_READ | PROT_WRITE), 0);
    range[8 * MiB] = 1;
    assert_true(is_dumped(range + 8 * MiB));
    assert_true(is_dumped(range + 16 * MiB - 1));
    assert_false(is_dumped(range));
    assert_false(is_dumped(range + 16 * MiB));
    assert_int_equal(mprotect(range + 32 * MiB, MiB, PROT_READ), 0);
    assert_false(is_dumped(range + 32 * MiB));
}

static void the_end_of_a_range_is_still_of_it(void **state)
{
    (void)state;
#ifdef RT_SANITIZE
    print_message("sanitizer build: the heap is the sanitizer's\n");
    skip();
#endif
    char *range = rt__os_reserve(32 * MiB, 32 * MiB);
    assert_int_equal(mprotect(range + 31 * MiB, MiB, PROT_READ | PROT_WRITE), 0);
    assert_true(is_dumped(range + 32 * MiB - 1));
}

static void a_secret_of_the_program_s_stays_out_of_cores(void **state)
{
    (void)state;
    char *secret = mmap(NULL, MiB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(secret, MAP_FAILED);
    assert_int_equal(madvise(secret, MiB, MADV_DONTDUMP), 0);
    assert_int_equal(mprotect(secret, MiB, PROT_READ | PROT_WRITE), 0);
    secret[0] = 1;
    assert_false(is_dumped(secret));
    munmap(secret, MiB);
}

static void mprotect_says_why_it_refuses(void **state)
{
    (void)state;
    errno = 0;
    assert_int_equal(mprotect((void *)1, 4096, PROT_READ), -1);
    assert_int_equal(errno, EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reserved_range_is_not_dumped_and_what_becomes_writable_of_it_is),
        cmocka_unit_test(the_end_of_a_range_is_still_of_it),
        cmocka_unit_test(a_secret_of_the_program_s_stays_out_of_cores),
        cmocka_unit_test(mprotect_says_why_it_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
