/* counting.c - does the process heap's account agree with a program that knows what it did?
 *
 *     counting [OPERATIONS [SNAPSHOTS]]        default 1000000 10000
 *
 * Four threads do a known random sequence of mallocs, callocs, reallocs (growing, shrinking, to
 * zero, of NULL), aligned allocations and frees; blocks are also handed to other threads, which
 * free them. Each thread keeps its own tally. Meanwhile a fifth takes snapshots and checks every
 * identity; the two are held abreast, so that the snapshots really fall among the operations.
 * Everything the program itself needs is static and its threads exist before the first look at a
 * count and after the last, so not one allocation goes untallied.
 */
#include <errno.h>
#include <malloc.h>
#include "check.h"

#define WORKERS 4u
#define SLOTS 1024u
#define INBOX 256u
#define SLACK 64u /* how far, in snapshots, one side may run ahead of the other */

struct block {
    unsigned char *p;
    size_t size;
    bool aligned;
};

struct worker {
    unsigned index;
    uint64_t seed;
    struct block slots[SLOTS];
    uint64_t mallocs, frees; /* the tally */
    uint64_t done;           /* operations so far; atomic */
    pthread_mutex_t lock;    /* of the inbox */
    struct block inbox[INBOX];
    unsigned waiting;
};

static struct worker workers[WORKERS];
static uint64_t operations, snapshots, snapshots_taken;
static pthread_barrier_t barrier;
static struct rt_memstats before, after, snapshot[2];

/* ---- blocks and their contents ------------------------------------------------------------------ */

static unsigned char mark_of(const struct block *b)
{
    return (unsigned char)(((uintptr_t)b->p >> 4) ^ b->size);
}

static size_t marked_bytes(size_t size)
{
    return size < 16 ? size : 16;
}

/* Both ends, so that a block that overlaps another, or is shorter than asked, is noticed. */
static void mark(const struct block *b)
{
    memset(b->p, mark_of(b), marked_bytes(b->size));
    memset(b->p + b->size - marked_bytes(b->size), mark_of(b), marked_bytes(b->size));
}

static bool holds(const unsigned char *p, size_t n, unsigned char value)
{
    for (size_t i = 0; i < n; i++) {
        if (p[i] != value) {
            return false;
        }
    }
    return true;
}

static void check_mark(const struct block *b)
{
    size_t n = marked_bytes(b->size);
    CHECK(holds(b->p, n, mark_of(b)) && holds(b->p + b->size - n, n, mark_of(b)),
          "a block of %zu bytes was written over", b->size);
}

static size_t random_size(uint64_t *seed)
{
    size_t kind = check_between(seed, 0, 99);
    if (kind < 70) {
        return check_between(seed, 0, 1024);
    }
    if (kind < 94) {
        return check_between(seed, 1025, 16 * KiB);
    }
    return kind < 99 ? check_between(seed, 16 * KiB, 160 * KiB) : check_between(seed, 160 * KiB, 2 * MiB);
}

static void *aligned_block(struct worker *w, size_t alignment, size_t size)
{
    void *p = NULL;
    switch (check_between(&w->seed, 0, 2)) {
    case 0:
        CHECK(posix_memalign(&p, alignment, size) == 0, "posix_memalign(%zu, %zu)", alignment, size);
        break;
    case 1:
        p = aligned_alloc(alignment, size);
        break;
    default:
        p = memalign(alignment, size);
        break;
    }
    CHECK((uintptr_t)p % alignment == 0, "a block of %zu bytes is not aligned to %zu", size, alignment);
    return p;
}

/* ---- operations ---------------------------------------------------------------------------------- */

static void allocate(struct worker *w, struct block *b)
{
    size_t kind = check_between(&w->seed, 0, 99);
    b->aligned = kind >= 75;
    if (b->aligned) {
        b->size = check_between(&w->seed, 1, 8 * KiB);
        b->p = aligned_block(w, (size_t)16 << check_between(&w->seed, 0, 12), b->size);
    } else if (kind < 50) {
        b->size = random_size(&w->seed);
        b->p = malloc(b->size);
    } else if (kind < 65) {
        b->size = random_size(&w->seed);
        b->p = calloc(b->size, 1);
        CHECK(!b->p || holds(b->p, b->size, 0), "calloc of %zu bytes is not zero", b->size);
    } else {
        b->size = check_between(&w->seed, 1, 2 * KiB); /* realloc(NULL, 0) is a malloc(0) */
        b->p = realloc(NULL, b->size);
    }
    CHECK(b->p != NULL, "no block of %zu bytes", b->size);
    CHECK(malloc_usable_size(b->p) >= b->size, "%zu usable bytes of %zu", malloc_usable_size(b->p), b->size);
    w->mallocs++;
    mark(b);
}

static void release(struct worker *w, struct block *b)
{
    check_mark(b);
    free(b->p);
    b->p = NULL;
    w->frees++;
}

static void resize(struct worker *w, struct block *b)
{
    check_mark(b);
    size_t size = random_size(&w->seed);
    size = size ? size : 1; /* zero is resize_to_zero's */
    size_t kept = size < b->size ? size : b->size;
    uintptr_t was = (uintptr_t)b->p;
    unsigned char value = mark_of(b);
    unsigned char *p = realloc(b->p, size);
    CHECK(p && holds(p, kept < 16 ? kept : marked_bytes(b->size), value), "realloc from %zu to %zu lost the contents",
          b->size, size);
    if ((uintptr_t)p != was) {
        w->mallocs++;
        w->frees++;
        b->aligned = false;
    }
    b->p = p;
    b->size = size;
    mark(b);
}

static void resize_to_zero(struct worker *w, struct block *b)
{
    check_mark(b);
    CHECK(realloc(b->p, 0) == NULL, "realloc to zero gave a block");
    b->p = NULL;
    w->frees++;
}

static bool hand_over(struct worker *w, struct block *b)
{
    struct worker *to = &workers[(w->index + check_between(&w->seed, 1, WORKERS - 1)) % WORKERS];
    pthread_mutex_lock(&to->lock);
    bool room = to->waiting < INBOX;
    if (room) {
        to->inbox[to->waiting++] = *b;
    }
    pthread_mutex_unlock(&to->lock);
    if (room) {
        b->p = NULL;
    }
    return room;
}

static bool free_from_inbox(struct worker *w)
{
    struct block b = {.p = NULL};
    pthread_mutex_lock(&w->lock);
    if (w->waiting > 0) {
        b = w->inbox[--w->waiting];
    }
    pthread_mutex_unlock(&w->lock);
    if (!b.p) {
        return false;
    }
    release(w, &b);
    return true;
}

static void operate(struct worker *w)
{
    size_t kind = check_between(&w->seed, 0, 99);
    struct block *b = &w->slots[check_between(&w->seed, 0, SLOTS - 1)];
    if (kind < 20 && free_from_inbox(w)) {
        return;
    }
    if (!b->p) {
        allocate(w, b);
    } else if (kind < 45) {
        release(w, b);
    } else if (kind < 52) {
        resize_to_zero(w, b);
    } else if (kind >= 70 || !hand_over(w, b)) {
        resize(w, b);
    }
}

/* ---- threads -------------------------------------------------------------------------------------- */

static uint64_t done_by_all(void)
{
    uint64_t done = 0;
    for (unsigned i = 0; i < WORKERS; i++) {
        done += __atomic_load_n(&workers[i].done, __ATOMIC_RELAXED);
    }
    return done;
}

static void stay_abreast(uint64_t done)
{
    while (done * WORKERS * snapshots > (__atomic_load_n(&snapshots_taken, __ATOMIC_RELAXED) + SLACK) * operations) {
        sched_yield();
    }
}

static void free_aligned(struct worker *w)
{
    for (unsigned i = 0; i < SLOTS; i++) {
        if (w->slots[i].p && w->slots[i].aligned) {
            release(w, &w->slots[i]);
        }
    }
    for (unsigned i = 0; i < w->waiting; i++) {
        if (w->inbox[i].aligned) {
            release(w, &w->inbox[i]);
            w->inbox[i] = w->inbox[--w->waiting];
            i--;
        }
    }
}

/* In this thread, though another one allocated them. */
static void free_all_of(struct worker *w, struct worker *owner)
{
    for (unsigned i = 0; i < SLOTS; i++) {
        if (owner->slots[i].p) {
            release(w, &owner->slots[i]);
        }
    }
    while (owner->waiting > 0) {
        release(w, &owner->inbox[--owner->waiting]);
    }
}

static void *work(void *arg)
{
    struct worker *w = arg;
    free(malloc(1));                /* the thread's own record exists from here on */
    pthread_barrier_wait(&barrier); /* main looks: before */
    pthread_barrier_wait(&barrier);
    for (uint64_t i = 0; i < operations / WORKERS; i++) {
        operate(w);
        __atomic_store_n(&w->done, i + 1, __ATOMIC_RELAXED);
        stay_abreast(i);
    }
    pthread_barrier_wait(&barrier); /* main looks: all blocks live */
    pthread_barrier_wait(&barrier);
    free_aligned(w);
    pthread_barrier_wait(&barrier); /* main looks: plain blocks live */
    pthread_barrier_wait(&barrier);
    free_all_of(w, &workers[(w->index + 1) % WORKERS]);
    pthread_barrier_wait(&barrier); /* main looks: nothing live */
    pthread_barrier_wait(&barrier);
    return NULL;
}

static void *take_snapshots(void *arg)
{
    (void)arg;
    free(malloc(1));
    rt_read_memstats(&snapshot[1]);
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    for (uint64_t i = 0; i < snapshots; i++) {
        rt_read_memstats(&snapshot[i % 2]);
        check_identities(&snapshot[i % 2]);
        check_monotonic(&snapshot[(i + 1) % 2], &snapshot[i % 2]);
        __atomic_store_n(&snapshots_taken, i + 1, __ATOMIC_RELAXED);
        while (i * operations > (done_by_all() + SLACK * operations / snapshots) * snapshots) {
            sched_yield();
        }
    }
    for (int i = 0; i < 6; i++) {
        pthread_barrier_wait(&barrier);
    }
    return NULL;
}

/* ---- the looks ------------------------------------------------------------------------------------ */

static void look(const char *when)
{
    uint64_t mallocs = 0, frees = 0, usable = 0, blocks = 0, aligned = 0;
    for (unsigned i = 0; i < WORKERS; i++) {
        const struct worker *w = &workers[i];
        mallocs += w->mallocs;
        frees += w->frees;
        for (unsigned j = 0; j < SLOTS + w->waiting; j++) {
            const struct block *b = j < SLOTS ? &w->slots[j] : &w->inbox[j - SLOTS];
            usable += b->p ? malloc_usable_size(b->p) : 0;
            blocks += b->p != NULL;
            aligned += b->p && b->aligned;
        }
    }
    rt_read_memstats(&after);
    check_identities(&after);
    CHECK_EQUAL(after.Mallocs - before.Mallocs, mallocs, "Mallocs");
    CHECK_EQUAL(after.Frees - before.Frees, frees, "Frees");
    CHECK_EQUAL(after.HeapObjects - before.HeapObjects, blocks, "HeapObjects");
    uint64_t heap = after.HeapAlloc - before.HeapAlloc;
    if (aligned == 0) {
        CHECK_EQUAL(heap, usable, "HeapAlloc");
    } else { /* of an aligned block the part before it counts and is not usable */
        CHECK(heap >= usable, "HeapAlloc grew by %" PRIu64 ", less than the %" PRIu64 " usable bytes", heap, usable);
    }
    printf("%s: %" PRIu64 " mallocs, %" PRIu64 " frees, %" PRIu64 " live blocks (%" PRIu64 " aligned), %" PRIu64
           " bytes\n",
           when, mallocs, frees, blocks, aligned, heap);
}

static void check_classes_are_empty(void)
{
    for (unsigned i = 0; i < RT_SIZE_CLASSES; i++) {
        CHECK_EQUAL(after.BySize[i].Mallocs - after.BySize[i].Frees, before.BySize[i].Mallocs - before.BySize[i].Frees,
                    "live blocks of a size class after all were freed");
    }
}

/* What gives no block counts nothing. */
static void check_refusals(void)
{
    void *p = NULL;
    volatile size_t absurd = SIZE_MAX / 2;
    rt_read_memstats(&before);
    CHECK(malloc(absurd) == NULL && errno == ENOMEM, "malloc of half of all addresses");
    CHECK(calloc(absurd, 16) == NULL && errno == ENOMEM, "calloc with an overflow");
    CHECK(reallocarray(NULL, absurd, 16) == NULL && errno == ENOMEM, "reallocarray with an overflow");
    CHECK(posix_memalign(&p, 24, 8) == EINVAL && posix_memalign(&p, 4, 8) == EINVAL, "posix_memalign, bad alignment");
    free(NULL);
    rt_read_memstats(&after);
    CHECK_EQUAL(after.Mallocs, before.Mallocs, "Mallocs after refusals");
    CHECK_EQUAL(after.Frees, before.Frees, "Frees after refusals and free(NULL)");
}

int main(int argc, char **argv)
{
    static char out[4096];
    pthread_t threads[WORKERS + 1];
    operations = (uint64_t)check_number(argc, argv, 1, 1000000);
    snapshots = (uint64_t)check_number(argc, argv, 2, 10000);
    setvbuf(stdout, out, _IOFBF, sizeof(out));
    pthread_barrier_init(&barrier, NULL, WORKERS + 2);
    for (unsigned i = 0; i < WORKERS; i++) {
        workers[i].index = i;
        workers[i].seed = 0x9E3779B97F4A7C15ull * (i + 1);
        pthread_mutex_init(&workers[i].lock, NULL);
        pthread_create(&threads[i], NULL, work, &workers[i]);
    }
    pthread_create(&threads[WORKERS], NULL, take_snapshots, NULL);
    pthread_barrier_wait(&barrier);
    rt_read_memstats(&before);
    static const char *const whens[] = {"all live", "plain live", "none live"};
    for (unsigned i = 0; i < 3; i++) {
        pthread_barrier_wait(&barrier);
        pthread_barrier_wait(&barrier);
        look(whens[i]);
    }
    CHECK_EQUAL(after.HeapAlloc, before.HeapAlloc, "HeapAlloc when all is freed");
    check_classes_are_empty();
    CHECK_EQUAL(snapshots_taken, snapshots, "snapshots");
    pthread_barrier_wait(&barrier);
    for (unsigned i = 0; i <= WORKERS; i++) {
        pthread_join(threads[i], NULL);
    }
    check_refusals();
    return check_done();
}
