/* shapes.h - what the pictures are made of: colours, and shapes in a small perspective view.
 *
 * World: metres, x to the right, y up from the floor, z away from the eye. A shape hides what was
 * drawn before it, so a scene draws from the back to the front.
 */
#ifndef APP_IMGS_SHAPES_H
#define APP_IMGS_SHAPES_H

#define WIDTH 640
#define HEIGHT 400
#define SCALE 2 /* drawn at so many times the size and averaged down, which smooths all edges */
#define W (WIDTH * SCALE)
#define H (HEIGHT * SCALE)

/* The eye's height. */
#define EYE 1.65f

struct colour {
    float r, g, b;
};
struct point {
    float x, y;
};

extern struct colour canvas[H][W];

struct colour rgb(unsigned hex);
struct colour mix(struct colour a, struct colour b, float t);
struct colour dim(struct colour c, float by);
struct colour lighter(struct colour c, float by);

/* see - where on the canvas a place of the world is. */
struct point see(float x, float y, float z);

/* quad - four corners, going over from one colour at the upper edge to another at the lower. */
void quad(struct point a, struct point b, struct point c, struct point d, struct colour upper, struct colour lower,
          float alpha);

/* blob - an ellipse around a place, its radii in metres there; soft fades it to its rim. */
void blob(float x, float y, float z, float rx, float ry, struct colour c, float alpha, int soft);

/* box - by its lower left front corner and its size. Light comes from above, a little from the left. */
void box(float x, float y, float z, float w, float h, float d, struct colour c);

/* shadow - on the floor, under what stands there. */
void shadow(float x, float z, float rx, float rz);

#endif
