/* crash.h - the last words of a program that dies, in Go's form: why, and where each thread was.
 *
 *   handler.c    the signals of death, and SIGQUIT: who speaks, and how the process ends
 *   panic.c      rt_panic, failed assertions
 *   speak.c      what is printed at each level, in what order
 *   threads.c    the stacks of all threads, taken by a signal to each
 *   altstack.c   a stack for handlers, for each thread: its own may have run over
 *   text.c       Go's text, and the reason in words (pure: into a buffer, no libc that locks or allocates)
 *   write.c      the one way to stderr from here, which never waits for long
 *   names.c      asks another process what stands at the addresses: in this one nothing can be trusted any more
 *   names_child.c   that process: this very program, started anew, which looks into the dying one's files
 *   names_plain.c   what can be said without it: objects and offsets
 *
 * From the moment of the crash on: no malloc, no lock, no stdio, nothing that the crash may have happened in. The
 * process may have died within malloc, with the world stopped, within the unwinder, with a smashed stack, and in
 * several threads at once: one speaks, the others wait. Whatever goes wrong while speaking ends the process by the
 * signal it was dying of, within seconds. Stands on unwind/, symbols/ and os/.
 */
#ifndef RT_CRASH_CRASH_H
#define RT_CRASH_CRASH_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "env/settings.h"
#include "runtime/unwind/unwind.h"

/* For what calls a function that does not return: before such a call AddressSanitizer looks for the bounds of the
 * stack, by malloc, in which this thread, or one that waits for its end, may have been interrupted. */
#define RT__CRASH_LAST_CALL __attribute__((no_sanitize("address")))

/* ---- handler.c ---- */

/* Before main, after the heap: handlers, the main thread's alternate stack. A handler that is there already is a
 * library's and stays, and one that the program sets later is the program's; ours is then not asked. What is ignored
 * from the start is heard all the same, as in Go (which makes exceptions of SIGHUP and SIGINT alone): shells without
 * job control start every `program &` with SIGQUIT ignored. In a sanitizer build only SIGQUIT is ours. */
void rt__crash_start(const struct env_settings *settings);
/* CTRACEBACK while running (rt_set_traceback). Any thread. */
void rt__crash_set_level(enum env_traceback level);
/* What is left to do when all is said and the process is about to end, which no atexit will see: one function, which
 * must be async-signal-safe and not wait. */
void rt__crash_before_end(void (*deed)(void));

/* What the program dies of: a signal, or a message (of a panic). */
struct rt__crash_cause {
    int signal; /* SIGABRT for a message */
    int code;   /* si_code; the rest is as the signal has it */
    uintptr_t addr, pc;
    pid_t sender;                 /* of one that a process sent */
    bool is_own;                  /* the sender is this process */
    bool is_overflow;             /* the stack has run over */
    bool is_main;                 /* SIGQUIT: the main thread got it */
    pid_t tid;                    /* the thread that failed */
    const char *before, *message; /* `panic: ` and the rest; NULL: the signal is all there is to say */
};
/* Says why and where, and ends the process as the level wants it. pcs: the stack of the calling thread. While another
 * thread does so already, this one waits for the end. Not in a signal handler. */
void rt__crash_die(struct rt__crash_cause *cause, const uintptr_t *pcs, size_t depth) __attribute__((noreturn, cold));

/* For threads.c, in the handler: whether the process is about to end, so that whoever has answered stays where it is.
 */
bool rt__crash_is_end(void);

/* ---- altstack.c ---- */

/* In each thread that pthread_create makes, before its function: an alternate stack, given back at its end, and the
 * signals of death unblocked, as a fault under a blocked signal ends the process without a word. */
void rt__crash_thread_begins(void);

/* ---- speak.c ---- */

/* All that is said, within RT__CRASH_SPEAK_NS. ask_signal: see rt__crash_threads_ask. */
#define RT__CRASH_SPEAK_NS 10000000000u
void rt__crash_speak(const struct rt__crash_cause *cause, enum env_traceback level, int ask_signal,
                     const uintptr_t *pcs, size_t depth);

/* ---- threads.c ---- */

struct rt__crash_thread {
    pid_t tid;
    char note[48]; /* "running", "epoll_wait, 2 minutes", "running, no answer" */
    char name[16];
    uint32_t depth;
    uintptr_t pcs[RT__STACK_MAX];
};
#define RT__CRASH_THREADS 1024u
/* Asks all other threads for their stacks with that signal; at the process's end they stay in its handler. Then waits
 * for the answers, a fifth of a second at most. Async-signal-safe, one thread at a time. */
void rt__crash_threads_ask(int signal);
void rt__crash_threads_wait(void);
/* What is known of the i'th; false when there are no more. Those without an answer have no depth; tid 0: it has ended.
 */
bool rt__crash_thread_get(unsigned i, struct rt__crash_thread *out);
/* Threads beyond RT__CRASH_THREADS. */
unsigned rt__crash_threads_beyond(void);
/* In the handler: whether the signal is such a question, which is then answered with the stack of the context, or with
 * that at which the thread died itself. Does not return when it is to stay. */
bool rt__crash_threads_answer(const siginfo_t *info, const void *context);
/* The calling thread dies of a signal, at that context, or of a panic, where it is: what it tells when another one
 * speaks. */
#define RT__CRASH_PANIC (-1)
void rt__crash_threads_died_too(int signal, const void *context);

/* ---- write.c ---- */

/* Writes it whole, by pieces that do not block: gives up at the deadline (of rt__os_now_ns), or when nobody can hear.
 * Async-signal-safe. */
bool rt__crash_write(int fd, const char *bytes, size_t size, uint64_t deadline_ns);

/* ---- names.c ---- */

/* Before main: what the child needs is laid by. Without this there is none. */
void rt__crash_names_start(void);
/* Writes the frames of one thread to fd, as Go does: for each frame `function(...)\n\tfile:line +0xoffset\n`, inlined
 * ones before those they are in. with_system: frames of libraries and of the runtime, too. Begins the child at the
 * first call, and works without it (object+offset, by /proc/self/maps) when there is none, or it is too slow.
 * Async-signal-safe, one thread at a time. */
void rt__crash_write_frames(int fd, const uintptr_t *pcs, uint32_t depth, bool with_system);
/* The child has nothing more to do: it is gone when this returns. The next frames begin another one. */
void rt__crash_names_end(void);

/* names_child.c: when this process was started as such a child, does its work and does not return. First thing in
 * init.c's constructor. Not in a set-user-id program. */
void rt__crash_child_if_asked(void);

/* ---- text.c: pure; each appends to a bounded text ---- */
struct rt__text {
    char *buf;
    size_t size, len; /* len <= size - 1; what does not fit is cut */
};
void rt__text_add(struct rt__text *t, const char *s);
void rt__text_add_hex(struct rt__text *t, uint64_t n); /* 0x1f */
void rt__text_add_number(struct rt__text *t, uint64_t n);
/* `panic: …` or `fatal error: …`, then, of a fault, `[signal SIGSEGV: segmentation violation code=0x1 addr=0x0
 * pc=0x…]`, with a newline after each. SIGQUIT: `SIGQUIT: quit`, `PC=0x… m=… sigcode=…`. */
void rt__text_add_cause(struct rt__text *t, const struct rt__crash_cause *cause);
/* `[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x…]` */
void rt__text_add_signal(struct rt__text *t, int signal, int code, uintptr_t addr, uintptr_t pc);
/* `thread 3 [epoll_wait, 2 minutes, "loop 1"]:` */
void rt__text_add_thread(struct rt__text *t, const struct rt__crash_thread *thread);
/* "SIGSEGV", or "signal 99" by number. */
void rt__text_add_signal_name(struct rt__text *t, int signal);
/* Whether a fault at addr is that of a stack that has run over, of a thread whose stack stands at sp and begins at
 * base; that nothing is mapped there to read is for the caller to find out. */
bool rt__crash_is_below_stack(uintptr_t addr, uintptr_t sp, uintptr_t base);

#endif
