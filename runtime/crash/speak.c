/* speak.c - what a traceback has at each level, in Go's order: the reason, the thread that failed, the others.
 *
 * The others are asked at once and printed last, so that what is printed is what they did then. Runs in a handler on an
 * alternate stack, so the thread at hand is the one large thing kept on it. The reason is written before anything else
 * is tried: whatever goes wrong afterwards, that much was said.
 */
#include "runtime/crash/crash.h"

#include <string.h>
#include <unistd.h>
#include "runtime/os/os.h"

#define LINE_BYTES 256
#define REASON_BYTES 1536 /* a panic's message is cut at 1024, and may be all newlines: then it is cut here */

static void write_text(const struct rt__text *t, uint64_t deadline_ns)
{
    rt__crash_write(STDERR_FILENO, t->buf, t->len, deadline_ns);
}

static __attribute__((noinline)) void write_cause(const struct rt__crash_cause *cause, uint64_t deadline_ns)
{
    char buf[REASON_BYTES];
    struct rt__text t = {.buf = buf, .size = sizeof(buf)};
    rt__text_add_cause(&t, cause);
    write_text(&t, deadline_ns);
}

static void write_line(const char *text, uint64_t deadline_ns)
{
    rt__crash_write(STDERR_FILENO, text, strlen(text), deadline_ns);
}

static void write_thread(const struct rt__crash_thread *thread, bool with_system, uint64_t deadline_ns)
{
    char buf[LINE_BYTES];
    struct rt__text t = {.buf = buf, .size = sizeof(buf)};
    rt__text_add(&t, "\n");
    rt__text_add_thread(&t, thread);
    rt__text_add(&t, "\n");
    write_text(&t, deadline_ns);
    if (thread->depth > 0) {
        rt__crash_write_frames(STDERR_FILENO, thread->pcs, thread->depth, with_system);
    }
    if (thread->depth == RT__STACK_MAX) {
        write_line("...additional frames elided...\n", deadline_ns);
    }
}

static void write_failing(struct rt__crash_thread *thread, pid_t tid, const uintptr_t *pcs, size_t depth)
{
    *thread = (struct rt__crash_thread){.tid = tid, .note = "running", .depth = (uint32_t)depth};
    memcpy(thread->pcs, pcs, depth * sizeof(*pcs));
    rt__os_task_name(tid, thread->name);
}

static bool begins_with(const char *name, const char *prefix)
{
    return strncmp(name, prefix, strlen(prefix)) == 0;
}

/* By their names: the runtime gives all of its threads one. */
static bool is_runtimes_own(const struct rt__crash_thread *thread)
{
    return begins_with(thread->name, "rt-") || begins_with(thread->name, "GC-marker-");
}

static void write_beyond(unsigned count, uint64_t deadline_ns)
{
    char buf[LINE_BYTES];
    struct rt__text t = {.buf = buf, .size = sizeof(buf)};
    rt__text_add(&t, "\n...");
    rt__text_add_number(&t, count);
    rt__text_add(&t, " more threads elided...\n");
    write_text(&t, deadline_ns);
}

static void write_others(struct rt__crash_thread *thread, bool with_system, uint64_t deadline_ns)
{
    unsigned i = 0, beyond = 0;
    for (; rt__os_now_ns() < deadline_ns && rt__crash_thread_get(i, thread); i++) {
        if (thread->tid != 0 && (with_system || !is_runtimes_own(thread))) {
            write_thread(thread, with_system, deadline_ns);
        }
    }
    for (; rt__crash_thread_get(i, thread); i++) {
        beyond += thread->tid != 0;
    }
    beyond += rt__crash_threads_beyond();
    if (beyond > 0) {
        write_beyond(beyond, rt__os_now_ns() + RT__CRASH_SPEAK_NS / 10);
    }
}

static bool wants_others(const struct rt__crash_cause *cause, enum env_traceback level)
{
    return level != ENV_TB_SINGLE || (cause->signal == SIGQUIT && !cause->message);
}

void rt__crash_speak(const struct rt__crash_cause *cause, enum env_traceback level, int ask_signal,
                     const uintptr_t *pcs, size_t depth)
{
    struct rt__crash_thread thread;
    bool with_system = level >= ENV_TB_SYSTEM, with_others = wants_others(cause, level);
    uint64_t deadline_ns = rt__os_now_ns() + RT__CRASH_SPEAK_NS;
    write_cause(cause, deadline_ns);
    rt__crash_threads_ask(ask_signal);
    if (with_others) {
        rt__crash_threads_wait();
    }
    write_failing(&thread, cause->tid, pcs, depth);
    write_thread(&thread, with_system, deadline_ns);
    if (with_others) {
        write_others(&thread, with_system, deadline_ns);
    }
    rt__crash_names_end();
}
