"""What `make check` (tests/run) counts as passed: made-up programs that fail in each of the ways there are."""
import os
import subprocess
import sys
import tempfile
import unittest

SCRIPTS_ONLY = True
RUNNER = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "run")

PASSES = "echo 1..2; echo 'ok 1 - first'; echo 'ok 2 - second'"
FAILS = "echo 1..2; echo 'ok 1 - first'; echo 'not ok 2 - second'; echo '# 3 is not 4'; exit 1"
REPORTS = "echo 'WARNING: ThreadSanitizer: data race'; " + FAILS
HALF = "echo 1..2; echo 'ok 1 - first'"
DIES = "echo 1..2; echo 'not ok 1 - first'; kill -SEGV $$"


class Runner(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="runner.")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def program(self, name, first, afterwards):
        """A program in tests/unit/ that runs FIRST the first time, and AFTERWARDS from then on."""
        path = os.path.join(self.folder, "tests", "unit", name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as script:
            script.write("#!/bin/sh\nif [ -e '%s.ran' ]; then\n%s\nelse\n: >'%s.ran'\n%s\nfi\n"
                         % (path, afterwards, path, first))
        os.chmod(path, 0o700)
        return os.path.join("tests", "unit", name)

    def run_tests(self, programs, again=None):
        """The runner's exit status and what it printed, a list of lines."""
        env = {name: value for name, value in os.environ.items() if not name.startswith("RT_TEST_")}
        env["RT_BUILD"] = self.folder
        if again is not None:
            env["RT_TEST_AGAIN"] = str(again)
        done = subprocess.run([sys.executable, "-B", RUNNER, "unit", *programs], env=env, timeout=60,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return done.returncode, done.stdout.splitlines()

    def one(self, first, afterwards, again=None):
        status, lines = self.run_tests([self.program("one", first, afterwards)], again)
        return status, lines[-1], lines

    def test_what_passes_passes(self):
        status, count, _ = self.one(PASSES, FAILS, again=1)
        self.assertEqual((status, count), (0, "2 passed, 0 failed, 0 skipped"))

    def test_a_failure_stands_unless_a_second_try_is_asked_for(self):
        status, count, lines = self.one(FAILS, PASSES)
        self.assertEqual((status, count), (1, "1 passed, 1 failed, 0 skipped"))
        self.assertNotIn("Passed only alone:", lines)

    def test_the_list_of_failures_repeats_what_each_said(self):
        _, _, lines = self.one(FAILS, FAILS)
        self.assertEqual(lines[lines.index("Failed:"):-2], ["Failed:", "  unit/one: second", "     | 3 is not 4"])

    def test_a_test_that_passes_alone_counts_as_passed_and_is_named_with_its_failure(self):
        status, count, lines = self.one(FAILS, PASSES, again=1)
        self.assertEqual((status, count), (0, "2 passed, 0 failed, 0 skipped"))
        begin = lines.index("Passed only alone:")
        self.assertEqual(lines[begin + 1:begin + 3], ["  unit/one: second", "     | 3 is not 4"])
        self.assertNotIn("Failed:", lines)

    def test_a_test_that_fails_twice_has_failed(self):
        status, count, lines = self.one(FAILS, FAILS, again=1)
        self.assertEqual((status, count), (1, "1 passed, 1 failed, 0 skipped"))
        self.assertNotIn("Passed only alone:", lines)

    def test_more_failing_files_than_allowed_get_no_second_try(self):
        programs = [self.program(name, FAILS, PASSES) for name in ("one", "two")]
        status, lines = self.run_tests(programs, again=1)
        self.assertEqual((status, lines[-1]), (1, "2 passed, 2 failed, 0 skipped"))
        self.assertNotIn("Once more, alone:", lines)

    def test_a_crash_an_early_end_and_a_wrong_status_stand_though_they_come_once(self):
        for first in (DIES, HALF, PASSES + "; exit 3"):
            with self.subTest(first=first):
                path = os.path.join(self.folder, "tests", "unit", "one.ran")
                if os.path.exists(path):
                    os.unlink(path)
                status, _, lines = self.one(first, PASSES, again=1)
                self.assertEqual(status, 1)
                self.assertIn("  unit/one: (the whole file)", "\n".join(lines[lines.index("Failed:"):]))

    def test_a_sanitizers_report_beside_a_failure_stands(self):
        status, count, _ = self.one(REPORTS, PASSES, again=1)
        self.assertEqual((status, count), (1, "1 passed, 1 failed, 0 skipped"))

    def test_a_crash_in_the_second_try_forgives_nothing(self):
        status, count, _ = self.one(FAILS, DIES, again=1)
        self.assertEqual((status, count), (1, "1 passed, 1 failed, 0 skipped"))

    def test_no_tests_at_all_are_a_failure(self):
        status, lines = self.run_tests([])
        self.assertEqual((status, lines[-1]), (1, "0 passed, 0 failed, 0 skipped"))


if __name__ == "__main__":
    unittest.main()
