/* rooms.c - answers /rooms from the store.
 *
 * Each handler starts one store operation and answers in its callback, holding the request
 * meanwhile: the client may be gone by then, which the answering functions notice by themselves.
 * The order of a room's members, and Photos being null outside /photos, are the original's.
 */
#include "app/rooms/rooms.h"

#include "app/rooms/day.h"
#include "app/store/store.h"

#define NO_ROOM "no room has this id"

static void write_room(yajl_gen json, const struct store_room *room)
{
    yajl_gen_map_open(json);
    web_json_text_member(json, "id", room->id);
    web_json_text_member(json, "name", room->name);
    web_json_text(json, "cost");
    web_json_number(json, room->cost);
    web_json_text(json, "number_of_seats");
    yajl_gen_integer(json, room->number_of_seats);
    web_json_text_member(json, "category", room->category);
    web_json_text_member(json, "main_photo", room->main_photo);
    web_json_text(json, "IsAvailable");
    yajl_gen_bool(json, room->is_available);
    web_json_text(json, "Photos");
    yajl_gen_null(json);
    yajl_gen_map_close(json);
}

static void on_rooms(void *arg, struct store_result result, const struct store_room *rooms, size_t n)
{
    struct web_request *rq = arg;

    if (!web_answer_store(rq, result, NO_ROOM)) {
        yajl_gen json = web_json_begin(rq);

        yajl_gen_array_open(json);
        for (size_t i = 0; i < n; i++)
            write_room(json, &rooms[i]);
        yajl_gen_array_close(json);
        web_answer_json(rq, 200);
    }
    web_release(rq);
}

void rooms_list(struct web_request *rq)
{
    char text[DAY_LEN + 2];
    const char *day = NULL;
    ptrdiff_t len = web_request_query(rq, "day_to_book", text, sizeof(text));

    /* An empty day is no day: the original's query parser does not tell them apart. */
    if (len > 0) {
        if (!day_is_real(text, (size_t)len)) {
            web_answer_error(rq, WEB_BAD_DATE, "day_to_book is not a day of the calendar in that format");
            return;
        }
        day = rt_scope_strdup(rq->scope, text);
    }
    web_hold(rq);
    store_list_rooms(rq->loop->store, rq->scope, day, on_rooms, rq);
}

static void on_room(void *arg, struct store_result result, const struct store_room *room)
{
    struct web_request *rq = arg;

    if (!web_answer_store(rq, result, NO_ROOM)) {
        yajl_gen json = web_json_begin(rq);

        write_room(json, room);
        web_answer_json(rq, 200);
    }
    web_release(rq);
}

void rooms_get(struct web_request *rq)
{
    web_hold(rq);
    store_get_room(rq->loop->store, rq->scope, rq->id, on_room, rq);
}

static void on_photos(void *arg, struct store_result result, const char *const *urls, size_t n)
{
    struct web_request *rq = arg;

    if (!web_answer_store(rq, result, NO_ROOM)) {
        yajl_gen json = web_json_begin(rq);

        yajl_gen_map_open(json);
        web_json_text_member(json, "id", rq->id);
        web_json_text(json, "photos");
        yajl_gen_array_open(json);
        for (size_t i = 0; i < n; i++)
            web_json_text(json, urls[i]);
        yajl_gen_array_close(json);
        yajl_gen_map_close(json);
        web_answer_json(rq, 200);
    }
    web_release(rq);
}

void rooms_list_photos(struct web_request *rq)
{
    web_hold(rq);
    store_list_photos(rq->loop->store, rq->scope, rq->id, on_photos, rq);
}
