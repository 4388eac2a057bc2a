/* go_decode.h - a trace in Go's format as text, a line each: what stands in it, without judging whether it may.
 *
 *     +250 M7 GoBlock "network" [poll<worker]     250 ns after the frequency batch's time, in thread 7
 *     sample +300 M7 P0 G1 [spin<worker]
 *
 * Events come in the order of the file. Strings and stacks are put in where they are referred to.
 */
#ifndef TESTS_GO_DECODE_H
#define TESTS_GO_DECODE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "runtime/trace/go_wire.h"

#define DECODE_MOST 4096 /* strings, stacks */

struct decoded {
    char *strings[DECODE_MOST];
    char *stacks[DECODE_MOST]; /* functions, innermost first */
    uint64_t pcs[DECODE_MOST]; /* of the innermost frame */
    uint64_t from_ns;
    unsigned batches, largest; /* of events; bytes */
    char *text;
    size_t text_len;
};

/* Arguments: n number, s string, k stack. */
static const struct {
    const char *name, *args;
} decode_events[RT__GO_LOG + 1] = {
    [RT__GO_PROCS_CHANGE] = {"ProcsChange", "nk"},
    [RT__GO_PROC_START] = {"ProcStart", "nn"},
    [RT__GO_PROC_STOP] = {"ProcStop", ""},
    [RT__GO_PROC_STATUS] = {"ProcStatus", "nn"},
    [RT__GO_CREATE] = {"GoCreate", "nkk"},
    [RT__GO_START] = {"GoStart", "nn"},
    [RT__GO_DESTROY] = {"GoDestroy", ""},
    [RT__GO_STOP] = {"GoStop", "sk"},
    [RT__GO_BLOCK] = {"GoBlock", "sk"},
    [RT__GO_UNBLOCK] = {"GoUnblock", "nnk"},
    [RT__GO_SYSCALL_BEGIN] = {"GoSyscallBegin", "nk"},
    [RT__GO_SYSCALL_END_BLOCKED] = {"GoSyscallEndBlocked", ""},
    [RT__GO_STATUS] = {"GoStatus", "nnn"},
    [RT__GO_STW_BEGIN] = {"STWBegin", "sk"},
    [RT__GO_STW_END] = {"STWEnd", ""},
    [RT__GO_GC_BEGIN] = {"GCBegin", "nk"},
    [RT__GO_GC_END] = {"GCEnd", "n"},
    [RT__GO_HEAP_ALLOC] = {"HeapAlloc", "n"},
    [RT__GO_HEAP_GOAL] = {"HeapGoal", "n"},
    [RT__GO_LABEL] = {"GoLabel", "s"},
    [RT__GO_TASK_BEGIN] = {"UserTaskBegin", "nnsk"},
    [RT__GO_TASK_END] = {"UserTaskEnd", "nk"},
    [RT__GO_REGION_BEGIN] = {"UserRegionBegin", "nsk"},
    [RT__GO_REGION_END] = {"UserRegionEnd", "nsk"},
    [RT__GO_LOG] = {"UserLog", "nssk"},
};

static inline uint64_t decode_varint(const uint8_t **at, const uint8_t *end)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        assert_true(*at < end);
        uint8_t byte = *(*at)++;
        value |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80)
            return value;
    }
    fail_msg("a varint of more than ten bytes");
    return 0;
}

static inline void decode_strings(struct decoded *d, const uint8_t *at, const uint8_t *end)
{
    while (at < end) {
        assert_int_equal(*at++, RT__GO_STRING);
        uint64_t id = decode_varint(&at, end), len = decode_varint(&at, end);
        assert_in_range(id, 1, DECODE_MOST - 1);
        assert_in_range(len, 1, RT__GO_STRING_MOST);
        assert_true(len <= (size_t)(end - at));
        assert_null(d->strings[id]);
        d->strings[id] = strndup((const char *)at, len);
        at += len;
    }
}

static inline const char *decoded_string(const struct decoded *d, uint64_t id)
{
    if (id == 0)
        return "";
    assert_in_range(id, 1, DECODE_MOST - 1);
    assert_non_null(d->strings[id]);
    return d->strings[id];
}

static inline void decode_stacks(struct decoded *d, const uint8_t *at, const uint8_t *end)
{
    while (at < end) {
        assert_int_equal(*at++, RT__GO_STACK);
        uint64_t id = decode_varint(&at, end), frames = decode_varint(&at, end);
        assert_in_range(id, 1, DECODE_MOST - 1);
        assert_in_range(frames, 1, RT__GO_FRAMES_MOST);
        assert_null(d->stacks[id]);
        size_t len;
        FILE *text = open_memstream(&d->stacks[id], &len);
        for (uint64_t i = 0; i < frames; i++) {
            uint64_t pc = decode_varint(&at, end);
            d->pcs[id] = i == 0 ? pc : d->pcs[id];
            fprintf(text, "%s%s", i ? "<" : "", decoded_string(d, decode_varint(&at, end)));
            decoded_string(d, decode_varint(&at, end));
            decode_varint(&at, end);
        }
        fclose(text);
    }
}

static inline const char *decoded_stack(const struct decoded *d, uint64_t id)
{
    if (id == 0)
        return "";
    assert_in_range(id, 1, DECODE_MOST - 1);
    assert_non_null(d->stacks[id]);
    return d->stacks[id];
}

static inline void decode_batch_events(struct decoded *d, FILE *text, uint64_t m, uint64_t ns, const uint8_t *at,
                                       const uint8_t *end)
{
    d->batches++;
    while (at < end) {
        uint8_t type = *at++;
        assert_in_range(type, RT__GO_PROCS_CHANGE, RT__GO_LOG);
        assert_non_null(decode_events[type].name);
        ns += decode_varint(&at, end);
        fprintf(text, "+%llu M%llu %s", (unsigned long long)(ns - d->from_ns), (unsigned long long)m,
                decode_events[type].name);
        for (const char *arg = decode_events[type].args; *arg; arg++) {
            uint64_t value = decode_varint(&at, end);
            if (*arg == 'n')
                fprintf(text, " %llu", (unsigned long long)value);
            else if (*arg == 's')
                fprintf(text, " \"%s\"", decoded_string(d, value));
            else
                fprintf(text, " [%s]", decoded_stack(d, value));
        }
        fputc('\n', text);
    }
}

static inline void decode_samples(struct decoded *d, FILE *text, const uint8_t *at, const uint8_t *end)
{
    while (at < end) {
        assert_int_equal(*at++, RT__GO_CPU_SAMPLE);
        unsigned long long ns = decode_varint(&at, end), m = decode_varint(&at, end), p = decode_varint(&at, end),
                           g = decode_varint(&at, end);
        fprintf(text, "sample +%llu M%llu P%llu G%llu [%s]\n", ns - d->from_ns, m, p, g,
                decoded_stack(d, decode_varint(&at, end)));
    }
}

/* Strings are needed first, then stacks, then the rest, wherever they stand. */
static inline void decode_batches(struct decoded *d, FILE *text, const uint8_t *at, const uint8_t *end, unsigned pass)
{
    while (at < end) {
        assert_int_equal(*at++, RT__GO_EVENT_BATCH);
        assert_int_equal(decode_varint(&at, end), 1);
        uint64_t m = decode_varint(&at, end), ns = decode_varint(&at, end), len = decode_varint(&at, end);
        assert_in_range(len, 1, 64 << 10);
        assert_true(len <= (size_t)(end - at));
        const uint8_t *body = at;
        at += len;
        d->largest = len > d->largest ? (unsigned)len : d->largest;
        if (body[0] == RT__GO_FREQUENCY) {
            d->from_ns = ns;
            body++;
            assert_int_equal(decode_varint(&body, at), 1000000000);
            assert_ptr_equal(body, at);
        } else if (body[0] == RT__GO_STRINGS && pass == 0) {
            decode_strings(d, body + 1, at);
        } else if (body[0] == RT__GO_STACKS && pass == 1) {
            decode_stacks(d, body + 1, at);
        } else if (body[0] == RT__GO_CPU_SAMPLES && pass == 2) {
            decode_samples(d, text, body + 1, at);
        } else if (body[0] >= RT__GO_PROCS_CHANGE && pass == 2) {
            decode_batch_events(d, text, m, ns, body, at);
        }
        assert_true(ns >= d->from_ns); /* the reader takes the least for the begin of the trace */
    }
}

static inline struct decoded *decode_trace(const void *trace, size_t len)
{
    struct decoded *d = calloc(1, sizeof *d);
    const uint8_t *bytes = trace;
    assert_true(len >= 16);
    assert_memory_equal(bytes, "go 1.22 trace\0\0\0", 16);
    FILE *text = open_memstream(&d->text, &d->text_len);
    for (unsigned pass = 0; pass < 3; pass++) {
        decode_batches(d, text, bytes + 16, bytes + len, pass);
    }
    fclose(text);
    return d;
}

static inline void decoded_free(struct decoded *d)
{
    for (unsigned i = 0; i < DECODE_MOST; i++) {
        free(d->strings[i]);
        free(d->stacks[i]);
    }
    free(d->text);
    free(d);
}

#endif
