/* resident.c - how much of a range of addresses the kernel has really given us.
 *
 * An allocator's own figure of committed memory says what it may touch, in steps of a megabyte a
 * thread; this says what it has touched and not returned. /proc/self/maps gives the writable
 * mappings of the range, mincore which of their pages are in memory. Everything works on small
 * buffers on the stack: this runs inside malloc.
 */
#include "runtime/os/os.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGE_BYTES 4096u
#define PAGES_AT_ONCE 4096u
#define MAPS_BUFFER_BYTES 4096u

/* The kernel reads the mask before it looks at what should be done with it, which is nothing that there is: the
 * answer is EINVAL, or EFAULT. mincore would call pages readable that nobody may read. */
bool rt__os_readable(uintptr_t address)
{
    int saved_errno = errno;
    bool readable = syscall(SYS_rt_sigprocmask, ~0, address, NULL, _NSIG / 8) == -1 && errno != EFAULT;
    errno = saved_errno;
    return readable;
}

uint64_t rt__os_physical(void)
{
    long pages = sysconf(_SC_PHYS_PAGES);
    return pages > 0 ? (uint64_t)pages * PAGE_BYTES : 0;
}

static uintptr_t max_address(uintptr_t a, uintptr_t b)
{
    return a > b ? a : b;
}

bool rt__os_maps_line(const char *line, uintptr_t low, uintptr_t high, uintptr_t *start, uintptr_t *end)
{
    char *rest;
    uintptr_t from = strtoull(line, &rest, 16);
    if (*rest != '-') {
        return false;
    }
    uintptr_t to = strtoull(rest + 1, &rest, 16);
    if (strncmp(rest, " rw", 3) != 0 || from >= high || to <= low) {
        return false;
    }
    *start = max_address(from, low);
    *end = to < high ? to : high;
    return true;
}

static uint64_t resident_in(uintptr_t start, uintptr_t end)
{
    unsigned char in_memory[PAGES_AT_ONCE];
    uint64_t pages = 0;
    while (start < end) {
        size_t bytes = end - start < PAGES_AT_ONCE * PAGE_BYTES ? end - start : PAGES_AT_ONCE * PAGE_BYTES;
        /* Fails when the mapping went meanwhile: then nothing of it is held. */
        if (mincore((void *)start, bytes, in_memory) == 0) {
            for (size_t i = 0; i < bytes / PAGE_BYTES; i++) {
                pages += in_memory[i] & 1;
            }
        }
        start += bytes;
    }
    return pages * PAGE_BYTES;
}

static ssize_t read_retrying(int fd, char *buf, size_t size)
{
    ssize_t n;
    do {
        n = read(fd, buf, size);
    } while (n < 0 && errno == EINTR);
    return n;
}

uint64_t rt__os_resident(const void *low, const void *high)
{
    char buf[MAPS_BUFFER_BYTES + 1];
    size_t kept = 0;
    uint64_t bytes = 0;
    ssize_t n;
    int saved = errno;
    int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        errno = saved;
        return UINT64_MAX;
    }
    while ((n = read_retrying(fd, buf + kept, MAPS_BUFFER_BYTES - kept)) > 0) {
        size_t length = kept + (size_t)n;
        char *line = buf, *newline;
        while ((newline = memchr(line, '\n', length - (size_t)(line - buf))) != NULL) {
            uintptr_t start, end;
            *newline = '\0';
            if (rt__os_maps_line(line, (uintptr_t)low, (uintptr_t)high, &start, &end)) {
                bytes += resident_in(start, end);
            }
            line = newline + 1;
        }
        kept = length - (size_t)(line - buf);
        if (kept == MAPS_BUFFER_BYTES) {
            kept = 0; /* a line longer than any path allows: not one of ours */
        }
        memmove(buf, line, kept);
    }
    close(fd);
    errno = saved;
    return bytes;
}
