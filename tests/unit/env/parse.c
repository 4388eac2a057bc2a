/* Tests of env/parse.c: each row of a table is one text and what must come of it. */
#include "env/settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))
#define KIB INT64_C(1024)

struct number_row {
    const char *text;
    bool accepted;
    int64_t value;
};

static void a_percentage_is_off_or_a_whole_number(void **state)
{
    static const struct number_row rows[] = {
        {"100", true, 100},
        {"0", true, 0},
        {"007", true, 7},
        {"off", true, ENV_GC_PERCENT_OFF},
        {"-1", true, ENV_GC_PERCENT_OFF},
        {"-200", true, ENV_GC_PERCENT_OFF},
        {"-0", true, 0},
        {"2147483647", true, INT32_MAX},
        {"-2147483648", true, ENV_GC_PERCENT_OFF},
        {"2147483648", false, 0},
        {"-2147483649", false, 0},
        {"4294967396", false, 0}, /* 100 if it were cut to 32 bits */
        {"99999999999999999999", false, 0},
        {"-99999999999999999999", false, 0},
        {"", false, 0},
        {"abc", false, 0},
        {"1e3", false, 0},
        {"100%", false, 0},
        {"2oo", false, 0},
        {"1.5", false, 0},
        {"0x10", false, 0},
        {"+5", false, 0},
        {" 5", false, 0},
        {"5 ", false, 0},
        {"5\n", false, 0},
        {"-", false, 0},
        {"--1", false, 0},
        {"1/", false, 0}, /* the bytes before 0 and after 9 */
        {"1:", false, 0},
        {"- 1", false, 0},
        {"OFF", false, 0},
        {"offf", false, 0},
        {"of", false, 0},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        int32_t percent = -77;
        int result = env_parse_percent(rows[i].text, &percent);
        if (result != (rows[i].accepted ? 0 : -1) || percent != (rows[i].accepted ? rows[i].value : -77))
            fail_msg("\"%s\" gave %d with %d", rows[i].text, result, (int)percent);
    }
}

static void a_byte_count_is_off_or_digits_with_one_of_five_units(void **state)
{
    static const struct number_row rows[] = {
        {"5000000", true, 5000000},
        {"0", true, 0},
        {"7B", true, 7},
        {"3KiB", true, 3 * KIB},
        {"64MiB", true, 64 * KIB * KIB},
        {"2GiB", true, 2 * KIB * KIB * KIB},
        {"1TiB", true, KIB * KIB * KIB * KIB},
        {"off", true, ENV_MEMORY_LIMIT_OFF},
        {"9223372036854775807", true, INT64_MAX},
        {"9223372036854775807B", true, INT64_MAX},
        {"8388607TiB", true, 8388607 * KIB * KIB * KIB * KIB},
        {"9223372036854775808", false, 0},
        {"8388608TiB", false, 0},
        {"99999999999TiB", false, 0},
        {"18446744073709551617", false, 0}, /* 1 if it wrapped at 64 bits */
        {"16777217TiB", false, 0},          /* 1 TiB if the product wrapped */
        {"1G", false, 0},
        {"1GB", false, 0},
        {"1K", false, 0},
        {"1Ki", false, 0},
        {"1iB", false, 0},
        {"1PiB", false, 0},
        {"1kiB", false, 0},
        {"1mib", false, 0},
        {"1 MiB", false, 0},
        {"1MiB ", false, 0},
        {"1MiB1", false, 0},
        {"1BB", false, 0},
        {"B", false, 0},
        {"MiB", false, 0},
        {"-1", false, 0},
        {"-1MiB", false, 0},
        {"+1", false, 0},
        {"1e6", false, 0},
        {"1.5GiB", false, 0},
        {"Off", false, 0},
        {"", false, 0},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        int64_t bytes = -77;
        int result = env_parse_bytes(rows[i].text, &bytes);
        if (result != (rows[i].accepted ? 0 : -1) || bytes != (rows[i].accepted ? rows[i].value : -77))
            fail_msg("\"%s\" gave %d with %lld", rows[i].text, result, (long long)bytes);
    }
}

static void a_traceback_level_is_one_of_nine_words(void **state)
{
    static const struct number_row rows[] = {
        {"none", true, ENV_TB_NONE},
        {"single", true, ENV_TB_SINGLE},
        {"all", true, ENV_TB_ALL},
        {"system", true, ENV_TB_SYSTEM},
        {"crash", true, ENV_TB_CRASH},
        {"wer", true, ENV_TB_WER},
        {"0", true, ENV_TB_NONE},
        {"1", true, ENV_TB_ALL},
        {"2", true, ENV_TB_SYSTEM},
        {"3", false, 0},
        {"-1", false, 0},
        {"loud", false, 0},
        {"All", false, 0},
        {"al", false, 0},
        {"all ", false, 0},
        {"off", false, 0},
        {"", false, 0},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        enum env_traceback level = 77;
        int result = env_parse_traceback(rows[i].text, &level);
        if (result != (rows[i].accepted ? 0 : -1) || level != (rows[i].accepted ? rows[i].value : 77))
            fail_msg("\"%s\" gave %d with %d", rows[i].text, result, (int)level);
    }
}

static void an_allocator_is_boehm_or_mimalloc_and_libc_only_in_builds_that_ask_for_it(void **state)
{
    /* The library may have been built with other macros than this test: ask it by its sentence. */
    bool has_libc = strstr(env_want(ENV_CALLOCATOR), "libc") != NULL;
    const struct number_row rows[] = {
        {"boehm", true, ENV_ALLOC_BOEHM},
        {"mimalloc", true, ENV_ALLOC_MIMALLOC},
        {"libc", has_libc, ENV_ALLOC_LIBC},
        {"x", false, 0},
        {"Boehm", false, 0},
        {"jemalloc", false, 0},
        {"off", false, 0},
        {"", false, 0},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        enum env_allocator which = 77;
        int result = env_parse_allocator(rows[i].text, &which);
        if (result != (rows[i].accepted ? 0 : -1) || which != (rows[i].accepted ? rows[i].value : 77))
            fail_msg("\"%s\" gave %d with %d", rows[i].text, result, (int)which);
    }
}

/* ---- whole variables: what is refused, and with which sentence ------------------------------- */

struct variable {
    const char *name;
    const char *value;
};

static const char *get_one(const char *name, void *arg)
{
    const struct variable *v = arg;

    return strcmp(name, v->name) == 0 ? v->value : NULL;
}

static int load(const char *name, const char *value, struct env_settings *s, struct env_error *err)
{
    struct variable v = {name, value};

    memset(err, 0, sizeof(*err));
    return env_settings_load(s, 4, get_one, &v, err);
}

#define KEYS                                                                                                           \
    "(gctrace, gcpacertrace, scavtrace, inittrace, memprofilerate, mutexprofilefraction, blockprofilerate, "           \
    "schedtrace, madvdontneed, gcstress, sigquit, heapdumpdir, agentremote)"
#define BYTES_WANT "want bytes as an integer with an optional unit B, KiB, MiB, GiB or TiB, or \"off\""
#define AGENT_WANT                                                                                                     \
    "want off, or host:port of this machine's loopback (127.0.0.1:0, localhost:6060, [::1]:0), or any with "           \
    "CDEBUG=agentremote=1"
#define TEN "aaaaaaaaaa"
#define SEVENTY TEN TEN TEN TEN TEN TEN TEN
#define LONGEST_PATH                                                                                                   \
    TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN "bbbbb"

static void a_malformed_variable_is_named_with_its_value_and_what_is_wanted(void **state)
{
    static const struct {
        const char *name, *value, *sentence;
    } rows[] = {
        {"CGC", "abc", "CGC=abc: want an integer percentage or \"off\""},
        {"CGC", "1e3", "CGC=1e3: want an integer percentage or \"off\""},
        {"CMEMLIMIT", "1G", "CMEMLIMIT=1G: " BYTES_WANT},
        {"CMEMLIMIT", "-1", "CMEMLIMIT=-1: " BYTES_WANT},
        {"CMEMLIMIT", "99999999999TiB", "CMEMLIMIT=99999999999TiB: " BYTES_WANT},
        {"CMAXPROCS", "0", "CMAXPROCS=0: want an integer of at least 1"},
        {"CMAXPROCS", "-3", "CMAXPROCS=-3: want an integer of at least 1"},
        {"CMAXPROCS", "2147483648", "CMAXPROCS=2147483648: want an integer of at least 1"},
        {"CMAXPROCS", "off", "CMAXPROCS=off: want an integer of at least 1"},
        {"CTRACEBACK", "loud", "CTRACEBACK=loud: want none, single, all, system, crash, wer, 0, 1 or 2"},
        {"CDEBUG", "gctrace", "CDEBUG=gctrace: want key=value pairs separated by commas"},
        {"CDEBUG", "nosuch=1", "CDEBUG=nosuch=1: want a known key " KEYS},
        {"CDEBUG", "=1", "CDEBUG==1: want a known key " KEYS},
        {"CDEBUG", "gctrac=1", "CDEBUG=gctrac=1: want a known key " KEYS},
        {"CDEBUG", "gctracee=1", "CDEBUG=gctracee=1: want a known key " KEYS},
        {"CDEBUG", " gctrace=1", "CDEBUG= gctrace=1: want a known key " KEYS},
        {"CDEBUG", "CGC=1", "CDEBUG=CGC=1: want a known key " KEYS},
        {"CDEBUG", "gctrace=3", "CDEBUG=gctrace=3: want 0, 1 or 2 for gctrace"},
        {"CDEBUG", "gctrace=", "CDEBUG=gctrace=: want 0, 1 or 2 for gctrace"},
        {"CDEBUG", "gctrace=-1", "CDEBUG=gctrace=-1: want 0, 1 or 2 for gctrace"},
        {"CDEBUG", "gctrace=off", "CDEBUG=gctrace=off: want 0, 1 or 2 for gctrace"},
        {"CDEBUG", "gctrace==1", "CDEBUG=gctrace==1: want 0, 1 or 2 for gctrace"},
        {"CDEBUG", "gcpacertrace=2", "CDEBUG=gcpacertrace=2: want 0 or 1 for gcpacertrace"},
        {"CDEBUG", "scavtrace=2", "CDEBUG=scavtrace=2: want 0 or 1 for scavtrace"},
        {"CDEBUG", "inittrace=2", "CDEBUG=inittrace=2: want 0 or 1 for inittrace"},
        {"CDEBUG", "madvdontneed=2", "CDEBUG=madvdontneed=2: want 0 or 1 for madvdontneed"},
        {"CDEBUG", "memprofilerate=-1", "CDEBUG=memprofilerate=-1: want an integer of at least 0 for memprofilerate"},
        {"CDEBUG", "memprofilerate=9223372036854775808",
         "CDEBUG=memprofilerate=9223372036854775808: want an integer of at least 0 for memprofilerate"},
        {"CDEBUG", "mutexprofilefraction=-1",
         "CDEBUG=mutexprofilefraction=-1: want an integer of at least 0 for mutexprofilefraction"},
        {"CDEBUG", "mutexprofilefraction=2147483648",
         "CDEBUG=mutexprofilefraction=2147483648: want an integer of at least 0 for mutexprofilefraction"},
        {"CDEBUG", "blockprofilerate=-1",
         "CDEBUG=blockprofilerate=-1: want an integer of at least 0 for blockprofilerate"},
        {"CDEBUG", "blockprofilerate=1ms",
         "CDEBUG=blockprofilerate=1ms: want an integer of at least 0 for blockprofilerate"},
        {"CDEBUG", "schedtrace=2147483648",
         "CDEBUG=schedtrace=2147483648: want an integer of at least 0 for schedtrace"},
        {"CDEBUG", "gcstress=x", "CDEBUG=gcstress=x: want an integer of at least 0 for gcstress"},
        {"CDEBUG", "sigquit=1", "CDEBUG=sigquit=1: want continue for sigquit"},
        {"CDEBUG", "sigquit=", "CDEBUG=sigquit=: want continue for sigquit"},
        {"CDEBUG", "agentremote=2", "CDEBUG=agentremote=2: want 0 or 1 for agentremote"},
        {"CAGENT", "6060", "CAGENT=6060: " AGENT_WANT},
        {"CAGENT", "0.0.0.0:6060", "CAGENT=0.0.0.0:6060: " AGENT_WANT},
        {"CDEBUG", "heapdumpdir=", "CDEBUG=heapdumpdir=: want a path of 1 to 255 bytes for heapdumpdir"},
        /* In a list the culprit is quoted. */
        {"CDEBUG", "gctrace=1,gcstress",
         "CDEBUG=gctrace=1,gcstress: want key=value pairs separated by commas, not \"gcstress\""},
        {"CDEBUG", "gctrace=1,", "CDEBUG=gctrace=1,: want key=value pairs separated by commas, not \"\""},
        {"CDEBUG", ",", "CDEBUG=,: want key=value pairs separated by commas, not \"\""},
        {"CDEBUG", "gctrace=1,,gcstress=1",
         "CDEBUG=gctrace=1,,gcstress=1: want key=value pairs separated by commas, not \"\""},
        {"CDEBUG", "gctrace=x,gctrace=1", "CDEBUG=gctrace=x,gctrace=1: want 0, 1 or 2 for gctrace, not \"gctrace=x\""},
        {"CDEBUG", "gctrace=1,nosuch=1", "CDEBUG=gctrace=1,nosuch=1: want a known key " KEYS ", not \"nosuch=1\""},
        /* Still one line of printable bytes, whatever was in the variable. */
        {"CGC", "1\n2\x1b[m\xc3\xa9\x7f~", "CGC=1?2?[m???~: want an integer percentage or \"off\""},
        {"CGC", SEVENTY "aa", "CGC=" SEVENTY "aa: want an integer percentage or \"off\""},
        {"CGC", SEVENTY "aab", "CGC=" SEVENTY "aa...: want an integer percentage or \"off\""},
        /* The longest sentence there is, whole to its last byte. */
        {"CDEBUG", SEVENTY "=1," SEVENTY,
         "CDEBUG=" SEVENTY "=1...: want a known key " KEYS ", not \"" TEN TEN TEN TEN "...\""},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct env_settings s;
        struct env_error err;
        if (load(rows[i].name, rows[i].value, &s, &err) != -1)
            fail_msg("%s=%s was accepted", rows[i].name, rows[i].value);
        assert_string_equal(err.text, rows[i].sentence);
    }
}

static void a_refused_allocator_is_told_what_this_build_has(void **state)
{
    struct env_settings s;
    struct env_error err;
    char sentence[128];

    (void)state;
    assert_int_equal(load("CALLOCATOR", "x", &s, &err), -1);
    snprintf(sentence, sizeof(sentence), "CALLOCATOR=x: %s", env_want(ENV_CALLOCATOR));
    assert_string_equal(err.text, sentence);
    assert_non_null(strstr(err.text, "boehm"));
    assert_non_null(strstr(err.text, "mimalloc"));
}

static void every_well_formed_debug_key_is_stored(void **state)
{
    struct env_settings s;
    struct env_error err;

    (void)state;
    assert_int_equal(
        load("CDEBUG",
             "gctrace=2,gcpacertrace=1,scavtrace=1,inittrace=1,memprofilerate=1,mutexprofilefraction=10,"
             "blockprofilerate=9223372036854775807,schedtrace=1000,"
             "madvdontneed=0,gcstress=9223372036854775807,sigquit=continue,agentremote=1,heapdumpdir=/var/tmp/a=b c",
             &s, &err),
        0);
    assert_int_equal(s.gctrace, 2);
    assert_int_equal(s.gcpacertrace, 1);
    assert_int_equal(s.scavtrace, 1);
    assert_int_equal(s.inittrace, 1);
    assert_int_equal(s.memprofilerate_bytes, 1);
    assert_int_equal(s.mutexprofilefraction, 10);
    assert_true(s.blockprofilerate_ns == INT64_MAX);
    assert_int_equal(s.schedtrace_ms, 1000);
    assert_int_equal(s.madvdontneed, 0);
    assert_true(s.gcstress == INT64_MAX);
    assert_true(s.sigquit_continue);
    assert_int_equal(s.agentremote, 1);
    assert_string_equal(s.heapdumpdir, "/var/tmp/a=b c");
    for (int i = ENV_CDEBUG; i < ENV_KNOBS; i++)
        assert_int_equal(s.source[i], ENV_ENVIRONMENT);
}

static const char *get_remote(const char *name, void *agent)
{
    if (strcmp(name, "CDEBUG") == 0)
        return "agentremote=1";
    return strcmp(name, "CAGENT") == 0 ? agent : NULL;
}

static void an_agent_may_listen_beyond_loopback_only_when_told_twice(void **state)
{
    static const char *const remote[] = {"0.0.0.0:0", "192.168.1.7:6060", "[::]:0", "[2001:db8::1]:1"};
    static const char *const local[] = {"off", "127.0.0.1:0", "127.9.9.9:65535", "localhost:1", "[::1]:0"};
    struct env_settings s;
    struct env_error err;

    (void)state;
    for (size_t i = 0; i < ROWS(remote); i++) {
        assert_int_equal(load("CAGENT", remote[i], &s, &err), -1);
        assert_non_null(strstr(err.text, AGENT_WANT));
        assert_int_equal(env_settings_load(&s, 4, get_remote, (void *)remote[i], &err), 0);
        assert_string_equal(s.agent, remote[i]);
    }
    for (size_t i = 0; i < ROWS(local); i++) {
        assert_int_equal(load("CAGENT", local[i], &s, &err), 0);
        assert_string_equal(s.agent, local[i]);
        assert_int_equal(s.source[ENV_CAGENT], ENV_ENVIRONMENT);
    }
}

static void what_is_no_address_is_refused_even_with_agentremote(void **state)
{
    static const char *const bad[] = {"on",        ":6060",      "127.0.0.1",       "127.0.0.1:",   "127.0.0.1:65536",
                                      "127.1:80",  "::1:80",     "[::1]",           "[]:1",         "[127.0.0.1]:1",
                                      "host:80",   "localhost",  "127.0.0.1:80 ",   " off",         "127.0.0.1:-1",
                                      "0x7f.1:80", "[::1%lo]:1", "127.0.0.1:00080", "127.0.0.1:01", SEVENTY ":1"};
    struct env_settings s;
    struct env_error err;

    (void)state;
    for (size_t i = 0; i < ROWS(bad); i++) {
        if (env_settings_load(&s, 4, get_remote, (void *)bad[i], &err) != -1)
            fail_msg("CAGENT=%s was accepted", bad[i]);
        assert_string_equal(s.agent, "");
    }
}

static void of_a_debug_key_given_twice_the_later_wins(void **state)
{
    struct env_settings s;
    struct env_error err;

    (void)state;
    assert_int_equal(load("CDEBUG", "gctrace=1,gcstress=5,gctrace=2,gcstress=0", &s, &err), 0);
    assert_int_equal(s.gctrace, 2);
    assert_int_equal(s.gcstress, 0);
}

static void a_heap_dump_path_of_255_bytes_fits_and_one_of_256_is_refused(void **state)
{
    struct env_settings s;
    struct env_error err;

    (void)state;
    assert_int_equal(strlen(LONGEST_PATH), ENV_PATH_MAX - 1);
    assert_int_equal(load("CDEBUG", "heapdumpdir=" LONGEST_PATH, &s, &err), 0);
    assert_string_equal(s.heapdumpdir, LONGEST_PATH);
    assert_int_equal(load("CDEBUG", "heapdumpdir=" LONGEST_PATH "b", &s, &err), -1);
    assert_non_null(strstr(err.text, "want a path of 1 to 255 bytes for heapdumpdir"));
    assert_int_equal(load("CDEBUG", "heapdumpdir=" LONGEST_PATH LONGEST_PATH, &s, &err), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_percentage_is_off_or_a_whole_number),
        cmocka_unit_test(a_byte_count_is_off_or_digits_with_one_of_five_units),
        cmocka_unit_test(a_traceback_level_is_one_of_nine_words),
        cmocka_unit_test(an_allocator_is_boehm_or_mimalloc_and_libc_only_in_builds_that_ask_for_it),
        cmocka_unit_test(a_malformed_variable_is_named_with_its_value_and_what_is_wanted),
        cmocka_unit_test(a_refused_allocator_is_told_what_this_build_has),
        cmocka_unit_test(every_well_formed_debug_key_is_stored),
        cmocka_unit_test(an_agent_may_listen_beyond_loopback_only_when_told_twice),
        cmocka_unit_test(what_is_no_address_is_refused_even_with_agentremote),
        cmocka_unit_test(of_a_debug_key_given_twice_the_later_wins),
        cmocka_unit_test(a_heap_dump_path_of_255_bytes_fits_and_one_of_256_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
