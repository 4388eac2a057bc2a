"""Tracebacks: each way to die (tests/programs/crash.c) at the levels of CTRACEBACK, on either heap.

Two ways are tried at all nine levels, the others at `all` and `crash`; RT_TEST_FULL=1 tries all at all.
"""
import collections
import os
import re
import shutil
import signal
import subprocess
import sys
import unittest

import crashes
import harness
from crashes import CORE, LEVELS, ONE_THREAD, SILENT, SYSTEM, Crash, line_of

FULL = os.environ.get("RT_TEST_FULL", "")
HEAPS = (None,) if harness.SANITIZE else ("boehm", "mimalloc")
NIL = r"panic: runtime error: invalid memory address or nil pointer dereference"
FAULT = r"fatal error: fault"


def signal_line(name, words, code=r"0x[0-9a-f]+", addr=r"0x[0-9a-f]+"):
    return r"\[signal %s: %s code=%s addr=%s pc=0x[0-9a-f]+\]" % (name, words, code, addr)


def segv(**more):
    return signal_line("SIGSEGV", "segmentation violation", **more)


# reason: a pattern for each line before the first thread. functions: of the failing thread, innermost first, all of
# crash.c; () where its stack is past reading. is_whole: its frames are the program's, and below them, if asked for, the
# system's. says: what is printed whatever the level, by others.
Way = collections.namedtuple("Way", "name dies_of reason functions is_whole says")


def way(name, dies_of, reason, functions, is_whole=True, says=""):
    return Way(name, dies_of, reason, functions, is_whole, says)


BELOW = ("outer", "main")
WAYS = [
    way("null", signal.SIGSEGV, [NIL, segv(code="0x1", addr="0x0")], ("deref", "reads_null", *BELOW)),
    way("wild", signal.SIGSEGV, ["unexpected fault address 0xdead0000", FAULT, segv(code="0x1", addr="0xdead0000")],
        ("reads_wild", *BELOW)),
    way("readonly", signal.SIGSEGV, [r"unexpected fault address 0x[0-9a-f]+010", FAULT, segv(code="0x2")],
        ("writes_to_read_only", *BELOW)),
    way("bus", signal.SIGBUS, [r"unexpected fault address 0x[0-9a-f]+000", FAULT,
                               signal_line("SIGBUS", "bus error", code="0x2")], ("reads_past_the_file", *BELOW)),
    way("divide", signal.SIGFPE, ["panic: runtime error: integer divide by zero",
                                  signal_line("SIGFPE", "floating-point exception", code="0x1")], ("divides", *BELOW)),
    way("illegal", signal.SIGILL, [r"fatal error: .+", signal_line("SIGILL", "illegal instruction", code="0x2")],
        ("is_illegal", *BELOW)),
    way("abort", signal.SIGABRT, ["fatal error: abort", signal_line("SIGABRT", "abort", addr="0x0")],
        ("aborts", *BELOW)),
    way("assert", signal.SIGABRT, [r"crash: .*crash\.c:\d+: asserts: Assertion `zero > 2' failed\.",
                                   "fatal error: assertion failed: zero > 2"], ("asserts", *BELOW)),
    way("panic", signal.SIGABRT, ["panic: room 7 is gone"], ("panics", *BELOW)),
    way("panic-lines", signal.SIGABRT, ["panic: first", r"\t", r"\tthread 1 \[running\]:", r"\tfake\(\.\.\.\)"],
        ("panics_in_two_lines", *BELOW)),
    way("overflow", signal.SIGSEGV, ["fatal error: stack overflow", segv()], ("runs_over", "runs_over"),
        is_whole=False),
    way("overflow-thread", signal.SIGSEGV, ["fatal error: stack overflow", segv()], ("runs_over", "runs_over"),
        is_whole=False),
    way("smashed", signal.SIGSEGV, [r"unexpected fault address 0x414141414141", FAULT, segv(addr="0x414141414141")], (),
        is_whole=False),
    way("protector", signal.SIGABRT, [r"\*\*\* stack smashing detected \*\*\*: terminated", "fatal error: abort",
                                      signal_line("SIGABRT", "abort", addr="0x0")], ("overruns",), is_whole=False,
        says="*** stack smashing detected ***: terminated\n"),
    way("malloc", signal.SIGSEGV, [r"unexpected fault address 0x41414\w+", FAULT, segv()],
        ("corrupts_free_list", *BELOW)),
    way("cfi", signal.SIGSEGV, [NIL, segv(addr="0x0")], ("lies_about_its_frame",), is_whole=False),
    way("in-handler", signal.SIGSEGV, [NIL, segv(addr="0x0")],
        ("deref", "reads_null", "on_usr1", "faults_in_a_handler", *BELOW)),
    way("thread", signal.SIGSEGV, [NIL, segv(addr="0x0")], ("deref", "reads_null", "fails_in_thread")),
    way("eight", signal.SIGSEGV, [NIL, segv(addr="0x0")], ("deref", "reads_null", "fails_with_others"),
        is_whole=False),
]
BY_NAME = {each.name: each for each in WAYS}
AT_ALL_LEVELS = ("null", "panic")
SANITIZED_TOO = ("panic", "panic-lines", "assert")


def levels_of(name):
    return LEVELS if FULL or name in AT_ALL_LEVELS else ("all", "crash")


def is_within(expected, frames):
    """Whether the functions come in that order, with nothing needed in between."""
    names = iter(frame.function for frame in frames)
    return all(name in names for name in expected)


class CrashCase(unittest.TestCase):
    heap = None
    variant = ""

    def run_way(self, name, *arguments, **more):
        crash = Crash(name, *arguments, heap=self.heap, **more)
        self.addCleanup(crash.close)
        return crash

    def assert_end(self, crash, level, dies_of):
        """Exit status 2, or for a core the signal; and a core exactly then."""
        self.assertEqual(crash.status, -dies_of if level in CORE else 2, crash.err[-4000:])
        if not crashes.cores_cannot_be_seen():
            self.assertEqual(crash.dumped, level in CORE, "whether there was a core")
            if crashes.core_is_a_file_here():
                self.assertEqual(crash.core() is not None, level in CORE, "whether there is a file of it")

    def assert_reason(self, traceback, patterns):
        self.assertEqual(len(traceback.reason), len(patterns), traceback.text[:2000])
        for line, pattern in zip(traceback.reason, patterns):
            self.assertRegex(line, "^%s$" % pattern)
        self.assertEqual(traceback.strange, [], traceback.text[:4000])

    def assert_failing_thread(self, traceback, this_way, level):
        self.assertTrue(traceback.threads, traceback.text[:2000])
        thread = traceback.threads[0]
        self.assertRegex(thread.note, r"^running")
        self.assertTrue(is_within(this_way.functions, thread.frames), "%s in %s" % (this_way.functions, thread))
        for frame in thread.frames:
            if frame.function in this_way.functions and frame.function != "lies_about_its_frame":
                self.assertEqual(frame.file, "crash.c", frame)
                self.assertGreater(frame.line, 0)
        others = [frame for frame in thread.frames if frame.file != "crash.c"]
        if this_way.is_whole:
            self.assertEqual(bool(others), level in SYSTEM, "frames of libraries: %s" % others)

    def assert_other_threads(self, traceback, level):
        if level in ONE_THREAD:
            self.assertEqual(len(traceback.threads), 1, traceback.text)
            return
        bystanders = traceback.named("bystander")
        self.assertEqual(len(bystanders), 1, traceback.text[:4000])
        self.assertIn(("waits_for_nothing", "crash.c"), [frame[:2] for frame in bystanders[0].frames])
        own = [thread.name for thread in traceback.threads[1:] if re.match("rt-|GC-marker-", thread.name)]
        self.assertEqual(bool(own), level in SYSTEM, "threads of the runtime's own: %s" % own)

    def try_way(self, this_way):
        for level in levels_of(this_way.name):
            with self.subTest(level=level):
                crash = self.run_way(this_way.name, level=level).end()
                self.assertNotIn("survived", crash.out)
                self.assert_end(crash, level, this_way.dies_of)
                if level in SILENT:
                    self.assertEqual(crash.err, this_way.says)
                else:
                    self.assert_reason(crash.traceback, this_way.reason)
                    self.assert_failing_thread(crash.traceback, this_way, level)
                    self.assert_other_threads(crash.traceback, level)
                crash.close()


def test_of(this_way):
    def test(self):
        self.try_way(this_way)
    if this_way.name not in SANITIZED_TOO:
        test = harness.not_sanitized("the sanitizer reports the program's faults itself")(test)
    test.__name__ = "test_%s_is_told_as_each_level_wants_it" % this_way.name.replace("-", "_")
    return test


class Ways(CrashCase):
    """A test for each of WAYS; see below."""


for each_way in WAYS:
    setattr(Ways, test_of(each_way).__name__, test_of(each_way))


@harness.not_sanitized("the sanitizer reports the program's faults itself")
class Faults(CrashCase):
    def test_lines_are_those_of_the_source_inlined_functions_included(self):
        crash = self.run_way("null", level="all").end()
        at = {frame.function: frame.line for frame in crash.traceback.threads[0].frames}
        self.assertEqual(at["deref"], line_of("/* here it reads */"))
        self.assertEqual(at["reads_null"], line_of("/* here it asks to */"))

    def test_the_thread_that_fails_has_its_name_and_comes_first(self):
        crash = self.run_way("thread", level="all").end()
        self.assertEqual(crash.traceback.threads[0].name, "green room")
        self.assertIn("has_a_failing_thread", crash.traceback.functions())
        alone = self.run_way("thread", level="single").end()
        self.assertEqual([thread.name for thread in alone.traceback.threads], ["green room"])

    def test_a_stack_that_overflows_in_a_thread_is_that_thread_s(self):
        crash = self.run_way("overflow-thread", level="all").end()
        self.assertEqual(crash.traceback.threads[0].name, "deep")
        self.assertIn("...additional frames elided...\n", crash.err)

    def test_of_eight_threads_that_fail_at_once_one_speaks_and_all_are_shown(self):
        for level in ("single", "all", "crash"):
            with self.subTest(level=level):
                crash = self.run_way("eight", level=level).end()
                self.assert_end(crash, level, signal.SIGSEGV)
                self.assertEqual(crash.err.count("panic: "), 1, crash.err[:4000])
                # The first may be quicker than the last, who then is on its way to the same place.
                there = [thread for thread in crash.traceback.threads
                         if is_within(("fails_with_others",), thread.frames)]
                self.assertEqual(len(there), 1 if level == "single" else 8, crash.err[:8000])

    def test_a_fault_while_the_collector_marks_ends_with_a_traceback(self):
        if self.heap != "boehm":
            self.skipTest("nothing is marked on %s" % self.heap)
        for level in ("single", "all", "crash"):
            with self.subTest(level=level):
                crash = self.run_way("collector", level=level).end()
                self.assert_end(crash, level, signal.SIGSEGV)
                self.assert_reason(crash.traceback, ["unexpected fault address 0x[0-9a-f]+", FAULT, segv(code="0x2")])
                if level != "single":  # which may be one of the collector's own threads
                    self.assertIn("faults_while_marking", crash.traceback.functions())
                    self.assertIn("waits_for_nothing", crash.traceback.functions())

    def test_a_fault_within_the_unwinder_ends_with_a_traceback(self):
        for _ in range(20 if FULL else 5):
            crash = self.run_way("unwinding", level="all", env={"CDEBUG": "memprofilerate=1"}).wait_until_ready()
            crash.send(signal.SIGSEGV)
            crash.end()
            self.assert_end(crash, "all", signal.SIGSEGV)
            self.assert_reason(crash.traceback, ["fatal error: .*SIGSEGV.*%d.*" % os.getpid(), segv(addr="0x0")])
            self.assertTrue(is_within(("allocates_forever", "outer", "main"), crash.traceback.threads[0].frames),
                            crash.err[:4000])
            self.assert_other_threads(crash.traceback, "all")
            crash.close()

    def test_a_signal_from_outside_is_told_as_such(self):
        for level in ("none", "single", "all", "crash"):
            with self.subTest(level=level):
                crash = self.run_way("wait", level=level).wait_until_ready()
                crash.send(signal.SIGSEGV)
                crash.end()
                self.assert_end(crash, level, signal.SIGSEGV)
                if level == "none":
                    self.assertEqual(crash.err, "")
                else:
                    self.assertRegex(crash.traceback.reason[0], "^fatal error: .*SIGSEGV.*%d" % os.getpid())
                    self.assert_other_threads(crash.traceback, level)

    def test_a_forked_child_tells_of_itself_and_the_parent_lives_on(self):
        crash = self.run_way("fork", level="all").end()
        self.assertEqual((crash.status, crash.out), (0, "the child exited with 2\n"))
        self.assert_reason(crash.traceback, [NIL, segv(addr="0x0")])
        self.assertTrue(is_within(("reads_null", "forks_and_fails"), crash.traceback.threads[0].frames))
        self.assertEqual(crash.traceback.named("bystander"), [])

    def test_a_forked_child_dumps_a_core(self):
        if crashes.cores_cannot_be_seen():
            self.skipTest(crashes.cores_cannot_be_seen())
        crash = self.run_way("fork", level="crash").end()
        self.assertEqual((crash.status, crash.out), (0, "the child died of 11\n"))

    def test_a_handler_of_the_program_s_own_comes_before_ours(self):
        for level in ("all", "crash"):
            crash = self.run_way("handler", level=level).end()
            self.assertEqual((crash.status, crash.err), (7, "the program's own handler\n"))

    def test_the_level_may_be_set_while_the_program_runs(self):
        for level in ("none", "single", "all", "crash"):
            with self.subTest(level=level):
                crash = self.run_way("level", level, level="single" if level != "single" else "all").end()
                self.assert_end(crash, level, signal.SIGSEGV)
                if level == "none":
                    self.assertEqual(crash.err, "")
                else:
                    self.assert_other_threads(crash.traceback, level)

    def test_single_is_the_default(self):
        crash = self.run_way("null").end()
        self.assert_end(crash, "single", signal.SIGSEGV)
        self.assert_other_threads(crash.traceback, "single")

    def test_gdb_opens_a_core_with_all_threads_where_they_were(self):
        if not shutil.which("gdb"):
            self.skipTest("gdb is not installed")
        if crashes.cores_cannot_be_seen() or not crashes.core_is_a_file_here():
            self.skipTest("the system puts cores elsewhere, or allows none")
        crash = self.run_way("thread", level="crash").end()
        command = ["gdb", "-batch", "-nx", "-iex", "set debuginfod enabled off", "-ex", "thread apply all bt",
                   harness.built("tests/programs/crash"), crash.core()]
        text = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, errors="replace", timeout=120, check=False).stdout
        self.assertIn("Program terminated with signal SIGSEGV", text)
        for function in ("reads_null", "fails_in_thread", "waits_for_nothing", "has_a_failing_thread"):
            self.assertRegex(text, r"#\d+ .*\b%s \(" % function)


class Quit(CrashCase):
    NOTES = {"in epoll": "epoll_wait", "in a lock": "futex", "asleep": "(clock_)?nanosleep", "reading": "read"}
    FUNCTIONS = {"in epoll": "is_in_epoll_wait", "in a lock": "is_in_a_lock", "running": "is_running",
                 "asleep": "is_asleep", "reading": "is_reading", "allocating": "is_allocating",
                 "bystander": "waits_for_nothing"}
    REASON = ["SIGQUIT: quit", r"PC=0x[0-9a-f]+ m=\d+ sigcode=\d+"]

    def blocked(self, crash):
        """Whether the threads that are to wait do so: asleep in the kernel."""
        folder, waiting = "/proc/%d/task" % crash.process.pid, set()
        for tid in os.listdir(folder):
            with open("%s/%s/stat" % (folder, tid), encoding="utf-8", errors="replace") as file:
                name, state = re.match(r"\d+ \((.*)\) (\S)", file.read()).groups()
            with open("%s/%s/wchan" % (folder, tid), encoding="utf-8") as file:
                # One that still waits for the others to begin is in a futex as well.
                in_futex = "futex" in file.read()
            if state == "S" and (not in_futex or name == "in a lock"):
                waiting.add(name)
        return set(self.NOTES) <= waiting

    def in_all_states(self, level=None, **more):
        crash = self.run_way("states", "malloc", level=level, **more).wait_until_ready()
        harness.eventually(lambda: self.blocked(crash), "the threads wait", crashes.ENDS_WITHIN_S)
        return crash

    def assert_all_states(self, traceback, with_notes=True):
        self.assert_reason(traceback, self.REASON)
        for name, function in self.FUNCTIONS.items():
            threads = traceback.named(name)
            self.assertEqual(len(threads), 1, name + ": " + traceback.text[:8000])
            if "thread" in harness.SANITIZE:
                # It puts off handlers until the thread waits, or calls, anew; and nobody gets out of its own functions,
                # which are assembler without frame information.
                continue
            self.assertIn((function, "crash.c"), [frame[:2] for frame in threads[0].frames], threads[0])
            if name in self.NOTES and with_notes:
                self.assertRegex(threads[0].note, r"^%s(, \d+ minutes)?$" % self.NOTES[name])
        self.assertIn("waits_for_the_test", traceback.functions())

    def test_SIGQUIT_shows_all_threads_at_each_level(self):
        for level in LEVELS if FULL else ("none", "single", "all", "system", "crash"):
            with self.subTest(level=level):
                crash = self.in_all_states(level)
                crash.send(signal.SIGQUIT)
                crash.end()
                self.assert_end(crash, level, signal.SIGQUIT)
                if level in SILENT:
                    self.assertEqual(crash.err, "")
                else:
                    self.assert_all_states(crash.traceback)
                crash.close()

    def test_SIGQUIT_shows_all_threads_while_one_cycle_follows_the_other(self):
        for _ in range(20 if FULL else 4):
            crash = self.run_way("states", "managed", level="all", env={"CGC": "10"}).wait_until_ready()
            crash.send(signal.SIGQUIT)
            crash.end()
            self.assert_end(crash, "all", signal.SIGQUIT)
            self.assert_all_states(crash.traceback, with_notes=False)  # a thread may be stopped by the collector
            crash.close()

    def test_a_second_SIGQUIT_while_one_is_answered_does_no_harm(self):
        for told in ("", "SIGQUIT: quit\n", "in epoll"):
            crash = self.in_all_states("all")
            crash.send(signal.SIGQUIT)
            harness.eventually(lambda: told in crash.read("err"), "it has come to " + told, crashes.ENDS_WITHIN_S)
            crash.send(signal.SIGQUIT)
            crash.end()
            self.assert_end(crash, "all", signal.SIGQUIT)
            self.assertEqual(crash.err.count("SIGQUIT: quit\n"), 1)
            self.assert_all_states(crash.traceback)
            crash.close()

    def test_with_sigquit_continue_the_program_lives_on(self):
        crash = self.in_all_states("all", env={"CDEBUG": "sigquit=continue"})
        for times in (1, 2, 3):
            harness.eventually(lambda: self.is_answered(crash, times), "traceback %d" % times, crashes.ENDS_WITHIN_S)
            self.assertIsNone(crash.process.poll())
        crash.send(signal.SIGTERM)
        crash.end()
        self.assertEqual(crash.status, -signal.SIGTERM)
        dumps = re.split(r"(?m)^(?=SIGQUIT: quit$)", crash.err)
        self.assertGreaterEqual(len(dumps), 4)
        self.assertEqual(dumps[0], "")
        for dump in dumps[1:]:
            self.assert_all_states(crashes.Traceback(dump))

    def is_answered(self, crash, times):
        """Asks for one more traceback. What comes while the last one is not quite done is forgotten, by design: so it
        may take asking again."""
        crash.send(signal.SIGQUIT)
        try:
            # A traceback that is whole ends with an empty line.
            return harness.eventually(lambda: crash.read("err").count("SIGQUIT: quit\n") >= times and
                                      crash.read("err").endswith("\n\n"), "it is answered", 3)
        except AssertionError:
            return False


def on_each_heap(*classes):
    """Puts a class for each heap in the place of each of these."""
    module = sys.modules[__name__]
    for cls in classes:
        for heap in HEAPS:
            name = "%s_%s" % (cls.__name__, heap)
            setattr(module, name, type(name, (cls,), {"heap": heap, "variant": heap or "", "__module__": __name__}))
        delattr(module, cls.__name__)


on_each_heap(Ways, Faults, Quit)
del CrashCase, each_way
