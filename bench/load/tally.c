/* tally.c - see tally.h. The report has hey's parts and order; times are in milliseconds, as a
 * booking here takes a fraction of one.
 */
#include "bench/load/tally.h"

#include "bench/load/clock.h"

#include <inttypes.h>
#include <string.h>

#define BARS 11
#define BAR_WIDTH 40

static const struct tally_sample *find(const struct tally *tally, int status)
{
    for (unsigned i = 0; i < tally->n_samples; i++) {
        if (tally->samples[i].status == status)
            return &tally->samples[i];
    }
    return NULL;
}

static void keep_sample(struct tally *tally, int status, const char *message)
{
    struct tally_sample *sample;

    if (message == NULL || tally->n_samples == TALLY_SAMPLES || find(tally, status) != NULL)
        return;
    sample = &tally->samples[tally->n_samples++];
    sample->status = status;
    snprintf(sample->message, sizeof(sample->message), "%s", message);
}

void tally_count(struct tally *tally, int status, const char *message)
{
    if (status < 0 || status >= TALLY_STATUSES)
        status = TALLY_NO_ANSWER;
    tally->counts[status]++;
    keep_sample(tally, status, message);
}

void tally_add(struct tally *tally, const struct tally *other)
{
    histogram_add(&tally->latency, &other->latency);
    for (int i = 0; i < TALLY_STATUSES; i++)
        tally->counts[i] += other->counts[i];
    for (unsigned i = 0; i < other->n_samples; i++)
        keep_sample(tally, other->samples[i].status, other->samples[i].message);
}

static double ms(uint64_t ns)
{
    return (double)ns / (double)NS_PER_MS;
}

static void summary(const struct tally *tally, const struct tally_run *run, FILE *out)
{
    const struct histogram *latency = &tally->latency;
    double seconds = (double)run->elapsed_ns / (double)NS_PER_S;

    fprintf(out, "\nSummary:\n  Bookings:\t%" PRIu64 " of %" PRIu64 "\n  Workers:\t%u\n  Total:\t%.4f secs\n",
            tally->counts[201], run->wanted, run->workers, seconds);
    if (latency->count != 0)
        fprintf(out, "  Slowest:\t%.3f ms\n  Fastest:\t%.3f ms\n  Average:\t%.3f ms\n", ms(latency->greatest_ns),
                ms(latency->least_ns), ms(latency->sum_ns / latency->count));
    fprintf(out, "  Bookings/sec:\t%.1f\n", seconds > 0 ? (double)tally->counts[201] / seconds : 0.0);
}

/* As hey's: the first bar is the fastest alone, the others share the way to the slowest evenly. */
static void bars(const struct histogram *latency, FILE *out)
{
    uint64_t counts[BARS];
    uint64_t marks_ns[BARS];
    uint64_t before = 0;
    uint64_t most = 1;

    for (unsigned i = 0; i < BARS; i++) {
        uint64_t up_to;

        marks_ns[i] = latency->least_ns + (latency->greatest_ns - latency->least_ns) * i / (BARS - 1);
        up_to = histogram_up_to(latency, marks_ns[i]);
        counts[i] = up_to - before;
        before = up_to;
        if (counts[i] > most)
            most = counts[i];
    }
    fputs("\nResponse time histogram:\n", out);
    for (unsigned i = 0; i < BARS; i++) {
        fprintf(out, "  %.3f ms [%" PRIu64 "]\t|", ms(marks_ns[i]), counts[i]);
        for (uint64_t j = 0; j < (counts[i] * BAR_WIDTH + most / 2) / most; j++)
            fputs("■", out);
        fputc('\n', out);
    }
}

static void distribution(const struct histogram *latency, FILE *out)
{
    static const double percents[] = {10, 25, 50, 75, 90, 95, 99, 99.9};

    fputs("\nLatency distribution:\n", out);
    for (unsigned i = 0; i < sizeof(percents) / sizeof(percents[0]); i++)
        fprintf(out, "  %g%% in %.3f ms\n", percents[i], ms(histogram_percentile(latency, percents[i])));
    fprintf(out, "  max in %.3f ms\n", ms(latency->greatest_ns));
}

static void statuses(const struct tally *tally, FILE *out)
{
    fputs("\nStatus code distribution:\n", out);
    for (int status = 0; status < TALLY_STATUSES; status++) {
        const struct tally_sample *sample = find(tally, status);

        if (tally->counts[status] == 0)
            continue;
        if (status == TALLY_NO_ANSWER || status == TALLY_NO_ID)
            fprintf(out, "  [no %s]\t%" PRIu64 " requests", status == TALLY_NO_ID ? "id" : "answer",
                    tally->counts[status]);
        else
            fprintf(out, "  [%d]\t%" PRIu64 " responses", status, tally->counts[status]);
        fprintf(out, "%s%s\n", sample != NULL ? ", such as: " : "", sample != NULL ? sample->message : "");
    }
}

void tally_report(const struct tally *tally, const struct tally_run *run, FILE *out)
{
    summary(tally, run, out);
    if (tally->latency.count != 0) {
        bars(&tally->latency, out);
        distribution(&tally->latency, out);
    }
    statuses(tally, out);
}
