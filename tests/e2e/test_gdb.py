"""docs/gdb/cruntime-gdb.py: what it reads out of a living process and out of cores is what the pages show."""
import glob
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import unittest

import harness
import programs
from harness import App

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs", "gdb", "cruntime-gdb.py")
# What a core of the app may take. gcore writes every byte of it, and once wrote the whole range of
# addresses that is set aside for the heap.
CORE_BYTES = 1 << 30


def without(*tools):
    """Why the tests cannot run; None if they can."""
    if harness.SANITIZE:
        return "sanitizer build (%s): its shadow memory would be in each core" % ",".join(harness.SANITIZE)
    missing = [tool for tool in tools if not shutil.which(tool)]
    return "not installed: " + ", ".join(missing) if missing else None


def gdb(program, *commands, core=None, pid=None):
    """What gdb prints for the commands, with our script, on a core or a process."""
    on = ["-p", str(pid)] if pid else [core] if core else []
    words = ["gdb", "-batch", "-nx", "-iex", "set debuginfod enabled off", "-iex", "set width 0", "-iex",
             "set pagination off", program, *on, "-x", SCRIPT]
    for command in commands:
        words += ["-ex", command]
    result = subprocess.run(words, env=harness.environment({"HOME": tempfile.gettempdir()}), timeout=120,
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            errors="replace", check=False)
    return result.stdout


def figures(text):
    """`Name  number` lines as a dict."""
    return {name: int(value) for name, value in re.findall(r"^ *([A-Z]\w+) +(\d+)$", text, re.MULTILINE)}


def kernel_writes_cores_here():
    """None, or why a core will not be a file in the folder of the process that dies."""
    with open("/proc/sys/kernel/core_pattern", encoding="utf-8") as file:
        pattern = file.read().strip()
    if pattern.startswith("|") or "/" in pattern:
        return "the system's core_pattern puts cores elsewhere: " + pattern
    if resource.getrlimit(resource.RLIMIT_CORE)[1] != resource.RLIM_INFINITY and os.geteuid() != 0:
        return "the hard limit on the size of cores (ulimit -Hc) is in the way"
    return None


class GdbCase(unittest.TestCase):
    """An app on one heap with all of its allocations sampled, after some requests and cycles."""
    heap = None
    variant = ""
    env = {}

    def setUp(self):
        reason = without("gdb", "gcore") if self.heap else "the heaps' own classes have the tests"
        if reason:
            self.skipTest(reason)
        self.folder = tempfile.mkdtemp(prefix="cruntime-gdb.")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.app = App(env={"CALLOCATOR": self.heap, **self.env}, folder=self.folder)
        self.addCleanup(self.app.kill)
        self.assertEqual(programs.load(self.app, "/rooms", 200).wrong, [])
        for _ in range(3):
            self.assertEqual(self.app.post("/debug/gc").status, 200)

    def memstats(self):
        return self.app.get("/debug/memstats").json()

    def gcore(self):
        """A core of the living app. The bound on its size is the file system's own safety as well."""
        limit = (CORE_BYTES, CORE_BYTES)
        result = subprocess.run(["gcore", "-o", os.path.join(self.folder, "copy"), str(self.app.pid)], timeout=120,
                                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit),
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                check=False)
        if re.search("ptrace.*not permitted", result.stdout):
            self.skipTest("the system does not let gdb attach to a process of the same user: " + result.stdout[-200:])
        self.assertEqual(result.returncode, 0, "gcore failed, or the core is larger than %d MB:\n%s" % (
            CORE_BYTES >> 20, result.stdout[-2000:]))
        return os.path.join(self.folder, "copy.%d" % self.app.pid)

    def ask(self, *commands, core=None):
        text = gdb(harness.built("app"), *commands, core=core, pid=None if core else self.app.pid)
        if re.search("ptrace.*not permitted", text):
            self.skipTest("the system does not let gdb attach to a process of the same user: " + text[-200:])
        self.assertNotIn("Traceback (most recent call last)", text)
        self.assertNotIn("Error occurred in Python", text)
        return text

    def assert_between(self, before, seen, after):
        """Counters that only grow lie between what the page said before and after."""
        for name in ("Mallocs", "Frees", "TotalAlloc", "NumGC", "NumForcedGC", "PauseTotalNs", "BuckHashSys"):
            self.assertTrue(before[name] <= seen[name] <= after[name], "%s: %d <= %d <= %d" % (
                name, before[name], seen[name], after[name]))
        self.assertEqual(seen["HeapObjects"], seen["Mallocs"] - seen["Frees"])
        moved = after["TotalAlloc"] - before["TotalAlloc"]
        self.assertLessEqual(abs(seen["HeapAlloc"] - before["HeapAlloc"]), moved, "HeapAlloc")


class Gdb(GdbCase):
    env = {"CDEBUG": "memprofilerate=1,sigquit=continue", "CGC": "70"}

    def test_settings_of_a_living_process_are_those_of_the_page(self):
        text = self.ask("cruntime settings")
        for setting in self.app.get("/debug/settings").json():
            if setting["name"] == "CDEBUG":
                continue
            pattern = r"^(CDEBUG )?%s +%s +%s( |$)" % (re.escape(setting["name"]), re.escape(setting["value"] or "-"),
                                                      setting["source"])
            self.assertRegex(text, re.compile(pattern, re.MULTILINE))

    def test_memstats_of_a_living_process_lie_between_those_of_the_page(self):
        before = self.memstats()
        text = self.ask("cruntime memstats")
        self.assert_between(before, figures(text), self.memstats())
        self.assertIn("managed heap: %s;" % self.heap, text)

    def test_memstats_of_a_gcore_lie_between_those_of_the_page(self):
        before = self.memstats()
        core = self.gcore()
        after = self.memstats()
        seen = figures(self.ask("cruntime memstats", core=core))
        self.assert_between(before, seen, after)

    def test_cycles_of_a_gcore_are_the_lines_of_the_page_to_the_byte(self):
        lines = self.app.get("/debug/gctrace?n=4096").text.splitlines()
        core = self.gcore()
        text = self.ask("cruntime gctrace 4096", "echo ---\\n", "cruntime gctrace 1", core=core)
        all_lines, last = text.split("---\n")
        shown = re.findall(r"^gc \d.*$", all_lines, re.MULTILINE)
        self.assertGreaterEqual(len(lines), 3)
        self.assertEqual(shown[:len(lines)], lines)
        self.assertEqual(re.findall(r"^gc \d.*$", last, re.MULTILINE), shown[-1:])

    def test_sites_add_up_to_what_the_heap_profile_has_in_use(self):
        page = self.app.get("/debug/pprof/heap?debug=1").text
        text = self.ask("cruntime sites 10000", core=self.gcore())
        each = [(int(n), labels) for n, labels in re.findall(r"^(\d+) bytes in \d+ objects(.*)$", text, re.MULTILINE)]
        of_page = [(int(n), labels)
                   for n, labels in re.findall(r"^\d+: (\d+) \[.*\n(# labels: .*)?", page, re.MULTILINE)]
        total = int(re.search(r"sites, some (\d+) bytes in use", text)[1])
        self.assertGreater(total, 100_000)
        self.assertAlmostEqual(sum(n for n, _ in each) / total, 1, delta=0.01)
        self.assertEqual([n for n, _ in each], sorted((n for n, _ in each), reverse=True))
        # Without what the profile itself had in use at that moment, and what it found out, which is kept.
        left, of_page_left = (sum(n for n, labels in some if "/debug/*" not in labels) for some in (each, of_page))
        self.assertAlmostEqual(left / of_page_left, 1, delta=0.05, msg="%d, %d" % (left, of_page_left))
        self.assertRegex(text, r"\n    [a-z_]+( inlined in [a-z_]+)* at .*/app/[a-z/_]+\.c:\d+\n")

    def test_every_thread_is_shown_with_its_place_in_the_program(self):
        tids = sorted(int(tid) for tid in os.listdir("/proc/%d/task" % self.app.pid))
        text = self.ask("thread 1", "cruntime threads", "thread", core=self.gcore())
        self.assertEqual(sorted(int(tid) for tid in re.findall(r"^thread (\d+)", text, re.MULTILINE)), tids)
        self.assertRegex(text, r"thread \d+ \(gdb \d+\), \d+ allocations by record \d+: in epoll_wait, by loop_run at ")
        self.assertIn("Current thread is 1 ", text.rstrip().splitlines()[-1])

    def test_a_wrong_number_is_told_in_one_line(self):
        text = self.ask("cruntime gctrace none", core=self.gcore())
        self.assertIn("cruntime: want how many, a whole number of at least 1", text)


class GdbOnTheKernelsCore(GdbCase):
    env = {"CTRACEBACK": "crash"}

    def requests_until_it_dies(self):
        try:
            while True:
                self.app.get("/rooms")
        except Exception:  # pylint: disable=broad-except  (the app has gone, as it should)
            pass

    def core_of_quit(self):
        reason = kernel_writes_cores_here()
        if reason:
            self.skipTest(reason)
        unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        resource.prlimit(self.app.pid, resource.RLIMIT_CORE, unlimited)
        loads = [threading.Thread(target=self.requests_until_it_dies, daemon=True) for _ in range(4)]
        for thread in loads:
            thread.start()
        before = self.memstats()
        status = self.app.stop(by=signal.SIGQUIT)
        for thread in loads:
            thread.join(30)
        self.assertEqual(status, -signal.SIGQUIT, "\n".join(self.app.stderr[-40:]))
        cores = [path for path in glob.glob(os.path.join(self.folder, "core*"))
                 if re.match(r"core(\.\d+)?$", os.path.basename(path))]
        self.assertEqual(len(cores), 1, os.listdir(self.folder))
        self.assertLess(os.stat(cores[0]).st_blocks * 512, CORE_BYTES)
        return before, cores[0]

    def test_a_core_of_SIGQUIT_under_load_has_all_threads_and_figures(self):
        tids = [int(tid) for tid in os.listdir("/proc/%d/task" % self.app.pid)]
        before, core = self.core_of_quit()
        text = self.ask("cruntime settings", "cruntime memstats", "cruntime gctrace", "cruntime threads", core=core)
        seen = figures(text)
        for name in ("Mallocs", "Frees", "TotalAlloc", "NumGC"):
            self.assertGreaterEqual(seen[name], before[name], name)
        self.assertLess(abs(seen["HeapAlloc"] - before["HeapAlloc"]), (4 << 20) + before["HeapAlloc"])
        shown = {int(tid) for tid in re.findall(r"^thread (\d+)", text, re.MULTILINE)}
        self.assertEqual(set(tids) - shown, set(), text)
        self.assertRegex(text, r"(?m)^CTRACEBACK +crash +environment")
        self.assertEqual(len(re.findall(r"^gc \d.*$", text, re.MULTILINE)), min(seen["NumGC"], 10))


class GdbWithoutSomething(unittest.TestCase):
    def setUp(self):
        reason = without("gdb", "strip")
        if reason:
            self.skipTest(reason)
        self.folder = tempfile.mkdtemp(prefix="cruntime-gdb.")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def test_a_program_that_was_stripped_is_told_what_is_missing(self):
        bare = os.path.join(self.folder, "bare")
        subprocess.run(["strip", "-o", bare, harness.built("app")], check=True)
        for command in ("settings", "memstats", "gctrace", "sites", "threads"):
            text = gdb(bare, "cruntime " + command)
            self.assertRegex(text, r"cruntime: no debug information of the runtime in .*/bare: build it with -g")
            self.assertNotIn("Traceback", text)

    def test_a_program_without_a_core_is_told_that_there_is_no_memory(self):
        text = gdb(harness.built("app"), "cruntime memstats")
        self.assertIn("cruntime: there is no memory to look at: open a core", text)

    def test_the_command_alone_lists_its_parts(self):
        text = gdb(harness.built("app"), "cruntime")
        for part in ("settings", "memstats", "gctrace", "sites", "threads"):
            self.assertRegex(text, r"(?m)^cruntime %s( |,|$)" % part)


def on_both_heaps(cls):
    """Puts a class for each heap beside this one."""
    module = sys.modules[cls.__module__]
    for heap in programs.ALLOCATORS:
        name = "%s_%s" % (cls.__name__, heap)
        setattr(module, name, type(name, (cls,), {"heap": heap, "variant": heap, "__module__": cls.__module__}))
    delattr(module, cls.__name__)


for each_class in (Gdb, GdbOnTheKernelsCore):
    on_both_heaps(each_class)
del GdbCase, each_class
