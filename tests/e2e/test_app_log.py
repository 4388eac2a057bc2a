"""What an operator sees: the access log, and whether the app lives and is ready."""
import os
import re
import tempfile
import unittest

from apps import SECRET, SEED_PASSWORD, AppCase, on_each_store
from harness import eventually, run
from stores import PASSWORD

LINE = re.compile(r'^(?P<host>\S+) \S+ \S+ \[(?P<time>[^]]+)\] "(?P<request>.*?)" (?P<status>\d{3}) (?P<bytes>\d+|-) '
                  r'"(?P<referer>.*?)" "(?P<agent>.*?)" (?P<seconds>\d+(\.\d+)?)$')


@on_each_store
class AccessLog(AppCase):
    def lines(self, path):
        if not os.path.exists(path):
            return []
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().splitlines()

    def logs(self):
        folder = tempfile.TemporaryDirectory(prefix="cruntime-log.")
        self.addCleanup(folder.cleanup)
        return folder.name

    def test_there_is_none_by_default(self):
        before = sorted(os.listdir(self.folder))
        for _ in range(5):
            self.ask("GET", "/rooms", 200)
        self.ask("GET", "/nowhere", 404)
        self.assertEqual(sorted(os.listdir(self.folder)), before)
        self.assertEqual([line for line in self.app.stderr if "GET" in line or "rooms" in line], [])

    def test_every_request_is_a_line_when_the_configuration_asks_for_it(self):
        path = os.path.join(self.logs(), "requests")
        with self.start(config={"access_log": path}) as app:
            self.ask("GET", "/rooms", 200, app=app, headers={"User-Agent": "a \"client\"", "Referer": "http://x/"})
            self.ask("GET", "/rooms?day_to_book=x", 400, app=app)
            self.ask("GET", "/nowhere", 404, app=app)
            self.ask("PUT", "/rooms", 405, app=app)
            self.ask("GET", "/bookings", 401, app=app)
            self.ask("GET", "/imgs/red_0001.jpg", 200, app=app)
            self.ask("POST", "/auth/login", 200, app=app, json_body={"username": "ipesenti", "password": SEED_PASSWORD})
            lines = eventually(lambda: len(self.lines(path)) == 7 and self.lines(path), "seven lines are written")
        found = [LINE.match(line) for line in lines]
        self.assertNotIn(None, found, lines)
        # Each event loop writes its own lines when it has sent an answer, so their order is not the requests'.
        self.assertCountEqual([(line["request"], line["status"]) for line in found], [
            ("GET /rooms HTTP/1.1", "200"), ("GET /rooms?day_to_book=x HTTP/1.1", "400"),
            ("GET /nowhere HTTP/1.1", "404"),
            ("PUT /rooms HTTP/1.1", "405"), ("GET /bookings HTTP/1.1", "401"),
            ("GET /imgs/red_0001.jpg HTTP/1.1", "200"),
            ("POST /auth/login HTTP/1.1", "200")])
        rooms = next(line for line in found if line["request"] == "GET /rooms HTTP/1.1")
        self.assertEqual((rooms["bytes"], rooms["host"], rooms["referer"]), ("547", "127.0.0.1", "http://x/"))
        self.assertNotIn(SEED_PASSWORD, "\n".join(lines))

    def test_a_restart_appends_and_a_request_cannot_forge_a_line(self):
        path = os.path.join(self.logs(), "requests")
        for n in (1, 2):
            with self.start("--access-log", path) as app:
                self.ask("GET", "/rooms", 200, app=app, headers={"User-Agent": "x\" 200 5 \"y\\"})
                eventually(lambda: len(self.lines(path)) == n, "%d lines" % n)
        self.assertTrue(all(line.count('"') == 6 for line in self.lines(path)), self.lines(path))

    def test_a_file_that_cannot_be_written_ends_the_start(self):
        for path, says in (("/nonexistent/log", "No such file"), (self.folder, "directory"), ("|cat", "not a command")):
            result = run("app", "--listen", "127.0.0.1:0", "--access-log", path, timeout=60)
            self.assertEqual(result.returncode, 1, result.stderr)
            self.assertEqual(len(result.stderr.splitlines()), 1, result.stderr)
            self.assertIn(path, result.stderr)
            self.assertIn(says, result.stderr)


@on_each_store
class Health(AppCase):
    def test_a_running_app_is_alive_and_ready(self):
        self.ask("GET", "/healthz", 200, '{"status":"ok"}')
        self.ask("GET", "/readyz", 200, '{"status":"ready"}')

    def test_an_app_that_cannot_reach_its_store_is_alive_and_not_ready(self):
        app = self.start()
        self.addCleanup(app.kill)
        self.take_store_away()
        try:
            answer = eventually(lambda: (lambda got: got if got.status == 503 else None)(app.get("/readyz")),
                                "/readyz says 503", 30)
            self.assertEqual(answer.json()["code"], "generic db err")
            self.assertRegex(answer.headers["Retry-After"], r"^\d+$")
            self.ask("GET", "/healthz", 200, app=app)
        finally:
            self.bring_store_back()
        eventually(lambda: app.get("/readyz").status == 200, "/readyz says 200 again", 30)

    def take_store_away(self):
        if self.store.name == "postgres":
            self.store.server.stop()
        else:
            self.store.sql("ALTER TABLE rooms RENAME TO elsewhere")

    def bring_store_back(self):
        if self.store.name == "postgres":
            self.store.server.start()
        else:
            self.store.sql("ALTER TABLE elsewhere RENAME TO rooms")

    def test_nothing_secret_is_printed(self):
        printed = "\n".join(self.app.stderr)
        for secret in (SECRET, PASSWORD, SEED_PASSWORD):
            self.assertNotIn(secret, printed)


if __name__ == "__main__":
    unittest.main()
