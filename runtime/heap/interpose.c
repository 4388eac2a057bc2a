/* interpose.c - malloc and its family, for the whole process.
 *
 * Defined in the executable (or in libcruntime.so before libc in the search order) these names
 * take the calls of every library: h2o, SQLite, OpenSSL, yajl, libc and ld.so itself. More than a
 * thousand calls come before main and before any constructor, so everything below must work from
 * zeroed state. Nothing else belongs here: the heap is process.c's business.
 */
#ifndef RT_SANITIZE

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include "runtime/cruntime.h"
#include "runtime/heap/process.h"

#define PAGE_BYTES 4096

static bool power_of_two(size_t n)
{
    return n != 0 && (n & (n - 1)) == 0;
}

RT_API void *malloc(size_t size)
{
    return rt__process_alloc(size);
}

RT_API void *calloc(size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    return rt__process_zalloc(bytes);
}

RT_API void free(void *p)
{
    rt__process_free(p); /* leaves errno alone: mi_free's only system calls are ones that succeed */
}

RT_API void *realloc(void *p, size_t size)
{
    return rt__process_realloc(p, size);
}

RT_API void *reallocarray(void *p, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    return realloc(p, bytes);
}

RT_API int posix_memalign(void **out, size_t alignment, size_t size)
{
    if (!power_of_two(alignment) || alignment % sizeof(void *) != 0) {
        return EINVAL;
    }
    void *p = rt__process_alloc_aligned(size, alignment);
    if (!p) {
        return ENOMEM;
    }
    *out = p;
    return 0;
}

RT_API void *aligned_alloc(size_t alignment, size_t size)
{
    if (!power_of_two(alignment)) {
        errno = EINVAL;
        return NULL;
    }
    return rt__process_alloc_aligned(size, alignment);
}

RT_API void *memalign(size_t alignment, size_t size)
{
    return aligned_alloc(alignment, size);
}

RT_API void *valloc(size_t size)
{
    return aligned_alloc(PAGE_BYTES, size);
}

RT_API void *pvalloc(size_t size)
{
    size_t rounded;
    if (__builtin_add_overflow(size, PAGE_BYTES - 1, &rounded)) {
        errno = ENOMEM;
        return NULL;
    }
    return aligned_alloc(PAGE_BYTES, rounded & ~(size_t)(PAGE_BYTES - 1));
}

RT_API size_t malloc_usable_size(void *p)
{
    return rt__process_usable(p);
}

RT_API int malloc_trim(size_t pad)
{
    (void)pad;
    rt__process_collect(true);
    return 1;
}

#endif
