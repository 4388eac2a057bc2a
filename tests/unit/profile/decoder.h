/* decoder.h - reads protocol buffers apart, knowing nothing of the code that wrote them. */
#ifndef TESTS_DECODER_H
#define TESTS_DECODER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct message {
    const unsigned char *at, *end;
};

struct field {
    unsigned number;
    bool is_message; /* or text, or packed numbers */
    uint64_t value;
    struct message message;
};

static inline uint64_t decode_varint(struct message *m)
{
    uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
        assert_true(m->at < m->end);
        assert_true(shift < 64);
        unsigned char byte = *m->at++;
        value |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80)
            return value;
    }
}

static inline bool decode_next(struct message *m, struct field *f)
{
    if (m->at == m->end)
        return false;
    uint64_t tag = decode_varint(m);
    assert_true((tag & 7) == 0 || (tag & 7) == 2);
    *f = (struct field){.number = (unsigned)(tag >> 3), .is_message = (tag & 7) == 2};
    f->value = decode_varint(m);
    if (f->is_message) {
        assert_true(f->value <= (uint64_t)(m->end - m->at));
        f->message = (struct message){m->at, m->at + f->value};
        m->at += f->value;
    }
    return true;
}

static inline struct message whole(const void *data, size_t len)
{
    return (struct message){data, (const unsigned char *)data + len};
}

static inline size_t fields_count(struct message m, unsigned number)
{
    struct field f;
    size_t n = 0;
    while (decode_next(&m, &f))
        n += f.number == number;
    return n;
}

/* The index'th message in a field; there must be one. */
static inline struct message submessage(struct message m, unsigned number, size_t index)
{
    struct field f;
    while (decode_next(&m, &f)) {
        if (f.number == number && f.is_message && index-- == 0)
            return f.message;
    }
    fail_msg("no such message in field %u", number);
    return m;
}

/* 0 when the field is not there. */
static inline uint64_t number_in(struct message m, unsigned number)
{
    struct field f;
    uint64_t value = 0;
    while (decode_next(&m, &f)) {
        if (f.number == number && !f.is_message)
            value = f.value;
    }
    return value;
}

/* Repeated numbers, packed or not. */
static inline size_t numbers_in(struct message m, unsigned number, uint64_t *out, size_t max)
{
    struct field f;
    size_t n = 0;
    while (decode_next(&m, &f)) {
        if (f.number != number)
            continue;
        while (f.is_message && f.message.at < f.message.end && n < max)
            out[n++] = decode_varint(&f.message);
        if (!f.is_message && n < max)
            out[n++] = f.value;
    }
    return n;
}

static inline bool text_is(struct message m, const char *text)
{
    return strlen(text) == (size_t)(m.end - m.at) && memcmp(m.at, text, strlen(text)) == 0;
}

#endif
