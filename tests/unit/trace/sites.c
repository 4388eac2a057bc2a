/* sites.c - a name and the place that used it have one id, whatever the name's address and whoever asks first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "runtime/os/os.h"
#include "runtime/trace/event.h"
#include "runtime/trace/sites.h"

static char places[256]; /* only their addresses matter */
static uint64_t mapped_before;

static int note_what_is_mapped(void **state)
{
    (void)state;
    mapped_before = rt__os_mapped(RT__OS_OTHER);
    return 0;
}

static void equal_names_at_different_addresses_have_one_id(void **state)
{
    (void)state;
    char one[] = "checkout", two[] = "checkout";
    uint32_t id = rt__site(one, &places[1]);
    assert_in_range(id, 1, RT__EVENT_ARG_MOST);
    assert_int_equal(rt__site(two, &places[1]), id);
    assert_int_equal(rt__site(one, &places[1]), id);
    assert_string_equal(rt__site_name(id), "checkout");
}

static void one_name_used_by_two_places_has_two_ids(void **state)
{
    (void)state;
    uint32_t first = rt__site("render", &places[1]), second = rt__site("render", &places[2]);
    assert_int_not_equal(first, second);
    assert_string_equal(rt__site_name(first), "render");
    assert_string_equal(rt__site_name(second), "render");
}

static void the_address_of_a_site_lies_within_the_call_that_returns_to_the_one_given(void **state)
{
    (void)state;
    assert_int_equal(rt__site_pc(rt__site("call", &places[10])), (uintptr_t)&places[9]);
}

static void a_buffer_with_another_text_is_another_name(void **state)
{
    (void)state;
    char name[32];
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 100; i++) {
            snprintf(name, sizeof(name), "step %d", i);
            uint32_t id = rt__site(name, &places[3]);
            memset(name, '#', sizeof(name) - 1);
            snprintf(name, sizeof(name), "step %d", i);
            assert_string_equal(rt__site_name(id), name);
        }
    }
    strcpy(name, "step");
    assert_string_equal(rt__site_name(rt__site(name, &places[3])), "step");
    strcpy(name, "step 1 and more");
    assert_string_equal(rt__site_name(rt__site(name, &places[3])), "step 1 and more");
}

static void no_name_is_the_empty_one(void **state)
{
    (void)state;
    uint32_t id = rt__site(NULL, &places[4]);
    assert_int_equal(id, rt__site("", &places[4]));
    assert_string_equal(rt__site_name(id), "");
}

static void names_are_cut_at_the_bound_and_between_characters(void **state)
{
    (void)state;
    char longest[RT__SITE_NAME_MOST + 1], longer[RT__SITE_NAME_MOST + 40];
    memset(longest, 'n', RT__SITE_NAME_MOST);
    longest[RT__SITE_NAME_MOST] = '\0';
    memset(longer, 'n', sizeof(longer));
    longer[sizeof(longer) - 1] = '\0';
    uint32_t id = rt__site(longest, &places[5]);
    assert_string_equal(rt__site_name(id), longest);
    assert_int_equal(rt__site(longer, &places[5]), id);
    assert_int_equal(rt__site(longer, &places[5]), id);
    assert_int_equal(rt__text_cut("abc", 3), 3);
    assert_int_equal(rt__text_cut("abcd", 3), 3);
    assert_int_equal(rt__text_cut("ab\xc3\xa9", 4), 4);
    assert_int_equal(rt__text_cut("ab\xc3\xa9", 3), 2);
    assert_int_equal(rt__text_cut("\xe2\x82\xac\xe2\x82\xac", 5), 3);
    assert_int_equal(rt__text_cut("\xe2\x82\xac", 2), 0);
}

static void an_id_that_was_never_given_is_no_site(void **state)
{
    (void)state;
    assert_string_equal(rt__site_name(0), "(too many names)");
    assert_int_equal(rt__site_pc(0), 0);
    assert_string_equal(rt__site_name(RT__EVENT_ARG_MOST), "(too many names)");
}

static void a_few_sites_take_little_memory_and_leave_errno_alone(void **state)
{
    (void)state;
    /* By all of the tests before; a thread of the runtime that began meanwhile has its own there. */
    assert_in_range(rt__os_mapped(RT__OS_OTHER) - mapped_before, 1, 128 << 10);
    errno = EDOM;
    rt__site("errno", &places[6]);
    assert_int_equal(errno, EDOM);
}

/* ---- several threads -------------------------------------------------------------------------- */

#define THREADS 4
#define NAMES 500

static uint32_t ids[THREADS][NAMES];
static bool go;

static void *use_names(void *arg)
{
    uint32_t *mine = arg;
    char name[32];
    while (!__atomic_load_n(&go, __ATOMIC_ACQUIRE)) {
        sched_yield();
    }
    for (int i = 0; i < NAMES; i++) {
        snprintf(name, sizeof(name), "shared %d", i);
        mine[i] = rt__site(name, &places[7]);
    }
    return NULL;
}

static void threads_that_ask_for_the_same_at_once_are_told_the_same(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, use_names, ids[i]), 0);
    }
    __atomic_store_n(&go, true, __ATOMIC_RELEASE);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    for (int i = 0; i < NAMES; i++) {
        char name[32];
        snprintf(name, sizeof(name), "shared %d", i);
        assert_string_equal(rt__site_name(ids[0][i]), name);
        for (int other = 1; other < THREADS; other++) {
            assert_int_equal(ids[other][i], ids[0][i]);
        }
    }
}

/* ---- the bound; the last test, as the table stays full ------------------------------------------ */

static void what_does_not_fit_has_id_0_is_counted_and_takes_no_more_memory(void **state)
{
    (void)state;
    char name[64];
    uint32_t early = rt__site("early", &places[8]), id = 1, fitted = 0;
    assert_int_equal(rt__sites_lost(), 0);
    while (id != 0 && fitted < 100000) {
        snprintf(name, sizeof(name), "name of some length %u", fitted);
        id = rt__site(name, &places[8]);
        assert_in_range(id, 0, RT__EVENT_ARG_MOST);
        fitted += id != 0;
    }
    assert_in_range(fitted, 4000, 50000);
    assert_int_equal(rt__sites_lost(), 1);
    uint64_t mapped = rt__os_mapped(RT__OS_OTHER);
    assert_in_range(mapped - mapped_before, 1, 1 << 20);
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof(name), "a name of some length that is too many %d", i);
        assert_int_equal(rt__site(name, &places[8]), 0);
    }
    assert_int_equal(rt__sites_lost(), 101);
    assert_int_equal(rt__os_mapped(RT__OS_OTHER), mapped);
    assert_int_equal(rt__site("early", &places[8]), early);
    snprintf(name, sizeof(name), "name of some length %u", fitted - 1);
    assert_string_equal(rt__site_name(rt__site(name, &places[8])), name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_names_at_different_addresses_have_one_id),
        cmocka_unit_test(one_name_used_by_two_places_has_two_ids),
        cmocka_unit_test(the_address_of_a_site_lies_within_the_call_that_returns_to_the_one_given),
        cmocka_unit_test(a_buffer_with_another_text_is_another_name),
        cmocka_unit_test(no_name_is_the_empty_one),
        cmocka_unit_test(names_are_cut_at_the_bound_and_between_characters),
        cmocka_unit_test(an_id_that_was_never_given_is_no_site),
        cmocka_unit_test(a_few_sites_take_little_memory_and_leave_errno_alone),
        cmocka_unit_test(threads_that_ask_for_the_same_at_once_are_told_the_same),
        cmocka_unit_test(what_does_not_fit_has_id_0_is_counted_and_takes_no_more_memory),
    };
    return cmocka_run_group_tests(tests, note_what_is_mapped, NULL);
}
