/* proto.c - profile.proto, as Go's runtime/pprof writes it (https://github.com/google/pprof, proto/profile.proto).
 *
 * Everything is symbolised here, inlined functions included, and unlike in Go every mapping says so:
 * pprof needs neither the program's file nor its debug information, and asks for neither.
 *
 * Samples are written first; on the way their addresses become locations. Then come the locations, which
 * make the functions known, then the functions, and last the texts that all of them named by number.
 * Texts are borrowed: labels', the profile's and the session's all outlive the writing.
 */
#include "runtime/profile/snapshot.h"

#include <stdlib.h>
#include <string.h>
#include "runtime/profile/frames.h"
#include "runtime/profile/ids.h"
#include "runtime/profile/labels.h"
#include "runtime/profile/memory.h"
#include "runtime/symbols/symbols.h"
#include "runtime/profile/wire.h"

/* Field numbers of profile.proto. */
enum {
    PROFILE_SAMPLE_TYPE = 1,
    PROFILE_SAMPLE = 2,
    PROFILE_MAPPING = 3,
    PROFILE_LOCATION = 4,
    PROFILE_FUNCTION = 5,
    PROFILE_STRING_TABLE = 6,
    PROFILE_TIME_NANOS = 9,
    PROFILE_DURATION_NANOS = 10,
    PROFILE_PERIOD_TYPE = 11,
    PROFILE_PERIOD = 12,
    PROFILE_COMMENT = 13,
    PROFILE_DEFAULT_SAMPLE_TYPE = 14,

    VALUE_TYPE_TYPE = 1,
    VALUE_TYPE_UNIT = 2,

    SAMPLE_LOCATION_ID = 1,
    SAMPLE_VALUE = 2,
    SAMPLE_LABEL = 3,

    LABEL_KEY = 1,
    LABEL_STR = 2,

    MAPPING_ID = 1,
    MAPPING_MEMORY_START = 2,
    MAPPING_MEMORY_LIMIT = 3,
    MAPPING_FILE_OFFSET = 4,
    MAPPING_FILENAME = 5,
    MAPPING_BUILD_ID = 6,
    MAPPING_HAS_FUNCTIONS = 7,
    MAPPING_HAS_FILENAMES = 8,
    MAPPING_HAS_LINE_NUMBERS = 9,
    MAPPING_HAS_INLINE_FRAMES = 10,

    LOCATION_ID = 1,
    LOCATION_MAPPING_ID = 2,
    LOCATION_ADDRESS = 3,
    LOCATION_LINE = 4,

    LINE_FUNCTION_ID = 1,
    LINE_LINE = 2,

    FUNCTION_ID = 1,
    FUNCTION_NAME = 2,
    FUNCTION_SYSTEM_NAME = 3,
    FUNCTION_FILENAME = 4,
    FUNCTION_START_LINE = 5,
};

/* Texts as their numbers. */
struct function {
    uint64_t name, file, start_line;
};

struct range {
    uint64_t start, limit, id;
};

struct writer {
    const struct rt__profile *p;
    struct rt__bytes *out;
    struct rt__frames frames;
    uint32_t locations_count;

    const char **texts;
    size_t texts_count, texts_room;
    struct rt__ids text_ids;

    struct function *functions; /* ids are one more than places */
    size_t functions_count, functions_room;
    struct rt__ids function_ids;

    struct range *ranges; /* of mappings, by address */
    size_t ranges_count;

    uint64_t *location_ids; /* of the stack at hand */
    size_t location_ids_room;
};

/* ---- what has a number ---- */

static bool same_text(const void *texts, uint32_t id, const void *key)
{
    return strcmp(((const char *const *)texts)[id], key) == 0;
}

/* The text's number; NULL counts as "", which is number 0. */
static uint64_t text_id(struct writer *w, const char *text)
{
    if (text == NULL)
        text = "";
    uint64_t hash = rt__hash_text(0, text);
    uint32_t id = rt__ids_find(&w->text_ids, hash, same_text, w->texts, text);
    if (id != RT__IDS_NONE)
        return id;
    if (!rt__array_grow(&w->texts, &w->texts_room, w->texts_count, sizeof w->texts[0]) ||
        !rt__ids_add(&w->text_ids, hash, (uint32_t)w->texts_count)) {
        w->out->failed = true;
        return 0;
    }
    w->texts[w->texts_count] = text;
    return w->texts_count++;
}

static bool same_function(const void *functions, uint32_t id, const void *key)
{
    return memcmp((const struct function *)functions + id, key, sizeof(struct function)) == 0;
}

/* By name, file and line: static functions of one name in several files are several. */
static uint64_t function_id(struct writer *w, const struct rt__symbol *symbol)
{
    struct function f = {text_id(w, symbol->name), text_id(w, symbol->file), symbol->start_line};
    uint64_t hash = rt__hash(0, &f, sizeof f);
    uint32_t id = rt__ids_find(&w->function_ids, hash, same_function, w->functions, &f);
    if (id != RT__IDS_NONE)
        return (uint64_t)id + 1;
    if (!rt__array_grow(&w->functions, &w->functions_room, w->functions_count, sizeof f) ||
        !rt__ids_add(&w->function_ids, hash, (uint32_t)w->functions_count)) {
        w->out->failed = true;
        return 0;
    }
    w->functions[w->functions_count++] = f;
    return w->functions_count;
}

static uint64_t mapping_id(const struct writer *w, uint64_t pc)
{
    size_t low = 0, high = w->ranges_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (w->ranges[middle].limit <= pc)
            low = middle + 1;
        else
            high = middle;
    }
    return low < w->ranges_count && w->ranges[low].start <= pc ? w->ranges[low].id : 0;
}

static uint64_t location_id(struct writer *w, uintptr_t pc)
{
    struct rt__frame *frame = rt__frames_find(&w->frames, pc);
    if (frame == NULL)
        return 0;
    if (frame->location_id == 0)
        frame->location_id = ++w->locations_count;
    return frame->location_id;
}

/* ---- messages ---- */

static void write_value_type(struct writer *w, unsigned field, const struct rt__value_type *type)
{
    size_t begun = rt__wire_begin(w->out);
    rt__wire_number_opt(w->out, VALUE_TYPE_TYPE, text_id(w, type->type));
    rt__wire_number_opt(w->out, VALUE_TYPE_UNIT, text_id(w, type->unit));
    rt__wire_end(w->out, field, begun);
}

static void write_label(struct writer *w, const char *key, const char *value)
{
    size_t begun = rt__wire_begin(w->out);
    rt__wire_number_opt(w->out, LABEL_KEY, text_id(w, key));
    rt__wire_number_opt(w->out, LABEL_STR, text_id(w, value));
    rt__wire_end(w->out, SAMPLE_LABEL, begun);
}

static void write_stack(struct writer *w, const struct rt__sample *s)
{
    uint32_t hidden = rt__frames_hidden(&w->frames, w->p->kind, s->pcs, s->depth);
    size_t n = 0;
    for (uint32_t i = hidden; i < s->depth; i++) {
        if (!rt__array_grow(&w->location_ids, &w->location_ids_room, n, sizeof w->location_ids[0])) {
            w->out->failed = true;
            return;
        }
        w->location_ids[n++] = location_id(w, s->pcs[i]);
    }
    rt__wire_packed(w->out, SAMPLE_LOCATION_ID, w->location_ids, n);
}

static void write_sample(struct writer *w, const struct rt__sample *s)
{
    uint64_t values[RT__PROFILE_VALUES];
    for (unsigned i = 0; i < w->p->kind->types_count; i++)
        values[i] = (uint64_t)s->values[i];
    size_t begun = rt__wire_begin(w->out);
    write_stack(w, s);
    rt__wire_packed(w->out, SAMPLE_VALUE, values, w->p->kind->types_count);
    for (uint32_t i = 0; s->labels && i < s->labels->n; i++)
        write_label(w, s->labels->pairs[i].key, s->labels->pairs[i].value);
    if (s->thread)
        write_label(w, "thread", s->thread);
    rt__wire_end(w->out, PROFILE_SAMPLE, begun);
}

static void write_mapping(struct writer *w, uint64_t id, const struct rt__mapping *m)
{
    size_t begun = rt__wire_begin(w->out);
    rt__wire_number(w->out, MAPPING_ID, id);
    rt__wire_number_opt(w->out, MAPPING_MEMORY_START, m->start);
    rt__wire_number_opt(w->out, MAPPING_MEMORY_LIMIT, m->limit);
    rt__wire_number_opt(w->out, MAPPING_FILE_OFFSET, m->offset);
    rt__wire_number_opt(w->out, MAPPING_FILENAME, text_id(w, m->file));
    rt__wire_number_opt(w->out, MAPPING_BUILD_ID, text_id(w, m->build_id));
    for (unsigned field = MAPPING_HAS_FUNCTIONS; field <= MAPPING_HAS_INLINE_FRAMES; field++)
        rt__wire_number(w->out, field, true);
    rt__wire_end(w->out, PROFILE_MAPPING, begun);
}

static void write_location(struct writer *w, const struct rt__frame *frame)
{
    size_t begun = rt__wire_begin(w->out);
    rt__wire_number(w->out, LOCATION_ID, frame->location_id);
    rt__wire_number_opt(w->out, LOCATION_MAPPING_ID, mapping_id(w, frame->pc));
    rt__wire_number_opt(w->out, LOCATION_ADDRESS, frame->pc);
    for (uint32_t i = 0; i < frame->n; i++) {
        size_t line = rt__wire_begin(w->out);
        rt__wire_number_opt(w->out, LINE_FUNCTION_ID, function_id(w, &frame->symbols[i]));
        rt__wire_number_opt(w->out, LINE_LINE, frame->symbols[i].line);
        rt__wire_end(w->out, LOCATION_LINE, line);
    }
    rt__wire_end(w->out, PROFILE_LOCATION, begun);
}

static void write_function(struct writer *w, uint64_t id, const struct function *f)
{
    size_t begun = rt__wire_begin(w->out);
    rt__wire_number(w->out, FUNCTION_ID, id);
    rt__wire_number_opt(w->out, FUNCTION_NAME, f->name);
    rt__wire_number_opt(w->out, FUNCTION_SYSTEM_NAME, f->name);
    rt__wire_number_opt(w->out, FUNCTION_FILENAME, f->file);
    rt__wire_number_opt(w->out, FUNCTION_START_LINE, f->start_line);
    rt__wire_end(w->out, PROFILE_FUNCTION, begun);
}

/* ---- the whole ---- */

static int by_start(const void *a, const void *b)
{
    uint64_t left = ((const struct range *)a)->start, right = ((const struct range *)b)->start;
    return (left > right) - (left < right);
}

static void write_mappings(struct writer *w)
{
    size_t n;
    const struct rt__symbol_source *source = w->frames.source;
    const struct rt__mapping *mappings = source->mappings(source->session, &n);
    w->ranges = n > 0 ? malloc(n * sizeof w->ranges[0]) : NULL;
    if (n > 0 && w->ranges == NULL) {
        w->out->failed = true;
        return;
    }
    w->ranges_count = n;
    for (size_t i = 0; i < n; i++) {
        w->ranges[i] = (struct range){mappings[i].start, mappings[i].limit, i + 1};
        write_mapping(w, i + 1, &mappings[i]);
    }
    if (n > 0)
        qsort(w->ranges, n, sizeof w->ranges[0], by_start);
}

static void write_locations(struct writer *w)
{
    for (size_t i = 0; i < w->frames.count; i++) {
        if (w->frames.all[i]->location_id != 0) /* else it was hidden in every stack */
            write_location(w, w->frames.all[i]);
    }
}

static void write_about(struct writer *w)
{
    const struct rt__profile *p = w->p;
    rt__wire_number_opt(w->out, PROFILE_TIME_NANOS, (uint64_t)p->time_ns);
    rt__wire_number_opt(w->out, PROFILE_DURATION_NANOS, (uint64_t)p->duration_ns);
    write_value_type(w, PROFILE_PERIOD_TYPE, &p->kind->period_type);
    rt__wire_number_opt(w->out, PROFILE_PERIOD, (uint64_t)p->period);
    if (p->comment[0] != '\0')
        rt__wire_number(w->out, PROFILE_COMMENT, text_id(w, p->comment));
    if (p->kind->default_type)
        rt__wire_number(w->out, PROFILE_DEFAULT_SAMPLE_TYPE, text_id(w, p->kind->default_type));
}

static void write_all(struct writer *w)
{
    text_id(w, ""); /* must be number 0 */
    for (unsigned i = 0; i < w->p->kind->types_count; i++)
        write_value_type(w, PROFILE_SAMPLE_TYPE, &w->p->kind->types[i]);
    for (size_t i = 0; i < w->p->count && !w->out->failed; i++)
        write_sample(w, &w->p->samples[i]);
    write_mappings(w);
    write_locations(w);
    for (size_t i = 0; i < w->functions_count; i++)
        write_function(w, i + 1, &w->functions[i]);
    write_about(w);
    for (size_t i = 0; i < w->texts_count; i++)
        rt__wire_text(w->out, PROFILE_STRING_TABLE, w->texts[i]);
}

void rt__proto_write(const struct rt__profile *p, const struct rt__symbol_source *symbols, struct rt__bytes *out)
{
    struct writer w = {.p = p, .out = out};
    rt__frames_begin(&w.frames, symbols);
    write_all(&w);
    out->failed = out->failed || w.frames.failed;
    rt__frames_release(&w.frames);
    rt__ids_release(&w.text_ids);
    rt__ids_release(&w.function_ids);
    free(w.texts);
    free(w.functions);
    free(w.ranges);
    free(w.location_ids);
}
