/* snapshots.c - do the identities hold while almost nothing is live?
 *
 *     snapshots [SNAPSHOTS]        default 10000
 *
 * Two threads allocate blocks of one size and exchange them through one slot, so that nearly every
 * block is freed by the thread that did not allocate it, at once, and only a few are ever live. A
 * snapshot that summed allocations before frees, or a class before its neighbour, would hold more
 * frees than allocations here within a microsecond; among thousands of live blocks (counting.c)
 * it never would.
 */
#include "check.h"

#define THREADS 2u
#define BLOCK_BYTES 96u

static void *slot; /* atomic */
static bool stop;  /* atomic */
static uint64_t pairs[THREADS];
static struct rt_memstats snapshot[2];

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
    rt_read_memstats(&snapshot[1]);
    uint64_t mallocs = snapshot[1].Mallocs;
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_create(&ids[i], NULL, exchange, &pairs[i]);
    }
    for (long i = 0; i < n; i++) {
        rt_read_memstats(&snapshot[i % 2]);
        check_identities(&snapshot[i % 2]);
        check_monotonic(&snapshot[(i + 1) % 2], &snapshot[i % 2]);
    }
    __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(ids[i], NULL);
    }
    free(slot);
    rt_read_memstats(&snapshot[0]);
    printf("%ld snapshots beside %" PRIu64 " mallocs\n", n, pairs[0] + pairs[1]);
    CHECK(snapshot[0].Mallocs - mallocs >= pairs[0] + pairs[1], "%" PRIu64 " mallocs counted of %" PRIu64,
          snapshot[0].Mallocs - mallocs, pairs[0] + pairs[1]);
    return check_done();
}
