/* gctrace.c - Go's trace lines, to the byte.
 *
 * People read these lines, and scripts written for Go parse them, so the layout is Go's even where
 * a field has little to say here. Each line is written once, below, the way documentation shows it:
 * a text with a # for each field. A row of fields beside it says what stands there and in which
 * unit; tests make their patterns from the same documented text.
 *
 * Nothing here may allocate, lock or depend on a locale: the newest cycles are printed from a
 * signal handler too. That leaves snprintf out, which promises none of it.
 */
#include "runtime/gc/gctrace.h"

#include "runtime/cruntime.h"

#define GCTRACE_LINE                                                                                                   \
    "gc # @#s #%: #+#+# ms clock, #+#/#/#+# ms cpu, #->#-># MB, # MB goal, # MB stacks, # MB globals, # P##\n"
#define PACER_LINE "pacer: #% CPU (# exp.) for #+#+# B work (# B exp.) in # B -> # B (∆goal #, cons/mark 0)\n"
#define SCAV_LINE "scav # KiB work (bg), # KiB work (eager), # KiB now, #% util#\n"
#define INIT_LINE "init # @# ms, # ms clock, # bytes, # allocs\n"

enum unit {
    PLAIN,
    SIGNED,  /* value is an int64_t's bits */
    TEXT,    /* text, not value */
    MS,      /* ns, as rt__format_ms shows it */
    SECONDS, /* ns, shown with three decimals */
    KIB,
    MIB,
};

struct field {
    enum unit unit;
    uint64_t value;
    const char *text;
};

/* Counts what does not fit, as snprintf does; the last byte is kept for the terminator. */
struct out {
    char *buf;
    size_t size;
    size_t length;
};

static void put_char(struct out *o, char c)
{
    if (o->length + 1 < o->size)
        o->buf[o->length] = c;
    o->length++;
}

static void put_text(struct out *o, const char *text)
{
    while (*text != '\0')
        put_char(o, *text++);
}

static int finish(struct out *o)
{
    if (o->size > 0)
        o->buf[o->length < o->size ? o->length : o->size - 1] = '\0';
    return (int)o->length;
}

/* value / 10^decimals, with all decimals and at least one digit before the point. */
static void put_decimal(struct out *o, uint64_t value, int decimals)
{
    char digits[24]; /* 20 of a uint64_t and a point */
    char *p = digits + sizeof digits;

    *--p = '\0';
    for (int written = 0; value > 0 || written <= decimals; written++) {
        if (decimals > 0 && written == decimals)
            *--p = '.';
        *--p = (char)('0' + value % 10);
        value /= 10;
    }
    put_text(o, p);
}

/* Cut, not rounded: 99.99 us are 0.099, as Go shows them. */
static void put_ms(struct out *o, uint64_t ns)
{
    uint64_t us = ns / 1000;
    int decimals = 3;

    if (ns >= 10000000) {
        put_decimal(o, ns / 1000000, 0);
        return;
    }
    if (us == 0) {
        put_char(o, '0');
        return;
    }
    for (; us >= 100; us /= 10)
        decimals--;
    put_decimal(o, us, decimals);
}

static void put_signed(struct out *o, int64_t value)
{
    if (value < 0)
        put_char(o, '-');
    put_decimal(o, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, 0);
}

static void put_field(struct out *o, const struct field *f)
{
    switch (f->unit) {
    case PLAIN:
        put_decimal(o, f->value, 0);
        break;
    case SIGNED:
        put_signed(o, (int64_t)f->value);
        break;
    case TEXT:
        put_text(o, f->text);
        break;
    case MS:
        put_ms(o, f->value);
        break;
    case SECONDS:
        put_decimal(o, f->value / 1000000, 3);
        break;
    case KIB:
        put_decimal(o, f->value >> 10, 0);
        break;
    case MIB:
        put_decimal(o, f->value >> 20, 0);
        break;
    }
}

/* Writes line with its i'th # replaced by fields[i]. */
static int put_line(char *buf, size_t size, const char *line, const struct field *fields)
{
    struct out o = {.buf = buf, .size = size};

    for (; *line != '\0'; line++) {
        if (*line == '#')
            put_field(&o, fields++);
        else
            put_char(&o, *line);
    }
    return finish(&o);
}

int rt__format_ms(char *buf, size_t size, uint64_t ns)
{
    struct out o = {.buf = buf, .size = size};

    put_ms(&o, ns);
    return finish(&o);
}

/* Go takes every processor for the pauses' CPU time, because nothing else could run. So do we for
 * the third term when marking ran beside the program; when it ran inside the pause, the markers'
 * measured time is known and is the truer figure, and the second group has nothing to show. */
int rt_gctrace_format(char *buf, size_t size, const struct rt_cycle *c)
{
    bool beside = c->concurrent_ns > 0;
    uint64_t marking_cpu_ns = c->assist_cpu_ns + c->background_cpu_ns;
    const struct field fields[] = {
        {.unit = PLAIN, .value = c->number},
        {.unit = SECONDS, .value = c->start_ns},
        {.unit = PLAIN, .value = c->gc_cpu_permille / 10},
        {.unit = MS, .value = c->stop_ns},
        {.unit = MS, .value = c->concurrent_ns},
        {.unit = MS, .value = c->pause_mark_ns},
        {.unit = MS, .value = c->stop_cpu_ns},
        {.unit = MS, .value = beside ? c->assist_cpu_ns : 0},
        {.unit = MS, .value = beside ? c->background_cpu_ns : 0},
        {.unit = MS, .value = c->idle_cpu_ns},
        {.unit = MS, .value = beside ? c->pause_mark_ns * c->procs : marking_cpu_ns},
        {.unit = MIB, .value = c->heap_start_bytes},
        {.unit = MIB, .value = c->heap_end_bytes},
        {.unit = MIB, .value = c->heap_live_bytes},
        {.unit = MIB, .value = c->goal_bytes},
        {.unit = MIB, .value = c->stacks_bytes},
        {.unit = MIB, .value = c->globals_bytes},
        {.unit = PLAIN, .value = c->procs},
        {.unit = TEXT, .text = c->forced ? " (forced)" : ""},
        {.unit = TEXT, .text = c->trim ? " (trim)" : ""},
    };
    return put_line(buf, size, GCTRACE_LINE, fields);
}

/* cons/mark is Go's ratio of allocation to marking speed, by which it decides how early to start.
 * Nothing starts early here, so it is always 0. */
int rt__pacertrace_format(char *buf, size_t size, const struct rt__pacer_trace *t)
{
    const struct field fields[] = {
        {.unit = PLAIN, .value = t->cpu_percent},
        {.unit = PLAIN, .value = t->cpu_percent_expected},
        {.unit = PLAIN, .value = t->heap_scan_bytes},
        {.unit = PLAIN, .value = t->stack_scan_bytes},
        {.unit = PLAIN, .value = t->globals_scan_bytes},
        {.unit = PLAIN, .value = t->scan_expected_bytes},
        {.unit = PLAIN, .value = t->trigger_bytes},
        {.unit = PLAIN, .value = t->live_bytes},
        {.unit = SIGNED, .value = (uint64_t)t->goal_delta_bytes},
    };
    return put_line(buf, size, PACER_LINE, fields);
}

int rt__scavtrace_format(char *buf, size_t size, const struct rt__scav_trace *t)
{
    const struct field fields[] = {
        {.unit = KIB, .value = t->background_bytes},
        {.unit = KIB, .value = t->eager_bytes},
        {.unit = KIB, .value = t->released_bytes},
        {.unit = PLAIN, .value = t->util_percent},
        {.unit = TEXT, .text = t->forced ? " (forced)" : ""},
    };
    return put_line(buf, size, SCAV_LINE, fields);
}

int rt__inittrace_format(char *buf, size_t size, const char *module, uint64_t at_ns, uint64_t clock_ns, uint64_t bytes,
                         uint64_t allocs)
{
    const struct field fields[] = {
        {.unit = TEXT, .text = module},  {.unit = MS, .value = at_ns},     {.unit = MS, .value = clock_ns},
        {.unit = PLAIN, .value = bytes}, {.unit = PLAIN, .value = allocs},
    };
    return put_line(buf, size, INIT_LINE, fields);
}
