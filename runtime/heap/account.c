/* account.c - see account.h. */
#include "runtime/heap/account.h"

#include <string.h>
#include "runtime/heap/backend.h"
#include "runtime/heap/process.h"
#include "runtime/heap/thread.h"
#include "runtime/os/os.h"

static void fold(struct rt__account *out, const struct rt__tally *allocs, const struct rt__tally *frees)
{
    for (unsigned class = 1; class < RT__CLASS_COUNT; class ++) {
        out->by_class[class].mallocs += allocs->n[class];
        out->by_class[class].frees += frees->n[class];
    }
    out->mallocs += rt__tally_blocks(allocs);
    out->frees += rt__tally_blocks(frees);
}

/* Frees are read before allocations: a free that was seen had its allocation before it, so no
 * snapshot can hold more frees than allocations. */
void rt__account_read(struct rt__account *out)
{
    struct rt__tally process_frees, process_allocs, managed_frees, managed_allocs;
    const struct rt__backend *backend = rt__backend;
    memset(out, 0, sizeof(*out));
    rt__tally_all(&process_frees, offsetof(struct rt__thread, process_free));
    if (backend) {
        backend->freed(&managed_frees);
    } else {
        memset(&managed_frees, 0, sizeof(managed_frees));
    }
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    rt__tally_all(&process_allocs, offsetof(struct rt__thread, process_alloc));
    rt__tally_all(&managed_allocs, offsetof(struct rt__thread, managed_alloc));

    fold(out, &process_allocs, &process_frees);
    fold(out, &managed_allocs, &managed_frees);
    out->managed_mallocs = rt__tally_blocks(&managed_allocs);
    out->managed_frees = rt__tally_blocks(&managed_frees);
    out->managed_alloc_bytes = managed_allocs.bytes;
    out->managed_free_bytes = managed_frees.bytes;
    out->alloc_bytes = rt__tally_process_bytes(&process_allocs) + managed_allocs.bytes;
    out->free_bytes = rt__tally_process_bytes(&process_frees) + managed_frees.bytes;
}

uint32_t rt__account_class_size(unsigned i)
{
    return i == 0 || i > RT__CLASS_LAST ? 0 : rt__class_size(i);
}

void rt__held_read(struct rt__held *out)
{
    uint64_t peak;
    memset(out, 0, sizeof(*out));
    rt__process_held(&out->process_held, &peak);
    out->heap_held = out->process_held;
    out->heap_sys = peak;
    if (rt__backend) {
        rt__backend->held(out);
    }
}
