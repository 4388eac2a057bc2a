/* memstats.c - Go's MemStats of both heaps (see memstats.h).
 *
 * How a snapshot stays consistent without stopping the world: the collector's state is read
 * first, so that a snapshot that shows cycle N also shows the memory it found dead; then the
 * counts; then what is held, because a heap takes memory before it hands out objects in it. What
 * can still be out of step - memory that went back to the system between the last two reads - is
 * mended by heap_split. Must never take a lock that an allocation takes, nor allocate.
 */
#include "runtime/stats/memstats.h"

#include <math.h>
#include <string.h>
#include "runtime/heap/thread.h"

void (*rt__figures_of_trace)(struct rt__trace_figures *out);

static uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static void fill_counts(struct rt_memstats *out, const struct rt__account *a)
{
    /* The account promises frees <= mallocs; a count of objects that wraps to 2^64 would be the
     * worst way to learn that it did not keep it. */
    out->Mallocs = a->mallocs;
    out->Frees = min_u64(a->frees, a->mallocs);
    out->HeapObjects = out->Mallocs - out->Frees;
    out->TotalAlloc = a->alloc_bytes;
    out->HeapAlloc = a->alloc_bytes - min_u64(a->free_bytes, a->alloc_bytes);
    out->Alloc = out->HeapAlloc;
    for (unsigned i = 0; i < RT_SIZE_CLASSES; i++) {
        out->BySize[i].Size = rt__account_class_size(i);
        out->BySize[i].Mallocs = a->by_class[i].mallocs;
        out->BySize[i].Frees = min_u64(a->by_class[i].frees, a->by_class[i].mallocs);
    }
}

/* Sys = in use + free + released, where in use is never below HeapAlloc. Objects that the held
 * figures do not account for were allocated after those were read: out of free blocks as far as
 * these go (what is held stays as read), out of new memory beyond that. */
static void heap_split(struct rt_memstats *out, const struct rt__held *held)
{
    uint64_t sys = held->heap_sys > held->heap_held ? held->heap_sys : held->heap_held;
    uint64_t free_blocks = min_u64(held->heap_free, held->heap_held);
    uint64_t inuse = held->heap_held - free_blocks;
    out->HeapReleased = sys - held->heap_held;
    if (inuse < out->HeapAlloc) {
        uint64_t missing = out->HeapAlloc - inuse;
        uint64_t from_free = min_u64(missing, free_blocks);
        free_blocks -= from_free;
        sys += missing - from_free;
        inuse = out->HeapAlloc;
    }
    out->HeapSys = sys;
    out->HeapInuse = inuse;
    out->HeapIdle = out->HeapReleased + free_blocks;
}

static void fill_collector(struct rt_memstats *out, const struct rt__gc_state *gc)
{
    out->NextGC = gc->goal_bytes;
    out->LastGC = gc->last_end_unix_ns;
    out->PauseTotalNs = gc->pause_total_ns;
    memcpy(out->PauseNs, gc->pause_ns, sizeof out->PauseNs);
    memcpy(out->PauseEnd, gc->pause_end_unix_ns, sizeof out->PauseEnd);
    out->NumGC = (uint32_t)gc->cycles;
    out->NumForcedGC = (uint32_t)gc->forced_cycles;
    out->GCCPUFraction = isfinite(gc->gc_cpu_fraction) ? fmin(fmax(gc->gc_cpu_fraction, 0), 1) : 0;
    out->EnableGC = true;
    out->DebugGC = false;
}

void rt__memstats_fill(struct rt_memstats *out, const struct rt__account *account, const struct rt__held *held,
                       const struct rt__gc_state *gc, const struct rt__os_figures *os)
{
    memset(out, 0, sizeof *out);
    out->size = sizeof *out;
    out->version = 1;
    fill_counts(out, account);
    heap_split(out, held);
    fill_collector(out, gc);
    out->StackInuse = os->stacks_bytes;
    out->StackSys = os->stacks_bytes;
    out->MCacheSys = os->mapped_bytes[RT__OS_MCACHE];
    out->MCacheInuse = min_u64(os->threads * os->record_bytes, out->MCacheSys);
    out->BuckHashSys = os->mapped_bytes[RT__OS_BUCKETS];
    out->GCSys = held->collector_own + os->mapped_bytes[RT__OS_GC];
    out->OtherSys = os->mapped_bytes[RT__OS_OTHER];
    out->Sys =
        out->HeapSys + out->StackSys + out->MSpanSys + out->MCacheSys + out->BuckHashSys + out->GCSys + out->OtherSys;
}

uint64_t rt__memstats_limited_bytes(const struct rt_memstats *ms)
{
    return ms->HeapSys - ms->HeapReleased + ms->MCacheSys + ms->BuckHashSys + ms->GCSys + ms->OtherSys;
}

static void read_trace(struct rt__trace_figures *out)
{
    void (*read)(struct rt__trace_figures *) = __atomic_load_n(&rt__figures_of_trace, __ATOMIC_ACQUIRE);
    memset(out, 0, sizeof *out);
    if (read)
        read(out);
}

void rt__figures_read(struct rt__figures *out, bool with_rss)
{
    rt__gc_state_read(&out->gc);
    rt__account_read(&out->account);
    rt__held_read(&out->held);
    for (unsigned use = 0; use < RT__OS_USES; use++)
        out->os.mapped_bytes[use] = rt__os_mapped((enum rt__os_use)use);
    out->os.stacks_bytes = rt__stacks_bytes();
    out->os.threads = rt__threads_count();
    out->os.record_bytes = sizeof(struct rt__thread);
    out->os.rss_bytes = with_rss ? rt__os_rss() : 0;
    out->os.elapsed_ns = rt__os_now_ns() - rt__os_start_ns();
    out->os.max_procs = (uint64_t)rt_max_procs();
    rt__pauses_read(&out->pauses);
    read_trace(&out->trace);
    rt__memstats_fill(&out->memstats, &out->account, &out->held, &out->gc, &out->os);
}

void rt_read_memstats(struct rt_memstats *out)
{
    struct rt__figures figures;
    rt__figures_read(&figures, false);
    *out = figures.memstats;
}
