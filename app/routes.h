/* routes.h - the interface of the application, a line each. */
#ifndef APP_ROUTES_H
#define APP_ROUTES_H

#include "app/web/web.h"

/* Ends with a NULL pattern. */
extern const struct web_route app_routes[];

#endif
