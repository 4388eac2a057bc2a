/* limit.c - what does CMEMLIMIT hold?
 *
 *     limit LIVE_MIB PROCESS_MIB WARM_MS RUN_MS SAMPLE_MS
 *
 * One thread keeps LIVE_MIB of managed objects and PROCESS_MIB of malloc'd blocks and replaces
 * random ones of each, for WARM_MS and then RUN_MS. Meanwhile main looks every SAMPLE_MS at what
 * counts toward the limit. The second part is measured; one JSON line tells:
 *
 *     limit, samples, held_max, held_last: bytes, over RUN_MS (held_max_warm: over WARM_MS)
 *     pause_share: of the wall time, with the world stopped; cpu_share: of CMAXPROCS x wall time
 *     replaced: how many objects the program got on with; cycles
 */
#include "check.h"

#define MEAN_BYTES 520u

static size_t objects, blocks;
static void **object_slots; /* managed and static: a root, and its array too */
static void **block_slots;  /* malloc'd */
static uint64_t replaced;   /* atomic */
static bool built, stop;    /* atomic */

static uint64_t *new_object(uint64_t *seed, size_t i)
{
    size_t size = check_between(seed, 16, 1024);
    uint64_t *o = check_random(seed) & 1 << 20 ? rt_alloc(size) : rt_alloc_atomic(size);
    o[0] = i;
    return o;
}

static void *new_block(uint64_t *seed)
{
    size_t size = check_between(seed, 16, 1024);
    void *p = malloc(size);
    memset(p, 1, size);
    return p;
}

static void replace_object(uint64_t *seed)
{
    size_t i = check_between(seed, 0, objects - 1);
    uint64_t *old = object_slots[i];
    CHECK(old[0] == i, "object %zu lost its contents", i);
    object_slots[i] = new_object(seed, i);
    rt_free(old);
    __atomic_store_n(&replaced, replaced + 1, __ATOMIC_RELAXED);
}

static void replace_block(uint64_t *seed)
{
    void **slot = &block_slots[check_between(seed, 0, blocks - 1)];
    free(*slot);
    *slot = new_block(seed);
}

static void *run(void *arg)
{
    (void)arg;
    uint64_t seed = 88172645463325252ull;
    for (size_t i = 0; i < blocks; i++) {
        block_slots[i] = new_block(&seed);
    }
    for (size_t i = 0; i < objects; i++) {
        object_slots[i] = new_object(&seed, i);
    }
    __atomic_store_n(&built, true, __ATOMIC_RELAXED);
    while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
        replace_object(&seed);
        if (blocks) {
            replace_block(&seed);
        }
    }
    return NULL;
}

/* ---- what is measured -------------------------------------------------------------------------- */

struct moment {
    uint64_t at_ns, pause_ns, replaced;
    double gc_cpu_ns;
    uint32_t cycles;
};

static struct rt_memstats stats;

/* The metric that has the collector's CPU time; -1 when there is none. */
static double gc_cpu_seconds(void)
{
    char *text = NULL, *found;
    size_t length = 0;
    double seconds = -1;
    FILE *out = open_memstream(&text, &length);
    rt_metrics_write(out);
    fclose(out);
    if ((found = strstr(text, "/cpu/classes/gc/total:cpu-seconds ")) != NULL) {
        seconds = strtod(strchr(found, ' '), NULL);
    }
    free(text);
    return seconds;
}

static struct moment now(void)
{
    rt_read_memstats(&stats);
    return (struct moment){.at_ns = check_now_ns(),
                           .pause_ns = stats.PauseTotalNs,
                           .replaced = __atomic_load_n(&replaced, __ATOMIC_RELAXED),
                           .gc_cpu_ns = gc_cpu_seconds() * 1e9,
                           .cycles = stats.NumGC};
}

static uint64_t sample(long ms, long every_ms, unsigned *samples)
{
    uint64_t end = check_now_ns() + (uint64_t)ms * 1000000u, max = 0;
    while (check_now_ns() < end) {
        rt_read_memstats(&stats);
        check_identities(&stats);
        uint64_t held = check_held(&stats);
        max = held > max ? held : max;
        ++*samples;
        check_sleep_ms(every_ms);
    }
    return max;
}

int main(int argc, char **argv)
{
    pthread_t id;
    objects = (size_t)check_number(argc, argv, 1, 20) * MiB / MEAN_BYTES;
    blocks = (size_t)check_number(argc, argv, 2, 0) * MiB / MEAN_BYTES;
    long warm_ms = check_number(argc, argv, 3, 1000), run_ms = check_number(argc, argv, 4, 3000);
    long every_ms = check_number(argc, argv, 5, 100);
    unsigned samples = 0, warm_samples = 0;
    object_slots = rt_alloc(objects * sizeof(void *));
    block_slots = calloc(blocks + 1, sizeof(void *));
    if (rt_thread_start(&id, NULL, "load", run, NULL) != 0) {
        return 1;
    }
    uint64_t held_max_warm = sample(warm_ms, every_ms, &warm_samples);
    bool built_in_time = __atomic_load_n(&built, __ATOMIC_RELAXED);
    struct moment from = now();
    uint64_t held_max = sample(run_ms, every_ms, &samples);
    struct moment to = now();
    __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
    pthread_join(id, NULL);
    double wall = (double)(to.at_ns - from.at_ns);
    printf("{\"limit\":%" PRId64 ",\"built\":%s,\"samples\":%u,\"held_max\":%" PRIu64 ",\"held_max_warm\":%" PRIu64
           ",\"held_last\":%" PRIu64 ",\"heap_alloc\":%" PRIu64 ",\"pause_share\":%.4f,\"cpu_share\":%.4f,"
           "\"gc_cpu_fraction\":%.4f,\"replaced\":%" PRIu64 ",\"cycles\":%u}\n",
           rt_set_memory_limit(-1), built_in_time ? "true" : "false", samples, held_max, held_max_warm,
           check_held(&stats), stats.HeapAlloc, (double)(to.pause_ns - from.pause_ns) / wall,
           (to.gc_cpu_ns - from.gc_cpu_ns) / (wall * rt_max_procs()), stats.GCCPUFraction, to.replaced - from.replaced,
           to.cycles - from.cycles);
    return check_done();
}
