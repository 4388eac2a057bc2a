/* shapes.c - see shapes.h. */
#include "app/imgs/shapes.h"

#include <math.h>

/* The view: how strongly things shrink with distance, and where the horizon lies. */
#define FOCUS (500.0f * SCALE)
#define HORIZON (165.0f * SCALE)

struct colour canvas[H][W];

/* ---- colours --------------------------------------------------------------------------------- */

struct colour rgb(unsigned hex)
{
    return (struct colour){(float)(hex >> 16 & 255), (float)(hex >> 8 & 255), (float)(hex & 255)};
}

struct colour mix(struct colour a, struct colour b, float t)
{
    return (struct colour){a.r + (b.r - a.r) * t, a.g + (b.g - a.g) * t, a.b + (b.b - a.b) * t};
}

struct colour dim(struct colour c, float by)
{
    return mix(rgb(0), c, by);
}

struct colour lighter(struct colour c, float by)
{
    return mix(c, rgb(0xffffff), by);
}

/* ---- shapes ---------------------------------------------------------------------------------- */

struct point see(float x, float y, float z)
{
    return (struct point){W / 2.0f + FOCUS * x / z, HORIZON - FOCUS * (y - EYE) / z};
}

static int clamp(float v, int max)
{
    return v < 0 ? 0 : v > (float)max ? max : (int)v;
}

/* Whether a horizontal line to the right crosses the outline an odd number of times. */
static int inside(const struct point *p, int n, float x, float y)
{
    int in = 0;

    for (int i = 0, j = n - 1; i < n; j = i++) {
        if ((p[i].y > y) != (p[j].y > y) && x < (p[j].x - p[i].x) * (y - p[i].y) / (p[j].y - p[i].y) + p[i].x)
            in = !in;
    }
    return in;
}

/* A polygon that goes over from one colour at its upper edge to another at its lower, with alpha. */
static void polygon(const struct point *p, int n, struct colour upper, struct colour lower, float alpha)
{
    float left = W, right = 0, top = H, bottom = 0;

    for (int i = 0; i < n; i++) {
        left = fminf(left, p[i].x);
        right = fmaxf(right, p[i].x);
        top = fminf(top, p[i].y);
        bottom = fmaxf(bottom, p[i].y);
    }
    for (int y = clamp(top, H); y < clamp(bottom + 1, H); y++) {
        float t = ((float)y - top) / (bottom - top + 1);
        struct colour c = mix(upper, lower, fminf(fmaxf(t, 0), 1));

        for (int x = clamp(left, W); x < clamp(right + 1, W); x++) {
            if (inside(p, n, (float)x + 0.5f, (float)y + 0.5f))
                canvas[y][x] = mix(canvas[y][x], c, alpha);
        }
    }
}

void quad(struct point a, struct point b, struct point c, struct point d, struct colour upper, struct colour lower,
          float alpha)
{
    polygon((struct point[]){a, b, c, d}, 4, upper, lower, alpha);
}

void blob(float x, float y, float z, float rx, float ry, struct colour c, float alpha, int soft)
{
    struct point at = see(x, y, z);
    float w = FOCUS * rx / z, h = FOCUS * ry / z;

    for (int v = clamp(at.y - h, H); v < clamp(at.y + h + 1, H); v++) {
        for (int u = clamp(at.x - w, W); u < clamp(at.x + w + 1, W); u++) {
            float dx = ((float)u - at.x) / w, dy = ((float)v - at.y) / h, far = dx * dx + dy * dy;

            if (far < 1) {
                struct colour here = soft ? c : mix(lighter(c, 0.18f), dim(c, 0.8f), (dx + dy + 1.4f) / 2.8f);
                canvas[v][u] = mix(canvas[v][u], here, soft ? alpha * (1 - far) * (1 - far) : alpha);
            }
        }
    }
}

void box(float x, float y, float z, float w, float h, float d, struct colour c)
{
    float r = x + w, t = y + h, b = z + d;

    if (t < EYE)
        quad(see(x, t, z), see(r, t, z), see(r, t, b), see(x, t, b), lighter(c, 0.10f), lighter(c, 0.25f), 1);
    if (y > EYE)
        quad(see(x, y, z), see(r, y, z), see(r, y, b), see(x, y, b), dim(c, 0.5f), dim(c, 0.45f), 1);
    if (x > 0)
        quad(see(x, y, z), see(x, y, b), see(x, t, b), see(x, t, z), dim(c, 0.78f), dim(c, 0.62f), 1);
    if (r < 0)
        quad(see(r, y, z), see(r, y, b), see(r, t, b), see(r, t, z), dim(c, 0.68f), dim(c, 0.52f), 1);
    quad(see(x, y, z), see(r, y, z), see(r, t, z), see(x, t, z), c, dim(c, 0.84f), 1);
}

void shadow(float x, float z, float rx, float rz)
{
    blob(x, 0.0f, z, rx, rz * EYE / z * 0.9f, rgb(0x201810), 0.45f, 1);
}
