/* published.h - figures that the program adds to the metrics (rt_metric_publish), for the pages that show them. */
#ifndef RT_STATS_PUBLISHED_H
#define RT_STATS_PUBLISHED_H

#include <stdint.h>
#include <stdio.h>

#define RT__PUBLISHED_MAX 64u

struct rt__published {
    const char *name, *help;
    uint64_t (*read)(void *arg);
    void *arg;
    struct rt__published *next; /* atomic */
};

/* The first by name, and the one after p; NULL: no more. One that is added meanwhile is seen or not. Any thread. */
const struct rt__published *rt__published_first(void);
const struct rt__published *rt__published_next(const struct rt__published *p);

/* `name value` a line, as rt__metrics_write_figures; `name TAB gauge TAB help`, as rt__metrics_write_help. */
void rt__published_write(FILE *out);
void rt__published_write_help(FILE *out);

#endif
