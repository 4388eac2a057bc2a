/* requests.c - see requests.h.
 *
 * h2o's logger is called at the end of each answer, whoever gave it. Each loop counts on a cache line of its own, as
 * long as there are no more than SLOTS of them, and whoever asks adds up: no request waits for another one's counter.
 */
#include "app/server/requests.h"

#include <cruntime.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define CACHE_LINE 64
#define SLOTS 64u

static struct slot {
    uint64_t answered; /* atomic */
} __attribute__((aligned(CACHE_LINE))) slots[SLOTS];
static unsigned slots_taken; /* atomic */
static __thread struct slot *mine;

static void on_answered(h2o_logger_t *self, h2o_req_t *req)
{
    (void)self;
    (void)req;
    if (mine == NULL)
        mine = &slots[__atomic_fetch_add(&slots_taken, 1, __ATOMIC_RELAXED) % SLOTS];
    __atomic_fetch_add(&mine->answered, 1, __ATOMIC_RELAXED);
}

static uint64_t answered(void *unused)
{
    uint64_t sum = 0;

    (void)unused;
    for (unsigned i = 0; i < SLOTS; i++)
        sum += __atomic_load_n(&slots[i].answered, __ATOMIC_RELAXED);
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
    int rc = rt_metric_publish("/coworkingapp/http/answered:requests",
                               "Requests that were answered, whatever the answer.", answered, NULL);
    if (rc != 0)
        fprintf(stderr, "app: answered requests are no metric: %s\n", strerror(-rc));
}
