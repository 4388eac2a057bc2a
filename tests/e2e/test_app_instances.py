"""Several apps on one PostgreSQL behind one haproxy: they serve the same data, and book nothing twice."""
import concurrent.futures
import os
import random
import shutil
import subprocess
import tempfile
import threading
import unittest

from apps import IDS, SECRET, SEED_EMAIL, AppCase, Client, bookings_over_http, day, note, token_of
from harness import App, eventually
from programs import sized
from stores import Postgres, free_port

CLIENTS, ROOM_DAYS = 64, 100


class Haproxy:
    """Spreads requests over apps, in turn; looks at /readyz."""

    def __init__(self, apps):
        self.folder = tempfile.mkdtemp(prefix="cruntime-haproxy.")
        self.host, self.port = "127.0.0.1", free_port()
        path = os.path.join(self.folder, "haproxy.cfg")
        with open(path, "w", encoding="utf-8") as file:
            file.write("global\n  maxconn 1000\ndefaults\n  mode http\n  timeout connect 5s\n  timeout client 120s\n"
                       "  timeout server 120s\nfrontend all\n  bind %s:%d\n  default_backend apps\n"
                       "backend apps\n  balance roundrobin\n  http-reuse always\n  option httpchk GET /readyz\n" % (
                           self.host, self.port))
            for n, app in enumerate(apps):
                file.write("  server app%d %s:%d check inter 200ms rise 1\n" % (n, app.host, app.port))
        self.log = open(os.path.join(self.folder, "log"), "wb")
        self.process = subprocess.Popen(["haproxy", "-db", "-f", path], stdin=subprocess.DEVNULL, stdout=self.log,
                                        stderr=self.log)

    # What App has for asking.
    request, get = App.request, App.get

    def ready(self):
        if self.process.poll() is not None:
            with open(self.log.name, encoding="utf-8") as file:
                raise AssertionError("haproxy ended:\n" + file.read())
        try:
            return self.get("/readyz").status == 200
        except OSError:
            return False

    def close(self):
        self.process.terminate()
        self.process.wait(20)
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class Instances(AppCase):
    store_class, variant = Postgres, "postgres"
    env = {"CMAXPROCS": "1"}

    def several(self, count):
        """So many apps, started at once on the one database."""
        with concurrent.futures.ThreadPoolExecutor(count) as pool:
            apps = list(pool.map(lambda _: self.start(), range(count)))
        for app in apps:
            self.addCleanup(app.stop)
        return apps

    def behind_haproxy(self, count):
        if shutil.which("haproxy") is None:
            self.skipTest("haproxy is not installed")
        apps = self.several(count)
        proxy = Haproxy(apps)
        self.addCleanup(proxy.close)
        eventually(proxy.ready, "haproxy answers", 30)
        return apps, proxy

    def serve_the_same(self, count):
        apps, proxy = self.behind_haproxy(count)
        users = [self.new_user()[0] for _ in range(3)]
        made = {email: [] for email in users}
        for n in range(sized(60, 12)):
            email = users[n % 3]
            room = list(IDS.values())[n % 3]
            answer = self.ask("POST", "/bookings", 201, user=token_of(email), app=proxy,
                              json_body={"room_id": room, "booked_on": day(10_000 * count + n)})
            made[email].append(answer.json()["id"])
            # Whichever instance comes next knows of it.
            self.ask("GET", "/bookings/" + answer.json()["id"], 200, user=token_of(email), app=proxy)
        for app in apps + [proxy]:
            for email in users:
                self.assertEqual([row[0] for row in bookings_over_http(app, token_of(email))], made[email])
            self.assertEqual(len(app.get("/rooms").body), 547)
        bodies = {app.get("/rooms?day_to_book=" + day(10_000 * count)).body for app in apps + [proxy]}
        self.assertEqual(len(bodies), 1)

    def race(self, count):
        _, proxy = self.behind_haproxy(count)
        clients, wanted = sized(CLIENTS, 16), sized(ROOM_DAYS, 20)
        users = [token_of(SEED_EMAIL)] + [token_of(self.new_user()[0]) for _ in range(3)]
        pairs = [(room, day(100_000 * count + n)) for n in range(wanted // 2) for room in list(IDS.values())[:2]]
        self.assertEqual(len(pairs), wanted)
        won, statuses, lock = [], {}, threading.Lock()
        together = threading.Barrier(clients)

        def client(number):
            connection = Client((proxy.host, proxy.port), users[number % 4], timeout=120)
            mine = random.Random(number).sample(pairs, len(pairs)) if number % 2 else pairs
            together.wait()
            for room, on in mine:
                answer = connection.request("POST", "/bookings", {"room_id": room, "booked_on": on})
                with lock:
                    statuses[answer.status] = statuses.get(answer.status, 0) + 1
                    if answer.status == 201:
                        won.append((answer.json()["id"], room, on))
            connection.close()

        with concurrent.futures.ThreadPoolExecutor(clients) as pool:
            for done in [pool.submit(client, n) for n in range(clients)]:
                done.result()
        note("race: %d instances, %d clients, %d room-days: %s" % (
            count, clients, wanted, ", ".join("%d x %d" % (n, status) for status, n in sorted(statuses.items()))))
        self.assertEqual(statuses, {201: wanted, 409: wanted * (clients - 1)})
        self.assertEqual(sorted(row[1:] for row in won), sorted(pairs))
        rows = [row for user in users for row in bookings_over_http(proxy, user)]
        self.assertEqual(sorted(row for row in rows if row[1:] in set(pairs)), sorted(won))

    def test_two_behind_haproxy_serve_the_same_data(self):
        self.serve_the_same(2)

    def test_four_behind_haproxy_serve_the_same_data(self):
        self.serve_the_same(4)

    def test_nothing_is_booked_twice_in_a_race_on_two(self):
        self.race(2)

    def test_nothing_is_booked_twice_in_a_race_on_four(self):
        self.race(4)

    def test_one_that_stops_is_missed_by_nobody(self):
        apps, proxy = self.behind_haproxy(2)
        self.ask("GET", "/rooms", 200, app=proxy)
        self.assertEqual(apps[0].stop(), 0)
        # haproxy looks every 200 ms; a request that it sent to the one that left may be lost until then.
        eventually(lambda: all(proxy.get("/rooms").status == 200 for _ in range(4)), "the other one serves", 20)
        self.ask("GET", "/bookings", 200, user=self.seed_user, app=proxy)


class StartAtOnce(AppCase):
    store_class, variant = Postgres, "postgres"
    env = {"CMAXPROCS": "1"}

    def test_apps_that_start_at_once_on_an_empty_database_all_serve_the_seed(self):
        for _ in range(sized(3, 1)):
            store = Postgres()
            try:
                with concurrent.futures.ThreadPoolExecutor(6) as pool:
                    apps = list(pool.map(lambda _, dsn=store.dsn: self.start(config={"dsn": dsn, "secret_key": SECRET}),
                                         range(6)))
                try:
                    self.assertEqual([len(app.get("/rooms").body) for app in apps], [547] * 6)
                    self.assertEqual({app.get("/readyz").status for app in apps}, {200})
                finally:
                    statuses = [app.stop() for app in apps]
                self.assertEqual(statuses, [0] * 6)
                self.assertEqual(store.sql("SELECT (SELECT count(*) FROM rooms), (SELECT count(*) FROM photos),"
                                           " (SELECT count(*) FROM users)"), [("3", "6", "1")])
            finally:
                store.close()


if __name__ == "__main__":
    unittest.main()
