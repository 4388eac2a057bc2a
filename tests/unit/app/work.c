/* work.c - items leave the loop, are run, and come back to it or are dropped. */
#include "app/workers/work.h"

#include "cruntime.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define DEADLINE_S 60
#define WAITING_MAX 256

struct test_loop {
    h2o_loop_t *events;
    h2o_multithread_queue_t *queue;
    struct work_inbox *inbox;
};

struct test_item {
    struct work_item work; /* first */
    pthread_t run_by;
    pthread_t done_by;
    char run_by_name[16];
    const struct rt_labels *run_under;
    const struct rt_labels *done_under;
    rt_task run_for;
    rt_task done_for;
    atomic_int runs;
    int dones;
    int again; /* how often done submits it once more */
    struct work_inbox *inbox;
    struct gate *gate; /* what run waits for; NULL: nothing */
};

/* Something that a thread of the pool waits in until the test lets it go on. */
struct gate {
    atomic_bool entered;
    atomic_bool open;
};

static void nap(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

static void wait_until(const atomic_bool *flag)
{
    time_t start = time(NULL);

    while (!atomic_load(flag)) {
        nap();
        if (time(NULL) - start > DEADLINE_S)
            fail_msg("nothing came within %d s", DEADLINE_S);
    }
}

static void run_test_item(struct work_item *work)
{
    struct test_item *item = (struct test_item *)work;

    item->run_by = pthread_self();
    prctl(PR_GET_NAME, item->run_by_name);
    item->run_under = rt_labels_get();
    item->run_for = rt_trace_task_get();
    if (item->gate != NULL) {
        atomic_store(&item->gate->entered, true);
        while (!atomic_load(&item->gate->open))
            nap();
    }
    atomic_fetch_add(&item->runs, 1);
}

static void done_test_item(struct work_item *work)
{
    struct test_item *item = (struct test_item *)work;

    item->done_by = pthread_self();
    item->done_under = rt_labels_get();
    item->done_for = rt_trace_task_get();
    item->dones++;
    if (item->again > 0) {
        item->again--;
        assert_true(work_submit(item->inbox, work));
    }
}

static bool submit(struct test_loop *loop, struct test_item *item)
{
    item->work.run = run_test_item;
    item->work.done = done_test_item;
    item->inbox = loop->inbox;
    return work_submit(loop->inbox, &item->work);
}

static void open_loop(struct test_loop *loop, struct work *work)
{
    struct failure err;

    loop->events = h2o_evloop_create();
    loop->queue = h2o_multithread_create_queue(loop->events);
    assert_int_equal(work_inbox_open(work, loop->queue, &loop->inbox, &err), 0);
}

/* Turns the loop until the item has been done that often. */
static void turn_until_done(struct test_loop *loop, const struct test_item *item, int times)
{
    time_t start = time(NULL);

    while (item->dones < times) {
        h2o_evloop_run(loop->events, 100);
        if (time(NULL) - start > DEADLINE_S)
            fail_msg("not done within %d s", DEADLINE_S);
    }
}

static void turn_once(struct test_loop *loop)
{
    h2o_evloop_run(loop->events, 20);
}

/* h2o has no way to take its event loop itself down. */
static void close_queue(struct test_loop *loop)
{
    h2o_multithread_destroy_queue(loop->queue);
    turn_once(loop);
}

static struct work *start(int threads)
{
    struct failure err;
    struct work *work;

    assert_int_equal(work_start("test", threads, WAITING_MAX, &work, &err), 0);
    return work;
}

/* ---- the way there and back ------------------------------------------------------------------ */

static void an_item_runs_off_the_loop_and_is_done_on_it(void **state)
{
    struct work *work = start(1);
    struct test_loop loop;
    struct test_item item = {.dones = 0};

    (void)state;
    open_loop(&loop, work);
    assert_true(submit(&loop, &item));
    turn_until_done(&loop, &item, 1);
    assert_int_equal(item.runs, 1);
    assert_false(pthread_equal(item.run_by, pthread_self()));
    assert_true(pthread_equal(item.done_by, pthread_self()));
    work_inbox_close(loop.inbox);
    work_stop(work);
    close_queue(&loop);
}

static void each_of_many_is_done_once(void **state)
{
    enum { N = 200 };
    struct work *work = start(3);
    struct test_item *items = calloc(N, sizeof(*items));
    struct test_loop loop;

    (void)state;
    open_loop(&loop, work);
    for (int i = 0; i < N; i++)
        assert_true(submit(&loop, &items[i]));
    for (int i = 0; i < N; i++)
        turn_until_done(&loop, &items[i], 1);
    turn_once(&loop);
    for (int i = 0; i < N; i++) {
        assert_int_equal(items[i].runs, 1);
        assert_int_equal(items[i].dones, 1);
    }
    work_inbox_close(loop.inbox);
    work_stop(work);
    close_queue(&loop);
    free(items);
}

static void threads_are_called_by_the_pools_name(void **state)
{
    struct work *work = start(1);
    struct test_loop loop;
    struct test_item item = {.dones = 0};

    (void)state;
    open_loop(&loop, work);
    assert_true(submit(&loop, &item));
    turn_until_done(&loop, &item, 1);
    assert_string_equal(item.run_by_name, "test 0");
    work_inbox_close(loop.inbox);
    work_stop(work);
    close_queue(&loop);
}

static void an_item_is_run_as_a_part_of_the_task_of_who_submitted_it_and_done_for_the_whole(void **state)
{
    struct work *work = start(1);
    struct test_loop loop;
    struct test_item item = {.dones = 0}, bare = {.dones = 0};
    rt_task task;

    (void)state;
    assert_int_equal(rt_flight_recorder_start(NULL), 0);
    open_loop(&loop, work);
    task = rt_trace_task_begin("test", 0);
    assert_true(submit(&loop, &item));
    assert_int_equal(rt_trace_task_get(), task);
    rt_trace_task_set(0);
    assert_true(submit(&loop, &bare));
    turn_until_done(&loop, &bare, 1);
    assert_int_equal(item.dones, 1);
    assert_true(item.run_for != 0 && item.run_for != task);
    assert_int_equal(item.done_for, task);
    assert_true(bare.run_for != 0 && bare.run_for != item.run_for);
    assert_int_equal(bare.done_for, 0);
    assert_int_equal(rt_trace_task_get(), 0);
    rt_trace_task_end(task);
    work_inbox_close(loop.inbox);
    work_stop(work);
    close_queue(&loop);
    rt_flight_recorder_stop();
}

static void an_item_is_run_and_done_under_the_labels_of_who_submitted_it(void **state)
{
    const struct rt_labels *labels = rt_labels_new((const char *const[]){"route", "GET /test"}, 1);
    struct work *work = start(1);
    struct test_loop loop;
    struct test_item labelled = {.dones = 0}, bare = {.dones = 0};

    (void)state;
    assert_non_null(labels);
    open_loop(&loop, work);
    rt_labels_set(labels);
    assert_true(submit(&loop, &labelled));
    rt_labels_set(NULL);
    assert_true(submit(&loop, &bare));
    turn_until_done(&loop, &labelled, 1);
    turn_until_done(&loop, &bare, 1);
    assert_ptr_equal(labelled.run_under, labels);
    assert_ptr_equal(labelled.done_under, labels);
    assert_null(bare.run_under);
    assert_null(bare.done_under);
    assert_null(rt_labels_get());
    work_inbox_close(loop.inbox);
    work_stop(work);
    close_queue(&loop);
}

static void an_item_may_be_submitted_again_when_it_is_done(void **state)
{
    struct work *work = start(2);
    struct test_loop loop;
    struct test_item item = {.again = 20};

    (void)state;
    open_loop(&loop, work);
    assert_true(submit(&loop, &item));
    turn_until_done(&loop, &item, 21);
    assert_int_equal(item.runs, 21);
    work_inbox_close(loop.inbox);
    work_stop(work);
    close_queue(&loop);
}

static void more_than_fit_are_refused_and_those_taken_are_done(void **state)
{
    enum { N = 2000 };
    struct work *work = start(1);
    struct test_item *items = calloc(N, sizeof(*items));
    struct gate gate = {.open = false};
    struct test_loop loop;
    int taken = 1;

    (void)state;
    open_loop(&loop, work);
    items[0].gate = &gate;
    assert_true(submit(&loop, &items[0]));
    wait_until(&gate.entered);
    while (taken < N && submit(&loop, &items[taken]))
        taken++;
    assert_int_equal(taken, 1 + WAITING_MAX);
    assert_false(submit(&loop, &items[taken]));
    atomic_store(&gate.open, true);
    for (int i = 0; i < taken; i++)
        turn_until_done(&loop, &items[i], 1);
    assert_int_equal(items[taken].runs, 0);
    assert_true(submit(&loop, &items[taken]));
    turn_until_done(&loop, &items[taken], 1);
    work_inbox_close(loop.inbox);
    work_stop(work);
    close_queue(&loop);
    free(items);
}

/* ---- closing and stopping -------------------------------------------------------------------- */

static void a_close_drops_what_runs_and_what_waits(void **state)
{
    struct work *work = start(1);
    struct gate gate = {.open = false};
    struct test_item running = {.gate = &gate}, waiting[3] = {{.dones = 0}}, late = {.dones = 0};
    struct test_loop loop;

    (void)state;
    open_loop(&loop, work);
    assert_true(submit(&loop, &running));
    wait_until(&gate.entered);
    for (int i = 0; i < 3; i++)
        assert_true(submit(&loop, &waiting[i]));
    work_inbox_close(loop.inbox);
    close_queue(&loop);
    assert_false(submit(&loop, &late));
    atomic_store(&gate.open, true);
    work_stop(work);
    assert_int_equal(running.runs, 1);
    assert_int_equal(running.dones, 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(waiting[i].runs + waiting[i].dones, 0);
}

static void a_close_drops_what_has_come_back_but_was_not_looked_at(void **state)
{
    struct work *work = start(1);
    struct gate gate = {.open = false};
    struct test_item finished = {.dones = 0}, next = {.gate = &gate};
    struct test_loop loop;

    (void)state;
    open_loop(&loop, work);
    assert_true(submit(&loop, &finished));
    assert_true(submit(&loop, &next));
    wait_until(&gate.entered); /* by the only thread, which has sent the first one back before */
    work_inbox_close(loop.inbox);
    turn_once(&loop);
    assert_int_equal(finished.runs, 1);
    assert_int_equal(finished.dones, 0);
    atomic_store(&gate.open, true);
    work_stop(work);
    close_queue(&loop);
}

static void a_close_leaves_the_items_of_other_loops(void **state)
{
    struct work *work = start(1);
    struct gate gate = {.open = false};
    struct test_item running = {.gate = &gate}, mine[3] = {{.dones = 0}}, theirs[3] = {{.dones = 0}};
    struct test_item after = {.dones = 0};
    struct test_loop closing, staying;

    (void)state;
    open_loop(&closing, work);
    open_loop(&staying, work);
    assert_true(submit(&staying, &running));
    wait_until(&gate.entered);
    for (int i = 0; i < 3; i++) {
        assert_true(submit(&staying, &theirs[i]));
        assert_true(submit(&closing, &mine[i]));
    }
    work_inbox_close(closing.inbox);
    assert_true(submit(&staying, &after)); /* behind what is left */
    atomic_store(&gate.open, true);
    turn_until_done(&staying, &after, 1);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(theirs[i].dones, 1);
        assert_int_equal(mine[i].runs, 0);
    }
    work_inbox_close(staying.inbox);
    work_stop(work);
    close_queue(&closing);
    close_queue(&staying);
}

static void run_slowly(struct work_item *work)
{
    nanosleep(&(struct timespec){.tv_nsec = 20 * 1000000}, NULL);
    run_test_item(work);
}

static void a_stop_waits_for_what_runs_and_not_for_what_waits(void **state)
{
    enum { N = 100 };             /* 2 s of work */
    static struct test_loop loop; /* static: its queue cannot be taken down with an inbox in it */
    struct work *work = start(1);
    struct test_item *items = calloc(N, sizeof(*items));
    int runs = 0;

    (void)state;
    open_loop(&loop, work);
    for (int i = 0; i < N; i++) {
        items[i].work.run = run_slowly;
        items[i].work.done = done_test_item;
        assert_true(work_submit(loop.inbox, &items[i].work));
    }
    work_stop(work);
    for (int i = 0; i < N; i++)
        runs += items[i].runs;
    assert_in_range(runs, 0, N - 1);
    free(items); /* no thread looks at them any more */
}

static void no_threads_are_an_error_that_says_so(void **state)
{
    struct failure err = {""};
    struct work *work;

    (void)state;
    assert_int_equal(work_start("test", 0, 1, &work, &err), -1);
    assert_string_equal(err.text, "0 threads called test: want at least 1");
}

/* ---- all at once ----------------------------------------------------------------------------- */

struct busy_loop {
    struct work *work;
    struct test_loop loop;
    struct test_item items[64];
    bool ok;
};

/* Takes half of its items back, then closes while others are under way. No assert: it is not the
 * thread that cmocka knows. */
static void *keep_busy(void *arg)
{
    struct busy_loop *busy = arg;
    struct failure err;
    int taken = 0, done = 0;

    busy->loop.events = h2o_evloop_create();
    busy->loop.queue = h2o_multithread_create_queue(busy->loop.events);
    if (work_inbox_open(busy->work, busy->loop.queue, &busy->loop.inbox, &err) != 0)
        return NULL;
    for (int i = 0; i < 64; i++)
        taken += submit(&busy->loop, &busy->items[i]);
    for (int turn = 0; turn < 10000 && done < taken / 2; turn++) {
        h2o_evloop_run(busy->loop.events, 100);
        done = 0;
        for (int i = 0; i < 64; i++)
            done += busy->items[i].dones;
    }
    work_inbox_close(busy->loop.inbox);
    close_queue(&busy->loop);
    busy->ok = taken > 0 && done >= taken / 2;
    for (int i = 0; i < 64; i++)
        busy->ok = busy->ok && busy->items[i].dones <= 1;
    return NULL;
}

static void loops_come_and_go_while_threads_work(void **state)
{
    enum { LOOPS = 3, ROUNDS = 20 };
    struct work *work = start(3);
    struct busy_loop *busy = calloc(LOOPS * ROUNDS, sizeof(*busy));

    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        pthread_t ids[LOOPS];

        for (int i = 0; i < LOOPS; i++) {
            busy[round * LOOPS + i].work = work;
            assert_int_equal(rt_thread_start(&ids[i], NULL, "busy loop", keep_busy, &busy[round * LOOPS + i]), 0);
        }
        for (int i = 0; i < LOOPS; i++) {
            pthread_join(ids[i], NULL);
            assert_true(busy[round * LOOPS + i].ok);
        }
    }
    work_stop(work);
    free(busy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_item_runs_off_the_loop_and_is_done_on_it),
        cmocka_unit_test(each_of_many_is_done_once),
        cmocka_unit_test(threads_are_called_by_the_pools_name),
        cmocka_unit_test(an_item_is_run_as_a_part_of_the_task_of_who_submitted_it_and_done_for_the_whole),
        cmocka_unit_test(an_item_is_run_and_done_under_the_labels_of_who_submitted_it),
        cmocka_unit_test(an_item_may_be_submitted_again_when_it_is_done),
        cmocka_unit_test(more_than_fit_are_refused_and_those_taken_are_done),
        cmocka_unit_test(a_close_drops_what_runs_and_what_waits),
        cmocka_unit_test(a_close_drops_what_has_come_back_but_was_not_looked_at),
        cmocka_unit_test(a_close_leaves_the_items_of_other_loops),
        cmocka_unit_test(a_stop_waits_for_what_runs_and_not_for_what_waits),
        cmocka_unit_test(no_threads_are_an_error_that_says_so),
        cmocka_unit_test(loops_come_and_go_while_threads_work),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
