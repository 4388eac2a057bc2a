/* waiters.c - see waiters.h.
 *
 * A table of groups of places. A mutex belongs to a group by its address; a waiter takes a free place of the
 * group, notes the mutex and the time, and clears it when it has the mutex. Whoever unlocks looks over the group, and
 * only when the group's count says that somebody is there. A waiter's time is cut into slices by the moments of
 * release, each for the one who held the mutex during it: the holder puts the present into the place, and the
 * difference is its own.
 *
 * No locks, only atomic words: a thread may be stopped anywhere in here by the collector and then be passed
 * by the collector's own threads. Nothing allocates, and nothing waits. What does not fit is counted.
 */
#include "runtime/profile/waiters.h"

#include <stdbool.h>
#include "runtime/os/os.h"

/* 256 KiB, of which pages are in memory once mutexes of theirs were waited for. Hundreds of threads may
 * want one mutex; that many mutexes of two groups at once are not wanted in vain by many. */
#define GROUPS 128u
#define PLACES 127u

/* Not an address of a mutex: the place is taken and not filled in yet. */
#define TAKEN ((uintptr_t)1)

struct rt__waiter {
    uintptr_t mutex; /* 0: free */
    uint64_t from_ns;
};

struct group {
    uint64_t count; /* of filled places, or some more */
    uint64_t unused;
    struct rt__waiter places[PLACES];
};

static struct group *groups;
static uint64_t dropped;

void rt__waiters_start(void)
{
    struct group *none = NULL;
    if (__atomic_load_n(&groups, __ATOMIC_ACQUIRE)) {
        return;
    }
    struct group *made = rt__os_map_if_any(GROUPS * sizeof(*made), RT__OS_BUCKETS);
    if (made && !__atomic_compare_exchange_n(&groups, &none, made, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED)) {
        rt__os_unmap(made, GROUPS * sizeof(*made), RT__OS_BUCKETS);
    }
}

static struct group *group_of(const void *mutex)
{
    struct group *all = __atomic_load_n(&groups, __ATOMIC_ACQUIRE);
    if (!all) {
        return NULL;
    }
    uint64_t h = ((uintptr_t)mutex >> 3) * UINT64_C(0x9e3779b97f4a7c15); /* mutexes are aligned to 8 */
    return &all[(h >> 32) % GROUPS];
}

static struct rt__waiter *take_place(struct group *g)
{
    for (unsigned i = 0; i < PLACES; i++) {
        uintptr_t is_free = 0;
        if (__atomic_load_n(&g->places[i].mutex, __ATOMIC_RELAXED) == 0 &&
            __atomic_compare_exchange_n(&g->places[i].mutex, &is_free, TAKEN, false, __ATOMIC_ACQUIRE,
                                        __ATOMIC_RELAXED)) {
            return &g->places[i];
        }
    }
    return NULL;
}

/* The count goes up before the place can be seen and down after it cannot: never too low. */
struct rt__waiter *rt__waiters_enter(const void *mutex, uint64_t now_ns)
{
    struct group *g = group_of(mutex);
    struct rt__waiter *w = g ? take_place(g) : NULL;
    if (!w) {
        __atomic_add_fetch(&dropped, 1, __ATOMIC_RELAXED);
        return NULL;
    }
    __atomic_store_n(&w->from_ns, now_ns, __ATOMIC_RELAXED);
    __atomic_add_fetch(&g->count, 1, __ATOMIC_SEQ_CST);
    __atomic_store_n(&w->mutex, (uintptr_t)mutex, __ATOMIC_SEQ_CST);
    return w;
}

void rt__waiters_leave(struct rt__waiter *w, const void *mutex)
{
    if (w) {
        __atomic_store_n(&w->mutex, 0, __ATOMIC_RELEASE);
        __atomic_sub_fetch(&group_of(mutex)->count, 1, __ATOMIC_RELEASE);
    }
}

uint32_t rt__waiters_near(const void *mutex)
{
    struct group *g = group_of(mutex);
    return g ? (uint32_t)__atomic_load_n(&g->count, __ATOMIC_ACQUIRE) : 0;
}

/* A waiter whose time ran out may leave, and its place be taken again, between two of these steps: then
 * from_ns is another and the exchange fails. */
static uint64_t take_slice(struct rt__waiter *w, uint64_t now_ns)
{
    uint64_t from_ns = __atomic_load_n(&w->from_ns, __ATOMIC_RELAXED);
    if (from_ns < now_ns &&
        __atomic_compare_exchange_n(&w->from_ns, &from_ns, now_ns, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
        return now_ns - from_ns;
    }
    return 0;
}

uint64_t rt__waiters_release(const void *mutex, uint64_t now_ns)
{
    struct group *g = group_of(mutex);
    uint64_t left = g ? __atomic_load_n(&g->count, __ATOMIC_ACQUIRE) : 0;
    uint64_t delay_ns = 0;
    for (unsigned i = 0; i < PLACES && left > 0; i++) {
        uintptr_t is = __atomic_load_n(&g->places[i].mutex, __ATOMIC_ACQUIRE);
        if (is == 0 || is == TAKEN) {
            continue;
        }
        left--;
        if (is == (uintptr_t)mutex) {
            delay_ns += take_slice(&g->places[i], now_ns);
        }
    }
    return delay_ns;
}

uint64_t rt__waiters_dropped(void)
{
    return __atomic_load_n(&dropped, __ATOMIC_RELAXED);
}

/* Only what is not 0 is written, so that pages never used stay out of memory. */
void rt__waiters_forget(void)
{
    struct group *all = __atomic_load_n(&groups, __ATOMIC_ACQUIRE);
    for (unsigned i = 0; all && i < GROUPS; i++) {
        for (unsigned place = 0; place < PLACES; place++) {
            if (all[i].places[place].mutex != 0) {
                all[i].places[place].mutex = 0;
            }
        }
        if (all[i].count != 0) {
            all[i].count = 0;
        }
    }
}
