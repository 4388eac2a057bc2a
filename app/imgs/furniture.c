/* furniture.c - see furniture.h. */
#include "app/imgs/furniture.h"

#include <math.h>

/* The room: half its width, where the eye's side of it begins, its height. */
#define HALF 4.0f
#define NEAR 1.6f
#define CEILING 3.0f

/* ---- furniture ------------------------------------------------------------------------------- */

const unsigned WOOD = 0xb98a5a, PAPER = 0xf4f1ea, DARK = 0x2f3338;
static const unsigned STEEL = 0x8d949c, LEAF = 0x4f8f4a;

static void legs(float x, float z, float w, float d, float h, float thick, struct colour c)
{
    box(x, 0, z + d - thick, thick, h, thick, dim(c, 0.8f));
    box(x + w - thick, 0, z + d - thick, thick, h, thick, dim(c, 0.8f));
    box(x, 0, z, thick, h, thick, c);
    box(x + w - thick, 0, z, thick, h, thick, c);
}

void table(float x, float z, float w, float d, struct colour c)
{
    shadow(x + w / 2, z + d / 2, w * 0.72f, d * 0.9f);
    legs(x, z, w, d, 0.72f, 0.06f, rgb(STEEL));
    box(x, 0.72f, z, w, 0.05f, d, c);
}

void chair(float x, float z, int away, struct colour c)
{
    shadow(x + 0.22f, z + 0.22f, 0.42f, 0.4f);
    if (!away)
        box(x, 0.45f, z + 0.40f, 0.44f, 0.48f, 0.05f, c);
    legs(x, z, 0.44f, 0.44f, 0.43f, 0.04f, rgb(STEEL));
    box(x, 0.43f, z, 0.44f, 0.06f, 0.44f, lighter(c, 0.08f));
    if (away)
        box(x, 0.49f, z, 0.44f, 0.46f, 0.05f, c);
}

void monitor(float x, float z)
{
    box(x + 0.22f, 0.77f, z + 0.04f, 0.12f, 0.12f, 0.05f, rgb(STEEL));
    box(x, 0.87f, z, 0.56f, 0.36f, 0.04f, rgb(DARK));
    quad(see(x + 0.02f, 1.21f, z), see(x + 0.54f, 1.21f, z), see(x + 0.54f, 0.90f, z), see(x + 0.02f, 0.90f, z),
         rgb(0xa9cfe8), rgb(0x5d8fb8), 1);
}

void laptop(float x, float z)
{
    box(x, 0.77f, z + 0.24f, 0.40f, 0.26f, 0.02f, rgb(0x5b6168));
    quad(see(x + 0.02f, 1.01f, z + 0.24f), see(x + 0.38f, 1.01f, z + 0.24f), see(x + 0.38f, 0.80f, z + 0.24f),
         see(x + 0.02f, 0.80f, z + 0.24f), rgb(0xcfe3f2), rgb(0x86aecd), 1);
    box(x, 0.77f, z, 0.40f, 0.015f, 0.24f, rgb(0xaab0b7));
}

void plant(float x, float z, float size)
{
    shadow(x, z, 0.5f * size, 0.4f * size);
    box(x - 0.03f * size, 0.3f * size, z, 0.06f * size, 0.5f * size, 0.05f * size, rgb(0x7a5a3c));
    box(x - 0.16f * size, 0, z - 0.14f * size, 0.32f * size, 0.36f * size, 0.3f * size, rgb(0xc7794f));
    for (int i = 0; i < 9; i++) {
        float turn = (float)i * 0.7f, out = 0.30f * size;

        blob(x + cosf(turn * 2) * out, (0.65f + 0.09f * (float)i) * size, z, 0.24f * size, 0.15f * size,
             dim(rgb(LEAF), 0.75f + 0.04f * (float)i), 1, 0);
    }
}

void books(float x, float y, float z, int n)
{
    static const unsigned colours[] = {0xa23b3b, 0x2f6690, 0xd9a441, 0x4f7d5a, 0x7a4f86, 0xe3ded2, 0x37474f};

    for (int i = 0; i < n; i++) {
        float tall = 0.24f + 0.05f * (float)((i * 5) % 4) / 3;

        box(x + 0.07f * (float)i, y, z, 0.06f, tall, 0.18f, rgb(colours[i * 3 % 7]));
    }
}

void shelf(float x, float z, float w, int rows)
{
    struct colour c = rgb(WOOD);

    shadow(x + w / 2, z, w * 0.7f, 0.4f);
    box(x, 0, z + 0.02f, w, 0.46f * (float)rows + 0.04f, 0.28f, dim(c, 0.5f));
    for (int i = 0; i <= rows; i++) {
        box(x, 0.46f * (float)i, z, w, 0.04f, 0.3f, c);
        if (i < rows)
            books(x + 0.08f, 0.46f * (float)i + 0.04f, z + 0.03f, (int)(w / 0.07f) - 3 - i % 3 * 4);
    }
    box(x, 0, z, 0.04f, 0.46f * (float)rows + 0.04f, 0.3f, c);
    box(x + w - 0.04f, 0, z, 0.04f, 0.46f * (float)rows + 0.04f, 0.3f, c);
}

void sofa(float x, float z, float w, struct colour c)
{
    shadow(x + w / 2, z + 0.4f, w * 0.7f, 0.9f);
    box(x, 0.1f, z + 0.6f, w, 0.75f, 0.25f, c);
    box(x, 0.1f, z, w, 0.35f, 0.6f, lighter(c, 0.06f));
    box(x - 0.18f, 0.1f, z, 0.18f, 0.55f, 0.85f, dim(c, 0.92f));
    box(x + w, 0.1f, z, 0.18f, 0.55f, 0.85f, dim(c, 0.92f));
    for (int i = 0; i < 3; i++)
        box(x + 0.06f + w / 3 * (float)i, 0.45f, z + 0.42f, w / 3 - 0.12f, 0.34f, 0.14f, lighter(c, 0.22f));
}

void desk_lamp(float x, float z, int lit)
{
    box(x - 0.07f, 0.77f, z, 0.14f, 0.02f, 0.12f, rgb(DARK));
    box(x - 0.01f, 0.79f, z + 0.05f, 0.02f, 0.40f, 0.02f, rgb(DARK));
    quad(see(x - 0.06f, 1.30f, z), see(x + 0.06f, 1.30f, z), see(x + 0.15f, 1.16f, z), see(x - 0.15f, 1.16f, z),
         rgb(0xe8b33a), rgb(0xc98f1d), 1);
    if (lit)
        blob(x, 1.02f, z, 1.15f, 0.95f, rgb(0xffe2a0), 0.75f, 1);
}

void hanging_lamp(float x, float z, struct colour c)
{
    box(x - 0.01f, 2.45f, z, 0.02f, CEILING - 2.45f, 0.02f, rgb(DARK));
    quad(see(x - 0.08f, 2.48f, z), see(x + 0.08f, 2.48f, z), see(x + 0.30f, 2.22f, z), see(x - 0.30f, 2.22f, z),
         lighter(c, 0.2f), dim(c, 0.85f), 1);
    blob(x, 2.20f, z, 0.9f, 0.55f, rgb(0xfff0c8), 0.5f, 1);
}

void screen(float w, float low, float high)
{
    float z = BACK - 0.05f;

    box(-w / 2 - 0.05f, low - 0.05f, z, w + 0.1f, high - low + 0.1f, 0.04f, rgb(DARK));
    quad(see(-w / 2, high, z), see(w / 2, high, z), see(w / 2, low, z), see(-w / 2, low, z), rgb(0xffffff),
         rgb(0xdfe6ec), 1);
    for (int i = 0; i < 5; i++) { /* a chart */
        float x = -w / 2 + 0.4f + (w - 0.8f) / 5 * (float)i, top = low + 0.25f + 0.18f * (float)((i * 3) % 5);

        quad(see(x, top, z), see(x + 0.3f, top, z), see(x + 0.3f, low + 0.15f, z), see(x, low + 0.15f, z),
             rgb(0xd65a4a), rgb(0xa8382c), 1);
    }
}

/* ---- rooms ----------------------------------------------------------------------------------- */

static void planks(const struct palette *p)
{
    quad(see(-HALF, 0, BACK), see(HALF, 0, BACK), see(HALF, 0, NEAR), see(-HALF, 0, NEAR), dim(p->floor, 0.80f),
         lighter(p->floor, 0.10f), 1);
    for (int i = 0; i < 20; i++) {
        float x = -HALF + 0.4f * (float)i;

        if (i % 3 != 0)
            quad(see(x, 0, BACK), see(x + 0.4f, 0, BACK), see(x + 0.4f, 0, NEAR), see(x, 0, NEAR),
                 i % 3 == 1 ? rgb(0) : rgb(0xffffff), i % 3 == 1 ? rgb(0) : rgb(0xffffff), 0.05f);
        quad(see(x, 0, BACK), see(x + 0.012f, 0, BACK), see(x + 0.012f, 0, NEAR), see(x, 0, NEAR), rgb(0), rgb(0),
             0.22f);
    }
}

void window(const struct palette *p, float x, float w, float low, float high)
{
    float z = BACK, mid = x + w / 2;
    struct colour frame = rgb(PAPER);

    box(x - 0.07f, low - 0.07f, z - 0.05f, w + 0.14f, high - low + 0.14f, 0.05f, dim(frame, 0.5f + 0.5f * p->light));
    quad(see(x, high, z), see(x + w, high, z), see(x + w, low, z), see(x, low, z), p->sky_high, p->sky_low, 1);
    for (int i = 0; i < 4; i++) { /* roofs outside */
        float left = x + w / 4 * (float)i, top = low + 0.16f + 0.13f * (float)((i * 7 + (int)(x + 9)) % 4);

        quad(see(left, top, z), see(left + w / 4, top, z), see(left + w / 4, low, z), see(left, low, z),
             mix(p->sky_low, rgb(0x4a5a6a), 0.55f), mix(p->sky_low, rgb(0x4a5a6a), 0.8f), 1);
    }
    box(mid - 0.025f, low, z - 0.05f, 0.05f, high - low, 0.03f, dim(frame, 0.45f + 0.5f * p->light));
    box(x - 0.12f, low - 0.14f, z - 0.15f, w + 0.24f, 0.06f, 0.12f, dim(frame, 0.5f + 0.5f * p->light));
    /* what falls in, on the floor before it */
    quad(see(x + 0.3f, 0, z - 1.2f), see(x + w + 0.3f, 0, z - 1.2f), see(x + w + 1.0f, 0, z - 3.6f),
         see(x + 1.0f, 0, z - 3.6f), rgb(0xfff3d0), rgb(0xfff3d0), 0.28f * p->light);
}

void shell(const struct palette *p)
{
    struct colour top = mix(rgb(0xffffff), p->wall, 0.12f), wall = p->wall;

    for (int y = 0; y < H; y++) {
        for (int x = 0; x < W; x++)
            canvas[y][x] = wall;
    }
    quad(see(-HALF, CEILING, BACK), see(HALF, CEILING, BACK), see(HALF, CEILING, NEAR), see(-HALF, CEILING, NEAR),
         dim(top, 0.94f), top, 1);
    quad(see(-HALF, CEILING, BACK), see(-HALF, 0, BACK), see(-HALF, 0, NEAR), see(-HALF, CEILING, NEAR),
         lighter(wall, 0.12f), dim(wall, 0.84f), 1);
    quad(see(HALF, CEILING, BACK), see(HALF, 0, BACK), see(HALF, 0, NEAR), see(HALF, CEILING, NEAR), dim(wall, 0.92f),
         dim(wall, 0.74f), 1);
    quad(see(-HALF, CEILING, BACK), see(HALF, CEILING, BACK), see(HALF, 0, BACK), see(-HALF, 0, BACK),
         lighter(wall, 0.22f), wall, 1);
    planks(p);
    box(-HALF, 0, BACK - 0.03f, 2 * HALF, 0.12f, 0.03f, lighter(wall, 0.6f));
}

/* The corners of a photograph are darker; in the evening all of it is. */
void finish(const struct palette *p)
{
    for (int y = 0; y < H; y++) {
        for (int x = 0; x < W; x++) {
            float dx = (float)x / W - 0.5f, dy = (float)y / H - 0.5f;

            canvas[y][x] = dim(canvas[y][x], (0.62f + 0.38f * p->light) * (1 - 0.45f * (dx * dx + dy * dy)));
        }
    }
}
