/* out.c - bytes to a descriptor, through a buffer.
 *
 * Writers hand over some bytes at a time, often; the descriptor gets them in pieces of 64 KiB, which cost a tenth of a
 * microsecond a kilobyte even into a pipe. Once something has failed nothing more is written: what follows a hole
 * could not be read anyway. A descriptor that would block is waited for, so that it may be anybody's pipe or socket.
 * Must never: write a byte twice, or lose the first error.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "runtime/trace/writers.h"

#define ROOM (64u << 10)

void rt__out_begin(struct rt__out *out, int fd)
{
    *out = (struct rt__out){.fd = fd, .buf = malloc(ROOM), .room = ROOM};
    if (out->buf == NULL) {
        out->room = 0;
        out->error = -ENOMEM;
    }
}

static bool wait_until_writable(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    return poll(&p, 1, -1) >= 0 || errno == EINTR;
}

static void write_through(struct rt__out *out, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = write(out->fd, bytes, len);
        if (n > 0) {
            bytes += n;
            len -= (size_t)n;
            out->written += (uint64_t)n;
        } else if (n == 0) {
            out->error = -EIO; /* of a device that takes nothing and says nothing: again would be for ever */
            return;
        } else if (errno == EAGAIN ? !wait_until_writable(out->fd) : errno != EINTR) {
            out->error = -errno;
            return;
        }
    }
}

void rt__out_flush(struct rt__out *out)
{
    if (out->error == 0) {
        write_through(out, out->buf, out->len);
    }
    out->len = 0;
}

void rt__out_write(struct rt__out *out, const void *bytes, size_t len)
{
    if (out->error == 0 && len > out->room - out->len) {
        rt__out_flush(out);
    }
    if (out->error != 0) {
        return;
    }
    if (len > out->room) {
        write_through(out, bytes, len);
        return;
    }
    memcpy(out->buf + out->len, bytes, len);
    out->len += len;
}

int rt__out_end(struct rt__out *out)
{
    rt__out_flush(out);
    free(out->buf);
    out->buf = NULL;
    out->room = 0;
    return out->error;
}
