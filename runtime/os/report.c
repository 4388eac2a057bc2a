/* report.c - the one way to stderr.
 *
 * A trace line must come out whole even when several threads print at once and another program
 * shares the file, so a line is built in a buffer on the stack and handed over in one write(2).
 * stdio is not used: its stream has a lock that the interrupted thread may hold and a buffer that
 * it may allocate. A diagnostic must never hurt the program: one that cannot be written (stderr
 * closed, a full pipe that does not block) is dropped, and errno comes back as it was.
 */
#define _GNU_SOURCE 1
#include "runtime/os/os.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The longest line is CDEBUG's complaint with its text cut to 352; a gctrace line has some 200. A
 * pipe takes up to 4096 bytes whole, and small thread stacks have room for this. */
#define LINE_BYTES 1024

struct line {
    size_t length;
    char text[LINE_BYTES + 1]; /* with vsnprintf's terminator, which is not written */
};

static void line_add(struct line *l, const char *fmt, va_list args)
{
    size_t room = LINE_BYTES - l->length;
    int wanted = vsnprintf(l->text + l->length, room + 1, fmt, args);

    if (wanted < 0)
        return;
    if ((size_t)wanted <= room) {
        l->length += (size_t)wanted;
        return;
    }
    l->length = LINE_BYTES;
    l->text[LINE_BYTES - 1] = '\n';
}

/* A write that took only a part goes on where it stopped; nothing better can be done with it. */
static void line_write(const struct line *l)
{
    size_t done = 0;

    while (done < l->length) {
        ssize_t n = write(STDERR_FILENO, l->text + done, l->length - done);
        if (n > 0)
            done += (size_t)n;
        else if (n == 0 || errno != EINTR)
            return;
    }
}

void rt__os_print(const char *fmt, ...)
{
    int saved_errno = errno;
    struct line l = {.length = 0};
    va_list args;

    va_start(args, fmt);
    line_add(&l, fmt, args);
    va_end(args);
    line_write(&l);
    errno = saved_errno;
}

__attribute__((format(printf, 2, 3))) static void line_addf(struct line *l, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    line_add(l, fmt, args);
    va_end(args);
}

void rt__os_die(int status, const char *fmt, ...)
{
    struct line l = {.length = 0};
    va_list args;

    line_addf(&l, "%.64s: ", rt__os_program());
    va_start(args, fmt);
    line_add(&l, fmt, args);
    va_end(args);
    if (l.text[l.length - 1] != '\n')
        line_addf(&l, "\n");
    line_write(&l);
    _exit(status);
}

/* Empty until libc has seen argv; a complaint from before that still needs a speaker. */
const char *rt__os_program(void)
{
    const char *name = program_invocation_short_name;

    return name != NULL && name[0] != '\0' ? name : "cruntime";
}
