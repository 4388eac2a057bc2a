/* tally.h - what became of the bookings, and the report about it. */
#ifndef BENCH_LOAD_TALLY_H
#define BENCH_LOAD_TALLY_H

#include "bench/load/api.h"
#include "bench/load/histogram.h"

#include <stdint.h>
#include <stdio.h>

/* Statuses of HTTP, and two of our own: no answer came, or it said 201 and nothing more. */
#define TALLY_STATUSES 600
#define TALLY_NO_ANSWER 0
#define TALLY_NO_ID 1
#define TALLY_SAMPLES 8 /* more kinds of refusal than the server has */

/* One a worker; zeroed at first. */
struct tally {
    struct histogram latency; /* of answered requests */
    uint64_t counts[TALLY_STATUSES];
    struct tally_sample {
        int status;
        char message[API_MESSAGE_SIZE];
    } samples[TALLY_SAMPLES];
    unsigned n_samples;
};

/* tally_count - one booking. The first message of each status is kept; NULL: there is none. */
void tally_count(struct tally *tally, int status, const char *message);

void tally_add(struct tally *tally, const struct tally *other);

/* How the run was. */
struct tally_run {
    uint64_t wanted;
    unsigned workers;
    uint64_t elapsed_ns;
};

void tally_report(const struct tally *tally, const struct tally_run *run, FILE *out);

#endif
