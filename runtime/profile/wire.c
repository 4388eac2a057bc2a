/* wire.c - protocol buffers, as much as profile.proto needs (see wire.h).
 *
 * A message's length stands in front of it and is known only at its end, so the message is moved up by the
 * few bytes that its length takes. Messages here are short (samples, locations).
 */
#include "runtime/profile/wire.h"

#include <string.h>
#include "runtime/profile/memory.h"

#define VARINT_MAX 10 /* 64 bits, 7 in each byte */

enum wire_type { WIRE_VARINT = 0, WIRE_BYTES = 2 };

static size_t put_varint(char *at, uint64_t value)
{
    size_t n = 0;
    for (; value >= 0x80; value >>= 7)
        at[n++] = (char)(value | 0x80);
    at[n++] = (char)value;
    return n;
}

static size_t put_header(char *at, unsigned field, enum wire_type type, uint64_t value)
{
    size_t n = put_varint(at, (uint64_t)field << 3 | type);
    return n + put_varint(at + n, value);
}

static void add_header(struct rt__bytes *b, unsigned field, enum wire_type type, uint64_t value)
{
    char header[2 * VARINT_MAX];
    rt__bytes_add(b, header, put_header(header, field, type, value));
}

void rt__wire_number(struct rt__bytes *b, unsigned field, uint64_t value)
{
    add_header(b, field, WIRE_VARINT, value);
}

void rt__wire_number_opt(struct rt__bytes *b, unsigned field, uint64_t value)
{
    if (value != 0)
        rt__wire_number(b, field, value);
}

void rt__wire_packed(struct rt__bytes *b, unsigned field, const uint64_t *values, size_t n)
{
    char text[VARINT_MAX];
    if (n == 0)
        return;
    size_t begun = rt__wire_begin(b);
    for (size_t i = 0; i < n; i++)
        rt__bytes_add(b, text, put_varint(text, values[i]));
    rt__wire_end(b, field, begun);
}

void rt__wire_text(struct rt__bytes *b, unsigned field, const char *text)
{
    size_t len = strlen(text);
    add_header(b, field, WIRE_BYTES, len);
    rt__bytes_add(b, text, len);
}

size_t rt__wire_begin(const struct rt__bytes *b)
{
    return b->len;
}

void rt__wire_end(struct rt__bytes *b, unsigned field, size_t begun)
{
    char header[2 * VARINT_MAX];
    size_t len = b->len - begun;
    size_t header_len = put_header(header, field, WIRE_BYTES, len);
    if (rt__bytes_room(b, header_len) == NULL)
        return;
    memmove(b->data + begun + header_len, b->data + begun, len);
    memcpy(b->data + begun, header, header_len);
    b->len += header_len;
}
