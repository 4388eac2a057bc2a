/* scavenge_pace.h - whether the background may ask for memory back now. Pure. */
#ifndef RT_GC_SCAVENGE_PACE_H
#define RT_GC_SCAVENGE_PACE_H

#include <stdbool.h>
#include <stdint.h>

struct rt__scavenge_pace {
    uint64_t held_bytes;      /* after the last look */
    uint64_t asked_at_ns;     /* 0: never */
    uint64_t asked_held_bytes; /* held when last asked */
    uint64_t spent_ns;        /* CPU given to giving back so far, by all threads */
    uint64_t asked_spent_ns;  /* of that, up to the last ask */
};

/* Go's share for its background scavenger: 1 % of one processor. */
#define RT__SCAVENGE_SHARE 100
/* Less than this in free pages is not worth an ask: one 1 MiB commit step of mimalloc a thread. */
#define RT__SCAVENGE_SLACK_BYTES (UINT64_C(4) << 20)

/* Due when more is held than live x 1.1 and the slack, the last ask's cost is paid off at 1 %, and
 * there is more to gain than the last ask left lying. Notes the ask when it says yes. */
bool rt__scavenge_due(struct rt__scavenge_pace *p, uint64_t now_ns, uint64_t held_bytes, uint64_t live_bytes);

#endif
