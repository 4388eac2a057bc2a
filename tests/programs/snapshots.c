/* snapshots.c - do the identities hold while almost nothing is live?
 *
 *     snapshots [SNAPSHOTS]        default 10000
 *
 * Two threads allocate blocks of one size and exchange them through one slot, so that nearly every
 * block is freed by the thread that did not allocate it, at once, and only a few are ever live. A
 * snapshot that summed allocations before frees would miss, within a microsecond, as many
 * allocations as it saw frees too many, and tell of fewer live blocks than there were before the
 * threads began; among the thousands of live blocks of counting.c nobody would notice.
 */
#include "check.h"

#define THREADS 2u
#define BLOCK_BYTES 96u

static void *slot; /* atomic */
static bool stop;  /* atomic */
static uint64_t pairs[THREADS];
static struct rt_memstats snapshot[2], before;

/* All that was live before the threads began is live all the time. */
static void check_live(const struct rt_memstats *m)
{
    CHECK(m->HeapObjects >= before.HeapObjects, "HeapObjects %" PRIu64 ", at least %" PRIu64 " live", m->HeapObjects,
          before.HeapObjects);
    CHECK(m->HeapAlloc >= before.HeapAlloc, "HeapAlloc %" PRIu64 ", at least %" PRIu64 " live", m->HeapAlloc,
          before.HeapAlloc);
    for (unsigned i = 0; i < RT_SIZE_CLASSES; i++) {
        CHECK(m->BySize[i].Mallocs - m->BySize[i].Frees >= before.BySize[i].Mallocs - before.BySize[i].Frees,
              "class of %u bytes: %" PRIu64 " live, at least %" PRIu64 " are", m->BySize[i].Size,
              m->BySize[i].Mallocs - m->BySize[i].Frees, before.BySize[i].Mallocs - before.BySize[i].Frees);
    }
}

static void *exchange(void *count)
{
    uint64_t n = 0;
    while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
        free(__atomic_exchange_n(&slot, malloc(BLOCK_BYTES), __ATOMIC_ACQ_REL));
        n++;
    }
    *(uint64_t *)count = n;
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t ids[THREADS];
    long n = check_number(argc, argv, 1, 10000);
    void *held = malloc(BLOCK_BYTES); /* of the same class: it must always be there */
    rt_read_memstats(&before);
    snapshot[1] = before;
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_create(&ids[i], NULL, exchange, &pairs[i]);
    }
    for (long i = 0; i < n; i++) {
        rt_read_memstats(&snapshot[i % 2]);
        check_identities(&snapshot[i % 2]);
        check_monotonic(&snapshot[(i + 1) % 2], &snapshot[i % 2]);
        check_live(&snapshot[i % 2]);
    }
    __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(ids[i], NULL);
    }
    free(slot);
    free(held);
    rt_read_memstats(&snapshot[0]);
    printf("%ld snapshots beside %" PRIu64 " mallocs\n", n, pairs[0] + pairs[1]);
    CHECK(snapshot[0].Mallocs - before.Mallocs >= pairs[0] + pairs[1], "%" PRIu64 " mallocs counted of %" PRIu64,
          snapshot[0].Mallocs - before.Mallocs, pairs[0] + pairs[1]);
    return check_done();
}
