/* altstack.c - a stack for signal handlers, for each thread.
 *
 * A stack that has run over holds no handler any more, so each thread has another one, with a page below that
 * cannot be touched. It is put on before the thread's function and taken off when the thread ends; a thread that has
 * an alternate stack already (a sanitizer's), or sets one of its own, is left alone.
 *
 * Some of those taken off are kept for the next threads: mapping and unmapping them anew made a thread that only
 * begins and ends cost half as much again.
 *
 * A handler of the program's own that wants an alternate stack runs on ours, too, unless the program has set one. Must
 * not allocate, or lock: libgc makes threads with its lock held.
 */
#include "runtime/crash/crash.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>
#include "runtime/os/os.h"

#define PAGE 4096u
/* The speaker's handler used 5 KiB beside the kernel's part, with a stand-in for names.c; tests/unit/crash/altstack.c
 * measures, and fails where less than a signal's room is left. */
#define HANDLERS_BYTES ((size_t)8 << 10)
/* The one that the thread dies of, the question for its stack while it waits, and the same again, as the first may be
 * late. */
#define SIGNALS 3
/* Where the kernel does not tell: enough for AVX-512. */
#define FRAME_BYTES 4096
/* The second to last round of destructors: what crashes in those of the program still finds the stack, and in the last
 * round sanitizers take leave of the thread. */
#define END_ROUND (PTHREAD_DESTRUCTOR_ITERATIONS - 1)

#define KEPT 32u /* idle ones, at most 20 KiB each as a rule */

static void *kept[KEPT]; /* atomic; NULL: no stack */
static __thread unsigned t_ended __attribute__((tls_model("initial-exec")));
static pthread_key_t end_key;
static pthread_once_t end_key_once = PTHREAD_ONCE_INIT;
static bool has_end_key;

/* How much the kernel puts on a handler's stack depends on what state the processor has. */
static size_t stack_bytes(void)
{
    long told = sysconf(_SC_MINSIGSTKSZ);
    size_t frame = told > 0 ? (size_t)told : FRAME_BYTES;
    return (SIGNALS * frame + HANDLERS_BYTES + PAGE - 1) & ~(size_t)(PAGE - 1);
}

/* ---- stacks --------------------------------------------------------------------------------------- */

/* One with its guard page, which comes first; NULL when there is no memory. */
static char *map_stack(void)
{
    char *stack = rt__os_map_if_any(PAGE + stack_bytes(), RT__OS_OTHER);
    if (stack && mprotect(stack, PAGE, PROT_NONE) != 0) {
        rt__os_unmap(stack, PAGE + stack_bytes(), RT__OS_OTHER);
        stack = NULL;
    }
    return stack;
}

static char *take_stack(void)
{
    for (unsigned i = 0; i < KEPT; i++) {
        char *stack = __atomic_load_n(&kept[i], __ATOMIC_RELAXED);
        if (stack && (stack = __atomic_exchange_n(&kept[i], NULL, __ATOMIC_ACQUIRE))) {
            return stack;
        }
    }
    return map_stack();
}

static void give_stack(void *stack)
{
    for (unsigned i = 0; i < KEPT; i++) {
        void *none = NULL;
        if (!__atomic_load_n(&kept[i], __ATOMIC_RELAXED) &&
            __atomic_compare_exchange_n(&kept[i], &none, stack, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED)) {
            return;
        }
    }
    rt__os_unmap(stack, PAGE + stack_bytes(), RT__OS_OTHER);
}

/* ---- threads -------------------------------------------------------------------------------------- */

/* Only when it is still the thread's: it may have set another since. */
static void take_off(void *stack)
{
    stack_t none = {.ss_flags = SS_DISABLE}, before;
    if (sigaltstack(&none, &before) == 0 && before.ss_sp != (char *)stack + PAGE && !(before.ss_flags & SS_DISABLE)) {
        sigaltstack(&before, NULL);
    }
}

static void on_thread_end(void *stack)
{
    int saved_errno = errno;
    if (++t_ended < END_ROUND && pthread_setspecific(end_key, stack) == 0) {
        return;
    }
    take_off(stack);
    give_stack(stack);
    errno = saved_errno;
}

static void make_end_key(void)
{
    has_end_key = pthread_key_create(&end_key, on_thread_end) == 0;
}

/* False when the thread had one, which it has again. */
static bool put_on(char *stack)
{
    stack_t ours = {.ss_sp = stack + PAGE, .ss_size = stack_bytes()}, before;
    if (sigaltstack(&ours, &before) != 0) {
        return false;
    }
    if (!(before.ss_flags & SS_DISABLE)) {
        sigaltstack(&before, NULL);
        return false;
    }
    return true;
}

/* Without memory for it, or where it could not be given back, a thread does without. */
static void get_stack(void)
{
    pthread_once(&end_key_once, make_end_key);
    char *stack = has_end_key ? take_stack() : NULL;
    if (!stack) {
        return;
    }
    if (!put_on(stack)) {
        give_stack(stack);
    } else if (pthread_setspecific(end_key, stack) != 0) {
        take_off(stack);
        give_stack(stack);
    }
}

/* SIGABRT as well: by it a thread is asked for its stack. */
static void unblock(void)
{
    sigset_t deadly;
    sigemptyset(&deadly);
    sigaddset(&deadly, SIGSEGV);
    sigaddset(&deadly, SIGBUS);
    sigaddset(&deadly, SIGFPE);
    sigaddset(&deadly, SIGILL);
    sigaddset(&deadly, SIGABRT);
    pthread_sigmask(SIG_UNBLOCK, &deadly, NULL);
}

void rt__crash_thread_begins(void)
{
    int saved_errno = errno;
    get_stack();
    unblock();
    errno = saved_errno;
}
