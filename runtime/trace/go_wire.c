/* go_wire.c - Go's trace format: the header, and batches of events and of entries of tables.
 *
 * A batch begins small, as most threads of a program do little, and grows until it is worth writing. An event in it
 * counts its time from the one before, so most take 4 to 12 bytes. Time never goes back in a thread: what was
 * recorded out of order, by some nanoseconds, is written at the time of what came before.
 */
#include "runtime/trace/go_wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define GENERATION 1u          /* of which Go's runtime writes one a second; to a reader one is as good */
#define BATCH_LEAST 512u       /* bytes at first */
#define BATCH_MOST (16u << 10) /* and at most: a batch's header is a thousandth of that. Go's reader takes 64 KiB */
#define VARINT_MOST 10u        /* bytes */
#define EVENT_ARGS_MOST 5u
#define EVENT_MOST (1 + VARINT_MOST * (1 + EVENT_ARGS_MOST))
_Static_assert(RT__GO_ENTRY_MOST < BATCH_MOST, "an entry of a table fits a batch");

static uint8_t *put_varint(uint8_t *at, uint64_t value)
{
    while (value >= 0x80) {
        *at++ = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    *at++ = (uint8_t)value;
    return at;
}

static void write_batch(struct rt__out *out, uint64_t m, uint64_t ns, const uint8_t *data, size_t len)
{
    uint8_t head[1 + 4 * VARINT_MOST], *at = head;
    *at++ = RT__GO_EVENT_BATCH;
    at = put_varint(at, GENERATION);
    at = put_varint(at, m);
    at = put_varint(at, ns);
    at = put_varint(at, len);
    rt__out_write(out, head, (size_t)(at - head));
    rt__out_write(out, data, len);
}

void rt__go_header(struct rt__out *out, uint64_t from_ns)
{
    static const char header[16] = "go 1.22 trace\0\0\0";
    rt__out_write(out, header, sizeof header);
    uint8_t frequency[1 + VARINT_MOST] = {RT__GO_FREQUENCY};
    uint8_t *end = put_varint(frequency + 1, 1000000000);
    write_batch(out, RT__GO_NO_THREAD, from_ns, frequency, (size_t)(end - frequency));
}

void rt__go_batch_flush(struct rt__go_batch *b, struct rt__out *out)
{
    if (b->len > 0) {
        write_batch(out, b->m, b->first_ns, b->data, b->len);
        b->len = 0;
    }
}

void rt__go_batch_release(struct rt__go_batch *b)
{
    free(b->data);
    b->data = NULL;
    b->len = b->room = 0;
}

/* Grows while it may and can; a batch that cannot is written sooner. */
static bool make_room(struct rt__go_batch *b, struct rt__out *out, size_t need)
{
    size_t room = b->room ? b->room : BATCH_LEAST;
    while (room < b->len + need && room < BATCH_MOST) {
        room *= 2;
    }
    if (room > b->room) {
        uint8_t *grown = realloc(b->data, room);
        if (grown != NULL) {
            b->data = grown;
            b->room = room;
        }
    }
    if (b->room - b->len < need) {
        rt__go_batch_flush(b, out);
    }
    if (b->room < need && out->error == 0) {
        out->error = -ENOMEM;
    }
    return b->room >= need;
}

void rt__go_event(struct rt__go_batch *b, struct rt__out *out, uint64_t ns, enum rt__go_type type, const uint64_t *args,
                  unsigned n)
{
    if (b->room - b->len < EVENT_MOST && !make_room(b, out, EVENT_MOST)) {
        return;
    }
    if (ns < b->now_ns) {
        ns = b->now_ns;
    }
    if (b->len == 0) {
        b->first_ns = b->now_ns = ns;
    }
    uint8_t *at = b->data + b->len;
    *at++ = (uint8_t)type;
    at = put_varint(at, ns - b->now_ns);
    for (unsigned i = 0; i < n; i++) {
        at = put_varint(at, args[i]);
    }
    b->len = (size_t)(at - b->data);
    b->now_ns = ns;
}

void rt__go_entry(struct rt__go_batch *b, struct rt__out *out, enum rt__go_type type, const uint64_t *numbers,
                  unsigned n, const void *bytes, size_t len)
{
    size_t need = 2 + VARINT_MOST * n + len;
    if (b->room - b->len < need && !make_room(b, out, need)) {
        return;
    }
    uint8_t *at = b->data + b->len;
    if (b->len == 0) {
        *at++ = b->kind;
    }
    *at++ = (uint8_t)type;
    for (unsigned i = 0; i < n; i++) {
        at = put_varint(at, numbers[i]);
    }
    if (len > 0) {
        memcpy(at, bytes, len);
    }
    b->len = (size_t)(at - b->data) + len;
}
