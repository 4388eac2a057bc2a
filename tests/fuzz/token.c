/* token.c - the check of JSON web tokens. Nothing that is thought up here is signed with the secret,
 * unless the input says so by its first byte: then the rest, "HEADER.CLAIMS", is signed and so gets
 * past the signature. */
#include "tests/fuzz/fuzz.h"

#include "app/auth/token.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const unsigned char secret[TOKEN_SECRET_BYTES] = "0123456789abcdef0123456789abcde";
static const int64_t now_s = 1700000000;

static size_t encode(char *out, const unsigned char *bytes, size_t len)
{
    size_t n = (size_t)EVP_EncodeBlock((unsigned char *)out, bytes, (int)len);

    while (n > 0 && out[n - 1] == '=')
        n--;
    for (size_t i = 0; i < n; i++)
        out[i] = out[i] == '+' ? '-' : out[i] == '/' ? '_' : out[i];
    return n;
}

/* text is HEADER NEWLINE CLAIMS, as plain JSON. Returns a token, malloc'd. */
static char *sign(const uint8_t *text, size_t size, size_t *len)
{
    const uint8_t *newline = memchr(text, '\n', size);
    size_t header = newline != NULL ? (size_t)(newline - text) : size;
    size_t claims = newline != NULL ? size - header - 1 : 0;
    char *token = malloc(size * 4 / 3 + 128);
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned mac_len;

    *len = encode(token, text, header);
    token[(*len)++] = '.';
    *len += encode(token + *len, text + size - claims, claims);
    HMAC(EVP_sha256(), secret, sizeof(secret), (unsigned char *)token, *len, mac, &mac_len);
    token[(*len)++] = '.';
    *len += encode(token + *len, mac, mac_len);
    return token;
}

void fuzz_token(const uint8_t *data, size_t size)
{
    struct rt_scope *scope = rt_scope_begin();
    const char *email;

    if (size > 0 && data[0] == 's') {
        size_t len;
        char *token = sign(data + 1, size - 1, &len);

        email = token_check(secret, token, len, now_s, scope);
        if (email != NULL) {
            fuzz_require(strlen(email) > 0);
            fuzz_require(memmem(data, size, "HS256", 5) != NULL || memchr(data, '\\', size) != NULL);
            fuzz_require(fuzz_is_utf8(email, strlen(email)));
        }
        free(token);
    } else {
        email = token_check(secret, (const char *)data, size, now_s, scope);
        fuzz_require(email == NULL);
    }
    rt_scope_end(scope);
}
