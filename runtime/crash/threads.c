/* threads.c - what all threads were doing when one of them died.
 *
 * As the profile of goroutines does it (profile/goroutine.c): what a thread does is read from /proc first, then each is
 * sent a signal with a word, and writes its own stack into the request of that word. Here nobody may lock or allocate,
 * and the process may be past help: so there is one round at a time because there is one speaker, and memory comes
 * from the kernel alone.
 *
 * The signal is SIGABRT, as libgc lets that one through to threads that it has stopped, which block nearly all others;
 * their stacks are known, too. When the process is about to end, a thread that has answered stays in its handler: what
 * is printed is then what it was doing at the end, it does no more harm, and the core shows the same. A thread
 * that does not answer - it blocks the signal, waits for a disk - is listed without a stack, and as such.
 *
 * Requests are mapped some at a time and stay: an answer may come when nobody waits any more. When there is no memory,
 * those kept for that have to do.
 */
#include "runtime/crash/crash.h"

#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "runtime/os/os.h"
#include "runtime/os/thread_note.h"
#include "runtime/trace/record.h"

#define BLOCK 32u    /* requests mapped at a time: five pages */
#define RESERVED 16u /* kept for when there is no memory */
#define ANSWERS_NS 200000000u
/* The kernel drops a signal when the same number is pending already: ask again. */
#define AGAIN_NS 20000000u
#define PAUSE_NS 200000u

/* The upper 16 bits of a word (see profile/signal.c), then the round and the request. */
#define MARK UINT64_C(0xc9a9)
#define ROUND_BITS 32
#define SLOT_BITS 16

/* What `asked` holds beside a word, which is larger. */
enum { NOTHING, ANSWERING, ANSWERED };

struct request {
    uint64_t asked; /* the word; then the handler's ANSWERING, ANSWERED */
    uint64_t word;
    struct rt__os_task task;
    uint32_t minutes; /* it was blocked for */
    int died_of;      /* 0; or the signal that it was dying of itself, or RT__CRASH_PANIC */
    uint32_t depth;
    uintptr_t pcs[RT__STACK_MAX];
};

static struct request *blocks[RT__CRASH_THREADS / BLOCK];
static struct request reserved[RESERVED];
static uint32_t rounds;
static struct round {
    unsigned used; /* requests, and those passed over */
    unsigned taken[RT__CRASH_THREADS], taken_count, beyond;
    pid_t self;
    int signal;
} now;

/* Set by a thread that dies itself: it speaks, or waits for another one to do so. */
static __thread const void *t_died_at __attribute__((tls_model("initial-exec")));
static __thread int t_died_of __attribute__((tls_model("initial-exec")));

void rt__crash_threads_died_too(int signal, const void *context)
{
    t_died_of = signal;
    t_died_at = context;
}

/* ---- in the handler --------------------------------------------------------------------------- */

/* Requests are kept in the first block when that cannot be mapped. */
static struct request *request_at(unsigned i)
{
    struct request *block = i < RT__CRASH_THREADS ? __atomic_load_n(&blocks[i / BLOCK], __ATOMIC_ACQUIRE) : NULL;
    if (block == reserved) {
        return i < RESERVED ? &block[i] : NULL;
    }
    return block ? &block[i % BLOCK] : NULL;
}

static void stay(void)
{
    for (;;) {
        syscall(SYS_ppoll, NULL, 0, NULL, NULL, _NSIG / 8);
    }
}

static void answer(uint64_t word, const void *context)
{
    struct request *r = request_at((unsigned)(word & (RT__CRASH_THREADS - 1)));
    if (r && __atomic_compare_exchange_n(&r->asked, &word, ANSWERING, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
        r->died_of = t_died_of;
        r->depth = (uint32_t)rt__unwind_context(t_died_at ? t_died_at : context, r->pcs, RT__STACK_MAX);
        __atomic_store_n(&r->asked, ANSWERED, __ATOMIC_RELEASE);
    }
}

bool rt__crash_threads_answer(const siginfo_t *info, const void *context)
{
    uint64_t word = (uint64_t)(uintptr_t)info->si_value.sival_ptr;
    if (info->si_code != SI_QUEUE || info->si_pid != getpid() || word >> (ROUND_BITS + SLOT_BITS) != MARK) {
        return false;
    }
    answer(word, context);
    if (rt__crash_is_end()) {
        stay();
    }
    return true;
}

/* ---- asking ----------------------------------------------------------------------------------- */

static void map_block(unsigned i)
{
    struct request *block = rt__os_map_if_any(BLOCK * sizeof(struct request), RT__OS_OTHER);
    if (!block && i == 0) {
        block = reserved;
    }
    __atomic_store_n(&blocks[i], block, __ATOMIC_RELEASE);
}

/* A request that is being answered since an earlier round, by a thread that was stopped amidst, stays its own. */
static struct request *next_request(void)
{
    while (now.used < RT__CRASH_THREADS) {
        unsigned i = now.used++;
        if (i % BLOCK == 0 && !blocks[i / BLOCK]) {
            map_block(i / BLOCK);
        }
        struct request *r = request_at(i);
        if (r && __atomic_load_n(&r->asked, __ATOMIC_ACQUIRE) != ANSWERING) {
            now.taken[now.taken_count++] = i;
            return r;
        }
    }
    return NULL;
}

/* Only the trace knows since when a thread is blocked, while it records. */
static uint32_t minutes_blocked(pid_t tid)
{
    struct rt__trace_thread *t = __atomic_load_n(&rt__trace_threads, __ATOMIC_ACQUIRE);
    for (; t; t = __atomic_load_n(&t->next, __ATOMIC_ACQUIRE)) {
        struct rt__trace_seen seen;
        if (rt__trace_thread_read(t, &seen) && seen.tid == tid && seen.blocked_since != 0) {
            uint64_t ticks = rt__ticks();
            uint64_t passed = ticks > seen.blocked_since ? ticks - seen.blocked_since : 0;
            return (uint32_t)(passed / rt__clock_ticks_per_s() / 60);
        }
    }
    return 0;
}

static void take_thread(pid_t tid, void *unused)
{
    struct rt__os_task task;
    (void)unused;
    if (tid == now.self || !rt__os_task_read(tid, &task)) {
        return;
    }
    struct request *r = next_request();
    if (!r) {
        now.beyond++;
        return;
    }
    r->task = task;
    r->minutes = rt__is_recording() ? minutes_blocked(tid) : 0;
    r->died_of = 0;
    r->depth = 0;
    __atomic_store_n(&r->asked, NOTHING, __ATOMIC_RELAXED);
}

/* A thread that has ended meanwhile is not in the list. */
static void send_question(struct request *r)
{
    if (rt__os_alarm_now(r->task.tid, now.signal, r->word) != 0) {
        __atomic_store_n(&r->asked, NOTHING, __ATOMIC_RELAXED);
        r->task.tid = 0;
    }
}

void rt__crash_threads_ask(int signal)
{
    now.used = now.taken_count = now.beyond = 0;
    now.self = rt__os_tid();
    now.signal = signal;
    rounds++;
    rt__os_tasks(take_thread, NULL);
    for (unsigned i = 0; i < now.taken_count; i++) {
        struct request *r = request_at(now.taken[i]);
        r->word = MARK << (ROUND_BITS + SLOT_BITS) | (uint64_t)rounds << SLOT_BITS | now.taken[i];
        if (rt__thread_can_be_asked(&r->task)) {
            __atomic_store_n(&r->asked, r->word, __ATOMIC_RELEASE);
            send_question(r);
        }
    }
}

/* How many have not answered yet; each is sent another signal when again. */
static unsigned count_silent(bool again)
{
    unsigned silent = 0;
    for (unsigned i = 0; i < now.taken_count; i++) {
        struct request *r = request_at(now.taken[i]);
        uint64_t asked = __atomic_load_n(&r->asked, __ATOMIC_ACQUIRE);
        silent += asked == r->word || asked == ANSWERING;
        if (again && asked == r->word) {
            send_question(r);
        }
    }
    return silent;
}

void rt__crash_threads_wait(void)
{
    uint64_t began_ns = rt__os_now_ns(), asked_ns = began_ns, now_ns = began_ns;
    while (now_ns - began_ns < ANSWERS_NS) {
        bool again = now_ns - asked_ns >= AGAIN_NS;
        if (count_silent(again) == 0) {
            return;
        }
        /* Not clock_nanosleep, where libc would look whether the thread is cancelled. */
        syscall(SYS_ppoll, NULL, 0, &(struct timespec){.tv_nsec = PAUSE_NS}, NULL, _NSIG / 8);
        asked_ns = again ? now_ns : asked_ns;
        now_ns = rt__os_now_ns();
    }
}

/* ---- what came of it -------------------------------------------------------------------------- */

static void note(const struct request *r, bool has_answered, struct rt__text *t)
{
    const char *word = rt__thread_word(&r->task);
    if (r->died_of != 0) {
        rt__text_add(t, "running, ");
        if (r->died_of == RT__CRASH_PANIC) {
            rt__text_add(t, "panic");
        } else {
            rt__text_add_signal_name(t, r->died_of);
        }
        return;
    }
    rt__text_add(t, word ? word : "syscall ");
    if (!word) {
        rt__text_add_number(t, (uint64_t)r->task.call);
    }
    if (r->minutes > 0) {
        rt__text_add(t, ", ");
        rt__text_add_number(t, r->minutes);
        rt__text_add(t, r->minutes == 1 ? " minute" : " minutes");
    }
    rt__text_add(t, has_answered ? "" : ", no answer");
}

bool rt__crash_thread_get(unsigned i, struct rt__crash_thread *out)
{
    if (i >= now.taken_count) {
        return false;
    }
    struct request *r = request_at(now.taken[i]);
    uint64_t asked = r->word;
    struct rt__text t = {.buf = out->note, .size = sizeof(out->note)};
    __atomic_compare_exchange_n(&r->asked, &asked, NOTHING, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
    bool has_answered = asked == ANSWERED;
    out->tid = r->task.tid;
    out->depth = has_answered ? r->depth : 0;
    memcpy(out->name, r->task.name, sizeof(out->name));
    memcpy(out->pcs, r->pcs, out->depth * sizeof(*out->pcs));
    note(r, has_answered, &t);
    return true;
}

unsigned rt__crash_threads_beyond(void)
{
    return now.beyond;
}
