/* scavenge_pace.c - see scavenge_pace.h. */
#include "runtime/gc/scavenge_pace.h"

bool rt__scavenge_due(struct rt__scavenge_pace *p, uint64_t now_ns, uint64_t held_bytes, uint64_t live_bytes)
{
    if (held_bytes <= live_bytes + live_bytes / 10 + RT__SCAVENGE_SLACK_BYTES) {
        p->asked_held_bytes = 0;
        return false;
    }
    if (p->asked_at_ns != 0) {
        uint64_t cost_ns = p->spent_ns - p->asked_spent_ns;
        if (now_ns - p->asked_at_ns < cost_ns * RT__SCAVENGE_SHARE) {
            return false;
        }
        /* What the last ask could not free is held by fragments; asking again frees it no more. */
        if (p->asked_held_bytes != 0 && held_bytes <= p->asked_held_bytes + p->asked_held_bytes / 10) {
            return false;
        }
    }
    p->asked_at_ns = now_ns;
    p->asked_held_bytes = held_bytes;
    p->asked_spent_ns = p->spent_ns;
    return true;
}
