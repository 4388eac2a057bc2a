"""Joins the units of a program into one graph of calls, as the sources have them.

GCC's call graph is the one that is left after inlining. Here each call, left or inlined, belongs to
the function in whose source it stands, so that the callers of a function are those a reader finds.
Functions of the program are told apart by where they are defined, so that two static functions of
one name stay two, and one that a header defines for many files stays one.

Pure. Never resolves a call through a pointer: what it calls is not known, and is shown as such.
"""

import collections

from compiler.callgraph import INDIRECT, Definition, Definitions
from compiler.places import Place, is_ours, source_name

# how: "called", "inlined" or "indirect". into: the name of the function whose code holds the call, which is another
# than caller's when the caller itself was inlined.
Call = collections.namedtuple("Call", "unit caller callee place how into")


def library(name):
    """A function that the program does not define."""
    return Definition(name, "", 0, False)


class Program:
    def __init__(self, units):
        self.units = units
        self.defined = {unit.file: Definitions(unit.definitions, unit.file) for unit in units}
        self.shared = {}
        for unit in units:
            for d in unit.definitions:
                if not d.static and is_ours(d.file):
                    self.shared.setdefault(d.name, d)
        self.calls = [call for unit in units for call in self._calls_of(unit)]
        self.callers = collections.defaultdict(list)
        for call in self.calls:
            if call.how != "indirect" and call.caller != call.callee:
                self.callers[call.callee].append(call)

    def function(self, unit, name):
        """The function that a unit means by a name."""
        name = source_name(name)
        own = self.defined[unit.file].named(name)
        # What libc's headers define inline stays libc's.
        if own and is_ours(own.file):
            return own
        return self.shared.get(name) or own or library(name)

    def functions(self):
        """The functions that the sources define, each once."""
        return {d for unit in self.units for d in unit.definitions if is_ours(d.file)}

    def _calls_of(self, unit):
        around = self.defined[unit.file].around
        for edge in unit.edges:
            callee, holder = edge.callee, self.function(unit, edge.caller)
            if edge.place is None and callee != source_name(callee):
                continue  # to the rest of a function that was split: not a call of the source's
            place = edge.place or start(holder)
            # Of a function whose line is not known, not even the next one's can be told.
            caller = around(edge.place) or holder if is_ours(holder.file) else holder
            how = "indirect" if callee == INDIRECT else "called"
            yield Call(unit.file, caller, self.function(unit, callee), place, how, holder.name)
        for one in unit.record.inlined:
            holder = self.function(unit, one.caller)
            callee = self.function(unit, one.callee)
            caller = around(one.place) or holder
            if one.place is not None:
                yield Call(unit.file, caller, callee, one.place, "inlined", holder.name)

    def callers_of(self, function):
        """{caller: [Call]} in order of place: each call once, though several copies of the caller hold it."""
        grouped = collections.defaultdict(dict)
        for call in self.callers.get(function, []):
            known = grouped[call.caller].get(call.place)
            # A call that is inlined here and left there is a call.
            if known is None or known.how == "inlined":
                grouped[call.caller][call.place] = call
        return {caller: [calls[place] for place in sorted(calls)]
                for caller, calls in sorted(grouped.items(), key=lambda pair: min(pair[1]))}


def start(function):
    """The place where a function is defined."""
    return Place(function.file, function.line, 1)
