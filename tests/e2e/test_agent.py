"""What the agent answers to gops' bytes, and what it does with clients that are many, silent, gone or mad."""
import contextlib
import gzip
import os
import random
import re
import shutil
import socket
import struct
import tempfile
import threading
import time
import unittest

import harness
import pprof
import programs
from agents import (BINARY, CPU, GC, HEAP, MEMSTATS, SET_GC, STACK, STATS, TRACE, VERSION, EBUSY, Program, ask, connect,
                    has_answer, read_all, sent, varint)
from harness import eventually

BYTES = r"(?:\d{1,3} bytes|10[0-2]\d bytes|\d+\.\d\d[KMGTP]B \(\d+ bytes\))"
DURATION = r"(?:0s|\d+ns|\d+(?:\.\d+)?(?:µs|ms|s)|(?:\d+h)?\d+m\d+(?:\.\d+)?s)"
TIME = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{1,9})? [+-]\d{4} \S+"
MEMSTATS_LINES = [  # name, pattern of the value
    ("alloc", BYTES), ("total-alloc", BYTES), ("sys", BYTES), ("lookups", r"\d+"), ("mallocs", r"\d+"),
    ("frees", r"\d+"), ("heap-alloc", BYTES), ("heap-sys", BYTES), ("heap-idle", BYTES), ("heap-in-use", BYTES),
    ("heap-released", BYTES), ("heap-objects", r"\d+"), ("stack-in-use", BYTES), ("stack-sys", BYTES),
    ("mspan-in-use", BYTES), ("mspan-sys", BYTES), ("mcache-in-use", BYTES), ("mcache-sys", BYTES),
    ("buck-hash-sys", BYTES), ("other-sys", BYTES), ("gc-sys", BYTES), ("next-gc", "when heap-alloc >= " + BYTES),
    ("last-gc", "(?:-|%s)" % TIME), ("gc-pause-total", DURATION), ("gc-pause", r"\d+"), ("gc-pause-end", r"\d+"),
    ("num-gc", r"\d+"), ("num-forced-gc", r"\d+"), ("gc-cpu-fraction", r"[0-9.e+-]+"), ("enable-gc", "true"),
    ("debug-gc", "false")]
CPU_BUSY = b"Could not enable CPU profiling: cpu profiling already in use\n"
TRACE_BUSY = b"Could not enable tracing: tracing is already enabled\n"
BUSY = b"the agent is busy: all of its threads are answering\n"
THREADS = 8


class AgentCase(unittest.TestCase):
    env = None

    @classmethod
    def setUpClass(cls):
        cls.program = Program("start", env=cls.env)
        cls.addClassCleanup(cls.program.__exit__, None, None, None)

    def ask(self, request):
        return self.program.ask(request)

    def wait_no_cpu_profile(self):
        """Until the profiler is free, which the program itself finds out by taking it."""
        eventually(lambda: self.program.number("cpu-profile") == 0, "the CPU profiler is free", 60)
        self.assertEqual(self.program.number("end-cpu-profile"), 0)


class Answers(AgentCase):
    def test_stack_is_a_traceback_of_every_thread(self):
        text = self.ask(STACK).decode()
        heads = re.findall(r"^thread (\d+) \[([^\],]+)[^\]]*\]:$", text, re.M)
        self.assertIn(str(self.program.pid), [tid for tid, _ in heads])
        if "thread" in harness.SANITIZE:
            self.skipTest("TSan keeps signals back from threads that wait, so those give no stack")
        self.assertRegex(text, r"\nmain\(\.\.\.\)\n\t\S+/agent\.c:\d+ \+0x[0-9a-f]+\n")

    def test_gc_answers_ok_when_the_cycle_is_done(self):
        before = self.program.number("cycles")
        self.assertEqual(self.ask(GC), b"ok")
        self.assertEqual(self.program.number("cycles"), before + 1)

    def test_memstats_are_gops_lines(self):
        self.ask(GC)
        text = self.ask(MEMSTATS).decode()
        lines = [line.split(": ", 1) for line in text.splitlines()]
        self.assertEqual([line[0] for line in lines], [name for name, _ in MEMSTATS_LINES])
        for (_, value), (name, pattern) in zip(lines, MEMSTATS_LINES):
            with self.subTest(name):
                self.assertRegex(value, "^%s$" % pattern)
        self.assertTrue(text.endswith("\n"))
        values = dict(lines)
        self.assertEqual(values["alloc"], values["heap-alloc"])
        self.assertEqual(int(values["mallocs"]) - int(values["frees"]), int(values["heap-objects"]))
        self.assertGreaterEqual(int(values["num-forced-gc"]), 1)
        self.assertNotEqual(values["last-gc"], "-")

    def test_sizes_are_rounded_as_go_rounds_them(self):
        for text, count in re.findall(r"(\d+\.\d\d[KMGTP]B) \((\d+) bytes\)", self.ask(MEMSTATS).decode()):
            n, unit = int(count), 0
            while unit < 4 and n >= 1 << 10 * (unit + 2):
                unit += 1
            self.assertEqual(text, "%.2f%sB" % (n / (1 << 10 * (unit + 1)), "KMGTP"[unit]))

    def test_version_names_the_runtime_the_allocator_and_the_compiler(self):
        self.assertRegex(self.ask(VERSION).decode(),
                         r"\Acruntime \d+\.\d+\.\d+ \((boehm|mimalloc|libc), (gcc|clang) \d+\.\d+\.\d+\)\n\Z")

    def test_stats_are_gops_four_lines(self):
        self.program.wait_idle()
        found = re.fullmatch(r"goroutines: (\d+)\nOS threads: (\d+)\nGOMAXPROCS: (\d+)\nnum CPU: (\d+)\n",
                             self.ask(STATS).decode())
        self.assertIsNotNone(found)
        self.program.wait_idle()
        self.assertEqual(int(found[1]), len(self.program.threads()) + 1)  # the one that answered
        self.assertGreater(int(found[2]), 1)
        self.assertEqual(int(found[3]), len(os.sched_getaffinity(0)))
        self.assertEqual(int(found[4]), len(os.sched_getaffinity(0)))

    @harness.not_sanitized("malloc is not sampled")
    def test_heap_profile_is_pprofs(self):
        data = self.ask(HEAP)
        self.assertEqual(data[:2], b"\x1f\x8b")
        profile = pprof.parse(data)
        self.assertIn("inuse_space", [name for name, _ in profile.types])

    def test_binary_dump_is_the_running_program_byte_for_byte(self):
        with open(harness.built("tests/programs/agent"), "rb") as file:
            self.assertEqual(self.ask(BINARY), file.read())

    def test_a_trace_takes_five_seconds_and_is_gos(self):
        begin = time.monotonic()
        data = self.ask(TRACE)
        self.assertGreaterEqual(time.monotonic() - begin, 4.99)
        self.assertRegex(data[:16], rb"^go 1\.\d\d trace\0\0\0")
        self.assertGreater(len(data), 100)

    def test_a_byte_that_asks_for_nothing_is_answered_by_nothing(self):
        for byte in (0, 0x0a, 0x0f, 0x11, 0x1f, ord(" "), ord("1"), ord("{"), 0x7f, 0x80, 0xff):
            self.assertEqual(self.ask(byte), b"", hex(byte))

    def test_what_follows_a_byte_that_needs_nothing_is_ignored(self):
        self.assertEqual(self.ask(bytes([GC]) + b"x" * 5000), b"ok")
        self.assertEqual(self.ask(bytes([VERSION, VERSION])).count(b"\n"), 1)


class GcPercent(AgentCase):
    def set(self, n, more=b""):
        return self.ask(bytes([SET_GC]) + varint(n) + more).decode()

    def test_it_is_set_and_the_one_before_is_told(self):
        self.assertEqual(self.set(100), "New GC percent set to 100. Previous value was %d.\n" % (
            100 if self.program.number("gc-percent") == 100 else -2))
        self.assertEqual(self.set(50), "New GC percent set to 50. Previous value was 100.\n")
        self.assertEqual(self.program.number("gc-percent"), 50)
        # gops sends ten bytes, whatever the number needs.
        self.assertEqual(self.set(300, b"\0" * 8), "New GC percent set to 300. Previous value was 50.\n")
        self.assertEqual(self.set(0), "New GC percent set to 0. Previous value was 300.\n")
        self.assertEqual(self.set((1 << 31) - 1), "New GC percent set to 2147483647. Previous value was 0.\n")
        self.assertEqual(self.set(100), "New GC percent set to 100. Previous value was 2147483647.\n")

    def test_a_negative_one_is_off(self):
        self.set(100)
        self.assertEqual(self.set(-1), "New GC percent set to -1. Previous value was 100.\n")
        self.assertEqual(self.program.number("gc-percent"), -1)
        self.assertEqual(self.set(-1 << 63), "New GC percent set to -9223372036854775808. Previous value was -1.\n")
        self.assertEqual(self.set(100), "New GC percent set to 100. Previous value was -1.\n")

    def test_a_number_may_come_in_pieces(self):
        self.set(100)
        with connect(self.program.port) as client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for byte in bytes([SET_GC]) + varint(200):
                client.sendall(bytes([byte]))
                self.assertFalse(has_answer(client, 0.05) and byte != varint(200)[-1])
            self.assertEqual(read_all(client), b"New GC percent set to 200. Previous value was 100.\n")
        self.set(100)

    def test_a_number_that_is_none_changes_nothing(self):
        self.set(100)
        for what in (varint(1 << 31), b"\xff" * 10, b"\xff" * 9 + b"\x02", b"", b"\x80"):
            with sent(self.program.port, bytes([SET_GC]) + what) as client:
                client.shutdown(socket.SHUT_WR)
                self.assertEqual(read_all(client), b"gc percent: want a signed varint of at most 2147483647\n")
        self.assertEqual(self.program.number("gc-percent"), 100)


class Long(AgentCase):
    """What takes its time, and who is not held up by it."""

    def cpu_profile(self):
        """A connection on which a CPU profile is being taken."""
        for _ in range(100):
            client = sent(self.program.port, CPU)
            if self.program.number("cpu-profile") == EBUSY:
                return client
            # The program came first, and this client may have been refused.
            self.assertEqual(self.program.number("end-cpu-profile"), 0)
            client.close()
            self.program.wait_idle()
        raise AssertionError("no CPU profile could be begun")

    def test_a_cpu_profile_takes_thirty_seconds_while_others_are_answered(self):
        begin = time.monotonic()
        with self.cpu_profile() as client:
            self.assertEqual(self.ask(CPU), CPU_BUSY)
            with sent(self.program.port, TRACE) as trace:
                self.assertEqual(self.ask(GC), b"ok")
                self.assertTrue(self.ask(STATS).startswith(b"goroutines: "))
                self.assertEqual(self.ask(TRACE), TRACE_BUSY)
                self.assertTrue(read_all(trace).startswith(b"go 1."))
            data = read_all(client)
        self.assertGreaterEqual(time.monotonic() - begin, 29.99)
        profile = pprof.parse(gzip.decompress(data))
        self.assertEqual([name for name, _ in profile.types], ["samples", "cpu"])
        self.wait_no_cpu_profile()

    def test_a_profile_of_the_programs_own_makes_the_profiler_busy(self):
        self.wait_no_cpu_profile()
        self.assertEqual(self.program.number("cpu-profile"), 0)
        self.assertEqual(self.ask(CPU), CPU_BUSY)
        self.assertEqual(self.program.number("end-cpu-profile"), 0)
        self.assertEqual(self.program.number("trace"), 0)
        self.assertEqual(self.ask(TRACE), TRACE_BUSY)
        self.assertEqual(self.program.number("end-trace"), 0)

    def test_a_client_that_hangs_up_ends_its_profile(self):
        begin = time.monotonic()
        self.cpu_profile().close()
        self.wait_no_cpu_profile()
        sent(self.program.port, TRACE).close()
        self.program.wait_idle()
        self.assertEqual(self.program.number("trace"), 0)
        self.assertEqual(self.program.number("end-trace"), 0)
        if not programs.TORTURED and not harness.SANITIZE:
            self.assertLess(time.monotonic() - begin, 25)

    def test_a_client_that_will_send_no_more_gets_what_there_is(self):
        with self.cpu_profile() as client:
            client.shutdown(socket.SHUT_WR)
            self.assertEqual([name for name, _ in pprof.parse(read_all(client)).types], ["samples", "cpu"])
        with sent(self.program.port, TRACE) as client:
            client.shutdown(socket.SHUT_WR)
            self.assertTrue(read_all(client).startswith(b"go 1."))


class Crowds(AgentCase):
    def test_a_client_that_sends_nothing_is_let_go(self):
        begin = time.monotonic()
        with connect(self.program.port) as silent, sent(self.program.port, SET_GC) as waiting:
            self.assertEqual(read_all(silent), b"")
            self.assertGreaterEqual(time.monotonic() - begin, 4.9)
            self.assertTrue(read_all(waiting).startswith(b"gc percent: want"))
        self.program.wait_idle()

    def test_more_clients_than_threads_are_told_that_it_is_busy(self):
        long = b"GET /debug/pprof/goroutine?seconds=600 HTTP/1.0\r\n\r\n"
        with contextlib.ExitStack() as stack:
            for _ in range(THREADS):
                stack.enter_context(sent(self.program.port, long))
            eventually(lambda: self.program.answering() == THREADS, "all threads answer", 60)
            self.assertEqual(self.ask(VERSION), BUSY)
            answer = self.ask(b"GET /debug/ HTTP/1.0\r\n\r\n")
            self.assertTrue(answer.startswith(b"HTTP/1.1 503 Service Unavailable\r\n"), answer)
            self.assertTrue(answer.endswith(b"\r\n\r\n" + BUSY), answer)
            self.assertEqual(self.program.answering(), THREADS)
        self.program.wait_idle()
        self.assertTrue(self.ask(VERSION).startswith(b"cruntime "))

    def test_many_clients_at_once_all_get_their_answer(self):
        wrong, lock = [], threading.Lock()

        def client(requests):
            for request, pattern in requests:
                try:
                    answer = self.ask(request)
                except OSError as error:
                    answer = repr(error).encode()
                if not re.match(pattern, answer):
                    with lock:
                        wrong.append((request, answer[:100]))

        rounds = programs.sized(40, 5)
        requests = [(VERSION, b"cruntime "), (STATS, b"goroutines: "), (MEMSTATS, b"alloc: "), (GC, b"ok$")] * rounds
        threads = [threading.Thread(target=client, args=(requests,)) for _ in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])

    def test_a_client_that_takes_nothing_is_cut_off(self):
        with tempfile.TemporaryDirectory(prefix="cruntime-large.") as folder:
            large = shutil.copy(harness.built("tests/programs/agent"), folder)
            with open(large, "ab") as file:
                file.truncate(os.path.getsize(large) + (64 << 20))  # more than the kernel takes
            with Program("start", program=large) as program, connect(program.port) as client:
                client.sendall(bytes([BINARY]))
                eventually(lambda: program.answering() == 1, "somebody answers")
                eventually(lambda: program.answering() == 0, "the answer is given up", 60)
                self.assertTrue(program.ask(VERSION).startswith(b"cruntime "))


class Mad(AgentCase):
    """What no client would send."""

    HTTP = (b"GET /debug/memstats HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n",
            b"POST /debug/settings HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 14\r\n\r\ngc_percent=100",
            b"GET /debug/pprof/heap?debug=1 HTTP/1.0\r\n\r\n", b"HEAD / HTTP/1.0\r\n\r\n")

    def request(self, rng):
        kind = rng.randrange(10)
        if kind < 4:
            return rng.randbytes(rng.randrange(64))
        if kind < 5:
            return rng.randbytes(rng.randrange(20000))
        if kind < 6:
            return bytes([SET_GC]) + rng.randbytes(rng.randrange(12))
        whole = bytearray(rng.choice(self.HTTP))
        if kind < 9:
            return bytes(whole[:rng.randrange(len(whole) + 1)])
        for _ in range(rng.randrange(1, 6)):
            whole[rng.randrange(len(whole))] = rng.randrange(256)
        return bytes(whole)

    def send(self, rng):
        """Sends, and leaves in one of several ways: listens to the end, closes, or resets the connection."""
        with contextlib.suppress(ConnectionError):
            with connect(self.program.port) as client:
                client.sendall(self.request(rng))
                way = rng.randrange(4)
                if way < 2:
                    client.shutdown(socket.SHUT_WR)
                    read_all(client)
                elif way == 2:
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def live(self):
        """Bytes that are allocated: what is resident besides comes and goes as mimalloc gives it back."""
        return int(re.search(rb"^heap-alloc: .*?(\d+) bytes", self.ask(MEMSTATS), re.M)[1])

    def send_many(self, seed, count):
        failures, share = [], count // THREADS

        def client(number):
            rng = random.Random("%d %d" % (seed, number))
            try:
                for _ in range(share):
                    self.send(rng)
            except Exception as error:  # pylint: disable=broad-except  (told by the test)
                failures.append(repr(error))

        threads = [threading.Thread(target=client, args=(i,)) for i in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])
        self.program.wait_idle()

    def test_ten_thousand_strings_of_rubbish_neither_hurt_nor_leave_anything(self):
        count = programs.sized(10000, 400)
        self.send_many(1, count // 5)
        fds, threads, live = self.program.fds(), self.program.threads(), self.live()
        self.send_many(2, count - count // 5)
        # The kernel may still hand over a connection whose client has gone.
        eventually(lambda: set(self.program.fds()) <= set(fds), "no descriptor is left")
        eventually(lambda: len(self.program.threads()) <= len(threads), "no thread is left")
        if not harness.SANITIZE:
            self.assertLess(self.live(), live + (1 << 20))
        self.assertTrue(self.ask(VERSION).startswith(b"cruntime "))
        self.assertIsNone(self.program.process.poll())


if __name__ == "__main__":
    unittest.main()
