/* write.c - rooms as JSON text: the files that the benchmark reads, and parsed rooms back again.
 *
 * The files hold the three rooms that the booking app begins with, repeated. Both ways go through the same function,
 * so that a test can ask whether a file that is read and written is the same file. Go's peer reads these very files.
 */
#include "bench/json/rooms.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#define SEEDS 3

static void put_text(FILE *out, const struct rooms_text *text)
{
    putc('"', out);
    for (size_t i = 0; i < text->length; i++) {
        unsigned char c = (unsigned char)text->bytes[i];
        if (c == '"' || c == '\\') {
            putc('\\', out);
            putc(c, out);
        } else if (c < 0x20) {
            fprintf(out, "\\u%04x", c);
        } else {
            putc(c, out);
        }
    }
    putc('"', out);
}

/* The fewest digits that are read back as the same number: 12.5 is not 12.500000000000000. */
static void put_real(FILE *out, double value)
{
    char text[40];
    /* A whole number is written as one: 100, where %g would take 1e+02 for the shortest. */
    if (value == trunc(value) && fabs(value) < 1e15) {
        fprintf(out, "%.0f", value);
        return;
    }
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, value);
        if (strtod(text, NULL) == value) {
            break;
        }
    }
    fputs(text, out);
}

static void put_photo(FILE *out, const struct room_photo *photo)
{
    fprintf(out, "{\"ID\":%" PRId64 ",\"Url\":", photo->id);
    put_text(out, &photo->url);
    fputs(",\"RoomId\":", out);
    put_text(out, &photo->room_id);
    putc('}', out);
}

static void put_room(FILE *out, const struct room *room)
{
    fputs("{\"id\":", out);
    put_text(out, &room->id);
    fputs(",\"name\":", out);
    put_text(out, &room->name);
    fputs(",\"cost\":", out);
    put_real(out, room->cost);
    fprintf(out, ",\"number_of_seats\":%" PRId64 ",\"category\":", room->number_of_seats);
    put_text(out, &room->category);
    fputs(",\"main_photo\":", out);
    put_text(out, &room->main_photo);
    fprintf(out, ",\"IsAvailable\":%s,\"photos\":[", room->is_available ? "true" : "false");
    for (const struct room_photo *p = room->photos; p; p = p->next) {
        put_photo(out, p);
        fputs(p->next ? "," : "", out);
    }
    fputs("]}", out);
}

void rooms_write(FILE *out, const struct rooms *rooms)
{
    const char *between = "";
    putc('[', out);
    for (const struct rooms_block *b = rooms->first; b; b = b->next) {
        for (size_t i = 0; i < b->count; i++, between = ",") {
            fputs(between, out);
            put_room(out, &b->rooms[i]);
        }
    }
    putc(']', out);
}

#define TEXT(s)                                                                                                        \
    {                                                                                                                  \
        (s), sizeof(s) - 1                                                                                             \
    }
#define PHOTO(url_, id_, next_)                                                                                        \
    {                                                                                                                  \
        .url = TEXT(url_), .room_id = TEXT(id_), .next = (next_)                                                       \
    }
#define GREEN "79ca06f8-1163-48e8-b279-23fca5669623"
#define RED "e6cc9546-52a1-45bc-8e0c-9af9a2b235c1"
#define YELLOW "2b34dd2e-7ea4-45f8-a330-30e3fcaf3cc2"

void rooms_write_seeds(FILE *out, size_t count)
{
    struct room_photo green[] = {PHOTO("/green_0002.jpg", GREEN, &green[1]), PHOTO("/green_0003.jpg", GREEN, NULL)};
    struct room_photo red[] = {PHOTO("/red_0002.jpg", RED, NULL)};
    struct room_photo yellow[] = {PHOTO("/yellow_0002.jpg", YELLOW, &yellow[1]),
                                  PHOTO("/yellow_0003.jpg", YELLOW, &yellow[2]),
                                  PHOTO("/yellow_0004.jpg", YELLOW, NULL)};
    const struct room seeds[SEEDS] = {
        {TEXT(GREEN), TEXT("Green"), TEXT("Open Space"), TEXT("/green_0001.jpg"), 12.5, 4, false, green},
        {TEXT(RED), TEXT("Red"), TEXT("Conference Hall"), TEXT("/red_0001.jpg"), 100, 50, false, red},
        {TEXT(YELLOW), TEXT("Yellow"), TEXT("Shared Desk"), TEXT("/yellow_0001.jpg"), 4.5, 1, false, yellow},
    };
    putc('[', out);
    for (size_t i = 0; i < count; i++) {
        fputs(i ? "," : "", out);
        put_room(out, &seeds[i % SEEDS]);
    }
    putc(']', out);
}
