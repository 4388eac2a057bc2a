/* gops.c - see gops.h.
 *
 * A client of gops sends one byte and takes all that comes until the connection is closed for its answer. So there is
 * no place for an error but the answer itself: one line that says what went wrong stands where a profile would. What
 * takes its time ends when the client has gone, or has said that it sends no more, which looks the same; as the latter
 * may still read, it gets what there is until then.
 */
#include "runtime/agent/gops.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "runtime/agent/conn.h"
#include "runtime/agent/gops_text.h"
#include "runtime/cruntime.h"
#include "runtime/os/os.h"
#include "runtime/profile/profile.h"
#include "runtime/trace/trace.h"

#define NS_PER_S UINT64_C(1000000000)
/* gops' own spans, which its client tells its user. */
#define CPU_PROFILE_NS (30 * NS_PER_S)
#define TRACE_NS (5 * NS_PER_S)
/* gops sends byte and number at once. */
#define NUMBER_NS (5 * NS_PER_S)

#if defined(__clang__)
#define COMPILER "clang " NUMBER(__clang_major__) "." NUMBER(__clang_minor__) "." NUMBER(__clang_patchlevel__)
#else
#define COMPILER "gcc " NUMBER(__GNUC__) "." NUMBER(__GNUC_MINOR__) "." NUMBER(__GNUC_PATCHLEVEL__)
#endif
#define NUMBER(n) NUMBER_OF(n)
#define NUMBER_OF(n) #n

struct request {
    const uint8_t *more; /* what came after the byte */
    size_t len;
};

/* ---- texts ------------------------------------------------------------------------------------------ */

/* write(out, arg) into memory, then to the client: whole or not at all. */
static void send_text(int fd, void (*write)(FILE *out, void *arg), void *arg)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    if (!out) {
        return;
    }
    write(out, arg);
    bool cut = ferror(out) != 0;
    if (fclose(out) == 0 && !cut) {
        rt__conn_write(fd, text, len);
    }
    free(text);
}

static void write_memstats(FILE *out, void *unused)
{
    struct rt_memstats ms;
    (void)unused;
    rt_read_memstats(&ms);
    rt__gops_write_memstats(out, &ms);
}

static void answer_memstats(int fd, const struct request *unused)
{
    (void)unused;
    send_text(fd, write_memstats, NULL);
}

static int cpus(void)
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : (int)sysconf(_SC_NPROCESSORS_ONLN);
}

static void write_stats(FILE *out, void *unused)
{
    struct rt__gops_stats stats = {.threads = rt__profile_goroutine.count(),
                                   .threads_made = rt__profile_threadcreate.count(),
                                   .procs = rt_max_procs(),
                                   .cpus = cpus()};
    (void)unused;
    rt__gops_write_stats(out, &stats);
}

static void answer_stats(int fd, const struct request *unused)
{
    (void)unused;
    send_text(fd, write_stats, NULL);
}

static void answer_version(int fd, const struct request *unused)
{
    (void)unused;
    rt__conn_print(fd, "cruntime " RT_VERSION " (%s, " COMPILER ")\n", rt_allocator());
}

/* ---- cycles ----------------------------------------------------------------------------------------- */

static void answer_gc(int fd, const struct request *unused)
{
    (void)unused;
    rt_gc();
    rt__conn_write(fd, "ok", 2);
}

/* As rt__gops_varint, reading what has not come yet. */
static int read_number(int fd, const struct request *req, int64_t *number)
{
    uint8_t bytes[10]; /* the longest there is */
    size_t len = req->len < sizeof(bytes) ? req->len : sizeof(bytes);
    uint64_t until_ns = rt__os_now_ns() + NUMBER_NS;
    int result;
    memcpy(bytes, req->more, len);
    while ((result = rt__gops_varint(bytes, len, number)) == 0) {
        ssize_t n = rt__conn_read(fd, bytes + len, sizeof(bytes) - len, until_ns);
        if (n <= 0) {
            return -1;
        }
        len += (size_t)n;
    }
    return result;
}

static void answer_set_gc_percent(int fd, const struct request *req)
{
    int64_t percent;
    if (read_number(fd, req, &percent) < 0 || percent > INT_MAX) {
        rt__conn_print(fd, "gc percent: want a signed varint of at most %d\n", INT_MAX);
        return;
    }
    int old = rt_set_gc_percent(percent < 0 ? -1 : (int)percent);
    rt__conn_print(fd, "New GC percent set to %" PRId64 ". Previous value was %d.\n", percent, old);
}

/* ---- profiles --------------------------------------------------------------------------------------- */

static void answer_stack(int fd, const struct request *unused)
{
    (void)unused;
    rt_profile_write("goroutine", 2, fd);
}

static void answer_heap_profile(int fd, const struct request *unused)
{
    (void)unused;
    rt_profile_write("heap", 0, fd);
}

static void answer_cpu_profile(int fd, const struct request *unused)
{
    struct rt__profile profile;
    struct rt__bytes bytes = {.data = NULL};
    (void)unused;
    int error = rt__cpu_profile_begin();
    if (error != 0) {
        rt__conn_print(fd, "Could not enable CPU profiling: %s\n",
                       error == -EBUSY ? "cpu profiling already in use" : strerror(-error));
        return;
    }
    rt__profile_wait(CPU_PROFILE_NS, fd);
    if (rt__cpu_profile_end(&profile) != 0) {
        return; /* only who has begun it ends it */
    }
    if (!profile.failed && rt__profile_render(&profile, 0, &bytes) == 0) {
        rt__conn_write(fd, bytes.data, bytes.len);
    }
    rt__bytes_release(&bytes);
    rt__profile_release(&profile);
}

/* Written to the client while it is recorded, by the trace's own thread. */
static void answer_trace(int fd, const struct request *unused)
{
    (void)unused;
    int error = rt__trace_begin(fd, RT__TRACE_GO);
    if (error != 0) {
        rt__conn_print(fd, "Could not enable tracing: %s\n",
                       error == -EBUSY ? "tracing is already enabled" : strerror(-error));
        return;
    }
    rt__profile_wait(TRACE_NS, fd);
    rt__trace_end();
}

/* ---- the program ------------------------------------------------------------------------------------ */

static void answer_binary(int fd, const struct request *unused)
{
    struct stat stat;
    (void)unused;
    int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return;
    }
    if (fstat(file, &stat) == 0) {
        rt__conn_send_file(fd, file, (uint64_t)stat.st_size);
    }
    close(file);
}

/* ---- which -------------------------------------------------------------------------------------------- */

static void (*const answers[])(int fd, const struct request *req) = {
    [0x01] = answer_stack,          [0x02] = answer_gc,           [0x03] = answer_memstats,
    [0x04] = answer_version,        [0x05] = answer_heap_profile, [0x06] = answer_cpu_profile,
    [0x07] = answer_stats,          [0x08] = answer_trace,        [0x09] = answer_binary,
    [0x10] = answer_set_gc_percent,
};

void rt__gops_answer(int fd, const uint8_t *request, size_t len)
{
    struct request req = {.more = request + 1, .len = len - 1};
    if (request[0] < sizeof(answers) / sizeof(*answers) && answers[request[0]]) {
        answers[request[0]](fd, &req);
    }
}
