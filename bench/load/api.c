/* api.c - see api.h.
 *
 * libcurl keeps what it is given in malloc'd memory, where no collector looks: a request's body must
 * stay on the caller's stack meanwhile, and the body's pointer is taken out of the handle before the
 * call returns.
 */
#include "bench/load/api.h"

#include "bench/load/answer.h"
#include "bench/load/fail.h"
#include "bench/load/stop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* No server that is alive takes longer than these. Shorter would count a slow answer as none. */
#define CONNECT_LIMIT_MS 10000L
#define REQUEST_LIMIT_MS 60000L
/* The rooms of a large house are some 100 KB. */
#define ANSWER_MOST_BYTES (16u << 20)

static size_t on_data(char *data, size_t unit, size_t n, void *arg)
{
    struct api *api = arg;
    size_t len = unit * n;

    if (api->answer_len + len >= ANSWER_MOST_BYTES)
        return 0;
    if (api->answer_len + len + 1 > api->answer_size) {
        size_t size = 2 * (api->answer_len + len) + 512;
        char *grown = realloc(api->answer, size);

        if (grown == NULL)
            return 0;
        api->answer = grown;
        api->answer_size = size;
    }
    memcpy(api->answer + api->answer_len, data, len);
    api->answer_len += len;
    api->answer[api->answer_len] = '\0';
    return len;
}

static int on_progress(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    (void)arg, (void)a, (void)b, (void)c, (void)d;
    return stop_overdue();
}

static int add_header(struct api *api, const char *line)
{
    struct curl_slist *more = curl_slist_append(api->headers, line);

    if (more == NULL)
        return fail("out of memory");
    api->headers = more;
    return 0;
}

static int make_headers(struct api *api, const char *token)
{
    size_t size = token == NULL ? 0 : strlen(token) + sizeof("Authorization: Bearer ");
    char *line;
    int result;

    if (add_header(api, "Content-Type: application/json") != 0 || token == NULL)
        return api->headers == NULL ? -1 : 0;
    line = malloc(size);
    if (line == NULL)
        return fail("out of memory");
    snprintf(line, size, "Authorization: Bearer %s", token);
    result = add_header(api, line);
    free(line);
    return result;
}

int api_open(struct api *api, const char *base, const char *token)
{
    *api = (struct api){.base = base, .easy = curl_easy_init()};
    if (api->easy == NULL)
        return fail("out of memory");
    if (make_headers(api, token) != 0) {
        api_close(api);
        return -1;
    }
    curl_easy_setopt(api->easy, CURLOPT_HTTPHEADER, api->headers);
    curl_easy_setopt(api->easy, CURLOPT_USERAGENT, "booking");
    curl_easy_setopt(api->easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(api->easy, CURLOPT_PROXY, ""); /* the server is measured, not what stands before it */
    curl_easy_setopt(api->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(api->easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_LIMIT_MS);
    curl_easy_setopt(api->easy, CURLOPT_TIMEOUT_MS, REQUEST_LIMIT_MS);
    curl_easy_setopt(api->easy, CURLOPT_ERRORBUFFER, api->error);
    curl_easy_setopt(api->easy, CURLOPT_WRITEFUNCTION, on_data);
    curl_easy_setopt(api->easy, CURLOPT_WRITEDATA, api);
    curl_easy_setopt(api->easy, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(api->easy, CURLOPT_NOPROGRESS, 0L);
    return 0;
}

void api_close(struct api *api)
{
    curl_easy_cleanup(api->easy);
    curl_slist_free_all(api->headers);
    free(api->answer);
    *api = (struct api){0};
}

static int perform(struct api *api, const char *path)
{
    char url[1024];
    long status = 0;
    CURLcode code;

    snprintf(url, sizeof(url), "%s%s", api->base, path);
    curl_easy_setopt(api->easy, CURLOPT_URL, url);
    api->answer_len = 0;
    api->error[0] = '\0';
    code = curl_easy_perform(api->easy);
    if (code == CURLE_OK && curl_easy_getinfo(api->easy, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK && status > 0)
        return (int)status;
    if (api->error[0] == '\0')
        snprintf(api->error, sizeof(api->error), "%s", curl_easy_strerror(code));
    return -1;
}

int api_get(struct api *api, const char *path)
{
    curl_easy_setopt(api->easy, CURLOPT_HTTPGET, 1L);
    return perform(api, path);
}

int api_post(struct api *api, const char *path, const char *body, size_t len)
{
    int status;

    curl_easy_setopt(api->easy, CURLOPT_POST, 1L);
    curl_easy_setopt(api->easy, CURLOPT_POSTFIELDSIZE, (long)len);
    curl_easy_setopt(api->easy, CURLOPT_POSTFIELDS, body);
    status = perform(api, path);
    curl_easy_setopt(api->easy, CURLOPT_POSTFIELDS, "");
    return status;
}

void api_message(const struct api *api, char message[API_MESSAGE_SIZE])
{
    const char *text = api->answer_len != 0 ? api->answer : "";

    if (!answer_text(text, api->answer_len, "message", message, API_MESSAGE_SIZE))
        snprintf(message, API_MESSAGE_SIZE, "%s", text);
    for (char *c = message; *c != '\0'; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = ' ';
    }
    for (size_t len = strlen(message); len != 0 && message[len - 1] == ' '; len--)
        message[len - 1] = '\0';
}
