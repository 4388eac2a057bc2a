/* routes.c - which handler answers what. OPTIONS is answered for every path by web/mount.c. */
#include "app/routes.h"

#include "app/rooms/rooms.h"

const struct web_route app_routes[] = {
    {"GET", "/rooms", rooms_list},
    {"GET", "/rooms/:id", rooms_get},
    {"GET", "/rooms/:id/photos", rooms_list_photos},
    {"*", "/debug/*", web_debug}, /* the runtime's own; loopback only */
    {NULL, NULL, NULL},
};
