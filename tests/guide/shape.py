"""Whether output has the shape that the page shows. Pure: two texts in, None or a reason out.

The rules, all of them:

  * Blank lines, and blanks at either end of a line, do not matter; blanks between words match any blanks.
  * A number matches any number: 12, 1,024, 0.5, 1e-06, 0x7f00 (any hexadecimal one). With a unit behind it, it matches
    a number with any unit of the same kind: time (ns us µs ms s m min mins h hrs), size (B kB KB MB GB KiB MiB GiB), a
    prefix alone (n u µ m k K M G T Ki Mi Gi Ti, or none), per cent. A lone 0 also matches a number with a unit, and
    such a one a lone 0, as pprof prints none without it. A version's number (0.1.0) is several numbers. Where
    the page says `exact` behind ```text, only the same number matches.
  * … within a line matches any text, also none. A line that is … alone matches any lines, also none.
  * Everything else matches itself.
  * The lines shown are all lines there are, in this order; more or fewer is a difference, except where … stands.
  * With `unordered` each line shown must be matched by a line of its own, wherever it stands, and there may be more;
    with `atleast=N` it is enough that N of them are: for tables whose rows come and go.
"""
import re

ELLIPSIS = "…"
TIMES = "ns|us|µs|μs|ms|s|m|mins?|h|hrs?"
SIZES = "B|[kKMGT]i?B"
PREFIXES = "[KMGT]i|[nuµμmkKMGT]"
NUMBER = r"(?:\d[\d,]*(?:\.\d+)?(?:[eE][+-]?\d+)?)"
KINDS = [(re.compile("(?:%s)$" % units), "(?:%s(?:%s)|0)" % (NUMBER, units)) for units in (TIMES, SIZES)]
ANY_QUANTITY = "%s(?:%s|%s|%s|%%)?" % (NUMBER, TIMES, SIZES, PREFIXES)
TOKEN = re.compile(r"(?P<gap>\s*…\s*)|(?P<blank>\s+)|(?P<hex>0x[0-9a-fA-F]+)|(?P<number>%s)(?P<unit>%%|[A-Za-zµμ]+)?"
                   r"|(?P<other>.)" % NUMBER)
# What terminals are told beside the text.
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>()][0B]?|\r")


def of_number(number, unit, is_alone):
    """A pattern for a number and the letters behind it."""
    if unit is None:
        return "(?:%s)" % ANY_QUANTITY if number == "0" and is_alone else NUMBER
    if unit == "%":
        return "(?:%s%%|0)" % NUMBER
    for kind, pattern in KINDS:
        if kind.match(unit):
            # An m alone is also benchstat's milli.
            return "(?:%s|%s(?:%s)?)" % (pattern, NUMBER, PREFIXES) if unit == "m" else pattern
    if re.fullmatch(PREFIXES, unit):
        return "%s(?:%s)?" % (NUMBER, PREFIXES)
    return NUMBER + re.escape(unit)


def pattern_of(line, exact=False):
    """The compiled pattern that an expected line stands for."""
    line = line.strip()
    parts = []
    for token in TOKEN.finditer(line):
        if token["gap"]:
            parts.append(r"\s*.*?\s*")
        elif token["blank"]:
            parts.append(r"\s+")
        elif exact or token["other"]:
            parts.append(re.escape(token[0]))
        elif token["hex"]:
            parts.append("0x[0-9a-fA-F]+")
        else:
            before, after = line[:token.start()], line[token.end():]
            is_alone = (not before or before[-1].isspace()) and (not after or after[0].isspace())
            parts.append(of_number(token["number"], token["unit"], is_alone))
    return re.compile("".join(parts))


def lines_of(text):
    return [line.strip() for line in ESCAPES.sub("", text).split("\n") if line.strip()]


def fits(pattern, line):
    return pattern.fullmatch(line) is not None


def in_order(expected, actual, exact):
    """None, or the first difference. Runs of lines between … lines are looked for from the top, the last at the end."""
    runs = [[]]
    for line in expected:
        if line == ELLIPSIS:
            runs.append([])
        else:
            runs[-1].append(line)
    at = 0
    for number, run in enumerate(runs):
        patterns = [pattern_of(line, exact) for line in run]
        first, last = number == 0, number == len(runs) - 1
        latest = len(actual) - len(run)
        if first:
            starts = [0]
        elif last and run:
            starts = [latest] if latest >= at else []
        else:
            starts = range(at, latest + 1)
        furthest = 0
        for start in starts:
            same = 0
            while same < len(run) and start + same < len(actual) and fits(patterns[same], actual[start + same]):
                same += 1
            furthest = max(furthest, same)
            if same == len(run):
                at = start + same
                break
        else:
            got = actual[starts[0] + furthest] if len(starts) == 1 and starts[0] + furthest < len(actual) else None
            return difference(run[furthest], got, at)
    if runs[-1] and at < len(actual):
        return "more output than shown, from line %d on: %r" % (at + 1, actual[at])
    return None


def difference(line, got, at):
    if got is not None:
        return "expected %r, but there is %r" % (line, got)
    return "expected %r, which does not come after line %d of the output" % (line, at)


def anywhere(expected, actual, exact, at_least):
    """None, or which lines were not found: each takes an actual line of its own, by augmenting paths."""
    patterns = [pattern_of(line, exact) for line in expected]
    owner = {}  # index in actual: index in expected

    def place(i, seen):
        for j, line in enumerate(actual):
            if j not in seen and fits(patterns[i], line):
                seen.add(j)
                if j not in owner or place(owner[j], seen):
                    owner[j] = i
                    return True
        return False

    missing = [line for i, line in enumerate(expected) if not place(i, set())]
    if len(expected) - len(missing) >= (len(expected) if at_least is None else at_least):
        return None
    need = "all" if at_least is None else "at least %d" % at_least
    return "%d of %d lines were found, of which %s must be; not found: %s" % (
        len(expected) - len(missing), len(expected), need, "; ".join(repr(line) for line in missing))


def compare(expected, actual, exact=False, unordered=False, at_least=None):
    """None when the output has the shape that is expected; else what differs, in a sentence."""
    wanted, there = lines_of(expected), lines_of(actual)
    if unordered:
        return anywhere([line for line in wanted if line != ELLIPSIS], there, exact, at_least)
    return in_order(wanted, there, exact)
