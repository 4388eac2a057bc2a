/* Tests of env/help.c: both forms of the help name every knob with its true default. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* open_memstream */
#endif
#include "env/settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const char pending_note[] = "(accepted and shown; nothing obeys it in this version)";

static char *captured(void (*write)(FILE *out))
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    assert_non_null(out);
    write(out);
    assert_int_equal(fclose(out), 0);
    return text;
}

/* Blanks and line breaks as one blank each, so that wrapped text can be searched. */
static void unwrap(char *text)
{
    char *to = text;

    for (const char *from = text; *from != '\0'; from++) {
        char c = *from == '\n' ? ' ' : *from;
        if (c != ' ' || to == text || to[-1] != ' ')
            *to++ = c;
    }
    *to = '\0';
}

static const char *expected_default(enum env_knob knob, int procs)
{
    static char value[ENV_PATH_MAX];
    struct env_settings defaults;

    env_settings_default(&defaults, procs);
    return env_knob_value(&defaults, knob, value, sizeof(value)) == 0 ? "none" : value;
}

static void the_terminal_help_names_every_knob_with_its_default_values_and_sentence(void **state)
{
    char *text = captured(env_help_text);

    (void)state;
    unwrap(text);
    for (int i = 0; i < ENV_KNOBS; i++) {
        char entry[1024];
        const char *unit = env_knob_unit(i);
        snprintf(entry, sizeof(entry), " %s default %s%s%s%s %s %s", env_knob_name(i),
                 expected_default(i, env_cpus_default()), unit[0] != '\0' ? " (" : "", unit, unit[0] != '\0' ? ")" : "",
                 env_want(i) + strlen("want "), env_knob_help(i));
        if (strstr(text, entry) == NULL)
            fail_msg("not in the help: %s", entry);
    }
    free(text);
}

static void the_terminal_help_fits_80_columns_and_keeps_names_apart(void **state)
{
    char *text = captured(env_help_text);
    char *rest = text, *line;

    (void)state;
    while ((line = strsep(&rest, "\n")) != NULL) {
        if (strlen(line) > 80)
            fail_msg("%zu columns: %s", strlen(line), line);
        if (line[0] != '\0')
            assert_int_not_equal(line[strlen(line) - 1], ' ');
    }
    free(text);
}

/* The end that the knob's row must have: values, default, unit. */
static void expected_row_end(enum env_knob knob, char *end, size_t size)
{
    const char *unit = env_knob_unit(knob)[0] != '\0' ? env_knob_unit(knob) : "-";
    const char *value = expected_default(knob, 1);
    const char *mark = strcmp(value, "none") == 0 ? "" : "`";

    /* These two depend on the machine and the build, the page must not. */
    if (knob == ENV_CMAXPROCS)
        snprintf(end, size, " | an integer of at least 1 | counted at start | threads |");
    else if (knob == ENV_CALLOCATOR)
        snprintf(end, size, " | boehm or mimalloc | boehm, unless configure was given another | - |");
    else if (knob == ENV_CAGENT)
        snprintf(end, size, " | %s | as the program says; the app: `127.0.0.1:0` | - |",
                 env_want(knob) + strlen("want "));
    else
        snprintf(end, size, " | %s | %s%s%s | %s |", env_want(knob) + strlen("want "), mark, value, mark, unit);
}

static void the_page_has_a_row_for_every_knob_with_its_default(void **state)
{
    char *page = captured(env_help_markdown);

    (void)state;
    for (int i = 0; i < ENV_KNOBS; i++) {
        char end[512], row[640];

        expected_row_end(i, end, sizeof(end));
        snprintf(row, sizeof(row), "\n| `%s`%s\n", env_knob_name(i), end);
        if (strstr(page, row) == NULL)
            fail_msg("not on the page: %s", row);
    }
    free(page);
}

static void the_page_has_every_knobs_sentence(void **state)
{
    char *page = captured(env_help_markdown);

    (void)state;
    for (int i = 0; i < ENV_KNOBS; i++) {
        char item[1024];
        snprintf(item, sizeof(item), "\n- **%s**: %s\n", env_knob_name(i), env_knob_help(i));
        if (strstr(page, item) == NULL)
            fail_msg("not on the page: %s", item);
    }
    free(page);
}

static void a_knob_that_nothing_obeys_says_so_and_no_other_does(void **state)
{
    static const enum env_knob pending[] = {ENV_MADVDONTNEED};
    size_t found = 0;

    (void)state;
    for (int i = 0; i < ENV_KNOBS; i++) {
        const char *help = env_knob_help(i);
        const char *note = strstr(help, pending_note);

        assert_int_equal(env_knob_pending(i), note != NULL);
        if (note != NULL)
            assert_string_equal(note, pending_note);
        if (found < sizeof(pending) / sizeof(pending[0]) && pending[found] == (enum env_knob)i) {
            assert_true(env_knob_pending(i));
            found++;
        } else {
            assert_false(env_knob_pending(i));
        }
    }
    assert_int_equal(found, sizeof(pending) / sizeof(pending[0]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_terminal_help_names_every_knob_with_its_default_values_and_sentence),
        cmocka_unit_test(the_terminal_help_fits_80_columns_and_keeps_names_apart),
        cmocka_unit_test(the_page_has_a_row_for_every_knob_with_its_default),
        cmocka_unit_test(the_page_has_every_knobs_sentence),
        cmocka_unit_test(a_knob_that_nothing_obeys_says_so_and_no_other_does),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
