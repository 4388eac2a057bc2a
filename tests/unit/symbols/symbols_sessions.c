/* symbols_sessions.c - sessions one after another, beside each other, and when files have changed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "runtime/cruntime.h"
#include "runtime/os/os.h"
#include "runtime/symbols/symbols_parts.h"

#define MANY 16

static uintptr_t address_of(const char *library, const char *name)
{
    void *handle = dlopen(library, RTLD_NOW);
    assert_non_null(handle);
    void *address = dlsym(handle, name);
    assert_non_null(address);
    dlclose(handle);
    return (uintptr_t)address;
}

static struct rt__symbol find_one(struct rt__symbols *s, uintptr_t pc)
{
    struct rt__symbol found[MANY];
    size_t n = rt__symbols_find(s, pc, found, MANY);
    assert_in_range(n, 1, MANY);
    return found[n - 1];
}

/* ---- files that are not there, or not these ---- */

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

static void assert_name(uintptr_t pc, const char *begins_with)
{
    struct rt__symbols *s = rt__symbols_open();
    assert_non_null(s);
    assert_memory_equal(find_one(s, pc).name, begins_with, strlen(begins_with));
    rt__symbols_close(s);
}

/* All of the object's code, so that some of them lie in functions of whatever else is looked at. */
static void assert_all_names(uintptr_t pc, const char *begins_with)
{
    size_t n;
    struct rt__symbols *s = rt__symbols_open();
    assert_non_null(s);
    const struct rt__mapping *m = rt__symbols_mappings(s, &n);
    while (n > 0 && (pc < m->start || pc >= m->limit)) {
        m++, n--;
    }
    assert_true(n > 0);
    for (pc = m->start; pc < m->limit; pc += 64) {
        assert_memory_equal(find_one(s, pc).name, begins_with, strlen(begins_with));
    }
    rt__symbols_close(s);
}

/* A copy of a library, in a folder of its own, loaded. */
struct copy {
    char folder[32], file[64], other[64];
    void *handle;
};

static void load_copy(struct copy *c, const char *library)
{
    strcpy(c->folder, "/tmp/symbols.XXXXXX");
    assert_non_null(mkdtemp(c->folder));
    snprintf(c->file, sizeof c->file, "%s/libcopy.so", c->folder);
    snprintf(c->other, sizeof c->other, "%s/other.so", c->folder);
    copy_file(library, c->file);
    c->handle = dlopen(c->file, RTLD_NOW | RTLD_LOCAL);
    assert_non_null(c->handle);
}

static void unload_copy(struct copy *c)
{
    dlclose(c->handle);
    assert_int_equal(unlink(c->file), 0);
    assert_int_equal(rmdir(c->folder), 0);
}

/* In one step, so that there is no moment without it. */
static void replace_copy(struct copy *c, const char *library)
{
    copy_file(library, c->other);
    assert_int_equal(rename(c->other, c->file), 0);
}

static const char *file_of(const char *library, const char *name)
{
    static Dl_info info;
    assert_true(dladdr((void *)address_of(library, name), &info));
    return info.dli_fname;
}

static void a_library_that_was_replaced_is_not_looked_up_in_its_successor(void **state)
{
    (void)state;
    struct copy c;
    load_copy(&c, file_of("libz.so.1", "inflate"));
    uintptr_t inflate = (uintptr_t)dlsym(c.handle, "inflate");
    assert_int_equal(unlink(c.file), 0);
    assert_name(inflate, "libcopy+0x");
    replace_copy(&c, file_of("libelf.so.1", "elf_begin"));
    assert_all_names(inflate, "libcopy+0x");
    /* The same library again is as good as the one that was deleted. */
    replace_copy(&c, file_of("libz.so.1", "inflate"));
    assert_name(inflate, "inflate");
    unload_copy(&c);
}

static void no_server_is_asked_for_debug_information(void **state)
{
    (void)state;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    char url[64];
    int server = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(server, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(server, 8), 0);
    assert_int_equal(getsockname(server, (struct sockaddr *)&address, &len), 0);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", ntohs(address.sin_port));
    setenv("DEBUGINFOD_URLS", url, 1);
    setenv("DEBUGINFOD_TIMEOUT", "1", 1);
    assert_name(address_of("libz.so.1", "inflate"), "inflate");
    unsetenv("DEBUGINFOD_URLS");
    assert_int_equal(accept(server, NULL, NULL), -1);
    assert_int_equal(errno, EAGAIN);
    close(server);
}

/* ---- one after another ---- */

static size_t open_files(void)
{
    size_t n = 0;
    DIR *folder = opendir("/proc/self/fd");
    assert_non_null(folder);
    while (readdir(folder) != NULL) {
        n++;
    }
    closedir(folder);
    return n;
}

static uint64_t heap_bytes(void)
{
    struct rt_memstats stats;
    rt_read_memstats(&stats);
    return stats.HeapAlloc;
}

static void use_a_session(void)
{
    assert_name((uintptr_t)rt_alloc, "rt_alloc");
    struct rt__symbols *s = rt__symbols_open();
    assert_non_null(s);
    for (uintptr_t pc = (uintptr_t)rt_alloc; pc < (uintptr_t)rt_alloc + 1000; pc++) {
        find_one(s, pc);
    }
    find_one(s, address_of("libz.so.1", "inflate"));
    find_one(s, 1);
    rt__symbols_close(s);
}

static void a_session_leaves_nothing_behind(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++) {
        use_a_session();
    }
    size_t files = open_files();
    uint64_t bytes = heap_bytes(), resident = rt__os_rss();
    for (int i = 0; i < 200; i++) {
        use_a_session();
    }
    assert_int_equal(open_files(), files);
    /* A session that was not freed would be some 100 KiB, a file that stays mapped more than a megabyte. */
#ifndef RT_SANITIZE
    assert_in_range(heap_bytes(), 0, bytes + (64 << 10));
    assert_in_range(rt__os_rss(), 0, resident + (16 << 20));
#else
    (void)bytes, (void)resident;
#endif
}

static void what_one_session_found_the_next_one_knows_without_a_file(void **state)
{
    (void)state;
    struct rt__symbol first, second;
    uintptr_t known = (uintptr_t)what_one_session_found_the_next_one_knows_without_a_file + 1;
    struct rt__symbols *s = rt__symbols_open();
    first = find_one(s, known);
    uintptr_t start = rt__symbols_function_start(s, known);
    assert_non_null(s->dwfl);
    rt__symbols_close(s);
    s = rt__symbols_open();
    second = find_one(s, known);
    assert_int_equal(rt__symbols_function_start(s, known), start);
    assert_int_equal(start, known - 1);
    assert_null(s->dwfl);
    assert_string_equal(second.name, "what_one_session_found_the_next_one_knows_without_a_file");
    assert_string_equal(second.file + strlen(second.file) - 18, "symbols_sessions.c");
    assert_int_equal(second.line, first.line);
    assert_int_equal(second.start_line, first.start_line);
    assert_int_equal(second.is_runtime, first.is_runtime);
    find_one(s, known + 1);
    assert_non_null(s->dwfl);
    rt__symbols_close(s);
}

static void what_was_found_stays_true_when_the_file_is_gone(void **state)
{
    (void)state;
    struct copy c;
    load_copy(&c, file_of("libz.so.1", "inflate"));
    uintptr_t inflate = (uintptr_t)dlsym(c.handle, "inflate"), deflate = (uintptr_t)dlsym(c.handle, "deflate");
    assert_name(inflate, "inflate");
    replace_copy(&c, file_of("libelf.so.1", "elf_begin"));
    assert_name(inflate, "inflate");
    assert_name(deflate, "libcopy+0x");
    unload_copy(&c);
}

/* At the place of the one that was unloaded, as likely as not. */
static void where_a_library_was_unloaded_another_ones_names_are_found(void **state)
{
    (void)state;
    struct copy c;
    load_copy(&c, file_of("libz.so.1", "inflate"));
    uintptr_t inflate = (uintptr_t)dlsym(c.handle, "inflate");
    assert_name(inflate, "inflate");
    unload_copy(&c);
    char number[32];
    snprintf(number, sizeof number, "0x%lx", (unsigned long)inflate);
    assert_name(inflate, number);
    load_copy(&c, file_of("libelf.so.1", "elf_begin"));
    struct rt__symbols *s = rt__symbols_open();
    assert_string_not_equal(find_one(s, inflate).name, "inflate");
    rt__symbols_close(s);
    unload_copy(&c);
}

static void answers_that_have_become_many_are_let_go(void **state)
{
    (void)state;
    struct rt__symbols *s = rt__symbols_open();
    size_t n;
    uintptr_t pc = 0;
    const struct rt__mapping *m = rt__symbols_mappings(s, &n);
    while (rt__answers_bytes(&s->answers) <= RT__ANSWERS_BYTES && n > 0) {
        for (n--, pc = m[n].start; pc < m[n].limit && rt__answers_bytes(&s->answers) <= RT__ANSWERS_BYTES; pc++) {
            find_one(s, pc);
        }
    }
    assert_true(rt__answers_bytes(&s->answers) > RT__ANSWERS_BYTES);
    rt__symbols_close(s);
    s = rt__symbols_open();
    assert_int_equal(s->answers.count, 0);
    find_one(s, pc);
    assert_int_equal(s->answers.count, 1);
    rt__symbols_close(s);
    s = rt__symbols_open();
    assert_int_equal(s->answers.count, 1);
    rt__symbols_close(s);
}

/* ---- beside each other ---- */

static bool is_closing;

static void *open_and_close(void *seen_closing)
{
    struct rt__symbols *s = rt__symbols_open();
    *(bool *)seen_closing = s != NULL && __atomic_load_n(&is_closing, __ATOMIC_SEQ_CST);
    rt__symbols_close(s);
    return NULL;
}

static void a_session_waits_for_the_one_of_another_thread_to_be_closed(void **state)
{
    (void)state;
    pthread_t thread;
    bool seen_closing = false;
    struct rt__symbols *s = rt__symbols_open();
    assert_int_equal(pthread_create(&thread, NULL, open_and_close, &seen_closing), 0);
    for (uintptr_t pc = (uintptr_t)rt_alloc; pc < (uintptr_t)rt_alloc + 5000; pc++) {
        find_one(s, pc);
    }
    __atomic_store_n(&is_closing, true, __ATOMIC_SEQ_CST);
    rt__symbols_close(s);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(seen_closing);
}

static void a_forked_child_can_open_one_while_its_parent_has_one_open(void **state)
{
    (void)state;
    int status;
    struct rt__symbols *s = rt__symbols_open();
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        alarm(60); /* rather than hang */
        struct rt__symbols *own = rt__symbols_open();
        struct rt__symbol found[MANY];
        size_t n = own != NULL ? rt__symbols_find(own, (uintptr_t)rt_alloc, found, MANY) : 0;
        _exit(n == 1 && strcmp(found[0].name, "rt_alloc") == 0 ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    rt__symbols_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_library_that_was_replaced_is_not_looked_up_in_its_successor),
        cmocka_unit_test(no_server_is_asked_for_debug_information),
        cmocka_unit_test(what_one_session_found_the_next_one_knows_without_a_file),
        cmocka_unit_test(what_was_found_stays_true_when_the_file_is_gone),
        cmocka_unit_test(where_a_library_was_unloaded_another_ones_names_are_found),
        cmocka_unit_test(answers_that_have_become_many_are_let_go),
        cmocka_unit_test(a_session_leaves_nothing_behind),
        cmocka_unit_test(a_session_waits_for_the_one_of_another_thread_to_be_closed),
        cmocka_unit_test(a_forked_child_can_open_one_while_its_parent_has_one_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
