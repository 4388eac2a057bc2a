"""Reads GCC's call graph (-fcallgraph-info=su,da) and its list of definitions (-aux-info).

The call graph is VCG text: a node for each function, with the stack it takes and its objects of
changing size, and an edge for each call that is left after inlining. The list of definitions says on
which line of which file each function begins, those included that are inlined away and leave no node.

A function that replaces one of libc's is an exception: for GCC it stands where libc's header declares
it, and the list leaves it out. Its line is looked up in the source's text.

Pure: text in, tuples out, in the text's order.
"""

import bisect
import collections
import re

from compiler.places import source_name

INDIRECT = "__indirect_call"

# name as the compiler has it, with what marks a copy; dynamic: [(object's name or "", Place)]
Frame = collections.namedtuple("Frame", "name place size kind dynamic")
# place is None for calls that stand nowhere in the source, such as a copy of a structure by memcpy.
Edge = collections.namedtuple("Edge", "caller callee place")
Definition = collections.namedtuple("Definition", "name file line static")

NODE = re.compile(r'node: \{ title: "([^"]*)" label: "([^"]*)"')
EDGE = re.compile(r'edge: \{ sourcename: "([^"]*)" targetname: "([^"]*)"(?: label: "([^"]*)")?')
SIZE = re.compile(r"(\d+) bytes \(([a-z,]+)\)$")
DEFINED = re.compile(r"/\* (.+?):(\d+):[NOI]F \*/ (static |extern )?(.*)$")
# The name is what stands before the parameters; in `void (*name (int)) (char)` the first bracket is not theirs.
NAME = re.compile(r"(\w+) \((?!\*)")


def parse_calls(text, folders):
    """([Frame], [Edge]) of a .ci file."""
    names, frames, edges = {}, [], []
    for line in text.splitlines():
        node = NODE.match(line)
        if node:
            title, lines = node[1], node[2].split("\\n")
            # The title of a static function begins with its file; the label has the name alone. A built-in
            # function's label is the compiler's name for it and its title the one that is called.
            names[title] = title if lines[0].startswith("__builtin_") else lines[0]
            size = SIZE.match(lines[2]) if len(lines) > 2 else None
            if size:
                frames.append(Frame(lines[0], folders.place(lines[1]), int(size[1]), size[2].replace(",", ", "),
                                    dynamic_objects(lines[4:], folders)))
            continue
        edge = EDGE.match(line)
        if edge:
            place = folders.place(edge[3].split("\\n")[-1]) if edge[3] else None
            edges.append((edge[1], edge[2], place))
    # The names come last: an edge may stand before the node of its callee.
    return frames, [Edge(names.get(a, a), b if b == INDIRECT else names.get(b, b), place) for a, b, place in edges]


def dynamic_objects(lines, folders):
    """The objects of changing size in a node's label: ` name file:line:column`, `(null)` for alloca."""
    objects = []
    for line in lines:
        name, _, where = line.strip().partition(" ")
        place = folders.place(where)
        if place:
            objects.append(("" if name == "(null)" else name, place))
    return objects


def parse_definitions(text, folders):
    """[Definition] of an -aux-info file; its declarations are passed over."""
    found = []
    for line in text.splitlines():
        defined = DEFINED.match(line)
        name = NAME.search(defined[4]) if defined else None
        if name:
            found.append(Definition(name[1], folders.shown(defined[1]), int(defined[2]), defined[3] == "static "))
    return found


def find_definition(source, name, file):
    """The Definition of a function in a source's text, by its unindented head and the body that follows; or None."""
    for head in re.finditer(r"^(?=[A-Za-z_])[^;{}\n]*\b%s\s*\(" % re.escape(name), source, re.MULTILINE):
        end = re.search("[;{]", source[head.end():])
        if end and end[0] == "{":
            return Definition(name, file, source.count("\n", 0, head.end()) + 1, False)
    return None


class Definitions:
    """What one compilation defines: found by name, and by a place that lies in it."""

    def __init__(self, definitions, own_file):
        self.all = definitions
        self.by_name = {}
        self.lines = collections.defaultdict(list)
        for d in definitions:
            # A libc header may define inline what the file defines as well; the file's own is meant then.
            if d.name not in self.by_name or d.file == own_file:
                self.by_name[d.name] = d
            self.lines[d.file].append((d.line, d))
        for of_file in self.lines.values():
            of_file.sort(key=lambda pair: pair[0])

    def named(self, name):
        return self.by_name.get(source_name(name))

    def around(self, place):
        """The function in whose source the place lies, None for none: the last that begins before it."""
        starts = self.lines.get(place.file, []) if place else []
        at = bisect.bisect_right([line for line, _ in starts], place.line) if place else 0
        return starts[at - 1][1] if at > 0 else None
