/* reserve.c - addresses set aside for a heap, without their weight in a core.
 *
 * mimalloc's segments lie in one range of tens of gigabytes (heap/process.c) of which next to nothing is ever usable.
 * The kernel leaves pages that nobody touched out of a core; gdb's gcore writes them all, zeros: 101 GB for an app that
 * holds 3 MB. So the range is marked as not to be dumped, and what of it becomes usable as to be dumped again. Nobody
 * tells when that is but the call itself: mprotect is taken for the whole process, as malloc is, which costs a look at
 * the ranges before a system call that takes a microsecond. Other memory is left as its owner marked it: secrets
 * are kept out of cores in the same way.
 *
 * Called inside malloc, before any constructor, and while libgc has stopped the world: no lock, nothing but words.
 */
#include "runtime/os/os.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "runtime/cruntime.h"

/* The process heap has one, or two where addresses are limited; tests have some more. A range that finds no place
 * here stays as it is. */
#define RANGES 8

#ifndef RT_SANITIZE

static struct {
    uintptr_t low, high; /* high 0: not there yet. Written once, low first. */
} ranges[RANGES];
static unsigned taken;

static void leave_out_of_cores(char *p, size_t size)
{
    unsigned i = __atomic_fetch_add(&taken, 1, __ATOMIC_RELAXED);
    if (i < RANGES && madvise(p, size, MADV_DONTDUMP) == 0) {
        __atomic_store_n(&ranges[i].low, (uintptr_t)p, __ATOMIC_RELAXED);
        __atomic_store_n(&ranges[i].high, (uintptr_t)p + size, __ATOMIC_RELEASE);
    }
}

static bool is_reserved(uintptr_t low, size_t size)
{
    for (unsigned i = 0; i < RANGES; i++) {
        uintptr_t high = __atomic_load_n(&ranges[i].high, __ATOMIC_ACQUIRE);
        if (low < high && low >= __atomic_load_n(&ranges[i].low, __ATOMIC_RELAXED) && size <= high - low) {
            return true;
        }
    }
    return false;
}

/* With the mark set only afterwards a core that is written in between lacks memory that holds nothing yet. */
RT_API int mprotect(void *p, size_t size, int protection) __THROW;

RT_API int mprotect(void *p, size_t size, int protection)
{
    int result = (int)syscall(SYS_mprotect, p, size, protection);
    if (result == 0 && (protection & PROT_WRITE) && is_reserved((uintptr_t)p, size)) {
        int saved_errno = errno;
        madvise(p, size, MADV_DODUMP);
        errno = saved_errno;
    }
    return result;
}

#else

/* There the heap is the sanitizer's, which has its own care for its shadow. */
static void leave_out_of_cores(char *p, size_t size)
{
    (void)p;
    (void)size;
}

#endif

void *rt__os_reserve(size_t size, size_t alignment)
{
    char *p = mmap(NULL, size + alignment, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) {
        return NULL;
    }
    size_t before = (alignment - (uintptr_t)p % alignment) % alignment;
    if (before > 0) {
        munmap(p, before);
    }
    munmap(p + before + size, alignment - before);
    leave_out_of_cores(p + before, size);
    return p + before;
}
