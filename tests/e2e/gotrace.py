"""Execution traces through Go's own parser: `go tool trace -d=parsed`, read line by line.

    trace = gotrace.parse(path)     # fails the test when Go's parser refuses the file
    trace.tasks["GET /rooms"].ended

What is kept are counts and the few events that tests look at closely, so that a trace of millions of events needs
little memory. Tests that use this skip out loud where there is no go, or one older than 1.22.
"""
import collections
import os
import pwd
import re
import shutil
import subprocess
import tempfile
import unittest

GO = shutil.which("go")


def go_version():
    """(1, 26) of the go that is installed, (0, 0) without one."""
    if not GO:
        return 0, 0
    text = subprocess.run([GO, "env", "GOVERSION"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                          env=dict(os.environ, GOTOOLCHAIN="local"), timeout=60, check=False).stdout
    found = re.match(r"go(\d+)\.(\d+)", text)
    return (int(found.group(1)), int(found.group(2))) if found else (0, 0)


VERSION = go_version()
needs_go = unittest.skipIf(VERSION < (1, 22), "go 1.22 or newer is not installed (found: %s): its parser cannot be asked"
                           % (".".join(map(str, VERSION)) if VERSION[0] else "none"))


def go_environment(home):
    """HOME is a folder where the tool may keep what it likes; tools that go builds when they are first asked for go into
    the cache of whoever runs the tests."""
    cache = os.path.join(pwd.getpwuid(os.getuid()).pw_dir, ".cache", "go-build")
    return dict(os.environ, HOME=home, PPROF_TMPDIR=home, GOCACHE=os.environ.get("GOCACHE", cache), GOFLAGS="",
                GOTOOLCHAIN="local", GOTELEMETRY="off")


def tool(*arguments, timeout=300):
    """What `go tool trace ARGUMENTS` writes to stdout, as bytes; an AssertionError with its stderr when it fails."""
    with tempfile.TemporaryDirectory(prefix="cruntime-gotrace.") as home:
        done = subprocess.run([GO, "tool", "trace", *arguments], env=go_environment(home), cwd=home,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=timeout, check=False)
    if done.returncode != 0:
        raise AssertionError("go tool trace %s: status %d: %s" % (" ".join(arguments), done.returncode,
                                                                  done.stderr.decode(errors="replace")[-2000:]))
    return done.stdout


class Task:
    def __init__(self):
        self.begun = self.ended = 0


class Range:
    """A cycle or a stopped world: begin and end in ns, either None when it lies outside of the trace."""

    def __init__(self, begin=None, end=None):
        self.begin, self.end = begin, end


class Trace:
    def __init__(self):
        self.events = 0
        self.first_ns = self.last_ns = None
        self.kinds = collections.Counter()
        self.tasks = collections.defaultdict(Task)      # by type
        self.regions = collections.Counter()            # begun, by type
        self.logs = []                                  # (category, message), the first thousand
        self.waits = collections.Counter()              # by reason
        self.labels = set()
        self.threads, self.procs, self.goroutines = set(), set(), set()
        self.created = self.destroyed = 0
        self.cycles, self.stops = [], []                # Range
        self.heap, self.goals = [], []                  # (ns, bytes)
        self.samples = 0
        self.sample_functions = collections.Counter()

    def lost(self):
        """What the recorder says of itself."""
        return [message for category, message in self.logs if category == "cruntime"]


HEAD = re.compile(r"M=(-?\d+) P=(-?\d+) G=(-?\d+) (\w+) Time=(\d+) ?(.*)")
TYPE = re.compile(r'Type="([^"]*)"')
STATE = re.compile(r'(GoID|ProcID)=(\d+) (\w+)->(\w+) Reason="([^"]*)"')
NAMED = re.compile(r'Name="([^"]*)"')
VALUE = re.compile(r"Uint64\((\d+)\)")
LOG = re.compile(r'Category="([^"]*)" Message="(.*)"')
LABEL = re.compile(r'Label="([^"]*)"')


class Reader:
    def __init__(self):
        self.trace = Trace()
        self.sample = False

    def line(self, text):
        head = HEAD.match(text)
        if not head:
            if self.sample and " @ 0x" in text:
                self.trace.sample_functions[text.split(" @ ")[0].strip()] += 1
            return
        t = self.trace
        thread, proc, goroutine, kind, ns, rest = head.groups()
        ns = int(ns)
        t.events += 1
        t.kinds[kind] += 1
        t.first_ns = ns if t.first_ns is None else t.first_ns
        t.last_ns = ns
        t.threads.add(int(thread))
        t.procs.add(int(proc))
        t.goroutines.add(int(goroutine))
        self.sample = kind == "StackSample"
        handler = getattr(self, "on_" + kind, None)
        if handler:
            handler(ns, rest)

    def on_TaskBegin(self, _, rest):
        self.trace.tasks[TYPE.search(rest).group(1)].begun += 1

    def on_TaskEnd(self, _, rest):
        self.trace.tasks[TYPE.search(rest).group(1)].ended += 1

    def on_RegionBegin(self, _, rest):
        self.trace.regions[TYPE.search(rest).group(1)] += 1

    def on_Log(self, _, rest):
        if len(self.trace.logs) < 1000:
            self.trace.logs.append(LOG.search(rest).groups())

    def on_Label(self, _, rest):
        self.trace.labels.add(LABEL.search(rest).group(1))

    def on_StackSample(self, *_):
        self.trace.samples += 1

    def on_StateTransition(self, _, rest):
        what, _number, old, new, reason = STATE.search(rest).groups()
        if what == "GoID":
            self.trace.created += old == "NotExist"
            self.trace.destroyed += new == "NotExist"
            if new == "Waiting" and old == "Running":
                self.trace.waits[reason] += 1
            elif new == "Syscall" and old == "Running":
                self.trace.waits["syscall"] += 1

    def on_Metric(self, ns, rest):
        name = NAMED.search(rest).group(1)
        value = VALUE.search(rest)
        if name == "/memory/classes/heap/objects:bytes":
            self.trace.heap.append((ns, int(value.group(1))))
        elif name == "/gc/heap/goal:bytes":
            self.trace.goals.append((ns, int(value.group(1))))

    def ranges(self, rest):
        name = NAMED.search(rest).group(1)
        return self.trace.cycles if name == "GC concurrent mark phase" else self.trace.stops

    def on_RangeBegin(self, ns, rest):
        self.ranges(rest).append(Range(begin=ns))

    def on_RangeEnd(self, ns, rest):
        ranges = self.ranges(rest)
        if ranges and ranges[-1].end is None:
            ranges[-1].end = ns
        else:
            ranges.append(Range(end=ns))


def parse(path, timeout=600):
    """The trace in a file. Fails with the parser's own words when it refuses it."""
    reader = Reader()
    with tempfile.TemporaryDirectory(prefix="cruntime-gotrace.") as home, tempfile.TemporaryFile() as errors:
        with subprocess.Popen([GO, "tool", "trace", "-d=parsed", path], env=go_environment(home), cwd=home,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, text=True,
                              errors="replace") as process:
            for line in process.stdout:
                reader.line(line)
            status = process.wait(timeout)
        errors.seek(0)
        said = errors.read().decode(errors="replace")
    if status != 0:
        raise AssertionError("Go's parser refuses %s after %d events: %s" % (path, reader.trace.events, said[-2000:]))
    return reader.trace
