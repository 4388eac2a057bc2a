/* signal.c - see signal.h.
 *
 * The handler runs on the thread's own stack, where libgc may stop the thread, as it takes what lies above the stack
 * pointer for the thread's stack; with SIGPROF blocked and leaves errno as it was. It knows ours by the code that the
 * kernel gave (a timer's, or a queued one) together with the upper bits of the word; ITIMER_PROF, kill and other timers
 * go on to the handler before. When the user's queue of signals is full the kernel sends without a word and without a
 * sender: such a one is nobody's, and dropped.
 */
#include "runtime/profile/signal.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include "runtime/os/os.h"

/* The upper 16 bits of a word. Not a number that a program's own timer would carry: no index, no pointer. */
#define MARK_CPU UINT64_C(0xc9a7)
#define MARK_STACK UINT64_C(0xc9a8)

static rt__signal_fn *heard[RT__SIGNAL_USES];

/* Whoever had SIGPROF before: one of the two is set. Read by the handler, so each is one word. */
static void (*before_plain)(int signal);
static void (*before_info)(int signal, siginfo_t *info, void *context);
/* A handler that came after ours may pass on to ours what we pass on to it: once is enough. */
static __thread bool is_passing_on;

uint64_t rt__signal_word(enum rt__signal_use use, uint32_t life, unsigned slot)
{
    return (use == RT__SIGNAL_CPU ? MARK_CPU : MARK_STACK) << 48 | (uint64_t)life << 16 | slot;
}

unsigned rt__signal_slot(uint64_t word)
{
    return (unsigned)(word & (RT__SIGNAL_SLOTS - 1));
}

static rt__signal_fn *whose(const siginfo_t *info)
{
    uint64_t mark = (uint64_t)(uintptr_t)info->si_value.sival_ptr >> 48;
    if (info->si_code == SI_TIMER && mark == MARK_CPU) {
        return __atomic_load_n(&heard[RT__SIGNAL_CPU], __ATOMIC_ACQUIRE);
    }
    if (info->si_code == SI_QUEUE && mark == MARK_STACK) {
        return __atomic_load_n(&heard[RT__SIGNAL_STACK], __ATOMIC_ACQUIRE);
    }
    return NULL;
}

static bool lost_its_word(const siginfo_t *info)
{
    return info->si_code == SI_USER && info->si_pid == 0 && info->si_uid == 0;
}

/* What the default action does is done by the kernel, as soon as the signal is let through again. */
static void die_of_it(void)
{
    signal(SIGPROF, SIG_DFL);
    raise(SIGPROF);
}

static void pass_on(int signal, siginfo_t *info, void *context)
{
    void (*with_info)(int, siginfo_t *, void *) = __atomic_load_n(&before_info, __ATOMIC_ACQUIRE);
    void (*plain)(int) = __atomic_load_n(&before_plain, __ATOMIC_ACQUIRE);
    if (is_passing_on || lost_its_word(info)) {
        return;
    }
    is_passing_on = true;
    if (with_info) {
        with_info(signal, info, context);
    } else if (plain == SIG_DFL) {
        die_of_it();
    } else if (plain != SIG_IGN) {
        plain(signal);
    }
    is_passing_on = false;
}

static void on_signal(int signal, siginfo_t *info, void *context)
{
    int saved_errno = errno;
    rt__signal_fn *fn = whose(info);
    if (fn) {
        int more = info->si_code == SI_TIMER ? info->si_overrun : 0;
        fn((uint64_t)(uintptr_t)info->si_value.sival_ptr, 1 + (more > 0 ? (uint32_t)more : 0), context);
    } else {
        pass_on(signal, info, context);
    }
    errno = saved_errno;
}

static void keep_before(const struct sigaction *before)
{
    bool has_info = before->sa_flags & SA_SIGINFO;
    __atomic_store_n(&before_info, has_info ? before->sa_sigaction : NULL, __ATOMIC_RELEASE);
    __atomic_store_n(&before_plain, has_info ? NULL : before->sa_handler, __ATOMIC_RELEASE);
}

void rt__signal_hear(enum rt__signal_use use, rt__signal_fn *fn)
{
    struct sigaction now, ours = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_RESTART};
    __atomic_store_n(&heard[use], fn, __ATOMIC_RELEASE);
    sigaction(SIGPROF, NULL, &now);
    if ((now.sa_flags & SA_SIGINFO) && now.sa_sigaction == on_signal) {
        return;
    }
    keep_before(&now);
    ours.sa_mask = now.sa_mask; /* the handler before is used to being undisturbed by these */
    sigaction(SIGPROF, &ours, NULL);
}

void rt__signal_unblock(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGPROF);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

int rt__signal_each(int *alarm, pid_t tid, uint64_t word, uint64_t first_ns, uint64_t period_ns)
{
    return rt__os_alarm_start(alarm, tid, SIGPROF, word, first_ns, period_ns);
}

int rt__signal_now(pid_t tid, uint64_t word)
{
    return rt__os_alarm_now(tid, SIGPROF, word);
}
