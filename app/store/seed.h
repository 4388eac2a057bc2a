/* seed.h - the data that an empty database begins with. Every store inserts the same rows, in this
 * order, which is also the order in which rooms are listed.
 */
#ifndef APP_STORE_SEED_H
#define APP_STORE_SEED_H

#include "app/store/store.h"

#include <stddef.h>

#define SEED_PHOTOS_MAX 4

struct seed_room {
    const char *id;
    const char *name;
    double cost;
    int number_of_seats;
    const char *category;
    const char *main_photo;
    const char *photos[SEED_PHOTOS_MAX]; /* ends at the first NULL */
};

extern const struct seed_room seed_rooms[];
extern const size_t seed_rooms_count;

/* The one user, whose password is "abcd1234!!". It is in every copy of this program, so its hash is
 * no secret either and needs no salt of its own. */
extern const struct store_user seed_user;

#endif
