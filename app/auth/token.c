/* token.c - see token.h.
 *
 * The signature is checked first, over the token's bytes as they came: nothing of a token is
 * decoded or parsed that was not signed with the secret. OpenSSL makes the HMAC and yajl reads the
 * JSON. libjwt 1.10 was tried in their place: it reads header and claims as JSON ahead of the
 * signature, takes whichever HMAC the token names, and needs 3.9 us a check, against 1.2 us of this
 * (all allocation of both is malloc, which is counted here in any case).
 *
 * The header must still say HS256, so that a token means one thing to every reader. Every token
 * made here begins with the same header, so most checks compare it and parse only the claims.
 * Claims other than sub and exp are ignored; those two, once each, or the token is refused.
 */
#include "app/auth/token.h"

#include "app/utf8.h"

#include <h2o.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <yajl/yajl_gen.h>
#include <yajl/yajl_parse.h>

#define MAC_BYTES 32
#define MAC_TEXT_LEN 43
#define MAC_TEXT_SIZE 48 /* what h2o_base64_encode may write */

/* {"alg":"HS256","typ":"JWT"} in base64url, and its dot. */
static const char own_header[] = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.";
#define OWN_HEADER_LEN (sizeof(own_header) - 1)

/* ---- the signature --------------------------------------------------------------------------- */

/* OpenSSL looks algorithms up by name, which takes longer than the HMAC of a token: done once, and
 * copied for each use. NULL when OpenSSL has been configured not to have it. */
static EVP_MAC_CTX *hmac_sha256;
static pthread_once_t hmac_sha256_once = PTHREAD_ONCE_INIT;

static void init_hmac_sha256(void)
{
    OSSL_PARAM digest[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)"SHA256", 0),
                           OSSL_PARAM_construct_end()};
    EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *made = hmac != NULL ? EVP_MAC_CTX_new(hmac) : NULL;

    EVP_MAC_free(hmac); /* the context has a reference of its own */
    if (made != NULL && EVP_MAC_CTX_set_params(made, digest) == 1)
        hmac_sha256 = made;
    else
        EVP_MAC_CTX_free(made);
}

/* The signature of text as a token carries it. */
static bool sign(const unsigned char secret[TOKEN_SECRET_BYTES], const char *text, size_t len,
                 char signature[MAC_TEXT_SIZE])
{
    unsigned char mac[MAC_BYTES];
    size_t mac_len = 0;
    EVP_MAC_CTX *ctx;
    bool made;

    pthread_once(&hmac_sha256_once, init_hmac_sha256);
    ctx = hmac_sha256 != NULL ? EVP_MAC_CTX_dup(hmac_sha256) : NULL;
    if (ctx == NULL)
        return false;
    made = EVP_MAC_init(ctx, secret, TOKEN_SECRET_BYTES, NULL) == 1 &&
           EVP_MAC_update(ctx, (const unsigned char *)text, len) == 1 &&
           EVP_MAC_final(ctx, mac, &mac_len, sizeof(mac)) == 1 && mac_len == sizeof(mac);
    EVP_MAC_CTX_free(ctx);
    return made && h2o_base64_encode(signature, mac, sizeof(mac), 1) == MAC_TEXT_LEN;
}

/* ---- base64url ------------------------------------------------------------------------------- */

static int digit_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

/* As RFC 7515 wants it: no padding, and no bits set that mean nothing. (h2o's decoder also takes the
 * other alphabet.) Returns the length of what was decoded, or -1. */
static ptrdiff_t decode(const char *text, size_t len, unsigned char *out)
{
    unsigned bits = 0;
    int held = 0; /* of bits, not yet written */
    size_t n = 0;

    for (size_t i = 0; i < len; i++) {
        int value = digit_value(text[i]);

        if (value < 0)
            return -1;
        bits = (bits << 6 | (unsigned)value) & 0xfff;
        held += 6;
        if (held >= 8) {
            held -= 8;
            out[n++] = (unsigned char)(bits >> held);
        }
    }
    if (held >= 6 || (bits & ((1U << held) - 1)) != 0)
        return -1;
    return (ptrdiff_t)n;
}

/* ---- JSON ------------------------------------------------------------------------------------ */

enum member_kind { MEMBER_TEXT, MEMBER_INTEGER, MEMBER_FORBIDDEN /* no value will do */ };

/* A member of an object that is looked for. */
struct member {
    const char *name;
    enum member_kind kind;
    bool found;
    const char *text;
    int64_t integer;
};

struct reading {
    struct member *members;
    size_t n;
    struct member *current; /* whose value comes next; NULL: nobody asked for it */
    int depth;
    struct rt_scope *scope;
};

/* Whether a value that is neither text nor number may stand here: as what nobody asked for. */
static bool is_ignored(const struct reading *r)
{
    return r->depth > 1 || (r->depth == 1 && r->current == NULL);
}

static int on_key(void *ctx, const unsigned char *key, size_t len)
{
    struct reading *r = ctx;

    if (r->depth != 1)
        return 1;
    r->current = NULL;
    for (size_t i = 0; i < r->n; i++) {
        struct member *m = &r->members[i];

        if (strlen(m->name) == len && memcmp(m->name, key, len) == 0) {
            r->current = m;
            if (m->found)
                return 0;
            m->found = true;
        }
    }
    return 1;
}

static int on_string(void *ctx, const unsigned char *text, size_t len)
{
    struct reading *r = ctx;
    char *copy;

    if (is_ignored(r))
        return 1;
    if (r->depth == 0 || r->current->kind != MEMBER_TEXT || memchr(text, '\0', len) != NULL ||
        !utf8_is_valid((const char *)text, len))
        return 0;
    copy = rt_scope_alloc_atomic(r->scope, len + 1);
    memcpy(copy, text, len);
    copy[len] = '\0';
    r->current->text = copy;
    return 1;
}

/* Digits and nothing else: no sign, fraction or exponent. */
static int on_number(void *ctx, const char *digits, size_t len)
{
    struct reading *r = ctx;
    int64_t value = 0;

    if (is_ignored(r))
        return 1;
    if (r->depth == 0 || r->current->kind != MEMBER_INTEGER)
        return 0;
    for (size_t i = 0; i < len; i++) {
        if (digits[i] < '0' || digits[i] > '9' || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, digits[i] - '0', &value))
            return 0;
    }
    r->current->integer = value;
    return 1;
}

static int on_null(void *ctx)
{
    return is_ignored(ctx);
}

static int on_boolean(void *ctx, int value)
{
    (void)value;
    return is_ignored(ctx);
}

static int on_array_begin(void *ctx)
{
    struct reading *r = ctx;

    if (!is_ignored(r))
        return 0;
    r->depth++;
    return 1;
}

static int on_map_begin(void *ctx)
{
    struct reading *r = ctx;

    if (r->depth != 0 && !is_ignored(r))
        return 0;
    r->depth++;
    return 1;
}

static int on_end(void *ctx)
{
    struct reading *r = ctx;

    r->depth--;
    return 1;
}

/* Reads an object's members out of its base64url; false when it is not an object, or one of them is
 * there twice or of the wrong kind. */
static bool read_object(const char *text, size_t len, struct member *members, size_t n, struct rt_scope *scope)
{
    static const yajl_callbacks callbacks = {
        .yajl_null = on_null,
        .yajl_boolean = on_boolean,
        .yajl_number = on_number,
        .yajl_string = on_string,
        .yajl_start_map = on_map_begin,
        .yajl_map_key = on_key,
        .yajl_end_map = on_end,
        .yajl_start_array = on_array_begin,
        .yajl_end_array = on_end,
    };
    struct reading reading = {.members = members, .n = n, .scope = scope};
    unsigned char json[TOKEN_MAX_BYTES];
    ptrdiff_t json_len = decode(text, len, json);
    yajl_handle parser;
    bool whole;

    if (json_len < 0)
        return false;
    parser = yajl_alloc(&callbacks, NULL, &reading);
    whole =
        yajl_parse(parser, json, (size_t)json_len) == yajl_status_ok && yajl_complete_parse(parser) == yajl_status_ok;
    yajl_free(parser);
    return whole;
}

/* ---- tokens ---------------------------------------------------------------------------------- */

/* {"sub":email,"exp":expires_s} in base64url, behind what is in out already. Returns the length of
 * all, or 0 when that is more than a token may have ahead of its signature. */
static size_t append_claims(char *out, size_t at, const char *email, int64_t expires_s)
{
    yajl_gen json = yajl_gen_alloc(NULL);
    const unsigned char *text;
    size_t len;

    yajl_gen_map_open(json);
    yajl_gen_string(json, (const unsigned char *)"sub", 3);
    yajl_gen_string(json, (const unsigned char *)email, strlen(email));
    yajl_gen_string(json, (const unsigned char *)"exp", 3);
    yajl_gen_integer(json, expires_s);
    yajl_gen_map_close(json);
    yajl_gen_get_buf(json, &text, &len);
    if (at + (len + 2) / 3 * 4 + 1 + MAC_TEXT_LEN <= TOKEN_MAX_BYTES)
        at += h2o_base64_encode(out + at, text, len, 1);
    else
        at = 0;
    yajl_gen_free(json);
    return at;
}

const char *token_make(const unsigned char secret[TOKEN_SECRET_BYTES], const char *email, int64_t now_s,
                       struct rt_scope *scope)
{
    char token[TOKEN_MAX_BYTES + MAC_TEXT_SIZE];
    size_t len;

    if (email[0] == '\0' || !utf8_is_valid(email, strlen(email)))
        return NULL; /* token_check would not take it */
    memcpy(token, own_header, OWN_HEADER_LEN);
    len = append_claims(token, OWN_HEADER_LEN, email, now_s + TOKEN_LIFE_S);
    if (len == 0)
        return NULL;
    token[len] = '.';
    if (!sign(secret, token, len, token + len + 1))
        return NULL;
    token[len + 1 + MAC_TEXT_LEN] = '\0';
    return rt_scope_strdup(scope, token);
}

/* Not one whose header has a "crit": it names rules that must be understood, and none are here. */
static bool is_hs256(const char *header, size_t len, struct rt_scope *scope)
{
    struct member members[] = {{.name = "alg", .kind = MEMBER_TEXT}, {.name = "crit", .kind = MEMBER_FORBIDDEN}};

    if (len + 1 == OWN_HEADER_LEN && memcmp(header, own_header, len) == 0)
        return true;
    return read_object(header, len, members, 2, scope) && members[0].found && strcmp(members[0].text, "HS256") == 0;
}

const char *token_check(const unsigned char secret[TOKEN_SECRET_BYTES], const char *token, size_t len, int64_t now_s,
                        struct rt_scope *scope)
{
    struct member members[] = {{.name = "sub", .kind = MEMBER_TEXT}, {.name = "exp", .kind = MEMBER_INTEGER}};
    char signature[MAC_TEXT_SIZE];
    size_t signed_len, header_len;
    const char *dot;

    if (len > TOKEN_MAX_BYTES || len < MAC_TEXT_LEN + 1)
        return NULL;
    signed_len = len - MAC_TEXT_LEN - 1;
    if (token[signed_len] != '.' || !sign(secret, token, signed_len, signature) ||
        CRYPTO_memcmp(signature, token + signed_len + 1, MAC_TEXT_LEN) != 0)
        return NULL;
    dot = memchr(token, '.', signed_len);
    if (dot == NULL)
        return NULL;
    header_len = (size_t)(dot - token);
    /* A third dot would be one of the claims', which their base64url does not take. */
    if (!is_hs256(token, header_len, scope) || !read_object(dot + 1, signed_len - header_len - 1, members, 2, scope))
        return NULL;
    if (!members[0].found || members[0].text[0] == '\0' || !members[1].found || members[1].integer <= now_s)
        return NULL;
    return members[0].text;
}
