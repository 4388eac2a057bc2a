/* answer.c - see answer.h. Both readers are yajl callbacks that know how deep they are and what the
 * last key was; whatever else an answer holds is passed over.
 */
#include "bench/load/answer.h"

#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_parse.h>

/* Values are looked at in objects that lie `depth` containers deep, under the key that matched. */
struct reader {
    int depth;
    bool in_key;
    const char *key; /* of answer_text */
    char *out;
    size_t out_size;
    bool found;
    struct rooms *rooms; /* of answer_rooms */
    enum { NO_MEMBER, ID, AVAILABLE } member;
    bool wrong;
};

static int on_open(void *arg)
{
    ((struct reader *)arg)->depth++;
    return 1;
}

static int on_close(void *arg)
{
    ((struct reader *)arg)->depth--;
    return 1;
}

static bool same(const char *name, const unsigned char *text, size_t len)
{
    return strlen(name) == len && memcmp(name, text, len) == 0;
}

static void copy_cut(char *out, size_t size, const unsigned char *text, size_t len)
{
    if (len > size - 1)
        len = size - 1;
    memcpy(out, text, len);
    out[len] = '\0';
}

static bool read_all(const yajl_callbacks *callbacks, struct reader *r, const char *json, size_t len)
{
    yajl_handle parser = yajl_alloc(callbacks, NULL, r);
    bool ok;

    if (parser == NULL)
        return false;
    ok = yajl_parse(parser, (const unsigned char *)json, len) == yajl_status_ok &&
         yajl_complete_parse(parser) == yajl_status_ok;
    yajl_free(parser);
    return ok && !r->wrong;
}

/* ---- one member of an object ------------------------------------------------------------------ */

static int on_key(void *arg, const unsigned char *text, size_t len)
{
    struct reader *r = arg;

    r->in_key = r->depth == 1 && same(r->key, text, len);
    return 1;
}

static int on_text(void *arg, const unsigned char *text, size_t len)
{
    struct reader *r = arg;

    if (r->depth == 1 && r->in_key) {
        copy_cut(r->out, r->out_size, text, len);
        r->found = true;
    }
    return 1;
}

bool answer_text(const char *json, size_t len, const char *key, char *out, size_t size)
{
    static const yajl_callbacks callbacks = {.yajl_start_map = on_open,
                                             .yajl_end_map = on_close,
                                             .yajl_start_array = on_open,
                                             .yajl_end_array = on_close,
                                             .yajl_map_key = on_key,
                                             .yajl_string = on_text};
    struct reader r = {.key = key, .out = out, .out_size = size};

    return read_all(&callbacks, &r, json, len) && r.found;
}

/* ---- the rooms -------------------------------------------------------------------------------- */

static int on_room_open(void *arg)
{
    struct reader *r = arg;
    struct rooms *rooms = r->rooms;

    if (r->depth == 0)
        r->wrong = true; /* an object where the array should be */
    if (r->depth++ != 1)
        return 1;
    if (rooms->n == rooms->size) {
        size_t size = rooms->size * 2 + 8;
        struct room *list = realloc(rooms->list, size * sizeof(*list));

        if (list == NULL)
            return 0;
        rooms->list = list;
        rooms->size = size;
    }
    memset(&rooms->list[rooms->n++], 0, sizeof(*rooms->list));
    return 1;
}

static int on_room_key(void *arg, const unsigned char *text, size_t len)
{
    struct reader *r = arg;

    if (r->depth == 2)
        r->member = same("id", text, len) ? ID : same("IsAvailable", text, len) ? AVAILABLE : NO_MEMBER;
    return 1;
}

static int on_room_text(void *arg, const unsigned char *text, size_t len)
{
    struct reader *r = arg;

    if (r->depth != 2 || r->member != ID)
        return 1;
    copy_cut(r->rooms->list[r->rooms->n - 1].id, ROOM_ID_SIZE, text, len);
    return len < ROOM_ID_SIZE;
}

static int on_room_boolean(void *arg, int value)
{
    struct reader *r = arg;

    if (r->depth == 2 && r->member == AVAILABLE)
        r->rooms->list[r->rooms->n - 1].available = value != 0;
    return 1;
}

bool answer_rooms(const char *json, size_t len, struct rooms *rooms)
{
    static const yajl_callbacks callbacks = {.yajl_start_map = on_room_open,
                                             .yajl_end_map = on_close,
                                             .yajl_start_array = on_open,
                                             .yajl_end_array = on_close,
                                             .yajl_map_key = on_room_key,
                                             .yajl_string = on_room_text,
                                             .yajl_boolean = on_room_boolean};
    struct reader r = {.rooms = rooms};

    rooms->n = 0;
    if (!read_all(&callbacks, &r, json, len))
        return false;
    for (size_t i = 0; i < rooms->n; i++) {
        if (rooms->list[i].id[0] == '\0')
            return false;
    }
    return true;
}
