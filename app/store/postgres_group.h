/* postgres_group.h - lists of operations, and how groups are made of them. Pure: no connection here. */
#ifndef APP_STORE_POSTGRES_GROUP_H
#define APP_STORE_POSTGRES_GROUP_H

#include "app/store/postgres_query.h"

/* Operations a group. More would make the first wait longer for the last, and an error repeat more; at
 * 256 what a commit costs is spread thin already. A guess on the safe side, not a measured optimum. */
#define POSTGRES_GROUP_MAX 256

struct postgres_ops {
    struct postgres_op *first;
    struct postgres_op **last; /* where the next one is linked */
};

void postgres_ops_clear(struct postgres_ops *ops);
void postgres_ops_append(struct postgres_ops *ops, struct postgres_op *op);

/* postgres_ops_take - the first one, off the list, which must not be empty. */
struct postgres_op *postgres_ops_take(struct postgres_ops *ops);

/* postgres_ops_append_all, postgres_ops_prepend_all - move all of from; it is empty afterwards. */
void postgres_ops_append_all(struct postgres_ops *to, struct postgres_ops *from);
void postgres_ops_prepend_all(struct postgres_ops *to, struct postgres_ops *from);

/* postgres_group_take - moves the next group from queued to sent, which must be empty, in the order in
 * which it is to be sent: an operation that has to be alone, or as many as come before the next such. */
void postgres_group_take(struct postgres_ops *queued, struct postgres_ops *sent);

/* postgres_batch_begin - sets how many operations, from this one on, go into one statement. */
void postgres_batch_begin(struct postgres_op *first);

/* postgres_batch_end - the operation after those of first's statement; NULL: none. */
struct postgres_op *postgres_batch_end(const struct postgres_op *first);

/* postgres_batch_arrays - each parameter of the statement's operations as the text of an array. Returns
 * what the texts lie in, to be freed, or NULL without memory. */
char *postgres_batch_arrays(const struct postgres_op *first, const char *arrays[POSTGRES_PARAMS_MAX]);

/* postgres_batch_answered - each operation of the statement gets its row; the last takes over rows. */
void postgres_batch_answered(struct postgres_op *first, PGresult *rows);

/* postgres_group_undo - none of what was sent took place: back to the head of the queue, each alone. */
void postgres_group_undo(struct postgres_ops *sent, struct postgres_ops *queued);

#endif
