/* plan.c - see plan.h.
 *
 * Every booking has to be legal whatever is booked already, so the server is asked about each day
 * before it is used (GET /rooms?day_to_book=..., some 0.1 ms), from tomorrow on. Where earlier runs
 * have left years of booked days in a row, asking one by one would take longer than the run: from a
 * booked day it strides ahead, 1, 2, 4 ... days, until it meets a free one, and halves its way back
 * to where that free stretch begins. Free days strode over are not missed: there are enough behind.
 */
#include "bench/load/plan.h"

#include "bench/load/day.h"
#include "bench/load/fail.h"
#include "bench/load/progress.h"
#include "bench/load/stop.h"

#include <stdio.h>
#include <stdlib.h>

#define PROGRESS_DAYS 64u /* asking takes less time than a look at the clock is worth */

static int get_rooms(struct api *api, const char *path, struct rooms *rooms)
{
    int status = api_get(api, path);
    char message[API_MESSAGE_SIZE];

    if (status < 0)
        return stop_asked() ? fail("stopped") : fail("GET %s: %s", path, api->error);
    api_message(api, message);
    if (status != 200)
        return fail("GET %s: %d %s", path, status, message);
    if (!answer_rooms(api->answer, api->answer_len, rooms))
        return fail("GET %s: the answer is not a list of rooms: %.100s", path, message);
    return 0;
}

/* 1 when all rooms are free on that day, 0 when not, -1 with one line printed. */
static int ask(struct plan *plan, struct api *api, int32_t day)
{
    struct rooms rooms = {0};
    char text[DAY_TEXT_SIZE];
    char path[64];
    int is_free;

    if (stop_asked())
        return fail("stopped");
    day_format(day, text);
    snprintf(path, sizeof(path), "/rooms?day_to_book=%s", text);
    plan->n_asked++;
    is_free = get_rooms(api, path, &rooms) == 0 ? rooms.n == plan->rooms.n : -1;
    for (size_t i = 0; i < rooms.n && is_free == 1; i++)
        is_free = rooms.list[i].available;
    free(rooms.list);
    return is_free;
}

/* The first day of a free stretch behind a booked day; DAY_LAST + 1 when none was met, -1 on failure. */
static int32_t stride(struct plan *plan, struct api *api, int32_t booked)
{
    int32_t step = 1;
    int32_t found;
    int is_free = 0;

    for (found = booked; !is_free && found < DAY_LAST; step *= 2) {
        booked = found;
        found = step < DAY_LAST - found ? found + step : DAY_LAST;
        if ((is_free = ask(plan, api, found)) < 0)
            return -1;
    }
    if (!is_free)
        return DAY_LAST + 1;
    while (found - booked > 1) {
        int32_t middle = booked + (found - booked) / 2;

        if ((is_free = ask(plan, api, middle)) < 0)
            return -1;
        *(is_free ? &found : &booked) = middle;
    }
    return found;
}

static int find_days(struct plan *plan, struct api *api, unsigned wanted)
{
    int32_t day = day_tomorrow();

    while (plan->n_days < wanted && day <= DAY_LAST) {
        int is_free = ask(plan, api, day);

        if (is_free < 0)
            return -1;
        if (is_free)
            plan->days[plan->n_days++] = day++;
        else if ((day = stride(plan, api, day)) < 0)
            return -1;
        if (plan->n_asked % PROGRESS_DAYS == 0)
            progress_show("looking for free days", plan->n_days, wanted);
    }
    progress_hide();
    return 0;
}

static void count_days(struct plan *plan, int32_t from, unsigned wanted)
{
    for (; plan->n_days < wanted && from <= DAY_LAST; from++)
        plan->days[plan->n_days++] = from;
}

int plan_make(struct plan *plan, struct api *api, const struct options *options)
{
    unsigned wanted;

    *plan = (struct plan){0};
    if (get_rooms(api, "/rooms", &plan->rooms) != 0)
        return -1;
    if (plan->rooms.n == 0)
        return fail("the server has no rooms");
    wanted = (unsigned)((options->bookings + plan->rooms.n - 1) / plan->rooms.n);
    plan->days = malloc(wanted * sizeof(*plan->days));
    if (plan->days == NULL)
        return fail("out of memory");
    if (options->from >= 0)
        count_days(plan, options->from, wanted);
    else if (find_days(plan, api, wanted) != 0)
        return -1;
    if (plan->n_days < wanted)
        return fail("-n %u: %zu rooms need %u days, and until the year 9999 %u were found", options->bookings,
                    plan->rooms.n, wanted, plan->n_days);
    return 0;
}

void plan_release(struct plan *plan)
{
    free(plan->rooms.list);
    free(plan->days);
    *plan = (struct plan){0};
}
