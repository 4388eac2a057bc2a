/* seed.c - the three rooms and the user of the original application (see seed.h). */
#include "app/store/seed.h"

const struct seed_room seed_rooms[] = {
    {.id = "79ca06f8-1163-48e8-b279-23fca5669623",
     .name = "Green",
     .cost = 12.5,
     .number_of_seats = 4,
     .category = "Open Space",
     .main_photo = "/green_0001.jpg",
     .photos = {"/green_0002.jpg", "/green_0003.jpg"}},
    {.id = "e6cc9546-52a1-45bc-8e0c-9af9a2b235c1",
     .name = "Red",
     .cost = 100,
     .number_of_seats = 50,
     .category = "Conference Hall",
     .main_photo = "/red_0001.jpg",
     .photos = {"/red_0002.jpg"}},
    {.id = "2b34dd2e-7ea4-45f8-a330-30e3fcaf3cc2",
     .name = "Yellow",
     .cost = 4.5,
     .number_of_seats = 1,
     .category = "Shared Desk",
     .main_photo = "/yellow_0001.jpg",
     .photos = {"/yellow_0002.jpg", "/yellow_0003.jpg", "/yellow_0004.jpg"}},
};

const size_t seed_rooms_count = sizeof(seed_rooms) / sizeof(seed_rooms[0]);

const struct store_user seed_user = {
    .id = "b6d2d9ad-3363-4c0b-aaf9-5b86d4ed6f31",
    .email = "ipesenti@sorint.com",
    .username = "ipesenti",
    .password = "$y$j9T$Pu7.j/DFSEyZL1RpIrlPD/$onUsuxM.gKxV4/umjmoSagxR657aNpa.NclrBZZ0Qo.",
};
