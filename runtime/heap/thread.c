/* thread.c - see thread.h. */
#include "runtime/heap/thread.h"

#include <pthread.h>
#include <sched.h>
#include <string.h>
#include "runtime/heap/account.h"
#include "runtime/os/os.h"

__thread struct rt__thread *rt__self_ptr __attribute__((tls_model("initial-exec")));
__thread struct rt__thread *rt__self_free __attribute__((tls_model("initial-exec")));
bool rt__free_reads_headers;
static __thread bool t_past_end __attribute__((tls_model("initial-exec")));

struct rt__thread *rt__threads;
void (*rt__thread_on_exit)(struct rt__thread *t);

static uint32_t thread_count;
static pthread_key_t exit_key;
static pthread_once_t exit_key_once = PTHREAD_ONCE_INIT;
static struct rt__thread late_record;
static bool late_lock;

/* Other libraries' destructors, and libc's own clean-up after the last of them, may still allocate
 * and free when this one has run: from here on they count into the late record. */
static void on_thread_exit(void *record)
{
    struct rt__thread *t = record;
    if (rt__thread_on_exit) {
        rt__thread_on_exit(t);
    }
    t_past_end = true;
    rt__self_ptr = rt__self_free = NULL;
    t->tid = 0;
    t->sampled_heap = NULL; /* mimalloc deletes it next */
    __atomic_store_n(&t->stack_base, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&t->stack_low, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&t->in_use, false, __ATOMIC_RELEASE);
}

static void make_exit_key(void)
{
    if (pthread_key_create(&exit_key, on_thread_exit) != 0) {
        rt__os_die(1, "no thread-specific data key left for the runtime");
    }
}

static struct rt__thread *take_idle_record(void)
{
    for (struct rt__thread *t = rt__threads_first(); t; t = t->next) {
        bool idle = false;
        if (!__atomic_load_n(&t->in_use, __ATOMIC_RELAXED) &&
            __atomic_compare_exchange_n(&t->in_use, &idle, true, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
            return t;
        }
    }
    return NULL;
}

static struct rt__thread *make_record(void)
{
    struct rt__thread *t = rt__os_map(sizeof(*t), RT__OS_MCACHE);
    t->in_use = true;
    t->index = __atomic_fetch_add(&thread_count, 1, __ATOMIC_RELAXED);
    struct rt__thread *head = rt__threads_first();
    do {
        t->next = head;
    } while (!__atomic_compare_exchange_n(&rt__threads, &head, t, false, __ATOMIC_RELEASE, __ATOMIC_ACQUIRE));
    return t;
}

void rt__thread_first(void)
{
    pthread_once(&exit_key_once, make_exit_key);
}

struct rt__thread *rt__self_slow(void)
{
    struct rt__thread *t = rt__self_ptr;
    if (t || t_past_end) {
        return t;
    }
    t = take_idle_record();
    if (!t) {
        t = make_record();
    }
    t->tid = rt__os_tid();
    t->in_runtime = false;
    t->never_allocates = false;
    t->collector_knows = false;
    t->process = t->managed = (struct rt__budget){.until_sample = RT__NO_SAMPLE};
    rt__self_ptr = t;
    rt__self_free = rt__free_reads_headers ? t : NULL;
    rt__thread_first();
    pthread_setspecific(exit_key, t);
    return t;
}

struct rt__thread *rt__late_begin(void)
{
    while (__atomic_exchange_n(&late_lock, true, __ATOMIC_ACQUIRE)) {
        sched_yield();
    }
    return &late_record;
}

void rt__late_end(void)
{
    __atomic_store_n(&late_lock, false, __ATOMIC_RELEASE);
}

void rt__tally_sum(struct rt__tally *dst, const struct rt__tally *src)
{
    for (unsigned i = 0; i < RT__CLASS_COUNT; i++) {
        dst->n[i] += __atomic_load_n(&src->n[i], __ATOMIC_ACQUIRE);
    }
    dst->bytes += __atomic_load_n(&src->bytes, __ATOMIC_ACQUIRE);
}

uint64_t rt__tally_blocks(const struct rt__tally *t)
{
    uint64_t blocks = 0;
    for (unsigned i = 0; i < RT__CLASS_COUNT; i++) {
        blocks += t->n[i];
    }
    return blocks;
}

uint64_t rt__tally_process_bytes(const struct rt__tally *t)
{
    uint64_t bytes = t->bytes;
    for (unsigned i = 1; i < RT__CLASS_COUNT; i++) {
        bytes += t->n[i] * rt__class_size(i);
    }
    return bytes;
}

void rt__tally_all(struct rt__tally *out, size_t offset)
{
    memset(out, 0, sizeof(*out));
    for (struct rt__thread *t = rt__threads_first(); t; t = t->next) {
        rt__tally_sum(out, (const struct rt__tally *)((const char *)t + offset));
    }
    rt__tally_sum(out, (const struct rt__tally *)((const char *)&late_record + offset));
}

uint64_t rt__managed_bytes_all(void)
{
    uint64_t bytes = __atomic_load_n(&late_record.managed_alloc.bytes, __ATOMIC_ACQUIRE);
    for (struct rt__thread *t = rt__threads_first(); t; t = t->next) {
        bytes += __atomic_load_n(&t->managed_alloc.bytes, __ATOMIC_ACQUIRE);
    }
    return bytes;
}

unsigned rt__threads_count(void)
{
    unsigned n = 0;
    for (struct rt__thread *t = rt__threads_first(); t; t = t->next) {
        n += __atomic_load_n(&t->in_use, __ATOMIC_RELAXED);
    }
    return n;
}

uint64_t rt__stacks_bytes(void)
{
    uint64_t bytes = 0;
    for (struct rt__thread *t = rt__threads_first(); t; t = t->next) {
        uintptr_t base = __atomic_load_n(&t->stack_base, __ATOMIC_RELAXED);
        uintptr_t low = __atomic_load_n(&t->stack_low, __ATOMIC_RELAXED);
        if (__atomic_load_n(&t->in_use, __ATOMIC_RELAXED) && base > low && low != 0) {
            bytes += base - low;
        }
    }
    return bytes;
}
