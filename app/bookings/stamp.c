/* stamp.c - see stamp.h. All decimals are always written, so that stamps sort as texts do. */
#include "app/bookings/stamp.h"

#include <stdio.h>
#include <time.h>

#define SECONDS_LEN 19 /* of 2025-01-09T10:11:12 */

void stamp_format(char text[STAMP_SIZE], int64_t unix_us)
{
    time_t seconds = (time_t)(unix_us / 1000000);
    struct tm tm;

    gmtime_r(&seconds, &tm);
    strftime(text, STAMP_SIZE, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(text + SECONDS_LEN, STAMP_SIZE - SECONDS_LEN, ".%06uZ", (unsigned)((uint64_t)unix_us % 1000000));
}

int64_t stamp_now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}
