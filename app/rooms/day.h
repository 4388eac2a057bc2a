/* day.h - calendar days as the interface writes them. */
#ifndef APP_ROOMS_DAY_H
#define APP_ROOMS_DAY_H

#include <stdbool.h>
#include <stddef.h>

#define DAY_LEN 10 /* of YYYY-MM-DD */

/* day_is_real - whether text is YYYY-MM-DD and that day exists (2025-02-30 does not). Years run
 * from 0000 to 9999 in the Gregorian calendar, as the original's parser took them. */
bool day_is_real(const char *text, size_t len);

#endif
