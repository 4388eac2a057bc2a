"""Loading a server over HTTP and measuring it: what run-http, run-overhead and run-nethttp share.

A server is measured by requests a second and by its own CPU time a request, which is steadier, since the load
generator's share is not in it. Small differences are looked for between two ways of running that are
loaded in the order A B B A.
"""

import contextlib
import os
import re
import shutil
import subprocess
import sys
import urllib.request

sys.dont_write_bytecode = True
import interleave as il  # noqa: E402

ROOMS_BYTES = 547     # the answer to GET /rooms on the seed data
WARM_UP_S = 1


class Load:
    """wrk, or what stands in for it. call(url, seconds) returns (requests a second, requests)."""

    def __init__(self, connections, cpus, wanted=None):
        self.connections, self.cpus = connections, cpus
        for name in (wanted,) if wanted else ("wrk", "hey", "ab"):
            if shutil.which(name):
                self.name = name
                return
        raise il.BenchError("no load generator: install wrk, hey or ab (package apache2-utils)")

    def argv(self, url, seconds):
        connections = str(self.connections)
        if self.name == "wrk":
            return ["wrk", "-t", "1" if self.cpus else "2", "-c", connections, "-d", "%ds" % seconds, url]
        if self.name == "hey":
            return ["hey", "-z", "%ds" % seconds, "-c", connections, url]
        return ["ab", "-q", "-k", "-t", "%d" % seconds, "-n", "100000000", "-c", connections, url]

    def __call__(self, url, seconds):
        argv = self.argv(url, seconds)
        pin = (lambda: os.sched_setaffinity(0, self.cpus)) if self.cpus else None
        done = subprocess.run(argv, env=il.clean_environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, timeout=seconds + 30, check=False, preexec_fn=pin)
        if done.returncode != 0 or self.failures(done.stdout):
            raise il.BenchError("%s: %s" % (" ".join(argv), done.stdout.strip()))
        rate = float(re.search(r"Requests(?:/sec| per second):\s+([0-9.]+)", done.stdout).group(1))
        return rate, self.requests(done.stdout)

    def requests(self, text):
        pattern = {"wrk": r"([0-9]+) requests in", "hey": r"\[200\]\s+([0-9]+) responses",
                   "ab": r"Complete requests:\s+([0-9]+)"}[self.name]
        return int(re.search(pattern, text).group(1))

    def failures(self, text):
        if self.name == "hey":
            return "Error distribution" in text or re.search(r"\[(?!200\])[0-9]+\]\s+[0-9]+ responses", text)
        if self.name == "ab":
            return not re.search(r"Failed requests:\s+0\b", text) or "Non-2xx" in text
        return "Non-2xx" in text or "Socket errors" in text


def check_answer(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        body = answer.read()
        if answer.status != 200 or len(body) != ROOMS_BYTES:
            raise il.BenchError("%s: status %d, %d bytes; wanted 200 and %d" % (url, answer.status, len(body),
                                                                             ROOMS_BYTES))


class Variant:
    """A server to measure; each has a folder, and so a database, of its own. kind is a class of servers."""

    def __init__(self, argv, settings, folder, cpus, kind=il.Server):
        self.argv, self.settings, self.folder, self.cpus, self.kind = argv, settings, folder, cpus, kind
        os.mkdir(folder)

    def server(self):
        return self.kind(self.argv, self.settings, self.folder, self.cpus)


def warm_up(server, load):
    url = server.url + "/rooms"
    check_answer(url)
    load(url, WARM_UP_S)


def measure(server, load, seconds):
    """Loads a warm server. Returns (requests a second, server's CPU ns a request)."""
    before_ns = server.cpu_ns()
    rate, requests = load(server.url + "/rooms", seconds)
    return rate, (server.cpu_ns() - before_ns) / requests


def measure_alone(variant, load, seconds):
    """A server's whole life: started, warmed up, measured, stopped."""
    with variant.server() as server:
        warm_up(server, load)
        return measure(server, load, seconds)


class Pair:
    """What two ways of running gave, loaded in the order A B B A: [(requests a second, CPU ns a request)] of each."""

    def __init__(self, first, second):
        self.first, self.second = first, second

    def ratio(self, i):
        """First to second; i is 0 for requests a second, 1 for CPU."""
        return sum(run[i] for run in self.first) / sum(run[i] for run in self.second)


def abba(first, second):
    """Calls two functions in turn so that a steady drift cancels out."""
    runs = [run() for run in (first, second, second, first)]
    return Pair([runs[0], runs[3]], [runs[1], runs[2]])


def measure_pair(first, second, load, seconds, while_first=contextlib.nullcontext):
    """Two servers alive together and loaded in the order A B B A, in which a steady drift cancels out:
    differences of a few percent need that. while_first(server) is a with block around each load of the first."""
    with first.server() as a, second.server() as b:
        warm_up(a, load)
        warm_up(b, load)

        def measure_first():
            with while_first(a):
                return measure(a, load, seconds)

        return abba(measure_first, lambda: measure(b, load, seconds))


def keep_runs(options, group, got):
    """got: {case: [(requests a second, CPU ns a request)]}"""
    il.keep(options, group, got, "req/s", "cpu-ns/op")


def add_options(parser):
    """The options of all drivers that load a server."""
    parser.add_argument("-c", "--connections", type=int, default=64, help="connections (default %(default)s)")
    parser.add_argument("-l", "--loops", type=int, default=os.cpu_count(), help="event loops (default %(default)s)")
    parser.add_argument("--load", choices=("wrk", "hey", "ab"), help="load generator (default: the first installed)")
