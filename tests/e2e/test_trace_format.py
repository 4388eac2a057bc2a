"""The format of traces, by Go's own parser: it takes whatever the writer may have to write, and its views find it.

The traces are of made-up threads (tests/unit/trace/moments.h), so that every kind of moment is in them, and long ones
in which anything happens that the timeline allows: threads that take over another's slot or thread id included."""
import os
import re
import shutil
import subprocess
import tempfile
import unittest
import urllib.request

import gotrace
from harness import eventually, run
from programs import sized


def write(file, *arguments):
    done = run("tests/unit/trace/go_writer", file, *arguments, timeout=120)
    if done.returncode != 0:
        raise AssertionError("no trace was written: status %d\n%s%s" % (done.returncode, done.stdout, done.stderr))
    return file


class InFolder(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="cruntime-trace.")
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.file = write(os.path.join(cls.folder, "every.trace"))


@gotrace.needs_go
class EveryKindOfMoment(InFolder):
    def test_is_taken_by_the_parser_and_is_what_was_told(self):
        trace = gotrace.parse(self.file)
        self.assertEqual({name: (task.begun, task.ended) for name, task in trace.tasks.items()},
                         {"request": (1, 1), "query": (1, 1)})
        self.assertEqual(trace.regions, {"parse": 1})
        self.assertIn(("status", "200 OK"), trace.logs)
        self.assertEqual(trace.lost(), ["this trace is not whole: 12 events and 3 chunks were lost"])
        self.assertEqual(trace.waits, {"network": 2, "sync": 3, "sync.(*Cond).Wait": 1, "sleep": 1, "syscall": 3,
                                       "GC worker (idle)": 3})
        self.assertEqual(trace.labels, {"main", "waiter", "spinner", "first", "second", "collector", "cruntime"})
        self.assertEqual((trace.created, trace.destroyed), (3, 2))
        self.assertEqual([(c.end - c.begin) // 1000 for c in trace.cycles], [1249, 1249])
        self.assertEqual([(s.end - s.begin) // 1000 for s in trace.stops], [999, 999])
        self.assertEqual([size for _, size in trace.heap], [1 << 20])
        self.assertEqual([size for _, size in trace.goals], [4 << 20])
        self.assertEqual(trace.samples, 1)
        self.assertEqual(trace.sample_functions, {"spin_inline": 1, "spin": 1, "spinner_loop": 1})

    def profile(self, kind):
        """Milliseconds by function of what `go tool trace -pprof=KIND` has."""
        file = os.path.join(self.folder, kind + ".prof")
        with open(file, "wb") as out:
            out.write(gotrace.tool("-pprof=" + kind, self.file))
        done = subprocess.run([gotrace.GO, "tool", "pprof", "-top", "-unit=ms", "-nodefraction=0", file],
                              env=gotrace.go_environment(self.folder), cwd=self.folder, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=240, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        rows = re.findall(r"^ *([\d.]+)(?:ms)? +[\d.]+% +[\d.]+% +[\d.]+(?:ms)? +[\d.]+% +(\S+)$", done.stdout, re.M)
        return {function: float(flat) for flat, function in rows if float(flat) > 0.01}

    def test_shows_waits_for_the_network(self):
        self.assertEqual(set(self.profile("net")), {"poll_once"})

    def test_shows_waits_for_locks_and_conditions(self):
        found = self.profile("sync")
        self.assertEqual(set(found), {"lock_table", "wait_turn"})
        self.assertAlmostEqual(found["lock_table"], 3, delta=0.01)

    def test_shows_waits_for_the_disk_as_system_calls(self):
        self.assertEqual(set(self.profile("syscall")), {"sync_file"})

    def test_shows_the_time_from_being_let_go_to_running_where_it_had_waited(self):
        found = self.profile("sched")
        self.assertEqual(set(found), {"lock_table", "poll_once", "wait_turn", "nap"})
        self.assertAlmostEqual(found["lock_table"], 0.15, delta=0.01)


@gotrace.needs_go
class AnythingThatIsAllowed(InFolder):
    def test_is_taken_by_the_parser(self):
        for seed in range(1, 6):
            file = write(os.path.join(self.folder, "random.trace"), seed, sized(20000, 5000))
            with self.subTest(seed=seed):
                trace = gotrace.parse(file)
                self.assertGreater(trace.destroyed, 10)
                self.assertGreater(trace.samples, 10)


@gotrace.needs_go
class TheViewer(InFolder):
    """`go tool trace` as a user has it, without the browser."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # Not `go tool trace`: that would leave the tool behind when it is ended.
        found = subprocess.run([gotrace.GO, "tool", "-n", "trace"], env=gotrace.go_environment(cls.folder),
                               cwd=cls.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True, timeout=240, check=True)
        tool = found.stdout.strip()
        env = dict(gotrace.go_environment(cls.folder), BROWSER="true", DISPLAY="")
        with open(os.path.join(cls.folder, "viewer.log"), "w+", encoding="utf-8") as log:
            cls.viewer = subprocess.Popen([tool, "-http=127.0.0.1:0", cls.file], env=env, cwd=cls.folder,
                                          stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        cls.addClassCleanup(cls.viewer.wait)
        cls.addClassCleanup(cls.viewer.kill)
        cls.url = eventually(cls.listening, "the viewer's address", within_s=60)

    @classmethod
    def listening(cls):
        with open(os.path.join(cls.folder, "viewer.log"), encoding="utf-8") as log:
            said = log.read()
        if cls.viewer.poll() is not None:
            raise AssertionError("the viewer ended: " + said)
        found = re.search(r"http://127\.0\.0\.1:\d+", said)
        return found and found.group(0)

    def page(self, path):
        with urllib.request.urlopen(self.url + path, timeout=60) as answer:
            return answer.read().decode()

    def test_draws_threads_by_name_with_what_they_did(self):
        for view in ("proc", "thread"):
            drawn = self.page("/jsontrace?view=" + view)
            for slice_of in ("G1 main (main)", "G2 worker_loop (waiter)", "G4 worker_loop (first)", "spinner_loop",
                             "GC concurrent mark phase", "stop-the-world (GC mark)", "CPU profile sample",
                             "[status] 200 OK"):
                self.assertIn(slice_of, drawn, view)
        self.assertIn("parse", self.page("/jsontrace?taskid=7"))

    def test_lists_functions_of_threads(self):
        page = self.page("/goroutines")
        for function in ("main", "worker_loop", "spinner_loop", "(garbage collector)"):
            self.assertIn(function, page)
        self.assertIn("network", self.page("/goroutine?name=worker_loop"))

    def test_lists_tasks_and_regions(self):
        self.assertRegex(self.page("/usertasks"), "(?s)query.*request")
        self.assertIn("200 OK", self.page("/usertask?type=request"))
        self.assertIn("parse", self.page("/userregions"))

    def test_has_the_utilization_by_the_program(self):
        self.assertIn("mutator utilization", self.page("/mmu").lower())

    @unittest.skipUnless(shutil.which("dot"), "graphviz is not installed: the viewer cannot draw profiles")
    def test_draws_profiles(self):
        for page, function in (("/io", "poll_once"), ("/block", "lock_table"), ("/syscall", "sync_file")):
            drawn = self.page(page)
            self.assertIn("<svg", drawn)
            self.assertIn(function, drawn)


if __name__ == "__main__":
    unittest.main()
