"""cops and the agent of a living program: what either believes of the other, put together."""
import gzip
import json
import os
import subprocess
import tempfile
import unittest

import harness


class Agent(unittest.TestCase):
    """tests/programs/idle with an agent from before main."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="cruntime-gops.")
        self.addCleanup(folder.cleanup)
        self.env = {"GOPS_CONFIG_DIR": folder.name, "CAGENT": "127.0.0.1:0"}
        self.process = subprocess.Popen([harness.built("tests/programs/idle")], env=harness.environment(self.env),
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(self.end)
        self.assertEqual(self.process.stdout.readline(), "ready\n")

    def end(self):
        self.process.stdin.close()
        self.process.wait(20)
        self.process.stdout.close()

    def ask(self, command, *arguments, timeout=60):
        result = harness.run("cops", command, self.process.pid, *arguments, env=self.env, torture=False,
                             timeout=timeout)
        self.assertEqual((result.returncode, result.stderr), (0, ""), command)
        return result.stdout

    def json(self, command, *arguments):
        return json.loads(self.ask(command, *arguments, "--json"))

    def row(self):
        rows = json.loads(harness.run("cops", "--json", env=self.env, torture=False, timeout=60).stdout)
        return next(row for row in rows if row["pid"] == self.process.pid)

    def test_it_is_listed_with_its_address(self):
        self.assertRegex(self.row()["agent"], r"\A127\.0\.0\.1:\d+\Z")
        self.assertTrue(self.ask("version").startswith("cruntime %s" % self.row()["version"]))

    def test_figures_are_read_from_its_texts(self):
        memstats, stats = self.json("memstats"), self.json("stats")
        for name in ("alloc", "total-alloc", "sys", "heap-alloc", "heap-objects", "next-gc", "num-gc", "gc-sys"):
            self.assertIsInstance(memstats[name], int, name)
        self.assertIs(memstats["enable-gc"], True)
        self.assertEqual(set(stats), {"goroutines", "OS threads", "GOMAXPROCS", "num CPU"})
        self.assertIn("\nmain(", self.ask("stack"))

    def test_a_collection_is_done_when_gc_returns(self):
        before = self.json("memstats")["num-forced-gc"]
        self.assertEqual(self.ask("gc"), "")
        self.assertEqual(self.json("memstats")["num-forced-gc"], before + 1)

    def test_settings_change_by_either_way(self):
        def cgc():
            return next((knob["value"], knob["source"]) for knob in self.json("settings") if knob["name"] == "CGC")
        self.assertEqual(cgc(), ("100", "default"))
        self.assertEqual(self.json("setgc", "50"), {"gc_percent": 50, "previous": 100})
        self.assertEqual(self.json("settings", "CGC=75", "CMEMLIMIT=64MiB"), {
            "gc_percent": {"old": 50, "new": 75}, "memory_limit": {"old": "off", "new": 64 << 20}})
        self.assertEqual(cgc(), ("75", "call"))
        self.assertEqual(self.ask("setgc", "off"), "New GC percent set to -1. Previous value was 75.\n")
        refused = harness.run("cops", "settings", self.process.pid, "CGC=x", env=self.env, torture=False)
        self.assertEqual(refused.returncode, 1)
        self.assertRegex(refused.stderr, r"\Acops: [^\n]*gc_percent: want [^\n]+\n\Z")

    def test_cycles_are_followed(self):
        with subprocess.Popen([harness.built("cops"), "gctrace", "-n2", "-d20ms", str(self.process.pid)], text=True,
                              env=harness.environment(self.env), stdout=subprocess.PIPE) as follower:
            # Cycles before it has looked are not its business: go on until it has what it wants.
            harness.eventually(lambda: self.ask("gc") or follower.poll() is not None, "two lines", within_s=60)
            lines = follower.stdout.read().splitlines()
        self.assertEqual(len(lines), 2)
        for line in lines:
            self.assertRegex(line, r"\Agc \d+ @\d+\.\d{3}s .*\(forced\)")

    def test_top_shows_them(self):
        row = json.loads(self.ask("top", "-n1", "-d100ms", "--json"))
        if not harness.SANITIZE:  # where malloc is not counted, and this program has nothing else
            self.assertGreater(row["heap_bytes"], 0)
        self.assertGreater(row["rss_bytes"], 0)
        self.assertGreaterEqual(row["num_gc"], 1)
        self.assertGreaterEqual(row["threads"], 1)

    def test_a_heap_profile_and_a_trace_are_saved(self):
        path = os.path.join(self.env["GOPS_CONFIG_DIR"], "saved")
        what = self.json("pprof-heap", "-o", path)
        self.assertEqual(what["bytes"], os.path.getsize(path))
        with gzip.open(path) as file:
            self.assertIn(b"inuse_space", file.read())
        self.ask("trace", "-o", path)
        with open(path, "rb") as file:
            self.assertRegex(file.read(16), rb"\Ago 1\.\d+ trace\0\0\0\Z")

    def test_after_its_end_nothing_is_left(self):
        self.process.stdin.close()
        self.process.wait(20)
        self.assertEqual(os.listdir(self.env["GOPS_CONFIG_DIR"]), [])

    def test_a_file_of_a_process_that_was_killed_is_not_taken_for_an_agent(self):
        self.process.kill()
        self.process.wait()
        left = os.listdir(self.env["GOPS_CONFIG_DIR"])
        self.assertEqual(left, [str(self.process.pid)])
        result = harness.run("cops", "version", self.process.pid, env=self.env, torture=False)
        self.assertEqual(result.returncode, 1)
        self.assertRegex(result.stderr, r"\Acops: no process has the PID \d+\n\Z")


if __name__ == "__main__":
    unittest.main()
