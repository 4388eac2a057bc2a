/* target.c - see target.h. */
#include "runtime/agent/cops/target.h"

#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "runtime/agent/cops/options.h"
#include "runtime/agent/cops/sockets.h"
#include "runtime/agent/cops/text.h"

#define PORT_FILE_LIMIT 64 /* a port has 5 digits; whatever is longer is no port's file */

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

unsigned cops_target_parse_port(const char *text, size_t len)
{
    char digits[8];
    uint64_t port;
    while (len > 0 && is_space(text[len - 1]))
        len--;
    while (len > 0 && is_space(*text))
        text++, len--;
    if (len == 0 || len >= sizeof digits)
        return 0;
    memcpy(digits, text, len);
    digits[len] = '\0';
    return strlen(digits) == len && cops_parse_number(digits, 65535, &port) ? (unsigned)port : 0;
}

bool cops_target_parse_address(const char *text, struct cops_target *out, struct cops_error *error)
{
    const char *colon = strrchr(text, ':');
    const char *host = text;
    size_t host_len = colon ? (size_t)(colon - text) : 0;
    if (!colon || cops_target_parse_port(colon + 1, strlen(colon + 1)) == 0)
        return cops_error(error, "%.200s: want a PID or HOST:PORT with a port of 1 to 65535", text);
    if (host_len > 1 && host[0] == '[' && host[host_len - 1] == ']') {
        host++;
        host_len -= 2;
    } else if (memchr(host, ':', host_len)) {
        return cops_error(error, "%.200s: want [ADDRESS]:PORT for an IPv6 address", text);
    }
    if (host_len >= sizeof out->host)
        return cops_error(error, "%.200s: the name of the host is too long", text);
    snprintf(out->host, sizeof out->host, "%.*s", (int)host_len, host);
    if (host_len == 0)
        snprintf(out->host, sizeof out->host, "127.0.0.1");
    snprintf(out->port, sizeof out->port, "%u", cops_target_parse_port(colon + 1, strlen(colon + 1)));
    snprintf(out->name, sizeof out->name, "%.300s", text);
    return true;
}

static bool put_path(char *buf, size_t size, const char *begin, const char *end)
{
    int n = snprintf(buf, size, "%s%s", begin, end);
    return n > 0 && (size_t)n < size;
}

bool cops_config_dir(char *buf, size_t size)
{
    const char *dir = getenv("GOPS_CONFIG_DIR");
    if (dir && *dir)
        return put_path(buf, size, dir, "");
    dir = getenv("XDG_CONFIG_HOME");
    /* Go takes a relative one for an error, and then looks in the home folder. */
    if (dir && *dir == '/')
        return put_path(buf, size, dir, "/gops");
    dir = getenv("HOME");
    if (dir && *dir)
        return put_path(buf, size, dir, "/.config/gops");
    struct passwd *user = getpwuid(geteuid());
    return user && put_path(buf, size, user->pw_dir, "/.config/gops");
}

unsigned cops_port_of(const char *config_dir, int pid)
{
    char path[PATH_MAX];
    struct cops_text text = {0};
    unsigned port = 0;
    int n = snprintf(path, sizeof path, "%s/%d", config_dir, pid);
    if (n > 0 && (size_t)n < sizeof path && cops_read_file(path, PORT_FILE_LIMIT, &text))
        port = cops_target_parse_port(text.bytes, text.len);
    cops_text_free(&text);
    return port;
}

bool cops_agent_of(int pid, unsigned port, char address[COPS_AGENT_TEXT])
{
    struct cops_sockets sockets;
    cops_sockets_of(pid, &sockets);
    const struct cops_socket *listener = cops_sockets_listener(&sockets, port);
    if (listener && cops_endpoint_is_any(&listener->local))
        snprintf(address, COPS_AGENT_TEXT, "127.0.0.1:%u", port);
    else if (listener)
        cops_endpoint_text(address, &listener->local);
    cops_sockets_free(&sockets);
    return listener != NULL;
}

static bool find_pid(int pid, struct cops_target *out, struct cops_error *error)
{
    char dir[PATH_MAX], address[COPS_AGENT_TEXT];
    if (kill(pid, 0) != 0 && errno == ESRCH)
        return cops_error(error, "no process has the PID %d", pid);
    if (!cops_config_dir(dir, sizeof dir))
        return cops_error(error, "no HOME, and no folder in which the port of process %d could stand", pid);
    unsigned port = cops_port_of(dir, pid);
    if (port == 0)
        return cops_error(error, "process %d has no agent: no port of it in %.300s", pid, dir);
    /* As gops does, where it may not be looked at. */
    if (!cops_agent_of(pid, port, address))
        snprintf(address, sizeof address, "127.0.0.1:%u", port);
    if (!cops_target_parse_address(address, out, error))
        return false;
    snprintf(out->name, sizeof out->name, "process %d (%s)", pid, address);
    return true;
}

/* 0 when it is none. */
static int read_pid(const char *text)
{
    uint64_t n;
    return cops_parse_number(text, INT_MAX, &n) ? (int)n : 0;
}

bool cops_target_check(const char *text, struct cops_error *error)
{
    struct cops_target address;
    if (strchr(text, ':'))
        return cops_target_parse_address(text, &address, error);
    return read_pid(text) > 0 || cops_error(error, "%.200s: want a PID or HOST:PORT", text);
}

bool cops_target_find(const char *text, struct cops_target *out, struct cops_error *error)
{
    if (strchr(text, ':'))
        return cops_target_parse_address(text, out, error);
    return cops_target_check(text, error) && find_pid(read_pid(text), out, error);
}
