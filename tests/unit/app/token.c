/* token.c - what is a token, and what only looks like one. The signatures of the tokens that are put
 * together here are made apart from the code under test. */
#include "app/auth/token.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SECRET ((const unsigned char *)"0123456789abcdef0123456789abcdef")
#define NOW 1700000000
#define HEADER "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"
#define CLAIMS "{\"sub\":\"a@b\",\"exp\":1700000001}"

static int begin_scope(void **state)
{
    *state = rt_scope_begin();
    return 0;
}

static int end_scope(void **state)
{
    rt_scope_end(*state);
    return 0;
}

/* ---- tokens put together by hand ------------------------------------------------------------- */

static size_t encode(char *out, const void *bytes, size_t len)
{
    size_t n = (size_t)EVP_EncodeBlock((unsigned char *)out, bytes, (int)len);

    while (n > 0 && out[n - 1] == '=')
        n--;
    for (size_t i = 0; i < n; i++)
        out[i] = out[i] == '+' ? '-' : out[i] == '/' ? '_' : out[i];
    out[n] = '\0';
    return n;
}

/* Puts the signature of what is in token behind it. */
static void sign_by(const EVP_MD *digest, char *token)
{
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned mac_len;
    size_t len = strlen(token);

    assert_non_null(HMAC(digest, SECRET, TOKEN_SECRET_BYTES, (unsigned char *)token, len, mac, &mac_len));
    token[len] = '.';
    encode(token + len + 1, mac, mac_len);
}

static void put_together(char *token, const char *header, const char *claims)
{
    size_t n = encode(token, header, strlen(header));

    token[n++] = '.';
    encode(token + n, claims, strlen(claims));
    sign_by(EVP_sha256(), token);
}

static const char *check(const char *token, struct rt_scope *scope)
{
    return token_check(SECRET, token, strlen(token), NOW, scope);
}

/* Whose token it is that has this header and these claims, rightly signed. */
static const char *check_parts(const char *header, const char *claims, struct rt_scope *scope)
{
    char token[8192];

    put_together(token, header, claims);
    return check(token, scope);
}

/* ---- making and checking --------------------------------------------------------------------- */

static void a_made_token_brings_its_email_back(void **state)
{
    static const char *const emails[] = {
        "ipesenti@sorint.com",
        "\"quoted \\ name\"@example.com",
        "zo\xc3\xab@b\xc3\xbc\xc3\xa4.de",
        "\xe2\x82\xac\xf0\x9f\x98\x80",
        "tab\there/and\x01\x1f\x7f",
        "{\"sub\":\"x\"}",
        "\xed\x9f\xbf\xee\x80\x80",
        "\xf4\x8f\xbf\xbf",
    };

    for (size_t i = 0; i < sizeof(emails) / sizeof(emails[0]); i++) {
        const char *token = token_make(SECRET, emails[i], NOW, *state);

        assert_non_null(token);
        assert_non_null(check(token, *state));
        assert_string_equal(check(token, *state), emails[i]);
    }
}

static void every_email_that_signup_takes_fits(void **state)
{
    char email[256];
    const char *token;

    memset(email, '\x01', sizeof(email));
    email[255] = '\0';
    token = token_make(SECRET, email, INT64_C(99999999999), *state);
    assert_non_null(token);
    assert_true(strlen(token) <= TOKEN_MAX_BYTES);
    assert_string_equal(check(token, *state), email);
}

static void an_email_that_no_token_can_hold_makes_none(void **state)
{
    char *long_email = calloc(1, 4000);

    memset(long_email, 'x', 3999);
    assert_null(token_make(SECRET, long_email, NOW, *state));
    assert_null(token_make(SECRET, "", NOW, *state));
    assert_null(token_make(SECRET, "not\xff text", NOW, *state));
    free(long_email);
}

static void a_token_is_header_claims_and_signature(void **state)
{
    char expected[1024];

    put_together(expected, HEADER, "{\"sub\":\"a@b\",\"exp\":1700001800}");
    assert_string_equal(token_make(SECRET, "a@b", NOW, *state), expected);
}

static void a_token_of_another_maker_is_taken(void **state)
{
    /* By Python's hmac, json and base64, with spaces, another order of the header and more claims. */
    static const char token[] =
        "eyJ0eXAiOiAiSldUIiwgImFsZyI6ICJIUzI1NiJ9.eyJleHAiOiAyMDAwMDAwMDAwLCAic3ViIjogInpvw6tAZXhhb"
        "XBsZS5jb20iLCAiaWF0IjogMSwgInJvbGVzIjogWyJhIiwgeyJzdWIiOiAibm8ifV19.hckmlFb4nymLkPAoJmUknh"
        "5COSo575E7Et1YBCWOCmc";

    assert_string_equal(check(token, *state), "zo\xc3\xab@example.com");
}

static void a_token_expires_at_exp(void **state)
{
    const char *token = token_make(SECRET, "a@b", NOW, *state);
    size_t len = strlen(token);

    assert_non_null(token_check(SECRET, token, len, NOW + TOKEN_LIFE_S - 1, *state));
    assert_null(token_check(SECRET, token, len, NOW + TOKEN_LIFE_S, *state));
    assert_null(token_check(SECRET, token, len, NOW + TOKEN_LIFE_S + 1, *state));
}

/* ---- refused: the signature ------------------------------------------------------------------ */

static void another_secret_refuses_it(void **state)
{
    const char *token = token_make(SECRET, "a@b", NOW, *state);
    unsigned char other[TOKEN_SECRET_BYTES];

    for (size_t i = 0; i < sizeof(other); i++) {
        memcpy(other, SECRET, sizeof(other));
        other[i] ^= 1;
        assert_null(token_check(other, token, strlen(token), NOW, *state));
    }
}

static void every_changed_byte_refuses_it(void **state)
{
    const char *token = token_make(SECRET, "a@b", NOW, *state);
    char changed[1024];

    for (size_t i = 0; token[i] != '\0'; i++) {
        strcpy(changed, token);
        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        assert_null(check(changed, *state));
    }
}

static void every_cut_and_every_addition_refuses_it(void **state)
{
    static const char *const additions[] = {"=", "==", ".", "A", " ", ".x", "\n"};
    const char *token = token_make(SECRET, "a@b", NOW, *state);
    char changed[1024];

    for (size_t len = 0; len < strlen(token); len++)
        assert_null(token_check(SECRET, token, len, NOW, *state));
    for (size_t i = 0; i < sizeof(additions) / sizeof(additions[0]); i++) {
        snprintf(changed, sizeof(changed), "%s%s", token, additions[i]);
        assert_null(check(changed, *state));
        snprintf(changed, sizeof(changed), "%s%s", additions[i], token);
        assert_null(check(changed, *state));
    }
}

/* The last digit of a signature holds two bits that mean nothing. */
static void a_signature_has_one_spelling(void **state)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const char *token = token_make(SECRET, "a@b", NOW, *state);
    size_t last = strlen(token) - 1;
    char changed[1024];
    int taken = 0;

    strcpy(changed, token);
    for (int i = 0; i < 64; i++) {
        changed[last] = digits[i];
        taken += check(changed, *state) != NULL;
    }
    assert_int_equal(taken, 1);
}

static void an_unsigned_token_is_refused(void **state)
{
    char token[1024];
    size_t n = encode(token, "{\"alg\":\"none\"}", 14);

    token[n++] = '.';
    encode(token + n, CLAIMS, strlen(CLAIMS));
    assert_null(check(token, *state));
    strcat(token, ".");
    assert_null(check(token, *state));
}

static void other_algorithms_are_refused_though_signed_with_the_secret(void **state)
{
    static const struct {
        const char *header;
        const EVP_MD *(*digest)(void);
    } rows[] = {
        {"{\"alg\":\"HS384\",\"typ\":\"JWT\"}", EVP_sha384}, {"{\"alg\":\"HS512\",\"typ\":\"JWT\"}", EVP_sha512},
        {"{\"alg\":\"HS384\",\"typ\":\"JWT\"}", EVP_sha256}, {"{\"alg\":\"HS256\",\"typ\":\"JWT\"}", EVP_sha384},
        {"{\"alg\":\"RS256\",\"typ\":\"JWT\"}", EVP_sha256},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char token[1024];
        size_t n = encode(token, rows[i].header, strlen(rows[i].header));

        token[n++] = '.';
        encode(token + n, CLAIMS, strlen(CLAIMS));
        sign_by(rows[i].digest(), token);
        assert_null(check(token, *state));
    }
}

/* ---- refused though rightly signed ----------------------------------------------------------- */

static void headers_that_do_not_say_hs256_are_refused(void **state)
{
    static const char *const headers[] = {
        "{}",
        "{\"alg\":\"none\"}",
        "{\"alg\":\"hs256\"}",
        "{\"alg\":\"HS256\\u0000\"}",
        "{\"alg\":null}",
        "{\"alg\":256}",
        "{\"alg\":[\"HS256\"]}",
        "{\"alg\":{\"alg\":\"HS256\"}}",
        "{\"x\":{\"alg\":\"HS256\"}}",
        "{\"alg\":\"HS256\",\"alg\":\"none\"}",
        "{\"alg\":\"HS256\",\"alg\":\"HS256\"}",
        "[\"alg\",\"HS256\"]",
        "\"HS256\"",
        "null",
        "7",
        "",
        " ",
        "{\"alg\":\"HS256\"",
        "{\"alg\":\"HS256\"}}",
        "{\"alg\":\"HS256\"} {}",
        "{\"alg\":\"HS256\",\"crit\":[\"exp\"]}",
        "{\"Alg\":\"HS256\"}",
        "{\"alg\":true}",
    };

    assert_non_null(check_parts("{\"typ\":\"JWT\",\"kid\":[1,{}],\"alg\":\"HS256\"}", CLAIMS, *state));
    assert_non_null(check_parts("{\"alg\":\"HS\\u00325\\u0036\"}", CLAIMS, *state));
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        if (check_parts(headers[i], CLAIMS, *state) != NULL)
            fail_msg("taken: %s", headers[i]);
    }
}

static void claims_without_a_user_are_refused(void **state)
{
    static const char *const subs[] = {
        "\"sub\":\"\"",
        "\"sub\":null",
        "\"sub\":7",
        "\"sub\":true",
        "\"sub\":[\"a@b\"]",
        "\"sub\":{\"sub\":\"a@b\"}",
        "\"x\":{\"sub\":\"a@b\"}",
        "\"sub\":\"a\",\"sub\":\"a\"",
        "\"sub\":\"a\\u0000b\"",
        "\"Sub\":\"a@b\"",
        "\"sub\":\"\\udc00\"",
        "\"sub\":\"\xed\xa0\x80\"",
        "\"sub\":\"\xc0\xaf\"",
        "\"sub\":\"\xff\"",
        "\"sub\":\"\xf4\x90\x80\x80\"",
        "\"sub\":\"\xe0\x80\x80\"",
        "\"sub\":\"\xf0\x80\x80\x80\"",
        "\"x\":1",
    };

    for (size_t i = 0; i < sizeof(subs) / sizeof(subs[0]); i++) {
        char claims[256];

        snprintf(claims, sizeof(claims), "{%s,\"exp\":1700000001}", subs[i]);
        if (check_parts(HEADER, claims, *state) != NULL)
            fail_msg("taken: %s", claims);
    }
}

static void claims_without_a_whole_exp_are_refused(void **state)
{
    static const char *const exps[] = {
        "\"exp\":\"2030\"",
        "\"exp\":\"1800000000\"",
        "\"exp\":-1",
        "\"exp\":-1800000000",
        "\"exp\":-0",
        "\"exp\":0",
        "\"exp\":1e300",
        "\"exp\":1.8e9",
        "\"exp\":1800000000.0",
        "\"exp\":9223372036854775808",
        "\"exp\":99999999999999999999999999999999",
        "\"exp\":18446744075509551616", /* 2^64 more than a good one */
        "\"exp\":null",
        "\"exp\":true",
        "\"exp\":[1800000000]",
        "\"exp\":{\"exp\":1800000000}",
        "\"x\":[{\"exp\":1800000000}]",
        "\"exp\":1800000000,\"exp\":1800000000",
        "\"exp\":NaN",
        "\"exp\":Infinity",
        "\"exp\":+1800000000",
        "\"exp\":01800000000",
        "\"exp\":",
        "\"x\":1",
    };

    assert_non_null(check_parts(HEADER, "{\"sub\":\"a\",\"exp\":9223372036854775807}", *state));
    for (size_t i = 0; i < sizeof(exps) / sizeof(exps[0]); i++) {
        char claims[256];

        snprintf(claims, sizeof(claims), "{\"sub\":\"a@b\",%s}", exps[i]);
        if (check_parts(HEADER, claims, *state) != NULL)
            fail_msg("taken: %s", claims);
    }
}

static void claims_that_are_not_one_object_are_refused(void **state)
{
    static const char *const claims[] = {
        "",
        "7",
        "\"a@b\"",
        "[]",
        ("[" CLAIMS "]"),
        (CLAIMS CLAIMS),
        (CLAIMS " x"),
        "{\"sub\":\"a@b\",\"exp\":1800000000",
        "{\"sub\":\"a@b\",\"exp\":1800000000,}",
        "{'sub':'a@b','exp':1800000000}",
        (CLAIMS "\x01"),
        ("/**/" CLAIMS),
    };

    for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
        if (check_parts(HEADER, claims[i], *state) != NULL)
            fail_msg("taken: %s", claims[i]);
    }
}

static void other_claims_are_ignored_however_deep(void **state)
{
    char claims[1400];
    size_t n = (size_t)snprintf(claims, sizeof(claims), "{\"deep\":");

    memset(claims + n, '[', 600);
    memset(claims + n + 600, ']', 600);
    strcpy(claims + n + 1200, ",\"sub\":\"a@b\",\"b\":false,\"n\":null,\"d\":1e9,\"exp\":1700000001}");
    assert_string_equal(check_parts(HEADER, claims, *state), "a@b");
}

/* Each is rightly signed, so that only its spelling is wrong. */
static void base64_of_another_kind_is_refused(void **state)
{
    static const char *const parts[] = {
        "eyJhbGciOiJIUzI1NiJ9=.eyJzdWIiOiJhQGIiLCJleHAiOjE3MDAwMDAwMDF9", /* padding */
        "eyJhbGciOiJIUzI1NiJ9 .eyJzdWIiOiJhQGIiLCJleHAiOjE3MDAwMDAwMDF9", /* white space */
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhQGIiLCJleHAiOjE3MDAwMDAwMDF9.", /* a dot more */
        "eyJhbGciOiJIUzI1NiJ9..eyJzdWIiOiJhQGIiLCJleHAiOjE3MDAwMDAwMDF9", /* the same, ahead */
        ".eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhQGIiLCJleHAiOjE3MDAwMDAwMDF9", /* an empty header */
        "eyJhbGciOiJIUzI1NiJ9eyJzdWIiOiJhQGIiLCJleHAiOjE3MDAwMDAwMDF9",   /* no dot */
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhQGIiLCJleHAiOjE3MDAwMDAwMDF9A", /* six bits more */
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhQGIvPz8iLCJleHAiOjE3MDAwMDAwMDF9!",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI/Pz8iLCJleHAiOjE3MDAwMDAwMDF9", /* the other alphabet */
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhYiIsImV4cCI6MTcwMDAwMDAwMX1=", /* padding of one */
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIiwiZXhwIjoxNzAwMDAwMDAxfR",   /* bits that mean nothing: Q is right */
    };
    char token[1024];

    strcpy(token, "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIiwiZXhwIjoxNzAwMDAwMDAxfQ");
    sign_by(EVP_sha256(), token);
    assert_string_equal(check(token, *state), "a");
    strcpy(token, "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI_Pz8iLCJleHAiOjE3MDAwMDAwMDF9");
    sign_by(EVP_sha256(), token);
    assert_string_equal(check(token, *state), "???");
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        strcpy(token, parts[i]);
        sign_by(EVP_sha256(), token);
        if (check(token, *state) != NULL)
            fail_msg("taken: %s", token);
    }
}

/* ---- long ones ------------------------------------------------------------------------------- */

static int64_t cpu_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void a_token_longer_than_any_is_not_looked_into(void **state)
{
    enum { LEN = 400 * 1000, TIMES = 1000 };
    static const char fill[] = {'A', '.'};
    char *token = malloc(LEN);
    int64_t start;

    for (size_t f = 0; f < sizeof(fill); f++) {
        memset(token, fill[f], LEN);
        start = cpu_ns();
        for (int i = 0; i < TIMES; i++)
            assert_null(token_check(SECRET, token, LEN, NOW, *state));
        /* One pass over it takes 10 us at the very least; not looking into it, some ns. */
        assert_true(cpu_ns() - start < INT64_C(5000) * TIMES);
    }
    free(token);
}

static void the_longest_token_is_taken_and_no_longer(void **state)
{
    char claims[4096];
    char token[8192];
    size_t len = 0;

    for (size_t spaces = 1500; len <= TOKEN_MAX_BYTES; spaces++) {
        int n = snprintf(claims, sizeof(claims), "%s%*s", CLAIMS, (int)spaces, "");

        assert_true(n < (int)sizeof(claims));
        put_together(token, HEADER, claims);
        len = strlen(token);
        if ((check(token, *state) != NULL) != (len <= TOKEN_MAX_BYTES))
            fail_msg("a token of %zu bytes", len);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_made_token_brings_its_email_back, begin_scope, end_scope),
        cmocka_unit_test_setup_teardown(every_email_that_signup_takes_fits, begin_scope, end_scope),
        cmocka_unit_test_setup_teardown(an_email_that_no_token_can_hold_makes_none, begin_scope, end_scope),
        cmocka_unit_test_setup_teardown(a_token_is_header_claims_and_signature, begin_scope, end_scope),
        cmocka_unit_test_setup_teardown(a_token_of_another_maker_is_taken, begin_scope, end_scope),
        cmocka_unit_test_setup_teardown(a_token_expires_at_exp, begin_scope, end_scope),
        cmocka_unit_test_setup_teardown(another_secret_refuses_it, begin_scope, end_scope),
        cmocka_unit_test_setup_teardown(every_changed_byte_refuses_it, begin_scope, end_scope),
        cmocka_unit_test_setup_teardown(every_cut_and_every_addition_refuses_it, begin_scope, end_scope),
        cmocka_unit_test_setup_teardown(a_signature_has_one_spelling, begin_scope, end_scope),
        cmocka_unit_test_setup_teardown(an_unsigned_token_is_refused, begin_scope, end_scope),
        cmocka_unit_test_setup_teardown(other_algorithms_are_refused_though_signed_with_the_secret, begin_scope,
                                        end_scope),
        cmocka_unit_test_setup_teardown(headers_that_do_not_say_hs256_are_refused, begin_scope, end_scope),
        cmocka_unit_test_setup_teardown(claims_without_a_user_are_refused, begin_scope, end_scope),
        cmocka_unit_test_setup_teardown(claims_without_a_whole_exp_are_refused, begin_scope, end_scope),
        cmocka_unit_test_setup_teardown(claims_that_are_not_one_object_are_refused, begin_scope, end_scope),
        cmocka_unit_test_setup_teardown(other_claims_are_ignored_however_deep, begin_scope, end_scope),
        cmocka_unit_test_setup_teardown(base64_of_another_kind_is_refused, begin_scope, end_scope),
        cmocka_unit_test_setup_teardown(a_token_longer_than_any_is_not_looked_into, begin_scope, end_scope),
        cmocka_unit_test_setup_teardown(the_longest_token_is_taken_and_no_longer, begin_scope, end_scope),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
