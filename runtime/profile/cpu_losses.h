/* cpu_losses.h - what a CPU profile could not see, for its comment: it must not look whole when it is not.
 *
 * CPU time is known from clocks, so time without samples can be told: of threads that block the signal, and of
 * threads that end before the kernel's next tick looks at their timers. Pure.
 */
#ifndef RT_PROFILE_CPU_LOSSES_H
#define RT_PROFILE_CPU_LOSSES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "runtime/os/os.h"

/* Told by name; a third would not fit into the comment beside the rest. */
#define RT__CPU_LOSSES_NAMED 2

struct rt__cpu_loss {
    char thread[RT__OS_NAME_BYTES];
    uint64_t ns;
    bool had_timer; /* false: the system gave it none */
};

struct rt__cpu_losses {
    uint64_t dropped;    /* samples that found no room */
    uint64_t sampled_ns; /* what samples stand for, dropped ones included */
    unsigned named_count;
    struct rt__cpu_loss named[RT__CPU_LOSSES_NAMED];
    unsigned others; /* threads beside these */
    uint64_t others_ns;
};

/* Whether CPU time without samples is more than chance. */
bool rt__cpu_losses_matter(uint64_t cpu_ns, uint64_t sampled_ns);
/* A thread has used cpu_ns while it was watched, and its samples stand for sampled_ns. Threads of one name
 * are told as one. */
void rt__cpu_losses_thread(struct rt__cpu_losses *losses, const char thread[RT__OS_NAME_BYTES], uint64_t cpu_ns,
                           uint64_t sampled_ns, bool had_timer);
/* Writes one line into out, "" when nothing was lost; process_ns is the CPU time of the whole process. What
 * does not fit is left out by whole clauses. */
void rt__cpu_losses_comment(const struct rt__cpu_losses *losses, uint64_t process_ns, char *out, size_t size);

#endif
