"""Binary trees by CGC: cycles, time, pauses and memory, each in a panel, and what is drawn beside it where it was run.

A dot is the median of the rounds, a line goes from the least to the greatest. The panels have the values of CGC in
their order, not by size: "off" has none. Input is what results.parse gives of run-trees.txt. Pure.
"""

import statistics

from plotting import svg
from plotting.scale import from_zero, label

PERCENTS = ("50", "100", "200", "400", "off")
SERIES = (("ours, CGC", "CGC=%s"), ("Go, GOGC", "Go_%s"))
SINGLES = (("freed by hand (mimalloc)", "mimalloc"), ("raw Boehm", "raw_Boehm"))
# unit, heading, factor
PANELS = (("cycles/op", "cycles", 1.0), ("sec/op", "time, s", 1.0), ("pause-sec/op", "sum of pauses, ms", 1000.0),
          ("sys-bytes", "memory from the system, MiB", 1.0 / (1 << 20)))
PANEL_PX, HIGH_PX, GAP_PX, TOP_PX, LEFT_PX = 250, 170, 74, 84, 60


def case(name):
    return name.partition("/case=")[2]


def figures(found, wanted, unit, factor):
    """The values of the case `wanted`, scaled; [] when it was not run or cannot tell."""
    for name, units in found.items():
        if name.startswith("BinaryTrees/") and case(name) == wanted:
            return [factor * value for value in units.get(unit, [])]
    return []


def trees(found, title="Binary trees by CGC"):
    drawing = svg.Drawing(LEFT_PX + 2 * PANEL_PX + GAP_PX + 20, TOP_PX + 2 * (HIGH_PX + GAP_PX), title)
    drawing.words(14, 24, title, "title")
    named = [name for name, pattern in SERIES if any(figures(found, pattern % p, "sec/op", 1) for p in PERCENTS)]
    named += [name for name, wanted in SINGLES if figures(found, wanted, "sec/op", 1)]
    legend(drawing, named)
    for i, panel in enumerate(PANELS):
        left, top = LEFT_PX + (i % 2) * (PANEL_PX + GAP_PX), TOP_PX + (i // 2) * (HIGH_PX + GAP_PX)
        draw_panel(drawing, found, left, top, *panel)
    return drawing.text()


def colour(name):
    return [n for n, _ in SERIES + SINGLES].index(name)


def legend(drawing, names):
    x = 20
    for name in names:
        drawing.dot(x, 44, "f%d" % colour(name))
        drawing.words(x + 9, 48, name)
        x += 30 + svg.words_px(name)


def draw_panel(drawing, found, left, top, unit, heading, factor):
    series = {name: {i: figures(found, pattern % p, unit, factor) for i, p in enumerate(PERCENTS)}
              for name, pattern in SERIES}
    # Where nothing is collected, or nothing set, only time and memory say something.
    singles = {name: figures(found, wanted, unit, factor) for name, wanted in SINGLES
               if unit in ("sec/op", "sys-bytes")}
    greatest = max([v for runs in series.values() for values in runs.values() for v in values]
                   + [v for values in singles.values() for v in values] + [0.0])
    y = from_zero(greatest, top + HIGH_PX, top)
    drawing.words(left, top - 8, heading, "group")
    for value in y.ticks():
        drawing.line(left, y(value), left + PANEL_PX, y(value), "grid")
        drawing.words(left - 6, y(value) + 4, label(value), "quiet", "end")
    for i, percent in enumerate(PERCENTS):
        drawing.words(place(left, i), top + HIGH_PX + 16, percent, "quiet", "middle")
    drawing.line(left, top + HIGH_PX, left + PANEL_PX, top + HIGH_PX, "axis")
    for name, runs in series.items():
        draw_series(drawing, name, {place(left, i): values for i, values in runs.items() if values}, y)
    for name, values in singles.items():
        if values and any(values):
            height = y(statistics.median(values))
            drawing.line(left, height, left + PANEL_PX, height, "line s%d" % colour(name))


def place(left, i):
    return left + PANEL_PX * (i + 0.5) / len(PERCENTS)


def draw_series(drawing, name, at, y):
    """at: {x: values}."""
    number = colour(name)
    drawing.path([(x, y(statistics.median(values))) for x, values in at.items()], "line s%d" % number)
    for x, values in at.items():
        drawing.line(x, y(min(values)), x, y(max(values)), "range s%d" % number)
        drawing.dot(x, y(statistics.median(values)), "f%d" % number, note="%s: %s" % (
            name, label(statistics.median(values))))
