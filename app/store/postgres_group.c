/* postgres_group.c - which operations are sent together, and in which order.
 *
 * A group is one transaction. Those that write run in the order of what they lock, the same order in
 * every instance, so that two groups that want the same two days wait for each other in one direction
 * only. Whoever came first still has the day: operations on the same one keep their order. Nothing
 * else depends on it, since nobody has been answered yet and none can have waited for another.
 *
 * Operations of one kind that follow each other share a statement, where there is one that takes arrays.
 */
#include "app/store/postgres_group.h"

#include <stdlib.h>
#include <string.h>

void postgres_ops_clear(struct postgres_ops *ops)
{
    ops->first = NULL;
    ops->last = &ops->first;
}

void postgres_ops_append(struct postgres_ops *ops, struct postgres_op *op)
{
    op->next = NULL;
    *ops->last = op;
    ops->last = &op->next;
}

struct postgres_op *postgres_ops_take(struct postgres_ops *ops)
{
    struct postgres_op *op = ops->first;

    ops->first = op->next;
    if (ops->first == NULL)
        ops->last = &ops->first;
    return op;
}

void postgres_ops_append_all(struct postgres_ops *to, struct postgres_ops *from)
{
    if (from->first == NULL)
        return;
    *to->last = from->first;
    to->last = from->last;
    postgres_ops_clear(from);
}

void postgres_ops_prepend_all(struct postgres_ops *to, struct postgres_ops *from)
{
    postgres_ops_append_all(from, to);
    postgres_ops_append_all(to, from);
}

/* For qsort, over pointers to operations. */
static int compare(const void *a, const void *b)
{
    const struct postgres_op *x = *(struct postgres_op *const *)a;
    const struct postgres_op *y = *(struct postgres_op *const *)b;

    if (x->query->rank != y->query->rank)
        return x->query->rank < y->query->rank ? -1 : 1;
    for (int i = 0; x->query->rank != 0 && i < 2; i++) {
        int order = strcmp(x->params[x->query->key[i]], y->params[y->query->key[i]]);

        if (order != 0)
            return order;
    }
    /* Of the difference only the sign counts, so it stays right when the counter has wrapped. */
    return (int)(x->sequence - y->sequence) < 0 ? -1 : 1;
}

void postgres_group_take(struct postgres_ops *queued, struct postgres_ops *sent)
{
    struct postgres_op *group[POSTGRES_GROUP_MAX];
    int n = 0;

    while (n < POSTGRES_GROUP_MAX && queued->first != NULL && (n == 0 || !queued->first->alone)) {
        group[n++] = postgres_ops_take(queued);
        if (group[0]->alone)
            break;
    }
    if (n > 1)
        qsort(group, (size_t)n, sizeof(group[0]), compare);
    for (int i = 0; i < n; i++)
        postgres_ops_append(sent, group[i]);
}

/* ---- several in one statement ---------------------------------------------------------------- */

void postgres_batch_begin(struct postgres_op *first)
{
    const struct postgres_op *op = first->next;

    first->batch = 1;
    while (first->query->many != 0 && op != NULL && op->query == first->query) {
        first->batch++;
        op = op->next;
    }
}

struct postgres_op *postgres_batch_end(const struct postgres_op *first)
{
    struct postgres_op *op = first->next;

    for (int n = 1; n < first->batch; n++)
        op = op->next;
    return op;
}

/* A quoted element: everything but the quote and the backslash stands for itself. */
static char *write_element(char *at, const char *text)
{
    *at++ = '"';
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            *at++ = '\\';
        *at++ = *text;
    }
    *at++ = '"';
    return at;
}

/* The most that write_element and what stands around elements can take. */
static size_t array_size_max(const struct postgres_op *op, const struct postgres_op *end, int param)
{
    size_t size = sizeof("{}");

    for (; op != end; op = op->next)
        size += 2 * strlen(op->params[param]) + sizeof("\"\",") - 1;
    return size;
}

char *postgres_batch_arrays(const struct postgres_op *first, const char *arrays[POSTGRES_PARAMS_MAX])
{
    const struct postgres_op *end = postgres_batch_end(first);
    size_t size = 0;
    char *text;
    char *at;

    for (int i = 0; i < first->query->params; i++)
        size += array_size_max(first, end, i);
    at = text = malloc(size);
    if (text == NULL)
        return NULL;
    for (int i = 0; i < first->query->params; i++) {
        arrays[i] = at;
        *at++ = '{';
        for (const struct postgres_op *op = first; op != end; op = op->next) {
            if (op != first)
                *at++ = ',';
            at = write_element(at, op->params[i]);
        }
        *at++ = '}';
        *at++ = '\0';
    }
    return text;
}

void postgres_batch_answered(struct postgres_op *first, PGresult *rows)
{
    const struct postgres_op *end = postgres_batch_end(first);
    int row = 0;

    for (struct postgres_op *op = first; op != end; op = op->next) {
        op->rows = rows;
        op->row = row++;
        op->is_borrowing = op->next != end;
    }
}

/* ---------------------------------------------------------------------------------------------- */

void postgres_group_undo(struct postgres_ops *sent, struct postgres_ops *queued)
{
    for (struct postgres_op *op = sent->first; op != NULL; op = op->next) {
        if (!op->is_borrowing)
            PQclear(op->rows);
        op->rows = NULL;
        op->alone = true;
    }
    postgres_ops_prepend_all(queued, sent);
}
