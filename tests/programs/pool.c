/* pool.c - does rt_pool do what Go's sync.Pool does?
 *
 *     pool [GETS]        default 100000, per thread
 *
 * An item that nobody takes is handed out after one cycle and gone after two; one that is taken
 * and put back lives on; make is called only for an empty pool; no item is ever in two hands. Under
 * torture cycles age the pool at every turn, and only the last claim remains.
 */
#include "check.h"

#define ITEMS 100u
#define THREADS 4u

struct item {
    unsigned held; /* atomic: 1 while somebody has it */
    unsigned serial;
    uint64_t *payload; /* reachable only through the item */
};

static unsigned made; /* atomic */
static struct rt_memstats stats;

static void *make_item(void *arg)
{
    struct item *item = rt_alloc(sizeof(*item));
    item->serial = __atomic_add_fetch(&made, 1, __ATOMIC_RELAXED);
    item->payload = rt_alloc(sizeof(uint64_t));
    *item->payload = item->serial * 7919ull + (uintptr_t)arg;
    return item;
}

static void check_item(const struct item *item, uintptr_t arg)
{
    CHECK(*item->payload == item->serial * 7919ull + arg, "item %u lost its payload", item->serial);
}

static void *drop_payload(void *p)
{
    struct item *item = p;
    rt_free(item->payload);
    rt_free(item);
    return NULL;
}

static NOINLINE void fill_pool(struct rt_pool *pool)
{
    for (unsigned i = 0; i < ITEMS; i++) {
        rt_pool_put(pool, make_item(NULL));
    }
}

static NOINLINE unsigned empty_pool(struct rt_pool *pool)
{
    unsigned n = 0;
    for (struct item *item; (item = rt_pool_get(pool)) != NULL; n++) {
        check_item(item, 0);
        drop_payload(item);
    }
    return n;
}

static void check_ageing(void)
{
    struct rt_pool *pool = rt_pool_new(NULL, NULL);
    CHECK(rt_pool_get(pool) == NULL, "a new pool without make gave an item");
    rt_pool_put(pool, NULL);
    CHECK(rt_pool_get(pool) == NULL, "a put of NULL was kept");
    fill_pool(pool);
    CHECK_EQUAL(empty_pool(pool), ITEMS, "items without a cycle");
    fill_pool(pool);
    rt_gc();
    CHECK_EQUAL(empty_pool(pool), ITEMS, "items after one cycle, from the victims");
    fill_pool(pool);
    rt_gc();
    rt_gc();
    CHECK_EQUAL(empty_pool(pool), 0, "items after two cycles");
    rt_pool_free(pool);
}

/* Items that are taken and put back each cycle never age. */
static void check_use_keeps_alive(void)
{
    static struct item *hands[ITEMS];
    struct rt_pool *pool = rt_pool_new(NULL, NULL);
    fill_pool(pool);
    for (unsigned cycle = 0; cycle < 5; cycle++) {
        rt_gc();
        unsigned n = 0;
        for (struct item *item; n < ITEMS && (item = rt_pool_get(pool)) != NULL; n++) {
            check_item(item, 0);
            hands[n] = item;
        }
        CHECK_EQUAL(n, ITEMS, "items used again after a cycle");
        while (n > 0) {
            rt_pool_put(pool, hands[--n]);
            hands[n] = NULL;
        }
    }
    empty_pool(pool);
    rt_pool_free(pool);
}

/* What an idle pool dropped is free memory again: at once under mimalloc but for what an item points
 * to, by the next cycle under Boehm. */
static void check_dropped_are_freed(void)
{
    struct rt_pool *pool = rt_pool_new(NULL, NULL);
    rt_gc();
    rt_read_memstats(&stats);
    uint64_t before = stats.HeapObjects;
    for (unsigned i = 0; i < 10 * ITEMS; i++) {
        rt_pool_put(pool, rt_alloc_atomic(200));
    }
    rt_gc();
    rt_gc();
    rt_gc();
    rt_read_memstats(&stats);
    CHECK((int64_t)(stats.HeapObjects - before) <= (int64_t)ITEMS, "%" PRId64 " of %u dropped items are still counted",
          (int64_t)(stats.HeapObjects - before), 10 * ITEMS);
    rt_pool_free(pool);
}

static void check_make(void)
{
    struct rt_pool *pool = rt_pool_new(make_item, (void *)12345);
    unsigned before = made;
    struct item *a = rt_pool_get(pool), *b = rt_pool_get(pool);
    CHECK(a && b && a != b && made == before + 2, "two gets from an empty pool made %u items", made - before);
    check_item(a, 12345);
    rt_pool_put(pool, a);
    CHECK(rt_pool_get(pool) == a && made == before + 2, "an item put back was not used again");
    rt_pool_put(pool, a);
    rt_pool_put(pool, b);
    drop_payload(rt_pool_get(pool));
    drop_payload(rt_pool_get(pool));
    rt_pool_free(pool);
}

/* ---- threads ----------------------------------------------------------------------------------------- */

static long gets;

static void *share(void *pool)
{
    struct item *mine[8] = {NULL};
    for (long i = 0; i < gets; i++) {
        struct item **hand = &mine[i % 8];
        if (*hand) {
            check_item(*hand, 0);
            CHECK(__atomic_exchange_n(&(*hand)->held, 0, __ATOMIC_ACQ_REL) == 1, "an item in hand was marked free");
            rt_pool_put(pool, *hand);
            *hand = NULL;
        } else {
            *hand = rt_pool_get(pool);
            CHECK(__atomic_exchange_n(&(*hand)->held, 1, __ATOMIC_ACQ_REL) == 0, "item %u is in two hands",
                  (*hand)->serial);
            check_item(*hand, 0);
        }
        if (i % (gets / 10 + 1) == 0) {
            rt_gc();
        }
    }
    return NULL;
}

static void check_threads(void)
{
    pthread_t ids[THREADS];
    struct rt_pool *pool = rt_pool_new(make_item, NULL);
    unsigned before = made;
    for (unsigned i = 0; i < THREADS; i++) {
        rt_thread_start(&ids[i], NULL, "pool", share, pool);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(ids[i], NULL);
    }
    /* At most 8 are in each thread's hands; each of some 40 cycles may drop what lay idle twice. */
    printf("%u items made for %ld gets\n", made - before, gets / 2 * THREADS);
    CHECK(check_is_tortured() || gets < 10000 || made - before < (unsigned long)gets / 20,
          "%u items made: the pool hardly works", made - before);
}

static void *put_then_wait(void *arg)
{
    fill_pool(arg);
    return NULL;
}

/* What one thread put, another gets, also when the first is gone. */
static void check_other_thread_gets(void)
{
    pthread_t id;
    struct rt_pool *pool = rt_pool_new(NULL, NULL);
    rt_thread_start(&id, NULL, "pool", put_then_wait, pool);
    pthread_join(id, NULL);
    CHECK_EQUAL(empty_pool(pool), ITEMS, "items put by a thread that has ended");
    rt_pool_free(pool);
}

int main(int argc, char **argv)
{
    gets = check_number(argc, argv, 1, 100000);
    if (!check_is_tortured()) {
        check_ageing();
        check_use_keeps_alive();
        check_dropped_are_freed();
        check_make();
        check_other_thread_gets();
    }
    check_threads();
    return check_done();
}
