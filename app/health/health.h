/* health.h - what a load balancer asks. */
#ifndef APP_HEALTH_HEALTH_H
#define APP_HEALTH_HEALTH_H

#include "app/web/web.h"

void health_alive(struct web_request *rq); /* GET /healthz: the process answers */
void health_ready(struct web_request *rq); /* GET /readyz: the store answers, too; else 503 */

#endif
