"""Turns a program and its records into facts: one line of the report each, at a place.

Pure. A fact that several units tell of the same header is one fact; where they differ, because one
inlined what another did not, the units are named. The level decides which facts are told:
1 what was decided (inlined, stack, allocation sites), 2 also what was refused and why, vectors, folded
functions, callers' callers and calls through pointers, 3 as 2, for a program compiled without inlining.
"""

import collections

from compiler import callers
from compiler.allocators import allocates, plain
from compiler.callgraph import INDIRECT
from compiler.places import is_ours, source_name
from compiler.program import start

# Kinds, in the order of the lines that tell of one place.
STACK, FOLDED, GROWS, INLINED, REFUSED, LOOP, NOT_LOOP, SITE, INDIRECT_CALL = range(9)
LEVEL_1 = (STACK, INLINED, SITE)

# below: lines that stand under this one. size: of a stack. name: of the allocator or of the function.
Fact = collections.namedtuple("Fact", "place kind text below size name")


def gather(program, level):
    """{file: [Fact]} in order of place. What a level does not show is there too: the summary counts it."""
    told = collections.defaultdict(set)
    for unit in program.units:
        for fact in of_unit(program, unit, level):
            told[fact].add(unit.file)
    for fact in allocation_sites(program, level):
        told[fact].add(None)
    by_file = collections.defaultdict(list)
    for fact in settled(told):
        if is_ours(fact.place.file):
            by_file[fact.place.file].append(fact)
    return {file: sorted(facts) for file, facts in sorted(by_file.items())}


def settled(told):
    """Facts of headers, with the units named where not all that tell of a place say the same."""
    speakers = collections.defaultdict(set)
    for fact, units in told.items():
        speakers[fact.place].update(units - {None})
    for fact, units in told.items():
        if fact.kind != SITE and fact.place.file not in units and len(units) < len(speakers[fact.place]):
            fact = fact._replace(text="%s [in %s]" % (fact.text, some(sorted(units))))
        yield fact


def some(names, most=3):
    """The names, the last of many counted only."""
    rest = len(names) - most
    return ", ".join(names[:most]) + (" and %d more" % rest if rest > 0 else "")


def line(place, kind, text, below=(), size=0, name=""):
    return Fact(place, kind, text, tuple(below), size, name)


def of_unit(program, unit, level):
    """What one compilation tells."""
    yield from stacks(program, unit)
    yield from folded(program, unit)
    yield from inlined(program, unit)
    yield from loops(program, unit)
    if level != 3:  # without inlining there is nothing to refuse
        yield from refused(program, unit)
    yield from indirect(program, unit)


def stacks(program, unit):
    for frame in unit.frames:
        function = program.function(unit, frame.name)
        place = start(function)
        if frame.place and frame.place[:2] == place[:2]:
            place = frame.place
        yield line(place, STACK, "stack of %s: %d bytes (%s)" % (frame.name, frame.size, frame.kind),
                   size=frame.size, name=frame.name)
        for name, at in frame.dynamic:
            yield line(at, GROWS, "stack of %s grows by %s" % (frame.name, "array " + name if name else "alloca"))


def folded(program, unit):
    for one in unit.record.folded:
        function, kept = program.function(unit, one.function), program.function(unit, one.kept)
        if function.file and kept.file:
            yield line(start(function), FOLDED, "%s and %s are the same code, kept once" % (function.name, kept.name))


def within(program, unit, place, into):
    """` (in the body of f)` for a call that stands in f, which is itself inlined into another function."""
    around = program.defined[unit.file].around(place)
    return " (in the body of %s)" % around.name if around and around.name != into else ""


def inlined(program, unit):
    for one in unit.record.inlined:
        if one.place is None:
            continue  # the rest of a function that had been split for it
        yield line(one.place, INLINED, "inlining call to %s into %s%s%s" % (
            one.callee, one.caller, within(program, unit, one.place, one.caller),
            ": always_inline" if (one.place, one.callee) in unit.record.always else ""), name=one.callee)


def refused(program, unit):
    """The calls that are left, of functions whose source we have: the record has the reason of most."""
    reasons = {}
    for one in unit.record.refused:
        if one.final or (one.place, one.callee) not in reasons:
            reasons[one.place, one.callee] = one.reason
    for edge in unit.edges:
        if edge.callee == INDIRECT or edge.place is None:
            continue
        callee, caller = program.function(unit, edge.callee), source_name(edge.caller)
        if not callee.file or not is_ours(callee.file):
            continue
        if callee.name not in program.defined[unit.file].by_name:
            reason = "its body is in another file, " + callee.file
        elif callee.name == caller:
            reason = "it calls itself"
        else:
            reason = reasons.get((edge.place, callee.name), "no reason given")
        yield line(edge.place, REFUSED, "cannot inline %s into %s%s: %s" % (
            callee.name, caller, within(program, unit, edge.place, caller), reason), name=callee.name)


def loops(program, unit):
    """Verdicts on loops. The compiler looks at a loop once for each copy, and at what is left of one that it did."""
    done = {(one.place, one.function) for one in unit.record.loops if one.vectorized}
    for one in unit.record.loops:
        function = program.function(unit, one.function)
        place = one.place or start(function)
        where = ", in %s" % source_name(one.function) if one.function else ""
        if one.vectorized:
            yield line(place, LOOP, one.text + where)
        elif (one.place, one.function) not in done:
            yield line(place, NOT_LOOP, "loop not vectorized: %s%s" % (one.text, where))


def indirect(program, unit):
    for edge in unit.edges:
        if edge.callee == INDIRECT and edge.place:
            caller = source_name(edge.caller)
            yield line(edge.place, INDIRECT_CALL, "indirect call in %s%s: what it calls is not known here" % (
                caller, within(program, unit, edge.place, caller)))


def allocation_sites(program, level):
    """Every call of an allocator that stands in our sources, once, with the callers of the function it is in."""
    sites = {}
    for call in program.calls:
        if call.how != "indirect" and allocates(call.callee.name) and is_ours(call.place.file):
            sites[call.place, plain(call.callee.name), call.caller] = None
    for place, allocator, caller in sites:
        below = callers.tree(program, caller) if level > 1 else ()
        text = "%s escapes to heap: in %s%s" % (allocator, caller.name, callers.direct(program, caller))
        yield line(place, SITE, text, below=below, name=allocator)
