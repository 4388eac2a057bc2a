/* rss.c - is what the statistics say of memory true of the process?
 *
 *     rss [MIB]        default 48
 *
 * Both heaps: MIB are allocated in small and large blocks and touched, then freed, then given back
 * by rt_free_os_memory. At each stage Sys - HeapReleased is compared with the kernel's resident
 * set, and both must move together. One JSON line a stage:
 *
 *     {"heap":"process","stage":"full","held":52428800,"rss":58720256,"free":196608}
 */
#include <stdlib.h>
#include "check.h"

#define SMALL_BYTES 512u
#define LARGE_BYTES (64 * KiB)

static struct rt_memstats stats;
static size_t small_count, large_count;

struct stage {
    int64_t held, rss;
    int64_t free; /* of what is held: blocks that nobody has, which the heap need not have touched yet */
};

static int64_t resident_bytes(void)
{
    char text[128] = "";
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f && fgets(text, sizeof(text), f)) {
        char *second = strchr(text, ' ');
        pages = second ? strtol(second, NULL, 10) : 0;
    }
    if (f) {
        fclose(f);
    }
    return pages * sysconf(_SC_PAGESIZE);
}

static struct stage tell(const char *heap, const char *name)
{
    rt_read_memstats(&stats);
    check_identities(&stats);
    struct stage s = {.held = (int64_t)(stats.Sys - stats.HeapReleased),
                      .rss = resident_bytes(),
                      .free = (int64_t)(stats.HeapIdle - stats.HeapReleased)};
    printf("{\"heap\":\"%s\",\"stage\":\"%s\",\"held\":%" PRId64 ",\"rss\":%" PRId64 ",\"free\":%" PRId64 "}\n", heap,
           name, s.held, s.rss, s.free);
    return s;
}

/* ---- the two heaps ----------------------------------------------------------------------------------- */

struct heap {
    const char *name;
    void *(*alloc)(size_t size);
    void (*free)(void *p);
};

static const struct heap heaps[] = {
    {.name = "process", .alloc = malloc, .free = free},
    {.name = "managed", .alloc = rt_alloc, .free = rt_free},
};

static void **slots; /* static data: a root, and a managed array */

static NOINLINE void fill(const struct heap *h)
{
    slots = rt_alloc((small_count + large_count) * sizeof(void *));
    for (size_t i = 0; i < small_count + large_count; i++) {
        size_t size = i < small_count ? SMALL_BYTES : LARGE_BYTES;
        slots[i] = h->alloc(size);
        memset(slots[i], 0x11, size);
    }
}

static NOINLINE void drop(const struct heap *h)
{
    for (size_t i = 0; i < small_count + large_count; i++) {
        h->free(slots[i]);
        slots[i] = NULL;
    }
    rt_free(slots);
    slots = NULL;
}

static void try_heap(const struct heap *h, int64_t bytes)
{
    rt_free_os_memory();
    struct stage empty = tell(h->name, "empty");
    fill(h);
    struct stage full = tell(h->name, "full");
    drop(h);
    rt_free_os_memory();
    struct stage given = tell(h->name, "given back");

    CHECK(full.rss - empty.rss >= bytes, "%s: RSS grew by %" PRId64 " for %" PRId64 " touched bytes", h->name,
          full.rss - empty.rss, bytes);
    /* Held follows the kernel within an eighth: size classes and block headers are in both; a segment's rest
     * and what libraries touched meanwhile differ. So may free blocks: how far the heap has grown ahead of
     * those who allocate depends on when a cycle ends. */
    int64_t apart = (full.held - empty.held) - (full.rss - empty.rss);
    CHECK(apart >= -bytes / 8 && apart <= bytes / 8 + full.free,
          "%s: held grew by %" PRId64 ", %" PRId64 " of it free, RSS by %" PRId64, h->name, full.held - empty.held,
          full.free, full.rss - empty.rss);
    /* Nine tenths come back: the rest are pages that a stray word or a neighbour still needs. */
    CHECK(full.rss - given.rss >= bytes * 9 / 10, "%s: RSS fell by %" PRId64 " of %" PRId64, h->name,
          full.rss - given.rss, bytes);
    CHECK(full.held - given.held >= bytes * 9 / 10, "%s: Sys - HeapReleased fell by %" PRId64 " of %" PRId64, h->name,
          full.held - given.held, bytes);
    /* The kernel also counts the program, its libraries and stacks: some MiB, never less than nothing. */
    const struct stage all[] = {empty, full, given};
    for (unsigned i = 0; i < 3; i++) {
        int64_t more = all[i].rss - all[i].held;
        CHECK(more >= -(int64_t)(4 * MiB) - all[i].free && more <= (int64_t)(12 * MiB),
              "%s, stage %u: RSS %" PRId64 " and Sys - HeapReleased %" PRId64 " are %" PRId64 " apart", h->name, i,
              all[i].rss, all[i].held, more);
    }
}

int main(int argc, char **argv)
{
    size_t bytes = (size_t)check_number(argc, argv, 1, 48) * MiB;
    small_count = bytes / 2 / SMALL_BYTES;
    large_count = bytes / 2 / LARGE_BYTES;
    for (unsigned i = 0; i < sizeof(heaps) / sizeof(*heaps); i++) {
        try_heap(&heaps[i], (int64_t)bytes);
    }
    return check_done();
}
