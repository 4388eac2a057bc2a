/* steady.c - a steady managed load: what does the pacer make of it?
 *
 *     steady THREADS LIVE_MIB VOLUME_MIB CYCLES
 *
 * THREADS threads each keep a tree of managed objects of 16 to 1024 bytes, together LIVE_MIB, and
 * replace random ones. When the trees stand, the measured part begins: it lasts until VOLUME_MIB
 * have been allocated and CYCLES cycles have run (0: the volume alone decides). Then one JSON line
 * a cycle of the measured part is printed, and one for the whole:
 *
 *     {"cycle":12,"start":41943040,"goal":41943041,"live":20971520,"stacks":0,"globals":0,"forced":false}
 *     {"cycles_in_volume":25,"volume_at_count":1717986918,"cycles":50,"num_gc":57}
 */
#include "check.h"

#define THREADS_MAX 8
#define FANOUT 256u
#define MEAN_BYTES 520u

/* Two levels of managed nodes, as a program's index would have, above the objects. */
struct node {
    void *child[FANOUT];
};

struct load {
    uint64_t seed;
    unsigned objects;
    struct node *root; /* static data: the only root */
    uint64_t volume;   /* atomic: bytes asked for in the measured part */
    uint64_t replaced;
};

static struct load loads[THREADS_MAX];
static unsigned threads;
static bool measuring, stop; /* atomic */
static pthread_barrier_t barrier;
static struct rt_cycle cycles[4096];

static void **slot_of(struct load *l, unsigned i)
{
    struct node *leaf = l->root->child[i / FANOUT];
    return &leaf->child[i % FANOUT];
}

static uint64_t *new_object(struct load *l, unsigned i, size_t *size)
{
    *size = check_between(&l->seed, 16, 1024);
    uint64_t *o = check_random(&l->seed) & 1 << 20 ? rt_alloc(*size) : rt_alloc_atomic(*size);
    o[0] = i;
    o[1] = i ^ 0x5555;
    return o;
}

static void build(struct load *l)
{
    size_t size;
    l->root = rt_alloc(sizeof(struct node));
    for (unsigned i = 0; i < (l->objects + FANOUT - 1) / FANOUT; i++) {
        l->root->child[i] = rt_alloc(sizeof(struct node));
    }
    for (unsigned i = 0; i < l->objects; i++) {
        *slot_of(l, i) = new_object(l, i, &size);
    }
}

static void replace_one(struct load *l)
{
    size_t size;
    unsigned i = (unsigned)check_between(&l->seed, 0, l->objects - 1);
    uint64_t *o = new_object(l, i, &size);
    uint64_t *old = *slot_of(l, i);
    CHECK(old[0] == i && old[1] == (i ^ 0x5555), "object %u lost its contents", i);
    *slot_of(l, i) = o;
    rt_free(old);
    l->replaced++;
    if (__atomic_load_n(&measuring, __ATOMIC_RELAXED)) {
        __atomic_store_n(&l->volume, l->volume + size, __ATOMIC_RELAXED);
    }
}

static void *run(void *arg)
{
    struct load *l = arg;
    build(l);
    for (unsigned i = 0; i < 2 * l->objects; i++) {
        replace_one(l);
    }
    pthread_barrier_wait(&barrier); /* all trees stand */
    pthread_barrier_wait(&barrier);
    while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
        replace_one(l);
    }
    return NULL;
}

static uint64_t volume(void)
{
    uint64_t bytes = 0;
    for (unsigned i = 0; i < threads; i++) {
        bytes += __atomic_load_n(&loads[i].volume, __ATOMIC_RELAXED);
    }
    return bytes;
}

static uint32_t cycles_run(void)
{
    static struct rt_memstats m;
    rt_read_memstats(&m);
    return m.NumGC;
}

static void print_cycles(uint64_t after, uint64_t until)
{
    size_t n = rt_cycles_read(cycles, 4096);
    for (size_t i = 0; i < n; i++) {
        const struct rt_cycle *c = &cycles[i];
        if (c->number > after && c->number <= until) {
            printf("{\"cycle\":%" PRIu64 ",\"start\":%" PRIu64 ",\"goal\":%" PRIu64 ",\"live\":%" PRIu64
                   ",\"stacks\":%" PRIu64 ",\"globals\":%" PRIu64 ",\"forced\":%s}\n",
                   c->number, c->heap_start_bytes, c->goal_bytes, c->heap_live_bytes, c->stacks_bytes, c->globals_bytes,
                   c->forced ? "true" : "false");
        }
    }
}

int main(int argc, char **argv)
{
    pthread_t ids[THREADS_MAX];
    threads = (unsigned)check_number(argc, argv, 1, 1);
    size_t live = (size_t)check_number(argc, argv, 2, 20) * MiB;
    uint64_t wanted_volume = (uint64_t)check_number(argc, argv, 3, 100) * MiB;
    uint32_t wanted_cycles = (uint32_t)check_number(argc, argv, 4, 0);
    pthread_barrier_init(&barrier, NULL, threads + 1);
    for (unsigned i = 0; i < threads; i++) {
        loads[i].seed = 0x9E3779B97F4A7C15ull * (i + 1);
        loads[i].objects = (unsigned)(live / threads / MEAN_BYTES) + 100;
        CHECK(loads[i].objects <= FANOUT * FANOUT, "%zu MiB do not fit a tree", live / MiB);
        if (check_failures || rt_thread_start(&ids[i], NULL, "load", run, &loads[i]) != 0) {
            return 1;
        }
    }
    pthread_barrier_wait(&barrier);
    uint32_t first = cycles_run();
    __atomic_store_n(&measuring, true, __ATOMIC_RELAXED);
    pthread_barrier_wait(&barrier);
    uint32_t in_volume = 0, now = first;
    uint64_t volume_at_count = 0;
    bool volume_done = false;
    while (!volume_done || now - first < wanted_cycles) {
        check_sleep_ms(1);
        now = cycles_run();
        if (!volume_done && volume() >= wanted_volume) {
            volume_done = true;
            in_volume = now - first;
            volume_at_count = volume();
        }
    }
    __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
    for (unsigned i = 0; i < threads; i++) {
        pthread_join(ids[i], NULL);
    }
    print_cycles(first, now);
    printf("{\"cycles_in_volume\":%u,\"volume_at_count\":%" PRIu64 ",\"cycles\":%u,\"num_gc\":%u}\n", in_volume,
           volume_at_count, now - first, now);
    return check_done();
}
