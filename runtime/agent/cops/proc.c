/* proc.c - see proc.h. */
#include "runtime/agent/cops/proc.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "runtime/agent/cops/options.h"

/* maps of a program with a hundred thousand mappings; command lines end at 2 MB. */
#define FILE_LIMIT ((size_t)32 << 20)

bool cops_proc_read(int pid, const char *name, struct cops_text *text)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
    return cops_read_file(path, FILE_LIMIT, text);
}

bool cops_proc_stat(int pid, struct cops_stat *stat)
{
    struct cops_text text = {0};
    bool ok = cops_proc_read(pid, "stat", &text) && cops_parse_stat(text.bytes, stat);
    cops_text_free(&text);
    return ok;
}

bool cops_proc_exe(int pid, char *buf, size_t size)
{
    static const char deleted[] = " (deleted)";
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/exe", pid);
    ssize_t n = readlink(path, buf, size - 1);
    if (n <= 0)
        return false;
    buf[n] = '\0';
    size_t end = (size_t)n, tail = sizeof deleted - 1;
    if (end > tail && strcmp(buf + end - tail, deleted) == 0)
        buf[end - tail] = '\0';
    return true;
}

static int by_size(const void *a, const void *b)
{
    int x = *(const int *)a, y = *(const int *)b;
    return (x > y) - (x < y);
}

int *cops_proc_all(size_t *n)
{
    DIR *dir = opendir("/proc");
    int *pids = NULL;
    size_t room = 0;
    *n = 0;
    if (!dir)
        return NULL;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        uint64_t pid;
        if (!cops_parse_number(entry->d_name, INT_MAX, &pid) || pid == 0)
            continue;
        if (*n == room)
            pids = cops_grow(pids, (room = room * 2 + 256) * sizeof *pids);
        pids[(*n)++] = (int)pid;
    }
    closedir(dir);
    if (!pids) {
        errno = ENOENT;
        return NULL;
    }
    qsort(pids, *n, sizeof *pids, by_size);
    return pids;
}
