/* go_wire.h - Go's trace format as bytes: events in batches, and the tables of strings and stacks. Pure.
 *
 * A trace is "go 1.22 trace" and batches. A batch is of one kind and, when it is of events, of one thread, whose
 * batches stand in order of time; batches of different threads and kinds stand in any order. So each thread's events
 * gather in a batch of its own, which goes out when it is full: a trace can be as long as it likes. All numbers are
 * varints; times are nanoseconds. Where there is no memory the out gets -ENOMEM as its error.
 */
#ifndef RT_TRACE_GO_WIRE_H
#define RT_TRACE_GO_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "runtime/trace/writers.h"

enum rt__go_type {
    RT__GO_EVENT_BATCH = 1,
    RT__GO_STACKS,
    RT__GO_STACK,
    RT__GO_STRINGS,
    RT__GO_STRING,
    RT__GO_CPU_SAMPLES,
    RT__GO_CPU_SAMPLE,
    RT__GO_FREQUENCY,
    RT__GO_PROCS_CHANGE, /* procs, stack */
    RT__GO_PROC_START,   /* P, its seq */
    RT__GO_PROC_STOP,
    RT__GO_PROC_STATUS = 13, /* P, status */
    RT__GO_CREATE,           /* new G, its stack, stack of the creator */
    RT__GO_START = 16,       /* G, its seq */
    RT__GO_DESTROY,
    RT__GO_STOP = 19,     /* reason, stack */
    RT__GO_BLOCK,         /* reason, stack */
    RT__GO_UNBLOCK,       /* G, its seq, stack of who unblocks */
    RT__GO_SYSCALL_BEGIN, /* seq of the P, stack */
    RT__GO_SYSCALL_END_BLOCKED = 24,
    RT__GO_STATUS,    /* G, M, status */
    RT__GO_STW_BEGIN, /* kind, stack */
    RT__GO_STW_END,
    RT__GO_GC_BEGIN = 29,   /* seq of cycles, stack */
    RT__GO_GC_END,          /* seq of cycles */
    RT__GO_HEAP_ALLOC = 37, /* bytes */
    RT__GO_HEAP_GOAL,       /* bytes */
    RT__GO_LABEL,           /* string */
    RT__GO_TASK_BEGIN,      /* task, parent, name, stack */
    RT__GO_TASK_END,        /* task, stack */
    RT__GO_REGION_BEGIN,    /* task, name, stack */
    RT__GO_REGION_END,      /* task, name, stack */
    RT__GO_LOG,             /* task, category, text, stack */
};

/* What RT__GO_PROC_STATUS and RT__GO_STATUS say. */
#define RT__GO_PROC_IS_RUNNING 1
#define RT__GO_PROC_IS_IDLE 2
#define RT__GO_G_IS_RUNNING 2

#define RT__GO_NO_THREAD UINT64_MAX
#define RT__GO_STRING_MOST 1024u /* bytes; longer ones are refused by Go's reader */
#define RT__GO_FRAMES_MOST 128u  /* of a stack, likewise */

/* The header, and the batch that says that times are nanoseconds; from_ns is when the trace begins. */
void rt__go_header(struct rt__out *out, uint64_t from_ns);

/* ---- go_wire.c: batches ---- */

struct rt__go_batch {
    uint64_t m;   /* the thread, or RT__GO_NO_THREAD */
    uint8_t kind; /* RT__GO_STACKS, RT__GO_STRINGS, RT__GO_CPU_SAMPLES; 0 events of the thread */
    uint64_t first_ns,
        now_ns; /* of a batch of events: of its first event, and of its last; else when the trace began */
    uint8_t *data;
    size_t len, room;
};

/* An event of the batch's thread: at ns, or as the one before when that is later. At most 5 arguments. */
void rt__go_event(struct rt__go_batch *b, struct rt__out *out, uint64_t ns, enum rt__go_type type, const uint64_t *args,
                  unsigned n);
/* An entry of a table: its numbers, and then bytes. Both together at most RT__GO_ENTRY_MOST. */
#define RT__GO_ENTRY_MOST 6144u
void rt__go_entry(struct rt__go_batch *b, struct rt__out *out, enum rt__go_type type, const uint64_t *numbers,
                  unsigned n, const void *bytes, size_t len);
/* Writes what has gathered. */
void rt__go_batch_flush(struct rt__go_batch *b, struct rt__out *out);
void rt__go_batch_release(struct rt__go_batch *b);

/* ---- go_table.c: what events refer to by number ---- */

/* Numbers (not 0) under keys of two words, as many as there is memory for. */
struct rt__go_map {
    struct rt__go_slot {
        uint64_t a, b;
        uint32_t value; /* 0: the slot is free */
    } * slots;
    uint32_t count, room; /* room: a power of two, or 0 */
};
/* Where the number under a key is: 0 in there at first, to be filled in at once. Good until the next call; NULL: no
 * memory. */
uint32_t *rt__go_map_at(struct rt__go_map *map, uint64_t a, uint64_t b);
void rt__go_map_release(struct rt__go_map *map);

/* Strings are written when they are first used. 0 is "". */
struct rt__go_strings {
    struct rt__go_batch batch;
    struct rt__go_map ids; /* by address */
    uint64_t last;
};
void rt__go_strings_begin(struct rt__go_strings *s, uint64_t from_ns);
/* Of a string that stays where it is: it is written once. */
uint64_t rt__go_string(struct rt__go_strings *s, struct rt__out *out, const char *text);
/* Of one that does not: it is written each time. Cut between two characters when it is too long. */
uint64_t rt__go_text(struct rt__go_strings *s, struct rt__out *out, const char *text, size_t len);
void rt__go_strings_release(struct rt__go_strings *s);

/* Stacks get numbers when they are first used; their frames are looked up at the end, since that takes long. */
struct rt__go_stacks {
    struct rt__go_batch batch;
    struct rt__go_map ids;    /* by reference and function of the thread */
    struct rt__go_map frames; /* by address, and function and line: which of its address's frames it is, from 1 */
    struct rt__go_map counts; /* by address: how many frames it has so far */
};
void rt__go_stacks_begin(struct rt__go_stacks *s, uint64_t from_ns);
uint64_t rt__go_stack(struct rt__go_stacks *s, struct rt__out *out, uint32_t ref, uintptr_t start_fn);
/* Writes a stack. Innermost first; of no frames it is one frame of unknown function. */
void rt__go_stack_write(struct rt__go_stacks *s, struct rt__go_strings *strings, struct rt__out *out, uint64_t id,
                        const struct rt__place *places, size_t n);
void rt__go_stacks_release(struct rt__go_stacks *s);

#endif
