/* cpu.c - the processor's name out of /proc/cpuinfo, as `go test` prints it (internal/sysinfo).
 *
 * Pure: text in, name out. benchstat warns of two runs whose names differ, so it must be Go's to the letter.
 */
#include "bench/harness/cpu.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* The value behind `key : ` where a line begins with key, or NULL; its length goes to *length. */
static const char *cpuinfo_value(const char *text, const char *key, size_t *length)
{
    for (const char *line = text; line && *line; line = strchr(line, '\n'), line = line ? line + 1 : NULL) {
        const char *end = line + strcspn(line, "\n");
        size_t skipped = strlen(key);
        if (strncasecmp(line, key, skipped) != 0) {
            continue;
        }
        const char *value = line + skipped + strspn(line + skipped, " \t");
        if (*value != ':') {
            continue;
        }
        value += 1 + strspn(value + 1, " \t");
        while (end > value && (end[-1] == ' ' || end[-1] == '\t')) {
            end--;
        }
        *length = (size_t)(end - value);
        return end > value ? value : NULL;
    }
    return NULL;
}

bool rt__bench_cpu_name(const char *cpuinfo, bool with_mhz, char *buf, size_t size)
{
    size_t name_length, mhz_length;
    const char *name = cpuinfo_value(cpuinfo, "model name", &name_length);
    if (!name) {
        return false;
    }
    snprintf(buf, size, "%.*s", (int)name_length, name);
    const char *mhz = cpuinfo_value(cpuinfo, "cpu MHz", &mhz_length);
    if (with_mhz && mhz && !strstr(buf, "GHz") && !strstr(buf, "MHz")) {
        snprintf(buf, size, "%.*s @ %.*sMHz", (int)name_length, name, (int)mhz_length, mhz);
    }
    return true;
}
