/* pages.c - memory for the runtime itself, straight from the system.
 *
 * What the runtime keeps about the heaps (counters, rings, tables) must not live in them: malloc
 * cannot ask malloc for room to count itself, and the figures would describe their own bookkeeping.
 * So it is mapped here, and counted by what it is for; MemStats' MCacheSys, BuckHashSys, GCSys and
 * OtherSys are these totals. Sizes are rounded up to pages, in the count too: that is what the
 * system gave. Callers map a lot at a time and rarely give anything back; this is no allocator.
 */
#define _GNU_SOURCE 1
#include "runtime/os/os.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static _Atomic uint64_t mapped_bytes[RT__OS_USES];

static size_t page_bytes(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

/* 0 when the rounded size does not fit a size_t. */
static size_t round_to_pages(size_t size)
{
    size_t page = page_bytes();

    if (size == 0)
        return page;
    if (size > SIZE_MAX - (page - 1))
        return 0;
    return (size + page - 1) / page * page;
}

static _Noreturn void die_out_of_memory(size_t size, int error)
{
    rt__os_print("fatal error: out of memory: the runtime cannot map %zu bytes for itself: %s\n", size,
                 strerrordesc_np(error));
    abort();
}

void *rt__os_map_if_any(size_t size, enum rt__os_use use)
{
    size_t rounded = round_to_pages(size);

    if (rounded == 0) {
        errno = ENOMEM;
        return NULL;
    }
    void *p = mmap(NULL, rounded, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return NULL;
    atomic_fetch_add_explicit(&mapped_bytes[use], rounded, memory_order_relaxed);
    return p;
}

void *rt__os_map(size_t size, enum rt__os_use use)
{
    void *p = rt__os_map_if_any(size, use);

    if (p == NULL)
        die_out_of_memory(size, errno);
    return p;
}

void rt__os_unmap(void *p, size_t size, enum rt__os_use use)
{
    size_t rounded = round_to_pages(size);

    if (p == NULL)
        return;
    /* The kernel refuses only addresses that rt__os_map never gave, or a split of a merged mapping
     * past vm.max_map_count; in the second case the memory is still held, and stays counted. */
    if (munmap(p, rounded) == 0)
        atomic_fetch_sub_explicit(&mapped_bytes[use], rounded, memory_order_relaxed);
}

uint64_t rt__os_mapped(enum rt__os_use use)
{
    return atomic_load_explicit(&mapped_bytes[use], memory_order_relaxed);
}

/* The second number of statm is resident pages; the first, total size, is skipped. */
static uint64_t parse_resident_pages(const char *text)
{
    uint64_t pages = 0;

    while (*text >= '0' && *text <= '9')
        text++;
    if (*text++ != ' ')
        return 0;
    for (; *text >= '0' && *text <= '9'; text++)
        pages = pages * 10 + (uint64_t)(*text - '0');
    return pages;
}

uint64_t rt__os_rss(void)
{
    int saved_errno = errno;
    char text[128];
    ssize_t n = -1;
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);

    if (fd >= 0) {
        do
            n = read(fd, text, sizeof text - 1);
        while (n < 0 && errno == EINTR);
        close(fd);
    }
    errno = saved_errno;
    if (n <= 0)
        return 0;
    text[n] = '\0';
    return parse_resident_pages(text) * page_bytes();
}
