"""Latency by percentile: a curve for each of several Latencies, on the axis that HdrHistogram made known.

90 %, 99 % and 99.9 % are equally far apart, as the requests beyond each are a tenth of those beyond the one before:
the slowest requests, which a mean hides, get the room. A curve ends where one request lies beyond it. Pure.
"""

import math

from percentiles import curve
from plotting import svg
from plotting.scale import Linear, from_zero, label, percentile_label

LEFT_PX, WIDE_PX, HIGH_PX, TOP_PX, BOTTOM_PX = 64, 620, 300, 56, 64


def nines(fraction):
    """0 for 0, 1 for 90 %, 2 for 99 %: where a fraction below 1 lies."""
    return -math.log10(1 - fraction)


def axes(many):
    """(x of nines, y of ms)"""
    decades = max(2, math.ceil(max(nines(curve(one)[-1][0]) for one in many) - 1e-9))
    greatest = max(value for one in many for _, value in curve(one))
    return (Linear(0, decades, LEFT_PX, LEFT_PX + WIDE_PX), from_zero(greatest, TOP_PX + HIGH_PX, TOP_PX))


def latency(many, title):
    """The text of the SVG."""
    x, y = axes(many)
    rows = legend_rows(many)
    drawing = svg.Drawing(LEFT_PX + WIDE_PX + 30, TOP_PX + HIGH_PX + BOTTOM_PX + 20 * rows, title)
    drawing.words(14, 24, title, "title")
    for value in y.ticks():
        drawing.line(LEFT_PX, y(value), LEFT_PX + WIDE_PX, y(value), "grid")
        drawing.words(LEFT_PX - 8, y(value) + 4, label(value), "quiet", "end")
    for number in range(int(x.high) + 1):
        drawing.line(x(number), TOP_PX, x(number), TOP_PX + HIGH_PX, "grid")
        drawing.words(x(number), TOP_PX + HIGH_PX + 16, percentile_label(number), "quiet", "middle")
    drawing.line(LEFT_PX, TOP_PX + HIGH_PX, LEFT_PX + WIDE_PX, TOP_PX + HIGH_PX, "axis")
    drawing.words(14, TOP_PX - 10, "latency, ms", "quiet")
    drawing.words(LEFT_PX + WIDE_PX, TOP_PX + HIGH_PX + 34, "percentile of requests", "quiet", "end")
    for i, one in enumerate(many):
        drawing.path([(x(nines(fraction)), y(value)) for fraction, value in curve(one)],
                     "line s%d" % (i % svg.COLOURS))
    draw_legend(drawing, many)
    return drawing.text()


def legend_places(many):
    """(x, row) of each name: side by side as long as there is room."""
    x, row, found = LEFT_PX, 0, []
    for one in many:
        wide = 34 + svg.words_px(one.label)
        if x > LEFT_PX and x + wide > LEFT_PX + WIDE_PX:
            x, row = LEFT_PX, row + 1
        found.append((x, row))
        x += wide
    return found


def legend_rows(many):
    return legend_places(many)[-1][1] + 1


def draw_legend(drawing, many):
    for i, (one, (x, row)) in enumerate(zip(many, legend_places(many))):
        y = TOP_PX + HIGH_PX + BOTTOM_PX - 8 + 20 * row
        drawing.line(x, y - 4, x + 16, y - 4, "line s%d" % (i % svg.COLOURS))
        drawing.words(x + 22, y, one.label)
