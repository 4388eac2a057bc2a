"""Each request as a task: what Go's parser finds in the app's traces is what was asked of it."""
import collections
import os
import socket
import unittest

import gotrace
from apps import IDS, SEED_NAME, SEED_PASSWORD, FreshCase, on_each_store
from harness import eventually

LOGIN = {"username": SEED_NAME, "password": SEED_PASSWORD}


@gotrace.needs_go
@on_each_store
class Tasks(FreshCase):
    """What Go's parser finds in a snapshot of all that the app did since it was started."""
    ALL = {"flight_recorder_seconds": 3600, "flight_recorder_bytes": 64 << 20}

    def trace(self, app):
        self.ask("GET", "/trace", 200, app=app)
        trace = gotrace.parse(os.path.join(self.folder, "flight_recorder.out"))
        self.assertEqual(trace.lost(), [])
        # The snapshot that is being written is of a request that has not been answered.
        trace.tasks.pop("GET /trace")
        trace.tasks.pop("work", None)
        return trace

    def trace_without_open_tasks(self, app):
        """The first of several traces in which each task has ended."""
        seen = []

        def look():
            trace = self.trace(app)
            seen.append({name: (task.begun, task.ended) for name, task in trace.tasks.items()
                         if task.begun != task.ended})
            return None if seen[-1] else trace

        try:
            return eventually(look, "each task has ended", 60)
        except AssertionError as error:
            raise AssertionError("%s; begun and ended, by name, in each trace: %s" % (error, seen)) from None

    def test_each_answer_is_one_task_called_by_its_route_however_it_came_out(self):
        asked = collections.Counter()

        def ask(name, method, path, status, **more):
            self.ask(method, path, status, app=app, **more)
            asked[name] += 1

        user = self.seed_user
        with self.start(config=self.ALL) as app:
            for _ in range(30):
                ask("GET /rooms", "GET", "/rooms?a=hidden", 200)
            ask("GET /rooms", "GET", "/rooms?day_to_book=x", 400)
            ask("GET /rooms/:id", "GET", "/rooms/" + IDS["Red"], 200)
            ask("GET /rooms/:id", "GET", "/rooms/nope?b=hidden", 404)
            ask("POST /auth/login", "POST", "/auth/login", 200, json_body=LOGIN)
            ask("POST /auth/login", "POST", "/auth/login", 415, body="x")
            body = {"room_id": IDS["Red"], "booked_on": "2031-05-05"}
            ask("POST /bookings", "POST", "/bookings", 201, user=user, json_body=body)
            ask("POST /bookings", "POST", "/bookings", 409, user=user, json_body=body)
            ask("POST /bookings", "POST", "/bookings", 401, json_body=body)
            ask("GET /bookings", "GET", "/bookings", 200, user=user)
            ask("GET /healthz", "GET", "/healthz", 200)
            ask("GET /readyz", "GET", "/readyz", 200)
            ask("OPTIONS", "OPTIONS", "/rooms", 200)
            ask("OPTIONS", "OPTIONS", "/imgs/x", 200)
            ask("(none)", "GET", "/nowhere", 404)
            ask("(none)", "PUT", "/rooms", 405)
            ask("/imgs/*", "GET", "/imgs/red_0001.jpg", 200)
            ask("/imgs/*", "GET", "/imgs/nope", 404)
            ask("/debug/*", "GET", "/debug/memstats", 200)
            ask("(unread)", "POST", "/rooms", 413, headers={"Content-Length": "65537"})
            ask("(unread)", "POST", "/auth/login", 417, headers={"Expect": "nonsense", "Content-Length": "5"})
            trace = self.trace_without_open_tasks(app)
        waits = trace.tasks.pop("database", gotrace.Task())
        self.assertEqual({name: task.begun for name, task in trace.tasks.items()}, dict(asked))
        # Two bookings and a ping on SQLite's writing thread; on PostgreSQL all that asks the database.
        self.assertEqual(waits.begun, 3 if self.store.name == "sqlite" else 30 + 2 + 1 + 2 + 1 + 1)
        for region, least in (("route", 48), ("auth", 5), ("database", 34), ("JSON", 40), ("write", 45)):
            self.assertGreaterEqual(trace.regions[region], least, region)
        self.assertEqual(collections.Counter(text for category, text in trace.logs if category == "status"),
                         {"400": 1, "401": 1, "404": 3, "405": 1, "409": 1, "413": 1, "415": 1, "417": 1})
        paths = [text for category, text in trace.logs if category == "path"]
        self.assertIn("/rooms/nope", paths)
        self.assertNotIn("hidden", "".join(paths))

    def test_tasks_of_clients_that_vanish_end_too(self):
        with self.start(config=self.ALL) as app:
            for _ in range(20):
                client = socket.create_connection((app.host, app.port), timeout=30)
                client.sendall(b"GET /rooms HTTP/1.1\r\nHost: x\r\n\r\n" * 100 +
                               b"GET /bookings HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n" %
                               self.seed_user.encode())
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                client.close()
            self.trace_without_open_tasks(app)
            self.ask("GET", "/rooms", 200, app=app)
            self.assertGreater(self.trace(app).tasks["GET /rooms"].begun, 0)


if __name__ == "__main__":
    unittest.main()
