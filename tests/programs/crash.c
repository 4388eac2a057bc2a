/* crash.c - a program that dies in the way that its argument names.
 *
 * tests/e2e/test_crash.py runs it and reads its last words. Beside the thread that fails there is always one other,
 * "bystander", which waits in waits_for_nothing: it must be in a traceback exactly when all threads are asked for.
 * Every way to die is reached through outer, so that each stack has three frames of this file that are known by name.
 * What the compiler could see to be undefined it would leave out or turn into a trap: hence the volatiles.
 */
#undef NDEBUG /* assert itself is looked at */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include "check.h"

#ifdef __has_attribute
#if __has_attribute(no_stack_protector)
#define UNPROTECTED __attribute__((no_stack_protector))
#endif
#endif
#ifndef UNPROTECTED
#define UNPROTECTED
#endif

/* Keeps a call from becoming a jump, which would leave no frame. */
#define NO_TAIL_CALL() __asm__ volatile("" ::: "memory")

static volatile int zero;
static volatile uintptr_t nowhere;
static const char *argument = "";

static void ready(void)
{
    puts("ready");
    fflush(stdout);
}

static __attribute__((noreturn)) void could_not(const char *what)
{
    printf("could not %s: %s\n", what, strerror(errno));
    exit(3);
}

/* ---- faults ------------------------------------------------------------------------------------------ */

static inline __attribute__((always_inline)) int deref(const volatile int *address)
{
    return *address; /* here it reads */
}

static NOINLINE void reads_null(void)
{
    int got = deref((const volatile int *)nowhere); /* here it asks to */
    zero = got;
}

static NOINLINE void reads_wild(void)
{
    nowhere = 0xdead0000;
    zero = *(const volatile int *)nowhere;
}

static NOINLINE void writes_to_read_only(void)
{
    volatile char *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) {
        could_not("map a page");
    }
    printf("at %p\n", (void *)page);
    fflush(stdout);
    page[16] = 1;
}

/* A mapping is longer than its file: there is nothing behind the page. */
static NOINLINE void reads_past_the_file(void)
{
    int fd = open("crash.bus", O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || ftruncate(fd, 8192) != 0) {
        could_not("make a file");
    }
    volatile char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (pages == MAP_FAILED || ftruncate(fd, 0) != 0) {
        could_not("map and cut the file");
    }
    zero = pages[4096];
}

static NOINLINE void divides(void)
{
#if defined(__x86_64__)
    zero = 7 / zero;
#else
    raise(SIGFPE); /* there a division by zero is no fault */
    NO_TAIL_CALL();
#endif
}

static NOINLINE void is_illegal(void)
{
#if defined(__x86_64__)
    __asm__ volatile("ud2");
#else
    __builtin_trap();
#endif
    NO_TAIL_CALL();
}

/* ---- the program's own decisions ----------------------------------------------------------------------- */

static NOINLINE void aborts(void)
{
    abort();
}

static NOINLINE void asserts(void)
{
    assert(zero > 2);
    NO_TAIL_CALL();
}

static NOINLINE void panics(void)
{
    rt_panic("room %d is %s", 7, "gone");
}

static NOINLINE void panics_in_two_lines(void)
{
    rt_panic("first\n\nthread 1 [running]:\nfake(...)");
}

/* ---- stacks ---------------------------------------------------------------------------------------------- */

static NOINLINE int runs_over(int depth)
{
    volatile char frame[512];
    frame[depth & 511] = (char)depth;
    return zero ? 0 : runs_over(depth + 1) + frame[0];
}

static NOINLINE void overflows(void)
{
    zero = runs_over(0);
}

static NOINLINE void *overflows_in_thread(void *unused)
{
    overflows();
    NO_TAIL_CALL();
    return unused;
}

/* Return address, and what the callers keep on the stack, as strcpy into a short buffer would leave them. */
static NOINLINE UNPROTECTED void smashes(void)
{
    volatile uintptr_t *frame = __builtin_frame_address(0);
    for (int i = 0; i < 24; i++) {
        frame[i] = 0x414141414141;
    }
    NO_TAIL_CALL();
}

static NOINLINE void fills(volatile char *buffer, int size)
{
    for (int i = 0; i < size; i++) {
        buffer[i] = 'A';
    }
}

/* Compiled with a stack protector: the canary, somewhere in these bytes, is looked at before the return address. */
static NOINLINE void overruns(void)
{
    volatile char buffer[16];
    fills(buffer, 64 + zero);
}

/* ---- within libraries and the runtime -------------------------------------------------------------------- */

#define BLOCKS 4096
static volatile uintptr_t blocks[BLOCKS];

/* What a write to freed memory does: a block's first word is the link to the next free one, and the allocator follows
 * it. */
static NOINLINE void corrupts_free_list(void)
{
    for (int i = 0; i < BLOCKS; i++) {
        blocks[i] = (uintptr_t)malloc(64);
    }
    for (int i = 0; i < BLOCKS; i++) {
        free((void *)blocks[i]);
    }
    for (int i = 0; i < BLOCKS; i++) {
        *(volatile uintptr_t *)blocks[i] = 0x4141414141 + (uintptr_t)i * 64;
    }
    for (int i = 0; i < 4 * BLOCKS; i++) {
        blocks[i % BLOCKS] = (uintptr_t)malloc(64);
    }
}

/* Roots that must stay mapped and do not: the collector reads them with the world stopped. */
static NOINLINE void faults_while_marking(void)
{
    char *page = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) {
        could_not("map roots");
    }
    rt_add_roots(page, page + 65536);
    rt_gc();
    mprotect(page, 65536, PROT_NONE);
    rt_gc();
    NO_TAIL_CALL();
}

#if defined(__x86_64__)
/* Call frame information that lies: the frame's address would be in a page that nobody has, and the return address
 * where there is none. */
__asm__(".text\n"
        ".type lies_about_its_frame, @function\n"
        "lies_about_its_frame:\n"
        ".cfi_startproc\n"
        ".cfi_def_cfa %rbx, 0x1000\n"
        ".cfi_offset %rip, -0x7f8\n"
        "pushq %rbx\n"
        "movq $0x414141411000, %rbx\n"
        "movl 0, %eax\n"
        "popq %rbx\n"
        "ret\n"
        ".cfi_endproc\n"
        ".size lies_about_its_frame, . - lies_about_its_frame\n");
extern void lies_about_its_frame(void);
#else
static NOINLINE void lies_about_its_frame(void)
{
    reads_null();
}
#endif

static NOINLINE void has_wrong_cfi(void)
{
    lies_about_its_frame();
    NO_TAIL_CALL();
}

/* With CDEBUG=memprofilerate=1 nearly all of the time goes into the unwinder: the test's signal comes there. */
static NOINLINE void allocates_forever(void)
{
    ready();
    for (;;) {
        blocks[0] = (uintptr_t)malloc(64);
        free((void *)blocks[0]);
    }
}

static NOINLINE void on_usr1(int signal)
{
    (void)signal;
    reads_null();
    NO_TAIL_CALL();
}

static NOINLINE void faults_in_a_handler(void)
{
    int fd = open("/dev/null", O_WRONLY);
    rt_cpu_profile_start(fd);
    signal(SIGUSR1, on_usr1);
    raise(SIGUSR1);
    NO_TAIL_CALL();
}

/* ---- threads ------------------------------------------------------------------------------------------------ */

static pthread_barrier_t together;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t never = PTHREAD_COND_INITIALIZER;

static NOINLINE void *waits_for_nothing(void *unused)
{
    pthread_mutex_lock(&lock);
    pthread_barrier_wait(&together);
    for (;;) {
        pthread_cond_wait(&never, &lock);
    }
    return unused;
}

static void start_thread_named(const char *name, void *(*fn)(void *))
{
    pthread_t thread;
    if (rt_thread_start(&thread, NULL, name, fn, NULL) != 0) {
        could_not("start a thread");
    }
}

/* It is in its wait, or about to be, when this returns: whoever gets the mutex knows that it waits. */
static void start_bystander(void)
{
    pthread_barrier_init(&together, NULL, 2);
    start_thread_named("bystander", waits_for_nothing);
    pthread_barrier_wait(&together);
    pthread_mutex_lock(&lock);
    pthread_mutex_unlock(&lock);
    pthread_barrier_destroy(&together);
}

static NOINLINE void *fails_in_thread(void *unused)
{
    reads_null();
    NO_TAIL_CALL();
    return unused;
}

static NOINLINE void *fails_with_others(void *unused)
{
    pthread_barrier_wait(&together);
    reads_null();
    NO_TAIL_CALL();
    return unused;
}

/* Not pause, in which ThreadSanitizer keeps signals back. */
static void wait_forever(void)
{
    for (;;) {
        usleep(100000);
    }
}

static NOINLINE void has_a_failing_thread(void)
{
    start_thread_named("green room", fails_in_thread);
    wait_forever();
}

static NOINLINE void overflows_beside(void)
{
    start_thread_named("deep", overflows_in_thread);
    wait_forever();
}

static NOINLINE void fails_eightfold(void)
{
    pthread_barrier_init(&together, NULL, 8);
    for (int i = 0; i < 7; i++) {
        start_thread_named("one of eight", fails_with_others);
    }
    fails_with_others(NULL);
    NO_TAIL_CALL();
}

static NOINLINE void waits_for_the_test(void)
{
    ready();
    wait_forever();
}

/* ---- threads in all states ---------------------------------------------------------------------------------- */

static NOINLINE void *is_in_epoll_wait(void *unused)
{
    struct epoll_event event;
    int fd = epoll_create1(EPOLL_CLOEXEC);
    pthread_barrier_wait(&together);
    while (epoll_wait(fd, &event, 1, -1) < 0) {
    }
    return unused;
}

static NOINLINE void *is_in_a_lock(void *unused)
{
    pthread_barrier_wait(&together);
    pthread_mutex_lock(&held);
    NO_TAIL_CALL();
    return unused;
}

static NOINLINE void *is_running(void *unused)
{
    pthread_barrier_wait(&together);
    for (;;) {
        zero = 0;
    }
    return unused;
}

static NOINLINE void *is_asleep(void *unused)
{
    pthread_barrier_wait(&together);
    for (;;) {
        sleep(3600);
    }
    return unused;
}

static NOINLINE void *is_reading(void *unused)
{
    int fds[2];
    char byte;
    if (pipe(fds) != 0) {
        could_not("make a pipe");
    }
    pthread_barrier_wait(&together);
    while (read(fds[0], &byte, 1) < 0) {
    }
    return unused;
}

/* With the argument it allocates of the managed heap: then, under Boehm, one cycle follows the other. */
static NOINLINE void *is_allocating(void *unused)
{
    bool managed = strcmp(argument, "managed") == 0;
    pthread_barrier_wait(&together);
    for (;;) {
        blocks[1] = (uintptr_t)(managed ? rt_alloc(64) : malloc(64));
        managed ? rt_free((void *)blocks[1]) : free((void *)blocks[1]);
    }
    return unused;
}

static NOINLINE void is_in_many_states(void)
{
    static const struct {
        const char *name;
        void *(*fn)(void *);
    } states[] = {
        {"in epoll", is_in_epoll_wait}, {"in a lock", is_in_a_lock}, {"running", is_running},
        {"asleep", is_asleep},          {"reading", is_reading},     {"allocating", is_allocating},
    };
    size_t n = sizeof(states) / sizeof(*states);
    pthread_barrier_init(&together, NULL, (unsigned)n + 1);
    pthread_mutex_lock(&held);
    for (size_t i = 0; i < n; i++) {
        start_thread_named(states[i].name, states[i].fn);
    }
    pthread_barrier_wait(&together);
    waits_for_the_test();
    NO_TAIL_CALL();
}

/* ---- processes and handlers ---------------------------------------------------------------------------------- */

static NOINLINE void forks_and_fails(void)
{
    int status;
    pid_t child = fork();
    if (child == 0) {
        reads_null();
    }
    if (child < 0 || waitpid(child, &status, 0) != child) {
        could_not("fork");
    }
    printf("the child %s %d\n", WIFEXITED(status) ? "exited with" : "died of",
           WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
    exit(0);
}

static void on_segv(int signal)
{
    static const char words[] = "the program's own handler\n";
    (void)signal;
    _exit(write(STDERR_FILENO, words, sizeof(words) - 1) > 0 ? 7 : 8);
}

static NOINLINE void has_a_handler(void)
{
    signal(SIGSEGV, on_segv);
    reads_null();
    NO_TAIL_CALL();
}

static NOINLINE void sets_the_level(void)
{
    if (rt_set_traceback("nonsense") != -EINVAL || rt_set_traceback(argument) != 0) {
        could_not("set the level");
    }
    reads_null();
    NO_TAIL_CALL();
}

/* ---- */

static const struct {
    const char *name;
    void (*die)(void);
} ways[] = {
    {"null", reads_null},
    {"wild", reads_wild},
    {"readonly", writes_to_read_only},
    {"bus", reads_past_the_file},
    {"divide", divides},
    {"illegal", is_illegal},
    {"abort", aborts},
    {"assert", asserts},
    {"panic", panics},
    {"panic-lines", panics_in_two_lines},
    {"overflow", overflows},
    {"overflow-thread", overflows_beside},
    {"smashed", smashes},
    {"protector", overruns},
    {"malloc", corrupts_free_list},
    {"collector", faults_while_marking},
    {"cfi", has_wrong_cfi},
    {"unwinding", allocates_forever},
    {"in-handler", faults_in_a_handler},
    {"thread", has_a_failing_thread},
    {"eight", fails_eightfold},
    {"wait", waits_for_the_test},
    {"states", is_in_many_states},
    {"fork", forks_and_fails},
    {"handler", has_a_handler},
    {"level", sets_the_level},
};

static NOINLINE void outer(void (*die)(void))
{
    die();
    NO_TAIL_CALL();
}

int main(int argc, char **argv)
{
    for (size_t i = 0; argc > 1 && i < sizeof(ways) / sizeof(*ways); i++) {
        if (strcmp(argv[1], ways[i].name) == 0) {
            argument = argc > 2 ? argv[2] : "";
            start_bystander();
            outer(ways[i].die);
            puts("survived");
            return 0;
        }
    }
    fprintf(stderr, "usage: crash WAY [ARGUMENT]\n");
    return 64;
}
