/* view.c - see view.h. */
#include "runtime/agent/cops/view.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include "runtime/agent/cops/duration.h"
#include "runtime/agent/cops/text.h"
#include "runtime/stats/json_text.h"

const char *cops_size_text(char buf[COPS_SIZE_TEXT], double bytes)
{
    static const char *const units[] = {"KB", "MB", "GB", "TB"};
    size_t unit = 0;
    if (bytes < 1024) {
        snprintf(buf, COPS_SIZE_TEXT, "%.0fB", bytes);
        return buf;
    }
    for (bytes /= 1024; bytes >= 1024 && unit + 1 < sizeof units / sizeof units[0]; unit++)
        bytes /= 1024;
    snprintf(buf, COPS_SIZE_TEXT, "%.2f%s", bytes, units[unit]);
    return buf;
}

/* ---- a page ---- */

struct page {
    FILE *out;
    int columns, rows, row;
};

static const char to_begin[] = "\033[H", to_line_end[] = "\033[K", to_page_end[] = "\033[J";

/* One line, cut where the terminal ends. The last row gets no newline, which would scroll. */
static void put_line(struct page *page, const struct cops_text *line)
{
    if (page->row == page->rows)
        return;
    if (page->row > 0)
        fputs("\r\n", page->out);
    size_t len = line->len > (size_t)page->columns ? (size_t)page->columns : line->len;
    /* Not in the middle of a character. */
    while (len < line->len && len > 0 && ((unsigned char)line->bytes[len] & 0xc0) == 0x80)
        len--;
    cops_put_clean(page->out, line->len > 0 ? line->bytes : "", len);
    fputs(to_line_end, page->out);
    page->row++;
}

static void put(struct page *page, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void put(struct page *page, const char *fmt, ...)
{
    char text[512];
    struct cops_text line = {0};
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    cops_text_puts(&line, text);
    put_line(page, &line);
    cops_text_free(&line);
}

static bool has_goal(const struct cops_figures *f)
{
    return f->goal > 0 && f->goal < COPS_NO_GOAL;
}

/* How full the heap is on its way to the goal. */
static void put_bar(struct page *page, const struct cops_figures *f)
{
    char bar[64];
    int room = page->columns - 12 < (int)sizeof bar - 1 ? page->columns - 12 : (int)sizeof bar - 1;
    if (room < 8 || !has_goal(f)) {
        put(page, " ");
        return;
    }
    double share = (double)f->heap / (double)f->goal;
    int full = share < 1 ? (int)(share * room) : room;
    memset(bar, '#', (size_t)full);
    memset(bar + full, '.', (size_t)(room - full));
    put(page, "          [%.*s]", room, bar);
}

static void put_heap(struct page *page, const struct cops_figures *f, const struct cops_rates *rates)
{
    char a[COPS_SIZE_TEXT], b[COPS_SIZE_TEXT];
    if (has_goal(f))
        put(page, "heap      %s of %s, %.0f %%", cops_size_text(a, (double)f->heap), cops_size_text(b, (double)f->goal),
            100 * (double)f->heap / (double)f->goal);
    else
        put(page, "heap      %s, no goal", cops_size_text(a, (double)f->heap));
    put_bar(page, f);
    put(page, "objects   %" PRIu64, f->objects);
    if (rates)
        put(page, "allocates %s/s, %.0f objects/s", cops_size_text(a, rates->alloc_per_s), rates->objects_per_s);
    else
        put(page, "allocates -");
    if (f->limit > 0 && f->limit < COPS_NO_GOAL)
        put(page, "held      %s of %s (the limit), resident %s", cops_size_text(a, (double)f->held),
            cops_size_text(b, (double)f->limit), cops_size_text((char[COPS_SIZE_TEXT]){0}, (double)f->rss));
    else
        put(page, "held      %s, resident %s, no limit", cops_size_text(a, (double)f->held),
            cops_size_text(b, (double)f->rss));
}

static void put_collector(struct page *page, const struct cops_figures *f, const struct cops_rates *rates)
{
    char last[COPS_DURATION_TEXT], longest[COPS_DURATION_TEXT], total[COPS_DURATION_TEXT];
    cops_duration_text(total, f->pause_total_ns);
    if (!rates) {
        put(page, "cycles    %" PRIu64 " (%" PRIu64 " forced)", f->num_gc, f->num_forced);
        put(page, "pauses    %s in all", total);
        put(page, "GC CPU    %.2f %% since its start", 100 * f->gc_cpu_fraction);
        return;
    }
    put(page, "cycles    %" PRIu64 " (%" PRIu64 " forced), %.1f/s", f->num_gc, f->num_forced, rates->gcs_per_s);
    if (rates->gcs > 0)
        put(page, "pauses    %s the last, %s the longest now, %s in all",
            cops_duration_text(last, rates->last_pause_ns), cops_duration_text(longest, rates->longest_pause_ns),
            total);
    else
        put(page, "pauses    none now, %s in all", total);
    put(page, "GC CPU    %.2f %% now, %.2f %% since its start", 100 * rates->gc_cpu, 100 * f->gc_cpu_fraction);
}

void cops_view_draw(FILE *out, const char *whom, const struct cops_figures *f, const struct cops_rates *rates,
                    int columns, int rows)
{
    struct page page = {out, columns, rows, 0};
    fputs(to_begin, out);
    put(&page, "%s - q quits", whom);
    put(&page, " ");
    put_heap(&page, f, rates);
    put(&page, " ");
    put_collector(&page, f, rates);
    put(&page, " ");
    put(&page, "threads   %" PRIu64 ", to run on %" PRIu64 " processors", f->threads, f->procs);
    if (f->has_requests && rates)
        put(&page, "requests  %" PRIu64 ", %.1f/s", f->requests, rates->requests_per_s);
    else if (f->has_requests)
        put(&page, "requests  %" PRIu64, f->requests);
    fputs(to_page_end, out);
}

/* ---- a line ---- */

void cops_view_header(FILE *out, const struct cops_figures *f)
{
    fprintf(out, "%10s %10s %12s %11s %8s %12s %7s %7s %10s%s\n", "heap", "goal", "alloc/s", "objects/s", "cycles",
            "pause", "GC CPU", "threads", "resident", f->has_requests ? " requests/s" : "");
}

void cops_view_line(FILE *out, const struct cops_figures *f, const struct cops_rates *rates)
{
    char heap[COPS_SIZE_TEXT], goal[COPS_SIZE_TEXT] = "-", alloc[COPS_SIZE_TEXT], rss[COPS_SIZE_TEXT];
    char pause[COPS_DURATION_TEXT] = "-";
    if (has_goal(f))
        cops_size_text(goal, (double)f->goal);
    if (rates->gcs > 0)
        cops_duration_text(pause, rates->longest_pause_ns);
    /* The micro sign has two bytes in one column. */
    int pause_width = 12 + (strstr(pause, "\u00b5") != NULL);
    fprintf(out, "%10s %10s %12s %11.0f %8" PRIu64 " %*s %6.2f%% %7" PRIu64 " %10s",
            cops_size_text(heap, (double)f->heap), goal, cops_size_text(alloc, rates->alloc_per_s),
            rates->objects_per_s, f->num_gc, pause_width, pause, 100 * rates->gc_cpu, f->threads,
            cops_size_text(rss, (double)f->rss));
    if (f->has_requests)
        fprintf(out, " %10.1f", rates->requests_per_s);
    fputc('\n', out);
}

static void put_double(FILE *out, const char *name, double value)
{
    char number[RT__DOUBLE_TEXT];
    fprintf(out, ",\"%s\":%s", name, rt__json_double(number, value));
}

void cops_view_json(FILE *out, const struct cops_figures *f, const struct cops_rates *rates)
{
    fprintf(out, "{\"heap_bytes\":%" PRIu64 ",\"heap_objects\":%" PRIu64 ",\"goal_bytes\":", f->heap, f->objects);
    if (has_goal(f))
        fprintf(out, "%" PRIu64, f->goal);
    else
        fputs("null", out);
    fprintf(out,
            ",\"held_bytes\":%" PRIu64 ",\"rss_bytes\":%" PRIu64 ",\"threads\":%" PRIu64 ",\"num_gc\":%" PRIu64
            ",\"num_forced_gc\":%" PRIu64 ",\"pause_total_ns\":%" PRIu64,
            f->held, f->rss, f->threads, f->num_gc, f->num_forced, f->pause_total_ns);
    put_double(out, "gc_cpu_fraction", f->gc_cpu_fraction);
    put_double(out, "seconds", rates->seconds);
    put_double(out, "alloc_bytes_per_second", rates->alloc_per_s);
    put_double(out, "alloc_objects_per_second", rates->objects_per_s);
    put_double(out, "gcs_per_second", rates->gcs_per_s);
    put_double(out, "gc_cpu_fraction_now", rates->gc_cpu);
    fprintf(out, ",\"last_pause_ns\":%" PRIu64 ",\"longest_pause_ns\":%" PRIu64, rates->last_pause_ns,
            rates->longest_pause_ns);
    if (f->has_requests) {
        fprintf(out, ",\"requests\":%" PRIu64, f->requests);
        put_double(out, "requests_per_second", rates->requests_per_s);
    }
    fputs("}\n", out);
}
