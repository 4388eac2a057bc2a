/* day.c - which texts are days of the calendar. */
#include "app/rooms/day.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

static void check(const char *text, bool real)
{
    if (day_is_real(text, strlen(text)) != real)
        fail_msg("\"%s\" should %sbe a day", text, real ? "" : "not ");
}

static void days_of_the_calendar_are_taken(void **state)
{
    (void)state;
    check("2025-01-09", true);
    check("2025-12-31", true);
    check("2025-04-30", true);
    check("0000-01-01", true);
    check("9999-12-31", true);
}

static void the_29th_of_february_exists_in_leap_years_only(void **state)
{
    (void)state;
    check("2024-02-29", true);
    check("2000-02-29", true);
    check("2025-02-29", false);
    check("1900-02-29", false);
    check("2024-02-30", false);
}

static void days_that_no_month_has_are_refused(void **state)
{
    (void)state;
    check("2025-02-30", false);
    check("2025-04-31", false);
    check("2025-01-32", false);
    check("2025-01-00", false);
    check("2025-00-01", false);
    check("2025-13-01", false);
}

static void other_ways_to_write_a_day_are_refused(void **state)
{
    (void)state;
    check("", false);
    check("2025-1-9", false);
    check("2025/01/09", false);
    check("09-01-2025", false);
    check("20250109", false);
    check("2025-01-09T00:00:00Z", false);
    check(" 2025-01-9", false);
    check("2025-01-0x", false);
    check("+025-01-09", false);
    assert_false(day_is_real("2025-01-0\0", 10));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(days_of_the_calendar_are_taken),
        cmocka_unit_test(the_29th_of_february_exists_in_leap_years_only),
        cmocka_unit_test(days_that_no_month_has_are_refused),
        cmocka_unit_test(other_ways_to_write_a_day_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
