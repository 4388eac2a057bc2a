/* fork.c - a forked child goes on allocating and collecting. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "runtime/cruntime.h"

#define CHILDREN 10

static void churn(int objects)
{
    for (int i = 0; i < objects; i++) {
        rt_free(rt_alloc(200));
    }
}

static int collects_in_a_child(void)
{
    struct rt_memstats before, after;
    rt_read_memstats(&before);
    churn(100000);
    rt_gc();
    rt_read_memstats(&after);
    return after.NumGC > before.NumGC && after.Mallocs >= before.Mallocs + 100000 ? 0 : 1;
}

static void *allocate_until_told(void *stop)
{
    while (!__atomic_load_n((bool *)stop, __ATOMIC_RELAXED)) {
        churn(1000);
    }
    return NULL;
}

static void every_child_forked_beside_an_allocating_thread_collects_by_itself(void **state)
{
    (void)state;
#ifdef RT_SANITIZE
    print_message("skipped: gcc 12's sanitizers do not hold their allocator's locks over a fork\n");
    skip();
#endif
    pthread_t thread;
    bool stop = false;
    churn(100000);
    assert_int_equal(rt_thread_start(&thread, NULL, "churn", allocate_until_told, &stop), 0);
    for (int i = 0; i < CHILDREN; i++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            alarm(20);
            _exit(collects_in_a_child());
        }
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
    }
    __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
    pthread_join(thread, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_child_forked_beside_an_allocating_thread_collects_by_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
