/* /debug/pprof/ as a server sees it, to the byte where Go's clients look, in this very process. */
#include "runtime/debug/pprof.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "runtime/profile/profile.h"

#define TEXT "text/plain; charset=utf-8"
#define BINARY "application/octet-stream"
#define LONG_S 60 /* a wait that no test sits out */

static struct rt_debug_response res;

static struct rt_debug_request request(const char *method, const char *path, const char *query, const char *body)
{
    return (struct rt_debug_request){
        .method = method,
        .method_len = strlen(method),
        .path = path,
        .path_len = strlen(path),
        .query = query,
        .query_len = query ? strlen(query) : 0,
        .body = body,
        .body_len = body ? strlen(body) : 0,
        .loopback = true,
        .peer_fd = -1,
    };
}

/* Leaves the answer in res, its body ended by a NUL of ours. */
static void handle(const struct rt_debug_request *req)
{
    rt_debug_response_release(&res);
    memset(&res, 0xA5, sizeof res);
    rt_debug_handle(req, &res);
    res.body = realloc(res.body, res.body_len + 1);
    res.body[res.body_len] = '\0';
}

static void ask(const char *method, const char *path, const char *query, const char *body)
{
    struct rt_debug_request req = request(method, path, query, body);
    handle(&req);
}

static void get(const char *path, const char *query)
{
    ask("GET", path, query, NULL);
}

static void assert_answer(int status, const char *type, const char *disposition)
{
    if (res.status != status)
        fail_msg("status %d, want %d: %s", res.status, status, res.body);
    assert_string_equal(res.content_type, type);
    assert_string_equal(res.disposition, disposition);
    assert_int_equal(res.is_pprof_error, status >= 400);
}

static void assert_error(int status, const char *text)
{
    assert_answer(status, TEXT, "");
    assert_int_equal(res.body_len, strlen(text) + 1);
    assert_memory_equal(res.body, text, strlen(text));
    assert_int_equal(res.body[res.body_len - 1], '\n');
}

static void assert_gzip(void)
{
    assert_true(res.body_len > 18);
    assert_memory_equal(res.body, "\x1f\x8b", 2);
}

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static const char *const names[] = {"allocs", "block", "goroutine", "heap", "mutex", "threadcreate"};
#define NAMES (sizeof names / sizeof names[0])

/* ---- pages ----------------------------------------------------------------------------------------- */

static void the_index_links_every_profile_with_its_count(void **state)
{
    static const char *const paths[] = {"/debug/pprof/", "/debug/pprof"};
    static const char *const all[] = {"allocs", "block",   "cmdline", "goroutine",    "heap",
                                      "mutex",  "profile", "symbol",  "threadcreate", "trace"};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        get(paths[i], "x=1");
        assert_answer(200, "text/html; charset=utf-8", "");
        const char *after = res.body;
        for (size_t n = 0; n < sizeof all / sizeof all[0]; n++) { /* in this order */
            char link[80];
            snprintf(link, sizeof link, "</td><td><a href='/debug/pprof/%s?debug=1'>%s</a></td></tr>\n", all[n],
                     all[n]);
            const char *found = strstr(after, link);
            if (!found)
                fail_msg("no %s in its place in %s", all[n], res.body);
            assert_true(found[-1] >= '0' && found[-1] <= '9');
            after = found;
        }
        assert_non_null(strstr(res.body, "<a href='/debug/pprof/goroutine?debug=2'>full goroutine stack dump</a>"));
    }
}

static void a_profile_is_a_file_for_pprof_and_text_for_people(void **state)
{
    (void)state;
    for (size_t i = 0; i < NAMES; i++) {
        char path[40], disposition[64];
        snprintf(path, sizeof path, "/debug/pprof/%s", names[i]);
        snprintf(disposition, sizeof disposition, "attachment; filename=\"%s\"", names[i]);
        get(path, NULL);
        assert_answer(200, BINARY, disposition);
        assert_gzip();
        get(path, "debug=0&x=y");
        assert_answer(200, BINARY, disposition);
        get(path, "debug=1");
        assert_answer(200, TEXT, "");
        assert_true(res.body_len > 0);
        assert_int_equal(strlen(res.body), res.body_len);
        get(path, "debug=2");
        assert_answer(200, TEXT, "");
    }
    get("/debug/pprof/heap", "debug=1");
    assert_memory_equal(res.body, "heap profile: ", 14);
}

static void what_is_no_profile_is_unknown(void **state)
{
    static const char *const paths[] = {"/debug/pprof/nosuch", "/debug/pprof/heap/",    "/debug/pprof/Heap",
                                        "/debug/pprof/hea",    "/debug/pprof/heap\0",   "/debug/pprof/trace/",
                                        "/debug/pprof//heap",  "/debug/pprof/cmdline/x"};
    (void)state;
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        struct rt_debug_request req = request("GET", paths[i], NULL, NULL);
        req.path_len += strcmp(paths[i], "/debug/pprof/heap") == 0; /* with its NUL */
        handle(&req);
        assert_error(404, "Unknown profile");
    }
    get("/debug/pprofx", NULL);
    assert_int_equal(res.status, 404);
    assert_false(res.is_pprof_error);
}

static void bad_parameters_are_refused_before_anything_is_done(void **state)
{
    (void)state;
    get("/debug/pprof/heap", "seconds=0");
    assert_error(400, "invalid value for \"seconds\" - must be a positive integer");
    get("/debug/pprof/heap", "seconds=1&debug=1");
    assert_error(400, "seconds and debug params are incompatible");
    get("/debug/pprof/goroutine", "debug=9");
    assert_error(400, "invalid value for \"debug\" - must be 0, 1 or 2");
    get("/debug/pprof/profile", "seconds=1m");
    assert_error(400, "invalid value for \"seconds\" - must be a positive integer");
    get("/debug/pprof/profile", "seconds=86400");
    assert_error(400, "invalid value for \"seconds\" - must be at most 3600");
    get("/debug/pprof/nosuch", "seconds=x");
    assert_error(404, "Unknown profile");
}

static void other_methods_are_not_allowed(void **state)
{
    (void)state;
    ask("POST", "/debug/pprof/heap", NULL, NULL);
    assert_int_equal(res.status, 405);
    assert_string_equal(res.allow, "GET, HEAD");
    ask("DELETE", "/debug/pprof/symbol", NULL, NULL);
    assert_int_equal(res.status, 405);
    assert_string_equal(res.allow, "GET, HEAD, POST");
}

static void the_command_line_has_a_nul_between_arguments(void **state)
{
    static const char end[] = "\0a b\0\0-x=1";
    (void)state;
    get("/debug/pprof/cmdline", "debug=1");
    assert_answer(200, TEXT, "");
    assert_true(res.body_len > sizeof end - 1);
    assert_memory_equal(res.body + res.body_len - (sizeof end - 1), end, sizeof end - 1);
    assert_int_equal(strlen(res.body) + sizeof end - 1, res.body_len);
}

static void symbols_are_named_by_either_method(void **state)
{
    char query[200], want[200];
    (void)state;
    get("/debug/pprof/symbol", NULL);
    assert_answer(200, TEXT, "");
    assert_string_equal(res.body, "num_symbols: 1\n");
    snprintf(query, sizeof query, "0x%lx+0x1+nonsense++%lu", (unsigned long)(uintptr_t)rt_gc,
             (unsigned long)(uintptr_t)rt_gc);
    snprintf(want, sizeof want, "num_symbols: 1\n0x%lx rt_gc\n0x%lx rt_gc\n", (unsigned long)(uintptr_t)rt_gc,
             (unsigned long)(uintptr_t)rt_gc);
    get("/debug/pprof/symbol", query);
    assert_answer(200, TEXT, "");
    assert_string_equal(res.body, want);
    ask("POST", "/debug/pprof/symbol", "0x2", query);
    assert_answer(200, TEXT, "");
    assert_string_equal(res.body, want);
}

/* ---- what takes time ------------------------------------------------------------------------------- */

static void a_difference_takes_its_seconds_and_says_so_in_its_name(void **state)
{
    double begin = now_s();
    (void)state;
    get("/debug/pprof/heap", "seconds=1");
    assert_true(now_s() - begin >= 0.99);
    assert_answer(200, BINARY, "attachment; filename=\"heap-delta\"");
    assert_gzip();
}

static void a_cpu_profile_takes_its_seconds(void **state)
{
    double begin = now_s();
    (void)state;
    get("/debug/pprof/profile", "seconds=1");
    assert_true(now_s() - begin >= 0.99);
    assert_answer(200, BINARY, "attachment; filename=\"profile\"");
    assert_gzip();
}

static void end_cpu_profile(void)
{
    struct rt__profile p;
    assert_int_equal(rt__cpu_profile_end(&p), 0);
    rt__profile_release(&p);
}

static void a_second_cpu_profile_is_refused_in_gos_words(void **state)
{
    (void)state;
    assert_int_equal(rt__cpu_profile_begin(), 0);
    get("/debug/pprof/profile", "seconds=60");
    assert_error(500, "Could not enable CPU profiling: cpu profiling already in use");
    end_cpu_profile();
}

static void head_runs_no_profile(void **state)
{
    struct rt_memstats before, after;
    (void)state;
    assert_int_equal(rt__cpu_profile_begin(), 0); /* so that one that was begun would fail */
    ask("HEAD", "/debug/pprof/profile", NULL, NULL);
    assert_answer(200, BINARY, "attachment; filename=\"profile\"");
    assert_int_equal(res.body_len, 0);
    end_cpu_profile();
    rt_read_memstats(&before);
    ask("HEAD", "/debug/pprof/heap", "gc=1", NULL);
    assert_answer(200, BINARY, "attachment; filename=\"heap\"");
    ask("HEAD", "/debug/pprof/heap", "seconds=60", NULL);
    assert_answer(200, BINARY, "attachment; filename=\"heap-delta\"");
    ask("HEAD", "/debug/pprof/heap", "debug=1", NULL);
    assert_answer(200, TEXT, "");
    assert_int_equal(res.body_len, 0);
    ask("HEAD", "/debug/pprof/heap", "debug=x", NULL);
    assert_int_equal(res.status, 400);
    rt_read_memstats(&after);
    assert_int_equal(after.NumForcedGC, before.NumForcedGC);
}

static void assert_ends_early(const char *path, int peer_fd)
{
    char query[32];
    double begin = now_s();
    snprintf(query, sizeof query, "seconds=%d", LONG_S);
    struct rt_debug_request req = request("GET", path, query, NULL);
    req.peer_fd = peer_fd;
    handle(&req);
    assert_error(503, "the profile was ended early: the client has gone, or the server is stopping");
    assert_true(now_s() - begin < LONG_S / 2);
}

static void a_peer_that_has_gone_ends_a_profile_and_frees_the_profiler(void **state)
{
    int fds[2];
    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    close(fds[1]);
    assert_ends_early("/debug/pprof/heap", fds[0]);
    assert_ends_early("/debug/pprof/profile", fds[0]);
    assert_int_equal(rt__cpu_profile_begin(), 0);
    end_cpu_profile();
    close(fds[0]);
}

static void a_connection_shut_down_for_reading_ends_a_profile_too(void **state)
{
    int fds[2];
    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    assert_int_equal(shutdown(fds[0], SHUT_RD), 0);
    assert_ends_early("/debug/pprof/profile", fds[0]);
    close(fds[0]);
    close(fds[1]);
}

static void a_peer_that_waits_or_sends_more_ends_nothing(void **state)
{
    int fds[2];
    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    assert_int_equal(write(fds[1], "GET", 3), 3);
    struct rt_debug_request req = request("GET", "/debug/pprof/heap", "seconds=1", NULL);
    req.peer_fd = fds[0];
    handle(&req);
    assert_answer(200, BINARY, "attachment; filename=\"heap-delta\"");
    close(fds[0]);
    close(fds[1]);
}

/* ---- entries of the test's own --------------------------------------------------------------------- */

static uint32_t cycles_at_collect;

static void note_cycles(struct rt__profile *p)
{
    struct rt_memstats ms;
    (void)p;
    rt_read_memstats(&ms);
    cycles_at_collect = ms.NumForcedGC;
}

static void fail_to_collect(struct rt__profile *p)
{
    p->failed = true;
}

static uint64_t count_none(void)
{
    return 0;
}

static void answer_entry(const struct rt__profile_entry *entry, const char *query)
{
    struct rt_debug_request req = request("GET", "/debug/pprof/x", query, NULL);
    struct rt__pprof_params params;
    size_t len = 0;
    char *text = NULL;
    FILE *out = open_memstream(&text, &len);
    rt_debug_response_release(&res);
    res = (struct rt_debug_response){.status = 200};
    assert_null(rt__pprof_read_params(req.query, req.query_len, &params));
    rt__pprof_answer(entry, &params, &req, out, &res);
    fclose(out);
    if (res.body) {
        free(text);
    } else {
        res.body = text;
        res.body_len = len;
    }
}

static void gc_runs_a_cycle_ahead_of_a_heap_profile_only(void **state)
{
    static const char *const which[] = {"heap", "allocs"};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct rt__profile_entry entry = {rt__profile_named(which[i], strlen(which[i]))->kind, note_cycles, count_none,
                                          ""};
        struct rt_memstats before;
        rt_read_memstats(&before);
        answer_entry(&entry, "gc=1");
        assert_int_equal(res.status, 200);
        assert_int_equal(cycles_at_collect, before.NumForcedGC + (i == 0));
        answer_entry(&entry, "gc=0");
        assert_int_equal(cycles_at_collect, before.NumForcedGC + (i == 0));
    }
}

static void a_profile_that_did_not_fit_into_memory_is_an_error(void **state)
{
    struct rt__profile_entry entry = {rt__profile_named("heap", 4)->kind, fail_to_collect, count_none, ""};
    double begin = now_s();
    (void)state;
    answer_entry(&entry, "debug=1");
    assert_error(500, "failed to collect profile");
    answer_entry(&entry, NULL);
    assert_error(500, "failed to collect profile");
    answer_entry(&entry, "seconds=60");
    assert_error(500, "failed to collect profile");
    assert_true(now_s() - begin < LONG_S / 2);
}

/* ---- what a server with an event loop asks first --------------------------------------------------- */

static void profiles_and_symbols_are_slow_and_nothing_else(void **state)
{
    static const struct {
        const char *method, *path;
        bool slow;
    } rows[] = {
        {"GET", "/debug/pprof/heap", true},
        {"GET", "/debug/pprof/profile", true},
        {"GET", "/debug/pprof/trace", true},
        {"HEAD", "/debug/pprof/trace", false},
        {"GET", "/debug/pprof/goroutine", true},
        {"GET", "/debug/pprof/symbol", true},
        {"POST", "/debug/pprof/symbol", true},
        {"GET", "/debug/pprof/", false},
        {"GET", "/debug/pprof", false},
        {"GET", "/debug/pprof/cmdline", false},
        {"HEAD", "/debug/pprof/profile", false},
        {"POST", "/debug/pprof/profile", false},
        {"PUT", "/debug/pprof/heap", false},
        {"GET", "/debug/memstats", false},
        {"POST", "/debug/gc", false},
        {"GET", "/debug/", false},
        {"GET", "/debug/nosuch", false},
        {"GET", "", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct rt_debug_request req = request(rows[i].method, rows[i].path, NULL, NULL);
        if (rt_debug_is_slow(&req) != rows[i].slow)
            fail_msg("%s %s is %sslow", rows[i].method, rows[i].path, rows[i].slow ? "not " : "");
        req.loopback = false;
        assert_false(rt_debug_is_slow(&req));
    }
}

static void a_peer_elsewhere_is_refused_at_once(void **state)
{
    double begin = now_s();
    static const char *const paths[] = {"/debug/pprof/", "/debug/pprof/profile", "/debug/pprof/heap",
                                        "/debug/pprof/symbol", "/debug/pprof/nosuch"};
    (void)state;
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        struct rt_debug_request req = request("GET", paths[i], "seconds=60", NULL);
        req.loopback = false;
        handle(&req);
        assert_int_equal(res.status, 403);
        assert_string_equal(res.disposition, "");
        assert_non_null(strstr(res.body, "{\"code\":\"forbidden\""));
    }
    assert_true(now_s() - begin < LONG_S / 2);
}

static int release_last(void **state)
{
    (void)state;
    rt_debug_response_release(&res);
    return 0;
}

/* Runs itself again with arguments for /debug/pprof/cmdline to show. */
int main(int argc, char **argv)
{
    static char *const odd[] = {"a b", "", "-x=1"};
    if (argc == 1) {
        execv("/proc/self/exe", (char *[]){argv[0], odd[0], odd[1], odd[2], NULL});
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_index_links_every_profile_with_its_count),
        cmocka_unit_test(a_profile_is_a_file_for_pprof_and_text_for_people),
        cmocka_unit_test(what_is_no_profile_is_unknown),
        cmocka_unit_test(bad_parameters_are_refused_before_anything_is_done),
        cmocka_unit_test(other_methods_are_not_allowed),
        cmocka_unit_test(the_command_line_has_a_nul_between_arguments),
        cmocka_unit_test(symbols_are_named_by_either_method),
        cmocka_unit_test(a_difference_takes_its_seconds_and_says_so_in_its_name),
        cmocka_unit_test(a_cpu_profile_takes_its_seconds),
        cmocka_unit_test(a_second_cpu_profile_is_refused_in_gos_words),
        cmocka_unit_test(head_runs_no_profile),
        cmocka_unit_test(a_peer_that_has_gone_ends_a_profile_and_frees_the_profiler),
        cmocka_unit_test(a_connection_shut_down_for_reading_ends_a_profile_too),
        cmocka_unit_test(a_peer_that_waits_or_sends_more_ends_nothing),
        cmocka_unit_test(gc_runs_a_cycle_ahead_of_a_heap_profile_only),
        cmocka_unit_test(a_profile_that_did_not_fit_into_memory_is_an_error),
        cmocka_unit_test(profiles_and_symbols_are_slow_and_nothing_else),
        cmocka_unit_test(a_peer_elsewhere_is_refused_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, release_last);
}
