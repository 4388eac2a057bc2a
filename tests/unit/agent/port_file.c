/* port_file.c - where it is, what stands in it, and whose files are taken away. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "runtime/agent/port_file.h"

/* ---- the folder ------------------------------------------------------------------------------------- */

static const char *get_from(const char *name, void *arg)
{
    for (const char *const *pair = arg; pair[0]; pair += 2) {
        if (strcmp(name, pair[0]) == 0) {
            return pair[1];
        }
    }
    return NULL;
}

static void assert_folder(const char *config_dir, const char *const *environment, const char *wanted)
{
    char folder[64] = "untouched";
    assert_int_equal(rt__port_file_folder(config_dir, get_from, (void *)environment, folder, sizeof(folder)), 0);
    assert_string_equal(folder, wanted);
}

static void the_folder_is_found_as_gops_finds_it(void **state)
{
    const char *const all[] = {"GOPS_CONFIG_DIR", "/g", "XDG_CONFIG_HOME", "/x", "HOME", "/h", NULL};
    const char *const xdg[] = {"GOPS_CONFIG_DIR", "", "XDG_CONFIG_HOME", "/x", "HOME", "/h", NULL};
    const char *const home[] = {"XDG_CONFIG_HOME", "", "HOME", "/h", NULL};
    (void)state;
    assert_folder("/told", all, "/told");
    assert_folder("", all, "/g");
    assert_folder(NULL, all, "/g");
    assert_folder(NULL, xdg, "/x/gops");
    assert_folder(NULL, home, "/h/.config/gops");
}

static void without_any_of_them_there_is_no_folder(void **state)
{
    const char *const none[] = {"HOME", "", NULL};
    const char *const home[] = {"HOME", "/home/somebody", NULL};
    char folder[29]; /* /home/somebody/.config/gops has 27 bytes and its NUL */
    (void)state;
    assert_int_equal(rt__port_file_folder(NULL, get_from, (void *)none, folder, sizeof(folder)), -ENOENT);
    assert_int_equal(rt__port_file_folder(NULL, get_from, (void *)home, folder, 28), 0);
    assert_int_equal(rt__port_file_folder(NULL, get_from, (void *)home, folder, 27), -ENAMETOOLONG);
}

static void a_name_is_a_pid_when_it_is_one_in_plain_digits(void **state)
{
    static const char *const others[] = {"",   "0",      "012", "-1",         "+1",
                                         "1 ", "12.new", "abc", "2147483648", "99999999999999999999"};
    (void)state;
    assert_int_equal(rt__port_file_pid("1"), 1);
    assert_int_equal(rt__port_file_pid("4194304"), 4194304);
    assert_int_equal(rt__port_file_pid("2147483647"), 2147483647);
    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
        assert_int_equal(rt__port_file_pid(others[i]), 0);
    }
}

/* ---- files -------------------------------------------------------------------------------------------- */

static char base[64], folder[128];

static int make_base(void **state)
{
    (void)state;
    strcpy(base, "/tmp/cruntime-port.XXXXXX");
    assert_non_null(mkdtemp(base));
    snprintf(folder, sizeof(folder), "%s/a/b/gops", base);
    return 0;
}

static int remove_base(void **state)
{
    char command[100];
    (void)state;
    snprintf(command, sizeof(command), "rm -rf '%s'", base);
    return system(command);
}

static const char *path_of(const char *name)
{
    static char path[200];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

static const char *path_of_pid(int pid)
{
    char name[16];
    snprintf(name, sizeof(name), "%d", pid);
    return path_of(name);
}

static void put(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    assert_true(fd >= 0);
    close(fd);
}

static bool is_there(const char *path)
{
    struct stat stat;
    return lstat(path, &stat) == 0;
}

static mode_t mode_of(const char *path)
{
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    return info.st_mode & 07777;
}

static void it_is_written_into_a_folder_that_is_made_and_is_for_its_user_alone(void **state)
{
    char text[16] = "", parent[100];
    (void)state;
    mode_t old = umask(0);
    assert_int_equal(rt__port_file_write(folder, 65535), 0);
    umask(old);
    int fd = open(path_of_pid(getpid()), O_RDONLY);
    assert_int_equal(read(fd, text, sizeof(text)), 5);
    close(fd);
    assert_string_equal(text, "65535");
    assert_int_equal(mode_of(path_of_pid(getpid())), 0600);
    assert_int_equal(mode_of(folder), 0700);
    snprintf(parent, sizeof(parent), "%s/a", base);
    assert_int_equal(mode_of(parent), 0700);
    rt__port_file_remove();
    assert_false(is_there(path_of_pid(getpid())));
    rmdir(folder); /* nothing else is in it */
    assert_false(is_there(folder));
}

static void a_umask_that_takes_all_takes_nothing_from_the_file(void **state)
{
    (void)state;
    assert_int_equal(mkdir(strcat(strcpy(folder, base), "/made"), 0755), 0);
    mode_t old = umask(0777);
    assert_int_equal(rt__port_file_write(folder, 1), 0);
    umask(old);
    assert_int_equal(mode_of(path_of_pid(getpid())), 0600);
    assert_int_equal(mode_of(folder), 0755);
    rt__port_file_remove();
}

static void a_file_of_an_earlier_process_with_this_pid_is_replaced(void **state)
{
    char text[16] = "", elsewhere[100];
    (void)state;
    snprintf(elsewhere, sizeof(elsewhere), "%s/elsewhere", base);
    strcat(strcpy(folder, base), "/gops");
    assert_int_equal(mkdir(folder, 0700), 0);
    put(elsewhere);
    assert_int_equal(symlink(elsewhere, path_of_pid(getpid())), 0);
    assert_int_equal(rt__port_file_write(folder, 7), 0);
    int fd = open(path_of_pid(getpid()), O_RDONLY | O_NOFOLLOW);
    assert_int_equal(read(fd, text, sizeof(text)), 1);
    close(fd);
    struct stat info;
    assert_int_equal(stat(elsewhere, &info), 0);
    assert_int_equal(info.st_size, 0);
    rt__port_file_remove();
}

static void files_of_dead_processes_are_taken_away_and_nothing_else_is(void **state)
{
    char living[16], dead[16];
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        _exit(0);
    }
    assert_int_equal(waitpid(child, NULL, 0), child);
    snprintf(dead, sizeof(dead), "%d", child);
    snprintf(living, sizeof(living), "%d", getppid());
    strcat(strcpy(folder, base), "/gops");
    assert_int_equal(mkdir(folder, 0700), 0);
    const char *const kept[] = {living, "1", "notes", "0", "2147483648", "12.new"};
    for (size_t i = 0; i < sizeof(kept) / sizeof(*kept); i++) {
        put(path_of(kept[i]));
    }
    put(path_of(dead));
    assert_int_equal(mkdir(path_of("2147483646"), 0700), 0); /* a folder is no file of ours */
    put(path_of("2147483647"));                              /* more than any pid */
    assert_int_equal(rt__port_file_write(folder, 1), 0);
    assert_false(is_there(path_of(dead)));
    assert_false(is_there(path_of("2147483647")));
    assert_true(is_there(path_of("2147483646")));
    for (size_t i = 0; i < sizeof(kept) / sizeof(*kept); i++) {
        assert_true(is_there(path_of(kept[i])));
    }
    rt__port_file_remove();
}

static void a_forked_child_leaves_it_alone(void **state)
{
    int status;
    (void)state;
    assert_int_equal(rt__port_file_write(folder, 1), 0);
    pid_t child = fork();
    if (child == 0) {
        rt__port_file_remove();
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(is_there(path_of_pid(getpid())));
    rt__port_file_remove();
    rt__port_file_remove();
    assert_false(is_there(path_of_pid(getpid())));
}

static void it_is_found_again_from_another_folder(void **state)
{
    (void)state;
    assert_int_equal(chdir(base), 0);
    assert_int_equal(rt__port_file_write("a/b/gops", 1), 0);
    assert_true(is_there(path_of_pid(getpid())));
    assert_int_equal(chdir("/"), 0);
    rt__port_file_remove();
    assert_false(is_there(path_of_pid(getpid())));
}

static void where_no_file_can_be_made_it_says_why_and_leaves_nothing(void **state)
{
    char path[100];
    (void)state;
    snprintf(path, sizeof(path), "%s/file", base);
    put(path);
    assert_int_equal(rt__port_file_write(strcat(path, "/gops"), 1), -ENOTDIR);
    assert_int_equal(rt__port_file_write("", 1), -ENOENT);
    assert_true(rt__port_file_write("/proc/gops", 1) < 0);
    rt__port_file_remove();
}

#define ON_DISK(test) cmocka_unit_test_setup_teardown(test, make_base, remove_base)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_folder_is_found_as_gops_finds_it),
        cmocka_unit_test(without_any_of_them_there_is_no_folder),
        cmocka_unit_test(a_name_is_a_pid_when_it_is_one_in_plain_digits),
        ON_DISK(it_is_written_into_a_folder_that_is_made_and_is_for_its_user_alone),
        ON_DISK(a_umask_that_takes_all_takes_nothing_from_the_file),
        ON_DISK(a_file_of_an_earlier_process_with_this_pid_is_replaced),
        ON_DISK(files_of_dead_processes_are_taken_away_and_nothing_else_is),
        ON_DISK(a_forked_child_leaves_it_alone),
        ON_DISK(it_is_found_again_from_another_folder),
        ON_DISK(where_no_file_can_be_made_it_says_why_and_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
