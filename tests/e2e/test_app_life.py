"""The data over restarts, several apps on one database, and how the app ends."""
import concurrent.futures
import itertools
import json
import os
import resource
import signal
import socket
import sqlite3
import subprocess
import tempfile
import threading
import time
import unittest

from apps import JSON, SEED_NAME, SEED_PASSWORD, FreshCase, bearer, on_each_store, token_of
from harness import App, built, environment, eventually
from programs import sized

RED = "e6cc9546-52a1-45bc-8e0c-9af9a2b235c1"


class Folder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="cruntime-life.")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.database = os.path.join(self.folder, "coworking.db")

    def sql(self, *statements):
        """Runs statements as another process would; the rows of the last."""
        db = sqlite3.connect(self.database, timeout=10)
        try:
            with db:
                for statement in statements:
                    rows = db.execute(statement).fetchall()
            return rows
        finally:
            db.close()


@on_each_store
class Data(FreshCase):
    BOOK = ("INSERT INTO bookings(id, room_id, booked_on, created_at, user_id, slot) VALUES ('b', '%s', '2025-01-09',"
            " '2025-01-01T00:00:00Z', 'b6d2d9ad-3363-4c0b-aaf9-5b86d4ed6f31', '')" % RED)

    def test_data_outlives_a_restart_and_is_seeded_only_once(self):
        with self.start() as app:
            self.assertEqual(len(app.get("/rooms").json()), 3)
            user = self.new_user(app)
            made = self.book(RED, "2025-01-09", user=token_of(user[0]), app=app)
        self.store.sql("UPDATE rooms SET cost = 19.99 WHERE name = 'Green'")
        with self.start() as app:
            self.assertIn(b'"cost":19.99,', app.get("/rooms").body)
            self.ask("GET", "/bookings/" + made, 200, user=token_of(user[0]), app=app)
            self.ask("POST", "/auth/login", 200, app=app, json_body={"username": user[1], "password": user[2]})
        self.store.sql("DELETE FROM bookings", "DELETE FROM photos", "DELETE FROM rooms")
        with self.start() as app:
            # Who deleted the rooms did so on purpose: there still are users.
            self.assertEqual(app.get("/rooms").body, b"[]")

    def test_reseed_wipes_and_seeds_again(self):
        with self.start() as app:
            seed = app.get("/rooms").body
            self.new_user(app)
        self.store.sql("UPDATE rooms SET name = 'Pink'", "DELETE FROM photos", self.BOOK)
        with self.start("--reseed") as app:
            self.assertEqual(app.get("/rooms?day_to_book=2025-01-09").body, seed)
            self.assertEqual(app.get("/rooms/%s/photos" % RED).json()["photos"], ["/red_0002.jpg"])
            self.ask("POST", "/auth/login", 200, app=app, json_body={"username": SEED_NAME, "password": SEED_PASSWORD})
        self.assertEqual(self.store.sql("SELECT (SELECT count(*) FROM bookings), (SELECT count(*) FROM users)"),
                         [("0", "1")])

    def test_every_request_reads_the_database(self):
        with self.start(env={"CMAXPROCS": "2"}) as app:
            for seats in range(1, sized(40, 15)):
                self.store.sql("UPDATE rooms SET number_of_seats = %d WHERE id = '%s'" % (seats, RED))
                self.assertEqual(app.get("/rooms/" + RED).json()["number_of_seats"], seats)
                self.assertEqual(app.get("/rooms").json()[1]["number_of_seats"], seats)

    def test_a_booked_room_is_not_available_on_its_day(self):
        with self.start() as app:
            self.store.sql(self.BOOK)
            available = [room["IsAvailable"] for room in app.get("/rooms?day_to_book=2025-01-09").json()]
            self.assertEqual(available, [True, False, True])
            for path in ("/rooms?day_to_book=2025-01-10", "/rooms"):
                self.assertEqual([room["IsAvailable"] for room in app.get(path).json()], [True, True, True])

    def test_a_table_that_vanishes_is_a_500_and_the_app_goes_on(self):
        with self.start() as app:
            self.store.sql("ALTER TABLE rooms RENAME TO elsewhere")
            answer = app.get("/rooms")
            self.assertEqual((answer.status, answer.json()["code"]), (500, "generic db err"))
            # How it failed is for the operator.
            self.assertNotIn("rooms", answer.text)
            app.wait_for_line(r"^app: the database failed: .*rooms")
            self.store.sql("ALTER TABLE elsewhere RENAME TO rooms")
            self.assertEqual(app.get("/rooms").status, 200)


class Log(Folder):
    def test_the_log_is_not_kept_from_shrinking_by_readers(self):
        with App(folder=self.folder) as app:
            app.get("/rooms")
            self.sql("UPDATE rooms SET cost = cost")
            # A loop that sleeps holds no lock on the log, so that a checkpoint gets all of it.
            eventually(lambda: self.sql("PRAGMA wal_checkpoint(TRUNCATE)")[0][0] == 0, "a checkpoint gets through", 10)


class Memory(Folder):
    def test_requests_leave_nothing_behind(self):
        # mimalloc: what a scope does not free at its end stays counted for ever.
        with App(folder=self.folder, env={"CALLOCATOR": "mimalloc", "CMAXPROCS": "1"}) as app:
            token = app.post("/auth/login", json.dumps({"username": SEED_NAME, "password": SEED_PASSWORD}),
                             headers=JSON).json()["token"]
            head = {"Host": "x", **bearer(token), **JSON}
            head = "".join("%s: %s\r\n" % pair for pair in head.items())
            days = itertools.count()

            def load(n):
                """Each request n times, on a connection of its own; bookings are refused, but for one."""
                on = "%04d-01-01" % (3000 + next(days))
                for method, path, body in (
                        ("GET", "/rooms", ""), ("GET", "/rooms?day_to_book=2025-01-09", ""),
                        ("GET", "/rooms/" + RED, ""),
                        ("GET", "/rooms/x", ""), ("GET", "/nowhere", ""), ("GET", "/rooms/%s/photos" % RED, ""),
                        ("GET", "/rooms?day_to_book=x", ""), ("GET", "/debug/memstats", ""), ("GET", "/bookings", ""),
                        ("GET", "/debug/pprof/symbol", ""), ("GET", "/debug/pprof/nosuch", ""),
                        ("GET", "/bookings/x", ""), ("DELETE", "/bookings/x", ""), ("GET", "/readyz", ""),
                        ("POST", "/bookings", json.dumps({"room_id": RED, "booked_on": on})),
                        ("POST", "/bookings", "{}"),
                        ("POST", "/bookings", json.dumps({"room_id": "x", "booked_on": on})),
                        ("POST", "/auth/login", "[")):
                    ask = ("%s %s HTTP/1.1\r\n%sContent-Length: %d\r\n\r\n%s" % (method, path, head, len(body),
                                                                                 body)).encode()
                    with socket.create_connection((app.host, app.port), timeout=60) as client:
                        client.sendall(ask * n + b"OPTIONS / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                        answers = b""
                        while piece := client.recv(1 << 20):
                            answers += piece
                    self.assertEqual(answers.count(b"HTTP/1.1 "), n + 1, path)
                return app.get("/debug/memstats").json()["HeapObjects"]

            load(50)
            before = load(50)
            # A leak of one object a request would be 3200 more.
            self.assertLess(load(200), before + 150)


class Several(Folder):
    def test_apps_that_start_at_once_on_a_new_database_all_serve_the_same_seed(self):
        for _ in range(3):
            with concurrent.futures.ThreadPoolExecutor(6) as pool:
                apps = list(pool.map(lambda _: App(folder=self.folder), range(6)))
            try:
                bodies = {app.get("/rooms").body for app in apps}
                self.assertEqual([len(body) for body in bodies], [547])
            finally:
                statuses = [app.stop() for app in apps]
            self.assertEqual(statuses, [0] * 6)
            self.assertEqual(self.sql("SELECT count(*) FROM rooms"), [(3,)])
            self.assertEqual(self.sql("SELECT count(*) FROM photos"), [(6,)])
            for name in os.listdir(self.folder):
                os.unlink(os.path.join(self.folder, name))

    def test_a_killed_app_leaves_a_database_that_works(self):
        app = App(folder=self.folder)
        app.get("/rooms")
        app.kill()
        with App(folder=self.folder) as again:
            self.assertEqual(len(again.get("/rooms").body), 547)


class Stop(Folder):
    def connect(self, app):
        client = socket.create_connection((app.host, app.port), timeout=30)
        self.addCleanup(client.close)
        return client

    def everything(self, client):
        text = b""
        while piece := client.recv(65536):
            text += piece
        return text

    def refuses(self, app):
        try:
            socket.create_connection((app.host, app.port), timeout=5).close()
        except OSError:
            return True
        return False

    def test_a_request_in_flight_is_answered_before_the_app_ends(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(number):
                app = App(folder=self.folder)
                client = self.connect(app)
                client.sendall(b"GET /rooms HTTP/1.1\r\nHost: x\r\n")
                app.get("/rooms")
                app.process.send_signal(number)
                eventually(lambda: self.refuses(app), "new connections are refused")
                self.assertIsNone(app.process.poll())
                client.sendall(b"\r\n")
                answer = self.everything(client)
                self.assertTrue(answer.startswith(b"HTTP/1.1 200 OK\r\n"), answer)
                self.assertIn(b"\r\nConnection: close\r\n", answer)
                self.assertIn(b'"name":"Yellow"', answer)
                self.assertEqual(app.stop(by=0), 0)

    def test_idle_connections_do_not_hold_up_the_end(self):
        app = App(folder=self.folder)
        clients = [self.connect(app) for _ in range(20)]
        for client in clients[:10]:
            client.sendall(b"GET /rooms HTTP/1.1\r\nHost: x\r\n\r\n")
            self.assertTrue(client.recv(65536).startswith(b"HTTP/1.1 200 OK\r\n"))
        begin = time.monotonic()
        self.assertEqual(app.stop(), 0)
        # Well before the 5 s that a request in flight may take.
        self.assertLess(time.monotonic() - begin, 4)

    def test_a_request_that_never_ends_holds_up_the_end_for_five_seconds_at_most(self):
        app = App(folder=self.folder)
        client = self.connect(app)
        client.sendall(b"GET /rooms HTTP/1.1\r\n")
        app.get("/rooms")
        begin = time.monotonic()
        self.assertEqual(app.stop(), 0)
        took = time.monotonic() - begin
        self.assertGreater(took, 4)
        self.assertLess(took, 9)  # without the deadline: when h2o gives the request up, after 10 s

    def test_a_second_signal_ends_the_app_at_once(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(number):
                app = App(folder=self.folder)
                client = self.connect(app)
                client.sendall(b"GET /rooms HTTP/1.1\r\n")
                app.get("/rooms")
                app.process.send_signal(signal.SIGTERM)
                eventually(lambda: self.refuses(app), "new connections are refused")
                self.assertEqual(app.stop(by=number, within_s=4), 128 + number)

    def test_no_answer_is_lost_when_the_app_is_stopped_under_load(self):
        app = App(folder=self.folder)
        stopping = threading.Event()
        broken = []

        def load():
            while not stopping.is_set():
                try:
                    client = socket.create_connection((app.host, app.port), timeout=30)
                except OSError:
                    return  # refused: the listener is gone, which is the point
                with client:
                    try:
                        for _ in range(50):
                            client.sendall(b"GET /rooms HTTP/1.1\r\nHost: x\r\n\r\n")
                            answer = b""
                            while b"null}]" not in answer:
                                piece = client.recv(65536)
                                if not piece:
                                    break
                                answer += piece
                            if not answer:
                                break  # closed between two requests, which HTTP allows
                            if not answer.startswith(b"HTTP/1.1 200 OK\r\n") or not answer.endswith(b"null}]"):
                                broken.append(answer)
                            if b"\r\nConnection: close\r\n" in answer:
                                break
                    except ConnectionError:
                        pass  # reset between two requests: the same

        threads = [threading.Thread(target=load) for _ in range(8)]
        for thread in threads:
            thread.start()
        time.sleep(0.5)
        status = app.stop()
        stopping.set()
        for thread in threads:
            thread.join(30)
        self.assertEqual(status, 0)
        self.assertEqual(broken, [])

    def test_clients_that_vanish_do_no_harm(self):
        with App(folder=self.folder) as app:
            for _ in range(50):
                client = self.connect(app)
                client.sendall(b"GET /rooms HTTP/1.1\r\nHost: x\r\n\r\n" * 200)
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                client.close()
            self.assertEqual(app.get("/rooms").status, 200)

    ASK_ONCE = b"GET /rooms HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

    def test_more_connections_than_descriptors_wait_their_turn(self):
        process = subprocess.Popen(["sh", "-c", "ulimit -n 160; exec \"$0\" --listen 127.0.0.1:0", built("app")],
                                   cwd=self.folder, env=environment({"CMAXPROCS": "2"}), stdout=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE, text=True)
        try:
            port = next(int(line.rsplit(":", 1)[1]) for line in process.stderr if line.startswith("listening"))
            clients = []
            for _ in range(300):
                client = socket.create_connection(("127.0.0.1", port), timeout=30)
                self.addCleanup(client.close)
                clients.append(client)
            # Descriptors are left over for what is not a connection (64 are set aside, about 20 taken).
            time.sleep(0.5)
            self.assertLess(len(os.listdir("/proc/%d/fd" % process.pid)), 140)
            for client in clients:
                client.sendall(self.ASK_ONCE)
            for client in clients:
                self.assertTrue(self.everything(client).endswith(b"null}]"))
        finally:
            process.terminate()
            _, err = process.communicate(timeout=60)
        self.assertEqual((process.returncode, err), (0, ""))

    def test_running_out_of_descriptors_does_not_spin(self):
        def cpu_seconds():
            with open("/proc/%d/stat" % app.pid, encoding="utf-8") as file:
                fields = file.read().rsplit(")", 1)[1].split()
            return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

        with App(folder=self.folder, env={"CMAXPROCS": "1"}) as app:
            app.get("/rooms")
            limits = resource.prlimit(app.pid, resource.RLIMIT_NOFILE)
            resource.prlimit(app.pid, resource.RLIMIT_NOFILE, (3, limits[1]))
            client = self.connect(app)
            client.sendall(self.ASK_ONCE)
            time.sleep(0.2)
            begin = cpu_seconds()
            time.sleep(1)
            self.assertLess(cpu_seconds() - begin, 0.5)
            resource.prlimit(app.pid, resource.RLIMIT_NOFILE, limits)
            self.assertTrue(self.everything(client).endswith(b"null}]"))


if __name__ == "__main__":
    unittest.main()
