/* init.c - the runtime's start, before main: knobs, heaps, collector, background thread, agent.
 *
 * A constructor: malloc works from the first call long before it (heap/process.c starts itself),
 * but nothing managed exists until here. A malformed variable ends the program with status 2 and
 * one line. In a set-user-id program no variable is read: secure_getenv.
 */
#include <stdlib.h>
#include <unistd.h>
#include "env/settings.h"
#include "runtime/agent/agent.h"
#include "runtime/crash/crash.h"
#include "runtime/cruntime.h"
#include "runtime/gc/cycle.h"
#include "runtime/gc/gctrace.h"
#include "runtime/heap/account.h"
#include "runtime/heap/backend.h"
#include "runtime/heap/managed.h"
#include "runtime/heap/process.h"
#include "runtime/knobs.h"
#include "runtime/os/os.h"
#include "runtime/profile/profile.h"
#include "runtime/stats/sched.h"
#include "runtime/trace/trace.h"
#include "runtime/unwind/unwind.h"

static const char *from_environment(const char *name, void *unused)
{
    (void)unused;
    return secure_getenv(name);
}

static const struct rt__backend *backend_named(enum env_allocator which)
{
#ifdef RT_SANITIZE
    (void)which;
    return &rt__backend_libc;
#else
    return which == ENV_ALLOC_MIMALLOC ? &rt__backend_mimalloc : &rt__backend_boehm;
#endif
}

/* Boehm's own variables still work behind ours: the user should know whom they contradict. */
static void warn_of_gc_variables(void)
{
    static const struct {
        const char *theirs, *ours;
    } pairs[] = {{"GC_DONT_GC", "CGC=off"},
                 {"GC_FREE_SPACE_DIVISOR", "CGC"},
                 {"GC_MAXIMUM_HEAP_SIZE", "CMEMLIMIT"},
                 {"GC_ENABLE_INCREMENTAL", "the pacer"},
                 {"GC_NPROCS", "CMAXPROCS"},
                 {"GC_MARKERS", "CMAXPROCS"}};
    for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
        if (secure_getenv(pairs[i].theirs)) {
            rt__os_print("%s: %s is set: it changes the collector behind %s\n", rt__os_program(), pairs[i].theirs,
                         pairs[i].ours);
        }
    }
}

static void warn_of_pending(const struct env_settings *s)
{
    for (int knob = 0; knob < ENV_KNOBS; knob++) {
        if (s->source[knob] == ENV_ENVIRONMENT && env_knob_pending(knob)) {
            bool key = env_knob_is_debug_key(knob);
            rt__os_print("%s: %s%s is set, and nothing in this version obeys it\n", rt__os_program(),
                         key ? "CDEBUG=" : "", env_knob_name(knob));
        }
    }
}

/* inittrace: one line a module, with what its start cost. */
static void timed(const struct env_settings *s, const char *module, void (*start)(const struct env_settings *s))
{
    struct rt__account before, after;
    uint64_t start_ns = rt__os_now_ns();
    if (s->inittrace) {
        rt__account_read(&before);
    }
    start(s);
    if (s->inittrace) {
        char line[256];
        rt__account_read(&after);
        rt__inittrace_format(line, sizeof(line), module, start_ns - rt__os_start_ns(), rt__os_now_ns() - start_ns,
                             after.alloc_bytes - before.alloc_bytes, after.mallocs - before.mallocs);
        rt__os_print("%s", line);
    }
}

/* First of all: the heaps start threads, and threadcreate wants to know from where. */
static void start_unwinder(const struct env_settings *s)
{
    (void)s;
    rt__unwind_start();
}

static void start_heap(const struct env_settings *s)
{
    rt__process_init();
    rt__managed_start(backend_named(s->allocator), (unsigned)s->max_procs);
}

__attribute__((constructor(110))) static void start(void)
{
    static struct env_settings settings;
    struct env_error error;
    rt__crash_child_if_asked();
    rt__os_start_ns();
    if (env_settings_load(&settings, env_cpus_default(), from_environment, NULL, &error) != 0) {
        rt__os_die(2, "%s", error.text);
    }
    if (settings.allocator != ENV_ALLOC_MIMALLOC) {
        warn_of_gc_variables();
    }
    warn_of_pending(&settings);
    timed(&settings, "cruntime/unwind", start_unwinder);
    timed(&settings, "cruntime/trace", rt__trace_start);
    timed(&settings, "cruntime/heap", start_heap);
    timed(&settings, "cruntime/crash", rt__crash_start); /* libgc has handlers of its own while it starts */
    timed(&settings, "cruntime/gc", rt__gc_start);
    timed(&settings, "cruntime/profile", rt__profile_start);
    timed(&settings, "cruntime/scavenger", rt__scavenger_start);
    rt__knobs_start(&settings);
    rt__sched_start(&settings);
    timed(&settings, "cruntime/agent", rt__agent_start);
}
