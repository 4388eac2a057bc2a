/* names_plain.c - addresses by object and offset, when nobody can be asked for names.
 *
 * The kernel's own list of what is mapped is read with raw calls, line by line through a small buffer: nothing of the
 * process is trusted but this file's own memory. The offset is from where the object begins, which is what addr2line
 * wants for a library or a position-independent program; the address itself stands behind it for all others.
 */
#include "runtime/crash/names.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FILES_BYTES 8192 /* of the names of all objects in one stack */

/* A line of maps is 73 characters and a path. One that is longer than this loses its end. */
static struct {
    char bytes[4096];
    size_t at, end;
    char line[PATH_MAX + 128];
} input;

static struct {
    uintptr_t base[RT__STACK_MAX];
    const char *file[RT__STACK_MAX];
    char files[FILES_BYTES];
    size_t used;
} found;

/* ---- one line ---- */

static bool hex(const char **at, uintptr_t *value)
{
    const char *from = *at;
    uintptr_t n = 0;
    for (;; (*at)++) {
        char c = **at;
        unsigned digit;
        if (c >= '0' && c <= '9') {
            digit = (unsigned)(c - '0');
        } else if (c >= 'a' && c <= 'f') {
            digit = (unsigned)(c - 'a') + 10;
        } else {
            break;
        }
        n = n << 4 | digit;
    }
    *value = n;
    return *at > from;
}

bool rt__names_area(const char *line, struct rt__names_area *area)
{
    const char *at = line;
    if (!hex(&at, &area->start) || *at++ != '-' || !hex(&at, &area->end)) {
        return false;
    }
    /* Mode, offset, device and inode. */
    for (int i = 0; i < 4; i++) {
        if (*at++ != ' ') {
            return false;
        }
        at += strcspn(at, " ");
    }
    area->file = at + strspn(at, " ");
    return true;
}

/* ---- the file ---- */

static bool more(int fd)
{
    long n;
    do {
        n = syscall(SYS_read, fd, input.bytes, sizeof(input.bytes));
    } while (n < 0 && errno == EINTR);
    input.at = 0;
    input.end = n > 0 ? (size_t)n : 0;
    return n > 0;
}

static bool next_line(int fd)
{
    size_t len = 0;
    for (;;) {
        if (input.at == input.end && !more(fd)) {
            return false;
        }
        char c = input.bytes[input.at++];
        if (c == '\n') {
            input.line[len] = '\0';
            return true;
        }
        if (len < sizeof(input.line) - 1) {
            input.line[len++] = c;
        }
    }
}

/* ---- what lies where ---- */

static const char *keep(const char *file)
{
    size_t size = strlen(file) + 1;
    if (size > sizeof(found.files) - found.used) {
        return "?";
    }
    char *kept = memcpy(found.files + found.used, file, size);
    found.used += size;
    return kept;
}

static void find_in(const struct rt__names_area *area, uintptr_t base, const char **kept, const uintptr_t *pcs,
                    uint32_t depth)
{
    for (uint32_t i = 0; i < depth; i++) {
        if (pcs[i] >= area->start && pcs[i] < area->end) {
            *kept = *kept != NULL ? *kept : keep(area->file);
            found.base[i] = base;
            found.file[i] = *kept;
        }
    }
}

static void find_all(int fd, const uintptr_t *pcs, uint32_t depth)
{
    static char object[sizeof(input.line)]; /* the file of the lines before, and where they begin */
    uintptr_t base = 0;
    const char *kept = NULL;
    object[0] = '\0';
    while (next_line(fd)) {
        struct rt__names_area area;
        if (!rt__names_area(input.line, &area) || area.file[0] == '\0') {
            continue;
        }
        if (strcmp(area.file, object) != 0) {
            memcpy(object, area.file, strlen(area.file) + 1);
            base = area.start;
            kept = NULL;
        }
        find_in(&area, base, &kept, pcs, depth);
    }
}

static void add_frame(struct rt__text *t, uintptr_t pc, uintptr_t base, const char *file)
{
    if (file == NULL) {
        rt__text_add_hex(t, pc);
        rt__text_add(t, "(...)\n\t?:0");
    } else {
        const char *slash = strrchr(file, '/');
        rt__text_add(t, slash != NULL ? slash + 1 : file);
        rt__text_add(t, "+");
        rt__text_add_hex(t, pc - base);
        rt__text_add(t, "(...)\n\t");
        rt__text_add(t, file);
    }
    rt__text_add(t, " pc=");
    rt__text_add_hex(t, pc);
    rt__text_add(t, "\n");
}

void rt__names_plain(struct rt__text *t, const uintptr_t *pcs, uint32_t depth, const char *maps_file)
{
    depth = depth < RT__STACK_MAX ? depth : RT__STACK_MAX;
    memset(found.file, 0, sizeof(found.file));
    found.used = 0;
    input.at = input.end = 0;
    int fd = (int)syscall(SYS_openat, AT_FDCWD, maps_file, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        find_all(fd, pcs, depth);
        syscall(SYS_close, fd);
    }
    for (uint32_t i = 0; i < depth; i++) {
        add_frame(t, pcs[i], found.base[i], found.file[i]);
    }
}
