/* labels.h - sets of labels, and the one that a thread works under (cruntime.h, "profiles"). */
#ifndef RT_PROFILE_LABELS_H
#define RT_PROFILE_LABELS_H

#include <stddef.h>
#include <stdint.h>

struct rt_labels {
    struct rt_labels *next; /* of all */
    uint32_t n;             /* pairs */
    struct {
        const char *key, *value;
    } pairs[];
};

/* The calling thread's. A plain read of a thread variable: good in signal handlers and inside malloc. */
extern __thread const struct rt_labels *rt__labels_now __attribute__((tls_model("initial-exec")));

#endif
