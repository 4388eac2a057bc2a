/* managed.c - rt_alloc and friends: the public face of the managed heap.
 *
 * Each call finds the thread's record, lets the watcher (gc/) look when the thread's budget is
 * spent - before the object exists, so that a cycle cannot miss it - and passes on to the backend.
 */
#include "runtime/heap/managed.h"

#include <errno.h>
#include <string.h>
#include "runtime/cruntime.h"
#include "runtime/heap/backend.h"
#include "runtime/heap/process.h"
#include "runtime/heap/sample.h"
#include "runtime/heap/watcher.h"
#include "runtime/os/os.h"

const struct rt__backend *rt__backend;

static uint32_t give_back_epoch; /* even numbers ask for a purge */
static uint64_t give_back_ns;    /* CPU that all threads gave to it */

void rt__managed_start(const struct rt__backend *backend, unsigned markers)
{
    rt__backend = backend;
    backend->start(markers);
}

void rt__out_of_memory(size_t size)
{
    rt__os_print("%s: fatal error: out of memory: the system has no %zu bytes\n", rt__os_program(), size);
    __builtin_trap();
}

static __attribute__((noinline)) struct rt__thread *no_record(void)
{
    rt__os_die(2, "rt_alloc was called by a thread that has ended (from a destructor after the runtime's)");
}

static int64_t look(struct rt__thread *t)
{
    if (!rt__watcher.managed_bytes || t->in_runtime) {
        return t->in_runtime ? 0 : RT__LOOK_NOT_BEFORE_INIT;
    }
    t->managed.left = t->managed.grant = INT64_MAX;
    int64_t until_look = rt__watcher.managed_bytes(t);
    t->managed.left = t->managed.grant = 0;
    return until_look;
}

/* The budget is spent, size included: looks, if it is time, and says whether this object is to be sampled. Where
 * objects are process-heap blocks, they are sampled there. */
static bool turn(struct rt__thread *t, size_t size)
{
    struct rt__budget *b = &t->managed;
    b->left += (int64_t)size;
    rt__budget_settle(b);
    bool due = !rt__backend->in_process && rt__sample_due(b, size);
    b->until_look -= (int64_t)size;
    if (!due) {
        b->until_sample -= (int64_t)size;
    }
    rt__backend->thread_start(t);
    if (b->until_look <= 0) {
        b->until_look = look(t);
    }
    rt__budget_grant(b);
    return due;
}

static void *record(struct rt__thread *t, void *p, size_t asked)
{
    double weight = rt__sample_weight(asked, t->managed.rate);
    uint32_t record = rt__sampler.allocated(rt__backend->note_sample ? NULL : p, rt__backend->usable(p), weight);
    if (rt__backend->note_sample) {
        rt__backend->note_sample(p, record);
    }
    return p;
}

static __attribute__((noinline)) void *alloc_slow(struct rt__thread *t, size_t size,
                                                  void *(*alloc)(struct rt__thread *t, size_t size))
{
    bool due = turn(t, size);
    void *p = alloc(t, size);
    return due ? record(t, p, size) : p;
}

static inline struct rt__thread *self(void)
{
    struct rt__thread *t = rt__self();
    return rt__likely(t != NULL) ? t : no_record();
}

static inline bool spend(struct rt__thread *t, size_t size)
{
    return rt__unlikely((t->managed.left -= (int64_t)size) <= 0);
}

RT_API void *rt_alloc(size_t size)
{
    struct rt__thread *t = self();
    return spend(t, size) ? alloc_slow(t, size, rt__backend->alloc) : rt__backend->alloc(t, size);
}

RT_API void *rt_alloc_atomic(size_t size)
{
    struct rt__thread *t = self();
    return spend(t, size) ? alloc_slow(t, size, rt__backend->alloc_atomic) : rt__backend->alloc_atomic(t, size);
}

RT_API void *rt_realloc(void *p, size_t size)
{
    if (!p) {
        return rt_alloc(size);
    }
    if (size == 0) {
        rt__backend->free(p);
        return NULL;
    }
    struct rt__thread *t = self();
    bool due = spend(t, size) && turn(t, size);
    void *q = rt__backend->realloc(t, p, size);
    /* One that stays where it is is no allocation: its draw goes unused, and the next one knows nothing of it. */
    return due && q != p ? record(t, q, size) : q;
}

RT_API void rt_free(void *p)
{
    if (p) {
        rt__backend->free(p);
    }
}

RT_API size_t rt_usable_size(const void *p)
{
    return p ? rt__backend->usable(p) : 0;
}

RT_API char *rt_strndup(const char *s, size_t n)
{
    size_t length = strnlen(s, n);
    char *copy = rt_alloc_atomic(length + 1);
    memcpy(copy, s, length);
    copy[length] = '\0';
    return copy;
}

RT_API char *rt_strdup(const char *s)
{
    return rt_strndup(s, SIZE_MAX);
}

RT_API void rt_add_roots(void *low, void *high)
{
    rt__backend->add_roots(low, high);
}

RT_API const char *rt_allocator(void)
{
    return rt__backend->name;
}

/* Never sampled: it is the runtime's own, and libgc may hand its address out again before a cycle could tell of
 * its end. */
void *rt__root_alloc(size_t size)
{
    struct rt__thread *t = self();
    if (spend(t, size)) {
        (void)turn(t, size);
    }
    return rt__backend->alloc_root(t, size);
}

void rt__root_free(void *p)
{
    rt__backend->free_root(p);
}

static void give_back_now(bool purge)
{
    uint64_t start_ns = rt__os_thread_cpu_ns();
    rt__process_collect(purge);
    __atomic_add_fetch(&give_back_ns, rt__os_thread_cpu_ns() - start_ns, __ATOMIC_RELAXED);
}

void rt__give_back(bool purge)
{
    uint32_t seen = __atomic_load_n(&give_back_epoch, __ATOMIC_RELAXED), next;
    do {
        next = seen + 1;
        if (purge != (next % 2 == 0)) {
            next++;
        }
    } while (!__atomic_compare_exchange_n(&give_back_epoch, &seen, next, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED));
    struct rt__thread *t = rt__self();
    if (t && !t->never_allocates) {
        t->give_back_seen = next;
        give_back_now(purge);
    }
}

void rt__give_back_if_asked(struct rt__thread *t)
{
    uint32_t epoch = __atomic_load_n(&give_back_epoch, __ATOMIC_ACQUIRE);
    if (rt__likely(t->give_back_seen == epoch)) {
        return;
    }
    t->give_back_seen = epoch;
    give_back_now(epoch % 2 == 0);
}

uint64_t rt__give_back_spent_ns(void)
{
    return __atomic_load_n(&give_back_ns, __ATOMIC_RELAXED);
}
