/* auth.c - see auth.h.
 *
 * A password is hashed by a thread of app/workers. From there on nothing of the request's is touched
 * by two threads at once: the loop hands the item over and does not look at it until it is done.
 * The request is held from the first step to the answer, also when the client leaves meanwhile.
 *
 * Passwords are wiped from the request's scope when they have been hashed. Where h2o read them to,
 * they stay until it uses that memory again.
 */
#include "app/auth/auth.h"

#include "app/auth/password.h"
#include "app/auth/token.h"
#include "app/workers/work.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <time.h>
#include <uuid.h>

/* E-mail and username: mail itself allows an address 254. */
#define NAME_MAX_BYTES 255

#define BUSY_MESSAGE "too many passwords are waiting to be checked; try again in a moment"

struct auth {
    unsigned char secret[TOKEN_SECRET_BYTES];
};

static int64_t now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return t.tv_sec;
}

/* Of the request's scope, whose memory may be another request's soon. */
static void wipe(char *password)
{
    explicit_bzero(password, strlen(password));
}

static const char *make_token(const struct auth *auth, const char *email, struct rt_scope *scope)
{
    return token_make(auth->secret, email, now_s(), scope);
}

/* ---- life ------------------------------------------------------------------------------------ */

static int take_secret(struct auth *auth, const char *secret, struct failure *err)
{
    if (secret != NULL) {
        memcpy(auth->secret, secret, sizeof(auth->secret));
        return 0;
    }
    if (getrandom(auth->secret, sizeof(auth->secret), 0) != (ssize_t)sizeof(auth->secret))
        return failure_set(err, "no random bytes for a secret_key: %s", strerror(errno));
    fputs("no secret_key configured: a random one is used, tokens die with this process\n", stderr);
    return 0;
}

int auth_open(const char *secret, struct auth **out, struct failure *err)
{
    struct auth *auth = calloc(1, sizeof(*auth));
    struct rt_scope *scope;
    bool can_sign;

    *out = NULL;
    if (auth == NULL)
        return failure_set(err, "no memory for the secret_key");
    if (take_secret(auth, secret, err) != 0) {
        free(auth);
        return -1;
    }
    /* Better now than at the first login. */
    scope = rt_scope_begin();
    can_sign = make_token(auth, "user@example.com", scope) != NULL;
    rt_scope_end(scope);
    if (!can_sign) {
        auth_close(auth);
        return failure_set(err, "cannot sign tokens: this machine's OpenSSL offers no HMAC with SHA-256");
    }
    *out = auth;
    return 0;
}

void auth_close(struct auth *auth)
{
    explicit_bzero(auth, sizeof(*auth));
    free(auth);
}

/* ---- the check ahead of routes that need a user ---------------------------------------------- */

/* The token in "Bearer TOKEN", the value of an Authorization header; base NULL when it is not that. */
static h2o_iovec_t bearer_token(h2o_iovec_t value)
{
    static const char scheme[] = "bearer ";
    const size_t scheme_len = sizeof(scheme) - 1;

    if (value.len <= scheme_len || strncasecmp(value.base, scheme, scheme_len) != 0)
        return h2o_iovec_init(NULL, 0);
    value.base += scheme_len;
    value.len -= scheme_len;
    while (value.len > 0 && *value.base == ' ') {
        value.base++;
        value.len--;
    }
    return value;
}

bool auth_admit(struct web_request *rq)
{
    h2o_iovec_t value = web_request_header(rq, "authorization");
    h2o_iovec_t token;

    while (value.len > 0 && (value.base[value.len - 1] == ' ' || value.base[value.len - 1] == '\t'))
        value.len--;
    if (value.base == NULL || value.len == 0) {
        web_answer_error(rq, WEB_NO_TOKEN, "log in and send the token: Authorization: Bearer TOKEN");
        return false;
    }
    token = bearer_token(value);
    if (token.base != NULL)
        rq->user = token_check(rq->loop->site->auth->secret, token.base, token.len, now_s(), rq->scope);
    if (rq->user == NULL) {
        web_answer_error(rq, WEB_BAD_TOKEN,
                         "want Authorization: Bearer TOKEN, with a token from a login of the last 30 minutes");
        return false;
    }
    return true;
}

/* ---- logging in ------------------------------------------------------------------------------ */

struct login {
    struct work_item item; /* first */
    struct web_request *rq;
    char *password;    /* of the request's scope */
    const char *hash;  /* NULL: there is no such user */
    const char *email; /* of the user */
    bool matches;
};

static void login_run(struct work_item *item)
{
    struct login *login = (struct login *)item;

    rt_trace_region_begin("auth");
    login->matches = password_matches(login->password, login->hash);
    rt_trace_region_end();
}

static void login_done(struct work_item *item)
{
    struct login *login = (struct login *)item;
    struct web_request *rq = login->rq;

    wipe(login->password);
    if (!login->matches) {
        web_answer_error(rq, WEB_BAD_LOGIN, "no user has this username and password");
    } else {
        const char *token = make_token(rq->loop->site->auth, login->email, rq->scope);

        if (token == NULL) {
            web_answer_error(rq, WEB_TOKEN_FAILED, "the user's e-mail does not fit into a token");
        } else {
            yajl_gen json = web_json_begin(rq);

            yajl_gen_map_open(json);
            web_json_text_member(json, "token", token);
            yajl_gen_map_close(json);
            web_answer_json(rq, 200);
        }
    }
    web_release(rq);
}

static void login_refuse(struct login *login)
{
    wipe(login->password);
    web_release(login->rq);
}

/* A user that does not exist is given the same work, so that the time of the answer does not tell. */
static void on_user(void *arg, struct store_result result, const struct store_user *user)
{
    struct login *login = arg;

    if (result.status == STORE_OK) {
        login->hash = user->password;
        login->email = user->email;
    } else if (result.status != STORE_NOT_FOUND) {
        web_answer_store(login->rq, result, "");
        login_refuse(login);
        return;
    }
    if (!work_submit(login->rq->loop->inbox, &login->item)) {
        web_answer_error(login->rq, WEB_BUSY, BUSY_MESSAGE);
        login_refuse(login);
    }
}

void auth_login(struct web_request *rq)
{
    static const struct web_field fields[] = {{"username", NAME_MAX_BYTES}, {"password", PASSWORD_MAX_BYTES}};
    const char *values[2];
    struct login *login;

    if (!web_request_texts(rq, fields, 2, values))
        return;
    login = rt_scope_alloc(rq->scope, sizeof(*login));
    *login = (struct login){.item = {.run = login_run, .done = login_done}, .rq = rq, .password = (char *)values[1]};
    web_hold(rq);
    store_find_user(rq->loop->store, rq->scope, values[0], on_user, login);
}

/* ---- signing up ------------------------------------------------------------------------------ */

struct signup {
    struct work_item item; /* first */
    struct web_request *rq;
    char *password; /* of the request's scope */
    struct store_user user;
    char id[UUID_STR_LEN];
    char hash[PASSWORD_HASH_SIZE];
    bool hashed;
};

static void signup_run(struct work_item *item)
{
    struct signup *signup = (struct signup *)item;

    rt_trace_region_begin("auth");
    signup->hashed = password_hash(signup->password, signup->hash) == 0;
    rt_trace_region_end();
}

static void on_added(void *arg, struct store_result result)
{
    struct signup *signup = arg;
    struct web_request *rq = signup->rq;

    if (result.status == STORE_TAKEN) {
        web_answer_error(rq, WEB_EMAIL_TAKEN, "a user with this email exists");
    } else if (result.status == STORE_NAME_TAKEN) {
        web_answer_error(rq, WEB_NAME_TAKEN, "a user with this username exists");
    } else if (!web_answer_store(rq, result, "")) {
        yajl_gen json = web_json_begin(rq);

        yajl_gen_map_open(json);
        web_json_text_member(json, "id", signup->id);
        yajl_gen_map_close(json);
        web_answer_json(rq, 200);
    }
    web_release(rq);
}

static void signup_done(struct work_item *item)
{
    struct signup *signup = (struct signup *)item;
    struct web_request *rq = signup->rq;
    uuid_t id;

    wipe(signup->password);
    if (!signup->hashed) {
        web_answer_error(rq, WEB_BUSY, "there is no memory left to hash the password; try again in a moment");
        web_release(rq);
        return;
    }
    uuid_generate_random(id);
    uuid_unparse_lower(id, signup->id);
    signup->user.id = signup->id;
    signup->user.password = signup->hash;
    store_add_user(rq->loop->store, rq->scope, &signup->user, on_added, signup);
}

void auth_signup(struct web_request *rq)
{
    static const struct web_field fields[] = {
        {"email", NAME_MAX_BYTES}, {"username", NAME_MAX_BYTES}, {"password", PASSWORD_MAX_BYTES}};
    const char *values[3];
    struct signup *signup;

    if (!web_request_texts(rq, fields, 3, values))
        return;
    signup = rt_scope_alloc(rq->scope, sizeof(*signup));
    *signup = (struct signup){.item = {.run = signup_run, .done = signup_done},
                              .rq = rq,
                              .password = (char *)values[2],
                              .user = {.email = values[0], .username = values[1]}};
    web_hold(rq);
    if (!work_submit(rq->loop->inbox, &signup->item)) {
        web_answer_error(rq, WEB_BUSY, BUSY_MESSAGE);
        wipe(signup->password);
        web_release(rq);
    }
}
