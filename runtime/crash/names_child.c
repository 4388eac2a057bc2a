/* names_child.c - the process that a dying one asks for names: the same program, before its main.
 *
 * It is told by its argv[0] and by a variable whom it serves, and serves nobody but its parent. What lies where in the
 * parent it takes from there (/proc/PID/maps) and from the files, so an answer is as good as that of a profile. It
 * ends when the socket does.
 *
 * A process with that argv[0] never comes to main, whatever is wrong: it would be a second program at work, on a
 * dying one's socket for standard input. The variable alone means nothing.
 */
#include "runtime/crash/names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "runtime/symbols/symbols.h"

#define INLINED_MAX 32

/* ---- the socket ---- */

static bool receive(void *to, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t n = read(STDIN_FILENO, (char *)to + done, size - done);
        if (n <= 0 && !(n < 0 && errno == EINTR)) {
            return false;
        }
        done += n > 0 ? (size_t)n : 0;
    }
    return true;
}

static bool answer(const void *from, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t n = send(STDOUT_FILENO, (const char *)from + done, size - done, MSG_NOSIGNAL);
        if (n < 0 && errno != EINTR) {
            return false;
        }
        done += n > 0 ? (size_t)n : 0;
    }
    return true;
}

/* ---- what is shown ---- */

static const struct rt__mapping *mapping_of(struct rt__symbols *s, uintptr_t pc)
{
    size_t n;
    const struct rt__mapping *all = rt__symbols_mappings(s, &n);
    for (size_t i = 0; i < n; i++) {
        if (pc >= all[i].start && pc < all[i].limit) {
            return &all[i];
        }
    }
    return NULL;
}

/* The program's mappings are the first ones. */
static bool is_in_program(struct rt__symbols *s, const struct rt__mapping *m)
{
    size_t n;
    const struct rt__mapping *all = rt__symbols_mappings(s, &n);
    return m != NULL && strcmp(m->file, all[0].file) == 0;
}

/* libc's functions below main and below a thread's function, which are the program's when it is linked statically. */
static bool is_start(const struct rt__symbol *f)
{
    static const char *const names[] = {"_start", "start_thread", "clone", "clone3", "__clone", "__clone3"};
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        if (strcmp(f->name, names[i]) == 0) {
            return f->file == NULL;
        }
    }
    return strncmp(f->name, "__libc_start", strlen("__libc_start")) == 0;
}

static bool is_shown(const struct rt__symbol *f, bool in_program, bool with_system)
{
    return with_system || (in_program && !f->is_runtime && !is_start(f));
}

static void add_frame(struct rt__text *t, const struct rt__symbol *f, const struct rt__mapping *m, uintptr_t offset)
{
    rt__text_add(t, f->name);
    rt__text_add(t, "(...)\n\t");
    if (f->file != NULL) {
        rt__text_add(t, f->file);
        rt__text_add(t, ":");
        rt__text_add_number(t, f->line);
    } else {
        rt__text_add(t, m != NULL ? m->file : "?:0");
    }
    rt__text_add(t, " +");
    rt__text_add_hex(t, offset);
    rt__text_add(t, "\n");
}

/* What does not fit is left out as a whole. False when that is so. */
static bool add_frames_at(struct rt__text *t, struct rt__symbols *s, uintptr_t pc, bool with_system)
{
    struct rt__symbol found[INLINED_MAX];
    size_t n = rt__symbols_find(s, pc, found, INLINED_MAX);
    const struct rt__mapping *m = mapping_of(s, pc);
    bool in_program = is_in_program(s, m);
    uintptr_t offset = pc - rt__symbols_function_start(s, pc);
    for (size_t i = 0; i < n; i++) {
        size_t before = t->len;
        if (is_shown(&found[i], in_program, with_system)) {
            add_frame(t, &found[i], m, offset);
        }
        if (t->len == t->size - 1) {
            t->len = before;
            return false;
        }
    }
    return true;
}

static void add_frames(struct rt__text *t, struct rt__symbols *s, const struct rt__names_question *q, bool with_system)
{
    for (uint32_t i = 0; i < q->depth; i++) {
        if (!add_frames_at(t, s, q->pcs[i], with_system)) {
            return;
        }
    }
}

/* ---- its life ---- */

static void serve(pid_t pid)
{
    static struct rt__names_question question;
    static char text[RT__NAMES_TEXT_MAX];
    struct rt__symbols *s = rt__symbols_open_of(pid);
    while (s != NULL && receive(&question, RT__NAMES_QUESTION_BYTES(0)) && question.depth <= RT__STACK_MAX &&
           receive(question.pcs, question.depth * sizeof(*question.pcs))) {
        struct rt__text t = {.buf = text, .size = sizeof(text)};
        add_frames(&t, s, &question, question.with_system != 0);
        if (t.len == 0) {
            /* A stack of nothing but libraries: better than no word of it. */
            add_frames(&t, s, &question, true);
        }
        uint32_t len = (uint32_t)t.len;
        if (!answer(&len, sizeof(len)) || !answer(text, len)) {
            return;
        }
    }
}

static pid_t pid_in(const char *value)
{
    char *end;
    errno = 0;
    long n = value != NULL && value[0] >= '1' && value[0] <= '9' ? strtol(value, &end, 10) : 0;
    return n > 0 && errno == 0 && *end == '\0' && (pid_t)n == n ? (pid_t)n : 0;
}

void rt__crash_child_if_asked(void)
{
    if (program_invocation_name == NULL || strcmp(program_invocation_name, RT__NAMES_PROGRAM) != 0) {
        return;
    }
    pid_t pid = pid_in(secure_getenv(RT__NAMES_VARIABLE));
    if (pid == 0 || pid != getppid()) {
        _exit(1);
    }
    serve(pid);
    _exit(0);
}
