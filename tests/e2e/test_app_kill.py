"""What is answered 201 is on disk: the app is killed and restarted under load, and every booking counted.

With RT_TEST_FULL=1: 30 s and 20 kills on each store."""
import os
import random
import time
import unittest

from apps import AppCase, Bookers, bookings_over_http, note, on_each_store, token_of
from harness import eventually
from programs import sized
from stores import free_port

FULL = os.environ.get("RT_TEST_FULL", "") not in ("", "0")
SECONDS, KILLS = (30, 20) if FULL else (8, sized(5, 3))


@on_each_store
class Kill(AppCase):
    @classmethod
    def end(cls):
        cls.app.stop()

    def test_no_acknowledged_booking_is_lost_and_none_is_there_twice(self):
        chance = random.Random()
        address = ("127.0.0.1", free_port())
        listen = "%s:%d" % address
        self.end()
        type(self).app = self.start(listen=listen)
        kills = 0
        begin = time.monotonic()
        with Bookers(address, self.seed_user) as bookers:
            for n in range(KILLS):
                # Between the last restart and the next kill the app lives for a random while, at least a few requests.
                due = begin + SECONDS * (n + chance.uniform(0.3, 1.0)) / KILLS
                before = len(bookers.acknowledged)
                while time.monotonic() < due:
                    time.sleep(0.001)
                eventually(lambda: len(bookers.acknowledged) >= before + 3 or bookers.wrong, "a few more", 60, 0.001)
                self.app.kill()
                kills += 1
                type(self).app = self.start(listen=listen)
            before = len(bookers.acknowledged)
            eventually(lambda: len(bookers.acknowledged) >= before + 3 or bookers.wrong, "a few more at the end", 60)
        rows = bookings_over_http(self.app, self.seed_user)
        line, faults = bookers.tally(rows)
        note("%s: %s, kills %d (%d more were there without an answer)" % (
            self.variant, line, kills, len(rows) - len(bookers.acknowledged)))
        self.assertEqual(faults, [])
        self.assertGreater(len(bookers.acknowledged), 10 * KILLS)
        # From the database itself, whoever's they are: what the app says is there, and nothing twice.
        stored = [(row[0], row[1],
                   row[2][:10]) for row in self.store.sql("SELECT id, room_id, booked_on FROM bookings")]
        self.assertEqual(set(rows) - set(stored), set())
        self.assertEqual((len({row[0] for row in stored}), len({row[1:] for row in stored})),
                         (len(stored), len(stored)))

    def test_a_stop_under_load_loses_nothing_and_ends_well(self):
        address = ("127.0.0.1", free_port())
        listen = "%s:%d" % address
        self.app.stop()
        type(self).app = self.start(listen=listen)
        with Bookers(address, token_of(self.new_user()[0])) as bookers:
            for _ in range(sized(3, 2)):
                before = len(bookers.acknowledged)
                eventually(lambda: len(bookers.acknowledged) > before + 50 or bookers.wrong, "50 more bookings", 60)
                self.assertEqual(self.app.stop(), 0, self.app.stderr)
                type(self).app = self.start(listen=listen)
        line, faults = bookers.tally(bookings_over_http(self.app, bookers.token))
        note("%s: stopped by SIGTERM: %s" % (self.variant, line))
        self.assertEqual(faults, [])
        self.assertEqual(bookers.busy, [])


if __name__ == "__main__":
    unittest.main()
