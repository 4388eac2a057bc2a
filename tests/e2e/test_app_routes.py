"""What the app answers, to the byte."""
import socket
import unittest

import programs
from apps import IDS, JSON_TYPE, AppCase, on_every_store
from harness import App, eventually

GREEN = ('{"id":"79ca06f8-1163-48e8-b279-23fca5669623","name":"Green","cost":12.5,"number_of_seats":4,'
         '"category":"Open Space","main_photo":"/green_0001.jpg","IsAvailable":true,"Photos":null}')
RED = ('{"id":"e6cc9546-52a1-45bc-8e0c-9af9a2b235c1","name":"Red","cost":100,"number_of_seats":50,'
       '"category":"Conference Hall","main_photo":"/red_0001.jpg","IsAvailable":true,"Photos":null}')
YELLOW = ('{"id":"2b34dd2e-7ea4-45f8-a330-30e3fcaf3cc2","name":"Yellow","cost":4.5,"number_of_seats":1,'
          '"category":"Shared Desk","main_photo":"/yellow_0001.jpg","IsAvailable":true,"Photos":null}')


@on_every_store
class Routes(AppCase):
    def test_the_list_of_rooms_is_547_bytes_in_seed_order(self):
        answer = self.ask("GET", "/rooms", 200, "[" + ",".join([GREEN, RED, YELLOW]) + "]")
        self.assertEqual(len(answer.body), 547)
        self.assertEqual(answer.headers["Content-Length"], "547")
        self.assertEqual(answer.headers["Content-Type"], JSON_TYPE)

    def test_every_answer_is_counted_whatever_it_is(self):
        def counted():
            return programs.metrics(self.app)["/coworkingapp/http/answered:requests"]
        asked = counted() + 1  # that page is counted when it has left
        for path, status in (("/rooms", 200), ("/imgs/green_0001.jpg", 200), ("/nowhere", 404), ("/rooms/nope", 404)):
            self.ask("GET", path, status)
            asked += 1

        def all_are_counted():
            nonlocal asked
            asked += 1  # this one, for the next
            return counted() == asked - 1
        eventually(all_are_counted, "as many as were asked")

    def test_a_day_without_bookings_changes_nothing(self):
        for query in ("?day_to_book=2025-01-09", "?day_to_book=", "?day_to_book", "?other=1", "?",
                      "?day%5fto_book=2025%2D01-09", "?day_to_book=2024-02-29&day_to_book=nonsense"):
            with self.subTest(query):
                self.ask("GET", "/rooms" + query, 200, "[" + ",".join([GREEN, RED, YELLOW]) + "]")

    def test_a_day_that_does_not_exist_is_refused(self):
        for day in ("2025-02-30", "2025-13-01", "2025-1-9", "tomorrow", "2025-01-09x", "2025-01-0%00", "%", "9" * 5000):
            with self.subTest(day):
                self.ask_error("GET", "/rooms?day_to_book=" + day, 400, "date has a wrong format. Expected YYYY-mm-DD")

    def test_one_room_is_answered_by_its_id(self):
        self.ask("GET", "/rooms/" + IDS["Green"], 200, GREEN)
        self.ask("GET", "/rooms/" + IDS["Red"], 200, RED)
        self.ask("GET", "/rooms/" + IDS["Yellow"] + "?x=y", 200, YELLOW)

    def test_the_photos_of_a_room_are_listed(self):
        self.ask("GET", "/rooms/%s/photos" % IDS["Green"], 200,
                 '{"id":"79ca06f8-1163-48e8-b279-23fca5669623","photos":["/green_0002.jpg","/green_0003.jpg"]}')
        self.ask("GET", "/rooms/%s/photos" % IDS["Red"], 200,
                 '{"id":"e6cc9546-52a1-45bc-8e0c-9af9a2b235c1","photos":["/red_0002.jpg"]}')

    def test_a_room_that_does_not_exist_is_404(self):
        code = "the object with the requested id is not found"
        for room in ("nope", "00000000-0000-0000-0000-000000000000", IDS["Red"].upper(), IDS["Red"] + "%00", "%27",
                     "%FF",
                     "a" * 7000):
            with self.subTest(room):
                self.ask_error("GET", "/rooms/" + room, 404, code)
                self.ask_error("GET", "/rooms/" + room + "/photos", 404, code)

    def test_a_path_that_does_not_exist_is_404(self):
        for path in ("/", "/room", "/rooms/", "/roomsx", "/rooms/x/y", "/rooms/x/photos/", "/debug", "/%00",
                     "/favicon.ico"):
            with self.subTest(path):
                self.ask_error("GET", path, 404, "404 page not found")
        self.ask_error("POST", "/nowhere", 404, "404 page not found", body="{}")

    def test_a_known_path_by_another_method_is_405_with_allow(self):
        for method in ("POST", "PUT", "DELETE", "PATCH", "BREW"):
            for path in ("/rooms", "/rooms/" + IDS["Red"], "/rooms/x/photos"):
                with self.subTest(method + " " + path):
                    answer = self.ask_error(method, path, 405, "method not allowed")
                    self.assertEqual(answer.headers["Allow"], "GET, OPTIONS")

    def test_head_has_the_headers_and_no_body(self):
        answer = self.ask("HEAD", "/rooms", 405, "")
        self.assertGreater(int(answer.headers["Content-Length"]), 0)
        self.ask("HEAD", "/nowhere", 404, "")

    def test_options_is_answered_for_any_path(self):
        for path in ("/rooms", "/nowhere", "/debug/gc", "/"):
            with self.subTest(path):
                self.ask("OPTIONS", path, 200, "")

    def test_a_body_over_64_kib_is_refused(self):
        self.ask("POST", "/rooms", 405, body=b"x" * 65536)
        answer = self.ask("POST", "/rooms", 413, headers={"Content-Length": "65537"})
        self.assertEqual(answer.headers["Content-Type"], JSON_TYPE)
        self.assertEqual(answer.text, '{"code":"body validation","message":"Request Entity Too Large"}')
        self.assertEqual(answer.headers["Connection"], "close")

    def test_many_requests_on_one_connection_are_answered_in_order(self):
        ask = "GET /rooms/%s HTTP/1.1\r\nHost: x\r\n\r\n"
        names = ["Red", "Green", "Yellow"] * 20
        with socket.create_connection((self.app.host, self.app.port), timeout=10) as client:
            client.sendall("".join(ask % IDS[name] for name in names).encode() +
                           b"GET /nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            text = b""
            while piece := client.recv(65536):
                text += piece
        got = [part.split(b'"')[0].decode() for part in text.split(b'"name":"')[1:]]
        self.assertEqual(got, names)
        self.assertEqual(text.count(b"HTTP/1.1 200 OK"), len(names))
        self.assertTrue(text.endswith(b'{"code":"404 page not found","message":"there is nothing at this path"}'))

    def test_what_is_not_http_is_refused_and_the_app_goes_on(self):
        for nonsense in (b"\x16\x03\x01\x02\x00\x01\x00", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET\r\n\r\n",
                         b"GET /rooms HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
                         b"GET /rooms HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
                         b"GET /" + b"a" * 500000 + b" HTTP/1.1\r\n\r\n"):
            with self.subTest(nonsense[:30]), socket.create_connection((self.app.host, self.app.port),
                                                                        timeout=10) as client:
                try:
                    client.sendall(nonsense)
                    answer = client.recv(65536)
                except ConnectionError:
                    answer = b""  # refused while it was still being sent
                self.assertRegex(answer, rb"^(HTTP/1\.1 400 |$)")
        self.ask("GET", "/rooms", 200)

    def test_http_2_is_not_offered(self):
        with socket.create_connection((self.app.host, self.app.port), timeout=10) as client:
            client.sendall(b"GET /rooms HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings, close\r\n"
                           b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n")
            self.assertTrue(client.recv(65536).startswith(b"HTTP/1.1 200 OK\r\n"))

    def test_the_runtimes_endpoints_are_mounted_below_debug(self):
        answer = self.ask("GET", "/debug/memstats", 200)
        self.assertGreater(answer.json()["Mallocs"], 0)
        self.ask("GET", "/debug/nosuch", 404)
        self.ask("GET", "/debug/gc", 405)
        self.assertEqual(answer.headers["X-Content-Type-Options"], "nosniff")
        before = self.app.get("/debug/memstats").json()["NumForcedGC"]
        self.ask("POST", "/debug/gc", 200)
        self.assertEqual(self.app.get("/debug/memstats").json()["NumForcedGC"], before + 1)


def own_address():
    """An address of this machine that is not loopback, or None."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing, only asks which way it would go
        except OSError:
            return None
        address = probe.getsockname()[0]
    return None if address.startswith("127.") else address


class Peers(unittest.TestCase):
    def test_trace_is_refused_to_a_page_of_another_site(self):
        with App() as app:
            answer = app.get("/trace", headers={"Origin": "https://example.org"})
            self.assertEqual((answer.status, answer.json()["code"]), (403, "forbidden"))

    def test_debug_is_refused_to_a_page_of_another_site_in_a_browser_here(self):
        with App() as app:
            change = {"Content-Type": "application/x-www-form-urlencoded"}
            own = "http://%s:%d" % (app.host, app.port)
            for origin in ("https://example.org", "null", "http://%s:%d0" % (app.host, app.port)):
                answer = app.post("/debug/settings", "gc_percent=7", headers={"Origin": origin, **change})
                self.assertEqual(answer.status, 403, origin)
            self.assertNotIn('"value":"7"', app.get("/debug/settings").text)
            self.assertEqual(app.post("/debug/settings", "gc_percent=7", headers={"Origin": own, **change}).status, 200)

    def test_debug_is_refused_to_peers_that_are_not_loopback(self):
        address = own_address()
        if address is None:
            self.skipTest("this machine has no address but loopback")
        with App(listen="0.0.0.0:0") as app:
            app.host = "127.0.0.1"
            self.assertEqual(app.get("/debug/memstats").status, 200)
            app.host = address
            self.assertEqual(app.get("/rooms").status, 200)
            answer = app.get("/debug/memstats")
            self.assertEqual(answer.status, 403)
            self.assertEqual(answer.headers["Access-Control-Allow-Origin"], "*")
            self.assertEqual(app.post("/debug/gc").status, 403)
            self.assertEqual(app.get("/debug/pprof/profile?seconds=600").status, 403)
            self.assertEqual(app.get("/debug/pprof/heap").status, 403)
            self.assertEqual(app.get("/trace").status, 403)
            self.assertEqual(app.get("/healthz").status, 200)

    def test_ipv6_is_served_and_its_loopback_is_loopback(self):
        if not socket.has_ipv6:
            self.skipTest("no IPv6 here")
        with App(listen="[::1]:0") as app:
            self.assertEqual(app.host, "::1")
            self.assertEqual(len(app.get("/rooms").body), 547)
            self.assertEqual(app.get("/debug/memstats").status, 200)


if __name__ == "__main__":
    unittest.main()
