/* proc_text.c - see proc_text.h. */
#include "runtime/agent/cops/proc_text.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

bool cops_parse_stat(const char *text, struct cops_stat *out)
{
    const char *open = strchr(text, '(');
    const char *close = strrchr(text, ')'); /* the last one: nothing behind it is text of the process's */
    if (!open || !close || close < open)
        return false;
    size_t len = (size_t)(close - open - 1);
    if (len >= sizeof out->name)
        return false;
    memcpy(out->name, open + 1, len);
    out->name[len] = '\0';
    uint64_t user, system;
    /* state ppid pgrp session tty tpgid flags minflt cminflt majflt cmajflt utime stime cutime cstime priority nice
     * threads itrealvalue starttime vsize rss */
    int n = sscanf(close + 1,
                   " %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNu64 " %" SCNu64 " %*d %*d %*d %*d %" SCNu64
                   " %*d %" SCNu64 " %*u %" SCNu64,
                   &out->ppid, &user, &system, &out->threads, &out->start_ticks, &out->rss_pages);
    out->cpu_ticks = n == 6 ? user + system : 0;
    return n == 6;
}

bool cops_parse_field(const char *text, const char *name, uint64_t *value)
{
    size_t len = strlen(name);
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, len) == 0 && line[len] == ':')
            return sscanf(line + len + 1, " %" SCNu64, value) == 1;
    }
    return false;
}

const char *cops_parse_maps(const char **text, const char *prefix, char *buf, size_t size)
{
    while (**text) {
        const char *line = *text;
        size_t len = strcspn(line, "\n");
        *text = line + len + (line[len] == '\n');
        const char *path = memchr(line, '/', len);
        if (!path)
            continue;
        size_t path_len = len - (size_t)(path - line);
        const char *base = memrchr(path, '/', path_len);
        size_t base_len = path_len - (size_t)(base + 1 - path);
        if (base_len >= strlen(prefix) && memcmp(base + 1, prefix, strlen(prefix)) == 0 && path_len < size) {
            memcpy(buf, path, path_len);
            buf[path_len] = '\0';
            return buf;
        }
    }
    return NULL;
}

/* HEX:PORT; an address is 32-bit words, each in the machine's byte order. */
static bool read_endpoint(const char **text, bool is_v6, struct cops_endpoint *out)
{
    int used = 0;
    *out = (struct cops_endpoint){.is_v6 = is_v6};
    for (size_t i = 0; i < (is_v6 ? 4 : 1); i++) {
        uint32_t word;
        if (sscanf(*text, "%8" SCNx32 "%n", &word, &used) != 1 || used != 8)
            return false;
        memcpy(out->address + i * 4, &word, 4);
        *text += used;
    }
    if (sscanf(*text, ":%4x%n", &out->port, &used) != 1 || used != 5)
        return false;
    *text += used;
    return true;
}

bool cops_parse_socket(const char *line, bool is_v6, struct cops_socket *out)
{
    const char *at = strchr(line, ':');
    if (!at)
        return false;
    at += 1 + strspn(at + 1, " ");
    if (!read_endpoint(&at, is_v6, &out->local) || *at++ != ' ' || !read_endpoint(&at, is_v6, &out->remote))
        return false;
    return sscanf(at, " %2x %*[^ ] %*[^ ] %*[^ ] %*u %*u %" SCNu64, &out->state, &out->inode) == 2;
}

const char *cops_endpoint_text(char buf[COPS_ENDPOINT_TEXT], const struct cops_endpoint *e)
{
    char address[INET6_ADDRSTRLEN] = "?";
    inet_ntop(e->is_v6 ? AF_INET6 : AF_INET, e->address, address, sizeof address);
    snprintf(buf, COPS_ENDPOINT_TEXT, e->is_v6 ? "[%s]:%u" : "%s:%u", address, e->port);
    return buf;
}

bool cops_endpoint_is_any(const struct cops_endpoint *e)
{
    static const unsigned char zeros[sizeof e->address];
    return memcmp(e->address, zeros, sizeof zeros) == 0;
}

const char *cops_state_name(unsigned state)
{
    static const char *const names[] = {"NONE",      "ESTABLISHED", "SYN_SENT",   "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2",
                                        "TIME_WAIT", "CLOSE",       "CLOSE_WAIT", "LAST_ACK", "LISTEN",    "CLOSING"};
    return state < sizeof names / sizeof names[0] ? names[state] : "NONE";
}
