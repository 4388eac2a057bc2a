"""Traces in the real tool: Go's own parser accepts them, and what it finds in them is what happened."""
import json
import os
import re
import shutil
import subprocess
import tempfile
import threading
import unittest

import gotrace
from harness import App, eventually, not_sanitized, not_tortured, run
from programs import hey, json_lines, metrics, sized


class Fetched(threading.Thread):
    """A trace of an app, taken while the block runs and to its own end, into a file."""

    def __init__(self, app, file, seconds, query=""):
        super().__init__()
        self.app, self.file, self.answer = app, file, None
        self.path = "/debug/pprof/trace?seconds=%g%s" % (seconds, query)

    def run(self):
        self.answer = self.app.get(self.path, timeout=120)
        with open(self.file, "wb") as out:
            out.write(self.answer.body)

    def __enter__(self):
        """Returns when the trace has begun: it has a thread of its own."""
        self.start()
        eventually(lambda: "rt-trace" in thread_names(self.app), "the trace's thread")
        return self

    def __exit__(self, kind, value, trace):
        self.join()
        if kind is None and (self.answer is None or self.answer.status != 200):
            raise AssertionError("%s: %s" % (self.path, self.answer and self.answer.text[:300]))


def thread_names(app):
    names = []
    for tid in os.listdir("/proc/%d/task" % app.pid):
        try:
            with open("/proc/%d/task/%s/comm" % (app.pid, tid), encoding="utf-8") as comm:
                names.append(comm.read().strip())
        except OSError:
            pass  # it has ended
    return names


class InFolder(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="cruntime-trace.")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def file(self, name="trace.out"):
        return os.path.join(self.folder, name)

    def assert_whole(self, trace):
        self.assertEqual(trace.lost(), [], "the recorder lost events")

    def load(self, app, path, requests, connections=8):
        """Sends them with hey and returns how many it says were answered."""
        answered, report = hey(app, path, requests, connections)
        self.assertEqual(answered, requests // connections * connections, report)
        return answered


@gotrace.needs_go
@unittest.skipUnless(shutil.which("hey"), "hey is not installed: nobody else counts the requests")
class ATraceOfTheApp(InFolder):
    REQUESTS = sized(20000, 2000)

    def test_has_one_task_for_each_request_that_the_load_tool_counts(self):
        with App() as app:
            with Fetched(app, self.file(), sized(6, 20)):
                rooms = self.load(app, "/rooms", self.REQUESTS)
                one = self.load(app, "/rooms/79ca06f8-1163-48e8-b279-23fca5669623", 800)
        trace = gotrace.parse(self.file())
        self.assert_whole(trace)
        self.assertEqual((trace.tasks["GET /rooms"].begun, trace.tasks["GET /rooms"].ended), (rooms, rooms))
        self.assertEqual((trace.tasks["GET /rooms/:id"].begun, trace.tasks["GET /rooms/:id"].ended), (one, one))
        for region in ("route", "database", "JSON", "write"):
            self.assertGreaterEqual(trace.regions[region], rooms, region)

    def test_shows_loops_that_wait_for_the_network_and_threads_by_name(self):
        with App() as app:
            names = set(thread_names(app))
            with Fetched(app, self.file(), 1):
                self.load(app, "/rooms", 400)
        trace = gotrace.parse(self.file())
        self.assertGreater(trace.waits["network"], 10, trace.waits)
        loops = {name for name in names if name.startswith("loop")}
        self.assertTrue(loops)
        self.assertLessEqual(loops, trace.labels)

    @not_sanitized("there are no cycles of a collector")
    @not_tortured("there are more cycles than one can compare")
    def test_has_each_cycle_at_the_time_that_gctrace_says(self):
        with App(env={"CALLOCATOR": "boehm", "CGC": "20"}) as app:
            with Fetched(app, self.file(), 5):
                for _ in range(5):
                    app.post("/debug/gc")
                self.load(app, "/rooms", 20000)
            cycles = app.get("/debug/gctrace?format=json").json()
        trace = gotrace.parse(self.file())
        inside = [c for c in cycles if any(abs(r.begin - c["start_ns"]) < 10_000 for r in trace.cycles if r.begin)]
        self.assertGreaterEqual(len(inside), 5)
        self.assertEqual(len(inside), len(trace.cycles))
        self.assertEqual(len(inside), inside[-1]["number"] - inside[0]["number"] + 1, "no cycle is left out")
        for cycle, shown, stop in zip(inside, trace.cycles, trace.stops):
            stopped = cycle["stop_ns"] + cycle["concurrent_ns"] + cycle["pause_mark_ns"]
            end = cycle["start_ns"] + stopped + cycle["sweep_ns"]
            self.assertAlmostEqual(shown.begin, cycle["start_ns"], delta=10_000)
            self.assertAlmostEqual(shown.end, end, delta=10_000)
            self.assertAlmostEqual(stop.end - stop.begin, stopped, delta=10_000)

    @not_sanitized("the account there is only of what the managed heap hands out")
    def test_ends_with_the_heap_that_memstats_says(self):
        with App() as app:
            with Fetched(app, self.file(), 1):
                self.load(app, "/rooms", 400)
            after = app.get("/debug/memstats").json()
        trace = gotrace.parse(self.file())
        self.assertTrue(trace.heap)
        # The answer itself is written between the two, and names are looked up for it.
        self.assertAlmostEqual(trace.heap[-1][1] / 2**20, after["HeapAlloc"] / 2**20, delta=1.5)
        self.assertTrue(trace.goals)

    def test_has_cpu_samples_when_the_cpu_profiler_runs_too(self):
        with App() as app:
            profile = threading.Thread(target=app.get, args=("/debug/pprof/profile?seconds=3",), kwargs={"timeout": 60})
            profile.start()
            with Fetched(app, self.file(), 2):
                self.load(app, "/rooms", sized(20000, 2000))
            profile.join()
        trace = gotrace.parse(self.file())
        self.assertGreater(trace.samples, 3)
        self.assertIn("main", trace.sample_functions)

    def test_of_an_idle_app_is_accepted(self):
        with App() as app:
            with Fetched(app, self.file(), 1):
                pass
        trace = gotrace.parse(self.file())
        self.assert_whole(trace)
        self.assertGreater(len(trace.goroutines), 3)

    def test_taken_under_full_load_is_accepted_and_whole(self):
        with App() as app:
            with Fetched(app, self.file(), sized(4, 10)):
                ended = threading.Event()
                threads = [threading.Thread(target=self.until, args=(ended, app)) for _ in range(2)]
                for thread in threads:
                    thread.start()
                eventually(lambda: metrics(app)["/cruntime/trace/events:events"] > sized(100000, 5000),
                           "many events", within_s=60)
                ended.set()
                for thread in threads:
                    thread.join()
        trace = gotrace.parse(self.file())
        self.assert_whole(trace)
        self.assertGreater(trace.tasks["GET /rooms"].ended, sized(5000, 100))

    def until(self, ended, app):
        while not ended.is_set():
            hey(app, "/rooms", 2000, 16)


@gotrace.needs_go
@unittest.skipUnless(shutil.which("hey"), "hey is not installed")
class ASnapshotOfTheFlightRecorder(InFolder):
    REQUESTS = sized(50000, 4000)

    def test_taken_in_the_middle_of_fifty_thousand_requests_is_accepted(self):
        with App() as app:
            load = threading.Thread(target=hey, args=(app, "/rooms", self.REQUESTS, 16))
            load.start()
            eventually(lambda: metrics(app)["/cruntime/trace/events:events"] > 5000, "requests that are recorded",
                       within_s=60)
            snapshots = []
            while load.is_alive() and len(snapshots) < 5:
                answer = app.get("/trace", timeout=60)
                self.assertEqual(answer.status, 200, answer.text)
                snapshots.append(self.file("%d.out" % len(snapshots)))
                shutil.copy(os.path.join(app.folder, "flight_recorder.out"), snapshots[-1])
            load.join()
            self.assertEqual(metrics(app)["/cruntime/trace/lost:events"], 0)
        self.assertTrue(snapshots)
        for snapshot in snapshots:
            trace = gotrace.parse(snapshot)
            self.assert_whole(trace)
            self.assertGreater(trace.tasks["GET /rooms"].ended, 100, snapshot)

    def test_of_an_idle_app_is_accepted_and_has_the_last_requests(self):
        with App() as app:
            for _ in range(7):
                app.get("/rooms")
            self.assertEqual(app.get("/trace", timeout=60).status, 200)
            shutil.copy(os.path.join(app.folder, "flight_recorder.out"), self.file())
        trace = gotrace.parse(self.file())
        self.assertEqual(trace.tasks["GET /rooms"].ended, 7)
        self.assert_whole(trace)


@gotrace.needs_go
class AProgramsOwnTrace(InFolder):
    def test_of_threads_that_come_and_go_is_accepted_and_has_them_all(self):
        waves = sized(10, 3)
        result = run("tests/programs/trace_threads", self.file(), waves, 64, timeout=120)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        told = json_lines(result.stdout)[0]
        trace = gotrace.parse(self.file())
        self.assert_whole(trace)
        self.assertEqual(trace.tasks["visit"].begun, told["tasks"])
        self.assertEqual(trace.tasks["visit"].ended, told["tasks"])
        self.assertEqual(trace.regions["outer"] + trace.regions["inner"], told["regions"])
        self.assertEqual(trace.kinds["Log"], told["logs"])
        self.assertGreaterEqual(trace.created, told["threads"])
        self.assertGreaterEqual(trace.destroyed, told["threads"])
        self.assertGreater(trace.waits["sleep"], told["threads"] // 2)


@gotrace.needs_go
@not_sanitized("what takes time there is the sanitizer")
class ItsProfiles(InFolder):
    def test_of_network_waits_locks_and_scheduling_name_the_functions_that_waited(self):
        """`go tool trace -pprof=net|sync|sched`, of the app and of a program with locks."""
        with App() as app:
            with Fetched(app, self.file("app.out"), 1):
                for _ in range(50):
                    app.get("/rooms")
        run("tests/programs/trace_threads", self.file("threads.out"), 5, 64, timeout=120)
        for file, kind, pattern in (("app.out", "net", r"\bh2o_evloop_run\b"),
                                    ("threads.out", "sync", r"\bwait_for_the_lock\b"),
                                    ("threads.out", "sched", r"\b(live|main)\b")):
            profile = self.file(kind + ".pprof")
            with open(profile, "wb") as out:
                out.write(gotrace.tool("-pprof=" + kind, self.file(file)))
            done = subprocess.run([gotrace.GO, "tool", "pprof", "-top", "-cum", "-nodefraction=0", profile],
                                  env=gotrace.go_environment(self.folder), stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=240,
                                  check=False)
            self.assertEqual(done.returncode, 0, done.stdout)
            self.assertTrue(re.search(pattern, done.stdout), "%s:\n%s" % (kind, done.stdout))


if __name__ == "__main__":
    unittest.main()
