/* interpose.c - what waits for locks, conditions and semaphores, and what lets them go, for the whole process: for the
 * profiles of locks and for the trace (whose other calls that block are trace/calls.c's).
 *
 * Defined in the executable (or in libcruntime.so before libc in the search order) these names take the calls of
 * every library: h2o, SQLite, libgc, C++'s std::mutex. What libc locks inside of itself, for stdio or
 * for C11's mtx_lock, does not come by, nor does what is built on futex(2) alone.
 *
 * With both profiles off and nothing recorded a call costs a look at one word more than the real function, to which it
 * jumps. Otherwise a call that may wait first tries without; only one that really waits looks at the clock. No call
 * returns anything but what the real function returned, so mutexes of all kinds stay what they are. A cancelled
 * thread needs no clean-up: where it can be cancelled nothing is noted but on its stack, and in its record of the
 * trace, which ends with it.
 *
 * The first calls come before any constructor, from ld.so and from constructors of libraries: everything works from
 * zeroed state, and the real functions are looked up at the first call. dlsym locks inside of libc, and does not
 * allocate when it finds what it looks for, so it does not come back here.
 *
 * Rule for all that is called from here: no lock may be waited for without an end. libgc's threads pass through here
 * while the world is stopped, and a thread that was stopped in here may hold any lock (see contention.c).
 */
#include "runtime/profile/contention.h"

#if RT__INTERPOSES

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <time.h>
#include "runtime/cruntime.h"
#include "runtime/heap/thread.h"
#include "runtime/os/os.h"
#include "runtime/trace/record.h"
#include "runtime/unwind/caller.h"

static struct {
    int (*mutex_lock)(pthread_mutex_t *);
    int (*mutex_trylock)(pthread_mutex_t *);
    int (*mutex_timedlock)(pthread_mutex_t *, const struct timespec *);
    int (*mutex_clocklock)(pthread_mutex_t *, clockid_t, const struct timespec *);
    int (*mutex_unlock)(pthread_mutex_t *);
    int (*cond_wait)(pthread_cond_t *, pthread_mutex_t *);
    int (*cond_timedwait)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
    int (*cond_clockwait)(pthread_cond_t *, pthread_mutex_t *, clockid_t, const struct timespec *);
    int (*cond_signal)(pthread_cond_t *);
    int (*cond_broadcast)(pthread_cond_t *);
    int (*rwlock_rdlock)(pthread_rwlock_t *);
    int (*rwlock_tryrdlock)(pthread_rwlock_t *);
    int (*rwlock_wrlock)(pthread_rwlock_t *);
    int (*rwlock_trywrlock)(pthread_rwlock_t *);
    int (*rwlock_unlock)(pthread_rwlock_t *);
    int (*sem_wait)(sem_t *);
    int (*sem_trywait)(sem_t *);
    int (*sem_timedwait)(sem_t *, const struct timespec *);
    int (*sem_clockwait)(sem_t *, clockid_t, const struct timespec *);
    int (*sem_post)(sem_t *);
} real;

/* libc has two of each cond function on x86-64, for two layouts of pthread_cond_t: what programs are compiled against
 * now is this version's. Elsewhere there is one, and a sanitizer's has no version. */
#if defined(__x86_64__) && !defined(RT_SANITIZE)
#define COND_VERSION "GLIBC_2.3.2"
#else
#define COND_VERSION NULL
#endif

/* Two first callers find the same. */
static void find_real(void)
{
    real.mutex_lock = rt__os_next("pthread_mutex_lock", NULL);
    real.mutex_trylock = rt__os_next("pthread_mutex_trylock", NULL);
    real.mutex_timedlock = rt__os_next("pthread_mutex_timedlock", NULL);
    real.mutex_clocklock = rt__os_next("pthread_mutex_clocklock", NULL);
    real.mutex_unlock = rt__os_next("pthread_mutex_unlock", NULL);
    real.cond_wait = rt__os_next("pthread_cond_wait", COND_VERSION);
    real.cond_timedwait = rt__os_next("pthread_cond_timedwait", COND_VERSION);
    real.cond_clockwait = rt__os_next("pthread_cond_clockwait", NULL);
    real.cond_signal = rt__os_next("pthread_cond_signal", COND_VERSION);
    real.cond_broadcast = rt__os_next("pthread_cond_broadcast", COND_VERSION);
    real.rwlock_rdlock = rt__os_next("pthread_rwlock_rdlock", NULL);
    real.rwlock_tryrdlock = rt__os_next("pthread_rwlock_tryrdlock", NULL);
    real.rwlock_wrlock = rt__os_next("pthread_rwlock_wrlock", NULL);
    real.rwlock_trywrlock = rt__os_next("pthread_rwlock_trywrlock", NULL);
    real.rwlock_unlock = rt__os_next("pthread_rwlock_unlock", NULL);
    real.sem_wait = rt__os_next("sem_wait", NULL);
    real.sem_trywait = rt__os_next("sem_trywait", NULL);
    real.sem_timedwait = rt__os_next("sem_timedwait", NULL);
    real.sem_clockwait = rt__os_next("sem_clockwait", NULL);
    real.sem_post = rt__os_next("sem_post", NULL);
    __atomic_or_fetch(&rt__locks_state, RT__LOCKS_READY, __ATOMIC_RELEASE);
}

/* Of what those in `which` want done: true when nothing, and the real functions are known. */
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

/* Whom a call is for: waits for mutexes and conditions, other waits, and releases of mutexes. All else lets go of
 * what only traces ask about. */
#define WAITS (RT__LOCKS_MUTEX | RT__LOCKS_BLOCK | RT__LOCKS_TRACE)
#define OTHER_WAITS (RT__LOCKS_BLOCK | RT__LOCKS_TRACE)
#define RELEASES (RT__LOCKS_MUTEX | RT__LOCKS_TRACE)
/* A cancelled thread jumps out of these frames, which AddressSanitizer must not have marked. */
#define SLOW __attribute__((noinline, no_sanitize("address"))) static

/* What came back after a wait; all else came back at once. */
static bool has_waited(int error)
{
    return error == 0 || error == ETIMEDOUT || error == EOWNERDEAD; /* of a condition's robust mutex */
}

/* ---- mutexes ------------------------------------------------------------------------------------- */

/* Three things that only the mutex itself tells, __lock among them. Their places are part of the ABI: programs have
 * mutexes compiled in. */
#define TYPE_OF_KIND 3
#define ROBUST_KIND 16

/* glibc's trylock leaves a robust mutex that is past recovery locked for good, and the next lock hangs where it should
 * say ENOTRECOVERABLE. So robust mutexes, which are for sharing between processes, are passed on as they are. */
static bool is_passed_on(const pthread_mutex_t *m)
{
    return is_still_off(WAITS) || (m->__data.__kind & ROBUST_KIND);
}

/* Whatever a try says but yes, the real lock decides: that the mutex is the caller's own already, or after a wait. */
SLOW int lock_waiting(pthread_mutex_t *m, const void *caller)
{
    struct rt__wait wait;
    rt__wait_begin(&wait, RT__BLOCK_MUTEX, m, caller);
    int error = real.mutex_lock(m);
    rt__wait_end(&wait, has_waited(error), caller);
    return error;
}

SLOW int lock_slowly(pthread_mutex_t *m, const void *caller)
{
    if (is_passed_on(m)) {
        return real.mutex_lock(m);
    }
    return real.mutex_trylock(m) == 0 ? 0 : lock_waiting(m, caller);
}

SLOW int timedlock_slowly(pthread_mutex_t *m, const struct timespec *until, const void *caller)
{
    if (is_passed_on(m)) {
        return real.mutex_timedlock(m, until);
    }
    int error = real.mutex_trylock(m);
    if (error != 0) {
        struct rt__wait wait;
        rt__wait_begin(&wait, RT__BLOCK_MUTEX, m, caller);
        error = real.mutex_timedlock(m, until);
        wait.block.is_timed_out = error == ETIMEDOUT;
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
        rt__wait_begin(&wait, RT__BLOCK_MUTEX, m, caller);
        error = real.mutex_clocklock(m, clock, until);
        wait.block.is_timed_out = error == ETIMEDOUT;
        rt__wait_end(&wait, has_waited(error), caller);
    }
    return error;
}

/* Whether an unlock lets the mutex go: a recursive one that its owner has locked more than once stays locked. */
static bool is_last_unlock(const pthread_mutex_t *m)
{
    bool is_recursive = (m->__data.__kind & TYPE_OF_KIND) == PTHREAD_MUTEX_RECURSIVE;
    return !is_recursive || m->__data.__count <= 1;
}

/* Just before the mutex is let go. What others have waited for it, 0 when no profile asks. */
static uint64_t delay_of_release(const pthread_mutex_t *m)
{
    return !is_off(RT__LOCKS_MUTEX) && is_last_unlock(m) ? rt__release_delay(m) : 0;
}

/* Before the real call: who is woken by it may look for the note at once. */
static void note_wake(const void *object)
{
    if (!is_still_off(RT__LOCKS_TRACE)) {
        rt__wake_note(object, rt__ticks());
    }
}

/* Recorded when the mutex is free again: nobody waits for the profiler. */
SLOW int unlock_charging(pthread_mutex_t *m, const void *caller)
{
    uint64_t delay_ns = delay_of_release(m);
    int error = real.mutex_unlock(m);
    if (delay_ns > 0 && error == 0) {
        rt__release_record(delay_ns, caller);
    }
    return error;
}

SLOW int unlock_slowly(pthread_mutex_t *m, const void *caller)
{
    if (is_still_off(RELEASES)) {
        return real.mutex_unlock(m);
    }
    if (rt__is_wanted(m) && is_last_unlock(m)) {
        note_wake(m);
    }
    return is_off(RT__LOCKS_MUTEX) ? real.mutex_unlock(m) : unlock_charging(m, caller);
}

/* The flight recorder may be on for good, and nearly all mutexes are free, or nobody waits for them: then the real
 * functions are jumped to without a try, too. A mutex that is free can be taken by another thread before the real
 * function gets at it, and then the wait goes unseen. That is a moment of a few ns for each time that it is let go,
 * and a wait that a trace shows at all means that it is held for thousands: one wait in a thousand, at most. */
static inline bool is_lock_passed_on(const pthread_mutex_t *m)
{
    uint32_t state = __atomic_load_n(&rt__locks_state, __ATOMIC_ACQUIRE);
    return rt__likely(state == RT__LOCKS_READY) ||
           (state == (RT__LOCKS_READY | RT__LOCKS_TRACE) && __atomic_load_n(&m->__data.__lock, __ATOMIC_RELAXED) == 0);
}

static inline bool is_unlock_passed_on(const pthread_mutex_t *m)
{
    uint32_t state = __atomic_load_n(&rt__locks_state, __ATOMIC_ACQUIRE) & ~RT__LOCKS_BLOCK;
    return rt__likely(state == RT__LOCKS_READY) || (state == (RT__LOCKS_READY | RT__LOCKS_TRACE) && !rt__is_wanted(m));
}

RT_API int pthread_mutex_lock(pthread_mutex_t *m)
{
    return is_lock_passed_on(m) ? real.mutex_lock(m) : lock_slowly(m, RT__CALLER);
}

RT_API int pthread_mutex_timedlock(pthread_mutex_t *m, const struct timespec *until)
{
    return is_off(WAITS) ? real.mutex_timedlock(m, until) : timedlock_slowly(m, until, RT__CALLER);
}

RT_API int pthread_mutex_clocklock(pthread_mutex_t *m, clockid_t clock, const struct timespec *until)
{
    return is_off(WAITS) ? real.mutex_clocklock(m, clock, until) : clocklock_slowly(m, clock, until, RT__CALLER);
}

RT_API int pthread_mutex_unlock(pthread_mutex_t *m)
{
    return is_unlock_passed_on(m) ? real.mutex_unlock(m) : unlock_slowly(m, RT__CALLER);
}

/* ---- conditions ---------------------------------------------------------------------------------- */

/* Waiting lets the mutex go. It is taken again inside of libc: that is part of the wait for the condition, and
 * charged to nobody. Recorded before, as a cancelled thread does not come back. */
static void let_go(pthread_mutex_t *m, const void *caller)
{
    if (rt__is_wanted(m) && is_last_unlock(m)) {
        note_wake(m);
    }
    uint64_t delay_ns = delay_of_release(m);
    if (delay_ns > 0) {
        rt__release_record(delay_ns, caller);
    }
}

SLOW int cond_wait_slowly(pthread_cond_t *c, pthread_mutex_t *m, const void *caller)
{
    if (is_still_off(WAITS)) {
        return real.cond_wait(c, m);
    }
    struct rt__wait wait;
    let_go(m, caller);
    rt__wait_begin(&wait, RT__BLOCK_COND, c, caller);
    int error = real.cond_wait(c, m);
    rt__wait_end(&wait, has_waited(error), caller);
    return error;
}

SLOW int cond_timedwait_slowly(pthread_cond_t *c, pthread_mutex_t *m, const struct timespec *until, const void *caller)
{
    if (is_still_off(WAITS)) {
        return real.cond_timedwait(c, m, until);
    }
    struct rt__wait wait;
    let_go(m, caller);
    rt__wait_begin(&wait, RT__BLOCK_COND, c, caller);
    int error = real.cond_timedwait(c, m, until);
    wait.block.is_timed_out = error == ETIMEDOUT;
    rt__wait_end(&wait, has_waited(error), caller);
    return error;
}

SLOW int cond_clockwait_slowly(pthread_cond_t *c, pthread_mutex_t *m, clockid_t clock, const struct timespec *until,
                               const void *caller)
{
    if (is_still_off(WAITS)) {
        return real.cond_clockwait(c, m, clock, until);
    }
    struct rt__wait wait;
    let_go(m, caller);
    rt__wait_begin(&wait, RT__BLOCK_COND, c, caller);
    int error = real.cond_clockwait(c, m, clock, until);
    wait.block.is_timed_out = error == ETIMEDOUT;
    rt__wait_end(&wait, has_waited(error), caller);
    return error;
}

RT_API int pthread_cond_wait(pthread_cond_t *c, pthread_mutex_t *m)
{
    return is_off(WAITS) ? real.cond_wait(c, m) : cond_wait_slowly(c, m, RT__CALLER);
}

RT_API int pthread_cond_timedwait(pthread_cond_t *c, pthread_mutex_t *m, const struct timespec *until)
{
    return is_off(WAITS) ? real.cond_timedwait(c, m, until) : cond_timedwait_slowly(c, m, until, RT__CALLER);
}

RT_API int pthread_cond_clockwait(pthread_cond_t *c, pthread_mutex_t *m, clockid_t clock, const struct timespec *until)
{
    return is_off(WAITS) ? real.cond_clockwait(c, m, clock, until)
                         : cond_clockwait_slowly(c, m, clock, until, RT__CALLER);
}

SLOW int cond_signal_slowly(pthread_cond_t *c)
{
    note_wake(c);
    return real.cond_signal(c);
}

SLOW int cond_broadcast_slowly(pthread_cond_t *c)
{
    note_wake(c);
    return real.cond_broadcast(c);
}

RT_API int pthread_cond_signal(pthread_cond_t *c)
{
    return is_off(RT__LOCKS_TRACE) ? real.cond_signal(c) : cond_signal_slowly(c);
}

RT_API int pthread_cond_broadcast(pthread_cond_t *c)
{
    return is_off(RT__LOCKS_TRACE) ? real.cond_broadcast(c) : cond_broadcast_slowly(c);
}

/* ---- read-write locks ----------------------------------------------------------------------------- */

SLOW int rwlock_slowly(pthread_rwlock_t *l, bool to_write, const void *caller)
{
    bool off = is_still_off(OTHER_WAITS);
    int (*lock)(pthread_rwlock_t *) = to_write ? real.rwlock_wrlock : real.rwlock_rdlock;
    if (off) {
        return lock(l);
    }
    int error = (to_write ? real.rwlock_trywrlock : real.rwlock_tryrdlock)(l);
    if (error == EBUSY) {
        struct rt__wait wait;
        rt__wait_begin(&wait, RT__BLOCK_RWLOCK, l, caller);
        error = lock(l);
        rt__wait_end(&wait, error == 0, caller);
    }
    return error;
}

RT_API int pthread_rwlock_rdlock(pthread_rwlock_t *l)
{
    return is_off(OTHER_WAITS) ? real.rwlock_rdlock(l) : rwlock_slowly(l, false, RT__CALLER);
}

RT_API int pthread_rwlock_wrlock(pthread_rwlock_t *l)
{
    return is_off(OTHER_WAITS) ? real.rwlock_wrlock(l) : rwlock_slowly(l, true, RT__CALLER);
}

/* Of several readers the last one leaves the note that counts. */
SLOW int rwlock_unlock_slowly(pthread_rwlock_t *l)
{
    if (!is_still_off(RT__LOCKS_TRACE) && rt__is_wanted(l)) {
        note_wake(l);
    }
    return real.rwlock_unlock(l);
}

RT_API int pthread_rwlock_unlock(pthread_rwlock_t *l)
{
    return is_off(RT__LOCKS_TRACE) ? real.rwlock_unlock(l) : rwlock_unlock_slowly(l);
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
    if (is_still_off(OTHER_WAITS)) {
        return real.sem_wait(s);
    }
    if (has_semaphore_at_once(s)) {
        return 0;
    }
    struct rt__wait wait;
    rt__wait_begin(&wait, RT__BLOCK_SEMAPHORE, s, caller);
    int result = real.sem_wait(s);
    rt__wait_end(&wait, has_waited_for_semaphore(result), caller);
    return result;
}

SLOW int sem_timedwait_slowly(sem_t *s, const struct timespec *until, const void *caller)
{
    if (is_still_off(OTHER_WAITS)) {
        return real.sem_timedwait(s, until);
    }
    if (is_time(until) && has_semaphore_at_once(s)) {
        return 0;
    }
    struct rt__wait wait;
    rt__wait_begin(&wait, RT__BLOCK_SEMAPHORE, s, caller);
    int result = real.sem_timedwait(s, until);
    wait.block.is_timed_out = result != 0 && errno == ETIMEDOUT;
    rt__wait_end(&wait, has_waited_for_semaphore(result), caller);
    return result;
}

SLOW int sem_clockwait_slowly(sem_t *s, clockid_t clock, const struct timespec *until, const void *caller)
{
    if (is_still_off(OTHER_WAITS)) {
        return real.sem_clockwait(s, clock, until);
    }
    bool may_try = is_time(until) && (clock == CLOCK_REALTIME || clock == CLOCK_MONOTONIC);
    if (may_try && has_semaphore_at_once(s)) {
        return 0;
    }
    struct rt__wait wait;
    rt__wait_begin(&wait, RT__BLOCK_SEMAPHORE, s, caller);
    int result = real.sem_clockwait(s, clock, until);
    wait.block.is_timed_out = result != 0 && errno == ETIMEDOUT;
    rt__wait_end(&wait, has_waited_for_semaphore(result), caller);
    return result;
}

RT_API int sem_wait(sem_t *s)
{
    return is_off(OTHER_WAITS) ? real.sem_wait(s) : sem_wait_slowly(s, RT__CALLER);
}

RT_API int sem_timedwait(sem_t *s, const struct timespec *until)
{
    return is_off(OTHER_WAITS) ? real.sem_timedwait(s, until) : sem_timedwait_slowly(s, until, RT__CALLER);
}

RT_API int sem_clockwait(sem_t *s, clockid_t clock, const struct timespec *until)
{
    return is_off(OTHER_WAITS) ? real.sem_clockwait(s, clock, until)
                               : sem_clockwait_slowly(s, clock, until, RT__CALLER);
}

/* Called in signal handlers, too: a note is nothing but atomic words. */
SLOW int sem_post_slowly(sem_t *s)
{
    note_wake(s);
    return real.sem_post(s);
}

RT_API int sem_post(sem_t *s)
{
    return is_off(RT__LOCKS_TRACE) ? real.sem_post(s) : sem_post_slowly(s);
}

/* Early, so that no thread finds the real functions while others stand still. */
__attribute__((constructor(102))) static void start(void)
{
    is_still_off(0);
}

#endif
