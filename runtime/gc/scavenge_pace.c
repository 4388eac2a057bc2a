/* scavenge_pace.c - see scavenge_pace.h. */
#include "runtime/gc/scavenge_pace.h"

uint64_t rt__scavenge_slack(int64_t memory_limit_bytes)
{
    uint64_t share = (uint64_t)memory_limit_bytes / 10;
    return share < RT__SCAVENGE_SLACK_BYTES ? share : RT__SCAVENGE_SLACK_BYTES;
}

bool rt__scavenge_due(struct rt__scavenge_pace *p, uint64_t now_ns, uint64_t held_bytes, uint64_t live_bytes,
                      uint64_t slack_bytes)
{
    if (p->asked_at_ns != 0 && held_bytes < p->left_bytes) {
        p->left_bytes = held_bytes;
    }
    if (held_bytes <= live_bytes + live_bytes / 10 + slack_bytes) {
        return false;
    }
    if (p->asked_at_ns != 0) {
        uint64_t cost_ns = p->spent_ns - p->asked_spent_ns;
        if (now_ns - p->asked_at_ns < cost_ns * RT__SCAVENGE_SHARE) {
            return false;
        }
        /* What the last ask could not free is held by fragments; asking again frees it no more. */
        if (held_bytes <= p->left_bytes + p->left_bytes / 10) {
            return false;
        }
    }
    p->asked_at_ns = now_ns;
    p->left_bytes = held_bytes;
    p->asked_spent_ns = p->spent_ns;
    return true;
}
