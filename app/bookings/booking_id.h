/* booking_id.h - the ids of bookings. */
#ifndef APP_BOOKINGS_BOOKING_ID_H
#define APP_BOOKINGS_BOOKING_ID_H

#include <stdint.h>
#include <uuid.h>

/* booking_id_make - a UUID of version 7 (RFC 9562): milliseconds since 1970, then 74 random bits. */
void booking_id_make(char text[UUID_STR_LEN], int64_t unix_ms);

#endif
