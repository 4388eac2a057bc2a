/* routes.c - which handler answers what. OPTIONS is answered for every path, and /imgs by h2o's own
 * file handler; both in web/mount.c. */
#include "app/routes.h"

#include "app/auth/auth.h"
#include "app/bookings/bookings.h"
#include "app/health/health.h"
#include "app/rooms/rooms.h"

const struct web_route app_routes[] = {
    {"POST", "/auth/login", auth_login, false},
    {"POST", "/auth/signup", auth_signup, false},
    {"GET", "/rooms", rooms_list, false},
    {"GET", "/rooms/:id", rooms_get, false},
    {"GET", "/rooms/:id/photos", rooms_list_photos, false},
    {"GET", "/bookings", bookings_list, true},
    {"POST", "/bookings", bookings_add, true},
    {"GET", "/bookings/:id", bookings_get, true},
    {"DELETE", "/bookings/:id", bookings_delete, true},
    {"GET", "/healthz", health_alive, false},
    {"GET", "/readyz", health_ready, false},
    {"GET", "/trace", web_trace, false}, /* loopback only */
    {"*", "/debug/*", web_debug, false}, /* the runtime's own; loopback only */
    {NULL, NULL, NULL, false},
};
