/* handler.c - who speaks when the program dies, and how it ends.
 *
 * The first thread that dies takes the word and keeps it until the process has ended. Others that die meanwhile wait,
 * and tell how they died when they are asked for their stacks. A fault of the speaker itself ends the process at once,
 * and so does a timer after RT__CRASH_DEATH_NS, whatever the speaker is stuck in. SIGQUIT speaks in the same way; with
 * CDEBUG=sigquit=continue the word is given back, the others go on, and what came meanwhile is forgotten.
 *
 * A living process's dump runs on the thread's own stack and lets libgc stop the thread, so that no cycle waits for it.
 * libgc takes whatever lies above the stack pointer for the thread's stack: so on alternate stacks it must be blocked.
 *
 * While a thread speaks all other signals are blocked in it but those of death. They stay open in the others, which may
 * be asked: by SIGABRT, or, in a process that goes on and whose SIGABRT is the program's, by SIGQUIT.
 *
 * In a sanitizer build the sanitizer reports faults, and it alone knows what its shadow says of them: there only
 * SIGQUIT, panics and assertions come here.
 */
#include "runtime/crash/crash.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>
#include "runtime/heap/backend.h"
#include "runtime/os/os.h"

#define EXIT_STATUS 2 /* Go's */
#define RETRY_NS 5000000u
/* A little more than speak.c allows itself. */
#define DEATH_NS (RT__CRASH_SPEAK_NS + 2000000000u)
/* The word of the timer's signal (see profile/signal.c for others). */
#define DEATH_WORD (UINT64_C(0xc9aa) << 48)

static const int deadly[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
#define DEADLY (sizeof(deadly) / sizeof(*deadly))

static int level; /* atomic: enum env_traceback */
static bool quit_continues;

/* Process and thread, as a forked child inherits the word of a thread that it does not have. 0: nobody speaks. */
static uint64_t speaker;
static bool is_end;             /* atomic: and when it has spoken, the process ends */
static int dies_of;             /* by what, if a core is wanted */
static void (*last_deed)(void); /* atomic */

/* ---- the word --------------------------------------------------------------------------------- */

enum taken { TAKEN, ANOTHERS, OWN };

static enum taken take_word(bool to_end)
{
    uint64_t pid = (uint64_t)(uint32_t)getpid() << 32, self = pid | (uint32_t)rt__os_tid();
    uint64_t now = __atomic_load_n(&speaker, __ATOMIC_ACQUIRE);
    if (now == self) {
        return OWN;
    }
    bool is_free = now >> 32 != pid >> 32;
    if (!is_free || !__atomic_compare_exchange_n(&speaker, &now, self, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
        return ANOTHERS;
    }
    __atomic_store_n(&is_end, to_end, __ATOMIC_RELEASE);
    return TAKEN;
}

static void give_word_back(void)
{
    __atomic_store_n(&speaker, 0, __ATOMIC_RELEASE);
}

/* A living process's dump passes; a dying one ends. */
static enum taken take_word_or_wait(void)
{
    enum taken taken;
    while ((taken = take_word(true)) == ANOTHERS) {
        syscall(SYS_ppoll, NULL, 0, &(struct timespec){.tv_nsec = RETRY_NS}, NULL, _NSIG / 8);
    }
    return taken;
}

bool rt__crash_is_end(void)
{
    return __atomic_load_n(&is_end, __ATOMIC_ACQUIRE);
}

/* ---- the end ---------------------------------------------------------------------------------- */

static bool wants_core(void)
{
    return __atomic_load_n(&level, __ATOMIC_RELAXED) >= ENV_TB_CRASH;
}

void rt__crash_before_end(void (*deed)(void))
{
    __atomic_store_n(&last_deed, deed, __ATOMIC_RELEASE);
}

/* Process 1 does not die of a signal that it sends itself. */
static RT__CRASH_LAST_CALL __attribute__((noreturn)) void end(int signal)
{
    void (*deed)(void) =
        __atomic_exchange_n(&last_deed, NULL, __ATOMIC_ACQ_REL); /* should it fail, it is not done again */
    if (deed) {
        deed();
    }
    if (wants_core()) {
        struct sigaction by_default = {.sa_handler = SIG_DFL};
        sigset_t only;
        sigemptyset(&by_default.sa_mask);
        sigemptyset(&only);
        sigaddset(&only, signal);
        sigaction(signal, &by_default, NULL);
        syscall(SYS_tgkill, getpid(), rt__os_tid(), signal);
        pthread_sigmask(SIG_UNBLOCK, &only, NULL);
    }
    _exit(EXIT_STATUS);
}

/* Whoever sent the timer's signal, it comes while something is amiss with the speaker. */
static bool is_time_up(const siginfo_t *info)
{
    return info->si_code == SI_TIMER && (uint64_t)(uintptr_t)info->si_value.sival_ptr == DEATH_WORD;
}

/* Bounds the rest of the process's life. */
static void limit_life(pid_t tid)
{
    int alarm;
    rt__os_alarm_once(&alarm, tid, SIGABRT, DEATH_WORD, DEATH_NS);
}

static void say(const char *line)
{
    rt__crash_write(STDERR_FILENO, line, strlen(line), rt__os_now_ns() + RETRY_NS);
}

/* ---- speaking --------------------------------------------------------------------------------- */

static void on_signal(int signal, siginfo_t *info, void *context);

static bool is_ours(int signal)
{
    struct sigaction now;
    return sigaction(signal, NULL, &now) == 0 && (now.sa_flags & SA_SIGINFO) && now.sa_sigaction == on_signal;
}

static void all_but_deadly(sigset_t *set)
{
    sigfillset(set);
    for (size_t i = 0; i < DEADLY; i++) {
        sigdelset(set, deadly[i]);
    }
}

/* The mask is in force until the handler is done: see above. */
static void hear(int signal, bool lives_on)
{
    struct sigaction ours = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_RESTART | SA_NODEFER};
    all_but_deadly(&ours.sa_mask);
    if (!lives_on) {
        ours.sa_flags |= SA_ONSTACK;
    } else if (rt__backend->stop_signal) {
        sigdelset(&ours.sa_mask, rt__backend->stop_signal());
    }
    sigaction(signal, &ours, NULL);
}

/* A thread that pthread_cancel was called for would go when it opens a file. */
static int stay_here(void)
{
    int state;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    return state;
}

static RT__CRASH_LAST_CALL __attribute__((noreturn)) void speak_and_end(const struct rt__crash_cause *cause,
                                                                        const uintptr_t *pcs, size_t depth)
{
    enum env_traceback asked = (enum env_traceback)__atomic_load_n(&level, __ATOMIC_RELAXED);
    dies_of = cause->signal;
    if (asked != ENV_TB_NONE) {
        stay_here();
        hear(SIGABRT, false); /* the program's handler, if it has one, is no use to it any more */
        limit_life(cause->tid);
        rt__crash_speak(cause, asked, SIGABRT, pcs, depth);
    }
    end(cause->signal);
}

static RT__CRASH_LAST_CALL __attribute__((noreturn)) void end_while_speaking(void)
{
    if (__atomic_load_n(&level, __ATOMIC_RELAXED) != ENV_TB_NONE) {
        say("fatal error: another signal while printing\n");
    }
    end(dies_of);
}

RT__CRASH_LAST_CALL void rt__crash_die(struct rt__crash_cause *cause, const uintptr_t *pcs, size_t depth)
{
    sigset_t all;
    all_but_deadly(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    cause->tid = rt__os_tid();
    rt__crash_threads_died_too(RT__CRASH_PANIC, NULL);
    if (take_word_or_wait() == OWN) {
        end_while_speaking();
    }
    speak_and_end(cause, pcs, depth);
}

/* ---- signals ---------------------------------------------------------------------------------- */

static uintptr_t pc_of(const ucontext_t *context)
{
#if defined(__x86_64__)
    return (uintptr_t)context->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
    return (uintptr_t)context->uc_mcontext.pc;
#else
    (void)context;
    return 0;
#endif
}

static uintptr_t sp_of(const ucontext_t *context)
{
#if defined(__x86_64__)
    return (uintptr_t)context->uc_mcontext.gregs[REG_RSP];
#elif defined(__aarch64__)
    return (uintptr_t)context->uc_mcontext.sp;
#else
    (void)context;
    return 0;
#endif
}

static bool is_overflow(int signal, const siginfo_t *info, uintptr_t sp)
{
    uintptr_t addr = (uintptr_t)info->si_addr;
    if (signal != SIGSEGV || (info->si_code != SEGV_MAPERR && info->si_code != SEGV_ACCERR)) {
        return false;
    }
    return rt__crash_is_below_stack(addr, sp, (uintptr_t)rt__os_stack_base_above(sp)) && !rt__os_readable(addr);
}

static void cause_of(struct rt__crash_cause *cause, int signal, const siginfo_t *info, const ucontext_t *context)
{
    bool is_sent = info->si_code <= 0;
    *cause = (struct rt__crash_cause){
        .signal = signal,
        .code = info->si_code,
        .addr = is_sent ? 0 : (uintptr_t)info->si_addr,
        .pc = pc_of(context),
        .sender = is_sent ? info->si_pid : 0,
        .is_own = is_sent && info->si_pid == getpid(),
        .is_overflow = is_overflow(signal, info, sp_of(context)),
        .is_main = rt__os_tid() == getpid(),
        .tid = rt__os_tid(),
    };
}

static RT__CRASH_LAST_CALL __attribute__((noreturn)) void on_death(int signal, const siginfo_t *info,
                                                                   const ucontext_t *context)
{
    struct rt__crash_cause cause;
    uintptr_t pcs[RT__STACK_MAX];
    rt__crash_threads_died_too(signal, context);
    if (take_word_or_wait() == OWN) {
        end_while_speaking();
    }
    cause_of(&cause, signal, info, context);
    speak_and_end(&cause, pcs, rt__unwind_context(context, pcs, RT__STACK_MAX));
}

/* SIGQUITs that came to this thread meanwhile. */
static void forget_quits(void)
{
    sigset_t quits;
    sigemptyset(&quits);
    sigaddset(&quits, SIGQUIT);
    while (syscall(SYS_rt_sigtimedwait, &quits, NULL, &(struct timespec){0}, _NSIG / 8) == SIGQUIT) {
    }
}

static void speak_and_go_on(const struct rt__crash_cause *cause, const uintptr_t *pcs, size_t depth)
{
    enum env_traceback asked = (enum env_traceback)__atomic_load_n(&level, __ATOMIC_RELAXED);
    if (asked != ENV_TB_NONE) {
        int state = stay_here();
        rt__crash_speak(cause, asked, is_ours(SIGABRT) ? SIGABRT : SIGQUIT, pcs, depth);
        say("\n"); /* what the process says next is no part of it */
        pthread_setcancelstate(state, NULL);
    }
    forget_quits();
    give_word_back();
}

static RT__CRASH_LAST_CALL void on_quit(const siginfo_t *info, const ucontext_t *context)
{
    struct rt__crash_cause cause;
    uintptr_t pcs[RT__STACK_MAX];
    if (take_word(!quit_continues) != TAKEN) {
        return; /* somebody speaks already */
    }
    cause_of(&cause, SIGQUIT, info, context);
    size_t depth = rt__unwind_context(context, pcs, RT__STACK_MAX);
    if (quit_continues) {
        speak_and_go_on(&cause, pcs, depth);
    } else {
        speak_and_end(&cause, pcs, depth);
    }
}

static RT__CRASH_LAST_CALL void on_signal(int signal, siginfo_t *info, void *context)
{
    int saved_errno = errno;
    if (is_time_up(info)) {
        end(dies_of);
    }
    if (!rt__crash_threads_answer(info, context)) {
        if (signal == SIGQUIT) {
            on_quit(info, context);
        } else {
            on_death(signal, info, context);
        }
    }
    errno = saved_errno;
}

/* ---- start ------------------------------------------------------------------------------------ */

static void hear_if_nobody_does(int signal, bool lives_on)
{
    struct sigaction now;
    if (sigaction(signal, NULL, &now) == 0 && !(now.sa_flags & SA_SIGINFO) &&
        (now.sa_handler == SIG_DFL || now.sa_handler == SIG_IGN)) {
        hear(signal, lives_on);
    }
}

void rt__crash_set_level(enum env_traceback asked)
{
    __atomic_store_n(&level, (int)asked, __ATOMIC_RELAXED);
}

void rt__crash_start(const struct env_settings *settings)
{
    rt__crash_set_level(settings->traceback);
    quit_continues = settings->sigquit_continue;
    rt__crash_names_start();
    rt__crash_thread_begins();
#ifndef RT_SANITIZE
    for (size_t i = 0; i < DEADLY; i++) {
        hear_if_nobody_does(deadly[i], false);
    }
#endif
    hear_if_nobody_does(SIGQUIT, quit_continues);
}
