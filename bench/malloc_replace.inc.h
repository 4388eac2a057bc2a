/* malloc_replace.inc.h - the body of the malloc benchmark, shared so that every variant runs the
 * same instructions around a different allocator.
 *
 * Each thread keeps LIVE objects of 16 to 1024 bytes and replaces a random one, over and over:
 * free, malloc, write the first byte. That is the steady state of a server's heap (every size
 * class in use, free lists scattered), and one pair is the unit of the result. A thread works on
 * its own objects: what freeing in another thread costs is not asked here.
 *
 * The including file names BENCH_NAME, BENCH_MALLOC and BENCH_FREE, and BENCH_CHECK(pairs), which
 * may end the program when the allocator that ran was not the one meant. The sequence of sizes and
 * places is the same in each run (fixed seeds); the number of pairs is not, because a run is boxed
 * in time. One line is printed, with the time on the clock and the threads' own CPU time a pair:
 * the second leaves out what other processes took of the CPUs. bench/run-malloc compares it between
 * interleaved runs; a figure of one run says nothing: machines differ, and so do minutes on one.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define SIZE_MIN_BYTES 16u
#define SIZE_SPAN_BYTES 1009u /* 16 .. 1024, both included */
/* Pairs between two looks at the clock: 30 us or so of work, so a look (20 ns) does not show. */
#define CHUNK_PAIRS 4096u
/* Pairs before the clock starts: each object is replaced some 20 times, so the heap is mixed. */
#define WARM_UP_FACTOR 20u
#define THREADS_MAX 64

struct worker {
    pthread_t thread;
    pthread_barrier_t *start;
    unsigned char **live;
    size_t live_count;
    uint64_t random;
    uint64_t box_ns;
    uint64_t pairs;
    uint64_t elapsed_ns;
    uint64_t cpu_ns;
};

static uint64_t now_ns(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* xorshift64: three shifts, so that the loop measures the allocator and not its random numbers. */
static inline uint64_t next_random(uint64_t *state)
{
    uint64_t x = *state;

    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    *state = x;
    return x;
}

static inline size_t size_of(uint64_t r)
{
    return SIZE_MIN_BYTES + (size_t)(((r & 0xffffu) * SIZE_SPAN_BYTES) >> 16);
}

static inline unsigned char *make_object(size_t size)
{
    unsigned char *p = BENCH_MALLOC(size);

    if (p == NULL) {
        fprintf(stderr, BENCH_NAME ": out of memory\n");
        exit(1);
    }
    *p = (unsigned char)size;
    return p;
}

static void replace(struct worker *w, uint64_t pairs)
{
    unsigned char **live = w->live;
    uint64_t state = w->random;

    for (uint64_t i = 0; i < pairs; i++) {
        uint64_t r = next_random(&state);
        size_t at = (size_t)(((r >> 32) * w->live_count) >> 32);

        BENCH_FREE(live[at]);
        live[at] = make_object(size_of(r));
    }
    w->random = state;
}

static void *work(void *arg)
{
    struct worker *w = arg;
    uint64_t begin_ns, begin_cpu_ns, end_ns;

    for (size_t i = 0; i < w->live_count; i++)
        w->live[i] = make_object(size_of(next_random(&w->random)));
    replace(w, WARM_UP_FACTOR * w->live_count);
    pthread_barrier_wait(w->start);
    begin_ns = now_ns(CLOCK_MONOTONIC);
    begin_cpu_ns = now_ns(CLOCK_THREAD_CPUTIME_ID);
    do {
        replace(w, CHUNK_PAIRS);
        w->pairs += CHUNK_PAIRS;
        end_ns = now_ns(CLOCK_MONOTONIC);
    } while (end_ns - begin_ns < w->box_ns);
    w->cpu_ns = now_ns(CLOCK_THREAD_CPUTIME_ID) - begin_cpu_ns;
    w->elapsed_ns = end_ns - begin_ns;
    pthread_barrier_wait(w->start); /* nobody tears down while another is still on the clock */
    for (size_t i = 0; i < w->live_count; i++)
        BENCH_FREE(w->live[i]);
    return NULL;
}

static void run(struct worker *workers, unsigned threads)
{
    pthread_barrier_t start;
    uint64_t pairs = 0, elapsed_ns = 0, cpu_ns = 0;

    pthread_barrier_init(&start, NULL, threads);
    for (unsigned i = 0; i < threads; i++) {
        workers[i].start = &start;
        if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0) {
            fprintf(stderr, BENCH_NAME ": cannot start a thread\n");
            exit(1);
        }
    }
    for (unsigned i = 0; i < threads; i++) {
        pthread_join(workers[i].thread, NULL);
        pairs += workers[i].pairs;
        elapsed_ns += workers[i].elapsed_ns;
        cpu_ns += workers[i].cpu_ns;
    }
    pthread_barrier_destroy(&start);
    BENCH_CHECK(pairs);
    printf(BENCH_NAME " threads=%u live=%zu pairs=%llu ns_per_pair=%.3f cpu_ns_per_pair=%.3f\n", threads,
           workers[0].live_count, (unsigned long long)pairs, (double)elapsed_ns / (double)pairs,
           (double)cpu_ns / (double)pairs);
}

static int usage(void)
{
    fprintf(stderr, "usage: " BENCH_NAME " [-j threads] [-l live objects a thread] [-t seconds]\n");
    return 2;
}

int main(int argc, char **argv)
{
    static struct worker workers[THREADS_MAX];
    unsigned long threads = 1, live = 10000;
    double seconds = 0.5;
    int option;

    while ((option = getopt(argc, argv, "j:l:t:")) != -1) {
        if (option == 'j')
            threads = strtoul(optarg, NULL, 10);
        else if (option == 'l')
            live = strtoul(optarg, NULL, 10);
        else if (option == 't')
            seconds = strtod(optarg, NULL);
        else
            return usage();
    }
    if (optind != argc || threads < 1 || threads > THREADS_MAX || live < 1 || live > UINT32_MAX || !(seconds > 0))
        return usage();
    for (unsigned i = 0; i < threads; i++) {
        workers[i].live = calloc(live, sizeof *workers[i].live);
        if (workers[i].live == NULL)
            return 1;
        workers[i].live_count = live;
        workers[i].random = 0x9e3779b97f4a7c15u + i;
        workers[i].box_ns = (uint64_t)(seconds * 1e9);
    }
    run(workers, (unsigned)threads);
    for (unsigned i = 0; i < threads; i++)
        free(workers[i].live);
    return 0;
}
