/* Stacks: the same as the compiler's own unwinder sees, from calls, callbacks, threads and signal handlers; and what
 * becomes of broken ones. */
#define _GNU_SOURCE 1
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <alloca.h>
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "runtime/os/os.h"
#include "runtime/unwind/rules.h"
#include "tests/unit/unwind/stacks.h"

static volatile bool agreed; /* what a callback found out; volatile, as raise() promises not to call anything here */

/* ---- calls ---- */

static NOINLINE int leaf_with(int n)
{
    agreed = both_agree(4);
    NOT_THE_LAST();
    return n;
}

static WITHOUT_FRAME_POINTER int middle_without(int n)
{
    int a = leaf_with(n), b = leaf_with(n + 1);
    return a + b;
}

static WITHOUT_FRAME_POINTER int outer_without(int n, int m)
{
    int sum = 0;
    for (int i = 0; i < n; i++)
        sum += middle_without(i) * m;
    return sum;
}

static void functions_with_and_without_frame_pointers_are_walked(void **state)
{
    (void)state;
    agreed = false;
    assert_int_equal(outer_without(2, 3), 12);
    assert_true(agreed);
}

static NOINLINE int with_array(size_t n)
{
    volatile char array[n];
    array[n - 1] = 1;
    agreed = both_agree(4);
    NOT_THE_LAST();
    return array[n - 1];
}

static NOINLINE int with_alloca_and_aligned(size_t n)
{
    _Alignas(64) volatile char aligned[64];
    volatile char *more = alloca(n);
    more[0] = 1;
    aligned[63] = 1;
    int sum = with_array(n) + more[0] + aligned[63];
    agreed = agreed && both_agree(3) && (uintptr_t)aligned % 64 == 0;
    NOT_THE_LAST();
    return sum;
}

static void frames_of_varying_size_and_realigned_ones_are_walked(void **state)
{
    (void)state;
    for (size_t n = 1; n < 300; n += 37) {
        agreed = false;
        assert_int_equal(with_alloca_and_aligned(n), 3);
        assert_true(agreed);
    }
}

static int compare(const void *a, const void *b)
{
    agreed = agreed && both_agree(5);
    return *(const int *)a - *(const int *)b;
}

static void callbacks_of_libc_are_walked(void **state)
{
    (void)state;
    int numbers[] = {3, 1, 2, 9, 7, 8, 6}, wanted = 7;
    agreed = true;
    qsort(numbers, 7, sizeof numbers[0], compare);
    assert_int_equal(numbers[6], 9);
    assert_ptr_equal(bsearch(&wanted, numbers, 7, sizeof numbers[0], compare), &numbers[4]);
    assert_true(agreed);
}

static void *in_thread(void *arg)
{
    *(bool *)arg = both_agree(3); /* both_agree, this, start_thread, clone */
    NOT_THE_LAST();
    return NULL;
}

static void a_thread_is_walked_to_where_it_was_cloned(void **state)
{
    (void)state;
    pthread_t thread;
    bool same = false;
    assert_int_equal(pthread_create(&thread, NULL, in_thread, &same), 0);
    pthread_join(thread, NULL);
    assert_true(same);
}

static pid_t child_of_thread;

static void *fork_in_thread(void *unused)
{
    (void)unused;
    child_of_thread = fork();
    if (child_of_thread == 0)
        _exit(both_agree(3) ? 42 : 1);
    return NULL;
}

static void the_child_of_a_fork_from_a_thread_is_walked(void **state)
{
    (void)state;
    pthread_t thread;
    int status;
    assert_int_equal(pthread_create(&thread, NULL, fork_in_thread, NULL), 0);
    pthread_join(thread, NULL);
    assert_int_equal(waitpid(child_of_thread, &status, 0), child_of_thread);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 42);
}

/* ---- what is asked for ---- */

static NOINLINE size_t stack_of_this(uintptr_t *pcs, size_t max, unsigned skip)
{
    size_t n = rt__unwind_here(pcs, max, skip);
    NOT_THE_LAST();
    return n;
}

static void frames_are_skipped_and_counted_as_asked(void **state)
{
    (void)state;
    uintptr_t all[FRAMES], some[FRAMES];
    size_t n = 0;
    for (unsigned skip = 0; skip < 4; skip++) {
        size_t got = stack_of_this(skip == 0 ? all : some, FRAMES, skip);
        if (skip == 0)
            n = got;
        assert_true(n > 4 && got == n - skip);
        if (skip > 1)
            assert_memory_equal(some + 1, all + skip + 1, (got - 1) * sizeof all[0]);
    }
    assert_true(is_near(all[0], (uintptr_t)stack_of_this));
    assert_true(is_near(all[1], (uintptr_t)frames_are_skipped_and_counted_as_asked));
    some[2] = 77;
    assert_int_equal(stack_of_this(some, 2, 0), 2);
    assert_int_equal(some[2], 77);
    assert_int_equal(stack_of_this(some, 0, 0), 0);
    assert_int_equal(stack_of_this(some, FRAMES, 1000), 0);
}

static NOINLINE size_t deep(unsigned depth, uintptr_t *pcs)
{
    volatile char much[4000]; /* each on a page of its own */
    much[0] = 1;
    size_t n = depth == 0 ? rt__unwind_here(pcs, FRAMES, 0) : deep(depth - 1, pcs);
    NOT_THE_LAST();
    return n + 0 * (size_t)much[0];
}

static void a_stack_that_grows_by_many_pages_is_walked_at_once(void **state)
{
    (void)state;
    uintptr_t pcs[FRAMES];
    assert_true(deep(150, pcs) > 151);
    assert_int_equal(deep(300, pcs), FRAMES);
    assert_true(deep(150, pcs) > 151);
}

static void starting_again_maps_nothing_more(void **state)
{
    (void)state;
    uint64_t mapped = rt__os_mapped(RT__OS_BUCKETS);
    rt__unwind_start();
    assert_int_equal(rt__os_mapped(RT__OS_BUCKETS), mapped);
}

/* ---- signals ---- */

static struct stack interrupted;
static size_t handler_frames;

/* The handler's stack goes on as the interrupted one, which both ways of asking must give. */
static void on_signal(int signal_number, siginfo_t *info, void *context)
{
    uintptr_t pcs[FRAMES];
    (void)info;
    handler_frames = rt__unwind_here(pcs, FRAMES, 0);
    interrupted.n = rt__unwind_context(context, interrupted.pcs, FRAMES);
    /* Behind the handler, what it returns to; a sanitizer has a function of its own between the two. */
    agreed = both_agree(interrupted.n + 3) && handler_frames >= interrupted.n + 2 &&
             memcmp(pcs + handler_frames - interrupted.n, interrupted.pcs, interrupted.n * sizeof pcs[0]) == 0;
    if (signal_number == SIGILL)
        ((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP] += 2; /* behind ud2 */
}

static void handle(int signal_number, int flags)
{
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | flags};
    assert_int_equal(sigaction(signal_number, &action, NULL), 0);
    agreed = false;
}

static WITHOUT_FRAME_POINTER int trap_in_leaf(int n)
{
    __asm__ volatile("ud2");
    return n;
}

static void assert_interrupted_leaf(void)
{
    uintptr_t ud2 = interrupted.pcs[0];
    assert_true(agreed);
    assert_memory_equal((const void *)ud2, "\x0f\x0b", 2); /* exact, not one less */
    assert_true(is_near(ud2, (uintptr_t)trap_in_leaf));
}

static void a_leaf_that_a_signal_interrupts_is_walked(void **state)
{
    (void)state;
    handle(SIGILL, 0);
    assert_int_equal(trap_in_leaf(5), 5);
    assert_interrupted_leaf();
    assert_true(is_near(interrupted.pcs[1], (uintptr_t)a_leaf_that_a_signal_interrupts_is_walked));
}

static void a_handler_on_another_stack_is_walked_into_what_it_interrupted(void **state)
{
    (void)state;
    char *pages = mmap(NULL, 1 << 16, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    stack_t other = {.ss_sp = pages, .ss_size = 1 << 16}, none = {.ss_flags = SS_DISABLE};
    assert_int_equal(sigaltstack(&other, NULL), 0);
    handle(SIGILL, SA_ONSTACK);
    assert_int_equal(trap_in_leaf(6), 6);
    assert_interrupted_leaf();
    assert_int_equal(sigaltstack(&none, NULL), 0);
    munmap(pages, 1 << 16);
}

static void a_signal_that_libc_raises_is_walked(void **state)
{
    (void)state;
    handle(SIGUSR1, 0);
    raise(SIGUSR1);
    assert_true(agreed);
    assert_true(interrupted.n > 3);
}

static sigjmp_buf away;

static void on_bad_call(int signal_number, siginfo_t *info, void *context)
{
    (void)signal_number;
    (void)info;
    interrupted.n = rt__unwind_context(context, interrupted.pcs, FRAMES);
    siglongjmp(away, 1);
}

static NOINLINE int call(int (*function)(int))
{
    int result = function(1);
    NOT_THE_LAST();
    return result + 1;
}

static void a_call_through_a_bad_pointer_is_walked_from_its_caller(void **state)
{
    (void)state;
    static char data[64];
    uintptr_t bad[] = {0, 0x1000, (uintptr_t)malloc(100)};
    struct sigaction action = {.sa_sigaction = on_bad_call, .sa_flags = SA_SIGINFO}, old;
    (void)data;
    assert_int_equal(sigaction(SIGSEGV, &action, &old), 0);
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        interrupted.n = 0;
        if (sigsetjmp(away, 1) == 0)
            call((int (*)(int))bad[i]);
        assert_true(interrupted.n > 4);
        assert_int_equal(interrupted.pcs[0], bad[i]);
        assert_true(is_near(interrupted.pcs[1], (uintptr_t)call));
        assert_true(is_near(interrupted.pcs[2], (uintptr_t)a_call_through_a_bad_pointer_is_walked_from_its_caller));
    }
    assert_int_equal(sigaction(SIGSEGV, &old, NULL), 0);
    free((void *)bad[2]);
}

/* ---- stacks of a program's own ---- */

static ucontext_t home, coroutine;
static uintptr_t coroutine_pcs[FRAMES];
static size_t coroutine_frames;

static void in_coroutine(void)
{
    coroutine_frames = stack_of_this(coroutine_pcs, FRAMES, 0);
    NOT_THE_LAST();
}

static void a_coroutine_is_walked_to_where_it_began(void **state)
{
    (void)state;
    static char room[1 << 16];
    assert_int_equal(getcontext(&coroutine), 0);
    coroutine.uc_stack = (stack_t){.ss_sp = room, .ss_size = sizeof room};
    coroutine.uc_link = &home;
    makecontext(&coroutine, in_coroutine, 0);
    assert_int_equal(swapcontext(&home, &coroutine), 0);
    assert_true(coroutine_frames >= 2 && coroutine_frames <= 4);
    assert_true(is_near(coroutine_pcs[1], (uintptr_t)in_coroutine));
}

/* ---- broken ones ---- */

static uint64_t random_state = 88172645463325252u;

static uint64_t any(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static ucontext_t broken(uint64_t rip, uint64_t rsp, uint64_t rbp)
{
    ucontext_t c = {0};
    for (unsigned i = 0; i < 16; i++)
        c.uc_mcontext.gregs[i] = (greg_t)any();
    c.uc_mcontext.gregs[REG_RIP] = (greg_t)rip;
    c.uc_mcontext.gregs[REG_RSP] = (greg_t)rsp;
    c.uc_mcontext.gregs[REG_RBP] = (greg_t)rbp;
    return c;
}

static void registers_that_mean_nothing_end_the_stack_at_once(void **state)
{
    (void)state;
    uintptr_t pcs[FRAMES];
    uint64_t bad[] = {
        0, 7, 8, 4096, 0x41414141, UINT64_C(0x7fffffffeff8), UINT64_MAX, UINT64_MAX - 7, UINT64_C(1) << 63};
    uint64_t code[] = {0, 1, UINT64_MAX, 0x41414141, (uintptr_t)qsort, (uintptr_t)leaf_with + 4};
    for (unsigned c = 0; c < sizeof code / sizeof code[0]; c++) {
        for (unsigned s = 0; s < sizeof bad / sizeof bad[0]; s++) {
            for (unsigned b = 0; b < sizeof bad / sizeof bad[0]; b++) {
                ucontext_t context = broken(code[c], bad[s], bad[b]);
                assert_int_equal(rt__unwind_context(&context, pcs, FRAMES), 1);
                assert_int_equal(pcs[0], code[c]);
            }
        }
    }
}

/* Words that look like what stacks hold, so that walks go on for a while. */
static uint64_t plausible(uint64_t *words, size_t n)
{
    switch (any() % 5) {
    case 0:
        return any();
    case 1:
        return (uintptr_t)&words[any() % n];
    case 2:
        return (uintptr_t)qsort + any() % 400;
    case 3:
        return (uintptr_t)leaf_with + any() % 400;
    default:
        return (uintptr_t)words + any() % (1 << 24);
    }
}

static void a_smashed_stack_is_survived(void **state)
{
    (void)state;
    enum { WORDS = 512 };
    uint64_t on_stack[WORDS], *elsewhere = malloc(sizeof on_stack);
    uintptr_t pcs[FRAMES];
    size_t longest = 0;
    for (unsigned round = 0; round < 30000; round++) {
        uint64_t *words = round % 2 ? on_stack : elsewhere;
        for (unsigned i = 0; i < WORDS; i += 1 + round % 3)
            words[i] = plausible(words, WORDS);
        ucontext_t context = broken(plausible(words, WORDS), plausible(words, WORDS), plausible(words, WORDS));
        size_t n = rt__unwind_context(&context, pcs, FRAMES);
        assert_true(n >= 1 && n <= FRAMES);
        longest = n > longest ? n : longest;
    }
    assert_true(longest > 2); /* some were believed for a while */
    free(elsewhere);
}

/* ---- many at once ---- */

static void rules_forgotten_are_found_again(void **state)
{
    (void)state;
    agreed = false;
    rt__unwind_forget();
    assert_int_equal(outer_without(1, 1), 1);
    assert_true(agreed);
}

static void closing_an_object_forgets_the_rules_of_all(void **state)
{
    uintptr_t pcs[FRAMES];
    struct rt__cfi_rule rule;
    (void)state;
    void *object = dlopen("libz.so.1", RTLD_NOW);
    assert_non_null(object);
    assert_true(rt__unwind_here(pcs, FRAMES, 0) > 1);
    struct rt__rules_entry *set = rt__rules_set(pcs[1]);
    if (set == NULL || !rt__rules_cached(set, pcs[1], &rule)) {
        print_message("skipped: this machine's unwinder keeps no rules\n");
        skip();
    }
    assert_int_equal(dlclose(object), 0);
    assert_false(rt__rules_cached(set, pcs[1], &rule));
}

static bool leave;
static unsigned wrong, walked;

static void on_alarm(int signal_number, siginfo_t *info, void *context)
{
    uintptr_t pcs[FRAMES];
    (void)signal_number;
    (void)info;
    size_t n = rt__unwind_context(context, pcs, FRAMES);
    __atomic_add_fetch(n == 0 ? &wrong : &walked, 1, __ATOMIC_RELAXED);
}

static void *walk_all_the_time(void *unused)
{
    (void)unused;
    while (!__atomic_load_n(&leave, __ATOMIC_RELAXED)) {
        if (!both_agree(3))
            __atomic_add_fetch(&wrong, 1, __ATOMIC_RELAXED);
    }
    return NULL;
}

static void threads_and_their_signal_handlers_share_rules_while_these_are_forgotten(void **state)
{
    (void)state;
    enum { THREADS = 3, SIGNALS = 300 };
    pthread_t threads[THREADS];
    struct sigaction action = {.sa_sigaction = on_alarm, .sa_flags = SA_SIGINFO | SA_RESTART};
    assert_int_equal(sigaction(SIGUSR2, &action, NULL), 0);
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, walk_all_the_time, NULL), 0);
    for (unsigned i = 0; __atomic_load_n(&walked, __ATOMIC_RELAXED) < SIGNALS && i < 1000000; i++) {
        pthread_kill(threads[i % THREADS], SIGUSR2);
        rt__unwind_forget();
    }
    __atomic_store_n(&leave, true, __ATOMIC_RELAXED);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_true(walked >= SIGNALS);
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(functions_with_and_without_frame_pointers_are_walked),
        cmocka_unit_test(frames_of_varying_size_and_realigned_ones_are_walked),
        cmocka_unit_test(callbacks_of_libc_are_walked),
        cmocka_unit_test(a_thread_is_walked_to_where_it_was_cloned),
        cmocka_unit_test(the_child_of_a_fork_from_a_thread_is_walked),
        cmocka_unit_test(frames_are_skipped_and_counted_as_asked),
        cmocka_unit_test(a_stack_that_grows_by_many_pages_is_walked_at_once),
        cmocka_unit_test(starting_again_maps_nothing_more),
        cmocka_unit_test(a_leaf_that_a_signal_interrupts_is_walked),
        cmocka_unit_test(a_handler_on_another_stack_is_walked_into_what_it_interrupted),
        cmocka_unit_test(a_signal_that_libc_raises_is_walked),
        cmocka_unit_test(a_call_through_a_bad_pointer_is_walked_from_its_caller),
        cmocka_unit_test(a_coroutine_is_walked_to_where_it_began),
        cmocka_unit_test(registers_that_mean_nothing_end_the_stack_at_once),
        cmocka_unit_test(a_smashed_stack_is_survived),
        cmocka_unit_test(rules_forgotten_are_found_again),
        cmocka_unit_test(closing_an_object_forgets_the_rules_of_all),
        cmocka_unit_test(threads_and_their_signal_handlers_share_rules_while_these_are_forgotten),
    };
    rt__unwind_start();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
