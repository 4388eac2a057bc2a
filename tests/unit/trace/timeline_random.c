/* timeline_random.c - recordings of made-up programs: without losses the moments are what the program did, and with any
 * losses, in any order and with any garbage, the timeline keeps what its header promises (timeline_check.h).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "runtime/cruntime.h"
#include "tests/unit/trace/timeline_model.h"

#define ROUNDS 400
#define STEPS 600

static struct model model;
static struct check check;
static struct rt__timeline *tl;
static uint64_t from_ns, to_ns;

/* A program, and a timeline over some part of its time, sometimes over all of it or more. */
static void begin_round(uint64_t seed)
{
    model_run(&model, seed, STEPS);
    uint64_t length = model.stop_ns + 200 - model.start_ns;
    uint64_t a = model.start_ns - 100 + model_random(&model, length);
    uint64_t b = model.start_ns - 100 + model_random(&model, length);
    from_ns = model_random(&model, 4) ? (a < b ? a : b) : model.start_ns - 100;
    to_ns = model_random(&model, 4) ? (a < b ? b : a) : model.stop_ns + 100;
    tl = check_begin(&check, from_ns, to_ns);
}

static void end_round(void)
{
    check_end(&check, tl);
    model_free(&model);
}

static void tell_thread(const struct model_thread *t)
{
    if (t->has_slot) {
        rt__timeline_thread(tl, &t->told);
    }
}

/* Some of those that have ended nobody saw alive. */
static void tell_threads(void)
{
    for (size_t i = 0; i < model.thread_count; i++) {
        const struct model_thread *t = &model.threads[i];
        if (t->is_alive || t->begin_ns == 0 || model_random(&model, 2)) {
            tell_thread(t);
        }
    }
}

static void feed(const struct rt__chunk_copy *c)
{
    rt__timeline_chunk(tl, &model.clock, c);
}

static void finish(void)
{
    rt__timeline_finish(tl, &model.clock, to_ns);
}

static void compare_thread(uint64_t seed, const struct model_thread *t)
{
    char *expected = model_expects(&model, t, from_ns, to_ns);
    const char *is = heard(&check, t->told.number);
    if (strcmp(is, expected) != 0) {
        fail_msg("seed %llu, thread %llu from %llu to %llu:\n is       %s\n expected %s", (unsigned long long)seed,
                 (unsigned long long)t->told.number, (unsigned long long)from_ns, (unsigned long long)to_ns, is,
                 expected);
    }
    free(expected);
}

static void without_losses_the_moments_are_what_the_program_did(void **state)
{
    (void)state;
    size_t moments = 0;
    for (uint64_t seed = 1; seed <= ROUNDS; seed++) {
        begin_round(seed);
        tell_threads();
        rt__timeline_until(tl, to_ns);
        tape_feed(&model.tape, tl, &model.clock);
        finish();
        for (size_t i = 0; i < model.thread_count; i++) {
            compare_thread(seed, &model.threads[i]);
            moments += strlen(heard(&check, model.threads[i].told.number)) / 16;
        }
        end_round();
    }
    assert_true(moments > ROUNDS * STEPS / 10); /* it was about something */
}

/* Copies of chunks while they are being filled, some before and some after others of other threads. */
static void feed_in_pieces(void)
{
    size_t n = model.tape.count;
    size_t *fed = calloc(n + 1, sizeof(*fed)); /* words of each chunk */
    assert_non_null(fed);
    for (size_t low = 0; low < n;) {
        size_t i = low + model_random(&model, n - low < 4 ? n - low : 4);
        struct rt__chunk_copy c = model.tape.chunks[i]->copy;
        bool is_blocked = false; /* an earlier one of the same thread is not through */
        for (size_t k = low; k < i; k++) {
            is_blocked |= model.tape.chunks[k]->copy.thread == c.thread && fed[k] <= model.tape.chunks[k]->copy.count;
        }
        if (!is_blocked && fed[i] <= c.count) {
            struct rt__event_reader r = {.words = c.words, .count = c.count};
            struct rt__event e;
            size_t wanted = model_random(&model, c.count + 1);
            while (r.at < wanted && rt__event_next(&r, &e)) {
            }
            c.is_owned = model_random(&model, 3) > 0;
            c.count = c.is_owned ? (uint32_t)r.at : c.count;
            fed[i] = c.is_owned ? fed[i] : c.count + 1u;
            feed(&c);
        }
        while (low < n && fed[low] > model.tape.chunks[low]->copy.count) {
            low++;
        }
    }
    free(fed);
}

static void in_pieces_and_interleaved_they_are_the_same(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= ROUNDS; seed++) {
        begin_round(1000 + seed);
        tell_threads();
        rt__timeline_until(tl, to_ns);
        /* Only threads that never share a seat may be read out of the order of time. */
        feed_in_pieces();
        finish();
        struct rt__timeline_losses l;
        rt__timeline_losses(tl, &l);
        assert_int_equal(l.gaps, 0);
        for (size_t i = 0; i < model.thread_count; i++) {
            const struct model_thread *t = &model.threads[i];
            bool is_alone = true;
            for (size_t k = 0; k < model.thread_count; k++) {
                const struct model_thread *o = &model.threads[k];
                is_alone &= k == i || !o->has_slot || (o->told.slot != t->told.slot && o->told.tid != t->told.tid);
            }
            if (is_alone) {
                compare_thread(1000 + seed, t);
            }
        }
        end_round();
    }
}

static void where_chunks_are_missing_other_threads_are_told_as_ever(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= ROUNDS; seed++) {
        bool is_hit[MODEL_THREADS + 1] = {false};
        begin_round(2000 + seed);
        tell_threads();
        rt__timeline_until(tl, to_ns);
        for (size_t i = 0; i < model.tape.count; i++) {
            const struct rt__chunk_copy *c = &model.tape.chunks[i]->copy;
            if (model_random(&model, 20) == 0) {
                is_hit[c->thread] = true;
            } else {
                feed(c);
            }
        }
        finish();
        for (size_t i = 0; i < model.thread_count; i++) {
            const struct model_thread *t = &model.threads[i];
            if (t->has_slot && !is_hit[t->told.number]) {
                compare_thread(2000 + seed, t);
            }
        }
        end_round();
    }
}

/* ---- garbage ---- */

static void spoil(struct tape_chunk *c)
{
    uint64_t *word = &c->words[model_random(&model, c->copy.count + 1u)];
    switch (model_random(&model, 12)) {
    case 0:
        *word ^= UINT64_C(1) << model_random(&model, 64);
        break;
    case 1:
        *word = model_random(&model, UINT64_MAX);
        break;
    case 2:
        *word = (*word & ~UINT64_C(0xff)) | model_random(&model, RT__EV_TYPES);
        break;
    case 3:
        c->copy.count = (uint32_t)model_random(&model, c->copy.count + 1);
        break;
    case 4:
        c->copy.base += model_random(&model, 1000) - 500;
        break;
    case 5:
        c->copy.base = model_random(&model, UINT64_MAX);
        break;
    case 6:
        c->copy.index =
            model_random(&model, 4) ? c->copy.index + model_random(&model, 3) - 1 : model_random(&model, UINT64_MAX);
        break;
    case 7:
        c->copy.thread = model_random(&model, MODEL_THREADS);
        break;
    case 8:
        c->copy.task = model_random(&model, 3) - 1;
        break;
    case 9:
        c->copy.is_owned = true;
        break;
    case 10:
        *word = rt__event_word((enum rt__event_type)(*word % RT__EV_TYPES), (uint32_t)*word & RT__EVENT_ARG_MOST,
                               (uint32_t)model_random(&model, 5000));
        break;
    default:
        c->copy.thread = UINT64_MAX - model_random(&model, 3);
    }
}

static void swap_chunks(void)
{
    size_t a = model_random(&model, model.tape.count), b = model_random(&model, model.tape.count);
    struct tape_chunk *c = model.tape.chunks[a];
    model.tape.chunks[a] = model.tape.chunks[b];
    model.tape.chunks[b] = c;
}

static void feed_cycles(void)
{
    struct rt_cycle cycles[4];
    for (size_t i = 0; i < 4; i++) {
        struct rt_cycle c = {.number = model_random(&model, 50)};
        c.start_ns = model_random(&model, model.stop_ns);
        c.stop_ns = model_random(&model, 5);
        c.pause_mark_ns = model_random(&model, 50);
        c.sweep_ns = model_random(&model, 100);
        c.trim = model_random(&model, 2);
        cycles[i] = c;
    }
    rt__timeline_cycles(tl, cycles, 4, model_random(&model, 100));
}

/* Something else that comes between chunks. */
static void feed_other(void)
{
    struct model_thread *t = &model.threads[model_random(&model, model.thread_count)];
    switch (model_random(&model, 6)) {
    case 0:
        t->told.blocked_since = model_ticks(&model, from_ns + model_random(&model, to_ns - from_ns + 1));
        tell_thread(t);
        break;
    case 1:
        t->told.born_ticks = model_random(&model, 2) ? 0 : model_random(&model, UINT64_MAX);
        tell_thread(t);
        break;
    case 2:
        feed_cycles();
        break;
    default:
        for (int i = 0; i < 5; i++) {
            uint64_t ns = from_ns - 50 + model_random(&model, to_ns - from_ns + 100);
            rt__timeline_sample(tl, ns, (pid_t)model_random(&model, MODEL_TIDS + 1), 1);
        }
    }
}

static void whatever_comes_the_timeline_keeps_its_promises(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 5 * ROUNDS; seed++) {
        begin_round(5000 + seed);
        unsigned bad = (unsigned)model_random(&model, 60);
        for (unsigned i = 0; i < bad; i++) {
            spoil(model.tape.chunks[model_random(&model, model.tape.count)]);
            if (model_random(&model, 8) == 0) {
                swap_chunks();
            }
        }
        for (size_t i = 0; i < model.thread_count; i++) {
            if (model_random(&model, 5) > 0) {
                tell_thread(&model.threads[i]);
            }
        }
        rt__timeline_until(tl, to_ns);
        for (size_t i = 0; i < model.tape.count; i++) {
            if (model_random(&model, 30) > 0) {
                feed(&model.tape.chunks[i]->copy);
            }
            if (model_random(&model, 10) == 0) {
                feed_other();
            }
        }
        finish();
        end_round();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_losses_the_moments_are_what_the_program_did),
        cmocka_unit_test(in_pieces_and_interleaved_they_are_the_same),
        cmocka_unit_test(where_chunks_are_missing_other_threads_are_told_as_ever),
        cmocka_unit_test(whatever_comes_the_timeline_keeps_its_promises),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
