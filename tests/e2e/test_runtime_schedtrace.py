"""CDEBUG=schedtrace: lines of real programs, against what is known of their threads."""
import os
import re
import subprocess
import tempfile
import unittest

import harness

LINE = re.compile(r"SCHED (?P<ms>\d+)ms: gomaxprocs=(?P<procs>\d+) idleprocs=(?P<idle>\d+) threads=(?P<threads>\d+) "
                  r"spinningthreads=0 needspinning=0 idlethreads=(?P<sleeping>\d+) runqueue=(?P<queue>\d+)")


def numbers(line):
    match = LINE.fullmatch(line)
    return match and {name: int(value) for name, value in match.groupdict().items()}


class SchedTrace(unittest.TestCase):
    def lines_of(self, *argv, **env):
        """The numbers of each line that a program which ends by itself printed."""
        done = subprocess.run([harness.built("tests/programs/" + argv[0]), *argv[1:]], stdin=subprocess.DEVNULL,
                              env=harness.environment({"CMAXPROCS": "2", **env}), stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, text=True, timeout=60, check=True)
        found = [numbers(line) for line in done.stderr.splitlines()]
        self.assertNotIn(None, found, done.stderr)
        return found

    def test_a_program_that_sleeps_has_all_its_threads_idle(self):
        env = harness.environment({"CDEBUG": "schedtrace=20", "CMAXPROCS": "2"})
        with subprocess.Popen([harness.built("tests/programs/idle")], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, text=True, env=env) as process:
            for line in process.stderr:
                seen = numbers(line.rstrip("\n"))
                self.assertIsNotNone(seen, line)
                threads = len(os.listdir("/proc/%d/task" % process.pid))
                if seen == {**seen, "procs": 2, "idle": 2, "threads": threads, "sleeping": threads, "queue": 0}:
                    break  # a thread of the runtime's may have been awake in the lines before
            else:
                self.fail("it ended without such a line")
            process.stdin.close()

    def test_threads_that_run_take_processors_and_wait_for_them_beyond_that(self):
        with tempfile.NamedTemporaryFile() as profile:
            lines = self.lines_of("cpu_shares", profile.name, "400", CDEBUG="schedtrace=20", CMAXPROCS="2")
        self.assertTrue(any(line["idle"] == 0 and line["queue"] >= 1 for line in lines),
                        "three threads on two processors: %s" % lines)

    def test_lines_come_at_multiples_of_the_period(self):
        with tempfile.NamedTemporaryFile() as profile:
            times = [line["ms"] for line in self.lines_of("cpu_shares", profile.name, "300", CDEBUG="schedtrace=50")]
        self.assertGreaterEqual(len(times), 2)
        self.assertEqual(times, sorted(times))
        self.assertEqual(len({ms // 50 for ms in times}), len(times), "one line a period: %s" % times)

    def test_without_it_there_is_no_line(self):
        with tempfile.NamedTemporaryFile() as profile:
            self.assertEqual(self.lines_of("cpu_shares", profile.name, "50"), [])


if __name__ == "__main__":
    unittest.main()
