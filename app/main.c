/* main.c - the booking application: reads what it was told, opens the store, serves, ends.
 *
 * Reading order: config/ (what was asked), store/ (where the data is), server/ (event loops), web/
 * (requests and answers), work/ (what takes too long for a loop), auth/ (who asks), rooms/ and
 * bookings/ (what this application is about), health/, snapshot/ (what it did just now); routes.c lists the interface.
 * Exit status: 0 after a clean stop, 1 when it cannot run, 2 on a malformed flag. The runtime's own variables were
 * checked before main began.
 */
#include "app/auth/auth.h"
#include "app/config/config.h"
#include "app/config/flags.h"
#include "app/routes.h"
#include "app/server/access_log.h"
#include "app/server/address.h"
#include "app/server/server.h"
#include "app/server/signals.h"
#include "app/snapshot/snapshot.h"
#include "app/store/store.h"
#include "app/workers/work.h"
#include "cruntime.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXIT_USAGE = 2 };

static int fail(int status, const struct failure *err)
{
    fprintf(stderr, "app: %s\n", err->text);
    return status;
}

/* The four lines of the original, with its decimal megabytes, on stdout as there. */
static void print_memstats(void)
{
    struct rt_memstats ms;

    rt_read_memstats(&ms);
    printf("Alloc = %" PRIu64 " MB\nTotalAlloc = %" PRIu64 " MB\nSys = %" PRIu64 " MB\nNumGC = %" PRIu32 "\n",
           ms.Alloc / 1000 / 1000, ms.TotalAlloc / 1000 / 1000, ms.Sys / 1000 / 1000, ms.NumGC);
    fflush(stdout);
}

static int open_store(const struct config *config, bool reseed, struct store **store, struct failure *err)
{
    struct store_options options = {.overbooking = config->overbooking};

    if (store_open(config->dsn, &options, store, err) != 0)
        return -1;
    print_memstats();
    if (store_migrate(*store, reseed, err) != 0) {
        store_close(*store);
        return -1;
    }
    print_memstats();
    return 0;
}

/* What is hashed here takes processors from the event loops: half of them at most, so that a flood
 * of logins leaves the other half to the rest (with one processor, the kernel shares it between the
 * two). A thread hashes some 50 passwords a second. */
static int work_threads(void)
{
    int half = rt_max_procs() / 2;

    return half > 1 ? half : 1;
}

/* Passwords that may wait. At 20 ms each, 256 are 5 s of one thread: a client that waits longer has
 * likely given up and asks again, which would make the queue longer for nothing. Fewer would refuse
 * short bursts that could have been served; each that waits holds one request's few KiB. */
#define WORK_WAITING_MAX 256

/* Profiles at the same time. Each of their threads sleeps for seconds and then works for some
 * milliseconds; with those that hash, two profiles of 30 s would have kept everybody from logging in. One
 * person takes a CPU profile, perhaps heap and mutex beside it; more that wait have likely been forgotten. */
#define DEBUG_THREADS 4
#define DEBUG_WAITING_MAX 16

/* The store goes first, then the workers, then the secret: nothing may still use what goes. */
static int serve_with_auth(const struct config *config, bool reseed, struct server_options *options,
                           const struct auth *auth, struct failure *err)
{
    struct web_site site = {.routes = app_routes,
                            .allowed_origins = config->allowed_origins,
                            .static_folder = config->static_folder,
                            .admit = auth_admit,
                            .auth = auth,
                            .snapshots = options->snapshots,
                            .slow_request_ms = (int64_t)config->slow_request_ms};
    int result = -1;

    options->site = &site;
    if (open_store(config, reseed, &options->store, err) == 0) {
        result = server_run(options, err);
        store_close(options->store);
    }
    return result;
}

static int serve_with_work(const struct config *config, bool reseed, struct server_options *options,
                           struct failure *err)
{
    struct auth *auth;
    int result = -1;

    if (work_start("work", work_threads(), WORK_WAITING_MAX, &options->work, err) != 0)
        return -1;
    if (auth_open(config->secret_key, &auth, err) == 0) {
        result = serve_with_auth(config, reseed, options, auth, err);
        work_stop(options->work);
        auth_close(auth);
    } else {
        work_stop(options->work);
    }
    return result;
}

static int serve_with_debug(const struct config *config, bool reseed, struct server_options *options,
                            struct failure *err)
{
    int result;

    if (work_start("debug", DEBUG_THREADS, DEBUG_WAITING_MAX, &options->debug_work, err) != 0)
        return -1;
    result = serve_with_work(config, reseed, options, err);
    work_stop(options->debug_work);
    return result;
}

/* First and last: requests that turn out slow ask for snapshots until the last loop is gone. */
static int serve_with_snapshots(const struct config *config, bool reseed, struct server_options *options,
                                struct failure *err)
{
    struct snapshot_options snapshots = {.is_on = config->flight_recorder,
                                         .file = config->flight_recorder_file,
                                         .bytes = config->flight_recorder_bytes,
                                         .seconds = config->flight_recorder_seconds};
    int result;

    if (snapshots_start(&snapshots, &options->snapshots, err) != 0)
        return -1;
    result = serve_with_debug(config, reseed, options, err);
    snapshots_stop(options->snapshots);
    return result;
}

/* The port is taken first: an app that was started twice by mistake then ends before it has touched
 * the database. Connections that come meanwhile wait in the kernel's queue. */
static int serve(const struct config *config, const struct address *address, bool reseed, struct failure *err)
{
    int loops = rt_max_procs();
    int *fds = calloc((size_t)loops, sizeof(*fds));
    struct server_options options = {
        .address = address, .listen_fds = fds, .loops = loops, .access_log = config->access_log};
    int result = -1;

    if (fds == NULL)
        return failure_set(err, "out of memory");
    if (signals_open(&options.stop_fd, err) == 0 && address_listen(address, fds, loops, &options.port, err) == 0 &&
        (config->access_log == NULL || access_log_check(config->access_log, err) == 0))
        result = serve_with_snapshots(config, reseed, &options, err);
    free(fds);
    return result;
}

/* --help and its like; whether one was asked for. */
static bool answered(const struct flags *flags)
{
    if (flags->help)
        flags_help(stdout);
    else if (flags->help_env)
        rt_env_help(stdout);
    else if (flags->version)
        printf("coworkingapp %s (managed heap: %s)\n", RT_VERSION, rt_allocator());
    else
        return false;
    return true;
}

int main(int argc, char *argv[])
{
    struct flags flags;
    struct config config;
    struct address address;
    struct failure err;
    int result;

    if (flags_parse(&flags, argc, argv, &err) != 0)
        return fail(EXIT_USAGE, &err);
    if (answered(&flags))
        return 0;
    if (flags.listen != NULL && address_parse(flags.listen, &address) != 0) {
        failure_set(&err, "--listen %.100s: " ADDRESS_WANT, flags.listen);
        return fail(EXIT_USAGE, &err);
    }
    if (config_load(&config, &flags, &err) != 0)
        return fail(EXIT_FAILURE, &err);
    if (address_parse(config.listen, &address) != 0)
        result = failure_set(&err, "%s: \"listen\": %.100s: " ADDRESS_WANT, flags.config, config.listen);
    else if (config_find_static(&config, &err) != 0)
        result = -1;
    else
        result = serve(&config, &address, flags.reseed, &err);
    config_release(&config);
    return result == 0 ? 0 : fail(EXIT_FAILURE, &err);
}
