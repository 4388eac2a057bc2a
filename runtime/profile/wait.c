/* wait.c - waiting while a profile is taken, for as long as somebody waits for the profile.
 *
 * A client that has gone, or a server that wants its connections closed, ends the wait at once: poll tells both
 * as "shut down for reading". The connection is only looked at; nothing is read from it.
 */
#include <poll.h>
#include <stddef.h>
#include <time.h>
#include "runtime/os/os.h"
#include "runtime/profile/profile.h"

#define NS_PER_S UINT64_C(1000000000)

bool rt__profile_wait(uint64_t ns, int peer_fd)
{
    struct pollfd peer = {.fd = peer_fd, .events = POLLRDHUP}; /* poll passes over a negative descriptor */
    uint64_t began_ns = rt__os_now_ns();
    for (;;) {
        uint64_t waited_ns = rt__os_now_ns() - began_ns;
        uint64_t left_ns = ns > waited_ns ? ns - waited_ns : 0;
        struct timespec left = {.tv_sec = (time_t)(left_ns / NS_PER_S), .tv_nsec = (long)(left_ns % NS_PER_S)};
        int n = ppoll(&peer, 1, &left, NULL);
        if (n > 0) {
            return false;
        }
        if (n == 0 || left_ns == 0) {
            return true;
        }
        /* a signal: the rest is still to be waited for */
    }
}
