/* names.c - processes that die in the midst of things, and what is written of their stacks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dlfcn.h>
#include <link.h>
#include <poll.h>
#include <pthread.h>

#include "runtime/symbols/symbols.h"
#include "tests/unit/crash/dying.h"

#define OWN_FILE "/tests/unit/crash/dying.h"

static int compare(const void *a, const void *b)
{
    return outer(*(const int *)a) - *(const int *)b;
}

static void crash_below_libc(void)
{
    int numbers[] = {3, 1, 2};
    qsort(numbers, 3, sizeof(*numbers), compare);
}

/* ---- what is written ---- */

struct frame {
    char function[256], file[512];
    unsigned line;
    unsigned long offset;
};

/* The next two lines, which must be a frame. */
static struct frame next_frame(const char **text)
{
    struct frame f = {.line = 0};
    int used = 0;
    assert_int_equal(
        sscanf(*text, "%255[^(\n](...)\n\t%511[^:\n]:%u +0x%lx\n%n", f.function, f.file, &f.line, &f.offset, &used), 4);
    assert_true(used > 0);
    *text += used;
    return f;
}

static void assert_frame(struct frame f, const char *function, int line)
{
    size_t len = strlen(f.file), tail = strlen(OWN_FILE);
    assert_string_equal(f.function, function);
    assert_true(len > tail && f.file[0] == '/');
    assert_string_equal(f.file + len - tail, OWN_FILE);
    assert_int_equal(f.line, line);
}

/* Whoever builds without -g has no files and lines to look for. */
static void need_debug_information(void)
{
    struct rt__symbol found;
    struct rt__symbols *s = rt__symbols_open();
    assert_non_null(s);
    assert_int_equal(rt__symbols_find(s, (uintptr_t)crash, &found, 1), 1);
    bool known = found.file != NULL;
    rt__symbols_close(s);
    if (!known) {
        skip();
    }
}

/* ---- names ---- */

static void a_frame_has_function_file_line_and_offset_and_what_is_inlined_comes_first(void **state)
{
    (void)state;
    need_debug_information();
    with_system = false;
    const char *text = death_of(crash);
    struct frame f[4];
    for (int i = 0; i < 4; i++) {
        f[i] = next_frame(&text);
    }
    assert_frame(f[0], "culprit", CULPRIT_LINE);
    assert_frame(f[1], "inlined", INLINED_LINE);
    assert_frame(f[2], "outer", OUTER_LINE);
    assert_frame(f[3], "crash", CRASH_LINE);
    assert_int_equal(f[1].offset, f[2].offset);
    assert_true(f[0].offset > 0 && f[0].offset < 200);
    assert_true(f[2].offset > 0 && f[2].offset < 200);
}

static void libraries_and_the_runtime_are_shown_only_when_asked_for(void **state)
{
    (void)state;
    with_system = false;
    const char *text = death_of(crash_below_libc);
    assert_named(text);
    assert_non_null(strstr(text, "\ncompare(...)\n"));
    assert_null(strstr(text, "qsort"));
    assert_null(strstr(text, "cmocka"));
    assert_null(strstr(text, "__libc_start"));
    assert_null(strstr(text, "_start(...)"));
    with_system = true;
    text = death_of(crash_below_libc);
    assert_named(text);
    assert_non_null(strstr(text, "qsort_r(...)\n\t"));
    assert_non_null(strstr(text, "/libcmocka.so.0"));
    assert_non_null(strstr(text, "\n__libc_start"));
    assert_non_null(strstr(text, "\n_start(...)\n"));
}

static uintptr_t asked[4];
static uint32_t asked_depth;

static void ask_for_them(void)
{
    rt__crash_write_frames(OUT, asked, asked_depth, with_system);
    rt__crash_names_end();
    leave(CLEAN);
}

static void a_stack_of_libraries_alone_is_shown_whole(void **state)
{
    (void)state;
    void *libz = dlopen("libz.so.1", RTLD_NOW);
    assert_non_null(libz);
    asked[0] = (uintptr_t)dlsym(libz, "inflate") + 1;
    asked[1] = 0x10;
    asked_depth = 2;
    with_system = false;
    const char *text = death_of(ask_for_them), *file = "inflate(...)\n\t/";
    assert_int_equal(strncmp(text, file, strlen(file)), 0);
    assert_non_null(strstr(text, "/libz.so.1"));
    assert_non_null(strstr(text, " +0x1\n0x10(...)\n\t?:0 +0x0\n"));
    dlclose(libz);
}

/* ---- in the midst of things ---- */

static int in_the_linker(struct dl_phdr_info *info, size_t size, void *held)
{
    (void)info, (void)size;
    __atomic_store_n((bool *)held, true, __ATOMIC_RELEASE);
    while (pause() == -1) {
    }
    return 0;
}

static void *hold_locks(void *held)
{
    rt__symbols_open();
    flockfile(stdout);
    flockfile(stderr);
    dl_iterate_phdr(in_the_linker, held);
    return NULL;
}

static void crash_while_another_thread_holds_locks(void)
{
    bool held = false;
    pthread_t thread;
    pthread_create(&thread, NULL, hold_locks, &held);
    while (!__atomic_load_n(&held, __ATOMIC_ACQUIRE)) {
        poll(NULL, 0, 1);
    }
    crash();
}

static void locks_that_another_thread_holds_do_not_matter(void **state)
{
    (void)state;
    with_system = false;
    assert_named(death_of(crash_while_another_thread_holds_locks));
}

static void *volatile block;

static __attribute__((noinline)) void allocate_for_ever(void)
{
    for (size_t size = 16;; size = size * 7 % 300000 + 1) {
        block = malloc(size);
        free(block);
    }
}

static void *die_allocating(void *ready)
{
    __atomic_add_fetch((int *)ready, 1, __ATOMIC_RELEASE);
    allocate_for_ever();
    return NULL;
}

static void crash_while_allocating(void)
{
    static int ready;
    pthread_t threads[2];
    for (int i = 0; i < 2; i++) {
        pthread_create(&threads[i], NULL, die_allocating, &ready);
    }
    while (__atomic_load_n(&ready, __ATOMIC_ACQUIRE) < 2) {
        poll(NULL, 0, 1);
    }
    stack_t none = {.ss_flags = SS_DISABLE};
    sigaltstack(&none, NULL); /* the threads have none */
    pthread_kill(threads[0], SIGUSR1);
    for (;;) {
        pause();
    }
}

static void a_thread_that_was_within_malloc_is_named(void **state)
{
    (void)state;
#ifdef __SANITIZE_THREAD__
    skip(); /* in a forked process its allocator gives one block to two threads */
#endif
    with_system = false;
    for (int i = 0; i < 5; i++) {
        const char *text = death_of(crash_while_allocating);
        assert_non_null(strstr(text, "allocate_for_ever(...)\n"));
        assert_non_null(strstr(text, "\ndie_allocating(...)\n"));
        assert_null(strstr(text, "start_thread"));
    }
}

static void crash_without_standard_files(void)
{
    close(0), close(1), close(2);
    files_at_start = open_files();
    crash();
}

static void a_process_without_standard_files_is_named(void **state)
{
    (void)state;
    with_system = false;
    assert_named(death_of(crash_without_standard_files));
}

static void crash_ignoring_children(void)
{
    signal(SIGCHLD, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    crash();
}

static void a_process_that_ignores_its_children_is_named(void **state)
{
    (void)state;
    with_system = false;
    assert_named(death_of(crash_ignoring_children));
}

int main(void)
{
    rt__crash_names_start();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_frame_has_function_file_line_and_offset_and_what_is_inlined_comes_first),
        cmocka_unit_test(libraries_and_the_runtime_are_shown_only_when_asked_for),
        cmocka_unit_test(a_stack_of_libraries_alone_is_shown_whole),
        cmocka_unit_test(locks_that_another_thread_holds_do_not_matter),
        cmocka_unit_test(a_thread_that_was_within_malloc_is_named),
        cmocka_unit_test(a_process_without_standard_files_is_named),
        cmocka_unit_test(a_process_that_ignores_its_children_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
