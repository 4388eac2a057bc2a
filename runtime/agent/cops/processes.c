/* processes.c - see processes.h.
 *
 * A program's file holds the runtime's note when the runtime is linked into it, and the libcruntime.so that it has
 * mapped does otherwise. An agent counts when its port's file is there and the process does listen at that port: a file
 * may outlive its process, and a PID is used again.
 */
#include "runtime/agent/cops/processes.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "runtime/agent/cops/proc.h"

#define LIBRARY "libcruntime.so"

/* Of a library that is gone from its folder nothing but the name is known. */
#define UNKNOWN_VERSION "?"

/* By the library that is mapped. The path is one in the process's own view of the file system. */
static bool find_library(int pid, char version[COPS_VERSION_TEXT])
{
    struct cops_text maps = {0};
    char path[PATH_MAX], full[PATH_MAX + 64];
    bool found = false;
    if (cops_proc_read(pid, "maps", &maps)) {
        const char *text = maps.bytes;
        if (cops_parse_maps(&text, LIBRARY, path, sizeof path)) {
            snprintf(full, sizeof full, "/proc/%d/root%s", pid, path);
            if (!cops_note_of_file(full, version))
                strcpy(version, UNKNOWN_VERSION);
            found = true;
        }
    }
    cops_text_free(&maps);
    return found;
}

static bool uses_runtime(int pid, char version[COPS_VERSION_TEXT])
{
    char exe[64];
    snprintf(exe, sizeof exe, "/proc/%d/exe", pid);
    return cops_note_of_file(exe, version) || find_library(pid, version);
}

static bool look_at(int pid, const char *config_dir, struct cops_proc *out)
{
    char path[PATH_MAX];
    struct cops_stat stat;
    if (!cops_proc_exe(pid, path, sizeof path) || !uses_runtime(pid, out->version) || !cops_proc_stat(pid, &stat))
        return false;
    out->pid = pid;
    out->ppid = stat.ppid;
    memcpy(out->name, stat.name, sizeof out->name);
    unsigned port = *config_dir ? cops_port_of(config_dir, pid) : 0;
    if (port == 0 || !cops_agent_of(pid, port, out->agent))
        out->agent[0] = '\0';
    size_t len = strlen(path) + 1;
    out->path = memcpy(cops_grow(NULL, len), path, len);
    return true;
}

bool cops_processes_find(struct cops_processes *out)
{
    char config_dir[PATH_MAX];
    size_t n;
    *out = (struct cops_processes){0};
    if (!cops_config_dir(config_dir, sizeof config_dir))
        config_dir[0] = '\0';
    int *pids = cops_proc_all(&n);
    if (!pids)
        return false;
    out->all = cops_grow(NULL, n * sizeof *out->all);
    for (size_t i = 0; i < n; i++) {
        if (look_at(pids[i], config_dir, &out->all[out->n]))
            out->n++;
    }
    free(pids);
    return true;
}

void cops_processes_free(struct cops_processes *processes)
{
    for (size_t i = 0; i < processes->n; i++)
        free(processes->all[i].path);
    free(processes->all);
    *processes = (struct cops_processes){0};
}
