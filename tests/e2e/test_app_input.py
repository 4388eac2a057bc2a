"""What clients may send that makes no sense: each gets one clear 4xx, never a 5xx, and the app goes on."""
import json
import re
import socket
import threading
import time
import unittest

from apps import IDS, JSON, AppCase, on_every_store
from stores import Sqlite

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
ROUTES = (("POST", "/auth/login"), ("POST", "/auth/signup"), ("POST", "/bookings"))


@on_every_store
class Bodies(AppCase):
    def refuse(self, body, path="/auth/login", status=400, code="body validation", headers=None):
        answer = self.ask_error("POST", path, status, code, body=body, user=self.seed_user,
                                headers=JSON if headers is None else headers)
        # Whoever reads the message, or a log of it, is not shown what was sent.
        self.assertLess(len(answer.body), 400)
        return answer.json()["message"]

    def tearDown(self):
        self.ask("GET", "/rooms", 200)
        self.ask("POST", "/auth/login", 404, json_body={"username": "nobody", "password": "x"})
        self.ask("GET", "/bookings", 200, "[]", user=self.seed_user)
        super().tearDown()

    def test_other_types_are_415(self):
        body = '{"username":"ipesenti","password":"abcd1234!!","room_id":"%s","booked_on":"2025-01-09"}' % IDS["Red"]
        for kind in ("text/plain", "application/xml", "multipart/form-data; boundary=x", "application/jsonx", "json",
                     "",
                     "application/json; charset=latin1", "application/json, text/plain", "*/*", "a" * 3000):
            for _, path in ROUTES:
                with self.subTest(path + " " + kind[:40]):
                    self.refuse(body, path, 415, "unsupported media type", {"Content-Type": kind})
        for _, path in ROUTES:
            self.refuse(body, path, 415, "unsupported media type", {})

    def test_types_are_read_as_http_writes_them(self):
        body = '{"username":"ipesenti","password":"abcd1234!!"}'
        for kind in ("application/json", "APPLICATION/JSON", "application/json;charset=utf-8",
                     "application/json ; charset=\"UTF-8\"",
                     "application/json; version=1"):
            with self.subTest(kind):
                self.ask("POST", "/auth/login", 200, body=body, headers={"Content-Type": kind})

    def test_what_is_not_json_is_refused(self):
        for _, path in ROUTES:
            for body in ("", " ", "{", "}", "[", "[]", "nul", "null", "true", "5", '"x"', "{}", "{]", "{'a':1}",
                         "{a:1}",
                         '{"a":}', '{"a":1,}', '{"a" 1}', '{"a":1 "b":2}', "{\"a\":01}", '{"a":+1}', '{"a":.5}',
                         '{"a":NaN}',
                         '{"a":"x}', '{"a":"\\x"}', '{"a":"\\u12"}', '{"a":"\n"}', "/* */{}", "{}{}", "\ufeff{}",
                         "<a/>",
                         "username=a&password=b", "\0", "x" * 60000, '[{"username":"a","password":"b"}]'):
                with self.subTest(path + " " + body[:20]):
                    self.refuse(body.encode(), path)

    def test_text_behind_the_object_is_refused(self):
        good = '{"username":"ipesenti","password":"abcd1234!!"}'
        self.ask("POST", "/auth/login", 200, body=" \r\n\t" + good + " \r\n\t", headers=JSON)
        for trailing in ("x", "{}", good, "\0", "]", ",", "null", "//"):
            with self.subTest(trailing):
                self.refuse(good + trailing)

    def test_numbers_and_others_where_texts_belong_are_refused_and_the_field_is_named(self):
        for value in ("5", "-1.5e300", "1" * 4000, "true", "null", "[]", "{}", '["x"]', '{"x":"y"}'):
            with self.subTest(value[:10]):
                self.assertIn("password", self.refuse('{"username":"ipesenti","password":%s}' % value))
                self.assertIn("room_id", self.refuse('{"room_id":%s,"booked_on":"2025-01-09"}' % value, "/bookings"))

    def test_a_field_given_twice_is_refused(self):
        for body in ('{"username":"a","username":"b","password":"c"}', '{"username":"a","Username":"b","password":"c"}',
                     '{"username":"a","password":"c","password":"c"}'):
            with self.subTest(body):
                self.assertIn("once", self.refuse(body))
        self.refuse("username=a&username=b&password=c", headers=FORM)

    def test_fields_that_nobody_asked_for_are_ignored_and_names_may_be_in_any_case(self):
        self.ask("POST", "/auth/login", 200, headers=JSON, body='{"x":[1,{"y":null}],"USERNAME":"ipesenti","x":{},'
                                                                '"z":1e400,"Password":"abcd1234!!","":""}')

    def test_empty_fields_are_refused(self):
        for body in ('{"username":"","password":"x"}', '{"username":"x","password":""}'):
            self.refuse(body)
        for body in ("", "username=&password=x", "username=a", "&&&", "=", "username", "password=x&=y"):
            self.refuse(body, headers=FORM)
        self.refuse('{"room_id":"","booked_on":"2025-01-09"}', "/bookings")

    def test_texts_that_are_not_utf8_are_refused(self):
        for bad in (b"\xff", b"\xc3", b"\x80", b"\xc0\x80", b"\xe0\x80\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80",
                    b"\xf5\x80\x80\x80",
                    b"a\xe2\x82"):
            with self.subTest(bad):
                self.refuse(b'{"username":"' + bad + b'","password":"x"}')
                self.refuse(b'{"' + bad + b'":1,"username":"x","password":"x"}')
                self.refuse(b"username=" + bad + b"&password=x", headers=FORM)
                self.refuse(b"password=x&username=" + "".join("%%%02x" % byte for byte in bad).encode(), headers=FORM)
        for half in (r"\ud800", r"\udc00", r"\ud800A", r"\ud800\ud800", r"\udc00\ud800"):
            with self.subTest(half):
                self.refuse('{"username":"%s","password":"x"}' % half)

    def test_a_nul_in_a_text_is_refused(self):
        self.refuse('{"username":"ipesenti\\u0000","password":"abcd1234!!"}')
        self.refuse('{"username":"ipesenti","password":"abcd1234!!\\u0000x"}')
        self.refuse("username=ipesenti%00&password=abcd1234!!", headers=FORM)
        self.refuse('{"room_id":"%s\\u0000","booked_on":"2025-01-09"}' % IDS["Red"], "/bookings")
        self.refuse(b'{"username":"a\0b","password":"x"}')

    def test_deep_json_is_refused(self):
        for open_, close in (("[", "]"), ('{"a":', "}")):
            for depth in (100, 5000, 60000 // len(open_)):
                with self.subTest("%s x %d" % (open_, depth)):
                    self.refuse('{"x":' + open_ * depth)
                    self.refuse(open_ * depth)
                    if depth < 10000:
                        self.refuse('{"x":' + open_ * depth + ("" if open_ == "[" else "1") + close * depth + "}")

    def test_long_texts_are_refused(self):
        for body in ({"username": "a" * 60000, "password": "x"}, {"username": "a", "password": "x" * 60000},
                     {"username": "\u00e9" * 20000, "password": "x"}, {"k" * 60000: 1}):
            self.refuse(json.dumps(body, ensure_ascii=False).encode())
        self.refuse("username=" + "a" * 60000 + "&password=x", headers=FORM)

    def test_a_body_over_64_kib_is_413_on_every_route_that_takes_one(self):
        for _, path in ROUTES:
            answer = self.ask("POST", path, 413, user=self.seed_user, headers={**JSON, "Content-Length": "65537"})
            self.assertEqual(answer.json()["code"], "body validation")
        # By chunks, where the length is not said ahead.
        head = ("POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                "Transfer-Encoding: chunked\r\n\r\n").encode()
        answer = self.raw(head + b"8000\r\n" + b" " * 0x8000 + b"\r\n8001\r\n" + b" " * 0x8001 + b"\r\n0\r\n\r\n")
        self.assertRegex(answer, rb"^(HTTP/1\.1 (413|400) |$)")

    def test_a_body_in_chunks_is_a_body(self):
        body = b'{"username":"ipesenti","password":"abcd1234!!"}'
        chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n"
        answer = self.raw(b"POST /auth/login HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n"
                          b"Transfer-Encoding: chunked\r\n\r\n" + chunks)
        self.assertTrue(answer.startswith(b"HTTP/1.1 200 OK\r\n"), answer)

    def test_markup_and_quotes_are_texts_like_others(self):
        name = "<script>\"'\\/\u2028 \U0001f600 %s %n ${x} -- ;"
        answer = self.ask("POST", "/auth/signup", 200, json_body={"email": "markup@example.org", "username": name,
                                                                  "password": name})
        self.assertTrue(answer.json()["id"])
        self.ask("POST", "/auth/login", 200, json_body={"username": name, "password": name})
        self.ask("POST", "/auth/login", 404, json_body={"username": name + " ", "password": name})


@on_every_store
class Requests(AppCase):
    def status(self, data):
        """Of the first answer; 0 when the connection was closed without one."""
        found = re.match(rb"HTTP/1\.[01] (\d{3}) ", self.raw(data))
        return int(found[1]) if found else 0

    def test_methods_that_a_path_does_not_have_are_405_with_allow(self):
        for path, allow in (("/auth/login", "POST, OPTIONS"), ("/auth/signup", "POST, OPTIONS"),
                            ("/rooms", "GET, OPTIONS"),
                            ("/rooms/x", "GET, OPTIONS"), ("/rooms/x/photos", "GET, OPTIONS"),
                            ("/bookings", "GET, POST, OPTIONS"), ("/bookings/x", "GET, DELETE, OPTIONS"),
                            ("/healthz", "GET, OPTIONS"), ("/readyz", "GET, OPTIONS"), ("/trace", "GET, OPTIONS")):
            for method in {"GET", "POST", "PUT", "DELETE", "PATCH", "BREW", "get", "TRACE"} - set(allow.split(", ")):
                with self.subTest(method + " " + path):
                    answer = self.ask_error(method, path, 405, "method not allowed", user=self.seed_user)
                    self.assertEqual(answer.headers["Allow"], allow)

    def test_every_answer_carries_the_cors_headers(self):
        made = self.book(IDS["Green"], "2031-01-01")
        for method, path, status, more in (
                ("GET", "/rooms", 200, {}), ("GET", "/rooms/x", 404, {}), ("GET", "/rooms?day_to_book=x", 400, {}),
                ("GET", "/nowhere", 404, {}), ("PUT", "/rooms", 405, {}), ("GET", "/bookings", 401, {}),
                ("POST", "/bookings", 415, {"user": self.seed_user}), ("POST", "/auth/login", 415, {}),
                ("POST", "/auth/login", 400, {"json_body": []}), ("POST", "/auth/login", 413,
                                                                  {"headers": {"Content-Length": "99999"}}),
                ("DELETE", "/bookings/" + made, 204, {"user": self.seed_user}), ("OPTIONS", "/bookings", 200, {}),
                ("OPTIONS", "/imgs/red_0001.jpg", 200, {}), ("GET", "/imgs/red_0001.jpg", 200, {}),
                ("GET", "/imgs/x", 404, {}),
                ("GET", "/healthz", 200, {}), ("GET", "/readyz", 200, {}), ("GET", "/debug/memstats", 200, {}),
                ("GET", "/debug/x", 404, {}), ("GET", "/trace", 200, {}),
                ("POST", "/auth/login", 417, {"headers": {"Expect": "nonsense", "Content-Length": "5"}})):
            with self.subTest("%s %s" % (method, path)):
                self.ask(method, path, status, **more)  # which looks at them

    def test_http_1_0_is_answered_and_closed(self):
        answer = self.raw(b"GET /rooms HTTP/1.0\r\n\r\n")
        self.assertTrue(answer.startswith(b"HTTP/1.1 200 OK\r\n"), answer)
        self.assertTrue(answer.endswith(b"null}]"), answer)
        self.assertIn(b"\r\nConnection: close\r\n", answer)
        self.assertIn(b"\r\nAccess-Control-Allow-Origin: *\r\n", answer)

    def test_requests_that_are_not_http_are_refused(self):
        for data in (b"\r\n\r\n", b"GET\r\n\r\n", b"GET  HTTP/1.1\r\n\r\n", b"GET /rooms\r\n\r\n",
                     b"GET /rooms HTTP/9.9\r\n\r\n",
                     b"GET /rooms HTTP/1.1\r\nno colon\r\n\r\n", b"GET /rooms HTTP/1.1\r\n: x\r\n\r\n",
                     b"GET /rooms HTTP/1.1\r\nHost: x\r\nA\0B: x\r\n\r\n", b"\0" * 1000, b"\xff" * 1000,
                     b"GET /rooms HTTP/1.1\r\nHost: x\r\n" + b"A: " + b"a" * 500000 + b"\r\n\r\n",
                     b"GET /rooms HTTP/1.1\r\nHost: x\r\n" + b"A: a\r\n" * 5000 + b"\r\n",
                     b"POST /bookings HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
                     b"POST /bookings HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
                     b"POST /bookings HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
                     b"POST /bookings HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
                     b"POST /bookings HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
                     b"POST /bookings HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: identity\r\n\r\n"):
            with self.subTest(data[:60]):
                status = self.status(data)
                self.assertTrue(status == 0 or 400 <= status < 500, status)
                self.ask("GET", "/rooms", 200)

    def test_odd_targets_are_answered_with_4xx(self):
        for target in ("*", "//", "/../..", "/%", "/%zz", "/rooms/%2e%2e/%2e%2e", "/rooms?" + "&" * 5000,
                       "/rooms?" + "a=b&" * 1000,
                       "/rooms/\u00e9", "http://x/rooms", "/rooms#x", "rooms", "/rooms;x", "/ROOMS",
                       "/rooms/" + "%41" * 2000):
            with self.subTest(target[:40]):
                status = self.status(b"GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % target.encode())
                self.assertTrue(status in (0, 200) or 400 <= status < 500, status)
                self.ask("GET", "/rooms", 200)

    def test_a_client_that_says_100_continue_is_told_to(self):
        body = b'{"username":"ipesenti","password":"abcd1234!!"}'
        with socket.create_connection((self.app.host, self.app.port), timeout=30) as client:
            client.sendall(b"POST /auth/login HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n"
                           b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body))
            self.assertEqual(client.recv(25), b"HTTP/1.1 100 Continue\r\n\r\n")
            client.sendall(body)
            answer = b""
            while piece := client.recv(65536):
                answer += piece
        self.assertTrue(answer.startswith(b"HTTP/1.1 200 OK\r\n"), answer)

    def test_requests_of_all_kinds_pipelined_are_answered_in_order(self):
        login = b'{"username":"ipesenti","password":"abcd1234!!"}'
        asks = (b"GET /rooms HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n",
                b"POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (
                    len(login), login),
                b"GET /bookings HTTP/1.1\r\nHost: x\r\n\r\n", b"OPTIONS /rooms HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = self.raw(b"".join(asks) * 10 + b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        self.assertEqual(re.findall(rb"HTTP/1\.1 (\d{3}) ", answer), [b"200", b"404", b"200", b"401",
                                                                      b"200"] * 10 + [b"200"])


class SlowClients(AppCase):
    """h2o gives a request ten seconds to arrive, however busily its bytes drip; no store is asked."""
    store_class, variant = Sqlite, "sqlite"

    def drip(self, first, piece, results):
        begin = time.monotonic()
        got = b""
        with socket.create_connection((self.app.host, self.app.port), timeout=60) as client:
            client.settimeout(0.5)
            try:
                client.sendall(first)
                while time.monotonic() - begin < 40:
                    try:
                        more = client.recv(65536)
                        if not more:
                            break
                        got += more
                    except TimeoutError:
                        client.sendall(piece)
            except ConnectionError:
                pass
        results.append((first[:20], time.monotonic() - begin, got))

    def test_a_request_that_drips_is_cut_off_and_others_are_served_meanwhile(self):
        head = b"POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        results, threads = [], []
        for first, piece in ((b"GET /rooms HTTP/1.1\r\nA: ", b"a"), (b"GET /rooms HTTP/1.1\r\n", b"A: b\r\n"),
                             (b"G", b"E"),
                             (head + b"Content-Length: 60000\r\n\r\n", b"x"),
                             (head + b"Content-Length: 5\r\n\r\n", b""),
                             (head + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"), (b"", b"")):
            threads.append(threading.Thread(target=self.drip, args=(first, piece, results)))
            threads[-1].start()
        for _ in range(5):
            self.ask("GET", "/rooms", 200)
        for thread in threads:
            thread.join()
        self.assertEqual(len(results), 7)
        for first, seconds, got in results:
            self.assertLess(seconds, 30, "%r was not cut off" % first)
            self.assertRegex(got, rb"^(HTTP/1\.1 4\d\d |$)")
        self.ask("GET", "/rooms", 200)


if __name__ == "__main__":
    unittest.main()
