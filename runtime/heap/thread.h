/* thread.h - what each thread counts, and the list of threads.
 *
 * A thread's counters are plain words that only it writes (stored with release, which costs
 * nothing on x86, so that a reader who sees a free also sees the allocation before it); readers
 * sum over the list without stopping anyone. A record is mapped once and never unmapped: when its
 * thread dies it is handed, counts and all, to the next new thread, so nothing is folded or lost.
 * Late callers - libc freeing a dying thread's last blocks after its record was given up - count
 * into one shared record under a spin lock.
 *
 * Must never call malloc, nor anything that could: it runs inside it.
 */
#ifndef RT_HEAP_THREAD_H
#define RT_HEAP_THREAD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "runtime/heap/sizes.h"

#define rt__likely(x) __builtin_expect(!!(x), 1)
#define rt__unlikely(x) __builtin_expect(!!(x), 0)

/* Blocks by class, cumulative. Of the process heap's blocks the bytes follow from the classes, but
 * for the huge ones; Boehm's sizes are its own, so there the bytes of all are added up. */
struct rt__tally {
    uint64_t n[RT__CLASS_COUNT];
    uint64_t bytes;
};

/* Bytes that a thread may allocate of one heap before it has to do something: look at the account
 * (watcher.h) or take a sample (sample.h). The fast path only counts `left` down. */
struct rt__budget {
    int64_t left;         /* below 0 (managed: at most 0): the slow path settles and grants anew */
    int64_t grant;        /* what left was last set to */
    int64_t until_look;   /* as of the last settling, like the next two */
    int64_t until_sample; /* an allocation of at least this size is sampled; RT__NO_SAMPLE: none is */
    int64_t since_look;   /* bytes spent since the last look */
    int64_t rate;         /* that until_sample was drawn with */
    uint64_t random;
};
#define RT__NO_SAMPLE (INT64_C(1) << 62)

struct mi_heap_s;

struct rt__thread {
    struct rt__budget process, managed;
    uint32_t class_counted; /* of the small block now being asked of mimalloc; see process.c */
    struct rt__tally process_alloc, process_free;
    struct rt__tally managed_alloc, managed_free; /* managed_free: by hand only (libc backend) */

    struct mi_heap_s *sampled_heap;  /* where its sampled blocks come from; NULL until the first */
    uint32_t give_back_seen;         /* rt__give_back_epoch that this thread has acted on */
    bool in_runtime;                 /* inside a cycle or a look: do not look again */
    bool never_allocates;            /* the background thread: it has no mimalloc heap, and must get none */
    bool collector_knows;            /* registered with the managed heap's collector by us */
    uintptr_t stack_base, stack_low; /* stack_low: where the stack stood at the last look */
    struct rt_scope *scopes;         /* ended scopes, kept for the next rt_scope_begin */
    uint32_t scopes_kept;
    uint32_t index; /* 0, 1, 2... in order of first use; pools pick a shard by it */
    pid_t tid;
    bool in_use; /* atomic */
    struct rt__thread *next;
};

extern __thread struct rt__thread *rt__self_ptr __attribute__((tls_model("initial-exec")));
/* The same while a free may read mimalloc's page headers, else NULL: one test for free instead of two. */
extern __thread struct rt__thread *rt__self_free __attribute__((tls_model("initial-exec")));
extern bool rt__free_reads_headers;    /* set before the first thread gets its record */
extern struct rt__thread *rt__threads; /* atomic head; only ever grows */

/* So early that this folder's end of a thread comes before mimalloc's: the keys' destructors run in the order
 * of their making. */
void rt__thread_first(void);

/* The calling thread's record, made at its first call; NULL when the thread is past its end: then
 * count with rt__late_begin/end. */
struct rt__thread *rt__self_slow(void);
static inline struct rt__thread *rt__self(void)
{
    struct rt__thread *t = rt__self_ptr;
    return rt__likely(t != NULL) ? t : rt__self_slow();
}

/* The shared record of late callers, locked. */
struct rt__thread *rt__late_begin(void);
void rt__late_end(void);

/* What a managed backend does when a thread that it knows ends; set once at start. */
extern void (*rt__thread_on_exit)(struct rt__thread *t);

static inline struct rt__thread *rt__threads_first(void)
{
    return __atomic_load_n(&rt__threads, __ATOMIC_ACQUIRE);
}

#ifdef RT_NO_COUNT /* bench/ only: what counting costs is measured against this */
#define RT__COUNTING 0
#else
#define RT__COUNTING 1
#endif

/* One writer, many readers: an add to memory, in one instruction where there is one (x86 keeps the
 * order of stores, and an aligned word is never torn). Spelt as load, add and release store, gcc
 * makes three instructions of it and computes the address twice. */
static inline void rt__bump(uint64_t *word, uint64_t by)
{
    if (RT__COUNTING) {
#if defined(__x86_64__) && !defined(RT_SANITIZE)
        __asm__ volatile("addq %1, %0" : "+m"(*word) : "er"(by));
#else
        __atomic_store_n(word, *word + by, __ATOMIC_RELEASE);
#endif
    }
}

/* Counts one process-heap block whose size (of its size class, not as asked) is `size`. */
static inline void rt__tally_process(struct rt__tally *t, size_t size)
{
    unsigned class = rt__class_of_block(size);
    rt__bump(&t->n[class], 1);
    if (rt__unlikely(class == RT__CLASS_HUGE)) {
        rt__bump(&t->bytes, size);
    }
}

/* Counts one managed object. */
static inline void rt__tally_managed(struct rt__tally *t, size_t size)
{
    rt__bump(&t->n[rt__class_of_block(size)], 1);
    rt__bump(&t->bytes, size);
}

/* dst += src, reading src as another thread may be writing it. */
void rt__tally_sum(struct rt__tally *dst, const struct rt__tally *src);
uint64_t rt__tally_blocks(const struct rt__tally *t);
/* Bytes of a process tally; a managed one has them in .bytes. */
uint64_t rt__tally_process_bytes(const struct rt__tally *t);

/* Sum over all threads, living and dead, of the tally at `offset` in struct rt__thread. */
void rt__tally_all(struct rt__tally *out, size_t offset);
/* Exact cumulative managed bytes of all threads. */
uint64_t rt__managed_bytes_all(void);

#endif
