/* agent.c - what the agent is sent: heads of HTTP requests, whose host they name, numbers of gops, and CAGENT's text.
 */
#include "tests/fuzz/fuzz.h"

#include "env/address.h"
#include "runtime/agent/address.h"
#include "runtime/agent/gops_text.h"
#include "runtime/agent/http_parse.h"
#include "runtime/agent/port_file.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

static int is_within(struct rt__http_span span, const char *text, size_t len)
{
    return span.p == NULL || (span.p >= text && span.len <= len && (size_t)(span.p - text) <= len - span.len);
}

static void try_http(const char *text, size_t size)
{
    struct rt__http_request req;
    int result = rt__http_parse(text, size, &req);

    fuzz_require(result <= (int)size && result <= RT__HTTP_HEAD_MAX);
    if (result < 0)
        fuzz_require(result == -400 || result == -413 || result == -431 || result == -501 || result == -505);
    if (result <= 0)
        return;
    size_t head = (size_t)result;
    fuzz_require(req.method.len > 0 && req.path.len > 0 && req.path.p[0] == '/');
    fuzz_require(is_within(req.method, text, head) && is_within(req.path, text, head));
    fuzz_require(is_within(req.query, text, head) && is_within(req.host, text, head));
    fuzz_require(is_within(req.origin, text, head) && req.content_length <= RT__HTTP_BODY_MAX);
    fuzz_require(req.is_http_1_0 || req.host.p != NULL);
    /* What has been taken for whole is the same with more behind it, and is not whole with less. */
    fuzz_require(rt__http_parse(text, head, &req) == result);
    fuzz_require(rt__http_parse(text, head - 1, &req) <= 0);
}

static void try_number(const uint8_t *data, size_t size)
{
    int64_t value;
    int result = rt__gops_varint(data, size, &value);

    fuzz_require(result <= 10 && result <= (int)size);
    fuzz_require(result != 0 || size < 10);
}

static void try_texts(const char *text, size_t size)
{
    const struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct sockaddr_storage address;
    char *copy = malloc(size + 1);

    memcpy(copy, text, size);
    copy[size] = '\0';
    socklen_t len = env_parse_address(copy, &address);
    fuzz_require(len <= sizeof(address));
    fuzz_require(len == 0 || strlen(copy) < ENV_ADDRESS_MAX);
    fuzz_require(rt__port_file_pid(copy) >= 0);
    /* Our own hosts are addresses, or begin with that one name. */
    if (rt__address_is_own_host(text, size, (const struct sockaddr *)&own))
        fuzz_require(strchr("lL1[", text[0]) != NULL);
    free(copy);
}

void fuzz_agent(const uint8_t *data, size_t size)
{
    try_http((const char *)data, size);
    try_number(data, size);
    try_texts((const char *)data, size);
}
