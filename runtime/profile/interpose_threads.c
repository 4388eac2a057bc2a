/* interpose_threads.c - pthread_create and dlclose for the whole process, and what a fork asks of the profiles.
 *
 * As interpose.c: these names take the calls of every library, from before any constructor on, so all works
 * from zeroed state; and no lock may be waited for without an end, as libgc makes its markers in here.
 */
#include "runtime/profile/threadcreate.h"

#include <pthread.h>
#include "runtime/profile/contention.h"

static void before_fork(void)
{
    rt__contention_before_fork();
    rt__threadcreate_before_fork();
}

static void after_fork(bool is_child)
{
    rt__threadcreate_after_fork();
    rt__contention_after_fork(is_child);
}

static void after_fork_in_parent(void)
{
    after_fork(false);
}

static void after_fork_in_child(void)
{
    after_fork(true);
}

#if RT__INTERPOSES

#include <errno.h>
#include "runtime/cruntime.h"
#include "runtime/os/os.h"
#include "runtime/unwind/caller.h"

static int (*real_create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
static int (*real_dlclose)(void *);
static bool is_found; /* atomic */

/* Two first callers find the same. */
static void find_real(void)
{
    if (!__atomic_load_n(&is_found, __ATOMIC_ACQUIRE)) {
        real_create = rt__os_next("pthread_create", NULL);
        real_dlclose = rt__os_next("dlclose", NULL);
        __atomic_store_n(&is_found, true, __ATOMIC_RELEASE);
    }
}

/* Another object may come to lie where this one was, and the unwinder knows call sites by their addresses. */
RT_API int dlclose(void *handle)
{
    find_real();
    int error = real_dlclose(handle);
    rt__unwind_forget();
    return error;
}

static int make(pthread_t *thread, const pthread_attr_t *attr, void *(*fn)(void *), void *arg, uintptr_t of_program,
                const void *caller)
{
    find_real();
    struct rt__launch *launch = rt__launch_new(fn, arg);
    if (!launch) {
        return EAGAIN;
    }
    rt__trace_thread_made(rt__launch_birth(launch), of_program, caller);
    int error = real_create(thread, attr, rt__launch_run, launch);
    if (error == 0) {
        rt__threadcreate_record(caller);
    } else {
        rt__launch_drop(launch);
    }
    return error;
}

RT_API int pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*fn)(void *), void *arg)
{
    return make(thread, attr, fn, arg, (uintptr_t)fn, RT__CALLER);
}

int rt__thread_make(pthread_t *thread, const pthread_attr_t *attr, void *(*fn)(void *), void *arg,
                    void *(*of_program)(void *))
{
    return make(thread, attr, fn, arg, (uintptr_t)of_program, RT__CALLER);
}

#else

int rt__thread_make(pthread_t *thread, const pthread_attr_t *attr, void *(*fn)(void *), void *arg,
                    void *(*of_program)(void *))
{
    (void)of_program;
    return pthread_create(thread, attr, fn, arg);
}

#endif

/* Early: before libgc has its handlers of fork, which may wait for its own lock: they run outside of ours. */
__attribute__((constructor(102))) static void start(void)
{
#if RT__INTERPOSES
    find_real();
#endif
    pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}
