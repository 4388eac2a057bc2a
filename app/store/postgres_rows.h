/* postgres_rows.h - the callbacks of operations: rows as libpq has them become rows of store.h, in
 * the scope of the operation. Each is the finish of a query (postgres_query.h). */
#ifndef APP_STORE_POSTGRES_ROWS_H
#define APP_STORE_POSTGRES_ROWS_H

#include "app/store/postgres_query.h"

void postgres_finish_rooms(struct postgres_op *op, struct store_result result, const PGresult *rows);
void postgres_finish_room(struct postgres_op *op, struct store_result result, const PGresult *rows);
void postgres_finish_photos(struct postgres_op *op, struct store_result result, const PGresult *rows);
void postgres_finish_user(struct postgres_op *op, struct store_result result, const PGresult *rows);
void postgres_finish_bookings(struct postgres_op *op, struct store_result result, const PGresult *rows);
void postgres_finish_booking(struct postgres_op *op, struct store_result result, const PGresult *rows);
void postgres_finish_ping(struct postgres_op *op, struct store_result result, const PGresult *rows);
void postgres_finish_delete(struct postgres_op *op, struct store_result result, const PGresult *rows);
void postgres_finish_add_booking(struct postgres_op *op, struct store_result result, const PGresult *rows);
void postgres_finish_add_user(struct postgres_op *op, struct store_result result, const PGresult *rows);

#endif
