/* Tests of env/settings.c: defaults, where a value came from, and a value as text again. */
#include "env/settings.h"
#include "env/knobs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

/* A fake environment: pairs of name and value, NULL at the end. */
static const char *get_from(const char *name, void *arg)
{
    for (const char *const *pair = arg; pair[0] != NULL; pair += 2)
        if (strcmp(name, pair[0]) == 0)
            return pair[1];
    return NULL;
}

static int load(struct env_settings *s, const char *const *environment)
{
    struct env_error err = {""};
    int result = env_settings_load(s, 4, get_from, (void *)environment, &err);

    if (result != 0)
        print_message("%s\n", err.text);
    return result;
}

static void the_defaults_are_the_documented_ones(void **state)
{
    struct env_settings s;

    (void)state;
    memset(&s, 0x5a, sizeof(s));
    env_settings_default(&s, 6);
    assert_int_equal(s.gc_percent, 100);
    assert_true(s.memory_limit_bytes == ENV_MEMORY_LIMIT_OFF);
    assert_int_equal(s.max_procs, 6);
    assert_int_equal(s.traceback, ENV_TB_SINGLE);
    assert_int_equal(s.gctrace, 0);
    assert_int_equal(s.gcpacertrace, 0);
    assert_int_equal(s.scavtrace, 0);
    assert_int_equal(s.inittrace, 0);
    assert_int_equal(s.memprofilerate_bytes, 524288);
    assert_int_equal(s.mutexprofilefraction, 0);
    assert_int_equal(s.blockprofilerate_ns, 0);
    assert_int_equal(s.schedtrace_ms, 0);
    assert_int_equal(s.madvdontneed, 1);
    assert_int_equal(s.gcstress, 0);
    assert_false(s.sigquit_continue);
    assert_int_equal(s.agentremote, 0);
    assert_string_equal(s.agent, "");
    assert_string_equal(s.heapdumpdir, "");
    for (int i = 0; i < ENV_KNOBS; i++)
        assert_int_equal(s.source[i], ENV_DEFAULT);
}

static void the_default_allocator_is_one_that_the_variable_could_name(void **state)
{
    struct env_settings s;
    enum env_allocator which = 77;
    char text[32];

    (void)state;
    env_settings_default(&s, 1);
    assert_true(env_knob_value(&s, ENV_CALLOCATOR, text, sizeof(text)) > 0);
    assert_int_equal(env_parse_allocator(text, &which), 0);
    assert_int_equal(which, s.allocator);
}

static void a_machine_without_a_cpu_count_gets_one_thread(void **state)
{
    struct env_settings s;

    (void)state;
    env_settings_default(&s, 0);
    assert_int_equal(s.max_procs, 1);
    env_settings_default(&s, -1);
    assert_int_equal(s.max_procs, 1);
}

static void an_empty_environment_leaves_the_defaults(void **state)
{
    const char *const nothing[] = {NULL};
    struct env_settings loaded, defaults;

    (void)state;
    assert_int_equal(load(&loaded, nothing), 0);
    env_settings_default(&defaults, 4);
    assert_memory_equal(&loaded, &defaults, sizeof(loaded));
}

static void an_empty_variable_counts_as_not_set(void **state)
{
    const char *const empty[] = {"CGC", "",       "CMEMLIMIT", "",           "CMAXPROCS", "",  "CTRACEBACK",
                                 "",    "CDEBUG", "",          "CALLOCATOR", "",          NULL};
    struct env_settings loaded, defaults;

    (void)state;
    assert_int_equal(load(&loaded, empty), 0);
    env_settings_default(&defaults, 4);
    assert_memory_equal(&loaded, &defaults, sizeof(loaded));
}

static void every_variable_is_read_and_remembered_as_from_the_environment(void **state)
{
    const char *const all[] = {"CGC",        "200",        "CMEMLIMIT", "64MiB",       "CMAXPROCS",
                               "3",          "CTRACEBACK", "system",    "CDEBUG",      "gcstress=7",
                               "CALLOCATOR", "mimalloc",   "CAGENT",    "127.0.0.1:0", NULL};
    struct env_settings s;

    (void)state;
    assert_int_equal(load(&s, all), 0);
    assert_int_equal(s.gc_percent, 200);
    assert_int_equal(s.memory_limit_bytes, 64 << 20);
    assert_int_equal(s.max_procs, 3);
    assert_int_equal(s.traceback, ENV_TB_SYSTEM);
    assert_int_equal(s.gcstress, 7);
    assert_int_equal(s.allocator, ENV_ALLOC_MIMALLOC);
    assert_string_equal(s.agent, "127.0.0.1:0");
    for (int i = ENV_CGC; i <= ENV_CDEBUG; i++)
        assert_int_equal(s.source[i], ENV_ENVIRONMENT);
    assert_int_equal(s.source[ENV_GCSTRESS], ENV_ENVIRONMENT);
    assert_int_equal(s.source[ENV_GCTRACE], ENV_DEFAULT);
}

static void a_variable_that_repeats_the_default_still_came_from_the_environment(void **state)
{
    const char *const same[] = {"CGC", "100", NULL};
    struct env_settings s;

    (void)state;
    assert_int_equal(load(&s, same), 0);
    assert_int_equal(s.gc_percent, 100);
    assert_int_equal(s.source[ENV_CGC], ENV_ENVIRONMENT);
    assert_int_equal(s.source[ENV_CMEMLIMIT], ENV_DEFAULT);
}

static void one_processor_can_be_asked_for_on_a_machine_with_more(void **state)
{
    const char *const one[] = {"CMAXPROCS", "1", NULL};
    struct env_settings s;

    (void)state;
    assert_int_equal(load(&s, one), 0);
    assert_int_equal(s.max_procs, 1);
}

static void a_debug_key_is_no_variable_of_its_own(void **state)
{
    const char *const key[] = {"gctrace", "1", NULL};
    struct env_settings s;

    (void)state;
    assert_int_equal(load(&s, key), 0);
    assert_int_equal(s.gctrace, 0);
}

static void a_value_is_written_as_its_variable_would_take_it(void **state)
{
    static const struct {
        const char *variable, *text;
        enum env_knob knob;
        const char *value;
    } rows[] = {
        {"CGC", "100", ENV_CGC, "100"},
        {"CGC", "-5", ENV_CGC, "off"},
        {"CGC", "off", ENV_CGC, "off"},
        {"CMEMLIMIT", "64MiB", ENV_CMEMLIMIT, "67108864"},
        {"CMEMLIMIT", "off", ENV_CMEMLIMIT, "off"},
        {"CMEMLIMIT", "0", ENV_CMEMLIMIT, "0"},
        {"CMAXPROCS", "12", ENV_CMAXPROCS, "12"},
        {"CTRACEBACK", "0", ENV_CTRACEBACK, "none"},
        {"CTRACEBACK", "1", ENV_CTRACEBACK, "all"},
        {"CTRACEBACK", "2", ENV_CTRACEBACK, "system"},
        {"CTRACEBACK", "wer", ENV_CTRACEBACK, "wer"},
        {"CALLOCATOR", "mimalloc", ENV_CALLOCATOR, "mimalloc"},
        {"CAGENT", "off", ENV_CAGENT, "off"},
        {"CAGENT", "[::1]:0", ENV_CAGENT, "[::1]:0"},
        {"CGC", "1", ENV_CAGENT, ""},
        {"CDEBUG", "gctrace=1", ENV_GCTRACE, "1"},
        {"CDEBUG", "gctrace=1", ENV_CDEBUG, "gctrace=1"},
        {"CDEBUG", "gctrace=1", ENV_SIGQUIT, ""},
        {"CDEBUG", "sigquit=continue", ENV_SIGQUIT, "continue"},
        {"CDEBUG", "heapdumpdir=d", ENV_HEAPDUMPDIR, "d"},
        {"CDEBUG", "gctrace=1", ENV_HEAPDUMPDIR, ""},
        {"CDEBUG", "memprofilerate=9223372036854775807", ENV_MEMPROFILERATE, "9223372036854775807"},
        {"CDEBUG", "heapdumpdir=d,gctrace=1,gctrace=0,sigquit=continue", ENV_CDEBUG,
         "gctrace=0,sigquit=continue,heapdumpdir=d"},
        {"CGC", "1", ENV_CDEBUG, ""},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        const char *const environment[] = {rows[i].variable, rows[i].text, NULL};
        struct env_settings s;
        char value[ENV_PATH_MAX];
        assert_int_equal(load(&s, environment), 0);
        int length = env_knob_value(&s, rows[i].knob, value, sizeof(value));
        assert_string_equal(value, rows[i].value);
        assert_int_equal(length, strlen(rows[i].value));
    }
}

static void a_value_that_does_not_fit_is_cut_and_its_full_length_returned(void **state)
{
    const char *const environment[] = {"CDEBUG", "gctrace=1,gcstress=10", "CMEMLIMIT", "5000000", NULL};
    struct env_settings s;
    char value[8];

    (void)state;
    assert_int_equal(load(&s, environment), 0);
    assert_int_equal(env_knob_value(&s, ENV_CMEMLIMIT, value, 4), 7);
    assert_string_equal(value, "500");
    assert_int_equal(env_knob_value(&s, ENV_CDEBUG, value, sizeof(value)), strlen("gctrace=1,gcstress=10"));
    assert_string_equal(value, "gctrace");
    assert_int_equal(env_knob_value(&s, ENV_CDEBUG, value, 0), strlen("gctrace=1,gcstress=10"));
}

static void a_source_has_a_name(void **state)
{
    (void)state;
    assert_string_equal(env_source_name(ENV_DEFAULT), "default");
    assert_string_equal(env_source_name(ENV_ENVIRONMENT), "environment");
    assert_string_equal(env_source_name(ENV_CALL), "call");
}

/* The table itself: a row whose range does not fit its field would lose bits when stored. */
static void every_number_that_a_row_allows_fits_its_field(void **state)
{
    (void)state;
    for (int i = 0; i < ENV_KNOBS; i++) {
        const struct knob *knob = &env__knobs[i];
        const int64_t edges[] = {knob->min, knob->max, knob->def, knob->off};
        struct env_settings s;

        if (env__knob_is_text(knob) || knob->type == KNOB_PAIRS)
            continue;
        for (size_t edge = 0; edge < ROWS(edges); edge++) {
            memset(&s, 0, sizeof(s));
            env__knob_store(knob, &s, edges[edge]);
            if (env__knob_load(knob, &s) != edges[edge])
                fail_msg("%s cannot hold %lld", knob->name, (long long)edges[edge]);
        }
    }
}

static void every_row_is_complete_and_its_default_is_in_its_range(void **state)
{
    (void)state;
    for (int i = 0; i < ENV_KNOBS; i++) {
        const struct knob *knob = &env__knobs[i];

        assert_non_null(knob->name);
        assert_non_null(knob->unit);
        assert_non_null(knob->help);
        assert_int_equal(strncmp(knob->want, "want ", 5), 0);
        assert_int_equal(knob->type == KNOB_WORD, knob->words != NULL);
        assert_int_equal(knob->is_debug_key, i > ENV_CDEBUG);
        if (knob->type == KNOB_INTEGER || knob->type == KNOB_PERCENT || knob->type == KNOB_BYTES)
            assert_true(knob->min <= knob->def && knob->def <= knob->max);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_defaults_are_the_documented_ones),
        cmocka_unit_test(the_default_allocator_is_one_that_the_variable_could_name),
        cmocka_unit_test(a_machine_without_a_cpu_count_gets_one_thread),
        cmocka_unit_test(an_empty_environment_leaves_the_defaults),
        cmocka_unit_test(an_empty_variable_counts_as_not_set),
        cmocka_unit_test(every_variable_is_read_and_remembered_as_from_the_environment),
        cmocka_unit_test(a_variable_that_repeats_the_default_still_came_from_the_environment),
        cmocka_unit_test(one_processor_can_be_asked_for_on_a_machine_with_more),
        cmocka_unit_test(a_debug_key_is_no_variable_of_its_own),
        cmocka_unit_test(a_value_is_written_as_its_variable_would_take_it),
        cmocka_unit_test(a_value_that_does_not_fit_is_cut_and_its_full_length_returned),
        cmocka_unit_test(a_source_has_a_name),
        cmocka_unit_test(every_number_that_a_row_allows_fits_its_field),
        cmocka_unit_test(every_row_is_complete_and_its_default_is_in_its_range),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
