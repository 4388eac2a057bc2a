/* bookings.h - the handlers of /bookings; all of them need a user. */
#ifndef APP_BOOKINGS_BOOKINGS_H
#define APP_BOOKINGS_BOOKINGS_H

#include "app/web/web.h"

void bookings_list(struct web_request *rq);   /* GET /bookings */
void bookings_get(struct web_request *rq);    /* GET /bookings/:id */
void bookings_add(struct web_request *rq);    /* POST /bookings */
void bookings_delete(struct web_request *rq); /* DELETE /bookings/:id */

#endif
