/* access_log.c - see access_log.h.
 *
 * h2o opens the file once and appends, so a log is rotated by copying and truncating. Its own
 * complaints go to stderr in its own words and it takes a path that begins with "|" for a command
 * to run; both are why the path is looked at here before h2o sees it.
 */
#include "app/server/access_log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

int access_log_check(const char *path, struct failure *err)
{
    int fd;

    if (path[0] == '|')
        return failure_set(err, "access_log: %.200s: want a file, not a command", path);
    /* O_NONBLOCK: a pipe that nobody reads would hold up the start for ever. */
    fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0644);
    if (fd < 0)
        return failure_set(err, "access_log: %.200s: %s", path, strerror(errno));
    close(fd);
    return 0;
}

int access_log_mount(h2o_hostconf_t *host, const char *path, struct failure *err)
{
    h2o_access_log_filehandle_t *handle;

    if (access_log_check(path, err) != 0)
        return -1;
    handle = h2o_access_log_open_handle(path, ACCESS_LOG_FORMAT, H2O_LOGCONF_ESCAPE_APACHE);
    if (handle == NULL)
        return failure_set(err, "access_log: %.200s: cannot be opened", path);
    for (size_t i = 0; i < host->paths.size; i++)
        h2o_access_log_register(&host->paths.entries[i], handle);
    h2o_access_log_register(&host->fallback_path, handle);
    return 0;
}
