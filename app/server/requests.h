/* requests.h - how many requests were answered: the metric /coworkingapp/http/answered:requests. */
#ifndef APP_SERVER_REQUESTS_H
#define APP_SERVER_REQUESTS_H

#include <h2o.h>

/* requests_mount - counts on all paths of host. After web_mount and before the first loop, once a process. */
void requests_mount(h2o_hostconf_t *host);

#endif
