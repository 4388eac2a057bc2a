/* day.h - calendar days as numbers: days since 1970-01-01, Gregorian. */
#ifndef BENCH_LOAD_DAY_H
#define BENCH_LOAD_DAY_H

#include <stdbool.h>
#include <stdint.h>

#define DAY_TEXT_SIZE sizeof("YYYY-MM-DD")
#define DAY_LAST 2932896 /* 9999-12-31: the interface writes years with four digits */

/* day_tomorrow - in UTC, as the server's stamps are. */
int32_t day_tomorrow(void);

void day_format(int32_t day, char text[DAY_TEXT_SIZE]);

/* day_parse - YYYY-MM-DD, from 1970-01-01 on; false when there is no such day. */
bool day_parse(const char *text, int32_t *day);

#endif
