/* postgres_group.c - which operations go together and in which order; what an error means; what text is. */
#include "app/store/postgres_group.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#define MANY (POSTGRES_GROUP_MAX + 3)

/* Operations with the letters of their order as name in params[4]. */
struct fixture {
    struct postgres_op ops[MANY];
    unsigned int n;
    struct postgres_ops queued;
    struct postgres_ops sent;
};

static struct fixture *fresh(void)
{
    static struct fixture f;

    memset(&f, 0, sizeof(f));
    postgres_ops_clear(&f.queued);
    postgres_ops_clear(&f.sent);
    return &f;
}

static struct postgres_op *queue(struct fixture *f, enum postgres_query_name name, const char *label, const char *p1,
                                 const char *p2, const char *p3)
{
    struct postgres_op *op = &f->ops[f->n];

    op->query = &postgres_queries[name];
    op->params[0] = "me";
    op->params[1] = p1;
    op->params[2] = p2;
    op->params[3] = p3;
    op->params[4] = label;
    op->sequence = f->n++;
    postgres_ops_append(&f->queued, op);
    return op;
}

static void assert_labels(const struct postgres_ops *ops, const char *expected)
{
    char labels[MANY + 1] = "";

    for (const struct postgres_op *op = ops->first; op != NULL; op = op->next)
        strncat(labels, op->params[4], 1);
    assert_string_equal(labels, expected);
}

static void writes_go_in_the_order_of_what_they_lock(void **state)
{
    struct fixture *f = fresh();

    (void)state;
    queue(f, POSTGRES_ADD_USER, "g", "z@x", "a", "");
    queue(f, POSTGRES_ADD_BOOKING, "e", "1", "green", "2025-01-02");
    queue(f, POSTGRES_ADD_USER, "f", "a@x", "z", "");
    queue(f, POSTGRES_DELETE_BOOKING, "b", "id2", NULL, NULL);
    queue(f, POSTGRES_ADD_BOOKING, "d", "2", "green", "2025-01-01");
    queue(f, POSTGRES_DELETE_BOOKING, "a", "id1", NULL, NULL);
    queue(f, POSTGRES_ADD_BOOKING_ANYWAY, "c", "3", "blue", "2025-12-31");
    postgres_group_take(&f->queued, &f->sent);
    assert_labels(&f->sent, "abcdefg");
    assert_null(f->queued.first);
}

static void whoever_came_first_has_the_day(void **state)
{
    struct fixture *f = fresh();

    (void)state;
    queue(f, POSTGRES_ADD_BOOKING, "b", "9", "green", "2025-01-01")->sequence = UINT32_MAX; /* wraps after it */
    queue(f, POSTGRES_ADD_BOOKING, "c", "1", "green", "2025-01-01")->sequence = 0;
    queue(f, POSTGRES_ADD_BOOKING, "d", "0", "green", "2025-01-01")->sequence = 1;
    queue(f, POSTGRES_ADD_BOOKING, "a", "5", "blue", "2025-01-01")->sequence = 2;
    postgres_group_take(&f->queued, &f->sent);
    assert_labels(&f->sent, "abcd");
}

static void reads_go_as_they_came(void **state)
{
    struct fixture *f = fresh();

    (void)state;
    queue(f, POSTGRES_GET_ROOM, "a", "z", NULL, NULL);
    queue(f, POSTGRES_LIST_ROOMS, "b", NULL, NULL, NULL);
    queue(f, POSTGRES_PING, "c", NULL, NULL, NULL);
    queue(f, POSTGRES_GET_ROOM, "d", "a", NULL, NULL);
    postgres_group_take(&f->queued, &f->sent);
    assert_labels(&f->sent, "abcd");
}

static void a_group_has_a_largest_size(void **state)
{
    struct fixture *f = fresh();
    size_t n = 0;

    (void)state;
    for (int i = 0; i < MANY; i++)
        queue(f, POSTGRES_GET_ROOM, i < POSTGRES_GROUP_MAX ? "x" : "y", "id", NULL, NULL);
    postgres_group_take(&f->queued, &f->sent);
    for (const struct postgres_op *op = f->sent.first; op != NULL; op = op->next)
        n++;
    assert_int_equal(n, POSTGRES_GROUP_MAX);
    assert_labels(&f->queued, "yyy");
}

static void an_undone_group_goes_one_by_one_before_all_others(void **state)
{
    struct fixture *f = fresh();

    (void)state;
    queue(f, POSTGRES_GET_ROOM, "a", "id", NULL, NULL);
    queue(f, POSTGRES_GET_ROOM, "b", "id", NULL, NULL);
    postgres_group_take(&f->queued, &f->sent);
    f->sent.first->rows = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    queue(f, POSTGRES_GET_ROOM, "c", "id", NULL, NULL);
    queue(f, POSTGRES_GET_ROOM, "d", "id", NULL, NULL);
    postgres_group_undo(&f->sent, &f->queued);
    assert_null(f->sent.first);
    assert_labels(&f->queued, "abcd");
    assert_null(f->queued.first->rows);
    for (int i = 0; i < 3; i++) {
        postgres_group_take(&f->queued, &f->sent);
        assert_labels(&f->sent, i == 0 ? "a" : i == 1 ? "b" : "cd");
        postgres_ops_clear(&f->sent);
    }
    assert_null(f->queued.first);
}

static void an_operation_that_has_to_be_alone_ends_the_group_before_it(void **state)
{
    struct fixture *f = fresh();

    (void)state;
    queue(f, POSTGRES_GET_ROOM, "a", "id", NULL, NULL);
    queue(f, POSTGRES_GET_ROOM, "b", "id", NULL, NULL)->alone = true;
    postgres_group_take(&f->queued, &f->sent);
    assert_labels(&f->sent, "a");
    assert_labels(&f->queued, "b");
}

static void an_error_means_what_its_sqlstate_says(void **state)
{
    static const struct {
        const char *sqlstate;
        enum postgres_verdict verdict;
    } rows[] = {
        {"40001", POSTGRES_RETRY}, /* serialization failure */
        {"40P01", POSTGRES_RETRY}, /* deadlock */
        {"55P03", POSTGRES_RETRY}, /* lock timeout */
        {"25006", POSTGRES_DROP},  /* read-only: a standby */
        {"57P01", POSTGRES_DROP},  /* shutdown */
        {"57P03", POSTGRES_DROP},  /* starting up */
        {"08006", POSTGRES_DROP},  /* connection failure */
        {"26000", POSTGRES_DROP},  /* no such prepared statement */
        {"57014", POSTGRES_AWAY},  /* cancelled */
        {"53100", POSTGRES_AWAY},  /* disk full */
        {"23505", POSTGRES_FAIL},  /* unique violation */
        {"P0001", POSTGRES_FAIL},  /* a trigger's own */
        {"", POSTGRES_FAIL},       {NULL, POSTGRES_FAIL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (postgres_verdict_of(rows[i].sqlstate) != rows[i].verdict)
            fail_msg("%s: %d, not %d", rows[i].sqlstate, postgres_verdict_of(rows[i].sqlstate), rows[i].verdict);
    }
}

static void text_is_utf8_as_postgresql_has_it(void **state)
{
    static const char *const good[] = {"", "abc\x01\x7f", "\xc2\x80 \xdf\xbf",
                                       "\xe0\xa0\x80 \xed\x9f\xbf \xee\x80\x80 \xef\xbf\xbf",
                                       "\xf0\x90\x80\x80 \xf4\x8f\xbf\xbf"};
    static const char *const bad[] = {"\xff",
                                      "a\x80",
                                      "\xc3",
                                      "\xc3(",
                                      "\xc0\x80",
                                      "\xc1\xbf",
                                      "\xe0\x9f\xbf",
                                      "\xed\xa0\x80",
                                      "\xe2\x82",
                                      "\xe2\x82(",
                                      "\xf0\x8f\xbf\xbf",
                                      "\xf4\x90\x80\x80",
                                      "\xf0\x9f\x98",
                                      "\xf5\x80\x80\x80",
                                      "\xf0\x9f\x98("};

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        if (!postgres_is_text(good[i]))
            fail_msg("good[%zu] was refused", i);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (postgres_is_text(bad[i]))
            fail_msg("bad[%zu] was taken", i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_go_in_the_order_of_what_they_lock),
        cmocka_unit_test(whoever_came_first_has_the_day),
        cmocka_unit_test(reads_go_as_they_came),
        cmocka_unit_test(a_group_has_a_largest_size),
        cmocka_unit_test(an_undone_group_goes_one_by_one_before_all_others),
        cmocka_unit_test(an_operation_that_has_to_be_alone_ends_the_group_before_it),
        cmocka_unit_test(an_error_means_what_its_sqlstate_says),
        cmocka_unit_test(text_is_utf8_as_postgresql_has_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
