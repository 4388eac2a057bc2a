"""The benchmark ParsingJsonFile and its peer: names, files, figures, and what is said where a tool is missing.

How fast either is is no matter of tests: bench/run-json compares them.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

import gotrace
import harness

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "bench"))
import gopeer  # noqa: E402
import http_load  # noqa: E402
import interleave  # noqa: E402

NAMES = {"%s/%s/%d" % (name, way, count) for count in (1, 999, 9999)
         for name, way in (("ParsingJsonFile", "Unmarshal"), ("ParsingJsonFile", "Decoder"),
                           ("ReadingJsonFile", "ReadFile"))}
ROOM = {"id": "79ca06f8-1163-48e8-b279-23fca5669623", "name": "Green", "cost": 12.5, "number_of_seats": 4,
        "category": "Open Space", "main_photo": "/green_0001.jpg", "IsAvailable": False,
        "photos": [{"ID": 0, "Url": "/green_0002.jpg", "RoomId": "79ca06f8-1163-48e8-b279-23fca5669623"},
                   {"ID": 0, "Url": "/green_0003.jpg", "RoomId": "79ca06f8-1163-48e8-b279-23fca5669623"}]}


class BenchJson(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="cruntime-json.")
        self.addCleanup(shutil.rmtree, self.folder)

    def write(self):
        done = harness.run("bench/json", "write", self.folder, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)

    def driver(self, name, path):
        env = dict(harness.environment({"RT_BUILD": harness.BUILD}), PATH=path)
        done = subprocess.run([sys.executable, "-B", os.path.join(TOP, "bench", name), "-n", "1", "-t", "0.001", "--json"],
                              env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, timeout=240, check=False)
        self.assertIn(done.returncode, (0, 1), done.stderr)
        return json.loads(done.stdout)

    def test_files_hold_the_seed_rooms_over_and_over(self):
        self.write()
        for count in (1, 999, 9999):
            with open(os.path.join(self.folder, "rooms_%d.json" % count), encoding="utf-8") as file:
                rooms = json.load(file)
            self.assertEqual(len(rooms), count)
            self.assertEqual(rooms[0], ROOM)
            self.assertTrue(all(rooms[i] == rooms[i % 3] for i in range(count)))

    def test_every_case_runs_and_reports_allocations_and_the_streams_peak(self):
        done = harness.run("bench/json", "-bench=.", "-benchtime=1x", timeout=120)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        found = gopeer.results(done.stdout)
        self.assertEqual(set(found), NAMES)
        for name, figures in found.items():
            self.assertIn("allocs/op", figures, name)
            self.assertEqual("peak/result" in figures, "Decoder" in name, name)

    def test_a_file_that_is_no_array_of_rooms_is_named_with_the_place(self):
        path = os.path.join(self.folder, "rooms_999.json")
        with open(path, "w", encoding="utf-8") as file:
            file.write('[{"id":"a"},{"id":[]}]')
        done = harness.run("bench/json", "peak", path)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertEqual(done.stderr, "bench/json: %s: after 19 bytes: rooms[1].id is an array where a string was "
                                      "expected\n" % path)
        done = harness.run("bench/json", "-bench=Parsing/Unmarshal/999", "-benchtime=1x",
                           env={"ROOMS_FOLDER": self.folder})
        self.assertEqual(done.returncode, 1)
        self.assertIn("rooms[1].id is an array", done.stdout)

    def test_without_go_the_driver_says_so_and_still_holds_the_peak_against_its_bound(self):
        result = self.driver("run-json", "/nonexistent")
        self.assertEqual([row["held"] for row in result["rows"] if row["what"].startswith("peak of memory")], [True] * 4)
        self.assertEqual(len(result["rows"]), 4)
        self.assertIn("go is not installed: its rows are left out", result["notes"][0])

    @unittest.skipUnless(gotrace.GO, "go is not installed")
    def test_gos_benchmark_has_the_very_same_names_and_package(self):
        self.write()
        options = type("Options", (), {"build": self.folder})
        done = subprocess.run([gopeer.build(options, "json"), "-test.bench=.", "-test.benchtime=1x"],
                              env=harness.environment({"ROOMS_FOLDER": self.folder}), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120, check=False)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertEqual(set(gopeer.results(done.stdout)), NAMES)
        self.assertIn("\npkg: cruntime/bench/json\n", done.stdout)

    @unittest.skipUnless(gotrace.GO, "go is not installed")
    def test_gos_trees_end_with_the_line_that_ours_end_with(self):
        program = gopeer.build(type("Options", (), {"build": self.folder}), "trees")
        done = subprocess.run([program, "8"], env=harness.environment(), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stdout, r"^binary_trees depth=8 allocator=go cycles=\d+ seconds=[\d.]+ pause_seconds=[\d.]+ ")

    @unittest.skipUnless(gotrace.GO, "go is not installed")
    def test_gos_server_gives_both_answers_at_the_apps_length(self):
        server = gopeer.build(type("Options", (), {"build": self.folder}), "nethttp")
        for answer in ("constant", "rooms"):
            with interleave.Server([server, "-answer", answer], {}, self.folder) as running:
                http_load.check_answer(running.url + "/rooms")


if __name__ == "__main__":
    unittest.main()
