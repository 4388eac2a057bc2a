"""The variables from outside: what is refused and how, what is honoured, what calls change."""
import os
import re
import subprocess
import unittest

import harness
import programs

BAD = [  # variable, value, a word of what is wanted
    ("CGC", "abc", "percentage"), ("CGC", "1e3", "percentage"), ("CGC", "50%", "percentage"),
    ("CGC", " 50", "percentage"), ("CGC", "99999999999", "percentage"),
    ("CMEMLIMIT", "1G", "bytes"), ("CMEMLIMIT", "-1", "bytes"), ("CMEMLIMIT", "99999999999TiB", "bytes"),
    ("CMEMLIMIT", "64 MiB", "bytes"), ("CMEMLIMIT", "1.5GiB", "bytes"),
    ("CMAXPROCS", "0", "integer"), ("CMAXPROCS", "-2", "integer"), ("CMAXPROCS", "two", "integer"),
    ("CTRACEBACK", "loud", "none"), ("CTRACEBACK", "3", "none"),
    ("CDEBUG", "gctrace", "key=value"), ("CDEBUG", "gctrace=x", "gctrace"), ("CDEBUG", "nosuch=1", "known key"),
    ("CDEBUG", "gctrace=1,nosuch=1", "known key"),
    ("CAGENT", "on", "loopback"), ("CAGENT", "6060", "loopback"), ("CAGENT", ":6060", "loopback"),
    ("CAGENT", "0.0.0.0:0", "agentremote"), ("CAGENT", "127.0.0.1:65536", "loopback"), ("CDEBUG", "agentremote=2", "0 or 1"),
    ("CALLOCATOR", "x", "boehm"), ("CALLOCATOR", "BOEHM", "boehm"),
]

GOOD = [  # variable, value, what show_settings prints for it
    ("CGC", "50", "50"), ("CGC", "off", "off"), ("CGC", "-1", "off"), ("CGC", "0", "0"), ("CGC", "400", "400"),
    ("CMEMLIMIT", "5000000", "5000000"), ("CMEMLIMIT", "64MiB", str(64 << 20)), ("CMEMLIMIT", "100B", "100"),
    ("CMEMLIMIT", "2GiB", str(2 << 30)), ("CMEMLIMIT", "off", "off"),
    ("CMAXPROCS", "1", "1"), ("CMAXPROCS", "3", "3"),
    ("CTRACEBACK", "all", "all"), ("CTRACEBACK", "none", "none"), ("CTRACEBACK", "2", "system"),
    ("CAGENT", "off", "off"), ("CAGENT", "127.0.0.1:0", "127.0.0.1:0"), ("CAGENT", "localhost:0", "localhost:0"),
    ("CALLOCATOR", "mimalloc", "mimalloc"), ("CALLOCATOR", "boehm", "boehm"),
]


def knob_lines(text):
    """NAME -> (value, source) of show_settings' output, before any change."""
    return {line.split()[0]: tuple(line.split()[1:]) for line in text.split("changed")[0].splitlines()
            if len(line.split()) == 3}


class Refusals(unittest.TestCase):
    def check(self, program, variable, value, wanted, *arguments):
        # The fastest of three counts: on a busy machine a process may wait a second for its turn.
        for _ in range(3):
            result = harness.run(program, *arguments, env={variable: value}, torture=False)
            if result.seconds < 1.0:
                break
        with self.subTest(program, variable=variable, value=value):
            self.assertEqual(result.returncode, 2, result.stderr)
            self.assertLess(result.seconds, 1.0)
            self.assertEqual(result.stdout, "")
            self.assertRegex(result.stderr, r"\A[^\n]+\n\Z", "exactly one line")
            self.assertIn("%s: %s=%s: want " % (os.path.basename(program), variable, value), result.stderr)
            self.assertIn(wanted, result.stderr.split(": want ", 1)[1])

    def test_a_malformed_variable_ends_a_program_with_status_2_and_one_line(self):
        for row in BAD:
            self.check("tests/programs/show_settings", *row)

    def test_a_malformed_variable_ends_the_app_with_status_2_and_one_line(self):
        for row in BAD:
            self.check("app", *row, "--listen", "127.0.0.1:0")

    def test_a_value_that_is_long_or_not_text_still_gives_one_short_line(self):
        for value in ("9" * 5000, "5\n0", "5\x1b[31m"):
            result = harness.run("tests/programs/show_settings", env={"CGC": value}, torture=False)
            with self.subTest(value[:10]):
                self.assertEqual(result.returncode, 2, result.stderr)
                self.assertRegex(result.stderr, r"\A[ -~]{1,400}\n\Z")

    def test_the_first_of_several_malformed_variables_is_told(self):
        result = harness.run("tests/programs/show_settings", env={"CGC": "x", "CMEMLIMIT": "y"}, torture=False)
        self.assertEqual(result.returncode, 2)
        self.assertEqual(len(result.stderr.splitlines()), 1, result.stderr)


class Values(unittest.TestCase):
    def show(self, *arguments, **env):
        result = harness.run("tests/programs/show_settings", *arguments, env=env, torture=False)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout

    def test_a_good_value_is_taken_and_shown_as_from_the_environment(self):
        for variable, value, shown in GOOD:
            if harness.SANITIZE and variable == "CALLOCATOR":
                continue  # a sanitizer build has the libc heap alone
            with self.subTest(variable=variable, value=value):
                self.assertEqual(knob_lines(self.show(**{variable: value}))[variable], (shown, "environment"))

    def test_what_is_not_set_is_shown_with_its_default_and_as_such(self):
        knobs = knob_lines(self.show())
        for name, value in (("CGC", "100"), ("CMEMLIMIT", "off"), ("CTRACEBACK", "single"), ("gctrace", "0"),
                            ("memprofilerate", "524288")):
            with self.subTest(name):
                self.assertEqual(knobs[name], (value, "default"))
        self.assertEqual(knobs["CMAXPROCS"][1], "default")
        self.assertGreaterEqual(int(knobs["CMAXPROCS"][0]), 1)

    def test_an_empty_variable_counts_as_not_set(self):
        knobs = knob_lines(self.show(CGC="", CMEMLIMIT="", CDEBUG="", CALLOCATOR="", CMAXPROCS="", CTRACEBACK=""))
        self.assertEqual({source for _, source in knobs.values()}, {"default"})

    def test_of_a_CDEBUG_key_given_twice_the_later_wins(self):
        knobs = knob_lines(self.show(CDEBUG="gctrace=2,scavtrace=1,gctrace=0"))
        self.assertEqual((knobs["gctrace"], knobs["scavtrace"]), (("0", "environment"), ("1", "environment")))

    def test_CMAXPROCS_follows_the_affinity_mask(self):
        cpu = str(min(os.sched_getaffinity(0)))
        result = subprocess.run(["taskset", "-c", cpu, harness.built("tests/programs/show_settings")],
                                env=harness.environment(), stdout=subprocess.PIPE, text=True, timeout=10, check=True)
        self.assertEqual(knob_lines(result.stdout)["CMAXPROCS"], ("1", "default"))

    def test_calls_return_the_old_values_and_are_shown_as_the_source(self):
        text = self.show("200", "80000000", "all", CGC="50", CMEMLIMIT="64MiB")
        self.assertIn("\nwas_percent 50\nwas_limit %d\ntraceback 0\n" % (64 << 20), text)
        after = knob_lines(text.split("changed\n")[1])
        self.assertEqual(after["CGC"], ("200", "call"))
        self.assertEqual(after["CMEMLIMIT"], ("80000000", "call"))
        self.assertEqual(after["CTRACEBACK"], ("all", "call"))
        self.assertIn("\nlimit 80000000\n", text)

    def test_a_percent_below_zero_is_off_and_a_limit_below_zero_only_reads(self):
        text = self.show("-5", "-1", "loud", CGC="off", CMEMLIMIT="1MiB")
        self.assertIn("\nwas_percent -1\nwas_limit %d\ntraceback -22\n" % (1 << 20), text)
        after = knob_lines(text.split("changed\n")[1])
        self.assertEqual(after["CGC"][0], "off")
        self.assertEqual(after["CMEMLIMIT"], (str(1 << 20), "environment"))
        self.assertEqual(after["CTRACEBACK"], ("single", "default"))


class AppSettings(unittest.TestCase):
    def settings(self, app):
        return {row["name"]: (row["value"], row["source"]) for row in app.get("/debug/settings").json()}

    def test_the_app_shows_values_and_sources_and_a_POST_changes_them(self):
        with harness.App(env={"CGC": "50", "CMEMLIMIT": "64MiB", "CMAXPROCS": "1"}) as app:
            knobs = self.settings(app)
            self.assertEqual(knobs["CGC"], ("50", "environment"))
            self.assertEqual(knobs["CMEMLIMIT"], (str(64 << 20), "environment"))
            self.assertEqual(knobs["CMAXPROCS"], ("1", "environment"))
            self.assertEqual(knobs["CTRACEBACK"], ("single", "default"))
            form = {"Content-Type": "application/x-www-form-urlencoded"}
            self.assertEqual(app.post("/debug/settings", "gc_percent=75", headers=form).status, 200)
            answer = app.post("/debug/settings", '{"memory_limit":"32MiB"}',
                              headers={"Content-Type": "application/json"})
            self.assertEqual(answer.status, 200, answer.text)
            knobs = self.settings(app)
            self.assertEqual(knobs["CGC"], ("75", "call"))
            self.assertEqual(knobs["CMEMLIMIT"], (str(32 << 20), "call"))
            values = programs.metrics(app)
            self.assertEqual(values["/gc/gogc:percent"], 75)
            self.assertEqual(values["/gc/gomemlimit:bytes"], 32 << 20)

    def test_a_bad_POST_is_refused_and_changes_nothing(self):
        with harness.App() as app:
            form = {"Content-Type": "application/x-www-form-urlencoded"}
            for body in ("gc_percent=abc", "memory_limit=1G", "gc_percent=50&memory_limit=x", "nosuch=1"):
                with self.subTest(body):
                    self.assertEqual(app.post("/debug/settings", body, headers=form).status, 400)
            self.assertEqual(self.settings(app)["CGC"], ("100", "default"))
            self.assertEqual(self.settings(app)["CMEMLIMIT"], ("off", "default"))

    def loops(self, app):
        """How many threads of the app sleep in or run an event loop: each has an epoll instance."""
        fds = "/proc/%d/fd" % app.pid
        return sum(os.readlink(os.path.join(fds, fd)) == "anon_inode:[eventpoll]" for fd in os.listdir(fds))

    def test_CMAXPROCS_event_loops_run_and_answer(self):
        for procs in (1, 2, 3):
            with self.subTest(CMAXPROCS=procs), harness.App(env={"CMAXPROCS": str(procs)}) as app:
                self.assertEqual(self.loops(app), procs)
                self.assertEqual(programs.load(app, "/rooms", 200, connections=12).wrong, [])
                self.assertEqual(programs.metrics(app)["/sched/gomaxprocs:threads"], procs)

    def test_help_env_lists_every_variable_with_its_default(self):
        result = harness.run("app", "--help-env", torture=False)
        self.assertEqual(result.returncode, 0)
        for name in ("CGC", "CMEMLIMIT", "CMAXPROCS", "CTRACEBACK", "CDEBUG", "CALLOCATOR", "gctrace", "gcstress"):
            self.assertRegex(result.stdout, r"(?m)^\s*%s\b" % re.escape(name))
