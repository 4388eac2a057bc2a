/* interpose.c - pthread_create, what waits for locks, conditions and semaphores, and dlclose, for the whole process.
 *
 * Defined in the executable (or in libcruntime.so before libc in the search order) these names take the calls of
 * every library: h2o, SQLite, libgc, C++'s std::mutex. What libc locks inside of itself, for stdio or
 * for C11's mtx_lock, does not come by, nor does what is built on futex(2) alone.
 *
 * With both profiles off a call costs a look at one word more than the real function, to which it jumps.
 * With one on, a call that may wait first tries without; only one that really waits looks at the clock. No call
 * returns anything but what the real function returned, so mutexes of all kinds stay what they are. A cancelled
 * thread needs no clean-up: where it can be cancelled nothing is noted anywhere but on its stack.
 *
 * The first calls come before any constructor, from ld.so and from constructors of libraries: everything works from
 * zeroed state, and the real functions are looked up at the first call. dlsym locks inside of libc, and does not
 * allocate when it finds what it looks for, so it does not come back here.
 *
 * Rule for all that is called from here: no lock may be waited for without an end. libgc's threads pass through here
 * while the world is stopped, and a thread that was stopped in here may hold any lock (see contention.c).
 */
#include "runtime/profile/contention.h"

#include <pthread.h>
#include "runtime/profile/threadcreate.h"

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

#include <dlfcn.h>
#include <errno.h>
#include <semaphore.h>
#include <time.h>
#include "runtime/cruntime.h"
#include "runtime/heap/thread.h"
#include "runtime/os/os.h"
#include "runtime/unwind/caller.h"

static struct {
    int (*create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    int (*mutex_lock)(pthread_mutex_t *);
    int (*mutex_trylock)(pthread_mutex_t *);
    int (*mutex_timedlock)(pthread_mutex_t *, const struct timespec *);
    int (*mutex_clocklock)(pthread_mutex_t *, clockid_t, const struct timespec *);
    int (*mutex_unlock)(pthread_mutex_t *);
    int (*cond_wait)(pthread_cond_t *, pthread_mutex_t *);
    int (*cond_timedwait)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
    int (*cond_clockwait)(pthread_cond_t *, pthread_mutex_t *, clockid_t, const struct timespec *);
    int (*rwlock_rdlock)(pthread_rwlock_t *);
    int (*rwlock_tryrdlock)(pthread_rwlock_t *);
    int (*rwlock_wrlock)(pthread_rwlock_t *);
    int (*rwlock_trywrlock)(pthread_rwlock_t *);
    int (*sem_wait)(sem_t *);
    int (*sem_trywait)(sem_t *);
    int (*sem_timedwait)(sem_t *, const struct timespec *);
    int (*sem_clockwait)(sem_t *, clockid_t, const struct timespec *);
    int (*dlclose)(void *);
} real;

/* libc has two of each cond function on x86-64, for two layouts of pthread_cond_t: what programs are compiled against
 * now is this version's. Elsewhere there is one, and a sanitizer's has no version. */
#if defined(__x86_64__) && !defined(RT_SANITIZE)
#define COND_VERSION "GLIBC_2.3.2"
#else
#define COND_VERSION NULL
#endif

static void *real_named(const char *name, const char *version)
{
    void *found = version ? dlvsym(RTLD_NEXT, name, version) : dlsym(RTLD_NEXT, name);
    if (!found) {
        rt__os_die(1, "libc has no %s%s%s", name, version ? " of version " : "", version ? version : "");
    }
    return found;
}

/* Two first callers find the same. */
static void find_real(void)
{
    real.create = real_named("pthread_create", NULL);
    real.mutex_lock = real_named("pthread_mutex_lock", NULL);
    real.mutex_trylock = real_named("pthread_mutex_trylock", NULL);
    real.mutex_timedlock = real_named("pthread_mutex_timedlock", NULL);
    real.mutex_clocklock = real_named("pthread_mutex_clocklock", NULL);
    real.mutex_unlock = real_named("pthread_mutex_unlock", NULL);
    real.cond_wait = real_named("pthread_cond_wait", COND_VERSION);
    real.cond_timedwait = real_named("pthread_cond_timedwait", COND_VERSION);
    real.cond_clockwait = real_named("pthread_cond_clockwait", NULL);
    real.rwlock_rdlock = real_named("pthread_rwlock_rdlock", NULL);
    real.rwlock_tryrdlock = real_named("pthread_rwlock_tryrdlock", NULL);
    real.rwlock_wrlock = real_named("pthread_rwlock_wrlock", NULL);
    real.rwlock_trywrlock = real_named("pthread_rwlock_trywrlock", NULL);
    real.sem_wait = real_named("sem_wait", NULL);
    real.sem_trywait = real_named("sem_trywait", NULL);
    real.sem_timedwait = real_named("sem_timedwait", NULL);
    real.sem_clockwait = real_named("sem_clockwait", NULL);
    real.dlclose = real_named("dlclose", NULL);
    __atomic_or_fetch(&rt__locks_state, RT__LOCKS_READY, __ATOMIC_RELEASE);
}

/* Of what the profiles in `which` want done: true when nothing, and the real functions are known. */
static inline bool is_off(uint32_t which)
{
    uint32_t state = __atomic_load_n(&rt__locks_state, __ATOMIC_ACQUIRE);
    return rt__likely((state & (RT__LOCKS_READY | which)) == RT__LOCKS_READY);
}

/* The same on the slow way, where the real functions may have to be found first. */
static bool is_still_off(uint32_t which)
{
    if (!(__atomic_load_n(&rt__locks_state, __ATOMIC_ACQUIRE) & RT__LOCKS_READY)) {
        find_real();
    }
    return is_off(which);
}

#define BOTH (RT__LOCKS_MUTEX | RT__LOCKS_BLOCK)
/* A cancelled thread jumps out of these frames, which AddressSanitizer must not have marked. */
#define SLOW __attribute__((noinline, no_sanitize("address"))) static

/* What came back after a wait; all else came back at once. */
static bool has_waited(int error)
{
    return error == 0 || error == ETIMEDOUT || error == EOWNERDEAD; /* of a condition's robust mutex */
}

/* ---- mutexes ------------------------------------------------------------------------------------- */

/* Two things that only the mutex itself tells. Their places are part of the ABI: programs have mutexes compiled in. */
#define TYPE_OF_KIND 3
#define ROBUST_KIND 16

/* glibc's trylock leaves a robust mutex that is past recovery locked for good, and the next lock hangs where it should
 * say ENOTRECOVERABLE. So robust mutexes, which are for sharing between processes, are passed on as they are. */
static bool is_passed_on(const pthread_mutex_t *m)
{
    return is_still_off(BOTH) || (m->__data.__kind & ROBUST_KIND);
}

/* Whatever a try says but yes, the real lock decides: that the mutex is the caller's own already, or after a wait. */
SLOW int lock_slowly(pthread_mutex_t *m, const void *caller)
{
    if (is_passed_on(m)) {
        return real.mutex_lock(m);
    }
    int error = real.mutex_trylock(m);
    if (error != 0) {
        struct rt__wait wait;
        rt__wait_begin(&wait, m);
        error = real.mutex_lock(m);
        rt__wait_end(&wait, has_waited(error), caller);
    }
    return error;
}

SLOW int timedlock_slowly(pthread_mutex_t *m, const struct timespec *until, const void *caller)
{
    if (is_passed_on(m)) {
        return real.mutex_timedlock(m, until);
    }
    int error = real.mutex_trylock(m);
    if (error != 0) {
        struct rt__wait wait;
        rt__wait_begin(&wait, m);
        error = real.mutex_timedlock(m, until);
        rt__wait_end(&wait, has_waited(error), caller);
    }
    return error;
}

SLOW int clocklock_slowly(pthread_mutex_t *m, clockid_t clock, const struct timespec *until, const void *caller)
{
    if (is_passed_on(m)) {
        return real.mutex_clocklock(m, clock, until);
    }
    int error = clock == CLOCK_REALTIME || clock == CLOCK_MONOTONIC ? real.mutex_trylock(m) : EBUSY;
    if (error != 0) {
        struct rt__wait wait;
        rt__wait_begin(&wait, m);
        error = real.mutex_clocklock(m, clock, until);
        rt__wait_end(&wait, has_waited(error), caller);
    }
    return error;
}

/* What others have waited for the mutex that is about to be let go. A recursive mutex that its owner has locked more
 * than once stays locked. */
static uint64_t delay_of_release(const pthread_mutex_t *m)
{
    bool is_recursive = (m->__data.__kind & TYPE_OF_KIND) == PTHREAD_MUTEX_RECURSIVE;
    return is_recursive && m->__data.__count > 1 ? 0 : rt__release_delay(m);
}

/* Recorded when the mutex is free again: nobody waits for the profiler. */
SLOW int unlock_slowly(pthread_mutex_t *m, const void *caller)
{
    if (is_still_off(RT__LOCKS_MUTEX)) {
        return real.mutex_unlock(m);
    }
    uint64_t delay_ns = delay_of_release(m);
    int error = real.mutex_unlock(m);
    if (delay_ns > 0 && error == 0) {
        rt__release_record(delay_ns, caller);
    }
    return error;
}

RT_API int pthread_mutex_lock(pthread_mutex_t *m)
{
    return is_off(BOTH) ? real.mutex_lock(m) : lock_slowly(m, RT__CALLER);
}

RT_API int pthread_mutex_timedlock(pthread_mutex_t *m, const struct timespec *until)
{
    return is_off(BOTH) ? real.mutex_timedlock(m, until) : timedlock_slowly(m, until, RT__CALLER);
}

RT_API int pthread_mutex_clocklock(pthread_mutex_t *m, clockid_t clock, const struct timespec *until)
{
    return is_off(BOTH) ? real.mutex_clocklock(m, clock, until) : clocklock_slowly(m, clock, until, RT__CALLER);
}

RT_API int pthread_mutex_unlock(pthread_mutex_t *m)
{
    return is_off(RT__LOCKS_MUTEX) ? real.mutex_unlock(m) : unlock_slowly(m, RT__CALLER);
}

/* ---- conditions ---------------------------------------------------------------------------------- */

/* Waiting lets the mutex go. It is taken again inside of libc: that is part of the wait for the condition, and
 * charged to nobody. Recorded before, as a cancelled thread does not come back. */
static void let_go(pthread_mutex_t *m, const void *caller)
{
    if (!is_off(RT__LOCKS_MUTEX)) {
        uint64_t delay_ns = delay_of_release(m);
        if (delay_ns > 0) {
            rt__release_record(delay_ns, caller);
        }
    }
}

SLOW int cond_wait_slowly(pthread_cond_t *c, pthread_mutex_t *m, const void *caller)
{
    if (is_still_off(BOTH)) {
        return real.cond_wait(c, m);
    }
    struct rt__wait wait;
    let_go(m, caller);
    rt__wait_begin(&wait, NULL);
    int error = real.cond_wait(c, m);
    rt__wait_end(&wait, has_waited(error), caller);
    return error;
}

SLOW int cond_timedwait_slowly(pthread_cond_t *c, pthread_mutex_t *m, const struct timespec *until, const void *caller)
{
    if (is_still_off(BOTH)) {
        return real.cond_timedwait(c, m, until);
    }
    struct rt__wait wait;
    let_go(m, caller);
    rt__wait_begin(&wait, NULL);
    int error = real.cond_timedwait(c, m, until);
    rt__wait_end(&wait, has_waited(error), caller);
    return error;
}

SLOW int cond_clockwait_slowly(pthread_cond_t *c, pthread_mutex_t *m, clockid_t clock, const struct timespec *until,
                               const void *caller)
{
    if (is_still_off(BOTH)) {
        return real.cond_clockwait(c, m, clock, until);
    }
    struct rt__wait wait;
    let_go(m, caller);
    rt__wait_begin(&wait, NULL);
    int error = real.cond_clockwait(c, m, clock, until);
    rt__wait_end(&wait, has_waited(error), caller);
    return error;
}

RT_API int pthread_cond_wait(pthread_cond_t *c, pthread_mutex_t *m)
{
    return is_off(BOTH) ? real.cond_wait(c, m) : cond_wait_slowly(c, m, RT__CALLER);
}

RT_API int pthread_cond_timedwait(pthread_cond_t *c, pthread_mutex_t *m, const struct timespec *until)
{
    return is_off(BOTH) ? real.cond_timedwait(c, m, until) : cond_timedwait_slowly(c, m, until, RT__CALLER);
}

RT_API int pthread_cond_clockwait(pthread_cond_t *c, pthread_mutex_t *m, clockid_t clock, const struct timespec *until)
{
    return is_off(BOTH) ? real.cond_clockwait(c, m, clock, until)
                        : cond_clockwait_slowly(c, m, clock, until, RT__CALLER);
}

/* ---- read-write locks ----------------------------------------------------------------------------- */

SLOW int rwlock_slowly(pthread_rwlock_t *l, bool to_write, const void *caller)
{
    bool off = is_still_off(RT__LOCKS_BLOCK);
    int (*lock)(pthread_rwlock_t *) = to_write ? real.rwlock_wrlock : real.rwlock_rdlock;
    if (off) {
        return lock(l);
    }
    int error = (to_write ? real.rwlock_trywrlock : real.rwlock_tryrdlock)(l);
    if (error == EBUSY) {
        struct rt__wait wait;
        rt__wait_begin(&wait, NULL);
        error = lock(l);
        rt__wait_end(&wait, error == 0, caller);
    }
    return error;
}

RT_API int pthread_rwlock_rdlock(pthread_rwlock_t *l)
{
    return is_off(RT__LOCKS_BLOCK) ? real.rwlock_rdlock(l) : rwlock_slowly(l, false, RT__CALLER);
}

RT_API int pthread_rwlock_wrlock(pthread_rwlock_t *l)
{
    return is_off(RT__LOCKS_BLOCK) ? real.rwlock_wrlock(l) : rwlock_slowly(l, true, RT__CALLER);
}

/* ---- semaphores ------------------------------------------------------------------------------------ */

/* A point of cancellation, as the real function is even when it need not wait. */
static bool has_semaphore_at_once(sem_t *s)
{
    int saved_errno = errno;
    pthread_testcancel();
    bool has = real.sem_trywait(s) == 0;
    errno = saved_errno;
    return has;
}

static bool has_waited_for_semaphore(int result)
{
    return result == 0 || errno == ETIMEDOUT || errno == EINTR;
}

/* The real function refuses a bad time even when it need not wait. */
static bool is_time(const struct timespec *t)
{
    return t->tv_nsec >= 0 && t->tv_nsec < 1000000000;
}

SLOW int sem_wait_slowly(sem_t *s, const void *caller)
{
    if (is_still_off(RT__LOCKS_BLOCK)) {
        return real.sem_wait(s);
    }
    if (has_semaphore_at_once(s)) {
        return 0;
    }
    struct rt__wait wait;
    rt__wait_begin(&wait, NULL);
    int result = real.sem_wait(s);
    rt__wait_end(&wait, has_waited_for_semaphore(result), caller);
    return result;
}

SLOW int sem_timedwait_slowly(sem_t *s, const struct timespec *until, const void *caller)
{
    if (is_still_off(RT__LOCKS_BLOCK)) {
        return real.sem_timedwait(s, until);
    }
    if (is_time(until) && has_semaphore_at_once(s)) {
        return 0;
    }
    struct rt__wait wait;
    rt__wait_begin(&wait, NULL);
    int result = real.sem_timedwait(s, until);
    rt__wait_end(&wait, has_waited_for_semaphore(result), caller);
    return result;
}

SLOW int sem_clockwait_slowly(sem_t *s, clockid_t clock, const struct timespec *until, const void *caller)
{
    if (is_still_off(RT__LOCKS_BLOCK)) {
        return real.sem_clockwait(s, clock, until);
    }
    bool may_try = is_time(until) && (clock == CLOCK_REALTIME || clock == CLOCK_MONOTONIC);
    if (may_try && has_semaphore_at_once(s)) {
        return 0;
    }
    struct rt__wait wait;
    rt__wait_begin(&wait, NULL);
    int result = real.sem_clockwait(s, clock, until);
    rt__wait_end(&wait, has_waited_for_semaphore(result), caller);
    return result;
}

RT_API int sem_wait(sem_t *s)
{
    return is_off(RT__LOCKS_BLOCK) ? real.sem_wait(s) : sem_wait_slowly(s, RT__CALLER);
}

RT_API int sem_timedwait(sem_t *s, const struct timespec *until)
{
    return is_off(RT__LOCKS_BLOCK) ? real.sem_timedwait(s, until) : sem_timedwait_slowly(s, until, RT__CALLER);
}

RT_API int sem_clockwait(sem_t *s, clockid_t clock, const struct timespec *until)
{
    return is_off(RT__LOCKS_BLOCK) ? real.sem_clockwait(s, clock, until)
                                   : sem_clockwait_slowly(s, clock, until, RT__CALLER);
}

/* ---- objects --------------------------------------------------------------------------------------- */

/* Another object may come to lie where this one was, and the unwinder knows call sites by their addresses. */
RT_API int dlclose(void *handle)
{
    is_still_off(0); /* finds the real functions */
    int error = real.dlclose(handle);
    rt__unwind_forget();
    return error;
}

/* ---- threads --------------------------------------------------------------------------------------- */

RT_API int pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*fn)(void *), void *arg)
{
    is_still_off(0); /* finds the real functions */
    struct rt__launch *launch = rt__launch_new(fn, arg);
    if (!launch) {
        return EAGAIN;
    }
    int error = real.create(thread, attr, rt__launch_run, launch);
    if (error == 0) {
        rt__threadcreate_record(RT__CALLER);
    } else {
        rt__launch_drop(launch);
    }
    return error;
}

#endif

/* Early, so that no thread finds the real functions while others stand still, and before libgc has its handlers
 * of fork, which may wait for its own lock: they run outside of ours. */
__attribute__((constructor(102))) static void start(void)
{
#if RT__INTERPOSES
    is_still_off(0);
#endif
    pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}
