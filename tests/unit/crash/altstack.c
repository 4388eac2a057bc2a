/* Alternate stacks: each thread has one, gives it back, and it is large enough for all that runs on it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/crash/crash.h"
#include "runtime/cruntime.h"
#include "runtime/os/os.h"

#define PAINT 0xa5
#define PAINTED (256u << 10)

static void *own_stack(void *arg)
{
    assert_int_equal(sigaltstack(NULL, arg), 0);
    return NULL;
}

static void in_a_thread(void *(*fn)(void *), void *arg)
{
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, fn, arg), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

static void each_thread_has_a_stack_for_handlers(void **state)
{
    stack_t here, there;
    (void)state;
    own_stack(&here);
    in_a_thread(own_stack, &there);
    assert_false(here.ss_flags & SS_DISABLE);
    assert_false(there.ss_flags & SS_DISABLE);
    assert_ptr_not_equal(here.ss_sp, there.ss_sp);
}

/* The first thread may map what others use after it, and a thread or two of the runtime's own may begin meanwhile. */
static void assert_given_back(void *(*fn)(void *))
{
    stack_t stack;
    in_a_thread(own_stack, &stack);
    uint64_t before = rt__os_mapped(RT__OS_OTHER);
    for (int i = 0; i < 20; i++) {
        in_a_thread(fn, &stack);
    }
    assert_in_range(rt__os_mapped(RT__OS_OTHER), 0, before + 10 * stack.ss_size);
}

static void a_threads_stack_is_given_back_at_its_end(void **state)
{
    (void)state;
    assert_given_back(own_stack);
}

static void *own_mask(void *arg)
{
    pthread_sigmask(SIG_BLOCK, NULL, arg);
    return NULL;
}

static void the_signals_of_death_are_open_in_a_thread_made_with_all_signals_blocked(void **state)
{
    sigset_t all, old, there;
    (void)state;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    in_a_thread(own_mask, &there);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    assert_int_equal(sigismember(&there, SIGSEGV), 0);
    assert_int_equal(sigismember(&there, SIGBUS), 0);
    assert_int_equal(sigismember(&there, SIGFPE), 0);
    assert_int_equal(sigismember(&there, SIGILL), 0);
    assert_int_equal(sigismember(&there, SIGABRT), 0);
    assert_int_equal(sigismember(&there, SIGQUIT), 1);
    assert_int_equal(sigismember(&there, SIGTERM), 1);
}

#ifndef RT_SANITIZE /* AddressSanitizer unmaps whatever stack it finds at a thread's end */

static char other_stack[64 << 10];

static void *takes_another(void *stack)
{
    stack_t other = {.ss_sp = other_stack, .ss_size = sizeof(other_stack)};
    own_stack(stack);
    assert_int_equal(sigaltstack(&other, NULL), 0);
    return NULL;
}

static void a_thread_that_takes_a_stack_of_its_own_gives_ours_back_too(void **state)
{
    (void)state;
    assert_given_back(takes_another);
}

/* ---- how much of it is used ---- */

static unsigned char *painted; /* shared with the child, which dies on it */
static pthread_barrier_t together;

/* The stack shows how far it was used when the process is gone. */
static void use_painted(unsigned which)
{
    stack_t stack = {.ss_sp = painted + which * PAINTED, .ss_size = PAINTED};
    sigaltstack(&stack, NULL);
}

static void *dies(void *which)
{
    use_painted(*(unsigned *)which);
    pthread_barrier_wait(&together);
    *(volatile int *)0 = 1;
    return NULL;
}

static void die_in_two_threads(void)
{
    static unsigned first = 0, second = 1;
    pthread_t thread;
    pthread_barrier_init(&together, NULL, 2);
    pthread_create(&thread, NULL, dies, &second);
    dies(&first);
}

static size_t used(unsigned which)
{
    const unsigned char *stack = painted + which * PAINTED;
    size_t untouched = 0;
    while (untouched < PAINTED && stack[untouched] == PAINT) {
        untouched++;
    }
    return PAINTED - untouched;
}

static void the_stack_has_room_for_a_crash_that_is_asked_about_another(void **state)
{
    stack_t ours;
    int status;
    (void)state;
    own_stack(&ours);
    painted = mmap(NULL, 2 * PAINTED, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(painted, MAP_FAILED);
    memset(painted, PAINT, 2 * PAINTED);
    pid_t child = fork();
    if (child == 0) {
        dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
        for (size_t i = 0; i < 5; i++) { /* cmocka has handlers of its own */
            signal((int[]){SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}[i], SIG_DFL);
        }
        rt__crash_start(&(struct env_settings){.traceback = ENV_TB_SYSTEM});
        die_in_two_threads();
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(WEXITSTATUS(status), 2);
    for (unsigned i = 0; i < 2; i++) {
        print_message("of %zu bytes used: %zu\n", (size_t)ours.ss_size, used(i));
        assert_true(used(i) > 1024); /* that is where it ran */
        assert_true(used(i) + (size_t)sysconf(_SC_MINSIGSTKSZ) < ours.ss_size);
    }
    munmap(painted, 2 * PAINTED);
}

#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_thread_has_a_stack_for_handlers),
        cmocka_unit_test(a_threads_stack_is_given_back_at_its_end),
        cmocka_unit_test(the_signals_of_death_are_open_in_a_thread_made_with_all_signals_blocked),
#ifndef RT_SANITIZE
        cmocka_unit_test(a_thread_that_takes_a_stack_of_its_own_gives_ours_back_too),
        cmocka_unit_test(the_stack_has_room_for_a_crash_that_is_asked_about_another),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
