/* main.c - the benchmark ParsingJsonFile: a file of rooms is opened, read and parsed into structs, through yajl.
 *
 *     bench/json -bench=.               whole (Unmarshal) and in pieces (Decoder); 1, 999 and 9999 rooms; and
 *                                       ReadingJsonFile, the same files only read
 *     bench/json write FOLDER           only writes the files, for a peer to read
 *     bench/json peak FILE              memory at most while FILE is read in pieces, and the result's
 *
 * Names, package and files are those of bench/peers/go/json, which does the same with encoding/json, so benchstat
 * (-ignore heap, a line that Go has not) compares the two. The files are those of $ROOMS_FOLDER when that is set, else
 * made for the run in a folder of its own. Each turn ends with a look at the number of rooms: a parser that stops early
 * would be a fast one.
 */
#include <errno.h>
#include <inttypes.h>
#include <rt_bench.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/json/file.h"
#include "bench/json/peak.h"
#include "bench/json/rooms.h"
#include "runtime/cruntime.h"

#define CASES 3

enum way { WHOLE, STREAMED, ONLY_READ };

struct rooms_case {
    size_t count;
    const char *name;
    enum way way;
    char path[512];
    double peak; /* over the result's bytes; 0: not measured yet */
};

static const struct {
    size_t count;
    const char *name;
} sizes[CASES] = {{1, "1"}, {999, "999"}, {9999, "9999"}};

static char made_folder[] = "/tmp/bench-json.XXXXXX"; /* once mkdtemp has been here */
static const char *folder;

static void path_of(char *out, size_t size, const char *in, const char *name)
{
    snprintf(out, size, "%s/rooms_%s.json", in, name);
}

static int complain(const char *what)
{
    fprintf(stderr, "bench/json: %s: %s\n", what, strerror(errno));
    return 1;
}

static int write_files(const char *into)
{
    for (size_t i = 0; i < CASES; i++) {
        char path[512];
        path_of(path, sizeof(path), into, sizes[i].name);
        FILE *out = fopen(path, "w");
        if (!out) {
            return complain(path);
        }
        rooms_write_seeds(out, sizes[i].count);
        bool failed = ferror(out);
        if (fclose(out) != 0 || failed) {
            return complain(path);
        }
    }
    return 0;
}

static void remove_files(void)
{
    for (size_t i = 0; i < CASES; i++) {
        char path[512];
        path_of(path, sizeof(path), made_folder, sizes[i].name);
        unlink(path);
    }
    rmdir(made_folder);
}

static int find_files(void)
{
    folder = getenv("ROOMS_FOLDER");
    if (folder) {
        return 0;
    }
    folder = mkdtemp(made_folder);
    if (!folder) {
        return complain(made_folder);
    }
    atexit(remove_files);
    return write_files(folder);
}

static bool read_one(const struct rooms_case *c, struct rt_scope *scope, struct rooms *rooms, char *error)
{
    switch (c->way) {
    case WHOLE:
        return rooms_read_whole(scope, c->path, rooms, error);
    case STREAMED:
        return rooms_read_stream(scope, c->path, rooms, error, NULL, NULL);
    default:
        rooms->count = c->count;
        return rooms_read_only(scope, c->path, error);
    }
}

static void turns(struct rt_bench *b)
{
    struct rooms_case *c = rt_bench_arg(b);
    char error[ROOMS_ERROR_BYTES];
    struct rooms_peak peak;
    path_of(c->path, sizeof(c->path), folder, c->name);
    if (c->way == STREAMED && c->peak == 0) {
        if (!rooms_measure_peak(c->path, &peak, error)) {
            rt_bench_fatalf(b, "%s", error);
        }
        c->peak = (double)peak.peak_bytes / (double)peak.result_bytes;
    }
    rt_bench_report_allocs(b);
    rt_bench_reset_timer(b);
    for (int64_t i = 0; i < rt_bench_n(b); i++) {
        struct rt_scope *scope = rt_scope_begin();
        struct rooms rooms;
        if (!read_one(c, scope, &rooms, error)) {
            rt_bench_fatalf(b, "%s", error);
        }
        if (rooms.count != c->count) {
            rt_bench_fatalf(b, "%s has %zu rooms, wanted %zu", c->path, rooms.count, c->count);
        }
        rt_scope_end(scope);
    }
    rt_bench_stop_timer(b);
    if (c->way == STREAMED) {
        rt_bench_report_metric(b, c->peak, "peak/result");
    }
}

static void each_size(struct rt_bench *b)
{
    struct rooms_case *cases = rt_bench_arg(b);
    for (size_t i = 0; i < CASES; i++) {
        cases[i].name = sizes[i].name;
        cases[i].count = sizes[i].count;
        rt_bench_run(b, sizes[i].name, turns, &cases[i]);
    }
}

RT_BENCHMARK(ParsingJsonFile)
{
    static struct rooms_case whole[CASES], streamed[CASES];
    for (size_t i = 0; i < CASES; i++) {
        streamed[i].way = STREAMED;
    }
    rt_bench_run(b, "Unmarshal", each_size, whole);
    rt_bench_run(b, "Decoder", each_size, streamed);
}

RT_BENCHMARK(ReadingJsonFile)
{
    static struct rooms_case cases[CASES];
    for (size_t i = 0; i < CASES; i++) {
        cases[i].way = ONLY_READ;
    }
    rt_bench_run(b, "ReadFile", each_size, cases);
}

static int print_peak(const char *path)
{
    char error[ROOMS_ERROR_BYTES];
    struct rooms_peak peak;
    if (!rooms_measure_peak(path, &peak, error)) {
        fprintf(stderr, "bench/json: %s\n", error);
        return 1;
    }
    printf("peak rooms=%" PRIu64 " peak_bytes=%" PRIu64 " result_bytes=%" PRIu64 "\n", peak.rooms, peak.peak_bytes,
           peak.result_bytes);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "write") == 0) {
        return write_files(argv[2]);
    }
    if (argc == 3 && strcmp(argv[1], "peak") == 0) {
        return print_peak(argv[2]);
    }
    int failed = find_files();
    rt_bench_config("heap", rt_allocator());
    return failed ? failed : rt_bench_main(argc, argv, "cruntime/bench/json");
}
