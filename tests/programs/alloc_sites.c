/* alloc_sites.c - twenty functions that allocate known amounts, 1 GB in all, of which 1 KB to 10 MB each stay.
 *
 * usage: alloc_sites malloc|managed FILE [TOTAL-MB]
 *
 * Writes a heap profile to FILE at the end, and for each function a line with what it really did, counted by the
 * program itself: `site_00 size=N allocs=N alloc_bytes=N live=N live_bytes=N`. The bytes are those of the blocks'
 * size classes, as both MemStats and the profile have them. tests/e2e/test_profile_heap.py compares.
 */
#include <cruntime.h>

#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SITES 20
#define LIVE_LEAST 1024.0  /* bytes that the first keeps */
#define LIVE_FACTOR 1.6256 /* from one to the next: 10 MiB for the last */

struct site {
    size_t size;                    /* of each object */
    size_t allocs, live;            /* how many to make, how many of them to keep */
    size_t alloc_bytes, live_bytes; /* counted as it goes */
    void **kept;
};

static struct site sites[SITES];
static bool managed;

static size_t usable(void *p)
{
    return managed ? rt_usable_size(p) : malloc_usable_size(p);
}

static void *checked(void *p)
{
    if (!p) {
        fprintf(stderr, "alloc_sites: out of memory\n");
        exit(1);
    }
    return p;
}

/* Each by another way to memory, in turn. */
static inline __attribute__((always_inline)) void *by_way(unsigned way, size_t size)
{
    if (managed) {
        return way % 2 ? rt_alloc(size) : rt_alloc_atomic(size);
    }
    return way % 3 == 0 ? malloc(size) : way % 3 == 1 ? calloc(1, size) : realloc(NULL, size);
}

/* gcc would make one function of those whose code is the same. */
#if __has_attribute(noipa)
#define APART __attribute__((noipa))
#else
#define APART __attribute__((noinline))
#endif

#define SITE(n)                                                                                                        \
    static APART void *site_##n(size_t size)                                                                           \
    {                                                                                                                  \
        void *p = checked(by_way(1##n - 100, size));                                                                   \
        memset(p, 1, size < 64 ? size : 64);                                                                           \
        return p;                                                                                                      \
    }
/* clang-format off */
SITE(00) SITE(01) SITE(02) SITE(03) SITE(04) SITE(05) SITE(06) SITE(07) SITE(08) SITE(09)
SITE(10) SITE(11) SITE(12) SITE(13) SITE(14) SITE(15) SITE(16) SITE(17) SITE(18) SITE(19)
    /* clang-format on */

    static void *(*const calls[SITES])(size_t size) = {site_00, site_01, site_02, site_03, site_04, site_05, site_06,
                                                       site_07, site_08, site_09, site_10, site_11, site_12, site_13,
                                                       site_14, site_15, site_16, site_17, site_18, site_19};

/* What stays grows from site to site by the same factor; sizes go up and down. */
static void plan(size_t total_bytes)
{
    static const size_t sizes[] = {1000, 200, 4000, 65536, 520, 20000, 96, 150000, 3000, 300};
    double live = LIVE_LEAST;
    for (int i = 0; i < SITES; i++) {
        struct site *s = &sites[i];
        s->size = sizes[(size_t)i % (sizeof(sizes) / sizeof(*sizes))];
        s->size = (double)s->size > live ? (size_t)live : s->size;
        s->live = (size_t)(live / (double)s->size);
        s->allocs = total_bytes / SITES / s->size;
        s->allocs = s->allocs < s->live ? s->live : s->allocs;
        s->kept = managed ? rt_alloc(s->live * sizeof(void *)) : checked(calloc(s->live, sizeof(void *)));
        live *= LIVE_FACTOR;
    }
}

/* Objects live for a while before they are replaced, so frees come in another order than allocations. */
static void run(int i, size_t from, size_t to)
{
    struct site *s = &sites[i];
    for (size_t k = from; k < to; k++) {
        void *p = calls[i](s->size);
        size_t at = k % s->live;
        s->alloc_bytes += usable(p);
        s->live_bytes += usable(p);
        if (s->kept[at]) {
            s->live_bytes -= usable(s->kept[at]);
            if (managed) {
                rt_free(s->kept[at]);
            } else {
                free(s->kept[at]);
            }
        }
        s->kept[at] = p;
    }
}

int main(int argc, char *argv[])
{
    if (argc < 3 || (strcmp(argv[1], "malloc") != 0 && strcmp(argv[1], "managed") != 0)) {
        fprintf(stderr, "usage: alloc_sites malloc|managed FILE [TOTAL-MB]\n");
        return 2;
    }
    managed = strcmp(argv[1], "managed") == 0;
    plan((argc > 3 ? strtoul(argv[3], NULL, 10) : 1024) << 20);
    for (int part = 0; part < 10; part++) {
        for (int i = 0; i < SITES; i++) {
            run(i, sites[i].allocs * (size_t)part / 10, sites[i].allocs * (size_t)(part + 1) / 10);
        }
    }
    rt_gc(); /* under Boehm the dead leave the profile now */
    for (int i = 0; i < SITES; i++) {
        printf("site_%02d size=%zu allocs=%zu alloc_bytes=%zu live=%zu live_bytes=%zu\n", i, sites[i].size,
               sites[i].allocs, sites[i].alloc_bytes, sites[i].live, sites[i].live_bytes);
    }
    int fd = open(argv[2], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    int error = fd >= 0 ? rt_profile_write("heap", 0, fd) : -1;
    if (error != 0 || close(fd) != 0) {
        fprintf(stderr, "alloc_sites: the profile could not be written: %d\n", error);
        return 1;
    }
    return 0;
}
