/* Stacks at every single instruction: the processor's trap flag stops a call after each one, in the caller, in the
 * program's and libc's code, in stubs of the PLT, in the dynamic linker as it binds a name and in malloc. Each time
 * the stack must contain the test and end as the test's own stack does; and be the one that libgcc sees, wherever
 * that gets as far. */
#define _GNU_SOURCE 1
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <alloca.h>
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "runtime/unwind/rules.h"
#include "tests/unit/unwind/stacks.h"

#define TRAP_FLAG 0x100
#define MOST_STEPS 200000u

static struct {
    volatile bool on;
    uintptr_t test;     /* the function that is on the stack all the time; 0: none is */
    struct stack above; /* and what called it */
    bool alone;         /* not to be compared with libgcc */
    unsigned steps, short_ones, other, checked;
    uintptr_t first_bad;
    unsigned left; /* steps until it stops by itself */
} walk;

static void mark_bad(uintptr_t pc)
{
    if (walk.first_bad == 0)
        walk.first_bad = pc;
}

static void check(const uintptr_t *pcs, size_t n)
{
    const struct stack *above = &walk.above;
    struct stack expected;
    size_t from;

    if (n <= above->n || memcmp(pcs + n - above->n, above->pcs, above->n * sizeof pcs[0]) != 0 ||
        (walk.test != 0 && !is_near(pcs[n - above->n - 1], walk.test))) {
        walk.short_ones++;
        mark_bad(pcs[0]);
        return;
    }
    if (walk.alone)
        return;
    stack_by_libgcc(&expected);
    from = (size_t)expected.first_exact;
    if (expected.pcs[expected.n - 1] != above->pcs[above->n - 1])
        return; /* it has lost the way */
    walk.checked++;
    if (expected.n - from != n || memcmp(pcs, expected.pcs + from, n * sizeof pcs[0]) != 0) {
        walk.other++;
        mark_bad(pcs[0]);
    }
}

static void on_step(int signal_number, siginfo_t *info, void *context)
{
    ucontext_t *c = context;
    int saved_errno = errno;
    uintptr_t pcs[FRAMES];

    (void)signal_number;
    (void)info;
    if (!walk.on || walk.left-- == 0) {
        c->uc_mcontext.gregs[REG_EFL] &= ~TRAP_FLAG;
    } else {
        walk.steps++;
        check(pcs, rt__unwind_context(context, pcs, FRAMES));
    }
    errno = saved_errno;
}

static void on_begin(int signal_number, siginfo_t *info, void *context)
{
    (void)signal_number;
    (void)info;
    ((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] |= TRAP_FLAG;
}

/* To be called by the test itself. */
static NOINLINE void begin(uintptr_t test)
{
    walk.test = test;
    walk.steps = walk.short_ones = walk.other = walk.checked = 0;
    walk.first_bad = 0;
    walk.left = MOST_STEPS;
    walk.above.n = rt__unwind_here(walk.above.pcs, FRAMES, 2);
    walk.on = true;
    pthread_kill(pthread_self(), SIGUSR1); /* not raise, which is promised not to call anything here */
}

static void say_where(void)
{
    Dl_info info = {0};

    if (walk.first_bad != 0) {
        dladdr((void *)walk.first_bad, &info);
        fprintf(stderr, "first wrong stack at %#lx: %s+%#lx\n", (unsigned long)walk.first_bad, info.dli_fname,
                (unsigned long)walk.first_bad - (unsigned long)info.dli_fbase);
    }
}

static void end(unsigned least)
{
    bool alone = walk.alone;
    walk.on = false;
    walk.alone = false;
    say_where();
    printf("#= %u steps, %u of them compared\n", walk.steps, walk.checked);
    assert_true(walk.steps >= least);
    assert_int_equal(walk.short_ones, 0);
    assert_int_equal(walk.other, 0);
    assert_true(alone || walk.checked >= walk.steps / 2);
}

/* ---- what is walked through ---- */

static int compare(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

static void a_sort_with_a_callback_is_walked_at_every_instruction(void **state)
{
    (void)state;
    int numbers[40];
    for (int i = 0; i < 40; i++)
        numbers[i] = i * 17 % 40;
    begin((uintptr_t)a_sort_with_a_callback_is_walked_at_every_instruction);
    qsort(numbers, 40, sizeof numbers[0], compare);
    end(2000);
    assert_int_equal(numbers[39], 39);
}

static void formatting_is_walked_at_every_instruction(void **state)
{
    (void)state;
    char text[100];
    begin((uintptr_t)formatting_is_walked_at_every_instruction);
    int n = snprintf(text, sizeof text, "%d %-10s %.3f %p %lx", 3, "words", 3.25, (void *)text, -5L);
    end(1000);
    assert_true(n > 20);
}

/* Some of libc's routines for large numbers, written in assembler, push registers without saying so. libgcc
 * crashes there; stacks from within them end early, at worst. */
static void wrong_information_ends_a_stack_and_does_no_harm(void **state)
{
    (void)state;
    char text[400];
    walk.alone = true;
    begin((uintptr_t)wrong_information_ends_a_stack_and_does_no_harm);
    int n = snprintf(text, sizeof text, "%Lg %.20f %.3Le", 1e300L, 1.1e200, 3e-4000L);
    walk.on = false;
    walk.alone = false;
    printf("#= %u steps, %u stacks cut short\n", walk.steps, walk.short_ones);
    assert_true(n > 200 && walk.steps > 5000);
}

static void malloc_and_free_are_walked_at_every_instruction(void **state)
{
    (void)state;
    begin((uintptr_t)malloc_and_free_are_walked_at_every_instruction);
    char *copy = strdup("something of a length");
    char *more = realloc(copy, 5000);
    free(more);
    void *large = calloc(3, 1 << 20);
    free(large);
    end(500);
}

/* Called nowhere else, so that their first calls go through the dynamic linker. */
static void the_binding_of_a_name_is_walked_at_every_instruction(void **state)
{
    (void)state;
    char *rest;
    begin((uintptr_t)the_binding_of_a_name_is_walked_at_every_instruction);
    long number = strtol("0x1234", &rest, 16);
    double real = strtod("12.5e3", &rest);
    time_t midnight = 0;
    struct tm day;
    gmtime_r(&midnight, &day);
    size_t span = strcspn("abcdef", "xe");
    end(2000);
    assert_int_equal(number, 0x1234);
    assert_true(real > 12499 && span == 4 && day.tm_year == 70);
}

static NOINLINE int aligned_and_varying(size_t n, int depth)
{
    _Alignas(64) volatile char aligned[64];
    volatile char varying[n];
    volatile char *more = alloca(n * 2);
    varying[n - 1] = 1;
    more[n] = 2;
    aligned[5] = 3;
    int below = depth > 0 ? aligned_and_varying(n + 10, depth - 1) : 0;
    return varying[n - 1] + more[n] + aligned[5] + below;
}

static WITHOUT_FRAME_POINTER int many_arguments(int a, int b, int c, int d, int e, int f, int g, int h, int depth)
{
    volatile int local[20] = {a, b, c, d, e, f, g, h};
    if (depth == 0)
        return local[7];
    return many_arguments(h, a, b, c, d, e, f, g, depth - 1) + local[0] * local[1];
}

static void prologues_and_epilogues_are_walked_at_every_instruction(void **state)
{
    (void)state;
    begin((uintptr_t)prologues_and_epilogues_are_walked_at_every_instruction);
    volatile int result = many_arguments(1, 2, 3, 4, 5, 6, 7, 8, 10);
    end(200);
    assert_true(result > 0);
}

/* Without libgcc, which believes gcc that rbp is still to be read from the stack after it was popped, and crashes. */
static void realigned_frames_are_walked_at_every_instruction(void **state)
{
    (void)state;
    walk.alone = true;
    begin((uintptr_t)realigned_frames_are_walked_at_every_instruction);
    volatile int result = aligned_and_varying(10, 3);
    end(150);
    assert_true(result > 0);
}

static NOINLINE void set_context_twice(void)
{
    sigjmp_buf there;
    volatile int times = 0;
    if (sigsetjmp(there, 1) < 2)
        times++;
}

static void saving_registers_and_system_calls_are_walked_at_every_instruction(void **state)
{
    (void)state;
    char name[64];
    struct timespec now;
    begin((uintptr_t)saving_registers_and_system_calls_are_walked_at_every_instruction);
    set_context_twice();
    gethostname(name, sizeof name);
    clock_gettime(CLOCK_MONOTONIC, &now); /* in the vdso */
    char *found = getenv("PATH");
    char *folder = getcwd(name, sizeof name);
    end(300);
    assert_true(found != NULL || folder != NULL || now.tv_sec > 0);
}

/* ---- the end of a thread ---- */

static pthread_key_t key;

static void at_thread_end(void *unused)
{
    (void)unused;
}

/* Goes on beyond this function, into libc's end of the thread: not to its last instructions, as a trap while all
 * signals are blocked ends the process. */
static void *stepped_thread(void *unused)
{
    uintptr_t pcs[FRAMES];
    (void)unused;
    pthread_setspecific(key, &key);
    size_t n = rt__unwind_here(pcs, FRAMES, 0);
    walk.test = 0;
    walk.steps = walk.checked = 0;
    walk.above.n = 1; /* this function goes, and the one that called it goes on: its own caller stays */
    walk.above.pcs[0] = n > 0 ? pcs[n - 1] : 0;
    walk.left = 150;
    walk.on = true;
    pthread_kill(pthread_self(), SIGUSR1);
    return NULL;
}

static void a_thread_that_returns_is_walked_at_every_instruction(void **state)
{
    (void)state;
    pthread_t thread;
    pthread_key_create(&key, at_thread_end);
    pthread_create(&thread, NULL, stepped_thread, NULL);
    pthread_join(thread, NULL);
    end(150);
}

#ifdef __SANITIZE_THREAD__
/* Around each handler this sanitizer takes locks, which the code that is stepped through may hold. */
static void stepping_is_left_out(void **state)
{
    (void)state;
    skip();
}
#endif

int main(void)
{
#ifdef __SANITIZE_THREAD__
    const struct CMUnitTest in_no_handler[] = {cmocka_unit_test(stepping_is_left_out)};
#endif
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sort_with_a_callback_is_walked_at_every_instruction),
        cmocka_unit_test(formatting_is_walked_at_every_instruction),
        cmocka_unit_test(wrong_information_ends_a_stack_and_does_no_harm),
        cmocka_unit_test(malloc_and_free_are_walked_at_every_instruction),
        cmocka_unit_test(the_binding_of_a_name_is_walked_at_every_instruction),
        cmocka_unit_test(prologues_and_epilogues_are_walked_at_every_instruction),
        cmocka_unit_test(realigned_frames_are_walked_at_every_instruction),
        cmocka_unit_test(saving_registers_and_system_calls_are_walked_at_every_instruction),
        cmocka_unit_test(a_thread_that_returns_is_walked_at_every_instruction),
    };
    struct sigaction step = {.sa_sigaction = on_step, .sa_flags = SA_SIGINFO};
    struct sigaction first = {.sa_sigaction = on_begin, .sa_flags = SA_SIGINFO};

#ifdef __SANITIZE_THREAD__
    return cmocka_run_group_tests(in_no_handler, NULL, NULL);
#endif
    rt__unwind_start();
    sigaction(SIGTRAP, &step, NULL);
    sigaction(SIGUSR1, &first, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
