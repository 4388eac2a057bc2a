/* moments.h - made-up threads and what they do, for the writers of traces: places, a trace with a moment of every kind,
 * and long ones in which anything happens that timeline.h allows.
 */
#ifndef TESTS_MOMENTS_H
#define TESTS_MOMENTS_H

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include "runtime/trace/writers.h"

#define FROM UINT64_C(5000000000)
#define MS UINT64_C(1000000)

/* Functions of threads, and references of moments. */
enum { MAIN_FN = 0x401000, WORKER_FN = 0x402000, SPINNER_FN = 0x403000 };
enum { AT_POLL = 1, AT_LOCK, AT_FSYNC, AT_SPAWN, AT_SPIN, AT_COND, AT_SLEEP, AT_DEEP, AT_REFS };

static inline size_t made_up_places(struct rt__places *p, const struct rt__timeline *tl, uint32_t ref,
                                    uintptr_t start_fn, struct rt__place *out, size_t max)
{
    static const char *const names[AT_REFS] = {
        [AT_POLL] = "poll_once",   [AT_LOCK] = "lock_table", [AT_FSYNC] = "sync_file", [AT_SPAWN] = "spawn",
        [AT_SPIN] = "spin_inline", [AT_COND] = "wait_turn",  [AT_SLEEP] = "nap",       [AT_DEEP] = "deep"};
    (void)p, (void)tl;
    size_t n = 0;
    uint32_t site = ref & ~RT__REF_SITE;
    if (site > 0 && site < AT_REFS && n < max)
        out[n++] = (struct rt__place){0x500000 + site * 16, names[site], "/src/made_up.c", 10 * site};
    if (site == AT_SPIN && n < max) /* inlined into this one */
        out[n++] = (struct rt__place){0x500000 + AT_SPIN * 16, "spin", "/src/made_up.c", 51};
    for (unsigned i = 0; site == AT_DEEP && i < 200 && n < max; i++)
        out[n++] = (struct rt__place){0x600000 + i, "deep", "/src/deep.c", i};
    const char *fn = start_fn == MAIN_FN      ? "main"
                     : start_fn == WORKER_FN  ? "worker_loop"
                     : start_fn == SPINNER_FN ? "spinner_loop"
                                              : NULL;
    if (fn != NULL && n < max)
        out[n++] = (struct rt__place){start_fn, fn, "/src/threads.c", 7};
    return n;
}

struct teller {
    struct rt__writer *writer;
    uint64_t ns;
};

/* One moment, at the teller's time. */
#define TELL(t, track, the_kind, ...)                                                                                  \
    (t)->writer->moment((t)->writer, track,                                                                            \
                        &(struct rt__moment){.kind = RT__MOMENT_##the_kind, .ns = (t)->ns, ##__VA_ARGS__})

/* It waits, and runs again a millisecond later, 50 us after it could. */
static inline void tell_wait(struct teller *t, struct rt__track *track, enum rt__block reason, uint32_t stack)
{
    TELL(t, track, WAITING, .reason = reason, .stack = stack);
    t->ns += MS;
    TELL(t, track, UNBLOCK);
    t->ns += 50000;
    TELL(t, track, RUN);
    t->ns += 10000;
}

static inline void tell_request(struct teller *t, struct rt__track *track)
{
    TELL(t, track, TASK_BEGIN, .task = 7, .name = "request", .stack = AT_SPAWN | RT__REF_SITE);
    TELL(t, track, REGION_BEGIN, .task = 7, .name = "parse", .stack = AT_SPAWN);
    TELL(t, track, TASK_BEGIN, .task = 8, .parent = 7, .name = "query", .stack = AT_SPAWN);
    t->ns += 1000;
    TELL(t, track, LOG, .task = 7, .name = "status", .text = "200 OK, and more", .len = 6, .stack = AT_SPAWN);
    TELL(t, track, REGION_END, .task = 7, .name = "parse", .stack = AT_SPAWN);
    TELL(t, track, TASK_END, .task = 8, .stack = AT_SPAWN);
}

static inline void tell_cycle(struct teller *t, struct rt__track *collector, uint64_t number)
{
    TELL(t, collector, UNBLOCK);
    TELL(t, collector, RUN);
    TELL(t, collector, GC_BEGIN, .value = number);
    TELL(t, collector, STW_BEGIN);
    t->ns += MS;
    TELL(t, collector, STW_END);
    t->ns += MS / 4;
    TELL(t, collector, GC_END, .value = number);
    TELL(t, collector, WAITING, .reason = RT__BLOCK_SLEEP);
}

static inline struct rt__track made_up_track(uint64_t number, uint32_t slot, pid_t tid, uintptr_t fn, const char *name)
{
    struct rt__track track = {.number = number, .slot = slot, .tid = tid, .start_fn = fn};
    snprintf(track.name, sizeof track.name, "%s", name);
    return track;
}

/* Every kind of moment and every reason, threads that share a slot and a tid, and losses. */
static inline void tell_everything(struct rt__writer *writer)
{
    struct teller t = {writer, FROM};
    struct rt__track main_track = made_up_track(1, 0, 100, MAIN_FN, "main");
    struct rt__track waiter = made_up_track(2, 1, 101, WORKER_FN, "waiter");
    struct rt__track spinner = made_up_track(3, 2, 102, SPINNER_FN, "spinner");
    struct rt__track first = made_up_track(4, 3, 103, WORKER_FN, "first"),
                     second = made_up_track(5, 3, 103, WORKER_FN, "second");
    struct rt__track syncer = made_up_track(6, 4, 102, 0, ""); /* has the tid of one that has not ended */
    struct rt__track collector = made_up_track(RT__TRACK_COLLECTOR, UINT32_MAX, 0, 0, "collector");
    TELL(&t, &main_track, EXISTS_RUNNING);
    TELL(&t, &waiter, EXISTS_WAITING, .reason = RT__BLOCK_NETWORK, .stack = AT_POLL);
    TELL(&t, &spinner, EXISTS_RUNNING);
    TELL(&t, &syncer, EXISTS_WAITING, .reason = RT__BLOCK_FILE, .stack = AT_FSYNC);
    TELL(&t, &collector, EXISTS_WAITING, .reason = RT__BLOCK_SLEEP);
    t.ns += MS;
    TELL(&t, &main_track, HEAP_ALLOC, .value = 1 << 20);
    TELL(&t, &main_track, HEAP_GOAL, .value = 4 << 20);
    TELL(&t, &main_track, REGION_END, .name = "began before", .stack = AT_SPAWN);
    TELL(&t, &first, CREATED, .stack = AT_SPAWN);
    t.ns += 100000;
    TELL(&t, &first, RUN);
    tell_request(&t, &first);
    tell_wait(&t, &first, RT__BLOCK_MUTEX, AT_LOCK);
    tell_wait(&t, &first, RT__BLOCK_FILE, AT_FSYNC);
    TELL(&t, &first, TASK_END, .task = 7, .stack = AT_SPAWN);
    TELL(&t, &first, END);
    TELL(&t, &second, CREATED, .stack = AT_SPAWN);
    TELL(&t, &second, RUN);
    tell_wait(&t, &second, RT__BLOCK_NETWORK, AT_POLL);
    tell_wait(&t, &second, RT__BLOCK_COND, AT_COND);
    tell_wait(&t, &second, RT__BLOCK_RWLOCK, AT_LOCK);
    tell_wait(&t, &second, RT__BLOCK_SEMAPHORE, AT_LOCK);
    tell_wait(&t, &second, RT__BLOCK_SLEEP, AT_SLEEP);
    TELL(&t, &second, WAITING, .reason = RT__BLOCK_FILE, .stack = AT_DEEP);
    TELL(&t, &spinner, SAMPLE, .stack = AT_SPIN);
    tell_cycle(&t, &collector, 41);
    tell_cycle(&t, &collector, 42);
    TELL(&t, &syncer, UNBLOCK);
    TELL(&t, &syncer, RUN);
    TELL(&t, &syncer, LOG, .name = "", .text = "", .len = 0);
    t.ns += MS;
    writer->finish(writer, t.ns, &(struct rt__timeline_losses){.events = 12, .gaps = 3});
}

/* ---- anything that is allowed ---- */

enum { RANDOM_SLOTS = 24, RANDOM_REGIONS = 4 };

struct random_thread {
    struct rt__track track;
    enum { GONE, MADE, RUNS, WAITS, READY } state;
    unsigned regions; /* open */
    uint64_t task;
};

struct random_teller {
    struct teller t;
    uint64_t seed, last_number, last_task;
    struct random_thread threads[RANDOM_SLOTS];
};

static inline uint64_t next_random(struct random_teller *r, uint64_t below)
{
    r->seed = r->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (r->seed >> 33) % below;
}

static inline void tell_random_begin(struct random_teller *r, struct random_thread *thread, bool exists)
{
    static const uintptr_t fns[] = {0, WORKER_FN, SPINNER_FN};
    uint32_t slot = (uint32_t)(thread - r->threads);
    /* Tids are so few that threads have each other's, also while both live. */
    thread->track =
        made_up_track(++r->last_number, slot, 1000 + (pid_t)next_random(r, 30), fns[next_random(r, 3)], "some");
    thread->regions = 0;
    if (!exists) {
        TELL(&r->t, &thread->track, CREATED, .stack = AT_SPAWN);
        thread->state = MADE;
    } else if (next_random(r, 2)) {
        TELL(&r->t, &thread->track, EXISTS_RUNNING);
        thread->state = RUNS;
    } else {
        TELL(&r->t, &thread->track, EXISTS_WAITING, .reason = (enum rt__block)next_random(r, RT__BLOCK_REASONS));
        thread->state = WAITS;
    }
}

static inline void tell_random_act(struct random_teller *r, struct random_thread *thread)
{
    static const char *const names[RANDOM_REGIONS] = {"parse", "query", "render", "send"};
    struct rt__track *track = &thread->track;
    uint32_t stack = (uint32_t)next_random(r, AT_REFS) | (next_random(r, 2) ? RT__REF_SITE : 0);
    uint64_t choice = next_random(r, 100);
    if (choice < 40) {
        TELL(&r->t, track, WAITING, .reason = (enum rt__block)next_random(r, RT__BLOCK_REASONS), .stack = stack);
        thread->state = WAITS;
    } else if (choice < 60 && thread->regions < RANDOM_REGIONS) {
        TELL(&r->t, track, REGION_BEGIN, .name = names[thread->regions++], .stack = stack);
    } else if (choice < 80 && thread->regions > 0) {
        TELL(&r->t, track, REGION_END, .name = names[--thread->regions], .stack = stack);
    } else if (choice < 85) {
        TELL(&r->t, track, TASK_BEGIN, .task = ++r->last_task, .parent = next_random(r, 3), .name = "task");
    } else if (choice < 90) {
        TELL(&r->t, track, TASK_END, .task = 1 + next_random(r, r->last_task + 1), .stack = stack);
    } else if (choice < 92) {
        TELL(&r->t, track, LOG, .task = r->last_task, .name = "note", .text = "something happened", .len = 18);
    } else if (choice < 94) {
        TELL(&r->t, track, HEAP_ALLOC, .value = next_random(r, 1 << 30));
    } else if (choice < 95) {
        TELL(&r->t, track, HEAP_GOAL, .value = next_random(r, 1 << 30));
    } else if (choice < 99) {
        TELL(&r->t, track, SAMPLE, .stack = stack);
    } else {
        TELL(&r->t, track, END);
        thread->state = GONE;
    }
}

/* So many moments, of threads that come and go; always the same for a seed. */
static inline void tell_random(struct rt__writer *writer, uint64_t seed, uint64_t count)
{
    struct random_teller r = {.t = {writer, FROM}, .seed = seed};
    for (unsigned i = 0; i < RANDOM_SLOTS / 2; i++)
        tell_random_begin(&r, &r.threads[i], true);
    for (uint64_t i = 0; i < count; i++) {
        struct random_thread *thread = &r.threads[next_random(&r, RANDOM_SLOTS)];
        r.t.ns += next_random(&r, 2000);
        if (thread->state == GONE) {
            tell_random_begin(&r, thread, false);
        } else if (thread->state == RUNS) {
            tell_random_act(&r, thread);
        } else if (thread->state == WAITS) {
            TELL(&r.t, &thread->track, UNBLOCK);
            thread->state = READY;
        } else {
            TELL(&r.t, &thread->track, RUN);
            thread->state = RUNS;
        }
    }
    writer->finish(writer, r.t.ns, &(struct rt__timeline_losses){0});
}

#endif
