"""The app's flight recorder: GET /trace, SIGUSR2, slow requests, and the file that they write."""
import os
import re
import signal
import threading
import time
import unittest

import gotrace
from apps import FreshCase, on_each_heap
from harness import STOP_S, eventually, not_tortured, run

FILE = "flight_recorder.out"
OFF = 'set "flight_recorder" to true in the configuration'


@on_each_heap
class Recorder(FreshCase):
    def path(self, *names):
        return os.path.join(self.folder, *names)

    def read(self, name=FILE):
        with open(self.path(name), "rb") as file:
            return file.read()

    def files(self, folder=""):
        """What is in the folder, but the store's and the configurations."""
        return sorted(name for name in os.listdir(self.path(folder))
                      if not re.search(r"\.json$|\.db(-wal|-shm)?$", name))

    def check_whole(self, name=FILE):
        """Whether the file begins and has the length that was said is all that can be seen without Go's parser."""
        self.assertTrue(self.read(name).startswith(b"go 1.2"), self.read(name)[:16])
        self.assertEqual([one for one in self.files(os.path.dirname(name)) if one.startswith(os.path.basename(name))],
                         [os.path.basename(name)])

    def trace(self, app, name=FILE):
        answer = self.ask("GET", "/trace", 200, app=app)
        self.assertEqual(answer.text, '{"file":"%s","bytes":%d}' % (name, answer.json()["bytes"]))
        return answer.json()["bytes"]

    def said(self, app, pattern):
        """The lines of stderr like that."""
        return [line for line in app.stderr if re.search(pattern, line)]

    def wait_said(self, app, pattern, count=1):
        return eventually(lambda: len(self.said(app, pattern)) >= count and self.said(app, pattern),
                          "%d lines like %s; it said %s" % (count, pattern, app.stderr), STOP_S)

    # ---- GET /trace ----

    def test_get_trace_writes_the_file_and_says_where_and_how_long_it_is(self):
        with self.start() as app:
            before = self.files()
            self.assertNotIn(FILE, before)
            for _ in range(2):
                self.ask("GET", "/rooms", 200, app=app)
                size = self.trace(app)
                self.assertEqual(os.path.getsize(self.path(FILE)), size)
                self.check_whole()
                self.assertEqual(self.files(), sorted(before + [FILE]))

    @gotrace.needs_go
    def test_go_reads_the_requests_out_of_the_file(self):
        with self.start() as app:
            for _ in range(20):
                self.ask("GET", "/rooms", 200, app=app)
            self.trace(app)
        self.assertGreaterEqual(gotrace.parse(self.path(FILE)).tasks["GET /rooms"].ended, 20)

    def test_the_file_is_where_the_configuration_says(self):
        os.mkdir(self.path("traces"))
        for name in ("traces/now", self.path("traces", "at once")):
            with self.subTest(name), self.start(config={"flight_recorder_file": name}) as app:
                self.assertEqual(self.trace(app, name), os.path.getsize(self.path(name)))
                self.check_whole(name)
        self.assertNotIn(FILE, self.files())

    def test_who_looks_while_the_file_is_replaced_sees_the_old_or_the_new_one_whole(self):
        sizes, seen, wrong = set(), set(), []
        with self.start() as app:
            sizes.add(self.trace(app))
            done = threading.Event()

            def look():
                while not done.is_set():
                    try:
                        content = self.read()
                    except OSError as error:
                        wrong.append(error)
                        return
                    if not content.startswith(b"go 1.2"):
                        wrong.append(content[:16])
                    seen.add(len(content))

            looker = threading.Thread(target=look)
            looker.start()
            try:
                for _ in range(8):
                    self.ask("GET", "/rooms", 200, app=app)
                    sizes.add(self.trace(app))
            finally:
                done.set()
                looker.join()
        self.assertEqual(wrong, [])
        self.assertGreater(len(seen), 1)
        self.assertEqual(seen - sizes, set())
        self.check_whole()

    def test_several_at_once_all_get_an_answer(self):
        with self.start(env={"CMAXPROCS": "2"}) as app:
            answers = []
            threads = [threading.Thread(target=lambda: answers.append(app.get("/trace", timeout=STOP_S)))
                       for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertEqual([answer.status for answer in answers], [200] * 4, [answer.text for answer in answers])
            self.assertIn(os.path.getsize(self.path(FILE)), {answer.json()["bytes"] for answer in answers})
            self.check_whole()

    def test_a_page_of_another_site_is_refused_and_nothing_is_written(self):
        with self.start() as app:
            self.ask_error("GET", "/trace", 403, "forbidden", headers={"Origin": "https://example.org"}, app=app)
            self.assertNotIn(FILE, self.files())
            self.ask("GET", "/trace", 200, headers={"Origin": app.url}, app=app)

    def test_a_file_that_cannot_be_written_is_named_with_the_reason(self):
        os.mkdir(self.path("folder"))
        for name, why in (("missing/trace", "No such file or directory"), ("folder", "Is a directory"),
                          ("x" * 300, "File name too long")):
            with self.subTest(name), self.start(config={"flight_recorder_file": name}) as app:
                before = self.files()
                answer = self.ask_error("GET", "/trace", 500, "the snapshot cannot be written", app=app)
                self.assertEqual(answer.json()["message"], "%s: %s" % (name, why))
                os.kill(app.pid, signal.SIGUSR2)
                self.assertEqual(self.wait_said(app, "cannot write"), ["cannot write a snapshot: %s: %s" % (name, why)])
                self.ask("GET", "/rooms", 200, app=app)
                self.assertEqual(self.files(), before)

    # ---- the signal ----

    def test_sigusr2_writes_it_each_time_it_comes(self):
        with self.start() as app:
            for count in (1, 2):
                os.kill(app.pid, signal.SIGUSR2)
                line = self.wait_said(app, "^wrote ", count)[-1]
                self.assertEqual(line, "wrote %s (%d bytes)" % (FILE, os.path.getsize(self.path(FILE))))
                self.check_whole()
            self.ask("GET", "/rooms", 200, app=app)

    def test_signals_of_both_kinds_at_once_end_the_app_cleanly(self):
        for by in (signal.SIGTERM, signal.SIGINT):
            app = self.start()
            try:
                for _ in range(50):
                    app.get("/rooms")
                os.kill(app.pid, signal.SIGUSR2)
            except BaseException:
                app.kill()
                raise
            self.assertEqual(app.stop(by), 0, app.stderr)
            self.check_whole()
            self.assertEqual(self.files(), [FILE])

    def test_a_stop_while_get_trace_is_being_answered_lets_it_end(self):
        app, answers = self.start(), []
        asker = threading.Thread(target=lambda: answers.append(app.get("/trace", timeout=STOP_S)))
        asker.start()
        try:
            eventually(lambda: FILE in " ".join(self.files()), "the file or the one beside it is there", STOP_S)
        finally:
            status = app.stop()
            asker.join()
        self.assertEqual((status, [answer.status for answer in answers]), (0, [200]))
        self.check_whole()
        self.assertEqual(self.files(), [FILE])

    # ---- off ----

    def test_a_recorder_that_is_off_says_so_to_whoever_asks(self):
        with self.start(config={"flight_recorder": False}) as app:
            answer = self.ask_error("GET", "/trace", 409, "the flight recorder is off", app=app)
            self.assertEqual(answer.json()["message"], OFF)
            self.ask_error("GET", "/trace", 403, "forbidden", headers={"Origin": "https://example.org"}, app=app)
            for count in (1, 2):
                os.kill(app.pid, signal.SIGUSR2)
                self.assertEqual(self.wait_said(app, "flight recorder", count), ["the flight recorder is off: " + OFF] * count)
            self.ask("GET", "/rooms", 200, app=app)
            self.assertEqual(app.get("/debug/metrics").text.count("/cruntime/trace/events:events 0\n"), 1)
        self.assertEqual(self.files(), [])

    # ---- slow requests ----

    def test_a_slow_request_leaves_a_file_and_a_line(self):
        # A password takes some 20 ms to hash.
        with self.start(config={"slow_request_ms": 1}) as app:
            self.ask("POST", "/auth/login", 404, json_body={"username": "ipesenti", "password": "x"}, app=app)
            line = self.wait_said(app, "^slow request: ")[0]
            found = re.fullmatch(r"slow request: (.*) took (\d+) ms; wrote %s \((\d+) bytes\)" % FILE, line)
            self.assertTrue(found, line)
            self.assertEqual(found[1], "POST /auth/login")
            self.assertEqual(os.path.getsize(self.path(FILE)), int(found[3]))
            self.check_whole()
            self.assertIn(b"slow request", self.read())

    def test_profiles_and_traces_are_long_on_purpose_and_not_slow(self):
        with self.start(config={"slow_request_ms": 500}) as app:
            begin = time.monotonic()
            self.ask("GET", "/debug/pprof/profile?seconds=1", 200, app=app)
            self.assertGreater(time.monotonic() - begin, 0.5)  # or nothing was at stake
            self.ask("GET", "/trace", 200, app=app)
            os.kill(app.pid, signal.SIGUSR2)
            self.wait_said(app, "^wrote ")
            self.assertEqual(self.said(app, "slow request: GET (/debug|/trace)"), [])

    def test_by_default_no_request_is_slow(self):
        with self.start() as app:
            self.ask("POST", "/auth/login", 404, json_body={"username": "ipesenti", "password": "x"}, app=app)
            os.kill(app.pid, signal.SIGUSR2)
            self.wait_said(app, "^wrote ")
            self.assertEqual(self.said(app, "slow"), [])

    # ---- the configuration ----

    @not_tortured("needs some thousand requests")
    def test_the_memory_that_the_configuration_gives_is_not_passed(self):
        def buffers(app):
            return int(re.search(r"/cruntime/trace/buffers:bytes (\d+)", app.get("/debug/metrics").text)[1])

        with self.start(config={"flight_recorder_bytes": 200000}) as app:
            for _ in range(1500):
                app.get("/rooms")
            self.assertLessEqual(buffers(app), 200000)
            self.assertGreater(buffers(app), 100000)
            self.trace(app)
            self.check_whole()

    @gotrace.needs_go
    def test_what_is_older_than_the_configuration_asks_for_is_left_out(self):
        with self.start(config={"flight_recorder_seconds": 1}) as app:
            end = time.monotonic() + 2.5
            while time.monotonic() < end:
                self.ask("GET", "/rooms", 200, app=app)
            self.trace(app)
        trace = gotrace.parse(self.path(FILE))
        self.assertLess(trace.last_ns - trace.first_ns, 1.5e9)
        self.assertGreater(trace.tasks["GET /rooms"].ended, 0)

    def test_settings_that_cannot_be_obeyed_end_the_start_with_one_line(self):
        for key, value, says in (("flight_recorder_bytes", "1000", "an integer from 65536 to 1073741824, got 1000"),
                                 ("flight_recorder_seconds", "0", "an integer from 1 to 3600, got 0"),
                                 ("slow_request_ms", "1.5", "an integer from 0 to 3600000, got 1.5"),
                                 ("flight_recorder", '"off"', "true or false, got a string"),
                                 ("flight_recorder_file", '""', "a string of at least one character")):
            with self.subTest(key):
                path = self.path("wrong.json")
                with open(path, "w", encoding="utf-8") as file:
                    file.write('{"%s":%s}' % (key, value))
                done = run("app", "--listen", "127.0.0.1:0", "--config", path, cwd=self.folder, timeout=STOP_S)
                self.assertEqual(done.returncode, 1, done.stderr)
                self.assertIn('app: %s: "%s" must be %s' % (path, key, says), done.stderr)
                self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)


if __name__ == "__main__":
    unittest.main()
