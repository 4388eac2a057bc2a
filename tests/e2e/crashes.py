"""Runs tests/programs/crash and reads its last words: what the tests of tracebacks share."""
import collections
import os
import re
import resource
import subprocess
import tempfile
import time

import harness

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "programs", "crash.c")
# A traceback takes a fraction of a second; the runtime gives up after twelve. More than that is a
# process that hangs instead of dying.
ENDS_WITHIN_S = 30 if not (harness.SANITIZE or harness.GCSTRESS) else 240

SILENT = ("none", "0")
ONE_THREAD = ("single",)
SYSTEM = ("system", "2", "crash", "wer")
CORE = ("crash", "wer")
LEVELS = ("none", "single", "all", "system", "crash", "wer", "0", "1", "2")

Frame = collections.namedtuple("Frame", "function file line")
Thread = collections.namedtuple("Thread", "tid note name frames")
HEADER = re.compile(r'thread (\d+) \[(.*?)(?:, "([^"]*)")?\]:$')
PLACE = re.compile(r"\t(.+?)(?::(\d+))? (?:\+|pc=)0x[0-9a-f]+$")


class Traceback:
    """What was printed, taken apart. Whatever does not have the form of a traceback is in `strange`."""

    def __init__(self, text):
        self.text, self.threads, self.strange = text, [], []
        reason, *blocks = re.split(r"\n\n(?=thread \d+ \[)", text)
        self.reason = reason.splitlines()
        for block in blocks:
            self.read_thread(block.rstrip("\n").split("\n"))

    def read_thread(self, lines):
        header = HEADER.match(lines[0])
        if not header:
            self.strange.append(lines[0])
            return
        frames, rest = [], lines[1:]
        while rest:
            function = re.match(r"(\S.*)\(\.\.\.\)$", rest[0])
            place = PLACE.match(rest[1]) if len(rest) > 1 else None
            if function and place:
                frames.append(Frame(function[1], os.path.basename(place[1]), int(place[2] or 0)))
                rest = rest[2:]
            else:
                if not re.match(r"\.\.\.(additional frames|\d+ more threads) elided\.\.\.$|$", rest[0]):
                    self.strange.append(rest[0])
                rest = rest[1:]
        self.threads.append(Thread(int(header[1]), header[2], header[3] or "", frames))

    def named(self, name):
        return [thread for thread in self.threads if thread.name == name]

    def functions(self):
        return {frame.function for thread in self.threads for frame in thread.frames}


def line_of(words):
    """Number of the one line of crash.c that holds the words."""
    with open(SOURCE, encoding="utf-8") as file:
        found = [number for number, line in enumerate(file, 1) if words in line]
    assert len(found) == 1, (words, found)
    return found[0]


def cores_cannot_be_seen():
    """None, or why nobody can tell whether a core was dumped."""
    if harness.SANITIZE:
        return "sanitizer build (%s): it allows no cores" % ",".join(harness.SANITIZE)
    if resource.getrlimit(resource.RLIMIT_CORE)[1] == 0 and os.geteuid() != 0:
        return "the hard limit on the size of cores (ulimit -Hc) is 0"
    return None


def core_is_a_file_here():
    with open("/proc/sys/kernel/core_pattern", encoding="utf-8") as file:
        pattern = file.read().strip()
    return not pattern.startswith("|") and "/" not in pattern


def allow_cores():
    hard = resource.RLIM_INFINITY if os.geteuid() == 0 else resource.getrlimit(resource.RLIMIT_CORE)[1]
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))


class Crash:
    """A running tests/programs/crash, in a folder of its own, with cores allowed."""

    def __init__(self, way, *arguments, level=None, heap=None, env=None):
        self.folder = tempfile.TemporaryDirectory(prefix="cruntime-crash.")
        variables = {"CTRACEBACK": level or "", "CALLOCATOR": heap or "", **(env or {})}  # empty: as if not set
        with open(self.path("out"), "wb") as out, open(self.path("err"), "wb") as err:
            self.process = subprocess.Popen([harness.built("tests/programs/crash"), way, *arguments], stdout=out,
                                            stderr=err, stdin=subprocess.DEVNULL, cwd=self.folder.name,
                                            env=harness.environment(variables), preexec_fn=allow_cores)
        self.dumped = False

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def read(self, name):
        with open(self.path(name), encoding="utf-8", errors="replace") as file:
            return file.read()

    def send(self, number):
        """Also to one that has ended, which is then still there to be waited for: Popen's own would look first."""
        os.kill(self.process.pid, number)

    def wait_until_ready(self):
        harness.eventually(lambda: "ready\n" in self.read("out") or self.process.poll() is not None,
                           "the program is ready", ENDS_WITHIN_S)
        if self.process.poll() is not None:
            raise AssertionError("ended before it was ready: " + self.read("out") + self.read("err"))
        return self

    def end(self):
        """Waits for it; then status (negative: the signal), dumped, out, err and traceback are known."""
        deadline = time.monotonic() + ENDS_WITHIN_S
        while not (ended := os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)):
            if time.monotonic() > deadline:
                raise AssertionError("did not end within %d s; it printed:\n%s" % (ENDS_WITHIN_S, self.read("err")))
            time.sleep(0.005)
        self.dumped = ended.si_code == os.CLD_DUMPED
        self.status = self.process.wait()
        self.out, self.err = self.read("out"), self.read("err")
        self.traceback = Traceback(self.err)
        return self

    def core(self):
        """The path of its core, or None."""
        found = [name for name in os.listdir(self.folder.name) if re.match(r"core(\.\d+)?$", name)]
        return self.path(found[0]) if found else None

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.folder.cleanup()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()
