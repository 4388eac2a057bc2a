/* port_file.c - see port_file.h.
 *
 * The file is made under another name and renamed, so that nobody reads half a port. A process that is killed leaves
 * its file behind; whoever starts an agent takes away those of processes that are no more. In that folder only files
 * with a number for a name are touched, only of this user, and never one of a living process: pids are used again.
 */
#include "runtime/agent/port_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Absolute, so that the file is found again after a chdir; and whose it is: a forked child has a copy of this. */
static char written[RT__PORT_FILE_PATH];
static pid_t writer;

/* ---- the folder ----------------------------------------------------------------------------------- */

static const char *or_null(const char *text)
{
    return text && text[0] ? text : NULL;
}

int rt__port_file_folder(const char *config_dir, env_getter get, void *arg, char *out, size_t size)
{
    const char *below = "";
    const char *folder = or_null(config_dir);
    if (!folder) {
        folder = or_null(get("GOPS_CONFIG_DIR", arg));
    }
    if (!folder) {
        folder = or_null(get("XDG_CONFIG_HOME", arg));
        below = "/gops";
    }
    if (!folder) {
        folder = or_null(get("HOME", arg));
        below = "/.config/gops";
    }
    if (!folder) {
        return -ENOENT;
    }
    return (size_t)snprintf(out, size, "%s%s", folder, below) < size ? 0 : -ENAMETOOLONG;
}

static int make_one(const char *path)
{
    return mkdir(path, 0700) == 0 || errno == EEXIST ? 0 : -errno;
}

static int make_folders(const char *folder)
{
    char path[RT__PORT_FILE_PATH];
    if ((size_t)snprintf(path, sizeof(path), "%s", folder) >= sizeof(path)) {
        return -ENAMETOOLONG;
    }
    if (!path[0]) {
        return -ENOENT;
    }
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        int error = make_one(path);
        *slash = '/';
        if (error != 0) {
            return error;
        }
    }
    return make_one(path);
}

/* ---- files of the dead ---------------------------------------------------------------------------- */

int rt__port_file_pid(const char *name)
{
    int pid = 0;
    if (name[0] == '0') {
        return 0;
    }
    for (; *name; name++) {
        if (*name < '0' || *name > '9' || __builtin_mul_overflow(pid, 10, &pid) ||
            __builtin_add_overflow(pid, *name - '0', &pid)) {
            return 0;
        }
    }
    return pid;
}

static void remove_if_dead(int folder, const char *name)
{
    struct stat stat;
    int pid = rt__port_file_pid(name);
    if (pid == 0 || kill(pid, 0) == 0 || errno != ESRCH) {
        return;
    }
    if (fstatat(folder, name, &stat, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(stat.st_mode) && stat.st_uid == geteuid()) {
        unlinkat(folder, name, 0);
    }
}

static void remove_dead(const char *folder)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;
    if (!dir) {
        return;
    }
    while ((entry = readdir(dir)) != NULL) {
        remove_if_dead(dirfd(dir), entry->d_name);
    }
    closedir(dir);
}

/* ---- the file ------------------------------------------------------------------------------------- */

static int write_new(const char *path, int port)
{
    char digits[16];
    int len = snprintf(digits, sizeof(digits), "%d", port);
    unlink(path); /* of an earlier process of this pid that was killed just then */
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) {
        return -errno;
    }
    ssize_t n = write(fd, digits, (size_t)len);
    int error = n == len ? 0 : n < 0 ? -errno : -ENOSPC;
    if (fchmod(fd, 0600) != 0 && error == 0) { /* whatever the umask took */
        error = -errno;
    }
    close(fd);
    return error;
}

/* to = folder/PIDsuffix */
static bool name_file(char *to, size_t size, const char *folder, const char *suffix)
{
    return (size_t)snprintf(to, size, "%s/%d%s", folder, (int)getpid(), suffix) < size;
}

static int put_file(const char *folder, int port)
{
    char fresh[RT__PORT_FILE_PATH], path[RT__PORT_FILE_PATH];
    if (!name_file(fresh, sizeof(fresh), folder, ".new") || !name_file(path, sizeof(path), folder, "")) {
        return -ENAMETOOLONG;
    }
    int error = write_new(fresh, port);
    if (error == 0 && rename(fresh, path) != 0) {
        error = -errno;
    }
    if (error != 0) {
        unlink(fresh);
        return error;
    }
    strcpy(written, path);
    __atomic_store_n(&writer, getpid(), __ATOMIC_RELEASE);
    return 0;
}

int rt__port_file_write(const char *folder, int port)
{
    int error = make_folders(folder);
    if (error != 0) {
        return error;
    }
    char *absolute = realpath(folder, NULL);
    if (!absolute) {
        return -errno;
    }
    remove_dead(absolute);
    error = put_file(absolute, port);
    free(absolute);
    return error;
}

void rt__port_file_remove(void)
{
    pid_t own = getpid();
    if (__atomic_compare_exchange_n(&writer, &own, 0, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
        unlink(written);
    }
}
