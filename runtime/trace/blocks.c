/* blocks.c - see blocks.h.
 *
 * Before the call the thread's record says what it is about to block in, for readers who find it there; after the call
 * an event tells of the whole block, and only then the record is cleared: a reader that sees both takes the event,
 * and none sees neither.
 *
 * Runs inside poll, pthread_mutex_lock and their like, of all libraries, with the world stopped or not. So it takes no
 * lock, allocates nothing, and keeps errno. A signal handler that sleeps while its thread is blocked already nests a
 * block in the other: both leave an event, the outer one's beginning where the inner one ended, as the events
 * of a thread are in order. (A handler that leaves by longjmp leaves a stale mark, which the next block overwrites.)
 */
#include "runtime/trace/blocks.h"

#include <errno.h>
#include <string.h>
#include "runtime/trace/clock.h"
#include "runtime/trace/record.h"
#include "runtime/trace/sites.h"
#include "runtime/unwind/caller.h"

#define NS_PER_S UINT64_C(1000000000)

struct rt__wanted rt__wanted[1u << RT__WANTED_BITS];

void rt__wanted_forget(void)
{
    memset(rt__wanted, 0, sizeof(rt__wanted));
}

/* Only of what no thread can be cancelled in, or the count would never come down again. Conditions and semaphores
 * are signalled more rarely than mutexes are unlocked: those always leave a note. */
static bool is_counted(const struct rt__blocking *b)
{
    return b->object && (b->reason == RT__BLOCK_MUTEX || b->reason == RT__BLOCK_RWLOCK);
}

void rt__block_begin(struct rt__blocking *b, enum rt__block reason, const void *object, const void *caller)
{
    int saved_errno = errno;
    struct rt__trace_thread *t = rt__is_recording() ? rt__trace_self() : NULL;
    errno = saved_errno;
    if (!t) {
        b->since = 0;
        return;
    }
    b->reason = reason;
    b->is_timed_out = false;
    b->object = object;
    b->since = rt__ticks();
    if (is_counted(b)) {
        __atomic_add_fetch(&rt__wanted_place(object)->waiting, 1, __ATOMIC_RELAXED);
    }
    /* Release, so that who sees one of these sees what came before it as well (rt__trace_thread_read). */
    __atomic_store_n(&t->blocked_reason, reason, __ATOMIC_RELEASE);
    __atomic_store_n(&t->blocked_pc, (uintptr_t)caller - 1, __ATOMIC_RELEASE);
    __atomic_store_n(&t->blocked_since, b->since, __ATOMIC_RELEASE);
}

/* Threads that only wait would otherwise record for long with no pair of clocks near. */
static void sync_clock(uint64_t now, uint64_t ticks_per_s)
{
    if (now - rt__clock_synced() > ticks_per_s / (NS_PER_S / RT__CLOCK_SYNC_NS)) {
        rt__clock_sync(false);
    }
}

/* A note from before the block was for somebody else, and one from after it, too; and so is one that comes while a
 * thread waits until its time is over. */
static uint64_t ticks_since_wake(const struct rt__blocking *b, uint64_t since, uint64_t now)
{
    uint64_t wake = b->object && !b->is_timed_out ? rt__wake_take(b->object, since) : 0;
    return wake >= since && wake <= now ? now - wake : 0;
}

__attribute__((noinline)) static void record(struct rt__trace_thread *t, const struct rt__blocking *b, uint64_t since,
                                             uint64_t now, const void *caller)
{
    uintptr_t pcs[RT__STACK_MAX];
    uint64_t words[2] = {now, (uint64_t)b->reason | ticks_since_wake(b, since, now) << 8};
    size_t depth = rt__caller_stack(caller, pcs);
    rt__record(t, since, RT__EV_BLOCK, rt__stack_id(pcs, depth), words, 2);
    t->woke = now;
}

void rt__block_end(struct rt__blocking *b, const void *caller)
{
    if (b->since == 0) {
        return;
    }
    int saved_errno = errno;
    uint64_t now = rt__ticks();
    struct rt__trace_thread *t = rt__trace_self();
    if (is_counted(b)) {
        __atomic_sub_fetch(&rt__wanted_place(b->object)->waiting, 1, __ATOMIC_RELAXED);
    }
    if (t) {
        uint64_t ticks_per_s = rt__clock_ticks_per_s();
        uint64_t since = b->since > t->woke ? b->since : t->woke;
        /* signed: between two processors' counters a moment may be lost */
        if ((int64_t)(now - since) >= (int64_t)(ticks_per_s * RT__BLOCK_LEAST_NS / NS_PER_S)) {
            record(t, b, since, now, caller);
            sync_clock(now, ticks_per_s);
        }
        __atomic_store_n(&t->blocked_since, 0, __ATOMIC_RELEASE);
    }
    errno = saved_errno;
}
