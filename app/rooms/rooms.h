/* rooms.h - the handlers of /rooms. */
#ifndef APP_ROOMS_ROOMS_H
#define APP_ROOMS_ROOMS_H

#include "app/web/web.h"

void rooms_list(struct web_request *rq);        /* GET /rooms[?day_to_book=YYYY-MM-DD] */
void rooms_get(struct web_request *rq);         /* GET /rooms/:id */
void rooms_list_photos(struct web_request *rq); /* GET /rooms/:id/photos */

#endif
