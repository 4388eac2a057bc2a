/* libc.c - the managed heap on the C library's malloc, for sanitizer builds and tests.
 *
 * There the sanitizer owns malloc and must see each block by itself, so nothing is interposed and
 * only managed objects are counted. Cycles drop pools and measure; nothing is marked or returned.
 */
#ifdef RT_SANITIZE

#include "runtime/heap/backend.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "runtime/heap/account.h"
#include "runtime/heap/managed.h"
#include "runtime/heap/process.h"
#include "runtime/heap/sample.h"
#include "runtime/heap/watcher.h"
#include "runtime/os/os.h"

struct rt__watcher rt__watcher;

/* The process heap is the sanitizer's: nothing to count or to return. */
void rt__process_init(void)
{
    rt__os_start_ns();
}

bool rt__process_fast_path(void)
{
    return false;
}

void rt__process_collect(bool purge)
{
    (void)purge;
}

void rt__process_held(uint64_t *held_bytes, uint64_t *peak_bytes)
{
    *held_bytes = *peak_bytes = 0;
}

void rt__process_held_again(void)
{
}

void rt__process_no_huge_pages(void)
{
}

static void libc_start(unsigned markers)
{
    (void)markers;
}

/* In front of each object: with malloc the sanitizer's there is no range of addresses to know a sampled
 * one by. */
struct header {
    uint32_t record; /* 0: not sampled */
};
#define HEADER_BYTES 16

static struct header *header_of(const void *p)
{
    return (struct header *)((char *)p - HEADER_BYTES);
}

static size_t libc_usable(const void *p)
{
    return malloc_usable_size(header_of(p)) - HEADER_BYTES;
}

static void *counted(struct rt__thread *t, char *whole, size_t size)
{
    if (!whole) {
        rt__out_of_memory(size);
    }
    void *p = whole + HEADER_BYTES;
    header_of(p)->record = 0;
    rt__tally_managed(&t->managed_alloc, libc_usable(p));
    return p;
}

static size_t whole_bytes(size_t size)
{
    return size < SIZE_MAX - HEADER_BYTES ? size + HEADER_BYTES : size;
}

static void *libc_alloc(struct rt__thread *t, size_t size)
{
    return counted(t, calloc(1, whole_bytes(size ? size : 1)), size);
}

static void *libc_alloc_atomic(struct rt__thread *t, size_t size)
{
    return counted(t, malloc(whole_bytes(size ? size : 1)), size);
}

static void libc_note_sample(void *p, uint32_t record)
{
    header_of(p)->record = record;
}

static void libc_free(void *p)
{
    size_t size = libc_usable(p);
    struct rt__thread *t = rt__self();
    if (header_of(p)->record != 0) {
        rt__sampler.freed(header_of(p)->record);
    }
    if (t) {
        rt__tally_managed(&t->managed_free, size);
    } else {
        rt__tally_managed(&rt__late_begin()->managed_free, size);
        rt__late_end();
    }
    free(header_of(p));
}

static void *libc_realloc(struct rt__thread *t, void *p, size_t size)
{
    size_t old = libc_usable(p);
    void *q = libc_alloc_atomic(t, size);
    memcpy(q, p, old < size ? old : size);
    libc_free(p);
    return q;
}

static void libc_add_roots(void *low, void *high)
{
    (void)low;
    (void)high;
}

static void libc_thread_start(struct rt__thread *t)
{
    (void)t;
}

static void libc_grow_in_small_steps(bool small)
{
    (void)small;
}

static void libc_collect(struct rt__collection *out, enum rt__release release)
{
    struct rt__account account;
    (void)release;
    uint64_t start_ns = rt__os_now_ns();
    out->allocated_bytes_at_mark = rt__managed_bytes_all();
    rt__account_read(&account);
    out->live_bytes = out->heap_end_bytes = account.alloc_bytes - account.free_bytes;
    out->stop_ns = rt__os_now_ns() - start_ns;
}

static void libc_freed(struct rt__tally *out)
{
    rt__tally_all(out, offsetof(struct rt__thread, managed_free));
}

static void libc_held(struct rt__held *held)
{
    struct rt__account account;
    rt__account_read(&account);
    held->managed_held = account.alloc_bytes - account.free_bytes;
    held->heap_sys += held->managed_held;
    held->heap_held += held->managed_held;
}

static uint64_t libc_globals_bytes(void)
{
    return 0;
}

static void libc_describe(char *buf, size_t size)
{
    snprintf(buf, size, "libc: the sanitizer's malloc");
}

const struct rt__backend rt__backend_libc = {
    .name = "libc",
    .start = libc_start,
    .alloc = libc_alloc,
    .alloc_atomic = libc_alloc_atomic,
    .alloc_root = libc_alloc,
    .free_root = libc_free,
    .realloc = libc_realloc,
    .free = libc_free,
    .usable = libc_usable,
    .note_sample = libc_note_sample,
    .add_roots = libc_add_roots,
    .thread_start = libc_thread_start,
    .grow_in_small_steps = libc_grow_in_small_steps,
    .collect = libc_collect,
    .freed = libc_freed,
    .held = libc_held,
    .globals_bytes = libc_globals_bytes,
    .describe = libc_describe,
};

#endif
