/* The list and the tree of processes, from processes that are made up. */
#include "runtime/agent/cops/processes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>
#include "runtime/agent/cops/json.h"
#include "shown.h"

static struct cops_proc procs[] = {
    {.pid = 30, .ppid = 1, .name = "app", .version = "0.1.0", .agent = "127.0.0.1:4711", .path = "/bin/app"},
    {.pid = 31, .ppid = 900, .name = "child", .version = "0.1.0", .path = "/bin/child"},
    {.pid = 40, .ppid = 31, .name = "grand\033[m", .version = "0.10.0", .agent = "[::1]:99", .path = "/a b"},
    {.pid = 41, .ppid = 31, .name = "x", .version = "?", .path = "/x"},
    {.pid = 900, .ppid = 1, .name = "late", .version = "0.1.0", .path = "/l\"ate"},
};
static const struct cops_processes all = {procs, sizeof procs / sizeof procs[0]};
static const struct cops_processes none = {0};

static const char *shown(void (*print)(FILE *, const struct cops_processes *), const struct cops_processes *processes)
{
    FILE *out = shown_begin();
    print(out, processes);
    return shown_end(out);
}

static void the_list_has_gops_columns(void **state)
{
    (void)state;
    assert_string_equal(shown(cops_list_print, &all), "30  1   app     * 0.1.0  /bin/app\n"
                                                      "31  900 child     0.1.0  /bin/child\n"
                                                      "40  31  grand?[m* 0.10.0 /a b\n"
                                                      "41  31  x         ?      /x\n"
                                                      "900 1   late      0.1.0  /l\"ate\n");
    assert_string_equal(shown(cops_list_print, &none), "");
}

static void the_tree_does_not_mind_the_order_of_pids(void **state)
{
    (void)state;
    /* 900 is the parent of 31 though it comes behind it. */
    assert_string_equal(shown(cops_tree_print, &all), "...\n"
                                                      "└── 1\n"
                                                      "    ├── [*]  30 (app) {0.1.0}\n"
                                                      "    └── 900 (late) {0.1.0}\n"
                                                      "        └── 31 (child) {0.1.0}\n"
                                                      "            ├── [*]  40 (grand?[m) {0.10.0}\n"
                                                      "            └── 41 (x) {?}\n"
                                                      "\n");
    assert_string_equal(shown(cops_tree_print, &none), "...\n\n");
}

static void parents_that_do_not_use_the_runtime_stand_at_the_top(void **state)
{
    struct cops_processes two = {procs + 2, 3};
    (void)state;
    assert_string_equal(shown(cops_tree_print, &two), "...\n"
                                                      "├── 1\n"
                                                      "│   └── 900 (late) {0.1.0}\n"
                                                      "└── 31\n"
                                                      "    ├── [*]  40 (grand?[m) {0.10.0}\n"
                                                      "    └── 41 (x) {?}\n"
                                                      "\n");
}

static yajl_val member(yajl_val v, const char *name)
{
    return cops_json_member(v, name);
}

static void the_list_is_an_array_of_objects(void **state)
{
    struct cops_json json;
    const char *text = shown(cops_list_print_json, &all);
    (void)state;
    assert_true(cops_json_read(&json, text, strlen(text)));
    assert_int_equal(json.root->u.array.len, all.n);
    yajl_val third = json.root->u.array.values[2];
    assert_int_equal(cops_json_uint(member(third, "pid")), 40);
    assert_string_equal(cops_json_text(member(third, "name")), "grand\033[m");
    assert_string_equal(cops_json_text(member(third, "agent")), "[::1]:99");
    assert_true(YAJL_IS_NULL(member(json.root->u.array.values[3], "agent")));
    assert_string_equal(cops_json_text(member(json.root->u.array.values[4], "path")), "/l\"ate");
    cops_json_free(&json);
    assert_string_equal(shown(cops_list_print_json, &none), "[]\n");
}

static void the_tree_is_nested_objects(void **state)
{
    struct cops_json json;
    const char *text = shown(cops_tree_print_json, &all);
    (void)state;
    assert_true(cops_json_read(&json, text, strlen(text)));
    assert_int_equal(json.root->u.array.len, 1);
    yajl_val late = member(json.root->u.array.values[0], "children")->u.array.values[1];
    assert_int_equal(cops_json_uint(member(late, "pid")), 900);
    yajl_val child = member(late, "children")->u.array.values[0];
    assert_int_equal(cops_json_uint(member(child, "ppid")), 900);
    assert_int_equal(member(child, "children")->u.array.len, 2);
    assert_int_equal(member(member(child, "children")->u.array.values[0], "children")->u.array.len, 0);
    cops_json_free(&json);
    assert_string_equal(shown(cops_tree_print_json, &none), "[]\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_list_has_gops_columns),
        cmocka_unit_test(the_tree_does_not_mind_the_order_of_pids),
        cmocka_unit_test(parents_that_do_not_use_the_runtime_stand_at_the_top),
        cmocka_unit_test(the_list_is_an_array_of_objects),
        cmocka_unit_test(the_tree_is_nested_objects),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
