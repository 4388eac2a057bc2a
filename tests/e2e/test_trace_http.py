"""Traces over HTTP: what is asked for and what comes, who has to wait, and that nothing is left behind."""
import http.client
import json
import os
import re
import signal
import socket
import tempfile
import threading
import time
import unittest

from apps import AppCase, FreshCase, on_each_heap
from harness import eventually
from test_app_pprof import answer_of, has_answer, sent

TEXT, BINARY = "text/plain; charset=utf-8", "application/octet-stream"
BUSY = "Could not enable tracing: tracing is already enabled\n"
EARLY = "the trace was ended early: the client has gone, or the server is stopping\n"
LONG_S = 600  # of a trace that no test waits for
GO_BEGIN = re.compile(rb"go 1\.\d\d trace\0\0\0")


def wait_for_no_trace(app):
    """One whose client has gone ends a moment later."""
    eventually(lambda: app.get("/debug/pprof/trace?seconds=0.001").status == 200, "no trace is being taken", 60)


def long_trace(app):
    """A connection on which a trace is being taken that takes too long for any test."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        wait_for_no_trace(app)
        client = sent(app, "/debug/pprof/trace?seconds=%d" % LONG_S)
        if app.get("/debug/pprof/trace?seconds=0.001").status == 500 and not has_answer(client):
            return client
        client.close()
    raise AssertionError("no trace could be begun")


def files_of(app):
    """What its descriptors are of."""
    folder = "/proc/%d/fd" % app.pid
    names = []
    for fd in os.listdir(folder):
        try:
            names.append(os.readlink(os.path.join(folder, fd)))
        except FileNotFoundError:
            pass
    return names


@on_each_heap
class Trace(AppCase):
    env = {"CMAXPROCS": "2"}

    def setUp(self):
        super().setUp()
        wait_for_no_trace(self.app)

    def trace(self, query="", kind=BINARY, name="trace"):
        answer = self.ask("GET", "/debug/pprof/trace" + query, 200)
        self.assertEqual(answer.headers["Content-Type"], kind)
        self.assertEqual(answer.headers["Content-Disposition"], 'attachment; filename="%s"' % name)
        self.assertEqual(answer.headers["X-Content-Type-Options"], "nosniff")
        self.assertIsNone(answer.headers["X-Go-Pprof"])
        return answer.body

    def refused(self, query, status, text, method="GET"):
        answer = self.ask(method, "/debug/pprof/trace" + query, status, text + "\n")
        self.assertEqual(answer.headers["Content-Type"], TEXT)
        self.assertEqual(answer.headers["X-Go-Pprof"], "1")
        self.assertIsNone(answer.headers["Content-Disposition"])

    def test_a_trace_takes_its_seconds_and_one_without_any(self):
        for query, seconds in (("", 1), ("?seconds=0.25&x=y", 0.25), ("?seconds=2", 2)):
            begin = time.monotonic()
            self.assertRegex(self.trace(query)[:16], GO_BEGIN)
            self.assertGreaterEqual(time.monotonic() - begin, seconds - 0.01)

    def test_a_trace_for_perfetto_is_json(self):
        text = self.trace("?seconds=0.1&format=chrome", "application/json", "trace.json")
        self.assertIn("traceEvents", json.loads(text))
        self.assertRegex(self.trace("?seconds=0.1&format=go")[:16], GO_BEGIN)

    def test_what_cannot_be_meant_is_refused(self):
        for value in ("0", "-1", "1s", ".", "1e3", "%"):
            self.refused("?seconds=" + value, 400, 'invalid value for "seconds" - must be a positive number')
        self.refused("?seconds=3600.1", 400, 'invalid value for "seconds" - must be at most 3600')
        self.refused("?format=xml", 400, 'invalid value for "format" - must be go or chrome')

    def test_head_takes_no_trace(self):
        begin = time.monotonic()
        answer = self.app.request("HEAD", "/debug/pprof/trace?seconds=%d" % LONG_S)
        self.assertEqual((answer.status, answer.headers["Content-Disposition"]), (200, 'attachment; filename="trace"'))
        self.assertLess(time.monotonic() - begin, LONG_S / 2)

    def test_there_is_one_trace_at_a_time(self):
        with long_trace(self.app):
            self.refused("", 500, BUSY.rstrip("\n"))
            self.ask("GET", "/rooms", 200)
            self.ask("GET", "/debug/memstats", 200)
        # It has gone, and the next may.
        eventually(lambda: self.app.get("/debug/pprof/trace?seconds=0.1").status == 200, "the trace has ended")

    def test_a_client_that_will_send_no_more_is_told(self):
        client = long_trace(self.app)
        client.shutdown(socket.SHUT_WR)
        status, headers, text = answer_of(client)
        self.assertEqual((status, text, headers["X-Go-Pprof"]), (503, EARLY, "1"))
        client.close()

    def test_a_connection_serves_more_after_a_trace(self):
        connection = http.client.HTTPConnection(self.app.host, self.app.port, timeout=60)
        for path in ("/debug/pprof/trace?seconds=0.1", "/rooms", "/debug/pprof/trace?seconds=0.1", "/rooms"):
            connection.request("GET", path)
            answer = connection.getresponse()
            self.assertEqual(answer.status, 200)
            self.assertGreater(len(answer.read()), 16)
        connection.close()

    def test_an_old_client_gets_a_trace_that_ends_with_the_connection(self):
        with socket.create_connection((self.app.host, self.app.port), timeout=60) as client:
            client.sendall(b"GET /debug/pprof/trace?seconds=0.1 HTTP/1.0\r\n\r\n")
            with client.makefile("rb") as answer:
                head, body = answer.read().split(b"\r\n\r\n", 1)
        self.assertRegex(head, rb"^HTTP/1\.[01] 200 ")
        self.assertRegex(body[:16], GO_BEGIN)

    def busy_trace(self, receive_bytes=None):
        """A client that has asked for a trace of many requests and read nothing of the answer, which is on its way."""
        client = socket.socket()
        if receive_bytes:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        client.settimeout(60)
        client.connect((self.app.host, self.app.port))
        client.sendall(b"GET /debug/pprof/trace?seconds=1.5 HTTP/1.1\r\nHost: x\r\n\r\n")
        with socket.create_connection((self.app.host, self.app.port), timeout=60) as load:
            while not has_answer(client):
                load.sendall(b"GET /rooms HTTP/1.1\r\nHost: x\r\n\r\n" * 200)
                read = b""
                while read.count(b'"name":"Yellow"') < 200:
                    read += load.recv(1 << 20)
        return client

    def test_a_slow_client_gets_all_of_it_and_holds_up_nobody(self):
        client = self.busy_trace(4096)
        for _ in range(10):
            self.ask("GET", "/rooms", 200)
        answer = http.client.HTTPResponse(client)
        answer.begin()
        body = answer.read()
        client.close()
        self.assertRegex(body[:16], GO_BEGIN)
        self.assertGreater(len(body), 1 << 16)  # more than one piece

    def test_a_client_that_goes_amid_the_answer_leaves_no_file(self):
        with self.busy_trace(4096) as client:
            client.recv(1000)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        # Files without a name are shown as deleted ones.
        eventually(lambda: not any("(deleted)" in name for name in files_of(self.app)), "the file is closed")
        self.ask("GET", "/rooms", 200)

    def test_traces_leave_no_descriptor_behind(self):
        def taken():
            self.trace("?seconds=0.01")
            return len(files_of(self.app))

        many = max(taken() for _ in range(3))
        for _ in range(20):
            self.trace("?seconds=0.01")
        eventually(lambda: len(files_of(self.app)) <= many, "as few descriptors as before")

    def test_many_clients_get_a_trace_or_are_told_that_there_is_one(self):
        statuses = []

        def ask():
            statuses.append(self.app.get("/debug/pprof/trace?seconds=0.05").status)

        threads = [threading.Thread(target=ask) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(len(statuses), 12)
        self.assertIn(200, statuses)
        self.assertLessEqual(set(statuses), {200, 500})


@on_each_heap
class Files(FreshCase):
    def test_the_file_is_made_where_tmpdir_says(self):
        with tempfile.TemporaryDirectory() as folder:
            app = self.start(env={"TMPDIR": folder})
            client = long_trace(app)
            self.assertTrue(any(name.startswith(folder + "/") for name in files_of(app)), files_of(app))
            self.assertEqual(os.listdir(folder), [])
            client.close()
            self.assertEqual(app.stop(), 0)
            self.assertEqual(os.listdir(folder), [])

    def test_a_folder_that_takes_no_file_is_named(self):
        app = self.start(env={"TMPDIR": "/nonexistent"})
        answer = app.get("/debug/pprof/trace?seconds=1")
        self.assertEqual((answer.status, answer.text), (
            500, "Could not enable tracing: no file can be made in /nonexistent: No such file or directory\n"))
        self.assertEqual(app.stop(), 0)


@on_each_heap
class Stop(FreshCase):
    def test_a_stop_does_not_wait_for_a_trace(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(number):
                app = self.start(env={"CMAXPROCS": "2"})
                client = long_trace(app)
                app.process.send_signal(number)
                status, headers, text = answer_of(client)
                client.close()
                self.assertEqual((status, text, headers["Connection"]), (503, EARLY, "close"))
                self.assertEqual(app.stop(by=0), 0)


if __name__ == "__main__":
    unittest.main()
