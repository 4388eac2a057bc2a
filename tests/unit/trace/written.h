/* written.h - what tests ask of a trace that was written: which texts are in it. */
#ifndef TESTS_TRACE_WRITTEN_H
#define TESTS_TRACE_WRITTEN_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* A file without a name; the caller closes it. */
static inline int written_new(void)
{
    char path[] = "/tmp/cruntime-trace.XXXXXX";
    int fd = mkostemp(path, 0);
    assert_true(fd >= 0);
    assert_int_equal(unlink(path), 0);
    return fd;
}

/* All of it, with a NUL behind it; malloc'd. */
static inline char *written_text(int fd, size_t *len)
{
    struct stat stat;
    assert_int_equal(fstat(fd, &stat), 0);
    char *text = malloc((size_t)stat.st_size + 1);
    assert_non_null(text);
    assert_int_equal(pread(fd, text, (size_t)stat.st_size, 0), stat.st_size);
    text[stat.st_size] = '\0';
    *len = (size_t)stat.st_size;
    return text;
}

static inline size_t written_count(int fd, const char *words)
{
    size_t len, n = 0;
    char *text = written_text(fd, &len);
    for (const char *at = text; (at = memmem(at, len - (size_t)(at - text), words, strlen(words))) != NULL; at++) {
        n++;
    }
    free(text);
    return n;
}

static inline bool written_has(int fd, const char *words)
{
    return written_count(fd, words) > 0;
}

static inline double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

#endif
