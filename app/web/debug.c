/* debug.c - lends the runtime's debug endpoints to h2o.
 *
 * The runtime decides everything (paths, methods, who may ask); this only says what was asked and
 * from where. A forced cycle (POST /debug/gc) runs on the event loop and holds up its other
 * connections for the length of a pause, which is what asking for one means.
 */
#include "app/web/web.h"

#include <arpa/inet.h>
#include <string.h>

bool web_is_loopback(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        struct sockaddr_in v4;

        memcpy(&v4, address, sizeof(v4));
        return ntohl(v4.sin_addr.s_addr) >> 24 == 127;
    }
    if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 v6;

        memcpy(&v6, address, sizeof(v6));
        return IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr) ||
               (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr) && v6.sin6_addr.s6_addr[12] == 127);
    }
    return false;
}

static bool is_local(h2o_req_t *h2o)
{
    struct sockaddr_storage peer;

    return h2o->conn->callbacks->get_peername(h2o->conn, (struct sockaddr *)&peer) != 0 &&
           web_is_loopback((struct sockaddr *)&peer);
}

/* A page of another site, open in a browser on this machine, comes from a loopback peer too and may
 * send a form here without asking; its browser says so in Origin. Such a request counts as foreign:
 * settings are changed by whoever sits at the machine, not by what he reads. */
static bool is_from_another_site(h2o_req_t *h2o)
{
    ssize_t at = h2o_find_header_by_str(&h2o->headers, H2O_STRLIT("origin"), -1);
    static const char scheme[] = "http://";

    if (at < 0)
        return false;
    h2o_iovec_t origin = h2o->headers.entries[at].value, host = h2o->input.authority;
    return origin.len != strlen(scheme) + host.len || memcmp(origin.base, scheme, strlen(scheme)) != 0 ||
           memcmp(origin.base + strlen(scheme), host.base, host.len) != 0;
}

void web_debug(struct web_request *rq)
{
    h2o_req_t *h2o = rq->h2o;
    struct rt_debug_response response;
    struct rt_debug_request request = {
        .method = h2o->method.base,
        .method_len = h2o->method.len,
        .path = h2o->path_normalized.base,
        .path_len = h2o->path_normalized.len,
        .query = "",
        .body = h2o->entity.base != NULL ? h2o->entity.base : "",
        .body_len = h2o->entity.len,
        .loopback = is_local(h2o) && !is_from_another_site(h2o),
    };

    if (h2o->query_at != SIZE_MAX) {
        request.query = h2o->path.base + h2o->query_at + 1;
        request.query_len = h2o->path.len - h2o->query_at - 1;
    }
    rt_debug_handle(&request, &response);
    if (response.allow != NULL)
        h2o_add_header(&h2o->pool, &h2o->res.headers, H2O_TOKEN_ALLOW, NULL, response.allow, strlen(response.allow));
    web_answer(rq, response.status, response.content_type,
               h2o_strdup(&h2o->pool, response.body, response.body_len).base, response.body_len);
    rt_debug_response_release(&response);
}

/* The route is part of the interface; the recorder is not built yet, and saying so beats a file
 * with nothing in it. */
void web_trace(struct web_request *rq)
{
    static const char missing[] = "{\"code\":\"the flight recorder is not in this version\",\"message\":\"this version "
                                  "of the runtime records no trace; GET /debug/ lists what it can tell\"}";
    static const char foreign[] = "{\"code\":\"forbidden\",\"message\":\"/trace answers loopback peers only\"}";

    if (!is_local(rq->h2o) || is_from_another_site(rq->h2o))
        web_answer(rq, 403, WEB_JSON, foreign, sizeof(foreign) - 1);
    else
        web_answer(rq, 501, WEB_JSON, missing, sizeof(missing) - 1);
}
