/* postgres_group.c - which operations go together, in which order and statement; what an error means. */
#include "app/store/postgres_group.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
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

/* ---- several bookings in one statement ------------------------------------------------------- */

static void bookings_that_follow_each_other_share_a_statement(void **state)
{
    struct fixture *f = fresh();

    (void)state;
    queue(f, POSTGRES_DELETE_BOOKING, "a", "id", "x", "y");
    queue(f, POSTGRES_ADD_BOOKING, "b", "id", "red", "2025-01-01");
    queue(f, POSTGRES_ADD_BOOKING, "c", "id", "red", "2025-01-02");
    queue(f, POSTGRES_ADD_BOOKING, "d", "id", "red", "2025-01-03");
    queue(f, POSTGRES_ADD_USER, "e", "mail", "name", "hash");
    postgres_group_take(&f->queued, &f->sent);
    for (struct postgres_op *op = f->sent.first; op != NULL; op = op->next)
        postgres_batch_begin(op);
    assert_int_equal(f->ops[0].batch, 1);
    assert_ptr_equal(postgres_batch_end(&f->ops[0]), &f->ops[1]);
    assert_int_equal(f->ops[1].batch, 3);
    assert_ptr_equal(postgres_batch_end(&f->ops[1]), &f->ops[4]);
    assert_int_equal(f->ops[4].batch, 1);
    assert_null(postgres_batch_end(&f->ops[4]));
}

static void deletions_have_a_statement_each(void **state)
{
    struct fixture *f = fresh();

    (void)state;
    queue(f, POSTGRES_DELETE_BOOKING, "a", "1", "x", "y");
    queue(f, POSTGRES_DELETE_BOOKING, "b", "2", "x", "y");
    postgres_group_take(&f->queued, &f->sent);
    postgres_batch_begin(f->sent.first);
    assert_int_equal(f->sent.first->batch, 1);
}

static void parameters_become_arrays_in_which_every_text_stands_for_itself(void **state)
{
    struct fixture *f = fresh();
    const char *arrays[POSTGRES_PARAMS_MAX];
    char *text;

    (void)state;
    queue(f, POSTGRES_ADD_BOOKING, "t,{}", "id\"\\", "a room", "2025-01-01");
    queue(f, POSTGRES_ADD_BOOKING, "NULL", "", "b\xc3\xa9", "2025-01-02");
    postgres_group_take(&f->queued, &f->sent);
    postgres_batch_begin(f->sent.first);
    text = postgres_batch_arrays(f->sent.first, arrays);
    assert_non_null(text);
    assert_string_equal(arrays[0], "{\"me\",\"me\"}");
    assert_string_equal(arrays[1], "{\"id\\\"\\\\\",\"\"}");
    assert_string_equal(arrays[2], "{\"a room\",\"b\xc3\xa9\"}");
    assert_string_equal(arrays[3], "{\"2025-01-01\",\"2025-01-02\"}");
    assert_string_equal(arrays[4], "{\"t,{}\",\"NULL\"}");
    free(text);
}

static void each_booking_gets_its_row_and_the_rows_are_given_back_once(void **state)
{
    struct fixture *f = fresh();
    PGresult *rows = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);

    (void)state;
    for (int i = 0; i < 3; i++)
        queue(f, POSTGRES_ADD_BOOKING, "a", "id", "red", "2025-01-01");
    postgres_group_take(&f->queued, &f->sent);
    postgres_batch_begin(f->sent.first);
    postgres_batch_answered(f->sent.first, rows);
    for (int i = 0; i < 3; i++) {
        assert_ptr_equal(f->ops[i].rows, rows);
        assert_int_equal(f->ops[i].row, i);
        assert_int_equal(f->ops[i].is_borrowing, i != 2);
    }
    postgres_group_undo(&f->sent, &f->queued); /* under ASan a second PQclear would be seen */
    for (int i = 0; i < 3; i++)
        assert_null(f->ops[i].rows);
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
        cmocka_unit_test(bookings_that_follow_each_other_share_a_statement),
        cmocka_unit_test(deletions_have_a_statement_each),
        cmocka_unit_test(parameters_become_arrays_in_which_every_text_stands_for_itself),
        cmocka_unit_test(each_booking_gets_its_row_and_the_rows_are_given_back_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
