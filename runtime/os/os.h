/* os.h - the seam: everything the runtime asks of the operating system, in one place that a test
 * can stand in for. Contract, stated once: functions here never allocate from either heap, never
 * take a lock that allocation takes, and may be called before main. Sizes are bytes, times ns.
 */
#ifndef RT_OS_H
#define RT_OS_H

#include <pthread.h>
#include <semaphore.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

/* ---- clock.c ---- */
uint64_t rt__os_now_ns(void);        /* monotonic */
uint64_t rt__os_unix_ns(void);       /* wall clock */
uint64_t rt__os_thread_cpu_ns(void); /* of the calling thread */
/* CPU time of another thread of this process, 0 when it is gone. */
uint64_t rt__os_thread_cpu_of_ns(pid_t tid);
uint64_t rt__os_process_cpu_ns(void); /* of all threads, those that ended included */
/* The CPU clock of a thread of this process, for clock_gettime and timer_create. */
clockid_t rt__os_thread_clock(pid_t tid);
/* Program start on rt__os_now_ns's clock: taken at the runtime's first call, before main. */
uint64_t rt__os_start_ns(void);
/* From then to now, on any clock. 0 when then is the later one, as it is when another thread stored it after this one
 * had read now: a plain difference would be the longest time there is. */
static inline uint64_t rt__os_elapsed(uint64_t then, uint64_t now)
{
    return now > then ? now - then : 0;
}

/* ---- pages.c: the runtime's own memory, accounted by what it is for ---- */
enum rt__os_use { RT__OS_MCACHE, RT__OS_BUCKETS, RT__OS_GC, RT__OS_OTHER, RT__OS_USES };
/* Zeroed, page-aligned memory; aborts with one line when the system has none. */
void *rt__os_map(size_t size, enum rt__os_use use);
/* The same, but NULL when the system has none: for what can be done without. */
void *rt__os_map_if_any(size_t size, enum rt__os_use use);
void rt__os_unmap(void *p, size_t size, enum rt__os_use use);
/* Bytes mapped for a use. Memory counts when mapped, touched or not, as in Go. */
uint64_t rt__os_mapped(enum rt__os_use use);
/* Resident set of the process in bytes, from /proc/self/statm; 0 when unreadable. */
uint64_t rt__os_rss(void);

/* ---- reserve.c ---- */
/* A range of addresses set aside and not usable yet, aligned to `alignment`; NULL when refused. What mprotect makes
 * writable of it, and no more, will be in a core. Sizes are whole pages; never unmapped. */
void *rt__os_reserve(size_t size, size_t alignment);

/* ---- resident.c: what the kernel has really given ---- */
/* Bytes of the writable mappings within [low, high) that are in memory; UINT64_MAX when the kernel
 * does not say (no /proc). Some 60 us, and a few more for each 32 MiB in use. */
uint64_t rt__os_resident(const void *low, const void *high);
/* Physical memory of the machine in bytes. */
uint64_t rt__os_physical(void);
/* Whether the 8 bytes at an address can be read: what asks does not fault. A system call, some 0.1 us.
 * Async-signal-safe. */
bool rt__os_readable(uintptr_t address);
/* The part of one line of /proc/self/maps that is writable and within [low, high): false when there
 * is none. Pure. */
bool rt__os_maps_line(const char *line, uintptr_t low, uintptr_t high, uintptr_t *start, uintptr_t *end);

/* ---- report.c: the one way to stderr ---- */
/* Formats into a bounded buffer and writes it with one write(2): a line is never torn between
 * threads. Cut at 1024 bytes; the newline is kept. */
void rt__os_print(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* `PROGRAM: message` on stderr, then _exit(status). */
void rt__os_die(int status, const char *fmt, ...) __attribute__((format(printf, 2, 3), noreturn));
const char *rt__os_program(void);

/* ---- threads.c ---- */
pid_t rt__os_tid(void);
/* Base (highest address) of the calling thread's stack; NULL if unknown. */
void *rt__os_stack_base(void);
/* The same for a handler on another stack, by where the thread's own stood. */
void *rt__os_stack_base_above(uintptr_t stack_pointer);

/* ---- helper.c ---- */
/* Starts a thread of the runtime's own, with a stack of that size and without the program's signals; fn(NULL). 0 or
 * -errno. This one allocates. */
int rt__os_helper_start(pthread_t *thread, size_t stack_bytes, void *(*fn)(void *arg));
/* Waits until the semaphore is posted, which it takes, or ns have passed: then false. */
bool rt__os_helper_wait(sem_t *asked, uint64_t ns);

/* ---- tasks.c: the process's threads as /proc shows them ---- */
#define RT__OS_NAME_BYTES 16 /* of a thread's name, with its NUL: the kernel keeps no more */
#define RT__OS_NO_CALL (-1L) /* runs, or waits outside of a system call (for a page) */
#define RT__OS_CALL_UNKNOWN (-2L)

struct rt__os_task {
    pid_t tid;
    char name[RT__OS_NAME_BYTES];
    char state; /* R runs or could, S sleeps, D waits for a device, T t stopped, Z X ended; 0: unknown */
    long call;  /* number of the system call that it is in, or one of the two above */
};

/* Calls found(tid, arg) for each thread of the process. False when /proc cannot be read. */
bool rt__os_tasks(void (*found)(pid_t tid, void *arg), void *arg);
/* The same for those whose name begins with prefix. */
void rt__os_threads_named(const char *prefix, void (*found)(pid_t tid, void *arg), void *arg);
/* What a thread does now; false when it is gone, for the name as well. */
bool rt__os_task_read(pid_t tid, struct rt__os_task *task);
bool rt__os_task_name(pid_t tid, char name[RT__OS_NAME_BYTES]);
/* The state in the text of a thread's stat, and the call in that of its syscall. Pure. */
char rt__os_task_state(const char *stat);
long rt__os_task_call(const char *text);

/* ---- alarms.c: signals to one thread, each with a word by which the receiver knows it ---- */
/* A timer on the CPU clock of a thread of this process, which signals that thread after first_ns of
 * its CPU time and then after each period_ns (si_code SI_TIMER, the word in si_value). 0 or -errno. A forked
 * child inherits none. */
int rt__os_alarm_start(int *alarm, pid_t tid, int signal, uint64_t word, uint64_t first_ns, uint64_t period_ns);
/* What was sent may still arrive. */
void rt__os_alarm_stop(int alarm);
/* One that runs on the monotonic clock and signals once. */
int rt__os_alarm_once(int *alarm, pid_t tid, int signal, uint64_t word, uint64_t after_ns);
/* Sends one now (si_code SI_QUEUE). 0 or -errno. */
int rt__os_alarm_now(pid_t tid, int signal, uint64_t word);

/* ---- next.c: what an interposed function stands in front of ---- */
/* The next function of that name in the search order, of libc or of a sanitizer; version NULL: any. Ends the program
 * when there is none. dlsym locks inside of libc, and does not allocate when it finds what it looks for. */
void *rt__os_next(const char *name, const char *version);

#endif
