/* /debug as a server sees it: status, content type and body of each page, in this very process. */
#include "runtime/cruntime.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#define JSON "application/json; charset=utf-8"
#define TEXT "text/plain; charset=utf-8"

static struct rt_debug_response res;

/* Asks and leaves the answer in res, its body ended by a NUL of ours. */
static void ask_from(bool loopback, const char *method, const char *path, const char *query, const char *body)
{
    struct rt_debug_request req = {
        .method = method,
        .method_len = strlen(method),
        .path = path,
        .path_len = strlen(path),
        .query = query,
        .query_len = query ? strlen(query) : 0,
        .body = body,
        .body_len = body ? strlen(body) : 0,
        .loopback = loopback,
    };
    rt_debug_response_release(&res);
    memset(&res, 0xA5, sizeof res);
    rt_debug_handle(&req, &res);
    res.body = realloc(res.body, res.body_len + 1);
    res.body[res.body_len] = '\0';
}

static void ask(const char *method, const char *path, const char *query, const char *body)
{
    ask_from(true, method, path, query, body);
}

static void get(const char *path, const char *query)
{
    ask("GET", path, query, NULL);
}

static void assert_answer(int status, const char *type)
{
    if (res.status != status)
        fail_msg("status %d, want %d: %s", res.status, status, res.body);
    assert_string_equal(res.content_type, type);
}

static void assert_error(int status, const char *code, const char *message_has)
{
    char begins[64];
    assert_answer(status, JSON);
    snprintf(begins, sizeof begins, "{\"code\":\"%s\",\"message\":\"", code);
    if (strncmp(res.body, begins, strlen(begins)) != 0 || !strstr(res.body, message_has))
        fail_msg("%s", res.body);
    assert_string_equal(res.body + res.body_len - 3, "\"}\n");
}

static const char *const pages[] = {"/debug/",        "/debug/memstats", "/debug/vars",   "/debug/gctrace",
                                    "/debug/metrics", "/debug/settings", "/debug/pprof/", "/debug/pprof/cmdline"};
#define PAGES (sizeof pages / sizeof pages[0])

/* ---- who, where, how --------------------------------------------------------------------------- */

static void a_peer_elsewhere_is_refused_whatever_it_asks(void **state)
{
    (void)state;
    struct rt_memstats before, after;
    rt_read_memstats(&before);
    int percent = rt_set_gc_percent(100);
    for (size_t i = 0; i < PAGES; i++) {
        ask_from(false, "GET", pages[i], NULL, NULL);
        assert_error(403, "forbidden", "only to this machine");
    }
    ask_from(false, "GET", "/debug/nosuch", NULL, NULL);
    assert_error(403, "forbidden", "only to this machine");
    ask_from(false, "POST", "/debug/gc", NULL, NULL);
    assert_error(403, "forbidden", "only to this machine");
    ask_from(false, "POST", "/debug/settings", NULL, "gc_percent=33");
    assert_error(403, "forbidden", "only to this machine");
    rt_read_memstats(&after);
    assert_int_equal(after.NumForcedGC, before.NumForcedGC);
    assert_int_equal(rt_set_gc_percent(percent), 100);
}

static void an_unknown_path_is_not_found(void **state)
{
    (void)state;
    static const char *const paths[] = {
        "/debug/nosuch",   "/debug/memstats/", "/debug/memstat", "/debug/memstatsx", "/debugx", "/", "",
        "/DEBUG/memstats", "/debug/pprofx",    "/debug/ppro"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        get(paths[i], NULL);
        assert_error(404, "not found", "/debug/");
    }
}

static void a_wrong_method_is_told_the_right_ones(void **state)
{
    (void)state;
    ask("POST", "/debug/memstats", NULL, NULL);
    assert_error(405, "method not allowed", "want GET, HEAD");
    assert_string_equal(res.allow, "GET, HEAD");
    get("/debug/gc", NULL);
    assert_error(405, "method not allowed", "want POST");
    assert_string_equal(res.allow, "POST");
    ask("HEAD", "/debug/gc", NULL, NULL);
    assert_int_equal(res.status, 405);
    ask("DELETE", "/debug/settings", NULL, NULL);
    assert_error(405, "method not allowed", "want GET, HEAD, POST");
    assert_string_equal(res.allow, "GET, HEAD, POST");
    ask("get", "/debug/memstats", NULL, NULL); /* methods are case-sensitive */
    assert_int_equal(res.status, 405);
}

static void head_answers_as_get_does_but_without_a_body(void **state)
{
    (void)state;
    for (size_t i = 0; i < PAGES; i++) {
        get(pages[i], NULL);
        const char *type = res.content_type;
        assert_true(res.body_len > 0 || strcmp(pages[i], "/debug/gctrace") == 0);
        ask("HEAD", pages[i], NULL, NULL);
        assert_answer(200, type);
        assert_int_equal(res.body_len, 0);
        assert_null(res.allow);
    }
}

static void the_index_names_every_page(void **state)
{
    (void)state;
    get("/debug/", NULL);
    assert_answer(200, TEXT);
    for (size_t i = 0; i < PAGES; i++)
        assert_non_null(strstr(res.body, pages[i]));
    assert_non_null(strstr(res.body, "/debug/gc "));
    assert_non_null(strstr(res.body, "\n/debug/pprof/profile "));
    assert_non_null(strstr(res.body, "\n/debug/pprof/symbol "));
    assert_non_null(strstr(res.body, "\n/debug/pprof/{name} "));
    get("/debug", NULL);
    assert_answer(200, TEXT);
}

static void a_released_answer_is_empty_and_can_be_released_again(void **state)
{
    (void)state;
    get("/debug/", NULL);
    rt_debug_response_release(&res);
    assert_null(res.body);
    assert_int_equal(res.body_len, 0);
    rt_debug_response_release(&res);
}

/* ---- pages --------------------------------------------------------------------------------------- */

static void memstats_is_one_line_of_json(void **state)
{
    (void)state;
    get("/debug/memstats", NULL);
    assert_answer(200, JSON);
    assert_memory_equal(res.body, "{\"Alloc\":", 9);
    assert_ptr_equal(strchr(res.body, '\n'), res.body + res.body_len - 1);
}

static void vars_is_laid_out_as_expvar_does(void **state)
{
    (void)state;
    get("/debug/vars", NULL);
    assert_answer(200, JSON);
    assert_memory_equal(res.body, "{\n\"cmdline\": [\"", 15);
    const char *second = strchr(res.body + 15, ',');
    static const char want[] = ",\"a\\\"b\",\"\",\"\\ufffd\",\"\\u003cx\\u003e\"],\n\"memstats\": {\"Alloc\":";
    assert_non_null(second);
    assert_memory_equal(second, want, sizeof want - 1);
    assert_string_equal(res.body + res.body_len - 6, "}]}\n}\n");
}

static uint64_t forty_two(void *unused)
{
    (void)unused;
    return 42;
}

static void what_the_program_publishes_is_among_vars_and_metrics(void **state)
{
    (void)state;
    assert_int_equal(rt_metric_publish("/of/the/program:requests", "Of a test.", forty_two, NULL), 0);
    get("/debug/vars", NULL);
    static const char want[] = "{\n\"/of/the/program:requests\": 42,\n\"cmdline\": [\"";
    assert_memory_equal(res.body, want, sizeof want - 1);
    get("/debug/metrics", NULL);
    assert_non_null(strstr(res.body, "\n/of/the/program:requests 42\n"));
    get("/debug/metrics", "help=1");
    assert_non_null(strstr(res.body, "\n/of/the/program:requests\tgauge\tOf a test.\n"));
}

static void metrics_takes_help_and_nothing_else(void **state)
{
    (void)state;
    get("/debug/metrics", NULL);
    assert_answer(200, TEXT);
    assert_non_null(strstr(res.body, "\n/sched/gomaxprocs:threads "));
    get("/debug/metrics", "help=1");
    assert_answer(200, TEXT);
    assert_non_null(strstr(res.body, "\n/sched/gomaxprocs:threads\tgauge\t"));
    get("/debug/metrics", "help=2");
    assert_error(400, "bad value", "help=1");
    get("/debug/metrics", "n=1");
    assert_error(400, "bad value", "help=1");
}

static void settings_lists_every_knob_with_its_source(void **state)
{
    (void)state;
    struct rt_setting s;
    get("/debug/settings", NULL);
    assert_answer(200, JSON);
    assert_memory_equal(res.body, "[\n{\"name\":\"", 11);
    assert_string_equal(res.body + res.body_len - 4, "}\n]\n");
    unsigned n = 0;
    for (; rt_setting_get(n, &s); n++) {
        char want[400];
        snprintf(want, sizeof want, "{\"name\":\"%s\",\"value\":\"%s\",\"source\":\"%s\",", s.name, s.value, s.source);
        if (!strstr(res.body, want))
            fail_msg("no %s in %s", want, res.body);
    }
    assert_true(n > 0);
}

static size_t count(const char *text, const char *what)
{
    size_t n = 0;
    for (const char *p = text; (p = strstr(p, what)) != NULL; p++)
        n++;
    return n;
}

static void gctrace_shows_the_newest_cycles_last(void **state)
{
    (void)state;
    struct rt_cycle newest;
    char line[512];
    for (int i = 0; i < 3; i++)
        rt_gc();
    assert_int_equal(rt_cycles_read(&newest, 1), 1);
    rt_gctrace_format(line, sizeof line, &newest);
    get("/debug/gctrace", NULL);
    assert_answer(200, TEXT);
    assert_true(count(res.body, "\n") >= 3);
    assert_memory_equal(res.body, "gc ", 3);
    get("/debug/gctrace", "n=1");
    assert_answer(200, TEXT);
    assert_int_equal(count(res.body, "\n"), 1);
    assert_string_equal(res.body, line);
    get("/debug/gctrace", "n=2&format=text");
    assert_int_equal(count(res.body, "\n"), 2);
    assert_string_equal(res.body + res.body_len - strlen(line), line);
}

static void gctrace_as_json_gives_exact_figures(void **state)
{
    (void)state;
    struct rt_cycle c;
    char want[1024];
    rt_gc();
    assert_int_equal(rt_cycles_read(&c, 1), 1);
    get("/debug/gctrace", "format=json&n=1");
    assert_answer(200, JSON);
#define N "%" PRIu64
    snprintf(want, sizeof want,
             "[\n{\"number\":" N ",\"start_ns\":" N ",\"end_unix_ns\":" N ",\"stop_ns\":" N ",\"concurrent_ns\":" N
             ",\"pause_mark_ns\":" N ",\"sweep_ns\":" N ",\"stop_cpu_ns\":" N ",\"assist_cpu_ns\":" N
             ",\"background_cpu_ns\":" N ",\"idle_cpu_ns\":" N ",\"heap_start_bytes\":" N ",\"heap_end_bytes\":" N
             ",\"heap_live_bytes\":" N ",\"goal_bytes\":" N ",\"stacks_bytes\":" N ",\"globals_bytes\":" N
             ",\"procs\":%" PRIu32 ",\"gc_cpu_permille\":%" PRIu32 ",\"forced\":%s,\"trim\":%s}\n]\n",
             c.number, c.start_ns, c.end_unix_ns, c.stop_ns, c.concurrent_ns, c.pause_mark_ns, c.sweep_ns,
             c.stop_cpu_ns, c.assist_cpu_ns, c.background_cpu_ns, c.idle_cpu_ns, c.heap_start_bytes, c.heap_end_bytes,
             c.heap_live_bytes, c.goal_bytes, c.stacks_bytes, c.globals_bytes, c.procs, c.gc_cpu_permille,
             c.forced ? "true" : "false", c.trim ? "true" : "false");
#undef N
    assert_string_equal(res.body, want);
    rt_gc();
    get("/debug/gctrace", "format=json&n=2");
    assert_int_equal(count(res.body, "{\"number\":"), 2);
    assert_int_equal(count(res.body, "},\n{"), 1);
}

static void gctrace_refuses_other_counts_and_formats(void **state)
{
    (void)state;
    static const char *const bad_n[] = {"n=0",  "n=4097", "n=-1",   "n=",    "n",    "n=abc",
                                        "n=1x", "n=+1",   "n=%31",  "n=1e3", "n= 1", "n=99999999999999999999",
                                        "n=1.", "n=%",    "n=1&n=0"};
    for (size_t i = 0; i < sizeof bad_n / sizeof bad_n[0]; i++) {
        get("/debug/gctrace", bad_n[i]);
        if (strcmp(bad_n[i], "n=%31") == 0) /* an escaped 1 is a 1 */
            assert_answer(200, TEXT);
        else
            assert_error(400, "bad value", "n: want a whole number from 1 to 4096");
    }
    get("/debug/gctrace", "n=4096");
    assert_answer(200, TEXT);
    get("/debug/gctrace", "format=xml");
    assert_error(400, "bad value", "format: want text or json");
    get("/debug/gctrace", "m=1");
    assert_error(400, "bad value", "want n or format");
}

/* ---- actions ------------------------------------------------------------------------------------- */

static void assert_ran_a_cycle(const char *query, const char *body)
{
    struct rt_gc_stats before;
    uint64_t num_gc, pause_ns;
    int end = 0;
    rt_read_gc_stats(&before);
    ask("POST", "/debug/gc", query, body);
    assert_answer(200, JSON);
    assert_int_equal(sscanf(res.body, "{\"num_gc\":%" SCNu64 ",\"pause_ns\":%" SCNu64 "}%n", &num_gc, &pause_ns, &end),
                     2);
    assert_string_equal(res.body + end, "\n");
    assert_true(num_gc > before.num_gc);
}

static void posting_gc_runs_a_cycle(void **state)
{
    (void)state;
    assert_ran_a_cycle(NULL, NULL);
    assert_ran_a_cycle("release=1", NULL);
    assert_ran_a_cycle("release=0", NULL);
    assert_ran_a_cycle(NULL, "release=1");
}

static void posting_gc_with_anything_else_runs_none(void **state)
{
    (void)state;
    static const char *const bad[] = {"release=2", "release=", "release", "relase=1", "release=1&x=1", "release=%"};
    struct rt_memstats before, after;
    rt_read_memstats(&before);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ask("POST", "/debug/gc", bad[i], NULL);
        assert_error(400, "bad value", "want no parameter, or release=0 or release=1");
        ask("POST", "/debug/gc", NULL, bad[i]);
        assert_error(400, "bad value", "want no parameter, or release=0 or release=1");
    }
    rt_read_memstats(&after);
    assert_int_equal(after.NumForcedGC, before.NumForcedGC);
}

static void set(const char *query, const char *body, const char *want)
{
    ask("POST", "/debug/settings", query, body);
    assert_answer(200, JSON);
    assert_string_equal(res.body, want);
}

static void posting_settings_changes_them_and_tells_old_and_new(void **state)
{
    (void)state;
    int percent = rt_set_gc_percent(100);
    int64_t limit = rt_set_memory_limit(INT64_MAX);
    set(NULL, "{\"gc_percent\":50}", "{\"gc_percent\":{\"old\":100,\"new\":50}}\n");
    set(NULL, "{\"memory_limit\":\"1GiB\",\"gc_percent\":\"off\"}",
        "{\"gc_percent\":{\"old\":50,\"new\":\"off\"},\"memory_limit\":{\"old\":\"off\",\"new\":1073741824}}\n");
    set(NULL, "gc_percent=200&memory_limit=2GiB",
        "{\"gc_percent\":{\"old\":\"off\",\"new\":200},\"memory_limit\":{\"old\":1073741824,\"new\":2147483648}}\n");
    set("memory_limit=off", NULL, "{\"memory_limit\":{\"old\":2147483648,\"new\":\"off\"}}\n");
    set("gc_percent=75", "memory_limit=1GiB",
        "{\"gc_percent\":{\"old\":200,\"new\":75},\"memory_limit\":{\"old\":\"off\",\"new\":1073741824}}\n");
    assert_int_equal(rt_set_gc_percent(percent), 75);
    assert_true(rt_set_memory_limit(limit) == 1073741824);
}

static void profile_rates_are_settings_of_which_0_is_off(void **state)
{
    (void)state;
    int64_t mem = rt_set_mem_profile_rate(524288), block = rt_set_block_profile_rate(0);
    int fraction = rt_set_mutex_profile_fraction(0);
    set(NULL, "mem_profile_rate=1", "{\"mem_profile_rate\":{\"old\":524288,\"new\":1}}\n");
    set(NULL, "{\"block_profile_rate\":10000000000,\"mutex_profile_fraction\":5,\"mem_profile_rate\":\"off\"}",
        "{\"mem_profile_rate\":{\"old\":1,\"new\":\"off\"},\"mutex_profile_fraction\":{\"old\":\"off\",\"new\":5},"
        "\"block_profile_rate\":{\"old\":\"off\",\"new\":10000000000}}\n");
    set("mutex_profile_fraction=0", "block_profile_rate=off",
        "{\"mutex_profile_fraction\":{\"old\":5,\"new\":\"off\"},"
        "\"block_profile_rate\":{\"old\":10000000000,\"new\":\"off\"}}\n");
    assert_true(rt_set_mem_profile_rate(mem) == 0);
    assert_true(rt_set_block_profile_rate(block) == 0);
    assert_int_equal(rt_set_mutex_profile_fraction(fraction), 0);
}

static void refused_settings_change_nothing(void **state)
{
    (void)state;
    int percent = rt_set_gc_percent(100);
    int64_t limit = rt_set_memory_limit(INT64_MAX);
    static const struct {
        const char *query, *body, *message_has;
    } rows[] = {
        {NULL, NULL, "body: want"},
        {NULL, "", "body: want"},
        {NULL, "{}", "body: want"},
        {NULL, "{\"gc_percent\":50,\"memory_limit\":\"1G\"}", "memory_limit: want"},
        {NULL, "{\"memory_limit\":\"1GiB\",\"gc_percent\":1.5}", "gc_percent: want"},
        {NULL, "{\"gc_percent\":50,\"x\\\"y\":1}", "x\\\"y: unknown field"},
        {NULL, "{\"gc_percent\":50", "not valid JSON at byte 16"},
        {"gc_percent=50", "{\"gc_percent\":50}", "gc_percent: given twice"},
        {"gc_percent=50", "memory_limit=x", "memory_limit: want"},
        {"x=1", "gc_percent=50", "x: unknown field"},
        {NULL, "gc_percent=50&mem_profile_rate=-1", "mem_profile_rate: want"},
        {NULL, "{\"gc_percent\":50,\"mutex_profile_fraction\":2147483648}", "mutex_profile_fraction: want"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ask("POST", "/debug/settings", rows[i].query, rows[i].body);
        assert_error(400, "bad value", rows[i].message_has);
    }
    assert_int_equal(rt_set_gc_percent(percent), 100);
    assert_true(rt_set_memory_limit(limit) == INT64_MAX);
}

static int release_last(void **state)
{
    (void)state;
    rt_debug_response_release(&res);
    return 0;
}

/* Runs itself again with arguments that a command line seldom has, for /debug/vars to show. */
int main(int argc, char **argv)
{
    static char *const odd[] = {"a\"b", "", "\xFF", "<x>"};
    if (argc == 1) {
        execv("/proc/self/exe", (char *[]){argv[0], odd[0], odd[1], odd[2], odd[3], NULL});
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_peer_elsewhere_is_refused_whatever_it_asks),
        cmocka_unit_test(an_unknown_path_is_not_found),
        cmocka_unit_test(a_wrong_method_is_told_the_right_ones),
        cmocka_unit_test(head_answers_as_get_does_but_without_a_body),
        cmocka_unit_test(the_index_names_every_page),
        cmocka_unit_test(a_released_answer_is_empty_and_can_be_released_again),
        cmocka_unit_test(memstats_is_one_line_of_json),
        cmocka_unit_test(vars_is_laid_out_as_expvar_does),
        cmocka_unit_test(metrics_takes_help_and_nothing_else),
        cmocka_unit_test(what_the_program_publishes_is_among_vars_and_metrics),
        cmocka_unit_test(settings_lists_every_knob_with_its_source),
        cmocka_unit_test(gctrace_shows_the_newest_cycles_last),
        cmocka_unit_test(gctrace_as_json_gives_exact_figures),
        cmocka_unit_test(gctrace_refuses_other_counts_and_formats),
        cmocka_unit_test(posting_gc_runs_a_cycle),
        cmocka_unit_test(posting_gc_with_anything_else_runs_none),
        cmocka_unit_test(posting_settings_changes_them_and_tells_old_and_new),
        cmocka_unit_test(profile_rates_are_settings_of_which_0_is_off),
        cmocka_unit_test(refused_settings_change_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, release_last);
}
