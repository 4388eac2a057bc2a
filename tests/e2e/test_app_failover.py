"""PostgreSQL goes away and comes back, or another server takes over: the app goes on by itself.

With RT_TEST_FULL=1 also: a server that hangs."""
import os
import time
import unittest

from apps import SECRET, AppCase, Bookers, bookings_over_http, note, token_of
from harness import eventually
from programs import sized
from stores import Server, postgres_missing

FULL = os.environ.get("RT_TEST_FULL", "") not in ("", "0")


def more_bookings(bookers, count, within_s=60):
    before = len(bookers.acknowledged)
    eventually(lambda: len(bookers.acknowledged) >= before + count or bookers.wrong, "%d more bookings" % count,
               within_s)


class Servers:
    """A store whose servers belong to one test class."""
    name = "postgres"
    dsn = None

    @staticmethod
    def missing():
        return postgres_missing()

    def close(self):
        pass


class Replicated(Servers):
    """A primary, and a standby without which it acknowledges nothing."""

    def __init__(self):
        self.primary = Server()
        self.standby = None
        try:
            self.primary.sql("CREATE DATABASE coworking")
            self.standby = Server(standby_of=self.primary, settings={"hot_standby": "on"}.items())
            # After the copy was made: the standby must not wait for one of its own once it is promoted.
            self.primary.sql("ALTER SYSTEM SET synchronous_standby_names = 'standby'", "SELECT pg_reload_conf()")
            eventually(lambda: self.primary.sql("SELECT sync_state FROM pg_stat_replication") == [("sync",)],
                       "the standby is synchronous", 30)
        except BaseException:
            self.close()
            raise
        both = "%s,%s" % (self.primary.address(), self.standby.address())
        self.dsn = self.primary.dsn("coworking").replace(self.primary.address(),
                                                         both) + "?target_session_attrs=read-write"

    def close(self):
        self.primary.close()
        if self.standby:
            self.standby.close()


class FailOver(AppCase):
    store_class, variant = Replicated, "postgres"

    def test_a_standby_takes_over_and_nothing_acknowledged_is_lost(self):
        primary, standby = self.store.primary, self.store.standby
        with Bookers((self.app.host, self.app.port), self.seed_user) as bookers:
            more_bookings(bookers, sized(500, 50))
            before = len(bookers.acknowledged)
            primary.tell("kill")
            eventually(lambda: bookers.busy or bookers.wrong, "503 while there is no primary", 30)
            self.ask("GET", "/healthz", 200)
            self.ask("GET", "/readyz", 503)
            standby.promote()
            more_bookings(bookers, sized(500, 50))
        rows = bookings_over_http(self.app, self.seed_user)
        line, faults = bookers.tally(rows)
        note("fail-over: %s, longest gap %.1f s (%d before the primary was killed)" % (line, bookers.longest_gap_s(),
                                                                                       before))
        self.assertEqual(faults, [])
        self.assertEqual({retry for retry in bookers.busy if not (retry or "").isdigit()}, set())
        stored = standby.sql("SELECT id, room_id, booked_on FROM bookings", database="coworking")
        self.assertEqual(sorted((row[0], row[1], row[2][:10]) for row in stored), sorted(rows))
        eventually(lambda: self.app.get("/readyz").status == 200, "the app is ready", 30)
        self.assertFalse([text for text in self.app.stderr if SECRET in text or "p@ss" in text])


class OneServer(Servers):
    def __init__(self):
        self.server = Server()
        self.server.sql("CREATE DATABASE coworking")
        self.dsn = self.server.dsn("coworking")

    def close(self):
        self.server.close()


class Restart(AppCase):
    store_class, variant = OneServer, "postgres"

    def always_ready(self):
        """Whichever event loop is asked."""
        return all(self.app.get("/readyz").status == 200 for _ in range(20))

    def setUp(self):
        eventually(self.always_ready, "the app is ready", 60)

    def lose_and_find(self, lose, find):
        user = token_of(self.new_user()[0])
        with Bookers((self.app.host, self.app.port), user) as bookers:
            more_bookings(bookers, sized(200, 20))
            lose()
            eventually(lambda: bookers.busy or bookers.wrong, "503 while there is no server", 40)
            answer = self.ask("GET", "/rooms", 503)
            self.assertEqual(answer.json()["code"], "generic db err")
            find()
            more_bookings(bookers, sized(200, 20))
            eventually(self.always_ready, "the app is ready again", 30)
        line, faults = bookers.tally(bookings_over_http(self.app, user))
        note("%s: %s, longest gap %.1f s" % (self._testMethodName[5:].replace("_", " "), line, bookers.longest_gap_s()))
        self.assertEqual(faults, [])

    def test_a_server_that_is_restarted_is_found_again(self):
        self.lose_and_find(self.store.server.stop, self.store.server.start)

    def test_a_server_that_crashes_is_found_again(self):
        self.lose_and_find(lambda: self.store.server.tell("kill"), self.store.server.start)

    def test_a_session_that_the_server_ends_is_opened_again(self):
        self.store.server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'coworking'")
        eventually(self.always_ready, "rooms are answered again", 20)
        self.book("79ca06f8-1163-48e8-b279-23fca5669623", "2090-01-01")

    @unittest.skipUnless(FULL, "takes half a minute; RT_TEST_FULL=1 runs it")
    def test_a_server_that_hangs_is_answered_for_with_503(self):
        server = self.store.server
        self.ask("GET", "/rooms", 200)
        server.tell("hang")
        try:
            begin = time.monotonic()
            self.ask("GET", "/rooms", 503, timeout=60)
            took = time.monotonic() - begin
            note("a server that hangs: 503 after %.1f s" % took)
            self.assertLess(took, 12)
            begin = time.monotonic()
            self.ask("GET", "/healthz", 200)
            self.assertLess(time.monotonic() - begin, 1)
        finally:
            server.tell("resume")
        eventually(self.always_ready, "rooms are answered again", 60)


if __name__ == "__main__":
    unittest.main()
