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
#include "runtime/symbols/symbols.h"

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

static void a_library_that_was_replaced_is_not_looked_up_in_its_successor(void **state)
{
    (void)state;
    Dl_info libz, libelf;
    char folder[] = "/tmp/symbols.XXXXXX", file[64], other[64];
    assert_true(dladdr((void *)address_of("libz.so.1", "inflate"), &libz));
    assert_true(dladdr((void *)address_of("libelf.so.1", "elf_begin"), &libelf));
    assert_non_null(mkdtemp(folder));
    snprintf(file, sizeof file, "%s/libcopy.so", folder);
    snprintf(other, sizeof other, "%s/other.so", folder);
    copy_file(libz.dli_fname, file);
    void *handle = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    assert_non_null(handle);
    uintptr_t inflate = (uintptr_t)dlsym(handle, "inflate");
    assert_name(inflate, "inflate");
    assert_int_equal(unlink(file), 0);
    assert_name(inflate, "libcopy+0x");
    copy_file(libelf.dli_fname, other);
    assert_int_equal(rename(other, file), 0);
    assert_all_names(inflate, "libcopy+0x");
    /* The same library again is as good as the one that was deleted. */
    copy_file(libz.dli_fname, other);
    assert_int_equal(rename(other, file), 0);
    assert_name(inflate, "inflate");
    dlclose(handle);
    assert_int_equal(unlink(file), 0);
    assert_int_equal(rmdir(folder), 0);
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
        cmocka_unit_test(a_session_leaves_nothing_behind),
        cmocka_unit_test(a_session_waits_for_the_one_of_another_thread_to_be_closed),
        cmocka_unit_test(a_forked_child_can_open_one_while_its_parent_has_one_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
