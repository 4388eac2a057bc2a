/* process.c - see process.h. */
#include "runtime/heap/process.h"

#ifndef RT_SANITIZE

#include <errno.h>
#include <mimalloc.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "runtime/heap/mimalloc_page.h"
#include "runtime/heap/sample.h"
#include "runtime/heap/watcher.h"
#include "runtime/os/os.h"

struct rt__watcher rt__watcher;

static bool initialized;
static long decommit_delay_ms;
static char *reserved; /* all segments of mimalloc lie in here, when there is one */
static size_t reserved_bytes;

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
    uint32_t small = rt__mi_small_block_size(p);
    bool says_small = small >= 8 && small <= RT__SMALL_MAX;
    ok = ok && says_small == (size <= RT__SMALL_MAX) && (!says_small || small == mi_usable_size(p));
    mi_free(p);
    return ok;
}

/* Blocks all over a page of several slices: each must be known as not small, and sized. */
static bool inner_slices_agree(void)
{
    void *blocks[12];
    bool ok = true;
    for (unsigned i = 0; i < 12; i++) {
        blocks[i] = mi_malloc(40000);
    }
    for (unsigned i = 0; i < 12; i++) {
        ok = size_agrees(blocks[i], 40000) && ok;
    }
    return ok;
}

/* Blocks of every class that stay below a few KiB, the first of each larger kind, and aligned ones,
 * whose header must still give the whole block. */
static bool page_headers_are_readable(void)
{
    static const size_t sizes[] = {1,    8,    9,    16,   40,    64,    100,    129,    500,    1000,
                                   1024, 1025, 3000, 8192, 17000, 65536, 131072, 131073, 600000, 3 << 20};
    if (mi_version() < 200 || mi_version() >= 210) {
        return false;
    }
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        if (!size_agrees(mi_malloc(sizes[i]), sizes[i])) {
            return false;
        }
    }
    void *aligned = mi_malloc_aligned(1000, 256);
    if (!aligned || !inner_slices_agree()) {
        return false;
    }
    size_t block = rt__mi_page_block_size(aligned);
    bool ok = block >= mi_usable_size(aligned) && block <= 1280;
    mi_free(aligned);
    return ok;
}

/* One range of addresses for all of mimalloc's segments, so that it is known what to ask the kernel
 * about; the last quarter is for sampled blocks. Addresses cost nothing; the size only has to exceed what the
 * machine can hold. Where they are limited (ulimit -v) mimalloc maps its segments itself, its own figure is
 * used, and sampled blocks have a range as large as can be had. */
#define SEGMENT_BYTES ((size_t)32 << 20)
#define RESERVE_MOST ((size_t)4 << 40)
#define RESERVE_LEAST ((size_t)64 << 30)
#define SAMPLES_LEAST (2 * SEGMENT_BYTES)
#define SAMPLES_LIMITED ((size_t)1 << 30)

static void reserve_for_samples(void)
{
    for (size_t size = SAMPLES_LIMITED; size >= SAMPLES_LEAST; size /= 2) {
        char *p = rt__os_reserve(size, SEGMENT_BYTES);
        if (p) {
            rt__sample_range(p, size);
            return;
        }
    }
}

static void reserve_addresses(void)
{
    size_t size = 4 * rt__os_physical();
    size = size < RESERVE_LEAST ? RESERVE_LEAST : size > RESERVE_MOST ? RESERVE_MOST : size;
    size &= ~(4 * SEGMENT_BYTES - 1);
    size_t ordinary = size / 4 * 3;
    char *p = rt__os_reserve(size, SEGMENT_BYTES);
    if (p && mi_manage_os_memory(p, ordinary, false, false, true, -1)) {
        reserved = p;
        reserved_bytes = size;
        rt__sample_range(p + ordinary, size - ordinary);
    } else {
        reserve_for_samples();
    }
}

static void on_mimalloc_error(int error, void *unused);

static void init_once(void)
{
    rt__os_start_ns();
    rt__thread_first();
    /* Whole 32 MiB segments committed up front would count (and, once touched, stay) as held:
     * with this off what mimalloc says it holds follows use. Must precede its first allocation. */
    mi_option_set(mi_option_eager_commit, 0);
    mi_option_set(mi_option_eager_commit_delay, 0);
    decommit_delay_ms = mi_option_get(mi_option_decommit_delay);
    reserve_addresses();
    mi_register_error(on_mimalloc_error, NULL);
#ifndef RT_HEAP_FORCE_FALLBACK
    rt__free_reads_headers = page_headers_are_readable();
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
    return rt__free_reads_headers;
}

/* ---- counting -------------------------------------------------------------------------------- */

static size_t block_size(const void *p)
{
    if (rt__likely(rt__free_reads_headers)) {
        uint32_t size = rt__mi_page_block_size(p);
        if (rt__likely(size < RT__MI_HUGE_BLOCK)) {
            return size;
        }
    }
    return mi_usable_size(p);
}

static int64_t look(struct rt__thread *t, uint64_t bytes)
{
    if (!rt__watcher.process_bytes || t->in_runtime) {
        return RT__LOOK_NOT_BEFORE_INIT;
    }
    t->process.left = t->process.grant = INT64_MAX; /* whatever the look allocates is not looked at */
    int64_t until_look = rt__watcher.process_bytes(t, bytes);
    t->process.left = t->process.grant = 0;
    return until_look;
}

static void turn(struct rt__thread *t)
{
    struct rt__budget *b = &t->process;
    rt__budget_settle(b);
    if (b->until_look < 0) {
        uint64_t bytes = (uint64_t)b->since_look;
        b->since_look = 0;
        b->until_look = look(t, bytes);
    }
    rt__budget_grant(b);
}

/* The size as asked for, here as on the fast path: what decides on samples must be one measure. */
static void spend(struct rt__thread *t, size_t size)
{
    if (RT__COUNTING && (t->process.left -= (int64_t)size) < 0) {
        turn(t);
    }
}

/* A sampled block when this allocation is to be one, else NULL. */
static void *sample(struct rt__thread *t, size_t size, size_t alignment, bool zero)
{
    if (!RT__COUNTING || !t || t->process.left >= (int64_t)size) {
        return NULL;
    }
    rt__budget_settle(&t->process);
    void *p = rt__sample_due(&t->process, size) ? rt__sample_alloc(t, size, alignment, zero) : NULL;
    if (p) {
        t->process.until_look -= (int64_t)size; /* the new draw counts from the next allocation on */
        t->process.since_look += (int64_t)size;
        turn(t);
    }
    return p;
}

/* mimalloc has no memory to give: the block that was counted before it was asked for never was. */
static void on_mimalloc_error(int error, void *unused)
{
    (void)unused;
    struct rt__thread *t = rt__self_ptr;
    if (error != ENOMEM && error != EOVERFLOW) {
        return;
    }
    errno = ENOMEM;
    if (t && t->class_counted != RT__NO_CLASS) {
        rt__bump(&t->process_alloc.n[t->class_counted], (uint64_t)-1);
        t->class_counted = RT__NO_CLASS;
    }
}

/* Whatever is asked of mimalloc now is counted when it is there. */
static void count_afterwards(void)
{
    if (rt__self_ptr) {
        rt__self_ptr->class_counted = RT__NO_CLASS;
    }
}

/* Counts a block whose header must be read: larger than the small classes, or aligned. */
static void count_block(const void *p, size_t asked)
{
    size_t size = block_size(p);
    struct rt__thread *t = rt__self();
    if (rt__unlikely(!t)) {
        rt__tally_process(&rt__late_begin()->process_alloc, size);
        rt__late_end();
        return;
    }
    rt__tally_process(&t->process_alloc, size);
    spend(t, asked);
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
    count_afterwards();
    void *p = sample(rt__self(), size, 16, zero);
    if (p) {
        return p;
    }
    p = zero ? mi_zalloc(size) : mi_malloc(size);
    if (p) {
        count_block(p, size);
    }
    return p;
}

void *rt__process_alloc_aligned(size_t size, size_t alignment)
{
    if (rt__unlikely(!__atomic_load_n(&initialized, __ATOMIC_ACQUIRE))) {
        rt__process_init();
    }
    count_afterwards();
    void *p = sample(rt__self(), size, alignment, false);
    if (p) {
        return p;
    }
    size_t asked = size;
    /* mimalloc 2.0.9 takes power-of-two sizes up to 1024 to lie on their own multiples, but starts
     * such pages 384 bytes in: blocks for alignments of 256 to 1024 come out wrong. Any other size
     * takes its checked path. Can go when Debian's package is 2.1 or later. */
    if (alignment > 128 && size <= RT__SMALL_MAX) {
        size |= 1;
    }
    p = mi_malloc_aligned(size, alignment);
    if (p) {
        count_block(p, asked);
    }
    return p;
}

void rt__process_free_slow(void *p)
{
    if (rt__unlikely(rt__sampled(p))) {
        count_free(rt__self(), rt__sample_free(p));
        return;
    }
    count_free(rt__self(), block_size(p));
    mi_free(p);
}

/* Where the headers cannot be read this is every free, so small blocks come first. A thread that has a
 * record comes here for no other reason. */
void rt__process_free_unread(void *p)
{
    size_t size = mi_usable_size(p);
    struct rt__thread *t = rt__self_ptr;
    if (rt__unlikely(!t || size > RT__SMALL_MAX)) {
        rt__process_free_slow(p);
        return;
    }
    rt__bump(&t->process_free.n[rt__class_of_words[(size + 7) >> 3]], 1);
    mi_free(p);
}

/* mimalloc's own rule: what still fits and would not waste half of the block stays. */
static bool stays(size_t usable, size_t size)
{
    return size <= usable && size >= usable / 2;
}

/* To or from a sampled block: mimalloc would not make the one nor end the other. */
static void *move(void *p, size_t old_usable, size_t size)
{
    void *q = rt__process_alloc(size);
    if (q) {
        memcpy(q, p, old_usable < size ? old_usable : size);
        rt__process_free(p);
    }
    return q;
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
    size_t usable = rt__process_usable(p);
    if (stays(usable, size)) {
        return p;
    }
    struct rt__thread *t = rt__self_ptr;
    if (rt__sampled(p) || (t && t->process.left < (int64_t)size)) {
        return move(p, usable, size);
    }
    size_t old_block = block_size(p);
    count_afterwards();
    void *q = mi_realloc(p, size);
    if (q && q != p) {
        count_block(q, size);
        count_free(rt__self(), old_block);
    }
    return q;
}

size_t rt__process_usable(const void *p)
{
    if (p && rt__unlikely(rt__sampled(p))) {
        return rt__sample_size(p);
    }
    return p ? mi_usable_size(p) : 0;
}

/* ---- what is held ---------------------------------------------------------------------------- */

void rt__process_no_huge_pages(void)
{
    if (reserved) {
        madvise(reserved, reserved_bytes, MADV_NOHUGEPAGE);
    }
}

/* mimalloc commits a segment in steps of 1 MiB and returns only slices that were used and freed, so
 * up to a megabyte a thread stays committed behind its last page. A block taken from there and freed
 * joins that tail, and with no delay the joined span goes back whole. */
#define TAIL_BLOCK_BYTES (192 << 10)

static void return_tail(void)
{
    count_afterwards();
    void *p = mi_malloc(TAIL_BLOCK_BYTES);
    mi_free(p);
}

/* Forced, mimalloc's main thread takes over the pages that ended threads have left, from any arena (2.0.9,
 * _mi_abandoned_reclaim_all; all other ways of taking over ask whether the arena suits). Ordinary blocks would then
 * come to lie among sampled ones, and be taken for such by whoever frees or grows them. Unforced it frees its empty
 * pages as well; what else is in a forced collection comes with that of the sampled blocks' heap, which is
 * not the thread's first and takes nothing over. */
static bool may_force(void)
{
    return rt__sampled_bytes == 0 || rt__os_tid() != getpid();
}

void rt__process_collect(bool purge)
{
    if (!purge) {
        mi_collect(false);
        rt__sample_collect(rt__self_ptr, false);
        return;
    }
    /* mimalloc waits 25 ms before it returns a free page, 500 ms a segment, and mi_collect does not
     * shorten that: the delay has to be dropped around it. The option is a plain global; another
     * thread that frees meanwhile purges early, which is harmless, and two purges at once put the
     * same value back. */
    mi_option_set(mi_option_decommit_delay, 0);
    mi_collect(may_force());
    rt__sample_collect(rt__self_ptr, true);
    return_tail();
    mi_option_set(mi_option_decommit_delay, decommit_delay_ms);
}

/* mimalloc's own figure: what it may touch. Committed in steps of 1 MiB a thread, and its peak is of
 * no use (returning a partly committed segment first counts all 32 MiB as committed). */
static uint64_t committed_bytes(void)
{
    size_t elapsed, user, sys, rss, peak_rss, commit, peak_commit, faults;
    mi_process_info(&elapsed, &user, &sys, &rss, &peak_rss, &commit, &peak_commit, &faults);
    return commit <= SIZE_MAX / 2 ? commit : 0;
}

static uint64_t live_bytes(void)
{
    struct rt__tally frees, allocs;
    rt__tally_all(&frees, offsetof(struct rt__thread, process_free));
    rt__tally_all(&allocs, offsetof(struct rt__thread, process_alloc));
    return rt__tally_process_bytes(&allocs) - rt__tally_process_bytes(&frees);
}

/* The last measurement. One thread at a time measures; the others take what is there. */
static struct {
    bool busy;
    uint64_t at_ns, cost_ns;
    uint64_t held_bytes, live_bytes, peak_bytes;
} measured;

static void measure(uint64_t now_ns)
{
    uint64_t held = reserved ? rt__os_resident(reserved, reserved + reserved_bytes) : UINT64_MAX;
    if (held == UINT64_MAX) {
        held = committed_bytes();
    }
    __atomic_store_n(&measured.live_bytes, live_bytes(), __ATOMIC_RELAXED);
    __atomic_store_n(&measured.held_bytes, held, __ATOMIC_RELAXED);
    if (held > measured.peak_bytes) {
        __atomic_store_n(&measured.peak_bytes, held, __ATOMIC_RELAXED);
    }
    __atomic_store_n(&measured.cost_ns, rt__os_now_ns() - now_ns, __ATOMIC_RELAXED);
    __atomic_store_n(&measured.at_ns, rt__os_now_ns(), __ATOMIC_RELEASE);
}

void rt__process_held_again(void)
{
    uint64_t now_ns = rt__os_now_ns();
    if (!__atomic_exchange_n(&measured.busy, true, __ATOMIC_ACQUIRE)) {
        measure(now_ns);
        __atomic_store_n(&measured.busy, false, __ATOMIC_RELEASE);
    }
}

/* Measuring takes tens of microseconds, more in a large heap, so it is done at most every
 * MEASURE_EVERY_NS and at no more than 1 % of one processor. Between two measurements what was
 * allocated since is added as if it took new pages, which errs on the safe side. */
#define MEASURE_EVERY_NS 10000000u

void rt__process_held(uint64_t *held_bytes, uint64_t *peak_bytes)
{
    uint64_t age_ns = rt__os_elapsed(__atomic_load_n(&measured.at_ns, __ATOMIC_ACQUIRE), rt__os_now_ns());
    if (age_ns >= MEASURE_EVERY_NS && age_ns >= 100 * __atomic_load_n(&measured.cost_ns, __ATOMIC_RELAXED)) {
        rt__process_held_again();
    }
    uint64_t live = live_bytes(), live_then = __atomic_load_n(&measured.live_bytes, __ATOMIC_RELAXED);
    *held_bytes = __atomic_load_n(&measured.held_bytes, __ATOMIC_RELAXED) + (live > live_then ? live - live_then : 0);
    *peak_bytes = __atomic_load_n(&measured.peak_bytes, __ATOMIC_RELAXED);
    if (*peak_bytes < *held_bytes) {
        *peak_bytes = *held_bytes;
    }
}

#endif
