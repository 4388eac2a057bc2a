/* paint.c - paints the pictures of the rooms that the seed data names: paint FOLDER.
 *
 * A build tool, not part of the app; this folder is the one that does not use the runtime. The
 * pictures are scenes of boxes in a small perspective view (shapes.h): a room in its colour,
 * windows, and the furniture (furniture.h) that the room is rented for. They come out the same on
 * every run.
 */
#include "app/imgs/furniture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

#define QUALITY 88 /* 20 to 35 KB a picture; no blocks to be seen in the smooth walls */

/* ---- scenes ---------------------------------------------------------------------------------- */

static void four_at_a_table(const struct palette *p)
{
    window(p, -3.2f, 1.8f, 1.0f, 2.4f);
    window(p, -0.9f, 1.8f, 1.0f, 2.4f);
    window(p, 1.4f, 1.8f, 1.0f, 2.4f);
    plant(3.4f, 7.9f, 1.3f);
    plant(-3.4f, 7.6f, 1.0f);
    chair(-0.75f, 5.9f, 0, rgb(0x3f7a55));
    chair(0.35f, 5.9f, 0, rgb(0x3f7a55));
    table(-1.2f, 4.6f, 2.4f, 1.2f, rgb(WOOD));
    laptop(-0.75f, 4.9f);
    laptop(0.4f, 5.1f);
    chair(-0.75f, 4.0f, 1, rgb(0x5d9b72));
    chair(0.35f, 4.0f, 1, rgb(0x5d9b72));
    hanging_lamp(0, 5.0f, rgb(0xf2efe6));
}

static void two_desks(const struct palette *p)
{
    window(p, -1.6f, 3.2f, 0.9f, 2.5f);
    shelf(2.4f, 8.0f, 1.4f, 4);
    plant(-3.3f, 7.8f, 1.4f);
    for (int side = -1; side <= 1; side += 2) {
        float x = side < 0 ? -2.7f : 0.9f;

        table(x, 5.2f, 1.8f, 0.9f, rgb(0xe9e2d3));
        monitor(x + 0.6f, 5.75f);
        box(x + 0.62f, 0.77f, 5.3f, 0.5f, 0.02f, 0.16f, rgb(0xd5d9dd));
        chair(x + 0.65f, 4.5f, 1, rgb(0x37795a));
    }
    plant(0.0f, 5.4f, 0.9f);
}

static void lounge(const struct palette *p)
{
    window(p, 0.7f, 2.6f, 0.8f, 2.5f);
    shelf(-3.5f, 8.0f, 2.2f, 3);
    plant(-0.6f, 7.8f, 1.5f);
    sofa(-1.5f, 6.0f, 3.0f, rgb(0x3c7f63));
    table(-0.7f, 4.4f, 1.4f, 0.7f, rgb(WOOD));
    books(-0.3f, 0.77f, 4.7f, 4);
    box(2.6f, 0, 5.8f, 0.05f, 1.6f, 0.05f, rgb(DARK));
    blob(2.62f, 1.72f, 5.8f, 0.32f, 0.22f, rgb(0xf6e7b8), 1, 0);
    blob(2.62f, 1.72f, 5.8f, 1.1f, 0.9f, rgb(0xfff0c0), 0.5f, 1);
}

static void hall(const struct palette *p)
{
    (void)p;
    screen(3.6f, 1.05f, 2.6f);
    box(2.3f, 0, 7.6f, 0.55f, 1.1f, 0.4f, rgb(WOOD));
    for (int row = 0; row < 5; row++) {
        float z = 6.4f - 0.95f * (float)row;

        for (int i = 0; i < 10; i++) {
            float x = -3.3f + 0.64f * (float)i + (i >= 5 ? 0.45f : 0);

            chair(x, z, 1, row % 2 == 0 ? rgb(0x9c2f33) : rgb(0xb5443f));
        }
    }
}

static void council(const struct palette *p)
{
    window(p, -3.5f, 1.7f, 0.9f, 2.5f);
    window(p, 1.8f, 1.7f, 0.9f, 2.5f);
    screen(2.2f, 1.1f, 2.3f);
    for (int i = 0; i < 3; i++)
        hanging_lamp(0, 7.0f - 1.3f * (float)i, rgb(0xb23a3a));
    for (int i = 4; i >= 0; i--) {
        chair(-1.75f, 3.3f + 0.8f * (float)i, 0, rgb(0xa5383a));
        chair(1.31f, 3.3f + 0.8f * (float)i, 0, rgb(0xa5383a));
    }
    table(-1.1f, 3.1f, 2.2f, 4.2f, rgb(0x7a4a35));
    for (int i = 3; i >= 0; i--) {
        box(-0.85f, 0.77f, 3.5f + 0.95f * (float)i, 0.3f, 0.01f, 0.4f, rgb(PAPER));
        box(0.55f, 0.77f, 3.5f + 0.95f * (float)i, 0.3f, 0.01f, 0.4f, rgb(PAPER));
    }
    plant(-3.4f, 6.4f, 1.2f);
}

static void one_desk(const struct palette *p)
{
    window(p, -1.5f, 3.0f, 1.0f, 2.5f);
    plant(3.2f, 7.8f, 1.3f);
    box(-3.0f, 1.4f, BACK - 0.04f, 0.8f, 1.0f, 0.04f, rgb(0xffffff));
    blob(-2.6f, 1.9f, BACK - 0.06f, 0.25f, 0.25f, rgb(0xe58f2a), 1, 0);
    table(-1.1f, 4.6f, 2.2f, 0.95f, rgb(WOOD));
    laptop(-0.25f, 4.8f);
    desk_lamp(0.8f, 5.2f, 0);
    chair(-0.25f, 3.9f, 1, rgb(0xd39b1f));
}

static void window_seat(const struct palette *p)
{
    window(p, -3.3f, 6.6f, 0.95f, 2.7f);
    table(-3.0f, 6.9f, 6.0f, 0.8f, rgb(0xe6d6b4));
    for (int i = 0; i < 4; i++) {
        float x = -2.4f + 1.45f * (float)i;

        if (i == 1)
            laptop(x, 7.1f);
        else
            books(x, 0.77f, 7.2f, 3 + i);
        chair(x, 6.3f, 1, i % 2 == 0 ? rgb(0xe0ad2e) : rgb(0xf0ead8));
    }
    plant(-3.2f, 5.4f, 0.9f);
}

static void library(const struct palette *p)
{
    window(p, 2.1f, 1.3f, 1.0f, 2.4f);
    shelf(-3.6f, 8.0f, 2.6f, 5);
    shelf(-0.9f, 8.0f, 2.6f, 5);
    hanging_lamp(0.4f, 5.6f, rgb(0xe8b93c));
    table(-0.6f, 4.9f, 2.0f, 0.9f, rgb(0x9c6b3f));
    books(0.75f, 0.77f, 5.3f, 6);
    laptop(-0.1f, 5.0f);
    chair(0.0f, 4.1f, 1, rgb(0xc98f1d));
    plant(3.2f, 6.4f, 1.2f);
}

static void evening(const struct palette *p)
{
    window(p, -2.9f, 2.4f, 1.0f, 2.5f);
    window(p, 0.5f, 2.4f, 1.0f, 2.5f);
    shelf(-3.7f, 6.6f, 1.1f, 3);
    table(-1.0f, 4.6f, 2.4f, 0.95f, rgb(WOOD));
    monitor(-0.3f, 5.2f);
    box(-0.25f, 0.77f, 4.8f, 0.5f, 0.02f, 0.16f, rgb(0xd5d9dd));
    chair(-0.2f, 3.9f, 1, rgb(0xb98318));
    desk_lamp(0.95f, 5.0f, 1);
    plant(3.0f, 6.8f, 1.2f);
}

static const struct picture {
    const char *name;
    void (*draw)(const struct palette *p);
    unsigned wall, floor, sky_high, sky_low;
    float light;
} pictures[] = {
    {"green_0001.jpg", four_at_a_table, 0x9fc9a4, 0xb08a62, 0x8fc4ee, 0xe4f2fb, 1.0f},
    {"green_0002.jpg", two_desks, 0x8fbf98, 0xa88562, 0x7fb9ea, 0xdcedf9, 1.0f},
    {"green_0003.jpg", lounge, 0x86b591, 0x9a7450, 0xf2b98a, 0xfce6c4, 0.85f},
    {"red_0001.jpg", hall, 0xc9706a, 0x7d5a48, 0x9cc4e4, 0xe6eef5, 0.9f},
    {"red_0002.jpg", council, 0xcf7f76, 0x8a6450, 0x9ccbf0, 0xe8f3fb, 1.0f},
    {"yellow_0001.jpg", one_desk, 0xf0d584, 0xb48c60, 0x86c0ee, 0xe2f1fb, 1.0f},
    {"yellow_0002.jpg", window_seat, 0xf2da92, 0xa98a68, 0xa4d2f4, 0xf2f8fc, 1.0f},
    {"yellow_0003.jpg", library, 0xe9c96c, 0x92704e, 0x9ccbf0, 0xe8f3fb, 0.95f},
    {"yellow_0004.jpg", evening, 0xe3c266, 0x94714e, 0x1f2c4d, 0x6a5a78, 0.25f},
};

/* ---- files ----------------------------------------------------------------------------------- */

static JSAMPLE to_byte(float v)
{
    return v < 0 ? 0 : v > 255 ? 255 : (JSAMPLE)v;
}

static void average(JSAMPLE row[WIDTH * 3], int y)
{
    for (int x = 0; x < WIDTH; x++) {
        struct colour sum = {0, 0, 0};

        for (int i = 0; i < SCALE * SCALE; i++) {
            struct colour c = canvas[y * SCALE + i / SCALE][x * SCALE + i % SCALE];

            sum = (struct colour){sum.r + c.r, sum.g + c.g, sum.b + c.b};
        }
        row[3 * x] = to_byte(sum.r / (SCALE * SCALE) + 0.5f);
        row[3 * x + 1] = to_byte(sum.g / (SCALE * SCALE) + 0.5f);
        row[3 * x + 2] = to_byte(sum.b / (SCALE * SCALE) + 0.5f);
    }
}

/* libjpeg's own handling of errors is to say so on stderr and end the program with status 1. */
static void write_jpeg(FILE *file)
{
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    JSAMPLE row[WIDTH * 3];
    JSAMPROW rows[] = {row};

    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_stdio_dest(&jpeg, file);
    jpeg.image_width = WIDTH;
    jpeg.image_height = HEIGHT;
    jpeg.input_components = 3;
    jpeg.in_color_space = JCS_RGB;
    jpeg_set_defaults(&jpeg);
    jpeg_set_quality(&jpeg, QUALITY, TRUE);
    jpeg.optimize_coding = TRUE;
    jpeg_start_compress(&jpeg, TRUE);
    for (int y = 0; y < HEIGHT; y++) {
        average(row, y);
        jpeg_write_scanlines(&jpeg, rows, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
}

static int paint(const struct picture *picture, const char *folder)
{
    struct palette p = {.wall = rgb(picture->wall),
                        .floor = rgb(picture->floor),
                        .sky_high = rgb(picture->sky_high),
                        .sky_low = rgb(picture->sky_low),
                        .light = picture->light};
    char path[4096];
    FILE *file;
    int n = snprintf(path, sizeof(path), "%s/%s", folder, picture->name);

    errno = ENAMETOOLONG;
    file = n < (int)sizeof(path) ? fopen(path, "wbe") : NULL;
    if (file == NULL) {
        fprintf(stderr, "paint: %s: %s\n", path, strerror(errno));
        return -1;
    }
    shell(&p);
    picture->draw(&p);
    finish(&p);
    write_jpeg(file);
    if (fclose(file) != 0) {
        fprintf(stderr, "paint: %s: %s\n", path, strerror(errno));
        return -1;
    }
    return 0;
}

int main(int argc, char *argv[])
{
    if (argc != 2) {
        fputs("usage: paint FOLDER\n", stderr);
        return 2;
    }
    for (size_t i = 0; i < sizeof(pictures) / sizeof(pictures[0]); i++) {
        if (paint(&pictures[i], argv[1]) != 0)
            return 1;
    }
    return 0;
}
