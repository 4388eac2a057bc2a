/* peak.c - how much memory reading a file of rooms in pieces takes at most.
 *
 * The figure is the runtime's own: bytes allocated and not freed on both heaps (HeapAlloc), looked at after each
 * piece. What the parser has then it keeps, or frees after the last piece, so nothing in between is higher. The
 * collector is held still meanwhile: a cycle would take earlier garbage off the account, and flatter the result.
 */
#include "bench/json/peak.h"

#include "bench/json/file.h"
#include "runtime/cruntime.h"

static uint64_t heap_bytes(void)
{
    static struct rt_memstats stats; /* some kilobytes: not for a stack that is measured */
    rt_read_memstats(&stats);
    return stats.HeapAlloc;
}

static void look(void *arg)
{
    uint64_t *most = arg, now = heap_bytes();
    if (now > *most) {
        *most = now;
    }
}

bool rooms_measure_peak(const char *path, struct rooms_peak *out, char *error)
{
    int percent = rt_set_gc_percent(-1);
    rt_gc();
    uint64_t before = heap_bytes(), most = before;
    struct rt_scope *scope = rt_scope_begin();
    struct rooms rooms;
    bool parsed = rooms_read_stream(scope, path, &rooms, error, look, &most);
    rt_scope_end(scope);
    rt_set_gc_percent(percent);
    if (parsed) {
        *out = (struct rooms_peak){most - before, rooms.bytes, rooms.count};
    }
    return parsed;
}
