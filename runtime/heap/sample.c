/* sample.c - see sample.h.
 *
 * A sampled block of the process heap comes from a mimalloc heap of its thread's own that takes memory
 * from one arena only, so its addresses lie in the arena's range. In front of the block stands a header with
 * its record and the size it is counted with; the block is made larger than RT__SMALL_MAX, header included,
 * so that rt__process_free never takes it for a small one. At the default rate that is some 1 KiB for
 * every 512 KiB allocated and alive; at a rate of 1 it is that much for each block, which is the price
 * of knowing all of them.
 */
#include "runtime/heap/sample.h"

#include <math.h>
#include <pthread.h>
#include <string.h>
#include "runtime/os/os.h"

struct rt__sampler rt__sampler;

static int64_t rate;
static uint64_t refused;

/* ---- arithmetic ------------------------------------------------------------------------------- */

double rt__sample_weight(size_t size, int64_t rate_bytes)
{
    return rate_bytes <= 1 || size == 0 ? 1 : -1 / expm1(-(double)size / (double)rate_bytes);
}

static uint64_t next_random(uint64_t *state)
{
    uint64_t x = *state;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return *state = x;
}

int64_t rt__sample_next(int64_t rate_bytes, uint64_t *random)
{
    if (rate_bytes <= 1) {
        return 0;
    }
    /* 53 random bits, of (0, 1]; sizes are whole numbers, so X < size is size >= floor(X) + 1. */
    double u = (double)((next_random(random) >> 11) + 1) * 0x1p-53;
    double bytes = -log(u) * (double)rate_bytes;
    return bytes < 0x1p62 ? (int64_t)bytes + 1 : INT64_C(1) << 62;
}

/* ---- the rate ---------------------------------------------------------------------------------- */

int64_t rt__sample_rate(void)
{
    return __atomic_load_n(&rate, __ATOMIC_RELAXED);
}

uint64_t rt__sample_refused(void)
{
    return __atomic_load_n(&refused, __ATOMIC_RELAXED);
}

/* A thread's own, so that no two draw alike; its address and the time make the first. */
static uint64_t *random_of(struct rt__budget *b)
{
    if (b->random == 0) {
        b->random = (rt__os_now_ns() ^ ((uintptr_t)b << 20) ^ (uint64_t)rt__os_tid() << 40) | 1;
        for (int i = 0; i < 8; i++) {
            next_random(&b->random);
        }
    }
    return &b->random;
}

static void draw(struct rt__budget *b, int64_t rate_bytes)
{
    b->rate = rate_bytes;
    b->until_sample = rate_bytes > 0 ? rt__sample_next(rate_bytes, random_of(b)) : RT__NO_SAMPLE;
}

/* The distribution has no memory: drawing anew in the middle of a stretch makes nothing more or less likely. */
bool rt__sample_due(struct rt__budget *b, size_t size)
{
    int64_t rate_bytes = rt__sample_rate();
    if (rt__unlikely(b->rate != rate_bytes)) {
        draw(b, rate_bytes);
    }
    if (rt__likely((int64_t)size < b->until_sample) || rate_bytes == 0) {
        return false;
    }
    draw(b, rate_bytes);
    return true;
}

static void end_grant(struct rt__budget *b)
{
    rt__budget_settle(b);
    b->left = b->grant = -1;
}

int64_t rt__sample_set_rate(int64_t rate_bytes)
{
    struct rt__thread *t = rt__self();
    int64_t old = __atomic_exchange_n(&rate, rate_bytes, __ATOMIC_RELAXED);
    if (t) {
        end_grant(&t->process);
        end_grant(&t->managed);
    }
    return old;
}

#ifndef RT_SANITIZE

#include <mimalloc.h>

/* ---- blocks ------------------------------------------------------------------------------------ */

struct header {
    uint32_t record;
    uint64_t counted_bytes;
};
#define HEADER_BYTES sizeof(struct header)
_Static_assert(sizeof(struct header) == 16, "what follows it is aligned to 16");

/* From the block's own beginning on it is larger than a small one, whoever looks. */
#define LEAST_BYTES (RT__SMALL_MAX + 1 + HEADER_BYTES)

uintptr_t rt__sampled_low, rt__sampled_bytes;
static mi_arena_id_t arena;

void rt__sample_range(char *low, size_t bytes)
{
    if (mi_manage_os_memory_ex(low, bytes, false, false, true, -1, true, &arena)) {
        rt__sampled_low = (uintptr_t)low;
        rt__sampled_bytes = bytes;
    }
}

static struct header *header_of(const void *p)
{
    return (struct header *)((char *)p - HEADER_BYTES);
}

/* What the block is counted with, and can hold: its size class as if it had not been sampled, so that statistics do
 * not depend on luck. What has no class is counted as large as it comes out. */
static size_t class_bytes(size_t size)
{
    return size > RT__LARGE_MAX ? size : rt__class_size(rt__class_of_size(size));
}

static void *allocate(mi_heap_t *heap, size_t size, size_t alignment, bool zero)
{
    size_t whole = size + HEADER_BYTES < LEAST_BYTES ? LEAST_BYTES : size + HEADER_BYTES;
    if (alignment <= 16) {
        return zero ? mi_heap_zalloc(heap, whole) : mi_heap_malloc(heap, whole);
    }
    return zero ? mi_heap_zalloc_aligned_at(heap, whole, alignment, HEADER_BYTES)
                : mi_heap_malloc_aligned_at(heap, whole, alignment, HEADER_BYTES);
}

/* A heap of the thread's; mimalloc deletes it when the thread ends, after our own record of the thread
 * (thread.c sees to the order). */
static mi_heap_t *heap_of(struct rt__thread *t)
{
    if (!t->sampled_heap && rt__sampled_bytes > 0) {
        t->sampled_heap = mi_heap_new_in_arena(arena);
    }
    return t->sampled_heap;
}

void *rt__sample_alloc(struct rt__thread *t, size_t size, size_t alignment, bool zero)
{
    /* Nobody has half of all addresses; the ordinary path says so. */
    mi_heap_t *heap = size <= SIZE_MAX / 2 ? heap_of(t) : NULL;
    char *whole = heap ? allocate(heap, class_bytes(size), alignment, zero) : NULL;
    if (!whole) {
        __atomic_add_fetch(&refused, 1, __ATOMIC_RELAXED);
        return NULL;
    }
    struct header *h = (struct header *)whole;
    h->counted_bytes = size > RT__LARGE_MAX ? mi_usable_size(whole) - HEADER_BYTES : class_bytes(size);
    rt__tally_process(&t->process_alloc, h->counted_bytes);
    h->record = rt__sampler.allocated(NULL, h->counted_bytes, rt__sample_weight(size, t->process.rate));
    return whole + HEADER_BYTES;
}

size_t rt__sample_free(void *p)
{
    struct header *h = header_of(p);
    size_t counted_bytes = h->counted_bytes;
    if (h->record != 0) {
        rt__sampler.freed(h->record);
    }
    mi_free(h);
    return counted_bytes;
}

size_t rt__sample_size(const void *p)
{
    return header_of(p)->counted_bytes;
}

void rt__sample_collect(struct rt__thread *t, bool purge)
{
    mi_heap_t *heap = t && purge ? heap_of(t) : t ? t->sampled_heap : NULL;
    if (heap) {
        mi_heap_collect(heap, purge);
    }
}

#endif
