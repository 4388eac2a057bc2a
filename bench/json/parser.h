/* parser.h - JSON text into rooms, in pieces of any size. Knows nothing of files. */
#ifndef BENCH_JSON_PARSER_H
#define BENCH_JSON_PARSER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/json/blocks.h"
#include "bench/json/rooms.h"

struct rooms_field;

/* Where it went wrong, and what was expected there. */
struct rooms_error {
    uint64_t offset; /* bytes read until then */
    char what[160];
};

/* What yajl needs for a file without long texts: some 600 bytes in 7 blocks, and 2048 for what crosses a piece's end.
 */
#define ROOMS_YAJL_BYTES 3072

/* Belongs to the parser; here so that it can live on a stack. */
struct rooms_parser {
    struct rt_scope *scope;
    struct rooms *rooms;
    void *yajl;
    size_t yajl_used;
    struct blocks photos, texts;
    size_t room_bytes; /* of all blocks of rooms */
    const char *kept;  /* the piece being read, when texts may stay in it */
    size_t kept_length;
    struct room *room;
    struct room_photo *photo;
    const struct rooms_field *field; /* whose value comes next */
    const struct rooms_field *room_guess, *photo_guess;
    int where;
    unsigned skipping; /* how deep in the value of a key that nobody asked for */
    uint64_t offset;
    struct rooms_error error;
    bool failed;
    _Alignas(16) char yajl_memory[ROOMS_YAJL_BYTES]; /* last: not worth clearing */
};

/* rooms_parser_begin - *rooms is filled as pieces are fed; all memory is the scope's. */
void rooms_parser_begin(struct rooms_parser *parser, struct rt_scope *scope, struct rooms *rooms);
/* rooms_parser_feed - the next piece. keeps: the bytes stay as they are for as long as the scope, and texts may point
 * into them. False on an error, which is in parser->error; rooms_parser_end must still be called. */
bool rooms_parser_feed(struct rooms_parser *parser, const char *piece, size_t length, bool keeps);
/* rooms_parser_end - after the last piece. False on an error, of this or of an earlier call. */
bool rooms_parser_end(struct rooms_parser *parser);

#endif
