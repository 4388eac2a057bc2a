/* requests.c - see requests.h.
 *
 * h2o's logger is called at the end of each answer, whoever gave it. Each loop counts for itself, on a cache line of
 * its own, and whoever asks adds up: no request waits for another one's counter. Counters stay to the process's end, so
 * that one can be asked for at any time.
 */
#include "app/server/requests.h"

#include <cruntime.h>
#include <stdint.h>
#include <stdlib.h>

#define CACHE_LINE 64

struct counter {
    uint64_t answered; /* written by one thread, read by any */
    struct counter *next;
} __attribute__((aligned(CACHE_LINE)));

static struct counter *counters;
static __thread struct counter *mine;

static struct counter *new_counter(void)
{
    struct counter *c = aligned_alloc(CACHE_LINE, sizeof(*c));

    if (c == NULL)
        abort(); /* no malloc of this process comes back without memory */
    c->answered = 0;
    c->next = __atomic_load_n(&counters, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(&counters, &c->next, c, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED)) {
    }
    return c;
}

static void on_answered(h2o_logger_t *self, h2o_req_t *req)
{
    (void)self;
    (void)req;
    if (mine == NULL)
        mine = new_counter();
    __atomic_store_n(&mine->answered, mine->answered + 1, __ATOMIC_RELAXED);
}

static uint64_t answered(void *unused)
{
    uint64_t sum = 0;

    (void)unused;
    for (struct counter *c = __atomic_load_n(&counters, __ATOMIC_ACQUIRE); c != NULL; c = c->next)
        sum += __atomic_load_n(&c->answered, __ATOMIC_RELAXED);
    return sum;
}

static void count(h2o_pathconf_t *path)
{
    h2o_create_logger(path, sizeof(h2o_logger_t))->log_access = on_answered;
}

void requests_mount(h2o_hostconf_t *host)
{
    for (size_t i = 0; i < host->paths.size; i++)
        count(&host->paths.entries[i]);
    count(&host->fallback_path);
    rt_metric_publish("/coworkingapp/http/answered:requests", "Requests that were answered, whatever the answer.",
                      answered, NULL);
}
