/* pool.c - a buffer for each request: allocated anew, or taken from a pool and put back. usage: pool fresh|pool */
#include <cruntime.h>
#include <stdio.h>
#include <string.h>

enum { REQUESTS = 100000, BUFFER_BYTES = 4096 };

static void *make_buffer(void *unused)
{
    (void)unused;
    return rt_alloc_atomic(BUFFER_BYTES);
}

/* What a request does with its buffer; the answer is used, so that the compiler keeps the work. */
static size_t answer(char *buffer, int id)
{
    return (size_t)snprintf(buffer, BUFFER_BYTES, "{\"id\":%d}", id);
}

int main(int argc, char **argv)
{
    if (argc != 2 || (strcmp(argv[1], "fresh") != 0 && strcmp(argv[1], "pool") != 0)) {
        fprintf(stderr, "pool: want one argument, fresh or pool\n");
        return 2;
    }
    bool is_pooled = strcmp(argv[1], "pool") == 0;
    struct rt_pool *buffers = rt_pool_new(make_buffer, NULL);
    struct rt_memstats before, after;
    size_t bytes = 0;
    rt_read_memstats(&before);
    for (int id = 0; id < REQUESTS; id++) {
        char *buffer = is_pooled ? rt_pool_get(buffers) : make_buffer(NULL);
        bytes += answer(buffer, id);
        if (is_pooled)
            rt_pool_put(buffers, buffer);
    }
    rt_read_memstats(&after);
    printf("%s: %d requests, %zu bytes answered\n", argv[1], REQUESTS, bytes);
    printf("%ju allocations, %ju KiB, %u cycles\n", (uintmax_t)(after.Mallocs - before.Mallocs),
           (uintmax_t)(after.TotalAlloc - before.TotalAlloc) / 1024, after.NumGC - before.NumGC);
    rt_pool_free(buffers);
    return 0;
}
