/* mimalloc.c - the managed heap on mimalloc: the same heap, counters and all, as the process's.
 *
 * A cycle here marks nothing. It drops what pools kept and gives memory back: the calling thread
 * collects its own mimalloc heap, the others are asked to by an epoch (rt__give_back, see
 * managed.h) and do it at their next look or poll, because mimalloc 2 can only collect the heap of
 * the thread that asks.
 */
#ifndef RT_SANITIZE

#include "runtime/heap/backend.h"

#include <stdio.h>
#include <string.h>
#include "runtime/heap/account.h"
#include "runtime/heap/managed.h"
#include "runtime/heap/process.h"
#include "runtime/os/os.h"

static void mimalloc_start(unsigned markers)
{
    (void)markers;
}

static void *checked(void *p, size_t size)
{
    if (rt__unlikely(!p)) {
        rt__out_of_memory(size);
    }
    return p;
}

static void *mimalloc_alloc(struct rt__thread *t, size_t size)
{
    (void)t;
    return checked(rt__process_zalloc(size), size);
}

static void *mimalloc_alloc_atomic(struct rt__thread *t, size_t size)
{
    (void)t;
    return checked(rt__process_alloc(size), size);
}

static void *mimalloc_realloc(struct rt__thread *t, void *p, size_t size)
{
    (void)t;
    return checked(rt__process_realloc(p, size), size);
}

static void mimalloc_free(void *p)
{
    rt__process_free(p);
}

static void mimalloc_add_roots(void *low, void *high)
{
    (void)low;
    (void)high;
}

static void mimalloc_thread_start(struct rt__thread *t)
{
    (void)t;
}

static void mimalloc_grow_in_small_steps(bool small)
{
    (void)small;
}

static void mimalloc_collect(struct rt__collection *out, enum rt__release release)
{
    struct rt__account account;
    uint64_t start_ns = rt__os_now_ns(), start_cpu_ns = rt__os_thread_cpu_ns();
    rt__give_back(release != RT__RELEASE_NOTHING);
    out->stop_ns = rt__os_now_ns() - start_ns;
    out->stop_cpu_ns = rt__os_thread_cpu_ns() - start_cpu_ns;
    rt__account_read(&account);
    out->live_bytes = out->heap_end_bytes = account.alloc_bytes - account.free_bytes;
}

static void mimalloc_freed(struct rt__tally *out)
{
    memset(out, 0, sizeof(*out));
}

static void mimalloc_held(struct rt__held *held)
{
    (void)held;
}

static uint64_t mimalloc_globals_bytes(void)
{
    return 0;
}

static void mimalloc_describe(char *buf, size_t size)
{
    uint64_t held, peak;
    rt__process_held(&held, &peak);
    snprintf(buf, size, "mimalloc: committed %llu KiB, peak %llu KiB, page headers %s", (unsigned long long)held >> 10,
             (unsigned long long)peak >> 10, rt__process_fast_path() ? "read" : "not read");
}

const struct rt__backend rt__backend_mimalloc = {
    .name = "mimalloc",
    .in_process = true,
    .start = mimalloc_start,
    .alloc = mimalloc_alloc,
    .alloc_atomic = mimalloc_alloc_atomic,
    .alloc_root = mimalloc_alloc,
    .free_root = mimalloc_free,
    .realloc = mimalloc_realloc,
    .free = mimalloc_free,
    .usable = rt__process_usable,
    .add_roots = mimalloc_add_roots,
    .thread_start = mimalloc_thread_start,
    .grow_in_small_steps = mimalloc_grow_in_small_steps,
    .collect = mimalloc_collect,
    .freed = mimalloc_freed,
    .held = mimalloc_held,
    .globals_bytes = mimalloc_globals_bytes,
    .describe = mimalloc_describe,
};

#endif
