"""The rows of a table of ratios as a plot: a dot at the median, a line from the least to the greatest, a bar as bound.

Ratios lie on a logarithmic axis: twice as slow is as far from 1.00 as twice as fast. A row that misses its bound
has the bar in red; the bound stands beside the median as well, which says on which side of it the row has to stay. Rows
that begin with the same words and a colon stand under these words. Pure: rows in, text out.
"""

from plotting import svg
from plotting.scale import Log, label

ROW_PX, TOP_PX, PLOT_PX, MARGIN_PX, NUMBER_PX = 20, 52, 420, 14, 132


def parts(what):
    """("requests/s", "CPU profile on / off") of "requests/s: CPU profile on / off"."""
    group, colon, rest = what.partition(": ")
    return (group, rest) if colon else ("", what)


def bound_of(row):
    """(sign, value) of "<= 1.30", or None."""
    sign, _, value = row["bound"].partition(" ")
    return (sign, float(value)) if value else None


def lines_of(rows):
    """What stands below each other: a text for a group's head, a row for a row."""
    found, last = [], ""
    groups = [parts(row["what"])[0] for row in rows]
    for row, group in zip(rows, groups):
        alone = groups.count(group) == 1
        if not alone and group and group != last:
            found.append(group)
        last = "" if alone else group
        found.append((row["what"] if alone else parts(row["what"])[1], row))
    return found


def axis(rows, begin):
    # A ratio of nothing has no place on such an axis: it is drawn at its end.
    values = [value for row in rows for value in (row["least"], row["greatest"]) if value > 0]
    values += [bound_of(row)[1] for row in rows if bound_of(row)]
    # Never narrower than 0.8 to 1.25: on a finer axis noise would look like a finding.
    return Log(min(values + [0.8]) / 1.05, max(values + [1.25]) * 1.05, begin, begin + PLOT_PX)


def ratios(rows, title, note=""):
    """The text of the SVG. note stands below the plot."""
    lines = lines_of(rows)
    words = [line if isinstance(line, str) else "  " + line[0] for line in lines]
    left = MARGIN_PX + max(svg.words_px(text) for text in words) + 12
    bottom = TOP_PX + ROW_PX * len(lines)
    drawing = svg.Drawing(left + PLOT_PX + NUMBER_PX, bottom + (58 if note else 40), title)
    x = axis(rows, left)
    drawing.words(MARGIN_PX, 24, title, "title")
    for value in x.ticks():
        drawing.line(x(value), TOP_PX - 6, x(value), bottom, "grid")
        drawing.words(x(value), bottom + 16, label(value), "quiet", "middle")
    drawing.line(x(1), TOP_PX - 6, x(1), bottom, "one")
    drawing.words(left + PLOT_PX + NUMBER_PX - MARGIN_PX, TOP_PX - 10, "median", "quiet", "end")
    for i, line in enumerate(lines):
        y = TOP_PX + ROW_PX * (i + 0.5)
        if isinstance(line, str):
            drawing.words(MARGIN_PX, y + 4, line, "group")
        else:
            draw_row(drawing, x, y, left, *line)
    if note:
        drawing.words(MARGIN_PX, bottom + 44, note, "quiet")
    return drawing.text()


def draw_row(drawing, x, y, left, words, row):
    drawing.words(left - 12, y + 4, words, None, "end")
    bound = bound_of(row)
    if bound:
        drawing.line(x(bound[1]), y - 7, x(bound[1]), y + 7, "missed" if row["held"] is False else "bound")
    least, median, greatest = (max(row[name], x.low) for name in ("least", "median", "greatest"))
    drawing.line(x(least), y, x(greatest), y, "range s0")
    note = "%s: %.3f, %.3f .. %.3f in %d rounds" % (row["what"], row["median"], row["least"], row["greatest"],
                                                    row["rounds"])
    drawing.dot(x(median), y, "f0", note=note)
    shown = "%.3f" % row["median"] + ("  (%s %.2f)" % bound if bound else "")
    drawing.words(left + PLOT_PX + 10, y + 4, shown)
