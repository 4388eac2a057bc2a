/* places.c - references of moments as functions, files and lines of this very program. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "runtime/cruntime.h"
#include "runtime/os/os.h"
#include "runtime/symbols/symbols.h"
#include "runtime/trace/sites.h"
#include "runtime/trace/writers.h"
#include "runtime/unwind/unwind.h"

#define MOST 128

/* What a thread under test leaves behind. */
static uintptr_t pcs[RT__STACK_MAX];
static size_t depth;

static __attribute__((noinline)) void take_stack(void)
{
    depth = rt__unwind_here(pcs, RT__STACK_MAX, 0);
    __asm__ volatile("" ::: "memory"); /* no tail call */
}

static __attribute__((noinline)) void worker(void)
{
    take_stack();
    __asm__ volatile("" ::: "memory");
}

static void *begin(void *arg)
{
    worker();
    return arg;
}

static void *begin_otherwise(void *arg)
{
    return arg;
}

static int new_places(void **state)
{
    *state = rt__places_new();
    return *state == NULL;
}

static int free_places(void **state)
{
    rt__places_free(*state);
    return 0;
}

static struct rt__place found[MOST];

/* The functions of a stack's frames, innermost first, each with a space after it. */
static const char *functions_of_ref(struct rt__places *p, uint32_t ref, uintptr_t start_fn, size_t max)
{
    static char text[4096];
    size_t n = rt__places_find(p, NULL, ref, start_fn, found, max);
    assert_in_range(n, 0, max);
    text[0] = '\0';
    for (size_t i = 0; i < n; i++) {
        strcat(strcat(text, found[i].function), " ");
        assert_non_null(found[i].file);
    }
    return text;
}

static const char *functions_of(struct rt__places *p, uintptr_t start_fn)
{
    uint32_t id = rt__stack_id(pcs, depth);
    assert_int_not_equal(id, 0);
    return functions_of_ref(p, id, start_fn, MOST);
}

static void run_thread(void *(*fn)(void *), bool by_runtime)
{
    pthread_t thread;
    int error =
        by_runtime ? rt_thread_start(&thread, NULL, "places", fn, NULL) : pthread_create(&thread, NULL, fn, NULL);
    assert_int_equal(error, 0);
    pthread_join(thread, NULL);
}

/* ---- the way into a thread ---- */

static void a_thread_of_pthread_create_begins_in_its_function(void **state)
{
    run_thread(begin, false);
    assert_string_equal(functions_of(*state, 0), "take_stack worker begin ");
    assert_string_equal(functions_of(*state, (uintptr_t)begin), "take_stack worker begin ");
}

static void a_thread_of_rt_thread_start_begins_in_its_function(void **state)
{
    run_thread(begin, true);
    assert_string_equal(functions_of(*state, (uintptr_t)begin), "take_stack worker begin ");
    if (found[0].file[0] == '\0') {
        skip(); /* without debug information only names tell what is the runtime's, and its `run` is any function */
    }
    assert_string_equal(functions_of(*state, 0), "take_stack worker begin ");
}

static void the_main_thread_begins_in_main(void **state)
{
    take_stack();
    const char *functions = functions_of(*state, 0);
    assert_true(strlen(functions) > strlen(" main "));
    assert_string_equal(functions + strlen(functions) - strlen(" main "), " main ");
}

static void a_stack_that_does_not_reach_the_threads_function_gets_it_added(void **state)
{
    run_thread(begin, false);
    depth = 2;
    assert_string_equal(functions_of(*state, (uintptr_t)begin), "take_stack worker begin ");
    assert_true(found[2].line > found[1].line || found[1].file[0] == '\0');
    assert_int_equal(found[2].pc, (uintptr_t)begin);
}

static void a_stack_with_more_frames_than_are_wanted_still_ends_in_the_threads_function(void **state)
{
    run_thread(begin, false);
    uint32_t id = rt__stack_id(pcs, depth);
    assert_string_equal(functions_of_ref(*state, id, (uintptr_t)begin, 2), "take_stack begin ");
    assert_string_equal(functions_of_ref(*state, id, 0, 2), "take_stack worker ");
    assert_string_equal(functions_of_ref(*state, id, 0, 0), "");
}

static void no_stack_is_the_threads_function_alone(void **state)
{
    assert_string_equal(functions_of_ref(*state, 0, (uintptr_t)begin, MOST), "begin ");
    assert_string_equal(functions_of_ref(*state, 0, 0, MOST), "");
}

static void a_threads_function_in_the_runtime_is_not_added(void **state)
{
    run_thread(begin, false);
    depth = 2;
    assert_string_equal(functions_of(*state, (uintptr_t)rt_thread_block), "take_stack worker ");
}

static void what_calls_the_threads_function_is_left_out_whatever_its_name(void **state)
{
    uintptr_t made_up[] = {(uintptr_t)take_stack + 1, (uintptr_t)worker + 1, (uintptr_t)begin + 1};
    memcpy(pcs, made_up, sizeof made_up);
    depth = 3;
    assert_string_equal(functions_of(*state, (uintptr_t)worker), "take_stack worker ");
}

/* ---- the runtime's frames ---- */

static void the_runtimes_innermost_frames_are_left_out(void **state)
{
    uintptr_t made_up[] = {(uintptr_t)rt_max_procs + 1, (uintptr_t)rt_thread_block + 1, (uintptr_t)worker + 1,
                           (uintptr_t)rt_thread_block + 1, (uintptr_t)begin + 1};
    memcpy(pcs, made_up, sizeof made_up);
    depth = 5;
    assert_string_equal(functions_of(*state, 0), "worker rt_thread_block begin ");
}

static void a_stack_of_the_runtimes_frames_alone_is_shown(void **state)
{
    uintptr_t made_up[] = {(uintptr_t)rt_max_procs + 1, (uintptr_t)rt_thread_block + 1};
    memcpy(pcs, made_up, sizeof made_up);
    depth = 2;
    assert_string_equal(functions_of(*state, 0), "rt_max_procs rt_thread_block ");
    assert_string_equal(functions_of(*state, (uintptr_t)rt_thread_block), "rt_max_procs rt_thread_block ");
}

/* ---- other references ---- */

static void a_site_is_its_one_frame_whatever_the_threads_function(void **state)
{
    uint32_t site = rt__site("places", (const char *)(uintptr_t)worker + 2);
    assert_string_equal(functions_of_ref(*state, RT__REF_SITE | site, (uintptr_t)begin, MOST), "worker ");
    assert_int_equal(found[0].pc, rt__site_pc(site));
}

static void the_site_of_too_many_names_has_no_frame(void **state)
{
    assert_string_equal(functions_of_ref(*state, RT__REF_SITE, (uintptr_t)begin, MOST), "");
}

/* ---- lookups ---- */

static void strings_stay_while_others_look_symbols_up(void **state)
{
    run_thread(begin, false);
    functions_of(*state, 0);
    struct rt__place before = found[1];
    uint64_t deadline_ns = rt__os_now_ns() + UINT64_C(60000000000);
    while (!rt__places_rest(*state)) {
        assert_true(rt__os_now_ns() < deadline_ns);
        usleep(1000);
    }
    struct rt__symbols *other = rt__symbols_open(); /* waits for ever while the places hold a session */
    assert_non_null(other);
    assert_string_equal(functions_of(*state, 0), "take_stack worker begin ");
    assert_ptr_equal(found[1].function, before.function);
    assert_ptr_equal(found[1].file, before.file);
    rt__symbols_close(other);
    depth = 0;
    pcs[depth++] = (uintptr_t)begin_otherwise + 1;
    assert_string_equal(functions_of(*state, 0), "begin_otherwise ");
}

static void many_addresses_of_few_functions_share_their_strings(void **state)
{
    pcs[0] = (uintptr_t)begin + 1;
    depth = 1;
    functions_of(*state, 0);
    const char *function = found[0].function;
    for (uintptr_t i = 0; i < 4; i++) {
        pcs[0] = (uintptr_t)begin + i;
        functions_of(*state, 0);
        assert_ptr_equal(found[0].function, function);
    }
}

static void an_address_outside_of_all_objects_has_its_number_for_a_name(void **state)
{
    pcs[0] = 0x123;
    depth = 1;
    assert_string_equal(functions_of(*state, 0), "0x123 ");
    assert_string_equal(found[0].file, "");
}

int main(void)
{
#define WITH_PLACES(test) cmocka_unit_test_setup_teardown(test, new_places, free_places)
    const struct CMUnitTest tests[] = {
        WITH_PLACES(a_thread_of_pthread_create_begins_in_its_function),
        WITH_PLACES(a_thread_of_rt_thread_start_begins_in_its_function),
        WITH_PLACES(the_main_thread_begins_in_main),
        WITH_PLACES(a_stack_that_does_not_reach_the_threads_function_gets_it_added),
        WITH_PLACES(a_stack_with_more_frames_than_are_wanted_still_ends_in_the_threads_function),
        WITH_PLACES(no_stack_is_the_threads_function_alone),
        WITH_PLACES(a_threads_function_in_the_runtime_is_not_added),
        WITH_PLACES(what_calls_the_threads_function_is_left_out_whatever_its_name),
        WITH_PLACES(the_runtimes_innermost_frames_are_left_out),
        WITH_PLACES(a_stack_of_the_runtimes_frames_alone_is_shown),
        WITH_PLACES(a_site_is_its_one_frame_whatever_the_threads_function),
        WITH_PLACES(the_site_of_too_many_names_has_no_frame),
        WITH_PLACES(strings_stay_while_others_look_symbols_up),
        WITH_PLACES(many_addresses_of_few_functions_share_their_strings),
        WITH_PLACES(an_address_outside_of_all_objects_has_its_number_for_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
