/* cruntime.h - the one public header of libcruntime.
 *
 * Go programs come with GOGC, GOMEMLIMIT, gctrace and MemStats; this library gives C programs
 * the same, over two heaps:
 *
 *   process heap   malloc and its family, of the whole process: always mimalloc, always counted.
 *   managed heap   what the program asks of rt_alloc and friends: Boehm GC (collected) or
 *                  mimalloc (freed by hand or by scope), chosen at start by CALLOCATOR.
 *
 * Three rules are enough to use it:
 *   1. Link it; the variables CGC, CMEMLIMIT, CMAXPROCS, CTRACEBACK, CDEBUG, CALLOCATOR and CAGENT
 *      are read before main, and a malformed one ends the program with status 2.
 *   2. A managed pointer must never live only in process-heap memory (malloc'd blocks, a
 *      library's structs, epoll's data): no collector looks there. Allocate in an rt_scope, or
 *      keep the pointer in a managed object, on a stack or in a global variable.
 *   3. Threads that touch managed memory are best started by rt_thread_start (a thread that was
 *      not is registered at its first managed allocation, not before).
 *
 * Conventions, stated once. Sizes are bytes, times nanoseconds unless the name says otherwise.
 * Every function may be called from any thread at any time after main has begun, and none from a
 * signal handler, unless its comment says so. Questions return bool; functions that can fail
 * return 0 or a negative errno. Allocation never returns NULL: like Go, the runtime prints one
 * line and aborts when the operating system itself has no memory left (CMEMLIMIT is soft and
 * never makes an allocation fail). malloc and its family keep C's contract and return NULL.
 */
#ifndef CRUNTIME_H
#define CRUNTIME_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RT_VERSION "0.1.0"
#define RT_API __attribute__((visibility("default")))

/* ---- managed memory ------------------------------------------------------------------------ */

/* rt_alloc - size zeroed bytes of the managed heap, aligned to 16. Under Boehm the object lives
 * as long as it is reachable (interior pointers count); under mimalloc until rt_free. Go: new. */
RT_API void *rt_alloc(size_t size) __attribute__((malloc, alloc_size(1), returns_nonnull));

/* rt_alloc_atomic - size bytes that will never hold a pointer (strings, JSON, pixels). Not
 * zeroed. The collector does not look inside, which makes marking several times cheaper.
 * Go: an allocation of a noscan span. */
RT_API void *rt_alloc_atomic(size_t size) __attribute__((malloc, alloc_size(1), returns_nonnull));

/* rt_realloc - grows or shrinks a managed object, keeping its kind (scanned or atomic) under
 * Boehm; new bytes are not zeroed. p may be NULL (then: rt_alloc); size 0 frees and returns NULL.
 * The old pointer is dead when the new one differs. */
RT_API void *rt_realloc(void *p, size_t size);

/* rt_free - gives a managed object back. Under mimalloc at once; under Boehm it does nothing,
 * the next cycle finds the object dead: GC_free takes a global lock. p may be NULL. */
RT_API void rt_free(void *p);

/* rt_strdup, rt_strndup - an atomic copy of a string. */
RT_API char *rt_strdup(const char *s) __attribute__((returns_nonnull));
RT_API char *rt_strndup(const char *s, size_t n) __attribute__((returns_nonnull));

/* rt_usable_size - bytes that the managed object at p really has (its size class); 0 for NULL. */
RT_API size_t rt_usable_size(const void *p);

/* rt_add_roots - also look for managed pointers in [low, high). Needed only for memory that the
 * program mapped itself; static data, stacks and registers are looked at anyway. No effect under
 * mimalloc. The range must stay mapped for the life of the process. */
RT_API void rt_add_roots(void *low, void *high);

/* ---- scopes: what is allocated together dies together --------------------------------------- */

/* A scope keeps everything allocated in it alive until rt_scope_end; then mimalloc frees it in
 * bulk and Boehm forgets it. A scope is used by one thread at a time. Scopes are recycled:
 * beginning one costs no allocation once the thread has ended one. Go has no counterpart (its
 * arenas were withdrawn); a request's context is the nearest. */
struct rt_scope;

RT_API struct rt_scope *rt_scope_begin(void) __attribute__((returns_nonnull));
RT_API void *rt_scope_alloc(struct rt_scope *s, size_t size) __attribute__((malloc, alloc_size(2), returns_nonnull));
RT_API void *rt_scope_alloc_atomic(struct rt_scope *s, size_t size)
    __attribute__((malloc, alloc_size(2), returns_nonnull));
/* rt_scope_realloc - p must be of this scope or NULL. When it was allocated atomic it stays so. */
RT_API void *rt_scope_realloc(struct rt_scope *s, void *p, size_t size) __attribute__((returns_nonnull));
/* rt_scope_free - lets one object of the scope go before the scope ends; p may be NULL. */
RT_API void rt_scope_free(struct rt_scope *s, void *p);
RT_API char *rt_scope_strdup(struct rt_scope *s, const char *text) __attribute__((returns_nonnull));
/* rt_scope_adopt - the scope keeps (and under mimalloc frees at its end) an rt_alloc'd object. */
RT_API void rt_scope_adopt(struct rt_scope *s, void *p);
/* rt_scope_end - ends the scope; every pointer into it is dead. NULL is ignored. Any thread. */
RT_API void rt_scope_end(struct rt_scope *s);

/* ---- pools: objects worth using again -------------------------------------------------------- */

/* Go's sync.Pool: objects put here may be got again by any thread, or vanish. A cycle moves the
 * unused ones to a victim cache, the next cycle drops what nobody took from there, so an idle pool
 * is empty after two cycles. Items are managed objects (from make, or rt_alloc). */
struct rt_pool;

/* rt_pool_new - make(arg) is called by rt_pool_get when the pool is empty; it returns a managed
 * object. make may be NULL: then an empty pool gives NULL. */
RT_API struct rt_pool *rt_pool_new(void *(*make)(void *arg), void *arg) __attribute__((returns_nonnull));
RT_API void *rt_pool_get(struct rt_pool *pool);
/* rt_pool_put - the caller must not touch item again. NULL is ignored. */
RT_API void rt_pool_put(struct rt_pool *pool, void *item);
/* rt_pool_free - drops all items; no other thread may be using the pool. */
RT_API void rt_pool_free(struct rt_pool *pool);

/* ---- threads --------------------------------------------------------------------------------- */

/* rt_thread_start - pthread_create that registers the thread with both heaps before fn runs and
 * takes it off when fn returns or the thread exits. name (at most 15 bytes, may be NULL) is what
 * top and gdb show. attr may be NULL. Returns 0 or a negative errno. Go: the go statement. */
RT_API int rt_thread_start(pthread_t *thread, const pthread_attr_t *attr, const char *name, void *(*fn)(void *),
                           void *arg);

/* rt_thread_poll - a point at which this thread does what a cycle or the scavenger asked of it
 * (giving its free memory back). Allocation does so by itself; a thread that sleeps in poll(2)
 * calls it once a turn. Costs a load and a compare when nothing was asked. */
RT_API void rt_thread_poll(void);

/* rt_thread_block - runs fn(arg) on this thread and returns what it returns. Meanwhile cycles do not
 * stop this thread, so none waits for it: meant for what the kernel does not interrupt, such as
 * fsync(2), which would make every pause as long as itself. fn must neither use managed memory nor
 * call what allocates or frees it; malloc and free are all right. If a cycle is under way when fn is
 * done, the call returns after it. Objects known to this thread's stack stay alive. Takes the
 * collector's lock twice under Boehm; a plain call under mimalloc. Go: the run-time does as much by
 * itself around each system call (entersyscall, runtime/proc.go). */
RT_API void *rt_thread_block(void *(*fn)(void *arg), void *arg);

/* ---- knobs, while running -------------------------------------------------------------------- */

/* rt_set_gc_percent - CGC while running; negative is off. Returns the old value (-1 when it was
 * off). Takes effect at once: a heap already past the new goal is collected by the next
 * allocation that looks. Go: debug.SetGCPercent. */
RT_API int rt_set_gc_percent(int percent);

/* rt_set_memory_limit - CMEMLIMIT while running, in bytes; INT64_MAX is off. Negative only reads.
 * Returns the old value. Go: debug.SetMemoryLimit. */
RT_API int64_t rt_set_memory_limit(int64_t limit_bytes);

/* rt_max_procs - CMAXPROCS. Go: runtime.GOMAXPROCS(0). */
RT_API int rt_max_procs(void);

/* rt_set_traceback - CTRACEBACK while running: none, single, all, system, crash, wer, 0, 1, 2.
 * Returns 0, or -EINVAL for another word (nothing is changed). Go: debug.SetTraceback. */
RT_API int rt_set_traceback(const char *level);

/* rt_allocator - "boehm", "mimalloc" or "libc": what CALLOCATOR chose for the managed heap. */
RT_API const char *rt_allocator(void);

/* A knob as it stands. source is "default", "environment" or "call". The strings are valid until
 * the next rt_setting_get of the same thread. */
struct rt_setting {
    const char *name;
    const char *value;
    const char *source;
    const char *unit;
    const char *help;
};
/* rt_setting_get - the index'th knob; false when there are no more. */
RT_API bool rt_setting_get(unsigned index, struct rt_setting *out);

/* rt_env_help - writes the table of variables, their grammar, defaults and keys, to out. */
RT_API void rt_env_help(FILE *out);

/* ---- cycles ---------------------------------------------------------------------------------- */

/* rt_gc - runs a full cycle and returns when it is done. Counted in NumForcedGC. Go: runtime.GC. */
RT_API void rt_gc(void);

/* rt_free_os_memory - rt_gc, then gives back to the operating system all that can be given.
 * Go: debug.FreeOSMemory. */
RT_API void rt_free_os_memory(void);

/* Hooks. They run on the thread that runs the cycle, before it and after it, with the world
 * running; a hook may allocate, but must not call rt_gc. RT_HOOK_PRESSURE runs when what counts
 * toward CMEMLIMIT has passed it and a cycle did not help: drop caches there. */
enum rt_hook_kind { RT_HOOK_CYCLE_START, RT_HOOK_CYCLE_END, RT_HOOK_PRESSURE };
/* rt_hook_add - at most 16 hooks of a kind; returns 0 or -ENOSPC. Hooks are never removed. */
RT_API int rt_hook_add(enum rt_hook_kind kind, void (*fn)(void *arg), void *arg);

/* One finished cycle. Bytes are of the managed heap under Boehm and of the whole counted heap
 * under mimalloc (see docs/architecture.md, "The account"). */
struct rt_cycle {
    uint64_t number;            /* 1 is the first */
    uint64_t start_ns;          /* since program start */
    uint64_t end_unix_ns;       /* wall clock */
    uint64_t stop_ns;           /* stopping the world */
    uint64_t concurrent_ns;     /* marking while the program ran: 0 here */
    uint64_t pause_mark_ns;     /* marking and restarting with the world stopped */
    uint64_t sweep_ns;          /* accounting and sweeping set-up after the world ran again */
    uint64_t stop_cpu_ns;       /* CPU spent in each */
    uint64_t assist_cpu_ns;     /* the collecting thread's own marking */
    uint64_t background_cpu_ns; /* the parallel markers' */
    uint64_t idle_cpu_ns;       /* 0 here */
    uint64_t heap_start_bytes;  /* when the cycle began */
    uint64_t heap_end_bytes;    /* when marking ended */
    uint64_t heap_live_bytes;   /* found live */
    uint64_t goal_bytes;        /* the goal this cycle was meant to start at */
    uint64_t stacks_bytes;
    uint64_t globals_bytes;
    uint32_t procs;           /* CMAXPROCS */
    uint32_t gc_cpu_permille; /* share of CPU in the collector since start */
    bool forced;
    bool trim; /* a mimalloc cycle: gave memory back, marked nothing */
};

/* rt_cycles_read - copies up to n of the newest finished cycles, oldest first; returns how many.
 * The last 4096 are kept whether or not gctrace is on. */
RT_API size_t rt_cycles_read(struct rt_cycle *out, size_t n);

/* rt_gctrace_format - the gctrace line of one cycle, with its newline, as Go writes it. Returns
 * the length that the whole line has (as snprintf). Pure; may be called from a signal handler. */
RT_API int rt_gctrace_format(char *buf, size_t size, const struct rt_cycle *c);

/* ---- statistics ------------------------------------------------------------------------------ */

#define RT_SIZE_CLASSES 61

/* Go's runtime.MemStats, same names, same units (bytes, counts, ns); where a field cannot mean
 * here what it means in Go, its comment says what it holds. Identities that hold in every
 * snapshot: Alloc = HeapAlloc; HeapObjects = Mallocs - Frees; HeapSys = HeapInuse + HeapIdle;
 * HeapReleased <= HeapIdle; Sys = the sum of the ...Sys fields. */
struct rt_memstats {
    uint32_t size;          /* sizeof of the struct that the library filled */
    uint32_t version;       /* 1 */
    uint64_t Alloc;         /* = HeapAlloc */
    uint64_t TotalAlloc;    /* cumulative bytes allocated, size-class sizes */
    uint64_t Sys;           /* HeapSys + StackSys + MSpanSys + MCacheSys + BuckHashSys + GCSys + OtherSys */
    uint64_t Lookups;       /* 0, as in Go */
    uint64_t Mallocs;       /* cumulative, process heap and managed heap */
    uint64_t Frees;         /* cumulative; under Boehm a dead object counts at the cycle that found it */
    uint64_t HeapAlloc;     /* bytes of objects allocated and not (known to be) freed */
    uint64_t HeapSys;       /* bytes obtained for both heaps from the OS, returned ones included */
    uint64_t HeapIdle;      /* whole free blocks and returned memory */
    uint64_t HeapInuse;     /* HeapSys - HeapIdle */
    uint64_t HeapReleased;  /* returned to the OS and not taken again */
    uint64_t HeapObjects;   /* Mallocs - Frees */
    uint64_t StackInuse;    /* stack depth of registered threads when each last looked */
    uint64_t StackSys;      /* = StackInuse: the OS gives C threads their stacks, not the heap */
    uint64_t MSpanInuse;    /* 0: the heaps keep span data inside their own blocks (HeapSys, GCSys) */
    uint64_t MSpanSys;      /* 0 */
    uint64_t MCacheInuse;   /* per-thread counters in use */
    uint64_t MCacheSys;     /* per-thread counters mapped */
    uint64_t BuckHashSys;   /* profile tables */
    uint64_t GCSys;         /* the collector's own tables, and the ring of cycles */
    uint64_t OtherSys;      /* the runtime's other mappings */
    uint64_t NextGC;        /* goal of the next cycle, in the pacer's bytes (struct rt_cycle) */
    uint64_t LastGC;        /* end of the newest cycle, ns since 1970; 0: none yet */
    uint64_t PauseTotalNs;  /* world stopped, cumulative */
    uint64_t PauseNs[256];  /* circular; the newest at (NumGC+255)%256 */
    uint64_t PauseEnd[256]; /* ns since 1970 */
    uint32_t NumGC;
    uint32_t NumForcedGC;
    double GCCPUFraction; /* collector's share of CMAXPROCS x elapsed since start */
    bool EnableGC;        /* always true, as in Go */
    bool DebugGC;         /* always false, as in Go */
    struct {
        uint32_t Size;
        uint64_t Mallocs;
        uint64_t Frees;
    } BySize[RT_SIZE_CLASSES];
};

/* rt_read_memstats - fills *out with one consistent snapshot. Takes no lock that an allocation
 * takes; costs some microseconds a thread. Go: runtime.ReadMemStats (but the world runs on). */
RT_API void rt_read_memstats(struct rt_memstats *out);

/* Go: debug.ReadGCStats. pause_ns and pause_end are newest first; n of them are filled. */
struct rt_gc_stats {
    uint64_t last_gc_unix_ns;
    uint64_t num_gc;
    uint64_t pause_total_ns;
    uint32_t n;
    uint64_t pause_ns[256];
    uint64_t pause_end_unix_ns[256];
};
RT_API void rt_read_gc_stats(struct rt_gc_stats *out);

/* rt_metrics_write - every metric, one `name value` a line, histograms as `name{le="x"} n` lines.
 * Names and units are Go's runtime/metrics; ours begin with /cruntime/. */
RT_API void rt_metrics_write(FILE *out);

/* rt_metric_publish - adds a figure of the program's own, which stands behind the runtime's at /debug/metrics and as a
 * member at /debug/vars; `cops top` shows the sum of those in ":requests" (Go's expvar.Publish). name: "/what/it:unit",
 * of letters, digits and `/-_` before the colon, letters, digits and `-` after it; help: one line. Both are kept, not
 * copied. read is called in any thread that asks, also several at once and after main has returned: it must neither
 * wait nor allocate. Returns 0, -EINVAL for a name or help that will not do, -EEXIST for a name that there is, the
 * runtime's own included, -ENOSPC after 64. Any thread. */
RT_API int rt_metric_publish(const char *name, const char *help, uint64_t (*read)(void *arg), void *arg);

/* rt_memstats_write_json - a snapshot as Go's expvar prints it (names and order of Go). */
RT_API void rt_memstats_write_json(FILE *out, const struct rt_memstats *ms);

/* ---- profiles --------------------------------------------------------------------------------- */

/* Labels say on whose behalf a thread works: a route, a tenant, a job. A set of them is made once, and is
 * the same pointer for the same pairs; it lives as long as the process, so make sets of things that
 * are few (routes), not of things that are many (ids). CPU samples and heap samples, allocated and in use,
 * carry the set that their thread had. Go: pprof.Labels (Go's heap profile has none). */
struct rt_labels;

/* rt_labels_new - the set of n pairs: pairs[0] is a key, pairs[1] its value, and so on. NULL, which is also
 * the set of nobody, when n is 0 or more than 16, when a string is longer than 255 bytes, when there are
 * 4096 sets, or no memory. */
RT_API const struct rt_labels *rt_labels_new(const char *const pairs[], size_t n);
/* rt_labels_set - the calling thread works under this set (NULL: under none) from here on; returns the one
 * that it had, to be set again afterwards. Costs a store. Go: pprof.SetGoroutineLabels. */
RT_API const struct rt_labels *rt_labels_set(const struct rt_labels *labels);
/* rt_labels_get - the calling thread's set: to be kept with work that is handed to another thread or put off,
 * which sets it for the time that it does that work. */
RT_API const struct rt_labels *rt_labels_get(void);

/* rt_profile_write - writes a profile to a descriptor and returns 0; -ENOENT for a name that there is not,
 * -ENOMEM, or the error of write(2). Names are allocs, heap, threadcreate, goroutine (threads), mutex and
 * block. debug 0 is gzip'd profile.proto, which `go tool pprof` reads; 1 is text, and 2, of goroutine, one
 * traceback a thread. Takes from milliseconds to a second (names are looked up) and allocates. Go:
 * pprof.Lookup(name).WriteTo(w, debug). */
RT_API int rt_profile_write(const char *name, int debug, int fd);

/* rt_cpu_profile_start - begins to take a sample of every thread at each 10 ms of its CPU time, and
 * rt_cpu_profile_stop ends it and writes the profile to fd, which must stay open in between. -EBUSY: one is
 * running already; -EINVAL from stop: none is. Go: pprof.StartCPUProfile, StopCPUProfile. */
RT_API int rt_cpu_profile_start(int fd);
RT_API int rt_cpu_profile_stop(void);

/* rt_set_mem_profile_rate - bytes allocated between two heap samples, on average: 1 is every allocation, 0
 * none. Returns the old value; negative only reads. Samples keep the weight that they were taken with,
 * so a profile over several rates is right. Each thread goes by the new rate after its next sample or look,
 * 1 MiB of allocations at the latest. CDEBUG=memprofilerate while running. Go: runtime.MemProfileRate. */
RT_API int64_t rt_set_mem_profile_rate(int64_t rate_bytes);

/* rt_set_mutex_profile_fraction - one in `rate` contended unlocks goes into the mutex profile; 0 is off,
 * negative only reads. Returns the old value. Go: runtime.SetMutexProfileFraction. */
RT_API int rt_set_mutex_profile_fraction(int rate);
/* rt_set_block_profile_rate - one wait for each rate_ns of waiting goes into the block profile, every one of
 * at least that length; 1 is all, 0 off, negative only reads. Returns the old value. Go:
 * runtime.SetBlockProfileRate, which returns nothing. */
RT_API int64_t rt_set_block_profile_rate(int64_t rate_ns);

/* ---- execution trace --------------------------------------------------------------------------- */

/* What every thread did, in what order: running and blocked, cycles, the heap's size, and the tasks, regions and logs
 * of the program, for `go tool trace`. All below costs a call and a few loads and compares, some 2 ns, while nothing is
 * recorded, that is while no trace is being taken and the flight recorder is off; some 20 to 30 ns an event else.
 * Events go into memory that belongs to the thread; nobody waits. Strings need not outlive the call; names are cut at
 * 127 bytes, and there may be some thousands of them with the places that use them, so let them be few: what differs
 * each time is a log. Not for signal handlers. */

/* rt_trace_start - begins a trace, which is written to fd (kept open until the stop) as it is recorded. -EBUSY: tracing
 * is already enabled. Go: trace.Start. */
RT_API int rt_trace_start(int fd);
/* rt_trace_stop - ends it; when it returns all is written. -EINVAL: none is being taken; else the error of the first
 * write that failed. Go: trace.Stop. */
RT_API int rt_trace_stop(void);
/* rt_trace_is_enabled - whether events are recorded now, for a trace or the flight recorder: worth asking before a
 * log's text is made. Go: trace.IsEnabled. */
RT_API bool rt_trace_is_enabled(void);

/* A task is something that goes on over several threads, or over several turns of one: a request. A thread works for
 * at most one at a time; its regions and logs are that task's. 0 is no task. Go: trace.Task, with the context. */
typedef uint64_t rt_task;

/* rt_trace_task_begin - a new task, a part of `parent` (0: of none), for which the calling thread works from here on.
 * Returns 0 when nothing is recorded. Go: trace.NewTask. */
RT_API rt_task rt_trace_task_begin(const char *name, rt_task parent);
/* rt_trace_task_end - by any thread. One that works for it works for none then. 0 is ignored. Go: Task.End. */
RT_API void rt_trace_task_end(rt_task task);
/* rt_trace_task_set - the calling thread works for this task (0: none) from here on; returns the one before.
 * Whoever puts work off, or hands it to another thread, keeps rt_trace_task_get with it, as with labels. */
RT_API rt_task rt_trace_task_set(rt_task task);
RT_API rt_task rt_trace_task_get(void);

/* rt_trace_region_begin, rt_trace_region_end - a stretch of what the calling thread does, of the task that it works
 * for. Regions lie within one another: the end is of the one that began last. Go: trace.StartRegion, Region.End. */
RT_API void rt_trace_region_begin(const char *name);
RT_API void rt_trace_region_end(void);
/* rt_trace_with_region - runs fn(arg) in a region. Go: trace.WithRegion. */
RT_API void rt_trace_with_region(const char *name, void (*fn)(void *arg), void *arg);

/* rt_trace_log - a message (cut at 1000 bytes) of the task that the thread works for. Go: trace.Log, trace.Logf. */
RT_API void rt_trace_log(const char *category, const char *message);
RT_API void rt_trace_logf(const char *category, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The flight recorder keeps the last of the same events in memory, so that what went wrong can be looked at after it
 * went wrong. Go: trace.FlightRecorder. */
struct rt_flight_recorder_config {
    uint64_t min_age_ns; /* events younger than this are kept if max_bytes allows, older ones left out; 0: 10 s */
    uint64_t max_bytes;  /* of memory; comes first; 0: 10 MiB, and under a CMEMLIMIT at most 1/32 of that */
};
/* rt_flight_recorder_start - config may be NULL. -EBUSY: it is on already. -EINVAL: max_bytes is less than 64 KiB. */
RT_API int rt_flight_recorder_start(const struct rt_flight_recorder_config *config);
/* rt_flight_recorder_stop - what is in memory is forgotten. */
RT_API void rt_flight_recorder_stop(void);
RT_API bool rt_flight_recorder_is_enabled(void);
/* rt_flight_recorder_write - the last seconds as a trace, while recording goes on. -EINVAL: it is off; -EBUSY: a
 * call of this is under way (its result will do as well); -ENOMEM; or the error of write(2). Takes some 100 ms: names
 * are looked up. Go: FlightRecorder.WriteTo. */
RT_API int rt_flight_recorder_write(int fd);
/* rt_flight_recorder_write_file - the same into a file, which is there whole or as it was: written beside it under
 * another name and then renamed. Also the errors of open(2), fsync(2) and rename(2). */
RT_API int rt_flight_recorder_write_file(const char *path);

/* ---- crashes ---------------------------------------------------------------------------------- */

/* A program that dies of SIGSEGV, SIGBUS, SIGFPE, SIGILL or SIGABRT (failed assertions, abort) says so on stderr as a
 * Go program does, with tracebacks as CTRACEBACK asks, and exits with status 2; under CTRACEBACK=crash it dies of the
 * signal then, and the system dumps a core. SIGQUIT does the same for a living one, with all threads. Handlers that the
 * program sets itself come first. Each thread made by pthread_create begins with an alternate stack of some 16 KiB
 * (sigaltstack) and with these signals but SIGQUIT unblocked; a thread that blocks them dies of a fault without a word.
 * In a sanitizer build faults and abort are the sanitizer's, and only panics, assertions and SIGQUIT come here. */

/* rt_panic - prints `panic: ` and the message, the traceback, and ends the process as above. Go: panic. */
RT_API void rt_panic(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn, cold));

/* ---- agent ------------------------------------------------------------------------------------- */

/* What `gops` and `cops` talk to: a listener of this process on loopback, whose port stands in a file where they look
 * for it. It answers gops' requests, and GET and POST of /debug/... over HTTP on the same port. */
struct rt_agent_options {
    const char *address;    /* "host:port"; NULL: 127.0.0.1:0, any free port. Beyond loopback only with may_be_remote */
    const char *config_dir; /* of the port's file; NULL: $GOPS_CONFIG_DIR, else ${XDG_CONFIG_HOME:-~/.config}/gops */
    bool may_be_remote;
};
/* rt_agent_start - options may be NULL. CAGENT comes before: with `off` nothing is started and 0 returned; with an
 * address that one is used (and the agent started before main, this call or not: then 0 as well). Returns 0; -EALREADY
 * when an earlier call has started it; -EINVAL for what is no address (names other than localhost are not looked up);
 * -EPERM for one beyond loopback, or in a set-user-id process; or why it cannot listen. A port file that cannot
 * be written is one line on stderr and no error. Go: agent.Listen of github.com/google/gops. */
RT_API int rt_agent_start(const struct rt_agent_options *options);
/* rt_agent_stop - closes the listener and removes the file; answers under way end early. Done by itself at exit. */
RT_API void rt_agent_stop(void);

/* ---- /debug over any server ------------------------------------------------------------------- */

/* A request for a path under /debug/, whatever server it came by. Strings need not end in NUL. */
struct rt_debug_request {
    const char *method;
    size_t method_len;
    const char *path; /* from /debug/ on, without the query */
    size_t path_len;
    const char *query; /* without the question mark */
    size_t query_len;
    const char *body;
    size_t body_len;
    bool loopback; /* rt_debug_is_loopback of the peer; others are answered 403 */
    /* The connection, or -1 or 0 for none: only looked at (poll), so that a page that takes long ends at once
     * when the peer has gone or the server has shut the connection down for reading. The caller keeps it open. */
    int peer_fd;
};
/* The answer. body was malloc'd: rt_debug_response_release frees it. */
struct rt_debug_response {
    int status;
    const char *content_type;
    const char *allow;    /* for the Allow header of a 405, else NULL */
    char disposition[64]; /* for the Content-Disposition header, else "" */
    bool is_pprof_error;  /* send X-Go-Pprof: 1, by which `go tool pprof` knows an error of the profiler's */
    char *body;
    size_t body_len;
    /* A long answer (a trace) is in an unlinked file instead: then body is NULL, and body_len bytes are to be read from
     * the start of file_fd (pread). Else -1. rt_debug_response_release closes it. */
    int file_fd;
};
/* rt_debug_is_loopback - whether a peer's address is of this machine, for .loopback: 127.0.0.0/8, ::1, or the former as
 * ::ffff:127.x.x.x; other families are not. Any thread. */
struct sockaddr;
RT_API bool rt_debug_is_loopback(const struct sockaddr *peer);
/* rt_debug_is_slow - whether answering takes long: profiles, which wait for seconds or look up names. An
 * event loop hands such a request to a thread; the rest take some microseconds (POST /debug/gc: a cycle). A thread is
 * held for as long as the answer takes, so let them be few, and no others of the server's. */
RT_API bool rt_debug_is_slow(const struct rt_debug_request *req);
/* rt_debug_handle - answers /debug/memstats, /debug/vars, /debug/gctrace, /debug/metrics,
 * /debug/settings, POST /debug/gc, POST /debug/settings and all below /debug/pprof/. Always fills *out; an
 * unknown path is 404, a wrong method 405, a bad value 400 with one sentence. May run a cycle
 * (POST /debug/gc). The body may hold any bytes. */
RT_API void rt_debug_handle(const struct rt_debug_request *req, struct rt_debug_response *out);
RT_API void rt_debug_response_release(struct rt_debug_response *res);

#ifdef __cplusplus
}
#endif
#endif
