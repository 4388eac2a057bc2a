/* counting_managed.c - does the managed heap's account agree with a program that knows what it did?
 *
 *     counting_managed [OPERATIONS [SNAPSHOTS]]        default 1000000 10000
 *
 * Four threads allocate, resize, exchange and let go of managed objects while a fifth takes
 * snapshots. Under mimalloc every count is exact at every moment. Under Boehm allocations are
 * exact; a dead object counts as freed at the cycle that found it, so after a forced cycle at least
 * the truly live objects must be counted live, and few more: while the threads live, libgc keeps
 * up to one 4 KiB block of free objects for each small size, kind and thread, and marks them; when
 * the threads are gone only words that look like pointers are left to keep a dead object, and a
 * few such blocks of the main thread.
 */
#include "check.h"

#define WORKERS 4u
#define SLOTS 8192u
#define MAILBOX 1024u
#define SLACK 64u
#define OBJECT_MIN 16u
/* Stray words on stacks and in registers. Each keeps one object, as none here points to another. */
#define STRAY_OBJECTS 64u
#define STRAY_BYTES (STRAY_OBJECTS * 4096u)
/* The main thread's own free lists of 16, 32 and 48 bytes, a block of each: libgc and the records of
 * started threads use them. */
#define MAIN_LIST_OBJECTS 469u
#define MAIN_LIST_BYTES (3u * 4096u)
/* libgc's free lists of one thread: 24 sizes of 16 bytes, 2 kinds, 4096/size objects each. */
#define THREAD_LIST_OBJECTS 1940u
#define THREAD_LIST_BYTES (24u * 2u * 4096u)

struct object {
    uint32_t size, check;
    unsigned char rest[];
};

struct worker {
    unsigned index;
    uint64_t seed;
    uint64_t mallocs, frees; /* frees by hand */
    uint64_t done;           /* atomic */
    struct object *slots[SLOTS];
};

static struct worker workers[WORKERS];
static struct object *mailbox[MAILBOX]; /* atomic */
static uint64_t operations, snapshots, snapshots_taken;
static pthread_barrier_t barrier;
static struct rt_memstats before, after, snapshot[2];

/* ---- objects --------------------------------------------------------------------------------------- */

static uint32_t check_of(size_t size)
{
    return (uint32_t)size * 2654435761u ^ 0xA5A5A5A5u;
}

static struct object *marked(void *p, size_t size)
{
    struct object *o = p;
    o->size = (uint32_t)size;
    o->check = check_of(size);
    ((unsigned char *)p)[size - 1] ^= (unsigned char)size;
    return o;
}

static void check_object(const struct object *o)
{
    CHECK(o->check == check_of(o->size), "an object of %u bytes lost its contents", o->size);
}

static size_t random_size(uint64_t *seed)
{
    size_t kind = check_between(seed, 0, 199);
    if (kind < 180) {
        return check_between(seed, OBJECT_MIN, 1024);
    }
    return kind < 199 ? check_between(seed, 1025, 8 * KiB) : check_between(seed, 8 * KiB, 128 * KiB);
}

static struct object *allocate(struct worker *w)
{
    char text[128];
    size_t size = random_size(&w->seed);
    w->mallocs++;
    switch (check_between(&w->seed, 0, 5)) {
    case 0:
    case 1: {
        unsigned char *p = rt_alloc(size);
        CHECK(p[0] == 0 && p[size / 2] == 0 && p[size - 1] == 0, "rt_alloc(%zu) is not zero", size);
        return marked(p, size);
    }
    case 2:
        return marked(rt_alloc_atomic(size), size);
    case 3:
        return marked(rt_realloc(NULL, size), size);
    default:
        size = check_between(&w->seed, OBJECT_MIN, sizeof(text) - 1);
        memset(text, 'x', size);
        text[size] = '\0';
        return marked(size % 2 ? rt_strdup(text) : rt_strndup(text, size), size);
    }
}

static void let_go(struct worker *w, struct object **slot)
{
    check_object(*slot);
    if (check_between(&w->seed, 0, 3) == 0) {
        CHECK(rt_realloc(*slot, 0) == NULL, "rt_realloc to zero gave an object");
    } else {
        rt_free(*slot);
    }
    *slot = NULL;
    w->frees++;
}

static void resize(struct worker *w, struct object **slot)
{
    check_object(*slot);
    uintptr_t was = (uintptr_t)*slot;
    size_t size = random_size(&w->seed);
    struct object *o = rt_realloc(*slot, size);
    check_object(o);
    if ((uintptr_t)o != was) {
        w->mallocs++;
        w->frees++;
    }
    *slot = marked(o, size);
}

static void operate(struct worker *w)
{
    struct object **slot = &w->slots[check_between(&w->seed, 0, SLOTS - 1)];
    size_t kind = check_between(&w->seed, 0, 99);
    if (!*slot) {
        *slot = allocate(w);
    } else if (kind < 40) {
        let_go(w, slot);
    } else if (kind < 70) {
        *slot = __atomic_exchange_n(&mailbox[check_between(&w->seed, 0, MAILBOX - 1)], *slot, __ATOMIC_ACQ_REL);
    } else {
        resize(w, slot);
    }
}

/* ---- threads --------------------------------------------------------------------------------------- */

static uint64_t done_by_all(void)
{
    uint64_t done = 0;
    for (unsigned i = 0; i < WORKERS; i++) {
        done += __atomic_load_n(&workers[i].done, __ATOMIC_RELAXED);
    }
    return done;
}

static void *work(void *arg)
{
    struct worker *w = arg;
    rt_free(rt_alloc(OBJECT_MIN));
    pthread_barrier_wait(&barrier); /* main looks: before */
    pthread_barrier_wait(&barrier);
    for (uint64_t i = 0; i < operations / WORKERS; i++) {
        operate(w);
        __atomic_store_n(&w->done, i + 1, __ATOMIC_RELAXED);
        while (i * WORKERS * snapshots > (__atomic_load_n(&snapshots_taken, __ATOMIC_RELAXED) + SLACK) * operations) {
            sched_yield();
        }
    }
    pthread_barrier_wait(&barrier); /* main looks: all live */
    pthread_barrier_wait(&barrier);
    return NULL;
}

static void *take_snapshots(void *arg)
{
    (void)arg;
    rt_free(rt_alloc(OBJECT_MIN));
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
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    return NULL;
}

/* ---- the looks --------------------------------------------------------------------------------------- */

struct truth {
    uint64_t mallocs, frees, objects, usable;
};

static void add_live(struct truth *t, const struct object *o)
{
    if (o) {
        check_object(o);
        t->objects++;
        t->usable += rt_usable_size(o);
    }
}

static struct truth find_truth(void)
{
    struct truth t = {0};
    for (unsigned i = 0; i < WORKERS; i++) {
        t.mallocs += workers[i].mallocs;
        t.frees += workers[i].frees;
        for (unsigned j = 0; j < SLOTS; j++) {
            add_live(&t, workers[i].slots[j]);
        }
    }
    for (unsigned i = 0; i < MAILBOX; i++) {
        add_live(&t, mailbox[i]);
    }
    return t;
}

/* more_...: what may be counted live beyond the truth under Boehm. */
static void look(const char *when, uint64_t more_objects, uint64_t more_bytes)
{
    struct truth t = find_truth();
    if (check_is_boehm()) {
        rt_gc();
        rt_gc(); /* the second finds what registers and the stack still held */
    } else {
        more_objects = more_bytes = 0;
    }
    rt_read_memstats(&after);
    check_identities(&after);
    uint64_t objects = after.HeapObjects - before.HeapObjects, bytes = after.HeapAlloc - before.HeapAlloc;
    CHECK_EQUAL(after.Mallocs - before.Mallocs, t.mallocs, "Mallocs");
    if (!check_is_boehm()) {
        CHECK_EQUAL(after.Frees - before.Frees, t.frees, "Frees");
    }
    CHECK((int64_t)(objects - t.objects) >= 0, "%s: %" PRIu64 " objects counted live, %" PRIu64 " are", when, objects,
          t.objects);
    CHECK((int64_t)(objects - t.objects) <= (int64_t)more_objects,
          "%s: %" PRIu64 " objects counted live, %" PRIu64 " are, at most %" PRIu64 " more are explained", when,
          objects, t.objects, more_objects);
    CHECK((int64_t)(bytes - t.usable) >= 0, "%s: %" PRIu64 " bytes counted live, %" PRIu64 " are", when, bytes,
          t.usable);
    CHECK((int64_t)(bytes - t.usable) <= (int64_t)more_bytes,
          "%s: %" PRIu64 " bytes counted live, %" PRIu64 " are, at most %" PRIu64 " more are explained", when, bytes,
          t.usable, more_bytes);
    printf("%s: %" PRIu64 " mallocs, %" PRIu64 " live objects (+%" PRId64 "), %" PRIu64 " bytes (%+" PRId64
           "), %u cycles\n",
           when, t.mallocs, t.objects, (int64_t)(objects - t.objects), t.usable, (int64_t)(bytes - t.usable),
           after.NumGC);
}

static void drop_everything(void)
{
    for (unsigned i = 0; i < WORKERS; i++) {
        for (unsigned j = 0; j < SLOTS; j++) {
            if (workers[i].slots[j]) {
                let_go(&workers[i], &workers[i].slots[j]);
            }
        }
    }
    for (unsigned i = 0; i < MAILBOX; i++) {
        if (mailbox[i]) {
            let_go(&workers[0], &mailbox[i]);
        }
    }
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
        rt_thread_start(&threads[i], NULL, "worker", work, &workers[i]);
    }
    rt_thread_start(&threads[WORKERS], NULL, "snapshots", take_snapshots, NULL);
    pthread_barrier_wait(&barrier);
    rt_gc();
    rt_gc();
    rt_read_memstats(&before);
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    look("all live", STRAY_OBJECTS + (WORKERS + 2) * THREAD_LIST_OBJECTS,
         STRAY_BYTES + (WORKERS + 2) * THREAD_LIST_BYTES);
    CHECK_EQUAL(snapshots_taken, snapshots, "snapshots");
    pthread_barrier_wait(&barrier);
    uint64_t mallocs = after.Mallocs;
    for (unsigned i = 0; i <= WORKERS; i++) {
        pthread_join(threads[i], NULL);
    }
    rt_read_memstats(&after);
    CHECK_EQUAL(after.Mallocs, mallocs, "Mallocs after the threads ended");
    if (check_is_boehm()) { /* an ending thread frees its own process-heap blocks: not of this account */
        look("threads gone", STRAY_OBJECTS + MAIN_LIST_OBJECTS, STRAY_BYTES + MAIN_LIST_BYTES);
        drop_everything();
        look("none live", STRAY_OBJECTS + MAIN_LIST_OBJECTS, STRAY_BYTES + MAIN_LIST_BYTES);
    }
    return check_done();
}
