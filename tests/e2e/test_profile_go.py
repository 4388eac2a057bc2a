"""The app's profiles in the real tool: `go tool pprof`, as a user types it. Skipped where there is no go."""
import os
import pwd
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.request

import pprof
from harness import SANITIZE, App, eventually
from programs import TORTURED, Loaded

ALONE = True  # shares of CPU are looked at
GO = shutil.which("go")


def go_environment(folder):
    """HOME is a folder where the tool may keep what it likes. Since 1.25 go builds its tools when they are first
    asked for, which takes a minute: into the cache of whoever runs the tests, so that it is done once."""
    cache = os.path.join(pwd.getpwuid(os.getuid()).pw_dir, ".cache", "go-build")
    return dict(os.environ, HOME=folder, PPROF_TMPDIR=folder, GOCACHE=os.environ.get("GOCACHE", cache), GOFLAGS="",
                GOTOOLCHAIN="local", GOTELEMETRY="off")


@unittest.skipUnless(GO, "go is not installed: `go tool pprof` cannot be asked")
@unittest.skipIf(SANITIZE or TORTURED, "the profile would be of the sanitizer or of the collector")
class GoToolPprof(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="cruntime-pprof.")
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        subprocess.run([GO, "tool", "pprof", "-h"], env=go_environment(cls.folder), stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=240, check=False)
        # Sampled often, so that a short load has much to show.
        cls.app = App(env={"CDEBUG": "memprofilerate=4096"})
        cls.addClassCleanup(cls.app.stop)
        with Loaded(cls.app):
            before = cls.cpu_seconds()
            cls.cpu = cls.fetch("/debug/pprof/profile?seconds=4", "cpu.out")
            cls.cpu_used = cls.cpu_seconds() - before
            cls.delta = cls.fetch("/debug/pprof/heap?seconds=2", "delta.out")
        cls.allocs = cls.fetch("/debug/pprof/allocs", "allocs.out")
        cls.heap = cls.fetch("/debug/pprof/heap?gc=1", "heap.out")
        cls.threads = cls.fetch("/debug/pprof/goroutine", "goroutine.out")

    @classmethod
    def cpu_seconds(cls):
        """What the app's threads have used, by the kernel's own account."""
        with open("/proc/%d/stat" % cls.app.pid, encoding="ascii") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @classmethod
    def fetch(cls, path, name):
        answer = cls.app.get(path, timeout=60)
        if answer.status != 200:
            raise AssertionError("%s: %d %s" % (path, answer.status, answer.text[:300]))
        file = os.path.join(cls.folder, name)
        with open(file, "wb") as out:
            out.write(answer.body)
        return file

    def tool(self, *arguments, status=0):
        """What go tool pprof prints."""
        done = subprocess.run([GO, "tool", "pprof", *arguments], env=go_environment(self.folder), cwd=self.folder,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              timeout=240, check=False)
        self.assertEqual(done.returncode, status, done.stderr)
        return done.stdout

    def test_top_of_allocs_names_the_handler_that_allocates(self):
        text = self.tool("-top", "-cum", "-nodecount=500", self.allocs)
        self.assertRegex(text, r"Type: alloc_space\n")
        self.assertRegex(text, r"\brooms_list\b")
        self.assertRegex(text, r"\bweb_request_begin\b")

    def test_list_annotates_the_source_lines_of_a_handler(self):
        text = self.tool("-list=^rooms_list$", self.allocs)
        self.assertRegex(text, r"ROUTINE =+ rooms_list in \S*app/rooms/rooms\.c\n")
        annotated = [line for line in text.splitlines() if re.match(r"\s+(\.|[\d.]+\w*)\s+[\d.]+k?M?G?B\s+\d+:", line)]
        self.assertTrue(annotated, text)
        self.assertNotIn("no such file", text)

    def test_each_sample_type_of_the_heap_can_be_chosen(self):
        for flag, name in (("-inuse_objects", "inuse_objects"), ("-inuse_space", "inuse_space"),
                           ("-alloc_space", "alloc_space"), ("-alloc_objects", "alloc_objects")):
            text = self.tool("-top", flag, self.heap)
            self.assertIn("Type: %s\n" % name, text)
            self.assertRegex(text, r"Showing nodes accounting for [1-9]", text)

    def test_the_cpu_profile_names_functions_of_ours_and_of_each_library(self):
        text = self.tool("-top", "-cum", "-nodecount=1000", "-nodefraction=0", self.cpu)
        for pattern in (r"\brooms_list\b", r"\bh2o_\w+", r"\byajl_gen_\w+", r"\bsqlite3_step\b"):
            self.assertRegex(text, pattern)

    def test_the_cpu_profile_accounts_for_the_time_that_the_app_used(self):
        with open(self.cpu, "rb") as data:
            profile = pprof.parse(data.read())
        seconds = profile.sum("cpu") / 1e9
        # The kernel's account goes on while names are looked up, for some tenths of a second.
        self.assertGreater(seconds, 0.5 * self.cpu_used - 0.4)
        self.assertLess(seconds, self.cpu_used + 0.1)
        self.assertGreater(seconds, 0.1)
        self.assertAlmostEqual(profile.duration_ns / 1e9, 4, delta=0.5)
        self.assertEqual(profile.sum("cpu"), profile.sum("samples") * 10_000_000)

    def test_tags_show_the_route_of_samples_of_cpu_and_of_heap(self):
        for file in (self.cpu, self.allocs):
            text = self.tool("-tags", file)
            self.assertRegex(text, r"\broute: Total")
            self.assertRegex(text, r"GET /rooms\n")
        with open(self.heap, "rb") as data:
            inuse = pprof.parse(data.read())
        self.assertTrue(any(sample.labels.get("route") and sample.values[3] for sample in inuse.samples))

    def test_a_difference_holds_what_was_allocated_meanwhile(self):
        with open(self.delta, "rb") as one, open(self.allocs, "rb") as other:
            delta, whole = pprof.parse(one.read()), pprof.parse(other.read())
        self.assertAlmostEqual(delta.duration_ns / 1e9, 2, delta=0.5)
        self.assertGreater(delta.sum("alloc_space"), 0)
        self.assertLess(delta.sum("alloc_space"), whole.sum("alloc_space"))
        self.assertIn("Duration: 2", self.tool("-top", self.delta))

    def test_threads_are_listed_as_goroutines(self):
        text = self.tool("-traces", self.threads)
        self.assertRegex(text, r"\bloop_run\b")
        self.assertRegex(self.tool("-tags", self.threads), r"\bthread: Total")

    def test_gos_text_form_is_read_as_well(self):
        text = self.fetch("/debug/pprof/heap?debug=1", "heap.txt")
        self.assertRegex(self.tool("-top", "-alloc_space", text), r"Showing nodes accounting for [1-9]")

    def test_a_profile_is_fetched_by_the_tool_itself(self):
        text = self.tool("-top", "-cum", self.app.url + "/debug/pprof/heap")
        self.assertIn("Type: inuse_space\n", text)

    def test_a_profile_that_cannot_be_had_is_told_in_the_profilers_own_words(self):
        first = threading.Thread(target=lambda: self.app.get("/debug/pprof/profile?seconds=3", timeout=60))
        first.start()
        try:
            refused = eventually(lambda: self.refusal(), "a second CPU profile is refused", 3)
        finally:
            first.join()
        self.assertIn("Could not enable CPU profiling: cpu profiling already in use", refused)

    def refusal(self):
        env = go_environment(self.folder)
        done = subprocess.run([GO, "tool", "pprof", "-top", self.app.url + "/debug/pprof/profile?seconds=1"], env=env,
                              cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=60, check=False)
        return done.stdout if done.returncode != 0 else ""

    @unittest.skipUnless(shutil.which("dot"), "graphviz is not installed: pprof draws with it")
    def test_svg_is_drawn(self):
        svg = os.path.join(self.folder, "cpu.svg")
        self.tool("-svg", "-nodecount=1000", "-nodefraction=0", "-output=" + svg, self.cpu)
        with open(svg, encoding="utf-8") as drawn:
            text = drawn.read()
        self.assertIn("<svg", text)
        self.assertIn("rooms_list", text)

    def test_the_web_pages_show_graph_flame_graph_and_source(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = "127.0.0.1:%d" % free.getsockname()[1]
        env = go_environment(self.folder)
        server = subprocess.Popen([GO, "tool", "pprof", "-http=" + address, "-no_browser", self.cpu], env=env,
                                  cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL, start_new_session=True)
        try:
            def page(path):
                try:
                    with urllib.request.urlopen("http://%s%s" % (address, path), timeout=30) as answer:
                        return answer.read().decode()
                except OSError:
                    return None

            self.assertIn("rooms_list", eventually(lambda: page("/ui/top"), "pprof serves its pages", 60))
            self.assertIn("rooms_list", page("/ui/flamegraph"))
            # Its samples may all lie in what is inlined into it.
            self.assertRegex(page("/ui/source?f=rooms_list"), r'<h2>rooms_list</h2><p class="filename">\S*/app/\w+/\w+\.[ch]<')
            if shutil.which("dot"):
                self.assertIn("rooms_list", page("/ui/"))
        finally:
            os.killpg(server.pid, 15)
            server.wait(30)


if __name__ == "__main__":
    unittest.main()
