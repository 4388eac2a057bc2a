/* day.c - see day.h. libc's own conversions do the calendar. */
#include "bench/load/day.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define SECONDS_PER_DAY 86400

int32_t day_tomorrow(void)
{
    return (int32_t)(time(NULL) / SECONDS_PER_DAY) + 1;
}

void day_format(int32_t day, char text[DAY_TEXT_SIZE])
{
    time_t when = (time_t)day * SECONDS_PER_DAY;
    struct tm tm;

    gmtime_r(&when, &tm);
    strftime(text, DAY_TEXT_SIZE, "%Y-%m-%d", &tm);
}

/* What does not come back as it was written was no day: 2025-02-30 comes back as 2025-03-02. */
bool day_parse(const char *text, int32_t *day)
{
    char again[DAY_TEXT_SIZE];
    struct tm tm = {0};
    time_t when;

    if (strlen(text) != sizeof(again) - 1 || sscanf(text, "%4d-%2d-%2d", &tm.tm_year, &tm.tm_mon, &tm.tm_mday) != 3)
        return false;
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    when = timegm(&tm);
    if (when < 0 || when / SECONDS_PER_DAY > DAY_LAST)
        return false;
    *day = (int32_t)(when / SECONDS_PER_DAY);
    day_format(*day, again);
    return strcmp(again, text) == 0;
}
