/* threads.c - who the calling thread is, and where its stack begins.
 *
 * The obvious call, pthread_getattr_np, allocates: a CPU mask, and on the main thread a stdio stream
 * over /proc/self/maps. The runtime asks from inside malloc, so it takes stack bases from what libc
 * keeps anyway.
 */
#define _GNU_SOURCE 1
#include "runtime/os/os.h"

#include <pthread.h>
#include <stddef.h>
#include <unistd.h>

pid_t rt__os_tid(void)
{
    return gettid();
}

/* glibc's note of where the main thread's stack began; exported by ld.so for collectors. */
extern void *__libc_stack_end;

/* glibc puts a thread's descriptor, to which pthread_self points, and its TLS at the top of the
 * thread's stack, also when the program gave the stack; the main thread's descriptor lies
 * elsewhere, below the stack. So the base is whichever mark is the nearest above this frame. That
 * stays right in the child of a fork from another thread, where a test "tid = pid" goes wrong. */
void *rt__os_stack_base_above(uintptr_t here)
{
    uintptr_t marks[2] = {(uintptr_t)pthread_self(), (uintptr_t)__libc_stack_end};
    uintptr_t base = 0;

    for (int i = 0; i < 2; i++) {
        if (marks[i] > here && (base == 0 || marks[i] < base))
            base = marks[i];
    }
    return (void *)base;
}

void *rt__os_stack_base(void)
{
    return rt__os_stack_base_above((uintptr_t)__builtin_frame_address(0));
}
