/* proc_text.h - the files of /proc/PID taken apart. Pure. Texts end in a NUL; a line that does not fit is none. */
#ifndef COPS_PROC_TEXT_H
#define COPS_PROC_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COPS_NAME_TEXT 64 /* the kernel's names have at most 15 bytes, those of its own threads 63 */

struct cops_stat {
    char name[COPS_NAME_TEXT];
    int ppid;
    uint64_t cpu_ticks; /* its own, user and system */
    uint64_t threads;
    uint64_t start_ticks; /* since the machine was started */
    uint64_t rss_pages;
};

/* A name may itself hold spaces and brackets. */
bool cops_parse_stat(const char *text, struct cops_stat *out);

/* The number behind "name:" at a line's begin, as in status and meminfo. */
bool cops_parse_field(const char *text, const char *name, uint64_t *value);

/* The path in the next line of maps whose file is called prefix..., such as libcruntime.so; NULL when there is none.
 * *text moves on behind the line. buf holds the path. */
const char *cops_parse_maps(const char **text, const char *prefix, char *buf, size_t size);

struct cops_endpoint {
    unsigned char address[16]; /* of IPv4 the first 4, in network order */
    bool is_v6;
    unsigned port;
};

struct cops_socket {
    struct cops_endpoint local, remote;
    unsigned state; /* the kernel's TCP_... */
    uint64_t inode;
};

/* A line of net/tcp, tcp6, udp or udp6. */
bool cops_parse_socket(const char *line, bool is_v6, struct cops_socket *out);

#define COPS_ENDPOINT_TEXT 64
/* address:port, IPv6 in brackets. Returns buf. */
const char *cops_endpoint_text(char buf[COPS_ENDPOINT_TEXT], const struct cops_endpoint *e);
/* Whether it stands for all of the machine's addresses. */
bool cops_endpoint_is_any(const struct cops_endpoint *e);
/* LISTEN, ESTABLISHED, ...; NONE for what has no states. */
const char *cops_state_name(unsigned state);
#define COPS_STATE_LISTEN 10u

#endif
