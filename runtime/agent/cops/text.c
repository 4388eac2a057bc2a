/* text.c - see text.h. */
#include "runtime/agent/cops/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void *cops_grow(void *p, size_t size)
{
    void *larger = realloc(p, size ? size : 1);
    if (!larger) {
        fputs("cops: out of memory\n", stderr);
        exit(1);
    }
    return larger;
}

char *cops_text_room(struct cops_text *text, size_t n)
{
    if (text->room - text->len <= n) {
        text->room = text->room * 2 + n + 64;
        text->bytes = cops_grow(text->bytes, text->room);
    }
    text->bytes[text->len] = '\0';
    return text->bytes + text->len;
}

void cops_text_add(struct cops_text *text, const void *bytes, size_t len)
{
    char *end = cops_text_room(text, len);
    if (len > 0)
        memcpy(end, bytes, len);
    end[len] = '\0';
    text->len += len;
}

void cops_text_puts(struct cops_text *text, const char *s)
{
    cops_text_add(text, s, strlen(s));
}

void cops_text_printf(struct cops_text *text, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (n < 0)
        return;
    char *end = cops_text_room(text, (size_t)n);
    va_start(args, fmt);
    vsnprintf(end, (size_t)n + 1, fmt, args);
    va_end(args);
    text->len += (size_t)n;
}

void cops_text_free(struct cops_text *text)
{
    free(text->bytes);
    *text = (struct cops_text){0};
}

void cops_put_clean(FILE *out, const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)s[i];
        /* U+0080 to U+009F, which some terminals obey too, are C2 80 to C2 9F. */
        bool is_c1 = c == 0xc2 && i + 1 < len && ((unsigned char)s[i + 1] & 0xe0) == 0x80;
        if (is_c1)
            i++;
        fputc(c < 0x20 || c == 0x7f || is_c1 ? '?' : c, out);
    }
}

bool cops_read_fd(int fd, size_t limit, struct cops_text *text)
{
    for (;;) {
        ssize_t n = read(fd, cops_text_room(text, 4096), 4096);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        text->len += (size_t)n;
        text->bytes[text->len] = '\0';
        if (n == 0)
            return true;
        if (text->len > limit) {
            errno = EFBIG;
            return false;
        }
    }
}

bool cops_read_file(const char *path, size_t limit, struct cops_text *text)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool ok = cops_read_fd(fd, limit, text);
    int error = errno;
    close(fd);
    errno = error;
    return ok;
}
