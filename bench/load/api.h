/* api.h - one keep-alive connection to the booking server. One thread uses it. */
#ifndef BENCH_LOAD_API_H
#define BENCH_LOAD_API_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>

#define API_MESSAGE_SIZE 240

struct api {
    CURL *easy;
    struct curl_slist *headers;
    const char *base; /* without a slash at its end; outlives the api */
    char *answer;     /* malloc'd, NUL-terminated; of the last request */
    size_t answer_len;
    size_t answer_size;
    char error[CURL_ERROR_SIZE];
};

/* api_open - token may be NULL. 0, or -1 with one line printed. Connects at the first request. */
int api_open(struct api *api, const char *base, const char *token);
void api_close(struct api *api);

/* api_get, api_post - the answer's status; -1 when there is no answer, and api->error says why. The
 * body is looked at during the call only. */
int api_get(struct api *api, const char *path);
int api_post(struct api *api, const char *path, const char *body, size_t len);

/* api_message - what the last answer says, as one line: its JSON's "message", or else its text. */
void api_message(const struct api *api, char message[API_MESSAGE_SIZE]);

#endif
