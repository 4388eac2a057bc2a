/* text.h - bytes that grow, and text that may be shown on a terminal.
 *
 * Memory that runs out ends the program with one line: a client has nothing better to do then.
 */
#ifndef COPS_TEXT_H
#define COPS_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* All zero is empty. bytes[len] is a NUL once something was put in. */
struct cops_text {
    char *bytes;
    size_t len;
    size_t room;
};

/* realloc that does not fail. */
void *cops_grow(void *p, size_t size);

void cops_text_add(struct cops_text *text, const void *bytes, size_t len);
void cops_text_puts(struct cops_text *text, const char *s);
void cops_text_printf(struct cops_text *text, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Room for n more bytes behind those that are there; whoever fills them adds to len. */
char *cops_text_room(struct cops_text *text, size_t n);
void cops_text_free(struct cops_text *text);

/* What another process calls itself may hold escape sequences: control bytes come out as '?'. */
void cops_put_clean(FILE *out, const char *s, size_t len);

/* All of a file, /proc's with their unknown sizes too. False with errno; more than limit bytes are EFBIG. */
bool cops_read_fd(int fd, size_t limit, struct cops_text *text);
bool cops_read_file(const char *path, size_t limit, struct cops_text *text);

#endif
