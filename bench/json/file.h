/* file.h - a file of rooms, read and parsed. */
#ifndef BENCH_JSON_FILE_H
#define BENCH_JSON_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "bench/json/rooms.h"

struct rt_scope;

/* What a piece of a stream is read into: on the stack, for it is gone when the call returns. */
#define ROOMS_PIECE_BYTES (32 * 1024)
#define ROOMS_ERROR_BYTES 512

/* Called after each piece of a stream: whoever measures memory looks there. May be NULL. */
typedef void rooms_look_fn(void *arg);

/* rooms_read_whole - reads the file at once, then parses it (Go: os.ReadFile, json.Unmarshal). Texts stay in the bytes
 * that were read. False on an error: one sentence with the file's name, the offset and what is wrong in `error`,
 * of ROOMS_ERROR_BYTES. All memory is the scope's. */
bool rooms_read_whole(struct rt_scope *scope, const char *path, struct rooms *rooms, char *error);
/* rooms_read_only - reads the file at once and parses nothing: what of the others' time is the system's. */
bool rooms_read_only(struct rt_scope *scope, const char *path, char *error);
/* rooms_read_stream - parses the file as it is read, piece by piece (Go: json.NewDecoder, Decode). */
bool rooms_read_stream(struct rt_scope *scope, const char *path, struct rooms *rooms, char *error, rooms_look_fn *look,
                       void *arg);

#endif
