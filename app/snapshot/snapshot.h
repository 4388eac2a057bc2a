/* snapshot.h - the flight recorder's last seconds in a file: at GET /trace, at SIGUSR2, and after a slow request.
 *
 * All three write the same file, which is replaced as a whole: whoever opens it finds one snapshot or another.
 */
#ifndef APP_SNAPSHOT_SNAPSHOT_H
#define APP_SNAPSHOT_SNAPSHOT_H

#include "app/failure.h"

#include <stdbool.h>
#include <stdint.h>

struct snapshots;

struct snapshot_options {
    bool is_on; /* without, nothing is recorded, and whoever asks is told so */
    const char *file;
    uint64_t bytes;   /* of memory, at most; 0: the runtime's choice */
    uint64_t seconds; /* that are looked back on; 0: the runtime's choice */
};

/* snapshots_start - recording begins, and so does a thread that writes for those who cannot wait. From here on SIGUSR2
 * asks for a snapshot. options and what they point at must outlive it. Returns 0, or -1 with *err filled. One at
 * a time. */
int snapshots_start(const struct snapshot_options *options, struct snapshots **out, struct failure *err);

/* snapshots_stop - writes what has been asked for, and ends recording. */
void snapshots_stop(struct snapshots *snapshots);

enum snapshot_status {
    SNAPSHOT_WRITTEN,
    SNAPSHOT_OFF,
    SNAPSHOT_FAILED,
};

struct snapshot {
    enum snapshot_status status;
    const char *file;
    uint64_t bytes;     /* of SNAPSHOT_WRITTEN */
    struct failure why; /* of all others: one line that says why */
};

/* snapshot_write - writes one on the calling thread, which takes some 100 ms; twice that when another is being written.
 * From any thread. */
void snapshot_write(struct snapshots *snapshots, struct snapshot *out);

/* snapshot_after_slow - a request has taken long: asks for a snapshot, and for a line about it, unless one was asked
 * for in the last ten seconds. From any thread, without waiting. route must outlive the snapshots. */
void snapshot_after_slow(struct snapshots *snapshots, const char *route, int64_t ms);

#endif
