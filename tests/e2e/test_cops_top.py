"""cops top: lines and JSON where there is no terminal, a page on one, and the terminal given back whatever happens."""
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
import unittest

import fakeagent
import harness

ENTER, LEAVE = b"\x1b[?1049h", b"\x1b[?1049l"


class Program:
    """Its figures grow by the same with each question."""

    def __init__(self, requests=True):
        self.asked, self.requests = 0, requests
        self.silent = threading.Event()
        self.agent = fakeagent.FakeAgent(pages={"/debug/memstats": self.memstats, "/debug/metrics": self.metrics})

    def memstats(self, *_):
        if self.silent.is_set():
            time.sleep(20)
        self.asked += 1
        n = self.asked
        pauses = [0] * 256
        for cycle in range(1, 2 * n + 1):
            pauses[(cycle + 255) % 256] = cycle * 1000
        return json.dumps({
            "HeapAlloc": 4590944, "HeapObjects": 10 + n, "TotalAlloc": 1048576 * n, "Mallocs": 100 * n, "Frees": 0,
            "NextGC": 8388608, "NumGC": 2 * n, "NumForcedGC": 1, "PauseTotalNs": 600000, "PauseNs": pauses,
            "GCCPUFraction": 0.5}).encode()

    def metrics(self, *_):
        text = ("/cpu/classes/gc/total:cpu-seconds %d\n/cpu/classes/total:cpu-seconds %d\n"
                "/cruntime/held:bytes 1048576\n/cruntime/rss:bytes 2097152\n/cruntime/threads:threads 7\n"
                "/gc/gomemlimit:bytes 9223372036854775807\n/sched/gomaxprocs:threads 2\n" % (
                    self.asked, 10 * self.asked))
        return (text + ("/app/http:requests %d\n" % (50 * self.asked) if self.requests else "")).encode()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.silent.clear()
        self.agent.close()


class Lines(unittest.TestCase):
    def top(self, program, *arguments):
        result = harness.run("cops", "top", program.agent.address, "-d", "50ms", *arguments, torture=False, timeout=60)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        return result.stdout.splitlines()

    def test_without_a_terminal_each_time_is_a_line_under_a_header(self):
        with Program() as program:
            lines = self.top(program, "-n", "3")
        self.assertEqual(len(lines), 4)
        self.assertEqual(lines[0].split(), ["heap", "goal", "alloc/s", "objects/s", "cycles", "pause", "GC", "CPU",
                                            "threads", "resident", "requests/s"])
        for i, line in enumerate(lines[1:], start=2):
            self.assertEqual(len(line), len(lines[0]))
            row = line.split()
            self.assertEqual(row[:2] + row[4:5] + row[6:9], ["4.38MB", "8.00MB", str(2 * i), "10.00%", "7", "2.00MB"])
            self.assertEqual(row[5], "%dµs" % (2 * i), "the longest of the two pauses since the line before")
            self.assertGreater(float(row[9]), 0)

    def test_requests_are_shown_only_where_the_program_tells(self):
        with Program(requests=False) as program:
            self.assertNotIn("requests", self.top(program, "-n", "1")[0])

    def test_with_json_each_time_is_an_object(self):
        with Program() as program:
            rows = [json.loads(line) for line in self.top(program, "-n", "3", "--json")]
        self.assertEqual([row["num_gc"] for row in rows], [4, 6, 8])
        for row in rows:
            self.assertAlmostEqual(row["alloc_bytes_per_second"] * row["seconds"], 1048576, delta=1)
            self.assertAlmostEqual(row["requests_per_second"] * row["seconds"], 50, delta=0.01)
            self.assertEqual((row["heap_bytes"], row["goal_bytes"], row["threads"]), (4590944, 8388608, 7))
            self.assertEqual(row["gc_cpu_fraction_now"], 0.1)

    def test_a_program_that_ends_ends_it_with_one_line(self):
        with Program() as program:
            with subprocess.Popen([harness.built("cops"), "top", "-d", "50ms", program.agent.address], text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=harness.environment()) as process:
                process.stdout.readline()
                process.stdout.readline()
                program.agent.close()
                _, stderr = process.communicate(timeout=30)
        self.assertRegex(stderr, r"\Acops: [^\n]+\n\Z")
        self.assertEqual(process.returncode, 1)


class Terminal:
    """cops top as the foreground process of a terminal of its own."""

    def __init__(self, program, *arguments, columns=80, rows=24, under=()):
        self.master, slave = pty.openpty()
        self.seen = b""
        self.resize(columns, rows)
        self.before = termios.tcgetattr(slave)
        self.slave = slave
        self.process = subprocess.Popen(
            [*under, harness.built("cops"), "top", "-d", "50ms", *arguments, program.agent.address],
            stdin=slave, stdout=slave, stderr=subprocess.PIPE, start_new_session=True, text=True,
            env=harness.environment({"TERM": "xterm"}), preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))

    def resize(self, columns, rows):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read(self, seconds=0.05):
        while select.select([self.master], [], [], seconds)[0]:
            try:
                self.seen += os.read(self.master, 65536)
            except OSError:
                return
            seconds = 0

    def wait_for(self, pattern):
        def look():
            self.read()
            return re.search(pattern, self.seen)
        return harness.eventually(look, "the terminal shows %r" % pattern, within_s=30)

    def type(self, text):
        os.write(self.master, text)

    def end(self):
        """Its exit status; the terminal is read meanwhile, or it would wait for that."""
        def ended():
            self.read()
            return self.process.poll() is not None
        harness.eventually(ended, "cops ends", within_s=30)
        self.read()
        return self.process.returncode

    def is_as_it_was(self):
        return termios.tcgetattr(self.slave) == self.before

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stderr.close()
        os.close(self.master)
        os.close(self.slave)


# A shell with one job: gives it the terminal, says when it has stopped, and lets it go on.
SHELL = """
import os, signal, sys, termios
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
before = termios.tcgetattr(0)
job = os.fork()
if job == 0:
    os.setpgid(0, 0)
    os.tcsetpgrp(0, os.getpid())
    signal.signal(signal.SIGTTOU, signal.SIG_DFL)
    os.execv(sys.argv[1], sys.argv[1:])
_, status = os.waitpid(job, os.WUNTRACED)
if os.WIFSTOPPED(status):
    print("is stopped", "as it was" if termios.tcgetattr(0) == before else "in disorder", flush=True)
    os.killpg(job, signal.SIGCONT)
    _, status = os.waitpid(job, 0)
sys.exit(os.waitstatus_to_exitcode(status))
"""


class Page(unittest.TestCase):
    def check_given_back(self, terminal):
        self.assertEqual(terminal.seen.count(ENTER), terminal.seen.count(LEAVE))
        self.assertGreater(terminal.seen.rfind(LEAVE), terminal.seen.rfind(ENTER))
        self.assertGreater(terminal.seen.rfind(b"\x1b[?25h"), terminal.seen.rfind(b"\x1b[?25l"), "the cursor is shown")
        self.assertTrue(terminal.is_as_it_was())

    def test_the_page_is_drawn_anew_and_q_quits(self):
        with Program() as program, Terminal(program) as terminal:
            terminal.wait_for(rb"heap      4\.38MB of 8\.00MB, 55 %")
            terminal.wait_for(rb"cycles    4 \(1 forced\), \d+\.\d/s")
            terminal.wait_for(rb"cycles    8 \(1 forced\)")
            self.assertIn(b"threads   7, to run on 2 processors", terminal.seen)
            self.assertFalse(terminal.is_as_it_was(), "keys are taken as they come")
            terminal.type(b"xq")
            self.assertEqual(terminal.end(), 0)
            self.assertEqual(terminal.process.stderr.read(), "")
            self.check_given_back(terminal)

    def test_it_ends_by_itself_after_as_many_as_asked_for(self):
        with Program() as program, Terminal(program, "-n", "2") as terminal:
            self.assertEqual(terminal.end(), 0)
            self.assertIn(b"cycles    6 ", terminal.seen)
            self.assertNotIn(b"cycles    8 ", terminal.seen)
            self.check_given_back(terminal)

    def test_a_signal_gives_the_terminal_back_and_ends_it(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGABRT, signal.SIGSEGV):
            with self.subTest(number), Program() as program, Terminal(program) as terminal:
                terminal.wait_for(b"cycles    4 ")
                terminal.process.send_signal(number)
                self.assertEqual(terminal.end(), -number)
                self.check_given_back(terminal)

    def test_ctrl_c_ends_it_also_while_the_program_says_nothing(self):
        with Program() as program, Terminal(program) as terminal:
            terminal.wait_for(b"cycles    4 ")
            program.silent.set()
            asked = program.asked
            harness.eventually(lambda: len(program.agent.asked) > 2 * asked, "the next question")
            terminal.type(b"\x03")
            self.assertEqual(terminal.end(), -signal.SIGINT)
            self.check_given_back(terminal)

    def test_a_program_that_ends_gives_the_terminal_back_before_the_line_that_says_so(self):
        with Program() as program, Terminal(program) as terminal:
            terminal.wait_for(b"cycles    4 ")
            program.agent.close()
            self.assertEqual(terminal.end(), 1)
            self.assertRegex(terminal.process.stderr.read(), r"\Acops: [^\n]+\n\Z")
            self.check_given_back(terminal)

    def test_a_stop_gives_the_terminal_back_until_it_goes_on(self):
        # Under a shell that controls jobs: nobody else's is stopped by a terminal.
        with Program() as program, Terminal(program, under=(sys.executable, "-c", SHELL)) as terminal:
            terminal.wait_for(b"cycles    4 ")
            terminal.type(b"\x1a")
            terminal.wait_for(b"(?s)" + re.escape(LEAVE) + b".*is stopped as it was.*" + re.escape(ENTER) +
                              rb".*cycles    \d+ ")
            terminal.type(b"q")
            self.assertEqual(terminal.end(), 0)
            self.check_given_back(terminal)

    def test_the_page_fits_whatever_size_the_terminal_takes(self):
        with Program() as program, Terminal(program, columns=100) as terminal:
            terminal.wait_for(rb"the longest now, 600")
            terminal.seen = b""
            terminal.resize(20, 5)
            terminal.process.send_signal(signal.SIGWINCH)
            terminal.wait_for(rb"\x1b\[H[^\x1b]{1,20}\x1b\[K(\r+\n[^\x1b\r\n]{1,20}\x1b\[K){4}\x1b\[J")
            terminal.type(b"q")
            self.assertEqual(terminal.end(), 0)


if __name__ == "__main__":
    unittest.main()
