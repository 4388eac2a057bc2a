"""Bookings: making, listing, reading and deleting them, and who may."""
import concurrent.futures
import json
import random
import re
import socket
import threading
import unittest

from apps import (IDS, JSON, JSON_TYPE, SEED_EMAIL, AppCase, Client, bookings_over_http, day, on_each_store,
                  on_every_store, token_of)
from programs import sized

NO_OBJECT = "the object with the requested id is not found"
TAKEN = "room not available on the requested day"
BAD_DATE = "date has a wrong format. Expected YYYY-mm-DD"
UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z"


def at_once(app, wanted):
    """The answers to POST /bookings of (room, day) by the seed user, each on a connection of its own."""
    token, together = token_of(SEED_EMAIL), threading.Barrier(len(wanted))

    def ask(what):
        client = Client((app.host, app.port), token, timeout=120)
        together.wait()
        try:
            return client.request("POST", "/bookings", {"room_id": what[0], "booked_on": what[1]})
        finally:
            client.close()

    with concurrent.futures.ThreadPoolExecutor(len(wanted)) as pool:
        return list(pool.map(ask, wanted))


@on_every_store
class Bookings(AppCase):
    def setUp(self):
        """Each test has a user of its own, and books in a year of its own."""
        self.email = self.new_user()[0]
        self.user = token_of(self.email)
        type(self).years = getattr(type(self), "years", 2100) + 1
        self.year = "%04d" % self.years

    def test_a_booking_is_answered_201_with_its_id_and_found_by_it(self):
        answer = self.ask("POST", "/bookings", 201, user=self.user,
                          json_body={"room_id": IDS["Green"], "booked_on": self.year + "-01-09"})
        self.assertRegex(answer.text, r'^\{"id":"%s"\}$' % UUID)
        self.assertEqual(answer.headers["Content-Type"], JSON_TYPE)
        made = answer.json()["id"]
        one = self.ask("GET", "/bookings/" + made, 200, user=self.user)
        self.assertRegex(one.text,
                         r'^\{"id":"%s","booked_on":"%s-01-09T00:00:00Z","created_at":"%s","room_id":"%s"\}$' % (
            made, self.year, TIME, IDS["Green"]))
        self.ask("GET", "/bookings", 200, "[" + one.text + "]", user=self.user)

    def test_a_booking_by_form_is_the_same(self):
        answer = self.ask("POST", "/bookings", 201, user=self.user, body="booked_on=%s-01-09&room_id=%s" % (
            self.year, IDS["Red"]), headers={"Content-Type": "application/x-www-form-urlencoded; charset=UTF-8"})
        self.assertEqual(self.ask("GET", "/bookings", 200, user=self.user).json()[0]["id"], answer.json()["id"])

    def test_a_user_without_bookings_has_an_empty_list(self):
        self.ask("GET", "/bookings", 200, "[]", user=self.user)

    def test_bookings_are_listed_in_the_order_in_which_they_were_made(self):
        made = [self.book(room, self.year + "-03-%02d" % number, self.user)
                for number in (20, 3, 11) for room in (IDS["Yellow"], IDS["Green"], IDS["Red"])]
        rows = self.ask("GET", "/bookings", 200, user=self.user).json()
        self.assertEqual([row["id"] for row in rows], made)
        self.assertEqual(rows, sorted(rows, key=lambda row: row["created_at"]))

    def test_a_deleted_booking_is_gone_and_its_day_free_again(self):
        on = self.year + "-01-09"
        keep, gone = self.book(IDS["Green"], on, self.user), self.book(IDS["Red"], on, self.user)
        answer = self.ask("DELETE", "/bookings/" + gone, 204, "", user=self.user)
        self.assertNotIn("Content-Type", answer.headers)
        self.ask_error("GET", "/bookings/" + gone, 404, NO_OBJECT, user=self.user)
        self.ask_error("DELETE", "/bookings/" + gone, 404, NO_OBJECT, user=self.user)
        self.assertEqual([row["id"] for row in self.ask("GET", "/bookings", 200, user=self.user).json()], [keep])
        again = self.book(IDS["Red"], on, self.user)
        self.assertNotEqual(again, gone)

    def test_a_connection_that_was_answered_204_is_good_for_the_next_request(self):
        made = self.book(IDS["Green"], self.year + "-01-09", self.user)
        head = "Host: x\r\nAuthorization: Bearer %s\r\n" % self.user
        text = self.raw(("DELETE /bookings/%s HTTP/1.1\r\n%s\r\nGET /bookings HTTP/1.1\r\n%sConnection: close\r\n\r\n" % (
            made, head, head)).encode())
        first, second = text.split(b"\r\n\r\n", 1)
        self.assertTrue(first.startswith(b"HTTP/1.1 204 No Content\r\n"), first)
        self.assertNotIn(b"transfer-encoding", first.lower())
        self.assertTrue(second.startswith(b"HTTP/1.1 200 OK\r\n"), text)

    def test_a_room_is_booked_once_a_day(self):
        on = self.year + "-01-09"
        self.book(IDS["Green"], on, self.user)
        body = {"room_id": IDS["Green"], "booked_on": on}
        self.ask_error("POST", "/bookings", 409, TAKEN, user=self.user, json_body=body)
        self.ask_error("POST", "/bookings", 409, TAKEN, user=token_of(self.new_user()[0]), json_body=body)
        self.book(IDS["Red"], on, self.user)
        self.book(IDS["Green"], self.year + "-01-10", self.user)
        self.assertEqual(len(self.ask("GET", "/bookings", 200, user=self.user).json()), 3)

    def test_another_users_booking_does_not_exist(self):
        made = self.book(IDS["Green"], self.year + "-01-09", self.user)
        other = token_of(self.new_user()[0])
        mine = self.ask_error("GET", "/bookings/" + made, 404, NO_OBJECT, user=other)
        none = self.ask_error("GET", "/bookings/00000000-0000-4000-8000-000000000000", 404, NO_OBJECT, user=other)
        self.assertEqual(mine.text, none.text)
        self.ask_error("DELETE", "/bookings/" + made, 404, NO_OBJECT, user=other)
        self.ask("GET", "/bookings", 200, "[]", user=other)
        self.ask("GET", "/bookings/" + made, 200, user=self.user)

    def test_a_booked_room_is_not_available_on_that_day(self):
        def available(query):
            return [room["IsAvailable"] for room in self.ask("GET", "/rooms" + query, 200).json()]

        made = self.book(IDS["Red"], self.year + "-01-09", self.user)
        self.assertEqual(available("?day_to_book=%s-01-09" % self.year), [True, False, True])
        self.assertEqual(available("?day_to_book=%s-01-10" % self.year), [True, True, True])
        self.assertEqual(available(""), [True, True, True])
        self.assertTrue(self.ask("GET", "/rooms/" + IDS["Red"], 200).json()["IsAvailable"])
        self.ask("DELETE", "/bookings/" + made, 204, user=self.user)
        self.assertEqual(available("?day_to_book=%s-01-09" % self.year), [True, True, True])

    def test_a_day_that_does_not_exist_is_refused(self):
        for on in ("2025-02-30", "2025-02-29", "1900-02-29", "2025-13-01", "2025-00-10", "2025-01-00", "2025-04-31",
                   "2025-1-9", "09-01-2025", "2025/01/09", "tomorrow", "2025-01-09T00:00:00Z", " 2025-01-09",
                   "2025-01-09 ",
                   "20250109", "2025-01-0\u0669", "+025-01-09", "9" * 30, "-", "'"):
            with self.subTest(on):
                self.ask_error("POST", "/bookings", 400, BAD_DATE, user=self.user,
                               json_body={"room_id": IDS["Green"], "booked_on": on})
        self.ask("GET", "/bookings", 200, "[]", user=self.user)

    def test_days_at_the_calendars_edges_are_taken(self):
        for on in ("2000-02-29", "2024-02-29", "0001-01-01", "9999-12-31", self.year + "-12-31"):
            with self.subTest(on):
                made = self.book(IDS["Yellow"], on, self.user)
                self.assertEqual(self.ask("GET", "/bookings/" + made, 200, user=self.user).json()["booked_on"],
                                 on + "T00:00:00Z")
                self.ask("DELETE", "/bookings/" + made, 204, user=self.user)

    def test_an_unknown_room_is_404(self):
        for room in ("nope", "00000000-0000-0000-0000-000000000000", IDS["Red"].upper(), IDS["Red"] + " ",
                     "'; DROP TABLE bookings; --", "\u00e9"):
            with self.subTest(room):
                self.ask_error("POST", "/bookings", 404, NO_OBJECT, user=self.user,
                               json_body={"room_id": room, "booked_on": self.year + "-01-09"})
        self.ask("GET", "/bookings", 200, "[]", user=self.user)

    def test_an_unknown_booking_is_404(self):
        for name in ("nope", "00000000-0000-0000-0000-000000000000", "%27", "%FF", "%00", "a" * 7000):
            with self.subTest(name[:40]):
                self.ask_error("GET", "/bookings/" + name, 404, NO_OBJECT, user=self.user)
                self.ask_error("DELETE", "/bookings/" + name, 404, NO_OBJECT, user=self.user)

    def test_who_asks_is_looked_at_before_how_and_how_before_what(self):
        nonsense = {"body": "nonsense", "headers": {"Content-Type": "text/plain"}}
        self.ask("POST", "/bookings", 401, **nonsense)
        self.ask("POST", "/bookings", 415, user=self.user, **nonsense)
        self.ask("POST", "/bookings", 400, user=self.user, body="nonsense", headers=JSON)
        self.ask("PUT", "/bookings", 405, **nonsense)

    def test_a_refused_booking_leaves_nothing_and_the_next_is_made(self):
        for n in range(5):
            self.ask("POST", "/bookings", 404, user=self.user, json_body={"room_id": "x",
                                                                          "booked_on": self.year + "-05-05"})
            self.book(IDS["Green"], "%s-05-%02d" % (self.year, n + 1), self.user)
            self.ask("POST", "/bookings", 409, user=self.user,
                     json_body={"room_id": IDS["Green"], "booked_on": "%s-05-%02d" % (self.year, n + 1)})
        self.assertEqual(len(self.ask("GET", "/bookings", 200, user=self.user).json()), 5)

    def test_good_and_bad_bookings_pipelined_on_one_connection_are_answered_in_order(self):
        asks, expected = [], []
        for n in range(sized(200, 40)):
            room, on, status = ((IDS["Green"], day(n), b"201"), ("nope", day(n), b"404"),
                                (IDS["Green"], day(n - 2), b"409"),
                                (IDS["Green"], "x", b"400"))[n % 4]
            body = json.dumps({"room_id": room, "booked_on": on})
            asks.append("POST /bookings HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\n"
                        "Content-Length: %d\r\n\r\n%s" % (self.user, len(body), body))
            expected.append(status)
        asks.append("GET /nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        text = self.raw("".join(asks).encode())
        self.assertEqual(re.findall(rb"HTTP/1\.1 (\d+) ", text), expected + [b"404"])
        for row in self.ask("GET", "/bookings", 200, user=self.user).json():
            self.ask("DELETE", "/bookings/" + row["id"], 204, user=self.user)

    def test_a_long_list_is_whole_in_order_and_streamed(self):
        many = sized(1000, 600)  # more than the two pages of 256 in which it is sent
        client = Client((self.app.host, self.app.port), self.user)
        made = []
        for n in range(many):
            answer = client.request("POST", "/bookings", {"room_id": list(IDS.values())[n % 3],
                                                          "booked_on": day(20_000 + n // 3)})
            self.assertEqual(answer.status, 201, answer.text)
            made.append(answer.json()["id"])
        client.close()
        answer = self.ask("GET", "/bookings", 200, user=self.user, timeout=120)
        self.assertEqual([row["id"] for row in answer.json()], made)
        self.assertEqual([row["booked_on"][:10] for row in answer.json()], [day(20_000 + n // 3) for n in range(many)])
        self.assertEqual(answer.headers["Transfer-Encoding"], "chunked")
        self.assertTrue(answer.text.startswith('[{"id":"') and answer.text.endswith('"}]'), answer.text[-100:])
        # A client of HTTP/1.0 knows no chunks: the end of the connection is the end of the list.
        text = self.raw(("GET /bookings HTTP/1.0\r\nAuthorization: Bearer %s\r\n\r\n" % self.user).encode(),
                        timeout=120)
        head, _, body = text.partition(b"\r\n\r\n")
        self.assertNotIn(b"transfer-encoding", head.lower())
        self.assertEqual(body, answer.body)
        self.slow_and_vanishing_readers(answer.body)

    def slow_and_vanishing_readers(self, body):
        ask = ("GET /bookings HTTP/1.0\r\nAuthorization: Bearer %s\r\n\r\n" % self.user).encode()
        for _ in range(10):
            with socket.create_connection((self.app.host, self.app.port), timeout=60) as client:
                client.sendall(ask)
                client.recv(100)  # and gone, in the midst of the list
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.settimeout(60)
            client.connect((self.app.host, self.app.port))
            client.sendall(ask)
            text = b""
            while piece := client.recv(512):
                text += piece
        self.assertTrue(text.endswith(body))

    def test_one_winner_when_many_want_the_same_room_and_day(self):
        statuses, lock = [], threading.Lock()
        days = [self.year + "-07-%02d" % (n + 1) for n in range(10)]

        def race(seed):
            client = Client((self.app.host, self.app.port), self.user, timeout=60)
            mine = random.Random(seed).sample(days, len(days))
            got = [client.request("POST", "/bookings", {"room_id": IDS["Red"], "booked_on": on}).status for on in mine]
            client.close()
            with lock:
                statuses.extend(got)

        threads = [threading.Thread(target=race, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(sorted(statuses), [201] * 10 + [409] * 70)
        self.assertEqual(len(self.ask("GET", "/bookings", 200, user=self.user).json()), 10)


class OverbookingCase(AppCase):
    def doubly(self, app):
        body = {"room_id": IDS["Green"], "booked_on": "2030-01-09"}
        made = {self.ask("POST", "/bookings", 201, user=self.seed_user, json_body=body, app=app).json()["id"]
                for _ in range(3)}
        self.assertEqual(len(made), 3)
        rows = self.ask("GET", "/bookings", 200, user=self.seed_user, app=app).json()
        self.assertTrue(made <= {row["id"] for row in rows})
        day_of = self.ask("GET", "/rooms?day_to_book=2030-01-09", 200, app=app).json()
        self.assertEqual([room["IsAvailable"] for room in day_of], [False, True, True])


@on_each_store
class Overbooking(OverbookingCase):
    config = {"overbooking": True}

    def test_the_configuration_lets_a_room_be_booked_any_number_of_times(self):
        self.doubly(self.app)

    def test_many_at_once_all_get_the_same_day(self):
        answers = at_once(self.app, [(IDS["Red"], "2031-05-05")] * 48)
        self.assertEqual([answer.status for answer in answers], [201] * 48)
        self.assertEqual(len({answer.json()["id"] for answer in answers}), 48)


@on_every_store
class AtOnce(AppCase):
    def test_each_of_many_is_answered_for_what_it_asked(self):
        # They end up in a few groups, of which each has some of every kind.
        wanted = []
        for n in range(12):
            wanted += [(IDS["Red"], day(n)), (IDS["Green"], day(n)), (IDS["Red"], day(n)), ("no such room", day(n))]
        answers = at_once(self.app, wanted)
        rooms = {}
        for (room, on), answer in zip(wanted, answers):
            rooms.setdefault((room, on), []).append(answer.status)
        for (room, on), statuses in rooms.items():
            with self.subTest(room=room, on=on):
                self.assertEqual(sorted(statuses), {IDS["Red"]: [201, 409], IDS["Green"]: [201]}.get(room, [404]))
        made = {(answer.json()["id"], *what) for what, answer in zip(wanted, answers) if answer.status == 201}
        self.assertEqual(made, {row for row in bookings_over_http(self.app, token_of(SEED_EMAIL))
                                if row[2] in {on for _, on in wanted}})


@on_each_store
class OverbookingFlag(OverbookingCase):
    def test_the_flag_does_too_and_without_it_a_room_is_booked_once(self):
        with self.start("--overbooking", config={"overbooking": None}) as app:
            self.doubly(app)
        # What was booked twice stays; it is not booked again.
        app = self.start()
        self.addCleanup(app.stop)
        self.ask("POST", "/bookings", 409, user=self.seed_user, app=app,
                 json_body={"room_id": IDS["Green"], "booked_on": "2030-01-09"})
        self.book(IDS["Green"], "2030-01-10", app=app)
        self.ask("POST", "/bookings", 409, user=self.seed_user, app=app,
                 json_body={"room_id": IDS["Green"], "booked_on": "2030-01-10"})


if __name__ == "__main__":
    unittest.main()
