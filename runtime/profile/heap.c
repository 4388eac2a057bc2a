/* heap.c - the heap profile: who allocated, and who still holds what.
 *
 * heap/sample.c decides which allocations are sampled; here each gets a record with its bucket (stack and
 * labels), its size and its weight, for as long as it lives. The weight is fixed when the sample is taken,
 * so the sums are unbiased whatever the rate is changed to later (Go scales by the average size of a bucket
 * when it writes, and asks not to change the rate). A bucket's values are objects and bytes allocated
 * since start, and objects and bytes still in use; a sample's end takes its share off the latter two.
 *
 * Runs inside malloc, and in a collector's callback with the collector's lock held: nothing here allocates, prints
 * or waits for anything but two spin locks, which no thread holds while the world is being stopped by another
 * part of this folder. Tables are bounded; what does not fit is counted and said in the profile's comment.
 */
#include "runtime/profile/profile.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "env/settings.h"
#include "runtime/heap/sample.h"
#include "runtime/os/os.h"
#include "runtime/profile/buckets.h"
#include "runtime/profile/labels.h"
#include "runtime/unwind/unwind.h"

/* Room for some hundred thousand distinct stacks, and a million sampled blocks alive: at the default rate those are
 * 512 GiB of heap. Only a rate of a few bytes reaches either. */
#define BUCKETS_BYTES ((size_t)64 << 20)
#define RECORDS_CHUNK 512u /* 16 KiB */
#define CHUNKS 2048u

enum { ALLOC_OBJECTS, ALLOC_BYTES, INUSE_OBJECTS, INUSE_BYTES };

struct record {
    const void *managed; /* address whose end a cycle tells; NULL: told by its free */
    struct rt__bucket *bucket;
    double weight;
    union {
        uint64_t bytes;
        uint32_t next_free;
    };
};

static struct rt__buckets buckets = RT__BUCKETS_INIT(BUCKETS_BYTES);

static struct {
    bool locked;
    struct record *chunks[CHUNKS];
    uint32_t made;  /* records that were ever used; numbers begin at 1 */
    uint32_t idle;  /* head of the list of free ones; 0: none */
    uint32_t alive; /* sampled allocations in use */
    uint64_t dropped;
} records;

/* ---- records ---------------------------------------------------------------------------------- */

/* Set while this thread forks and holds both locks: other parts' handlers, which run meanwhile, may allocate. */
static __thread bool is_forking __attribute__((tls_model("initial-exec")));

static void lock_records(void)
{
    while (!is_forking && __atomic_exchange_n(&records.locked, true, __ATOMIC_ACQUIRE)) {
        sched_yield();
    }
}

static void unlock_records(void)
{
    if (!is_forking) {
        __atomic_store_n(&records.locked, false, __ATOMIC_RELEASE);
    }
}

static struct record *record_at(uint32_t number)
{
    return &records.chunks[(number - 1) / RECORDS_CHUNK][(number - 1) % RECORDS_CHUNK];
}

/* Whether there is memory for the record behind so many. */
static bool has_chunk(uint32_t made)
{
    if (made == CHUNKS * RECORDS_CHUNK) {
        return false;
    }
    struct record **chunk = &records.chunks[made / RECORDS_CHUNK];
    if (!*chunk) {
        *chunk = rt__os_map_if_any(RECORDS_CHUNK * sizeof(struct record), RT__OS_BUCKETS);
    }
    return *chunk != NULL;
}

/* Under the lock. 0 when all are taken. */
static uint32_t take_record(void)
{
    uint32_t number = records.idle;
    if (number != 0) {
        records.idle = record_at(number)->next_free;
    } else if (has_chunk(records.made)) {
        number = ++records.made;
    } else {
        records.dropped++;
        return 0;
    }
    records.alive++;
    return number;
}

static void give_record_back(uint32_t number)
{
    struct record *r = record_at(number);
    r->managed = NULL;
    r->bucket = NULL;
    r->next_free = records.idle;
    records.idle = number;
    records.alive--;
}

/* ---- what heap/sample.c tells ------------------------------------------------------------------ */

/* Whoever called malloc or rt_alloc is to begin the stack. The frames in between are left out when the profile
 * is written, where inlining is known; here only this function's own goes. */
static uint32_t on_allocated(const void *managed, size_t counted_bytes, double weight)
{
    uintptr_t pcs[RT__STACK_MAX];
    if (is_forking) {
        return 0;
    }
    size_t depth = rt__unwind_here(pcs, RT__STACK_MAX, 1);
    double bytes = weight * (double)counted_bytes;
    lock_records();
    uint32_t number = take_record();
    unlock_records();
    if (number == 0) {
        return 0;
    }
    struct rt__bucket *b = rt__buckets_add(&buckets, pcs, depth, rt__labels_now,
                                           (const double[RT__BUCKET_VALUES]){weight, bytes, weight, bytes});
    lock_records();
    if (b) {
        struct record *r = record_at(number);
        r->bucket = b;
        r->weight = weight;
        r->bytes = counted_bytes;
        r->managed = managed;
    } else {
        give_record_back(number);
        number = 0;
    }
    unlock_records();
    return number;
}

static void end(uint32_t number)
{
    const struct record *r = record_at(number);
    const double by[RT__BUCKET_VALUES] = {[INUSE_OBJECTS] = -r->weight, [INUSE_BYTES] = -r->weight * (double)r->bytes};
    if (is_forking) {
        rt__buckets_add_locked(r->bucket, by);
    } else {
        rt__buckets_add_to(&buckets, r->bucket, by);
    }
    give_record_back(number);
}

static void on_freed(uint32_t number)
{
    lock_records();
    end(number);
    unlock_records();
}

static void on_marked(bool (*is_live)(const void *object))
{
    lock_records();
    for (uint32_t number = 1; number <= records.made; number++) {
        const void *object = record_at(number)->managed;
        if (object && !is_live(object)) {
            end(number);
        }
    }
    unlock_records();
}

/* ---- the profiles -------------------------------------------------------------------------------- */

#define HEAP_TYPES                                                                                                     \
    .types_count = 4,                                                                                                  \
    .types = {[ALLOC_OBJECTS] = {"alloc_objects", "count"},                                                            \
              [ALLOC_BYTES] = {"alloc_space", "bytes"},                                                                \
              [INUSE_OBJECTS] = {"inuse_objects", "count"},                                                            \
              [INUSE_BYTES] = {"inuse_space", "bytes"}},                                                               \
    .period_type = {"space", "bytes"}, .text = RT__TEXT_HEAP, .text_title = "heap profile", .drops_runtime = true

static const struct rt__profile_kind heap_kind = {.name = "heap", .default_type = "inuse_space", HEAP_TYPES};
static const struct rt__profile_kind allocs_kind = {.name = "allocs", .default_type = "alloc_space", HEAP_TYPES};

static void comment_on(struct rt__profile *p)
{
    lock_records();
    uint64_t full = records.dropped;
    unlock_records();
    uint64_t dropped = full + rt__buckets_dropped(&buckets) + rt__sample_refused();
    if (dropped > 0) {
        snprintf(p->comment, sizeof(p->comment), "%llu samples dropped because the profiler's tables were full",
                 (unsigned long long)dropped);
    }
}

static void collect(struct rt__profile *p)
{
    struct rt__bucket_copy *copy;
    size_t n;
    p->period = rt__sample_rate();
    p->time_ns = (int64_t)rt__os_unix_ns();
    if (rt__buckets_copy(&buckets, &copy, &n) != 0) {
        p->failed = true;
        return;
    }
    rt__profile_add_buckets(p, copy, n);
    free(copy);
    comment_on(p);
}

static uint64_t count(void)
{
    return __atomic_load_n(&buckets.count, __ATOMIC_RELAXED);
}

const struct rt__profile_entry rt__profile_heap = {
    .kind = &heap_kind,
    .collect = collect,
    .count = count,
    .help = "A sampling of memory allocations of live objects. ?gc=1 runs a cycle before the sample is taken.",
};
const struct rt__profile_entry rt__profile_allocs = {
    .kind = &allocs_kind,
    .collect = collect,
    .count = count,
    .help = "A sampling of all past memory allocations.",
};

/* ---- start --------------------------------------------------------------------------------------- */

static void before_fork(void)
{
    lock_records();
    rt__buckets_lock(&buckets);
    is_forking = true;
}

static void after_fork(void)
{
    is_forking = false;
    rt__buckets_unlock(&buckets);
    unlock_records();
}

/* Registered ahead of the collector's handlers, so that on the way into a fork it comes after them: a cycle holds its
 * locks when it tells of the dead, and takes ours. */
__attribute__((constructor(102))) static void mind_forks(void)
{
    pthread_atfork(before_fork, after_fork, after_fork);
}

void rt__profile_heap_start(const struct env_settings *settings)
{
    rt__sampler = (struct rt__sampler){.allocated = on_allocated, .freed = on_freed, .marked = on_marked};
    rt__sample_set_rate(settings->memprofilerate_bytes);
}
