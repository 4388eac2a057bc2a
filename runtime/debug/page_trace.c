/* page_trace.c - an execution trace over HTTP, for `go tool trace`, Perfetto and whoever else asks.
 *
 * Status, headers and words are those of Go's net/http/pprof; ?format=chrome is ours. A trace may grow to
 * hundreds of megabytes, so it is recorded into a file and not into memory, which would be the traced program's: the
 * answer is that file. It has no name, so that nothing of it stays on the disk, however this ends.
 *
 * Waits on a thread of the server's and watches the peer, as the profiles do: when that has gone, the one trace that
 * there can be ends at once, for the next who asks. A HEAD request is answered from the parameters alone.
 */
#include "runtime/debug/pprof.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_MAX_BYTES 4096 /* the kernel takes no longer path */

static const char *folder_for_files(void)
{
    const char *folder = secure_getenv("TMPDIR");
    return folder && folder[0] ? folder : "/tmp";
}

/* -1 with errno. Not every file system has files without a name from the start. */
static int open_unnamed(const char *folder)
{
    char path[NAME_MAX_BYTES];
    int fd = open(folder, O_TMPFILE | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0)
        return fd;
    if (snprintf(path, sizeof path, "%s/trace.XXXXXX", folder) >= (int)sizeof path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0)
        unlink(path);
    return fd;
}

/* Never 0, which in a response is no file: a program may run with its standard input closed. */
static int open_file(const char *folder)
{
    int fd = open_unnamed(folder);
    if (fd != 0)
        return fd;
    int other = fcntl(fd, F_DUPFD_CLOEXEC, 1);
    close(fd);
    return other;
}

static void announce(struct rt_debug_response *res, enum rt__trace_format format)
{
    bool is_chrome = format == RT__TRACE_CHROME;
    res->content_type = is_chrome ? "application/json" : RT__BINARY_TYPE;
    snprintf(res->disposition, sizeof res->disposition, "attachment; filename=\"%s\"",
             is_chrome ? "trace.json" : "trace");
}

static void give_file(int fd, FILE *out, struct rt_debug_response *res)
{
    struct stat stat;
    if (fstat(fd, &stat) != 0) {
        rt__pprof_fail(out, res, 500, "Could not finish tracing: %s", strerror(errno));
        close(fd);
        return;
    }
    res->file_fd = fd;
    res->body_len = (size_t)stat.st_size;
}

/* Whether all of it is in the file; otherwise the request is answered. */
static bool record(int fd, const struct rt__pprof_trace_params *params, const struct rt_debug_request *req, FILE *out,
                   struct rt_debug_response *res)
{
    int error = rt__trace_begin(fd, params->format);
    if (error != 0) {
        rt__pprof_fail(out, res, 500, "Could not enable tracing: %s",
                       error == -EBUSY ? "tracing is already enabled" : strerror(-error));
        return false;
    }
    bool is_whole = rt__pprof_wait(params->ns, "trace", req, out, res);
    error = rt__trace_end(); /* one that nobody reads, too */
    if (is_whole && error != 0)
        rt__pprof_fail(out, res, 500, "Could not finish tracing: %s",
                       error == -EINVAL ? "the program itself has ended it" : strerror(-error));
    return is_whole && error == 0;
}

static void take_trace(const struct rt__pprof_trace_params *params, const struct rt_debug_request *req, FILE *out,
                       struct rt_debug_response *res)
{
    const char *folder = folder_for_files();
    int fd = open_file(folder);
    if (fd < 0)
        rt__pprof_fail(out, res, 500, "Could not enable tracing: no file can be made in %s: %s", folder,
                       strerror(errno));
    else if (record(fd, params, req, out, res))
        give_file(fd, out, res);
    else
        close(fd);
}

void rt__page_pprof_trace(const struct rt_debug_request *req, FILE *out, struct rt_debug_response *res)
{
    struct rt__pprof_trace_params params;
    const char *wrong = rt__pprof_read_trace_params(req->query, req->query_len, &params);
    if (wrong) {
        rt__pprof_fail(out, res, 400, "%s", wrong);
        return;
    }
    announce(res, params.format);
    if (!rt__pprof_is_method(req, "HEAD"))
        take_trace(&params, req, out, res);
}
