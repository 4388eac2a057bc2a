/* gops.h - the bytes of gops' protocol: one asks for something, setgc's is followed by a number. */
#ifndef COPS_GOPS_H
#define COPS_GOPS_H

#include <stddef.h>
#include <stdint.h>

enum cops_request {
    COPS_ASK_STACK = 0x1,
    COPS_ASK_GC = 0x2,
    COPS_ASK_MEMSTATS = 0x3,
    COPS_ASK_VERSION = 0x4,
    COPS_ASK_HEAP = 0x5,
    COPS_ASK_CPU = 0x6,
    COPS_ASK_STATS = 0x7,
    COPS_ASK_TRACE = 0x8,
    COPS_ASK_SETGC = 0x10,
};

#define COPS_VARINT_MAX 10

/* A signed number as Go's binary.PutVarint writes it, into 10 bytes, which is what gops sends whatever the number: the
 * rest is 0. */
void cops_varint(unsigned char buf[COPS_VARINT_MAX], int64_t value);

#endif
