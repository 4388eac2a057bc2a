/* malloc_labels.c - the malloc benchmark with each pair done on somebody's behalf: labels are set before the
 * free and put back after the malloc, as a server does around a request. Beside malloc_replace this shows what
 * labels cost when nothing but setting them is done, at the worst: no request is as short as a pair. It ends with
 * status 1 when there are no labels: work on nobody's behalf must never pass for it. */
#include "runtime/cruntime.h"

#include <stdlib.h>

static void check_labels(unsigned long long pairs);
static void *malloc_and_end(size_t size);
static void begin_and_free(void *p);

#define BENCH_NAME "malloc_labels"
#define BENCH_MALLOC malloc_and_end
#define BENCH_FREE begin_and_free
#define BENCH_CHECK check_labels
#include "bench/malloc_replace.inc.h"

static const struct rt_labels *labels;

__attribute__((constructor)) static void make_labels(void)
{
    labels = rt_labels_new((const char *const[]){"route", "/rooms"}, 1);
}

static void begin_and_free(void *p)
{
    rt_labels_set(labels);
    free(p);
}

static void *malloc_and_end(size_t size)
{
    void *p = malloc(size);

    rt_labels_set(NULL);
    return p;
}

static void check_labels(unsigned long long pairs)
{
    if (labels == NULL || pairs == 0) {
        fprintf(stderr, BENCH_NAME ": no labels were set\n");
        exit(1);
    }
}
