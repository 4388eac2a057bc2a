/* Which names a pattern means, and how sub-benchmarks are called. A row is a claim. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "bench/harness/match.h"

static const struct {
    const char *pattern;
    const char *name;
    enum rt__bench_match want;
} rows[] = {
    {".", "BenchmarkX", RT__BENCH_YES},
    {"X", "BenchmarkX", RT__BENCH_YES},
    {"^X", "BenchmarkX", RT__BENCH_NO},
    {"^BenchmarkX$", "BenchmarkXY", RT__BENCH_NO},
    /* what lies below a name that matches whole is meant too */
    {"X", "BenchmarkX/any", RT__BENCH_YES},
    /* levels */
    {"X/y", "BenchmarkX", RT__BENCH_PARTLY},
    {"X/y", "BenchmarkX/y", RT__BENCH_YES},
    {"X/y", "BenchmarkX/z", RT__BENCH_NO},
    {"X/y", "BenchmarkX/y/z", RT__BENCH_YES},
    {"X//z", "BenchmarkX/any/z", RT__BENCH_YES},
    {"/y", "BenchmarkX/y", RT__BENCH_YES},
    {"W/y", "BenchmarkX/y", RT__BENCH_NO},
    /* alternatives of whole patterns, and within an expression */
    {"W|X", "BenchmarkX", RT__BENCH_YES},
    {"W/a|X/b", "BenchmarkX/a", RT__BENCH_NO},
    {"W/a|X/b", "BenchmarkX/b", RT__BENCH_YES},
    {"(W|X)/b", "BenchmarkX/b", RT__BENCH_YES},
    {"(W|X)/b", "BenchmarkX/c", RT__BENCH_NO},
    /* a slash in brackets separates nothing */
    {"[/]y", "BenchmarkX/y", RT__BENCH_NO},
    {"X[|]", "BenchmarkX|", RT__BENCH_YES},
    {"size=[0-9]+$", "Benchmarksize=12", RT__BENCH_YES},
    /* as the name has, so has the pattern an underscore for a space */
    {"X/two words", "BenchmarkX/two_words", RT__BENCH_YES},
    {"\\bBenchmark\\w+\\s*$", "BenchmarkX", RT__BENCH_YES},
    {"a\\.b", "Benchmarkaxb", RT__BENCH_NO},
};

static void a_pattern_means_what_go_takes_it_for(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char error[200] = "";
        struct rt__bench_pattern *pattern = rt__bench_pattern_new(rows[i].pattern, error, sizeof(error));
        if (!pattern || rt__bench_pattern_match(pattern, rows[i].name) != rows[i].want) {
            fail_msg("%s of %s: not %d (%s)", rows[i].pattern, rows[i].name, rows[i].want, error);
        }
        rt__bench_pattern_free(pattern);
    }
}

static void assert_refused(const char *pattern, const char *why)
{
    char error[200] = "";
    assert_null(rt__bench_pattern_new(pattern, error, sizeof(error)));
    if (!strstr(error, why)) {
        fail_msg("%s: %s", pattern, error);
    }
}

static void what_is_no_expression_is_refused_with_the_reason(void **state)
{
    (void)state;
    assert_refused("(", "(");
    assert_refused("a/b|[", "Invalid");
    assert_refused("1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17", "levels");
}

static void what_only_re2_knows_is_refused_not_misread(void **state)
{
    (void)state;
    assert_refused("size=\\d+", "\\d");
    assert_refused("\\pL", "\\p");
    assert_refused("(?i)x", "(?");
}

static void names_have_no_white_space_and_nothing_unprintable(void **state)
{
    char name[32];
    (void)state;
    rt__bench_name_clean(name, sizeof(name), "two words\tand\nmore");
    assert_string_equal(name, "two_words_and_more");
    rt__bench_name_clean(name, sizeof(name), "a\x01z\x7f");
    assert_string_equal(name, "a\\x01z\\x7f");
    rt__bench_name_clean(name, 4, "\u00e4bcdef");
    assert_string_equal(name, "\u00e4b");
}

/* One row a call, in order. */
static const struct {
    const char *name, *want;
} given[] = {{"a", "B/a"},          {"a", "B/a#01"},    {"a", "B/a#02"},    {"", "B/#00"},
             {"", "B/#01"},         {"c#01", "B/c#01"}, {"c", "B/c"},       {"c", "B/c#02"},
             {"a#01", "B/a#01#01"}, {"x y", "B/x_y"},   {"x_y", "B/x_y#01"}};

static void a_name_is_given_once(void **state)
{
    char name[64];
    (void)state;
    struct rt__bench_names *names = rt__bench_names_new();
    for (size_t i = 0; i < sizeof(given) / sizeof(given[0]); i++) {
        rt__bench_names_unique(names, name, sizeof(name), "B", given[i].name);
        assert_string_equal(name, given[i].want);
    }
    rt__bench_names_unique(names, name, sizeof(name), "C", "a");
    assert_string_equal(name, "C/a");
    rt__bench_names_free(names);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pattern_means_what_go_takes_it_for),
        cmocka_unit_test(what_is_no_expression_is_refused_with_the_reason),
        cmocka_unit_test(what_only_re2_knows_is_refused_not_misread),
        cmocka_unit_test(names_have_no_white_space_and_nothing_unprintable),
        cmocka_unit_test(a_name_is_given_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
