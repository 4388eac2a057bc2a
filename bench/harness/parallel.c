/* parallel.c - a benchmark's body in many threads that share its N (rt_bench_run_parallel).
 *
 * The threads are made, and wait at a gate, while the timer stands: making one costs some fifty microseconds and a few
 * allocations, which are the harness's, not the benchmark's. They take turns off one counter, some 100 us of work at
 * once, so that the counter itself does not show. The timer stops when the last has finished.
 */
#include "bench/harness/harness.h"

#include <string.h>
#include "bench/harness/n.h"
#include "runtime/cruntime.h"

/* Shared by the threads of one call. */
struct crew {
    void (*body)(struct rt_bench_parallel *pb, void *arg);
    void *arg;
    uint64_t n;
    uint64_t grain;
    unsigned size;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned ready;
    unsigned done;
    bool is_open;
    bool is_called_off;
    uint64_t taken __attribute__((aligned(128))); /* alone on its cache line: all write it */
};

struct rt_bench_parallel {
    struct crew *crew;
    uint64_t left; /* turns taken off the counter and not yet begun */
};

bool rt_bench_next(struct rt_bench_parallel *pb)
{
    if (pb->left == 0) {
        struct crew *crew = pb->crew;
        uint64_t taken = __atomic_add_fetch(&crew->taken, crew->grain, __ATOMIC_RELAXED);
        if (taken <= crew->n) {
            pb->left = crew->grain;
        } else if (taken < crew->n + crew->grain) {
            pb->left = crew->n + crew->grain - taken;
        } else {
            return false;
        }
    }
    pb->left--;
    return true;
}

static void *work(void *arg)
{
    struct crew *crew = arg;
    struct rt_bench_parallel pb = {.crew = crew};
    pthread_mutex_lock(&crew->lock);
    crew->ready++;
    pthread_cond_broadcast(&crew->changed);
    while (!crew->is_open) {
        pthread_cond_wait(&crew->changed, &crew->lock);
    }
    bool is_called_off = crew->is_called_off;
    pthread_mutex_unlock(&crew->lock);
    if (!is_called_off) {
        crew->body(&pb, crew->arg);
    }
    pthread_mutex_lock(&crew->lock);
    crew->done++;
    pthread_cond_broadcast(&crew->changed);
    pthread_mutex_unlock(&crew->lock);
    return NULL;
}

static void open_gate(struct crew *crew, bool is_called_off)
{
    pthread_mutex_lock(&crew->lock);
    crew->is_called_off = is_called_off;
    crew->is_open = true;
    pthread_cond_broadcast(&crew->changed);
    pthread_mutex_unlock(&crew->lock);
}

static void wait_until(struct crew *crew, const unsigned *counter)
{
    pthread_mutex_lock(&crew->lock);
    while (*counter < crew->size) {
        pthread_cond_wait(&crew->changed, &crew->lock);
    }
    pthread_mutex_unlock(&crew->lock);
}

/* 0, or the error of the thread that could not be made: then those that were have gone home. */
static int hire(struct crew *crew, pthread_t *threads)
{
    for (unsigned i = 0; i < crew->size; i++) {
        int error = rt_thread_start(&threads[i], NULL, "bench", work, crew);
        if (error != 0) {
            open_gate(crew, true);
            while (i-- > 0) {
                pthread_join(threads[i], NULL);
            }
            return -error;
        }
    }
    wait_until(crew, &crew->ready);
    return 0;
}

static void work_all(struct rt_bench *b, struct crew *crew, bool timer_on)
{
    if (timer_on) {
        rt_bench_start_timer(b);
    }
    open_gate(crew, false);
    wait_until(crew, &crew->done);
    rt_bench_stop_timer(b);
}

void rt_bench_run_parallel(struct rt_bench *b, void (*body)(struct rt_bench_parallel *pb, void *arg), void *arg)
{
    if (b->head.n == 0) {
        return;
    }
    bool timer_on = b->timer_on;
    rt_bench_stop_timer(b);
    struct crew crew = {.body = body,
                        .arg = arg,
                        .n = (uint64_t)b->head.n,
                        .grain = rt__bench_grain(b->prev_n, b->prev_ns),
                        .size = b->procs * b->parallelism,
                        .lock = PTHREAD_MUTEX_INITIALIZER,
                        .changed = PTHREAD_COND_INITIALIZER};
    pthread_t *threads = rt__bench_map(crew.size * sizeof(*threads));
    int error = hire(&crew, threads);
    if (error == 0) {
        work_all(b, &crew, timer_on);
        for (unsigned i = 0; i < crew.size; i++) {
            pthread_join(threads[i], NULL);
        }
    }
    rt__bench_unmap(threads, crew.size * sizeof(*threads));
    if (error != 0) {
        rt_bench_fatalf(b, "cannot start %u threads: %s", crew.size, strerror(error));
    }
    if (crew.taken <= crew.n && !rt__bench_failed(b)) {
        rt_bench_fatalf(b, "rt_bench_run_parallel: the body returned before rt_bench_next() was false");
    }
    if (timer_on) {
        rt_bench_start_timer(b);
    }
}

void rt_bench_set_parallelism(struct rt_bench *b, int times)
{
    if (times >= 1) {
        b->parallelism = (unsigned)times;
    }
}
