"""Says who calls a function: its direct callers in a few words, and theirs as an indented tree.

Pure. The tree ends where a function has no caller in the program, where it would go round, where
a function was expanded before, and at allocators, whose calls are sites of their own; each end says so.
Bounds on depth, breadth and length keep one busy helper from filling the report.
"""

from compiler.allocators import allocates

DIRECT_MOST = 4
DEPTH_MOST = 5
BREADTH_MOST = 8
LINES_MOST = 40


def where(calls):
    """`file:line` of the first call, and the lines of the others of the same file."""
    first, lines = calls[0].place, []
    for call in calls:
        if call.place.file == first.file and str(call.place.line) not in lines:
            lines.append(str(call.place.line))
    shown = ", ".join(lines[:DIRECT_MOST]) + (", ..." if len(lines) > DIRECT_MOST else "")
    return "%s:%s" % (first.file, shown)


def unknown(function):
    """What to say of a function that nothing in the program calls by name."""
    if function.name == "main":
        return "where the program starts"
    return "no caller by name: called through a pointer" + ("" if function.static else ", or from outside")


def direct(program, function):
    """`, called by bar (app/x.c:10), baz (app/y.c:20)`, for the line of an allocation site."""
    callers = list(program.callers_of(function).items())
    if not callers:
        return ", " + unknown(function)
    words = ["%s (%s)" % (caller.name, where(calls)) for caller, calls in callers[:DIRECT_MOST]]
    rest = len(callers) - DIRECT_MOST
    return ", called by " + ", ".join(words) + (" and %d more" % rest if rest > 0 else "")


def tree(program, function):
    """The lines under an allocation site, one tab deeper for each level of callers."""
    lines = []
    grow(program, function, 1, {function}, lines)
    if len(lines) > LINES_MOST:
        lines[LINES_MOST:] = ["\t... and %d lines more" % (len(lines) - LINES_MOST)]
    return lines


def grow(program, function, depth, expanded, lines):
    """Adds the callers of function, and below each its own."""
    callers = list(program.callers_of(function).items())
    for caller, calls in callers[:BREADTH_MOST]:
        how = "inlined into" if all(call.how == "inlined" for call in calls) else "called by"
        further = program.callers.get(caller)
        if allocates(caller.name):
            end = ": an allocator, whose calls are sites of their own"
        elif not further:
            end = ": " + unknown(caller)
        elif caller in expanded:
            end = ": see above"
        elif depth == DEPTH_MOST:
            end = ": ..."
        else:
            end = ""
        lines.append("%s%s %s (%s)%s" % ("\t" * depth, how, caller.name, where(calls), end))
        if not end:
            expanded.add(caller)
            grow(program, caller, depth + 1, expanded, lines)
    if len(callers) > BREADTH_MOST:
        lines.append("%s... and %d callers more" % ("\t" * depth, len(callers) - BREADTH_MOST))
