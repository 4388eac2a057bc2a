/* check.h - what the programs of this folder share: claims, random numbers, identities, meters.
 *
 * Each program is a small real program: it includes only cruntime.h, is driven by its arguments
 * and the runtime's variables, and exits 0 with "ok" as its last line, or 1 with one `FAILED:` line
 * for each claim that did not hold. The tests in tests/e2e run it in a clean environment.
 * Nothing here may allocate between the first and the last look at a count: claims that fail are
 * printed into a buffer on the stack and written by write(2).
 */
#ifndef CHECK_H
#define CHECK_H

#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "cruntime.h"

#define MiB ((size_t)1 << 20)
#define KiB ((size_t)1 << 10)
#define MAYBE_UNUSED __attribute__((unused))
#define NOINLINE __attribute__((noinline))

static unsigned check_failures;

/* After this many a program has made its point. */
#define CHECK_PRINT_MAX 20u

static MAYBE_UNUSED __attribute__((format(printf, 1, 2))) void check_failed(const char *format, ...)
{
    if (__atomic_fetch_add(&check_failures, 1, __ATOMIC_RELAXED) >= CHECK_PRINT_MAX) {
        return;
    }
    char line[512] = "FAILED: ";
    va_list args;
    va_start(args, format);
    int n = vsnprintf(line + 8, sizeof(line) - 10, format, args);
    va_end(args);
    size_t length = 8 + (n < (int)sizeof(line) - 10 ? (size_t)n : sizeof(line) - 11);
    line[length++] = '\n';
    if (write(STDERR_FILENO, line, length) < 0) {
        _exit(3);
    }
}

#define CHECK(condition, ...)                                                                                          \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            check_failed(__VA_ARGS__);                                                                                 \
        }                                                                                                              \
    } while (0)

#define CHECK_EQUAL(got, wanted, what)                                                                                 \
    do {                                                                                                               \
        uint64_t got_ = (uint64_t)(got), wanted_ = (uint64_t)(wanted);                                                 \
        CHECK(got_ == wanted_, "%s: %" PRIu64 ", want %" PRIu64 " (%+" PRId64 ")", (what), got_, wanted_,              \
              (int64_t)(got_ - wanted_));                                                                              \
    } while (0)

static MAYBE_UNUSED int check_done(void)
{
    if (check_failures) {
        printf("%u claims failed\n", check_failures);
        return 1;
    }
    puts("ok");
    return 0;
}

/* The index'th argument as a number, or what it is without one. */
static MAYBE_UNUSED long check_number(int argc, char **argv, int index, long otherwise)
{
    return argc > index ? strtol(argv[index], NULL, 10) : otherwise;
}

/* ---- random numbers: xorshift64*, a sequence known from its seed ------------------------------ */

static MAYBE_UNUSED uint64_t check_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 0x2545F4914F6CDD1Dull;
}

/* Uniform in [low, high]. */
static MAYBE_UNUSED size_t check_between(uint64_t *state, size_t low, size_t high)
{
    return low + (size_t)((check_random(state) >> 16) % (high - low + 1));
}

/* ---- statistics -------------------------------------------------------------------------------- */

static MAYBE_UNUSED void check_identities(const struct rt_memstats *m)
{
    CHECK_EQUAL(m->size, sizeof(*m), "size of the struct");
    CHECK_EQUAL(m->version, 1, "version of the struct");
    CHECK_EQUAL(m->Alloc, m->HeapAlloc, "Alloc = HeapAlloc");
    CHECK(m->Frees <= m->Mallocs, "Frees %" PRIu64 " > Mallocs %" PRIu64, m->Frees, m->Mallocs);
    CHECK_EQUAL(m->HeapObjects, m->Mallocs - m->Frees, "HeapObjects = Mallocs - Frees");
    CHECK_EQUAL(m->HeapSys, m->HeapInuse + m->HeapIdle, "HeapSys = HeapInuse + HeapIdle");
    CHECK(m->HeapReleased <= m->HeapIdle, "HeapReleased %" PRIu64 " > HeapIdle %" PRIu64, m->HeapReleased, m->HeapIdle);
    CHECK_EQUAL(m->Sys, m->HeapSys + m->StackSys + m->MSpanSys + m->MCacheSys + m->BuckHashSys + m->GCSys + m->OtherSys,
                "Sys = the sum of the ...Sys fields");
    CHECK(m->StackInuse <= m->StackSys, "StackInuse %" PRIu64 " > StackSys %" PRIu64, m->StackInuse, m->StackSys);
    CHECK(m->MCacheInuse <= m->MCacheSys, "MCacheInuse %" PRIu64 " > MCacheSys %" PRIu64, m->MCacheInuse, m->MCacheSys);
    CHECK(m->HeapAlloc <= m->TotalAlloc, "HeapAlloc %" PRIu64 " > TotalAlloc %" PRIu64, m->HeapAlloc, m->TotalAlloc);
    CHECK(m->NumForcedGC <= m->NumGC, "NumForcedGC %u > NumGC %u", m->NumForcedGC, m->NumGC);
    CHECK(m->GCCPUFraction >= 0 && m->GCCPUFraction <= 1, "GCCPUFraction %f", m->GCCPUFraction);
    CHECK(m->EnableGC && !m->DebugGC, "EnableGC %d DebugGC %d", m->EnableGC, m->DebugGC);
    if (m->NumGC > 0) {
        CHECK_EQUAL(m->PauseEnd[(m->NumGC + 255) % 256], m->LastGC, "the newest PauseEnd = LastGC");
    }
    uint64_t mallocs = 0, frees = 0;
    for (unsigned i = 0; i < RT_SIZE_CLASSES; i++) {
        mallocs += m->BySize[i].Mallocs;
        frees += m->BySize[i].Frees;
        CHECK(m->BySize[i].Frees <= m->BySize[i].Mallocs, "class of %u bytes: Frees %" PRIu64 " > Mallocs %" PRIu64,
              m->BySize[i].Size, m->BySize[i].Frees, m->BySize[i].Mallocs);
    }
    CHECK(mallocs <= m->Mallocs && frees <= m->Frees,
          "the classes count %" PRIu64 "/%" PRIu64 " of %" PRIu64 "/%" PRIu64, mallocs, frees, m->Mallocs, m->Frees);
}

/* Cumulative fields never fall from one snapshot to the next. */
static MAYBE_UNUSED void check_monotonic(const struct rt_memstats *was, const struct rt_memstats *is)
{
#define NEVER_FALLS(field)                                                                                             \
    CHECK(was->field <= is->field, #field " fell from %" PRIu64 " to %" PRIu64, (uint64_t)was->field,                  \
          (uint64_t)is->field)
    NEVER_FALLS(TotalAlloc);
    NEVER_FALLS(Mallocs);
    NEVER_FALLS(Frees);
    NEVER_FALLS(PauseTotalNs);
    NEVER_FALLS(NumGC);
    NEVER_FALLS(NumForcedGC);
    NEVER_FALLS(LastGC);
    NEVER_FALLS(MCacheSys);
    for (unsigned i = 0; i < RT_SIZE_CLASSES; i++) {
        NEVER_FALLS(BySize[i].Mallocs);
        NEVER_FALLS(BySize[i].Frees);
    }
#undef NEVER_FALLS
}

/* What counts toward CMEMLIMIT: what both heaps hold and have not returned, and the runtime's own. */
static MAYBE_UNUSED uint64_t check_held(const struct rt_memstats *m)
{
    return m->HeapSys - m->HeapReleased + m->MCacheSys + m->GCSys + m->BuckHashSys + m->OtherSys;
}

/* ---- time --------------------------------------------------------------------------------------- */

static MAYBE_UNUSED uint64_t check_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Until a moment, not for a while: a cycle interrupts sleepers, and its pause must not add up. */
static MAYBE_UNUSED void check_sleep_ms(long ms)
{
    uint64_t end = check_now_ns() + (uint64_t)ms * 1000000u;
    struct timespec t = {.tv_sec = (time_t)(end / 1000000000u), .tv_nsec = (long)(end % 1000000000u)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) != 0) {
    }
}

static MAYBE_UNUSED bool check_is_boehm(void)
{
    return strcmp(rt_allocator(), "boehm") == 0;
}

/* CDEBUG=gcstress=N: cycles come at allocations of no one's choosing, so claims about what happens
 * without one, or after exactly one, mean nothing. */
static MAYBE_UNUSED bool check_is_tortured(void)
{
    struct rt_setting s;
    for (unsigned i = 0; rt_setting_get(i, &s); i++) {
        if (strcmp(s.name, "gcstress") == 0) {
            return strcmp(s.value, "0") != 0;
        }
    }
    return false;
}

#endif
