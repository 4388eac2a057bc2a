/* fuzz_seeds.c - runs the fuzzers' targets over the inputs that are kept in tests/fuzz/seeds: those
 * they began with and those that once broke something. A target aborts when an input shows a fault. */
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

static void run_file(void (*target)(const uint8_t *, size_t), const char *path)
{
    FILE *file = fopen(path, "rb");
    uint8_t *data;
    long size;

    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    size = ftell(file);
    rewind(file);
    data = malloc((size_t)size + 1); /* so that a read past an empty input is one past a block */
    assert_int_equal(fread(data, 1, (size_t)size, file), size);
    fclose(file);
    data = realloc(data, size != 0 ? (size_t)size : 1);
    target(data, (size_t)size);
    free(data);
}

static void run_folder(void (*target)(const uint8_t *, size_t), const char *name)
{
    char folder[512];
    struct dirent *entry;
    DIR *dir;
    int files = 0;

    snprintf(folder, sizeof(folder), "%s/%s", FUZZ_SEEDS, name);
    dir = opendir(folder);
    assert_non_null(dir);
    while ((entry = readdir(dir)) != NULL) {
        char path[1024];

        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        run_file(target, path);
        files++;
    }
    closedir(dir);
    assert_true(files > 0);
}

static void kept_bodies_do_no_harm(void **state)
{
    (void)state;
    run_folder(fuzz_body, "body");
}

static void kept_tokens_do_no_harm(void **state)
{
    (void)state;
    run_folder(fuzz_token, "token");
}

static void kept_queries_do_no_harm(void **state)
{
    (void)state;
    run_folder(fuzz_query, "query");
}

static void kept_paths_do_no_harm(void **state)
{
    (void)state;
    run_folder(fuzz_path, "path");
}

static void kept_configurations_do_no_harm(void **state)
{
    (void)state;
    run_folder(fuzz_config, "config");
}

static void kept_debug_requests_do_no_harm(void **state)
{
    (void)state;
    run_folder(fuzz_debug, "debug");
}

static void kept_requests_to_the_agent_do_no_harm(void **state)
{
    (void)state;
    run_folder(fuzz_agent, "agent");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kept_bodies_do_no_harm),
        cmocka_unit_test(kept_tokens_do_no_harm),
        cmocka_unit_test(kept_queries_do_no_harm),
        cmocka_unit_test(kept_paths_do_no_harm),
        cmocka_unit_test(kept_configurations_do_no_harm),
        cmocka_unit_test(kept_debug_requests_do_no_harm),
        cmocka_unit_test(kept_requests_to_the_agent_do_no_harm),
    };

    return cmocka_run_group_tests_name("fuzz_seeds", tests, NULL, NULL);
}
