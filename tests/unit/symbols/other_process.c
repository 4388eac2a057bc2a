/* other_process.c - names in another process: one that is a copy of this, and one that was started anew. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "runtime/cruntime.h"
#include "runtime/symbols/symbols.h"

#define MANY 16
#define ANEW "other_process_anew"

static uintptr_t address_of(const char *library, const char *name)
{
    void *handle = dlopen(library, RTLD_NOW);
    assert_non_null(handle);
    void *address = dlsym(handle, name);
    assert_non_null(address);
    dlclose(handle);
    return (uintptr_t)address;
}

static __attribute__((noinline)) int plain(int a)
{
    return a * 3 + 1;
}

static inline __attribute__((always_inline)) int inner(int a)
{
    return plain(a) + a;
}

static __attribute__((noinline)) int outer(int a)
{
    return inner(a) * 5;
}

/* ---- processes ---- */

/* A copy that does nothing until it is killed. */
static pid_t start_copy(void)
{
    pid_t copy = fork();
    assert_true(copy >= 0);
    if (copy == 0) {
        alarm(300); /* rather than stay behind */
        for (;;) {
            pause();
        }
    }
    return copy;
}

static void end(pid_t pid)
{
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* What the process that was started anew says of itself. */
struct addresses {
    uintptr_t plain, runtime, inflate;
};

static int live_anew(void)
{
    struct addresses a = {(uintptr_t)plain, (uintptr_t)rt_alloc, address_of("libz.so.1", "inflate")};
    alarm(300);
    if (write(1, &a, sizeof a) != sizeof a) {
        return 1;
    }
    for (;;) {
        pause();
    }
}

static pid_t start_anew(const char *file, struct addresses *a)
{
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        dup2(ends[1], 1);
        execl(file, ANEW, (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    assert_int_equal(read(ends[0], a, sizeof *a), sizeof *a);
    close(ends[0]);
    return pid;
}

/* ---- answers ---- */

static struct rt__symbol find_one(struct rt__symbols *s, uintptr_t pc)
{
    struct rt__symbol found[MANY];
    size_t n = rt__symbols_find(s, pc, found, MANY);
    assert_in_range(n, 1, MANY);
    return found[n - 1];
}

/* The answers of one session, kept beyond it. */
struct answer {
    uintptr_t pc, start;
    size_t count;
    struct rt__symbol at[MANY];
};

#define ANSWERS 4000

static char *copied(const char *text)
{
    char *copy = text != NULL ? strdup(text) : NULL;
    assert_true(text == NULL || copy != NULL);
    return copy;
}

/* Of the code at each of some places: all of it lies within what is mapped. */
static size_t take_answers(struct rt__symbols *s, const uintptr_t *places, size_t n, struct answer *answers)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        for (uintptr_t pc = places[i]; pc < places[i] + 1000 && count < ANSWERS; pc += 3) {
            struct answer *a = &answers[count++];
            a->pc = pc;
            a->start = rt__symbols_function_start(s, pc);
            a->count = rt__symbols_find(s, pc, a->at, MANY);
            for (size_t j = 0; j < a->count; j++) {
                a->at[j].name = copied(a->at[j].name);
                a->at[j].file = copied(a->at[j].file);
            }
        }
    }
    return count;
}

static void assert_text(const char *a, const char *b)
{
    assert_int_equal(a == NULL, b == NULL);
    if (a != NULL) {
        assert_string_equal(a, b);
    }
}

static void compare_and_free(struct answer *a, struct answer *b)
{
    assert_int_equal(a->pc, b->pc);
    assert_int_equal(a->start, b->start);
    assert_int_equal(a->count, b->count);
    for (size_t i = 0; i < a->count; i++) {
        assert_text(a->at[i].name, b->at[i].name);
        assert_text(a->at[i].file, b->at[i].file);
        assert_int_equal(a->at[i].line, b->at[i].line);
        assert_int_equal(a->at[i].start_line, b->at[i].start_line);
        assert_int_equal(a->at[i].is_runtime, b->at[i].is_runtime);
        free((char *)a->at[i].name), free((char *)b->at[i].name);
        free((char *)a->at[i].file), free((char *)b->at[i].file);
    }
}

static void a_copy_of_this_process_is_named_as_this_one_is(void **state)
{
    (void)state;
    static struct answer here[ANSWERS], there[ANSWERS];
    uintptr_t inflate = address_of("libz.so.1", "inflate"), compare = address_of("libc.so.6", "qsort");
    /* Before inflate are static functions, which have no name in a library that was stripped. */
    const uintptr_t places[] = {(uintptr_t)outer,
                                (uintptr_t)rt_alloc,
                                (uintptr_t)rt__symbols_open,
                                inflate - 2000,
                                inflate,
                                compare - 1500,
                                compare,
                                getauxval(AT_SYSINFO_EHDR) + 0x400,
                                1000};
    size_t n = sizeof places / sizeof places[0];
    assert_true(outer(3) > plain(1));
    struct rt__symbols *s = rt__symbols_open();
    assert_non_null(s);
    size_t count = take_answers(s, places, n, here);
    rt__symbols_close(s);

    pid_t copy = start_copy();
    s = rt__symbols_open_of(copy);
    assert_non_null(s);
    assert_int_equal(take_answers(s, places, n, there), count);
    rt__symbols_close(s);
    end(copy);
    for (size_t i = 0; i < count; i++) {
        compare_and_free(&here[i], &there[i]);
    }
}

static void its_mappings_are_those_of_its_copy(void **state)
{
    (void)state;
    struct {
        uint64_t start, limit, offset;
        char *file, *build_id;
    } own[512];
    size_t n, m;
    struct rt__symbols *s = rt__symbols_open();
    const struct rt__mapping *here = rt__symbols_mappings(s, &n);
    assert_in_range(n, 4, 512);
    for (size_t i = 0; i < n; i++) {
        own[i].start = here[i].start, own[i].limit = here[i].limit, own[i].offset = here[i].offset;
        own[i].file = copied(here[i].file), own[i].build_id = copied(here[i].build_id);
    }
    rt__symbols_close(s);

    pid_t copy = start_copy();
    s = rt__symbols_open_of(copy);
    assert_non_null(s);
    const struct rt__mapping *there = rt__symbols_mappings(s, &m);
    assert_int_equal(m, n);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(there[i].start, own[i].start);
        assert_int_equal(there[i].limit, own[i].limit);
        assert_int_equal(there[i].offset, own[i].offset);
        assert_string_equal(there[i].file, own[i].file);
        assert_string_equal(there[i].build_id, own[i].build_id);
        free(own[i].file), free(own[i].build_id);
    }
    rt__symbols_close(s);
    end(copy);
}

static void assert_named(const struct addresses *a, pid_t pid)
{
    struct rt__symbols *s = rt__symbols_open_of(pid);
    assert_non_null(s);
    struct rt__symbol program = find_one(s, a->plain), runtime = find_one(s, a->runtime);
    assert_string_equal(program.name, "plain");
    assert_false(program.is_runtime);
    assert_int_equal(rt__symbols_function_start(s, a->plain + 1), a->plain);
    assert_string_equal(runtime.name, "rt_alloc");
    assert_true(runtime.is_runtime);
    assert_string_equal(find_one(s, a->inflate).name, "inflate");
    rt__symbols_close(s);
}

static void a_process_that_lies_elsewhere_in_memory_is_named(void **state)
{
    (void)state;
    struct addresses a;
    pid_t pid = start_anew("/proc/self/exe", &a);
    assert_named(&a, pid);
    end(pid);
}

/* ---- files that are gone ---- */

static void copy_file(const char *from, const char *to)
{
    char bytes[4096];
    size_t n;
    FILE *in = fopen(from, "re"), *out = fopen(to, "we");
    assert_true(in != NULL && out != NULL);
    while ((n = fread(bytes, 1, sizeof bytes, in)) > 0) {
        assert_int_equal(fwrite(bytes, 1, n, out), n);
    }
    fclose(in);
    assert_int_equal(fclose(out), 0);
}

static void a_program_whose_file_was_deleted_is_named(void **state)
{
    (void)state;
    char folder[] = "/tmp/symbols.XXXXXX", file[64];
    struct addresses a;
    assert_non_null(mkdtemp(folder));
    snprintf(file, sizeof file, "%s/program", folder);
    copy_file("/proc/self/exe", file);
    assert_int_equal(chmod(file, 0700), 0);
    pid_t pid = start_anew(file, &a);
    assert_int_equal(unlink(file), 0);
    assert_named(&a, pid);
    /* Whatever has its name now. */
    copy_file("/bin/true", file);
    assert_named(&a, pid);
    end(pid);
    assert_int_equal(unlink(file), 0);
    assert_int_equal(rmdir(folder), 0);
}

static void a_library_that_was_deleted_is_named_by_its_offsets(void **state)
{
    (void)state;
    Dl_info libz;
    char folder[] = "/tmp/symbols.XXXXXX", file[64], expected[64];
    assert_true(dladdr((void *)address_of("libz.so.1", "inflate"), &libz));
    assert_non_null(mkdtemp(folder));
    snprintf(file, sizeof file, "%s/libcopy.so.1", folder);
    copy_file(libz.dli_fname, file);
    void *handle = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    assert_non_null(handle);
    uintptr_t inflate = (uintptr_t)dlsym(handle, "inflate");
    pid_t copy = start_copy();
    struct rt__symbols *s = rt__symbols_open_of(copy);
    assert_string_equal(find_one(s, inflate).name, "inflate");
    rt__symbols_close(s);
    assert_int_equal(unlink(file), 0);
    copy_file("/bin/true", file);
    s = rt__symbols_open_of(copy);
    assert_true(dladdr((void *)inflate, &libz));
    snprintf(expected, sizeof expected, "libcopy+0x%zx", (size_t)(inflate - (uintptr_t)libz.dli_fbase));
    assert_string_equal(find_one(s, inflate).name, expected);
    rt__symbols_close(s);
    end(copy);
    dlclose(handle);
    assert_int_equal(unlink(file), 0);
    assert_int_equal(rmdir(folder), 0);
}

static void a_process_that_is_not_there_has_no_session(void **state)
{
    (void)state;
    pid_t gone = start_copy();
    end(gone);
    assert_null(rt__symbols_open_of(gone));
    assert_null(rt__symbols_open_of(0));
    assert_null(rt__symbols_open_of(-1));
    /* A session can be opened after that. */
    struct rt__symbols *s = rt__symbols_open();
    assert_string_equal(find_one(s, (uintptr_t)plain).name, "plain");
    rt__symbols_close(s);
}

int main(int argc, char **argv)
{
    (void)argc;
    if (strcmp(argv[0], ANEW) == 0) {
        return live_anew();
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_copy_of_this_process_is_named_as_this_one_is),
        cmocka_unit_test(its_mappings_are_those_of_its_copy),
        cmocka_unit_test(a_process_that_lies_elsewhere_in_memory_is_named),
        cmocka_unit_test(a_program_whose_file_was_deleted_is_named),
        cmocka_unit_test(a_library_that_was_deleted_is_named_by_its_offsets),
        cmocka_unit_test(a_process_that_is_not_there_has_no_session),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
