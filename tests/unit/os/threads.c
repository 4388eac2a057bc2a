/* Threads: found by name, stack bases that enclose what lies on the stack, and no allocation. */
#define _GNU_SOURCE 1
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/cruntime.h"
#include "runtime/os/os.h"

#define WORKERS 150 /* their entries fill more than one buffer of getdents64 */

static pthread_barrier_t named, leave;

static void *wait_with_name(void *arg)
{
    pthread_setname_np(pthread_self(), arg);
    pthread_barrier_wait(&named);
    pthread_barrier_wait(&leave);
    return NULL;
}

struct seen {
    int count;
    pid_t tids[2 * WORKERS];
};

static void note(pid_t tid, void *arg)
{
    struct seen *s = arg;

    if (s->count < 2 * WORKERS)
        s->tids[s->count] = tid;
    s->count++;
}

static int count_named(const char *prefix)
{
    struct seen s = {0};

    rt__os_threads_named(prefix, note, &s);
    for (int i = 0; i < s.count; i++) {
        assert_true(s.tids[i] > 0);
        for (int j = 0; j < i; j++)
            assert_int_not_equal(s.tids[i], s.tids[j]);
    }
    return s.count;
}

static void every_thread_is_found_by_the_beginning_of_its_name(void **state)
{
    (void)state;
    static char marker[] = "QC-marker-3", other[] = "QX-1";
    pthread_t threads[WORKERS];

    pthread_barrier_init(&named, NULL, WORKERS + 1);
    pthread_barrier_init(&leave, NULL, WORKERS + 1);
    for (int i = 0; i < WORKERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, wait_with_name, i % 10 == 0 ? other : marker), 0);
    pthread_barrier_wait(&named);
    assert_int_equal(count_named("QC-marker"), WORKERS - WORKERS / 10);
    assert_int_equal(count_named("QC-marker-3"), WORKERS - WORKERS / 10);
    assert_int_equal(count_named("QC-marker-33"), 0);
    assert_int_equal(count_named("QX-1"), WORKERS / 10);
    assert_int_equal(count_named("Q"), WORKERS);
    assert_int_equal(count_named("marker"), 0);
    assert_true(count_named("") > WORKERS); /* the main thread as well */
    pthread_barrier_wait(&leave);
    for (int i = 0; i < WORKERS; i++)
        pthread_join(threads[i], NULL);
}

/* Counts every malloc where the runtime's own malloc is linked in; without it, only glibc's blocks in
 * use can be seen, so the callback looks while the walk is still going on. */
#pragma weak rt_read_memstats

static uint64_t heap_mark(void)
{
    static struct rt_memstats stats;

    if (rt_read_memstats == NULL)
        return mallinfo2().uordblks;
    rt_read_memstats(&stats);
    return stats.Mallocs;
}

static void note_heap_mark(pid_t tid, void *arg)
{
    (void)tid;
    *(uint64_t *)arg = heap_mark();
}

static void looking_for_threads_allocates_nothing(void **state)
{
    (void)state;
    uint64_t before = heap_mark(), during = 0;

    rt__os_threads_named("", note_heap_mark, &during);
    (void)rt__os_stack_base();
    (void)rt__os_tid();
    assert_int_equal(during, before);
    assert_int_equal(heap_mark(), before);
}

static void *answer_tid(void *arg)
{
    *(pid_t *)arg = rt__os_tid();
    return NULL;
}

static void ids_differ_between_threads_and_the_main_thread_has_the_process_id(void **state)
{
    (void)state;
    pthread_t thread;
    pid_t other = 0;

    assert_int_equal(pthread_create(&thread, NULL, answer_tid, &other), 0);
    pthread_join(thread, NULL);
    assert_int_equal(rt__os_tid(), getpid());
    assert_int_not_equal(other, 0);
    assert_int_not_equal(other, getpid());
}

struct range {
    uintptr_t low, high;   /* what pthread_getattr_np says of the stack */
    uintptr_t local, base; /* an address on it, and the answer */
};

static void *fill_range(void *arg)
{
    struct range *r = arg;
    pthread_attr_t attr;
    void *low;
    size_t size;

    pthread_getattr_np(pthread_self(), &attr);
    pthread_attr_getstack(&attr, &low, &size);
    pthread_attr_destroy(&attr);
    r->low = (uintptr_t)low;
    r->high = (uintptr_t)low + size;
    r->local = (uintptr_t)&attr;
    r->base = (uintptr_t)rt__os_stack_base();
    return NULL;
}

/* Above everything on the stack, and not more than libc's own top of it. */
static void assert_base_fits(const struct range *r)
{
    assert_true(r->base > r->local);
    assert_true(r->base > r->low);
    assert_true(r->base <= r->high);
    /* what lies above a thread's first frame is TLS and libc's descriptor, some KiB */
    assert_true(r->high - r->base < 64u << 10);
}

static void the_base_of_the_main_stack_encloses_its_frames(void **state)
{
    (void)state;
    struct range r;

    fill_range(&r);
    assert_base_fits(&r);
}

static void the_base_of_a_thread_stack_encloses_its_frames(void **state)
{
    (void)state;
    struct range r;
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, fill_range, &r), 0);
    pthread_join(thread, NULL);
    assert_base_fits(&r);
}

static void the_base_of_a_stack_that_the_program_gave_is_inside_it(void **state)
{
    (void)state;
    size_t size = 2u << 20; /* ThreadSanitizer wants 1 MiB of a stack for itself */
    char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct range r;
    pthread_attr_t attr;
    pthread_t thread;

    assert_true(memory != MAP_FAILED);
    pthread_attr_init(&attr);
    assert_int_equal(pthread_attr_setstack(&attr, memory, size), 0);
    assert_int_equal(pthread_create(&thread, &attr, fill_range, &r), 0);
    pthread_join(thread, NULL);
    pthread_attr_destroy(&attr);
    assert_base_fits(&r);
    assert_true(r.base <= (uintptr_t)memory + size);
    munmap(memory, size);
}

static void *fork_and_compare(void *arg)
{
    void *base = rt__os_stack_base();
    int *status = arg;
    pid_t child = fork();

    if (child == 0)
        _exit(rt__os_stack_base() == base ? 0 : 1);
    waitpid(child, status, 0);
    return NULL;
}

static void the_base_stays_right_in_the_child_of_a_threads_fork(void **state)
{
    (void)state;
    pthread_t thread;
    int status = -1;

    assert_int_equal(pthread_create(&thread, NULL, fork_and_compare, &status), 0);
    pthread_join(thread, NULL);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_thread_is_found_by_the_beginning_of_its_name),
        cmocka_unit_test(looking_for_threads_allocates_nothing),
        cmocka_unit_test(ids_differ_between_threads_and_the_main_thread_has_the_process_id),
        cmocka_unit_test(the_base_of_the_main_stack_encloses_its_frames),
        cmocka_unit_test(the_base_of_a_thread_stack_encloses_its_frames),
        cmocka_unit_test(the_base_of_a_stack_that_the_program_gave_is_inside_it),
        cmocka_unit_test(the_base_stays_right_in_the_child_of_a_threads_fork),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
