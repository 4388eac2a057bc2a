/* fake_symbols.h - a small world of functions for the writers of profiles, in place of debug information. */
#ifndef TESTS_FAKE_SYMBOLS_H
#define TESTS_FAKE_SYMBOLS_H

#include <stddef.h>
#include <stdint.h>
#include "runtime/profile/snapshot.h"
#include "runtime/symbols/symbols.h"

/* One function in each block of 256 addresses. */
#define MAIN 0x400100
#define OUTER 0x400200 /* "inner" is inlined into it */
#define MALLOC 0x400300
#define USER 0x400400 /* a function of the runtime's is inlined into it */
#define RT_ALLOC 0x400500
#define HELPER_A 0x400600
#define HELPER_B 0x400700 /* static, another one of the same name */
#define WAIT 0x100100     /* in a library without debug information */
#define NOWHERE 0x900000  /* in no mapping */

struct rt__symbols {
    unsigned finds, starts; /* how often each was asked */
};

static inline size_t fake_find(struct rt__symbols *s, uintptr_t pc, struct rt__symbol *out, size_t max)
{
    static const struct fake {
        uintptr_t block;
        struct rt__symbol symbol;
    } world[] = {
        {MAIN, {"main", "/src/main.c", 15, 10, false}},    {OUTER, {"inner", "/src/inner.h", 5, 3, false}},
        {OUTER, {"outer", "/src/main.c", 22, 20, false}},  {MALLOC, {"malloc", "/src/interpose.c", 7, 6, true}},
        {USER, {"rt_helper", "/src/rt.h", 2, 1, true}},    {USER, {"user", "/src/main.c", 41, 40, false}},
        {RT_ALLOC, {"rt_alloc", "/src/rt.c", 9, 8, true}}, {HELPER_A, {"helper", "/src/a.c", 3, 2, false}},
        {HELPER_B, {"helper", "/src/b.c", 3, 2, false}},   {WAIT, {"libc.so.6+0x100", NULL, 0, 0, false}},
    };
    size_t n = 0;
    s->finds++;
    for (size_t i = 0; i < sizeof world / sizeof world[0] && n < max; i++) {
        if (world[i].block == (pc & ~(uintptr_t)0xFF))
            out[n++] = world[i].symbol;
    }
    if (n == 0)
        out[n++] = (struct rt__symbol){.name = "unknown"};
    return n;
}

static inline uintptr_t fake_function_start(struct rt__symbols *s, uintptr_t pc)
{
    s->starts++;
    return pc & ~(uintptr_t)0xFF;
}

static inline const struct rt__mapping *fake_mappings(struct rt__symbols *s, size_t *n)
{
    static const struct rt__mapping mappings[] = {
        {0x400000, 0x500000, 0x1000, "/bin/prog", "abcd"},
        {0x100000, 0x200000, 0, "/lib/libc.so.6", "0123"},
        {0x700000, 0x701000, 0, "[vdso]", ""},
    };
    (void)s;
    *n = sizeof mappings / sizeof mappings[0];
    return mappings;
}

static inline struct rt__symbol_source fake_source(struct rt__symbols *session)
{
    *session = (struct rt__symbols){0};
    return (struct rt__symbol_source){session, fake_find, fake_function_start, fake_mappings};
}

/* Adds a sample with a stack that the profile keeps. */
static inline struct rt__sample *add_sample(struct rt__profile *p, const uintptr_t *pcs, uint32_t depth,
                                            const int64_t values[RT__PROFILE_VALUES])
{
    const uintptr_t *kept = rt__profile_keep(p, pcs, depth * sizeof *pcs);
    struct rt__sample *s = rt__profile_add(p);
    if (s == NULL)
        return NULL;
    s->pcs = kept;
    s->depth = depth;
    for (unsigned i = 0; i < RT__PROFILE_VALUES; i++)
        s->values[i] = values[i];
    return s;
}

#define STACK(...) (const uintptr_t[]){__VA_ARGS__}, sizeof((const uintptr_t[]){__VA_ARGS__}) / sizeof(uintptr_t)
#define VALUES(...)                                                                                                    \
    (const int64_t[RT__PROFILE_VALUES])                                                                                \
    {                                                                                                                  \
        __VA_ARGS__                                                                                                    \
    }

/* ---- kinds, as the real ones ---- */

static const struct rt__profile_kind heap_kind = {
    .name = "heap",
    .types_count = 4,
    .types = {{"alloc_objects", "count"},
              {"alloc_space", "bytes"},
              {"inuse_objects", "count"},
              {"inuse_space", "bytes"}},
    .period_type = {"space", "bytes"},
    .text = RT__TEXT_HEAP,
    .text_title = "heap profile",
    .drops_runtime = true,
};

static const struct rt__profile_kind thread_kind = {
    .name = "goroutine",
    .types_count = 1,
    .types = {{"goroutine", "count"}},
    .period_type = {"goroutine", "count"},
    .text = RT__TEXT_COUNT,
    .text_title = "goroutine",
};

static const struct rt__profile_kind mutex_kind = {
    .name = "mutex",
    .types_count = 2,
    .types = {{"contentions", "count"}, {"delay", "nanoseconds"}},
    .period_type = {"contentions", "count"},
    .text = RT__TEXT_CONTENTION,
    .text_title = "mutex",
};

#endif
