"""bench/run-same with a program whose figures are made up: a counter in a file makes it slower with every line it
prints."""
import json
import os
import subprocess
import sys
import tempfile
import unittest

SCRIPTS_ONLY = True

BENCH = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "bench")

DRIFTING = """#!/bin/sh
for word; do case $word in -count=*) count=${word#-count=};; esac; done
lines=$(cat "$0.lines" 2>/dev/null || echo 0)
while [ "$count" -gt 0 ]; do
    lines=$((lines + 1)) count=$((count - 1))
    echo "BenchmarkDrift 10 $((1000 + lines)) ns/op 16 B/op"
done
echo $lines >"$0.lines"
"""


class SameProgram(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="cruntime-same.")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.program = os.path.join(self.folder, "drifting")
        with open(self.program, "w", encoding="ascii") as file:
            file.write(DRIFTING)
        os.chmod(self.program, 0o755)
        # A machine of its own, so that neither its lock nor its settings are the real one's.
        self.machine = os.path.join(self.folder, "machine")
        os.makedirs(self.machine + "/run/lock")
        os.chmod(self.machine + "/run/lock", 0o1777)

    def same(self, *arguments):
        env = {name: value for name, value in os.environ.items() if name != "CRUNTIME_QUIET_PID"}
        return subprocess.run([sys.executable, "-B", os.path.join(BENCH, "run-same"), "-p", self.program, *arguments],
                              env=dict(env, CRUNTIME_QUIET_ROOT=self.machine), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60, check=False)

    def test_runs_in_turn_are_not_told_apart_by_drift(self):
        done = self.same("--json", "-n", "8")
        self.assertEqual(done.returncode, 0, done.stderr)
        rows = {row["what"]: row for row in json.loads(done.stdout)["rows"]}
        self.assertEqual(rows["rows told apart, all (0 of 2)"]["held"], True)

    def test_runs_one_after_the_other_are_and_the_rows_are_named(self):
        done = self.same("-n", "8", "--separately")
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertRegex(done.stdout, r"rows told apart, sec/op \(1 of 1\) +\| 1.000")
        self.assertRegex(done.stdout, r"rows told apart, all \(1 of 2\) .*\| <= 0.05 \| FAIL")
        self.assertIn("told apart: Drift sec/op +0.80% (p=0.000 n=8)", done.stdout)
        self.assertRegex(done.stdout, r"the same, of rows that vary at all \(1 of 1\)")

    def test_it_runs_under_quiet_and_keeps_the_results_for_benchstat(self):
        kept = os.path.join(self.folder, "kept")
        done = self.same("-n", "2", "--keep", kept)
        self.assertIn("quiet: turbo not set", done.stderr)
        for side in "ab":
            with open(os.path.join(kept, side + ".txt"), encoding="ascii") as file:
                self.assertEqual(len(file.readlines()), 2)

    def test_a_program_without_benchmarks_is_told(self):
        with open(self.program, "w", encoding="ascii") as file:
            file.write("#!/bin/sh\necho PASS\n")
        done = self.same("-n", "1")
        self.assertEqual(done.returncode, 2)
        self.assertIn("run-same: the program printed no Benchmark line", done.stderr)
