/* folder.c - finds the folder of the pictures (config_find_static in config.h).
 *
 * A folder that was asked for and cannot be served ends the start; without one, the program looks
 * where its build and where its installation put the pictures, and does without them otherwise:
 * the interface of rooms and bookings needs none.
 */
#include "app/config/config.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Returns 0, or the errno that says why it is none. */
static int check_folder(const char *path)
{
    struct stat st;

    if (stat(path, &st) != 0)
        return errno;
    if (!S_ISDIR(st.st_mode))
        return ENOTDIR;
    return access(path, R_OK | X_OK) == 0 ? 0 : errno;
}

/* The folder imgs beside the executable. Returns whether path holds it. */
static bool beside_executable(char path[PATH_MAX])
{
    static const char name[] = "imgs";
    ssize_t len = readlink("/proc/self/exe", path, PATH_MAX - sizeof(name));
    char *slash;

    if (len <= 0)
        return false;
    path[len] = '\0';
    slash = strrchr(path, '/');
    if (slash == NULL)
        return false;
    memcpy(slash + 1, name, sizeof(name));
    return true;
}

int config_find_static(struct config *c, struct failure *err)
{
    static const char installed[] = APP_DATA_FOLDER "/imgs";
    char path[PATH_MAX];

    if (c->static_folder != NULL) {
        int error = check_folder(c->static_folder);

        return error == 0 ? 0
                          : failure_set(err, "static: %.200s: want a folder that can be read: %s", c->static_folder,
                                        strerror(error));
    }
    if (beside_executable(path) && check_folder(path) == 0)
        c->static_folder = strdup(path);
    else if (check_folder(installed) == 0)
        c->static_folder = strdup(installed);
    else
        return 0;
    return c->static_folder != NULL ? 0 : failure_set(err, "out of memory");
}
