/* Figures of the program's own among the metrics. */
#include "runtime/stats/published.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "runtime/cruntime.h"

static uint64_t value_of(void *arg)
{
    return *(uint64_t *)arg;
}

static uint64_t seven = 7, large = UINT64_MAX;

static char *page_of(void (*write)(FILE *out))
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    write(out);
    fclose(out);
    return text;
}

/* The first test, as the others add more. */
static void figures_are_written_by_name_behind_the_runtimes_own(void **state)
{
    (void)state;
    assert_int_equal(rt_metric_publish("/b/second:requests", "Second.", value_of, &large), 0);
    assert_int_equal(rt_metric_publish("/a/first:bytes", "First.", value_of, &seven), 0);
    assert_int_equal(rt_metric_publish("/c/third:gc-cycles", "", value_of, &seven), 0);
    char *page = page_of(rt_metrics_write);
    const char *want = "\n/a/first:bytes 7\n/b/second:requests 18446744073709551615\n/c/third:gc-cycles 7\n";
    assert_string_equal(page + strlen(page) - strlen(want), want);
    free(page);
    page = page_of(rt__published_write_help);
    assert_string_equal(page, "/a/first:bytes\tgauge\tFirst.\n/b/second:requests\tgauge\tSecond.\n"
                              "/c/third:gc-cycles\tgauge\t\n");
    free(page);
}

static void a_figure_is_read_whenever_a_page_is_written(void **state)
{
    (void)state;
    static uint64_t now = 1;
    assert_int_equal(rt_metric_publish("/d/now:events", "Now.", value_of, &now), 0);
    now = 2;
    char *page = page_of(rt__published_write);
    assert_non_null(strstr(page, "/d/now:events 2\n"));
    free(page);
}

static void a_name_that_would_spoil_the_page_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",       "/",       "/:x",     "/a",     "a:b",   "/a:", "/a b:c",  "/a:b c",   "/a:b:c",
        "/a\n:b", "/a\"b:c", "/a{x}:b", "/a:b/s", "/a:\n", ":x",  "/\xc3:b", "/a:b\x01", NULL};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(rt_metric_publish(bad[i], "", value_of, &seven), -EINVAL);
    assert_int_equal(rt_metric_publish("/e/x:y", "two\nlines", value_of, &seven), -EINVAL);
    assert_int_equal(rt_metric_publish("/e/x:y", NULL, value_of, &seven), -EINVAL);
    assert_int_equal(rt_metric_publish("/e/x:y", "", NULL, &seven), -EINVAL);
}

static void a_name_that_there_is_is_refused(void **state)
{
    (void)state;
    assert_int_equal(rt_metric_publish("/a/first:bytes", "", value_of, &seven), -EEXIST);
    assert_int_equal(rt_metric_publish("/gc/heap/live:bytes", "", value_of, &seven), -EEXIST);
}

/* The last one: there is no room any more. */
static void sixty_four_have_room_and_all_stay_in_order(void **state)
{
    (void)state;
    static char names[RT__PUBLISHED_MAX][32];
    unsigned n = 0, added = 0;
    for (const struct rt__published *p = rt__published_first(); p; p = rt__published_next(p))
        n++;
    for (; n + added < RT__PUBLISHED_MAX; added++) {
        snprintf(names[added], sizeof names[added], "/m/%u:n", (added * 37) % 64);
        assert_int_equal(rt_metric_publish(names[added], "", value_of, &seven), 0);
    }
    assert_int_equal(rt_metric_publish("/z/one-too-many:n", "", value_of, &seven), -ENOSPC);
    const struct rt__published *p = rt__published_first(), *next;
    for (n = 1; (next = rt__published_next(p)) != NULL; p = next, n++)
        assert_true(strcmp(p->name, next->name) < 0);
    assert_int_equal(n, RT__PUBLISHED_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_are_written_by_name_behind_the_runtimes_own),
        cmocka_unit_test(a_figure_is_read_whenever_a_page_is_written),
        cmocka_unit_test(a_name_that_would_spoil_the_page_is_refused),
        cmocka_unit_test(a_name_that_there_is_is_refused),
        cmocka_unit_test(sixty_four_have_room_and_all_stay_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
