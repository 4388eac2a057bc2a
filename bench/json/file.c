/* file.c - a file of rooms, read at once or in pieces, and parsed.
 *
 * At once, the buffer is as large as the file says it is and one byte more, so that one read is enough to know the end;
 * it grows for what does not say (a pipe), or says too little. In pieces, one buffer on the stack is read into over and
 * over: beside the result there is nothing whose size depends on the file's. Must never take a size that it was told
 * for the end.
 */
#include "bench/json/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/json/parser.h"
#include "runtime/cruntime.h"

static bool say(char *error, const char *path, const char *what)
{
    snprintf(error, ROOMS_ERROR_BYTES, "%s: %s", path, what);
    return false;
}

static bool say_errno(char *error, const char *path)
{
    return say(error, path, strerror(errno));
}

static bool finish(struct rooms_parser *parser, char *error, const char *path)
{
    if (rooms_parser_end(parser)) {
        return true;
    }
    snprintf(error, ROOMS_ERROR_BYTES, "%s: after %" PRIu64 " bytes: %s", path, parser->error.offset,
             parser->error.what);
    return false;
}

static ssize_t read_some(int fd, char *to, size_t most)
{
    ssize_t got;
    do {
        got = read(fd, to, most);
    } while (got < 0 && errno == EINTR);
    return got;
}

/* All of fd in one buffer of the scope; NULL with errno set. */
static char *read_all(struct rt_scope *scope, int fd, size_t *length)
{
    struct stat about;
    if (fstat(fd, &about) != 0) {
        return NULL;
    }
    bool sized = S_ISREG(about.st_mode) && about.st_size > 0; /* those of /proc say 0 */
    size_t size = (sized ? (size_t)about.st_size : ROOMS_PIECE_BYTES) + 1;
    char *bytes = rt_scope_alloc_atomic(scope, size);
    for (*length = 0;;) {
        size_t room = size - *length;
        ssize_t got = read_some(fd, bytes + *length, room);
        if (got < 0) {
            return NULL;
        }
        *length += (size_t)got;
        /* A file on a disk gives less than it was asked for at its end alone; others do as they like. */
        if (got == 0 || (sized && (size_t)got < room)) {
            return bytes;
        }
        if (*length == size) {
            bytes = rt_scope_realloc(scope, bytes, size *= 2);
        }
    }
}

/* The file's bytes in the scope; NULL when that failed, which `error` says then. */
static char *read_path(struct rt_scope *scope, const char *path, size_t *length, char *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        say_errno(error, path);
        return NULL;
    }
    char *bytes = read_all(scope, fd, length);
    if (!bytes) {
        say_errno(error, path);
    }
    close(fd);
    return bytes;
}

bool rooms_read_only(struct rt_scope *scope, const char *path, char *error)
{
    size_t length;
    return read_path(scope, path, &length, error) != NULL;
}

bool rooms_read_whole(struct rt_scope *scope, const char *path, struct rooms *rooms, char *error)
{
    struct rooms_parser parser;
    size_t length;
    char *bytes = read_path(scope, path, &length, error);
    if (!bytes) {
        return false;
    }
    rooms_parser_begin(&parser, scope, rooms);
    rooms_parser_feed(&parser, bytes, length, true);
    rooms->bytes += length;
    return finish(&parser, error, path);
}

bool rooms_read_stream(struct rt_scope *scope, const char *path, struct rooms *rooms, char *error, rooms_look_fn *look,
                       void *arg)
{
    char piece[ROOMS_PIECE_BYTES];
    struct rooms_parser parser;
    ssize_t got;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return say_errno(error, path);
    }
    rooms_parser_begin(&parser, scope, rooms);
    while ((got = read_some(fd, piece, sizeof(piece))) > 0 && rooms_parser_feed(&parser, piece, (size_t)got, false)) {
        if (look) {
            look(arg);
        }
    }
    int failed = got < 0 ? errno : 0;
    close(fd);
    bool parsed = finish(&parser, error, path);
    return failed ? say(error, path, strerror(failed)) : parsed;
}
