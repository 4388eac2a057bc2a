/* event.h - recorded events as words of memory. Pure.
 *
 * An event is one to three words, a log some more. The first has the type in its low 8 bits, then 24 bits of an
 * argument, and in the upper 32 the ticks since the base of its chunk. When that does not fit, a TIME event
 * comes before, with a new base. So most events of a request take 8 bytes.
 */
#ifndef RT_TRACE_EVENT_H
#define RT_TRACE_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum rt__event_type {
    RT__EV_NONE,
    RT__EV_TIME,         /* 2 words: ticks, the base from here on */
    RT__EV_BEGIN,        /* 3: the thread begins. arg: stack that made it; ticks when it was made; its function */
    RT__EV_END,          /* 1: it ends */
    RT__EV_BLOCK,        /* 3: it was blocked. arg: stack; the event's own time is the begin; ticks of the end;
                          * bits 0..7 reason (enum rt__block), the rest: ticks from being let go to running again */
    RT__EV_TASK_BEGIN,   /* 3: arg: site; id; id of the parent, 0 none. The thread works for it from here */
    RT__EV_TASK_END,     /* 2: arg: site; id. When the thread worked for it, it works for none from here */
    RT__EV_TASK_SET,     /* 2: the thread works for this task from here, 0 none */
    RT__EV_REGION_BEGIN, /* 1: arg: site; of the task that the thread works for */
    RT__EV_REGION_END,   /* 1: arg: site of its begin */
    RT__EV_LOG,          /* 2 and the text: arg: site (the category); length in bytes, at most RT__LOG_MOST */
    RT__EV_HEAP_ALLOC,   /* 2: bytes */
    RT__EV_HEAP_GOAL,    /* 2: bytes */
    RT__EV_LOST,         /* 2: how many events of this thread were lost just before */
    RT__EV_TYPES
};

/* Why a thread is blocked. */
enum rt__block {
    RT__BLOCK_NETWORK, /* poll, epoll_wait, select */
    RT__BLOCK_MUTEX,
    RT__BLOCK_COND,
    RT__BLOCK_RWLOCK,
    RT__BLOCK_SEMAPHORE,
    RT__BLOCK_SLEEP,
    RT__BLOCK_FILE, /* fsync, fdatasync: the disk */
    RT__BLOCK_IDLE, /* waits for work: the collector between its cycles. Never recorded */
    RT__BLOCK_REASONS
};

#define RT__LOG_MOST 1000u /* Go cuts at 1024 with what goes before */
#define RT__EVENT_WORDS_MOST (2 + (RT__LOG_MOST + 7) / 8)
#define RT__EVENT_ARG_MOST ((1u << 24) - 1)

static inline uint64_t rt__event_word(enum rt__event_type type, uint32_t arg, uint32_t since_base)
{
    return (uint64_t)type | (uint64_t)arg << 8 | (uint64_t)since_base << 32;
}

/* An event, taken out of words again. */
struct rt__event {
    enum rt__event_type type;
    uint32_t arg;
    uint64_t ticks;
    uint64_t words[2]; /* the second and third word */
    const char *text;  /* RT__EV_LOG's: words[0] bytes, within the words read */
};

struct rt__event_reader {
    const uint64_t *words;
    size_t count, at;
    uint64_t base; /* ticks */
};
/* The next event that is no TIME; false at the end, or where the words make no sense (then at < count). */
bool rt__event_next(struct rt__event_reader *r, struct rt__event *e);

#endif
