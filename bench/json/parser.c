/* parser.c - JSON text into rooms, through yajl's callbacks.
 *
 * yajl tells of one token after the other; `where` and `field` say where in a file of rooms we are and which member the
 * next value goes to. Nothing stands between yajl and the result: no tree (yajl_tree takes an allocation a value), no
 * second pass. A text without escapes is not copied when the piece that it lies in stays; numbers come as text, as
 * yajl's own conversion takes all of them for doubles or long integers and goes by the program's locale. yajl's memory
 * is the scope's, too.
 *
 * What is right and wrong is what encoding/json says of the same structs: unknown keys are skipped, absent ones leave
 * zero, the last of several counts, a second "photos" is laid over the first photo by photo, null changes nothing but
 * "photos", and case does not matter. Stricter than it: a wrong type ends the parse, text that is not UTF-8
 * is an error rather than mended, and nothing but spaces may follow the array even when it is read in pieces. One half
 * of a surrogate pair is what yajl makes of it. Must never hold on to a piece that was not said to stay.
 */
#include "bench/json/parser.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <yajl/yajl_parse.h>

#include "bench/json/fields.h"
#include "bench/json/number.h"
#include "runtime/cruntime.h"

/* As deep as encoding/json goes. yajl has a byte for each level and moves them every 128. */
#define DEPTH_MOST 10000

enum where { AT_TOP, IN_ROOMS, IN_ROOM, IN_PHOTOS, IN_PHOTO, AT_END };

/* ---- errors ---- */

static void fail(struct rooms_parser *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void fail(struct rooms_parser *p, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(p->error.what, sizeof(p->error.what), fmt, args);
    va_end(args);
    p->failed = true;
}

static const char *expected(const struct rooms_parser *p)
{
    static const char *const of_kind[] = {[KIND_TEXT] = "a string",
                                          [KIND_REAL] = "a number",
                                          [KIND_INTEGER] = "an integer",
                                          [KIND_TRUTH] = "true or false",
                                          [KIND_PHOTOS] = "an array of photos"};
    switch (p->where) {
    case IN_ROOM:
    case IN_PHOTO:
        return of_kind[p->field->kind];
    case IN_ROOMS:
        return "a room, an object,";
    case IN_PHOTOS:
        return "a photo, an object,";
    default:
        return "an array of rooms";
    }
}

/* Says which value it was, as one would write it in C, and fails. */
static void fail_at(struct rooms_parser *p, const char *got)
{
    size_t room = p->rooms->count - 1; /* the one being read */
    switch (p->where) {
    case IN_ROOM:
        fail(p, "rooms[%zu].%s is %s where %s was expected", room, p->field->name, got, expected(p));
        break;
    case IN_PHOTO:
        fail(p, "rooms[%zu].photos[].%s is %s where %s was expected", room, p->field->name, got, expected(p));
        break;
    case IN_PHOTOS:
        fail(p, "rooms[%zu].photos has %s where %s was expected", room, got, expected(p));
        break;
    case IN_ROOMS:
        fail(p, "rooms[%zu] is %s where %s was expected", p->rooms->count, got, expected(p));
        break;
    default:
        fail(p, "the file has %s where %s was expected", got, expected(p));
    }
}

/* ---- memory ---- */

/* yajl's own memory comes from the parser, which stands on a stack, and from the scope when that is used up: a small
 * file is read in less time than the allocations would take. A block's size stands before it. */
union yajl_block {
    size_t size;
    _Alignas(16) char bytes[16];
};

static bool is_own(const struct rooms_parser *p, const void *block)
{
    return (const char *)block >= p->yajl_memory && (const char *)block < p->yajl_memory + sizeof(p->yajl_memory);
}

static void *for_yajl(void *ctx, size_t size)
{
    struct rooms_parser *p = ctx;
    size_t whole = sizeof(union yajl_block) + ((size + 15) & ~(size_t)15);
    if (whole > sizeof(p->yajl_memory) - p->yajl_used) {
        return rt_scope_alloc(p->scope, size);
    }
    union yajl_block *block = (union yajl_block *)(p->yajl_memory + p->yajl_used);
    p->yajl_used += whole;
    block->size = size;
    return block + 1;
}

static void *again_for_yajl(void *ctx, void *old, size_t size)
{
    struct rooms_parser *p = ctx;
    if (old && !is_own(p, old)) {
        return rt_scope_realloc(p->scope, old, size);
    }
    void *grown = for_yajl(p, size);
    if (old) {
        size_t had = ((union yajl_block *)old - 1)->size;
        memcpy(grown, old, had < size ? had : size);
    }
    return grown;
}

static void from_yajl(void *ctx, void *block)
{
    struct rooms_parser *p = ctx;
    if (block && !is_own(p, block)) {
        rt_scope_free(p->scope, block);
    }
}

static void new_room(struct rooms_parser *p)
{
    struct rooms *rooms = p->rooms;
    struct rooms_block *block = rooms->last;
    if (!block || block->count == block->most) {
        size_t size = blocks_next_size(p->room_bytes, sizeof(*block) + sizeof(struct room));
        block = rt_scope_alloc(p->scope, size);
        block->most = (size - sizeof(*block)) / sizeof(struct room);
        p->room_bytes += size;
        *(rooms->last ? &rooms->last->next : &rooms->first) = block;
        rooms->last = block;
    }
    p->room = &block->rooms[block->count++];
    rooms->count++;
    rooms->bytes += sizeof(struct room);
    p->room_guess = room_fields;
}

/* The next photo of this room: one that an earlier "photos" made, if there is one left. */
static void next_photo(struct rooms_parser *p)
{
    struct room_photo **link = p->photo ? &p->photo->next : &p->room->photos;
    if (!*link) {
        *link = blocks_cut(&p->photos, sizeof(struct room_photo));
        p->rooms->bytes += sizeof(struct room_photo);
    }
    p->photo = *link;
    p->photo_guess = photo_fields;
}

static void set_text(struct rooms_parser *p, struct rooms_text *text, const char *bytes, size_t length)
{
    text->length = length;
    if (length == 0) {
        text->bytes = NULL;
    } else if (p->kept && bytes >= p->kept && bytes < p->kept + p->kept_length) {
        text->bytes = bytes;
    } else {
        text->bytes = memcpy(blocks_cut(&p->texts, length), bytes, length);
        p->rooms->bytes += length;
    }
}

/* ---- what yajl calls: 0 ends the parse ---- */

/* Where the value of this kind goes. NULL: nowhere, since nobody asked for it or since it is an error. */
static void *place(struct rooms_parser *p, enum rooms_kind kind, const char *got)
{
    if (p->skipping) {
        return NULL;
    }
    if (p->where == IN_ROOM || p->where == IN_PHOTO) {
        char *object = p->where == IN_ROOM ? (char *)p->room : (char *)p->photo;
        if (p->field->kind == kind) {
            return object + p->field->offset;
        }
        if (p->field->kind == KIND_UNKNOWN) {
            return NULL;
        }
    }
    fail_at(p, got);
    return NULL;
}

static int on_null(void *ctx)
{
    struct rooms_parser *p = ctx;
    if (p->skipping) {
        return 1;
    }
    if (p->where == IN_ROOMS) {
        new_room(p);
    } else if (p->where == IN_PHOTOS) {
        next_photo(p);
    } else if (p->where == IN_ROOM && p->field->kind == KIND_PHOTOS) {
        p->room->photos = NULL;
    }
    return 1;
}

static int on_boolean(void *ctx, int value)
{
    struct rooms_parser *p = ctx;
    bool *out = place(p, KIND_TRUTH, value ? "true" : "false");
    if (out) {
        *out = value;
    }
    return !p->failed;
}

static int on_string(void *ctx, const unsigned char *bytes, size_t length)
{
    struct rooms_parser *p = ctx;
    struct rooms_text *out = place(p, KIND_TEXT, "a string");
    if (out) {
        set_text(p, out, (const char *)bytes, length);
    }
    return !p->failed;
}

static int on_number(void *ctx, const char *text, size_t length)
{
    struct rooms_parser *p = ctx;
    bool whole = (p->where == IN_ROOM || p->where == IN_PHOTO) && p->field->kind == KIND_INTEGER;
    void *out = place(p, whole ? KIND_INTEGER : KIND_REAL, "a number");
    if (out && !(whole ? number_to_integer(text, length, out) : number_to_real(text, length, out))) {
        char got[48];
        snprintf(got, sizeof(got), "%.*s%s", (int)(length < 40 ? length : 40), text, length < 40 ? "" : "...");
        fail_at(p, got);
    }
    return !p->failed;
}

static int skip_deeper(struct rooms_parser *p)
{
    if (++p->skipping > DEPTH_MOST) {
        fail(p, "values lie in one another more than %d deep", DEPTH_MOST);
    }
    return !p->failed;
}

static bool is_skipped(const struct rooms_parser *p)
{
    return p->skipping || ((p->where == IN_ROOM || p->where == IN_PHOTO) && p->field->kind == KIND_UNKNOWN);
}

static int on_start_map(void *ctx)
{
    struct rooms_parser *p = ctx;
    if (is_skipped(p)) {
        return skip_deeper(p);
    }
    if (p->where == IN_ROOMS) {
        new_room(p);
        p->where = IN_ROOM;
    } else if (p->where == IN_PHOTOS) {
        next_photo(p);
        p->where = IN_PHOTO;
    } else {
        fail_at(p, "an object");
    }
    return !p->failed;
}

static int on_map_key(void *ctx, const unsigned char *key, size_t length)
{
    struct rooms_parser *p = ctx;
    if (p->skipping) {
        return 1;
    }
    bool in_room = p->where == IN_ROOM;
    const struct rooms_field **guess = in_room ? &p->room_guess : &p->photo_guess;
    const struct rooms_field *table = in_room ? room_fields : photo_fields;
    p->field = rooms_field_find(table, *guess, (const char *)key, length);
    *guess = p->field->name ? p->field + 1 : table;
    return 1;
}

static int on_end_map(void *ctx)
{
    struct rooms_parser *p = ctx;
    if (p->skipping) {
        p->skipping--;
    } else {
        p->where = p->where == IN_PHOTO ? IN_PHOTOS : IN_ROOMS;
    }
    return 1;
}

static int on_start_array(void *ctx)
{
    struct rooms_parser *p = ctx;
    if (is_skipped(p)) {
        return skip_deeper(p);
    }
    if (p->where == AT_TOP) {
        p->where = IN_ROOMS;
    } else if (p->where == IN_ROOM && p->field->kind == KIND_PHOTOS) {
        p->where = IN_PHOTOS;
        p->photo = NULL;
    } else {
        fail_at(p, "an array");
    }
    return !p->failed;
}

static int on_end_array(void *ctx)
{
    struct rooms_parser *p = ctx;
    if (p->skipping) {
        p->skipping--;
    } else if (p->where == IN_PHOTOS) {
        /* What an earlier, longer "photos" had beyond this one's end. */
        *(p->photo ? &p->photo->next : &p->room->photos) = NULL;
        p->where = IN_ROOM;
    } else {
        p->where = AT_END;
    }
    return 1;
}

static const yajl_callbacks callbacks = {.yajl_null = on_null,
                                         .yajl_boolean = on_boolean,
                                         .yajl_number = on_number,
                                         .yajl_string = on_string,
                                         .yajl_start_map = on_start_map,
                                         .yajl_map_key = on_map_key,
                                         .yajl_end_map = on_end_map,
                                         .yajl_start_array = on_start_array,
                                         .yajl_end_array = on_end_array};

/* ---- the parser's own functions ---- */

void rooms_parser_begin(struct rooms_parser *p, struct rt_scope *scope, struct rooms *rooms)
{
    yajl_alloc_funcs memory = {for_yajl, again_for_yajl, from_yajl, p};
    memset(rooms, 0, sizeof(*rooms));
    memset(p, 0, offsetof(struct rooms_parser, yajl_memory));
    p->scope = scope;
    p->rooms = rooms;
    p->photos = (struct blocks){.scope = scope};
    p->texts = (struct blocks){.scope = scope, .atomic = true};
    p->yajl = yajl_alloc(&callbacks, &memory, p);
}

/* yajl's word for it, without its line break; or ours, when a callback ended the parse. */
static void note_error(struct rooms_parser *p, yajl_status status)
{
    p->error.offset = p->offset + yajl_get_bytes_consumed(p->yajl);
    if (status == yajl_status_error) {
        unsigned char *said = yajl_get_error(p->yajl, 0, NULL, 0);
        fail(p, "%.*s", (int)strcspn((const char *)said, "\n"), (const char *)said);
        yajl_free_error(p->yajl, said);
    }
}

bool rooms_parser_feed(struct rooms_parser *p, const char *piece, size_t length, bool keeps)
{
    if (p->failed) {
        return false;
    }
    p->kept = keeps ? piece : NULL;
    p->kept_length = length;
    yajl_status status = yajl_parse(p->yajl, (const unsigned char *)piece, length);
    if (status != yajl_status_ok) {
        note_error(p, status);
        return false;
    }
    p->offset += length;
    return true;
}

bool rooms_parser_end(struct rooms_parser *p)
{
    if (!p->failed) {
        yajl_status status = yajl_complete_parse(p->yajl);
        if (status != yajl_status_ok) {
            note_error(p, status);
            p->error.offset = p->offset; /* the end: yajl was given a space of its own there */
        }
    }
    yajl_free(p->yajl);
    p->yajl = NULL;
    return !p->failed;
}
