"""Reads GCC's optimisation record (-fsave-optimization-record): what was inlined, what not, and the loops.

The record is JSON: [format, tree of passes, list of messages]. A message names its pass, says whether it
tells of a success, a failure or a mere note, and holds text mixed with symbols, statements and expressions.
Only the passes that decide about inlining, vectors and identical functions are read.

What was inlined is told twice: where it is decided, as a success, and where it is done, as a note. The
second is complete (a function inlined because it is called once is told of nowhere else) and names the
function whose code it ends in, so it is the one that counts.

Pure: takes parsed JSON, returns tuples in the record's order, and never guesses: a message whose shape is not known is
left out. The shapes are those of GCC 12; they are no interface of GCC's and others were not
tried, so the tests compile a source with known facts and insist on them.
"""

import collections
import re

from compiler.places import Place, source_name

# callee and caller are names in the source; place is the call's, None where the compiler lost it.
Inlined = collections.namedtuple("Inlined", "place callee caller")
# final: said by the last inliner; what the early one refuses may still be inlined later.
Refused = collections.namedtuple("Refused", "place callee reason final")
# text: the compiler's words for what it did, or its reason not to.
Loop = collections.namedtuple("Loop", "place function text vectorized")
# always, of a Record: {(place, callee)} of the calls that were inlined because the source demands it.
Folded = collections.namedtuple("Folded", "function kept")
Record = collections.namedtuple("Record", "compiler inlined always refused loops folded")

INLINERS = ("einline", "inline")
# A statement in GCC's own notation says little beyond its first words.
TEXT_MOST = 120


class BadRecord(Exception):
    """A file that is not an optimisation record of GCC's."""


def parse(data, folders):
    """The Record of one compilation from its parsed JSON."""
    try:
        head, passes, messages = data
        generator = head["generator"]
        compiler = "%s %s" % (generator["name"], generator["version"])
        names = dict(pass_names(passes))
        reader = Reader(folders)
        for message in messages:
            reader.take(names.get(message.get("pass")), message)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise BadRecord("not an optimisation record of GCC's (%s: %s)" % (type(error).__name__, error)) from None
    return Record(compiler, reader.inlined, reader.always, reader.refused, reader.loops, reader.folded)


def pass_names(passes):
    """(id, name) of each pass; they are a tree."""
    for one in passes:
        yield one["id"], one["name"]
        yield from pass_names(one.get("children", []))


def symbols(message):
    """The functions that a message names, in order, without the numbers that GCC gives them."""
    return [source_name(part["symtab_node"].rpartition("/")[0]) for part in message["message"]
            if isinstance(part, dict) and "symtab_node" in part]


def text_of(message):
    """A message as one line of text."""
    words = [part if isinstance(part, str) else str(part.get("symtab_node") or part.get("stmt") or
                                                    part.get("expr") or "") for part in message["message"]]
    # A message may run on into a heading of the next: its first line is its own.
    line = " ".join("".join(words).strip().split("\n", 1)[0].split())
    return line if len(line) <= TEXT_MOST else line[:TEXT_MOST - 3] + "..."


class Reader:
    """Collects what the messages say, which come function by function and pass by pass."""

    def __init__(self, folders):
        self.folders = folders
        self.inlined, self.refused, self.loops, self.folded = [], [], [], []
        self.always = set()
        self.why = None

    def take(self, name, message):
        if name in INLINERS:
            self.take_inlining(name, message)
        elif message["kind"] not in ("success", "failure"):
            return
        elif name == "vect":
            self.take_loop(message)
        elif name == "slp" and message["kind"] == "success":
            self.loops.append(Loop(self.place(message), message.get("function", ""), text_of(message), True))
        elif name == "icf" and text_of(message).startswith("Semantic equality hit"):
            self.take_folding(text_of(message))

    def take_folding(self, text):
        """Equal variables are folded by the same pass and told of alike: functions are told apart by who reads this."""
        found = re.search(r"hit:(\S+)/\d+->(\S+)/\d+", text)
        if found:
            self.folded.append(Folded(source_name(found[1]), source_name(found[2])))

    def place(self, message):
        at = message.get("location")
        return Place(self.folders.shown(at["file"]), at["line"], at["column"]) if at else None

    def take_inlining(self, name, message):
        functions = symbols(message)
        if len(functions) < 2:
            return
        if message["kind"] == "failure":
            self.refused.append(Refused(self.place(message), functions[1], refusal(message), name == "inline"))
            return
        text = text_of(message)
        if message["kind"] == "note" and text.startswith("Inlining "):
            self.inlined.append(Inlined(self.place(message), *functions[:2]))
        elif "always_inline" in text:
            self.always.add((self.place(message), functions[0]))

    def take_loop(self, message):
        """A loop's reason stands just before the verdict that it explains."""
        text = text_of(message)
        if message["kind"] == "success":
            if "vectorized" in text:
                self.loops.append(Loop(self.place(message), message.get("function", ""), text, True))
            self.why = None
        elif text.startswith("couldn't vectorize loop"):
            reason = text_of(self.why) if self.why else "no reason given"
            place = self.place(message) or (self.place(self.why) if self.why else None)
            self.loops.append(Loop(place, message.get("function", ""),
                                   re.sub(r"^not vectorized: |\.$", "", reason), False))
            self.why = None
        else:
            self.why = message


def refusal(message):
    """The reason in `not inlinable: a -> b, reason` and its like: what follows the second function."""
    parts = message["message"]
    last = max(i for i, part in enumerate(parts) if isinstance(part, dict) and "symtab_node" in part)
    tail = dict(message, message=parts[last + 1:])
    return text_of(tail).lstrip(", ").rstrip(".") or "no reason given"
