"""Profiles over HTTP, as `go tool pprof` and a browser ask for them, and that they are in nobody's way."""
import contextlib
import gzip
import http.client
import json
import os
import re
import select
import signal
import socket
import subprocess
import threading
import time
import unittest

from apps import JSON, SEED_NAME, SEED_PASSWORD, AppCase, FreshCase, on_each_heap
from harness import eventually

NAMES = ("allocs", "block", "goroutine", "heap", "mutex", "threadcreate")
TEXT, BINARY = "text/plain; charset=utf-8", "application/octet-stream"
BUSY = "Could not enable CPU profiling: cpu profiling already in use\n"
EARLY = "the profile was ended early: the client has gone, or the server is stopping\n"
FULL = "too many profiles are being taken; try again when some are done\n"
LONG_S = 600  # of a profile that no test waits for


def sent(app, path, method="GET"):
    """A connection on which the request has been sent and no answer read."""
    client = socket.create_connection((app.host, app.port), timeout=60)
    client.sendall(("%s %s HTTP/1.1\r\nHost: %s:%d\r\n\r\n" % (method, path, app.host, app.port)).encode())
    return client


def has_answer(client, within_s=0.0):
    return bool(select.select([client], [], [], within_s)[0])


def answer_of(client):
    """(status, headers, text) of the answer that comes next on the connection."""
    answer = http.client.HTTPResponse(client)
    answer.begin()
    return answer.status, answer.headers, answer.read().decode()


def long_cpu_profile(app):
    """A connection on which a CPU profile is being taken that takes too long for any test."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        client = sent(app, "/debug/pprof/profile?seconds=%d" % LONG_S)
        # Refused: the profiler is busy, with ours. Else this one came first, and ours has been refused.
        if app.get("/debug/pprof/profile?seconds=1").status == 500 and not has_answer(client):
            return client
        client.close()
    raise AssertionError("no CPU profile could be begun")


@on_each_heap
class Pprof(AppCase):
    env = {"CMAXPROCS": "2"}

    def profile(self, path, kind=BINARY, disposition=None):
        answer = self.ask("GET", "/debug/pprof/" + path, 200)
        self.assertEqual(answer.headers["Content-Type"], kind)
        self.assertEqual(answer.headers["Content-Disposition"], disposition)
        self.assertEqual(answer.headers["X-Content-Type-Options"], "nosniff")
        self.assertIsNone(answer.headers["X-Go-Pprof"])
        return answer

    def refused(self, path, status, text, method="GET"):
        answer = self.ask(method, "/debug/pprof/" + path, status, text + "\n")
        self.assertEqual(answer.headers["Content-Type"], TEXT)
        self.assertEqual(answer.headers["X-Go-Pprof"], "1")
        self.assertIsNone(answer.headers["Content-Disposition"])

    # ---- what there is ----

    def test_the_index_lists_every_profile_with_its_count(self):
        for path in ("/debug/pprof/", "/debug/pprof"):
            answer = self.app.get(path)
            self.assertEqual((answer.status, answer.headers["Content-Type"]), (200, "text/html; charset=utf-8"))
            rows = re.findall(r"<td>(\d+)</td><td><a href='[^']*'>(\w+)</a>", answer.text)
            counts = {name: count for count, name in rows}
            self.assertEqual(list(counts), sorted(NAMES + ("cmdline", "profile", "symbol", "trace")))
            # Two loops, a writer, a worker and the profiles' own.
            self.assertGreaterEqual(int(counts["goroutine"]), 5)
            for name, link in re.findall(r"<a href='/debug/pprof/(\w+)(\?[^']*)'", answer.text):
                if name not in ("profile", "cmdline", "trace"):
                    self.assertEqual(self.app.get("/debug/pprof/%s%s" % (name, link)).status, 200)

    def test_a_heap_profile_is_a_gzipped_file(self):
        answer = self.profile("heap", BINARY, 'attachment; filename="heap"')
        self.assertEqual(answer.body[:2], b"\x1f\x8b")
        text = gzip.decompress(answer.body)
        for word in (b"alloc_objects", b"alloc_space", b"inuse_objects", b"inuse_space", b"count", b"bytes"):
            self.assertIn(word, text)

    def test_every_profile_comes_as_a_file_and_as_text(self):
        for name in NAMES:
            with self.subTest(name):
                file = self.profile(name + "?x=y", BINARY, 'attachment; filename="%s"' % name)
                self.assertGreater(len(gzip.decompress(file.body)), 0)
                self.assertTrue(self.profile(name + "?debug=1", TEXT).text)
        self.assertRegex(self.profile("heap?debug=1", TEXT).text, r"^heap profile: \d+: \d+ \[\d+: \d+\] @ ")
        self.assertRegex(self.profile("goroutine?debug=1", TEXT).text, r"^goroutine profile: total \d+\n")

    def test_a_traceback_names_the_threads(self):
        text = self.profile("goroutine?debug=2", TEXT).text
        for thread in ("loop 1", "work 0", "debug 0", "debug 3", "sqlite-writer"):
            self.assertIn(thread, text)

    def test_gc_runs_a_cycle_ahead_of_a_heap_profile(self):
        def forced():
            return self.app.get("/debug/memstats").json()["NumForcedGC"]

        before = forced()
        self.profile("heap?gc=1&debug=1", TEXT)
        self.assertEqual(forced(), before + 1)
        self.profile("heap?gc=0&debug=1", TEXT)
        self.profile("allocs?gc=1&debug=1", TEXT)
        self.assertEqual(forced(), before + 1)

    def test_seconds_gives_the_difference(self):
        for name in ("heap", "goroutine"):
            begin = time.monotonic()
            answer = self.profile(name + "?seconds=1", BINARY, 'attachment; filename="%s-delta"' % name)
            self.assertGreaterEqual(time.monotonic() - begin, 0.99)
            gzip.decompress(answer.body)

    def test_the_command_line_and_symbols_are_told(self):
        arguments = self.profile("cmdline", TEXT).body.split(b"\0")
        with open("/proc/%d/cmdline" % self.app.pid, "rb") as file:
            self.assertEqual(arguments, file.read().split(b"\0")[:-1])
        self.assertEqual(self.profile("symbol", TEXT).text, "num_symbols: 1\n")
        self.assertEqual(self.profile("symbol?0x1+nonsense", TEXT).text, "num_symbols: 1\n")
        address = self.address_of("rt_gc")
        text = "num_symbols: 1\n0x%x rt_gc\n" % address
        self.assertEqual(self.profile("symbol?0x%x" % address, TEXT).text, text)
        self.ask("POST", "/debug/pprof/symbol", 200, text, body="0x%x" % address)

    def address_of(self, function):
        """Where the app has it, by what the linker and the kernel say."""
        program = os.path.realpath("/proc/%d/exe" % self.app.pid)
        names = subprocess.run(["nm", program], stdout=subprocess.PIPE, text=True, check=True).stdout
        headers = subprocess.run(["readelf", "-hW", program], stdout=subprocess.PIPE, text=True, check=True).stdout
        offset = int(re.search(r"^([0-9a-f]+) T %s$" % function, names, re.MULTILINE)[1], 16)
        if not re.search(r"Type: +DYN", headers):
            return offset
        with open("/proc/%d/maps" % self.app.pid, encoding="ascii") as file:
            return offset + next(int(line.split("-")[0], 16) for line in file if line.rstrip().endswith(program))

    def test_what_cannot_be_had_is_told_as_go_tells_it(self):
        self.refused("nosuch", 404, "Unknown profile")
        wrong = 'invalid value for "seconds" - must be a positive integer'
        for path in ("heap?seconds=0", "heap?seconds=x", "profile?seconds=-1", "profile?seconds=1m"):
            self.refused(path, 400, wrong)
        self.refused("heap?seconds=3601", 400, 'invalid value for "seconds" - must be at most 3600')
        self.refused("heap?seconds=1&debug=1", 400, "seconds and debug params are incompatible")
        self.refused("heap?debug=3", 400, 'invalid value for "debug" - must be 0, 1 or 2')
        answer = self.ask("POST", "/debug/pprof/heap", 405)
        self.assertEqual(answer.headers["Allow"], "GET, HEAD")

    def test_head_is_answered_at_once_and_without_a_body(self):
        for path, name in (("profile?seconds=%d" % LONG_S, "profile"), ("heap", "heap"),
                           ("heap?seconds=%d" % LONG_S, "heap-delta")):
            answer = self.app.request("HEAD", "/debug/pprof/" + path)
            self.assertEqual((answer.status, answer.body), (200, b""))
            self.assertEqual(answer.headers["Content-Disposition"], 'attachment; filename="%s"' % name)

    def test_a_connection_goes_on_after_a_profile(self):
        connection = http.client.HTTPConnection(self.app.host, self.app.port, timeout=60)
        self.addCleanup(connection.close)
        for path, size in (("/debug/pprof/heap", None), ("/rooms", 547), ("/debug/pprof/nosuch", 16),
                           ("/debug/pprof/profile?seconds=1", None), ("/rooms", 547)):
            connection.request("GET", path)
            body = connection.getresponse().read()
            self.assertEqual(len(body), size or len(body), path)

    # ---- one CPU profiler ----

    def test_a_second_cpu_profile_is_refused(self):
        with long_cpu_profile(self.app):
            self.refused("profile?seconds=1", 500, BUSY[:-1])
            self.profile("heap", BINARY, 'attachment; filename="heap"')

    def test_a_client_that_hangs_up_frees_the_profiler(self):
        descriptors = "/proc/%d/fd" % self.app.pid
        eventually(lambda: self.app.get("/debug/pprof/profile?seconds=1").status == 200, "the profiler is free")
        before = len(os.listdir(descriptors))
        long_cpu_profile(self.app).close()
        # The one that was begun would have taken ten minutes.
        eventually(lambda: self.app.get("/debug/pprof/profile?seconds=1").status == 200, "the profiler is free", 20)
        eventually(lambda: len(os.listdir(descriptors)) <= before, "the connection's descriptors are given back")
        client = long_cpu_profile(self.app)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.close()  # by a reset
        eventually(lambda: self.app.get("/debug/pprof/profile?seconds=1").status == 200, "the profiler is free", 20)

    def test_a_client_that_will_send_no_more_ends_its_profile(self):
        client = long_cpu_profile(self.app)
        client.shutdown(socket.SHUT_WR)  # as Go's server sees it, this is a client that has gone
        status, headers, text = answer_of(client)
        self.assertEqual((status, text, headers["X-Go-Pprof"]), (503, EARLY, "1"))
        client.close()

    def test_a_cpu_profile_tells_routes_apart(self):
        login = json.dumps({"username": SEED_NAME, "password": SEED_PASSWORD})
        done = threading.Event()

        def load():
            while not done.is_set():
                self.app.post("/auth/login", login, headers=JSON)

        def read_rooms():
            with socket.create_connection((self.app.host, self.app.port), timeout=60) as client:
                while not done.is_set():
                    client.sendall(b"GET /rooms HTTP/1.1\r\nHost: x\r\n\r\n" * 500)
                    read = b""
                    while read.count(b'"name":"Yellow"') < 500:
                        piece = client.recv(1 << 20)
                        if not piece:
                            return
                        read += piece

        threads = [threading.Thread(target=load), threading.Thread(target=read_rooms)]
        for thread in threads:
            thread.start()
        try:
            answer = self.profile("profile?seconds=3", BINARY, 'attachment; filename="profile"')
        finally:
            done.set()
            for thread in threads:
                thread.join()
        text = gzip.decompress(answer.body)
        for word in (b"route", b"POST /auth/login", b"GET /rooms"):
            self.assertIn(word, text)

    # ---- nobody waits for a profile ----

    def test_other_requests_are_served_while_profiles_are_taken(self):
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(long_cpu_profile(self.app))]
            clients += [stack.enter_context(sent(self.app, "/debug/pprof/heap?seconds=%d" % LONG_S)) for _ in range(3)]
            for _ in range(20):
                self.ask("GET", "/rooms", 200)
            self.ask("POST", "/auth/login", 200, json_body={"username": SEED_NAME, "password": SEED_PASSWORD})
            self.ask("GET", "/readyz", 200)
            self.ask("GET", "/debug/memstats", 200)
            self.ask("GET", "/debug/pprof/", 200)
            self.ask("GET", "/debug/pprof/cmdline", 200)
            self.assertFalse(any(map(has_answer, clients)))

    def test_more_profiles_than_can_wait_are_refused(self):
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(sent(self.app, "/debug/pprof/heap?seconds=%d" % LONG_S)) for _ in range(30)]
            # Four threads and sixteen that wait; more only when a thread has not taken its first yet.
            eventually(lambda: sum(map(has_answer, clients)) >= 10, "ten are refused")
            refused = list(filter(has_answer, clients))
            for client in refused:
                status, headers, text = answer_of(client)
                self.assertEqual((status, text), (503, FULL))
                self.assertEqual((headers["Content-Type"], headers["X-Go-Pprof"]), (TEXT, "1"))
            self.assertLess(len(refused), 30 - 15)
            self.ask("GET", "/rooms", 200)
        # Those that are left have gone.
        eventually(lambda: self.app.get("/debug/pprof/heap").status == 200, "the threads are free")

    # ---- rates ----

    def test_rates_are_set_while_the_app_runs(self):
        def change(**values):
            return self.ask("POST", "/debug/settings", 200, json_body=values).json()

        def shown(name):
            return next(one for one in self.app.get("/debug/settings").json() if one["name"] == name)

        rate = int(shown("memprofilerate")["value"])
        self.assertEqual(change(mem_profile_rate=4096), {"mem_profile_rate": {"old": rate, "new": 4096}})
        self.assertEqual((shown("memprofilerate")["value"], shown("memprofilerate")["source"]), ("4096", "call"))
        self.assertEqual(change(mem_profile_rate=rate), {"mem_profile_rate": {"old": 4096, "new": rate}})
        self.assertEqual(change(mutex_profile_fraction=1, block_profile_rate=10000),
                         {"mutex_profile_fraction": {"old": "off", "new": 1},
                          "block_profile_rate": {"old": "off", "new": 10000}})
        answer = self.ask("POST", "/debug/settings", 200, body="mutex_profile_fraction=off&block_profile_rate=0")
        self.assertEqual(answer.json(), {"mutex_profile_fraction": {"old": 1, "new": "off"},
                                         "block_profile_rate": {"old": 10000, "new": "off"}})
        for name in ("mem_profile_rate", "mutex_profile_fraction", "block_profile_rate"):
            for value in (-1, 1.5, "1", True, None):
                answer = self.ask_error("POST", "/debug/settings", 400, "bad value", json_body={name: value})
                self.assertTrue(answer.json()["message"].startswith(name + ": want "))


@on_each_heap
class Stop(FreshCase):
    def test_a_stop_does_not_wait_for_profiles(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(number):
                app = self.start(env={"CMAXPROCS": "2"})
                # More than there are threads: some wait.
                clients = [long_cpu_profile(app)]
                clients += [sent(app, "/debug/pprof/heap?seconds=%d" % LONG_S) for _ in range(8)]
                app.get("/rooms")
                app.process.send_signal(number)
                for client in clients:
                    try:
                        status, headers, text = answer_of(client)
                    except (ConnectionError, http.client.BadStatusLine):
                        self.assertIsNot(client, clients[0])  # came too late to be taken in
                        continue
                    finally:
                        client.close()
                    self.assertEqual((status, text, headers["Connection"]), (503, EARLY, "close"))
                self.assertEqual(app.stop(by=0), 0)


if __name__ == "__main__":
    unittest.main()
