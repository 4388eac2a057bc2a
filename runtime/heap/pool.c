/* pool.c - objects worth using again: Go's sync.Pool (sync/pool.go).
 *
 * Items lie in shards, a thread's own first, so threads seldom meet at one lock. A cycle makes the
 * items of each shard its victims and drops what was still there from the cycle before: an item
 * that nobody takes is gone after two cycles, one that is taken and put back lives on. Shards and
 * their arrays are memory that the collector looks into.
 *
 * A shard's lock is held for a few instructions and never over an allocation: allocating can run a
 * cycle, and a cycle ages the pools.
 */
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include "runtime/cruntime.h"
#include "runtime/heap/backend.h"
#include "runtime/heap/managed.h"

#define SHARDS 8
#define FIRST_CAPACITY 16

struct item_list {
    void **items; /* managed, scanned */
    size_t count, capacity;
};

#define CACHE_LINE 64

struct shard {
    struct item_list fresh, victims;
    bool locked;
    char apart[CACHE_LINE]; /* two threads' shards share no line */
};

struct rt_pool {
    struct shard shards[SHARDS];
    void *(*make)(void *arg);
    void *arg;
    struct rt_pool *next, *previous;
};

static pthread_mutex_t registry_lock = PTHREAD_MUTEX_INITIALIZER;
static struct rt_pool *registry; /* static data: a root */

static void lock(struct shard *s)
{
    while (__atomic_exchange_n(&s->locked, true, __ATOMIC_ACQUIRE)) {
        sched_yield();
    }
}

static void unlock(struct shard *s)
{
    __atomic_store_n(&s->locked, false, __ATOMIC_RELEASE);
}

/* Under the lock; take() looks at counts without it. */
static void set_count(struct item_list *list, size_t count)
{
    __atomic_store_n(&list->count, count, __ATOMIC_RELAXED);
}

static unsigned own_shard(void)
{
    struct rt__thread *t = rt__self();
    return t ? t->index % SHARDS : 0;
}

RT_API struct rt_pool *rt_pool_new(void *(*make)(void *arg), void *arg)
{
    struct rt_pool *pool = rt__root_alloc(sizeof(*pool));
    pool->make = make;
    pool->arg = arg;
    pthread_mutex_lock(&registry_lock);
    pool->next = registry;
    if (registry) {
        registry->previous = pool;
    }
    registry = pool;
    pthread_mutex_unlock(&registry_lock);
    return pool;
}

static void *pop(struct item_list *list)
{
    if (list->count == 0) {
        return NULL;
    }
    size_t last = list->count - 1;
    void *item = list->items[last];
    list->items[last] = NULL;
    set_count(list, last);
    return item;
}

static void *take(struct shard *s, bool victims)
{
    struct item_list *list = victims ? &s->victims : &s->fresh;
    if (__atomic_load_n(&list->count, __ATOMIC_RELAXED) == 0) {
        return NULL;
    }
    lock(s);
    void *item = pop(list);
    unlock(s);
    return item;
}

RT_API void *rt_pool_get(struct rt_pool *pool)
{
    unsigned own = own_shard();
    for (int victims = 0; victims <= 1; victims++) {
        for (unsigned i = 0; i < SHARDS; i++) {
            void *item = take(&pool->shards[(own + i) % SHARDS], victims);
            if (item) {
                return item;
            }
        }
    }
    return pool->make ? pool->make(pool->arg) : NULL;
}

/* Gives the full list a larger array; the old one is let go. The lock is open while the array is
 * allocated, so what was true before is looked at again. */
static void grow(struct shard *s)
{
    lock(s);
    size_t wanted = s->fresh.capacity ? 2 * s->fresh.capacity : FIRST_CAPACITY;
    unlock(s);
    void **items = rt_alloc(wanted * sizeof(*items));
    lock(s);
    void **old = items;
    if (s->fresh.capacity < wanted) {
        if (s->fresh.count) {
            memcpy(items, s->fresh.items, s->fresh.count * sizeof(*items));
        }
        old = s->fresh.items;
        s->fresh.items = items;
        s->fresh.capacity = wanted;
    }
    unlock(s);
    rt_free(old);
}

RT_API void rt_pool_put(struct rt_pool *pool, void *item)
{
    struct shard *s = &pool->shards[own_shard()];
    while (item) {
        lock(s);
        if (s->fresh.count < s->fresh.capacity) {
            s->fresh.items[s->fresh.count] = item;
            set_count(&s->fresh, s->fresh.count + 1);
            item = NULL;
        }
        unlock(s);
        if (item) {
            grow(s);
        }
    }
}

static void drop(struct item_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        rt_free(list->items[i]);
        list->items[i] = NULL;
    }
    set_count(list, 0);
}

static void age(struct shard *s)
{
    lock(s);
    drop(&s->victims);
    void **emptied = s->victims.items;
    size_t capacity = s->victims.capacity;
    s->victims.items = s->fresh.items;
    s->victims.capacity = s->fresh.capacity;
    set_count(&s->victims, s->fresh.count);
    s->fresh.items = emptied;
    s->fresh.capacity = capacity;
    set_count(&s->fresh, 0);
    unlock(s);
}

void rt__pools_age(void)
{
    pthread_mutex_lock(&registry_lock);
    for (struct rt_pool *pool = registry; pool; pool = pool->next) {
        for (unsigned i = 0; i < SHARDS; i++) {
            age(&pool->shards[i]);
        }
    }
    pthread_mutex_unlock(&registry_lock);
}

RT_API void rt_pool_free(struct rt_pool *pool)
{
    pthread_mutex_lock(&registry_lock);
    if (pool->next) {
        pool->next->previous = pool->previous;
    }
    if (pool->previous) {
        pool->previous->next = pool->next;
    } else {
        registry = pool->next;
    }
    pthread_mutex_unlock(&registry_lock);
    for (unsigned i = 0; i < SHARDS; i++) {
        drop(&pool->shards[i].fresh);
        drop(&pool->shards[i].victims);
        rt_free(pool->shards[i].fresh.items);
        rt_free(pool->shards[i].victims.items);
    }
    rt__root_free(pool);
}
