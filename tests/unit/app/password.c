/* password.c - hashes that match their password and no other, and what a refusal costs. */
#include "app/auth/password.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static void a_hash_matches_its_password_alone(void **state)
{
    char longest[PASSWORD_MAX_BYTES + 1];
    char hash[PASSWORD_HASH_SIZE];

    (void)state;
    memset(longest, 'x', PASSWORD_MAX_BYTES);
    longest[PASSWORD_MAX_BYTES] = '\0';
    assert_int_equal(password_hash(longest, hash), 0);
    assert_true(password_matches(longest, hash));
    longest[PASSWORD_MAX_BYTES - 1] = 'y';
    assert_false(password_matches(longest, hash));
    longest[PASSWORD_MAX_BYTES - 1] = '\0';
    assert_false(password_matches(longest, hash));
    assert_false(password_matches("", hash));
}

static void every_hash_has_a_salt_of_its_own(void **state)
{
    char first[PASSWORD_HASH_SIZE], second[PASSWORD_HASH_SIZE];

    (void)state;
    assert_int_equal(password_hash("abcd1234!!", first), 0);
    assert_int_equal(password_hash("abcd1234!!", second), 0);
    assert_string_not_equal(first, second);
    assert_memory_equal(first, "$y$", 3);
    assert_true(password_matches("abcd1234!!", second));
}

/* By Python's crypt. */
static void hashes_made_elsewhere_match(void **state)
{
    (void)state;
    assert_true(
        password_matches("abcd1234!!", "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$8TJ8cV3p281OZLZb1i9KzAf5nduayVAReSs/MHC7IwC"));
    assert_true(password_matches("Hello world!", "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJue"
                                                 "sI68u4OTLiBFdcbYEdFCoEOfaS35inz1"));
}

static void malformed_hashes_match_nothing(void **state)
{
    static const char *const hashes[] = {
        "",
        "*",
        "*0",
        "!",
        "abcd1234!!",
        "$y$",
        "$y$j9T$",
        "$y$j9T$F5Jx5fExrKuPp53xLKQ..1",
        "$nothing$a$b",
        "$6$salt",
        "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$8TJ8cV3p281OZLZb1i9KzAf5nduayVAReSs/MHC7Iw",
        "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$8TJ8cV3p281OZLZb1i9KzAf5nduayVAReSs/MHC7IwC.",
    };
    char endless[2000];

    (void)state;
    for (size_t i = 0; i < sizeof(hashes) / sizeof(hashes[0]); i++) {
        if (password_matches("abcd1234!!", hashes[i]))
            fail_msg("matches %s", hashes[i]);
        assert_false(password_matches("", hashes[i]));
    }
    memset(endless, '$', sizeof(endless) - 1);
    endless[sizeof(endless) - 1] = '\0';
    assert_false(password_matches("abcd1234!!", endless));
}

/* Of the quickest of three, in this thread's CPU time: what else the machine does counts little. */
static int64_t refusal_ns(const char *hash)
{
    int64_t least = INT64_MAX;

    for (int i = 0; i < 3; i++) {
        struct timespec from, to;
        int64_t ns;

        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
        assert_false(password_matches("not the password", hash));
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
        ns = (to.tv_sec - from.tv_sec) * INT64_C(1000000000) + to.tv_nsec - from.tv_nsec;
        least = ns < least ? ns : least;
    }
    return least;
}

static void a_user_that_does_not_exist_costs_as_much(void **state)
{
    char hash[PASSWORD_HASH_SIZE];
    int64_t known, unknown;

    (void)state;
    assert_int_equal(password_hash("abcd1234!!", hash), 0);
    known = refusal_ns(hash);
    unknown = refusal_ns(NULL);
    if (unknown < known / 2 || unknown > known * 2)
        fail_msg("%lld us for a known user, %lld us for an unknown one", (long long)known / 1000,
                 (long long)unknown / 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hash_matches_its_password_alone),
        cmocka_unit_test(every_hash_has_a_salt_of_its_own),
        cmocka_unit_test(hashes_made_elsewhere_match),
        cmocka_unit_test(malformed_hashes_match_nothing),
        cmocka_unit_test(a_user_that_does_not_exist_costs_as_much),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
