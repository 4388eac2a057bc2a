"""/debug over the agent's port: the pages, who may see them, and requests that are not."""
import http.client
import json
import re
import socket
import time
import unittest

import harness
import pprof
from agents import Program, ask, connect, read_all, sent

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
FOREIGN = {"code": "forbidden", "message": "/debug answers only to this machine"}


def parted(answer):
    """(status, headers as a dict, body) of what came until the connection was closed."""
    head, body = answer.split(b"\r\n\r\n", 1)
    lines = head.decode().split("\r\n")
    found = re.fullmatch(r"HTTP/1\.1 (\d{3}) [A-Z][A-Za-z ]+", lines[0])
    if not found:
        raise AssertionError("no status line: %r" % lines[0])
    return int(found[1]), dict(line.split(": ", 1) for line in lines[1:]), body


def own_addresses():
    """Of IPv4, beyond loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing
            address = probe.getsockname()[0]
        except OSError:
            return []
    return [] if address.startswith("127.") else [address]


class HttpCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.program = Program("start")
        cls.addClassCleanup(cls.program.__exit__, None, None, None)

    @property
    def host(self):
        return "127.0.0.1:%d" % self.program.port

    def request(self, method, path, body=None, headers=None, host=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.program.port, timeout=120)
        connection.request(method, path, body=body, headers=dict({"Host": host or self.host}, **(headers or {})))
        answer = connection.getresponse()
        answer.text = answer.read().decode()
        connection.close()
        return answer

    def raw(self, text):
        return parted(self.program.ask(text.encode()))

    def refused(self, text, status):
        got, headers, body = self.raw(text)
        self.assertEqual(got, status, text[:200])
        self.assertEqual(headers["Connection"], "close")
        self.assertEqual(int(headers["Content-Length"]), len(body))
        self.assertRegex(body, rb"\A[^\n]+\n\Z")


class Pages(HttpCase):
    def test_the_list_of_pages_is_here(self):
        for path in ("/debug/", "/debug"):
            answer = self.request("GET", path)
            self.assertEqual(answer.status, 200)
            self.assertIn("/debug/pprof/", answer.text)
            self.assertEqual(answer.headers["Content-Type"], "text/plain; charset=utf-8")
            self.assertEqual(answer.headers["X-Content-Type-Options"], "nosniff")
            self.assertEqual(answer.headers["Connection"], "close")

    def test_pages_are_answered_with_their_length_and_the_connection_ends(self):
        status, headers, body = self.raw("GET /debug/memstats HTTP/1.0\r\n\r\n")
        self.assertEqual(status, 200)
        self.assertEqual(int(headers["Content-Length"]), len(body))
        self.assertEqual(headers["Content-Type"], "application/json; charset=utf-8")
        self.assertGreater(json.loads(body)["Sys"], 0)

    def test_a_post_changes_settings(self):
        answer = self.request("POST", "/debug/settings", "gc_percent=75", FORM)
        self.assertEqual(answer.status, 200, answer.text)
        self.assertEqual(self.program.number("gc-percent"), 75)
        answer = self.request("POST", "/debug/settings", '{"gc_percent":100}', {"Content-Type": "application/json"})
        self.assertEqual(answer.status, 200, answer.text)
        self.assertEqual(self.program.number("gc-percent"), 100)
        before = self.program.number("cycles")
        self.assertEqual(self.request("POST", "/debug/gc").status, 200)
        self.assertEqual(self.program.number("cycles"), before + 1)

    def test_a_query_is_passed_on(self):
        self.assertEqual(self.request("GET", "/debug/gctrace?n=0").status, 400)
        self.assertEqual(self.request("GET", "/debug/gctrace?n=1").status, 200)
        self.assertIn("thread ", self.request("GET", "/debug/pprof/goroutine?debug=2").text)

    @harness.not_sanitized("malloc is not sampled")
    def test_a_profile_is_a_file(self):
        status, headers, body = self.raw("GET /debug/pprof/heap HTTP/1.1\r\nHost: %s\r\n\r\n" % self.host)
        self.assertEqual(status, 200)
        self.assertEqual(headers["Content-Disposition"], 'attachment; filename="heap"')
        self.assertIn("inuse_space", [name for name, _ in pprof.parse(body).types])

    def test_a_trace_is_streamed_from_its_file(self):
        status, headers, body = self.raw("GET /debug/pprof/trace?seconds=0.1 HTTP/1.0\r\n\r\n")
        self.assertEqual(status, 200)
        self.assertEqual(int(headers["Content-Length"]), len(body))
        self.assertRegex(body[:16], rb"^go 1\.\d\d trace\0\0\0")

    def test_errors_of_the_profilers_are_marked(self):
        status, headers, body = self.raw("GET /debug/pprof/profile?seconds=x HTTP/1.0\r\n\r\n")
        self.assertEqual((status, headers["X-Go-Pprof"]), (400, "1"))
        self.assertTrue(body.endswith(b"\n"))

    def test_a_method_that_a_page_does_not_have_is_told_which_it_has(self):
        status, headers, _ = self.raw("DELETE /debug/settings HTTP/1.0\r\n\r\n")
        self.assertEqual((status, headers["Allow"]), (405, "GET, HEAD, POST"))

    def test_head_has_no_body(self):
        status, headers, body = self.raw("HEAD /debug/memstats HTTP/1.0\r\n\r\n")
        self.assertEqual((status, body), (200, b""))
        self.assertNotIn("Content-Length", headers)

    def test_other_paths_are_not_here_and_told_where_to_look(self):
        for path in ("/", "/metrics", "/debugger", "/favicon.ico", "/Debug/", "//debug/"):
            answer = self.request("GET", path)
            self.assertEqual((answer.status, answer.text), (404, "nothing is here: /debug/ lists what there is\n"))
        self.assertEqual(self.request("GET", "/debug/nosuch").status, 404)
        self.assertEqual(self.request("GET", "/debug/../debug/vars").status, 404)
        self.assertEqual(self.request("GET", "/debug/%76ars").status, 404)

    def test_a_client_that_hangs_up_ends_what_was_made_for_it(self):
        begin = time.monotonic()
        sent(self.program.port, b"GET /debug/pprof/trace?seconds=600 HTTP/1.0\r\n\r\n").close()
        self.program.wait_idle()
        self.assertLess(time.monotonic() - begin, 300)
        self.assertEqual(self.raw("GET /debug/pprof/trace?seconds=0.01 HTTP/1.0\r\n\r\n")[0], 200)


class Strangers(HttpCase):
    def test_a_host_that_is_not_this_machine_is_refused(self):
        for host in ("evil.example", "evil.example:%d" % self.program.port, "localhost.evil.example", "10.1.2.3",
                     "127.0.0.1.evil.example", ""):
            for method, path in (("GET", "/debug/memstats"), ("POST", "/debug/gc"), ("GET", "/")):
                answer = self.raw("%s %s HTTP/1.1\r\nHost: %s\r\n\r\n" % (method, path, host))
                self.assertEqual((answer[0], json.loads(answer[2])), (403, FOREIGN), host)

    def test_a_host_of_loopback_is_taken(self):
        for host in ("localhost", "LOCALHOST:1", "127.0.0.1", self.host, "[::1]:80", "127.9.9.9"):
            self.assertEqual(self.request("GET", "/debug/memstats", host=host).status, 200, host)

    def test_a_page_of_another_site_is_refused(self):
        before = self.program.number("gc-percent")
        for origin in ("http://evil.example", "null", "https://" + self.host, "http://localhost:1", "http://127.0.0.1",
                       "http://%s.evil.example" % self.host, self.host, ""):
            answer = self.request("POST", "/debug/settings", "gc_percent=33", dict(FORM, Origin=origin))
            self.assertEqual((answer.status, json.loads(answer.text)), (403, FOREIGN), origin)
        self.assertEqual(self.program.number("gc-percent"), before)

    def test_a_page_of_ours_is_taken(self):
        answer = self.request("POST", "/debug/gc", headers={"Origin": "http://" + self.host})
        self.assertEqual(answer.status, 200)

    def test_a_peer_beyond_this_machine_gets_no_page(self):
        addresses = own_addresses()
        if not addresses:
            self.skipTest("this machine has no address but loopback")
        with Program("start-remote 0.0.0.0:0") as program:
            with connect(program.port, addresses[0]) as client:  # comes from that address as well
                client.sendall(b"GET /debug/memstats HTTP/1.0\r\n\r\n")
                status, _, body = parted(read_all(client))
            self.assertEqual((status, json.loads(body)), (403, FOREIGN))
            self.assertEqual(parted(ask(program.port, b"GET /debug/memstats HTTP/1.0\r\n\r\n"))[0], 200)


class Requests(HttpCase):
    def test_what_is_no_request_is_refused(self):
        for text, status in (("GET\r\n\r\n", 400), ("get /debug/ HTTP/1.0\r\n\r\n", 400),
                             ("GET /debug/ HTTP/1.1\r\n\r\n", 400), ("GET http://a/ HTTP/1.0\r\n\r\n", 400),
                             ("GET /debug/ HTTP/1.0\r\n folded\r\n\r\n", 400), ("PRI * HTTP/2.0\r\n\r\n", 505),
                             ("POST /debug/gc HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 501),
                             ("POST /debug/gc HTTP/1.0\r\nContent-Length: 65537\r\n\r\n", 413),
                             ("GET /debug/ HTTP/1.0\r\nA: " + "x" * 9000 + "\r\n\r\n", 431)):
            self.refused(text, status)

    def test_a_request_that_is_cut_is_refused(self):
        for text, status in (("GET /debug/memst", 400),
                             ("POST /debug/gc HTTP/1.0\r\nContent-Length: 5\r\n\r\n1234", 408)):
            with sent(self.program.port, text.encode()) as client:
                client.shutdown(socket.SHUT_WR)
                self.assertEqual(parted(read_all(client))[0], status)

    def test_a_request_that_does_not_go_on_is_let_go(self):
        begin = time.monotonic()
        with sent(self.program.port, b"GET /debug/ HTT") as head:
            self.assertEqual(parted(read_all(head))[0], 408)
        self.assertGreaterEqual(time.monotonic() - begin, 4.9)

    def test_a_request_may_come_in_pieces(self):
        with connect(self.program.port) as client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for byte in b"POST /debug/settings HTTP/1.0\r\nContent-Length: 14\r\n\r\ngc_percent=100":
                client.sendall(bytes([byte]))
            self.assertEqual(parted(read_all(client))[0], 200)

    def test_a_client_that_waits_to_be_asked_for_the_body_is_asked(self):
        with connect(self.program.port) as client:
            client.sendall(b"POST /debug/settings HTTP/1.1\r\nHost: localhost\r\nContent-Length: 14\r\n"
                           b"Expect: 100-continue\r\n\r\n")
            asked = client.recv(100)
            self.assertEqual(asked, b"HTTP/1.1 100 Continue\r\n\r\n")
            client.sendall(b"gc_percent=100")
            self.assertEqual(parted(read_all(client))[0], 200)

    def test_the_longest_body_is_read_and_what_is_behind_it_is_no_second_request(self):
        body = "x" * 65536
        status, _, text = self.raw("POST /debug/settings HTTP/1.0\r\nContent-Length: 65536\r\n\r\n" + body)
        self.assertEqual(status, 400, text)
        status, _, text = self.raw("GET /debug/memstats HTTP/1.0\r\n\r\nGET /debug/memstats HTTP/1.0\r\n\r\n")
        self.assertEqual(status, 200)
        self.assertEqual(text.count(b"HTTP/1."), 0)


if __name__ == "__main__":
    unittest.main()
