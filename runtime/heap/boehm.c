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
#include "runtime/os/os.h"

#define MAX_MARKERS 64

/* A size's class is fixed once libgc has handed it out (its size map only gains entries), so it is
 * asked once. 0 = not yet asked. */
#define KNOWN_SIZES 2049
static uint16_t class_bytes[2][KNOWN_SIZES];

static pid_t marker_tids[MAX_MARKERS];
static unsigned marker_count;

static struct {
    struct rt__collection *out; /* of the cycle that we asked for; NULL for one of libgc's own */
    uint64_t stop_at_ns, stopped_at_ns, running_at_ns;
    uint64_t stop_cpu_ns, stopped_cpu_ns, running_cpu_ns, markers_cpu_ns;
    struct rt__tally allocated, live;
    uint64_t allocated_bytes;
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
    if (bytes <= RT__SMALL_MAX) {
        cycle.live.n[bytes >> 3]++;
    } else {
        cycle.live.n[rt__slot_of_large(bytes)]++;
        cycle.live.large_bytes += bytes;
    }
}

/* frees = allocated - live, slot by slot; never less than before, because an object that libgc
 * marked on a free list was never allocated. */
static void note_freed(void)
{
    __atomic_store_n(&freed_seq, freed_seq + 1, __ATOMIC_RELEASE);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    for (unsigned i = 0; i < RT__SLOTS; i++) {
        uint64_t dead = cycle.allocated.n[i] > cycle.live.n[i] ? cycle.allocated.n[i] - cycle.live.n[i] : 0;
        if (dead > freed.n[i]) {
            freed.n[i] = dead;
        }
    }
    uint64_t dead = cycle.allocated.large_bytes > cycle.live.large_bytes
                        ? cycle.allocated.large_bytes - cycle.live.large_bytes
                        : 0;
    if (dead > freed.large_bytes) {
        freed.large_bytes = dead;
    }
    __atomic_store_n(&freed_seq, freed_seq + 1, __ATOMIC_RELEASE);
}

static void report(struct rt__collection *out, uint64_t now_ns, uint64_t now_cpu_ns)
{
    out->stop_ns = cycle.stopped_at_ns - cycle.stop_at_ns;
    out->mark_ns = cycle.running_at_ns - cycle.stopped_at_ns;
    out->sweep_ns = now_ns - cycle.running_at_ns;
    out->stop_cpu_ns = cycle.stopped_cpu_ns - cycle.stop_cpu_ns;
    out->assist_cpu_ns = cycle.running_cpu_ns - cycle.stopped_cpu_ns;
    out->background_cpu_ns = cycle.markers_cpu_ns;
    out->sweep_cpu_ns = now_cpu_ns - cycle.running_cpu_ns;
    out->live_bytes = rt__tally_bytes(&cycle.live, true);
    out->allocated_bytes_at_mark = cycle.allocated_bytes;
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
        cycle.allocated_bytes = rt__managed_bytes_all();
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

static void boehm_collect(struct rt__collection *out, bool release_memory)
{
    cycle.out = out; /* the caller lets in one at a time */
    if (release_memory) {
        GC_gcollect_and_unmap();
    } else {
        GC_gcollect();
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

static size_t class_size(const void *p, size_t size, bool atomic)
{
    if (size >= KNOWN_SIZES) {
        return GC_size(p);
    }
    uint16_t *known = &class_bytes[atomic][size];
    uint16_t bytes = __atomic_load_n(known, __ATOMIC_RELAXED);
    if (rt__unlikely(bytes == 0)) {
        bytes = (uint16_t)GC_size(p);
        __atomic_store_n(known, bytes, __ATOMIC_RELAXED);
    }
    return bytes;
}

static void *counted(struct rt__thread *t, void *p, size_t size, bool atomic)
{
    if (rt__unlikely(!p)) {
        rt__out_of_memory(size);
    }
    size_t bytes = class_size(p, size, atomic);
    rt__tally_add(&t->managed_alloc, bytes);
    rt__bump(&t->managed_bytes, bytes);
    return p;
}

static void *boehm_alloc(struct rt__thread *t, size_t size)
{
    return counted(t, GC_malloc(size), size, false);
}

static void *boehm_alloc_atomic(struct rt__thread *t, size_t size)
{
    return counted(t, GC_malloc_atomic(size), size, true);
}

/* Counted like the rest: libgc reports such objects among the live ones. */
static void *boehm_alloc_root(struct rt__thread *t, size_t size)
{
    void *p = GC_malloc_uncollectable(size);
    if (rt__unlikely(!p)) {
        rt__out_of_memory(size);
    }
    rt__tally_add(&t->managed_alloc, GC_size(p));
    rt__bump(&t->managed_bytes, GC_size(p));
    return p;
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
    if (GC_get_stack_base(&base) != GC_SUCCESS || GC_register_my_thread(&base) != GC_SUCCESS) {
        rt__os_die(1, "the collector cannot register a thread: its stack base is unknown");
    }
    t->collector_knows = true;
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
    rt__thread_on_exit = boehm_thread_exit;
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
    .slots_exact = true,
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
    .collect = boehm_collect,
    .freed = boehm_freed,
    .held = boehm_held,
    .globals_bytes = boehm_globals_bytes,
    .describe = boehm_describe,
};

#endif
