/* port_file.h - where gops and cops look for the agent of a process: a file whose name is its pid and whose content is
 * the port. */
#ifndef RT_AGENT_PORT_FILE_H
#define RT_AGENT_PORT_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include "env/settings.h"

#define RT__PORT_FILE_PATH 4096 /* the kernel takes no longer path */

/* The folder, as gops finds it: config_dir when it is not NULL, else $GOPS_CONFIG_DIR, else
 * ${XDG_CONFIG_HOME:-$HOME/.config}/gops. Returns 0; -ENOENT when nothing says where; -ENAMETOOLONG. Pure but for get.
 */
int rt__port_file_folder(const char *config_dir, env_getter get, void *arg, char *out, size_t size);

/* Makes the folder (0700, with those above it) when it is missing, takes files of dead processes out of it, and puts
 * that of this process there (0600), whole at once. Returns 0 or a negative errno. */
int rt__port_file_write(const char *folder, int port);

/* Removes the file when this process has written it; a forked child has not. Async-signal-safe. */
void rt__port_file_remove(void);

/* The pid that the name of a port file stands for, or 0 when it is none. Pure. */
int rt__port_file_pid(const char *name);

#endif
