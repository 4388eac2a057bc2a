/* scavenge_pace.h - whether the background may ask for memory back now. Pure. */
#ifndef RT_GC_SCAVENGE_PACE_H
#define RT_GC_SCAVENGE_PACE_H

#include <stdbool.h>
#include <stdint.h>

struct rt__scavenge_pace {
    uint64_t held_bytes;     /* after the last look */
    uint64_t asked_at_ns;    /* 0: never */
    uint64_t left_bytes;     /* the least that was held since the last ask: what it could not free */
    uint64_t spent_ns;       /* CPU given to giving back so far, by all threads */
    uint64_t asked_spent_ns; /* of that, up to the last ask */
};

/* Go's share for its background scavenger: 1 % of one processor. */
#define RT__SCAVENGE_SHARE 100
/* Free pages not worth an ask: one 1 MiB commit step of mimalloc for each of a few threads. Under a
 * limit a tenth of it, when that is less. */
#define RT__SCAVENGE_SLACK_BYTES (UINT64_C(4) << 20)
uint64_t rt__scavenge_slack(int64_t memory_limit_bytes);

/* Due when more is held than live x 1.1 and the slack, the last ask's cost is paid off at 1 %, and
 * a tenth more is held than the last ask left. Notes the ask when it says yes. */
bool rt__scavenge_due(struct rt__scavenge_pace *p, uint64_t now_ns, uint64_t held_bytes, uint64_t live_bytes,
                      uint64_t slack_bytes);

#endif
