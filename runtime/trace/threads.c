/* threads.c - the records of threads, from their begin to their end.
 *
 * A thread takes the first record of the list that nobody uses, so that slots stay few: a viewer shows a row for
 * each. Records are mapped a page at a time and stay; the list is only added to at its end.
 *
 * A thread's end is seen by a destructor of pthread's. Other destructors may still lock, sleep and free, so ours asks
 * to be called again, until libc's last round but one: in the last, sanitizers take leave of the thread, and nothing of
 * ours may run after that. What comes later than the end is not recorded.
 *
 * Readers look at a record while it is handed on: its number is 0 from one thread's end until the next
 * thread's words are all there, and is looked at before and after. Stronger orders stand in for fences as in
 * chunk.c. Must never wait or allocate from a heap.
 */
#include "runtime/trace/record.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <unistd.h>
#include "runtime/os/os.h"
#include "runtime/trace/sites.h"
#include "runtime/unwind/caller.h"

#define END_ROUND (PTHREAD_DESTRUCTOR_ITERATIONS - 1)

#define PAGE_BYTES 4096u
#define PAGE_RECORDS (PAGE_BYTES / sizeof(struct rt__trace_thread))

__thread struct rt__trace_thread *rt__trace_self_ptr __attribute__((tls_model("initial-exec")));
static __thread bool t_past_end __attribute__((tls_model("initial-exec")));

struct rt__trace_thread *rt__trace_threads;

#define MAIN_THREAD 1u
static uint64_t numbers = MAIN_THREAD; /* handed out: libgc may make threads before the main thread comes here */
static pthread_key_t end_key;
static pthread_once_t end_key_once = PTHREAD_ONCE_INIT;

/* ---- the list ------------------------------------------------------------------------------------- */

static struct rt__trace_thread *next_of(struct rt__trace_thread *const *at)
{
    return __atomic_load_n(at, __ATOMIC_ACQUIRE);
}

static bool take(struct rt__trace_thread *t)
{
    bool idle = false;
    return !__atomic_load_n(&t->in_use, __ATOMIC_RELAXED) &&
           __atomic_compare_exchange_n(&t->in_use, &idle, true, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

/* To the list's end, which is at `end` unless somebody has added there first. False: there is no memory. */
static bool add_page(struct rt__trace_thread **end, uint32_t first_slot)
{
    struct rt__trace_thread *none = NULL;
    struct rt__trace_thread *page = rt__os_map_if_any(PAGE_BYTES, RT__OS_OTHER);
    if (!page) {
        return false;
    }
    for (uint32_t i = 0; i < PAGE_RECORDS; i++) {
        page[i].slot = first_slot + i;
        page[i].next = i + 1 < PAGE_RECORDS ? &page[i + 1] : NULL;
    }
    if (!__atomic_compare_exchange_n(end, &none, page, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED)) {
        rt__os_unmap(page, PAGE_BYTES, RT__OS_OTHER);
    }
    return true;
}

/* What is added is for whoever comes first: so a crowd of threads that begin at once adds no page for each. */
static struct rt__trace_thread *take_first_idle(void)
{
    struct rt__trace_thread **at = &rt__trace_threads;
    uint32_t slot = 0;
    for (;;) {
        struct rt__trace_thread *t = next_of(at);
        if (!t) {
            if (!add_page(at, slot)) {
                return NULL;
            }
            continue;
        }
        if (take(t)) {
            return t;
        }
        at = &t->next;
        slot = t->slot + 1;
    }
}

/* ---- begin and end -------------------------------------------------------------------------------- */

/* Release for each: see above. */
static void become_of_self(struct rt__trace_thread *t)
{
    pid_t tid = rt__os_tid();
    bool is_main = tid == getpid();
    t->chunk = NULL;
    t->base = t->index = t->lost = t->retry_ticks = t->task = t->woke = 0;
    t->used = t->extra = t->ended = t->depth = 0;
    t->is_busy = false;
    __atomic_store_n(&t->tid, tid, __ATOMIC_RELEASE);
    __atomic_store_n(&t->born_ticks, rt__ticks(), __ATOMIC_RELEASE);
    __atomic_store_n(&t->start_fn, 0, __ATOMIC_RELEASE);
    __atomic_store_n(&t->blocked_since, 0, __ATOMIC_RELEASE);
    __atomic_store_n(&t->number, is_main ? MAIN_THREAD : __atomic_add_fetch(&numbers, 1, __ATOMIC_RELAXED),
                     __ATOMIC_RELEASE);
}

static void hand_on(struct rt__trace_thread *t)
{
    __atomic_store_n(&t->number, 0, __ATOMIC_RELEASE);
    __atomic_store_n(&t->in_use, false, __ATOMIC_RELEASE);
}

static void on_thread_end(void *record)
{
    struct rt__trace_thread *t = record;
    if (++t->ended < END_ROUND && pthread_setspecific(end_key, t) == 0) {
        return;
    }
    rt__record(t, rt__ticks(), RT__EV_END, 0, NULL, 0);
    rt__record_flush();
    t_past_end = true;
    rt__trace_self_ptr = NULL;
    hand_on(t);
}

static void make_end_key(void)
{
    if (pthread_key_create(&end_key, on_thread_end) != 0) {
        rt__os_die(1, "no thread-specific data key left for the runtime");
    }
}

struct rt__trace_thread *rt__trace_self_slow(void)
{
    struct rt__trace_thread *t = rt__trace_self_ptr;
    int saved_errno = errno;
    if (t || t_past_end) {
        return t;
    }
    t = take_first_idle();
    if (t) {
        become_of_self(t);
        rt__trace_self_ptr = t; /* before what may allocate, and ask for the record again */
        pthread_once(&end_key_once, make_end_key);
        pthread_setspecific(end_key, t);
    }
    errno = saved_errno;
    return t;
}

void rt__trace_threads_forget(void)
{
    struct rt__trace_thread *self = rt__trace_self_ptr;
    for (struct rt__trace_thread *t = next_of(&rt__trace_threads); t; t = next_of(&t->next)) {
        t->chunk = NULL;
        if (t != self) {
            hand_on(t);
        } else {
            t->lost = t->retry_ticks = 0;
            __atomic_store_n(&t->tid, rt__os_tid(), __ATOMIC_RELEASE);
        }
    }
}

void rt__trace_thread_made(struct rt__trace_birth *birth, uintptr_t fn, const void *caller)
{
    *birth = (struct rt__trace_birth){.fn = fn};
    if (rt__is_recording()) {
        int saved_errno = errno;
        uintptr_t pcs[RT__STACK_MAX];
        birth->ticks = rt__ticks();
        birth->stack = rt__stack_id(pcs, rt__caller_stack(caller, pcs));
        errno = saved_errno;
    }
}

void rt__trace_thread_begins(const struct rt__trace_birth *birth)
{
    struct rt__trace_thread *t = rt__trace_self();
    if (!t) {
        return;
    }
    uint64_t now = rt__ticks();
    uint64_t made = birth->ticks ? birth->ticks : now;
    __atomic_store_n(&t->start_fn, birth->fn, __ATOMIC_RELEASE);
    __atomic_store_n(&t->born_ticks, made, __ATOMIC_RELEASE);
    rt__record(t, now, RT__EV_BEGIN, birth->stack, (const uint64_t[]){made, birth->fn}, 2);
}

/* ---- reading -------------------------------------------------------------------------------------- */

bool rt__trace_thread_read(const struct rt__trace_thread *t, struct rt__trace_seen *out)
{
    out->number = __atomic_load_n(&t->number, __ATOMIC_ACQUIRE);
    if (out->number == 0) {
        return false;
    }
    out->slot = t->slot;
    out->tid = __atomic_load_n(&t->tid, __ATOMIC_ACQUIRE);
    out->born_ticks = __atomic_load_n(&t->born_ticks, __ATOMIC_ACQUIRE);
    out->start_fn = __atomic_load_n(&t->start_fn, __ATOMIC_ACQUIRE);
    out->blocked_since = __atomic_load_n(&t->blocked_since, __ATOMIC_ACQUIRE);
    out->blocked_reason = (enum rt__block)__atomic_load_n(&t->blocked_reason, __ATOMIC_ACQUIRE);
    out->blocked_pc = __atomic_load_n(&t->blocked_pc, __ATOMIC_ACQUIRE);
    if (out->blocked_since != __atomic_load_n(&t->blocked_since, __ATOMIC_ACQUIRE)) {
        out->blocked_since = 0; /* it ran in between */
    }
    return out->number == __atomic_load_n(&t->number, __ATOMIC_RELAXED);
}
