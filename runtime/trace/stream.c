/* stream.c - a whole trace, written while it is recorded: one at a time.
 *
 * A thread of its own copies the chunks that are full, again and again, and writes down what is in them; so the length
 * of a trace is bounded by where it is written to, not by memory. It begins with the state that each thread is in, and
 * ends with what is in the chunks that are not full yet. When writing fails, recording ends at once, since there is
 * nobody to record for; the error is told by whoever ends the trace.
 *
 * The one who begins and the one who ends only wait for that thread. In a forked child no trace is being taken (state.c
 * sees to recording): the descriptor is the parent's to write to. (What the parent's trace has in memory stays in the
 * child's, unused: it may have been in the middle of anything.)
 */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include "runtime/cruntime.h"
#include "runtime/os/os.h"
#include "runtime/trace/heap_events.h"
#include "runtime/trace/reading.h"
#include "runtime/trace/record.h"
#include "runtime/trace/room.h"
#include "runtime/trace/trace.h"

/* How many looks apart the names of young threads are read again. */
#define LOOKS_APART 100u
/* Threads that do nothing but record fill the room that a trace has (room.c) in some 100 ms. */
#define LOOK_NS 10000000u
/* libdw reads a file's lines onto the stack, in a frame of 150 KiB, and what a sanitizer adds comes on top. */
#define THREAD_STACK_BYTES (1024u << 10)

enum state { IDLE, STARTING, RUNNING, ENDING };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static enum state state;

/* Of the trace being taken; between begin and end its thread's own. */
static struct rt__reading *reading;
static int end_error;
static pthread_t writer;
static sem_t end_asked;

/* True when the trace was in the one state and is in the other now. */
static bool change_state(enum state from, enum state to)
{
    pthread_mutex_lock(&lock);
    bool was = state == from;
    if (was) {
        state = to;
    }
    pthread_mutex_unlock(&lock);
    return was;
}

/* ---- fork ------------------------------------------------------------------------------------- */

static void before_fork(void)
{
    pthread_mutex_lock(&lock);
}

static void after_fork(void)
{
    pthread_mutex_unlock(&lock);
}

static void after_fork_in_child(void)
{
    reading = NULL;
    state = IDLE;
    rt__reading_forget();
    rt__room_forget();
    pthread_mutex_unlock(&lock);
}

static void mind_forks(void)
{
    pthread_atfork(before_fork, after_fork, after_fork_in_child);
}

/* ---- recording -------------------------------------------------------------------------------- */

static void start_recording(void)
{
    rt__room_trace(true);
    rt__recording_set(RT__RECORD_TRACE, true);
}

static void stop_recording(void)
{
    rt__recording_set(RT__RECORD_TRACE, false);
    rt__chunks_unkeep();
    rt__room_trace(false);
}

/* ---- the trace's own thread ------------------------------------------------------------------- */

/* True when the end was asked for meanwhile. */
static bool wait_for_end(void)
{
    return rt__os_helper_wait(&end_asked, LOOK_NS);
}

static void write_some(bool kept_only, enum rt__reading_threads which)
{
    struct rt__gathered g;
    rt__gather(&g, kept_only);
    rt__reading_feed(reading, &g, which);
    rt__gathered_release(&g);
}

/* Until somebody asks for the end, or there is no use in going on. True in the first case. */
static bool write_until_the_end(void)
{
    for (unsigned looks = 1; !wait_for_end(); looks++) {
        write_some(true, looks % LOOKS_APART == 0 ? RT__READING_YOUNG : RT__READING_NEW);
        if (rt__reading_error(reading) != 0) {
            return false;
        }
    }
    return true;
}

/* Events of now are in chunks that are not full, or were filled just now. */
static void write_the_rest(void)
{
    rt__heap_event(true);
    rt__reading_until(reading, rt__os_now_ns());
    rt__recording_set(RT__RECORD_TRACE, false);
    write_some(false, RT__READING_ALL);
    stop_recording();
}

static void *write_trace(void *unused)
{
    (void)unused;
    pthread_setname_np(pthread_self(), "rt-trace");
    rt__heap_event(true);
    if (write_until_the_end()) {
        write_the_rest();
    } else {
        stop_recording();
        rt__reading_until(reading, rt__os_now_ns());
        while (!wait_for_end()) {
        }
    }
    end_error = rt__reading_end(reading);
    return NULL;
}

/* ---- begin and end ---------------------------------------------------------------------------- */

/* Recording comes first, so that from the begin on nothing is missing. */
static int begin(int fd, enum rt__trace_format format)
{
    uint64_t since = rt__ticks();
    start_recording();
    reading = rt__reading_begin(fd, format, rt__os_now_ns(), since);
    if (!reading) {
        stop_recording();
        return -ENOMEM;
    }
    sem_init(&end_asked, 0, 0);
    int error = rt__os_helper_start(&writer, THREAD_STACK_BYTES, write_trace);
    if (error != 0) {
        stop_recording();
        rt__reading_abandon(reading);
    }
    return error;
}

int rt__trace_begin(int fd, enum rt__trace_format format)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, mind_forks);
    if (!change_state(IDLE, STARTING)) {
        return -EBUSY;
    }
    int error = begin(fd, format);
    change_state(STARTING, error == 0 ? RUNNING : IDLE);
    return error;
}

int rt__trace_end(void)
{
    if (!change_state(RUNNING, ENDING)) {
        return -EINVAL;
    }
    sem_post(&end_asked);
    pthread_join(writer, NULL);
    sem_destroy(&end_asked);
    reading = NULL;
    int error = end_error;
    change_state(ENDING, IDLE);
    return error;
}

RT_API int rt_trace_start(int fd)
{
    return rt__trace_begin(fd, RT__TRACE_GO);
}

RT_API int rt_trace_stop(void)
{
    return rt__trace_end();
}
