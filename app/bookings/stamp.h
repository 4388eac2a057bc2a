/* stamp.h - points in time as the interface writes them. */
#ifndef APP_BOOKINGS_STAMP_H
#define APP_BOOKINGS_STAMP_H

#include <stdint.h>

#define STAMP_SIZE 28 /* of 2025-01-09T10:11:12.123456Z with its end */

/* stamp_format - RFC 3339 in UTC with six decimals, from microseconds since 1970; for the years 1970
 * to 9999. */
void stamp_format(char text[STAMP_SIZE], int64_t unix_us);

/* stamp_now_us - the time of day, for stamp_format. */
int64_t stamp_now_us(void);

#endif
