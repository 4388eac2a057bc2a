"""The drivers that load servers: nginx as a peer, what a run keeps, and loading in the order A B B A.

Nothing here holds a figure against a bound: the runs are far too short, and tests run beside each other. A benchmark's
programs are made by `make bench-build`, which `make check` does not need: without them these tests are skipped.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import types
import unittest
import urllib.request

from harness import BUILD, built, eventually, not_sanitized, not_tortured

BENCH = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "bench")
sys.path.insert(0, BENCH)
sys.dont_write_bytecode = True
import http_load  # noqa: E402
import interleave  # noqa: E402
import nginx_peer  # noqa: E402
import results  # noqa: E402

LIMIT_S = 240
ROOMS, BOOKING = '{"a": "it\'s \\\\ here"}', '{"id":"1"}'


def needs(*programs):
    """Skips the test when a program of the benchmarks is not built."""
    for name in programs:
        if not os.access(built(name), os.X_OK):
            raise unittest.SkipTest("%s is not built (make bench-build)" % name)


def is_there(pid):
    try:
        os.kill(pid, 0)
        return True
    except ProcessLookupError:
        return False


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="cruntime-bench.")
        self.addCleanup(shutil.rmtree, self.folder)


class NginxPeer(Case):
    def nginx(self):
        if nginx_peer.missing():
            self.skipTest("nginx is not installed")
        return nginx_peer.Nginx([nginx_peer.find(), "2", ROOMS, BOOKING], {}, self.folder)

    def test_it_answers_with_the_constants_and_ends_with_all_its_workers(self):
        with self.nginx() as server:
            with urllib.request.urlopen(server.url + "/rooms", timeout=10) as answer:
                self.assertEqual((answer.status, answer.read().decode()), (200, ROOMS))
                self.assertEqual(answer.headers["Content-Type"], "application/json; charset=utf-8")
            with urllib.request.urlopen(server.url + "/bookings", b"{}", timeout=10) as answer:
                self.assertEqual((answer.status, answer.read().decode()), (201, BOOKING))
            pids = eventually(lambda: len(server.pids()) == 3 and server.pids(), "a master and two workers")
            self.assertGreater(server.cpu_ns(), 0)
            self.assertIn("127.0.0.1", server.url)
        for pid in pids:
            eventually(lambda p=pid: not is_there(p), "process %d is gone" % pid)

    def test_it_ends_when_what_is_measured_fails(self):
        with self.assertRaises(ZeroDivisionError):
            with self.nginx() as server:
                pids = server.pids()
                raise ZeroDivisionError
        for pid in pids:
            eventually(lambda p=pid: not is_there(p), "process %d is gone" % pid)

    def test_a_configuration_that_it_refuses_is_told(self):
        server = self.nginx()
        server.argv[1] = "-1"
        with self.assertRaisesRegex(interleave.BenchError, "nginx ended with status 1: .*invalid value"):
            with server:
                pass

    def test_quotes_and_backslashes_stay_what_they_are_and_a_dollar_is_refused(self):
        text = nginx_peer.config("/folder", 2, 1234, "it's \\", BOOKING)
        self.assertIn("return 200 'it\\'s \\\\';", text)
        self.assertIn("listen 127.0.0.1:1234 reuseport;", text)
        with self.assertRaisesRegex(interleave.BenchError, "dollar"):
            nginx_peer.config("/folder", 2, 1234, "$host", BOOKING)


@not_sanitized("the figures would be the sanitizer's")
@not_tortured("the figures would be the cycles'")
class RunHttp(Case):
    def test_a_short_run_has_its_rows_and_keeps_what_it_measured(self):
        needs("bench/h2o_minimal", "app")
        if not any(shutil.which(name) for name in ("wrk", "hey", "ab")):
            self.skipTest("no load generator is installed")
        path = os.path.join(self.folder, "kept", "http.txt")
        done = subprocess.run([os.path.join(BENCH, "run-http"), "-n", "1", "-t", "1", "-c", "4", "--no-postgres",
                               "--json", "--results", path, "-b", BUILD], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=LIMIT_S, check=False)
        self.assertIn(done.returncode, (0, 1), done.stderr)  # 1: a bound is missed, which says nothing here
        told = json.loads(done.stdout)
        named = [row["what"] for row in told["rows"]]
        self.assertIn("GET /rooms, requests/s: app, SQLite (boehm) / minimal h2o", named)
        beside_nginx = "GET /rooms, requests/s: nginx / minimal h2o" in named
        said = any("nginx is not installed: its rows are left out" in note for note in told["notes"])
        self.assertEqual((beside_nginx, said), (not nginx_peer.missing(), bool(nginx_peer.missing())))
        self.check_kept(path, told["rows"], beside_nginx)

    def check_kept(self, path, rows, beside_nginx):
        """What was kept gives the rows again."""
        with open(path, encoding="utf-8") as file:
            text = file.read()
        kept = results.parse(text)
        self.assertTrue(text.startswith("goos: linux\n"))
        self.assertIn("pkg: cruntime/bench/http\n", text)
        self.assertEqual("GetRooms/case=nginx" in kept, beside_nginx)
        app, minimal = (kept["GetRooms/case=" + name] for name in ("app,_SQLite_(boehm)", "minimal_h2o"))
        for what, unit in (("requests/s", "req/s"), ("CPU a request", "cpu-ns/op")):
            (row,) = [r for r in rows if r["what"] == "GET /rooms, %s: app, SQLite (boehm) / minimal h2o" % what]
            self.assertAlmostEqual(row["median"], app[unit][0] / minimal[unit][0], places=6)
        with open(os.path.splitext(path)[0] + ".json", encoding="utf-8") as file:
            self.assertEqual(json.load(file)["rows"], rows)


class Shared(Case):
    def test_a_file_is_kept_whole_and_the_one_before_beside_it(self):
        path = os.path.join(self.folder, "results", "run-x.txt")
        for text in ("first", "second", "third"):
            interleave.write_whole(path, text)
        self.assertEqual(sorted(os.listdir(os.path.dirname(path))), ["run-x.old.txt", "run-x.txt"])
        for name, want in (("run-x.txt", "third"), ("run-x.old.txt", "second")):
            with open(os.path.join(os.path.dirname(path), name), encoding="utf-8") as file:
                self.assertEqual(file.read(), want)

    def test_a_part_of_a_driver_does_not_take_the_place_of_the_whole(self):
        for more, want in (({}, ""), ({"pin": True}, "-pinned"), ({"only": ["x"]}, "-part"), ({"pin": False}, "")):
            options = types.SimpleNamespace(results=None, build="/b", **more)
            name = os.path.basename(sys.argv[0])
            self.assertEqual(interleave.results_path(options), "/b/bench/results/%s%s.txt" % (name, want))

    def test_two_ways_are_loaded_in_the_order_a_b_b_a_and_a_steady_drift_cancels_out(self):
        order, clock = [], iter(range(4))

        def way(name, value):
            def run():
                order.append(name)
                return value + next(clock), 2 * value
            return run

        pair = http_load.abba(way("a", 100), way("b", 100))
        self.assertEqual(order, ["a", "b", "b", "a"])
        self.assertEqual(pair.first, [(100, 200), (103, 200)])
        self.assertEqual((pair.ratio(0), pair.ratio(1)), (1.0, 1.0))
        self.assertEqual(http_load.abba(way2(30), way2(10)).ratio(0), 3.0)


def way2(value):
    return lambda: (value, value)


if __name__ == "__main__":
    unittest.main()
