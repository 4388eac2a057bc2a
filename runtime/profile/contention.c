/* contention.c - the mutex and block profiles: who made others wait, and who waited. And the trace's part in the same
 * calls: a wait goes to trace/blocks.c as well, whether or not a profile is on.
 *
 * The wrappers of interpose.c report two kinds of event. Letting go of a mutex that others wait for charges
 * the time that they have waited since it was last let go to the stack that lets it go; that is the mutex
 * profile, and its delays add up to the time that was waited, whoever held the mutex meanwhile. The end of a
 * wait, for whatever was waited, charges its length to the stack that waited; that is the block profile. What
 * is not sampled is made up for when a sample is taken, so sums are true estimates at any rate.
 *
 * This runs inside any pthread call of any library, libgc's included, which locks and waits while all other
 * threads stand still; one of them may have been stopped right here. So nothing here waits for another thread: buckets
 * are added to with a lock that is given up after a while (the event is dropped, and counted), and the
 * waiters' table has no lock. Must never allocate either, nor call an interposed function, nor change errno.
 */
#include "runtime/profile/contention.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include "env/settings.h"
#include "runtime/os/os.h"
#include "runtime/trace/record.h"
#include "runtime/unwind/caller.h"
#include "runtime/profile/labels.h"
#include "runtime/profile/profile.h"
#include "runtime/profile/waiters.h"

/* Some hundred bytes a stack: ten thousand of them, which no program has. */
#define TABLE_MOST_BYTES (4u << 20)

uint32_t rt__locks_state;
struct rt__buckets rt__mutex_buckets = RT__BUCKETS_INIT(TABLE_MOST_BYTES);
struct rt__buckets rt__block_buckets = RT__BUCKETS_INIT(TABLE_MOST_BYTES);

static int mutex_fraction;    /* 0: off */
static int64_t block_rate_ns; /* 0: off */

/* ---- which events count ------------------------------------------------------------------------ */

bool rt__mutex_sample(uint64_t delay_ns, uint64_t fraction, uint64_t random, double by[RT__BUCKET_VALUES])
{
    if (fraction == 0 || delay_ns == 0 || random % fraction != 0) {
        return false;
    }
    by[0] = (double)fraction;
    by[1] = (double)delay_ns * (double)fraction;
    by[2] = by[3] = 0;
    return true;
}

bool rt__block_sample(uint64_t wait_ns, uint64_t rate_ns, uint64_t random, double by[RT__BUCKET_VALUES])
{
    if (rate_ns == 0 || (wait_ns < rate_ns && random % rate_ns >= wait_ns)) {
        return false;
    }
    double stands_for = wait_ns < rate_ns ? (double)rate_ns / (double)wait_ns : 1;
    by[0] = stands_for;
    by[1] = (double)wait_ns * stands_for;
    by[2] = by[3] = 0;
    return true;
}

/* xorshift64*, of the thread's own. Its start differs from thread to thread, and 0 it must not be. */
static uint64_t next_random(void)
{
    static __thread uint64_t state;
    if (state == 0) {
        state = (rt__os_now_ns() ^ ((uintptr_t)&state << 20)) | 1;
    }
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return (state * UINT64_C(0x2545F4914F6CDD1D)) >> 1;
}

static void record(struct rt__buckets *table, const double by[RT__BUCKET_VALUES], const void *caller)
{
    int saved_errno = errno;
    uintptr_t pcs[RT__STACK_MAX];
    size_t depth = rt__caller_stack(caller, pcs);
    rt__buckets_try_add(table, pcs, depth, rt__labels_now, by);
    errno = saved_errno;
}

/* ---- events ------------------------------------------------------------------------------------ */

void rt__wait_begin(struct rt__wait *w, enum rt__block reason, const void *object, const void *caller)
{
    uint32_t state = __atomic_load_n(&rt__locks_state, __ATOMIC_ACQUIRE);
    w->mutex = reason == RT__BLOCK_MUTEX ? object : NULL;
    w->waiter = NULL;
    w->from_ns = 0;
    if (state & (RT__LOCKS_MUTEX | RT__LOCKS_BLOCK)) {
        w->from_ns = rt__os_now_ns();
    }
    if (w->mutex && (state & RT__LOCKS_MUTEX)) {
        w->waiter = rt__waiters_enter(w->mutex, w->from_ns);
    }
    rt__block_begin(&w->block, reason, object, caller);
}

void rt__wait_end(struct rt__wait *w, bool waited, const void *caller)
{
    rt__waiters_leave(w->waiter, w->mutex);
    rt__block_end(&w->block, caller);
    int64_t rate_ns = __atomic_load_n(&block_rate_ns, __ATOMIC_RELAXED);
    if (rate_ns > 0 && waited && w->from_ns > 0) {
        double by[RT__BUCKET_VALUES];
        if (rt__block_sample(rt__os_now_ns() - w->from_ns, (uint64_t)rate_ns, next_random(), by)) {
            record(&rt__block_buckets, by, caller);
        }
    }
}

uint64_t rt__release_delay(const void *mutex)
{
    return rt__waiters_near(mutex) == 0 ? 0 : rt__waiters_release(mutex, rt__os_now_ns());
}

void rt__release_record(uint64_t delay_ns, const void *caller)
{
    double by[RT__BUCKET_VALUES];
    int fraction = __atomic_load_n(&mutex_fraction, __ATOMIC_RELAXED);
    if (fraction > 0 && rt__mutex_sample(delay_ns, (uint64_t)fraction, next_random(), by)) {
        record(&rt__mutex_buckets, by, caller);
    }
}

/* ---- knobs and fork ----------------------------------------------------------------------------- */

static void switch_on(uint32_t what, bool on)
{
    if (on) {
        __atomic_or_fetch(&rt__locks_state, what, __ATOMIC_RELEASE);
    } else {
        __atomic_and_fetch(&rt__locks_state, ~what, __ATOMIC_RELEASE);
    }
}

int rt__contention_set_mutex_fraction(int fraction)
{
    if (fraction < 0) {
        return __atomic_load_n(&mutex_fraction, __ATOMIC_RELAXED);
    }
    if (fraction > 0) {
        rt__waiters_start();
    }
    int old = __atomic_exchange_n(&mutex_fraction, fraction, __ATOMIC_RELAXED);
    switch_on(RT__LOCKS_MUTEX, fraction > 0);
    return old;
}

int64_t rt__contention_set_block_rate(int64_t rate_ns)
{
    if (rate_ns < 0) {
        return __atomic_load_n(&block_rate_ns, __ATOMIC_RELAXED);
    }
    int64_t old = __atomic_exchange_n(&block_rate_ns, rate_ns, __ATOMIC_RELAXED);
    switch_on(RT__LOCKS_BLOCK, rate_ns > 0);
    return old;
}

/* Asks what holds, and again after it is set, as two may come at once. */
static void follow_recorder(void)
{
    bool on;
    do {
        on = rt__is_recording();
        switch_on(RT__LOCKS_TRACE, on);
    } while (on != rt__is_recording());
}

void rt__contention_start(const struct env_settings *settings)
{
    __atomic_store_n(&rt__recording_watcher, follow_recorder, __ATOMIC_SEQ_CST);
    follow_recorder();
    rt__contention_set_mutex_fraction(settings->mutexprofilefraction);
    rt__contention_set_block_rate(settings->blockprofilerate_ns);
}

void rt__contention_before_fork(void)
{
    rt__buckets_lock(&rt__mutex_buckets);
    rt__buckets_lock(&rt__block_buckets);
}

void rt__contention_after_fork(bool is_child)
{
    rt__buckets_unlock(&rt__block_buckets);
    rt__buckets_unlock(&rt__mutex_buckets);
    if (is_child) {
        rt__waiters_forget();
        rt__wanted_forget();
    }
}

/* ---- the profiles ------------------------------------------------------------------------------- */

static const struct rt__profile_kind mutex_kind = {
    .name = "mutex",
    .types_count = 2,
    .types = {{"contentions", "count"}, {"delay", "nanoseconds"}},
    .default_type = "delay",
    .period_type = {"contentions", "count"},
    .text = RT__TEXT_CONTENTION,
    .text_title = "mutex",
};

static const struct rt__profile_kind block_kind = {
    .name = "block",
    .types_count = 2,
    .types = {{"contentions", "count"}, {"delay", "nanoseconds"}},
    .default_type = "delay",
    .period_type = {"contentions", "count"},
    .text = RT__TEXT_CONTENTION,
    .text_title = "contention",
};

static void collect(struct rt__profile *p, struct rt__buckets *table, uint64_t lost)
{
    struct rt__bucket_copy *copy;
    size_t n;
    if (rt__buckets_copy(table, &copy, &n) != 0) {
        p->failed = true;
        return;
    }
    rt__profile_add_buckets(p, copy, n);
    free(copy);
    lost += rt__buckets_dropped(table);
    if (lost > 0) {
        snprintf(p->comment, sizeof(p->comment), "%llu events were lost: no room, or no time to wait for it",
                 (unsigned long long)lost);
    }
}

/* Sums are scaled already, so the period is for information: what the fraction is now. */
static void collect_mutex(struct rt__profile *p)
{
    int fraction = __atomic_load_n(&mutex_fraction, __ATOMIC_RELAXED);
    p->period = fraction > 0 ? fraction : 1;
    collect(p, &rt__mutex_buckets, rt__waiters_dropped());
}

static void collect_block(struct rt__profile *p)
{
    p->period = 1;
    collect(p, &rt__block_buckets, 0);
}

static uint64_t mutex_count(void)
{
    return rt__buckets_count(&rt__mutex_buckets);
}

static uint64_t block_count(void)
{
    return rt__buckets_count(&rt__block_buckets);
}

const struct rt__profile_entry rt__profile_mutex = {
    .kind = &mutex_kind,
    .collect = collect_mutex,
    .count = mutex_count,
    .help = "Stacks that unlocked a mutex which others were waiting for. Off unless CDEBUG=mutexprofilefraction, or "
            "a call, switched it on.",
};

const struct rt__profile_entry rt__profile_block = {
    .kind = &block_kind,
    .collect = collect_block,
    .count = block_count,
    .help = "Stacks that waited for locks, conditions and semaphores. Off unless CDEBUG=blockprofilerate, or a call, "
            "switched it on.",
};
