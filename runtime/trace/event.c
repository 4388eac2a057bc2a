/* event.c - see event.h: words read as events again.
 *
 * The words may be of a copy that was cut anywhere, or of memory that is no chunk at all: nothing is read beyond
 * the count, and what cannot be an event ends the reading.
 */
#include "runtime/trace/event.h"

/* Words of an event; a log's text comes on top. 0: there is no such event. */
static const uint8_t words_of[RT__EV_TYPES] = {
    [RT__EV_TIME] = 2,       [RT__EV_BEGIN] = 3,    [RT__EV_END] = 1,        [RT__EV_BLOCK] = 3,
    [RT__EV_TASK_BEGIN] = 3, [RT__EV_TASK_END] = 2, [RT__EV_TASK_SET] = 2,   [RT__EV_REGION_BEGIN] = 1,
    [RT__EV_REGION_END] = 1, [RT__EV_LOG] = 2,      [RT__EV_HEAP_ALLOC] = 2, [RT__EV_HEAP_GOAL] = 2,
    [RT__EV_LOST] = 2,
};

/* Of the event that begins at r->at; 0 when none does. */
static size_t whole_words(const struct rt__event_reader *r)
{
    size_t left = r->count - r->at;
    unsigned type = r->words[r->at] & 0xff;
    size_t n = type < RT__EV_TYPES ? words_of[type] : 0;
    if (n > left) {
        return 0;
    }
    if (type == RT__EV_LOG) {
        uint64_t len = r->words[r->at + 1];
        n = len <= RT__LOG_MOST ? n + (len + 7) / 8 : 0;
    }
    return n <= left ? n : 0;
}

static void take_out(const uint64_t *words, size_t n, uint64_t base, struct rt__event *e)
{
    e->type = (enum rt__event_type)(words[0] & 0xff);
    e->arg = (uint32_t)(words[0] >> 8) & RT__EVENT_ARG_MOST;
    e->ticks = base + (words[0] >> 32);
    e->words[0] = n > 1 ? words[1] : 0;
    e->words[1] = n == 3 && e->type != RT__EV_LOG ? words[2] : 0;
    e->text = e->type == RT__EV_LOG ? (const char *)&words[2] : NULL;
}

bool rt__event_next(struct rt__event_reader *r, struct rt__event *e)
{
    while (r->at < r->count) {
        const uint64_t *words = &r->words[r->at];
        size_t n = whole_words(r);
        if (n == 0) {
            return false;
        }
        r->at += n;
        if ((words[0] & 0xff) != RT__EV_TIME) {
            take_out(words, n, r->base, e);
            return true;
        }
        r->base = words[1];
    }
    return false;
}
