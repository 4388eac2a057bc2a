/* threadcreate.c - threads are counted where they are made, and start as they do without the runtime. */
#include "tests/unit/profile/charged.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>
#include "runtime/cruntime.h"
#include "runtime/os/os.h"
#include "runtime/profile/contention.h"
#include "runtime/profile/profile.h"
#include "runtime/profile/threadcreate.h"

static void need_the_wrapper(void)
{
    if (!RT__INTERPOSES) {
        print_message("skipped: the sanitizer's own pthread_create stands where ours would\n");
        skip();
    }
}

CHARGED(maker) static int make(pthread_t *thread, const pthread_attr_t *attr, void *(*fn)(void *), void *arg)
{
    int error = pthread_create(thread, attr, fn, arg);
    STAY;
    return error;
}

static void *plus_one(void *arg)
{
    return (char *)arg + 1;
}

/* Before the runtime's start, when nothing of it but zeroes is there. */
static pthread_mutex_t early_mutex = PTHREAD_MUTEX_INITIALIZER;
static void *early_result;

__attribute__((constructor(101))) static void make_a_thread_early(void)
{
    pthread_t thread;
    pthread_mutex_lock(&early_mutex);
    if (pthread_create(&thread, NULL, plus_one, &early_mutex) == 0) {
        pthread_join(thread, &early_result);
    }
    pthread_mutex_unlock(&early_mutex);
}

static void a_thread_can_be_made_before_the_runtime_starts(void **state)
{
    (void)state;
    assert_ptr_equal(early_result, (char *)&early_mutex + 1);
}

static void each_thread_counts_at_the_place_that_made_it(void **state)
{
    (void)state;
    need_the_wrapper();
    double before = CHARGED_TO(&rt__threadcreate_buckets, maker).first;
    uint64_t count = rt__profile_threadcreate.count();
    for (int i = 0; i < 10; i++) {
        pthread_t thread;
        void *result;
        assert_int_equal(make(&thread, NULL, plus_one, (void *)(uintptr_t)i), 0);
        assert_int_equal(pthread_join(thread, &result), 0);
        assert_ptr_equal(result, (void *)(uintptr_t)(i + 1));
    }
    assert_int_equal(CHARGED_TO(&rt__threadcreate_buckets, maker).first - before, 10);
    assert_int_equal(CHARGED_TO(&rt__threadcreate_buckets, maker).stacks, 1);
    assert_int_equal(rt__profile_threadcreate.count() - count, 10);
}

static void *never_runs(void *ran)
{
    *(bool *)ran = true;
    return NULL;
}

static void assert_refused(const pthread_attr_t *attr, int error)
{
    bool ran = false;
    pthread_t thread;
    double before = CHARGED_TO(&rt__threadcreate_buckets, maker).first;
    for (int i = 0; i < 300; i++) { /* more than a page of slots */
        assert_int_equal(make(&thread, attr, never_runs, &ran), error);
    }
    assert_int_equal(rt__launches_pending(), 0);
    assert_false(ran);
    assert_int_equal(CHARGED_TO(&rt__threadcreate_buckets, maker).first, before);
}

static void a_thread_that_cannot_have_its_stack_is_refused_and_nothing_is_kept(void **state)
{
    (void)state;
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    assert_int_equal(pthread_attr_setstacksize(&attr, (size_t)1 << 46), 0);
    assert_refused(&attr, EAGAIN);
    pthread_attr_destroy(&attr);
}

/* libc makes this thread, and takes it back before it has run. */
static void a_thread_that_cannot_have_its_processors_is_refused_and_nothing_is_kept(void **state)
{
    (void)state;
    pthread_attr_t attr;
    cpu_set_t none;
    CPU_ZERO(&none);
    pthread_attr_init(&attr);
    assert_int_equal(pthread_attr_setaffinity_np(&attr, sizeof(none), &none), 0);
    assert_refused(&attr, EINVAL);
    pthread_attr_destroy(&attr);
}

#define MANY 10000

static void ten_thousand_threads_take_no_more_memory_than_ten(void **state)
{
    (void)state;
    need_the_wrapper();
    void *volatile large = malloc((size_t)64 << 20); /* is sampled: the first heap sample maps tables of its own */
    free(large);
    double before = CHARGED_TO(&rt__threadcreate_buckets, maker).first;
    uint64_t mapped = 0, buckets = 0;
    for (int i = 0; i < MANY; i++) {
        pthread_t thread;
        assert_int_equal(make(&thread, NULL, plus_one, NULL), 0);
        assert_int_equal(pthread_join(thread, NULL), 0);
        if (i == 10) {
            mapped = rt__os_mapped(RT__OS_BUCKETS) + rt__os_mapped(RT__OS_OTHER);
            buckets = rt__buckets_count(&rt__threadcreate_buckets);
        }
    }
    assert_int_equal(CHARGED_TO(&rt__threadcreate_buckets, maker).first - before, MANY);
    assert_int_equal(rt__os_mapped(RT__OS_BUCKETS) + rt__os_mapped(RT__OS_OTHER), mapped);
    assert_int_equal(rt__buckets_count(&rt__threadcreate_buckets), buckets);
    assert_int_equal(rt__launches_pending(), 0);
}

static void launches_that_wait_have_slots_of_their_own_which_come_back(void **state)
{
    (void)state;
    enum { WAITING = 1000 };
    struct rt__launch *launches[WAITING];
    uint64_t mapped = 0;
    for (int round = 0; round < 2; round++) {
        for (uintptr_t i = 0; i < WAITING; i++) {
            launches[i] = rt__launch_new(plus_one, (void *)i);
        }
        assert_int_equal(rt__launches_pending(), WAITING);
        for (uintptr_t i = 0; i < WAITING; i++) {
            assert_ptr_equal(rt__launch_run(launches[i]), (void *)(i + 1));
        }
        assert_int_equal(rt__launches_pending(), 0);
        assert_true(round == 0 || rt__os_mapped(RT__OS_OTHER) == mapped);
        mapped = rt__os_mapped(RT__OS_OTHER);
    }
}

static void *make_and_drop(void *unused)
{
    for (uintptr_t i = 0; i < 20000; i++) {
        struct rt__launch *launch = rt__launch_new(plus_one, (void *)i);
        assert_ptr_equal(rt__launch_run(launch), (void *)(i + 1));
    }
    return unused;
}

static void threads_that_make_threads_at_once_do_not_mix_up_what_they_start(void **state)
{
    (void)state;
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) {
        assert_int_equal(make(&threads[i], NULL, make_and_drop, NULL), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(rt__launches_pending(), 0);
}

/* ---- life and end ---- */

static bool destroyed;

static void note_destroyed(void *unused)
{
    (void)unused;
    __atomic_store_n(&destroyed, true, __ATOMIC_RELEASE);
}

static void *exit_in_the_middle(void *key)
{
    pthread_setspecific(*(pthread_key_t *)key, key);
    pthread_exit((void *)99);
}

static void pthread_exit_runs_destructors_and_gives_its_value(void **state)
{
    (void)state;
    pthread_t thread;
    pthread_key_t key;
    void *result;
    assert_int_equal(pthread_key_create(&key, note_destroyed), 0);
    assert_int_equal(make(&thread, NULL, exit_in_the_middle, &key), 0);
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_ptr_equal(result, (void *)99);
    assert_true(destroyed);
    pthread_key_delete(key);
}

static void *finish(void *flag)
{
    __atomic_store_n((bool *)flag, true, __ATOMIC_RELEASE);
    return NULL;
}

static void detached_threads_run(void **state)
{
    (void)state;
    static bool finished[2];
    pthread_attr_t attr;
    pthread_t thread;
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    assert_int_equal(make(&thread, &attr, finish, &finished[0]), 0);
    assert_int_equal(make(&thread, NULL, finish, &finished[1]), 0);
    assert_int_equal(pthread_detach(thread), 0);
    pthread_attr_destroy(&attr);
    WAIT_UNTIL(__atomic_load_n(&finished[0], __ATOMIC_ACQUIRE) && __atomic_load_n(&finished[1], __ATOMIC_ACQUIRE));
}

static void *sleep_until_cancelled(void *unused)
{
    for (;;) {
        pause();
    }
    return unused;
}

static void a_thread_has_the_name_that_it_is_given_and_can_be_cancelled(void **state)
{
    (void)state;
    pthread_t thread;
    char name[16] = "";
    void *result;
    assert_int_equal(make(&thread, NULL, sleep_until_cancelled, NULL), 0);
    assert_int_equal(pthread_setname_np(thread, "a-name"), 0);
    assert_int_equal(pthread_getname_np(thread, name, sizeof(name)), 0);
    assert_string_equal(name, "a-name");
    assert_int_equal(pthread_cancel(thread), 0);
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_ptr_equal(result, PTHREAD_CANCELED);
}

/* Only the argument leads to the object, and cycles run before the thread has it. */
static void *look_at(void *object)
{
    rt_gc();
    return (void *)(uintptr_t)(((uint64_t *)object)[100] == 4711);
}

static void a_managed_argument_lives_until_the_thread_has_it(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        pthread_t thread;
        void *result;
        uint64_t *object = rt_alloc(8000);
        object[100] = 4711;
        assert_int_equal(rt_thread_start(&thread, NULL, "look", look_at, object), 0);
        object = NULL;
        rt_gc();
        pthread_join(thread, &result);
        assert_non_null(result);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thread_can_be_made_before_the_runtime_starts),
        cmocka_unit_test(each_thread_counts_at_the_place_that_made_it),
        cmocka_unit_test(a_thread_that_cannot_have_its_stack_is_refused_and_nothing_is_kept),
        cmocka_unit_test(a_thread_that_cannot_have_its_processors_is_refused_and_nothing_is_kept),
        cmocka_unit_test(ten_thousand_threads_take_no_more_memory_than_ten),
        cmocka_unit_test(launches_that_wait_have_slots_of_their_own_which_come_back),
        cmocka_unit_test(threads_that_make_threads_at_once_do_not_mix_up_what_they_start),
        cmocka_unit_test(pthread_exit_runs_destructors_and_gives_its_value),
        cmocka_unit_test(detached_threads_run),
        cmocka_unit_test(a_thread_has_the_name_that_it_is_given_and_can_be_cancelled),
        cmocka_unit_test(a_managed_argument_lives_until_the_thread_has_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
