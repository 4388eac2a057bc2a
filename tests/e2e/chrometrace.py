"""Traces in Chrome's trace event format, read strictly: what Perfetto or chrome://tracing would silently drop or draw
wrong is refused. Written from the format's documentation ("Trace Event Format"), not from the code that writes it.

    trace = chrometrace.parse(data)          # bytes, or chrometrace.load(path); Malformed says what is wrong
    trace.named("blocked: mutex")            # slices, each with thread, begin_ns, end_ns, args
    trace.tasks["0x7"].name
"""
import collections
import json
import math

DURATION, ASYNC, FLOW = "BEX", "ben", "stf"
PHASES = frozenset(DURATION + ASYNC + FLOW + "iCM")
# What metadata events say, and the type of it.
METADATA = {"process_name": ("name", str), "process_labels": ("labels", str),
            "process_sort_index": ("sort_index", int), "thread_name": ("name", str),
            "thread_sort_index": ("sort_index", int)}
FIELDS = frozenset(("ph", "pid", "tid", "ts", "dur", "name", "cat", "id", "s", "args", "bp"))

Slice = collections.namedtuple("Slice", "thread category name begin_ns end_ns args")
Task = collections.namedtuple("Task", "id category name begin_ns end_ns args")
Mark = collections.namedtuple("Mark", "thread category name ns id args")


class Malformed(AssertionError):
    """No trace that every viewer reads alike."""


def need(holds, what, event=None):
    if not holds:
        raise Malformed(what if event is None else "%s: %s" % (what, json.dumps(event)[:400]))


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def is_count(value):
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def ns_of(us):
    """Times are microseconds with decimals; nanoseconds can be compared."""
    return round(us * 1000)


def object_of(pairs):
    value = dict(pairs)
    need(len(value) == len(pairs), "an object has a key twice", [key for key, _ in pairs])
    return value


def no_constant(word):
    raise Malformed("%s is no JSON" % word)


class Trace:
    """slices, tasks (by id), marks and counters (by name: (ns, args) in order of time), all of a valid trace."""

    def __init__(self, document):
        need(isinstance(document, dict), "the document is no object")
        need(document.get("displayTimeUnit", "ms") in ("ms", "ns"), "displayTimeUnit is neither ms nor ns")
        need(isinstance(document.get("traceEvents"), list), "there is no array of traceEvents")
        self.other = document.get("otherData", {})
        need(isinstance(self.other, dict), "otherData is no object")
        self.events = document["traceEvents"]
        self.processes, self.threads, self.sort = {}, {}, {}
        self.slices, self.tasks, self.marks, self.flows = [], {}, [], 0
        self.counters = collections.defaultdict(list)
        for event in self.events:
            check_event(event)
        self.read_metadata()
        self.read_slices()
        self.read_tasks()
        self.read_flows()
        self.read_points()

    def of(self, phases):
        """Events of those phases in order of time; those of one time in the order in which they were written."""
        return sorted((event for event in self.events if event["ph"] in phases), key=lambda event: ns_of(event["ts"]))

    def thread(self, event):
        return event["pid"], event["tid"]

    def read_metadata(self):
        for event in self.events:
            if event["ph"] == "M":
                key, _ = METADATA[event["name"]]
                value = event["args"][key]
                if event["name"] == "process_name":
                    self.processes[event["pid"]] = value
                elif event["name"] == "thread_name":
                    self.threads[self.thread(event)] = value
                elif event["name"] == "thread_sort_index":
                    self.sort[self.thread(event)] = value
        for event in self.events:
            need(event["pid"] in self.processes, "the process has no name", event)
            if event["ph"] != "M":
                need(self.thread(event) in self.threads, "the thread has no name", event)

    def read_slices(self):
        last, open_slices = {}, collections.defaultdict(list)
        for event in self.events:
            if event["ph"] in "BE":
                need(event["ts"] >= last.get(self.thread(event), 0), "a thread's B and E go back in time", event)
                last[self.thread(event)] = event["ts"]
        for event in self.of(DURATION):
            self.read_slice(event, open_slices[self.thread(event)])
        for thread, stack in open_slices.items():
            need(all(end is not None for _, end in stack), "a B of thread %s has no E" % (thread,))

    def read_slice(self, event, stack):
        """stack: what is open, as (event, end); the end of a B is not known."""
        now = ns_of(event["ts"])
        while stack and stack[-1][1] is not None and stack[-1][1] <= now:
            stack.pop()
        if event["ph"] == "B":
            stack.append((event, None))
        elif event["ph"] == "X":
            end = now + ns_of(event["dur"])
            need(not stack or stack[-1][1] is None or end <= stack[-1][1], "a slice ends after the one it is in", event)
            stack.append((event, end))
            self.add_slice(event, now, end)
        else:
            need(stack, "an E without a B", event)
            begin, end = stack.pop()
            need(end is None, "an X ends after the slice it is in", begin)
            need(all(event.get(key, begin[key]) == begin[key] for key in ("name", "cat")),
                 "an E has another name than its B", event)
            need(all(other is None or other >= now for _, other in stack[-1:]), "a B ends after the X it is in", event)
            self.add_slice(begin, ns_of(begin["ts"]), now)

    def add_slice(self, event, begin_ns, end_ns):
        self.slices.append(Slice(self.threads[self.thread(event)], event["cat"], event["name"], begin_ns, end_ns,
                                 event.get("args", {})))

    def read_tasks(self):
        begun = {}
        for event in self.of("be"):
            key = (event["cat"], event["id"])
            if event["ph"] == "b":
                need(key not in begun and event["id"] not in self.tasks, "a second b of one id", event)
                begun[key] = event
            else:
                need(key in begun, "an e without a b", event)
                begin = begun.pop(key)
                need(begin["name"] == event["name"], "an e has another name than its b", event)
                self.tasks[event["id"]] = Task(event["id"], event["cat"], event["name"], ns_of(begin["ts"]),
                                               ns_of(event["ts"]), begin.get("args", {}))
        need(not begun, "a b without an e", list(begun.values())[:1])

    def read_flows(self):
        going = {}
        for event in self.of(FLOW):
            key = (event["cat"], event["name"], event["id"])
            if event["ph"] == "s":
                need(key not in going, "a second s of one flow", event)
                going[key] = event
                self.flows += 1
            else:
                need(key in going, "a flow goes on that never began", event)
                if event["ph"] == "f":
                    going.pop(key)
        need(not going, "a flow has no end", list(going.values())[:1])

    def read_points(self):
        for event in self.of("inC"):
            if event["ph"] == "C":
                self.counters[event["name"]].append((ns_of(event["ts"]), event["args"]))
            else:
                self.marks.append(Mark(self.threads[self.thread(event)], event["cat"], event["name"],
                                       ns_of(event["ts"]), event.get("id"), event.get("args", {})))

    def named(self, name):
        return [piece for piece in self.slices if piece.name == name]

    def marked(self, name):
        return [mark for mark in self.marks if mark.name == name]


def check_event(event):
    """What can be said of one event by itself."""
    need(isinstance(event, dict), "an event is no object", event)
    need(set(event) <= FIELDS, "an event has fields that no viewer knows", event)
    phase = event.get("ph")
    need(isinstance(phase, str) and phase in PHASES, "an event of an unknown phase", event)
    need(is_count(event.get("pid")) and is_count(event.get("tid")), "pid or tid is no number", event)
    need(isinstance(event.get("args", {}), dict), "args is no object", event)
    if phase == "M":
        check_metadata(event)
        return
    need(is_number(event.get("ts")) and event["ts"] >= 0, "ts is no time", event)
    need(phase == "E" or isinstance(event.get("name"), str), "an event has no name", event)
    need(phase == "E" or isinstance(event.get("cat"), str), "an event has no category", event)
    need(("dur" in event) == (phase == "X"), "an X has a dur, and nothing else has", event)
    need(phase != "X" or (is_number(event["dur"]) and event["dur"] >= 0), "dur is no duration", event)
    need(("id" in event) == (phase in ASYNC + FLOW), "what has an id is asynchronous or a flow", event)
    need("id" not in event or (isinstance(event["id"], str) and event["id"] != ""), "the id is no text", event)
    need(("s" in event) == (phase == "i"), "an i has a scope, and nothing else has", event)
    need(phase != "i" or event["s"] in ("g", "p", "t"), "an unknown scope", event)
    if phase == "C":
        need(event.get("args") and all(is_number(value) for value in event["args"].values()),
             "a counter's values are numbers", event)


def check_metadata(event):
    need(event.get("name") in METADATA, "unknown metadata", event)
    key, kind = METADATA[event["name"]]
    value = event.get("args", {}).get(key)
    need(isinstance(value, kind) and not isinstance(value, bool) and value != "", "metadata without its value", event)


def parse(data):
    """A Trace; Malformed when it is none."""
    try:
        text = data.decode("utf-8") if isinstance(data, bytes) else data
        document = json.loads(text, object_pairs_hook=object_of, parse_constant=no_constant)
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise Malformed(str(error)) from error
    return Trace(document)


def load(path):
    with open(path, "rb") as file:
        return parse(file.read())
