/* bookings.c - answers /bookings from the store, to the user whose token came with the request.
 *
 * Each handler starts one store operation and answers in its callback, holding the request
 * meanwhile. Whose bookings they are is the store's business: it gets the caller's e-mail with each
 * operation, and another user's booking does not exist for it.
 *
 * The list of all bookings may be long (the load client makes 30,000, some 5 MB of text), so it is
 * read and sent page by page: the next page is asked for when the client has taken the one before,
 * and neither the memory nor the time of a turn depends on how many there are. Rows of a page live
 * in a scope of the page's own, which ends as soon as they are text. A booking that is made while
 * the list is being sent comes at its end, one that is deleted may be in it or not.
 */
#include "app/bookings/bookings.h"

#include "app/bookings/booking_id.h"
#include "app/bookings/stamp.h"
#include "app/rooms/day.h"
#include "app/store/store.h"

#include <stdio.h>
#include <string.h>

/* Bookings of a page; one is 173 bytes of text. More would keep the loop from its other connections
 * for longer than the half millisecond that a page takes, and make the loop's JSON writer too large
 * to be kept; fewer would ask the store more often. */
#define PAGE_BOOKINGS 256

#define NO_BOOKING "no booking of yours has this id"

static void write_booking(yajl_gen json, const struct store_booking *booking)
{
    char booked_on[DAY_LEN + sizeof("T00:00:00Z")];

    snprintf(booked_on, sizeof(booked_on), "%sT00:00:00Z", booking->booked_on);
    yajl_gen_map_open(json);
    web_json_text_member(json, "id", booking->id);
    web_json_text_member(json, "booked_on", booked_on);
    web_json_text_member(json, "created_at", booking->created_at);
    web_json_text_member(json, "room_id", booking->room_id);
    yajl_gen_map_close(json);
}

/* ---- GET /bookings --------------------------------------------------------------------------- */

struct list {
    struct web_request *rq;
    struct web_stream *stream;   /* NULL until the first page is sent and was not the last */
    struct rt_scope *page_scope; /* of the rows that the store is reading; NULL between pages */
    const char *piece;           /* the text that is being sent */
    int64_t after;               /* the position of the last booking sent */
};

static void on_page(void *arg, struct store_result result, const struct store_booking *bookings, size_t n);

static void read_page(struct list *list)
{
    struct web_request *rq = list->rq;

    web_hold(rq);
    list->page_scope = rt_scope_begin();
    store_list_bookings(rq->loop->store, list->page_scope, rq->user, list->after, PAGE_BOOKINGS, on_page, list);
}

static void on_taken(void *arg)
{
    struct list *list = arg;

    rt_scope_free(list->rq->scope, (void *)list->piece);
    list->piece = NULL;
    read_page(list);
}

static void write_page(struct web_request *rq, const struct store_booking *bookings, size_t n)
{
    yajl_gen json = web_json_begin(rq);

    yajl_gen_array_open(json);
    for (size_t i = 0; i < n; i++)
        write_booking(json, &bookings[i]);
    yajl_gen_array_close(json);
}

/* Each page is written as an array. Of the first all but the closing bracket is sent; of the others
 * the opening bracket becomes the comma behind the page before, and the last keeps its end. */
static void send_page(struct list *list, size_t n)
{
    struct web_request *rq = list->rq;
    bool first = list->stream == NULL;
    bool last = n < PAGE_BOOKINGS;
    size_t len;
    char *text = (char *)web_json_take(rq, &len);

    if (first)
        list->stream = web_stream_begin(rq, 200, WEB_JSON, on_taken, list);
    list->piece = text;
    if (n == 0)
        web_stream_send(list->stream, "]", 1, true);
    else {
        if (!first)
            text[0] = ',';
        web_stream_send(list->stream, text, last ? len : len - 1, last);
    }
}

static void answer_page(struct list *list, struct store_result result, const struct store_booking *bookings, size_t n)
{
    struct web_request *rq = list->rq;

    if (list->stream == NULL && web_answer_store(rq, result, NO_BOOKING))
        return;
    if (result.status != STORE_OK) {
        web_log_store(result);
        web_stream_abort(list->stream);
        return;
    }
    if (n != 0)
        list->after = bookings[n - 1].position;
    write_page(rq, bookings, n);
    if (list->stream == NULL && n < PAGE_BOOKINGS)
        web_answer_json(rq, 200);
    else
        send_page(list, n);
}

static void on_page(void *arg, struct store_result result, const struct store_booking *bookings, size_t n)
{
    struct list *list = arg;
    struct rt_scope *scope = list->page_scope;

    list->page_scope = NULL;
    answer_page(list, result, bookings, n);
    rt_scope_end(scope);
    web_release(list->rq);
}

void bookings_list(struct web_request *rq)
{
    struct list *list = rt_scope_alloc(rq->scope, sizeof(*list));

    list->rq = rq;
    read_page(list);
}

/* ---- GET, DELETE /bookings/:id --------------------------------------------------------------- */

static void on_booking(void *arg, struct store_result result, const struct store_booking *booking)
{
    struct web_request *rq = arg;

    if (!web_answer_store(rq, result, NO_BOOKING)) {
        write_booking(web_json_begin(rq), booking);
        web_answer_json(rq, 200);
    }
    web_release(rq);
}

void bookings_get(struct web_request *rq)
{
    web_hold(rq);
    store_get_booking(rq->loop->store, rq->scope, rq->user, rq->id, on_booking, rq);
}

static void on_deleted(void *arg, struct store_result result)
{
    struct web_request *rq = arg;

    if (!web_answer_store(rq, result, NO_BOOKING))
        web_answer_empty(rq, 204);
    web_release(rq);
}

void bookings_delete(struct web_request *rq)
{
    web_hold(rq);
    store_delete_booking(rq->loop->store, rq->scope, rq->user, rq->id, on_deleted, rq);
}

/* ---- POST /bookings -------------------------------------------------------------------------- */

struct adding {
    struct web_request *rq;
    struct store_booking booking;
};

static const char *make_id(struct rt_scope *scope, int64_t now_us)
{
    char *text = rt_scope_alloc_atomic(scope, UUID_STR_LEN);

    booking_id_make(text, now_us / 1000);
    return text;
}

static const char *make_stamp(struct rt_scope *scope, int64_t now_us)
{
    char *text = rt_scope_alloc_atomic(scope, STAMP_SIZE);

    stamp_format(text, now_us);
    return text;
}

static void answer_added(struct web_request *rq, struct store_result result, const char *id)
{
    yajl_gen json;

    if (result.status == STORE_TAKEN) {
        web_answer_error(rq, WEB_ROOM_TAKEN, "the room is booked on that day already");
        return;
    }
    if (result.status == STORE_NO_USER) {
        web_answer_error(rq, WEB_BAD_TOKEN, "the user of the token does not exist");
        return;
    }
    if (web_answer_store(rq, result, "no room has this id"))
        return;
    json = web_json_begin(rq);
    yajl_gen_map_open(json);
    web_json_text_member(json, "id", id);
    yajl_gen_map_close(json);
    web_answer_json(rq, 201);
}

static void on_added(void *arg, struct store_result result)
{
    struct adding *adding = arg;

    answer_added(adding->rq, result, adding->booking.id);
    web_release(adding->rq);
}

void bookings_add(struct web_request *rq)
{
    static const struct web_field fields[] = {{"room_id", 64}, {"booked_on", 64 * 1024}};
    const char *values[2];
    struct adding *adding;
    int64_t now_us;

    if (!web_request_texts(rq, fields, 2, values))
        return;
    if (!day_is_real(values[1], strlen(values[1]))) {
        web_answer_error(rq, WEB_BAD_DATE, "booked_on is not a day of the calendar in that format");
        return;
    }
    adding = rt_scope_alloc(rq->scope, sizeof(*adding));
    adding->rq = rq;
    now_us = stamp_now_us();
    adding->booking.id = make_id(rq->scope, now_us);
    adding->booking.room_id = values[0];
    adding->booking.booked_on = values[1];
    adding->booking.created_at = make_stamp(rq->scope, now_us);
    web_hold(rq);
    store_add_booking(rq->loop->store, rq->scope, rq->user, &adding->booking, on_added, adding);
}
