"""Latencies of hey's CSV, and their percentiles: what hey-percentiles and run-latency share. Pure: text in, text out.

A percentile is the nearest rank: the least latency that so many percent of all requests did not exceed. It is one of
the measured values, none is made up between two of them. A percentile beyond which there is less than one request
is no percentile, but the greatest value under another name: it is "-" in the table, and the curve ends before it.
hey writes seconds with four decimals, so nothing finer than 0.1 ms can be told apart.
"""

import bisect
import collections
import csv
import math
from fractions import Fraction

TIME, STATUS = "response-time", "status-code"
SHOWN = ("50", "75", "90", "95", "99", "99.9", "99.99")
TICKS_PER_HALF = 5  # HdrHistogram's default: so many steps each time the distance to 100 % halves


class CsvError(Exception):
    """A line of a CSV that hey does not write; the text says where and why."""


class Latencies:
    """Sorted latencies in ms, and how many answers had which status code."""

    def __init__(self, label, values_ms, codes):
        self.label, self.values_ms, self.codes = label, sorted(values_ms), codes

    def __len__(self):
        return len(self.values_ms)

    def mean_ms(self):
        return math.fsum(self.values_ms) / len(self)

    def deviation_ms(self):
        mean = self.mean_ms()
        return math.sqrt(math.fsum((value - mean) ** 2 for value in self.values_ms) / len(self))

    def at_ms(self, percent):
        """The percentile; percent is text, a whole number or a Fraction, as binary fractions miss 99.9."""
        rank = math.ceil(Fraction(percent) / 100 * len(self))
        return self.values_ms[max(rank, 1) - 1]

    def reaches(self, percent):
        """Whether at least one request lies beyond the percentile."""
        return (1 - Fraction(percent) / 100) * len(self) >= 1

    def not_2xx(self):
        return {code: count for code, count in sorted(self.codes.items()) if not 200 <= code <= 299}


def columns(row, name):
    """Places of the two columns that are needed, from the head."""
    try:
        return row.index(TIME), row.index(STATUS)
    except ValueError:
        raise CsvError("%s:1: %r is no head of `hey -o csv`: expected columns %s and %s" % (
            name, ",".join(row), TIME, STATUS)) from None


def seconds(text, where):
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise CsvError("%s: %s is %r: expected seconds, 0 or more" % (where, TIME, text))
    return value


def status(text, where):
    if not (text.isascii() and text.isdigit() and len(text) == 3 and text[0] in "12345"):
        raise CsvError("%s: %s is %r: expected a number from 100 to 599" % (where, STATUS, text))
    return int(text)


def read(lines, label, name):
    """Latencies from the lines of a CSV; name is the file's, for complaints."""
    rows = csv.reader(lines)
    head = next(rows, None)
    if head is None:
        raise CsvError("%s: empty: expected the output of `hey -o csv`" % name)
    head = [word.strip() for word in head]
    time_at, status_at = columns(head, name)
    values, codes = [], collections.Counter()
    try:
        for row in rows:
            if not row:
                continue
            where = "%s:%d" % (name, rows.line_num)
            if len(row) != len(head):
                raise CsvError("%s: %d fields: expected %d, as in the head" % (where, len(row), len(head)))
            values.append(1000 * seconds(row[time_at].strip(), where))
            codes[status(row[status_at].strip(), where)] += 1
    except csv.Error as error:
        raise CsvError("%s:%d: %s" % (name, rows.line_num, error)) from error
    if not values:
        raise CsvError("%s: no requests: hey leaves out those that got no answer" % name)
    return Latencies(label, values, codes)


def table(many):
    """A column for each of several Latencies, in ms."""
    lines = [[""] + [one.label for one in many], ["count"] + [str(len(one)) for one in many],
             ["mean"] + ["%.3f" % one.mean_ms() for one in many]]
    for percent in SHOWN:
        lines.append(["p" + percent] + ["%.3f" % one.at_ms(percent) if one.reaches(percent) else "-" for one in many])
    lines.append(["max"] + ["%.3f" % one.values_ms[-1] for one in many])
    widths = [max(len(line[i]) for line in lines) for i in range(len(many) + 1)]
    out = ["  ".join([line[0].ljust(widths[0])] + [cell.rjust(w) for cell, w in zip(line[1:], widths[1:])]).rstrip()
           for line in lines]
    return "\n".join(out + ["(ms)"] + [warning for one in many for warning in warnings(one)]) + "\n"


def warnings(one):
    """What else must be known of these figures."""
    others = one.not_2xx()
    if not others:
        return []
    return ["%s: %d of %d answers were not 2xx (%s); they are in the figures." % (
        one.label, sum(others.values()), len(one), ", ".join("%d: %d" % pair for pair in others.items()))]


def steps(count, ticks_per_half=TICKS_PER_HALF):
    """Fractions of all requests at which a curve of count requests is given: finer, as HdrHistogram's are, the nearer
    they come to 1. The last one is that beyond which one request lies."""
    fraction, found = Fraction(0), []
    while (1 - fraction) * count > 1:
        found.append(fraction)
        halvings = math.floor(math.log2(1 / (1 - fraction))) + 1
        fraction += Fraction(1, ticks_per_half * 2 ** halvings)
    if count > 1:
        found.append(1 - Fraction(1, count))
    return found


def curve(one):
    """[(fraction of all requests, ms)], ending with the greatest value as the last of its requests."""
    return [(fraction, one.at_ms(100 * fraction)) for fraction in steps(len(one), 2 * TICKS_PER_HALF)] or [
        (Fraction(0), one.values_ms[0])]


def hgrm(one):
    """HdrHistogram's text of a percentile distribution, which its plotters read. Every value was kept, so there are no
    buckets to tell the sizes of."""
    lines = ["%12s %14s %10s %14s" % ("Value", "Percentile", "TotalCount", "1/(1-Percentile)"), ""]
    for fraction in steps(len(one)):
        value = one.at_ms(100 * fraction)
        count = bisect.bisect_right(one.values_ms, value)
        lines.append("%12.3f %2.12f %10d %14.2f" % (value, fraction, count, 1 / (1 - fraction)))
    greatest = one.values_ms[-1]
    lines.append("%12.3f %2.12f %10d" % (greatest, 1, len(one)))
    lines.append("#[Mean    = %12.3f, StdDeviation   = %12.3f]" % (one.mean_ms(), one.deviation_ms()))
    lines.append("#[Max     = %12.3f, Total count    = %12d]" % (greatest, len(one)))
    return "\n".join(lines) + "\n"
