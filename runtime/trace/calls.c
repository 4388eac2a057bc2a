/* calls.c - poll, epoll_wait and select, sleeps, fsync, and pthread_join: calls that block, for the whole process.
 *
 * Defined in the executable (or in libcruntime.so before libc in the search order) these names take the calls of every
 * library: h2o's and libpq's waits for the network, SQLite's waits for the disk. Programs compiled with
 * _FORTIFY_SOURCE call poll by another name. What libc calls inside of itself does not come by, nor do read, write,
 * accept and connect: most descriptors that matter never block, and asking each call whether its does costs as
 * much as the call. Calls with a timeout of 0 are passed on as they are.
 *
 * With nothing recorded a call costs a look at two words more than the real function, to which it jumps. It returns
 * what the real function returned, errno included. All but fsync's kind are points of cancellation at which a
 * thread may end: nothing is noted but in its record, which ends with it.
 *
 * The first calls may come before any constructor: everything works from zeroed state. As everywhere in here, no lock
 * is waited for: libgc's threads pass through while the world is stopped.
 */
/* Or the headers have a poll of their own, which would stand where ours is to be. */
#undef _FORTIFY_SOURCE

#include "runtime/unwind/caller.h"

#if RT__INTERPOSES

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>
#include "runtime/cruntime.h"
#include "runtime/os/os.h"
#include "runtime/trace/blocks.h"
#include "runtime/trace/record.h"

static struct {
    int (*poll)(struct pollfd *, nfds_t, int);
    int (*poll_chk)(struct pollfd *, nfds_t, int, size_t);
    int (*ppoll)(struct pollfd *, nfds_t, const struct timespec *, const sigset_t *);
    int (*ppoll_chk)(struct pollfd *, nfds_t, const struct timespec *, const sigset_t *, size_t);
    int (*epoll_wait)(int, struct epoll_event *, int, int);
    int (*epoll_pwait)(int, struct epoll_event *, int, int, const sigset_t *);
    int (*select)(int, fd_set *, fd_set *, fd_set *, struct timeval *);
    int (*pselect)(int, fd_set *, fd_set *, fd_set *, const struct timespec *, const sigset_t *);
    int (*nanosleep)(const struct timespec *, struct timespec *);
    int (*clock_nanosleep)(clockid_t, int, const struct timespec *, struct timespec *);
    int (*usleep)(useconds_t);
    unsigned (*sleep)(unsigned);
    int (*thrd_sleep)(const struct timespec *, struct timespec *);
    int (*fsync)(int);
    int (*fdatasync)(int);
    int (*join)(pthread_t, void **);
} real;

static bool is_found; /* atomic */

/* Two first callers find the same. */
static void find_real(void)
{
    real.poll = rt__os_next("poll", NULL);
    real.poll_chk = rt__os_next("__poll_chk", NULL);
    real.ppoll = rt__os_next("ppoll", NULL);
    real.ppoll_chk = rt__os_next("__ppoll_chk", NULL);
    real.epoll_wait = rt__os_next("epoll_wait", NULL);
    real.epoll_pwait = rt__os_next("epoll_pwait", NULL);
    real.select = rt__os_next("select", NULL);
    real.pselect = rt__os_next("pselect", NULL);
    real.nanosleep = rt__os_next("nanosleep", NULL);
    real.clock_nanosleep = rt__os_next("clock_nanosleep", NULL);
    real.usleep = rt__os_next("usleep", NULL);
    real.sleep = rt__os_next("sleep", NULL);
    real.thrd_sleep = rt__os_next("thrd_sleep", NULL);
    real.fsync = rt__os_next("fsync", NULL);
    real.fdatasync = rt__os_next("fdatasync", NULL);
    real.join = rt__os_next("pthread_join", NULL);
    __atomic_store_n(&is_found, true, __ATOMIC_RELEASE);
}

/* Early, so that no thread finds the real functions while others stand still. */
__attribute__((constructor(102))) static void start(void)
{
    find_real();
}

/* Whether the real functions are known and nobody wants to know more of the call: nothing is recorded, or it is one
 * that only looks. */
static inline bool is_passed_on(bool may_block)
{
    return __builtin_expect(__atomic_load_n(&is_found, __ATOMIC_ACQUIRE), 1) && (!rt__is_recording() || !may_block);
}

static inline bool is_zero(const struct timespec *timeout)
{
    return timeout && timeout->tv_sec == 0 && timeout->tv_nsec == 0;
}

static void begin(struct rt__blocking *b, enum rt__block reason, const void *caller)
{
    if (!__atomic_load_n(&is_found, __ATOMIC_ACQUIRE)) {
        find_real();
    }
    rt__block_begin(b, reason, NULL, caller);
}

/* Between the two halves of a block: the real call. A cancelled thread jumps out of these frames, which
 * AddressSanitizer must not have marked. */
#define SLOW __attribute__((noinline, no_sanitize("address"))) static
#define BLOCKED_IN(reason, call)                                                                                       \
    do {                                                                                                               \
        struct rt__blocking b_;                                                                                        \
        begin(&b_, reason, caller);                                                                                    \
        __typeof__(call) result_ = call;                                                                               \
        rt__block_end(&b_, caller);                                                                                    \
        return result_;                                                                                                \
    } while (0)

/* ---- descriptors ---------------------------------------------------------------------------------- */

/* Of no descriptor at all these are sleeps. */
#define NETWORK_IF(n) ((n) > 0 ? RT__BLOCK_NETWORK : RT__BLOCK_SLEEP)

SLOW int poll_slowly(struct pollfd *fds, nfds_t n, int timeout_ms, const void *caller)
{
    BLOCKED_IN(NETWORK_IF(n), real.poll(fds, n, timeout_ms));
}

RT_API int poll(struct pollfd *fds, nfds_t n, int timeout_ms)
{
    return is_passed_on(timeout_ms != 0) ? real.poll(fds, n, timeout_ms) : poll_slowly(fds, n, timeout_ms, RT__CALLER);
}

SLOW int ppoll_slowly(struct pollfd *fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask,
                      const void *caller)
{
    BLOCKED_IN(NETWORK_IF(n), real.ppoll(fds, n, timeout, mask));
}

RT_API int ppoll(struct pollfd *fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask)
{
    return is_passed_on(!is_zero(timeout)) ? real.ppoll(fds, n, timeout, mask)
                                           : ppoll_slowly(fds, n, timeout, mask, RT__CALLER);
}

/* What poll and ppoll are under _FORTIFY_SOURCE; bytes: that fds has room for. */
int __poll_chk(struct pollfd *fds, nfds_t n, int timeout_ms, size_t bytes);
int __ppoll_chk(struct pollfd *fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask, size_t bytes);

SLOW int poll_chk_slowly(struct pollfd *fds, nfds_t n, int timeout_ms, size_t bytes, const void *caller)
{
    BLOCKED_IN(NETWORK_IF(n), real.poll_chk(fds, n, timeout_ms, bytes));
}

RT_API int __poll_chk(struct pollfd *fds, nfds_t n, int timeout_ms, size_t bytes)
{
    return is_passed_on(timeout_ms != 0) ? real.poll_chk(fds, n, timeout_ms, bytes)
                                         : poll_chk_slowly(fds, n, timeout_ms, bytes, RT__CALLER);
}

SLOW int ppoll_chk_slowly(struct pollfd *fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask,
                          size_t bytes, const void *caller)
{
    BLOCKED_IN(NETWORK_IF(n), real.ppoll_chk(fds, n, timeout, mask, bytes));
}

RT_API int __ppoll_chk(struct pollfd *fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask, size_t bytes)
{
    return is_passed_on(!is_zero(timeout)) ? real.ppoll_chk(fds, n, timeout, mask, bytes)
                                           : ppoll_chk_slowly(fds, n, timeout, mask, bytes, RT__CALLER);
}

SLOW int epoll_wait_slowly(int fd, struct epoll_event *events, int most, int timeout_ms, const void *caller)
{
    BLOCKED_IN(RT__BLOCK_NETWORK, real.epoll_wait(fd, events, most, timeout_ms));
}

RT_API int epoll_wait(int fd, struct epoll_event *events, int most, int timeout_ms)
{
    return is_passed_on(timeout_ms != 0) ? real.epoll_wait(fd, events, most, timeout_ms)
                                         : epoll_wait_slowly(fd, events, most, timeout_ms, RT__CALLER);
}

SLOW int epoll_pwait_slowly(int fd, struct epoll_event *events, int most, int timeout_ms, const sigset_t *mask,
                            const void *caller)
{
    BLOCKED_IN(RT__BLOCK_NETWORK, real.epoll_pwait(fd, events, most, timeout_ms, mask));
}

RT_API int epoll_pwait(int fd, struct epoll_event *events, int most, int timeout_ms, const sigset_t *mask)
{
    return is_passed_on(timeout_ms != 0) ? real.epoll_pwait(fd, events, most, timeout_ms, mask)
                                         : epoll_pwait_slowly(fd, events, most, timeout_ms, mask, RT__CALLER);
}

static inline bool is_zero_timeval(const struct timeval *timeout)
{
    return timeout && timeout->tv_sec == 0 && timeout->tv_usec == 0;
}

SLOW int select_slowly(int n, fd_set *readable, fd_set *writable, fd_set *other, struct timeval *timeout,
                       const void *caller)
{
    BLOCKED_IN(NETWORK_IF(n), real.select(n, readable, writable, other, timeout));
}

RT_API int select(int n, fd_set *readable, fd_set *writable, fd_set *other, struct timeval *timeout)
{
    return is_passed_on(!is_zero_timeval(timeout)) ? real.select(n, readable, writable, other, timeout)
                                                   : select_slowly(n, readable, writable, other, timeout, RT__CALLER);
}

SLOW int pselect_slowly(int n, fd_set *readable, fd_set *writable, fd_set *other, const struct timespec *timeout,
                        const sigset_t *mask, const void *caller)
{
    BLOCKED_IN(NETWORK_IF(n), real.pselect(n, readable, writable, other, timeout, mask));
}

RT_API int pselect(int n, fd_set *readable, fd_set *writable, fd_set *other, const struct timespec *timeout,
                   const sigset_t *mask)
{
    return is_passed_on(!is_zero(timeout)) ? real.pselect(n, readable, writable, other, timeout, mask)
                                           : pselect_slowly(n, readable, writable, other, timeout, mask, RT__CALLER);
}

/* ---- sleeps --------------------------------------------------------------------------------------- */

SLOW int nanosleep_slowly(const struct timespec *time, struct timespec *left, const void *caller)
{
    BLOCKED_IN(RT__BLOCK_SLEEP, real.nanosleep(time, left));
}

RT_API int nanosleep(const struct timespec *time, struct timespec *left)
{
    return is_passed_on(true) ? real.nanosleep(time, left) : nanosleep_slowly(time, left, RT__CALLER);
}

SLOW int clock_nanosleep_slowly(clockid_t clock, int flags, const struct timespec *time, struct timespec *left,
                                const void *caller)
{
    BLOCKED_IN(RT__BLOCK_SLEEP, real.clock_nanosleep(clock, flags, time, left));
}

RT_API int clock_nanosleep(clockid_t clock, int flags, const struct timespec *time, struct timespec *left)
{
    return is_passed_on(true) ? real.clock_nanosleep(clock, flags, time, left)
                              : clock_nanosleep_slowly(clock, flags, time, left, RT__CALLER);
}

SLOW int usleep_slowly(useconds_t us, const void *caller)
{
    BLOCKED_IN(RT__BLOCK_SLEEP, real.usleep(us));
}

RT_API int usleep(useconds_t us)
{
    return is_passed_on(true) ? real.usleep(us) : usleep_slowly(us, RT__CALLER);
}

SLOW unsigned sleep_slowly(unsigned s, const void *caller)
{
    BLOCKED_IN(RT__BLOCK_SLEEP, real.sleep(s));
}

RT_API unsigned sleep(unsigned s)
{
    return is_passed_on(true) ? real.sleep(s) : sleep_slowly(s, RT__CALLER);
}

SLOW int thrd_sleep_slowly(const struct timespec *time, struct timespec *left, const void *caller)
{
    BLOCKED_IN(RT__BLOCK_SLEEP, real.thrd_sleep(time, left));
}

RT_API int thrd_sleep(const struct timespec *time, struct timespec *left)
{
    return is_passed_on(true) ? real.thrd_sleep(time, left) : thrd_sleep_slowly(time, left, RT__CALLER);
}

/* ---- the disk ------------------------------------------------------------------------------------- */

SLOW int fsync_slowly(int fd, const void *caller)
{
    BLOCKED_IN(RT__BLOCK_FILE, real.fsync(fd));
}

RT_API int fsync(int fd)
{
    return is_passed_on(true) ? real.fsync(fd) : fsync_slowly(fd, RT__CALLER);
}

SLOW int fdatasync_slowly(int fd, const void *caller)
{
    BLOCKED_IN(RT__BLOCK_FILE, real.fdatasync(fd));
}

RT_API int fdatasync(int fd)
{
    return is_passed_on(true) ? real.fdatasync(fd) : fdatasync_slowly(fd, RT__CALLER);
}

/* ---- other threads -------------------------------------------------------------------------------- */

SLOW int join_slowly(pthread_t thread, void **result, const void *caller)
{
    BLOCKED_IN(RT__BLOCK_COND, real.join(thread, result));
}

RT_API int pthread_join(pthread_t thread, void **result)
{
    return is_passed_on(true) ? real.join(thread, result) : join_slowly(thread, result, RT__CALLER);
}

#endif
