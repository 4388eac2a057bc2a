/* furniture.h - what stands in the rooms, and the rooms themselves without it. */
#ifndef APP_IMGS_FURNITURE_H
#define APP_IMGS_FURNITURE_H

#include "app/imgs/shapes.h"

/* The room's far wall; it is eight metres wide and three high. */
#define BACK 8.5f

struct palette {
    struct colour wall, floor, sky_high, sky_low;
    float light; /* of the day: 1 noon */
};

/* shell - floor, walls and ceiling. finish - the last touch over all of the picture. */
void shell(const struct palette *p);
void finish(const struct palette *p);

void table(float x, float z, float w, float d, struct colour c);
/* away: whether its back is to the eye */
void chair(float x, float z, int away, struct colour c);
void monitor(float x, float z);
void laptop(float x, float z);
void plant(float x, float z, float size);
void books(float x, float y, float z, int n);
void shelf(float x, float z, float w, int rows);
void sofa(float x, float z, float w, struct colour c);
void desk_lamp(float x, float z, int lit);
void hanging_lamp(float x, float z, struct colour c);
void screen(float w, float low, float high);
void window(const struct palette *p, float x, float w, float low, float high);

extern const unsigned WOOD, PAPER, DARK; /* colours */

#endif
