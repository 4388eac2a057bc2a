/* write.c - see crash.h.
 *
 * A pipe whose reader has stopped, or a terminal that is held, must not keep a dying process: before each piece the
 * kernel is asked whether it takes one, and a pipe that says so takes PIPE_BUF bytes without waiting. Raw calls:
 * libc's are where a thread is cancelled, and poll is interposed for traces.
 */
#include "runtime/crash/crash.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "runtime/os/os.h"

#define NS_PER_S 1000000000u

/* False when the deadline has passed, or fd cannot be asked. */
static bool wait_for_room(int fd, uint64_t deadline_ns)
{
    for (;;) {
        uint64_t now_ns = rt__os_now_ns(), left_ns = deadline_ns > now_ns ? deadline_ns - now_ns : 0;
        struct timespec left = {.tv_sec = (time_t)(left_ns / NS_PER_S), .tv_nsec = (long)(left_ns % NS_PER_S)};
        struct pollfd asked = {.fd = fd, .events = POLLOUT};
        long n = syscall(SYS_ppoll, &asked, 1, &left, NULL, _NSIG / 8);
        if (n >= 0) {
            return n == 1 && (asked.revents & POLLOUT);
        }
        if (errno != EINTR || left_ns == 0) {
            return false;
        }
    }
}

bool rt__crash_write(int fd, const char *bytes, size_t size, uint64_t deadline_ns)
{
    for (size_t done = 0; done < size;) {
        size_t piece = size - done < PIPE_BUF ? size - done : PIPE_BUF;
        if (!wait_for_room(fd, deadline_ns)) {
            return false;
        }
        long n = syscall(SYS_write, fd, bytes + done, piece);
        if (n > 0) {
            done += (size_t)n;
        } else if (n == 0 || (errno != EINTR && errno != EAGAIN)) {
            return false;
        }
    }
    return true;
}
