/* process.c - see process.h. */
#include "runtime/heap/process.h"

#ifndef RT_SANITIZE

#include <errno.h>
#include <mimalloc.h>
#include <pthread.h>
#include <string.h>
#include "runtime/heap/mimalloc_page.h"
#include "runtime/heap/watcher.h"
#include "runtime/os/os.h"

struct rt__watcher rt__watcher;

bool rt__process_headers_readable;
static bool initialized;

/* ---- start ----------------------------------------------------------------------------------- */

static bool size_agrees(void *p, size_t size)
{
    if (!p) {
        return false;
    }
    bool ok = rt__mi_page_block_size(p) == mi_usable_size(p);
    if (size <= RT__LARGE_MAX) {
        ok = ok && mi_usable_size(p) == rt__class_size(rt__class_of_size(size));
    }
    mi_free(p);
    return ok;
}

/* Blocks of every class that stay below a few KiB, the first of each larger kind, and aligned ones,
 * whose header must still give the whole block. */
static bool page_headers_are_readable(void)
{
    static const size_t sizes[] = {1,    8,    9,    16,   40,    64,    100,    129,     500,      1000,
                                   1024, 1025, 3000, 8192, 17000, 65536, 131072, 131073,  600000,   3 << 20};
    if (mi_version() < 200 || mi_version() >= 210) {
        return false;
    }
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        if (!size_agrees(mi_malloc(sizes[i]), sizes[i])) {
            return false;
        }
    }
    void *aligned = mi_malloc_aligned(1000, 256);
    if (!aligned) {
        return false;
    }
    size_t block = rt__mi_page_block_size(aligned);
    bool ok = block >= mi_usable_size(aligned) && block <= 1280;
    mi_free(aligned);
    return ok;
}

static void init_once(void)
{
    rt__os_start_ns();
    /* Whole 32 MiB segments committed up front would count (and, once touched, stay) as held:
     * with this off what mimalloc says it holds follows use. Must precede its first allocation. */
    mi_option_set(mi_option_eager_commit, 0);
    mi_option_set(mi_option_eager_commit_delay, 0);
#ifndef RT_HEAP_FORCE_FALLBACK
    rt__process_headers_readable = page_headers_are_readable();
#endif
    __atomic_store_n(&initialized, true, __ATOMIC_RELEASE);
}

void rt__process_init(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, init_once);
}

bool rt__process_fast_path(void)
{
    return rt__process_headers_readable;
}

/* ---- counting -------------------------------------------------------------------------------- */

static size_t block_size(const void *p)
{
    if (rt__likely(rt__process_headers_readable)) {
        uint32_t size = rt__mi_page_block_size(p);
        if (rt__likely(size < RT__MI_HUGE_BLOCK)) {
            return size;
        }
    }
    return mi_usable_size(p);
}

void rt__process_look(struct rt__thread *t)
{
    uint64_t bytes = (uint64_t)(t->process_grant - t->process_budget);
    int64_t grant = RT__LOOK_NOT_BEFORE_INIT;
    if (rt__watcher.process_bytes && !t->in_runtime) {
        t->process_budget = INT64_MAX; /* whatever the look allocates is not looked at */
        t->process_grant = INT64_MAX;
        grant = rt__watcher.process_bytes(t, bytes);
    }
    t->process_budget = t->process_grant = grant;
}

/* Counts a block whose header must be read: larger than the small classes, or aligned. */
static void count_block(const void *p)
{
    size_t size = block_size(p);
    struct rt__thread *t = rt__self();
    if (rt__unlikely(!t)) {
        rt__tally_process(&rt__late_begin()->process_alloc, size);
        rt__late_end();
        return;
    }
    rt__tally_process(&t->process_alloc, size);
    rt__process_spend(t, size);
}

static void count_free(struct rt__thread *t, size_t size)
{
    if (rt__likely(t != NULL)) {
        rt__tally_process(&t->process_free, size);
    } else {
        rt__tally_process(&rt__late_begin()->process_free, size);
        rt__late_end();
    }
}

/* ---- allocation ------------------------------------------------------------------------------ */

void *rt__process_alloc_slow(size_t size, bool zero)
{
    if (rt__unlikely(!__atomic_load_n(&initialized, __ATOMIC_ACQUIRE))) {
        rt__process_init();
    }
    void *p = zero ? mi_zalloc(size) : mi_malloc(size);
    if (p) {
        count_block(p);
    }
    return p;
}

void *rt__process_alloc_aligned(size_t size, size_t alignment)
{
    if (rt__unlikely(!__atomic_load_n(&initialized, __ATOMIC_ACQUIRE))) {
        rt__process_init();
    }
    /* mimalloc 2.0.9 takes power-of-two sizes up to 1024 to lie on their own multiples, but starts
     * such pages 128 bytes in: blocks for alignments of 256 to 1024 come out wrong. Any other size
     * takes its checked path. Can go when Debian's package is 2.1 or later. */
    if (alignment > 128 && size <= RT__SMALL_MAX) {
        size |= 1;
    }
    void *p = mi_malloc_aligned(size, alignment);
    if (p) {
        count_block(p);
    }
    return p;
}

void rt__process_free_slow(void *p)
{
    count_free(rt__self(), block_size(p));
    mi_free(p);
}

void *rt__process_realloc(void *p, size_t size)
{
    if (!p) {
        return rt__process_alloc(size);
    }
    if (size == 0) {
        rt__process_free(p);
        return NULL;
    }
    size_t old_block = block_size(p);
    void *q = mi_realloc(p, size);
    if (q && q != p) {
        count_block(q);
        count_free(rt__self(), old_block);
    }
    return q;
}

size_t rt__process_usable(const void *p)
{
    return p ? mi_usable_size(p) : 0;
}

/* ---- what is held ---------------------------------------------------------------------------- */

void rt__process_collect(bool purge)
{
    if (purge) {
        /* mimalloc waits 25 ms before it returns a free page, 500 ms a segment, and mi_collect does
         * not shorten that: the delay has to be dropped around it. The options are plain globals;
         * another thread that frees meanwhile purges early, which is harmless. */
        long page_ms = mi_option_get(mi_option_decommit_delay);
        mi_option_set(mi_option_decommit_delay, 0);
        mi_collect(true);
        mi_option_set(mi_option_decommit_delay, page_ms);
    } else {
        mi_collect(false);
    }
}

void rt__process_held(uint64_t *held_bytes, uint64_t *peak_bytes)
{
    /* mimalloc's own peak is of no use: returning a partly committed segment first counts all
     * 32 MiB of it as committed, then as returned. So the peak is the most that was seen here. */
    static uint64_t peak_seen;
    size_t elapsed, user, sys, rss, peak_rss, commit, peak_commit, faults;
    mi_process_info(&elapsed, &user, &sys, &rss, &peak_rss, &commit, &peak_commit, &faults);
    *held_bytes = commit <= SIZE_MAX / 2 ? commit : 0;
    uint64_t peak = __atomic_load_n(&peak_seen, __ATOMIC_RELAXED);
    while (*held_bytes > peak &&
           !__atomic_compare_exchange_n(&peak_seen, &peak, *held_bytes, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
    }
    *peak_bytes = *held_bytes > peak ? *held_bytes : peak;
}

#endif
