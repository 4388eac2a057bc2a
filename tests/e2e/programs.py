"""What the tests of the runtime share: running tests/programs, loading the app, reading its numbers."""
import collections
import http.client
import json
import re
import subprocess
import tempfile
import threading
import time

import harness

ALLOCATORS = ("boehm", "mimalloc")
TORTURED = harness.GCSTRESS != ""

# Go's layout (runtime/extern.go) with what go-like trims add; written from the documentation, not
# from our code. A time in ms: whole from 10 on, two significant digits and at most three decimals below.
MS = r"(?:0|[1-9]\d+|[1-9]\.\d|0\.[1-9]\d|0\.0[1-9]\d|0\.00[1-9])"
GCTRACE = re.compile(
    r"gc (?P<number>\d+) @(?P<at>\d+\.\d{3})s (?P<percent>\d+)%: "
    r"(?P<stop>MS)\+(?P<concurrent>MS)\+(?P<mark>MS) ms clock, "
    r"(?P<stop_cpu>MS)\+(?P<assist>MS)/(?P<background>MS)/(?P<idle>MS)\+(?P<mark_cpu>MS) ms cpu, "
    r"(?P<start>\d+)->(?P<end>\d+)->(?P<live>\d+) MB, (?P<goal>\d+) MB goal, "
    r"(?P<stacks>\d+) MB stacks, (?P<globals>\d+) MB globals, (?P<procs>\d+) P"
    r"(?P<forced> \(forced\))?(?P<trim> \(trim\))?".replace("MS", MS))


def sized(full, small):
    """The size of a test: the full one, or the small one where everything is slower."""
    return small if TORTURED or harness.SANITIZE else full


def ok(test, name, *arguments, env=None, timeout=120):
    """Runs tests/programs/NAME, insists that all its claims held, and returns what it printed."""
    result = harness.run("tests/programs/" + name, *arguments, env=env, timeout=timeout)
    test.assertEqual(result.returncode, 0, "%s %s %s ended with status %d after %.1f s:\n%s%s" % (
        name, arguments, env, result.returncode, result.seconds, result.stdout[-4000:], result.stderr[-4000:]))
    test.assertEqual(result.stdout.rstrip("\n").rsplit("\n", 1)[-1], "ok", result.stdout[-4000:])
    return result.stdout


def json_lines(text):
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def metrics(app):
    """/debug/metrics as a dict; histograms' buckets are left out."""
    values = {}
    for line in app.get("/debug/metrics").text.splitlines():
        name, _, value = line.rpartition(" ")
        if "{" not in name:
            values[name] = float(value)
    return values


Load = collections.namedtuple("Load", "answers wrong seconds")


def load(app, path, requests, connections=8, expected=None):
    """GETs path over kept-open connections and compares every body with the first, or with expected.
    wrong holds a line for every answer that was not 200 with those bytes, every lost one included."""
    expected = app.get(path).body if expected is None else expected
    wrong, answers, lock = [], [0], threading.Lock()

    def client(share):
        connection = http.client.HTTPConnection(app.host, app.port, timeout=60)
        good, bad = 0, []
        for i in range(share):
            try:
                connection.request("GET", path)
                answer = connection.getresponse()
                body = answer.read()
                if answer.status == 200 and body == expected:
                    good += 1
                else:
                    bad.append("request %d: status %d, %d bytes: %r" % (i, answer.status, len(body), body[:80]))
            except (OSError, http.client.HTTPException) as error:
                bad.append("request %d: %r" % (i, error))
                connection.close()
        connection.close()
        with lock:
            answers[0] += good
            wrong.extend(bad)

    begin = time.monotonic()
    shares = [requests // connections + (1 if i < requests % connections else 0) for i in range(connections)]
    threads = [threading.Thread(target=client, args=(share,)) for share in shares]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Load(answers[0], wrong, time.monotonic() - begin)


def hey(app, path, requests, connections):
    """Runs hey and returns (answers with status 200, its whole report)."""
    with tempfile.TemporaryDirectory(prefix="cruntime-hey.") as folder:
        report = subprocess.run(["hey", "-n", str(requests), "-c", str(connections), app.url + path], cwd=folder,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=280,
                                check=False).stdout
    found = re.search(r"\[200\]\s+(\d+) responses", report)
    return int(found[1]) if found else 0, report


class Sampler:
    """Reads /debug/metrics ten times a second, in the background, until the block is left."""

    def __init__(self, app, every_s=0.1):
        self.app, self.every_s = app, every_s
        self.samples, self.failure = [], None
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._run)

    def _run(self):
        try:
            while not self.stopping.wait(self.every_s):
                self.samples.append(metrics(self.app))
        except Exception as error:  # pylint: disable=broad-except  (told by the test, which looks at it)
            self.failure = error

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, kind, value, trace):
        self.stopping.set()
        self.thread.join()
        if kind is None and self.failure:
            raise AssertionError("sampling /debug/metrics failed: %r" % self.failure)


class Loaded:
    """hey at /rooms and, from a thread, bookings and single rooms, until the block is left."""

    def __init__(self, app):
        self.app, self.ended = app, threading.Event()
        self.threads = [threading.Thread(target=self._rooms), threading.Thread(target=self._others)]

    def _rooms(self):
        while not self.ended.is_set():
            hey(self.app, "/rooms", 2000, 8)

    def _others(self):
        while not self.ended.is_set():
            self.app.get("/rooms/79ca06f8-1163-48e8-b279-23fca5669623")
            self.app.get("/rooms?day_to_book=2030-01-09")

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *unused):
        self.ended.set()
        for thread in self.threads:
            thread.join()
