/* threadcreate.c - the threadcreate profile, and the first steps of a thread.
 *
 * Every thread that pthread_create makes is counted under the stack that made it, for good, as Go does:
 * the profile says what starts threads, not which ones live. The thread begins in rt__launch_run, which
 * tells the trace and the profiler of it and then becomes the program's function.
 *
 * What the function and its argument are is handed over in a slot. libgc makes its markers before there is a
 * managed heap, and with its lock in hand, and programs make threads before main: so slots are mapped, and
 * taken and given back with atomic words; a thread that is stopped in here holds up nobody. The argument may be
 * managed: nobody looks for it here, as nobody does in libc's own descriptor of a thread (rt_thread_start
 * keeps a root of its own). A slot is free again before the program's function begins.
 */
#include "runtime/profile/threadcreate.h"

#include <errno.h>
#include <stdlib.h>
#include "runtime/crash/crash.h"
#include "runtime/os/os.h"
#include "runtime/unwind/caller.h"
#include "runtime/profile/labels.h"
#include "runtime/profile/profile.h"

/* A program makes threads at a few dozen places. */
#define TABLE_MOST_BYTES (1u << 20)

struct rt__buckets rt__threadcreate_buckets = RT__BUCKETS_INIT(TABLE_MOST_BYTES);

/* ---- launches ----------------------------------------------------------------------------------- */

struct rt__launch {
    bool taken; /* atomic */
    void *(*fn)(void *arg);
    void *arg;
    struct rt__trace_birth birth;
};

/* A page of them. Threads start within a moment, so there is rarely more than one slot in use. */
#define CHUNK_BYTES 4096u
#define CHUNK_SLOTS ((CHUNK_BYTES - sizeof(void *)) / sizeof(struct rt__launch))

struct chunk {
    struct chunk *next;
    struct rt__launch slots[CHUNK_SLOTS];
};
_Static_assert(sizeof(struct chunk) <= CHUNK_BYTES, "a chunk is one page");

static struct chunk *chunks; /* atomic head; only ever grows */

static struct rt__launch *take_slot(struct chunk *c)
{
    for (size_t i = 0; i < CHUNK_SLOTS; i++) {
        if (!__atomic_load_n(&c->slots[i].taken, __ATOMIC_RELAXED) &&
            !__atomic_exchange_n(&c->slots[i].taken, true, __ATOMIC_ACQUIRE)) {
            return &c->slots[i];
        }
    }
    return NULL;
}

/* The first slot is taken before others can see the chunk. */
static struct rt__launch *take_slot_of_new_chunk(void)
{
    struct chunk *c = rt__os_map_if_any(sizeof(*c), RT__OS_OTHER);
    if (!c) {
        return NULL;
    }
    c->slots[0].taken = true;
    c->next = __atomic_load_n(&chunks, __ATOMIC_ACQUIRE);
    while (!__atomic_compare_exchange_n(&chunks, &c->next, c, false, __ATOMIC_RELEASE, __ATOMIC_ACQUIRE)) {
    }
    return &c->slots[0];
}

struct rt__launch *rt__launch_new(void *(*fn)(void *arg), void *arg)
{
    struct rt__launch *launch = NULL;
    for (struct chunk *c = __atomic_load_n(&chunks, __ATOMIC_ACQUIRE); c && !launch; c = c->next) {
        launch = take_slot(c);
    }
    if (!launch) {
        launch = take_slot_of_new_chunk();
    }
    if (launch) {
        launch->fn = fn;
        launch->arg = arg;
        launch->birth = (struct rt__trace_birth){.fn = (uintptr_t)fn};
    }
    return launch;
}

struct rt__trace_birth *rt__launch_birth(struct rt__launch *launch)
{
    return &launch->birth;
}

void rt__launch_drop(struct rt__launch *launch)
{
    launch->arg = NULL; /* no stale pointer is kept */
    __atomic_store_n(&launch->taken, false, __ATOMIC_RELEASE);
}

/* A thread that is cancelled jumps out of this frame, which AddressSanitizer must not have marked. */
__attribute__((no_sanitize("address"))) void *rt__launch_run(void *arg)
{
    struct rt__launch *launch = arg;
    struct rt__trace_birth birth = launch->birth;
    void *(*fn)(void *) = launch->fn;
    arg = launch->arg;
    rt__launch_drop(launch);
    rt__crash_thread_begins();
    rt__trace_thread_begins(&birth);
    rt__profile_thread_begins();
    return fn(arg);
}

unsigned rt__launches_pending(void)
{
    unsigned pending = 0;
    for (struct chunk *c = __atomic_load_n(&chunks, __ATOMIC_ACQUIRE); c; c = c->next) {
        for (size_t i = 0; i < CHUNK_SLOTS; i++) {
            pending += __atomic_load_n(&c->slots[i].taken, __ATOMIC_RELAXED);
        }
    }
    return pending;
}

/* ---- the profile -------------------------------------------------------------------------------- */

void rt__threadcreate_record(const void *caller)
{
    static const double one[RT__BUCKET_VALUES] = {1};
    int saved_errno = errno;
    uintptr_t pcs[RT__STACK_MAX];
    size_t depth = rt__caller_stack(caller, pcs);
    rt__buckets_try_add(&rt__threadcreate_buckets, pcs, depth, rt__labels_now, one);
    errno = saved_errno;
}

void rt__threadcreate_before_fork(void)
{
    rt__buckets_lock(&rt__threadcreate_buckets);
}

void rt__threadcreate_after_fork(void)
{
    rt__buckets_unlock(&rt__threadcreate_buckets);
}

static const struct rt__profile_kind kind = {
    .name = "threadcreate",
    .types_count = 1,
    .types = {{"threadcreate", "count"}},
    .period_type = {"threadcreate", "count"},
    .text = RT__TEXT_COUNT,
    .text_title = "threadcreate",
};

static void collect(struct rt__profile *p)
{
    struct rt__bucket_copy *copy;
    size_t n;
    p->period = 1;
    if (rt__buckets_copy(&rt__threadcreate_buckets, &copy, &n) != 0) {
        p->failed = true;
        return;
    }
    rt__profile_add_buckets(p, copy, n);
    free(copy);
}

static uint64_t count(void)
{
    struct rt__bucket_copy *copy;
    size_t n;
    double threads = 0;
    if (rt__buckets_copy(&rt__threadcreate_buckets, &copy, &n) != 0) {
        return 0;
    }
    for (size_t i = 0; i < n; i++) {
        threads += copy[i].values[0];
    }
    free(copy);
    return (uint64_t)threads;
}

const struct rt__profile_entry rt__profile_threadcreate = {
    .kind = &kind,
    .collect = collect,
    .count = count,
    .help = "Stacks that made a thread, all of them since the program began.",
};
