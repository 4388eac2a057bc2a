/* boehm.c - the managed heap on Boehm GC, paced by us.
 *
 * The collector's own trigger is off (GC_set_disable_automatic_collection; GC_gcollect still works
 * then, under GC_disable it would not): gc/ decides when. What the pacer needs and Boehm does not
 * offer is how much was found live: sweeping is lazy, so no counter says it when marking ends. We
 * count marked objects ourselves, by size, at the event RECLAIM_START (2.8 ns an object), and get
 * exact frees with it: allocated so far, less live. The count includes what sits on the threads'
 * free lists of libgc (at most one 4 KiB block for each size and thread), which it marks too.
 *
 * The event callback runs with libgc's lock held and partly with the world stopped, when any other
 * thread may hold any lock: it must never allocate, print or wait.
 */
#ifndef RT_SANITIZE

#include "runtime/heap/backend.h"

#define GC_THREADS
#define GC_NO_THREAD_REDIRECTS /* pthread_create stays libc's: threads are registered by us */
#include <gc/gc.h>
#include <gc/gc_inline.h>
#include <gc/gc_mark.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include "runtime/heap/account.h"
#include "runtime/heap/sample.h"
#include "runtime/os/os.h"

#define MAX_MARKERS 64

static pid_t marker_tids[MAX_MARKERS];
static unsigned marker_count;

static struct {
    struct rt__collection *out; /* of the cycle that we asked for; NULL for one of libgc's own */
    uint64_t stop_at_ns, stopped_at_ns, running_at_ns;
    uint64_t stop_cpu_ns, stopped_cpu_ns, running_cpu_ns, markers_cpu_ns;
    struct rt__tally allocated, live;
} cycle;

/* Written in the callback, read by statistics: a sequence lock, odd while being written. */
static struct rt__tally freed;
static uint32_t freed_seq;

/* ---- events ---------------------------------------------------------------------------------- */

static uint64_t markers_cpu_ns(void)
{
    uint64_t ns = 0;
    for (unsigned i = 0; i < marker_count; i++) {
        ns += rt__os_thread_cpu_of_ns(marker_tids[i]);
    }
    return ns;
}

static void count_live(void *object, size_t bytes, void *unused)
{
    (void)object;
    (void)unused;
    cycle.live.n[rt__class_of_block(bytes)]++;
    cycle.live.bytes += bytes;
}

/* frees = allocated - live, class by class; never less than before, because an object that libgc
 * marked on a free list was never allocated. */
static void raise_to_dead(uint64_t *freed_so_far, uint64_t allocated, uint64_t live)
{
    if (allocated > live && allocated - live > *freed_so_far) {
        *freed_so_far = allocated - live;
    }
}

static void note_freed(void)
{
    __atomic_store_n(&freed_seq, freed_seq + 1, __ATOMIC_RELEASE);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    for (unsigned i = 0; i < RT__CLASS_COUNT; i++) {
        raise_to_dead(&freed.n[i], cycle.allocated.n[i], cycle.live.n[i]);
    }
    raise_to_dead(&freed.bytes, cycle.allocated.bytes, cycle.live.bytes);
    __atomic_store_n(&freed_seq, freed_seq + 1, __ATOMIC_RELEASE);
}

/* Adds: a cycle that gives all back collects several times. */
static void report(struct rt__collection *out, uint64_t now_ns, uint64_t now_cpu_ns)
{
    out->stop_ns += cycle.stopped_at_ns - cycle.stop_at_ns;
    out->mark_ns += cycle.running_at_ns - cycle.stopped_at_ns;
    out->sweep_ns += now_ns - cycle.running_at_ns;
    out->stop_cpu_ns += cycle.stopped_cpu_ns - cycle.stop_cpu_ns;
    out->assist_cpu_ns += cycle.running_cpu_ns - cycle.stopped_cpu_ns;
    out->background_cpu_ns += cycle.markers_cpu_ns;
    out->sweep_cpu_ns += now_cpu_ns - cycle.running_cpu_ns;
    out->live_bytes = cycle.live.bytes;
    out->allocated_bytes_at_mark = cycle.allocated.bytes;
}

static bool is_marked(const void *object)
{
    return GC_is_marked(object) != 0;
}

static void on_event(GC_EventType event)
{
    switch (event) {
    case GC_EVENT_PRE_STOP_WORLD:
        cycle.stop_at_ns = rt__os_now_ns();
        cycle.stop_cpu_ns = rt__os_thread_cpu_ns();
        break;
    case GC_EVENT_POST_STOP_WORLD:
        cycle.stopped_at_ns = rt__os_now_ns();
        cycle.stopped_cpu_ns = rt__os_thread_cpu_ns();
        cycle.markers_cpu_ns = markers_cpu_ns();
        break;
    case GC_EVENT_PRE_START_WORLD:
        /* Exact: whoever could change these stands still. */
        rt__tally_all(&cycle.allocated, offsetof(struct rt__thread, managed_alloc));
        break;
    case GC_EVENT_POST_START_WORLD:
        cycle.running_at_ns = rt__os_now_ns();
        cycle.running_cpu_ns = rt__os_thread_cpu_ns();
        cycle.markers_cpu_ns = markers_cpu_ns() - cycle.markers_cpu_ns;
        break;
    case GC_EVENT_RECLAIM_START:
        memset(&cycle.live, 0, sizeof(cycle.live));
        GC_enumerate_reachable_objects_inner(count_live, NULL);
        note_freed();
        if (rt__sampler.marked) {
            rt__sampler.marked(is_marked);
        }
        break;
    case GC_EVENT_END:
        if (cycle.out) {
            report(cycle.out, rt__os_now_ns(), rt__os_thread_cpu_ns());
        }
        break;
    default:
        break;
    }
}

/* libgc unmaps a free block when it was free at the two collections before as well, so giving back
 * all takes three; what the first two found free is not much as a rule, and then they suffice. */
#define PASSES_TO_UNMAP 3
#define NOT_WORTH_A_PASS (256u << 10)

static void boehm_collect(struct rt__collection *out, enum rt__release release)
{
    cycle.out = out; /* the caller lets in one at a time */
    if (release == RT__RELEASE_NOTHING) {
        GC_gcollect();
    } else {
        GC_gcollect_and_unmap();
    }
    for (int pass = 1; release == RT__RELEASE_ALL && pass < PASSES_TO_UNMAP; pass++) {
        if (GC_get_free_bytes() < NOT_WORTH_A_PASS) {
            break;
        }
        GC_gcollect_and_unmap();
    }
    cycle.out = NULL;
    out->heap_end_bytes = out->live_bytes;
}

static void boehm_freed(struct rt__tally *out)
{
    uint32_t seq;
    do {
        seq = __atomic_load_n(&freed_seq, __ATOMIC_ACQUIRE);
        memset(out, 0, sizeof(*out));
        rt__tally_sum(out, &freed);
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
    } while ((seq & 1) || seq != __atomic_load_n(&freed_seq, __ATOMIC_RELAXED));
}

/* ---- objects --------------------------------------------------------------------------------- */

/* The size is asked of each object: libgc gives one and the same request now its size map's class (100
 * bytes: 128), now, from a thread's free list, the exact granules (112). */
static void *counted(struct rt__thread *t, void *p, size_t size)
{
    if (rt__unlikely(!p)) {
        rt__out_of_memory(size);
    }
    rt__tally_managed(&t->managed_alloc, GC_size(p));
    return p;
}

static void *boehm_alloc(struct rt__thread *t, size_t size)
{
    return counted(t, GC_malloc(size), size);
}

static void *boehm_alloc_atomic(struct rt__thread *t, size_t size)
{
    return counted(t, GC_malloc_atomic(size), size);
}

/* Counted like the rest: libgc reports such objects among the live ones. */
static void *boehm_alloc_root(struct rt__thread *t, size_t size)
{
    return counted(t, GC_malloc_uncollectable(size), size);
}

/* Its death is counted, like every other's, by the next cycle. */
static void boehm_free_root(void *p)
{
    GC_free(p);
}

static void *boehm_realloc(struct rt__thread *t, void *p, size_t size)
{
    size_t old = GC_size(p);
    if (size <= old && size >= old / 2) {
        return p;
    }
    int kind = GC_get_kind_and_size(p, NULL);
    bool atomic = kind == GC_I_PTRFREE;
    void *q = atomic ? boehm_alloc_atomic(t, size) : boehm_alloc(t, size);
    memcpy(q, p, old < size ? old : size);
    return q;
}

static void boehm_free(void *p)
{
    (void)p;
}

static size_t boehm_usable(const void *p)
{
    return GC_size(p);
}

static void boehm_add_roots(void *low, void *high)
{
    GC_add_roots(low, high);
}

/* ---- threads and start ----------------------------------------------------------------------- */

static void boehm_thread_start(struct rt__thread *t)
{
    struct GC_stack_base base;
    if (t->collector_knows || GC_thread_is_registered()) {
        return;
    }
    /* GC_get_stack_base gives the very top, so that the thread's descriptor with its specific data is
     * looked into too, but asks libc, which allocates. */
    base.mem_base = t->never_allocates ? rt__os_stack_base() : NULL;
    if ((!base.mem_base && GC_get_stack_base(&base) != GC_SUCCESS) || GC_register_my_thread(&base) != GC_SUCCESS) {
        rt__os_die(1, "the collector cannot register a thread: its stack base is unknown");
    }
    t->collector_knows = true;
}

/* GC_do_blocking notes where the stack ends and how the registers stand, so that a cycle can look at
 * both without stopping the thread; at its end it waits for a cycle that is under way. */
static void *boehm_block(struct rt__thread *t, void *(*fn)(void *arg), void *arg)
{
    return t->collector_knows ? GC_do_blocking(fn, arg) : fn(arg);
}

static void boehm_thread_exit(struct rt__thread *t)
{
    if (t->collector_knows) {
        t->collector_knows = false;
        GC_unregister_my_thread();
    }
}

static void note_marker(pid_t tid, void *unused)
{
    (void)unused;
    if (marker_count < MAX_MARKERS) {
        marker_tids[marker_count++] = tid;
    }
}

static void on_warning(char *format, GC_word value)
{
    char text[256];
    snprintf(text, sizeof(text), format, value);
    size_t length = strcspn(text, "\n");
    rt__os_print("%s: collector: %.*s\n", rt__os_program(), (int)length, text);
}

/* The main thread's __thread variables lie apart from its stack, where libgc does not look (other
 * threads' lie on theirs). This runs on the main thread, so these addresses are its own. */
static int add_thread_variables(struct dl_phdr_info *info, size_t size, void *unused)
{
    (void)size;
    (void)unused;
    for (int i = 0; info->dlpi_tls_data && i < info->dlpi_phnum; i++) {
        if (info->dlpi_phdr[i].p_type == PT_TLS) {
            char *low = info->dlpi_tls_data;
            GC_add_roots(low, low + info->dlpi_phdr[i].p_memsz);
        }
    }
    return 0;
}

static void boehm_start(unsigned markers)
{
    GC_set_handle_fork(1);
    GC_set_markers_count(markers < MAX_MARKERS ? markers : MAX_MARKERS);
    GC_set_warn_proc(on_warning);
    GC_set_on_collection_event(on_event);
    GC_INIT();
    GC_allow_register_threads();
    GC_set_disable_automatic_collection(1);
    rt__os_threads_named("GC-marker-", note_marker, NULL);
    dl_iterate_phdr(add_thread_variables, NULL);
    rt__thread_on_exit = boehm_thread_exit;
}

/* libgc grows its heap by 1/divisor of it, by 64 KiB at least. Its own 3 is a third: the heap would
 * pass a limit that its objects keep well below. */
#define GROWTH_DIVISOR 3
#define GROWTH_DIVISOR_LIMITED 64

static void boehm_grow_in_small_steps(bool small)
{
    GC_set_free_space_divisor(small ? GROWTH_DIVISOR_LIMITED : GROWTH_DIVISOR);
}

/* ---- figures --------------------------------------------------------------------------------- */

static void boehm_held(struct rt__held *held)
{
    /* Read without libgc's lock: each is one word, and a snapshot during a resize may mix two
     * moments; the clamps keep the parts consistent. */
    uint64_t mapped = GC_get_heap_size(); /* without the unmapped part */
    uint64_t unmapped = GC_get_unmapped_bytes();
    uint64_t free_bytes = GC_get_free_bytes();
    uint64_t from_os = GC_get_obtained_from_os_bytes();
    held->heap_sys += mapped + unmapped;
    held->heap_held += mapped;
    held->managed_held = mapped;
    held->heap_free += free_bytes < mapped ? free_bytes : mapped;
    held->collector_own = from_os > mapped + unmapped ? from_os - mapped - unmapped : 0;
}

static int add_writable(struct dl_phdr_info *info, size_t size, void *total)
{
    (void)size;
    uint64_t bytes = 0, relro = 0;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        if (segment->p_type == PT_LOAD && (segment->p_flags & PF_W)) {
            bytes += segment->p_memsz;
        } else if (segment->p_type == PT_GNU_RELRO) {
            relro += segment->p_memsz; /* read-only after start: the collector leaves it out */
        }
    }
    *(uint64_t *)total += bytes > relro ? bytes - relro : 0;
    return 0;
}

static uint64_t boehm_globals_bytes(void)
{
    uint64_t total = 0;
    dl_iterate_phdr(add_writable, &total);
    return total;
}

static void boehm_describe(char *buf, size_t size)
{
    snprintf(buf, size, "boehm: heap %zu KiB, %zu KiB free, %zu KiB unmapped, %zu KiB from the system, %u markers",
             (size_t)GC_get_heap_size() >> 10, (size_t)GC_get_free_bytes() >> 10, (size_t)GC_get_unmapped_bytes() >> 10,
             (size_t)GC_get_obtained_from_os_bytes() >> 10, marker_count + 1);
}

const struct rt__backend rt__backend_boehm = {
    .name = "boehm",
    .collected = true,
    .start = boehm_start,
    .alloc = boehm_alloc,
    .alloc_atomic = boehm_alloc_atomic,
    .alloc_root = boehm_alloc_root,
    .free_root = boehm_free_root,
    .realloc = boehm_realloc,
    .free = boehm_free,
    .usable = boehm_usable,
    .add_roots = boehm_add_roots,
    .thread_start = boehm_thread_start,
    .block = boehm_block,
    .stop_signal = GC_get_suspend_signal,
    .grow_in_small_steps = boehm_grow_in_small_steps,
    .collect = boehm_collect,
    .freed = boehm_freed,
    .held = boehm_held,
    .globals_bytes = boehm_globals_bytes,
    .describe = boehm_describe,
};

#endif
