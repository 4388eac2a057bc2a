/* sockets.c - see sockets.h.
 *
 * The kernel lists a network's sockets with their inodes, and a process's descriptors name inodes: what is in both
 * is the process's.
 */
#include "runtime/agent/cops/sockets.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "runtime/agent/cops/proc.h"

struct inodes {
    uint64_t *all;
    size_t n, room;
};

static int by_inode(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void read_inodes(int pid, struct inodes *out)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/fd", pid);
    DIR *dir = opendir(path);
    if (!dir)
        return;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        char link[64];
        uint64_t inode;
        ssize_t n = readlinkat(dirfd(dir), entry->d_name, link, sizeof link - 1);
        if (n <= 0)
            continue;
        link[n] = '\0';
        if (sscanf(link, "socket:[%" SCNu64 "]", &inode) != 1)
            continue;
        if (out->n == out->room)
            out->all = cops_grow(out->all, (out->room = out->room * 2 + 64) * sizeof *out->all);
        out->all[out->n++] = inode;
    }
    closedir(dir);
    if (out->n > 0)
        qsort(out->all, out->n, sizeof *out->all, by_inode);
}

static bool has_inode(const struct inodes *inodes, uint64_t inode)
{
    return inode != 0 && bsearch(&inode, inodes->all, inodes->n, sizeof inode, by_inode) != NULL;
}

static void read_table(int pid, const char *name, bool is_v6, const struct inodes *inodes, struct cops_sockets *out)
{
    struct cops_text text = {0};
    struct cops_socket socket;
    if (cops_proc_read(pid, name, &text)) {
        bool is_udp = strncmp(name, "net/udp", 7) == 0;
        for (const char *line = strchr(text.bytes, '\n'); line; line = strchr(line + 1, '\n')) {
            if (!cops_parse_socket(line + 1, is_v6, &socket) || !has_inode(inodes, socket.inode))
                continue;
            /* UDP has no connections; the kernel says CLOSE of those that nobody connected. */
            if (is_udp)
                socket.state = 0;
            out->all = cops_grow(out->all, (out->n + 1) * sizeof *out->all);
            out->all[out->n++] = socket;
        }
    }
    cops_text_free(&text);
}

void cops_sockets_of(int pid, struct cops_sockets *out)
{
    struct inodes inodes = {0};
    *out = (struct cops_sockets){0};
    read_inodes(pid, &inodes);
    if (inodes.n > 0) {
        read_table(pid, "net/tcp", false, &inodes, out);
        read_table(pid, "net/tcp6", true, &inodes, out);
        read_table(pid, "net/udp", false, &inodes, out);
        read_table(pid, "net/udp6", true, &inodes, out);
    }
    free(inodes.all);
}

void cops_sockets_free(struct cops_sockets *sockets)
{
    free(sockets->all);
    *sockets = (struct cops_sockets){0};
}

const struct cops_socket *cops_sockets_listener(const struct cops_sockets *sockets, unsigned port)
{
    for (size_t i = 0; i < sockets->n; i++) {
        if (sockets->all[i].state == COPS_STATE_LISTEN && sockets->all[i].local.port == port)
            return &sockets->all[i];
    }
    return NULL;
}
