/* Stacks through the libraries that the app is made of: SQLite and yajl call back, as libgcc sees it too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sqlite3.h>
#include <string.h>
#include <yajl/yajl_gen.h>
#include <yajl/yajl_parse.h>

#include "tests/unit/unwind/stacks.h"

static unsigned calls, agreed;

static void note(void)
{
    calls++;
    agreed += both_agree(8);
}

static void assert_all_agreed(unsigned least)
{
    assert_true(calls >= least);
    assert_int_equal(agreed, calls);
    calls = agreed = 0;
}

static void user_function(sqlite3_context *context, int n, sqlite3_value **values)
{
    (void)n;
    note();
    sqlite3_result_int(context, sqlite3_value_int(values[0]) + 1);
}

static int on_row(void *sum, int columns, char **texts, char **names)
{
    (void)columns;
    (void)names;
    note();
    *(int *)sum += texts[0][0] - '0';
    return 0;
}

static int compare(void *unused, int an, const void *a, int bn, const void *b)
{
    (void)unused;
    note();
    return an != bn ? an - bn : memcmp(a, b, (size_t)an);
}

static void functions_rows_and_collations_of_sqlite_are_walked(void **state)
{
    (void)state;
    sqlite3 *db;
    int sum = 0;
    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    sqlite3_create_function(db, "up", 1, SQLITE_UTF8, NULL, user_function, NULL, NULL);
    sqlite3_create_collation(db, "own", SQLITE_UTF8, NULL, compare);
    const char *sql = "create table t (n int, s text collate own); create index i on t (s);"
                      "insert into t values (1, 'b'), (2, 'a'), (3, 'd'), (4, 'c');"
                      "select up(n) from t where s in (select s from t where up(n) > 2) order by s;";
    assert_int_equal(sqlite3_exec(db, sql, on_row, &sum, NULL), SQLITE_OK);
    assert_int_equal(sum, 3 + 4 + 5);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    assert_all_agreed(10);
}

static int on_integer(void *unused, long long value)
{
    (void)unused;
    (void)value;
    note();
    return 1;
}

static int on_boundary(void *unused)
{
    (void)unused;
    note();
    return 1;
}

static void parsing_with_yajl_is_walked(void **state)
{
    (void)state;
    static const char text[] = "[1, [2, [3, [4]]]]";
    yajl_callbacks callbacks = {
        .yajl_integer = on_integer, .yajl_start_array = on_boundary, .yajl_end_array = on_boundary};
    yajl_handle parser = yajl_alloc(&callbacks, NULL, NULL);
    assert_int_equal(yajl_parse(parser, (const unsigned char *)text, strlen(text)), yajl_status_ok);
    assert_int_equal(yajl_complete_parse(parser), yajl_status_ok);
    yajl_free(parser);
    assert_all_agreed(12);
}

static void on_text(void *unused, const char *text, size_t size)
{
    (void)unused;
    (void)text;
    (void)size;
    note();
}

static void generating_with_yajl_is_walked(void **state)
{
    (void)state;
    yajl_gen gen = yajl_gen_alloc(NULL);
    yajl_gen_config(gen, yajl_gen_print_callback, on_text, NULL);
    yajl_gen_map_open(gen);
    yajl_gen_string(gen, (const unsigned char *)"a \"b\"", 5);
    yajl_gen_integer(gen, 5);
    yajl_gen_map_close(gen);
    yajl_gen_free(gen);
    assert_all_agreed(6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(functions_rows_and_collations_of_sqlite_are_walked),
        cmocka_unit_test(parsing_with_yajl_is_walked),
        cmocka_unit_test(generating_with_yajl_is_walked),
    };
    rt__unwind_start();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
