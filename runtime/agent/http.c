/* http.c - /debug/... over the agent's port: one request a connection, answered by rt_debug_handle.
 *
 * Who may ask is decided as the app does it: peers on this machine, and no page of another site that a browser of this
 * machine shows (address.c). The rest is the runtime's pages; this only says what was asked and from where.
 */
#include "runtime/agent/http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include "env/address.h"
#include "runtime/agent/address.h"
#include "runtime/agent/conn.h"
#include "runtime/agent/http_parse.h"
#include "runtime/cruntime.h"
#include "runtime/os/os.h"

/* For the whole head, and once more for the whole body: nobody types them. */
#define HEAD_NS UINT64_C(5000000000)
#define BODY_NS UINT64_C(10000000000)

static const char *reason(int status)
{
    static const struct {
        int status;
        const char *text;
    } reasons[] = {{200, "OK"},
                   {400, "Bad Request"},
                   {403, "Forbidden"},
                   {404, "Not Found"},
                   {405, "Method Not Allowed"},
                   {408, "Request Timeout"},
                   {413, "Content Too Large"},
                   {431, "Request Header Fields Too Large"},
                   {500, "Internal Server Error"},
                   {501, "Not Implemented"},
                   {503, "Service Unavailable"},
                   {505, "HTTP Version Not Supported"}};
    for (size_t i = 0; i < sizeof(reasons) / sizeof(*reasons); i++) {
        if (reasons[i].status == status) {
            return reasons[i].text;
        }
    }
    return "Status";
}

/* ---- answering ------------------------------------------------------------------------------------- */

void rt__http_refuse(int fd, int status, const char *why)
{
    char head[] = "HTTP/1.1 %d %s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %zu\r\n"
                  "Connection: close\r\nX-Content-Type-Options: nosniff\r\n\r\n%s\n";
    rt__conn_print(fd, head, status, reason(status), strlen(why) + 1, why);
}

/* Of a HEAD request the length is not known: its page was not kept. */
static int send_head(int fd, const struct rt_debug_response *res, bool is_head)
{
    char length[48] = "";
    if (!is_head) {
        snprintf(length, sizeof(length), "Content-Length: %zu\r\n", res->body_len);
    }
    return rt__conn_print(fd,
                          "HTTP/1.1 %d %s\r\nContent-Type: %s\r\n%s%s%s%s%s%s%s%s"
                          "Connection: close\r\nX-Content-Type-Options: nosniff\r\n\r\n",
                          res->status, reason(res->status), res->content_type, length, res->allow ? "Allow: " : "",
                          res->allow ? res->allow : "", res->allow ? "\r\n" : "",
                          res->disposition[0] ? "Content-Disposition: " : "", res->disposition,
                          res->disposition[0] ? "\r\n" : "", res->is_pprof_error ? "X-Go-Pprof: 1\r\n" : "");
}

static void send_response(int fd, const struct rt_debug_response *res, bool is_head)
{
    if (send_head(fd, res, is_head) != 0 || is_head) {
        return;
    }
    if (res->file_fd > 0) {
        rt__conn_send_file(fd, res->file_fd, res->body_len);
    } else {
        rt__conn_write(fd, res->body, res->body_len);
    }
}

/* ---- who asks -------------------------------------------------------------------------------------- */

/* A page of ours names in Origin what the browser names in Host. */
static bool is_same_origin(const struct rt__http_request *req)
{
    static const char scheme[] = "http://";
    size_t n = strlen(scheme);
    return req->host.p && req->origin.len == n + req->host.len && memcmp(req->origin.p, scheme, n) == 0 &&
           memcmp(req->origin.p + n, req->host.p, req->host.len) == 0;
}

static bool is_from_here(int fd, const struct rt__http_request *req)
{
    struct sockaddr_storage peer, own;
    socklen_t peer_len = sizeof(peer), own_len = sizeof(own);
    if (getpeername(fd, (struct sockaddr *)&peer, &peer_len) != 0 ||
        getsockname(fd, (struct sockaddr *)&own, &own_len) != 0 ||
        !env_address_is_loopback((const struct sockaddr *)&peer)) {
        return false;
    }
    if (req->host.p && !rt__address_is_own_host(req->host.p, req->host.len, (const struct sockaddr *)&own)) {
        return false;
    }
    return !req->origin.p || is_same_origin(req);
}

/* ---- one request ----------------------------------------------------------------------------------- */

static bool is_debug_path(struct rt__http_span path)
{
    static const char root[] = "/debug";
    size_t n = strlen(root);
    return path.len >= n && memcmp(path.p, root, n) == 0 && (path.len == n || path.p[n] == '/');
}

static void answer(int fd, const struct rt__http_request *req, const char *body)
{
    struct rt_debug_response response;
    struct rt_debug_request request = {.method = req->method.p,
                                       .method_len = req->method.len,
                                       .path = req->path.p,
                                       .path_len = req->path.len,
                                       .query = req->query.p,
                                       .query_len = req->query.len,
                                       .body = body,
                                       .body_len = req->content_length,
                                       .loopback = is_from_here(fd, req),
                                       .peer_fd = fd};
    if (request.loopback && !is_debug_path(req->path)) {
        rt__http_refuse(fd, 404, "nothing is here: /debug/ lists what there is");
        return;
    }
    rt_debug_handle(&request, &response);
    send_response(fd, &response, req->method.len == 4 && memcmp(req->method.p, "HEAD", 4) == 0);
    rt_debug_response_release(&response);
}

/* The body's first bytes came with the head. */
static bool read_body(int fd, char *body, size_t have, size_t len)
{
    uint64_t until_ns = rt__os_now_ns() + BODY_NS;
    while (have < len) {
        ssize_t n = rt__conn_read(fd, body + have, len - have, until_ns);
        if (n <= 0) {
            return false;
        }
        have += (size_t)n;
    }
    return true;
}

static void answer_with_body(int fd, const struct rt__http_request *req, const char *came, size_t came_len)
{
    size_t len = req->content_length;
    size_t have = came_len < len ? came_len : len; /* what is more is another request, and there is none */
    char *body = malloc(len + 1);
    if (!body) {
        rt__http_refuse(fd, 503, "no memory for the body");
        return;
    }
    memcpy(body, came, have);
    if (have < len && req->expects_continue) {
        rt__conn_print(fd, "HTTP/1.1 100 Continue\r\n\r\n");
    }
    if (read_body(fd, body, have, len)) {
        answer(fd, req, body);
    } else {
        rt__http_refuse(fd, 408, "the body did not come");
    }
    free(body);
}

static const char *why_refused(int status)
{
    switch (status) {
    case 413:
        return "the body is longer than 64 KiB";
    case 431:
        return "the head is longer than 8 KiB";
    case 501:
        return "a body is taken with Content-Length only";
    case 505:
        return "HTTP/1.0 and HTTP/1.1 are spoken here";
    default:
        return "this is no HTTP request";
    }
}

void rt__http_answer(int fd, char *head, size_t len)
{
    struct rt__http_request req;
    uint64_t until_ns = rt__os_now_ns() + HEAD_NS;
    int head_len;
    while ((head_len = rt__http_parse(head, len, &req)) == 0) {
        ssize_t n = rt__conn_read(fd, head + len, RT__HTTP_HEAD_MAX - len, until_ns);
        if (n <= 0) {
            rt__http_refuse(fd, n == 0 ? 400 : 408, "the request is not whole");
            return;
        }
        len += (size_t)n;
    }
    if (head_len < 0) {
        rt__http_refuse(fd, -head_len, why_refused(-head_len));
    } else {
        answer_with_body(fd, &req, head + head_len, len - (size_t)head_len);
    }
}
