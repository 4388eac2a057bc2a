/* locks.inc.h - the body of the lock benchmark, the same instructions with and without the runtime.
 *
 * Each thread locks and unlocks a mutex of its own that nobody else wants: what such a pair takes is what
 * a program pays for the profiles of locks while nothing contends. The including file names BENCH_NAME and
 * BENCH_SETUP(), which may switch the profiles (-p) and the flight recorder (-r) on, and end the program when the calls
 * are not the ones meant. One line is printed, as by malloc_replace.inc.h; bench/run-locks compares it between
 * interleaved runs.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* Pairs between two looks at the clock: 200 us or so of work, so a look (20 ns) does not show. */
#define CHUNK_PAIRS 16384u
#define THREADS_MAX 64

struct worker {
    pthread_t thread;
    pthread_mutex_t mutex;
    uint64_t box_ns;
    uint64_t pairs;
    uint64_t cpu_ns;
} __attribute__((aligned(128))); /* no two share a cache line */

static uint64_t now_ns(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void *work(void *arg)
{
    struct worker *w = arg;
    uint64_t end_ns = now_ns(CLOCK_MONOTONIC) + w->box_ns;
    uint64_t begin_cpu_ns = now_ns(CLOCK_THREAD_CPUTIME_ID);

    do {
        for (uint64_t i = 0; i < CHUNK_PAIRS; i++) {
            pthread_mutex_lock(&w->mutex);
            pthread_mutex_unlock(&w->mutex);
        }
        w->pairs += CHUNK_PAIRS;
    } while (now_ns(CLOCK_MONOTONIC) < end_ns);
    w->cpu_ns = now_ns(CLOCK_THREAD_CPUTIME_ID) - begin_cpu_ns;
    return NULL;
}

static int usage(void)
{
    fprintf(stderr, "usage: " BENCH_NAME " [-j threads] [-t seconds] [-p] [-r]\n");
    return 2;
}

int main(int argc, char **argv)
{
    static struct worker workers[THREADS_MAX];
    unsigned long threads = 1;
    double seconds = 0.5;
    uint64_t pairs = 0, cpu_ns = 0;
    int option, profiles = 0, recorded = 0;

    while ((option = getopt(argc, argv, "j:t:pr")) != -1) {
        if (option == 'j')
            threads = strtoul(optarg, NULL, 10);
        else if (option == 't')
            seconds = strtod(optarg, NULL);
        else if (option == 'p')
            profiles = 1;
        else if (option == 'r')
            recorded = 1;
        else
            return usage();
    }
    if (optind != argc || threads < 1 || threads > THREADS_MAX || !(seconds > 0))
        return usage();
    BENCH_SETUP(profiles, recorded);
    for (unsigned i = 0; i < threads; i++) {
        workers[i].box_ns = (uint64_t)(seconds * 1e9);
        pthread_mutex_init(&workers[i].mutex, NULL);
        if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0) {
            fprintf(stderr, BENCH_NAME ": cannot start a thread\n");
            return 1;
        }
    }
    for (unsigned i = 0; i < threads; i++) {
        pthread_join(workers[i].thread, NULL);
        pairs += workers[i].pairs;
        cpu_ns += workers[i].cpu_ns;
    }
    printf(BENCH_NAME " threads=%lu pairs=%llu cpu_ns_per_pair=%.3f\n", threads, (unsigned long long)pairs,
           (double)cpu_ns / (double)pairs);
    return 0;
}
