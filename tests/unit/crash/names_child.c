/* names_child.c - the process that one which dies asks for names: what it has, what becomes of it, who it serves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "tests/unit/crash/dying.h"

/* ---- the child ---- */

static pid_t child_of_this_thread(void)
{
    char children[64] = "";
    int fd = open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
    ssize_t n = read(fd, children, sizeof(children) - 1);
    close(fd);
    pid_t child = n > 0 ? atoi(children) : 0;
    if (child <= 0) {
        leave(NO_CHILD);
    }
    return child;
}

static int signal_to_child;

static void signal_it_and_ask_again(const uintptr_t *pcs, uint32_t depth)
{
    pid_t child = child_of_this_thread();
    kill(child, signal_to_child);
    if (write(OUT, "AGAIN\n", 6) == 6) {
        rt__crash_write_frames(OUT, pcs, depth, with_system);
    }
}

static const char *after_again(const char *text)
{
    const char *again = strstr(text, "AGAIN\n");
    assert_non_null(again);
    return again + 6;
}

static const char *when_the_child_gets(int signal)
{
    with_system = false;
    signal_to_child = signal;
    before_end = signal_it_and_ask_again;
    const char *text = death_of(crash);
    before_end = NULL;
    assert_named(text);
    return after_again(text);
}

static void without_its_child_a_process_writes_objects_and_offsets(void **state)
{
    (void)state;
    assert_plain(when_the_child_gets(SIGKILL));
}

static void a_child_that_does_not_answer_is_not_waited_for(void **state)
{
    (void)state;
    assert_plain(when_the_child_gets(SIGSTOP));
}

static void what_a_terminal_sends_does_not_reach_the_child(void **state)
{
    (void)state;
    assert_named(when_the_child_gets(SIGQUIT));
    assert_named(when_the_child_gets(SIGINT));
    assert_named(when_the_child_gets(SIGTERM));
}

static bool shows_line(const char *file, const char *line)
{
    char text[4096];
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    ssize_t n = read(fd, text, sizeof(text) - 1);
    close(fd);
    text[n > 0 ? n : 0] = '\0';
    return strstr(text, line) != NULL;
}

/* Whether the other process has the file open that is OUT here. */
static bool has_out(pid_t pid)
{
    struct stat own, other;
    bool found = fstat(OUT, &own) != 0;
    for (int fd = 0; fd < 256; fd++) {
        char file[64];
        snprintf(file, sizeof(file), "/proc/%d/fd/%d", (int)pid, fd);
        found |= stat(file, &other) == 0 && other.st_dev == own.st_dev && other.st_ino == own.st_ino;
    }
    return found;
}

static void look_at_child(const uintptr_t *pcs, uint32_t depth)
{
    (void)pcs, (void)depth;
    char file[64];
    pid_t child = child_of_this_thread();
    snprintf(file, sizeof(file), "/proc/%d/status", (int)child);
    bool has_no_rights = shows_line(file, "\nNoNewPrivs:\t1\n");
    snprintf(file, sizeof(file), "/proc/%d/limits", (int)child);
    bool has_no_core = shows_line(file, "Max core file size        0                    0 ");
    if (has_out(child) || !has_out(getpid()) || !has_no_rights || !has_no_core) {
        leave(LEFT_A_FILE);
    }
}

static void the_child_has_no_files_of_its_parents_gains_no_rights_and_leaves_no_core(void **state)
{
    (void)state;
    with_system = false;
    before_end = look_at_child;
    const char *text = death_of(crash);
    before_end = NULL;
    assert_named(text);
}

static void end_and_ask_again(const uintptr_t *pcs, uint32_t depth)
{
    pid_t first = child_of_this_thread();
    rt__crash_names_end();
    if (write(OUT, "AGAIN\n", 6) == 6) {
        rt__crash_write_frames(OUT, pcs, depth, with_system);
    }
    if (child_of_this_thread() == first) {
        leave(NO_CHILD);
    }
}

static void after_the_end_another_child_is_begun(void **state)
{
    (void)state;
    with_system = false;
    before_end = end_and_ask_again;
    const char *text = death_of(crash);
    before_end = NULL;
    assert_named(text);
    assert_named(after_again(text));
}

static void fork_and_ask_again(const uintptr_t *pcs, uint32_t depth)
{
    int status = 0;
    if (write(OUT, "AGAIN\n", 6) != 6) {
        return;
    }
    pid_t copy = fork();
    if (copy == 0) {
        rt__crash_write_frames(OUT, pcs, depth, with_system);
        rt__crash_names_end();
        leave(waitpid(-1, NULL, WNOHANG | __WALL) == -1 ? CLEAN : LEFT_A_CHILD);
    }
    waitpid(copy, &status, 0);
    if (status != 0) {
        leave(LEFT_A_CHILD);
    }
}

static void a_forked_process_has_a_child_of_its_own(void **state)
{
    (void)state;
    with_system = false;
    before_end = fork_and_ask_again;
    const char *text = death_of(crash);
    before_end = NULL;
    assert_named(text);
    assert_named(after_again(text));
}

static void tell_the_child_and_wait(void)
{
    const uintptr_t asked[] = {(uintptr_t)crash};
    rt__crash_write_frames(OUT, asked, 1, false);
    pid_t child = child_of_this_thread();
    if (write(OUT, &child, sizeof(child)) == sizeof(child)) {
        pause();
    }
}

static void the_child_does_not_outlive_its_parent(void **state)
{
    (void)state;
    static const char frame[] = "crash(...)\n";
    char text[1024] = "", *end = NULL;
    size_t len = 0;
    pid_t child;
    /* Orphans come to this process, which can wait for them. */
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    struct death d = begin(tell_the_child_and_wait);
    while (end == NULL || (size_t)(end + 1 - text) + sizeof(child) > len) {
        ssize_t n = read(d.from, text + len, sizeof(text) - 1 - len);
        assert_true(n > 0);
        len += (size_t)n;
        end = memchr(text + sizeof(frame) - 1, '\n', len > sizeof(frame) ? len - sizeof(frame) : 0);
    }
    memcpy(&child, end + 1, sizeof(child));
    assert_true(child > 0 && child != d.pid);
    assert_int_equal(kill(child, 0), 0);
    assert_int_equal(kill(d.pid, SIGKILL), 0);
    assert_int_equal(waitpid(d.pid, NULL, 0), d.pid);
    alarm(PATIENCE_S);
    assert_int_equal(waitpid(child, NULL, 0), child);
    alarm(0);
    close(d.from);
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 0), 0);
}

/* ---- the program, started otherwise ---- */

#define LIVE "lives"
#define DIE "dies"
#define DIE_SECURE "dies with other rights"
#define NOT_SECURE 77

static int run_anew(const char *file, const char *name, const char *what, const char *variable, const char **text)
{
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        char self[16];
        snprintf(self, sizeof(self), "%d", (int)getpid());
        if (variable != NULL) {
            setenv(RT__NAMES_VARIABLE, strcmp(variable, "self") == 0 ? self : variable, 1);
        }
        dup2(ends[1], OUT);
        execl(file, name, what, (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    *text = read_all(ends[0]);
    return status_of(pid);
}

static void copy_program(const char *to)
{
    char bytes[4096];
    size_t n;
    FILE *in = fopen("/proc/self/exe", "re"), *out = fopen(to, "we");
    assert_true(in != NULL && out != NULL);
    while ((n = fread(bytes, 1, sizeof(bytes), in)) > 0) {
        assert_int_equal(fwrite(bytes, 1, n, out), n);
    }
    fclose(in);
    assert_int_equal(fclose(out), 0);
    assert_int_equal(chmod(to, 0700), 0);
}

/* Deletes itself first. */
static void die_deleted(const char *file)
{
    unlink(file);
    die_as_told();
    crash();
}

static void a_program_whose_file_was_deleted_is_named(void **state)
{
    (void)state;
    char folder[] = "/tmp/names.XXXXXX", file[64];
    const char *text;
    assert_non_null(mkdtemp(folder));
    snprintf(file, sizeof(file), "%s/program", folder);
    copy_program(file);
    assert_int_equal(run_anew(file, file, DIE, NULL, &text), CLEAN);
    assert_int_equal(access(file, F_OK), -1);
    assert_named(text);
    assert_int_equal(rmdir(folder), 0);
}

static void a_program_with_other_rights_than_its_users_has_no_child(void **state)
{
    (void)state;
    char folder[] = "/tmp/names.XXXXXX", file[64];
    const char *text;
    if (geteuid() != 0) {
        skip(); /* nobody else can make such a file */
    }
    assert_non_null(mkdtemp(folder));
    assert_int_equal(chmod(folder, 0755), 0);
    snprintf(file, sizeof(file), "%s/%.20s", folder, program_invocation_short_name);
    copy_program(file);
    assert_int_equal(chown(file, 65534, 65534), 0);
    assert_int_equal(chmod(file, 04755), 0);
    int status = run_anew(file, file, DIE_SECURE, NULL, &text);
    assert_int_equal(unlink(file), 0);
    assert_int_equal(rmdir(folder), 0);
    if (status == NOT_SECURE) {
        skip(); /* the file system knows no such files */
    }
    assert_int_equal(status, CLEAN);
    assert_plain(text);
}

static void the_variable_alone_means_nothing(void **state)
{
    (void)state;
    char parent[16];
    snprintf(parent, sizeof(parent), "%d", (int)getpid());
    const char *values[] = {"", "1", "-1", "self", "99999999999999999999", "12x", parent};
    for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
        const char *text;
        assert_int_equal(run_anew("/proc/self/exe", "names", LIVE, values[i], &text), 0);
        assert_string_equal(text, "alive\n");
    }
}

static void a_child_of_nobody_never_comes_to_main(void **state)
{
    (void)state;
    const char *values[] = {NULL, "", "1", "-1", "self", "99999999999999999999", "12x"};
    for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
        const char *text;
        assert_int_equal(run_anew("/proc/self/exe", RT__NAMES_PROGRAM, LIVE, values[i], &text), 1);
        assert_string_equal(text, "");
    }
}

int main(int argc, char **argv)
{
    rt__crash_names_start();
    if (argc == 2 && strcmp(argv[1], LIVE) == 0) {
        return write(OUT, "alive\n", 6) != 6;
    }
    if (argc == 2 && strcmp(argv[1], DIE) == 0) {
        die_deleted(argv[0]);
        return 1;
    }
    if (argc == 2 && strcmp(argv[1], DIE_SECURE) == 0) {
        die_as_told();
        if (getauxval(AT_SECURE) != 0) {
            crash();
        }
        return NOT_SECURE;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_its_child_a_process_writes_objects_and_offsets),
        cmocka_unit_test(a_child_that_does_not_answer_is_not_waited_for),
        cmocka_unit_test(what_a_terminal_sends_does_not_reach_the_child),
        cmocka_unit_test(the_child_has_no_files_of_its_parents_gains_no_rights_and_leaves_no_core),
        cmocka_unit_test(after_the_end_another_child_is_begun),
        cmocka_unit_test(a_forked_process_has_a_child_of_its_own),
        cmocka_unit_test(the_child_does_not_outlive_its_parent),
        cmocka_unit_test(a_program_whose_file_was_deleted_is_named),
        cmocka_unit_test(a_program_with_other_rights_than_its_users_has_no_child),
        cmocka_unit_test(the_variable_alone_means_nothing),
        cmocka_unit_test(a_child_of_nobody_never_comes_to_main),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
