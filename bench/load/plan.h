/* plan.h - which rooms are booked on which days. */
#ifndef BENCH_LOAD_PLAN_H
#define BENCH_LOAD_PLAN_H

#include "bench/load/answer.h"
#include "bench/load/api.h"
#include "bench/load/options.h"

/* Booking i is of room i % rooms.n on day days[i / rooms.n]: no two are the same, and each room gets
 * its share. */
struct plan {
    struct rooms rooms;
    int32_t *days; /* ascending */
    unsigned n_days;
    unsigned n_asked; /* how often the server was asked about a day */
};

/* plan_make - asks the server for its rooms, and for days on which all of them are free. 0, or -1
 * with one line printed. */
int plan_make(struct plan *plan, struct api *api, const struct options *options);

void plan_release(struct plan *plan);

#endif
