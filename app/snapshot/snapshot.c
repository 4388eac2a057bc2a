/* snapshot.c - see snapshot.h.
 *
 * Whoever asks for a snapshot and cannot wait for it, a signal handler or an event loop, adds 1 to an eventfd; a
 * thread of its own waits for that. It is not one of app/workers, because their places may all be taken, by profiles
 * for half a minute, just when something is worth a snapshot.
 *
 * One snapshot is written at a time. Whoever asks for one while another is being written waits for it, and then for one
 * more, because what he wants to see may have happened after the first had begun; all who came meanwhile share that.
 * Writing ends with an fsync, which no signal interrupts, so it is done in rt_thread_block: else a cycle that begins
 * meanwhile would stop all other threads until the disk has answered.
 *
 * The loop that saw a slow request leaves the route and the time in one place. There is only one, as the next request
 * that may leave something there comes ten seconds later.
 */
#include "app/snapshot/snapshot.h"

#include "app/server/signals.h"
#include "cruntime.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* The least time between two snapshots for slow requests. When all requests are slow the first snapshot says why, and
 * writing more makes them slower; a lower figure also would replace it before anybody has looked at it. As long as
 * the recorder looks back by default, so that together they still leave nothing out. */
#define SLOW_GAP_MS 10000

/* The longest sleep, for rt_thread_poll as in the loops. */
#define IDLE_MS 1000

#define NS_PER_S UINT64_C(1000000000)

/* What is added to the eventfd: by whoever asks, and to end the thread. */
#define ASK UINT64_C(1)
#define STOP (UINT64_C(1) << 32)

struct written {
    int error; /* 0, or a negative errno */
    uint64_t bytes;
};

struct snapshots {
    const struct snapshot_options *options;
    pthread_mutex_t turn; /* the next five; never held while a snapshot is written */
    pthread_cond_t turn_ended;
    bool is_writing;
    uint64_t begun, ended; /* snapshots, ever */
    struct written last;   /* that has ended */
    int asked_fd;          /* an eventfd */
    pthread_t thread;
    _Atomic int64_t slow_due_ms; /* no snapshot for a slow request before */
    pthread_mutex_t lock;
    const char *slow_route; /* under the lock, as is slow_ms; NULL: none */
    int64_t slow_ms;
};

static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- writing --------------------------------------------------------------------------------- */

struct writing {
    const char *file;
    struct written result;
};

/* In rt_thread_block. */
static void *write_file(void *arg)
{
    struct writing *writing = arg;
    struct written *result = &writing->result;
    struct stat st;

    result->error = rt_flight_recorder_write_file(writing->file);
    if (result->error == 0 && stat(writing->file, &st) != 0)
        result->error = -errno;
    if (result->error == 0)
        result->bytes = (uint64_t)st.st_size;
    return NULL;
}

/* Holds the turn, and lets go of it while it writes. */
static void write_one(struct snapshots *snapshots)
{
    struct writing writing = {.file = snapshots->options->file};

    snapshots->is_writing = true;
    snapshots->begun++;
    pthread_mutex_unlock(&snapshots->turn);
    rt_thread_block(write_file, &writing);
    pthread_mutex_lock(&snapshots->turn);
    snapshots->is_writing = false;
    snapshots->ended++;
    snapshots->last = writing.result;
    pthread_cond_broadcast(&snapshots->turn_ended);
}

/* What one that began after the call came to, whoever wrote it. */
static struct written write_or_share(struct snapshots *snapshots)
{
    struct written result;
    uint64_t begun;

    pthread_mutex_lock(&snapshots->turn);
    begun = snapshots->begun;
    while (snapshots->is_writing && snapshots->ended <= begun)
        pthread_cond_wait(&snapshots->turn_ended, &snapshots->turn);
    if (snapshots->ended <= begun)
        write_one(snapshots);
    result = snapshots->last;
    pthread_mutex_unlock(&snapshots->turn);
    return result;
}

void snapshot_write(struct snapshots *snapshots, struct snapshot *out)
{
    struct written written;

    *out = (struct snapshot){.file = snapshots->options->file};
    if (!snapshots->options->is_on) {
        out->status = SNAPSHOT_OFF;
        failure_set(&out->why, "set \"flight_recorder\" to true in the configuration");
        return;
    }
    written = write_or_share(snapshots);
    out->status = written.error == 0 ? SNAPSHOT_WRITTEN : SNAPSHOT_FAILED;
    out->bytes = written.bytes;
    if (written.error != 0)
        failure_set(&out->why, "%.300s: %s", out->file, strerror(-written.error));
}

/* ---- for those who do not wait --------------------------------------------------------------- */

static void add(const struct snapshots *snapshots, uint64_t what)
{
    ssize_t written = write(snapshots->asked_fd, &what, sizeof(what));

    (void)written; /* it is full only when it has not been read for ever */
}

void snapshot_after_slow(struct snapshots *snapshots, const char *route, int64_t ms)
{
    int64_t due_ms = atomic_load(&snapshots->slow_due_ms), at_ms = now_ms();

    if (at_ms < due_ms || !atomic_compare_exchange_strong(&snapshots->slow_due_ms, &due_ms, at_ms + SLOW_GAP_MS))
        return;
    pthread_mutex_lock(&snapshots->lock);
    snapshots->slow_route = route;
    snapshots->slow_ms = ms;
    pthread_mutex_unlock(&snapshots->lock);
    add(snapshots, ASK);
}

/* One line: what was the reason, if anything else than being asked, and what came of it. */
static void write_and_tell(struct snapshots *snapshots, const char *reason)
{
    struct snapshot snapshot;
    struct failure line;

    snapshot_write(snapshots, &snapshot);
    if (snapshot.status == SNAPSHOT_WRITTEN)
        failure_set(&line, "%swrote %.300s (%" PRIu64 " bytes)", reason, snapshot.file, snapshot.bytes);
    else
        failure_set(&line, "%s%s: %s", reason,
                    snapshot.status == SNAPSHOT_OFF ? "the flight recorder is off" : "cannot write a snapshot",
                    snapshot.why.text);
    fprintf(stderr, "%s\n", line.text);
}

/* Returns whether there was a slow request. */
static bool tell_slow(struct snapshots *snapshots)
{
    char reason[160];
    const char *route;

    pthread_mutex_lock(&snapshots->lock);
    route = snapshots->slow_route;
    if (route != NULL)
        snprintf(reason, sizeof(reason), "slow request: %.80s took %" PRId64 " ms; ", route, snapshots->slow_ms);
    snapshots->slow_route = NULL;
    pthread_mutex_unlock(&snapshots->lock);
    if (route != NULL)
        write_and_tell(snapshots, reason);
    return route != NULL;
}

/* However often signals have asked for it meanwhile, one snapshot is the answer. Returns whether to go on. */
static bool answer(struct snapshots *snapshots)
{
    uint64_t added = 0;
    uint64_t asked;

    if (read(snapshots->asked_fd, &added, sizeof(added)) != sizeof(added))
        return true;
    asked = added % STOP;
    if (tell_slow(snapshots) && asked != 0)
        asked--;
    if (asked != 0)
        write_and_tell(snapshots, "");
    return added < STOP;
}

static void *run(void *arg)
{
    struct snapshots *snapshots = arg;
    struct pollfd fd = {.fd = snapshots->asked_fd, .events = POLLIN};

    signals_block_here();
    while (poll(&fd, 1, IDLE_MS) <= 0 || answer(snapshots))
        rt_thread_poll();
    return NULL;
}

/* ---- life ------------------------------------------------------------------------------------ */

static int begin_recording(const struct snapshot_options *options, struct failure *err)
{
    const struct rt_flight_recorder_config config = {.min_age_ns = options->seconds * NS_PER_S,
                                                     .max_bytes = options->bytes};
    int error = options->is_on ? rt_flight_recorder_start(&config) : 0;

    return error == 0 ? 0 : failure_set(err, "the flight recorder cannot be started: %s", strerror(-error));
}

static int begin_thread(struct snapshots *snapshots, struct failure *err)
{
    int error;

    snapshots->asked_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (snapshots->asked_fd < 0)
        return failure_set(err, "eventfd: %s", strerror(errno));
    error = rt_thread_start(&snapshots->thread, NULL, "snapshots", run, snapshots);
    if (error == 0)
        return 0;
    close(snapshots->asked_fd);
    return failure_set(err, "cannot start a thread to write snapshots: %s", strerror(-error));
}

static void release(struct snapshots *snapshots)
{
    pthread_mutex_destroy(&snapshots->lock);
    pthread_cond_destroy(&snapshots->turn_ended);
    pthread_mutex_destroy(&snapshots->turn);
    free(snapshots);
}

int snapshots_start(const struct snapshot_options *options, struct snapshots **out, struct failure *err)
{
    struct snapshots *snapshots = calloc(1, sizeof(*snapshots));

    *out = snapshots;
    if (snapshots == NULL)
        return failure_set(err, "out of memory");
    snapshots->options = options;
    pthread_mutex_init(&snapshots->turn, NULL);
    pthread_cond_init(&snapshots->turn_ended, NULL);
    pthread_mutex_init(&snapshots->lock, NULL);
    if (begin_recording(options, err) == 0) {
        if (begin_thread(snapshots, err) == 0) {
            signals_count_usr2(snapshots->asked_fd);
            return 0;
        }
        rt_flight_recorder_stop();
    }
    release(snapshots);
    return -1;
}

void snapshots_stop(struct snapshots *snapshots)
{
    signals_count_usr2(-1);
    add(snapshots, STOP);
    pthread_join(snapshots->thread, NULL);
    rt_flight_recorder_stop();
    /* The eventfd stays open: a signal handler that began before may write to it still, and never to what would have
     * its number next. */
    release(snapshots);
}
