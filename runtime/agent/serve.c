/* serve.c - see serve.h.
 *
 * A thread waits for connections; each is answered by a thread that begins for it and ends with it, so that a 30 s
 * profile holds up nobody and an agent that nobody asks costs one sleeping thread. There are few at a time: whoever
 * comes when all are taken waits a moment in the kernel's queue, and is then told that the agent is busy.
 *
 * The lock is held for some loads and stores, never over anything that allocates or waits: fork takes it. Threads here
 * must not see the program's signals, SIGPIPE above all.
 */
#include "runtime/agent/serve.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>
#include "runtime/agent/conn.h"
#include "runtime/agent/gops.h"
#include "runtime/agent/http.h"
#include "runtime/agent/http_parse.h"
#include "runtime/cruntime.h"
#include "runtime/os/os.h"

/* Two people with a profile, a trace and some questions each. */
#define CONNECTIONS 8
/* Most answers take milliseconds, so a thread is soon free; what takes longer takes much longer. */
#define BUSY_WAIT_NS UINT64_C(2000000000)
/* gops and browsers speak as soon as they are connected. */
#define FIRST_NS UINT64_C(5000000000)
/* How long to wait for a descriptor or memory, when accept says that there is none. */
#define SHORTAGE_MS 100
/* Of a thread that only waits. */
#define ACCEPT_STACK_BYTES (128u << 10)
/* libdw reads a file's lines onto the stack, in a frame of 150 KiB, and what a sanitizer adds comes on top. */
#define ANSWER_STACK_BYTES (1024u << 10)
#define BUSY "the agent is busy: all of its threads are answering"

/* Under the lock, but for what the accepting thread alone uses between begin and end: listener and wake. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int listener, wake;
    bool ending, accepting;
    unsigned taken;
    int fds[CONNECTIONS]; /* -1: free */
} serve = {.lock = PTHREAD_MUTEX_INITIALIZER,
           .changed = PTHREAD_COND_INITIALIZER,
           .listener = -1,
           .wake = -1,
           .fds = {-1, -1, -1, -1, -1, -1, -1, -1}};

static void lock(void)
{
    pthread_mutex_lock(&serve.lock);
}

static void unlock(void)
{
    pthread_mutex_unlock(&serve.lock);
}

/* Wakes the accepting thread. Under the lock, or wake may be closed. */
static void poke(void)
{
    uint64_t one = 1;
    ssize_t written = write(serve.wake, &one, sizeof(one));
    (void)written; /* a counter that is full wakes as well */
}

/* ---- threads ------------------------------------------------------------------------------------------ */

/* The program's signals are for the program's threads. Those that tell of a fault must come here all the same, and so
 * must the collector's own and the profiler's. */
static void block_signals(sigset_t *old)
{
    static const int open[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT, SIGPROF, SIGPWR, SIGXCPU};
    sigset_t most;
    sigfillset(&most);
    for (size_t i = 0; i < sizeof(open) / sizeof(*open); i++) {
        sigdelset(&most, open[i]);
    }
    pthread_sigmask(SIG_SETMASK, &most, old);
}

/* Detached: at the end of the process nobody waits, and at that of the agent words under the lock tell. */
static int start_thread(size_t stack_bytes, const char *name, void *(*fn)(void *), void *arg)
{
    pthread_t thread;
    pthread_attr_t attr;
    sigset_t old;
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attr, stack_bytes);
    block_signals(&old);
    int error = rt_thread_start(&thread, &attr, name, fn, arg);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    pthread_attr_destroy(&attr);
    return error;
}

/* ---- one connection ----------------------------------------------------------------------------------- */

/* Every request of gops is a byte below any letter. */
static void answer(int fd)
{
    char came[RT__HTTP_HEAD_MAX];
    ssize_t n = rt__conn_read(fd, came, sizeof(came), rt__os_now_ns() + FIRST_NS);
    if (n <= 0) {
        return;
    }
    if ((came[0] >= 'A' && came[0] <= 'Z') || (came[0] >= 'a' && came[0] <= 'z')) {
        rt__http_answer(fd, came, (size_t)n);
    } else {
        rt__gops_answer(fd, (const uint8_t *)came, (size_t)n);
    }
    rt__conn_finish(fd);
}

/* Closed under the lock: end shuts down what is in the table, which must not be somebody else's by then. */
static void give_back(int *slot)
{
    lock();
    close(*slot);
    *slot = -1;
    serve.taken--;
    poke();
    pthread_cond_broadcast(&serve.changed);
    unlock();
}

static void *answer_one(void *arg)
{
    int *slot = arg;
    lock();
    int fd = *slot;
    unlock();
    answer(fd);
    give_back(slot);
    return NULL;
}

/* NULL: none is free, or the end has come. */
static int *take_slot(int fd)
{
    int *slot = NULL;
    lock();
    for (unsigned i = 0; i < CONNECTIONS && !serve.ending && !slot; i++) {
        if (serve.fds[i] < 0) {
            slot = &serve.fds[i];
            *slot = fd;
            serve.taken++;
        }
    }
    unlock();
    return slot;
}

/* Without waiting, as this holds up all others: what the client has sent is looked at, if it has, for the form of the
 * answer, and is read, so that closing does not reset the connection. */
static void refuse(int fd)
{
    char came[RT__HTTP_HEAD_MAX];
    ssize_t n = recv(fd, came, sizeof(came), MSG_DONTWAIT);
    if (n > 0 && came[0] >= 'A') {
        rt__http_refuse(fd, 503, BUSY);
    } else {
        rt__conn_write(fd, BUSY "\n", strlen(BUSY "\n"));
    }
    close(fd);
}

static void hand_over(int fd)
{
    int *slot = take_slot(fd);
    if (!slot) {
        refuse(fd);
        return;
    }
    if (start_thread(ANSWER_STACK_BYTES, "rt-answer", answer_one, slot) != 0) {
        give_back(slot);
    }
}

/* ---- the accepting thread ----------------------------------------------------------------------------- */

static bool is_ending(void)
{
    lock();
    bool ending = serve.ending;
    unlock();
    return ending;
}

static bool is_full(void)
{
    lock();
    bool full = serve.taken == CONNECTIONS && !serve.ending;
    unlock();
    return full;
}

/* Until poked, or the time is over (-1: none), or a client has come, if that is asked for: then true. */
static bool wait_for(bool client, int timeout_ms)
{
    uint64_t pokes;
    struct pollfd fds[] = {{.fd = serve.wake, .events = POLLIN},
                           {.fd = client ? serve.listener : -1, .events = POLLIN}};
    int n = poll(fds, 2, timeout_ms);
    if (n <= 0) {
        return false;
    }
    if (fds[0].revents & POLLIN) {
        ssize_t got = read(serve.wake, &pokes, sizeof(pokes));
        (void)got; /* there was one; nobody else takes it */
    }
    return (fds[1].revents & POLLIN) != 0;
}

static void wait_for_slot(void)
{
    uint64_t until_ns = rt__os_now_ns() + BUSY_WAIT_NS;
    while (is_full()) {
        uint64_t now_ns = rt__os_now_ns();
        if (now_ns >= until_ns) {
            return;
        }
        wait_for(false, (int)((until_ns - now_ns) / 1000000) + 1);
    }
}

static void accept_one(void)
{
    int fd = accept4(serve.listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd >= 0) {
        fd = rt__conn_take(fd);
        if (fd >= 0) {
            hand_over(fd);
        }
    } else if (errno != EINTR && errno != EAGAIN && errno != ECONNABORTED) {
        wait_for(false, SHORTAGE_MS);
    }
}

static void *accept_all(void *unused)
{
    (void)unused;
    while (!is_ending()) {
        if (wait_for(true, -1)) {
            wait_for_slot();
            if (!is_ending()) {
                accept_one();
            }
        }
    }
    lock();
    serve.accepting = false;
    pthread_cond_broadcast(&serve.changed);
    unlock();
    return NULL;
}

/* ---- begin and end ------------------------------------------------------------------------------------ */

int rt__serve_begin(int listener)
{
    int wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (wake < 0) {
        return -errno;
    }
    lock();
    serve.listener = listener;
    serve.wake = wake;
    serve.ending = false;
    serve.accepting = true;
    unlock();
    int error = start_thread(ACCEPT_STACK_BYTES, "rt-agent", accept_all, NULL);
    if (error != 0) {
        lock();
        serve.listener = serve.wake = -1;
        serve.accepting = false;
        unlock();
        close(wake);
    }
    return error;
}

static void close_both(void)
{
    close(serve.listener);
    close(serve.wake);
    serve.listener = serve.wake = -1;
}

void rt__serve_end(void)
{
    lock();
    serve.ending = true;
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        if (serve.fds[i] >= 0) {
            shutdown(serve.fds[i], SHUT_RDWR);
        }
    }
    poke();
    while (serve.accepting || serve.taken > 0) {
        pthread_cond_wait(&serve.changed, &serve.lock);
    }
    close_both();
    unlock();
}

void rt__serve_close(void)
{
    lock();
    serve.ending = true;
    shutdown(serve.listener, SHUT_RDWR);
    poke();
    unlock();
}

/* ---- fork ----------------------------------------------------------------------------------------------- */

void rt__serve_before_fork(void)
{
    lock();
}

void rt__serve_after_fork(void)
{
    unlock();
}

/* Its threads stayed with the parent. */
void rt__serve_after_fork_in_child(void)
{
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        if (serve.fds[i] >= 0) {
            close(serve.fds[i]);
            serve.fds[i] = -1;
        }
    }
    if (serve.listener >= 0) {
        close_both();
    }
    serve.taken = 0;
    serve.accepting = false;
    pthread_cond_init(&serve.changed, NULL);
    unlock();
}
