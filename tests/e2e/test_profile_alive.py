"""The app lives through having all its profiles taken in a loop, by four clients, under load.

Ten seconds here; with RT_TEST_FULL as long as RT_TEST_ALIVE_S says (1800 s): make check-alive."""
import json
import os
import tempfile
import threading
import time
import unittest

from apps import IDS, SECRET, SEED_EMAIL, Client, day, note, token_of
from harness import SANITIZE, App, eventually
from programs import TORTURED, hey, metrics, sized

FULL = os.environ.get("RT_TEST_FULL", "")
SECONDS = int(os.environ.get("RT_TEST_ALIVE_S", "1800")) if FULL else sized(10, 5)
# What symbols need comes and goes by tens of megabytes; what grows would show over the long run. AddressSanitizer keeps
# what was freed, 256 MiB of it, before it lets any of it go.
SPREAD = (64 << 20) + ((256 << 20) if "address" in SANITIZE else 0)
PROFILES = ("heap", "allocs?debug=1", "heap?gc=1", "goroutine", "goroutine?debug=2", "goroutine?debug=1", "threadcreate",
            "mutex", "mutex?debug=1", "block", "block?debug=1", "profile?seconds=1", "heap?seconds=1",
            "block?seconds=1", "", "cmdline", "symbol?0x1+0x2")
RATES = ('{"mem_profile_rate":524288,"mutex_profile_fraction":10,"block_profile_rate":1000000}',
         '{"mem_profile_rate":20000,"mutex_profile_fraction":1,"block_profile_rate":1}',
         '{"mem_profile_rate":"off","mutex_profile_fraction":"off","block_profile_rate":"off"}')


class Crowd:
    """Threads that each do something over and over until the block is left; what goes wrong is kept."""

    def __init__(self, app):
        self.app, self.ended = app, threading.Event()
        self.wrong, self.taken, self.booked = [], 0, 0
        self.lock = threading.Lock()
        jobs = [self.take] * 4 + [self.rooms, self.book, self.change_rates]
        self.threads = [threading.Thread(target=self.run, args=(job, number)) for number, job in enumerate(jobs)]

    def run(self, job, number):
        try:
            for turn in range(1 << 60):
                if self.ended.is_set():
                    return
                job(number, turn)
        except Exception as error:  # pylint: disable=broad-except  (told by the test)
            self.wrong.append("%s: %r" % (job.__name__, error))

    def take(self, number, turn):
        path = "/debug/pprof/" + PROFILES[(turn + number * 5) % len(PROFILES)]
        answer = self.app.get(path, timeout=120)
        busy = answer.status == 500 and "cpu profiling already in use" in answer.text
        if not (answer.status == 200 or (busy and "profile?" in path)) or not answer.body:
            self.wrong.append("%s: %d %s" % (path, answer.status, answer.text[:200]))
        with self.lock:
            self.taken += 1

    def rooms(self, _number, _turn):
        answers, report = hey(self.app, "/rooms", 2000, 16)
        if answers != 2000:
            self.wrong.append(report)

    def book(self, number, turn):
        client = Client((self.app.host, self.app.port), token_of(SEED_EMAIL, secret=SECRET), timeout=60)
        try:
            for room in IDS.values():
                answer = client.request("POST", "/bookings", {"room_id": room, "booked_on": day(turn)})
                if answer.status != 201:
                    self.wrong.append("POST /bookings: %d %s" % (answer.status, answer.text[:200]))
                self.booked += 1
        finally:
            client.close()

    def change_rates(self, _number, turn):
        answer = self.app.post("/debug/settings", RATES[turn % len(RATES)],
                               headers={"Content-Type": "application/json"})
        if answer.status != 200:
            self.wrong.append("settings: %s" % answer.text)
        self.ended.wait(0.7)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *unused):
        self.ended.set()
        for thread in self.threads:
            thread.join()


class Alive(unittest.TestCase):
    def test_all_profiles_in_a_loop_by_four_clients_under_load_do_no_harm_under_boehm(self):
        self.live("boehm")

    @unittest.skipIf(SANITIZE, "sanitizer builds have one heap")
    def test_all_profiles_in_a_loop_by_four_clients_under_load_do_no_harm_under_mimalloc(self):
        self.live("mimalloc")

    def live(self, heap):
        env = {} if SANITIZE else {"CALLOCATOR": heap}
        with App("--config", self.configuration(), env=env) as app:
            with Crowd(app) as crowd:
                half = self.size_after(app, crowd, SECONDS / 2)
                whole = self.size_after(app, crowd, SECONDS / 2)
            self.assertEqual(crowd.wrong[:3], [])
            self.assertIsNone(app.process.poll(), "the app ended")
            self.assertEqual(app.get("/rooms").status, 200)
            note("%s: %d profiles and %d bookings in %d s; %d MB after half, %d MB at the end" % (
                heap, crowd.taken, crowd.booked, SECONDS, half >> 20, whole >> 20))
            self.assertGreater(crowd.taken, sized(20, 4))
            self.assertLess(whole, half * 1.5 + SPREAD)

    @staticmethod
    def size_after(app, crowd, seconds):
        """Resident bytes when so much time has passed, or something has gone wrong."""
        until = time.monotonic() + seconds
        eventually(lambda: crowd.wrong or time.monotonic() > until, "the time passes", seconds + 60, 0.2)
        return int(metrics(app)["/cruntime/rss:bytes"])

    def configuration(self):
        file = tempfile.NamedTemporaryFile("w", suffix=".json", delete=False)
        self.addCleanup(os.unlink, file.name)
        with file:
            json.dump({"secret_key": SECRET}, file)
        return file.name


if __name__ == "__main__":
    unittest.main()
