/* settings.c - cops settings: the runtime's knobs in a process, shown and changed over /debug/settings. */
#include "runtime/agent/cops/settings.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "runtime/agent/cops/http.h"
#include "runtime/agent/cops/json.h"
#include "runtime/agent/cops/options.h"

const char *cops_setting_name(const char *text, size_t len)
{
    static const struct {
        const char *shown, *posted;
    } names[] = {
        {"CGC", "gc_percent"},
        {"CMEMLIMIT", "memory_limit"},
        {"memprofilerate", "mem_profile_rate"},
        {"mutexprofilefraction", "mutex_profile_fraction"},
        {"blockprofilerate", "block_profile_rate"},
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strlen(names[i].shown) == len && strncasecmp(names[i].shown, text, len) == 0)
            return names[i].posted;
    }
    return NULL;
}

bool cops_settings_form(struct cops_text *form, const char *const *pairs, int n, struct cops_error *error)
{
    for (int i = 0; i < n; i++) {
        const char *equals = strchr(pairs[i], '=');
        if (!equals || equals == pairs[i])
            return cops_error(error, "settings: %.100s: want KEY=VALUE", pairs[i]);
        size_t len = (size_t)(equals - pairs[i]);
        const char *posted = cops_setting_name(pairs[i], len);
        if (i > 0)
            cops_text_puts(form, "&");
        cops_form_add(form, posted ? posted : pairs[i], posted ? strlen(posted) : len);
        cops_text_puts(form, "=");
        cops_form_add(form, equals + 1, strlen(equals + 1));
    }
    return true;
}

static const char *text_of(yajl_val object, const char *name)
{
    const char *text = cops_json_text(cops_json_member(object, name));
    return text ? text : "";
}

static int width_of(yajl_val knobs, const char *name)
{
    size_t width = 0;
    for (size_t i = 0; i < knobs->u.array.len; i++) {
        size_t len = strlen(text_of(knobs->u.array.values[i], name));
        width = len > width ? len : width;
    }
    return width > 60 ? 60 : (int)width;
}

static void put_column(const char *text, int width)
{
    size_t len = strlen(text);
    cops_put_clean(stdout, text, len);
    printf("%*s  ", width > (int)len ? width - (int)len : 0, "");
}

static void print_knobs(yajl_val knobs)
{
    int name = width_of(knobs, "name"), value = width_of(knobs, "value"), source = width_of(knobs, "source");
    for (size_t i = 0; i < knobs->u.array.len; i++) {
        yajl_val knob = knobs->u.array.values[i];
        const char *unit = text_of(knob, "unit");
        put_column(text_of(knob, "name"), name);
        put_column(*text_of(knob, "value") ? text_of(knob, "value") : "-", value);
        if (*unit) {
            put_column(text_of(knob, "source"), source);
            cops_put_clean(stdout, unit, strlen(unit));
        } else {
            cops_put_clean(stdout, text_of(knob, "source"), strlen(text_of(knob, "source")));
        }
        putchar('\n');
    }
}

static void print_value(yajl_val value)
{
    const char *text = cops_json_text(value);
    if (text)
        cops_put_clean(stdout, text, strlen(text));
    else
        cops_json_write(stdout, value);
}

static void print_changes(yajl_val changes)
{
    for (size_t i = 0; i < changes->u.object.len; i++) {
        yajl_val change = changes->u.object.values[i];
        cops_put_clean(stdout, changes->u.object.keys[i], strlen(changes->u.object.keys[i]));
        fputs(": ", stdout);
        print_value(cops_json_member(change, "old"));
        fputs(" -> ", stdout);
        print_value(cops_json_member(change, "new"));
        putchar('\n');
    }
}

static bool show(const struct cops_text *body, bool in_json, struct cops_error *error)
{
    struct cops_json json;
    if (!cops_json_read(&json, body->bytes, body->len))
        return cops_error(error, "settings: the answer is not JSON");
    bool ok = YAJL_IS_ARRAY(json.root) || YAJL_IS_OBJECT(json.root);
    if (!ok) {
        cops_error(error, "settings: the answer is not the JSON of settings");
    } else if (in_json) {
        cops_json_write(stdout, json.root);
        putchar('\n');
    } else if (YAJL_IS_ARRAY(json.root)) {
        print_knobs(json.root);
    } else {
        print_changes(json.root);
    }
    cops_json_free(&json);
    return ok;
}

int cops_settings(const struct cops_options *options)
{
    struct cops_error error;
    struct cops_target target;
    struct cops_text form = {0}, body = {0};
    if (!cops_settings_form(&form, options->args + 1, options->argc - 1, &error)) {
        cops_text_free(&form);
        cops_fail(&error);
        return COPS_USAGE;
    }
    bool ok =
        cops_target_find(options->args[0], &target, &error) &&
        cops_http_ask(&target, "/debug/settings", form.len > 0 ? form.bytes : NULL, COPS_PATIENCE_S, &body, &error) &&
        show(&body, options->given & COPS_OPT_JSON, &error);
    cops_text_free(&form);
    cops_text_free(&body);
    return ok ? COPS_OK : cops_fail(&error);
}
