/* Pages: mapped memory is zeroed and aligned, and its account follows every map and unmap. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/os/os.h"

static uint64_t page(void)
{
    return (uint64_t)sysconf(_SC_PAGESIZE);
}

static void memory_is_zeroed_aligned_and_writable(void **state)
{
    (void)state;
    size_t size = 3 * page();
    unsigned char *p = rt__os_map(size, RT__OS_OTHER);

    assert_int_equal((uintptr_t)p % page(), 0);
    for (size_t i = 0; i < size; i++)
        assert_int_equal(p[i], 0);
    memset(p, 0xa5, size);
    rt__os_unmap(p, size, RT__OS_OTHER);
}

static void each_use_has_its_own_total_in_whole_pages(void **state)
{
    (void)state;
    uint64_t gc = rt__os_mapped(RT__OS_GC), buckets = rt__os_mapped(RT__OS_BUCKETS);
    void *one = rt__os_map(1, RT__OS_GC);
    void *more = rt__os_map(page() + 1, RT__OS_GC);

    assert_int_equal(rt__os_mapped(RT__OS_GC), gc + 3 * page());
    assert_int_equal(rt__os_mapped(RT__OS_BUCKETS), buckets);
    rt__os_unmap(one, 1, RT__OS_GC);
    assert_int_equal(rt__os_mapped(RT__OS_GC), gc + 2 * page());
    rt__os_unmap(more, page() + 1, RT__OS_GC);
    assert_int_equal(rt__os_mapped(RT__OS_GC), gc);
}

static void nothing_to_unmap_changes_nothing(void **state)
{
    (void)state;
    uint64_t before = rt__os_mapped(RT__OS_OTHER);

    rt__os_unmap(NULL, page(), RT__OS_OTHER);
    assert_int_equal(rt__os_mapped(RT__OS_OTHER), before);
}

static void *map_and_unmap(void *arg)
{
    (void)arg;
    for (int i = 0; i < 1000; i++)
        rt__os_unmap(rt__os_map(page(), RT__OS_BUCKETS), page(), RT__OS_BUCKETS);
    (void)rt__os_map(page(), RT__OS_BUCKETS);
    return NULL;
}

static void totals_are_exact_after_four_threads_at_once(void **state)
{
    (void)state;
    pthread_t threads[4];
    uint64_t before = rt__os_mapped(RT__OS_BUCKETS);

    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, map_and_unmap, NULL), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(rt__os_mapped(RT__OS_BUCKETS), before + 4 * page());
}

static void resident_set_grows_with_touched_pages_only(void **state)
{
    (void)state;
    size_t size = 16u << 20;
    uint64_t before = rt__os_rss();
    char *p = rt__os_map(size, RT__OS_OTHER);
    uint64_t mapped = rt__os_rss();

    assert_true(before > 0);
    memset(p, 1, size);
    uint64_t touched = rt__os_rss();
    /* The kernel batches its counts per thread by some 64 pages: 1 MiB either way is its noise. */
    assert_true(mapped < before + (1u << 20));
    assert_true(touched >= mapped + size - (1u << 20));
    rt__os_unmap(p, size, RT__OS_OTHER);
    assert_true(rt__os_rss() < touched - size + (1u << 20));
}

/* Maps size bytes in a child whose stderr is a pipe; returns its wait status, and what it said. */
static int map_in_child(size_t size, char *said, size_t said_size)
{
    int ends[2], status;
    size_t length = 0;
    ssize_t n;

    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        struct rlimit no_core = {0, 0};
        setrlimit(RLIMIT_CORE, &no_core);
        signal(SIGABRT, SIG_DFL);
        dup2(ends[1], STDERR_FILENO);
        (void)rt__os_map(size, RT__OS_OTHER);
        _exit(0);
    }
    assert_true(child > 0);
    close(ends[1]);
    while ((n = read(ends[0], said + length, said_size - 1 - length)) > 0)
        length += (size_t)n;
    said[length] = '\0';
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void a_system_without_memory_ends_the_program_with_one_line(void **state)
{
    (void)state;
    const size_t impossible[] = {SIZE_MAX, SIZE_MAX / 2};

    for (int i = 0; i < 2; i++) {
        char said[512];
        int status = map_in_child(impossible[i], said, sizeof said);
        assert_true(WIFSIGNALED(status));
        assert_int_equal(WTERMSIG(status), SIGABRT);
        assert_ptr_equal(strstr(said, "fatal error: out of memory"), said);
        assert_ptr_equal(strchr(said, '\n'), said + strlen(said) - 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_zeroed_aligned_and_writable),
        cmocka_unit_test(each_use_has_its_own_total_in_whole_pages),
        cmocka_unit_test(nothing_to_unmap_changes_nothing),
        cmocka_unit_test(totals_are_exact_after_four_threads_at_once),
        cmocka_unit_test(resident_set_grows_with_touched_pages_only),
        cmocka_unit_test(a_system_without_memory_ends_the_program_with_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
