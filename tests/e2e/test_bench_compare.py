"""bench/compare against ten stored pairs of results, each with what benchstat printed for it.

The pairs are runs of our own benchmarks (and of a Go program: throughput). Three were bent afterwards to have what a
run does not give at will: outliers has every fifth value times nine, ties has times rounded to 100 ns, and zero_values
has zeros where the run had none. benchstat.txt is `benchstat old.txt new.txt`, typed in the pair's folder, of
golang.org/x/perf v0.0.0-20260908200009; where benchstat is installed, it is asked again.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

SCRIPTS_ONLY = True

HERE = os.path.dirname(os.path.abspath(__file__))
PAIRS = os.path.join(HERE, "bench_pairs")
COMPARE = os.path.join(os.path.dirname(os.path.dirname(HERE)), "bench", "compare")


def pairs():
    return sorted(name for name in os.listdir(PAIRS) if os.path.isdir(os.path.join(PAIRS, name)))


def stored(pair):
    with open(os.path.join(PAIRS, pair, "benchstat.txt"), encoding="utf-8") as file:
        return file.read()


def run(argv, cwd, path=None, stdin=""):
    """Runs to the end; HOME is an empty folder, so that nobody's own benchstat is found by chance."""
    env = dict(os.environ, HOME=cwd, PATH=path or os.environ["PATH"], LC_ALL="C.UTF-8")
    env.pop("GOBIN", None)
    env.pop("GOPATH", None)
    return subprocess.run(argv, cwd=cwd, env=env, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          encoding="utf-8", timeout=60, check=False)


def compare(*arguments, cwd, **more):
    return run([sys.executable, "-B", COMPARE, *arguments], cwd, **more)


def find_benchstat():
    found = shutil.which("benchstat")
    folders = [os.environ.get("GOBIN", ""), os.path.expanduser("~/go/bin")]
    return found or next((path for path in (os.path.join(folder, "benchstat") for folder in folders if folder)
                          if os.access(path, os.X_OK)), None)


class StoredPairs(unittest.TestCase):
    def test_there_are_ten_pairs(self):
        self.assertEqual(len(pairs()), 10)

    def test_our_own_comparison_is_benchstats_to_the_letter(self):
        for pair in pairs():
            with self.subTest(pair):
                done = compare("--own", "old.txt", "new.txt", cwd=os.path.join(PAIRS, pair))
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                self.assertEqual(done.stdout, stored(pair))

    def test_benchstat_still_prints_what_is_stored(self):
        benchstat = find_benchstat()
        if not benchstat:
            self.skipTest("benchstat is not installed (go install golang.org/x/perf/cmd/benchstat@latest)")
        for pair in pairs():
            with self.subTest(pair):
                done = run([benchstat, "old.txt", "new.txt"], os.path.join(PAIRS, pair))
                self.assertEqual(done.stdout, stored(pair))

    def test_json_has_the_medians_and_verdicts_of_the_text(self):
        done = compare("--json", "old.txt", "new.txt", cwd=os.path.join(PAIRS, "clear_win"))
        tables = {table["unit"]: table for table in json.loads(done.stdout)["tables"]}
        rows = {row["name"]: row["cells"] for row in tables["sec/op"]["rows"]}
        lines = {line.split()[0]: line for line in stored("clear_win").split("B/op")[0].splitlines() if "/" in line}
        self.assertEqual(set(rows), {name for name in lines if name in rows})
        for name, (old, new) in rows.items():
            self.assertEqual("~" not in lines[name], new["differ"], name)
            self.assertIn("(p=%.3f n=10)" % new["p"], lines[name])
            if new["differ"]:
                self.assertIn("%+.2f%%" % ((new["ratio"] - 1) * 100), lines[name])
            self.assertAlmostEqual(new["center"] / old["center"], new["ratio"])


class CommandLine(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="cruntime-compare.")
        self.addCleanup(shutil.rmtree, self.folder)
        # Only what the script itself needs: no benchstat, wherever it may be installed.
        self.bare_path = os.path.join(self.folder, "bin")
        os.mkdir(self.bare_path)

    def write(self, name, text, mode=0o644):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, mode)
        return name

    def test_benchstat_is_called_with_the_same_arguments_when_it_is_there(self):
        self.write("bin/benchstat", "#!/bin/sh\necho benchstat: \"$@\"\nexit 3\n", 0o755)
        done = compare("-row", ".name", "a=x", "y", cwd=self.folder, path=self.bare_path + ":" + os.environ["PATH"])
        self.assertEqual((done.stdout, done.returncode), ("benchstat: -row .name a=x y\n", 3))

    def test_benchstat_is_found_where_go_install_puts_it(self):
        os.makedirs(os.path.join(self.folder, "go", "bin"))
        self.write("go/bin/benchstat", "#!/bin/sh\necho found\n", 0o755)
        done = compare("x", "y", cwd=self.folder, path="/usr/bin:/bin")
        self.assertEqual(done.stdout, "found\n")

    def test_without_benchstat_the_comparison_is_ours(self):
        pair = os.path.join(PAIRS, "few_samples")
        done = compare("old.txt=%s/old.txt" % pair, "new.txt=%s/new.txt" % pair, cwd=self.folder, path=self.bare_path)
        self.assertEqual((done.returncode, done.stdout), (0, stored("few_samples")))

    def test_a_flag_that_only_benchstat_has_is_named_with_the_way_to_get_it(self):
        self.write("x", "BenchmarkA 1 5 ns/op\n")
        done = compare("--own", "-filter", "*", "x", cwd=self.folder)
        self.assertEqual(done.returncode, 2)
        self.assertIn("-filter is a flag of benchstat", done.stderr)
        self.assertIn("go install", done.stderr)

    def test_a_missing_file_and_one_without_results_are_named(self):
        done = compare("--own", "nowhere.txt", cwd=self.folder)
        self.assertEqual((done.returncode, done.stderr), (2, "compare: nowhere.txt: No such file or directory\n"))
        done = compare("--own", self.write("empty.txt", "PASS\n"), cwd=self.folder)
        self.assertEqual(done.returncode, 2)
        self.assertIn("no Benchmark line in empty.txt: expected", done.stderr)

    def test_a_level_that_is_no_probability_is_refused(self):
        done = compare("--own", "-alpha", "5", "x", cwd=self.folder)
        self.assertEqual(done.returncode, 2)
        self.assertIn("'5' is not a number from 0 to 1", done.stderr)

    def test_stdin_is_a_file_and_ignored_keys_do_not_split_tables(self):
        self.write("x", "commit: 1\n" + "BenchmarkA 1 5 ns/op\n" * 6)
        text = "commit: 2\n" + "BenchmarkA 1 5 ns/op\n" * 6
        split = compare("--own", "x", "-", cwd=self.folder, stdin=text)
        self.assertNotIn("vs base", split.stdout)
        joined = compare("--own", "-ignore", "commit", "x", "-", cwd=self.folder, stdin=text)
        self.assertIn("~ (p=1.000 n=6)", joined.stdout)
