/* oom.c - malloc when the system has no memory left: NULL, ENOMEM, and exact counts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <cmocka.h>
#include "runtime/cruntime.h"

#ifdef RT_SANITIZE
static void a_failed_malloc_is_null_and_not_counted(void **state)
{
    (void)state;
    print_message("skipped: the sanitizer owns malloc\n");
    skip();
}
#else

struct chain {
    struct chain *next;
};

/* Allocates until malloc fails; the list of what it got and how many. */
static struct chain *exhaust(size_t size, uint64_t *got)
{
    struct chain *head = NULL, *p;
    errno = 0;
    for (*got = 0; (p = malloc(size)) != NULL; (*got)++) {
        p->next = head;
        head = p;
    }
    return head;
}

static void free_all(struct chain *head)
{
    while (head) {
        struct chain *next = head->next;
        free(head);
        head = next;
    }
}

static void check_size(size_t size)
{
    struct rt_memstats before, full, after;
    uint64_t got;
    rt_read_memstats(&before);
    struct chain *head = exhaust(size, &got);
    int error = errno;
    rt_read_memstats(&full);
    free_all(head);
    rt_read_memstats(&after);
    assert_int_equal(error, ENOMEM);
    assert_true(got > 100);
    assert_int_equal(full.Mallocs - before.Mallocs, got);
    assert_int_equal(after.Frees - before.Frees, got);
    assert_int_equal(after.HeapAlloc, before.HeapAlloc);
}

static void a_failed_malloc_is_null_and_not_counted(void **state)
{
    (void)state;
    struct rlimit old, small;
    assert_int_equal(getrlimit(RLIMIT_DATA, &old), 0);
    small = old;
    small.rlim_cur = 96 << 20;
    assert_int_equal(setrlimit(RLIMIT_DATA, &small), 0);
    check_size(100);
    check_size(1000);
    check_size(100000);
    setrlimit(RLIMIT_DATA, &old);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failed_malloc_is_null_and_not_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
