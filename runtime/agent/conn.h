/* conn.h - a client's connection: reading with a deadline, sending without being killed or held up by it. */
#ifndef RT_AGENT_CONN_H
#define RT_AGENT_CONN_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Accepted just now: what is sent on it does not wait for ever. Returns the descriptor, which may be another: 0, 1 and
 * 2 are for the program, and 0 is no connection to rt_debug_handle. Negative: it was closed. */
int rt__conn_take(int fd);

/* What has come, at most size bytes, waiting for it until that moment of rt__os_now_ns. 0: the client sends no more;
 * else a negative errno (-ETIMEDOUT). */
ssize_t rt__conn_read(int fd, void *buf, size_t size, uint64_t until_ns);

/* All of it. Returns 0 or a negative errno; -EAGAIN: the client took nothing for too long. */
int rt__conn_write(int fd, const void *data, size_t len);
int rt__conn_print(int fd, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* len bytes of a file from its start; -EIO when it has fewer. */
int rt__conn_send_file(int fd, int file, uint64_t len);

/* Tells the client that this was all, and reads what it still sends until it closes, for a second at most: closed with
 * bytes unread, the connection would be reset, and the client lose the end of its answer. */
void rt__conn_finish(int fd);

#endif
