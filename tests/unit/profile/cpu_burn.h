/* cpu_burn.h - functions that use CPU time, known by their addresses, and what else the tests of profiles share. */
#ifndef TESTS_PROFILE_CPU_BURN_H
#define TESTS_PROFILE_CPU_BURN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "runtime/os/os.h"
#include "runtime/profile/snapshot.h"

#define MS UINT64_C(1000000)

/* A section of its own for each, whose bounds the linker knows. The clock is read seldom, as reading it is a system
 * call and its time is the caller's. */
#define BURNER(name)                                                                                                   \
    extern const char __start_##name[], __stop_##name[];                                                               \
    static __attribute__((noinline, noclone, section(#name), unused)) void burn_##name(uint64_t cpu_ns)                \
    {                                                                                                                  \
        uint64_t end_ns = rt__os_thread_cpu_ns() + cpu_ns;                                                             \
        while (rt__os_thread_cpu_ns() < end_ns) {                                                                      \
            for (volatile unsigned i = 0; i < 20000; i++) {                                                            \
            }                                                                                                          \
        }                                                                                                              \
    }                                                                                                                  \
    static bool __attribute__((unused)) is_in_##name(const struct rt__sample *s)                                       \
    {                                                                                                                  \
        for (uint32_t i = 0; i < s->depth; i++) {                                                                      \
            if (s->pcs[i] >= (uintptr_t)__start_##name && s->pcs[i] < (uintptr_t)__stop_##name) {                      \
                return true;                                                                                           \
            }                                                                                                          \
        }                                                                                                              \
        return false;                                                                                                  \
    }

/* clang knows no noclone, and makes no clones. */
#ifdef __clang__
#define noclone
#endif

static inline bool is_thread(const struct rt__sample *s, const char *name)
{
    return s->thread && strcmp(s->thread, name) == 0;
}

/* Whether signals come as they come: ThreadSanitizer holds them back until a thread waits. */
#if defined(__SANITIZE_THREAD__)
#define SIGNALS_COME_LATE 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SIGNALS_COME_LATE 1
#endif
#endif
#ifndef SIGNALS_COME_LATE
#define SIGNALS_COME_LATE 0
#endif
#define SKIP_WHERE_SIGNALS_COME_LATE                                                                                   \
    if (SIGNALS_COME_LATE) {                                                                                           \
        print_message("skipped: ThreadSanitizer delivers signals only when a thread waits\n");                         \
        skip();                                                                                                        \
    }

#endif
