/* config.c - see config.h.
 *
 * The JSON is read by yajl's callbacks with a small state (are we inside the object, which key was
 * the last), not by yajl_tree: nothing is built that would have to be walked and freed, and an
 * unexpected value is refused at its own line.
 */
#include "app/config/config.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_parse.h>

/* A configuration is a few hundred bytes. Higher would only mean more memory taken by a file that
 * was named by mistake. */
#define FILE_MAX_BYTES (64 * 1024)

/* The flight recorder's memory: the least that the runtime takes, and a size that a snapshot, which holds it all
 * at once, can still be made of. 20,000 GET /rooms record 2.7 MB. */
#define RECORDER_MIN_BYTES (64 * 1024)
#define RECORDER_MAX_BYTES (1024 * 1024 * 1024)

#define FIELD(name) offsetof(struct config, name)

enum kind { TEXT, SECRET, SWITCH, NUMBER };

static const struct key {
    const char *name;
    enum kind kind;
    size_t offset;     /* char *, bool of a SWITCH, or uint64_t of a NUMBER */
    uint64_t min, max; /* of a NUMBER */
} keys[] = {
    {"dsn", TEXT, FIELD(dsn), 0, 0},
    {"listen", TEXT, FIELD(listen), 0, 0},
    {"allowed_origins", TEXT, FIELD(allowed_origins), 0, 0},
    {"secret_key", SECRET, FIELD(secret_key), 0, 0},
    {"overbooking", SWITCH, FIELD(overbooking), 0, 0},
    {"static", TEXT, FIELD(static_folder), 0, 0},
    {"access_log", TEXT, FIELD(access_log), 0, 0},
    {"flight_recorder", SWITCH, FIELD(flight_recorder), 0, 0},
    {"flight_recorder_file", TEXT, FIELD(flight_recorder_file), 0, 0},
    {"flight_recorder_bytes", NUMBER, FIELD(flight_recorder_bytes), RECORDER_MIN_BYTES, RECORDER_MAX_BYTES},
    {"flight_recorder_seconds", NUMBER, FIELD(flight_recorder_seconds), 1, 3600},
    {"slow_request_ms", NUMBER, FIELD(slow_request_ms), 0, 3600 * 1000},
};

#define KEYS (sizeof(keys) / sizeof(keys[0]))

struct reader {
    struct config *config;
    const char *where;
    struct failure *err;
    const struct key *key; /* whose value comes next; NULL outside the object */
    bool seen[KEYS];
    bool inside;
};

/* yajl's callbacks return 0 to stop; failure_set's -1 becomes that. */
static int stop(int failed)
{
    return failed == 0;
}

static int wrong_type(struct reader *r, const char *got)
{
    const struct key *key = r->key;

    if (key == NULL)
        return stop(failure_set(r->err, "%s: want a JSON object, got %s", r->where, got));
    if (key->kind == NUMBER)
        return stop(failure_set(r->err, "%s: \"%s\" must be an integer from %" PRIu64 " to %" PRIu64 ", got %s",
                                r->where, key->name, key->min, key->max, got));
    return stop(failure_set(r->err, "%s: \"%s\" must be %s, got %s", r->where, key->name,
                            key->kind == SWITCH ? "true or false" : "a string", got));
}

static int on_null(void *r)
{
    return wrong_type(r, "null");
}

static int on_boolean(void *arg, int value)
{
    struct reader *r = arg;

    if (r->key == NULL || r->key->kind != SWITCH)
        return wrong_type(r, "a boolean");
    *(bool *)((char *)r->config + r->key->offset) = value != 0;
    return 1;
}

/* More than in any range, and few enough for 64 bits. */
#define DIGITS_MAX 18

/* Digits alone, so no sign, no fraction and no exponent: 1e3 is likelier a slip than a thousand. */
static bool parse_integer(const char *digits, size_t len, uint64_t *value)
{
    *value = 0;
    for (size_t i = 0; i < len; i++) {
        if (digits[i] < '0' || digits[i] > '9' || i == DIGITS_MAX)
            return false;
        *value = *value * 10 + (uint64_t)(digits[i] - '0');
    }
    return true;
}

static int on_number(void *arg, const char *digits, size_t len)
{
    struct reader *r = arg;
    uint64_t value;
    char got[32];

    if (r->key == NULL || r->key->kind != NUMBER)
        return wrong_type(r, "a number");
    if (!parse_integer(digits, len, &value) || value < r->key->min || value > r->key->max) {
        snprintf(got, sizeof(got), "%.*s", (int)(len < sizeof(got) ? len : sizeof(got) - 1), digits);
        return wrong_type(r, got);
    }
    *(uint64_t *)((char *)r->config + r->key->offset) = value;
    return 1;
}

static int on_start_array(void *r)
{
    return wrong_type(r, "an array");
}

static int on_start_map(void *arg)
{
    struct reader *r = arg;

    if (r->inside)
        return wrong_type(r, "an object");
    r->inside = true;
    return 1;
}

static int unknown_key(const struct reader *r, const char *name, size_t len)
{
    char known[320] = "";
    size_t used = 0;

    for (size_t i = 0; i < KEYS; i++) {
        const char *before = i == 0 ? "" : i == KEYS - 1 ? " or " : ", ";

        used += (size_t)snprintf(known + used, sizeof(known) - used, "%s%s", before, keys[i].name);
        assert(used < sizeof(known)); /* of the table above alone */
    }
    return stop(
        failure_set(r->err, "%s: unknown key \"%.*s\": want %s", r->where, len > 60 ? 60 : (int)len, name, known));
}

static int on_map_key(void *arg, const unsigned char *name, size_t len)
{
    struct reader *r = arg;

    for (size_t i = 0; i < KEYS; i++) {
        if (strlen(keys[i].name) != len || memcmp(keys[i].name, name, len) != 0)
            continue;
        if (r->seen[i])
            return stop(failure_set(r->err, "%s: \"%s\" is given twice", r->where, keys[i].name));
        r->seen[i] = true;
        r->key = &keys[i];
        return 1;
    }
    return unknown_key(r, (const char *)name, len);
}

/* The texts end up in a header, an address or a file name, where a control character is never meant
 * and could split a header line. */
static bool is_plain(const unsigned char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (text[i] < 0x20 || text[i] == 0x7f)
            return false;
    }
    return len != 0;
}

/* Not strndup: a secret may hold a NUL byte. */
static char *copy_of(const unsigned char *text, size_t len)
{
    char *copy = malloc(len + 1);

    if (copy != NULL) {
        memcpy(copy, text, len);
        copy[len] = '\0';
    }
    return copy;
}

static int on_string(void *arg, const unsigned char *text, size_t len)
{
    struct reader *r = arg;
    char **field;

    if (r->key == NULL || (r->key->kind != TEXT && r->key->kind != SECRET))
        return wrong_type(r, "a string");
    if (r->key->kind == SECRET && len != CONFIG_SECRET_BYTES)
        return stop(failure_set(r->err, "%s: \"%s\" must be a string of exactly %d bytes, and this one has %zu",
                                r->where, r->key->name, CONFIG_SECRET_BYTES, len));
    if (r->key->kind == TEXT && !is_plain(text, len))
        return stop(failure_set(r->err, "%s: \"%s\" must be a string of at least one character and none of control",
                                r->where, r->key->name));
    field = (char **)((char *)r->config + r->key->offset);
    free(*field);
    *field = copy_of(text, len);
    return *field != NULL ? 1 : stop(failure_set(r->err, "%s: out of memory", r->where));
}

/* yajl's own one-liner with the line where it stopped; the verbose form has three lines. */
static int syntax_failure(const struct reader *r, yajl_handle parser, const char *text, size_t len)
{
    unsigned char *message = yajl_get_error(parser, 0, NULL, 0);
    size_t consumed = yajl_get_bytes_consumed(parser);
    unsigned line = 1;

    for (size_t i = 0; i < consumed && i < len; i++)
        line += text[i] == '\n';
    failure_set(r->err, "%s: not JSON: line %u: %s", r->where, line, message != NULL ? (const char *)message : "");
    yajl_free_error(parser, message);
    return -1;
}

int config_parse(struct config *c, const char *where, const char *text, size_t len, struct failure *err)
{
    static const yajl_callbacks callbacks = {.yajl_null = on_null,
                                             .yajl_boolean = on_boolean,
                                             .yajl_number = on_number,
                                             .yajl_string = on_string,
                                             .yajl_start_map = on_start_map,
                                             .yajl_map_key = on_map_key,
                                             .yajl_start_array = on_start_array};
    struct reader r = {.config = c, .where = where, .err = err};
    yajl_handle parser = yajl_alloc(&callbacks, NULL, &r);
    yajl_status status;
    int result = 0;

    if (parser == NULL)
        return failure_set(err, "%s: out of memory", where);
    status = yajl_parse(parser, (const unsigned char *)text, len);
    if (status == yajl_status_ok)
        status = yajl_complete_parse(parser);
    if (status == yajl_status_client_canceled)
        result = -1;
    else if (status != yajl_status_ok)
        result = syntax_failure(&r, parser, text, len);
    else if (!r.inside)
        result = failure_set(err, "%s: not JSON: the file is empty", where);
    yajl_free(parser);
    return result;
}

static int parse_file(struct config *c, const char *path, FILE *file, char *text, struct failure *err)
{
    size_t len;

    setvbuf(file, NULL, _IONBF, 0); /* a buffer would keep a copy of the secret */
    len = fread(text, 1, FILE_MAX_BYTES + 1, file);
    if (ferror(file))
        return failure_set(err, "%s: %s", path, strerror(errno));
    if (len > FILE_MAX_BYTES)
        return failure_set(err, "%s: larger than %d bytes: not a configuration file", path, FILE_MAX_BYTES);
    return config_parse(c, path, text, len, err);
}

static int load_file(struct config *c, const char *path, struct failure *err)
{
    FILE *file = fopen(path, "re");
    char *text;
    int result;

    if (file == NULL)
        return failure_set(err, "%s: %s", path, strerror(errno));
    text = malloc(FILE_MAX_BYTES + 1);
    if (text == NULL) {
        result = failure_set(err, "out of memory");
    } else {
        result = parse_file(c, path, file, text, err);
        explicit_bzero(text, FILE_MAX_BYTES + 1);
    }
    free(text);
    fclose(file);
    return result;
}

static void set(char **field, const char *value)
{
    if (value != NULL) {
        free(*field);
        *field = strdup(value);
    }
}

int config_load(struct config *c, const struct flags *flags, struct failure *err)
{
    memset(c, 0, sizeof(*c));
    set(&c->dsn, "coworking.db");
    set(&c->listen, "127.0.0.1:8080");
    set(&c->allowed_origins, "*");
    set(&c->flight_recorder_file, "flight_recorder.out");
    c->flight_recorder = true;
    if (flags->config != NULL && load_file(c, flags->config, err) != 0) {
        config_release(c);
        return -1;
    }
    set(&c->dsn, flags->dsn);
    set(&c->listen, flags->listen);
    set(&c->static_folder, flags->static_folder);
    set(&c->access_log, flags->access_log);
    c->overbooking = c->overbooking || flags->overbooking;
    if (c->dsn == NULL || c->listen == NULL || c->allowed_origins == NULL || c->flight_recorder_file == NULL ||
        (flags->static_folder != NULL && c->static_folder == NULL) ||
        (flags->access_log != NULL && c->access_log == NULL)) {
        config_release(c);
        return failure_set(err, "out of memory");
    }
    return 0;
}

void config_release(struct config *c)
{
    if (c->secret_key != NULL)
        explicit_bzero(c->secret_key, CONFIG_SECRET_BYTES);
    for (size_t i = 0; i < KEYS; i++) {
        if (keys[i].kind == TEXT || keys[i].kind == SECRET)
            free(*(char **)((char *)c + keys[i].offset));
    }
    memset(c, 0, sizeof(*c));
}
